/*
 * test_pools.c - pools with names and limits of their own.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 begun, gate_open, left_gate, args_dropped, threads_begun, threads_ended;

static void count_args(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&args_dropped, 1);
}

WOK_TASK_WITH_DROP(wait_at_gate, int, int, count_args, NULL);

static int wait_at_gate(int *number, int *result)
{
    fetch_add_release(&begun, 1);
    while (load_acquire(&gate_open) == 0)
        sched_yield();
    *result = *number;
    fetch_add_release(&left_gate, 1);
    return 0;
}

struct thread_name {
    char text[16];
};

WOK_TASK(get_name, int, struct thread_name);

static int get_name(int *unused, struct thread_name *result)
{
    (void)unused;
    return -pthread_getname_np(pthread_self(), result->text, sizeof result->text);
}

static void await_count(atomic_u32 *count, uint32_t target)
{
    while (load_acquire(count) < target)
        sched_yield();
}

static wok_blocking_pool *new_pool(const char *name, unsigned threads_max, size_t queue_max)
{
    wok_blocking_pool *pool = NULL;
    wok_blocking_pool_options options = {
        .name = name, .threads_max = threads_max, .queue_max = queue_max};

    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &options), 0);
    return pool;
}

static wok_runtime *new_runtime(wok_runtime_options options)
{
    wok_runtime *runtime = NULL;

    options.workers = 1;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    return runtime;
}

/* ---- names and limits ------------------------------------------------------------------------------ */

WOK_TEST(pools, threads_have_the_name_of_their_pool)
{
    char name[] = "images";
    WOK_CLEANUP(wok_blocking_pool_freep) wok_blocking_pool *pool = new_pool(name, 0, 0);
    struct thread_name seen;

    name[0] = 'X'; /* it was copied */
    get_name_join task = wok_spawn_blocking_in(pool, get_name, 0);
    cr_assert_eq(get_name_await(&task, &seen, NULL), 0);
    cr_assert_str_eq(seen.text, "images");
    task = wok_spawn_blocking(get_name, 0);
    cr_assert_eq(get_name_await(&task, &seen, NULL), 0);
    cr_assert_str_eq(seen.text, "wok-blocking");
}

WOK_TEST(pools, a_pool_wants_a_name_that_a_thread_can_have)
{
    wok_blocking_pool *pool = NULL;
    wok_blocking_pool_options options = {.name = "sixteen bytes !!"};

    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &options), -EINVAL);
    options.name = "";
    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &options), -EINVAL);
    options.name = NULL;
    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &options), -EINVAL);
    cr_assert_null(pool);
    options.name = "fifteen bytes !";
    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &options), 0);
    wok_blocking_pool_free(pool);
    wok_blocking_pool_free(NULL);
}

Test(pools, without_a_runtime_there_is_no_pool, .timeout = 20)
{
    wok_blocking_pool *pool = NULL;

    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &(wok_blocking_pool_options){.name = "a"}),
                 -EINVAL);
}

