/* Tests of the registry of detached tasks, on a paused clock: ten minutes take microseconds. */
#include "detached.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "backend.h"
#include "server/http/http_test.h"
#include "support/wok_test.h"

static struct wok__registry *registry;
static struct wok__view view;

static void with_registry(const wok_runtime_options *options, void (*body)(void))
{
    test_run(options, body);
    wok__registry_free(registry);
}

static void make(size_t alive_max)
{
    cr_assert_eq(wok__registry_new(&registry, alive_max), 0);
}

/* A test whose registry is freed after the runtime, as the server does. */
#define DETACHED_TEST(Name_)                                                                       \
    static void Name_(void);                                                                       \
    Test(detached, Name_, .timeout = 30)                                                           \
    {                                                                                              \
        wok_runtime_options options = test_options();                                              \
        with_registry(&options, Name_);                                                            \
    }                                                                                              \
    static void Name_(void)

static int start(uint32_t delay_ms, enum wok__outcome outcome)
{
    const struct wok__order order = {.kind = WOK__DETACHED_FETCH,
                                     .source = WOK_SLICE("Report"),
                                     .delay_ms = delay_ms,
                                     .timeout_ms = 60000,
                                     .outcome = (uint8_t)outcome};

    return wok__detached_start(registry, &order, &view);
}

static int start_hash(uint32_t rounds)
{
    const struct wok__order order = {.kind = WOK__DETACHED_HASH, .rounds = rounds};

    return wok__detached_start(registry, &order, &view);
}

static int look(uint64_t id)
{
    return wok__detached_await(registry, id, wok_now(), &view);
}

static struct wok__registry_figures figures(void)
{
    struct wok__registry_figures now;

    wok__registry_figures(registry, &now);
    return now;
}

/* ---- one task -------------------------------------------------------------------------------------- */

DETACHED_TEST(a_fetch_is_scheduled_then_running_then_finished)
{
    make(10);
    wok_instant begin = wok_now();

    cr_assert_eq(start(500, WOK__OUTCOME_OK), 0);
    cr_assert_eq(view.id, 1);
    cr_assert_eq(view.state, WOK__STATE_SCHEDULED);
    cr_assert_neq(view.task, 0);
    cr_assert_eq(wok__detached_await(registry, 1, wok_after(wok_ms(499)), &view), 0);
    cr_assert_eq(view.state, WOK__STATE_RUNNING);
    cr_assert_eq(view.elapsed.ns, wok_ms(499).ns);
    cr_assert_eq(wok__detached_await(registry, 1, wok_after(wok_ms(60000)), &view), 0);
    cr_assert_eq(wok_elapsed(begin).ns, wok_ms(500).ns, "waited until the end, and no longer");
    cr_assert_eq(view.state, WOK__STATE_FINISHED);
    cr_assert_eq(view.status, WOK__FETCH_OK);
    cr_assert_eq(view.elapsed.ns, wok_ms(500).ns);
    cr_assert_eq(view.fetch_elapsed.ns, wok_ms(500).ns);
    cr_assert_eq(view.source_size, 6);
    cr_assert_eq(memcmp(view.source, "Report", 6), 0);
    cr_assert_eq(wok__detached_await(registry, 1, wok_after(wok_ms(60000)), &view), 0);
    cr_assert_eq(wok_elapsed(begin).ns, wok_ms(500).ns, "an end is not waited for twice");
    cr_assert_eq(look(2), -ENOENT);
    cr_assert_eq(look(0), -ENOENT);
}

DETACHED_TEST(an_answer_at_the_end_of_its_time_is_an_answer_and_none_a_timeout)
{
    make(10);
    cr_assert_eq(start(60000, WOK__OUTCOME_OK), 0);
    cr_assert_eq(start(0, WOK__OUTCOME_HANG), 0);
    cr_assert_eq(start(7, WOK__OUTCOME_ERROR), 0);
    (void)wok_sleep(wok_ms(60000));
    (void)wok_yield();
    cr_assert_eq(look(1), 0);
    cr_assert_eq(view.state, WOK__STATE_FINISHED);
    cr_assert_eq(view.status, WOK__FETCH_OK);
    cr_assert_eq(look(2), 0);
    cr_assert_eq(view.state, WOK__STATE_FINISHED);
    cr_assert_eq(view.status, WOK__FETCH_TIMEOUT);
    cr_assert_eq(view.fetch_elapsed.ns, wok_ms(60000).ns);
    cr_assert_eq(look(3), 0);
    cr_assert_eq(view.status, WOK__FETCH_ERROR);
    cr_assert_eq(view.elapsed.ns, wok_ms(7).ns);
}

