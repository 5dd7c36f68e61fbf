/*
 * test_sleep.c - sleeping and timeouts.
 *
 * T- and O-numbers are rules of Tokio's time module, taken over or changed on purpose where the comment
 * says so.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static uint32_t armed_timers(wok_runtime *runtime)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(runtime, 0, &metrics));
    return metrics.timers;
}

/* ---- T1: never early ------------------------------------------------------------------------------ */

WOK_TASK(sleep_and_measure, wok_duration, int);
static int sleep_and_measure(wok_duration *duration, int *result)
{
    wok_instant start = wok_now();

    *result = wok_sleep(*duration);
    cr_assert_geq(wok_elapsed(start).ns, duration->ns, "woken early");
    return *result;
}

WOK_TEST_ON(sleep, is_never_early, 2)
{
    sleep_and_measure_join joins[400];

    /* To either side of ticks (65,536 ns) and of milliseconds. */
    for (uint64_t i = 0; i < WOK_COUNT(joins); i++)
        joins[i] = wok_spawn(sleep_and_measure,
                             wok_ns(i % 2 == 0 ? 1 + i * 65536 / 16 : i * 1000000 / 40 - 1));
    for (size_t i = 0; i < WOK_COUNT(joins); i++)
        cr_assert_eq(sleep_and_measure_await(&joins[i], NULL, NULL), 0);
}

WOK_TEST(sleep, ends_at_its_nanosecond_on_a_paused_clock)
{
    static const uint64_t spans[] = {1, 2, 65535, 65536, 65537, 999999, 4194304, 1u << 30};

    for (size_t i = 0; i < WOK_COUNT(spans); i++) {
        wok_instant start = wok_now();
        cr_assert_eq(wok_sleep(wok_ns(spans[i])), 0);
        cr_assert_eq(wok_elapsed(start).ns, spans[i]);
    }
}

/* ---- T2: no time is one yield ------------------------------------------------------------------------ */

/* Counts its own turns: it yields between any two. */
static unsigned turns;
static bool stop;

WOK_TASK(count_turns, int, int);
static int count_turns(int *unused, int *result)
{
    (void)unused;
    while (!stop) {
        turns++;
        *result = wok_yield();
        if (*result < 0)
            return *result;
    }
    return 0;
}

static wok_instant a_past_instant(void)
{
    return (wok_instant){wok_now().ns - 1};
}

static int await_sleep_future(void)
{
    WOK_CLEANUP(wok_sleep_future_drop)
    wok_sleep_future sleep = wok_sleep_future_for(wok_ns(0));

    return wok_await(wok_sleep_future_as(&sleep), NULL);
}

/* Tokio: a sleep of zero waits for the next millisecond, and one until the past does not yield. */
WOK_TEST(sleep, of_no_time_is_exactly_one_yield_and_no_timer)
{
    count_turns_join counter = wok_spawn(count_turns, 0);
    wok_sleep_future again = wok_sleep_future_for(wok_ns(0));
    wok_worker_metrics before, after;
    wok_instant start = wok_now();

    cr_assert_eq(wok_yield(), 0);
    unsigned expected = turns;
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &before));
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(wok_sleep(wok_ns(0)), 0);
        cr_assert_eq(turns, ++expected);
        cr_assert_eq(wok_sleep_until(a_past_instant()), 0);
        cr_assert_eq(turns, ++expected);
        cr_assert_eq(wok_op_await(wok_sleep_op(wok_ns(0))), 0);
        cr_assert_eq(turns, ++expected);
        cr_assert_eq(await_sleep_future(), 0);
        cr_assert_eq(turns, ++expected);
        cr_assert_eq(wok_await(wok_sleep_future_as(&again), NULL), 0);
        cr_assert_eq(turns, ++expected);
        wok_sleep_future_reset(&again, a_past_instant());
    }
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &after));
    cr_assert_eq(after.timers_fired, before.timers_fired);
    cr_assert_eq(wok_elapsed(start).ns, 0);
    stop = true;
    cr_assert_eq(count_turns_await(&counter, NULL, NULL), 0);
}

/* ---- T3: far, dropped, moved ------------------------------------------------------------------------- */

