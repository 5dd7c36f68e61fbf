/*
 * test_drain.c - how connections end when the server stops.
 */
#include "conn_test.h"

#include <errno.h>

/* Says a request 60 ms from now: 40 ms after the listeners closed. */
WOK_TASK(say_late, wok_stream *, int);

static int say_late(wok_stream **stream, int *result)
{
    *result = wok_sleep(wok_ms(60));
    say(*stream, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    return 0;
}

static void late_request(wok_stream *stream)
{
    say_late_join join = wok_spawn(say_late, stream);
    say_late_join_drop(&join);
}

/* A drain beside the test. */
WOK_TASK(drain, int, int);

static int drain(int *unused, int *result)
{
    (void)unused;
    *result = wok_http_server_drain(server, NULL);
    return *result;
}

/* The half request behind it used to end the connection, and with it what was still unsent. */
static void drain_while_an_answer_is_taken(void)
{
    start((wok_http_server_options){.grace = wok_seconds(60)});
    wok_stream *stream = dial();
    char bytes[20000];
    size_t size = 0;
    ssize_t got;

    say(stream, "GET /large-later HTTP/1.1\r\nHost: x\r\n\r\nGET /o");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    drain_join join = wok_spawn(drain, 0);
    while (wok_sleep(wok_ms(500)) == 0 && (got = wok_stream_recv(stream, bytes, sizeof bytes)) > 0)
        size += (size_t)got;
    cr_assert_eq(got, 0);
    cr_assert_gt(size, 300000);
    cr_assert_eq(drain_await(&join, NULL, NULL), 0);
    wok_http_server_free(server);
    wok_stream_close(stream);
}

Test(connection, a_drain_lets_an_answer_be_taken_that_half_a_request_follows, .timeout = 30)
{
    run_simulated(drain_while_an_answer_is_taken);
}

/* What the client's kernel has not acknowledged is lost with a reset, which answers whatever it sends then. */
static void drain_while_an_answer_is_under_way(void)
{
    static char body[20000];
    start((wok_http_server_options){.grace = wok_seconds(60)});
    wok_stream *stream = dial();

    say(stream, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
    cr_assert_eq(wok_stream_send_all(stream, body, sizeof body), 0);
    say(stream, "GET /o");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    drain_join join = wok_spawn(drain, 0);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(wok_sleep(wok_ms(100)), 0);
        cr_assert_eq(wok_stream_send_all(stream, "x", 1), 0, "%d", i);
    }
    cr_assert_eq(drain_await(&join, NULL, NULL), 0);
    wok_http_server_free(server);
    wok_stream_close(stream);
}

Test(connection, a_drain_resets_nothing_that_is_under_way, .timeout = 30)
{
    run_simulated(drain_while_an_answer_is_under_way);
}

static void drain_with_a_request_running(void)
{
    start((wok_http_server_options){.grace = wok_ms(5000)});
    wok_stream *busy = dial(), *idle = dial(), *half = dial();
    wok_instant began = wok_now();

    say(busy, "GET /slow?ms=1000 HTTP/1.1\r\nHost: x\r\n\r\n");
    say(half, "GET /sl");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_http_drain_report report = stop();
    cr_assert_eq(wok_elapsed(began).ns / 1000000, 1000 + 1000, "%llu",
                 (unsigned long long)(wok_elapsed(began).ns / 1000000));
    char *answer = hear(busy, "slow\n", 1);
    cr_assert_eq(count(answer, "Connection: close\r\n"), 1);
    cr_assert_eq(report.requests_finished, 1);
    cr_assert_eq(report.requests_aborted, 0);
    cr_assert_eq(report.connections_idle, 1);
    cr_assert_eq(report.connections_half_read, 1);
    free(answer);
    wok_stream_close(busy);
    wok_stream_close(idle);
    wok_stream_close(half);
}

Test(connection, a_drain_lets_running_requests_finish_and_closes_the_others, .timeout = 30)
{
    run_simulated(drain_with_a_request_running);
}

static void drain_past_the_grace(void)
{
    start((wok_http_server_options){.grace = wok_ms(500)});
    wok_stream *busy = dial();

    say(busy, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_http_drain_report report;
    wok_instant began = wok_now();
    (void)wok_http_server_drain(server, &report);
    cr_assert_geq(wok_elapsed(began).ns, wok_ms(500).ns);
    cr_assert_eq(report.requests_aborted, 1);
    cr_assert_eq(children_alive, 0);
    char *answer = hear(busy, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 503 Service Unavailable\r\n"), 1);
    cr_assert_eq(count(answer, "Retry-After: 1\r\n"), 1);
    free(answer);
    wok_http_server_free(server);
    wok_stream_close(busy);
}

Test(connection, a_drain_aborts_what_outlasts_its_grace, .timeout = 30)
{
    run_simulated(drain_past_the_grace);
}

/* An answer that nobody reads used to hold the drain up for its write timeout. */
static void drain_past_an_answer_that_nobody_reads(void)
{
    start((wok_http_server_options){.grace = wok_ms(500)});
    wok_stream *deaf = dial();

    say(deaf, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_instant began = wok_now();
    cr_assert_eq(wok_http_server_drain(server, NULL), 0);
    cr_assert_leq(wok_elapsed(began).ns, wok_ms(600).ns);
    wok_http_server_free(server);
    wok_stream_close(deaf);
}

Test(connection, a_drain_waits_for_a_client_that_does_not_read_until_its_grace, .timeout = 30)
{
    run_simulated(drain_past_an_answer_that_nobody_reads);
}

static void drain_with_requests_on_the_wire(void)
{
    start((wok_http_server_options){.grace = wok_ms(5000)});
    wok_stream *used = dial(), *fresh = dial();

    say(used, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear(used, "ok\n", 1));
    /* Both requests are on their way when the drain begins, and arrive 40 ms later. */
    late_request(used);
    late_request(fresh);
    (void)stop();
    char *answer = hear(used, "no such text", 1);
    cr_assert_eq(count(answer, "Connection: close\r\n"), 1);
    cr_assert_eq(count(answer, "\r\n\r\nok\n"), 1);
    free(answer);
    answer = hear(fresh, "no such text", 1);
    cr_assert_eq(count(answer, "\r\n\r\nok\n"), 1);
    free(answer);
    wok_stream_close(used);
    wok_stream_close(fresh);
}

Test(connection, a_drain_serves_what_is_on_the_wire, .timeout = 30)
{
    run_simulated(drain_with_requests_on_the_wire);
}

static void drain_after_a_delay(void)
{
    start((wok_http_server_options){.drain_delay = wok_ms(1000)});
    drain_join draining = wok_spawn(drain, 0);
    cr_assert_eq(wok_sleep(wok_ms(500)), 0);
    cr_assert(wok_http_server_draining(server));
    char *answer = ask_once("GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(count(answer, "Connection: close\r\n"), 1);
    cr_assert_eq(count(answer, "\r\n\r\nok\n"), 1);
    free(answer);
    cr_assert_eq(drain_await(&draining, NULL, NULL), 0);
    wok_stream *late = NULL;
    cr_assert_eq(wok_connect("127.0.0.1", port, &late), -ECONNREFUSED);
    wok_http_server_free(server);
}

Test(connection, a_drain_serves_new_connections_during_its_delay, .timeout = 30)
{
    run_simulated(drain_after_a_delay);
}
