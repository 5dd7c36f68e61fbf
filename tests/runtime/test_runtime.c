/*
 * test_runtime.c - building a runtime and running a first task on it.  Its end is in test_shutdown.c.
 *
 * E- and B-numbers are rules of Tokio's runtime, taken over or changed on purpose where the comment
 * says so.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 args_dropped, cleanups, begun;

static void count_args(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&args_dropped, 1);
}

static void count_cleanup(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&cleanups, 1);
}

static wok_runtime *new_runtime(unsigned workers)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.workers = workers;
    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    return runtime;
}

WOK_TASK_WITH_DROP(add_one, int, int, count_args, NULL);

static int add_one(int *number, int *result)
{
    *result = *number + 1;
    return 0;
}

/* Waits until it is told to stop, and then ends politely. */
WOK_TASK_WITH_DROP(serve, int, int, count_args, NULL);

static int serve(int *unused, int *result)
{
    WOK_CLEANUP(count_cleanup) int number = 1;

    (void)unused;
    *result = number;
    fetch_add_release(&begun, 1);
    return wok_sleep(WOK_FOREVER);
}

static void await_begun(uint32_t count)
{
    while (load_acquire(&begun) < count)
        sched_yield();
}

/* ---- building ------------------------------------------------------------------------------------ */

Test(runtime, refuses_options_out_of_range, .timeout = 20)
{
    wok_runtime *runtime = NULL;

    cr_assert_eq(wok_runtime_new(&runtime, &(wok_runtime_options){.workers = 57}), -EINVAL);
    cr_assert_eq(wok_runtime_new(&runtime, &(wok_runtime_options){.stack_bytes = 100}), -EINVAL);
    cr_assert_null(runtime);
}

Test(runtime, of_default_options_has_a_worker_for_each_core_it_may_use, .timeout = 20)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    int result = 0;

    cr_assert_eq(wok_runtime_new(&runtime, NULL), 0);
    cr_assert_geq(wok_runtime_workers(runtime), 1);
    cr_assert_eq(wok_block_on(runtime, add_one, 1, &result, NULL), 0);
    cr_assert_eq(result, 2);
}

Test(runtime, several_live_side_by_side, .timeout = 20)
{
    wok_runtime *runtimes[3];

    for (int i = 0; i < 3; i++)
        runtimes[i] = new_runtime(2);
    for (int i = 0; i < 3; i++) {
        int result = 0;
        cr_assert_eq(wok_block_on(runtimes[i], add_one, i, &result, NULL), 0);
        cr_assert_eq(result, i + 1);
    }
    for (int i = 0; i < 3; i++)
        wok_runtime_free(runtimes[i]);
}

Test(runtime, that_never_ran_anything_ends, .timeout = 60)
{
    wok_runtime_free(NULL);
    for (int i = 0; i < 50; i++)
        wok_runtime_free(new_runtime((unsigned)i % 4 + 1));
}

/* ---- where am I ------------------------------------------------------------------------------------ */

static wok_runtime *expected_runtime;

WOK_TASK(look_around, int, int);

static int look_around(int *unused, int *result)
{
    (void)unused;
    cr_assert_eq(wok_runtime_current(), expected_runtime);
    cr_assert_eq(wok_runtime_enter(NULL), expected_runtime);
    cr_assert_eq(wok_runtime_current(), expected_runtime, "a worker stays where it is");
    *result = wok_worker_index();
    return 0;
}

Test(runtime, is_known_to_its_tasks_and_to_threads_that_entered, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(1);
    int result = -1;

    cr_assert_null(wok_runtime_current());
    cr_assert_eq(wok_worker_index(), -1);
    expected_runtime = runtime;
    cr_assert_eq(wok_block_on(runtime, look_around, 0, &result, NULL), 0);
    cr_assert_eq(result, 0);

    cr_assert_null(wok_runtime_enter(runtime));
    cr_assert_eq(wok_runtime_current(), runtime);
    add_one_join task = wok_spawn(add_one, 4);
    cr_assert_eq(add_one_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
    cr_assert_eq(wok_runtime_enter(NULL), runtime);
    cr_assert_null(wok_runtime_current());
    wok_runtime_free(runtime);
}

/* ---- block_on ---------------------------------------------------------------------------------------- */

static int nested_code;

WOK_TASK(block_on_inside, int, int);

static int block_on_inside(int *unused, int *result)
{
    (void)unused;
    nested_code = wok_block_on(wok_runtime_current(), add_one, 1, result, NULL);
    return wok_runtime_shutdown(wok_runtime_current(), wok_ms(0), NULL) == -EDEADLK ? 0 : -EIO;
}

/* E3, B4: Tokio panics. */
Test(runtime, block_on_and_shutdown_from_a_worker_are_refused, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(1);
    int result = 7;

    cr_assert_eq(wok_block_on(runtime, block_on_inside, 0, &result, NULL), 0);
    cr_assert_eq(nested_code, -EDEADLK);
    cr_assert_eq(load_relaxed(&args_dropped), 1, "the arguments were taken all the same");
    wok_runtime_free(runtime);
}

static void *block_on_many(void *runtime)
{
    for (int i = 0; i < 500; i++) {
        int result = 0;
        cr_assert_eq(wok_block_on((wok_runtime *)runtime, add_one, i, &result, NULL), 0);
        cr_assert_eq(result, i + 1);
    }
    return NULL;
}

static atomic_u32 told, results_dropped;

static void count_result(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&results_dropped, 1);
}

