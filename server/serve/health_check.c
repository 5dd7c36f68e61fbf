/*
 * health_check.c - asking a running server whether it is alive.
 *
 * A plain blocking socket and no runtime: it runs every few seconds, in a container that may be
 * short of memory, and must not fail for another reason than the server's.
 */
#include "serve/health_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/socket.h"

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static int complain(const char *where, const char *why)
{
    fprintf(stderr, "wok-server: health check of %s: %s\n", where, why);
    return 1;
}

static int dial(const struct wok__config_listener *target)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(target->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(target->port)};
    struct sockaddr_un path;
    socklen_t path_size = wok__socket_unix_address(target->address, &path);
    struct timeval limit = {.tv_sec = 2};
    int fd = socket(target->local ? AF_UNIX
                    : target->v6  ? AF_INET6
                                  : AF_INET,
                    SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    /* A server that listens everywhere is asked on loopback. */
    if (target->local) {
        error = connect(fd, (struct sockaddr *)&path, path_size);
    } else if (target->v6) {
        inet_pton(AF_INET6, target->address, &v6.sin6_addr);
        if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr))
            v6.sin6_addr = in6addr_loopback;
        error = connect(fd, (struct sockaddr *)&v6, sizeof v6);
    } else {
        inet_pton(AF_INET, target->address, &v4.sin_addr);
        if (v4.sin_addr.s_addr == htonl(INADDR_ANY))
            v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        error = connect(fd, (struct sockaddr *)&v4, sizeof v4);
    }
    if (error < 0) {
        error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* "http://127.0.0.1:8080/healthz", just an address and port, or "unix:/run/wok.sock"; false: it is none. */
static bool parse_url(const char *url, struct wok__config_listener *ret_target)
{
    char authority[80];
    const char *reason;
    size_t size;

    if (strncmp(url, "unix:", 5) == 0)
        return wok__config_parse_listen(url, ret_target, &reason);
    if (strncmp(url, "http://", 7) == 0)
        url += 7;
    size = strcspn(url, "/");
    if (size + 4 >= sizeof authority)
        return false;
    memcpy(authority, url, size);
    authority[size] = '\0';
    if (strcmp(authority, "localhost") == 0 || strncmp(authority, "localhost:", 10) == 0) {
        char port[16] = "";
        snprintf(port, sizeof port, "%.8s", authority + 9);
        snprintf(authority, sizeof authority, "127.0.0.1%s", port);
        size = strlen(authority);
    }
    if (strchr(authority, ':') == NULL)
        memcpy(authority + size, ":80", sizeof ":80");
    return wok__config_parse_listen(authority, ret_target, &reason);
}

int wok__health_check(const struct wok__config *config)
{
    static const char request[] =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct wok__config_listener target = config->listeners[0];
    WOK_CLEANUP(close_fd) int fd = -1;
    char answer[64] = "", where[128];
    size_t size = 0;

    if (config->health_url == NULL && config->listener_count == 0)
        return complain("a server that speaks TLS only",
                        "it asks in clear: add a --listen on loopback, or say where it is");
    if (config->health_url != NULL && !parse_url(config->health_url, &target))
        return complain(config->health_url, "it is not a URL like http://127.0.0.1:8080");
    if (config->health_url == NULL && config->listener_count == 0)
        return complain("a server that inherits its sockets", "say where: --health-check URL");
    if (target.local)
        wok__config_format_listen(&target, where, sizeof where);
    else
        snprintf(where, sizeof where, "%s port %u", target.address, target.port);
    fd = dial(&target);
    if (fd < 0)
        return complain(where, strerror(-fd));
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)sizeof request - 1)
        return complain(where, strerror(errno));
    while (size < 12) {
        ssize_t got = recv(fd, answer + size, sizeof answer - 1 - size, 0);
        if (got <= 0)
            return complain(where, got < 0 ? "it does not answer" : "it closed the connection");
        size += (size_t)got;
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        return complain(where, "it did not answer 200");
    return 0;
}
