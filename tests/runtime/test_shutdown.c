/*
 * test_shutdown.c - the end of a runtime, and what it reports of that which does not end.
 *
 * E- and B-numbers are rules of Tokio's runtime, taken over or changed on purpose where the comment
 * says so.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 args_dropped, cleanups, begun, gate_open, left_gate, threads_begun, threads_ended;

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

static void note_start(void *unused)
{
    (void)unused;
    fetch_add_release(&threads_begun, 1);
}

static void note_stop(void *unused)
{
    (void)unused;
    fetch_add_release(&threads_ended, 1);
}

static wok_runtime *new_runtime(unsigned workers)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.workers = workers;
    options.paused_clock = false;
    options.on_thread_start = note_start;
    options.on_thread_stop = note_stop;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    return runtime;
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

/* Keeps its thread until the gate opens. */
WOK_TASK_WITH_DROP(block_thread, int, int, count_args, NULL);

static int block_thread(int *number, int *result)
{
    fetch_add_release(&begun, 1);
    while (load_acquire(&gate_open) == 0)
        sched_yield();
    *result = *number;
    fetch_add_release(&left_gate, 1);
    return 0;
}

static void await_count(atomic_u32 *count, uint32_t target)
{
    while (load_acquire(count) < target)
        sched_yield();
}

/* ---- shutting down ------------------------------------------------------------------------------------- */

Test(shutdown, a_shutdown_aborts_what_is_left_and_counts_it, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(2);
    serve_join tasks[10];
    wok_shutdown_report report;
    wok_join_error why;

    for (int i = 0; i < 10; i++)
        tasks[i] = wok_spawn_on(runtime, serve, i);
    await_count(&begun, 10);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), 0);
    cr_assert_eq(report.aborted, 10);
    cr_assert_eq(report.stuck, 0);
    cr_assert_eq(report.blocking_left, 0);
    cr_assert_eq(load_relaxed(&args_dropped), 10);
    cr_assert_eq(load_relaxed(&cleanups), 10);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(serve_await(&tasks[i], NULL, &why), -WOK_EJOIN);
        cr_assert_eq(why.outcome, WOK_CANCELLED);
    }
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), 0, "once more is fine");
    wok_runtime_free(runtime);
}

WOK_TASK(finish_soon, int, int);

static int finish_soon(int *unused, int *result)
{
    (void)unused;
    *result = 5;
    fetch_add_release(&begun, 1);
    return wok_sleep(wok_ms(30));
}

Test(shutdown, a_shutdown_with_grace_lets_tasks_end_by_themselves, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(2);
    finish_soon_join task = wok_spawn_on(runtime, finish_soon, 0);
    wok_shutdown_report report;
    wok_instant start = wok_now();
    int result = 0;

    await_count(&begun, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(15), &report), 0);
    cr_assert_eq(report.aborted, 0);
    cr_assert_lt(wok_elapsed(start).ns, wok_seconds(10).ns, "it does not wait longer than needed");
    cr_assert_eq(finish_soon_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
    wok_runtime_free(runtime);
}

WOK_TASK(heed_shutdown, int, bool);

static int heed_shutdown(int *unused, bool *going_down)
{
    WOK_CLEANUP(wok_watch_receiver_drop) wok_watch_receiver shutdown;

    (void)unused;
    wok_shutdown_subscribe(&shutdown, wok_runtime_current());
    fetch_add_release(&begun, 1);
    int error = wok_watch_changed(&shutdown);
    if (error == 0)
        wok_watch_get(&shutdown, going_down);
    return error;
}

Test(shutdown, a_shutdown_tells_the_tasks_that_subscribed, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(2);
    heed_shutdown_join task = wok_spawn_on(runtime, heed_shutdown, 0);
    wok_shutdown_report report;
    bool going_down = false;

    await_count(&begun, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(15), &report), 0);
    cr_assert_eq(report.aborted, 0);
    cr_assert_eq(heed_shutdown_await(&task, &going_down, NULL), 0);
    cr_assert(going_down);
    wok_runtime_free(runtime);
}