DETACHED_TEST(a_panic_ends_its_own_task_and_is_told)
{
    make(10);
    cr_assert_eq(start(5, WOK__OUTCOME_PANIC), 0);
    cr_assert_eq(start(9, WOK__OUTCOME_OK), 0);
    (void)wok_sleep(wok_ms(10));
    cr_assert_eq(look(1), 0);
    cr_assert_eq(view.state, WOK__STATE_PANICKED);
    cr_assert_not_null(strstr(view.error, "the fetch from Report was told to panic"), "%s",
                       view.error);
    cr_assert_eq(look(2), 0);
    cr_assert_eq(view.state, WOK__STATE_FINISHED);
    cr_assert_eq(test_unjoined().count, 0, "somebody took it");
}

DETACHED_TEST(a_hash_gives_what_openssl_gives)
{
    unsigned char expected[WOK__DIGEST_BYTES];

    make(10);
    cr_assert_eq(start_hash(1), 0);
    cr_assert_eq(start_hash(1000), 0);
    for (uint64_t id = 1; id <= 2; id++) {
        cr_assert_eq(wok__detached_await(registry, id, WOK_NEVER, &view), 0);
        cr_assert_eq(view.state, WOK__STATE_FINISHED);
        PKCS5_PBKDF2_HMAC(WOK__HASH_PASSWORD, (int)strlen(WOK__HASH_PASSWORD),
                          (const unsigned char *)WOK__HASH_SALT, (int)strlen(WOK__HASH_SALT),
                          (int)view.rounds, EVP_sha256(), sizeof expected, expected);
        cr_assert_eq(memcmp(view.digest, expected, sizeof expected), 0);
    }
}

/* ---- aborts ---------------------------------------------------------------------------------------- */

DETACHED_TEST(an_abort_ends_a_task_at_once_and_one_that_ended_is_left_alone)
{
    make(10);
    wok_instant begin = wok_now();

    cr_assert_eq(start(60000, WOK__OUTCOME_OK), 0);
    cr_assert_eq(start(0, WOK__OUTCOME_HANG), 0);
    cr_assert_eq(wok__detached_abort(registry, 1, &view), 0, "before it was polled");
    cr_assert_eq(view.state, WOK__STATE_CANCELLED);
    (void)wok_sleep(wok_ms(3));
    cr_assert_eq(wok__detached_abort(registry, 2, &view), 0);
    cr_assert_eq(view.state, WOK__STATE_CANCELLED);
    cr_assert_eq(view.elapsed.ns, wok_ms(3).ns);
    cr_assert_eq(wok_elapsed(begin).ns, wok_ms(3).ns);
    cr_assert_eq(wok__detached_abort(registry, 2, &view), -EALREADY);
    cr_assert_eq(view.state, WOK__STATE_CANCELLED);
    cr_assert_eq(wok__detached_abort(registry, 3, &view), -ENOENT);
    cr_assert_eq(figures().alive, 0);
    cr_assert_eq(figures().kept, 2);
}

DETACHED_TEST(an_abort_stops_a_hash_that_is_computed_and_one_that_waits_its_turn)
{
    make(10);
    cr_assert_eq(start_hash(10000000), 0); /* seconds of work: the one thread of the pool has it */
    cr_assert_eq(start_hash(10000000), 0);
    do
        (void)wok_yield();
    while (look(1) == 0 && view.state == WOK__STATE_SCHEDULED);
    cr_assert_eq(view.state, WOK__STATE_RUNNING);
    cr_assert_eq(look(2), 0);
    cr_assert_eq(view.state, WOK__STATE_SCHEDULED);
    cr_assert_eq(wok__detached_abort(registry, 2, &view), 0);
    cr_assert_eq(view.state, WOK__STATE_CANCELLED);
    cr_assert_eq(wok__detached_abort(registry, 1, &view), 0);
    cr_assert_eq(view.state, WOK__STATE_CANCELLED);
}

