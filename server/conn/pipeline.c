/*
 * pipeline.c - from received bytes to running requests, and from their answers to bytes.
 *
 * Requests of one connection run at the same time, up to a limit, and are answered in the order in
 * which they came.  Each runs in a stackful task of its own that is started by direct hand-off: a
 * handler that does not wait has answered before the spawn returns, and all answers that are ready
 * leave in one write.
 */
#include "conn/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conn/access_log.h"
#include "conn/compress.h"
#include "conn/overload.h"
#include "http/headers.h"

enum {
    SMALL_REQUEST = 4096, /* of the heap that sixteen may have without making each other wait */
    MADE_SHARE = 3, /* quarters until which made answers go to the output, where they take less */
    STREAM_AHEAD =
        8192, /* unsent bytes at which a stream has to write on, so that none wait for it */
    COMPRESSED_MAX =
        32 << 10, /* text in one poll, an eighth of a millisecond: others wait as long */
};

/* ---- the request's task -------------------------------------------------------------------------- */

struct request_args {
    struct wok_http_exchange *exchange; /* a counted reference */
};

static int run_request(void *args, void *result)
{
    struct wok_http_exchange *exchange = ((struct request_args *)args)->exchange;

    (void)result;
    exchange->handler(exchange);
    wok__exchange_mend(exchange);
    wok__exchange_compress(exchange);
    wok__exchange_measure(exchange);
    wok__exchange_settle(exchange);
    /* A handler whose waits were cancelled and which therefore answered nothing. */
    return exchange->status == 0 && wok_cancelled() ? -ECANCELED : 0;
}

static void drop_request(void *args)
{
    wok__exchange_unref(((struct request_args *)args)->exchange);
}

static const wok_spawn_site request_site = {
    .name = "request",
    .file = __FILE__,
    .line = __LINE__,
    .function = run_request,
    .args_size = sizeof(struct request_args),
    .args_drop = drop_request,
};

/* ---- starting ------------------------------------------------------------------------------------ */

/* A quarter of what a client that does not read may cost: the rest is for the buffers, and for what comes on
 * top when the last request has been let in: its head, its state, and the piece or small answer that it makes. */
static size_t pending_max(const struct wok__connection *connection)
{
    return (connection->server->options.output_max + 3) / 4;
}

/* Answers that are unsent, and what requests hold beyond a little each. A request with a large head is likely
 * to need much more than that soon, and has not said so yet: none begins beside it. */
static bool has_budget(const struct wok__connection *connection)
{
    struct wok__work *work = connection->work;
    uint64_t pending = wok__work_unsent(work), most = pending_max(connection);

    if (work->incoming != NULL)
        return pending < most; /* it has begun to come, and its deadlines run */
    if (work->first != work->last && wok__work_slot(work, work->first)->begun)
        return false; /* a stream has not been written to its end */
    for (uint32_t at = work->first; at != work->last && pending < most; at++) {
        const struct wok_http_exchange *exchange = wok__work_slot(work, at)->exchange;
        uint64_t held = wok__exchange_held(exchange);
        if (wok__exchange_has_large_head(exchange))
            return false;
        pending += held > SMALL_REQUEST ? held - SMALL_REQUEST : 0;
    }
    return pending < most;
}

bool wok__connection_has_room(const struct wok__connection *connection)
{
    return !connection->closing &&
           wok__work_running(connection->work) < connection->server->options.pipelined_max &&
           has_budget(connection);
}

/* The client's own id if it is short and visible, or one that we make. */
static void name_request(struct wok_http_exchange *exchange)
{
    wok_slice own = wok__request_known(&exchange->request, WOK__HEADER_X_REQUEST_ID);
    bool sane = own.data != NULL && own.size >= 1 && own.size <= 128;

    for (size_t i = 0; sane && i < own.size; i++)
        sane = own.data[i] > ' ' && own.data[i] < 0x7f;
    if (sane) {
        exchange->request_id = own;
        return;
    }
    exchange->request_id.data = exchange->request_id_made;
    exchange->request_id.size = wok__local_request_id(exchange->server, exchange->request_id_made,
                                                      sizeof exchange->request_id_made);
}

