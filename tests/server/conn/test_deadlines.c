/*
 * test_deadlines.c - what a connection waits for, and for how long, to the millisecond.
 */
#include "conn_test.h"

/* How long the server keeps a connection on which `text` was said; gives the answer. */
static char *outlast(const char *text, uint64_t *ret_ms)
{
    wok_stream *stream = dial();
    wok_instant began = wok_now();

    say(stream, text);
    char *answer = hear(stream, "no such text", 1);
    *ret_ms = wok_elapsed(began).ns / 1000000;
    wok_stream_close(stream);
    return answer;
}

CONNECTION_TEST(half_a_head_is_given_ten_seconds, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("GET /ok HTT", &ms);

    cr_assert_eq(count(answer, "HTTP/1.1 408 Request Timeout\r\n"), 1);
    cr_assert_eq(ms, 10000);
    free(answer);
}

CONNECTION_TEST(a_body_is_given_ten_seconds_without_progress, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf", &ms);

    cr_assert_eq(count(answer, "HTTP/1.1 408 Request Timeout\r\n"), 1);
    cr_assert_eq(ms, 10000);
    free(answer);
}

CONNECTION_TEST(an_idle_connection_is_kept_for_75_seconds, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n", &ms);

    cr_assert_eq(count(answer, "\r\n\r\nok\n"), 1);
    cr_assert_eq(ms, 75000);
    free(answer);
}

CONNECTION_TEST(a_request_is_given_90_seconds, .drain_delay = {0})
{
    uint64_t ms;
    char *answer =
        outlast("GET /slow?ms=100000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &ms);

    cr_assert_eq(count(answer, "HTTP/1.1 504 Gateway Timeout\r\n"), 1);
    cr_assert_eq(ms, 90000);
    free(answer);
}

CONNECTION_TEST(a_client_that_does_not_read_is_given_30_seconds, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_seconds(29)), 0);
    cr_assert_gt(live_tasks(), before);
    cr_assert_eq(wok_sleep(wok_ms(1001)), 0);
    cr_assert_eq(live_tasks(), before);
    wok_stream_close(stream);
}

/* Each answer of an earlier request used to give the head another ten seconds. */
CONNECTION_TEST(an_answer_gives_half_a_head_no_more_time, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("GET /slow?ms=9000 HTTP/1.1\r\nHost: x\r\n\r\nGET /ok HTT", &ms);

    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 408 Request Timeout\r\n"), 1);
    cr_assert_eq(ms, 10000);
    free(answer);
}

CONNECTION_TEST(a_connection_that_never_speaks_is_closed_after_ten_seconds, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("", &ms);

    cr_assert_str_eq(answer, "");
    cr_assert_eq(ms, 10000);
    free(answer);
}

/* It used to get a 408, which a client takes for the answer to what it asks next. */
CONNECTION_TEST(a_blank_line_behind_a_request_is_never_answered, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n\r\n", &ms);

    cr_assert_eq(count(answer, "HTTP/1.1 "), 1);
    cr_assert_eq(ms, 10000);
    free(answer);
    answer = outlast("\r\n\r", &ms);
    cr_assert_str_eq(answer, "");
    cr_assert_eq(ms, 10000);
    free(answer);
}

CONNECTION_TEST(a_blank_line_behind_a_request_that_runs_is_forgotten, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("GET /slow?ms=15000 HTTP/1.1\r\nHost: x\r\n\r\n\r\n", &ms);

    cr_assert_eq(count(answer, "HTTP/1.1 "), 1);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 1);
    cr_assert_eq(ms, 15000 + 75000);
    free(answer);
}

#define TOO_LARGE "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n"

/* The close used to come after 256 KiB, and with it a reset, which destroys the answer. */
CONNECTION_TEST(a_refused_client_may_go_on_sending_for_a_while, .drain_delay = {0})
{
    static char part[1 << 16];
    wok_stream *stream = dial();

    say(stream, TOO_LARGE);
    for (int i = 0; i < 64; i++)
        cr_assert_eq(wok_stream_send_all(stream, part, sizeof part), 0, "%d", i);
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 413 "), 1);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(a_refused_client_is_left_after_a_second_of_silence, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, TOO_LARGE);
    cr_assert_eq(wok_sleep(wok_ms(999)), 0);
    cr_assert_gt(live_tasks(), before);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(live_tasks(), before);
    wok_stream_close(stream);
}

CONNECTION_TEST(a_refused_client_that_never_stops_is_left_after_five_seconds, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, TOO_LARGE);
    for (int half_second = 1; half_second < 10; half_second++) {
        cr_assert_eq(wok_sleep(wok_ms(500)), 0);
        say(stream, "more");
    }
    cr_assert_gt(live_tasks(), before);
    cr_assert_eq(wok_sleep(wok_ms(501)), 0);
    cr_assert_eq(live_tasks(), before);
    wok_stream_close(stream);
}

#define EXPECTING                                                                                  \
    "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"

/* It used to get a 408 before it was asked for its body. */
CONNECTION_TEST(a_body_is_given_no_deadline_before_it_is_asked_for, .drain_delay = {0})
{
    wok_stream *stream = dial();
    wok_instant began = wok_now();

    say(stream, "GET /slow?ms=15000 HTTP/1.1\r\nHost: x\r\n\r\n" EXPECTING);
    char *answer = hear(stream, "100 Continue\r\n\r\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 408 "), 0);
    cr_assert_eq(wok_elapsed(began).ns, wok_ms(15000).ns);
    free(answer);
    cr_assert_eq(wok_sleep(wok_ms(9000)), 0);
    say(stream, "body");
    answer = hear(stream, "body", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1, "%s", answer);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(a_body_that_was_asked_for_is_given_ten_seconds, .drain_delay = {0})
{
    uint64_t ms;
    char *answer = outlast("GET /slow?ms=15000 HTTP/1.1\r\nHost: x\r\n\r\n" EXPECTING, &ms);

    cr_assert_eq(count(answer, "HTTP/1.1 100 "), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 408 "), 1);
    cr_assert_eq(ms, 25000);
    free(answer);
}
