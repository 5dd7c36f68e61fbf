/*
 * test_gzip.c - gzip files that are written piece by piece, each with a compressor that knows of no other; and
 * the streams that are answered so.
 */
#include "lines_test.h"

#include <errno.h>
#include <zlib.h>

#include "conn/gzip.h"
#include "io/sim.h"
#include "support/seed.h"

/* ---- the file ------------------------------------------------------------------------------------- */

enum { TEXT_MAX = 200000 };

/* Text that repeats what was up to 40,000 bytes before: a piece that referred to another one would be wrong. */
static void make_text(struct wok__rand *rand, char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t back = 1 + wok__rand_below(rand, 40000), length = 1 + wok__rand_below(rand, 300);
        for (size_t i = 0; i < length && at < size; i++, at++)
            text[at] =
                back <= at && length > 20 ? text[at - back] : (char)wok__rand_below(rand, 256);
    }
}

/* What gzip makes of it, which has to be one file to its last byte; its size. */
static size_t gunzip(const char *bytes, size_t size, char *text, size_t capacity)
{
    z_stream inflater = {.next_in = (Bytef *)(uintptr_t)bytes,
                         .avail_in = (uInt)size,
                         .next_out = (Bytef *)text,
                         .avail_out = (uInt)capacity};
    int code;

    cr_assert_eq(inflateInit2(&inflater, 31), Z_OK);
    code = inflate(&inflater, Z_FINISH);
    cr_assert_eq(code, Z_STREAM_END, "%d: %s", code, inflater.msg != NULL ? inflater.msg : "");
    cr_assert_eq(inflater.avail_in, 0);
    cr_assert_eq(inflateEnd(&inflater), Z_OK);
    return inflater.total_out;
}

/* One file, and a second one whose pieces come between its, from the same compressors. */
static void two_files_at_once(struct wok__rand *rand, const char *text, size_t size)
{
    static char back[TEXT_MAX];
    struct wok__gzip gzips[2] = {{.begun = false}, {.begun = false}};
    struct wok__bytes files[2] = {{.data = NULL}, {.data = NULL}};
    size_t at[2] = {0, 0};
    bool ended[2] = {false, false};

    while (!ended[0] || !ended[1]) {
        size_t which = ended[0] ? 1 : ended[1] ? 0 : wok__rand_below(rand, 2);
        struct wok__compressor *compressor = wok__compressor_take(server);
        unsigned parts = 1 + wok__rand_below(rand, 4);
        cr_assert_not_null(compressor);
        for (unsigned part = 1; part <= parts; part++) {
            size_t left = size - at[which], take = wok__rand_below(rand, 30000);
            take = take < left ? take : left;
            ended[which] = part == parts && take == left;
            cr_assert_eq(wok__gzip_add(&gzips[which], compressor,
                                       (wok_slice){text + at[which], take},
                                       ended[which]    ? WOK__GZIP_LAST
                                       : part == parts ? WOK__GZIP_CUT
                                                       : WOK__GZIP_GOES_ON,
                                       &files[which]),
                         0);
            at[which] += take;
        }
        wok__compressor_give(server, compressor);
    }
    for (int which = 0; which < 2; which++) {
        cr_assert_eq(gunzip(files[which].data, files[which].size, back, sizeof back), size);
        cr_assert_eq(memcmp(back, text, size), 0);
        wok__bytes_reset(&files[which]);
    }
}

CONNECTION_TEST(pieces_of_any_size_are_one_file, .drain_delay = {0})
{
    static char text[TEXT_MAX];
    struct wok__rand rand = test_rand();

    for (int round = 0; round < 60; round++) {
        size_t size = round < 3 ? (size_t)round : 1 + wok__rand_below(&rand, TEXT_MAX);
        make_text(&rand, text, size);
        two_files_at_once(&rand, text, size);
    }
}

/* ---- streams as their clients see them -------------------------------------------------------------- */

static void handle_long_liar(wok_http_exchange *exchange)
{
    stream_lines(exchange, 100000, 1);
}

static unsigned written_by_then;

static void handle_when(wok_http_exchange *exchange)
{
    written_by_then = lines_written;
    handle_ok(exchange);
}

