/*
 * gzip.c - compressors, and a gzip file that is written piece by piece.
 *
 * A compressor has 268 KiB, too much to be kept by each client that reads slowly.  So it is lent for a piece: deflate
 * can be cut at a byte (Z_SYNC_FLUSH) and go on with a compressor that knows nothing of what was before; the file around it,
 * its header, checksum and size, is written here, and between two pieces only those are kept.  A piece costs five
 * bytes more for the cut, and what the text before it would have been good for.
 *
 * Invariants
 *   Z1  a compressor belongs to one task, to a worker's list, or to nobody any more.
 *   Z2  whoever takes one begins with an empty history, and gives it back where a piece ends; so no piece refers
 *       to bytes of another one.
 */
#include "conn/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include <wok/task.h>

#include "conn/server.h"

enum {
    LEVEL = 1,         /* level 6 takes three times as long for an eighth less */
    WINDOW_RAW = -15,  /* 32 KiB; without header and trailer, which are ours */
    MEMORY_LEVEL = 8,  /* 268 KiB with this window */
    ROOM_LEAST = 2048, /* of output at a time */
    KEPT = 2,          /* by each worker */
};

struct wok__compressor {
    struct wok__compressor *next; /* in a worker's list */
    z_stream stream;
};

/* ---- compressors ---------------------------------------------------------------------------------- */

static void compressor_free(struct wok__compressor *compressor)
{
    (void)deflateEnd(&compressor->stream);
    free(compressor);
}

void wok__compressors_free(void *first)
{
    while (first != NULL) {
        struct wok__compressor *compressor = first;
        first = compressor->next;
        compressor_free(compressor);
    }
}

static struct wok__compressor *compressor_new(void)
{
    struct wok__compressor *compressor = calloc(1, sizeof *compressor);

    if (compressor != NULL && deflateInit2(&compressor->stream, LEVEL, Z_DEFLATED, WINDOW_RAW,
                                           MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(compressor);
        compressor = NULL;
    }
    return compressor;
}

struct wok__compressor *wok__compressor_take(wok_http_server *server)
{
    struct wok__server_local *local = wok__local(server);
    struct wok__compressor *compressor = local->compressors;

    if (compressor == NULL)
        return compressor_new();
    local->compressors = compressor->next;
    local->compressor_count--;
    (void)deflateReset(&compressor->stream); /* fails for what is no stream only */
    return compressor;
}

void wok__compressor_give(wok_http_server *server, struct wok__compressor *compressor)
{
    struct wok__server_local *local = wok__local(server);

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

/* ---- the file ------------------------------------------------------------------------------------- */

/* RFC 1952: deflate; no name, no time; the fastest level; Unix. */
static const char header[] = "\x1f\x8b\x08\0\0\0\0\0\x04\x03";

static void put_32(char *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(number >> 8 * i & 0xff);
}

static int put_trailer(const struct wok__gzip *gzip, struct wok__bytes *output)
{
    char trailer[8];

    put_32(trailer, gzip->crc);
    put_32(trailer + 4, gzip->size);
    return wok__bytes_append(output, trailer, sizeof trailer);
}

/* All that is in the compressor's input, and as much as `flush` says of what it holds. */
static int deflate_all(z_stream *stream, int flush, struct wok__bytes *output)
{
    do {
        char *room = wok__bytes_reserve(output, ROOM_LEAST);
        size_t capacity = output->capacity - output->size;
        if (room == NULL)
            return -ENOMEM;
        stream->next_out = (Bytef *)room;
        stream->avail_out = (uInt)capacity;
        if (deflate(stream, flush) == Z_STREAM_ERROR)
            return -EIO;
        output->size += capacity - stream->avail_out;
    } while (stream->avail_out == 0); /* it may hold more */
    return 0;
}

int wok__gzip_add(struct wok__gzip *gzip, struct wok__compressor *compressor, wok_slice text,
                  enum wok__gzip_end end, struct wok__bytes *output)
{
    static const int flushes[] = {
        [WOK__GZIP_GOES_ON] = Z_NO_FLUSH,
        [WOK__GZIP_CUT] = Z_SYNC_FLUSH,
        [WOK__GZIP_LAST] = Z_FINISH,
    };
    int code = 0;

    if (!gzip->begun)
        code = wok__bytes_append(output, header, sizeof header - 1);
    gzip->begun = true;
    gzip->crc = (uint32_t)crc32(gzip->crc, (const Bytef *)text.data, (uInt)text.size);
    gzip->size += (uint32_t)text.size; /* modulo 2^32, as the format has it */
    compressor->stream.next_in = (Bytef *)(uintptr_t)text.data;
    compressor->stream.avail_in = (uInt)text.size;
    if (code == 0)
        code = deflate_all(&compressor->stream, flushes[end], output);
    if (code == 0 && end == WOK__GZIP_LAST)
        code = put_trailer(gzip, output);
    return code;
}
