/*
 * test_connection.c - connections as their clients see them: answers, their order, their framing.
 */
#include "conn_test.h"

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

/* It used to get one when what was wrong came before the head's end. */
CONNECTION_TEST(a_refused_head_is_answered_without_a_body, .drain_delay = {0})
{
    static const char *const bad[] = {
        "HEAD /ok HTTP/1.1\r\n\r\n",
        "\r\nHEAD /ok HTTP/2.0\r\nHost: x\r\n\r\n",
        "HEAD /ok HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
        "HEAD /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n",
    };

    for (size_t i = 0; i < WOK_COUNT(bad); i++) {
        char *answer = ask_once(bad[i]);
        const char *end = strstr(answer, "\r\n\r\n");
        cr_assert_eq(count(answer, "Content-Length: 0\r\n"), 0, "%s", answer);
        cr_assert(end != NULL && end[4] == '\0', "%s", answer);
        free(answer);
    }
    char *answer = ask_once("HEADER /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(count(answer, "\r\n\r\n{"), 1);
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

/* Whether the body comes after all cannot be known: so the answer ends the connection. */
CONNECTION_TEST(a_body_that_nobody_wants_is_not_asked_for, .drain_delay = {0})
{
    char *answer = ask_once("POST /nowhere HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                            "Content-Length: 4\r\n\r\n");

    cr_assert_eq(count(answer, "100 Continue"), 0);
    cr_assert_eq(count(answer, "HTTP/1.1 404 Not Found\r\n"), 1);
    cr_assert_eq(count(answer, "Connection: close\r\n"), 1);
    free(answer);
}

/* The body is there, and tells where the next request begins. */
CONNECTION_TEST(a_request_to_nowhere_leaves_the_connection_usable, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
                "DELETE /ok HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "\r\n\r\nok\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 404 Not Found\r\n"), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 405 Method Not Allowed\r\n"), 1);
    cr_assert_eq(count(answer, "Allow: GET, HEAD, OPTIONS\r\n"), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 204 No Content\r\n"), 1);
    cr_assert_eq(count(answer, "Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n"), 1);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(a_request_keeps_its_own_id_if_that_is_sane, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "GET /ok HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine-1\r\n\r\n"
                "GET /ok HTTP/1.1\r\nHost: x\r\nX-Request-Id: not mine\r\n\r\n"
                "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "ok\n", 3);
    cr_assert_eq(count(answer, "X-Request-Id: mine-1\r\n"), 1);
    cr_assert_eq(count(answer, "not mine"), 0);
    cr_assert_eq(count(answer, "X-Request-Id: "), 3);
    const char *second = strstr(strstr(answer, "X-Request-Id: ") + 1, "X-Request-Id: ");
    const char *third = strstr(second + 1, "X-Request-Id: ");
    cr_assert_neq(strncmp(second, third, sizeof "X-Request-Id: " + 24), 0);
    free(answer);
    wok_stream_close(stream);
}

static void without_demonstrations(void)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    options.routes = routes;
    cr_assert_eq(wok_http_server_new(&server, &options), 0);
    cr_assert_eq(wok_http_server_listen(server, "127.0.0.1", 0, &port), 0);
    wok_stream *stream = dial();
    say(stream, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\nGET /pani HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /sloe HTTP/1.1\r\nHost: x\r\n\r\nOPTIONS /panic HTTP/1.1\r\nHost: x\r\n\r\n"
                "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = hear(stream, "\r\n\r\nok\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 404 Not Found\r\n"), 4);
    cr_assert_eq(count(answer, "--demo"), 2);
    cr_assert_eq(count(answer, "near it: /slow\""), 1, "%s", answer);
    cr_assert_eq(count(answer, "near it: /panic"), 0);
    free(answer);
    wok_stream_close(stream);
    (void)stop();
}

Test(connection, demonstrations_that_are_off_say_how_to_turn_them_on, .timeout = 30)
{
    run_simulated(without_demonstrations);
}

CONNECTION_TEST(a_segment_in_braces_is_any_one_and_what_is_written_out_goes_first,
                .drain_delay = {0})
{
    static const struct {
        const char *request, *begin, *part;
    } cases[] = {
        {"GET /items/17?x=1", "HTTP/1.1 200 ", "\r\n\r\nitem 17\n"},
        {"GET /items/%41%2Fb", "HTTP/1.1 200 ", "\r\n\r\nitem A%2Fb\n"},
        {"DELETE /items/a", "HTTP/1.1 200 ", "\r\n\r\nitem a\n"},
        {"GET /items/first", "HTTP/1.1 200 ", "\r\n\r\nok\n"},
        {"DELETE /items/first", "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD, OPTIONS\r\n"},
        {"POST /items/17", "HTTP/1.1 405 ", "\r\nAllow: GET, HEAD, DELETE, OPTIONS\r\n"},
        {"OPTIONS /items/17", "HTTP/1.1 204 ", "\r\nAllow: GET, HEAD, DELETE, OPTIONS\r\n"},
        {"HEAD /items/17", "HTTP/1.1 200 ", "\r\nContent-Length: 8\r\n"},
        {"GET /items/", "HTTP/1.1 404 ", "/items/{id}"},
        {"GET /items/17/parts", "HTTP/1.1 404 ", "there is no /items/17/parts here"},
    };
    char request[200];

    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        snprintf(request, sizeof request,
                 "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                 cases[i].request);
        char *answer = ask_once(request);
        cr_assert_eq(strncmp(answer, cases[i].begin, strlen(cases[i].begin)), 0, "%s: %s",
                     cases[i].request, answer);
        cr_assert_eq(count(answer, cases[i].part), 1, "%s: %s", cases[i].request, answer);
        free(answer);
    }
}