WOK_TASK(sleep_for, wok_duration, int);
static int sleep_for(wok_duration *duration, int *result)
{
    *result = wok_sleep(*duration);
    return *result;
}

static wok_poll at_once_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    return WOK_READY;
}

static const wok_future_vtable at_once_vtable = {
    .name = "at once", .size = 1, .poll = at_once_poll};

/* The clock stands still for it, too: it used to jump towards the end of time while nothing else
 * waited, and what came next overflowed. */
WOK_TEST(sleep, for_ever_does_not_move_a_paused_clock)
{
    wok_instant start = wok_now();
    sleep_for_join for_ever = wok_spawn(sleep_for, WOK_FOREVER),
                   overflow = wok_spawn(sleep_for, wok_ns(UINT64_MAX - 1));
    wok_join_error why;

    cr_assert_eq(wok_sleep(wok_seconds(3600)), 0);
    cr_assert_eq(armed_timers(wok_runtime_current()), 2);
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(3600).ns);
    cr_assert_not(wok_join_is_finished(&for_ever.join));
    cr_assert_not(wok_join_is_finished(&overflow.join));
    wok_join_abort(&overflow.join);
    cr_assert_eq(sleep_for_await(&overflow, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    wok_join_abort(&for_ever.join);
    cr_assert_eq(sleep_for_await(&for_ever, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(armed_timers(wok_runtime_current()), 0);
}

/* Every worker sleeps, and there is no deadline to jump to. */
Test(sleep, for_ever_alone_does_not_either_and_ends_with_the_runtime, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    wok_worker_metrics metrics;
    wok_join_error why;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wok_runtime_enter(runtime);
    wok_instant start = wok_now();
    sleep_for_join join = wok_spawn(sleep_for, WOK_FOREVER);
    do {
        sched_yield();
        cr_assert(wok_worker_metrics_get(runtime, 0, &metrics));
    } while (metrics.timers == 0);
    uint64_t parks = metrics.parks;
    do {
        wok_join look = wok_spawn_future(&at_once_vtable, &(char){0}); /* parks again after it */
        cr_assert_eq(wok_join_await(&look, NULL, NULL), 0);
        cr_assert(wok_worker_metrics_get(runtime, 0, &metrics));
    } while (metrics.parks < parks + 3);
    cr_assert_eq(wok_elapsed(start).ns, 0);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ns(0), NULL), 0);
    cr_assert_eq(sleep_for_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    wok_runtime_free(runtime);
}

WOK_TEST(sleep, that_is_dropped_leaves_no_timer)
{
    wok_op op = wok_sleep_op(wok_seconds(1));
    int code;
    wok_op branches[] = {wok_sleep_op(wok_seconds(1)), wok_sleep_op(wok_ms(1)),
                         wok_sleep_op(WOK_FOREVER), wok_sleep_op(WOK_FOREVER)};

    cr_assert_eq(wok_op_await_until(op, wok_after(wok_ms(1))), -ETIMEDOUT);
    cr_assert_eq(wok_select(branches, WOK_COUNT(branches), WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(armed_timers(wok_runtime_current()), 0);
}

/* A task whose sleep is moved while it waits. */
static wok_sleep_future moved;
static unsigned moved_polls;
static wok_instant moved_ready;

static wok_poll moved_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)result;
    moved_polls++;
    if (wok_sleep_future_poll(&moved, cx) == WOK_PENDING)
        return WOK_PENDING;
    moved_ready = wok_now();
    return WOK_READY;
}

static void moved_drop(void *self)
{
    (void)self;
    wok_sleep_future_drop(&moved);
}

static const wok_future_vtable moved_vtable = {
    .name = "moved", .size = 1, .poll = moved_poll, .drop = moved_drop};

static void sleep_moved_from_to(wok_instant first, wok_instant second)
{
    char nothing = 0;
    wok_instant start = wok_now();

    moved = wok_sleep_future_until(first);
    moved_polls = 0;
    wok_join join = wok_spawn_future(&moved_vtable, &nothing);
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(moved_polls, 1);
    wok_sleep_future_reset(&moved, second); /* one worker: it is not being polled */
    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(moved_ready.ns,
                 second.ns > start.ns + wok_ms(10).ns ? second.ns : start.ns + wok_ms(10).ns);
    cr_assert_eq(moved_polls, 2, "nobody polled it in between");
    cr_assert_eq(armed_timers(wok_runtime_current()), 0);
}

WOK_TEST(sleep, is_moved_in_place_while_it_waits)
{
    sleep_moved_from_to(wok_after(wok_seconds(1)), wok_after(wok_seconds(2)));
    sleep_moved_from_to(wok_after(wok_seconds(1)), wok_after(wok_ms(20)));
    sleep_moved_from_to(wok_after(wok_seconds(1)), (wok_instant){0});
    sleep_moved_from_to(WOK_NEVER, wok_after(wok_ms(20)));
}

WOK_TEST(sleep, that_was_ready_can_begin_anew)
{
    WOK_CLEANUP(wok_sleep_future_drop)
    wok_sleep_future sleep = wok_sleep_future_for(wok_ms(5));
    wok_instant start = wok_now();

    cr_assert_eq(wok_await(wok_sleep_future_as(&sleep), NULL), 0);
    wok_sleep_future_reset(&sleep, wok_after(wok_ms(10)));
    cr_assert_eq(wok_await(wok_sleep_future_as(&sleep), NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(15).ns);
    wok_sleep_future_reset(&sleep, WOK_NEVER);
    cr_assert_eq(wok_await_until(wok_sleep_future_as(&sleep), wok_after(wok_ms(1)), NULL),
                 -ETIMEDOUT);
}

/* ---- T4: the runtime is gone -------------------------------------------------------------------------- */

/* Plain threads that wait on a runtime's clock while it is shut down. */
struct waiter {
    pthread_t thread;
    wok_runtime *runtime;
    int (*wait)(void);
    int code;
};

static int wait_in_sleep(void)
{
    return wok_sleep(wok_seconds(3600));
}

static int wait_for_ever(void)
{
    return wok_sleep(WOK_FOREVER);
}

static int wait_in_select(void)
{
    int code = 1;
    wok_op branches[] = {wok_sleep_op(wok_seconds(3600)), wok_sleep_op(wok_seconds(7200))};
    int winner = wok_select(branches, 2, WOK_SELECT_FAIR, &code);

    return winner < 0 ? winner : code;
}

static int wait_in_a_tick(void)
{
    wok_interval interval;
    int error = wok_interval_init_at(&interval, wok_after(wok_seconds(3600)), wok_ms(1), 0);

    return error < 0 ? error : wok_interval_tick(&interval, NULL);
}

static wok_poll never_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    return WOK_PENDING;
}

static const wok_future_vtable never_vtable = {.name = "never", .poll = never_poll};

static int wait_in_a_timeout(void)
{
    return wok_timeout(wok_seconds(3600), (wok_future){&never_vtable, NULL}, NULL);
}

static void *run_waiter(void *argument)
{
    struct waiter *waiter = argument;

    wok_runtime_enter(waiter->runtime);
    waiter->code = waiter->wait();
    wok_runtime_enter(NULL);
    return NULL;
}

/* Each way to wait on a clock. */
static int (*const waits[])(void) = {wait_in_sleep, wait_for_ever, wait_in_select, wait_in_a_tick,
                                     wait_in_a_timeout};

/* A runtime on the real clock, and a plain thread in each of these waits. */
static wok_runtime *start_waiters(struct waiter waiters[WOK_COUNT(waits)])
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    for (size_t i = 0; i < WOK_COUNT(waits); i++) {
        waiters[i] = (struct waiter){.runtime = runtime, .wait = waits[i]};
        cr_assert_eq(pthread_create(&waiters[i].thread, NULL, run_waiter, &waiters[i]), 0);
    }
    while (armed_timers(runtime) < WOK_COUNT(waits) + 1) /* the select has two */
        sched_yield();
    return runtime;
}

/* They were told, and who comes later is as well: the caller is on that clock from here on. */
static void assert_cancelled(wok_runtime *runtime, struct waiter waiters[WOK_COUNT(waits)])
{
    for (size_t i = 0; i < WOK_COUNT(waits); i++) {
        cr_assert_eq(pthread_join(waiters[i].thread, NULL), 0);
        cr_assert_eq(waiters[i].code, -ECANCELED, "wait %d gave %d", (int)i, waiters[i].code);
    }
    wok_runtime_enter(runtime);
    for (size_t i = 0; i < WOK_COUNT(waits); i++)
        cr_assert_eq(waits[i](), -ECANCELED);
}

Test(sleep, on_the_clock_of_a_runtime_that_is_gone_is_cancelled, .timeout = 60)
{
    struct waiter waiters[WOK_COUNT(waits)];
    wok_runtime *runtime = start_waiters(waiters);

    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ns(0), NULL), 0);
    assert_cancelled(runtime, waiters);
    cr_assert_eq(wok_sleep(wok_ns(0)), 0, "no timer");
    wok_runtime_free(runtime);
}

