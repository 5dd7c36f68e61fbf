/*
 * compress.c - gzip for large answers: whether, and all of one that is there as a whole.
 *
 * It is work for the processor: 4 us for each KiB (zlib's level 1, an EPYC of two cores), so an answer of a
 * megabyte would keep its worker for 5 ms.  It is done in slices of 32 KiB, between which the task
 * yields: others wait for one slice, an eighth of a millisecond.  docs/decisions/0049-gzip.md has the
 * alternatives.  A stream is compressed while it is written: stream.c.
 *
 * Invariants
 *   C1  `compressing` of the server counts the tasks that have a compressor, and is at most four for each
 *       worker: answers beyond that go as they are.
 *   C2  the body is replaced when all of it is compressed, and became smaller; until then an abort, a
 *       panic or a lack of memory leaves it as it was.
 */
#include "conn/compress.h"

#include <wok/task.h>

#include "conn/gzip.h"
#include "conn/server.h"
#include "http/encoding.h"
#include "http/headers.h"
#include "http/origin.h"
#include "http/status.h"

enum {
    SLICE = 32 << 10,
    PER_WORKER = 4,          /* at work */
    STREAM_LEAST = 16 << 10, /* a handler streams no less, about */
};

/* What a task holds while it compresses. */
struct work {
    wok_http_server *server;
    struct wok__compressor *compressor;
    struct wok__gzip gzip;
    struct wok__bytes out;
};

static void work_done(struct work *work)
{
    wok__bytes_reset(&work->out);
    fetch_sub_relaxed(&work->server->compressing, 1);
    wok__compressor_give(work->server, work->compressor);
}

/* False: as many are at work as may, or there is no memory for one more. */
static bool work_begin(struct work *work)
{
    if (fetch_add_relaxed(&work->server->compressing, 1) >= PER_WORKER * work->server->local_count)
        return false;
    work->compressor = wok__compressor_take(work->server);
    return work->compressor != NULL;
}

/* ---- one answer ----------------------------------------------------------------------------------- */

static const wok_http_field *find_field(const struct wok_http_exchange *exchange, wok_slice name)
{
    for (size_t i = 0; i < exchange->field_count; i++) {
        if (wok__equal_ignoring_case(exchange->fields[i].name, name))
            return &exchange->fields[i];
    }
    return NULL;
}

/* A handler may have encoded the body itself, or forbidden it, or named these very bytes. */
static bool may_change(const struct wok_http_exchange *exchange)
{
    const wok_http_field *control = find_field(exchange, WOK_SLICE("cache-control"));
    wok_slice list, directive;

    if (find_field(exchange, WOK_SLICE("content-encoding")) != NULL ||
        find_field(exchange, WOK_SLICE("content-range")) != NULL ||
        find_field(exchange, WOK_SLICE("etag")) != NULL)
        return false;
    for (list = control != NULL ? control->value : (wok_slice){NULL, 0};
         wok__list_next(&list, &directive);) {
        if (wok__equal_ignoring_case(directive, WOK_SLICE("no-transform")))
            return false;
    }
    return true;
}

/* A stream is large, but whoever sets the least size that high has it asked. */
static uint64_t body_size(const struct wok_http_exchange *exchange)
{
    if (exchange->stream.vtable == NULL)
        return exchange->out.size;
    if (exchange->server->options.compress_bytes_min <= STREAM_LEAST)
        return UINT64_MAX;
    return exchange->stream.vtable->length(exchange->stream.state);
}

/* All of the body into work->out; false: it does not become smaller, or something is in the way. */
static bool compress_body(struct work *work, wok_slice body)
{
    size_t most = body.size;

    while (body.size > SLICE) {
        if (wok__gzip_add(&work->gzip, work->compressor, (wok_slice){body.data, SLICE},
                          WOK__GZIP_GOES_ON, &work->out) < 0 ||
            work->out.size >= most || wok_yield() < 0)
            return false; /* aborted: nobody is there to have it */
        body = (wok_slice){body.data + SLICE, body.size - SLICE};
    }
    return wok__gzip_add(&work->gzip, work->compressor, body, WOK__GZIP_LAST, &work->out) == 0 &&
           work->out.size < most;
}

static void compress_now(struct wok_http_exchange *exchange)
{
    WOK_CLEANUP(work_done)
    struct work work = {.server = exchange->server, .out = {.allowance = &exchange->allowance}};
    struct wok__bytes *body = &exchange->out;

    if (!work_begin(&work) || !compress_body(&work, (wok_slice){body->data, body->size}))
        return;
    wok__bytes_reset(body);
    body->data = work.out.data;
    body->size = work.out.size;
    body->capacity = work.out.capacity;
    work.out.data = NULL;
    exchange->gzipped = true;
}

void wok__exchange_compress(struct wok_http_exchange *exchange)
{
    const wok_http_server_options *options = &exchange->server->options;
    int status = exchange->status != 0 ? exchange->status : 200;
    uint64_t size = body_size(exchange);
    enum wok__encoding wanted;

    if (!options->compress || size == 0 || exchange->no_memory || exchange->content_type == NULL ||
        !wok__status_has_body(status) || status == 206)
        return;
    if (!wok__type_is_text(wok_slice_of(exchange->content_type)) || !may_change(exchange))
        return;
    wanted = wok__encoding_wanted(&exchange->request);
    if (size < options->compress_bytes_min && wanted != WOK__ENCODING_GZIP_ONLY)
        return; /* whoever asks gets it so, as good as always */
    exchange->varies = true;
    if (wanted == WOK__ENCODING_IDENTITY || wok__request_is_from_elsewhere(&exchange->request))
        return;
    if (exchange->stream.vtable == NULL)
        compress_now(exchange);
    else
        exchange->gzipped = exchange->request.version == WOK_HTTP_1_1; /* 1.0 knows no chunks */
}
