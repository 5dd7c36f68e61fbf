/*
 * test_connection.c - connections, by clients on the simulated network.
 *
 * One worker and a paused clock: a wait of 75 seconds takes microseconds, and ends exactly then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/wok_test.h"

#include <wok/http/server.h>

/* ---- the service under test --------------------------------------------------------------------- */

static int children_alive;

static void answer_text(wok_http_exchange *exchange, const char *text)
{
    wok_http_respond(exchange, 200, "text/plain");
    (void)wok_http_response_append(exchange, wok_slice_of(text));
}

static void handle_ok(wok_http_exchange *exchange)
{
    answer_text(exchange, "ok\n");
}

static unsigned number_in(wok_slice query)
{
    return query.size > 3 ? (unsigned)strtoul(query.data + 3, NULL, 10) : 0; /* "ms=..." */
}

static void handle_slow(wok_http_exchange *exchange)
{
    if (wok_sleep(wok_ms(number_in(wok_http_exchange_request(exchange)->query))) == 0)
        answer_text(exchange, "slow\n");
}

static void child_ends(int **alive)
{
    --**alive;
}

static int child(int *alive)
{
    WOK_CLEANUP(child_ends) int *counted = alive;

    ++*counted;
    return wok_sleep(wok_seconds(3600));
}

static void handle_fan_out(wok_http_exchange *exchange)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    for (int i = 0; i < 10; i++)
        wok_scope_spawn(&scope, child, &children_alive);
    if (wok_scope_wait(&scope) == 0)
        answer_text(exchange, "never\n");
}

static void handle_panic(wok_http_exchange *exchange)
{
    (void)exchange;
    wok_panic("as asked");
}

static void handle_echo(wok_http_exchange *exchange)
{
    wok_http_respond(exchange, 200, "text/plain");
    (void)wok_http_response_append(exchange, wok_http_exchange_request(exchange)->body);
}

static void handle_large(wok_http_exchange *exchange)
{
    wok_http_respond(exchange, 200, "text/plain");
    char *room = wok_http_response_reserve(exchange, 300000);
    cr_assert_not_null(room);
    memset(room, 'x', 300000);
    wok_http_response_commit(exchange, 300000);
}

static const wok_route routes[] = {
    {"GET", "/ok", handle_ok, 0},
    {"GET", "/slow", handle_slow, 0},
    {"GET", "/fan-out", handle_fan_out, 0},
    {"GET", "/panic", handle_panic, WOK_ROUTE_DEMO},
    {"POST", "/echo", handle_echo, 0},
    {"GET", "/large", handle_large, 0},
    {NULL, NULL, NULL, 0},
};

/* ---- a server, and clients ---------------------------------------------------------------------- */

static wok_http_server *server;
static uint16_t port;

static void start(wok_http_server_options options)
{
    options.routes = routes;
    options.demo = true;
    cr_assert_eq(wok_http_server_new(&server, &options), 0);
    cr_assert_eq(wok_http_server_listen(server, "127.0.0.1", 0, &port), 0);
}

static wok_http_drain_report stop(void)
{
    wok_http_drain_report report;

    cr_assert_eq(wok_http_server_drain(server, &report), 0);
    wok_http_server_free(server);
    return report;
}

static uint64_t live_tasks(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics.live;
}

static wok_stream *dial(void)
{
    wok_stream *stream = NULL;

    cr_assert_eq(wok_connect("127.0.0.1", port, &stream), 0);
    return stream;
}

static void say(wok_stream *stream, const char *text)
{
    cr_assert_eq(wok_stream_send_all(stream, text, strlen(text)), 0);
}

/* Receives until `end` has been seen `times` times, or the connection ends; what came, on the heap. */
static char *hear(wok_stream *stream, const char *end, int times)
{
    char *all = calloc(1, 1 << 20);
    size_t size = 0;

    for (;;) {
        int seen = 0;
        for (const char *at = all; (at = strstr(at, end)) != NULL; at++)
            seen++;
        if (seen >= times)
            return all;
        ssize_t got = wok_stream_recv(stream, all + size, (1 << 20) - 1 - size);
        if (got <= 0)
            return all;
        size += (size_t)got;
    }
}

static int count(const char *text, const char *part)
{
    int seen = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        seen++;
    return seen;
}

/* Sends one request on a connection of its own and gives the whole answer until the server closes. */
static char *ask_once(const char *request)
{
    wok_stream *stream = dial();

    say(stream, request);
    char *answer = hear(stream, "no such text", 1);
    wok_stream_close(stream);
    return answer;
}

