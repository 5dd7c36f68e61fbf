/*
 * Tests of the main job: what comes of a fan-out in every mode, for every requirement.
 *
 * The body of each test is a task of a runtime whose clock stands still while anything is ready, so
 * times are compared for equality.
 */
#include "aggregate.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/metrics.h>
#include <wok/runtime.h>

#include "fake_exchange.h"
#include "handlers.h"
#include "server/http/http_test.h"
#include "support/wok_test.h"

static wok_http_exchange fake;

static const char *got(const char *target)
{
    fake_done(&fake);
    fake_get(&fake, target);
    wok__handle_aggregate_get(&fake);
    cr_assert_neq(fake.status, 0, "%s", target);
    return fake.body != NULL ? fake.body : fake.detail;
}

static const char *posted(const char *body)
{
    fake_done(&fake);
    fake_post(&fake, "/aggregate", "application/json", wok_slice_of(body));
    wok__handle_aggregate_post(&fake);
    cr_assert_neq(fake.status, 0, "%s", body);
    return fake.body != NULL ? fake.body : fake.detail;
}

static uint64_t live_tasks(void)
{
    wok_runtime_metrics metrics;
    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics.live;
}

/* The article's example, to the last byte: the slower source decides, not the sum. */
WOK_TEST(aggregate, the_example_takes_as_long_as_its_slowest_source)
{
    char wanted[600];
    uint64_t first = wok_task_id() + 1; /* numbers are given in order, by one worker */

    snprintf(wanted, sizeof wanted,
             "{\"mode\": \"spawn\", \"status\": \"complete\", \"total_ms\": 500.000, "
             "\"sequential_ms\": 800, \"tasks_spawned\": 2, \"results\": ["
             "{\"source\": \"API Server\", \"status\": \"ok\", \"data\": \"Data from API Server\", "
             "\"delay_ms\": 500, \"elapsed_ms\": 500.000, \"task\": %llu}, "
             "{\"source\": \"Database\", \"status\": \"ok\", \"data\": \"Data from Database\", "
             "\"delay_ms\": 300, \"elapsed_ms\": 300.000, \"task\": %llu}]}\n",
             (unsigned long long)first, (unsigned long long)first + 1);
    cr_assert_str_eq(got("/aggregate"), wanted);
    cr_assert_eq(fake.status, 200);
    cr_assert_str_eq(fake.content_type, "application/json");
    fake_done(&fake);
}

WOK_TEST(aggregate, a_join_takes_as_long_and_spawns_nothing)
{
    cr_assert_str_eq(
        got("/aggregate?mode=join"),
        "{\"mode\": \"join\", \"status\": \"complete\", \"total_ms\": 500.000, "
        "\"sequential_ms\": 800, \"tasks_spawned\": 0, \"results\": ["
        "{\"source\": \"API Server\", \"status\": \"ok\", \"data\": \"Data from API Server\", "
        "\"delay_ms\": 500, \"elapsed_ms\": 500.000}, "
        "{\"source\": \"Database\", \"status\": \"ok\", \"data\": \"Data from Database\", "
        "\"delay_ms\": 300, \"elapsed_ms\": 300.000}]}\n");
    fake_done(&fake);
}

WOK_TEST(aggregate, one_by_one_takes_the_sum)
{
    cr_assert_not_null(strstr(got("/aggregate?mode=sequential"), "\"total_ms\": 800.000"));
    cr_assert_not_null(strstr(fake.body, "\"tasks_spawned\": 0"));
    fake_done(&fake);
}

/* ---- the model --------------------------------------------------------------------------------- */

enum { SOURCES_MAX = 12, NEVER = 1000000000 };

/* A request, and what must come of it; times in ms. */
struct scenario {
    enum wok__mode mode;
    struct wok__require require;
    unsigned timeout;
    size_t count;
    unsigned delay[SOURCES_MAX];
    enum wok__outcome outcome[SOURCES_MAX];

    unsigned total;
    unsigned elapsed[SOURCES_MAX];
    const char *status[SOURCES_MAX];
};

static unsigned end_of(const struct scenario *s, size_t i)
{
    return s->outcome[i] == WOK__OUTCOME_HANG ? NEVER : s->delay[i];
}

static bool stops_early(const struct scenario *s)
{
    return s->require.kind == WOK__REQUIRE_ANY || s->require.kind == WOK__REQUIRE_K;
}