static const wok_route own_routes[] = {
    {"GET", "/ok", handle_ok, 0},
    {"GET", "/when", handle_when, 0},
    {"GET", "/lines", handle_lines, 0},
    {"GET", "/liar", handle_long_liar, 0},
    {NULL, NULL, NULL, 0},
};

static void start_own(void)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    options.routes = own_routes;
    cr_assert_eq(wok_http_server_new(&server, &options), 0);
    cr_assert_eq(wok_http_server_listen(server, "127.0.0.1", 0, &port), 0);
}

#define STREAM_TEST(Name_)                                                                         \
    static void stream_##Name_##_body(void);                                                       \
    static void stream_##Name_##_run(void)                                                         \
    {                                                                                              \
        start_own();                                                                               \
        stream_##Name_##_body();                                                                   \
        (void)stop();                                                                              \
        cr_assert_eq(streams_alive, 0);                                                            \
    }                                                                                              \
    Test(gzip_stream, Name_, .timeout = 30)                                                        \
    {                                                                                              \
        run_simulated(stream_##Name_##_run);                                                       \
    }                                                                                              \
    static void stream_##Name_##_body(void)

#define GZIP "Accept-Encoding: gzip\r\nConnection: close\r\n\r\n"

struct answer {
    char *bytes;
    size_t size;
    char *body;   /* in them */
    ssize_t last; /* what the last receive gave */
};

static struct answer ask(const char *format, unsigned count)
{
    struct answer answer = {.bytes = calloc(1, 1 << 21)};
    char request[256];
    wok_stream *stream = dial();

    snprintf(request, sizeof request, format, count);
    say(stream, request);
    while ((answer.last = wok_stream_recv(stream, answer.bytes + answer.size,
                                          (1 << 21) - 1 - answer.size)) > 0)
        answer.size += (size_t)answer.last;
    wok_stream_close(stream);
    answer.body = strstr(answer.bytes, "\r\n\r\n");
    cr_assert_not_null(answer.body);
    answer.body += 4;
    return answer;
}

static void answer_done(struct answer *answer)
{
    free(answer->bytes);
}

/* The chunks without their framing, in place; false: the last one is missing. */
static bool join_chunks(struct answer *answer, size_t *ret_size)
{
    char *from = answer->body, *to = answer->body, *end = answer->bytes + answer->size;

    *ret_size = 0;
    for (;;) {
        char *line_end;
        size_t size = strtoull(from, &line_end, 16);
        if (from >= end || line_end == from)
            return false;
        cr_assert_eq(memcmp(line_end, "\r\n", 2), 0);
        from = line_end + 2;
        if ((size_t)(end - from) < size + 2)
            return false;
        memmove(to, from, size);
        cr_assert_eq(memcmp(from + size, "\r\n", 2), 0);
        from += size + 2;
        to += size;
        *ret_size += size;
        if (size == 0) {
            cr_assert_eq(from, end);
            return true;
        }
    }
}

static void is_lines(const char *text, size_t size, unsigned count)
{
    char line[16];

    cr_assert_eq(size, count * (size_t)10);
    for (unsigned i = 0; i < count; i++) {
        snprintf(line, sizeof line, "%09u\n", i);
        cr_assert_eq(memcmp(text + i * (size_t)10, line, 10), 0, "%u", i);
    }
}

/* A piece has four of what the stream writes at a time, 500 lines: 20,000 bytes. */
STREAM_TEST(a_stream_of_any_size_is_compressed)
{
    static const unsigned counts[] = {140,  499,  500,  501,  1999,  2000,
                                      2001, 3999, 4000, 4001, 20000, 100000};
    static char text[1000001];

    for (size_t i = 0; i < WOK_COUNT(counts); i++) {
        WOK_CLEANUP(answer_done)
        struct answer answer = ask("GET /lines?ms=%u HTTP/1.1\r\nHost: x\r\n" GZIP, counts[i]);
        size_t size;
        cr_assert_eq(count(answer.bytes, "\r\nContent-Encoding: gzip\r\n"), 1);
        cr_assert_eq(count(answer.bytes, "\r\nTransfer-Encoding: chunked\r\n"), 1);
        cr_assert_eq(count(answer.bytes, "\r\nContent-Length: "), 0);
        cr_assert_eq(count(answer.bytes, "\r\nVary: Accept-Encoding\r\n"), 1);
        cr_assert(join_chunks(&answer, &size));
        cr_assert_lt(size * 2, counts[i] * (size_t)10);
        is_lines(text, gunzip(answer.body, size, text, sizeof text), counts[i]);
    }
    cr_assert_eq(lines_measured, 0, "nobody wants to know");
}

STREAM_TEST(head_has_the_fields_of_get_and_no_body)
{
    wok_stream *stream = dial();

    say(stream, "HEAD /lines?ms=3000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
                "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answers = hear(stream, "ok\n", 1);
    cr_assert_eq(count(answers, "\r\nContent-Encoding: gzip\r\n"), 1);
    cr_assert_eq(count(answers, "\r\nTransfer-Encoding: chunked\r\n"), 1);
    cr_assert_eq(count(answers, "\r\nContent-Length: "), 1, "the second one's");
    cr_assert_eq(count(answers, "\r\n\r\nHTTP/1.1 200 OK\r\n"), 1);
    cr_assert_eq(lines_written, 0);
    free(answers);
    wok_stream_close(stream);
}

STREAM_TEST(a_client_of_1_0_gets_it_as_it_is)
{
    WOK_CLEANUP(answer_done)
    struct answer answer = ask("GET /lines?ms=%u HTTP/1.0\r\n" GZIP, 3000);

    cr_assert_eq(count(answer.bytes, "\r\nContent-Length: 30000\r\n"), 1);
    cr_assert_eq(count(answer.bytes, "\r\nTransfer-Encoding: "), 0);
    cr_assert_eq(count(answer.bytes, "\r\nContent-Encoding: "), 0);
    cr_assert_eq(count(answer.bytes, "\r\nVary: Accept-Encoding\r\n"), 1);
    is_lines(answer.body, answer.size - (size_t)(answer.body - answer.bytes), 3000);
}

/* The last chunk would say that this was all. */
STREAM_TEST(one_that_is_cut_off_has_no_last_chunk)
{
    WOK_CLEANUP(answer_done)
    struct answer answer = ask("GET /liar HTTP/1.1\r\nHost: x\r\n" GZIP, 0);
    size_t size;

    cr_assert_eq(answer.last, -ECONNRESET);
    cr_assert_not(join_chunks(&answer, &size));
}

/* Nothing is written that the client has no room for, and nothing but a checksum is kept. */
STREAM_TEST(who_does_not_read_costs_no_compressor)
{
    static const char request[] =
        "GET /lines?ms=100000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n";
    int fds[10];

    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 4096});
    for (int i = 0; i < 10; i++)
        fds[i] = wok__sim_connect(port);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    for (int i = 0; i < 10; i++)
        cr_assert_gt(wok__sim_send(fds[i], request, sizeof request - 1), 0);
    cr_assert_eq(wok_sleep(wok_seconds(1)), 0);
    cr_assert_eq(streams_alive, 10);
    cr_assert_lt(lines_written, 10 * 8000); /* a third, of which 4 KiB are there and 8 are ahead */
    for (int i = 0; i < 10; i++)
        wok__sim_close(fds[i], true);
    cr_assert_eq(wok_sleep(wok_seconds(1)), 0);
}

/* A slice is what others wait for, and not a whole answer. */
STREAM_TEST(others_have_their_turn_meanwhile)
{
    static const char large[] =
        "GET /lines?ms=100000 HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n";
    static const char small[] = "GET /when HTTP/1.1\r\nHost: x\r\n\r\n";
    int fds[2];

    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 1 << 20});
    fds[0] = wok__sim_connect(port);
    fds[1] = wok__sim_connect(port);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_gt(wok__sim_send(fds[0], large, sizeof large - 1), 0);
    cr_assert_gt(wok__sim_send(fds[1], small, sizeof small - 1), 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(lines_written, 100000);
    cr_assert_gt(written_by_then, 0);
    cr_assert_leq(written_by_then * 10, 2 * ((32 << 10) + 20000), "%u", written_by_then);
    wok__sim_close(fds[0], true);
    wok__sim_close(fds[1], true);
    cr_assert_eq(wok_sleep(wok_seconds(1)), 0);
}
