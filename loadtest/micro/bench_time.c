/*
 * bench_time.c - what do a timer, a tick, a deadline and a select cost, and do they allocate?
 *
 * First those that nobody waits for: a timer is put into the wheel and taken out; a tick is due; work
 * under a deadline is ready; a select has one branch that is ready, behind timers that are not.  Then
 * those that are waited for: the shortest that there are, one after the other, and many at a time.
 */
#include <errno.h>

#include "bench.h"

/* The wheel's part alone, inside one poll. */
static wok_poll arm_and_cancel_poll(void *self, wok_cx *cx, void *result)
{
    size_t *count = self;
    wok_instant deadline = wok_after(wok_seconds(3600));

    (void)result;
    for (size_t i = 0; i < *count; i++) {
        wok_sleep_future sleep = wok_sleep_future_until(deadline);
        BENCH_CHECK(wok_sleep_future_poll(&sleep, cx) == WOK_PENDING);
        wok_sleep_future_drop(&sleep);
    }
    return WOK_READY;
}

static const wok_future_vtable arm_and_cancel_vtable = {
    .name = "arm and cancel", .size = sizeof(size_t), .poll = arm_and_cancel_poll};

static void round_arm_and_cancel(size_t count)
{
    BENCH_CHECK(wok_await((wok_future){&arm_and_cancel_vtable, &count}, NULL) == 0);
}

/* The same timer moved, as an idle timeout is with each request. */
static wok_poll reset_poll(void *self, wok_cx *cx, void *result)
{
    size_t *count = self;
    wok_instant deadline = wok_after(wok_seconds(60));
    wok_sleep_future sleep = wok_sleep_future_until(deadline);

    (void)result;
    BENCH_CHECK(wok_sleep_future_poll(&sleep, cx) == WOK_PENDING);
    for (size_t i = 0; i < *count; i++)
        wok_sleep_future_reset(&sleep, wok_instant_after(deadline, wok_us(i)));
    wok_sleep_future_drop(&sleep);
    return WOK_READY;
}

static const wok_future_vtable reset_vtable = {
    .name = "reset", .size = sizeof(size_t), .poll = reset_poll};

static void round_reset(size_t count)
{
    BENCH_CHECK(wok_await((wok_future){&reset_vtable, &count}, NULL) == 0);
}

static void round_tick(size_t count)
{
    wok_interval interval;
    wok_instant scheduled = {0};

    BENCH_CHECK(wok_interval_init_at(&interval, (wok_instant){0}, wok_ns(1), WOK_INTERVAL_BURST) ==
                0);
    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_interval_tick(&interval, &scheduled) == 0);
    BENCH_CHECK(scheduled.ns == count - 1);
}

static wok_poll ready_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    (void)result;
    ++*(size_t *)self;
    return WOK_READY;
}

static const wok_future_vtable ready_vtable = {
    .name = "ready", .size = sizeof(size_t), .poll = ready_poll};

static void round_timeout(size_t count)
{
    size_t polls = 0;
    wok_future ready = {&ready_vtable, &polls};

    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_timeout(wok_seconds(1), ready, NULL) == 0);
    BENCH_CHECK(polls == count);
}

static void round_timeout_block(size_t count)
{
    size_t polls = 0;
    wok_future ready = {&ready_vtable, &polls};

    for (size_t i = 0; i < count; i++)
        WOK_TIMEOUT(wok_seconds(1))
    BENCH_CHECK(wok_await(ready, NULL) == 0);
    BENCH_CHECK(polls == count);
}

static void select_among(size_t branch_count, size_t count)
{
    wok_op branches[8];
    wok_instant deadline = wok_after(wok_seconds(3600));
    size_t polls = 0;
    int code;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j + 1 < branch_count; j++)
            branches[j] = wok_sleep_until_op(deadline);
        branches[branch_count - 1] = wok_future_op((wok_future){&ready_vtable, &polls}, NULL);
        BENCH_CHECK(wok_select(branches, branch_count, WOK_SELECT_BIASED, &code) ==
                    (int)branch_count - 1);
    }
    BENCH_CHECK(polls == count);
}

