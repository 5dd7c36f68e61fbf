/*
 * server.h - a server, as the files of connections and of serve/ see it.
 */
#ifndef WOK_SERVER_CONN_SERVER_H
#define WOK_SERVER_CONN_SERVER_H

#include <pthread.h>

#include <wok/http/server.h>
#include <wok/http/tls.h>
#include <wok/net.h>
#include <wok/semaphore.h>

#include "http/h1_decoder.h"
#include "platform/atomic.h"
#include "conn/addresses.h"
#include "conn/local.h"
#include "net/socket.h"

struct wok__connection;
struct wok__router;

enum { WOK__LISTENERS_MAX = 8 };

struct wok_http_server {
    wok_http_server_options options; /* constant, defaults filled in */
    struct wok__h1_limits limits;    /* constant */
    struct wok__router *router;      /* constant */
    struct wok__server_local *locals;
    unsigned local_count;
    struct wok__traffic *traffic; /* of all locals, one after the other */
    wok_slice transport_security; /* constant: a line for answers over TLS, or empty */
    char transport_security_text[64];
    uint32_t id_prefix;
    atomic_u32 compressing; /* answers that are being compressed */
    wok_runtime *runtime;
    wok_semaphore handshakes; /* permits for a step of a handshake: net/tls_session.c */

    /* 0, then WOK__DRAIN_ANNOUNCED (readiness off, answers close), WOK__DRAIN_CLOSING (idle
     * connections close), WOK__DRAIN_ABORTING (requests that run are aborted). */
    atomic_u32 drain;
    atomic_u64 closing_ns; /* when WOK__DRAIN_CLOSING began */

    pthread_mutex_t lock;                /* guards the rest */
    struct wok__connection *connections; /* a list of those that are open */
    size_t connection_count;
    struct wok__addresses addresses; /* empty without a limit per address */
    struct {
        wok_listener *listener;
        wok_join accepting;
        bool encrypted;
        struct wok__socket socket;   /* of wok__server_listen(); its descriptor is the listener's */
    } listeners[WOK__LISTENERS_MAX]; /* whoever builds and drains the server, as the next two */
    unsigned listener_count;
    wok_http_tls *tls; /* the lock, as the next two; what new handshakes use, or NULL */
    wok_http_drain_report report;
    wok_waker drain_waker; /* who waits until the last connection is gone; task NULL: nobody */
};

enum { WOK__DRAIN_ANNOUNCED = 1, WOK__DRAIN_CLOSING = 2, WOK__DRAIN_ABORTING = 3 };

/* Connections that were told to close wait this long for a request that is on the wire. */
#define WOK__ON_THE_WIRE_NS UINT64_C(50000000)

static inline uint32_t wok__server_drain(const wok_http_server *server)
{
    return load_acquire(&server->drain); /* [server.drain] */
}

static inline bool wok__server_is_aborting(const wok_http_server *server)
{
    return wok__server_drain(server) == WOK__DRAIN_ABORTING;
}

/* ---- router.c --------------------------------------------------------------------------------- */

struct wok__router *wok__router_new(const wok_route *routes, bool demo);
void wok__router_free(struct wok__router *router);

/* Finds the handler of the exchange's request; NULL: the exchange has been answered (404, 405, a
 * demonstration that is off, OPTIONS). */
wok_http_handler wok__router_find(const struct wok__router *router, wok_http_exchange *exchange);

/* The paths of the table, each once; the first, which is NULL, is of requests that have none. */
size_t wok__router_paths(const struct wok__router *router);
const char *wok__router_path(const struct wok__router *router, size_t index);

/* ---- connection.c ----------------------------------------------------------------------------- */

/* Starts the connection's task; takes the stream, the place of its address, which may be NULL, and the
 * reference to `tls`, NULL in clear. */
void wok__connection_start(wok_http_server *server, wok_stream *stream,
                           struct wok__address_count *address, wok_http_tls *tls);

/* ---- server_options.c ------------------------------------------------------------------------- */

/* Fills in what depends on the machine; -EINVAL for options that can serve nothing. */
int wok__server_options_settle(wok_http_server_options *options);

/* The part of them that the decoder looks at. */
struct wok__h1_limits wok__server_options_limits(const wok_http_server_options *options);

/* ---- server.c --------------------------------------------------------------------------------- */

/* A connection is going to be started: from here on it counts. */
void wok__server_expect(wok_http_server *server);
/* It joins the list; it leaves, whether it joined or not, and no longer counts. */
void wok__server_add(wok_http_server *server, struct wok__connection *connection);
void wok__server_remove(wok_http_server *server, struct wok__connection *connection);

/* Lets no new connection begin; those that did are still accepted. */
void wok__server_hush_listeners(wok_http_server *server);

/* Stops accepting, and closes the listeners; waits for the tasks that accept. */
void wok__server_close_listeners(wok_http_server *server);

/* drain.c: nobody waits any more for the last connection; fit for WOK_CLEANUP. */
void wok__drain_forget(wok_http_server **server);

/* Requests running now; about. */
uint64_t wok__server_running(const wok_http_server *server);

#endif
