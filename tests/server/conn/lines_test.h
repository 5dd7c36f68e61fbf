/*
 * lines_test.h - answers that are streams of numbered lines, for the tests of streams.
 */
#ifndef WOK_TESTS_SERVER_CONN_LINES_TEST_H
#define WOK_TESTS_SERVER_CONN_LINES_TEST_H

#include "conn_test.h"

/* A body of numbered lines of ten bytes. */
struct lines {
    unsigned at, count, piece;
    unsigned lies; /* so many less than promised */
};

static unsigned streams_alive, lines_written;

static inline bool lines_next(void *state, wok_http_exchange *exchange)
{
    struct lines *lines = state;

    for (unsigned i = 0; i < lines->piece && lines->at < lines->count - lines->lies; i++) {
        cr_assert_eq(wok_http_response_printf(exchange, "%09u\n", lines->at++), 0);
        lines_written++;
    }
    return lines->at < lines->count;
}

static unsigned lines_measured;

static inline uint64_t lines_length(void *state)
{
    lines_measured++;
    return ((struct lines *)state)->count * UINT64_C(10);
}

static inline void lines_drop(void *state)
{
    streams_alive--;
    free(state);
}

static const wok_http_stream_vtable lines_vtable = {lines_next, lines_length, lines_drop};

static inline void stream_lines(wok_http_exchange *exchange, unsigned count, unsigned lies)
{
    struct lines *lines = malloc(sizeof *lines);

    cr_assert_not_null(lines);
    *lines = (struct lines){.count = count, .piece = 500, .lies = lies};
    streams_alive++;
    wok_http_respond(exchange, 200, "text/plain");
    wok_http_response_stream(
        exchange,
        &(wok_http_stream){.vtable = &lines_vtable, .state = lines, .state_bytes = sizeof *lines});
}

static inline void handle_lines(wok_http_exchange *exchange)
{
    stream_lines(exchange, number_in(wok_http_exchange_request(exchange)->query), 0);
}

static inline void handle_liar(wok_http_exchange *exchange)
{
    stream_lines(exchange, 3000, 1);
}

static inline void handle_panic_behind(wok_http_exchange *exchange)
{
    stream_lines(exchange, 3000, 0);
    wok_panic("after all");
}

#endif