/* Takes the next place in the pipeline; the answer is ready unless a task is set. */
static struct wok__slot_of_pipeline *push(struct wok__connection *connection, bool keep_alive)
{
    struct wok__work *work = connection->work;
    struct wok__slot_of_pipeline *slot = wok__work_slot(work, work->last++);
    size_t requests_max = connection->server->options.requests_per_connection_max;

    connection->requests++;
    if (requests_max != 0 && connection->requests >= requests_max)
        keep_alive = false;
    *slot = (struct wok__slot_of_pipeline){.exchange = WOK_TAKE(work->incoming),
                                           .keep_alive = keep_alive};
    slot->exchange->started = (wok_instant){connection->now_ns};
    if (connection->server->options.access_log)
        wok__access_log_peer(connection); /* a connection that was reset no longer knows it */
    name_request(slot->exchange);
    if (!keep_alive)
        connection->closing = true;
    connection->since_ns = connection->now_ns;
    connection->body_ns = 0;
    wok__counter_up(&wok__local(connection->server)->counters.started);
    return slot;
}

/* False: there is none, and the exchange has been answered. */
static bool find_handler(const wok_http_server *server, struct wok_http_exchange *exchange)
{
    if (exchange->handler == NULL)
        exchange->handler = wok__router_find(server->router, exchange);
    return exchange->handler != NULL;
}

static void start(struct wok__connection *connection)
{
    wok_http_server *server = connection->server;
    struct wok__work *work = connection->work;
    struct wok__slot_of_pipeline *slot = push(connection, work->decoder.keep_alive);
    struct wok_http_exchange *exchange = slot->exchange;
    struct request_args args = {exchange};

    exchange->request.body = (wok_slice){exchange->body.data, exchange->body.size};
    if (exchange->status != 0)
        return; /* refused with its head; the body has been skipped */
    if (!find_handler(server, exchange))
        return;
    if (wok__overload_shed(exchange, true, connection->now_ns))
        return;
    wok__exchange_ref(exchange);
    slot->join = wok_spawn_inline_raw(&request_site, &args);
}

/* ---- parsing -------------------------------------------------------------------------------------- */

static bool begin(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;

    work->incoming = wok__exchange_new(connection->server);
    if (work->incoming == NULL) {
        connection->gone = true; /* nothing can be answered without memory */
        return false;
    }
    work->incoming->context = connection->server->options.context;
    work->incoming->encrypted = connection->transport.tls != NULL;
    wok__h1_decoder_begin(&work->decoder, &connection->server->limits, &work->incoming->request);
    work->in_head = true;
    work->message_begin = work->parsed;
    connection->since_ns = connection->now_ns;
    connection->body_ns = 0;
    return true;
}

static void head_received(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;
    struct wok_http_exchange *exchange = work->incoming;
    struct wok__h1_decoder *decoder = &work->decoder;
    bool refused;

    work->in_head = false;
    exchange->keep_alive = decoder->keep_alive;
    exchange->head_request = exchange->request.method == WOK_HTTP_HEAD;
    exchange->receives_body = decoder->has_body;
    if (wok__exchange_own_head(exchange, work->parsed - work->message_begin) < 0) {
        wok__connection_refuse(connection, 503, "there is no memory for the request");
        return; /* its head is within a limit of its own */
    }
    if (decoder->status != 0) {
        wok_http_problem(exchange, decoder->status, "%s", decoder->detail);
        exchange->receives_body = false;
    }
    if (!decoder->has_body)
        return;
    /* The body of a request that is refused is thrown away as it comes. */
    refused = decoder->status == 0 && (!find_handler(connection->server, exchange) ||
                                       wok__overload_shed(exchange, false, connection->now_ns));
    if (refused)
        exchange->receives_body = false;
    connection->body_ns = connection->received_ns = connection->now_ns;
    work->wants_continue = decoder->expects_continue && work->parsed == work->input.size;
    /* A body that nobody wants is not asked for; whether it comes all the same cannot be known, and
     * with that where the next request would begin. */
    if (work->wants_continue && refused) {
        work->wants_continue = false;
        push(connection, false);
    }
}

