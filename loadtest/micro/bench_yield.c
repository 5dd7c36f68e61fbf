/*
 * bench_yield.c - what does it cost to let the others run?
 *
 * A stackful task that yields alone, and two of them that pass the worker to each other.
 */
#include "bench.h"

static void round_alone(size_t count)
{
    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_yield() == 0);
}

static int yield_often(size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        if (wok_yield() < 0)
            return -1;
    }
    return 0;
}

static void round_two(size_t count)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    size_t half = count / 2;

    wok_scope_spawn(&scope, yield_often, &half);
    wok_scope_spawn(&scope, yield_often, &half);
    BENCH_CHECK(wok_scope_wait(&scope) == 0);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    bench_no_malloc("yield_alone", 100000, round_alone);
    bench_no_malloc("yield_two_tasks", 100000, round_two);
    return 0;
}

BENCH_MAIN(bench)
