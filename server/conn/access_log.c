/*
 * access_log.c - a line for each answer.
 *
 * It is queued when the answer goes to the output, in the order of the answers.  The route is the
 * table's pattern, so that lines can be counted by it whatever the clients ask for; it is empty where
 * no route was found.
 */
#include "conn/access_log.h"

#include "conn/trace.h"

void wok__access_log_peer(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;

    if (work->peer_size == 0)
        work->peer_size =
            (uint8_t)wok_stream_peer(connection->transport.stream, work->peer, sizeof work->peer);
}

static void put_id(struct wok__log_line *line, const char *name, const uint8_t *id, size_t size)
{
    char text[32];

    wok__hex_format(id, size, text);
    wok__log_slice(line, name, (wok_slice){text, 2 * size});
}

void wok__log_request(struct wok__log_line *line, struct wok_http_exchange *exchange)
{
    const struct wok__trace_context *span = wok__exchange_span(exchange);

    wok__log_slice(line, "method", exchange->request.method_name);
    wok__log_slice(line, "target", exchange->request.target);
    wok__log_slice(line, "request_id", exchange->request_id);
    put_id(line, "trace_id", span->trace_id, sizeof span->trace_id);
    put_id(line, "span_id", span->span_id, sizeof span->span_id);
    if (exchange->is_traced)
        put_id(line, "parent_id", exchange->parent_id, sizeof exchange->parent_id);
}

/* Out of line: a line is four kilobytes of stack. */
__attribute__((noinline)) void wok__access_log(struct wok__connection *connection,
                                               struct wok_http_exchange *exchange)
{
    static struct wok__log_site site = {.level = WOK__LOG_INFO, .lazy = true, .message = "request"};
    struct wok__log_line line;

    if (!wok__log_begin(&line, &site))
        return;
    wok__log_string(&line, "route", exchange->route != NULL ? exchange->route : "");
    wok__log_number(&line, "status", (uint64_t)exchange->status);
    wok__log_ms(&line, "ms", wok_elapsed(exchange->started));
    wok__log_number(&line, "bytes", exchange->body_sent);
    wok__log_slice(&line, "peer", (wok_slice){connection->work->peer, connection->work->peer_size});
    if (connection->gone)
        wok__log_flag(&line, "client_gone", true);
    wok__log_request(&line, exchange);
    wok__log_end(&line, &site);
}
