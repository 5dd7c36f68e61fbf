/*
 * test_interval.c - ticks at a fixed period.
 *
 * I-numbers are rules of Tokio's interval, taken over.
 */
#include <errno.h>

#include "support/wok_test.h"

static uint64_t start_ns;

/* Takes a tick and gives its instant, in milliseconds since the start of the test. */
static uint64_t tick(wok_interval *interval)
{
    wok_instant scheduled = {0};

    cr_assert_eq(wok_interval_tick(interval, &scheduled), 0);
    cr_assert_geq(wok_now().ns, scheduled.ns, "never early");
    return (scheduled.ns - start_ns) / 1000000;
}

static uint64_t now_ms(void)
{
    return (wok_now().ns - start_ns) / 1000000;
}

static wok_interval interval_of(uint64_t period_ms, wok_interval_missed missed)
{
    wok_interval interval = {0};

    start_ns = wok_now().ns;
    cr_assert_eq(wok_interval_init(&interval, wok_ms(period_ms), missed), 0);
    return interval;
}

static void expect(wok_interval *interval, uint64_t scheduled_ms, uint64_t at_ms)
{
    uint64_t scheduled = tick(interval);

    cr_assert_eq(scheduled, scheduled_ms, "scheduled for %d, not %d", (int)scheduled,
                 (int)scheduled_ms);
    cr_assert_eq(now_ms(), at_ms, "at %d, not %d", (int)now_ms(), (int)at_ms);
}

/* I1 */
WOK_TEST(interval, ticks_at_once_and_then_every_period)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_BURST);

    for (uint64_t i = 0; i < 100; i++)
        expect(&interval, i * 20, i * 20);
}

/* I1 */
WOK_TEST(interval, of_no_period_is_refused)
{
    wok_interval interval = {0};

    cr_assert_eq(wok_interval_init(&interval, wok_ns(0), WOK_INTERVAL_BURST), -EINVAL);
    cr_assert_eq(wok_interval_init_at(&interval, wok_now(), wok_ns(0), WOK_INTERVAL_SKIP), -EINVAL);
}

/* I1: what a tick says is when it was due, not when it was taken. */
WOK_TEST(interval, says_when_it_was_scheduled)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_BURST);

    expect(&interval, 0, 0);
    cr_assert_eq(wok_sleep(wok_ms(23)), 0);
    expect(&interval, 20, 23);
    expect(&interval, 40, 40);
}

/* I2: 70 ms late with a period of 20 ms. */
WOK_TEST(interval, that_bursts_gives_all_that_were_missed_back_to_back)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_BURST);

    expect(&interval, 0, 0);
    cr_assert_eq(wok_sleep(wok_ms(70)), 0);
    expect(&interval, 20, 70);
    expect(&interval, 40, 70);
    expect(&interval, 60, 70);
    expect(&interval, 80, 80);
}

/* I2 */
WOK_TEST(interval, that_delays_begins_anew_from_the_late_tick)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_DELAY);

    expect(&interval, 0, 0);
    cr_assert_eq(wok_sleep(wok_ms(70)), 0);
    expect(&interval, 20, 70);
    expect(&interval, 90, 90);
    expect(&interval, 110, 110);
}

/* I2 */
WOK_TEST(interval, that_skips_leaves_out_what_was_missed)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_SKIP);

    expect(&interval, 0, 0);
    cr_assert_eq(wok_sleep(wok_ms(70)), 0);
    expect(&interval, 20, 70);
    expect(&interval, 80, 80);
    cr_assert_eq(wok_sleep_until((wok_instant){start_ns + wok_ms(120).ns}), 0);
    expect(&interval, 100, 120);
    expect(&interval, 140, 140);
}

