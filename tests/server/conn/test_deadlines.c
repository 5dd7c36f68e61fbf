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