/* E2, S4: tasks that go on spawning do not keep a runtime alive. */
WOK_TASK_WITH_DROP(breed, int, int, count_args, NULL);

static atomic_u32 bred;

static int breed(int *unused, int *result)
{
    (void)unused;
    *result = 1;
    fetch_add_relaxed(&bred, 1);
    fetch_add_release(&begun, 1);
    for (int i = 0; i < 2; i++) {
        breed_join child = wok_spawn(breed, 0);
        breed_join_drop(&child);
        int error = wok_sleep(wok_us(100));
        if (error < 0)
            return error;
    }
    return 0;
}

Test(shutdown, a_shutdown_ends_tasks_that_go_on_spawning, .timeout = 60)
{
    for (int round = 0; round < 20; round++) {
        wok_runtime *runtime = new_runtime(3);
        breed_join task = wok_spawn_on(runtime, breed, 0);

        store_relaxed(&begun, 0);
        await_count(&begun, 20);
        breed_join_drop(&task);
        cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), 0);
        wok_runtime_free(runtime);
    }
    cr_assert_geq(load_relaxed(&args_dropped), load_relaxed(&bred));
}

/* ---- what does not end --------------------------------------------------------------------------------- */

static void assert_left(const wok_left *left, wok_left_kind kind, const char *name, uint64_t id,
                        int line)
{
    cr_assert_eq(left->kind, kind);
    cr_assert_str_eq(left->name, name);
    cr_assert_eq(left->task_id, id);
    cr_assert_eq(left->line, line);
    cr_assert_not_null(strstr(left->file, "test_shutdown.c"));
}

Test(shutdown, names_the_task_that_blocks_its_worker_and_those_that_wait_for_it, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(1);
    serve_join waiting = wok_spawn_on(runtime, serve, 0);
    int line_waiting = __LINE__ - 1;
    await_count(&begun, 1);
    block_thread_join blocking = wok_spawn_on(runtime, block_thread, 5);
    int line_blocking = __LINE__ - 1;
    wok_shutdown_report report;
    int result = 0;

    await_count(&begun, 2);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), -ETIMEDOUT);
    cr_assert_eq(report.aborted, 2);
    cr_assert_eq(report.stuck, 2);
    cr_assert_eq(report.blocking_left, 0);
    cr_assert_eq(report.left_count, 2);
    assert_left(&report.left[0], WOK_LEFT_RUNNING, "block_thread", wok_join_id(&blocking.join),
                line_blocking);
    assert_left(&report.left[1], WOK_LEFT_WAITING, "serve", wok_join_id(&waiting.join),
                line_waiting);
    cr_assert_eq(report.left[1].running.ns, 0);

    store_release(&gate_open, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(20), &report), 0, "it goes on");
    cr_assert_eq(report.stuck, 0);
    cr_assert_eq(report.left_count, 0);
    cr_assert_eq(block_thread_await(&blocking, &result, NULL), 0);
    cr_assert_eq(result, 5, "S14: it returned before it noticed");
    serve_join_drop(&waiting);
    wok_runtime_free(runtime);
}

/* The monitor knows since when. */
Test(shutdown, says_how_long_a_task_has_blocked_its_worker, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(2);
    block_thread_join task = wok_spawn_on(runtime, block_thread, 5);
    wok_shutdown_report report;

    await_count(&begun, 1);
    wok_instant start = wok_now();
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), -ETIMEDOUT);
    cr_assert_eq(report.left_count, 1);
    cr_assert_eq(report.left[0].kind, WOK_LEFT_RUNNING);
    cr_assert_geq(report.left[0].running.ns, wok_seconds(1).ns, "aborts are waited for that long");
    cr_assert_leq(report.left[0].running.ns, wok_elapsed(start).ns + wok_seconds(1).ns);
    store_release(&gate_open, 1);
    block_thread_join_drop(&task);
    wok_runtime_free(runtime);
}