static unsigned needed(const struct scenario *s)
{
    return s->require.kind == WOK__REQUIRE_ALL   ? (unsigned)s->count
           : s->require.kind == WOK__REQUIRE_ANY ? 1
           : s->require.kind == WOK__REQUIRE_K   ? s->require.k
                                                 : 0;
}

/* Successes up to the time `t` when all begin at once. */
static unsigned successes_by(const struct scenario *s, unsigned t)
{
    unsigned successes = 0;
    for (size_t i = 0; i < s->count; i++)
        successes += s->outcome[i] == WOK__OUTCOME_OK && s->delay[i] <= t;
    return successes;
}

static unsigned ended_by(const struct scenario *s, unsigned t)
{
    unsigned ended = 0;
    for (size_t i = 0; i < s->count; i++)
        ended += end_of(s, i) <= t;
    return ended;
}

/* Looks at every millisecond in turn: slow, and obviously right. */
static void predict_concurrent(struct scenario *s)
{
    unsigned t = 0;
    while (t < s->timeout && ended_by(s, t) < s->count &&
           !(stops_early(s) && successes_by(s, t) >= needed(s)))
        t++;

    bool enough = stops_early(s) && successes_by(s, t) >= needed(s);
    s->total = t;
    for (size_t i = 0; i < s->count; i++) {
        bool ended = end_of(s, i) <= t;
        s->elapsed[i] = ended ? end_of(s, i) : t;
        s->status[i] = ended ? wok__outcome_words[s->outcome[i]] : enough ? "cancelled" : "timeout";
    }
}

static void predict_sequential(struct scenario *s)
{
    unsigned t = 0, successes = 0;
    bool late = false;

    for (size_t i = 0; i < s->count; i++) {
        bool asked = !late && !(stops_early(s) && successes >= needed(s));
        bool in_time = asked && end_of(s, i) <= s->timeout - t;

        s->elapsed[i] = !asked ? 0 : in_time ? end_of(s, i) : s->timeout - t;
        late |= asked && !in_time;
        t += s->elapsed[i];
        successes += in_time && s->outcome[i] == WOK__OUTCOME_OK;
        s->status[i] = in_time ? wok__outcome_words[s->outcome[i]] : late ? "timeout" : "cancelled";
    }
    s->total = t;
}

/*
 * Distinct delays that are multiples of 10 and timeouts that are not: which of two events of the same
 * instant comes first is nobody's promise.
 */
static void make_scenario(struct scenario *s, struct http_test_rand *rand)
{
    static const unsigned timeouts[] = {5, 35, 75, 1205, 60000};
    unsigned order[SOURCES_MAX];

    s->count = 1 + http_test_below(rand, SOURCES_MAX);
    s->timeout = timeouts[http_test_below(rand, WOK_COUNT(timeouts))];
    s->require.k =
        s->require.kind == WOK__REQUIRE_K ? 1 + (unsigned)http_test_below(rand, s->count) : 0;
    for (unsigned i = 0; i < SOURCES_MAX; i++)
        order[i] = i;
    for (size_t i = 0; i < s->count; i++) {
        size_t other = i + http_test_below(rand, SOURCES_MAX - i);
        unsigned delay = order[other];
        order[other] = order[i];
        order[i] = delay;
        s->delay[i] = 10 * delay;
        s->outcome[i] = (enum wok__outcome)http_test_below(rand, 4);
        if (s->outcome[i] == WOK__OUTCOME_PANIC && s->mode != WOK__MODE_SPAWN)
            s->outcome[i] = WOK__OUTCOME_OK; /* elsewhere it is the request's own; see below */
    }
    if (s->mode == WOK__MODE_SEQUENTIAL)
        predict_sequential(s);
    else
        predict_concurrent(s);
}

static const char *ask(const struct scenario *s, bool post)
{
    static const char *const words[] = {"all", "any", "none"};
    char text[4000], require[16], quoted[20];
    int size;

    if (s->require.kind == WOK__REQUIRE_K)
        snprintf(require, sizeof require, "%u", s->require.k);
    else
        strcpy(require, words[s->require.kind]);
    snprintf(quoted, sizeof quoted, s->require.kind == WOK__REQUIRE_K ? "%s" : "\"%s\"", require);

    if (post)
        size = snprintf(text, sizeof text,
                        "{\"mode\": \"%s\", \"timeout_ms\": %u, \"require\": %s, \"sources\": [",
                        wok__mode_words[s->mode], s->timeout, quoted);
    else
        size = snprintf(text, sizeof text, "/aggregate?mode=%s&timeout_ms=%u&require=%s",
                        wok__mode_words[s->mode], s->timeout, require);
    for (size_t i = 0; i < s->count; i++)
        size += snprintf(text + size, sizeof text - (size_t)size,
                         post ? "%s{\"name\": \"s%zu\", \"delay_ms\": %u, \"outcome\": \"%s\"}"
                              : "%ssource=s%zu:%u:%s",
                         post ? i > 0 ? ", " : "" : "&", i, s->delay[i],
                         wok__outcome_words[s->outcome[i]]);
    if (post)
        strcpy(text + size, "]}");
    return post ? posted(text) : got(text);
}

