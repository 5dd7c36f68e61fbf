/*
 * test_budget.c - what a client that does not read costs: the budget's edge, and answers that are written
 * while they are taken.
 *
 * The clients are ends of the simulated network, which keeps 64 KiB that nobody reads.
 */
#include "lines_test.h"

#include <errno.h>

#include "conn/exchange.h"
#include "io/sim.h"

#define REQUEST(Target_) "GET " Target_ " HTTP/1.1\r\nHost: x\r\n\r\n"

/* ---- a service ----------------------------------------------------------------------------------- */

static unsigned holders;

/* Holds so many bytes for a second. */
static void handle_hold(wok_http_exchange *exchange)
{
    unsigned bytes = number_in(wok_http_exchange_request(exchange)->query);

    cr_assert_eq(wok_http_exchange_hold(exchange, bytes), 0);
    holders++;
    if (wok_sleep(wok_seconds(1)) == 0)
        answer_text(exchange, "held\n");
    holders--;
}

/* Holds much, but only after 5 ms. */
static void handle_grow(wok_http_exchange *exchange)
{
    if (wok_sleep(wok_ms(5)) < 0)
        return;
    cr_assert_eq(wok_http_exchange_hold(exchange, 100000), 0);
    if (wok_sleep(wok_seconds(20)) == 0)
        answer_text(exchange, "grown\n");
}

static const wok_route own_routes[] = {
    {"GET", "/grow", handle_grow, 0}, {"POST", "/echo", handle_echo, 0},
    {"GET", "/ok", handle_ok, 0},     {"GET", "/lines", handle_lines, 0},
    {"GET", "/liar", handle_liar, 0}, {"GET", "/panic-behind", handle_panic_behind, 0},
    {"GET", "/hold", handle_hold, 0}, {NULL, NULL, NULL, 0},
};

static void start_own(wok_http_server_options options)
{
    options.routes = own_routes;
    cr_assert_eq(wok_http_server_new(&server, &options), 0);
    cr_assert_eq(wok_http_server_listen(server, "127.0.0.1", 0, &port), 0);
}

static wok_http_server_options defaults(void)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    return options;
}

static void settle(void)
{
    for (int i = 0; i < 40; i++)
        cr_assert_eq(wok_yield(), 0);
}

static wok_http_server_metrics figures(void)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics;
}

