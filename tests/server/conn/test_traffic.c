/*
 * test_traffic.c - what a server counts of its answers: by path, method and status, and how long they took.
 */
#include "conn_test.h"

static uint64_t answers_of(const char *path, wok_http_method method, int status)
{
    wok_http_answers answers;
    size_t cursor = 0;

    while (wok_http_server_answers_next(server, &cursor, &answers)) {
        bool same = path == NULL ? answers.path == NULL
                                 : answers.path != NULL && strcmp(answers.path, path) == 0;
        if (same && answers.method == method && answers.status == status)
            return answers.count;
    }
    return 0;
}

static wok_http_route_metrics durations_of(const char *path)
{
    wok_http_route_metrics metrics;

    for (size_t i = 0; wok_http_server_route_metrics_get(server, i, &metrics); i++)
        if (metrics.path != NULL && strcmp(metrics.path, path) == 0)
            return metrics;
    cr_assert(false, "no %s", path);
    return (wok_http_route_metrics){.path = NULL};
}

static void ask(const char *line)
{
    char request[200];

    snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line);
    free(ask_once(request));
}

CONNECTION_TEST(answers_are_counted_by_path_method_and_status, .drain_delay = {0})
{
    for (int i = 0; i < 3; i++)
        ask("GET /ok");
    ask("HEAD /ok");
    ask("PUT /ok");
    ask("GET /items/17");
    ask("GET /items/18?x=1");
    ask("DELETE /items/19");
    ask("GET /nowhere");
    ask("GET /panic");
    ask("PROPFIND /ok");
    cr_assert_eq(answers_of("/ok", WOK_HTTP_GET, 200), 3);
    cr_assert_eq(answers_of("/ok", WOK_HTTP_HEAD, 200), 1);
    cr_assert_eq(answers_of("/ok", WOK_HTTP_PUT, 405), 1);
    cr_assert_eq(answers_of("/ok", WOK_HTTP_OTHER, 405), 1);
    cr_assert_eq(answers_of("/items/{id}", WOK_HTTP_GET, 200), 2);
    cr_assert_eq(answers_of("/items/{id}", WOK_HTTP_DELETE, 200), 1);
    cr_assert_eq(answers_of(NULL, WOK_HTTP_GET, 404), 1);
    cr_assert_eq(answers_of("/panic", WOK_HTTP_GET, 500), 1);
    cr_assert_eq(durations_of("/ok").count, 6);
    cr_assert_eq(durations_of("/items/{id}").count, 3);
    cr_assert_eq(durations_of("/slow").count, 0);
}

CONNECTION_TEST(a_duration_counts_up_to_its_bound_and_to_that, .drain_delay = {0})
{
    ask("GET /slow?ms=0");
    ask("GET /slow?ms=25");
    ask("GET /slow?ms=26");
    ask("GET /slow?ms=10000");
    ask("GET /slow?ms=10001");
    wok_http_route_metrics metrics = durations_of("/slow");
    cr_assert_eq(metrics.buckets[0], 1);
    cr_assert_eq(metrics.buckets[2], 1, "25 ms are no more than 25 ms");
    cr_assert_eq(metrics.buckets[3], 1);
    cr_assert_eq(metrics.buckets[13], 1);
    cr_assert_eq(metrics.buckets[14], 1);
    cr_assert_eq(metrics.count, 5);
    cr_assert_eq(metrics.sum_ns, wok_ms(25 + 26 + 10000 + 10001).ns);
}