static void check_verdict(const struct scenario *s, const json_t *answer)
{
    unsigned successes = 0, failures = 0, timeouts = 0;

    for (size_t i = 0; i < s->count; i++) {
        successes += strcmp(s->status[i], "ok") == 0;
        timeouts += strcmp(s->status[i], "timeout") == 0;
        failures += strcmp(s->status[i], "ok") != 0 && strcmp(s->status[i], "cancelled") != 0;
    }
    const char *status = successes < needed(s) ? "failed" : failures > 0 ? "partial" : "complete";
    int http_status = successes >= needed(s) ? 200 : timeouts == failures ? 504 : 502;
    cr_assert_str_eq(json_string_value(json_object_get(answer, "status")), status, "%s", fake.body);
    cr_assert_eq(fake.status, http_status, "%d %s", fake.status, fake.body);
}

static void check_result(const struct scenario *s, size_t i, const json_t *result)
{
    const char *status = json_string_value(json_object_get(result, "status"));
    bool fine = strcmp(status, "ok") == 0;
    char name[16], data[32];

    snprintf(name, sizeof name, "s%zu", i);
    snprintf(data, sizeof data, "Data from s%zu", i);
    cr_assert_str_eq(json_string_value(json_object_get(result, "source")), name);
    cr_assert_str_eq(status, s->status[i], "source %zu: %s", i, fake.body);
    cr_assert_eq(json_integer_value(json_object_get(result, "delay_ms")), s->delay[i]);
    cr_assert_eq(json_real_value(json_object_get(result, "elapsed_ms")), s->elapsed[i],
                 "source %zu: %s", i, fake.body);
    if (fine)
        cr_assert_str_eq(json_string_value(json_object_get(result, "data")), data);
    else
        cr_assert_eq(
            strncmp(json_string_value(json_object_get(result, "error")), name, strlen(name)), 0);
    cr_assert_eq(json_object_get(result, "task") != NULL, s->mode == WOK__MODE_SPAWN);
    cr_assert_eq(json_object_size(result), s->mode == WOK__MODE_SPAWN ? 6 : 5);
}

static void check(const struct scenario *s, const char *body)
{
    json_error_t error;
    json_t *answer = json_loads(body, JSON_REJECT_DUPLICATES, &error);
    unsigned sum = 0;

    cr_assert_not_null(answer, "%s: %s", error.text, body);
    const json_t *results = json_object_get(answer, "results");
    cr_assert_eq(json_array_size(results), s->count);
    for (size_t i = 0; i < s->count; i++) {
        check_result(s, i, json_array_get(results, i));
        sum += s->delay[i];
    }
    check_verdict(s, answer);
    cr_assert_str_eq(json_string_value(json_object_get(answer, "mode")), wok__mode_words[s->mode]);
    cr_assert_eq(json_real_value(json_object_get(answer, "total_ms")), s->total, "%s", body);
    cr_assert_eq(json_integer_value(json_object_get(answer, "sequential_ms")), sum);
    cr_assert_eq(json_integer_value(json_object_get(answer, "tasks_spawned")),
                 (json_int_t)(s->mode == WOK__MODE_SPAWN ? s->count : 0));
    json_decref(answer);
}

static void agrees_with_the_model(enum wok__mode mode)
{
    struct http_test_rand rand = http_test_rand();

    for (int round = 0; round < 1000; round++) {
        struct scenario s = {.mode = mode};
        s.require.kind = (enum wok__require_kind)(round % 4);
        make_scenario(&s, &rand);
        check(&s, ask(&s, http_test_below(&rand, 2) == 0));
        cr_assert_eq(live_tasks(), 1, "%s", fake.body);
    }
    cr_assert_eq(test_unjoined().count, 0);
    fake_done(&fake);
}