/* Aborts the one task while it ends by itself. */
WOK_TASK(abort_it, uint32_t, int);
static int abort_it(uint32_t *sleep_us, int *result)
{
    struct wok__view seen;

    *result = wok_sleep(wok_us(*sleep_us));
    *result = wok__detached_abort(registry, 1, &seen);
    if (*result == 0)
        cr_assert(seen.state == WOK__STATE_CANCELLED || seen.state == WOK__STATE_FINISHED);
    return 0;
}

static unsigned cancelled, finished;

static void race(void)
{
    make(10);
    cr_assert_eq(start(1, WOK__OUTCOME_OK), 0);
    abort_it_join joins[3];
    for (size_t i = 0; i < WOK_COUNT(joins); i++)
        joins[i] = wok_spawn(abort_it, 1000);
    cr_assert_eq(wok__detached_await(registry, 1, WOK_NEVER, &view), 0);
    enum wok__detached_state first = view.state;
    for (size_t i = 0; i < WOK_COUNT(joins); i++) {
        int code = 0;
        cr_assert_eq(abort_it_await(&joins[i], &code, NULL), 0);
        cr_assert(code == 0 || code == -EALREADY, "%d", code);
    }
    cr_assert_eq(look(1), 0);
    cr_assert_eq(view.state, first, "an end is final");
    cr_assert_eq(figures().alive, 0);
    cr_assert_eq(figures().kept, 1);
    cancelled += first == WOK__STATE_CANCELLED;
    finished += first == WOK__STATE_FINISHED;
}

Test(detached, an_abort_that_meets_the_end_leaves_one_of_both, .timeout = 60)
{
    wok_runtime_options options = test_options();

    options.workers = 3;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        options.seed = seed;
        with_registry(&options, race);
    }
    cr_assert(cancelled > 0 && finished > 0, "%u, %u", cancelled, finished);
}

/* ---- waits ----------------------------------------------------------------------------------------- */

WOK_TASK(wait_for_it, uint32_t, int);
static int wait_for_it(uint32_t *wait_ms, int *result)
{
    struct wok__view seen;
    int code = wok__detached_await(registry, 1, wok_after(wok_ms(*wait_ms)), &seen);

    *result = code < 0 ? code : (int)seen.state;
    return code;
}

DETACHED_TEST(everybody_who_waits_is_told_and_who_gives_up_disturbs_nobody)
{
    wait_for_it_join joins[20];
    int state = 0;

    make(10);
    cr_assert_eq(start(50, WOK__OUTCOME_OK), 0);
    for (size_t i = 0; i < WOK_COUNT(joins); i++)
        joins[i] = wok_spawn(wait_for_it, i % 3 == 0 ? 20 : 60000);
    (void)wok_sleep(wok_ms(10));
    for (size_t i = 1; i < WOK_COUNT(joins); i += 3)
        wok_join_abort(&joins[i].join);
    for (size_t i = 0; i < WOK_COUNT(joins); i++) {
        int code = wait_for_it_await(&joins[i], &state, NULL);
        cr_assert_eq(code, i % 3 == 1 ? -WOK_EJOIN : 0);
        if (i % 3 == 0)
            cr_assert_eq(state, WOK__STATE_RUNNING);
        else if (i % 3 == 2)
            cr_assert_eq(state, WOK__STATE_FINISHED);
    }
}

