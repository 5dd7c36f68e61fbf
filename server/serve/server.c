/*
 * server.c - a server: building it, its listeners, its list of connections, its figures.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <wok/http/server.h>

#include "conn/gzip.h"
#include "conn/connection.h"
#include "conn/work.h"
#include "conn/server.h"
#include "serve/listen.h"

/* Connections accepted at the end of a listener; the usual length of its queue. */
enum { LAST_ACCEPTS_MAX = 4096 };
/* How long accepting pauses when there is no descriptor or no room. */
#define ACCEPT_PAUSE wok_ms(50)

/* ---- building ----------------------------------------------------------------------------------- */

static void write_transport_security(wok_http_server *server)
{
    char *text = server->transport_security_text;

    if (server->options.hsts_seconds != 0)
        server->transport_security =
            (wok_slice){text, (size_t)snprintf(text, sizeof server->transport_security_text,
                                               "Strict-Transport-Security: max-age=%zu\r\n",
                                               server->options.hsts_seconds)};
}

/* A number that nobody outside can foretell, or, without the kernel's, one that differs each time. */
static uint64_t random_number(void)
{
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) < 0)
        number = wok_now().ns;
    return number;
}

/* What each worker has to itself.  The tables of counts are one block, whose pages are not touched before they
 * answer. */
static bool make_locals(wok_http_server *server)
{
    size_t paths = wok__router_paths(server->router);

    server->local_count = wok_runtime_workers_max(server->runtime) + 1;
    server->locals = calloc(server->local_count, sizeof *server->locals);
    server->traffic = calloc(server->local_count * paths, sizeof *server->traffic);
    if (server->locals == NULL || server->traffic == NULL)
        return false;
    for (unsigned i = 0; i < server->local_count; i++) {
        server->locals[i].random = random_number() + i;
        server->locals[i].traffic = &server->traffic[i * paths];
    }
    return true;
}

int wok_http_server_new(wok_http_server **ret_server, const wok_http_server_options *options)
{
    wok_runtime *runtime = wok_runtime_current();
    wok_http_server *server;

    wok_http_server_options settled = *options;

    if (runtime == NULL || wok__server_options_settle(&settled) < 0)
        return -EINVAL;
    server = calloc(1, sizeof *server);
    if (server == NULL)
        return -ENOMEM;
    server->options = settled;
    server->limits = wok__server_options_limits(&settled);
    write_transport_security(server);
    server->runtime = runtime;
    server->handshakes = (wok_semaphore)WOK_SEMAPHORE_INIT(server->options.handshakes_max);
    pthread_mutex_init(&server->lock, NULL);
    /* It tells one run's ids from another's; a guess would do no harm. */
    server->id_prefix = (uint32_t)random_number();
    server->addresses.seed = random_number();
    server->router = wok__router_new(options->routes, options->demo);
    if (server->router == NULL || !make_locals(server)) {
        wok_http_server_free(server);
        return -ENOMEM;
    }
    *ret_server = server;
    return 0;
}

static void free_local(struct wok__server_local *local)
{
    wok__compressors_free(local->compressors);
    for (int kind = 0; kind < WOK__POOLS; kind++) {
        while (local->pools[kind].first != NULL) {
            void *object = local->pools[kind].first;
            memcpy(&local->pools[kind].first, object, sizeof(void *));
            free(object);
        }
    }
}