WOK_TEST(aggregate, spawn_agrees_with_the_model)
{
    agrees_with_the_model(WOK__MODE_SPAWN);
}

WOK_TEST(aggregate, join_agrees_with_the_model)
{
    agrees_with_the_model(WOK__MODE_JOIN);
}

WOK_TEST(aggregate, sequential_agrees_with_the_model)
{
    agrees_with_the_model(WOK__MODE_SEQUENTIAL);
}

/* ---- panics ------------------------------------------------------------------------------------ */

WOK_TEST(aggregate, a_panic_in_a_fetchs_task_is_told_with_its_message)
{
    got("/aggregate?source=Database:20:panic&source=API+Server:10&source=Cache:5:panic");
    cr_assert_eq(fake.status, 502);
    cr_assert_not_null(strstr(fake.body, "\"status\": \"panic\", \"error\": \"Database: task "));
    cr_assert_not_null(strstr(fake.body, "the fetch from Database was told to panic"));
    cr_assert_not_null(strstr(fake.body, "the fetch from Cache was told to panic"));
    cr_assert_not_null(strstr(fake.body, "Data from API Server"));
    cr_assert_eq(live_tasks(), 1);
    cr_assert_eq(test_unjoined().count, 0);
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
    fake_get(&fake, call->target);
    call->handler(&fake);
    return 0;
}

WOK_TEST(aggregate, a_panic_inside_the_requests_task_is_the_requests_own)
{
    static const struct call calls[] = {
        {wok__handle_aggregate_get, "/aggregate?mode=join&source=a:10:panic&source=b:99"},
        {wok__handle_aggregate_get, "/aggregate?mode=sequential&source=a:10:panic&source=b:99"},
        {wok__handle_fetch, "/fetch?source=a&delay_ms=10&outcome=panic"},
    };
    for (size_t i = 0; i < WOK_COUNT(calls); i++) {
        struct nothing nothing;
        wok_join_error error;
        wok_instant begin = wok_now();
        call_handler_join request = wok_spawn(call_handler, {calls[i].handler, calls[i].target});

        cr_assert_eq(call_handler_await(&request, &nothing, &error), -WOK_EJOIN);
        cr_assert_eq(error.outcome, WOK_PANICKED);
        cr_assert_not_null(strstr(error.message, "the fetch from a was told to panic"));
        cr_assert_eq(wok_elapsed(begin).ns,
                     wok_ms(10).ns); /* no timer of the others is waited for */
        cr_assert_eq(fake.status, 0);
        cr_assert_eq(live_tasks(), 1);
    }
}

/* ---- sentences --------------------------------------------------------------------------------- */

WOK_TEST(aggregate, a_sentence_says_why_there_is_no_data)
{
    static const struct {
        const char *target, *first, *second;
    } cases[] = {
        {"/aggregate?source=a:5:hang&source=b:9&timeout_ms=7",
         "\"error\": \"a did not answer within 7 ms.\"",
         "\"error\": \"b did not answer within 7 ms.\""},
        {"/aggregate?mode=sequential&source=a:5:hang&source=b:0&timeout_ms=7",
         "\"error\": \"a did not answer within 7 ms.\"",
         "\"error\": \"b was not asked: its turn came after 7 ms.\""},
        {"/aggregate?mode=sequential&require=any&source=a:5&source=b:0", "\"Data from a\"",
         "\"error\": \"b was not asked: enough others had answered.\""},
        {"/aggregate?require=any&source=a:5:error&source=b:0&source=c:1",
         "\"error\": \"a was given up: enough others had answered.\"", "\"Data from b\""},
        {"/aggregate?source=a:5:error&source=b:0", "\"error\": \"a answered with an error.\"",
         "\"Data from b\""},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        got(cases[i].target);
        cr_assert_not_null(strstr(fake.body, cases[i].first), "%s", fake.body);
        cr_assert_not_null(strstr(fake.body, cases[i].second), "%s", fake.body);
    }
    fake_done(&fake);
}

/* ---- the client goes away ---------------------------------------------------------------------- */

