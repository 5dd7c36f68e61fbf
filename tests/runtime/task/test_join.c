/*
 * test_join.c - the join handle: waiting, dropping, asking.
 *
 * S-numbers are rules of Tokio's tasks, taken over or changed on purpose where the comment says so.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

struct nap {
    wok_duration duration;
    int number;
};

static atomic_u32 results_dropped;

static void number_drop(int *number)
{
    (void)number;
    fetch_add_relaxed(&results_dropped, 1);
}

/* Sleeps, then gives its number. */
WOK_TASK_WITH_DROP(nap, struct nap, int, NULL, number_drop);

static int nap(struct nap *args, int *result)
{
    int error = args->duration.ns == 0 ? 0 : wok_sleep(args->duration);

    *result = args->number;
    return error;
}

WOK_TASK(fail_with, int, char);

static int fail_with(int *code, char *result)
{
    (void)result;
    return *code;
}

WOK_TASK(panic_with, const char *, char);

static int panic_with(const char **message, char *result)
{
    (void)result;
    wok_panic("%s", *message);
}

/* ---- await ------------------------------------------------------------------------------------- */

WOK_TEST(join, await_gives_the_result_after_the_task_has_ended)
{
    wok_instant start = wok_now();
    nap_join task = wok_spawn(nap, {wok_ms(300), 5});
    int result = 0;

    cr_assert_eq(nap_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(300).ns);
}

/* The point of spawning: waits overlap. */
WOK_TEST(join, two_tasks_take_as_long_as_the_slower_one)
{
    wok_instant start = wok_now();
    nap_join slow = wok_spawn(nap, {wok_ms(500), 1}), fast = wok_spawn(nap, {wok_ms(300), 2});
    int first, second;

    cr_assert_eq(nap_await(&slow, &first, NULL), 0);
    cr_assert_eq(nap_await(&fast, &second, NULL), 0);
    cr_assert_eq(first, 1);
    cr_assert_eq(second, 2);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(500).ns);
}

/* S8: Tokio panics. */
WOK_TEST(join, a_second_await_is_refused)
{
    nap_join task = wok_spawn(nap, {wok_ms(1), 1});
    int result = 0;

    cr_assert_eq(nap_await(&task, &result, NULL), 0);
    result = 7;
    cr_assert_eq(nap_await(&task, &result, NULL), -EINVAL);
    cr_assert_eq(result, 7);
}

WOK_TEST(join, a_result_without_a_place_is_destroyed)
{
    nap_join task = wok_spawn(nap, {wok_ms(1), 1});

    cr_assert_eq(nap_await(&task, NULL, NULL), 0);
    cr_assert_eq(load_relaxed(&results_dropped), 1);
}

static nap_join the_task;

WOK_TASK(await_the_task, char, int);

static int await_the_task(char *unused, int *result)
{
    (void)unused;
    return nap_await(&the_task, result, NULL);
}

