/*
 * test_overload.c - requests beyond the limit: what a refusal says, what it does not keep, and whom it
 * spares.
 */
#include "conn_test.h"

static wok_stream *busy;

/* As many run as may. */
static void fill(void)
{
    busy = dial();
    say(busy, "GET /slow?ms=1000 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 4; i++)
        cr_assert_eq(wok_yield(), 0);
}

static void empty(void)
{
    free(hear(busy, "slow\n", 1));
    wok_stream_close(busy);
}

static uint64_t shed(void)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics.requests_shed;
}

CONNECTION_TEST(a_refused_request_is_counted_and_the_next_one_served, .requests_max = 1)
{
    wok_stream *stream = dial();

    fill();
    say(stream, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "}\n", 2);
    cr_assert_eq(count(answer, "HTTP/1.1 503 "), 2);
    cr_assert_eq(count(answer, "Retry-After: 1\r\n"), 2);
    cr_assert_eq(shed(), 2);
    free(answer);
    empty();
    say(stream, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear(stream, "ok\n", 1));
    cr_assert_eq(shed(), 2);
    wok_stream_close(stream);
}

/* A process that is killed for having much to do makes it more for the others. */
CONNECTION_TEST(a_health_check_is_never_refused, .requests_max = 1)
{
    wok_stream *stream = dial();

    fill();
    say(stream, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "ok\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    cr_assert_eq(shed(), 0);
    free(answer);
    empty();
    wok_stream_close(stream);
}

/* If it were, it would be more than the request may hold: 413. */
CONNECTION_TEST(the_body_of_a_refused_request_is_not_kept, .requests_max = 1,
                .request_memory_max = 70000)
{
    static char request[100200];
    int head = snprintf(request, sizeof request,
                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    wok_stream *stream = dial();

    memset(request + head, 'x', 100000);
    fill();
    say(stream, request);
    say(stream, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "ok\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 503 "), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    free(answer);
    empty();
    wok_stream_close(stream);
}

CONNECTION_TEST(the_body_of_a_refused_request_is_not_asked_for, .requests_max = 1)
{
    fill();
    char *answer = ask_once("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                            "Content-Length: 4\r\n\r\n");
    cr_assert_eq(count(answer, "100 Continue"), 0);
    cr_assert_eq(count(answer, "HTTP/1.1 503 "), 1);
    cr_assert_eq(count(answer, "Connection: close\r\n"), 1);
    free(answer);
    empty();
}