WOK_TASK_WITH_DROP(run_until_told, int, int, NULL, count_result);

static int run_until_told(int *unused, int *result)
{
    (void)unused;
    while (load_acquire(&told) == 0)
        (void)wok_yield();
    *result = 1;
    return 0;
}

/* The result of a task that nobody waits for any more used to be lost, and its memory with it. */
Test(runtime, block_on_that_runs_out_of_time_drops_the_result, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(1);
    int result = 0;

    WOK_TIMEOUT(wok_ns(0))
    {
        cr_assert_eq(wok_block_on(runtime, run_until_told, {0}, &result, NULL), -ETIMEDOUT);
    }
    store_release(&told, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(10), NULL), 0);
    cr_assert_eq(load_relaxed(&results_dropped), 1);
    cr_assert_eq(result, 0);
    wok_runtime_free(runtime);
}

Test(runtime, several_threads_block_on_it_at_once, .timeout = 60)
{
    wok_runtime *runtime = new_runtime(2);
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, block_on_many, runtime), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(load_relaxed(&args_dropped), 1500);
    wok_runtime_free(runtime);
}

static void *build_and_free(void *unused)
{
    (void)unused;
    wok_runtime_free(new_runtime(1));
    return NULL;
}

/* A matter for TSan: what the first one sets up for the whole process it sets up once. */
Test(runtime, several_threads_build_one_each_at_once, .timeout = 60)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, build_and_free, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static int main_body_returns;

static int main_body(void)
{
    cr_assert_neq(wok_task_id(), 0);
    if (main_body_returns == 100)
        wok_panic("body");
    return main_body_returns;
}

Test(runtime, wok_main_gives_what_main_returns, .timeout = 20)
{
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
    cr_assert_eq(wok_main(main_body), 0);
    main_body_returns = 3;
    cr_assert_eq(wok_main(main_body), 3);
    main_body_returns = -EIO;
    cr_assert_eq(wok_main(main_body), 1);
    main_body_returns = 100;
    cr_assert_eq(wok_main(main_body), 101);
}

static int named_body(void)
{
    return strcmp(wok_task_name(), "main") == 0 ? 0 : 1;
}

static const int panic_line = __LINE__ + 4; /* of the wok_panic() */

static int panicking_body(void)
{
    wok_panic("no salt");
}

/* The line on stderr is all that whoever runs a program sees of its panic. */
Test(runtime, wok_main_is_called_main_and_placed_where_it_stands, .timeout = 20)
{
    char text[512], expected[512];
    FILE *before = stderr, *file = tmpfile();

    cr_assert_eq(wok_main(named_body), 0);
    cr_assert_not_null(file);
    stderr = file;
    int code = wok_main(panicking_body), line = __LINE__;
    stderr = before;
    cr_assert_eq(code, 101);
    rewind(file);
    cr_assert_not_null(fgets(text, sizeof text, file));
    snprintf(expected, sizeof expected,
             "wok: task 1 panicked with message \"no salt\" (main) at %s:%d, spawned at %s:%d\n",
             __FILE__, panic_line, __FILE__, line);
    cr_assert_str_eq(text, expected);
    fclose(file);
}

/* ---- after the end -------------------------------------------------------------------------------------- */

Test(runtime, handles_outlive_it, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(2);
    add_one_join ended = wok_spawn_on(runtime, add_one, 4);
    serve_join aborted = wok_spawn_on(runtime, serve, 0), dropped = wok_spawn_on(runtime, serve, 0);
    wok_join_error why;
    int result = 0;

    await_begun(2);
    while (!wok_join_is_finished(&ended.join))
        sched_yield();
    wok_runtime_free(runtime);

    cr_assert_eq(add_one_await(&ended, &result, NULL), 0);
    cr_assert_eq(result, 5);
    wok_join_abort(&aborted.join);
    cr_assert_eq(serve_await(&aborted, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    serve_join_drop(&dropped);
}
