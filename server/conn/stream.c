/*
 * stream.c - bodies that are written while the client takes them.
 *
 * A whole answer of a hundred kilobytes would lie in memory for as long as its client does not read.  So a
 * handler may leave behind what the answer is made from, which is less, and its length.  The rest needs
 * no task, no wait and no lock: whenever little is left to be sent, the connection has a piece written,
 * in its own task, into the exchange's buffer, and moves it to the output.
 *
 * Invariants
 *   S1  the head said `body_bytes`; `body_sent` of them are at the output, and no byte more will be.
 *   S2  an answer of which bytes are missing is never ended in an orderly way: the connection is reset.
 *
 * Why not a parked task that is woken for each piece: its stack is more than most pieces, and it would have
 * to be told of resets, deadlines and the drain.  Why not chunked: 1.0 does not know it, HEAD would lose the
 * length, and to count what is going to be written costs less than to send it.
 */
#include <errno.h>

#include "conn/exchange.h"

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

int wok__exchange_pull(struct wok_http_exchange *exchange, uint64_t *left)
{
    exchange->out.size = 0;
    exchange->stream.vtable->next(exchange->stream.state, exchange);
    if (exchange->no_memory || exchange->out.size == 0 || exchange->out.size > *left)
        return -EIO;
    *left -= exchange->out.size;
    return 0;
}

uint64_t wok__exchange_unwritten(const struct wok_http_exchange *exchange)
{
    return exchange->stream.vtable != NULL ? exchange->stream.body_bytes - exchange->body_sent : 0;
}

int wok__exchange_encode_more(struct wok_http_exchange *exchange, struct wok__bytes *output)
{
    uint64_t left = wok__exchange_unwritten(exchange);
    int code = wok__exchange_pull(exchange, &left);

    if (code == 0)
        code = wok__bytes_append(output, exchange->out.data, exchange->out.size);
    exchange->body_sent = exchange->stream.body_bytes - left;
    wok__bytes_reset(&exchange->out); /* until the next one it is the output that holds a piece */
    return code;
}
