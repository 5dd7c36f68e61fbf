/*
 * conn_test.h - a server and its clients on the simulated network, for the tests of connections.
 *
 * One worker and a paused clock: a wait of 75 seconds takes microseconds, and ends exactly then.  Each
 * test is a process of its own, so what is here may be static.
 */
#ifndef WOK_TESTS_SERVER_CONN_CONN_TEST_H
#define WOK_TESTS_SERVER_CONN_CONN_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/wok_test.h"

#include <wok/http/server.h>

/* ---- the service under test --------------------------------------------------------------------- */

static int children_alive;

static inline void answer_text(wok_http_exchange *exchange, const char *text)
{
    wok_http_respond(exchange, 200, "text/plain");
    (void)wok_http_response_append(exchange, wok_slice_of(text));
}

static inline void handle_ok(wok_http_exchange *exchange)
{
    answer_text(exchange, "ok\n");
}

static inline unsigned number_in(wok_slice query)
{
    return query.size > 3 ? (unsigned)strtoul(query.data + 3, NULL, 10) : 0; /* "ms=..." */
}

static inline void handle_slow(wok_http_exchange *exchange)
{
    if (wok_sleep(wok_ms(number_in(wok_http_exchange_request(exchange)->query))) == 0)
        answer_text(exchange, "slow\n");
}

static inline void child_ends(int **alive)
{
    --**alive;
}

static inline int child(int *alive)
{
    WOK_CLEANUP(child_ends) int *counted = alive;

    ++*counted;
    return wok_sleep(wok_seconds(3600));
}

static inline void handle_fan_out(wok_http_exchange *exchange)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    for (int i = 0; i < 10; i++)
        wok_scope_spawn(&scope, child, &children_alive);
    if (wok_scope_wait(&scope) == 0)
        answer_text(exchange, "never\n");
}

static inline void handle_panic(wok_http_exchange *exchange)
{
    (void)exchange;
    wok_panic("as asked");
}

static inline void handle_echo(wok_http_exchange *exchange)
{
    wok_http_respond(exchange, 200, "text/plain");
    (void)wok_http_response_append(exchange, wok_http_exchange_request(exchange)->body);
}

static inline void handle_large(wok_http_exchange *exchange)
{
    wok_http_respond(exchange, 200, "text/plain");
    char *room = wok_http_response_reserve(exchange, 300000);
    cr_assert_not_null(room);
    memset(room, 'x', 300000);
    wok_http_response_commit(exchange, 300000);
}

static inline void handle_large_later(wok_http_exchange *exchange)
{
    if (wok_sleep(wok_ms(1)) == 0)
        handle_large(exchange);
}

static int stubborn;

/* Nothing ends it before its time. */
static inline void handle_stubborn(wok_http_exchange *exchange)
{
    WOK_SHIELD()
    {
        stubborn++;
        (void)wok_sleep(wok_seconds(60));
        stubborn--;
    }
    answer_text(exchange, "after all\n");
}

/* What a request that is sent for this one would carry, asked for twice. */
static inline void handle_trace(wok_http_exchange *exchange)
{
    wok_http_trace trace, again;

    wok_http_exchange_trace(exchange, &trace);
    wok_http_exchange_trace(exchange, &again);
    cr_assert_str_eq(trace.traceparent, again.traceparent);
    cr_assert(wok_slice_equal(trace.tracestate, again.tracestate));
    answer_text(exchange, trace.traceparent);
    (void)wok_http_response_printf(exchange, " [%.*s] end\n", (int)trace.tracestate.size,
                                   trace.tracestate.data);
}

/* What the path says. */
static inline void handle_item(wok_http_exchange *exchange)
{
    wok_slice id = wok_http_exchange_parameter(exchange, "id");

    cr_assert_null(wok_http_exchange_parameter(exchange, "other").data);
    wok_http_respond(exchange, 200, "text/plain");
    (void)wok_http_response_printf(exchange, "item %.*s\n", (int)id.size, id.data);
}

static const wok_route routes[] = {
    {"GET", "/items/{id}", handle_item, 0},
    {"DELETE", "/items/{id}", handle_item, 0},
    {"GET", "/items/first", handle_ok, 0},
    {"GET", "/ok", handle_ok, 0},
    {"GET", "/health", handle_ok, WOK_ROUTE_ALWAYS},
    {"GET", "/slow", handle_slow, 0},
    {"GET", "/trace", handle_trace, 0},
    {"GET", "/fan-out", handle_fan_out, 0},
    {"GET", "/panic", handle_panic, WOK_ROUTE_DEMO},
    {"POST", "/echo", handle_echo, 0},
    {"GET", "/large", handle_large, 0},
    {"GET", "/large-later", handle_large_later, 0},
    {"GET", "/stubborn", handle_stubborn, 0},
    {NULL, NULL, NULL, 0},
};

/* ---- a server, and clients ---------------------------------------------------------------------- */

static wok_http_server *server;
static uint16_t port;

static inline void start_exactly(wok_http_server_options options)
{
    options.routes = routes;
    options.demo = true;
    cr_assert_eq(wok_http_server_new(&server, &options), 0);
    cr_assert_eq(wok_http_server_listen(server, "127.0.0.1", 0, &port), 0);
}

/* The defaults, and what is not zero in `given`. */
static inline void start(wok_http_server_options given)
{
    wok_http_server_options options;
    unsigned char *to = (unsigned char *)&options;
    const unsigned char *from = (const unsigned char *)&given;

    wok_http_server_options_init(&options);
    for (size_t at = 0; at < sizeof options; at += sizeof(void *)) { /* members have whole words */
        static const unsigned char zero[sizeof(void *)];
        if (memcmp(from + at, zero, sizeof zero) != 0)
            memcpy(to + at, from + at, sizeof zero);
    }
    start_exactly(options);
}

static inline wok_http_drain_report stop(void)
{
    wok_http_drain_report report;

    cr_assert_eq(wok_http_server_drain(server, &report), 0);
    wok_http_server_free(server);
    return report;
}

static inline uint64_t live_tasks(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics.live;
}

static inline wok_stream *dial(void)
{
    wok_stream *stream = NULL;

    cr_assert_eq(wok_connect("127.0.0.1", port, &stream), 0);
    return stream;
}

static inline void say(wok_stream *stream, const char *text)
{
    cr_assert_eq(wok_stream_send_all(stream, text, strlen(text)), 0);
}

/* Receives until `end` has been seen `times` times, or the connection ends; what came, on the heap. */
static inline char *hear(wok_stream *stream, const char *end, int times)
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

static inline int count(const char *text, const char *part)
{
    int seen = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        seen++;
    return seen;
}

/* Sends one request on a connection of its own and gives the whole answer until the server closes. */
static inline char *ask_once(const char *request)
{
    wok_stream *stream = dial();

    say(stream, request);
    char *answer = hear(stream, "no such text", 1);
    wok_stream_close(stream);
    return answer;
}

/* Runs `body` as a task over the simulated network. */
static inline void run_simulated(void (*body)(void))
{
    wok_runtime_options options = test_options();

    options.simulated_network = true;
    test_run(&options, body);
}

/* A test with a server of these options. */
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
        run_simulated(connection_##Name_##_run);                                                   \
    }                                                                                              \
    static void connection_##Name_##_body(void)

#endif
