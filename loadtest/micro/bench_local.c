/*
 * bench_local.c - what do task-local values cost?
 *
 * To read one that the innermost block gives, one that the eighth gives, and to enter and leave a block.
 */
#include "bench.h"

static wok_local keys[8];

static void round_get_nearest(size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += *(size_t *)wok_local_get(&keys[7]);
    BENCH_CHECK(sum == count * 8);
}

static void round_get_eighth(size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += *(size_t *)wok_local_get(&keys[0]);
    BENCH_CHECK(sum == count);
}

static void round_block(size_t count)
{
    size_t entered = 0;

    for (size_t i = 0; i < count; i++) {
        WOK_LOCAL(&keys[7], &i)
        entered++;
    }
    BENCH_CHECK(entered == count);
}

/* Gives the keys from `at` on a value each, one block in the other, and measures inside. */
static void measure_inside(size_t at)
{
    size_t value = at + 1;

    if (at == WOK_COUNT(keys)) {
        bench_no_malloc("local_get_nearest", 1000000, round_get_nearest);
        bench_no_malloc("local_get_eighth", 1000000, round_get_eighth);
        bench_no_malloc("local_block", 1000000, round_block);
        return;
    }
    WOK_LOCAL(&keys[at], &value)
    measure_inside(at + 1);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    measure_inside(0);
    return 0;
}

BENCH_MAIN(bench)