static void round_select_2(size_t count)
{
    select_among(2, count);
}

static void round_select_8(size_t count)
{
    select_among(8, count);
}

static void round_sleep_0(size_t count)
{
    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_sleep(wok_ns(0)) == 0);
}

/* ---- waiting ------------------------------------------------------------------------------------ */

static void round_sleep(size_t count)
{
    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_sleep(wok_us(1)) == 0);
}

static void round_tick_wait(size_t count)
{
    wok_interval interval;

    BENCH_CHECK(wok_interval_init(&interval, wok_us(1), WOK_INTERVAL_DELAY) == 0);
    for (size_t i = 0; i < count; i++) {
        wok_interval_reset(&interval);
        BENCH_CHECK(wok_interval_tick(&interval, NULL) == 0);
    }
}

static wok_poll never_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    (void)result;
    ++*(size_t *)self;
    return WOK_PENDING;
}

static const wok_future_vtable never_vtable = {
    .name = "never", .size = sizeof(size_t), .poll = never_poll};

static void round_timeout_expires(size_t count)
{
    size_t polls = 0;

    for (size_t i = 0; i < count; i++)
        BENCH_CHECK(wok_timeout(wok_us(1), (wok_future){&never_vtable, &polls}, NULL) ==
                    -ETIMEDOUT);
    BENCH_CHECK(polls >= count);
}

/* Sleeps again and again. */
struct napper {
    wok_sleep_future sleep;
    size_t left;
};

static wok_poll napper_poll(void *self_, wok_cx *cx, void *result)
{
    struct napper *self = self_;

    (void)result;
    while (wok_sleep_future_poll(&self->sleep, cx) == WOK_READY) {
        if (self->left-- == 0)
            return WOK_READY;
        wok_sleep_future_drop(&self->sleep);
        self->sleep = wok_sleep_future_until(wok_after(wok_us(100)));
    }
    return WOK_PENDING;
}

static void napper_drop(void *self)
{
    wok_sleep_future_drop(&((struct napper *)self)->sleep);
}

static const wok_future_vtable napper_vtable = {
    .name = "napper", .size = sizeof(struct napper), .poll = napper_poll, .drop = napper_drop};

static void round_many_sleep(size_t count)
{
    enum { NAPPERS = 1000 };
    struct napper napper = {.sleep = wok_sleep_future_until(wok_now()), .left = count / NAPPERS};

    WOK_SCOPE(scope)
    {
        for (int i = 0; i < NAPPERS; i++)
            wok_scope_spawn_future(scope, &napper_vtable, &napper);
    }
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    BENCH_BYTES(wok_sleep_future);
    BENCH_BYTES(wok_interval);
    BENCH_BYTES(wok_op);
    bench_no_malloc("sleep_arm_and_cancel", 100000, round_arm_and_cancel);
    bench_no_malloc("sleep_reset", 100000, round_reset);
    bench_no_malloc("sleep_of_no_time", 100000, round_sleep_0);
    bench_no_malloc("interval_tick_due", 100000, round_tick);
    bench_no_malloc("timeout_around_ready", 100000, round_timeout);
    bench_no_malloc("timeout_block_around_ready", 100000, round_timeout_block);
    bench_no_malloc("select_2_one_ready", 100000, round_select_2);
    bench_no_malloc("select_8_one_ready", 100000, round_select_8);
    bench_no_malloc("sleep_waits_1_us", 1000, round_sleep);
    bench_no_malloc("interval_tick_waits_1_us", 1000, round_tick_wait);
    bench_no_malloc("timeout_expires_after_1_us", 1000, round_timeout_expires);
    bench_report("sleep_1000_tasks_wait_100_us", 20000, round_many_sleep); /* spawns, too */
    return 0;
}

BENCH_MAIN(bench)