/* I2: 5 ms is not late, a nanosecond more is. */
WOK_TEST(interval, counts_a_tick_as_missed_after_more_than_5_ms)
{
    static const wok_interval_missed both[] = {WOK_INTERVAL_DELAY, WOK_INTERVAL_SKIP};

    for (size_t i = 0; i < 2; i++) {
        wok_interval interval = interval_of(2, both[i]);
        expect(&interval, 0, 0);
        cr_assert_eq(wok_sleep(wok_ms(7)), 0);
        expect(&interval, 2, 7);
        expect(&interval, 4, 7);
        expect(&interval, 6, 7);
        expect(&interval, 8, 8);
        cr_assert_eq(wok_sleep_until((wok_instant){start_ns + wok_ms(15).ns + 1}), 0);
        expect(&interval, 10, 15);
        expect(&interval, both[i] == WOK_INTERVAL_DELAY ? 17 : 16,
               both[i] == WOK_INTERVAL_DELAY ? 17 : 16);
    }
}

/* I3 */
WOK_TEST(interval, is_reset_to_any_time)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_BURST);

    expect(&interval, 0, 0);
    cr_assert_eq(wok_sleep(wok_ms(15)), 0);
    wok_interval_reset(&interval);
    expect(&interval, 35, 35);
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    wok_interval_reset_immediately(&interval);
    expect(&interval, 40, 40);
    expect(&interval, 60, 60);
    wok_interval_reset_after(&interval, wok_ms(7));
    expect(&interval, 67, 67);
    wok_interval_reset_at(&interval, (wok_instant){start_ns + wok_ms(100).ns});
    expect(&interval, 100, 100);
    expect(&interval, 120, 120);
}

WOK_TEST(interval, may_begin_later)
{
    wok_interval interval = {0};

    start_ns = wok_now().ns;
    cr_assert_eq(wok_interval_init_at(&interval, wok_after(wok_ms(50)), wok_ms(20), 0), 0);
    expect(&interval, 50, 50);
    expect(&interval, 70, 70);
}

/* The sum of the instant and the period does not fit: there is no next tick. */
WOK_TEST(interval, of_the_far_future_ticks_once)
{
    wok_interval interval = {0};

    cr_assert_eq(wok_interval_init(&interval, WOK_FOREVER, WOK_INTERVAL_SKIP), 0);
    cr_assert_eq(wok_interval_tick(&interval, NULL), 0);
    cr_assert_eq(interval.next.ns, WOK_NEVER.ns);
    cr_assert_eq(wok_interval_tick_until(&interval, wok_after(wok_seconds(3600)), NULL),
                 -ETIMEDOUT);
}

/* ---- a tick that is given up ------------------------------------------------------------------------ */

static uint32_t armed_timers(void)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics.timers;
}

WOK_TEST(interval, loses_no_tick_to_a_timeout)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_BURST);
    wok_instant scheduled = {7};

    expect(&interval, 0, 0);
    cr_assert_eq(wok_interval_tick_until(&interval, wok_after(wok_ms(10)), &scheduled), -ETIMEDOUT);
    cr_assert_eq(scheduled.ns, 7);
    WOK_TIMEOUT(wok_ms(5))
    cr_assert_eq(wok_interval_tick(&interval, &scheduled), -ETIMEDOUT);
    expect(&interval, 20, 20);
}

WOK_TEST(interval, loses_no_tick_to_a_select)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_BURST);
    wok_instant scheduled = {0};
    int code = -1;

    expect(&interval, 0, 0);
    for (int i = 0; i < 3; i++) {
        wok_op branches[] = {wok_interval_tick_op(&interval, &scheduled), wok_sleep_op(wok_ms(6))};
        cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
        cr_assert_eq(armed_timers(), 0);
    }
    wok_op branches[] = {wok_interval_tick_op(&interval, &scheduled), wok_sleep_op(wok_ms(6))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, 0);
    cr_assert_eq(scheduled.ns, start_ns + wok_ms(20).ns);
    expect(&interval, 40, 40);
}

WOK_TASK(tick_twice, wok_interval *, int);
static int tick_twice(wok_interval **interval, int *result)
{
    *result = wok_interval_tick(*interval, NULL);
    if (*result == 0)
        *result = wok_interval_tick(*interval, NULL);
    return *result;
}