/* B3: a blocking call that has started is waited for, as long as the grace lasts. */
Test(shutdown, leaves_a_blocking_call_alone_that_outlasts_the_grace, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(2);
    block_thread_join task = wok_spawn_blocking_on(runtime, block_thread, 5);
    int line = __LINE__ - 1, result = 0;
    wok_shutdown_report report;

    await_count(&begun, 1);
    wok_instant start = wok_now();
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(50), &report), -ETIMEDOUT);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(50).ns);
    cr_assert_lt(wok_elapsed(start).ns, wok_seconds(2).ns, "calls are not aborted");
    cr_assert_eq(report.blocking_left, 1);
    cr_assert_eq(report.stuck, 0);
    cr_assert_eq(report.left_count, 1);
    assert_left(&report.left[0], WOK_LEFT_BLOCKING, "block_thread", wok_join_id(&task.join), line);
    cr_assert_geq(report.left[0].running.ns, wok_ms(50).ns);
    store_release(&gate_open, 1);
    cr_assert_eq(block_thread_await(&task, &result, NULL), 0, "it runs on");
    cr_assert_eq(result, 5);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(20), &report), 0);
    wok_runtime_free(runtime);
    cr_assert_eq(load_acquire(&threads_begun), load_acquire(&threads_ended));
}

static void *open_gate(void *unused)
{
    (void)unused;
    store_release(&gate_open, 1);
    return NULL;
}

/* B3 */
Test(shutdown, waits_for_a_blocking_call_within_the_grace, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(1);
    block_thread_join task = wok_spawn_blocking_on(runtime, block_thread, 5);
    wok_shutdown_report report;
    pthread_t thread;

    await_count(&begun, 1);
    cr_assert_eq(pthread_create(&thread, NULL, open_gate, NULL), 0);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(15), &report), 0);
    cr_assert_eq(report.blocking_left, 0);
    cr_assert_eq(load_acquire(&left_gate), 1);
    pthread_join(thread, NULL);
    block_thread_join_drop(&task);
    wok_runtime_free(runtime);
}

enum { MANY = 300 };

/* With more of them than a shutdown aborts at a time it used to abort the same ones for ever. */
Test(shutdown, among_hundreds_of_blocking_calls_ends_and_lists_the_first, .timeout = 60)
{
    static block_thread_join tasks[MANY];
    wok_runtime *runtime = new_runtime(1);
    wok_shutdown_report report;

    for (int i = 0; i < MANY; i++)
        tasks[i] = wok_spawn_blocking_on(runtime, block_thread, i);
    await_count(&begun, MANY);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), -ETIMEDOUT);
    cr_assert_eq(report.blocking_left, MANY);
    cr_assert_eq(report.stuck, 0);
    cr_assert_eq(report.left_count, WOK_LEFT_MAX);
    for (int i = 0; i < WOK_LEFT_MAX; i++)
        cr_assert_eq(report.left[i].kind, WOK_LEFT_BLOCKING);
    store_release(&gate_open, 1);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(block_thread_await(&tasks[i], NULL, NULL), 0);
    wok_runtime_free(runtime);
    cr_assert_eq(load_acquire(&threads_ended), MANY + 1);
}

Test(shutdown, report_is_printed_line_by_line, .timeout = 20)
{
    wok_shutdown_report report = {
        .aborted = 7,
        .stuck = 2,
        .blocking_left = 1,
        .left_count = 2,
        .left = {{WOK_LEFT_RUNNING, "fetch", "a.c", 12, 34, wok_ms(1500)},
                 {WOK_LEFT_WAITING, "serve", "b.c", 56, 78, wok_ms(0)}},
    };
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    cr_assert_not_null(stream);
    wok_shutdown_report_print(&report, stream);
    fclose(stream);
    cr_assert_str_eq(text, "7 tasks were aborted, 2 tasks and 1 blocking calls did not end\n"
                           "  task 34 \"fetch\" (spawned at a.c:12) runs for 1.500 s\n"
                           "  task 78 \"serve\" (spawned at b.c:56) waits\n"
                           "  and 1 more\n");
    free(text);
}

static int shutdown_code;

WOK_TASK(shut_down_inside, int, int);

static int shut_down_inside(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    shutdown_code = wok_runtime_shutdown(wok_runtime_current(), wok_ms(0), NULL);
    return 0;
}

