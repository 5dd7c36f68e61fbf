/*
 * health_check.c - asking a running server whether it is alive.
 *
 * A plain blocking socket and no runtime: it runs every few seconds, in a container that may be
 * short of memory, and must not fail for another reason than the server's.
 *
 * Over TLS the certificate is not verified.  It is issued for the names that clients use, and not for the
 * loopback address that is asked here; no secret is sent; and whether it is the right one, and in its time,
 * is another question than whether the server lives, which no restart answers.
 */
#include "serve/health_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/socket.h"

enum { PATH_BYTES_MAX = 256 };

/* Who is asked, and what for. */
struct target {
    struct wok__config_listener listener;
    bool encrypted;
    const char *path; /* borrowed; "": not said */
};

struct peer {
    int fd;
    SSL *ssl; /* NULL: in clear */
};

static void close_peer(struct peer *peer)
{
    SSL_free(peer->ssl);
    if (peer->fd >= 0)
        close(peer->fd);
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

/* Both directions wait for two seconds at most; false: `ret_why` says what came of it. */
static bool begin_tls(struct peer *peer, const char **ret_why)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    *ret_why = "there is no memory for TLS";
    peer->ssl = context == NULL ? NULL : SSL_new(context);
    SSL_CTX_free(context); /* the session holds it */
    if (peer->ssl == NULL || SSL_set_fd(peer->ssl, peer->fd) != 1)
        return false;
    ERR_clear_error();
    if (SSL_connect(peer->ssl) == 1)
        return true;
    *ret_why = ERR_reason_error_string(ERR_peek_last_error());
    if (*ret_why == NULL)
        *ret_why = "it does not answer to TLS";
    return false;
}

static ssize_t peer_send(struct peer *peer, const char *bytes, size_t size)
{
    if (peer->ssl != NULL)
        return SSL_write(peer->ssl, bytes, (int)size);
    return send(peer->fd, bytes, size, MSG_NOSIGNAL);
}

/* 0 or less: `ret_why` says what came of it. */
static ssize_t peer_recv(struct peer *peer, char *bytes, size_t size, const char **ret_why)
{
    ssize_t got;

    ERR_clear_error();
    got =
        peer->ssl != NULL ? SSL_read(peer->ssl, bytes, (int)size) : recv(peer->fd, bytes, size, 0);
    if (got > 0)
        return got;
    *ret_why = ERR_reason_error_string(ERR_peek_last_error()); /* an alert, for instance */
    if (*ret_why == NULL)
        *ret_why = got < 0 ? "it does not answer" : "it closed the connection";
    return got;
}

/* One of the server's own that speaks TLS. */
static bool is_encrypted(const struct wok__config *config,
                         const struct wok__config_listener *listener)
{
    for (unsigned i = 0; i < config->tls.listener_count; i++) {
        const struct wok__config_listener *own = &config->tls.listeners[i];
        if (!own->inherited && own->local == listener->local &&
            (own->local ? strcmp(own->address, listener->address) == 0
                        : own->port == listener->port))
            return true;
    }
    return false;
}

/* What may stand in a request line, and fits ours. */
static bool is_path(const char *path)
{
    size_t size = 0;

    while (path[size] > ' ' && path[size] < 0x7f && path[size] != '#')
        size++;
    return path[size] == '\0' && size <= PATH_BYTES_MAX;
}

/* "http://127.0.0.1:8080/healthz", "https://localhost:8443", just an address and port, or
 * "unix:/run/wok.sock"; false: it is none. */
static bool parse_url(const struct wok__config *config, const char *url, struct target *ret_target)
{
    char authority[80];
    const char *reason;
    bool encrypted = strncmp(url, "https://", 8) == 0, clear = strncmp(url, "http://", 7) == 0;
    size_t size;

    ret_target->path = "";
    url += encrypted ? 8 : clear ? 7 : 0;
    if (!encrypted && !clear && strncmp(url, "unix:", 5) == 0) {
        if (!wok__config_parse_listen(url, &ret_target->listener, &reason))
            return false;
        ret_target->encrypted = is_encrypted(config, &ret_target->listener);
        return true;
    }
    size = strcspn(url, "/");
    ret_target->path = url + size;
    if (size == 0 || size + 5 >= sizeof authority || !is_path(ret_target->path))
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
        snprintf(authority + size, sizeof authority - size, "%s", encrypted ? ":443" : ":80");
    if (!wok__config_parse_listen(authority, &ret_target->listener, &reason))
        return false;
    ret_target->encrypted = encrypted || (!clear && is_encrypted(config, &ret_target->listener));
    return true;
}

/* Where the configuration says, in clear if there is a choice; false: it names nothing that can be asked. */
static bool first_listener(const struct wok__config *config, struct target *ret_target)
{
    *ret_target = (struct target){.listener = config->listeners[0], .path = ""};
    if (config->listener_count != 0)
        return true;
    ret_target->encrypted = true;
    for (unsigned i = 0; i < config->tls.listener_count; i++) {
        ret_target->listener = config->tls.listeners[i];
        if (!ret_target->listener.inherited)
            return true;
    }
    return false;
}

int wok__health_check(const struct wok__config *config)
{
    WOK_CLEANUP(close_peer) struct peer peer = {.fd = -1};
    struct target target;
    const char *why;
    char answer[64] = "", where[128], request[PATH_BYTES_MAX + 80];
    size_t size = 0;
    int request_size;

    if (config->health_url != NULL && !parse_url(config, config->health_url, &target))
        return complain(config->health_url, "it is not a URL like http://127.0.0.1:8080");
    if (config->health_url == NULL && !first_listener(config, &target))
        return complain("a server that inherits its sockets", "say where: --health-check URL");
    if (target.listener.local)
        wok__config_format_listen(&target.listener, where, sizeof where);
    else
        snprintf(where, sizeof where, "%s port %u", target.listener.address, target.listener.port);
    signal(SIGPIPE, SIG_IGN); /* what OpenSSL writes has no MSG_NOSIGNAL */
    peer.fd = dial(&target.listener);
    if (peer.fd < 0)
        return complain(where, strerror(-peer.fd));
    if (target.encrypted && !begin_tls(&peer, &why))
        return complain(where, why);
    request_size = snprintf(
        request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        target.path[0] == '\0' || target.path[1] == '\0' ? "/healthz" : target.path);
    if (peer_send(&peer, request, (size_t)request_size) != request_size)
        return complain(where, "it takes no request");
    while (size < 12) {
        ssize_t got = peer_recv(&peer, answer + size, sizeof answer - 1 - size, &why);
        if (got <= 0)
            return complain(where, why);
        size += (size_t)got;
    }
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        return complain(where, "it did not answer 200");
    return 0;
}