static void body_received(struct wok__connection *connection, wok_slice body)
{
    struct wok_http_exchange *exchange = connection->work->incoming;

    connection->work->wants_continue = false;
    if (!exchange->receives_body || wok__bytes_append(&exchange->body, body.data, body.size) == 0)
        return;
    if (exchange->allowance.exceeded)
        wok__connection_refuse(connection, 413,
                               "The body is larger than what one request may hold in memory.");
    else
        wok__connection_refuse(connection, 503, "there is no memory for the body");
}

/* Of a message that is refused before its head is complete: does it ask for a head only? */
static bool begins_with_head(const struct wok__work *work)
{
    static const char method[] = "HEAD ";
    size_t line = work->message_begin + work->decoder.head_start, size = sizeof method - 1;

    return work->parsed >= line + size && memcmp(work->input.data + line, method, size) == 0;
}

void wok__connection_refuse(struct wok__connection *connection, int status, const char *detail)
{
    struct wok__work *work = connection->work;
    struct wok_http_exchange *exchange = work->incoming;

    if (exchange == NULL)
        return;
    if (work->in_head) {
        /* The head is not complete, and what the request points to is the connection's. */
        if (exchange->request.method_name.size == 0)
            exchange->request.method = WOK_HTTP_OTHER;
        exchange->request.method_name = wok_http_method_name(exchange->request.method);
        exchange->request.target = exchange->request.path = (wok_slice){"", 0};
        exchange->request.header_count = 0;
        exchange->head_request = begins_with_head(work);
        memset(exchange->request.known, 0, sizeof exchange->request.known);
    }
    work->wants_continue = work->in_head = false;
    push(connection, false);
    wok_http_problem(exchange, status, "%s", detail);
}

void wok__connection_answer_in_clear(struct wok__connection *connection)
{
    struct wok__tls *tls = WOK_TAKE(connection->transport.tls);
    struct wok__work *work = wok__work_new(connection->server);

    connection->work = work;
    if (work == NULL || !begin(connection)) {
        connection->gone = connection->closing = true;
    } else {
        /* The method alone, which says whether a body is due; the rest is thrown away unread. */
        (void)wok__bytes_append(&work->input, tls->first, tls->first_size);
        work->parsed = work->input.size;
        wok__connection_refuse(connection, 400, "this port speaks TLS; ask it by https://");
    }
    wok__tls_free(tls);
}

bool wok__connection_forget_blank_lines(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;

    if (!work->in_head || work->decoder.phase != WOK__H1_IN_BLANK_LINES)
        return false;
    work->in_head = false;
    wok__exchange_unref(WOK_TAKE(work->incoming));
    if (work->first == work->last && wok__work_unsent(work) == 0)
        connection->closing = true;
    return true;
}

/* Everything received has been parsed, and the client sends no more. */
static void end_parsing(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;

    if (work->incoming != NULL && !wok__h1_decoder_finish(&work->decoder))
        wok__connection_refuse(connection, work->decoder.status, work->decoder.detail);
    connection->closing = true;
}

static void parse(struct wok__connection *connection, wok_cx *cx)
{
    struct wok__work *work = connection->work;

    while (wok__connection_has_room(connection) && !connection->gone) {
        enum wok__h1_event event;
        if (work->incoming == NULL && (work->parsed == work->input.size || !begin(connection)))
            return;
        event = wok__h1_decoder_feed(&work->decoder, work->input.data + work->parsed,
                                     work->input.size - work->parsed);
        work->parsed += work->decoder.consumed;
        switch (event) {
        case WOK__H1_NEED_MORE:
            return;
        case WOK__H1_HEAD:
            head_received(connection);
            break;
        case WOK__H1_BODY:
            body_received(connection, work->decoder.body);
            break;
        case WOK__H1_COMPLETE:
            start(connection);
            /* At once, so that the limit of the output holds from one request to the next. */
            (void)wok__connection_collect(connection, cx);
            break;
        case WOK__H1_ERROR:
            wok__connection_refuse(connection, work->decoder.status, work->decoder.detail);
            break;
        }
    }
}