/* S9 */
WOK_TEST(join, a_waiter_that_is_cancelled_leaves_the_handle_valid)
{
    wok_join_error why;
    int result = 0;

    the_task = wok_spawn(nap, {wok_ms(100), 5});
    await_the_task_join waiter = wok_spawn(await_the_task, 0);
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_join_abort(&waiter.join);
    cr_assert_eq(await_the_task_await(&waiter, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_not(wok_join_is_finished(&the_task.join));
    cr_assert_eq(nap_await(&the_task, &result, NULL), 0);
    cr_assert_eq(result, 5);
    cr_assert_eq(load_relaxed(&results_dropped), 0);
}

/* S9, with a deadline. */
WOK_TEST(join, a_wait_that_is_over_in_time_leaves_the_handle_valid)
{
    wok_instant start = wok_now();
    nap_join task = wok_spawn(nap, {wok_ms(100), 5});
    int result = 0;

    for (uint64_t i = 1; i <= 3; i++) {
        int code = wok_join_await_until(&task.join, wok_after(wok_ms(30)), &result, NULL);
        cr_assert_eq(code, -ETIMEDOUT);
        cr_assert_eq(wok_elapsed(start).ns, wok_ms(30 * i).ns);
    }
    cr_assert_eq(wok_join_await_until(&task.join, wok_after(wok_ms(30)), &result, NULL), 0);
    cr_assert_eq(result, 5);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(100).ns);
}

/* O1, for handles: a task that has ended wins over a deadline that has passed. */
WOK_TEST(join, a_finished_task_wins_over_a_deadline_that_has_passed)
{
    nap_join task = wok_spawn(nap, {wok_ms(0), 5});
    int result = 0;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(wok_join_await_until(&task.join, (wok_instant){0}, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

struct self_handle {
    wok_join *join;
};
WOK_TASK(await_self, struct self_handle, int);

static int await_self(struct self_handle *args, int *result)
{
    *result = wok_join_await(args->join, NULL, NULL);
    return 0;
}

/* S10: Tokio would hang. */
WOK_TEST(join, a_task_that_awaits_itself_is_refused)
{
    await_self_join task;
    int result = 0;

    task = wok_spawn(await_self, {&task.join});
    cr_assert_eq(await_self_await(&task, &result, NULL), 0);
    cr_assert_eq(result, -EDEADLK);
}

/* ---- from other places -------------------------------------------------------------------------- */

struct join_future {
    wok_join join;
    int waiting_form; /* what wok_join_await() answered */
};

static wok_poll join_future_poll(void *self_, wok_cx *cx, void *result)
{
    struct join_future *self = self_;

    if (self->waiting_form == 0)
        self->waiting_form = wok_join_await(&self->join, NULL, NULL);
    cr_assert_eq(self->waiting_form, -EDEADLK);
    return wok_join_poll(&self->join, cx, result, NULL);
}

static void join_future_drop(void *self_)
{
    struct join_future *self = self_;

    wok_join_drop(&self->join);
}

static const wok_future_vtable join_future_vtable = {
    .name = "join_future",
    .size = sizeof(struct join_future),
    .result_size = sizeof(int),
    .poll = join_future_poll,
    .drop = join_future_drop,
};

WOK_TEST(join, a_stackless_task_polls_and_may_not_wait)
{
    struct join_future future = {wok_spawn(nap, {wok_ms(20), 5}).join, 0};
    wok_join task = wok_spawn_future(&join_future_vtable, &future);
    int result = 0;

    cr_assert_eq(wok_join_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

/* A handle may be polled in one task and then be moved to another. */
WOK_TEST(join, a_handle_that_moves_to_another_task_wakes_that_one)
{
    struct join_future future = {wok_spawn(nap, {wok_ms(50), 5}).join, 0};
    int result = 0;

    cr_assert_eq(wok_join_await_until(&future.join, wok_after(wok_ms(10)), NULL, NULL), -ETIMEDOUT);
    wok_join task = wok_spawn_future(&join_future_vtable, &future);
    cr_assert_eq(wok_join_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

Test(join, a_plain_thread_blocks_until_the_task_has_ended, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = test_options();
    int result = 0;

    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    nap_join task = wok_spawn_on(runtime, nap, {wok_ms(20), 5});
    cr_assert_eq(nap_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);

    task = wok_spawn_on(runtime, nap, {wok_seconds(3600), 5});
    cr_assert_eq(wok_join_await_until(&task.join, wok_after(wok_ms(5)), &result, NULL), -ETIMEDOUT);
    wok_join_abort(&task.join);
    cr_assert_eq(nap_await(&task, &result, NULL), -WOK_EJOIN);
    wok_runtime_free(runtime);
}

Test(join, a_handle_outlives_the_shutdown_of_its_runtime, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = test_options();
    wok_join_error why;
    int result = 0;

    options.paused_clock = false; /* it would jump to the naps' end */
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    nap_join ended = wok_spawn_on(runtime, nap, {wok_ms(0), 5});
    nap_join waits = wok_spawn_on(runtime, nap, {wok_seconds(3600), 5});
    nap_join drops = wok_spawn_on(runtime, nap, {wok_seconds(3600), 5});
    while (!wok_join_is_finished(&ended.join))
        sched_yield();
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), 0);

    cr_assert_eq(nap_await(&ended, &result, NULL), 0);
    cr_assert_eq(result, 5);
    wok_join_abort(&waits.join);
    cr_assert_eq(nap_await(&waits, &result, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    nap_join_drop(&drops);
    wok_runtime_free(runtime);
}

/* ---- drop --------------------------------------------------------------------------------------- */

/* S7, the task ends first. */
WOK_TEST(join, a_handle_dropped_after_the_end_destroys_the_result)
{
    nap_join task = wok_spawn(nap, {wok_ms(1), 1});

    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(load_relaxed(&results_dropped), 0);
    nap_join_drop(&task);
    cr_assert_eq(load_relaxed(&results_dropped), 1);
    nap_join_drop(&task);
    cr_assert_eq(load_relaxed(&results_dropped), 1, "a consumed handle is fine");
}

/* S7, the handle goes first: the task runs on. */
WOK_TEST(join, a_task_whose_handle_was_dropped_runs_on_and_destroys_its_result)
{
    nap_join task = wok_spawn(nap, {wok_ms(100), 1});

    nap_join_drop(&task);
    cr_assert_eq(wok_sleep(wok_ms(99)), 0);
    cr_assert_eq(load_relaxed(&results_dropped), 0);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(load_relaxed(&results_dropped), 1);
}

/* S7, all orders of end and drop, on several workers. */
WOK_TEST_ON(join, each_result_is_destroyed_once_whoever_is_last, 4)
{
    enum { TASKS = 20000 };

    for (int i = 0; i < TASKS; i++) {
        nap_join task = wok_spawn(nap, {wok_ms(0), i});

        for (int spins = i % 50; spins > 0; spins--)
            spin_hint();
        nap_join_drop(&task);
        if (i % 64 == 0)
            cr_assert_eq(wok_yield(), 0);
    }
    while (load_relaxed(&results_dropped) < TASKS)
        cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(load_relaxed(&results_dropped), TASKS);
}

static void panicking_drop(int *number)
{
    fetch_add_relaxed(&results_dropped, 1);
    wok_panic("result %d", *number);
}

WOK_TASK_WITH_DROP(give_bad, int, int, NULL, panicking_drop);

static int give_bad(int *args, int *result)
{
    *result = *args;
    return 0;
}

/* S7 */
WOK_TEST(join, a_result_whose_destructor_panics_does_not_harm_the_handles_owner)
{
    give_bad_join dropped_late = wok_spawn(give_bad, 1);

    cr_assert_eq(wok_yield(), 0);
    give_bad_join_drop(&dropped_late);
    cr_assert_eq(load_relaxed(&results_dropped), 1);

    give_bad_join dropped_early = wok_spawn(give_bad, 2);
    give_bad_join_drop(&dropped_early);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(load_relaxed(&results_dropped), 2);
}

WOK_TEST(join, a_handle_of_zero_bytes_is_consumed)
{
    wok_join join = {0};

    cr_assert(wok_join_is_finished(&join));
    cr_assert_eq(wok_join_id(&join), 0);
    wok_join_abort(&join);
    wok_join_drop(&join);
    cr_assert_eq(wok_join_await(&join, NULL, NULL), -EINVAL);
}

/* ---- errors ------------------------------------------------------------------------------------- */

static const char *expected(const char *format, uint64_t id)
{
    static char text[160];

    snprintf(text, sizeof text, format, (unsigned long long)id);
    return text;
}

/* S18: Tokio's words, and the task's name. */
WOK_TEST(join, an_error_says_which_task_and_why)
{
    wok_join_error why;

    panic_with_join panicked = wok_spawn(panic_with, (const char *){"the oven is cold"});
    uint64_t id = wok_join_id(&panicked.join);
    cr_assert_eq(panic_with_await(&panicked, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(why.task_id, id);
    cr_assert_str_eq(
        why.message,
        expected("task %llu panicked with message \"the oven is cold\" (panic_with)", id));
    cr_assert_not_null(why.file);
    cr_assert_gt(why.line, 0);

    nap_join aborted = wok_spawn(nap, {wok_ms(1), 1});
    id = wok_join_id(&aborted.join);
    wok_join_abort(&aborted.join);
    cr_assert_eq(nap_await(&aborted, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(why.task_id, id);
    cr_assert_null(why.file);
    cr_assert_str_eq(why.message, expected("task %llu was cancelled (nap)", id));

    fail_with_join failed = wok_spawn(fail_with, -ENOENT);
    id = wok_join_id(&failed.join);
    cr_assert_eq(fail_with_await(&failed, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_FAILED);
    cr_assert_eq(why.code, -ENOENT);
    cr_assert_eq(why.task_id, id);
}

WOK_TEST(join, a_positive_code_is_a_return)
{
    wok_join_error why = {.outcome = WOK_PANICKED};
    fail_with_join task = wok_spawn(fail_with, 7);

    cr_assert_eq(fail_with_await(&task, NULL, &why), 0);
    cr_assert_eq(why.outcome, WOK_RETURNED);
    cr_assert_eq(why.code, 7);
}

/* 6 of the rules on cancellation: -ECANCELED means me only if I was aborted. */
WOK_TEST(join, a_task_that_returns_ecanceled_by_itself_has_failed)
{
    wok_join_error why;
    fail_with_join task = wok_spawn(fail_with, -ECANCELED);

    cr_assert_eq(fail_with_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_FAILED);
    cr_assert_eq(why.code, -ECANCELED);
}

/* ---- many --------------------------------------------------------------------------------------- */

WOK_TASK(spawn_and_join, int, int);

/* A tree: each level spawns two and adds what they give. */
static int spawn_and_join(int *depth, int *leaves)
{
    int left = 0, right = 0;

    *leaves = 1;
    if (*depth == 0)
        return 0;
    spawn_and_join_join a = wok_spawn(spawn_and_join, *depth - 1);
    spawn_and_join_join b = wok_spawn(spawn_and_join, *depth - 1);
    int error = spawn_and_join_await(&a, &left, NULL);
    if (error == 0)
        error = spawn_and_join_await(&b, &right, NULL);
    *leaves = left + right;
    return error;
}

WOK_TEST_ON(join, a_tree_of_tasks_on_several_workers_adds_up, 4)
{
    for (int round = 0; round < 20; round++) {
        spawn_and_join_join root = wok_spawn(spawn_and_join, 9);
        int leaves = 0;

        cr_assert_eq(spawn_and_join_await(&root, &leaves, NULL), 0);
        cr_assert_eq(leaves, 512);
    }
}

/* The end, the wait and the abort of one task at the same time; the sanitizers judge. */
WOK_TEST_ON(join, waits_that_time_out_while_the_task_ends_lose_nothing, 4)
{
    for (int i = 0; i < 3000; i++) {
        nap_join task = wok_spawn(nap, {wok_us((uint64_t)(i % 5) * 10), i});
        wok_duration patience = wok_us((uint64_t)(i % 7) * 10);
        int result = -1;
        int code = wok_join_await_until(&task.join, wok_after(patience), &result, NULL);

        if (code == -ETIMEDOUT)
            code = nap_await(&task, &result, NULL);
        cr_assert_eq(code, 0);
        cr_assert_eq(result, i);
    }
    cr_assert_eq(load_relaxed(&results_dropped), 0);
}
