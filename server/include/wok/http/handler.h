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

/** The request; read-only, good until the handler returns. */
WOK_API
const wok_http_request *wok_http_exchange_request(const wok_http_exchange *exchange);

/** The server's own data, as given in wok_http_server_options.context. */
WOK_API
void *wok_http_exchange_context(const wok_http_exchange *exchange);

/** True from the moment the server's shutdown began. */
WOK_API
bool wok_http_exchange_draining(const wok_http_exchange *exchange);

/** When the request's head was complete. */
WOK_API
wok_instant wok_http_exchange_started(const wok_http_exchange *exchange);

/** Sets the status (200..599) and the content type of the answer; `content_type` has static storage. */
WOK_API
void wok_http_respond(wok_http_exchange *exchange, int status, const char *content_type);

/**
 * Adds a header line; `name` has static storage, `value` is copied.
 *
 * Errors:     -EINVAL for a value with a control character or a header that is the server's own;
 *             -ENOSPC past 8 lines; -ENOMEM.
 */
WOK_API
int wok_http_response_header(wok_http_exchange *exchange, const char *name, wok_slice value);

/**
 * Room for at least `bytes` more bytes at the end of the body, or NULL if there is no memory; what
 * was written there counts after wok_http_response_commit().
 */
WOK_API
WOK_MUST_USE
char *wok_http_response_reserve(wok_http_exchange *exchange, size_t bytes);
WOK_API
void wok_http_response_commit(wok_http_exchange *exchange, size_t bytes);

/** Appends to the body: 0 or -ENOMEM, and the answer will then be a 500. */
WOK_API
int wok_http_response_append(wok_http_exchange *exchange, wok_slice bytes);
WOK_API
int wok_http_response_printf(wok_http_exchange *exchange, const char *format, ...) WOK_PRINTF(2, 3);

/** Forgets the body and the header lines written so far. */
WOK_API
void wok_http_response_clear(wok_http_exchange *exchange);

/**
 * Answers with a problem document (RFC 9457) in place of whatever was written so far.
 *
 * The title is the status's reason phrase, the instance the request's target, and `format` gives
 * the detail: a sentence that names what was wrong and what was expected.
 */
WOK_API
void wok_http_problem(wok_http_exchange *exchange, int status, const char *format, ...)
    WOK_PRINTF(3, 4);

WOK_END_DECLS

#endif