/* A test with the default options changed by `Change_`. */
#define BUDGET_TEST(Name_, Change_)                                                                \
    static void budget_##Name_##_body(void);                                                       \
    static void budget_##Name_##_run(void)                                                         \
    {                                                                                              \
        wok_http_server_options options = defaults();                                              \
        Change_;                                                                                   \
        start_own(options);                                                                        \
        budget_##Name_##_body();                                                                   \
        (void)stop();                                                                              \
        cr_assert_eq(streams_alive, 0);                                                            \
    }                                                                                              \
    Test(budget, Name_, .timeout = 30)                                                             \
    {                                                                                              \
        run_simulated(budget_##Name_##_run);                                                       \
    }                                                                                              \
    static void budget_##Name_##_body(void)

/* ---- what is admitted ------------------------------------------------------------------------------ */

/* How many of sixteen requests run at once that hold so many bytes each, with heads of at least that size. */
static unsigned admitted_of(unsigned bytes, size_t head_size)
{
    int fd = wok__sim_connect(port);
    char requests[32768] = "", head[2048];
    unsigned ran;

    settle();
    for (int i = 0; i < 16; i++) {
        int size = sprintf(head, "GET /hold?ms=%u HTTP/1.1\r\nHost: x\r\n", bytes);
        int padding = (int)head_size - size - 7;
        sprintf(head + size, padding > 0 ? "X: %0*d\r\n\r\n" : "\r\n", padding, 0);
        strcat(requests, head);
    }
    cr_assert_eq(wok__sim_send(fd, requests, strlen(requests)), (ssize_t)strlen(requests));
    settle();
    ran = holders;
    wok__sim_close(fd, true);
    settle();
    cr_assert_eq(holders, 0, "aborted with their client");
    return ran;
}

static unsigned admitted(unsigned bytes)
{
    return admitted_of(bytes, 0);
}

/* 16 KiB are to be given to what is pending: a quarter of the option.  4 KiB of each request are free. */
BUDGET_TEST(requests_are_let_in_until_they_hold_as_much_as_may_be_pending,
            options.output_max = 65536)
{
    cr_assert_eq(admitted(0), 16);
    cr_assert_eq(admitted(4096), 16, "small ones run as many as ever");
    cr_assert_eq(admitted(4096 + 1024), 16, "16 KiB with the last one, which may go beyond");
    cr_assert_eq(admitted(4096 + 1093), 15, "a byte more than a fifteenth each");
    cr_assert_eq(admitted(4096 + 16383), 2, "a byte is left");
    cr_assert_eq(admitted(4096 + 16384), 1, "none is");
    cr_assert_eq(admitted(1 << 20), 1, "and one always runs");
}

/* A hundred sources in a target come to much more than their text, and that is not known when they are let in. */
BUDGET_TEST(nothing_begins_beside_a_request_with_a_large_head, options.output_max = 65536)
{
    cr_assert_eq(admitted_of(0, WOK__EXCHANGE_HEAD_INLINE), 16);
    cr_assert_eq(admitted_of(0, WOK__EXCHANGE_HEAD_INLINE + 1), 1);
}

/* One after the other, and none is lost. */
BUDGET_TEST(what_was_not_let_in_has_its_turn, options.output_max = 65536)
{
    wok_stream *stream = dial();
    wok_instant began = wok_now();

    for (int i = 0; i < 3; i++)
        say(stream, REQUEST("/hold?ms=100000"));
    say(stream, REQUEST("/ok"));
    char *answers = hear(stream, "ok\n", 1);
    cr_assert_eq(count(answers, "held\n"), 3);
    cr_assert_eq(wok_elapsed(began).ns, wok_seconds(3).ns);
    free(answers);
    wok_stream_close(stream);
}

/* The one before it takes all while this one comes; its body has 10 s, and would be refused by 408. */
BUDGET_TEST(a_request_that_has_begun_to_come_is_received, (void)options)
{
    wok_stream *stream = dial();

    say(stream, REQUEST("/grow") "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nbo");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    say(stream, "dy\r\n");
    char *answers = hear(stream, "body\r\n", 1);
    cr_assert_eq(count(answers, "HTTP/1.1 200 OK\r\n"), 2, "%s", answers);
    cr_assert_eq(count(answers, "grown\n"), 1);
    free(answers);
    wok_stream_close(stream);
}

/* It used to be received, some kilobytes for each answer that made room for a request. */
BUDGET_TEST(what_waits_behind_a_full_pipeline_stays_with_its_client, (void)options)
{
    static const char request[] = REQUEST("/hold?ms=0");
    enum { SIZE = sizeof request - 1 };
    int fd = wok__sim_connect(port);
    char answers[16384];
    size_t taken = 0;

    settle();
    for (int second = 0; second < 20; second++) {
        ssize_t sent;
        while ((sent = wok__sim_send(fd, request + taken % SIZE, SIZE - taken % SIZE)) > 0)
            taken += (size_t)sent;
        cr_assert_eq(wok_sleep(wok_seconds(1)), 0);
        (void)wok__sim_recv(fd, answers, sizeof answers);
    }
    cr_assert_geq(figures().requests, 19 * 16);
    cr_assert_leq(taken, 65536 + 8192 + figures().requests * SIZE);
    wok__sim_close(fd, true);
}

/* ---- answers that are written while they are taken -------------------------------------------------- */

BUDGET_TEST(a_stream_writes_no_further_than_its_client_reads, (void)options)
{
    int fd = wok__sim_connect(port);
    char *all = calloc(1, 3000000);
    size_t size = 0;

    settle();
    for (int i = 0; i < 2; i++)
        cr_assert_gt(
            wok__sim_send(fd, REQUEST("/lines?ms=100000"), sizeof REQUEST("/lines?ms=100000") - 1),
            0);
    settle();
    /* 64 KiB there, and here what is unsent and the piece that went over it. */
    cr_assert_leq(lines_written * 10, 65536 + 8192 + 5000);
    for (int reads = 0; reads < 5000 && size < 2000000; reads++) {
        ssize_t got = wok__sim_recv(fd, all + size, 3000000 - size);
        if (got > 0)
            size += (size_t)got;
        cr_assert_leq(lines_written * 10, size + 65536 + 8192 + 5000);
        settle();
    }
    cr_assert_eq(count(all, "Content-Length: 1000000\r\n"), 2);
    cr_assert_eq(count(all, "\r\n\r\n000000000\n000000001\n"), 2);
    cr_assert_eq(count(all, "000099999\nHTTP/1.1 200 OK\r\n"), 1);
    cr_assert_str_eq(all + size - 10, "000099999\n");
    cr_assert_eq(lines_written, 200000);
    free(all);
    wok__sim_close(fd, false);
}

/* Who takes byte after byte of it gets it to its last one, however long that takes. */
BUDGET_TEST(a_stream_is_under_the_deadline_of_writing_and_no_other, (void)options)
{
    int fd = wok__sim_connect(port);
    char byte[2000];
    size_t size = 0;
    wok_instant began = wok_now();

    settle();
    cr_assert_gt(
        wok__sim_send(fd, REQUEST("/lines?ms=20000"), sizeof REQUEST("/lines?ms=20000") - 1), 0);
    for (int i = 0; i < 200 && size <= 200000 + 100; i++) {
        cr_assert_eq(wok_sleep(wok_seconds(20)), 0);
        ssize_t got = wok__sim_recv(fd, byte, sizeof byte);
        cr_assert_gt(got, 0);
        size += (size_t)got;
    }
    cr_assert_gt(size, 200000);
    cr_assert_gt(wok_elapsed(began).ns, wok_seconds(1900).ns);
    cr_assert_eq(figures().client_gone, 0);
    wok__sim_close(fd, false);
}

BUDGET_TEST(a_client_that_takes_nothing_of_a_stream_is_reset, (void)options)
{
    int fd = wok__sim_connect(port);

    settle();
    cr_assert_gt(wok__sim_send(fd, REQUEST("/lines?ms=100000") REQUEST("/ok"),
                               sizeof(REQUEST("/lines?ms=100000") REQUEST("/ok")) - 1),
                 0);
    cr_assert_eq(wok_sleep(wok_seconds(29)), 0);
    cr_assert_eq(figures().connections_open, 1);
    cr_assert_eq(wok_sleep(wok_seconds(2)), 0);
    cr_assert_eq(figures().connections_open, 0);
    cr_assert_eq(streams_alive, 0);
    wok__sim_close(fd, false);
}

/* The grace used to be waited for by nobody who did not read: until the deadline of writing. */
BUDGET_TEST(a_drain_does_not_wait_for_who_does_not_read, options.grace = wok_seconds(2))
{
    int fd = wok__sim_connect(port);
    wok_instant began;

    settle();
    cr_assert_gt(
        wok__sim_send(fd, REQUEST("/lines?ms=100000"), sizeof REQUEST("/lines?ms=100000") - 1), 0);
    settle();
    began = wok_now();
    cr_assert_eq(wok_http_server_drain(server, NULL), 0);
    cr_assert_lt(wok_elapsed(began).ns, wok_ms(2100).ns);
    cr_assert_eq(streams_alive, 0);
    wok__sim_close(fd, false);
}

/* Whatever it lacks, the client must not take it for whole. */
BUDGET_TEST(an_answer_that_is_cut_off_ends_with_a_reset, (void)options)
{
    wok_stream *stream = dial();
    char buffer[4096];
    ssize_t got;
    size_t size = 0;

    say(stream, "GET /liar HTTP/1.0\r\n\r\n");
    while ((got = wok_stream_recv(stream, buffer, sizeof buffer)) > 0)
        size += (size_t)got;
    cr_assert_eq(got, -ECONNRESET);
    cr_assert_leq(size, 29990 + 300, "and its head");
    wok_stream_close(stream);
    settle();
    cr_assert_eq(figures().connections_open, 0);
}

BUDGET_TEST(a_panic_behind_a_stream_is_a_500, (void)options)
{
    wok_stream *stream = dial();

    say(stream, REQUEST("/panic-behind") REQUEST("/ok"));
    char *answers = hear(stream, "ok\n", 1);
    cr_assert_eq(count(answers, "HTTP/1.1 500 "), 1);
    cr_assert_eq(count(answers, "the handler panicked: "), 1);
    cr_assert_eq(lines_written, 0, "in place of what it would have streamed");
    cr_assert_eq(count(answers, "HTTP/1.1 200 OK\r\n"), 1);
    cr_assert_eq(streams_alive, 0);
    free(answers);
    wok_stream_close(stream);
}

BUDGET_TEST(head_has_the_length_of_a_stream_and_writes_nothing, (void)options)
{
    wok_stream *stream = dial();

    say(stream, "HEAD /lines?ms=3000 HTTP/1.1\r\nHost: x\r\n\r\n" REQUEST("/ok"));
    char *answers = hear(stream, "ok\n", 1);
    cr_assert_eq(count(answers, "Content-Length: 30000\r\n"), 1, "%s", answers);
    cr_assert_eq(lines_written, 0);
    free(answers);
    wok_stream_close(stream);
}
