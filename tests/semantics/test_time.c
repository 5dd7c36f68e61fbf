/*
 * test_time.c - the rules T1 to T4, I1 to I3, O1 to O3 and V1: sleeps, intervals, timeouts, the clock of
 * tests.
 */
#include <sched.h>

#include "semantics/kit.h"

/* ---- sleeps ------------------------------------------------------------------------------------- */

WOK_TEST(semantics, T1_a_sleep_ends_at_its_nanosecond)
{
    static const uint64_t spans_ns[] = {1, 999, 500000, 1000000, 1500000, 7000000001};

    for (size_t i = 0; i < WOK_COUNT(spans_ns); i++) {
        wok_instant start = wok_now();
        cr_assert_eq(wok_sleep(wok_ns(spans_ns[i])), 0);
        cr_assert_eq(wok_elapsed(start).ns, spans_ns[i]);
    }
}

WOK_TEST_ON(semantics, T1_a_sleep_on_the_real_clock_is_never_early, 2)
{
    for (uint64_t us = 0; us < 1000; us += 50) {
        wok_instant start = wok_now();
        cr_assert_eq(wok_sleep(wok_us(us)), 0);
        cr_assert_geq(wok_elapsed(start).ns, wok_us(us).ns);
    }
}

/* A stackful task that says each time it has a turn. */
WOK_TASK(count_turns, int, unsigned);

static unsigned turns;

static int count_turns(int *rounds, unsigned *result)
{
    *result = 0;
    for (int i = 0; i < *rounds; i++) {
        turns++;
        cr_assert_eq(wok_yield(), 0);
    }
    return 0;
}

WOK_TEST(semantics, T2_a_sleep_of_nothing_and_one_until_the_past_are_one_yield_each)
{
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    count_turns_join other = wok_spawn(count_turns, 5);
    wok_instant start = wok_now();

    cr_assert_eq(wok_sleep(wok_ms(0)), 0);
    cr_assert_eq(turns, 1);
    cr_assert_eq(wok_sleep_until((wok_instant){start.ns - 1}), 0);
    cr_assert_eq(turns, 2);
    cr_assert_eq(armed_timers(), 0);
    cr_assert_eq(wok_elapsed(start).ns, 0);
    cr_assert_eq(count_turns_await(&other, NULL, NULL), 0);
}

WOK_TEST(semantics, T3_a_sleep_that_overflows_has_no_end)
{
    cr_assert_eq(wok_after(wok_ns(UINT64_MAX - 1)).ns, WOK_NEVER.ns);
    cr_assert_eq(wok_seconds(UINT64_MAX / 2).ns, WOK_FOREVER.ns);
    work_join task = wok_spawn(work, {wok_ns(UINT64_MAX - 1), 5});
    cr_assert_eq(wok_sleep(wok_seconds(UINT64_C(100) * 365 * 24 * 3600)), 0);
    cr_assert_not(wok_join_is_finished(&task.join));
    wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
}

WOK_TEST(semantics, T3_a_sleep_beyond_the_wheels_span_ends_on_time)
{
    wok_duration years = wok_seconds(UINT64_C(40) * 365 * 24 * 3600);
    wok_instant start = wok_now();

    cr_assert_eq(wok_sleep(years), 0);
    cr_assert_eq(wok_elapsed(start).ns, years.ns);
}

WOK_TEST(semantics, T3_a_dropped_sleep_leaves_no_timer)
{
    wok_sleep_future sleep = wok_sleep_future_for(wok_ms(50));

    cr_assert_eq(wok_timeout(wok_ms(1), wok_sleep_future_as(&sleep), NULL), -ETIMEDOUT);
    cr_assert_eq(armed_timers(), 1);
    wok_sleep_future_drop(&sleep);
    cr_assert_eq(armed_timers(), 0);
}