WOK_TEST(aggregate, a_client_that_goes_away_takes_every_fetch_with_it)
{
    static const char *const targets[] = {
        "/aggregate?source=a:100&source=b:300:hang&source=c:60000&source=d:5:panic",
        "/aggregate?source=a:100&source=b:300:hang&source=c:60000&require=2",
        "/aggregate?source=a:100&source=b:300:hang&source=c:60000&mode=join",
        "/aggregate?source=a:100&source=b:300:hang&source=c:60000&mode=sequential",
        ("/aggregate?source=a:1&source=b:1&source=c:1&source=d:1&source=e:1&source=f:1&source=g:1"
         "&source=h:1&source=i:1&source=j:1:hang&mode=join"), /* too many for the frame */
    };
    for (size_t i = 0; i < WOK_COUNT(targets); i++) {
        struct nothing nothing;
        wok_instant begin = wok_now();
        call_handler_join request =
            wok_spawn(call_handler, {wok__handle_aggregate_get, targets[i]});

        cr_assert_eq(wok_sleep(wok_ms(50)), 0);
        cr_assert_geq(live_tasks(), 2);
        wok_join_abort(&request.join);
        (void)call_handler_await(&request, &nothing, NULL);
        cr_assert_eq(wok_elapsed(begin).ns, wok_ms(50).ns);
        cr_assert_eq(fake.status, 0, "%s", targets[i]);
        cr_assert_eq(live_tasks(), 1, "%s", targets[i]);
    }
}

/* ---- size -------------------------------------------------------------------------------------- */

/* A body with `count` sources of the same delay; owned. */
static char *many_sources(size_t count, unsigned delay_ms, const char *mode, const char *require)
{
    json_t *sources = json_array();

    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%zu", i);
        json_array_append_new(sources,
                              json_pack("{s:s, s:i}", "name", name, "delay_ms", (int)delay_ms));
    }
    json_t *body =
        json_pack("{s:s, s:s, s:o}", "mode", mode, "require", require, "sources", sources);
    size_t size = json_dumpb(body, NULL, 0, 0);
    char *text = calloc(1, size + 1);
    cr_assert_not_null(text);
    cr_assert_eq(json_dumpb(body, text, size, 0), size);
    json_decref(body);
    return text;
}

static void check_many(const char *body, size_t count)
{
    json_t *answer = json_loads(body, 0, NULL);
    const json_t *result;
    size_t i;

    cr_assert_str_eq(json_string_value(json_object_get(answer, "status")), "complete");
    cr_assert_eq(json_array_size(json_object_get(answer, "results")), count);
    json_array_foreach(json_object_get(answer, "results"), i, result)
    {
        char data[32];
        snprintf(data, sizeof data, "Data from s%zu", i);
        cr_assert_str_eq(json_string_value(json_object_get(result, "data")), data);
    }
    json_decref(answer);
}

WOK_TEST(aggregate, a_thousand_sources_take_as_long_as_one)
{
    static const char *const modes[] = {"spawn", "join"};

    for (size_t i = 0; i < WOK_COUNT(modes); i++) {
        char *text = many_sources(1000, 100, modes[i], "all");
        posted(text);
        check_many(fake.body, 1000);
        cr_assert_not_null(strstr(fake.body, "\"total_ms\": 100.000, \"sequential_ms\": 100000"));
        cr_assert_eq(live_tasks(), 1);
        free(text);
    }
    fake_done(&fake);
}

static uint64_t polls(void)
{
    wok_worker_metrics metrics;
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics.polls;
}

/* A child is polled when it starts and at its deadline, the request once at the end, and once for each
 * 61 children that it started in place, to let others run. */
WOK_TEST(aggregate, the_request_is_woken_once_however_many_it_waits_for)
{
    char *text = many_sources(100, 10, "spawn", "all");
    uint64_t before;

    posted(text);
    before = polls();
    posted(text);
    cr_assert_leq(polls() - before, 2 * 100 + 1 + 100 / 61, "%llu",
                  (unsigned long long)(polls() - before));
    free(text);
    fake_done(&fake);
}

/* Real threads and no delay: children end while others are spawned, counted and aborted. */
WOK_TEST_ON(aggregate, on_several_workers_every_answer_is_right, 4)
{
    char *all = many_sources(200, 0, "spawn", "all");
    char *any = many_sources(200, 0, "spawn", "any");

    for (int round = 0; round < 50; round++) {
        check_many(posted(all), 200);
        json_t *answer = json_loads(posted(any), 0, NULL);
        cr_assert_eq(fake.status, 200);
        cr_assert_str_eq(json_string_value(json_object_get(answer, "status")), "complete");
        json_decref(answer);
        cr_assert_eq(live_tasks(), 1);
    }
    free(all);
    free(any);
    fake_done(&fake);
}
