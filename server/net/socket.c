/*
 * socket.c - listening sockets of the kernel, before anybody accepts from them.
 *
 * The file of a Unix socket outlives a process that was killed, and bind(2) does not replace it.  Who
 * starts tells a dead one from a live one by connecting, and replaces it, under a lock on the folder: of
 * two that start at once the second finds the first listening.  The lock is flock(2) on the folder itself,
 * so that no other file is left behind.
 *
 * The file has its mode from the moment it exists: bind(2) takes it from the socket's own, less the umask.
 */
#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <wok/base.h>

enum {
    BACKLOG = 4096, /* cut by the kernel to net.core.somaxconn */
    LOCK_TRIES = 200,
    LOCK_PAUSE_NS = 10000000,
};

static void close_fdp(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int set_option(int fd, int level, int name)
{
    int on = 1;

    return setsockopt(fd, level, name, &on, sizeof on) < 0 ? -errno : 0;
}

static int option_of(int fd, int name)
{
    int value = 0;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

/* ---- where it listens ------------------------------------------------------------------------------ */

static void describe(struct wok__socket *socket)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } address = {.any = {.sa_family = AF_UNSPEC}};
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN];
    int length;

    (void)getsockname(socket->fd, &address.any, &size);
    switch (address.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host);
        snprintf(socket->where, sizeof socket->where, "%s:%u", host, ntohs(address.v4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
        snprintf(socket->where, sizeof socket->where, "[%s]:%u", host, ntohs(address.v6.sin6_port));
        break;
    case AF_UNIX:
        length = (int)(size - offsetof(struct sockaddr_un, sun_path));
        if (length > 0 && address.local.sun_path[0] == '\0')
            address.local.sun_path[0] = '@';
        else
            length = (int)strnlen(address.local.sun_path, (size_t)length);
        snprintf(socket->where, sizeof socket->where, "unix:%.*s", length, address.local.sun_path);
        break;
    default:
        snprintf(socket->where, sizeof socket->where, "descriptor %d", socket->fd);
    }
}