WOK_TEST(semantics, T3_a_reset_moves_a_sleep_that_waits)
{
    wok_sleep_future sleep = wok_sleep_future_for(wok_ms(50));
    wok_instant start = wok_now();

    cr_assert_eq(wok_timeout(wok_ms(1), wok_sleep_future_as(&sleep), NULL), -ETIMEDOUT);
    wok_sleep_future_reset(&sleep, wok_after(wok_ms(9)));
    cr_assert_eq(wok_await(wok_sleep_future_as(&sleep), NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
    wok_sleep_future_drop(&sleep);
}

static wok_runtime *gone;
static struct tally entered = TALLY;

static void *sleep_on_its_clock(void *ret_code)
{
    wok_runtime_enter(gone);
    tally_add(&entered);
    *(int *)ret_code = wok_sleep(wok_seconds(3600));
    return NULL;
}

Test(semantics, T4_a_sleep_on_the_clock_of_a_runtime_that_ends_is_cancelled, .timeout = 20)
{
    wok_runtime_options options = test_options();
    pthread_t thread;
    int code = 0;

    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&gone, &options), 0);
    cr_assert_eq(pthread_create(&thread, NULL, sleep_on_its_clock, &code), 0);
    tally_wait(&entered, 1);
    cr_assert_eq(wok_runtime_shutdown(gone, wok_ms(0), &(wok_shutdown_report){0}), 0);
    pthread_join(thread, NULL);
    cr_assert_eq(code, -ECANCELED);
    wok_runtime_free(gone);
}

/* ---- intervals ---------------------------------------------------------------------------------- */

/* Waits for the next tick; gives when it was scheduled and when it came, in ms since `start`. */
static void assert_tick(wok_interval *interval, wok_instant start, uint64_t due_ms, uint64_t now_ms)
{
    wok_instant scheduled;

    cr_assert_eq(wok_interval_tick(interval, &scheduled), 0);
    cr_assert_eq(wok_instant_since(scheduled, start).ns, wok_ms(due_ms).ns);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(now_ms).ns);
}

WOK_TEST(semantics, I1_the_first_tick_is_at_once_and_a_tick_tells_when_it_was_due)
{
    wok_instant start = wok_now();
    wok_interval interval;

    cr_assert_eq(wok_interval_init(&interval, wok_ms(0), WOK_INTERVAL_BURST), -EINVAL);
    cr_assert_eq(wok_interval_init(&interval, wok_ms(20), WOK_INTERVAL_BURST), 0);
    assert_tick(&interval, start, 0, 0);
    assert_tick(&interval, start, 20, 20);
    cr_assert_eq(wok_sleep(wok_ms(23)), 0);
    assert_tick(&interval, start, 40, 43);
}

/* An interval of 20 ms whose second tick is taken `late_ms` too late. */
static wok_interval late_interval(wok_interval_missed missed, wok_instant start, uint64_t late_ms)
{
    wok_interval interval;

    cr_assert_eq(wok_interval_init(&interval, wok_ms(20), missed), 0);
    assert_tick(&interval, start, 0, 0);
    cr_assert_eq(wok_sleep(wok_ms(20 + late_ms)), 0);
    assert_tick(&interval, start, 20, 20 + late_ms);
    return interval;
}

WOK_TEST(semantics, I2_a_burst_makes_up_for_all_that_were_missed)
{
    wok_instant start = wok_now();
    wok_interval interval = late_interval(WOK_INTERVAL_BURST, start, 50);

    assert_tick(&interval, start, 40, 70);
    assert_tick(&interval, start, 60, 70);
    assert_tick(&interval, start, 80, 80);
}

WOK_TEST(semantics, I2_a_delay_begins_the_schedule_anew)
{
    wok_instant start = wok_now();
    wok_interval interval = late_interval(WOK_INTERVAL_DELAY, start, 50);

    assert_tick(&interval, start, 90, 90);
    assert_tick(&interval, start, 110, 110);
}

WOK_TEST(semantics, I2_a_skip_leaves_out_what_was_missed)
{
    wok_instant start = wok_now();
    wok_interval interval = late_interval(WOK_INTERVAL_SKIP, start, 50);

    assert_tick(&interval, start, 80, 80);
    assert_tick(&interval, start, 100, 100);
}

WOK_TEST(semantics, I2_a_tick_is_missed_only_when_it_is_more_than_5_ms_late)
{
    wok_instant start = wok_now();
    wok_interval interval = late_interval(WOK_INTERVAL_DELAY, start, 5);

    assert_tick(&interval, start, 40, 40);
    cr_assert_eq(wok_sleep(wok_ms(26)), 0);
    assert_tick(&interval, start, 60, 66);
    assert_tick(&interval, start, 86, 86);
}

