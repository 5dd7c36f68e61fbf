/*
 * bench_select.c - what does a select cost that has to wait?
 *
 * Two tasks wake each other by turns; each waits for its notification alone, or in a select among timers
 * that are far away.  One operation is one wait that ends by a notification of the other's.  None of it
 * allocates.
 */
#include "bench.h"

enum { COUNT = 50000 };

static wok_notify ping = WOK_NOTIFY_INIT, pong = WOK_NOTIFY_INIT;
static size_t branches; /* of each wait */

static int wait_for(wok_notify *mine)
{
    wok_op operations[8];

    if (branches == 1)
        return wok_notify_wait(mine);
    for (size_t i = 0; i + 1 < branches; i++)
        operations[i] = wok_sleep_op(wok_seconds(3600));
    operations[branches - 1] = wok_notify_op(mine);
    return wok_select(operations, branches, WOK_SELECT_FAIR, NULL) == (int)branches - 1 ? 0 : -1;
}

static int answer(size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        if (wait_for(&pong) != 0)
            return -1;
        wok_notify_one(&ping);
    }
    return 0;
}

static void rally(size_t count, size_t branch_count)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    size_t half = count / 2;

    branches = branch_count;
    wok_scope_spawn(&scope, answer, &half);
    for (size_t i = 0; i < half; i++) {
        wok_notify_one(&pong);
        BENCH_CHECK(wait_for(&ping) == 0);
    }
    BENCH_CHECK(wok_scope_wait(&scope) == 0);
}

static void round_alone(size_t count)
{
    rally(count, 1);
}

static void round_2(size_t count)
{
    rally(count, 2);
}

static void round_8(size_t count)
{
    rally(count, 8);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    bench_no_malloc("wait_alone", COUNT, round_alone);
    bench_no_malloc("wait_in_select_of_2", COUNT, round_2);
    bench_no_malloc("wait_in_select_of_8", COUNT, round_8);
    BENCH_BYTES(wok_op);
    BENCH_BYTES(wok_select_future);
    return 0;
}

BENCH_MAIN(bench)