static atomic_u32 call_sleeps, gave_up;

/* Sleeps on the runtime's clock, on a thread that it waits for: until the test has seen enough. */
WOK_TASK(call_that_sleeps, int, int);
static int call_that_sleeps(int *unused, int *ret_code)
{
    (void)unused;
    store_release(&call_sleeps, 1);
    do
        *ret_code = wok_sleep(wok_us(100));
    while (load_acquire(&gave_up) == 0 && *ret_code == 0);
    if (*ret_code == 0)
        *ret_code = wok_sleep(wok_us(100));
    return 0;
}

/* A shutdown that gave up used to leave plain threads asleep, and to let others sleep. */
Test(sleep, on_the_clock_of_a_runtime_whose_shutdown_gave_up_is_cancelled, .timeout = 60)
{
    struct waiter waiters[WOK_COUNT(waits)];
    wok_runtime *runtime = start_waiters(waiters);
    int code = -1;

    call_that_sleeps_join call = wok_spawn_blocking_on(runtime, call_that_sleeps, 0);
    while (load_acquire(&call_sleeps) == 0)
        sched_yield();
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ns(0), NULL), -ETIMEDOUT);
    assert_cancelled(runtime, waiters);

    /* What was left runs on, by the same clock. */
    store_release(&gave_up, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(30), NULL), 0);
    cr_assert_eq(call_that_sleeps_await(&call, &code, NULL), 0);
    cr_assert_eq(code, 0);
    cr_assert_eq(wait_in_sleep(), -ECANCELED);
    wok_runtime_free(runtime);
}

