/*
 * test_panic.c - a panic ends one task: its stack is unwound, and nobody else notices.
 *
 * S-numbers are rules of Tokio's tasks.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "support/wok_test.h"

static unsigned cleanups, args_dropped, polls, drops;
static int cleanup_order[8];

static void count_cleanup(int *number)
{
    if (cleanups < WOK_COUNT(cleanup_order))
        cleanup_order[cleanups] = *number;
    cleanups++;
}

static void count_args(int *unused)
{
    (void)unused;
    args_dropped++;
}

static wok_join_error await_error(wok_join *join)
{
    wok_join_error why;

    cr_assert_eq(wok_join_await(join, NULL, &why), -WOK_EJOIN);
    return why;
}

static volatile int panics_at;
static int line_of_panic;

__attribute__((noinline)) static void go_deep(int depth)
{
    WOK_CLEANUP(count_cleanup) int number = depth;

    if (number == panics_at) {
        line_of_panic = __LINE__ + 1;
        wok_panic("at depth %d", number);
    }
    if (number > 0)
        go_deep(number - 1);
    __asm__ volatile("" : : : "memory"); /* no tail call: each level keeps its frame */
}

WOK_TASK_WITH_DROP(dive, int, int, count_args, NULL);

static int dive(int *depth, int *result)
{
    (void)result;
    go_deep(*depth);
    return 0;
}

WOK_TEST(panic, unwinds_every_frame_and_says_what_and_where)
{
    dive_join task = wok_spawn(dive, 3);
    wok_join_error why = await_error(&task.join);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"at depth 0\""));
    cr_assert_not_null(strstr(why.file, "test_panic.c"));
    cr_assert_eq(why.line, line_of_panic);
    cr_assert_eq(cleanups, 4);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(cleanup_order[i], i, "the innermost frame first");
    cr_assert_eq(args_dropped, 1);
}

WOK_TASK(panic_after_wait, int, int);

static int panic_after_wait(int *unused, int *result)
{
    WOK_CLEANUP(count_cleanup) int number = 1;

    (void)unused;
    *result = number;
    int error = wok_sleep(wok_ms(10));
    WOK_ASSERT(error != 0);
    return 0;
}

WOK_TEST(panic, an_assertion_names_its_condition)
{
    panic_after_wait_join task = wok_spawn(panic_after_wait, 0);
    wok_join_error why = await_error(&task.join);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "assertion failed: error != 0"));
    cr_assert_eq(cleanups, 1);
}

WOK_TASK(long_message, int, int);

static int long_message(int *unused, int *result)
{
    (void)unused;
    (void)result;
    wok_panic("%1000d", 7);
}

WOK_TEST(panic, a_long_message_is_cut)
{
    long_message_join task = wok_spawn(long_message, 0);
    wok_join_error why = await_error(&task.join);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_lt(strlen(why.message), sizeof why.message);
}

/* ---- others do not notice --------------------------------------------------------------------- */

WOK_TASK(nap, wok_duration, int);

static int nap(wok_duration *duration, int *result)
{
    *result = 5;
    return wok_sleep(*duration);
}

/* S19 */
WOK_TEST(panic, leaves_other_tasks_and_the_worker_alone)
{
    nap_join other = wok_spawn(nap, wok_ms(20));
    int result = 0;

    for (int i = 0; i < 1000; i++) {
        dive_join task = wok_spawn(dive, i % 10);
        cr_assert_eq(await_error(&task.join).outcome, WOK_PANICKED);
    }
    cr_assert_eq(nap_await(&other, &result, NULL), 0);
    cr_assert_eq(result, 5);
    cr_assert_eq(args_dropped, 1000);
}

/* S19, on several workers; without the counters, which are one thread's. */
WOK_TASK(just_panic, int, int);

static int just_panic(int *number, int *result)
{
    (void)result;
    if (*number % 2 == 0)
        (void)wok_yield();
    wok_panic("number %d", *number);
}

WOK_TEST_ON(panic, many_at_once_reach_their_own_joiners, 4)
{
    enum { TASKS = 50 };

    for (int round = 0; round < 40; round++) {
        just_panic_join tasks[TASKS];
        char expected[32];

        for (int i = 0; i < TASKS; i++)
            tasks[i] = wok_spawn(just_panic, i);
        for (int i = 0; i < TASKS; i++) {
            wok_join_error why = await_error(&tasks[i].join);
            snprintf(expected, sizeof expected, "\"number %d\"", i);
            cr_assert_not_null(strstr(why.message, expected));
        }
    }
}

/* ---- in a poll, in a drop ----------------------------------------------------------------------- */