/* A task that ended is pushed out while somebody who waited for it has not had his turn. */
DETACHED_TEST(who_waited_gets_the_end_of_a_task_that_was_forgotten_meanwhile)
{
    int state = 0;

    make(WOK__DETACHED_KEPT_MAX + 2);
    cr_assert_eq(start(5, WOK__OUTCOME_OK), 0);
    for (int i = 0; i <= WOK__DETACHED_KEPT_MAX; i++)
        cr_assert_eq(start(6, WOK__OUTCOME_OK), 0);
    wait_for_it_join join = wok_spawn(wait_for_it, 60000);
    (void)wok_sleep(wok_ms(7));
    cr_assert_eq(look(1), -ENOENT);
    cr_assert_eq(wait_for_it_await(&join, &state, NULL), 0);
    cr_assert_eq(state, WOK__STATE_FINISHED);
}

/* ---- limits ---------------------------------------------------------------------------------------- */

DETACHED_TEST(as_many_live_as_may_and_one_that_ends_makes_room_for_one)
{
    make(3);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(start(10 + 10 * i, WOK__OUTCOME_OK), 0);
    cr_assert_eq(start(0, WOK__OUTCOME_OK), -EAGAIN);
    cr_assert_eq(start_hash(1), -EAGAIN);
    (void)wok_sleep(wok_ms(11));
    cr_assert_eq(start(0, WOK__OUTCOME_HANG), 0);
    cr_assert_eq(view.id, 4, "what was refused has no id");
    cr_assert_eq(start(0, WOK__OUTCOME_OK), -EAGAIN);
    cr_assert_eq(wok__detached_abort(registry, 4, &view), 0);
    cr_assert_eq(start(0, WOK__OUTCOME_OK), 0);
    cr_assert_eq(figures().refused, 3);
    cr_assert_eq(figures().started, 5);
}

DETACHED_TEST(an_ended_task_is_kept_for_ten_minutes_to_the_millisecond)
{
    make(10);
    cr_assert_eq(start(100, WOK__OUTCOME_OK), 0);
    cr_assert_eq(start(200, WOK__OUTCOME_OK), 0);
    (void)wok_sleep(wok_ms(100 + 600000 - 1));
    cr_assert_eq(look(1), 0);
    (void)wok_sleep(wok_ms(1));
    cr_assert_eq(look(1), -ENOENT);
    cr_assert_eq(look(2), 0);
    cr_assert(wok__detached_next(registry, 1, UINT64_MAX, &view));
    cr_assert_eq(view.id, 2);
    cr_assert_eq(wok__detached_abort(registry, 1, &view), -ENOENT);
    struct wok__registry_extent extent;
    wok__registry_extent(registry, &extent);
    cr_assert_eq(extent.count, 1);
    cr_assert_eq(figures().kept, 1);
    (void)wok_sleep(wok_ms(100));
    wok__registry_extent(registry, &extent);
    cr_assert_eq(extent.count, 0);
    cr_assert_eq(extent.entry_bytes, 0);
}

DETACHED_TEST(ten_thousand_ended_tasks_are_kept_and_the_oldest_goes_first)
{
    make(20000);
    cr_assert_eq(start(60000, WOK__OUTCOME_OK), 0);
    for (uint32_t i = 0; i < WOK__DETACHED_KEPT_MAX; i++)
        cr_assert_eq(start(1 + i, WOK__OUTCOME_OK), 0);
    (void)wok_sleep(wok_ms(10001));
    cr_assert_eq(figures().kept, WOK__DETACHED_KEPT_MAX);
    cr_assert_eq(look(2), 0, "as many as there may be");
    cr_assert_eq(start(1, WOK__OUTCOME_OK), 0);
    (void)wok_sleep(wok_ms(2));
    cr_assert_eq(figures().kept, WOK__DETACHED_KEPT_MAX);
    cr_assert_eq(look(2), -ENOENT, "one more");
    cr_assert_eq(look(3), 0);
    cr_assert_eq(look(1), 0, "what lives is no ended one");
    cr_assert_eq(view.state, WOK__STATE_RUNNING);
}

/* ---- the array ------------------------------------------------------------------------------------- */

enum { MODEL_MAX = 6000 };
static uint64_t model_ends_ms[MODEL_MAX + 1]; /* by id */