Test(shutdown, in_a_call_of_its_own_pool_is_refused, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(1);
    shut_down_inside_join task = wok_spawn_blocking_on(runtime, shut_down_inside, 0);

    cr_assert_eq(shut_down_inside_await(&task, NULL, NULL), 0);
    cr_assert_eq(shutdown_code, -EDEADLK);
    wok_runtime_free(runtime);
}

/* ---- the free ------------------------------------------------------------------------------------------ */

struct freer {
    wok_runtime *runtime;
    uint32_t left_gate; /* how many had left it when the free returned */
};

static void *free_runtime(void *freer_)
{
    struct freer *freer = freer_;

    wok_runtime_free(freer->runtime);
    freer->left_gate = load_acquire(&left_gate);
    return NULL;
}

static uint32_t left_gate_when_freed(wok_runtime *runtime)
{
    struct freer freer = {runtime, 0};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, free_runtime, &freer), 0);
    for (wok_instant start = wok_now(); wok_elapsed(start).ns < wok_ms(60).ns;)
        sched_yield(); /* time to do it wrong; to do it right takes none */
    store_release(&gate_open, 1);
    pthread_join(thread, NULL);
    return freer.left_gate;
}

/* B3: a runtime that is dropped waits for what has started. */
Test(shutdown, free_waits_for_a_blocking_call, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(2);
    block_thread_join task = wok_spawn_blocking_on(runtime, block_thread, 5);
    int result = 0;

    await_count(&begun, 1);
    cr_assert_eq(left_gate_when_freed(runtime), 1);
    cr_assert_eq(load_acquire(&threads_begun), load_acquire(&threads_ended));
    cr_assert_eq(block_thread_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

/* E2: a task that never yields blocks the drop for ever. */
Test(shutdown, free_waits_for_a_task_that_blocks_its_worker, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(2);
    block_thread_join task = wok_spawn_on(runtime, block_thread, 5);

    await_count(&begun, 1);
    cr_assert_eq(left_gate_when_freed(runtime), 1);
    block_thread_join_drop(&task);
}

Test(shutdown, free_waits_for_what_a_shutdown_left, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(1);
    block_thread_join task = wok_spawn_blocking_on(runtime, block_thread, 5);

    await_count(&begun, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), -ETIMEDOUT);
    cr_assert_eq(left_gate_when_freed(runtime), 1);
    block_thread_join_drop(&task);
}

/* B3: the form that waits for nothing. */
Test(shutdown, free_in_the_background_returns_at_once_and_ends_it_later, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(2);
    serve_join served = wok_spawn_on(runtime, serve, 0);
    block_thread_join call = wok_spawn_blocking_on(runtime, block_thread, 5);
    int result = 0;

    await_count(&begun, 2);
    wok_runtime_enter(runtime);
    wok_runtime_free_background(runtime);
    cr_assert_null(wok_runtime_current());
    cr_assert_eq(serve_await(&served, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(load_acquire(&left_gate), 0);
    store_release(&gate_open, 1);
    cr_assert_eq(block_thread_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 5);
    await_count(&threads_ended, 3);
    wok_runtime_free_background(NULL);
}

WOK_TASK(free_inside, int, int);

static int free_inside(int *unused, int *result)
{
    wok_runtime *runtime = wok_runtime_current();

    (void)unused;
    wok_runtime_free(runtime);
    cr_assert_eq(wok_runtime_current(), runtime, "the task goes on");
    *result = 3;
    return 0;
}

Test(shutdown, free_in_a_task_is_in_the_background, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(2);
    free_inside_join task = wok_spawn_on(runtime, free_inside, 0);
    int result = 0;

    cr_assert_eq(free_inside_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 3);
    await_count(&threads_ended, 2);
}

Test(shutdown, free_in_a_call_of_its_own_pool_is_in_the_background, .timeout = 30)
{
    wok_runtime *runtime = new_runtime(1);
    free_inside_join task = wok_spawn_blocking_on(runtime, free_inside, 0);
    int result = 0;

    cr_assert_eq(free_inside_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 3);
    await_count(&threads_ended, 2);
}