/* The point of a pool of one's own: a full one keeps nobody else waiting. */
WOK_TEST(pools, a_full_pool_refuses_and_the_others_go_on)
{
    wok_blocking_pool *small = new_pool("small", 1, 1), *other = new_pool("other", 1, 1);
    wait_at_gate_join running = wok_spawn_blocking_in(small, wait_at_gate, 1);
    wait_at_gate_join waiting = wok_spawn_blocking_in(small, wait_at_gate, 2);
    wait_at_gate_join refused = wok_spawn_blocking_in(small, wait_at_gate, 3);
    wok_blocking_pool_metrics metrics;
    struct thread_name seen;
    wok_join_error why;
    int result = 0;

    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert(wok_join_is_finished(&refused.join));
    cr_assert_eq(wait_at_gate_await(&refused, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -EAGAIN);
    cr_assert_not_null(strstr(why.message, "task \"wait_at_gate\" (spawned at test_pools.c:"));
    cr_assert_not_null(
        strstr(why.message, "was not started: its pool's queue is full, or there is"));
    cr_assert_eq(load_relaxed(&args_dropped), 1);

    get_name_join task = wok_spawn_blocking_in(other, get_name, 0);
    cr_assert_eq(get_name_await(&task, &seen, NULL), 0);

    await_count(&begun, 1);
    wok_blocking_pool_metrics_get(small, &metrics);
    cr_assert_str_eq(metrics.name, "small");
    cr_assert_eq(metrics.threads, 1);
    cr_assert_eq(metrics.threads_max, 1);
    cr_assert_eq(metrics.busy, 1);
    cr_assert_eq(metrics.queued, 1);
    cr_assert_eq(metrics.queue_max, 1);
    cr_assert_eq(metrics.refused, 1);
    store_release(&gate_open, 1);
    cr_assert_eq(wait_at_gate_await(&running, &result, NULL), 0);
    cr_assert_eq(result, 1);
    cr_assert_eq(wait_at_gate_await(&waiting, &result, NULL), 0);
    cr_assert_eq(result, 2);
    cr_assert_eq(load_relaxed(&args_dropped), 3);
    wok_blocking_pool_free(small);
    wok_blocking_pool_free(other);
}

static void fill_the_first_pool(void)
{
    wait_at_gate_join running = wok_spawn_blocking(wait_at_gate, 1);
    await_count(&begun, 1);
    wait_at_gate_join waiting = wok_spawn_blocking(wait_at_gate, 2);
    wait_at_gate_join refused = wok_spawn_blocking(wait_at_gate, 3);
    wok_runtime_metrics metrics;
    wok_join_error why;

    cr_assert_eq(wait_at_gate_await(&refused, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -EAGAIN);
    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    cr_assert_eq(metrics.blocking_queued, 1);
    cr_assert_eq(metrics.blocking_refused, 1);
    store_release(&gate_open, 1);
    cr_assert_eq(wait_at_gate_await(&running, NULL, NULL), 0);
    cr_assert_eq(wait_at_gate_await(&waiting, NULL, NULL), 0);
}

Test(pools, the_runtimes_own_pool_can_be_bounded_too, .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.blocking_threads_max = 1;
    options.blocking_queue_max = 1;
    test_run(&options, fill_the_first_pool);
}

WOK_TEST(pools, can_be_listed)
{
    const wok_runtime *runtime = wok_runtime_current();
    wok_blocking_pool *a = new_pool("a", 3, 0), *b = new_pool("b", 0, 7);
    wok_blocking_pool_metrics metrics;

    cr_assert(wok_blocking_pool_metrics_nth(runtime, 0, &metrics));
    cr_assert_str_eq(metrics.name, "wok-blocking");
    cr_assert_eq(metrics.threads_max, 512);
    cr_assert(wok_blocking_pool_metrics_nth(runtime, 1, &metrics));
    cr_assert_str_eq(metrics.name, "a");
    cr_assert_eq(metrics.threads_max, 3);
    cr_assert(wok_blocking_pool_metrics_nth(runtime, 2, &metrics));
    cr_assert_str_eq(metrics.name, "b");
    cr_assert_eq(metrics.queue_max, 7);
    cr_assert_not(wok_blocking_pool_metrics_nth(runtime, 3, &metrics));
    wok_blocking_pool_free(a);
    wok_blocking_pool_free(b);
}

/* ---- the end of a pool ------------------------------------------------------------------------------- */

static void *free_pool(void *pool)
{
    wok_blocking_pool_free(pool);
    return NULL;
}

Test(pools, freeing_one_drops_what_is_queued_and_waits_for_what_runs, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(test_options());
    wok_runtime_enter(runtime);
    wok_blocking_pool *pool = new_pool("brief", 1, 0);
    wait_at_gate_join running = wok_spawn_blocking_in(pool, wait_at_gate, 1);
    wait_at_gate_join queued = wok_spawn_blocking_in(pool, wait_at_gate, 2);
    wok_blocking_pool_metrics metrics;
    wok_join_error why;
    pthread_t thread;

    await_count(&begun, 1);
    cr_assert_eq(pthread_create(&thread, NULL, free_pool, pool), 0);
    cr_assert_eq(wait_at_gate_await(&queued, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert(wok_blocking_pool_metrics_nth(runtime, 1, &metrics), "its thread is inside");
    store_release(&gate_open, 1);
    pthread_join(thread, NULL);
    cr_assert_eq(load_acquire(&left_gate), 1);
    cr_assert_not(wok_blocking_pool_metrics_nth(runtime, 1, &metrics));

    wok_join_abort(&running.join); /* the task still knows its pool */
    cr_assert_eq(wait_at_gate_await(&running, NULL, NULL), 0);
    wok_runtime_enter(NULL);
    wok_runtime_free(runtime);
}

/* A task may not wait for it; the pool is closed all the same, and gone with the next one. */
WOK_TEST(pools, freeing_one_in_a_task_does_not_wait)
{
    wok_blocking_pool *pool = new_pool("brief", 1, 0);
    wait_at_gate_join running = wok_spawn_blocking_in(pool, wait_at_gate, 1);
    wok_blocking_pool_metrics metrics;

    await_count(&begun, 1);
    wok_blocking_pool_free(pool);
    cr_assert_eq(load_acquire(&left_gate), 0);
    pool = new_pool("next", 1, 0);
    cr_assert(wok_blocking_pool_metrics_nth(wok_runtime_current(), 2, &metrics));
    store_release(&gate_open, 1);
    cr_assert_eq(wait_at_gate_await(&running, NULL, NULL), 0);
    do {
        cr_assert(wok_blocking_pool_metrics_nth(wok_runtime_current(), 1, &metrics));
    } while (metrics.threads != 0);
    wok_blocking_pool_free(pool);
    pool = new_pool("last", 1, 0);
    cr_assert(wok_blocking_pool_metrics_nth(wok_runtime_current(), 1, &metrics));
    cr_assert_str_eq(metrics.name, "last");
    cr_assert_not(wok_blocking_pool_metrics_nth(wok_runtime_current(), 2, &metrics));
}

typedef wok_blocking_pool *pool_ref;
WOK_TASK(free_own_pool, pool_ref, int);

static int free_own_pool(pool_ref *pool, int *result)
{
    wok_blocking_pool_free(*pool);
    *result = 4;
    return 0;
}

WOK_TEST(pools, freeing_one_in_a_call_of_its_own_does_not_wait)
{
    wok_blocking_pool *pool = new_pool("suicidal", 1, 0);
    free_own_pool_join task = wok_spawn_blocking_in(pool, free_own_pool, pool);
    int result = 0;

    cr_assert_eq(free_own_pool_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 4);
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

/* E1: the hooks are those of the runtime, and all threads are ended with it. */
Test(pools, end_with_their_runtime, .timeout = 20)
{
    wok_runtime_options options = test_options();
    options.on_thread_start = note_start;
    options.on_thread_stop = note_stop;
    wok_runtime *runtime = new_runtime(options);
    wok_blocking_pool *pools[3];
    get_name_join tasks[3];

    wok_runtime_enter(runtime);
    for (int i = 0; i < 3; i++) {
        pools[i] = new_pool("mine", 2, 0);
        tasks[i] = wok_spawn_blocking_in(pools[i], get_name, 0);
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(get_name_await(&tasks[i], NULL, NULL), 0);
    wok_runtime_enter(NULL);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), 0);
    cr_assert_eq(load_acquire(&threads_begun), 4, "three of the pools and a worker");
    cr_assert_eq(load_acquire(&threads_ended), 4);

    wok_blocking_pool *late = NULL;
    cr_assert_eq(wok_blocking_pool_new(&late, runtime, &(wok_blocking_pool_options){.name = "a"}),
                 -ECANCELED);
    wok_join_error why;
    tasks[0] = wok_spawn_blocking_in(pools[0], get_name, 0);
    cr_assert_eq(get_name_await(&tasks[0], NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    wok_runtime_free(runtime);
}

/* ---- E1: the names of the runtime's threads ---------------------------------------------------------- */

WOK_TASK(get_name_of_worker, int, struct thread_name);

static int get_name_of_worker(int *unused, struct thread_name *result)
{
    return get_name(unused, result);
}

Test(pools, threads_of_a_runtime_begin_with_its_name, .timeout = 20)
{
    char name[] = "shop";
    wok_runtime_options options = test_options();
    options.thread_name = name;
    wok_runtime *runtime = new_runtime(options);
    struct thread_name seen;

    name[0] = 'X';
    cr_assert_eq(wok_block_on(runtime, get_name_of_worker, 0, &seen, NULL), 0);
    cr_assert_str_eq(seen.text, "shop-0");
    get_name_join task = wok_spawn_blocking_on(runtime, get_name, 0);
    cr_assert_eq(get_name_await(&task, &seen, NULL), 0);
    cr_assert_str_eq(seen.text, "shop-blocking");
    wok_runtime_free(runtime);

    options.thread_name = "a very long name";
    runtime = new_runtime(options);
    cr_assert_eq(wok_block_on(runtime, get_name_of_worker, 0, &seen, NULL), 0);
    cr_assert_str_eq(seen.text, "a very long-0", "the number is what tells them apart");
    wok_runtime_free(runtime);
}
