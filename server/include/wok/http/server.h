/*
 * server.h - a server: listeners, connections, and how they end.
 */
#ifndef WOK_HTTP_SERVER_H
#define WOK_HTTP_SERVER_H

#include <wok/http/router.h>
#include <wok/runtime.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

typedef struct wok_http_server wok_http_server;

/** How a server is built; zero means the default everywhere. */
typedef struct wok_http_server_options {
    /** The routes; static storage. */
    const wok_route *routes;
    /** Given to handlers by wok_http_exchange_context(). */
    void *context;
    /** Serve the routes marked WOK_ROUTE_DEMO. */
    bool demo;
    /** How long new connections are still served after a shutdown began (0), and how long running
     *  requests may take after that (8 s). */
    wok_duration drain_delay, grace;
    /** Limits and deadlines; 0: the contract's defaults. */
    size_t connections_max;    /* the descriptor limit less a reserve of 64 */
    size_t requests_max;       /* running at once: 50,000; beyond: 503 */
    size_t pipelined_max;      /* running at once on one connection: 16 */
    size_t output_max;         /* bytes pending that stop reading: 65,536 */
    size_t target_bytes_max;   /* 8,192 */
    size_t head_bytes_max;     /* 32,768 */
    size_t headers_max;        /* 100 */
    size_t body_bytes_max;     /* 1,048,576 */
    wok_duration head_timeout; /* 10 s, absolute from the first byte */
    wok_duration body_progress_timeout, body_timeout; /* 10 s without progress, 60 s in all */
    wok_duration write_timeout;                       /* 30 s without progress */
    wok_duration idle_timeout;                        /* 75 s */
    wok_duration request_timeout;                     /* 90 s, then 504 */
} wok_http_server_options;

/** What a server counts. */
typedef struct wok_http_server_metrics {
    uint64_t connections_accepted, connections_open, requests, requests_running;
    uint64_t responses_by_class[6]; /* [2] counts 2xx, ... */
    uint64_t client_gone;           /* requests whose client went away before the answer */
} wok_http_server_metrics;

/** Builds a server on the current runtime: 0, -ENOMEM, -EINVAL.  Owned: wok_http_server_free(). */
WOK_API
WOK_MUST_USE
int wok_http_server_new(wok_http_server **ret_server, const wok_http_server_options *options);

/** Opens a listener and starts to accept: 0 or a negative errno as wok_listen(). */
WOK_API
WOK_MUST_USE
int wok_http_server_listen(wok_http_server *server, const char *address, uint16_t port,
                           uint16_t *ret_port);

/** What a shutdown gave up. */
typedef struct wok_http_drain_report {
    uint64_t connections_idle, connections_half_read, requests_finished, requests_aborted;
} wok_http_drain_report;

/**
 * Begins the shutdown and waits until it is over: readiness turns off, the drain delay passes, the
 * listeners close, idle connections close, running requests finish with `Connection: close`, and
 * at the grace what is left is aborted.
 *
 * Threads:    a stackful task of the server's runtime.  Cancel: cancellation point.
 */
WOK_API
WOK_CP
int wok_http_server_drain(wok_http_server *server, wok_http_drain_report *ret_report);

/** Reads the counters.  Threads: any. */
WOK_API
void wok_http_server_metrics_get(const wok_http_server *server,
                                 wok_http_server_metrics *ret_metrics);

/** True from the moment the drain began.  Threads: any. */
WOK_API
bool wok_http_server_draining(const wok_http_server *server);

/** Frees a server whose drain is over, or that never listened; NULL is fine. */
WOK_API
void wok_http_server_free(wok_http_server *server);

WOK_END_DECLS

#endif
