/*
 * test_drain.c - how connections end when the server stops.
 */
#include "conn_test.h"

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
    wok_runtime_options options = wok_test_options();

    options.simulated_network = true;
    wok_test_run(&options, drain_with_a_request_running);
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
    wok_http_server_free(server);
    wok_stream_close(busy);
}

Test(connection, a_drain_aborts_what_outlasts_its_grace, .timeout = 30)
{
    wok_runtime_options options = wok_test_options();

    options.simulated_network = true;
    wok_test_run(&options, drain_past_the_grace);
}
