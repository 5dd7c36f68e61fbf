/* Tests of /tasks: what is asked, what is answered, and the list. */
#include "handlers.h"

#include <stdlib.h>

#include <jansson.h>

#include "detached.h"
#include "fake_exchange.h"
#include "support/wok_test.h"

static wok_http_exchange fake;
static struct wok_handlers_context context;

static void with_registry(void (*body)(void))
{
    wok_runtime_options options = test_options();

    test_run(&options, body);
    fake_done(&fake);
    wok__registry_free(context.detached);
}

#define TASKS_TEST(Name_, AliveMax_)                                                               \
    static void Name_(void);                                                                       \
    static void Name_##_run(void)                                                                  \
    {                                                                                              \
        cr_assert_eq(wok__registry_new(&context.detached, (AliveMax_)), 0);                        \
        Name_();                                                                                   \
    }                                                                                              \
    Test(tasks, Name_, .timeout = 30)                                                              \
    {                                                                                              \
        with_registry(Name_##_run);                                                                \
    }                                                                                              \
    static void Name_(void)

static void post(const char *body)
{
    fake_done(&fake);
    fake_post(&fake, "/tasks", "application/json", wok_slice_of(body));
    fake.context = &context;
    wok__handle_tasks_post(&fake);
}

static void ask(wok_http_handler handler, const char *target)
{
    fake_done(&fake);
    fake_get(&fake, target);
    fake.context = &context;
    fake.route = "/tasks/{id}";
    handler(&fake);
}

#define FETCH                                                                                      \
    "{\"kind\": \"fetch\", \"source\": \"Report\", \"delay_ms\": 5000, \"outcome\": \"ok\"}"

/* ---- a task ---------------------------------------------------------------------------------------- */

TASKS_TEST(a_fetch_is_accepted_told_of_and_its_result_kept, 10)
{
    post(FETCH);
    cr_assert_eq(fake.status, 202);
    cr_assert_str_eq(fake.location, "/tasks/1");
    cr_assert_str_eq(fake.content_type, "application/json");
    json_t *document = json_loads(fake.body, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(document, "%s", fake.body);
    uint64_t task = (uint64_t)json_integer_value(json_object_get(document, "task"));
    char expected[500];
    json_decref(document);
    snprintf(expected, sizeof expected,
             "{\"id\": 1, \"kind\": \"fetch\", \"state\": \"scheduled\", \"source\": \"Report\", "
             "\"delay_ms\": 5000, \"outcome\": \"ok\", \"timeout_ms\": 60000, \"task\": %zu, "
             "\"elapsed_ms\": 0.000}\n",
             (size_t)task);
    cr_assert_str_eq(fake.body, expected);

    ask(wok__handle_task_get, "/tasks/1?wait_ms=10");
    cr_assert_eq(fake.status, 200);
    cr_assert_not_null(strstr(fake.body, "\"state\": \"running\""));
    cr_assert_not_null(strstr(fake.body, "\"elapsed_ms\": 10.000}\n"), "%s", fake.body);
    ask(wok__handle_task_get, "/tasks/1?wait_ms=60000");
    snprintf(expected, sizeof expected,
             "{\"id\": 1, \"kind\": \"fetch\", \"state\": \"finished\", \"source\": \"Report\", "
             "\"delay_ms\": 5000, \"outcome\": \"ok\", \"timeout_ms\": 60000, \"task\": %zu, "
             "\"elapsed_ms\": 5000.000, \"result\": {\"source\": \"Report\", \"status\": \"ok\", "
             "\"data\": \"Data from Report\", \"delay_ms\": 5000, \"elapsed_ms\": 5000.000}}\n",
             (size_t)task);
    cr_assert_str_eq(fake.body, expected);
    ask(wok__handle_tasks_get, "/tasks");
    cr_assert_str_eq(
        fake.body,
        "{\"alive\": 0, \"kept\": 1, \"tasks\": [{\"id\": 1, \"kind\": \"fetch\", "
        "\"state\": \"finished\", \"source\": \"Report\", \"elapsed_ms\": 5000.000}]}\n");
}

TASKS_TEST(a_hash_is_told_with_what_one_needs_to_compute_it, 10)
{
    post("{\"kind\": \"hash\", \"rounds\": 3}");
    cr_assert_eq(fake.status, 202);
    ask(wok__handle_task_get, "/tasks/1?wait_ms=60000");
    cr_assert_not_null(strstr(fake.body, "\"state\": \"finished\", \"rounds\": 3, "), "%s",
                       fake.body);
    /* python3: hashlib.pbkdf2_hmac('sha256', b'wok', b'wok-server', 3).hex() */
    cr_assert_not_null(
        strstr(
            fake.body,
            "\"result\": {\"algorithm\": \"PBKDF2-HMAC-SHA256\", \"password\": \"wok\", "
            "\"salt\": \"wok-server\", \"digest\": \"c9799c6179960970a55968ec013986926559086f6b5c787330d1083c61e89935\"}}\n"),
        "%s", fake.body);
}

TASKS_TEST(a_delete_aborts_and_a_second_one_is_a_conflict, 10)
{
    post("{\"kind\": \"fetch\", \"source\": \"x\", \"outcome\": \"hang\"}");
    ask(wok__handle_task_delete, "/tasks/1");
    cr_assert_eq(fake.status, 200);
    cr_assert_not_null(strstr(fake.body, "\"state\": \"cancelled\""));
    ask(wok__handle_task_delete, "/tasks/1");
    cr_assert_eq(fake.status, 409);
    cr_assert_str_eq(fake.detail, "Task 1 had ended already: it is cancelled.");
    ask(wok__handle_task_get, "/tasks/1");
    cr_assert_eq(fake.status, 200);
}

TASKS_TEST(a_panic_is_told_as_an_error, 10)
{
    post("{\"kind\": \"fetch\", \"source\": \"x\", \"outcome\": \"panic\"}");
    ask(wok__handle_task_get, "/tasks/1?wait_ms=1");
    cr_assert_not_null(strstr(fake.body, "\"state\": \"panicked\""), "%s", fake.body);
    cr_assert_not_null(strstr(fake.body, "\"error\": \"task "), "%s", fake.body);
    cr_assert_null(strstr(fake.body, "\"result\""), "%s", fake.body);
}

/* ---- refusals -------------------------------------------------------------------------------------- */

TASKS_TEST(what_is_refused_is_named_and_starts_nothing, 10)
{
    static const struct {
        const char *body;
        int status;
        const char *part;
    } cases[] = {
        {"{}", 400, "\"kind\" is missing"},
        {"[]", 400, "object"},
        {"{\"kind\": 1}", 400, "\"kind\" must be fetch or hash"},
        {"{\"kind\": \"sleep\"}", 422, "\"kind\" must be fetch or hash, not \"sleep\""},
        {"{\"kind\": \"fetch\"}", 400, "\"source\" is missing"},
        {"{\"kind\": \"fetch\", \"source\": 1}", 400, "\"source\" must be a string"},
        {"{\"kind\": \"fetch\", \"source\": \"\"}", 422, "\"source\" must be 1 to 128 bytes"},
        {"{\"kind\": \"fetch\", \"source\": \"x\", \"delay_ms\": 60001}", 422,
         "\"delay_ms\" must be a whole number from 0 to 60000"},
        {"{\"kind\": \"fetch\", \"source\": \"x\", \"delay_ms\": \"1\"}", 400, "\"delay_ms\""},
        {"{\"kind\": \"fetch\", \"source\": \"x\", \"timeout_ms\": 0}", 422, "\"timeout_ms\""},
        {"{\"kind\": \"fetch\", \"source\": \"x\", \"outcome\": \"maybe\"}", 422, "\"outcome\""},
        {"{\"kind\": \"fetch\", \"source\": \"x\", \"rounds\": 1}", 400,
         "no member \"rounds\" here; there is kind, source, delay_ms, outcome or timeout_ms"},
        {"{\"kind\": \"hash\"}", 400, "\"rounds\" is missing"},
        {"{\"kind\": \"hash\", \"rounds\": 0}", 422,
         "\"rounds\" must be a whole number from 1 to 10000000"},
        {"{\"kind\": \"hash\", \"rounds\": 10000001}", 422, "10000000, not \"10000001\""},
        {"{\"kind\": \"hash\", \"rounds\": 1, \"source\": \"x\"}", 400,
         "no member \"source\" here; there is kind or rounds"},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        post(cases[i].body);
        cr_assert_eq(fake.status, cases[i].status, "%s: %d", cases[i].body, fake.status);
        cr_assert_not_null(fake.detail);
        cr_assert_not_null(strstr(fake.detail, cases[i].part), "%s: %s", cases[i].body,
                           fake.detail);
        cr_assert_null(fake.location);
    }
    fake_done(&fake);
    fake_post(&fake, "/tasks?kind=hash", "application/json", WOK_SLICE(FETCH));
    fake.context = &context;
    wok__handle_tasks_post(&fake);
    cr_assert_eq(fake.status, 400);
    cr_assert_not_null(strstr(fake.detail, "no parameter \"kind\" here; POST"), "%s", fake.detail);
    ask(wok__handle_tasks_get, "/tasks?n%61me=x&y=1");
    cr_assert_eq(fake.status, 400);
    cr_assert_str_eq(fake.detail, "There is no parameter \"name\" here; there are none.");
    ask(wok__handle_tasks_get, "/tasks?%zz");
    cr_assert_eq(fake.status, 400);
    cr_assert_not_null(strstr(fake.detail, "\"%zz\" has a '%'"), "%s", fake.detail);
    ask(wok__handle_tasks_get, "/tasks?&");
    cr_assert_eq(fake.status, 200);
    ask(wok__handle_tasks_get, "/tasks");
    cr_assert_str_eq(fake.body, "{\"alive\": 0, \"kept\": 0, \"tasks\": []}\n");
}

TASKS_TEST(ids_and_parameters_are_read_strictly, 10)
{
    static const struct {
        const char *target;
        int status;
        const char *part;
    } cases[] = {
        {"/tasks/2", 404, "no task 2"},
        {"/tasks/0", 404, "\"0\""},
        {"/tasks/01", 404, "\"01\""},
        {"/tasks/-1", 404, "\"-1\""},
        {"/tasks/one", 404, "\"one\""},
        {"/tasks/1.0", 404, "\"1.0\""},
        {"/tasks/99999999999999999999", 404, "whole number"},
        {"/tasks/9999999999999999999", 404, "no task 9999999999999999999"},
        {"/tasks/1?wait_ms=60001", 422, "\"wait_ms\" must be a whole number from 0 to 60000"},
        {"/tasks/1?wait_ms=-1", 422, "\"wait_ms\""},
        {"/tasks/1?wait_ms=soon", 400, "\"wait_ms\""},
        {"/tasks/1?wait=5", 400, "no parameter \"wait\" here; there is wait_ms"},
        {"/tasks/1?wait_ms=1&wait_ms=1", 400, "\"wait_ms\""},
        {"/tasks/1?wait_ms=60000", 200, ""},
        {"/tasks/1?wait_ms=0", 200, ""},
    };

    post("{\"kind\": \"fetch\", \"source\": \"x\"}");
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        ask(wok__handle_task_get, cases[i].target);
        cr_assert_eq(fake.status, cases[i].status, "%s: %d", cases[i].target, fake.status);
        if (fake.status != 200)
            cr_assert_not_null(strstr(fake.detail, cases[i].part), "%s: %s", cases[i].target,
                               fake.detail);
    }
    ask(wok__handle_task_delete, "/tasks/1?wait_ms=1");
    cr_assert_eq(fake.status, 400);
    ask(wok__handle_task_delete, "/tasks/2");
    cr_assert_eq(fake.status, 404);
    ask(wok__handle_tasks_get, "/tasks?state=running");
    cr_assert_eq(fake.status, 400);
}

TASKS_TEST(beyond_the_limit_it_is_503_until_one_has_ended, 2)
{
    post("{\"kind\": \"fetch\", \"source\": \"x\", \"delay_ms\": 10}");
    cr_assert_eq(fake.status, 202);
    post(FETCH);
    cr_assert_eq(fake.status, 202);
    wok_instant begin = wok_now();
    post(FETCH);
    cr_assert_eq(fake.status, 503);
    cr_assert_str_eq(fake.retry_after, "1");
    cr_assert_not_null(strstr(fake.detail, "--tasks-max"));
    cr_assert_eq(wok_elapsed(begin).ns, 0);
    (void)wok_sleep(wok_ms(11));
    post(FETCH);
    cr_assert_eq(fake.status, 202);
    cr_assert_str_eq(fake.location, "/tasks/3");
}

TASKS_TEST(a_server_that_stops_starts_nothing, 2)
{
    fake_post(&fake, "/tasks", "application/json", WOK_SLICE(FETCH));
    fake.context = &context;
    fake.draining = true;
    wok__handle_tasks_post(&fake);
    cr_assert_eq(fake.status, 503);
    cr_assert_str_eq(fake.retry_after, "1");
    cr_assert_not_null(strstr(fake.detail, "stopping"));
}

/* ---- long lists ------------------------------------------------------------------------------------ */

static void start_many(uint32_t count, uint32_t delay_ms)
{
    char name[WOK__NAME_BYTES_MAX];
    struct wok__view view;

    for (uint32_t i = 0; i < count; i++) {
        int size = snprintf(name, sizeof name, "%u \"quoted\" \\ and \u00e4", i);
        const struct wok__order order = {.kind =
                                             i % 5 == 4 ? WOK__DETACHED_HASH : WOK__DETACHED_FETCH,
                                         .source = {name, (size_t)size},
                                         .delay_ms = delay_ms,
                                         .timeout_ms = 60000,
                                         .rounds = 10000000};
        cr_assert_eq(wok__detached_start(context.detached, &order, &view), 0);
        if (order.kind == WOK__DETACHED_HASH)
            cr_assert_eq(wok__detached_abort(context.detached, view.id, &view), 0);
    }
}

/* The ids of a list, which is parsed. */
static size_t ids_of(const char *body, uint64_t *ids, size_t max)
{
    json_error_t error;
    json_t *list = json_loads(body, JSON_REJECT_DUPLICATES, &error), *entry;
    size_t at, count = 0;

    cr_assert_not_null(list, "%s in column %d", error.text, error.column);
    json_array_foreach(json_object_get(list, "tasks"), at, entry)
    {
        cr_assert_lt(count, max);
        ids[count++] = (uint64_t)json_integer_value(json_object_get(entry, "id"));
        cr_assert_str_neq(json_string_value(json_object_get(entry, "state")), "");
    }
    json_decref(list);
    return count;
}

enum { MANY = 500 };
static uint64_t ids[MANY];

TASKS_TEST(a_long_list_has_every_task_in_order, MANY)
{
    start_many(MANY, 50);
    ask(wok__handle_tasks_get, "/tasks");
    cr_assert_gt(fake.size, 40000);
    cr_assert_gt(fake.pieces, fake.size / 8192, "in pieces of at most 8 KiB");
    cr_assert_eq(ids_of(fake.body, ids, MANY), MANY);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(ids[i], i + 1);
    (void)wok_sleep(wok_ms(51));
    size_t while_alive = fake.size;
    ask(wok__handle_tasks_get, "/tasks");
    cr_assert_eq(ids_of(fake.body, ids, MANY), MANY);
    cr_assert_lt(fake.size, while_alive);
    cr_assert_str_eq(fake.body + fake.size - 6, "}  ]}\n", "what ended is known to the byte");
}

static void come_and_go(void)
{
    struct wok__view view;
    const struct wok__order order = {
        .kind = WOK__DETACHED_FETCH, .source = WOK_SLICE("x"), .timeout_ms = 60000};

    (void)wok_sleep(wok_ms(150000)); /* the fourth time, all that had ended is forgotten */
    cr_assert_eq(wok__detached_start(context.detached, &order, &view), 0);
}

TASKS_TEST(a_list_stays_whole_while_tasks_come_and_go, MANY)
{
    start_many(MANY - 20, 50);
    (void)wok_sleep(wok_ms(51));
    fake_get(&fake, "/tasks");
    fake.context = &context;
    fake.between_pieces = come_and_go;
    wok__handle_tasks_get(&fake);
    size_t count = ids_of(fake.body, ids, MANY);
    cr_assert(count > 100 && count < MANY - 20, "%zu", count);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(ids[i], i + 1, "each once, in order, and no younger one");
}