#define CONNECTION_TEST(Name_, ...)                                                                \
    static void connection_##Name_##_body(void);                                                   \
    static void connection_##Name_##_run(void)                                                     \
    {                                                                                              \
        start((wok_http_server_options){__VA_ARGS__});                                             \
        connection_##Name_##_body();                                                               \
        (void)stop();                                                                              \
    }                                                                                              \
    Test(connection, Name_, .timeout = 30)                                                         \
    {                                                                                              \
        wok_runtime_options options = wok_test_options();                                          \
        options.simulated_network = true;                                                          \
        wok_test_run(&options, connection_##Name_##_run);                                          \
    }                                                                                              \
    static void connection_##Name_##_body(void)

/* ---- what a client sees ------------------------------------------------------------------------- */

CONNECTION_TEST(answers_many_requests_on_one_connection, .drain_delay = {0})
{
    wok_stream *stream = dial();

    for (int i = 0; i < 100; i++) {
        say(stream, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
        char *answer = hear(stream, "ok\n", 1);
        cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
        cr_assert_eq(count(answer, "Date: "), 1);
        cr_assert_eq(count(answer, "X-Request-Id: "), 1);
        free(answer);
    }
    wok_stream_close(stream);
}

CONNECTION_TEST(answers_pipelined_requests_in_their_order, .drain_delay = {0})
{
    wok_stream *stream = dial();
    wok_instant began = wok_now();

    say(stream, "GET /slow?ms=300 HTTP/1.1\r\nHost: x\r\n\r\nGET /ok HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /slow?ms=100 HTTP/1.1\r\nHost: x\r\n\r\nGET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "ok\n", 2);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 4);
    cr_assert(strstr(answer, "slow\n") < strstr(answer, "ok\n"));
    /* They ran at the same time: the slowest decides. */
    cr_assert_eq(wok_elapsed(began).ns, wok_ms(300).ns);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(runs_no_more_pipelined_requests_than_allowed, .pipelined_max = 2)
{
    wok_stream *stream = dial();
    wok_instant began = wok_now();

    for (int i = 0; i < 6; i++)
        say(stream, "GET /slow?ms=100 HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear(stream, "slow\n", 6));
    cr_assert_eq(wok_elapsed(began).ns, wok_ms(300).ns, "%llu",
                 (unsigned long long)wok_elapsed(began).ns);
    wok_stream_close(stream);
}

CONNECTION_TEST(a_panic_costs_its_own_request_only, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /panic HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "ok\n", 2);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 2);
    cr_assert_eq(count(answer, "HTTP/1.1 500 Internal Server Error\r\n"), 1);
    cr_assert_eq(count(answer, "as asked"), 1);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(receives_bodies_of_both_framings, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nfirst"
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n"
                "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "ok\n", 1);
    cr_assert_eq(count(answer, "\r\n\r\nfirst"), 1);
    cr_assert_eq(count(answer, "\r\n\r\nsecond"), 1);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(asks_for_a_body_that_waits_to_be_asked_for, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                "Content-Length: 4\r\n\r\n");
    char *answer = hear(stream, "\r\n\r\n", 1);
    cr_assert_str_eq(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    free(answer);
    say(stream, "body");
    answer = hear(stream, "body", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(head_answers_without_a_body, .drain_delay = {0})
{
    char *answer = ask_once("HEAD /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");

    cr_assert_eq(count(answer, "Content-Length: 3\r\n"), 1);
    cr_assert_eq(count(answer, "\r\n\r\nok"), 0);
    free(answer);
}

CONNECTION_TEST(a_client_of_1_0_gets_its_answer_and_the_end, .drain_delay = {0})
{
    char *answer = ask_once("GET /ok HTTP/1.0\r\n\r\n");

    cr_assert_eq(count(answer, "\r\n\r\nok\n"), 1);
    free(answer);
}

CONNECTION_TEST(a_framing_error_is_answered_and_closes, .drain_delay = {0})
{
    char *answer = ask_once("GET /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n");

    cr_assert_eq(count(answer, "HTTP/1.1 400 Bad Request\r\n"), 1);
    cr_assert_eq(count(answer, "Connection: close\r\n"), 1);
    cr_assert_eq(count(answer, "application/problem+json"), 1);
    free(answer);
}

CONNECTION_TEST(a_large_answer_arrives_whole, .drain_delay = {0})
{
    char *answer = ask_once("GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const char *body = strstr(answer, "\r\n\r\n");

    cr_assert_not_null(body);
    cr_assert_eq(strlen(body + 4), 300000);
    free(answer);
}

CONNECTION_TEST(too_many_requests_are_refused_at_once, .requests_max = 1)
{
    wok_stream *busy = dial(), *late = dial();

    say(busy, "GET /slow?ms=1000 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 4; i++)
        cr_assert_eq(wok_yield(), 0);
    say(late, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(late, "}\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 503 Service Unavailable\r\n"), 1);
    cr_assert_eq(count(answer, "Retry-After: 1\r\n"), 1);
    free(answer);
    free(hear(busy, "slow\n", 1));
    wok_stream_close(busy);
    wok_stream_close(late);
}

/* ---- clients that go away ----------------------------------------------------------------------- */

CONNECTION_TEST(a_reset_ends_the_fan_out_down_to_the_last_child, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(children_alive, 10);
    cr_assert_gt(live_tasks(), before + 10);
    wok_instant began = wok_now();
    wok_stream_reset(stream);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
    cr_assert_eq(wok_elapsed(began).ns, wok_ms(1).ns);
}

CONNECTION_TEST(a_closed_client_is_found_out_by_the_probe, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_stream_close(stream); /* a FIN: it might be a half-close */
    cr_assert_eq(wok_sleep(wok_ms(50)), 0);
    cr_assert_eq(children_alive, 10);
    cr_assert_eq(wok_sleep(wok_ms(100)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
}

CONNECTION_TEST(a_half_closed_client_gets_its_answer, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "GET /slow?ms=500 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 102 Processing\r\n\r\n"), 1);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 1);
    free(answer);
    wok_stream_close(stream);
}

/* The pipeline's limit used to drop what was behind it when the client half-closed. */
CONNECTION_TEST(a_half_closed_client_gets_every_answer_it_asked_for, .pipelined_max = 2)
{
    wok_stream *stream = dial();

    for (int i = 0; i < 20; i++)
        say(stream, "GET /slow?ms=10 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 20);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(a_request_cut_off_by_a_half_close_is_refused, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /o");
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 400 Bad Request\r\n"), 1);
    free(answer);
    wok_stream_close(stream);
}

/* ---- deadlines ---------------------------------------------------------------------------------- */

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

/* ---- the end ------------------------------------------------------------------------------------ */

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