/* A future whose task is a plain thread, and whose runtime goes before it does. */
Test(sleep, may_be_dropped_after_its_runtime_is_gone, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_sleep_future sleep = wok_sleep_future_for(wok_seconds(3600)),
                     also = wok_sleep_future_until(WOK_NEVER);
    wok_runtime *runtime = NULL;

    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wok_runtime_enter(runtime);
    cr_assert_eq(wok_await_until(wok_sleep_future_as(&sleep), wok_now(), NULL), -ETIMEDOUT);
    cr_assert_eq(wok_await_until(wok_sleep_future_as(&also), wok_now(), NULL), -ETIMEDOUT);
    cr_assert_eq(armed_timers(runtime), 2);
    wok_runtime_free(runtime);
    cr_assert_null(wok_runtime_current());
    cr_assert_eq(wok_await(wok_sleep_future_as(&sleep), NULL), -ECANCELED);
    wok_sleep_future_drop(&sleep);
    wok_sleep_future_reset(&also, wok_after(wok_ms(1)));
    cr_assert_eq(wok_await(wok_sleep_future_as(&also), NULL), 0, "by the kernel's clock");
    wok_sleep_future_drop(&also);
}

/* ---- a plain thread without a runtime ------------------------------------------------------------------ */

Test(sleep, needs_no_runtime_on_a_plain_thread, .timeout = 20)
{
    wok_instant start = wok_now();
    int code = -1;

    cr_assert_eq(wok_sleep(wok_ms(3)), 0);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(3).ns);
    cr_assert_eq(wok_sleep(wok_ns(0)), 0);
    start = wok_now();
    wok_op branches[] = {wok_sleep_op(wok_seconds(100)), wok_sleep_op(wok_ms(2)),
                         wok_sleep_op(WOK_FOREVER)};
    cr_assert_eq(wok_select(branches, 3, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(code, 0);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(2).ns);
    start = wok_now();
    WOK_TIMEOUT(wok_ms(2))
    cr_assert_eq(wok_sleep(wok_seconds(100)), -ETIMEDOUT);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(2).ns);
    cr_assert_lt(wok_elapsed(start).ns, wok_seconds(50).ns);
}

