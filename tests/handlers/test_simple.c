/* Tests of the handlers that answer from what they know: index, health, version, figures, sleep. */
#include "handlers.h"

#include <jansson.h>
#include <stdio.h>

#include <wok/blocking.h>

#include "fake_exchange.h"
#include "support/wok_test.h"

static wok_http_exchange fake;
static struct wok_handlers_context demo = {.demo = true};

static const char *asked(wok_http_handler handler, const char *target)
{
    fake_done(&fake);
    fake_get(&fake, target);
    fake.context = &demo;
    handler(&fake);
    return fake.body;
}

/* Parses the answer; owned. */
static json_t *answered(wok_http_handler handler, const char *target)
{
    json_error_t error;
    const char *body = asked(handler, target);

    cr_assert_eq(fake.status, 200, "%d %s", fake.status, fake.detail);
    cr_assert_str_eq(fake.content_type, "application/json");
    cr_assert_eq(body[fake.size - 1], '\n');
    json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(json, "%s: %s", error.text, body);
    return json;
}

Test(simple, health_is_ok_and_readiness_ends_with_the_drain)
{
    cr_assert_str_eq(asked(wok__handle_healthz, "/healthz"), "ok\n");
    cr_assert_eq(fake.status, 200);
    cr_assert_str_eq(fake.content_type, "text/plain; charset=utf-8");
    cr_assert_str_eq(asked(wok__handle_readyz, "/readyz"), "ready\n");
    cr_assert_eq(fake.status, 200);

    fake_done(&fake);
    fake_get(&fake, "/readyz");
    fake.draining = true;
    wok__handle_readyz(&fake);
    cr_assert_str_eq(fake.body, "draining\n");
    cr_assert_eq(fake.status, 503);
    fake_done(&fake);
}

Test(simple, the_index_describes_every_route_that_is_served)
{
    for (int with_demo = 0; with_demo < 2; with_demo++) {
        demo.demo = with_demo;
        json_t *index = answered(wok__handle_index, "/");
        const json_t *endpoints = json_object_get(index, "endpoints");
        size_t at = 0;

        cr_assert_str_eq(json_string_value(json_object_get(index, "name")), "wok-server");
        cr_assert_str_eq(json_string_value(json_object_get(index, "version")), WOK_VERSION);
        for (const wok_route *route = wok_routes; route->method != NULL; route++) {
            if (route->flags & WOK_ROUTE_DEMO && !with_demo)
                continue;
            const json_t *endpoint = json_array_get(endpoints, at++);
            cr_assert_str_eq(json_string_value(json_object_get(endpoint, "method")), route->method);
            cr_assert_str_eq(json_string_value(json_object_get(endpoint, "path")), route->path);
            cr_assert_gt(json_string_length(json_object_get(endpoint, "does")), 10, "%s",
                         route->path);
        }
        cr_assert_eq(json_array_size(endpoints), at);
        json_decref(index);
    }
    fake_done(&fake);
}

WOK_TEST(simple, the_version_names_what_it_is_built_on)
{
    static const char *const members[] = {"name",   "version", "commit",  "compiler",
                                          "llhttp", "openssl", "jansson", "io"};
    json_t *version = answered(wok__handle_version, "/version");

    for (size_t i = 0; i < WOK_COUNT(members); i++)
        cr_assert_gt(json_string_length(json_object_get(version, members[i])), 0, "%s", members[i]);
    cr_assert_eq(json_object_size(version), WOK_COUNT(members));
    cr_assert_str_eq(json_string_value(json_object_get(version, "version")), WOK_VERSION);
    cr_assert_str_eq(json_string_value(json_object_get(version, "jansson")), JANSSON_VERSION);
    cr_assert_str_neq(json_string_value(json_object_get(version, "llhttp")), "unknown");
    json_decref(version);
    fake_done(&fake);
}

static json_int_t figure(const json_t *figures, const char *group, const char *name)
{
    const json_t *value = json_object_get(json_object_get(figures, group), name);
    cr_assert(json_is_integer(value), "%s.%s", group, name);
    return json_integer_value(value);
}