bool wok__socket_is_loopback(int fd)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
    socklen_t size = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return false;
    if (address.ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* ---- TCP ------------------------------------------------------------------------------------------- */

static int listen_tcp(int fd, const struct sockaddr *address, socklen_t size)
{
    int error = set_option(fd, SOL_SOCKET, SO_REUSEADDR);

    if (error == 0 && address->sa_family == AF_INET6)
        error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (error < 0)
        return error;
    if (bind(fd, address, size) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return 0;
}

int wok__socket_open_tcp(struct wok__socket *ret_socket, const char *address, uint16_t port)
{
    struct wok__socket opened = {.fd = -1};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
    WOK_CLEANUP(close_fdp) int fd = -1;
    int error;

    if (!is_v6 && inet_pton(AF_INET, address, &v4.sin_addr) != 1)
        return -EINVAL;
    fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    error = is_v6 ? listen_tcp(fd, (const struct sockaddr *)&v6, sizeof v6)
                  : listen_tcp(fd, (const struct sockaddr *)&v4, sizeof v4);
    if (error < 0)
        return error;
    opened.fd = WOK_TAKE_FD(fd);
    describe(&opened);
    *ret_socket = opened;
    return 0;
}

/* ---- Unix ------------------------------------------------------------------------------------------ */

socklen_t wok__socket_unix_address(const char *path, struct sockaddr_un *ret_address)
{
    size_t size = strlen(path);

    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (size == 0 || size >= sizeof ret_address->sun_path)
        return 0;
    memcpy(ret_address->sun_path, path, size);
    if (path[0] != '@')
        return sizeof *ret_address;
    /* An abstract name has no file, and ends where its size says. */
    ret_address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

/* The folder, locked until it is closed; -1 if it cannot be opened to be locked, where bind(2) will say why. */
static int lock_folder(const char *path)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    const char *slash = strrchr(path, '/');
    WOK_CLEANUP(close_fdp) int fd = -1;

    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    for (int tries = 1; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if (errno != EWOULDBLOCK)
            break; /* a file system without locks */
        if (tries == LOCK_TRIES)
            return -EBUSY;
        nanosleep(&pause, NULL);
    }
    return WOK_TAKE_FD(fd);
}

/* Somebody's file is at the path: 0 if it was a dead socket's, and is gone. */
static int replace_dead(const struct sockaddr_un *address, socklen_t size)
{
    WOK_CLEANUP(close_fdp) int fd = -1;
    struct stat file;

    if (lstat(address->sun_path, &file) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(file.st_mode))
        return -ENOTSOCK;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, size) == 0 || errno != ECONNREFUSED)
        return -EADDRINUSE; /* also where its queue is full, or we may not connect: somebody may be there */
    return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_file(int fd, const struct sockaddr_un *address, socklen_t size)
{
    int error;

    if (bind(fd, (const struct sockaddr *)address, size) == 0)
        return 0;
    if (errno != EADDRINUSE || address->sun_path[0] == '\0')
        return -errno;
    error = replace_dead(address, size);
    if (error == 0 && bind(fd, (const struct sockaddr *)address, size) < 0)
        error = -errno;
    return error;
}

/* The file is there, and nobody can connect yet. */
static int own_file(struct wok__socket *socket, const struct wok__socket_file *file)
{
    struct stat made;

    if ((file->owner != (uid_t)-1 || file->group != (gid_t)-1) &&
        lchown(socket->file.sun_path, file->owner, file->group) < 0)
        return -errno;
    if (lstat(socket->file.sun_path, &made) < 0)
        return -errno;
    socket->device = made.st_dev;
    socket->inode = made.st_ino;
    return 0;
}

int wok__socket_open_unix(struct wok__socket *ret_socket, const char *path,
                          const struct wok__socket_file *file)
{
    struct wok__socket opened = {.fd = -1};
    WOK_CLEANUP(close_fdp) int fd = -1, folder = -1;
    struct sockaddr_un address;
    socklen_t size = wok__socket_unix_address(path, &address);
    int error = 0;

    if (size == 0)
        return -ENAMETOOLONG;
    if (path[0] != '@' && (folder = lock_folder(path)) == -EBUSY)
        return -EBUSY;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || fchmod(fd, file->mode) < 0)
        return -errno;
    mode_t mask = umask(0);
    error = bind_file(fd, &address, size);
    umask(mask);
    if (error < 0)
        return error;
    if (path[0] != '@') {
        opened.file = address;
        error = own_file(&opened, file);
    }
    if (error == 0 && listen(fd, BACKLOG) < 0)
        error = -errno;
    if (error < 0) {
        if (opened.file.sun_path[0] != '\0')
            unlink(opened.file.sun_path);
        return error;
    }
    opened.fd = WOK_TAKE_FD(fd);
    describe(&opened);
    *ret_socket = opened;
    return 0;
}

void wok__socket_unlink(struct wok__socket *socket)
{
    struct stat file;

    if (socket->file.sun_path[0] == '\0')
        return;
    if (lstat(socket->file.sun_path, &file) == 0 && file.st_dev == socket->device &&
        file.st_ino == socket->inode)
        unlink(socket->file.sun_path);
    socket->file.sun_path[0] = '\0';
}

/* ---- inherited ------------------------------------------------------------------------------------- */

int wok__socket_inherit(struct wok__socket *ret_socket, int fd)
{
    struct wok__socket inherited = {.fd = fd, .shared = true};
    int type = option_of(fd, SO_TYPE);

    if (type < 0)
        return type;
    if (type != SOCK_STREAM)
        return -EOPNOTSUPP;
    if (option_of(fd, SO_ACCEPTCONN) <= 0)
        return -EINVAL;
    describe(&inherited);
    *ret_socket = inherited;
    return 0;
}
