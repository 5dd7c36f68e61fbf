/*
 * bench_blocking.c - what does it cost to leave the workers?
 *
 * A call of the blocking pool, awaited one at a time and a hundred at a time; a block in place; a plain thread
 * that runs a task and waits for it.  The threads are there already: what it costs to start one is the
 * kernel's.
 */
#include <pthread.h>

#include "bench.h"

enum { COUNT = 2000, WIDTH = 100 };

WOK_TASK(number, size_t, size_t);

static int number(size_t *given, size_t *result)
{
    *result = *given;
    return 0;
}

static void round_one(size_t count)
{
    size_t sum = 0, result;

    for (size_t i = 0; i < count; i++) {
        number_join join = wok_spawn_blocking(number, i);
        BENCH_CHECK(number_await(&join, &result, NULL) == 0);
        sum += result;
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

static wok_blocking_pool *pool;

static void round_many(size_t count)
{
    number_join joins[WIDTH];
    size_t sum = 0, result;

    for (size_t done = 0; done < count; done += WIDTH) {
        for (size_t i = 0; i < WIDTH; i++)
            joins[i] = wok_spawn_blocking_in(pool, number, done + i);
        for (size_t i = 0; i < WIDTH; i++) {
            BENCH_CHECK(number_await(&joins[i], &result, NULL) == 0);
            sum += result;
        }
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

static void round_in_place(size_t count)
{
    size_t done = 0;

    for (size_t i = 0; i < count; i++) {
        WOK_BLOCK_IN_PLACE()
        {
            done++;
        }
    }
    BENCH_CHECK(done == count);
}

/* ---- from outside ------------------------------------------------------------------------------- */

struct outsider {
    wok_runtime *runtime;
    size_t count;
};

static void *outside(void *argument)
{
    struct outsider *outsider = argument;
    size_t result = 0;

    for (size_t i = 0; i < outsider->count; i++)
        BENCH_CHECK(wok_block_on(outsider->runtime, number, i, &result, NULL) == 0 && result == i);
    return NULL;
}

WOK_TASK(join_thread, pthread_t, int);

static int join_thread(pthread_t *thread, int *result)
{
    *result = pthread_join(*thread, NULL);
    return 0;
}

static void round_block_on(size_t count)
{
    struct outsider outsider = {wok_runtime_current(), count};
    pthread_t thread;
    int result = -1;

    BENCH_CHECK(pthread_create(&thread, NULL, outside, &outsider) == 0);
    join_thread_join join = wok_spawn_blocking(join_thread, thread);
    BENCH_CHECK(join_thread_await(&join, &result, NULL) == 0 && result == 0);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    wok_blocking_pool_options options = {.name = "bench", .threads_max = 2};

    (void)args;
    *result = 0;
    BENCH_CHECK(wok_blocking_pool_new(&pool, NULL, &options) == 0);
    bench_report("blocking_call", COUNT, round_one);
    bench_report("blocking_call_of_100_on_2_threads", COUNT, round_many);
    bench_report("block_in_place", COUNT, round_in_place);
    bench_report("block_on_from_a_thread", COUNT, round_block_on);
    wok_blocking_pool_free(pool);
    return 0;
}

BENCH_MAIN(bench)