WOK_TEST(interval, loses_no_tick_to_an_abort)
{
    wok_interval interval = interval_of(20, WOK_INTERVAL_BURST);
    tick_twice_join join = wok_spawn(tick_twice, &interval);
    wok_join_error why;

    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(tick_twice_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(armed_timers(), 0);
    expect(&interval, 20, 20);
}

/* ---- in a stackless task --------------------------------------------------------------------------- */

struct ticker {
    wok_interval interval;
    wok_op tick;
    wok_instant scheduled[4];
    unsigned taken;
    unsigned resets;
};

static wok_poll ticker_poll(void *self_, wok_cx *cx, void *result)
{
    struct ticker *self = self_;

    (void)result;
    while (self->taken < 4) {
        if (self->tick.vtable == NULL)
            self->tick = wok_interval_tick_op(&self->interval, &self->scheduled[self->taken]);
        wok_poll code = wok_op_poll(&self->tick, cx);
        if (code == WOK_PENDING && self->taken >= 2 && self->resets == self->taken - 2) {
            /* While a tick is waited for: to a later time, then to an earlier one. */
            wok_interval_reset_after(&self->interval, wok_ms(self->resets++ == 0 ? 100 : 3));
            cr_assert_eq(wok_op_poll(&self->tick, cx), WOK_PENDING);
            return WOK_PENDING;
        }
        if (code != WOK_READY)
            return code;
        cr_assert_geq(wok_now().ns, self->scheduled[self->taken].ns, "never early");
        wok_op_drop(&self->tick);
        self->tick.vtable = NULL;
        self->taken++;
    }
    cr_assert_eq(self->scheduled[1].ns - start_ns, wok_ms(20).ns);
    cr_assert_eq(self->scheduled[2].ns - start_ns, wok_ms(120).ns);
    cr_assert_eq(self->scheduled[3].ns - start_ns, wok_ms(123).ns);
    return WOK_READY;
}

static void ticker_drop(void *self)
{
    wok_op_drop(&((struct ticker *)self)->tick);
}

static const wok_future_vtable ticker_vtable = {
    .name = "ticker", .size = sizeof(struct ticker), .poll = ticker_poll, .drop = ticker_drop};

WOK_TEST(interval, that_is_reset_during_a_wait_goes_by_the_new_schedule)
{
    struct ticker ticker = {.interval = interval_of(20, WOK_INTERVAL_BURST)};
    wok_join join = wok_spawn_future(&ticker_vtable, &ticker);

    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(now_ms(), 123);
    cr_assert_eq(armed_timers(), 0);
}

/* X7: an interval that is far behind has a tick for each of 128 operations, and then others run. */
static bool turned;

WOK_TASK(take_a_turn, int, int);
static int take_a_turn(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    turned = true;
    return 0;
}

WOK_TEST(interval, that_is_far_behind_lets_others_run)
{
    wok_interval interval = {0};
    unsigned ticks = 0;

    cr_assert_eq(wok_interval_init_at(&interval, (wok_instant){0}, wok_ns(1), 0), 0);
    take_a_turn_join join = wok_spawn(take_a_turn, 0);
    for (; !turned && ticks < 100000; ticks++)
        cr_assert_eq(wok_interval_tick(&interval, NULL), 0);
    cr_assert_eq(ticks, 128 + 1);
    cr_assert_eq(take_a_turn_await(&join, NULL, NULL), 0);
}

Test(interval, ticks_on_a_plain_thread_without_a_runtime, .timeout = 20)
{
    wok_interval interval = {0};
    wok_instant start = wok_now(), scheduled = {0};

    cr_assert_eq(wok_interval_init_at(&interval, start, wok_ms(2), WOK_INTERVAL_BURST), 0);
    for (uint64_t i = 0; i < 5; i++) {
        cr_assert_eq(wok_interval_tick(&interval, &scheduled), 0);
        cr_assert_eq(scheduled.ns, start.ns + wok_ms(2 * i).ns);
        cr_assert_geq(wok_now().ns, scheduled.ns);
    }
}
