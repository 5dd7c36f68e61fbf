/*
 * socket.c - the kernel's network: each operation is its system call, and never waits.
 *
 * EINTR is tried again here: a call that does not wait is interrupted rarely, and nobody above has a
 * use for it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/epoll.h"

static void close_fdp(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int socket_open(const struct wok__address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int set_option(int fd, int level, int name)
{
    int on = 1;
    return setsockopt(fd, level, name, &on, sizeof on) < 0 ? -errno : 0;
}

static uint16_t port_of(int fd)
{
    struct wok__address address = {.size = sizeof address.storage};

    if (getsockname(fd, (struct sockaddr *)&address.storage, &address.size) < 0)
        return 0;
    if (address.storage.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address.storage)->sin6_port);
    if (address.storage.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&address.storage)->sin_port);
    return 0;
}

static int option_of(int fd, int name)
{
    int value = 0;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -errno : value;
}

static bool is_tcp(int fd)
{
    int domain = option_of(fd, SO_DOMAIN);

    return (domain == AF_INET || domain == AF_INET6) && option_of(fd, SO_PROTOCOL) == IPPROTO_TCP;
}

static int socket_listen(const struct wok__address *address, int backlog, uint16_t *ret_port)
{
    WOK_CLEANUP(close_fdp) int fd = socket_open(address);
    if (fd < 0)
        return fd;

    int error = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (error == 0) /* accepted sockets inherit it: a system call less for each of them */
        error = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (error < 0)
        return error;
    if (bind(fd, (const struct sockaddr *)&address->storage, address->size) < 0)
        return -errno;
    if (listen(fd, backlog) < 0)
        return -errno;
    *ret_port = port_of(fd);
    return WOK_TAKE_FD(fd);
}

static int socket_adopt(int fd, uint16_t *ret_port)
{
    int type = option_of(fd, SO_TYPE);
    int flags = fcntl(fd, F_GETFL);

    if (type < 0)
        return type;
    if (type != SOCK_STREAM)
        return -EOPNOTSUPP;
    if (option_of(fd, SO_ACCEPTCONN) <= 0)
        return -EINVAL;
    int error = is_tcp(fd) ? set_option(fd, IPPROTO_TCP, TCP_NODELAY) : 0;
    if (error < 0)
        return error;
    if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    *ret_port = port_of(fd);
    return 0;
}

static void socket_unlisten(int fd)
{
    shutdown(fd, SHUT_RD); /* of a listening socket: the port is free at once, the queue is reset */
}

/*
 * A filter on the listening socket that lets every packet pass but a SYN, which begins a connection.
 * What was begun before still becomes a connection; the other client's SYN goes unanswered and is
 * sent again a second later, when the listener is closed and it is refused.  The filter sees the TCP
 * header at offset 0: byte 13 holds the flags.
 */
static int socket_hush(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = WOK_COUNT(code), .filter = code};

    if (!is_tcp(fd))
        return -EOPNOTSUPP;
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

static int socket_accept(int fd)
{
    int accepted;

    do
        accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    while (accepted < 0 && errno == EINTR);
    return accepted < 0 ? -errno : accepted;
}

static int socket_connect(const struct wok__address *address)
{
    WOK_CLEANUP(close_fdp) int fd = socket_open(address);
    if (fd < 0)
        return fd;

    int error = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (error < 0)
        return error;
    /* EINTR leaves the connection under way, as EINPROGRESS does. */
    if (connect(fd, (const struct sockaddr *)&address->storage, address->size) < 0 &&
        errno != EINPROGRESS && errno != EINTR)
        return -errno;
    return WOK_TAKE_FD(fd);
}

static int socket_peer(int fd, struct wok__address *ret_address)
{
    ret_address->size = sizeof ret_address->storage;
    if (getpeername(fd, (struct sockaddr *)&ret_address->storage, &ret_address->size) < 0)
        return -errno;
    return 0;
}

static int socket_connected(int fd)
{
    struct wok__address peer;
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    if (error != 0)
        return -error;
    return socket_peer(fd, &peer) == 0 ? 0 : -EINPROGRESS;
}

static ssize_t socket_recv(const struct wok__io *io, void *buffer, size_t size)
{
    ssize_t received;

    do
        received = recv(io->fd, buffer, size, 0);
    while (received < 0 && errno == EINTR);
    return received < 0 ? -errno : received;
}

static ssize_t socket_send(const struct wok__io *io, const struct iovec *pieces, int count)
{
    struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)pieces, /* sendmsg does not write to it */
        .msg_iovlen = (size_t)count,
    };
    ssize_t sent;

    do
        sent = sendmsg(io->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

static int socket_shutdown_send(int fd)
{
    return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

static size_t socket_untaken(int fd)
{
    int bytes = 0;

    return ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes < 0 ? 0 : (size_t)bytes;
}

static void socket_close(int fd, bool reset)
{
    if (reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(fd); /* the epolls forget it by themselves */
}

const struct wok__driver_ops wok__epoll_ops = {
    .name = "epoll",
    .init = wok__epoll_init,
    .done = wok__epoll_done,
    .turn = wok__epoll_turn,
    .wake = wok__epoll_wake,
    .wait_all = wok__epoll_wait_all,
    .is_woken = wok__epoll_is_woken,
    .attach = wok__epoll_attach,
    .attach_listener = wok__epoll_attach_listener,
    .detach = wok__epoll_detach,
    .attach_kernel = wok__epoll_attach_kernel,
    .listen = socket_listen,
    .adopt = socket_adopt,
    .unlisten = socket_unlisten,
    .hush = socket_hush,
    .accept = socket_accept,
    .connect = socket_connect,
    .connected = socket_connected,
    .recv = socket_recv,
    .send = socket_send,
    .shutdown_send = socket_shutdown_send,
    .untaken = socket_untaken,
    .close = socket_close,
    .peer = socket_peer,
};