static void compare_with_model(uint64_t last, uint64_t now_ms)
{
    uint64_t bytes = 0, count = 0, from = 1;
    struct wok__registry_extent extent;

    wok__registry_extent(registry, &extent);
    for (uint64_t id = 1; id <= last; id++) {
        if (now_ms >= model_ends_ms[id] + WOK__DETACHED_KEPT_MS)
            continue;
        cr_assert(wok__detached_next(registry, from, last, &view), "%zu", (size_t)id);
        cr_assert_eq(view.id, id);
        if (now_ms != model_ends_ms[id])
            cr_assert_eq(view.state >= WOK__STATE_FINISHED, now_ms > model_ends_ms[id]);
        bytes += wok__detached_entry_bytes(&view);
        count++;
        from = id + 1;
    }
    cr_assert_not(wok__detached_next(registry, from, UINT64_MAX, &view));
    cr_assert_eq(extent.count, count);
    cr_assert_eq(extent.last_id, last);
    cr_assert_leq(bytes, extent.entry_bytes);
    cr_assert_leq(extent.entry_bytes, bytes + 20 * figures().alive, "ended ones are known exactly");
}

DETACHED_TEST(agrees_with_a_model_while_tasks_come_and_go)
{
    struct http_test_rand rand = http_test_rand();
    uint64_t last = 0, now_ms = 0;

    make(MODEL_MAX);
    for (int step = 0; step < (int)TEST_SCALE(400) && last + 100 < MODEL_MAX; step++) {
        for (uint64_t i = http_test_below(&rand, 100); i > 0; i--) {
            uint32_t delay_ms = (uint32_t)http_test_below(&rand, 60000);
            cr_assert_eq(start(delay_ms, WOK__OUTCOME_OK), 0);
            model_ends_ms[++last] = now_ms + delay_ms;
        }
        uint64_t pause_ms = 1 + http_test_below(&rand, step % 7 == 6 ? 300000 : 20000);
        (void)wok_sleep(wok_ms(pause_ms));
        (void)wok_yield();
        now_ms += pause_ms;
        compare_with_model(last, now_ms);
    }
}

/* ---- the end of the server ------------------------------------------------------------------------- */

static uint64_t named[8];
static size_t named_count;

static void name(const struct wok__view *given_up, void *argument)
{
    cr_assert_eq(argument, &named_count);
    named[named_count++] = given_up->id;
}

static struct wok__detached_report drain(wok_instant until)
{
    struct wok__detached_report report;

    cr_assert_eq(wok__registry_drain(registry, until, name, &named_count, &report), 0);
    return report;
}

DETACHED_TEST(a_drain_lets_tasks_end_until_its_time_and_names_those_it_gives_up)
{
    make(10);
    cr_assert_eq(start(0, WOK__OUTCOME_HANG), 0);
    cr_assert_eq(start(300, WOK__OUTCOME_OK), 0);
    cr_assert_eq(start(800, WOK__OUTCOME_OK), 0);
    (void)wok_sleep(wok_ms(1));
    wok_instant begin = wok_now();
    struct wok__detached_report report = drain(wok_after(wok_ms(500)));
    cr_assert_eq(wok_elapsed(begin).ns, wok_ms(500).ns);
    cr_assert_eq(report.finished, 1);
    cr_assert_eq(report.given_up, 2);
    cr_assert_eq(named_count, 2);
    cr_assert(named[0] == 1 && named[1] == 3);
    cr_assert_eq(look(2), 0);
    cr_assert_eq(view.state, WOK__STATE_FINISHED);
    cr_assert_eq(start(0, WOK__OUTCOME_OK), -ESHUTDOWN);
}

DETACHED_TEST(a_drain_is_over_with_the_last_task)
{
    make(10);
    wok_instant begin = wok_now();
    (void)drain(wok_after(wok_seconds(8)));
    cr_assert_eq(wok_elapsed(begin).ns, 0);
    wok__registry_free(registry);
    make(10);
    cr_assert_eq(start(300, WOK__OUTCOME_OK), 0);
    (void)wok_sleep(wok_ms(1));
    struct wok__detached_report report = drain(wok_after(wok_seconds(8)));
    cr_assert_eq(wok_elapsed(begin).ns, wok_ms(300).ns);
    cr_assert_eq(report.finished, 1);
    cr_assert_eq(report.given_up, 0);
}