void wok_http_server_free(wok_http_server *server)
{
    if (server == NULL)
        return;
    wok__server_close_listeners(server);
    for (unsigned i = 0; server->locals != NULL && i < server->local_count; i++)
        free_local(&server->locals[i]);
    free(server->locals);
    free(server->traffic);
    wok__addresses_done(&server->addresses);
    wok__router_free(server->router);
    wok_http_tls_unref(server->tls);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

/* ---- accepting ---------------------------------------------------------------------------------- */

struct accepting {
    wok_http_server *server;
    wok_listener *listener;
    bool encrypted;
    wok_sleep_future pause;
    bool pausing;
};

static bool is_full(wok_http_server *server)
{
    bool full;

    pthread_mutex_lock(&server->lock);
    full = server->connection_count >= server->options.connections_max;
    pthread_mutex_unlock(&server->lock);
    return full;
}

/* Starts the connection, or refuses it: by a reset, since an answer would cost what the limit saves. */
static void start_connection(wok_http_server *server, wok_stream *stream, bool encrypted)
{
    struct wok__address_count *address = NULL;
    wok_http_tls *tls = NULL;
    bool admitted = true;

    if (server->options.connections_per_address_max != 0) {
        struct wok__address_key key = wok__address_key_of(stream);
        pthread_mutex_lock(&server->lock);
        admitted = wok__addresses_take(&server->addresses, key,
                                       server->options.connections_per_address_max, &address);
        pthread_mutex_unlock(&server->lock);
    }
    if (!admitted) {
        wok__counter_up(&wok__local(server)->counters.refused);
        wok_stream_reset(stream);
        return;
    }
    if (encrypted) {
        pthread_mutex_lock(&server->lock);
        tls = server->tls;
        wok__tls_context_ref(tls);
        pthread_mutex_unlock(&server->lock);
    }
    wok__counter_up(&wok__local(server)->counters.accepted);
    wok__connection_start(server, stream, address, tls);
}

static wok_poll accepting_poll(void *self, wok_cx *cx, void *result)
{
    struct accepting *accepting = self;

    (void)result;
    for (;;) {
        wok_stream *stream;
        int code;
        if (accepting->pausing) {
            if (wok_sleep_future_poll(&accepting->pause, cx) == WOK_PENDING)
                return WOK_PENDING;
            wok_sleep_future_drop(&accepting->pause);
            accepting->pausing = false;
        }
        code = is_full(accepting->server) ? -EMFILE
                                          : wok_accept_poll(accepting->listener, cx, &stream);
        if (code == WOK_PENDING)
            return WOK_PENDING;
        if (code == -EMFILE || code == -ENFILE || code == -ENOMEM || code == -ENOBUFS) {
            accepting->pause = wok_sleep_future_for(ACCEPT_PAUSE);
            accepting->pausing = true;
        } else if (code < 0) {
            return code; /* the listener was stopped */
        } else {
            start_connection(accepting->server, stream, accepting->encrypted);
        }
    }
}

static void accepting_drop(void *self)
{
    struct accepting *accepting = self;

    wok_accept_forget(accepting->listener);
    wok_sleep_future_drop(&accepting->pause);
}

static const wok_future_vtable accepting_vtable = {
    .name = "accepting",
    .size = sizeof(struct accepting),
    .poll = accepting_poll,
    .drop = accepting_drop,
};

static void start_accepting(wok_http_server *server, wok_listener *listener,
                            const struct wok__socket *socket)
{
    struct accepting accepting = {server, listener, .encrypted = socket->encrypted};
    unsigned i = server->listener_count++;

    server->listeners[i].listener = listener;
    server->listeners[i].encrypted = socket->encrypted;
    server->listeners[i].socket = *socket;
    server->listeners[i].accepting = wok_spawn_future(&accepting_vtable, &accepting);
}

static int begin_listening(wok_http_server *server, const char *address, uint16_t port,
                           bool encrypted, uint16_t *ret_port)
{
    const struct wok__socket socket = {.fd = -1, .encrypted = encrypted};
    wok_listener *listener;
    int error;

    if (server->listener_count == WOK__LISTENERS_MAX)
        return -ENOSPC;
    error = wok_listen(&listener, &(wok_listen_options){.address = address, .port = port});
    if (error < 0)
        return error;
    if (ret_port != NULL)
        *ret_port = wok_listener_port(listener);
    start_accepting(server, listener, &socket);
    return 0;
}

int wok_http_server_listen(wok_http_server *server, const char *address, uint16_t port,
                           uint16_t *ret_port)
{
    return begin_listening(server, address, port, false, ret_port);
}

int wok_http_server_listen_tls(wok_http_server *server, const char *address, uint16_t port,
                               uint16_t *ret_port)
{
    bool has_certificates;

    pthread_mutex_lock(&server->lock);
    has_certificates = server->tls != NULL;
    pthread_mutex_unlock(&server->lock);
    return has_certificates ? begin_listening(server, address, port, true, ret_port) : -EINVAL;
}

/* The kernel would take megabytes of answers that nobody reads (net.ipv4.tcp_wmem): it is to take so much
 * beyond what is under way, in each connection that the listener accepts.  Other sockets have sizes of
 * their own, and refuse. */
static void limit_unsent(int fd)
{
    int bytes = 65536;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

int wok__server_listen(wok_http_server *server, const struct wok__socket *socket)
{
    wok_listener *listener;
    int error;

    if (server->listener_count == WOK__LISTENERS_MAX)
        return -ENOSPC;
    if (socket->encrypted && server->tls == NULL)
        return -EINVAL;
    limit_unsent(socket->fd);
    error = wok_listen_fd(&listener, socket->fd, socket->shared);
    if (error < 0)
        return error;
    start_accepting(server, listener, socket);
    return 0;
}

void wok_http_server_use_tls(wok_http_server *server, wok_http_tls *tls)
{
    wok_http_tls *before;

    pthread_mutex_lock(&server->lock);
    before = server->tls;
    server->tls = tls;
    pthread_mutex_unlock(&server->lock);
    wok_http_tls_unref(before);
}

/* One accept as a future, to be tried without waiting. */
struct last_accept {
    wok_listener *listener;
    wok_stream *stream;
};

static wok_poll last_accept_poll(void *self, wok_cx *cx, void *result)
{
    struct last_accept *accept = self;

    (void)result;
    return wok_accept_poll(accept->listener, cx, &accept->stream);
}

static const wok_future_vtable last_accept_vtable = {
    .name = "last accept",
    .size = sizeof(struct last_accept),
    .poll = last_accept_poll,
};

/* Takes the connections that the kernel has established and nobody accepted: closing the listener
 * would reset them, and a request may be in them already.  No more than a queue's worth: to a socket that
 * others hold as well, clients go on connecting. */
static void accept_the_rest(wok_http_server *server, wok_listener *listener, bool encrypted)
{
    struct last_accept accept = {listener, NULL};

    for (int i = 0; i < LAST_ACCEPTS_MAX; i++) {
        if (wok_timeout(wok_ns(0), (wok_future){&last_accept_vtable, &accept}, NULL) != 0)
            break;
        start_connection(server, accept.stream, encrypted);
    }
    wok_accept_forget(listener);
}

void wok__server_hush_listeners(wok_http_server *server)
{
    /* Where that is not possible, a connection in the last instant may be reset.  Nobody finds a Unix
     * socket whose file is gone. */
    for (unsigned i = 0; i < server->listener_count; i++) {
        (void)wok_listener_hush(server->listeners[i].listener);
        wok__socket_unlink(&server->listeners[i].socket);
    }
}

void wok__server_close_listeners(wok_http_server *server)
{
    for (unsigned i = 0; i < server->listener_count; i++) {
        wok_join_abort(&server->listeners[i].accepting);
        (void)wok_join_await(&server->listeners[i].accepting, NULL, NULL);
        wok_join_drop(&server->listeners[i].accepting);
        accept_the_rest(server, server->listeners[i].listener, server->listeners[i].encrypted);
        wok_listener_close(server->listeners[i].listener);
    }
    server->listener_count = 0;
}

/* ---- the list of connections -------------------------------------------------------------------- */

void wok__server_expect(wok_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->connection_count++;
    pthread_mutex_unlock(&server->lock);
}

void wok__server_add(wok_http_server *server, struct wok__connection *connection)
{
    pthread_mutex_lock(&server->lock);
    connection->next = server->connections;
    if (connection->next != NULL)
        connection->next->prev = connection;
    server->connections = connection;
    connection->listed = true;
    pthread_mutex_unlock(&server->lock);
}

void wok__server_remove(wok_http_server *server, struct wok__connection *connection)
{
    pthread_mutex_lock(&server->lock);
    if (connection->prev != NULL)
        connection->prev->next = connection->next;
    else if (connection->listed)
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->prev = connection->prev;
    wok__counter_up(&wok__local(server)->counters.closed);
    if (wok__server_drain(server) >= WOK__DRAIN_CLOSING && connection->work == NULL)
        server->report.connections_idle++;
    else if (wok__server_drain(server) >= WOK__DRAIN_CLOSING && connection->work->incoming != NULL)
        server->report.connections_half_read++;
    connection->listed = false;
    wok__addresses_give(&server->addresses, connection->address);
    if (connection->work != NULL)
        wok__work_free(server, WOK_TAKE(connection->work));
    if (--server->connection_count == 0 && server->drain_waker.task != NULL)
        wok_waker_wake(&server->drain_waker);
    pthread_mutex_unlock(&server->lock);
}

/* ---- figures ------------------------------------------------------------------------------------ */

uint64_t wok__server_running(const wok_http_server *server)
{
    uint64_t started = 0, finished = 0;

    for (unsigned i = 0; i < server->local_count; i++) {
        finished += load_relaxed(&server->locals[i].counters.finished);
        started += load_relaxed(&server->locals[i].counters.started);
    }
    return started > finished ? started - finished : 0;
}

void wok_http_server_metrics_get(const wok_http_server *server,
                                 wok_http_server_metrics *ret_metrics)
{
    wok_http_server_metrics metrics = {0};
    uint64_t closed = 0;

    for (unsigned i = 0; i < server->local_count; i++) {
        const struct wok__server_counters *counters = &server->locals[i].counters;
        closed += load_relaxed(&counters->closed);
        metrics.connections_accepted += load_relaxed(&counters->accepted);
        metrics.requests += load_relaxed(&counters->started);
        metrics.client_gone += load_relaxed(&counters->client_gone);
        metrics.connections_refused += load_relaxed(&counters->refused);
        metrics.requests_shed += load_relaxed(&counters->shed);
        metrics.tls_handshakes += load_relaxed(&counters->handshakes);
        metrics.tls_handshakes_failed += load_relaxed(&counters->handshakes_failed);
        for (int class = 0; class < 6; class ++)
            metrics.responses_by_class[class] += load_relaxed(&counters->by_class[class]);
    }
    metrics.connections_open = metrics.connections_accepted - closed;
    metrics.requests_running = wok__server_running(server);
    *ret_metrics = metrics;
}

bool wok_http_server_draining(const wok_http_server *server)
{
    return wok__server_drain(server) != 0;
}
