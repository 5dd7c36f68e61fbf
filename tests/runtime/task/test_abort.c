/*
 * test_abort.c - asking a task to stop, and what it may do about it.
 *
 * S-numbers are rules of Tokio's tasks, taken over or changed on purpose where the comment says so.
 * The main change: a stackful task is not dropped at its wait, its wait returns -ECANCELED, and it
 * is unwound only if it ignores that.
 */
#include <errno.h>
#include <sched.h>

#include "platform/atomic.h"
#include "sched/sched.h"
#include "support/wok_test.h"

static unsigned after_wait, cleanups, args_dropped;
static int last_cleanup, worker_of_cleanup;
static int seen[4];

static void count_cleanup(int *number)
{
    cleanups++;
    last_cleanup = *number;
    worker_of_cleanup = wok_worker_index();
}

static void count_args(char *unused)
{
    (void)unused;
    args_dropped++;
}

static wok_join_error await_error(wok_join *join)
{
    wok_join_error why;
    int code = wok_join_await(join, NULL, &why);

    cr_assert_eq(code, why.outcome == WOK_RETURNED ? 0 : -WOK_EJOIN);
    return why;
}

static uint32_t armed_timers(void)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics.timers;
}

/* ---- a task that heeds it ----------------------------------------------------------------------- */

WOK_TASK_WITH_DROP(polite, char, int, count_args, NULL);

static int polite(char *unused, int *result)
{
    WOK_CLEANUP(count_cleanup) __attribute__((unused)) int number = 1;

    (void)unused;
    *result = number;
    int error = wok_sleep(wok_seconds(10));
    if (error < 0)
        return error;
    after_wait++;
    *result = 5;
    return 0;
}

/* S12 */
WOK_TEST(abort, before_the_first_run_keeps_the_body_from_running)
{
    polite_join task = wok_spawn(polite, 0);

    wok_join_abort(&task.join);
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(cleanups, 0);
    cr_assert_eq(args_dropped, 1);
}

