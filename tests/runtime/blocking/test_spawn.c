/*
 * test_spawn.c - blocking work as tasks.  The pool by itself is in test_pool.c.
 *
 * B-numbers are rules of Tokio's blocking pool, taken over.
 */
#include <errno.h>
#include <sched.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 begun, gate_open, args_dropped, results_dropped;

static void count_args(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&args_dropped, 1);
}

static void count_result(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&results_dropped, 1);
}

WOK_TASK_WITH_DROP(wait_at_gate, int, int, count_args, count_result);

static int wait_at_gate(int *number, int *result)
{
    fetch_add_release(&begun, 1);
    while (load_acquire(&gate_open) == 0)
        sched_yield();
    *result = *number;
    return 0;
}

WOK_TASK_WITH_DROP(add_one, int, int, count_args, count_result);

static int add_one(int *number, int *result)
{
    *result = *number + 1;
    return 0;
}

static void await_begun(uint32_t count)
{
    while (load_acquire(&begun) < count)
        cr_assert_eq(wok_yield(), 0);
}

WOK_TEST(blocking, gives_its_value_like_any_task)
{
    add_one_join task = wok_spawn_blocking(add_one, 4);
    int result = 0;

    cr_assert_neq(wok_join_id(&task.join), 0);
    cr_assert_eq(add_one_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
    cr_assert_eq(load_relaxed(&args_dropped), 1);
}

/* The point of it: the worker is free while the call blocks. */
WOK_TEST(blocking, leaves_the_worker_to_the_other_tasks)
{
    wait_at_gate_join task = wok_spawn_blocking(wait_at_gate, 42);
    int result = 0;

    await_begun(1);
    cr_assert_not(wok_join_is_finished(&task.join));
    store_release(&gate_open, 1);
    cr_assert_eq(wait_at_gate_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 42);
}

/* B2: what has started cannot be stopped. */
WOK_TEST(blocking, an_abort_after_the_start_changes_nothing)
{
    wait_at_gate_join task = wok_spawn_blocking(wait_at_gate, 42);
    int result = 0;

    await_begun(1);
    wok_join_abort(&task.join);
    wok_join_abort(&task.join);
    cr_assert_not(wok_join_is_finished(&task.join));
    store_release(&gate_open, 1);
    cr_assert_eq(wait_at_gate_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 42);
}

static void abort_queued(void)
{
    wait_at_gate_join blocker = wok_spawn_blocking(wait_at_gate, 1);
    wok_join_error why;
    int result = 0;

    await_begun(1);
    add_one_join first = wok_spawn_blocking(add_one, 1), second = wok_spawn_blocking(add_one, 2);
    wok_join_abort(&first.join);
    cr_assert(wok_join_is_finished(&first.join));
    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert_eq(add_one_await(&first, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    store_release(&gate_open, 1);
    cr_assert_eq(add_one_await(&second, &result, NULL), 0);
    cr_assert_eq(result, 3);
    wok_join_abort(&second.join);
    cr_assert_eq(wait_at_gate_await(&blocker, NULL, NULL), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 3);
    cr_assert_eq(load_relaxed(&results_dropped), 1);
}

/* B2: what is queued can. */
Test(blocking, an_abort_drops_queued_work, .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.blocking_threads_max = 1;
    test_run(&options, abort_queued);
}

WOK_TEST(blocking, a_dropped_handle_lets_the_call_run_and_destroys_its_result)
{
    wait_at_gate_join task = wok_spawn_blocking(wait_at_gate, 42);

    await_begun(1);
    wait_at_gate_join_drop(&task);
    store_release(&gate_open, 1);
    while (load_relaxed(&results_dropped) == 0)
        cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 1);
}

/* ---- inside a call ------------------------------------------------------------------------------- */

WOK_TASK(use_the_runtime, int, int);

/* What a plain thread may do, a blocking call may: spawn, block, run a scope. */
static int use_the_runtime(int *number, int *result)
{
    add_one_join task = wok_spawn(add_one, *number);
    int stackful = 0, nested = 0, blocked = 0;

    cr_assert_eq(wok_worker_index(), -1);
    cr_assert_eq(add_one_await(&task, &stackful, NULL), 0);
    add_one_join inner = wok_spawn_blocking(add_one, stackful);
    cr_assert_eq(add_one_await(&inner, &nested, NULL), 0);
    cr_assert_eq(wok_block_on(wok_runtime_current(), add_one, nested, &blocked, NULL), 0);
    *result = blocked;
    return wok_sleep(wok_ms(1));
}

/* B4 */
WOK_TEST_ON(blocking, a_call_may_spawn_and_block_on_tasks_of_its_runtime, 2)
{
    for (int i = 0; i < 50; i++) {
        use_the_runtime_join task = wok_spawn_blocking(use_the_runtime, 10);
        int result = 0;

        cr_assert_eq(use_the_runtime_await(&task, &result, NULL), 0);
        cr_assert_eq(result, 13);
    }
}

/* V1: a paused clock stands still while a blocking call runs, since the call may still wake
 * somebody before the next deadline. */
WOK_TASK(nap, wok_duration, int);

static int nap(wok_duration *duration, int *result)
{
    *result = 0;
    return wok_sleep(*duration);
}

WOK_TEST(blocking, a_paused_clock_waits_for_the_call)
{
    wok_instant start = wok_now();
    nap_join sleeper = wok_spawn(nap, wok_seconds(3600));
    wait_at_gate_join call = wok_spawn_blocking(wait_at_gate, 1);

    await_begun(1);
    cr_assert_eq(wok_elapsed(start).ns, 0);
    store_release(&gate_open, 1);
    cr_assert_eq(wait_at_gate_await(&call, NULL, NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, 0);
    cr_assert_eq(nap_await(&sleeper, NULL, NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(3600).ns);
}

/* ---- many ------------------------------------------------------------------------------------------ */

WOK_TEST_ON(blocking, a_thousand_calls_from_several_workers_each_end_once, 2)
{
    enum { CALLS = 1000 };
    static add_one_join tasks[CALLS];

    for (int i = 0; i < CALLS; i++) {
        tasks[i] = wok_spawn_blocking(add_one, i);
        if (i % 3 == 0)
            wok_join_abort(&tasks[i].join);
    }
    for (int i = 0; i < CALLS; i++) {
        wok_join_error why;
        int result = 0, code = add_one_await(&tasks[i], &result, &why);

        if (code == 0)
            cr_assert_eq(result, i + 1);
        else
            cr_assert_eq(why.outcome, WOK_CANCELLED);
    }
    cr_assert_eq(load_relaxed(&args_dropped), CALLS);
    cr_assert_eq(load_relaxed(&results_dropped), 0);
}

Test(blocking, without_a_runtime_nothing_is_started, .timeout = 20)
{
    add_one_join task = wok_spawn_blocking(add_one, 1);
    wok_join_error why;

    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert_eq(add_one_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -EINVAL);
}

Test(blocking, after_the_shutdown_nothing_is_started, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    wok_join_error why;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), 0);
    add_one_join task = wok_spawn_blocking_on(runtime, add_one, 1);
    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert_eq(add_one_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    wok_runtime_free(runtime);
}
