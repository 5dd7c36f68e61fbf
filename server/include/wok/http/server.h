/*
 * server.h - a server: listeners, connections, and how they end.
 */
#ifndef WOK_HTTP_SERVER_H
#define WOK_HTTP_SERVER_H

#include <wok/http/router.h>
#include <wok/runtime.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** Listeners, connections, routes and limits. */
typedef struct wok_http_server wok_http_server;

/** How a server is built: begin with wok_http_server_options_init(), and set what is to differ. */
typedef struct wok_http_server_options {
    /** The routes; static storage. */
    const wok_route *routes;
    /** Given to handlers by wok_http_exchange_context(). */
    void *context;
    /** Serve the routes marked WOK_ROUTE_DEMO. */
    bool demo;
    /** Log a line for each answer, on stderr. */
    bool access_log;
    /** Compress answers of text for clients that take gzip (true), if they have so many bytes (1,400). */
    bool compress;
    size_t compress_bytes_min;
    /** So long, in seconds, are browsers told to reach this host by TLS only (0: they are not), on whichever
     *  port: Strict-Transport-Security, over TLS. */
    size_t hsts_seconds;
    /** How long new connections are still served after a shutdown began (0), and how long running
     *  requests may take after that (8 s). */
    wok_duration drain_delay, grace;
    /** Limits and deadlines; a zero is a zero, but where it says otherwise. */
    size_t connections_max;             /* 0, the default: the descriptor limit less 64 */
    size_t connections_per_address_max; /* an IPv6 /64 is one address; 0, the default: no limit */
    size_t requests_per_connection_max; /* then it closes; 0, the default: no limit */
    size_t requests_max;     /* running at once: 50,000; beyond: 503, but for WOK_ROUTE_ALWAYS */
    size_t pipelined_max;    /* running at once on one connection: 16 */
    size_t output_max;       /* a quarter pending stops the next request: 65,536 */
    size_t target_bytes_max; /* 8,192 */
    size_t head_bytes_max;   /* 32,768 */
    size_t headers_max;      /* 100 */
    size_t body_bytes_max;   /* 1,048,576; 0: no body is taken */
    size_t chunk_extension_bytes_max; /* of a message: 4,096 */
    size_t trailer_bytes_max;         /* of a message: 4,096 */
    size_t request_memory_max;        /* what a request may hold, body, answer and work: 16 MiB */
    size_t handshakes_max;          /* TLS: computed on at once; 0, the default: half the workers */
    wok_duration handshake_timeout; /* TLS: 10 s, absolute from the accept */
    wok_duration head_timeout;      /* 10 s, absolute from the first byte */
    wok_duration body_progress_timeout, body_timeout; /* 10 s without progress, 60 s in all */
    wok_duration write_timeout;                       /* 30 s without progress */
    wok_duration idle_timeout;                        /* 75 s */
    wok_duration request_timeout;                     /* 90 s, then 504 */
} wok_http_server_options;

/**
 * Fills in the defaults.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_server_options_init(wok_http_server_options *ret_options);

/** What a server counts. */
typedef struct wok_http_server_metrics {
    uint64_t connections_accepted, connections_open, requests, requests_running;
    uint64_t responses_by_class[6]; /* [2] counts 2xx, ... */
    uint64_t client_gone;           /* requests whose client went away before the answer */
    uint64_t connections_refused;   /* beyond the limit of their address */
    uint64_t tls_handshakes, tls_handshakes_failed; /* that ended; not those whose time did */
    uint64_t requests_shed; /* answered 503, since requests_max others were running */
} wok_http_server_metrics;

/**
 * Builds a server on the calling thread's runtime; it listens to nothing yet.
 *
 * Errors:     0; -EINVAL without a runtime or routes, or with options that could serve nothing, as a
 *             struct full of zeros; -ENOMEM.
 * Ownership:  returns owned: wok_http_server_free().  Copies the options, and borrows what they point
 *             to until then.
 * Threads:    tasks, and plain threads that entered a runtime.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_http_server_new(wok_http_server **ret_server, const wok_http_server_options *options);

/**
 * Opens a listener and starts to accept.
 *
 * Errors:     0; as wok_listen(); -ENOSPC for more than 8 listeners.
 * Ownership:  borrows `address` until it returns; `ret_port` may be NULL.
 * Threads:    as wok_http_server_new(), one at a time, on the server's runtime.
 * Cancel:     not a cancellation point.
 */
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
 * Errors:     0 when the last connection is gone; -ETIMEDOUT if one is left 2 s after the abort;
 *             -ECANCELED if the caller is aborted; -EDEADLK in a stackless task.
 * Ownership:  `ret_report` may be NULL.
 * Threads:    one stackful task of the server's runtime.
 * Cancel:     cancellation point; the shutdown stays where it was.
 */
WOK_API
WOK_CP
int wok_http_server_drain(wok_http_server *server, wok_http_drain_report *ret_report);

/**
 * Reads the counters.
 *
 * Threads:    any, until the server is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_server_metrics_get(const wok_http_server *server,
                                 wok_http_server_metrics *ret_metrics);

/** How many bounds there are of the durations that a server tells apart. */
enum { WOK_HTTP_DURATION_BOUNDS = 14 };
/** The bounds, in nanoseconds, each above the one before. */
extern WOK_API
const uint64_t wok_http_duration_bounds_ns[WOK_HTTP_DURATION_BOUNDS];

/** How long the requests of one path took, from the end of their head until their answer was written. */
typedef struct wok_http_route_metrics {
    /** As in the table of routes; NULL: those that have no route. */
    const char *path;
    uint64_t count, sum_ns;
    /** [i]: at most wok_http_duration_bounds_ns[i], and above the one before; the last: above all. */
    uint64_t buckets[WOK_HTTP_DURATION_BOUNDS + 1];
} wok_http_route_metrics;

/** How many answers of one kind there were. */
typedef struct wok_http_answers {
    const char *path; /* as above */
    wok_http_method method;
    int status; /* of one that is rare the first of its class: 299 counts as 200 */
    uint64_t count;
} wok_http_answers;

/**
 * Reads the durations of one path after the other, from an index of 0; false: there are no more.
 *
 * Threads:    any, until the server is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_http_server_route_metrics_get(const wok_http_server *server, size_t index,
                                       wok_http_route_metrics *ret_metrics);

/**
 * Gives one kind of answers after the other, those that there were; `*cursor` begins at 0; false: no more.
 *
 * Threads:    any, until the server is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_http_server_answers_next(const wok_http_server *server, size_t *cursor,
                                  wok_http_answers *ret_answers);

/**
 * True from the moment the drain began.
 *
 * Threads:    any, until the server is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_http_server_draining(const wok_http_server *server);

/**
 * Frees a server whose drain is over, or that never listened; NULL is fine.
 *
 * Threads:    any, while nobody else uses the server.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_server_free(wok_http_server *server);

WOK_END_DECLS

#endif