WOK_TEST(semantics, I3_a_reset_begins_the_schedule_where_it_says)
{
    wok_instant start = wok_now();
    wok_interval interval;

    cr_assert_eq(wok_interval_init(&interval, wok_ms(20), WOK_INTERVAL_BURST), 0);
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    wok_interval_reset(&interval);
    assert_tick(&interval, start, 25, 25);
    wok_interval_reset_immediately(&interval);
    assert_tick(&interval, start, 25, 25);
    wok_interval_reset_after(&interval, wok_ms(7));
    assert_tick(&interval, start, 32, 32);
    wok_interval_reset_at(&interval, wok_instant_after(start, wok_ms(40)));
    assert_tick(&interval, start, 40, 40);
    assert_tick(&interval, start, 60, 60);
}

/* ---- timeouts ----------------------------------------------------------------------------------- */

WOK_TEST(semantics, O1_what_is_ready_wins_over_a_deadline_that_has_passed)
{
    struct step ready = {.ready_at = 1, .code = 7}, pending = {.sleeps = true};

    cr_assert_eq(wok_timeout(wok_ms(0), step_as_future(&ready), NULL), 7);
    cr_assert_eq(wok_timeout(wok_ms(0), step_as_future(&pending), NULL), -ETIMEDOUT);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    ready.polled = 0;
    cr_assert_eq(wok_await_until(step_as_future(&ready), (wok_instant){1}, NULL), 7);
}

WOK_TEST(semantics, O2_an_operation_that_times_out_is_gone_and_a_future_stays_the_callers)
{
    unsigned drops = 0;
    struct step pending = {.sleeps = true, .drops = &drops};

    cr_assert_eq(wok_op_await_until(wok_sleep_op(wok_ms(50)), wok_after(wok_ms(1))), -ETIMEDOUT);
    cr_assert_eq(armed_timers(), 0);
    cr_assert_eq(wok_timeout(wok_ms(1), step_as_future(&pending), NULL), -ETIMEDOUT);
    cr_assert_eq(drops, 0);
}

WOK_TEST(semantics, O2_work_that_never_waits_overruns_its_deadline_without_an_error)
{
    wok_interval ticks;
    int code = -1;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    ticks = endless_ticks();
    WOK_DEADLINE(wok_now())
    {
        code = wok_interval_tick(&ticks, NULL);
    }
    cr_assert_eq(code, 0);
}

/* Never ready, and takes all the budget it can get. */
static wok_poll glutton_poll(void *ticks, wok_cx *cx, void *result)
{
    (void)result;
    while (take_tick(ticks, cx) != WOK_PENDING)
        ;
    return WOK_PENDING;
}

WOK_TEST(semantics, O3_a_timeout_ends_work_that_uses_up_the_budget)
{
    static const wok_future_vtable vtable = {
        .name = "glutton", .size = sizeof(wok_interval), .poll = glutton_poll};

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_interval ticks = endless_ticks();
    cr_assert_eq(wok_timeout(wok_ms(0), (wok_future){&vtable, &ticks}, NULL), -ETIMEDOUT);
}

/* ---- the clock of tests ------------------------------------------------------------------------- */

WOK_TEST_WORKERS(semantics, V1_a_paused_clock_jumps_to_the_next_deadline_when_all_workers_wait, 4)
{
    enum { TASKS = 12 };
    work_join tasks[TASKS];
    wok_instant start = wok_now();

    for (int i = 0; i < TASKS; i++)
        tasks[i] = wok_spawn(work, {wok_seconds(600 * (uint64_t)(i + 1)), i});
    for (int i = 0; i < TASKS; i++) {
        cr_assert_eq(end_of(&tasks[i].join).outcome, WOK_RETURNED);
        cr_assert_eq(wok_elapsed(start).ns, wok_seconds(600 * (uint64_t)(i + 1)).ns);
    }
}

/* Looks at the clock while every task waits. */
WOK_TASK(watch_clock, char, int);

static int watch_clock(char *unused, int *result)
{
    wok_instant start = wok_now();

    (void)unused;
    *result = 0;
    for (int i = 0; i < 2000; i++) {
        sched_yield();
        cr_assert_eq(wok_now().ns, start.ns);
    }
    return 0;
}

WOK_TEST(semantics, V1_a_paused_clock_stands_still_while_a_blocking_call_runs)
{
    WOK_CLEANUP(work_join_drop) work_join sleeper = wok_spawn(work, {wok_ms(1), 5});
    watch_clock_join call = wok_spawn_blocking(watch_clock, 0);

    cr_assert_eq(watch_clock_await(&call, NULL, NULL), 0);
    cr_assert_not(wok_join_is_finished(&sleeper.join));
}