/* S13 for stackful tasks: only the error path runs, and the timer is gone. */
WOK_TEST(abort, of_a_waiting_task_runs_its_error_path_only)
{
    wok_instant start = wok_now();
    polite_join task = wok_spawn(polite, 0);

    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(armed_timers(), 1);
    wok_join_abort(&task.join);
    cr_assert_not(wok_join_is_finished(&task.join), "S11: it has not stopped yet");
    wok_join_abort(&task.join);
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(after_wait, 0);
    cr_assert_eq(cleanups, 1);
    cr_assert_eq(args_dropped, 1);
    cr_assert_eq(armed_timers(), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
}

/* S11 */
WOK_TEST(abort, is_finished_turns_true_when_the_task_is_gone)
{
    polite_join task = wok_spawn(polite, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    while (!wok_join_is_finished(&task.join)) {
        cr_assert_eq(args_dropped, 0);
        cr_assert_eq(wok_yield(), 0);
    }
    cr_assert_eq(args_dropped, 1);
    cr_assert_eq(cleanups, 1);
    polite_join_drop(&task);
}

/* S15 */
WOK_TEST(abort, after_the_end_changes_nothing)
{
    polite_join task = wok_spawn(polite, 0);
    int result = 0;

    cr_assert_eq(wok_sleep(wok_seconds(11)), 0);
    cr_assert(wok_join_is_finished(&task.join));
    wok_join_abort(&task.join);
    cr_assert_eq(polite_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

/* ---- a task that aborts itself, so that the abort comes while it runs ---------------------------- */

struct self {
    wok_join *join;
    enum { RETURN_AT_ONCE, WAIT_FIRST } then;
};
WOK_TASK(abort_self, struct self, int);

static int abort_self(struct self *self, int *result)
{
    *result = 5;
    cr_assert_not(wok_cancelled());
    wok_join_abort(self->join);
    cr_assert(wok_cancelled());
    if (self->then == RETURN_AT_ONCE)
        return 0;
    seen[0] = wok_yield();
    seen[1] = wok_sleep(wok_ms(1)); /* sticky */
    seen[2] = wok_cancelled();
    return seen[1];
}

/* S14 */
WOK_TEST(abort, while_it_runs_lets_a_task_that_returns_first_have_its_value)
{
    abort_self_join task;
    int result = 0;

    task = wok_spawn(abort_self, {&task.join, RETURN_AT_ONCE});
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(abort_self_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

/* S14 */
WOK_TEST(abort, while_it_runs_is_noticed_at_the_next_wait_and_at_each_one_after)
{
    abort_self_join task;

    task = wok_spawn(abort_self, {&task.join, WAIT_FIRST});
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(seen[0], -ECANCELED);
    cr_assert_eq(seen[1], -ECANCELED);
    cr_assert(seen[2]);
}

/* ---- a task that does not heed it ---------------------------------------------------------------- */

static unsigned ignored;

WOK_TASK_WITH_DROP(stubborn, char, int, count_args, NULL);

static int stubborn(char *unused, int *result)
{
    WOK_CLEANUP(count_cleanup) int outer = 1;
    WOK_CLEANUP(count_cleanup) int inner = 2;

    (void)unused;
    *result = inner + outer;
    while (after_wait == 0) { /* always */
        if (wok_sleep(wok_seconds(10)) == -ECANCELED)
            ignored++;
    }
    return 0;
}

WOK_TEST(abort, of_a_task_that_ignores_it_64_times_unwinds_it)
{
    stubborn_join task = wok_spawn(stubborn, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(ignored, 64);
    cr_assert_eq(cleanups, 2);
    cr_assert_eq(last_cleanup, 1, "inner first");
    cr_assert_eq(args_dropped, 1);
    cr_assert_eq(armed_timers(), 0);
}

/* A task that computes between its waits would take long for 64. */
WOK_TASK(slow_to_heed, char, int);

static int slow_to_heed(char *unused, int *result)
{
    struct wok__clock *clock = &wok_runtime_current()->clock;
    WOK_CLEANUP(count_cleanup) int number = 1;

    (void)unused;
    *result = number;
    while (after_wait == 0) { /* always */
        if (wok_sleep(wok_seconds(10)) == -ECANCELED)
            ignored++;
        wok__clock_advance_to(clock, wok__clock_now(clock) + wok_ms(400).ns);
    }
    return 0;
}

WOK_TEST(abort, of_a_task_that_ignores_it_for_a_second_unwinds_it)
{
    slow_to_heed_join task = wok_spawn(slow_to_heed, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(ignored, 3, "at 0, 400 and 800 ms");
    cr_assert_eq(cleanups, 1);
}

/* ---- destructors ---------------------------------------------------------------------------------- */

static wok_duration slept_in_drop;

static void sleep_in_drop(char *unused)
{
    wok_instant start = wok_now();

    (void)unused;
    cr_assert_eq(wok_sleep(wok_ms(30)), 0, "a destructor is shielded");
    slept_in_drop = wok_elapsed(start);
}

static void sleep_in_cleanup(int *number)
{
    char unused = 0;

    (void)number;
    sleep_in_drop(&unused);
}

WOK_TASK_WITH_DROP(slow_drop, char, int, sleep_in_drop, NULL);

static int slow_drop(char *unused, int *result)
{
    (void)unused;
    (void)result;
    return wok_sleep(wok_seconds(10));
}

WOK_TEST(abort, leaves_a_drop_function_that_waits_in_peace)
{
    slow_drop_join task = wok_spawn(slow_drop, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(slept_in_drop.ns, wok_ms(30).ns);
}

WOK_TASK(slow_unwind, char, int);

static int slow_unwind(char *unused, int *result)
{
    WOK_CLEANUP(sleep_in_cleanup) int number = 1;

    (void)unused;
    *result = number;
    while (after_wait == 0) /* always */
        (void)wok_sleep(wok_seconds(10));
    return 0;
}

WOK_TEST(abort, a_cleanup_handler_may_wait_in_the_middle_of_an_unwind)
{
    slow_unwind_join task = wok_spawn(slow_unwind, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(slept_in_drop.ns, wok_ms(30).ns);
}

/* ---- stackless ------------------------------------------------------------------------------------ */

struct sleeper {
    wok_sleep_future sleep;
    bool panics;
};
static unsigned polls, drops;

static wok_poll sleeper_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    polls++;
    return wok_sleep_future_poll(&((struct sleeper *)self)->sleep, cx);
}

static void sleeper_drop(void *self_)
{
    struct sleeper *self = self_;

    drops++;
    wok_sleep_future_drop(&self->sleep);
    if (self->panics)
        wok_panic("drop");
}

static const wok_future_vtable sleeper_vtable = {
    .name = "sleeper",
    .size = sizeof(struct sleeper),
    .poll = sleeper_poll,
    .drop = sleeper_drop,
};

static wok_join spawn_sleeper(bool panics)
{
    struct sleeper sleeper = {wok_sleep_future_for(wok_seconds(10)), panics};

    return wok_spawn_future(&sleeper_vtable, &sleeper);
}

/* S13, as in Tokio: dropped in place of the next poll. */
WOK_TEST(abort, of_a_stackless_task_drops_it_in_place_of_its_next_poll)
{
    wok_join task = spawn_sleeper(false);

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(polls, 1);
    wok_join_abort(&task);
    cr_assert_eq(drops, 0, "S11: not yet");
    cr_assert_eq(await_error(&task).outcome, WOK_CANCELLED);
    cr_assert_eq(polls, 1);
    cr_assert_eq(drops, 1);
    cr_assert_eq(armed_timers(), 0);
}

/* S17, stackless */
WOK_TEST(abort, a_drop_that_panics_makes_it_a_panic)
{
    wok_join task = spawn_sleeper(true);

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_abort(&task);
    cr_assert_eq(await_error(&task).outcome, WOK_PANICKED);
    cr_assert_eq(drops, 1);
}

/* ---- between threads ------------------------------------------------------------------------------ */

WOK_TASK(tell_worker, char, int);

static atomic_u32 waits_on; /* its worker's index plus one */

static int tell_worker(char *unused, int *result)
{
    WOK_CLEANUP(count_cleanup) int number = 1;

    (void)unused;
    *result = number;
    store_release(&waits_on, (uint32_t)wok_worker_index() + 1);
    return wok_sleep(WOK_FOREVER);
}

/* S16: a stack that has started is left by its own thread. */
Test(abort, from_another_thread_unwinds_the_task_on_its_own, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = test_options();

    options.workers = 3;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    tell_worker_join task = wok_spawn_on(runtime, tell_worker, 0);
    while (load_acquire(&waits_on) == 0)
        sched_yield();
    wok_join_abort(&task.join);
    cr_assert_eq(await_error(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(worker_of_cleanup + 1, (int)load_relaxed(&waits_on));
    wok_runtime_free(runtime);
}

static atomic_u32 storm_ran, storm_dropped;

static void storm_drop(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&storm_dropped, 1);
}

WOK_TASK_WITH_DROP(storm, int, int, storm_drop, NULL);

static int storm(int *number, int *result)
{
    fetch_add_relaxed(&storm_ran, 1);
    *result = *number;
    return *number % 3 == 0 ? 0 : wok_sleep(wok_us((uint64_t)(*number % 5) * 20));
}

/* Abort meets every stage of a task's life; each ends once and drops once. */
WOK_TEST_ON(abort, at_any_moment_ends_each_task_once, 4)
{
    enum { ROUNDS = 200, TASKS = 20 };

    for (int round = 0; round < ROUNDS; round++) {
        storm_join tasks[TASKS];

        for (int i = 0; i < TASKS; i++)
            tasks[i] = wok_spawn(storm, round + i);
        for (int i = 0; i < TASKS; i++) {
            if ((round + i) % 2 == 0)
                wok_join_abort(&tasks[i].join);
            if ((round + i) % 11 == 0)
                cr_assert_eq(wok_yield(), 0);
        }
        for (int i = 0; i < TASKS; i++) {
            wok_join_error why = await_error(&tasks[i].join);
            cr_assert(why.outcome == WOK_RETURNED || why.outcome == WOK_CANCELLED);
            if ((round + i) % 2 != 0)
                cr_assert_eq(why.outcome, WOK_RETURNED);
        }
    }
    cr_assert_eq(load_relaxed(&storm_dropped), ROUNDS * TASKS);
}