enum where { IN_POLL, IN_DROP, IN_BOTH };

static wok_poll poll_future(void *self, wok_cx *cx, void *result)
{
    WOK_CLEANUP(count_cleanup) int number = 1;

    (void)result;
    polls++;
    if (polls == 1) {
        wok_cx_yield(cx);
        return WOK_PENDING;
    }
    if (*(enum where *)self != IN_DROP)
        wok_panic("poll %d", number);
    return WOK_READY;
}

static void drop_future(void *self)
{
    drops++;
    if (*(enum where *)self != IN_POLL)
        wok_panic("drop");
}

static const wok_future_vtable panicking_vtable = {
    .name = "panicking",
    .size = sizeof(enum where),
    .poll = poll_future,
    .drop = drop_future,
};

/* S19: the unwind stops at the harness; then the drop runs, once. */
WOK_TEST(panic, in_a_stackless_poll_drops_the_future_once)
{
    wok_join task = wok_spawn_future(&panicking_vtable, &(enum where){IN_POLL});
    wok_join_error why = await_error(&task);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"poll 1\""));
    cr_assert_eq(polls, 2);
    cr_assert_eq(cleanups, 2);
    cr_assert_eq(drops, 1);
}

WOK_TEST(panic, in_a_drop_after_the_end_is_the_tasks_outcome)
{
    wok_join task = wok_spawn_future(&panicking_vtable, &(enum where){IN_DROP});
    wok_join_error why = await_error(&task);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"drop\""));
    cr_assert_eq(drops, 1);
}

WOK_TEST(panic, in_poll_and_drop_tells_of_the_first)
{
    wok_join task = wok_spawn_future(&panicking_vtable, &(enum where){IN_BOTH});
    wok_join_error why = await_error(&task);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"poll 1\""));
    cr_assert_eq(drops, 1);
}

static void panic_in_args_drop(int *unused)
{
    (void)unused;
    args_dropped++;
    wok_panic("args");
}

WOK_TASK_WITH_DROP(bad_args, int, int, panic_in_args_drop, NULL);

static int bad_args(int *unused, int *result)
{
    (void)unused;
    *result = 1;
    return 0;
}

WOK_TEST(panic, in_an_args_drop_does_not_leave_the_task)
{
    bad_args_join task = wok_spawn(bad_args, 0);

    (void)bad_args_await(&task, NULL, NULL);
    cr_assert_eq(args_dropped, 1);
    cr_assert_eq(wok_yield(), 0);

    task = wok_spawn(bad_args, 0);
    wok_join_abort(&task.join);
    (void)bad_args_await(&task, NULL, NULL);
    cr_assert_eq(args_dropped, 2);
}

WOK_TEST(panic, in_a_blocking_call_is_a_join_error)
{
    dive_join task = wok_spawn_blocking(dive, 2);
    wok_join_error why = await_error(&task.join);

    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"at depth 0\""));
    cr_assert_eq(cleanups, 3);
    cr_assert_eq(args_dropped, 1);
    dive_join next = wok_spawn_blocking(dive, 0);
    cr_assert_eq(await_error(&next.join).outcome, WOK_PANICKED, "the pool lives on");
}

/* ---- nobody awaits ------------------------------------------------------------------------------ */

WOK_TEST(panic, that_nobody_awaits_is_reported_once)
{
    dive_join dropped_first = wok_spawn(dive, 0);
    uint64_t id = wok_join_id(&dropped_first.join);

    dive_join_drop(&dropped_first);
    cr_assert_eq(test_unjoined().count, 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(test_unjoined().count, 1);
    cr_assert_eq(test_unjoined().last.outcome, WOK_PANICKED);
    cr_assert_eq(test_unjoined().last.task_id, id);
    cr_assert_eq(test_unjoined().last.line, line_of_panic);

    dive_join dropped_last = wok_spawn(dive, 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(test_unjoined().count, 1, "it may still be awaited");
    dive_join_drop(&dropped_last);
    cr_assert_eq(test_unjoined().count, 2);
}

WOK_TEST(panic, that_somebody_awaits_is_not_reported)
{
    dive_join task = wok_spawn(dive, 0);
    dive_join without_place = wok_spawn(dive, 0);

    cr_assert_eq(await_error(&task.join).outcome, WOK_PANICKED);
    cr_assert_eq(wok_join_await(&without_place.join, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(test_unjoined().count, 0);
}

static void quiet_stderr(void)
{
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
}

Test(panic, outside_a_task_aborts_the_process, .signal = SIGABRT, .timeout = 20,
     .init = quiet_stderr)
{
    wok_panic("no task");
}