static void tell_a_hash(void)
{
    make(10);
    cr_assert_eq(start(50, WOK__OUTCOME_OK), 0);
    cr_assert_eq(start_hash(10000000), 0); /* some 4 s: in vain */
    cr_assert_eq(start_hash(1), 0);        /* behind it */
    do
        (void)wok_yield();
    while (look(2) == 0 && view.state == WOK__STATE_SCHEDULED);
    cr_assert_eq(start(50, WOK__OUTCOME_OK), 0);
    wok_instant begin = wok_now();
    struct wok__detached_report report = drain(wok_after(wok_ms(2500)));
    cr_assert_lt(wok_elapsed(begin).ns, wok_ms(2500).ns, "it did not wait for the abort");
    cr_assert_eq(report.given_up, 3);
    cr_assert_eq(report.finished, 1);
    cr_assert_eq(named_count, 3);
    cr_assert(named[0] == 2 && named[1] == 3 && named[2] == 4);
}

/* On the real clock, by which a hash knows how fast it is; the fourth has not been polled when it is told. */
Test(detached, a_task_that_is_told_to_stop_does_not_begin_and_a_hash_sees_that_it_is_in_vain,
     .timeout = 60)
{
    wok_runtime_options options = test_options();

    options.paused_clock = false;
    with_registry(&options, tell_a_hash);
}

static void leave_some_behind(void)
{
    make(10);
    cr_assert_eq(start(0, WOK__OUTCOME_HANG), 0);
    cr_assert_eq(start(10, WOK__OUTCOME_OK), 0);
    cr_assert_eq(start_hash(1000), 0);
    (void)wok_sleep(wok_ms(1));
    cr_assert_eq(start(10, WOK__OUTCOME_OK), 0);
}

Test(detached, a_runtime_that_ends_takes_its_tasks_along, .timeout = 20)
{
    wok_runtime_options options = test_options();

    test_run(&options, leave_some_behind);
    cr_assert_eq(figures().alive, 0);
    cr_assert_eq(figures().kept, 4);
    wok__registry_free(registry);
}

/* ---- memory ---------------------------------------------------------------------------------------- */

#include <malloc.h>

DETACHED_TEST(an_ended_task_takes_less_than_two_hundred_bytes)
{
    enum { COUNT = 8000 };
    make(COUNT);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(start(1, WOK__OUTCOME_OK), 0);
    (void)wok_sleep(wok_ms(2));
    size_t before = mallinfo2().uordblks;
    (void)wok_sleep(wok_ms(WOK__DETACHED_KEPT_MS));
    struct wok__registry_extent extent;
    wok__registry_extent(registry, &extent);
    cr_assert_eq(extent.count, 0);
    size_t each = (before - mallinfo2().uordblks) / COUNT;
    if (getenv("WOK_TEST_FIGURES") != NULL)
        fprintf(stderr, "%zu bytes, and 16 to 32 of the array\n", each);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    cr_assert(each > 0 && each < 168, "%zu", each);
#endif
}

static void count_named(const struct wok__view *given_up, void *argument)
{
    cr_assert(given_up->given_up);
    ++*(size_t *)argument;
}

DETACHED_TEST(a_drain_counts_those_whose_records_are_not_kept)
{
    const size_t tasks = WOK__DETACHED_KEPT_MAX + 5;
    struct wok__detached_report report;
    size_t count = 0;

    make(tasks + 1);
    cr_assert_eq(start(300, WOK__OUTCOME_OK), 0);
    for (size_t i = 0; i < tasks; i++)
        cr_assert_eq(start(0, WOK__OUTCOME_HANG), 0);
    (void)wok_sleep(wok_ms(1));
    cr_assert_eq(
        wok__registry_drain(registry, wok_after(wok_ms(500)), count_named, &count, &report), 0);
    cr_assert_eq(report.finished, 1);
    cr_assert_eq(report.given_up, tasks);
    cr_assert_eq(report.left, 0);
    cr_assert_eq(count, WOK__DETACHED_KEPT_MAX);
}
