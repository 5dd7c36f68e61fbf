/*
 * fake_exchange.h - an exchange without a server: a request made of strings, and a response that the
 * test looks at.
 *
 * A handler that never waits can be called on a plain thread; one that waits, in a task (WOK_TEST).
 */
#ifndef WOK_TESTS_HANDLERS_FAKE_EXCHANGE_H
#define WOK_TESTS_HANDLERS_FAKE_EXCHANGE_H

#include <wok/http/handler.h>
#include <wok/http/server.h>

/* An exchange; the test reads the members. */
struct wok_http_exchange {
    wok_http_request request;
    const char *route; /* the path in the table, for its parameters; NULL: none */
    void *context;
    bool draining;
    bool no_memory;    /* reserving and appending fail */
    size_t memory_max; /* what it may hold; 0: 16 MiB, less what was held */
    size_t held;
    int status; /* 0: the handler has set none */
    const char *content_type;
    char *body; /* NUL-terminated after its last byte */
    size_t size, capacity, reserved;
    char *detail; /* of the problem document that was answered, or NULL */
    unsigned problems;
    char *timing; /* the Server-Timing that was answered, or NULL, as the next two */
    char *location, *retry_after;
    void (*between_pieces)(void); /* of a stream; NULL: nothing happens there */
    unsigned pieces;
    char head[9000];
};

/* What every fake exchange gives on. */
#define FAKE_TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* Makes a GET request of `target`, PATH or PATH?QUERY. */
void fake_get(wok_http_exchange *fake, const char *target);

/* Makes a POST request; no Content-Type where `content_type` is NULL. */
void fake_post(wok_http_exchange *fake, const char *target, const char *content_type,
               wok_slice body);

/* Frees the response.  Fit for WOK_CLEANUP. */
void fake_done(wok_http_exchange *fake);

/* The figures that wok_http_server_metrics_get() gives here, of any server. */
extern wok_http_server_metrics fake_server_metrics;

#endif
