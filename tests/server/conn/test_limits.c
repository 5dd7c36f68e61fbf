/*
 * test_limits.c - limits of a server, each at its edge.
 */
#include "conn_test.h"

#include <errno.h>

#define REQUEST "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"

static wok_http_server_metrics figures(void)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics;
}

CONNECTION_TEST(one_connection_more_than_an_address_may_have_is_reset,
                .connections_per_address_max = 2)
{
    wok_stream *first = dial(), *second = dial();

    say(first, REQUEST);
    say(second, REQUEST);
    free(hear(first, "ok\n", 1));
    free(hear(second, "ok\n", 1));
    cr_assert_eq(figures().connections_refused, 0);

    char byte;
    wok_stream *third = dial();
    cr_assert_eq(wok_stream_recv(third, &byte, 1), -ECONNRESET);
    cr_assert_eq(figures().connections_refused, 1);
    cr_assert_eq(figures().connections_open, 2);
    wok_stream_close(third);

    /* One that ends makes place for another. */
    wok_stream_close(first);
    while (figures().connections_open == 2)
        cr_assert_eq(wok_yield(), 0);
    third = dial();
    say(third, REQUEST);
    char *answer = hear(third, "ok\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    free(answer);
    wok_stream_close(third);
    wok_stream_close(second);
}

CONNECTION_TEST(the_last_request_that_a_connection_may_make_closes_it,
                .requests_per_connection_max = 3)
{
    wok_stream *stream = dial();

    say(stream, REQUEST REQUEST REQUEST REQUEST);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 3);
    cr_assert_eq(count(answer, "Connection: close\r\n"), 1);
    const char *last = answer;
    for (const char *at = answer; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
        last = at;
    cr_assert_eq(count(last, "Connection: close\r\n"), 1);
    cr_assert_eq(figures().requests, 3);
    free(answer);
    wok_stream_close(stream);
}

static char *post_of(size_t size)
{
    char *request = malloc(size + 128);
    int head =
        sprintf(request, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", size);

    memset(request + head, 'b', size);
    request[(size_t)head + size] = '\0';
    return request;
}

static void answers(size_t body, const char *status, const char *detail)
{
    char *request = post_of(body);
    wok_stream *stream = dial();

    say(stream, request);
    /* Whatever it is, the answer ends with a newline of its own or with the echoed body. */
    char *answer = hear(stream, strstr(status, "200") ? "bbbb" : "}\n", 1);
    cr_assert_eq(count(answer, status), 1, "%zu bytes: %.200s", body, answer);
    cr_assert(strstr(answer, detail) != NULL, "%zu bytes: %.600s", body, answer);
    free(answer);
    free(request);
    wok_stream_close(stream);
}

/* Body and answer of an echo are held at once, both in blocks of a power of two. */
CONNECTION_TEST(a_request_may_hold_so_much_and_not_a_byte_more, .request_memory_max = 16384)
{
    answers(8192, "HTTP/1.1 200 OK\r\n", "bbbb");
    answers(8193, "HTTP/1.1 500 Internal Server Error\r\n", "the answer needs more memory");
    answers(16385, "HTTP/1.1 413 Content Too Large\r\n", "larger than what one request may hold");
}

static void without_bodies(void)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    options.body_bytes_max = 0;
    options.trailer_bytes_max = 0;
    options.chunk_extension_bytes_max = 0;
    start_exactly(options);
    char *answer = ask_once("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
                            "Connection: close\r\n\r\n");
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1, "%s", answer);
    free(answer);
    answer = ask_once("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb");
    cr_assert_eq(count(answer, "HTTP/1.1 413 "), 1, "%s", answer);
    free(answer);
    answer = ask_once("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "1\r\nb\r\n0\r\n\r\n");
    cr_assert_eq(count(answer, "HTTP/1.1 413 "), 1, "%s", answer);
    free(answer);
    (void)stop();
}

Test(connection, a_limit_of_zero_is_zero, .timeout = 30)
{
    run_simulated(without_bodies);
}

/* The edges of two limits that count over a whole message. */
static void chunked(const char *line, const char *trailers, const char *status)
{
    char request[512];

    snprintf(request, sizeof request,
             "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
             "\r\n1%s\r\nb\r\n0\r\n%s\r\n",
             line, trailers);
    char *answer = ask_once(request);
    cr_assert_eq(count(answer, status), 1, "%s%s: %s", line, trailers, answer);
    free(answer);
}

CONNECTION_TEST(chunk_extensions_and_trailers_have_limits_of_their_own,
                .chunk_extension_bytes_max = 5, .trailer_bytes_max = 8)
{
    chunked(";a=bc", "", "HTTP/1.1 200 OK\r\n");
    chunked(";a=bcd", "", "HTTP/1.1 400 Bad Request\r\n");
    chunked("", "T: abc\r\n", "HTTP/1.1 200 OK\r\n");
    chunked("", "T: abcd\r\n", "HTTP/1.1 400 Bad Request\r\n");
}
