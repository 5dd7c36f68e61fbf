/*
 * handler.h - what a handler is, and what it is given: one exchange, a request and its response.
 *
 * A handler is a plain function that runs in a stackful task of its own, the request's task.  It
 * may wait, spawn, panic.  It reads the request, fills the response, and returns; the connection
 * sends the response in the order of the requests.  When the client goes away the task is aborted:
 * waits return -ECANCELED, and what the handler then writes is thrown away.
 *
 * An exchange owns a copy of its request's bytes and a body buffer of its own: it never touches the
 * connection, which may be busy on another thread.
 */
#ifndef WOK_HTTP_HANDLER_H
#define WOK_HTTP_HANDLER_H

#include <wok/base.h>
#include <wok/http/message.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** One request and its response.  Belongs to the request's task. */
typedef struct wok_http_exchange wok_http_exchange;

/** Answers one request.  A handler that returns without a status has answered 200. */
typedef void (*wok_http_handler)(wok_http_exchange *exchange);

/**
 * The request; read-only, good until the handler returns.
 *
 * Ownership:  the exchange's.
 * Threads:    any, while the handler runs.
 * Cancel:     not a cancellation point.
 */
WOK_API
const wok_http_request *wok_http_exchange_request(const wok_http_exchange *exchange);

/**
 * What stands in the request's path where the route has {name}: "17" of "/tasks/17" for `id` of
 * "/tasks/{id}".
 *
 * Escapes of characters other than letters, digits and `-._~` are still in it: wok_http_percent_decode().
 *
 * Errors:     a slice whose data is NULL: the route has no such parameter.
 * Ownership:  lies in the request's bytes; borrows `name` until it returns.
 * Threads:    any, while the handler runs.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_slice wok_http_exchange_parameter(const wok_http_exchange *exchange, const char *name);

/**
 * The server's own data, as given in wok_http_server_options.context.
 *
 * Ownership:  whoever gave it to wok_http_server_new() keeps it.
 * Threads:    any, while the handler runs.
 * Cancel:     not a cancellation point.
 */
WOK_API
void *wok_http_exchange_context(const wok_http_exchange *exchange);

/**
 * True from the moment the server's shutdown began.
 *
 * Threads:    any, while the handler runs.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_http_exchange_draining(const wok_http_exchange *exchange);

/**
 * When the request's head was complete.
 *
 * Threads:    any, while the handler runs.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_instant wok_http_exchange_started(const wok_http_exchange *exchange);

/** What a request that is sent for this one carries: W3C Trace Context. */
typedef struct wok_http_trace {
    /** The value of its traceparent header: the request's trace, and its span as the parent. */
    char traceparent[56];
    /** The value of its tracestate header; a size of 0: it has none.  The exchange's. */
    wok_slice tracestate;
} wok_http_trace;

/**
 * Gives the trace that the request is a part of, for what a handler asks of other services.
 *
 * The trace is the client's if it sent a valid traceparent, and its tracestate goes on; else it is a new one, not
 * sampled.  The span is this server's own for this request, the one that its log names.
 *
 * Ownership:  `ret_trace` points into the exchange, which is good until the handler returns.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 * Source:     W3C Trace Context.
 */
WOK_API
void wok_http_exchange_trace(wok_http_exchange *exchange, wok_http_trace *ret_trace);