WOK_TEST(simple, the_figures_are_those_of_the_runtime)
{
    fake_server_metrics = (wok_http_server_metrics){
        .requests = 7, .client_gone = 2, .responses_by_class = {0, 1, 2, 3, 4, 5}};
    demo.server =
        (wok_http_server *)&fake_server_metrics; /* any address: the fake asks no server */
    json_t *figures = answered(wok__handle_runtime, "/runtime");
    demo.server = NULL;

    cr_assert_str_eq(json_string_value(json_object_get(figures, "clock")), "paused");
    cr_assert_eq(figure(figures, "tasks", "live"), 1); /* this one */
    cr_assert_eq(figure(figures, "tasks", "spawned"), 1);
    cr_assert_eq(figure(figures, "tasks", "panicked"), 0);
    cr_assert_eq(figure(figures, "memory", "stacks_in_use"), 1);
    cr_assert_eq(json_array_size(json_object_get(figures, "workers")), 1);
    cr_assert_eq(figure(figures, "server", "requests"), 7);
    cr_assert_eq(figure(figures, "server", "client_gone"), 2);
    const json_t *classes = json_object_get(json_object_get(figures, "server"), "responses");
    cr_assert_eq(json_integer_value(json_object_get(classes, "1xx")), 1);
    cr_assert_eq(json_integer_value(json_object_get(classes, "5xx")), 5);
    json_decref(figures);

    figures = answered(wok__handle_runtime, "/runtime"); /* without a server: the runtime alone */
    cr_assert_null(json_object_get(figures, "server"));
    json_decref(figures);
    fake_done(&fake);
}

WOK_TEST(simple, a_sleep_on_the_task_takes_the_time_asked)
{
    cr_assert_str_eq(asked(wok__handle_sleep, "/sleep?ms=60000"),
                     "{\"on\": \"task\", \"asked_ms\": 60000, \"slept_ms\": 60000.000}\n");
    cr_assert_str_eq(asked(wok__handle_sleep, "/sleep?on=task&ms=0"),
                     "{\"on\": \"task\", \"asked_ms\": 0, \"slept_ms\": 0.000}\n");
    fake_done(&fake);
}

/* The clock is paused, so that a thread that really slept would show in the test's own time. */
WOK_TEST(simple, a_sleep_on_pool_and_worker_is_answered)
{
    cr_assert_str_eq(asked(wok__handle_sleep, "/sleep?ms=0&on=pool"),
                     "{\"on\": \"pool\", \"asked_ms\": 0, \"slept_ms\": 0.000}\n");
    cr_assert_str_eq(asked(wok__handle_sleep, "/sleep?ms=0&on=worker"),
                     "{\"on\": \"worker\", \"asked_ms\": 0, \"slept_ms\": 0.000}\n");
    fake_done(&fake);
}

struct call {
    wok_http_handler handler;
    const char *target;
};
struct nothing {
    char unused;
};
WOK_TASK(call_handler, struct call, struct nothing);

static int call_handler(struct call *call, struct nothing *result)
{
    *result = (struct nothing){0};
    asked(call->handler, call->target);
    return 0;
}

WOK_TEST(simple, a_panic_is_the_requests_own)
{
    struct nothing nothing;
    wok_join_error error;
    call_handler_join request = wok_spawn(call_handler, {wok__handle_panic, "/panic"});

    cr_assert_eq(call_handler_await(&request, &nothing, &error), -WOK_EJOIN);
    cr_assert_eq(error.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(error.message, "/panic"));
}

/* Aborts a request that sleeps; it must not answer and must leave at once. */
WOK_TEST(simple, a_sleep_of_a_client_that_is_gone_ends)
{
    struct nothing nothing;
    wok_instant begin = wok_now();
    call_handler_join request = wok_spawn(call_handler, {wok__handle_sleep, "/sleep?ms=60000"});

    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    wok_join_abort(&request.join);
    (void)call_handler_await(&request, &nothing, NULL);
    cr_assert_eq(wok_elapsed(begin).ns, wok_ms(5).ns);
    cr_assert_eq(fake.status, 0);
}

/* The lines of a family: its HELP, its TYPE and its samples, in one piece. */
static void cr_assert_has(const char *text)
{
    cr_assert_not_null(strstr(fake.body, text), "%s in %s", text, fake.body);
}

WOK_TEST(simple, metrics_are_the_text_format_and_labels_are_escaped)
{
    demo.server = (wok_http_server *)&demo;
    cr_assert_not_null(asked(wok__handle_metrics, "/metrics"));
    cr_assert_str_eq(fake.content_type, "text/plain; version=0.0.4; charset=utf-8");
    cr_assert_has("# TYPE http_server_request_duration_seconds histogram\n"
                  "http_server_request_duration_seconds_bucket{http_route=\"/a\\\"b\\\\c\\nd\","
                  "le=\"0.001\"} 1\n");
    cr_assert_has("le=\"0.014\"} 1\n");
    cr_assert_has("le=\"+Inf\"} 3\n");
    cr_assert_has("_sum{http_route=\"/a\\\"b\\\\c\\nd\"} 0.02");
    cr_assert_has("_count{http_route=\"/a\\\"b\\\\c\\nd\"} 3\n");
    cr_assert_has("wok_http_requests_total{http_request_method=\"_OTHER\","
                  "http_response_status_code=\"501\",http_route=\"/a\"} 7\n");
    cr_assert_has("# TYPE wok_build_info gauge\nwok_build_info{compiler=\"" WOK__COMPILER "\",");
    cr_assert_has("\nprocess_resident_memory_bytes ");
    demo.server = NULL;
    fake_done(&fake);
}