void wok__connection_parse(struct wok__connection *connection, wok_cx *cx)
{
    const struct wok__work *work = connection->work;

    parse(connection, cx);
    if (connection->half_closed && !connection->closing && work->parsed == work->input.size)
        end_parsing(connection);
}

/* ---- answers --------------------------------------------------------------------------------------- */

/* Apart from those who call them: a line is four kilobytes of stack. */
__attribute__((noinline)) static void log_panic(struct wok_http_exchange *exchange,
                                                const wok_join_error *error)
{
    static struct wok__log_site site = WOK__LOG_SITE(WOK__LOG_ERROR, "the handler panicked");
    struct wok__log_line line;

    if (!wok__log_begin(&line, &site))
        return;
    wok__log_request(&line, exchange);
    wok__log_string(&line, "reason", error->message);
    wok__log_string(&line, "file", error->file);
    wok__log_number(&line, "line", (uint64_t)error->line);
    wok__log_end(&line, &site);
}

/* The drain's grace is over. */
__attribute__((noinline)) static void log_given_up(struct wok_http_exchange *exchange,
                                                   wok_duration elapsed)
{
    static struct wok__log_site site =
        WOK__LOG_SITE_OF(WOK__LOG_WARN, 100, "gave up a request at the end of the grace");
    struct wok__log_line line;

    if (!wok__log_begin(&line, &site))
        return;
    wok__log_request(&line, exchange);
    wok__log_ms(&line, "ms", elapsed);
    wok__log_end(&line, &site);
}

/* The task of a request did not return: the answer says why. */
static void explain(struct wok__connection *connection, struct wok__slot_of_pipeline *slot,
                    const wok_join_error *error)
{
    struct wok_http_exchange *exchange = slot->exchange;

    switch (error->outcome) {
    case WOK_PANICKED:
        log_panic(exchange, error);
        wok_http_problem(exchange, 500, "the handler panicked: %s", error->message);
        break;
    case WOK_CANCELLED:
        if (slot->timed_out)
            wok_http_problem(
                exchange, 504, "the request was not done within %llu ms",
                (unsigned long long)(connection->server->options.request_timeout.ns / 1000000));
        else
            wok__answer_busy(exchange, "the request was given up: the server is stopping");
        break;
    default:
        wok__answer_busy(exchange, "the request could not be started: %s", error->message);
        break;
    }
}

/* Every answer but the last one of a connection that the drain closes keeps it open. */
static bool keeps_alive(const struct wok__connection *connection,
                        const struct wok__slot_of_pipeline *slot)
{
    const struct wok__work *work = connection->work;

    if (!slot->keep_alive)
        return false;
    return wok__server_drain(connection->server) == 0 || work->last - work->first > 1 ||
           work->incoming != NULL || work->parsed != work->input.size;
}

static void begin_answer(struct wok__connection *connection, struct wok__slot_of_pipeline *slot)
{
    struct wok__work *work = connection->work;
    bool keep_alive = keeps_alive(connection, slot);

    slot->begun = true;
    if (!keep_alive)
        connection->closing = true;
    wok__work_compact_output(work);
    if (!connection->gone &&
        wok__exchange_encode(slot->exchange, keep_alive, wok__local_date(connection->server),
                             &work->output) < 0)
        connection->gone = true;
}

/* The rest of an answer cannot be written (S2 of stream.c). */
static void cut_off(struct wok__connection *connection)
{
    connection->gone = connection->closing = connection->cut = true;
    wok__connection_abort_requests(connection);
}

