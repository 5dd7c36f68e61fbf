/*
 * compress.c - gzip for large answers.
 *
 * It is work for the processor: 4 us for each KiB (zlib's level 1, an EPYC of two cores), so an answer of a
 * megabyte would keep its worker for 5 ms.  It is done in slices of 32 KiB, between which the task
 * yields: others wait for one slice, an eighth of a millisecond.  docs/decisions/0049-gzip.md has the
 * alternatives.
 *
 * Invariants
 *   Z1  a compressor (268 KiB) belongs to one task, to a worker's list, or to nobody any more.
 *   Z2  `compressing` of the server counts those that belong to tasks, and is at most four for each
 *       worker: answers beyond that go as they are.
 *   Z3  the body is replaced when all of it is compressed, and became smaller; until then an abort, a
 *       panic or a lack of memory leaves it as it was.
 */
#include "conn/compress.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include <wok/task.h>

#include "conn/server.h"
#include "http/encoding.h"
#include "http/headers.h"
#include "http/status.h"

enum {
    LEVEL = 1,        /* level 6 takes three times as long for an eighth less */
    WINDOW_GZIP = 31, /* 32 KiB, with the header of gzip */
    MEMORY_LEVEL = 8, /* 268 KiB with this window */
    SLICE = 32 << 10,
    ROOM_LEAST = 2048, /* of output at a time */
    KEPT = 2,          /* by each worker */
    PER_WORKER = 4,    /* at work */
    STREAMED_MOST =
        16 << 10, /* as gzip, since that is held whole; beyond it a stream goes as it is */
};

struct compressor {
    struct compressor *next; /* in a worker's list */
    z_stream stream;
};

/* ---- compressors ---------------------------------------------------------------------------------- */

static void compressor_free(struct compressor *compressor)
{
    (void)deflateEnd(&compressor->stream);
    free(compressor);
}

void wok__compressors_free(void *first)
{
    while (first != NULL) {
        struct compressor *compressor = first;
        first = compressor->next;
        compressor_free(compressor);
    }
}

static struct compressor *compressor_new(void)
{
    struct compressor *compressor = calloc(1, sizeof *compressor);

    if (compressor != NULL && deflateInit2(&compressor->stream, LEVEL, Z_DEFLATED, WINDOW_GZIP,
                                           MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(compressor);
        compressor = NULL;
    }
    return compressor;
}

/* What a task holds while it compresses. */
struct work {
    wok_http_server *server;
    struct wok_http_exchange *exchange;
    uint64_t left;   /* of the body, not given to the compressor yet */
    size_t unbroken; /* what it was given since the task yielded */
    struct compressor *compressor;
    struct wok__bytes out;
};

static void work_done(struct work *work)
{
    struct compressor *compressor = work->compressor;
    struct wok__server_local *local = wok__local(work->server);

    wok__bytes_reset(&work->out);
    fetch_sub_relaxed(&work->server->compressing, 1);
    if (compressor == NULL)
        return;
    if (wok_worker_index() < 0 || local->compressor_count >= KEPT) {
        compressor_free(compressor);
        return;
    }
    compressor->next = local->compressors;
    local->compressors = compressor;
    local->compressor_count++;
}

/* False: as many are at work as may, or there is no memory for one more. */
static bool work_begin(struct work *work)
{
    struct wok__server_local *local = wok__local(work->server);

    if (fetch_add_relaxed(&work->server->compressing, 1) >= PER_WORKER * work->server->local_count)
        return false;
    if (local->compressors == NULL) {
        work->compressor = compressor_new();
        return work->compressor != NULL;
    }
    work->compressor = local->compressors;
    local->compressors = work->compressor->next;
    local->compressor_count--;
    return deflateReset(&work->compressor->stream) == Z_OK;
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

static uint64_t body_size(const struct wok_http_exchange *exchange)
{
    return exchange->stream.vtable != NULL ? exchange->stream.body_bytes : exchange->out.size;
}

/* Gives the compressor the next part of the body; false: there is none. */
static bool feed(struct work *work)
{
    struct wok__bytes *body = &work->exchange->out;
    z_stream *stream = &work->compressor->stream;
    size_t slice;

    if (work->unbroken >= SLICE) {
        work->unbroken = 0;
        if (wok_yield() < 0)
            return false; /* aborted: nobody is there to have it */
    }
    if (work->exchange->stream.vtable != NULL) {
        if (wok__exchange_pull(work->exchange, &work->left) < 0)
            return false;
        slice = body->size;
        stream->next_in = (Bytef *)body->data;
    } else {
        slice = work->left < SLICE ? work->left : SLICE;
        stream->next_in = (Bytef *)(body->data + (body->size - work->left));
        work->left -= slice;
    }
    stream->avail_in = (uInt)slice;
    work->unbroken += slice;
    return true;
}

/* All of the body into work->out; false: it does not become smaller, or something is in the way. */
static bool compress_body(struct work *work)
{
    z_stream *stream = &work->compressor->stream;
    uint64_t most = body_size(work->exchange);
    int code = Z_OK;

    work->left = most;
    if (work->exchange->stream.vtable != NULL && most > STREAMED_MOST)
        most = STREAMED_MOST;
    stream->avail_in = 0;
    while (code == Z_OK) {
        char *room = wok__bytes_reserve(&work->out, ROOM_LEAST);
        size_t capacity = work->out.capacity - work->out.size;
        if (room == NULL || work->out.size >= most)
            return false;
        if (stream->avail_in == 0 && work->left > 0 && !feed(work))
            return false;
        stream->next_out = (Bytef *)room;
        stream->avail_out = (uInt)capacity;
        code = deflate(stream, work->left == 0 ? Z_FINISH : Z_NO_FLUSH);
        work->out.size += capacity - stream->avail_out;
    }
    return code == Z_STREAM_END && work->out.size < most;
}

/* What was taken from a stream is written again, as it is. */
static void begin_again(struct wok_http_exchange *exchange)
{
    if (exchange->stream.vtable == NULL)
        return;
    exchange->no_memory = false;
    wok__bytes_reset(&exchange->out);
    exchange->stream.vtable->rewind(exchange->stream.state);
}

static void compress_now(struct wok_http_exchange *exchange)
{
    WOK_CLEANUP(work_done)
    struct work work = {.server = exchange->server,
                        .exchange = exchange,
                        .out = {.allowance = &exchange->allowance}};
    struct wok__bytes *body = &exchange->out;

    if (!work_begin(&work))
        return;
    if (!compress_body(&work)) {
        begin_again(exchange);
        return;
    }
    wok__exchange_drop_stream(exchange);
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
    if (wanted != WOK__ENCODING_IDENTITY)
        compress_now(exchange);
}
