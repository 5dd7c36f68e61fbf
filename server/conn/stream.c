/*
 * stream.c - bodies that are written while the client takes them.
 *
 * A whole answer of a hundred kilobytes would lie in memory for as long as its client does not read.  So a
 * handler may leave behind what the answer is made from, which is less, and its length.  The rest needs
 * no task, no wait and no lock: whenever little is left to be sent, the connection has a piece written,
 * in its own task, into the exchange's buffer, and moves it to the output.
 *
 * Invariants
 *   S1  where the head has told a length, `stream_left` bytes of it are still to be written, and no byte more will be.
 *   S2  an answer of which bytes are missing is never ended in an orderly way: the connection is reset.
 *
 * Compressed it is a gzip file of pieces, each with its own history (gzip.c), so that nothing but a checksum is
 * kept between two; and each is a chunk, as nobody knows how large they become.  A client of HTTP/1.0 gets it as it is.
 *
 * Why not a parked task that is woken for each piece: its stack is more than most pieces, and it would have
 * to be told of resets, deadlines and the drain.  Why not chunked always: 1.0 does not know it, HEAD would lose the
 * length, and to count what is going to be written costs less than to send it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conn/gzip.h"

enum { CHUNK_LINE = 8 }; /* before a chunk: its size in hexadecimal digits, and the line's end */

void wok_http_response_stream(wok_http_exchange *exchange, const wok_http_stream *stream)
{
    wok__exchange_drop_stream(exchange);
    wok__bytes_reset(&exchange->out);
    exchange->stream = *stream;
}

void wok__exchange_drop_stream(struct wok_http_exchange *exchange)
{
    wok_http_stream stream = exchange->stream;

    exchange->stream = (wok_http_stream){.vtable = NULL};
    if (stream.vtable != NULL && stream.vtable->drop != NULL)
        stream.vtable->drop(stream.state);
}

/* Has the stream write a piece into `out`, which is emptied first: 0, or -EIO where it wrote nothing. */
static int pull(struct wok_http_exchange *exchange)
{
    exchange->out.size = 0;
    exchange->stream_ended = !exchange->stream.vtable->next(exchange->stream.state, exchange);
    return exchange->no_memory || exchange->out.size == 0 ? -EIO : 0;
}

void wok__exchange_measure(struct wok_http_exchange *exchange)
{
    if (exchange->stream.vtable != NULL && !exchange->gzipped)
        exchange->stream_left = exchange->stream.vtable->length(exchange->stream.state);
}

static int encode_plain(struct wok_http_exchange *exchange, struct wok__bytes *output)
{
    int code = pull(exchange);

    if (code < 0)
        return code;
    if (exchange->out.size > exchange->stream_left)
        return -EIO; /* S1 */
    exchange->stream_left -= exchange->out.size;
    if (exchange->stream_ended != (exchange->stream_left == 0))
        return -EIO;
    return wok__bytes_append(output, exchange->out.data, exchange->out.size);
}

/* ---- gzip, a chunk for each piece ------------------------------------------------------------------- */

/* The line in front of what has been written since `begin`, and the end behind it. */
static int put_chunk(struct wok__bytes *output, size_t begin, bool last)
{
    char line[CHUNK_LINE + 1];
    char *chunk = output->data + begin;
    size_t size = output->size - begin - CHUNK_LINE;
    int length = snprintf(line, sizeof line, "%zx\r\n", size);

    if (length > CHUNK_LINE)
        return -EIO; /* no stream writes 16 MiB at a time */
    memcpy(chunk, line, (size_t)length);
    memmove(chunk + length, chunk + CHUNK_LINE, size);
    output->size = begin + (size_t)length + size;
    return last ? wok__bytes_append(output, "\r\n0\r\n\r\n", 7)
                : wok__bytes_append(output, "\r\n", 2);
}

static int deflate_piece(struct wok_http_exchange *exchange, struct wok__compressor *compressor,
                         struct wok__bytes *output)
{
    uint32_t begin = exchange->gzip.size;
    enum wok__gzip_end end;
    int code;

    do {
        if ((code = pull(exchange)) < 0)
            return code;
        end = exchange->stream_ended ? WOK__GZIP_LAST
              : exchange->gzip.size - begin + exchange->out.size >= WOK__GZIP_PIECE
                  ? WOK__GZIP_CUT
                  : WOK__GZIP_GOES_ON;
        code = wok__gzip_add(&exchange->gzip, compressor,
                             (wok_slice){exchange->out.data, exchange->out.size}, end, output);
    } while (code == 0 && end == WOK__GZIP_GOES_ON);
    return code;
}

static int encode_gzip(struct wok_http_exchange *exchange, struct wok__bytes *output)
{
    struct wok__compressor *compressor = wok__compressor_take(exchange->server);
    size_t begin = output->size;
    int code = -ENOMEM;

    if (compressor != NULL && wok__bytes_reserve(output, CHUNK_LINE) != NULL) {
        output->size += CHUNK_LINE;
        code = deflate_piece(exchange, compressor, output);
    }
    wok__compressor_give(exchange->server, compressor);
    return code == 0 ? put_chunk(output, begin, exchange->stream_ended) : code;
}

int wok__exchange_encode_more(struct wok_http_exchange *exchange, struct wok__bytes *output)
{
    size_t before = output->size;
    int code = exchange->gzipped ? encode_gzip(exchange, output) : encode_plain(exchange, output);

    exchange->body_sent += output->size - before;
    wok__bytes_reset(&exchange->out); /* until the next one it is the output that holds a piece */
    return code;
}