/* Has the stream of an answer write as much as is soon to be sent; true: nothing is left to be written. */
static bool write_on(struct wok__connection *connection, struct wok_http_exchange *exchange,
                     wok_cx *cx, bool *ret_moved)
{
    struct wok__work *work = connection->work;
    uint32_t before = exchange->gzip.size;

    while (!connection->gone && wok__exchange_is_unwritten(exchange)) {
        if (wok__work_unsent(work) >= STREAM_AHEAD)
            return false;
        if (work->compressed >= COMPRESSED_MAX) {
            wok_cx_yield(cx);
            return false;
        }
        wok__work_compact_output(work);
        if (wok__exchange_encode_more(exchange, &work->output) < 0)
            cut_off(connection);
        work->compressed += exchange->gzip.size - before;
        before = exchange->gzip.size;
        *ret_moved = true;
    }
    return true;
}

static void count_answer(wok_http_server *server, const struct wok_http_exchange *exchange)
{
    struct wok__server_local *local = wok__local(server);

    wok__counter_up(&local->counters.by_class[exchange->status / 100 % 6]);
    wok__traffic_count(&local->traffic[exchange->route_index], exchange->request.method,
                       exchange->status,
                       wok_elapsed(exchange->started).ns); /* a handler may have run in this wake */
}

static void end_answer(struct wok__connection *connection, struct wok__slot_of_pipeline *slot)
{
    wok_http_server *server = connection->server;
    struct wok__work *work = connection->work;
    struct wok_http_exchange *exchange = slot->exchange;

    wok__counter_up(&wok__local(server)->counters.finished);
    if (exchange->status == 0)
        exchange->status = 200; /* a handler that returned without a status */
    if (connection->gone)       /* nobody was answered, whatever the status would have been */
        wok__counter_up(&wok__local(server)->counters.client_gone);
    else
        count_answer(server, exchange);
    if (server->options.access_log)
        wok__access_log(connection, exchange);
    connection->served = true;
    if (work->incoming == NULL) /* a head that is being received keeps its deadline */
        connection->since_ns = connection->now_ns;
    wok__exchange_unref(exchange);
    work->first++;
}

bool wok__connection_collect(struct wok__connection *connection, wok_cx *cx)
{
    struct wok__work *work = connection->work;
    bool any = false;

    while (work->first != work->last &&
           (connection->gone || wok__work_unsent(work) < MADE_SHARE * pending_max(connection))) {
        struct wok__slot_of_pipeline *slot = wok__work_slot(work, work->first);
        wok_join_error error;
        if (slot->join.task != NULL) {
            int code = wok_join_poll(&slot->join, cx, NULL, &error);
            if (code == WOK_PENDING)
                break;
            if (code < 0)
                explain(connection, slot, &error);
        }
        if (!slot->begun) {
            begin_answer(connection, slot);
            any = true;
        }
        if (!write_on(connection, slot->exchange, cx, &any))
            break;
        end_answer(connection, slot);
        any = true;
    }
    if (work->wants_continue && work->first == work->last) {
        wok_slice line = WOK__H1_CONTINUE;
        work->wants_continue = false;
        connection->body_ns = connection->received_ns = connection->now_ns;
        if (wok__bytes_append(&work->output, line.data, line.size) < 0)
            connection->gone = true;
    }
    return any;
}

void wok__connection_abort_requests(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;

    for (uint32_t at = work->first; at != work->last; at++)
        wok_join_abort(&wok__work_slot(work, at)->join);
}

void wok__connection_give_up_requests(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;

    for (uint32_t at = work->first; at != work->last; at++) {
        struct wok__slot_of_pipeline *slot = wok__work_slot(work, at);
        struct wok_http_exchange *exchange = slot->exchange;
        if (slot->given_up || (slot->join.task == NULL && !wok__exchange_is_unwritten(exchange)))
            continue;
        slot->given_up = true;
        log_given_up(exchange, wok_ns(connection->now_ns - exchange->started.ns));
        if (slot->join.task != NULL)
            wok_join_abort(&slot->join);
    }
}

void wok__connection_drop_requests(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;

    for (; work->first != work->last; work->first++) {
        struct wok__slot_of_pipeline *slot = wok__work_slot(work, work->first);
        wok_join_abort(&slot->join);
        wok_join_drop(&slot->join);
        wok__exchange_unref(slot->exchange);
        wok__counter_up(&wok__local(connection->server)->counters.finished);
    }
}