/**
 * How much the request may still hold in memory (wok_http_server_options.request_memory_max); what its
 * body and its answer take is off already.
 *
 * Units:      bytes.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_http_exchange_memory_left(const wok_http_exchange *exchange);

/**
 * Counts bytes that the handler is going to hold itself, until the request is over.
 *
 * Ask before the work begins: a handler that fans out holds something for each part.
 *
 * Errors:     0; -ENOBUFS: the request may not hold as much, and nothing was counted.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_http_exchange_hold(wok_http_exchange *exchange, size_t bytes);

/**
 * Sets the status (200..599) and the content type of the answer; the last call counts.
 *
 * A status outside of that range is answered with a 500.
 *
 * Ownership:  borrows `content_type`, which has static storage; NULL leaves the header out.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_respond(wok_http_exchange *exchange, int status, const char *content_type);

/**
 * Adds a header line to the answer.
 *
 * Errors:     -EINVAL for a name that is no token, a value with a control character, and a header
 *             that is the server's own; -ENOSPC past 8 lines; -ENOMEM.
 * Ownership:  borrows `name`, which has static storage; copies `value`.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_http_response_header(wok_http_exchange *exchange, const char *name, wok_slice value);

/**
 * Room for at least `bytes` more bytes at the end of the body; what was written there counts after
 * wok_http_response_commit().
 *
 * Errors:     NULL if there is no memory, or the request may not hold as much; the answer will then be
 *             a 503, or a 500, whatever the handler does.
 * Ownership:  the exchange's, until the next call that writes to the body.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
char *wok_http_response_reserve(wok_http_exchange *exchange, size_t bytes);

/**
 * Adds `bytes` bytes that were written where wok_http_response_reserve() said to the body; no more
 * than there was room asked for.
 *
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_response_commit(wok_http_exchange *exchange, size_t bytes);

/**
 * Appends to the body.
 *
 * Errors:     0; -ENOMEM, and the answer will then be a 500.
 * Ownership:  copies the bytes.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_http_response_append(wok_http_exchange *exchange, wok_slice bytes);

/**
 * Appends to the body what printf(3) would print.
 *
 * Errors:     0; -ENOMEM, and the answer will then be a 500.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_http_response_printf(wok_http_exchange *exchange, const char *format, ...) WOK_PRINTF(2, 3);

/** How the body of a stream is written. */
typedef struct wok_http_stream_vtable {
    /** Appends the next bytes to the body: a few kilobytes, at least one.  False: these were the last. */
    bool (*next)(void *state, wok_http_exchange *exchange);
    /** How many bytes `next` will have written in all, to the byte; asked before the first. */
    uint64_t (*length)(void *state);
    /** Frees the state; called exactly once. */
    void (*drop)(void *state);
} wok_http_stream_vtable;

/** A body that is written while the client takes it. */
typedef struct wok_http_stream {
    const wok_http_stream_vtable *vtable;
    void *state;
    size_t state_bytes; /* what it holds in memory, for the limits */
} wok_http_stream;

/**
 * Leaves the body to a stream, in place of whatever was written so far; the status and the header lines
 * are set before the handler returns.
 *
 * For an answer of more than some 16 KiB, of which the server is not to hold more than the client takes. `next`
 * is called when the handler has returned, a piece at a time, and sees the exchange only to append to its body; it may not
 * wait, panic, or take long, since it runs in the connection's task.  A stream that writes nothing, or more or less than
 * its length, ends the connection, with a reset.  For a client of HTTP/1.1 that takes gzip it is compressed a piece
 * at a time, and sent in chunks; nobody asks for the length then.
 *
 * Ownership:  takes `stream->state`: dropped by whoever is last, on any thread.
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_response_stream(wok_http_exchange *exchange, const wok_http_stream *stream);

/**
 * Forgets the body and the header lines written so far; the status and the content type stay.
 *
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_http_response_clear(wok_http_exchange *exchange);

/**
 * Answers with a problem document (RFC 9457) in place of whatever was written so far.
 *
 * The title is the status's reason phrase, the instance the request's target, and `format` gives
 * the detail, at most 1,023 bytes: a sentence that names what was wrong and what was expected.
 *
 * Threads:    the request's task, or one that it has lent the exchange to; one at a time.
 * Cancel:     not a cancellation point.
 * Source:     RFC 9457.
 */
WOK_API
void wok_http_problem(wok_http_exchange *exchange, int status, const char *format, ...)
    WOK_PRINTF(3, 4);

WOK_END_DECLS

#endif