/* ---- O: timeouts ----------------------------------------------------------------------------------------- */

static wok_poll ready_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    *(int *)result = 7;
    return WOK_READY;
}

static const wok_future_vtable ready_vtable = {
    .name = "ready", .result_size = sizeof(int), .poll = ready_poll};

/* O1 */
WOK_TEST(timeout, looks_at_the_work_before_the_clock)
{
    wok_future ready = {&ready_vtable, NULL}, never = {&never_vtable, NULL};
    wok_instant start = wok_now();
    int result = 0;

    cr_assert_eq(wok_timeout(wok_ns(0), ready, &result), 0);
    cr_assert_eq(result, 7);
    result = 0;
    cr_assert_eq(wok_await_until(ready, (wok_instant){0}, &result), 0);
    cr_assert_eq(result, 7);
    cr_assert_eq(wok_timeout(wok_ns(0), never, NULL), -ETIMEDOUT);
    cr_assert_eq(wok_await_until(never, (wok_instant){0}, NULL), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, 0);
}

/* O1: both come at the same instant. */
WOK_TEST(timeout, loses_to_work_that_is_ready_at_the_deadline)
{
    for (int i = 0; i < 10; i++) {
        WOK_CLEANUP(wok_sleep_future_drop)
        wok_sleep_future work = wok_sleep_future_for(wok_ms(5));
        cr_assert_eq(wok_timeout(wok_ms(5), wok_sleep_future_as(&work), NULL), 0);
    }
}

/* O2: the work of an expired timeout stays as it is; that of an operation is gone, without effect. */
WOK_TEST(timeout, leaves_a_future_to_its_owner)
{
    WOK_CLEANUP(wok_sleep_future_drop)
    wok_sleep_future work = wok_sleep_future_for(wok_ms(20));
    wok_instant start = wok_now();

    cr_assert_eq(wok_timeout(wok_ms(5), wok_sleep_future_as(&work), NULL), -ETIMEDOUT);
    cr_assert_eq(armed_timers(wok_runtime_current()), 1);
    cr_assert_eq(wok_timeout(wok_ms(100), wok_sleep_future_as(&work), NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
}

/* Uses up the budget of every poll, and is never ready. */
static unsigned greedy_polls;

static wok_poll greedy_poll(void *self, wok_cx *cx, void *result)
{
    wok_interval *interval = self;

    (void)result;
    greedy_polls++;
    for (;;) {
        wok_op tick = wok_interval_tick_op(interval, NULL);
        wok_poll code = wok_op_poll(&tick, cx);
        wok_op_drop(&tick);
        if (code != WOK_READY)
            return code;
    }
}

static const wok_future_vtable greedy_vtable = {
    .name = "greedy", .size = sizeof(wok_interval), .poll = greedy_poll};

/* O3 */
static void time_out_greedy_work(void)
{
    wok_interval behind;
    wok_instant start = wok_now();

    cr_assert_eq(wok_interval_init_at(&behind, (wok_instant){0}, wok_ns(1), 0), 0);
    wok_future greedy = {&greedy_vtable, &behind};
    cr_assert_eq(wok_timeout(wok_ms(5), greedy, NULL), -ETIMEDOUT);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(5).ns);
    cr_assert_gt(greedy_polls, 1);
}

WOK_TEST_ON(timeout, is_not_exhausted_by_work_that_uses_up_the_budget, 1)
{
    time_out_greedy_work();
}

/* O3, in a select: the sleep is looked at although there is no budget left. */
WOK_TEST_ON(timeout, as_a_branch_is_not_exhausted_either, 1)
{
    wok_interval behind;
    wok_instant start = wok_now();
    int code;

    cr_assert_eq(wok_interval_init_at(&behind, (wok_instant){0}, wok_ns(1), 0), 0);
    wok_op branches[] = {wok_future_op((wok_future){&greedy_vtable, &behind}, NULL),
                         wok_sleep_op(wok_ms(5))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(5).ns);
}
