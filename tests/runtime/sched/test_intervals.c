/*
 * test_intervals.c - what a busy worker looks at, and how often: the options of the scheduler.
 *
 * One worker and a paused clock: what is counted are polls.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "sched/sched.h"

static wok_worker_metrics figures(void)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics;
}

/* Yields for ever; many of them keep a worker busy. */
static wok_poll busy_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)result;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static const wok_future_vtable busy_vtable = {.name = "busy", .size = 1, .poll = busy_poll};

static void run_with(const wok_runtime_options *options, void (*body)(void))
{
    wok_runtime_options all = test_options();

    all.event_interval = options->event_interval;
    all.injection_interval = options->injection_interval;
    all.io_events_per_turn_max = options->io_events_per_turn_max;
    all.disable_lifo_slot = options->disable_lifo_slot;
    all.trim_interval = options->trim_interval;
    test_run(&all, body);
}

static void keep_busy(wok_join *joins, size_t count)
{
    char nothing = 0;

    for (size_t i = 0; i < count; i++)
        joins[i] = wok_spawn_future(&busy_vtable, &nothing);
    cr_assert_eq(wok_yield(), 0);
}

static void stop_busy(wok_join *joins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wok_join_abort(&joins[i]);
        cr_assert_eq(wok_join_await(&joins[i], NULL, NULL), -WOK_EJOIN);
    }
}

/* ---- the driver and the timers ------------------------------------------------------------------- */

static uint64_t turns_in_1000_polls(void)
{
    wok_join joins[5];

    keep_busy(joins, 5);
    wok_worker_metrics before = figures(), after = before;
    while (after.polls < before.polls + 1000) {
        cr_assert_eq(wok_yield(), 0);
        after = figures();
    }
    stop_busy(joins, 5);
    return after.driver_turns - before.driver_turns;
}

static void look_at_every_61st(void)
{
    uint64_t turns = turns_in_1000_polls();

    cr_assert_geq(turns, 16);
    cr_assert_leq(turns, 17);
}

static void look_at_every_10th(void)
{
    uint64_t turns = turns_in_1000_polls();

    cr_assert_geq(turns, 100);
    cr_assert_leq(turns, 101);
}

Test(intervals, the_driver_has_its_turn_as_often_as_the_option_says, .timeout = 20)
{
    run_with(&(wok_runtime_options){0}, look_at_every_61st);
    run_with(&(wok_runtime_options){.event_interval = 10}, look_at_every_10th);
}

/* ---- the injection queue ---------------------------------------------------------------------------- */

static uint64_t ran_at;

static wok_poll note_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    ran_at = figures().polls;
    return WOK_READY;
}

static const wok_future_vtable note_vtable = {.name = "note", .size = 1, .poll = note_poll};

struct outside {
    wok_runtime *runtime;
    wok_join join;
};

static void *spawn_outside(void *argument)
{
    struct outside *outside = argument;
    char nothing = 0;

    outside->join = wok_spawn_future_on(outside->runtime, &note_vtable, &nothing);
    return NULL;
}

/* From a thread that is no worker. */
static wok_join spawn_from_outside(wok_runtime *runtime)
{
    struct outside outside = {.runtime = runtime};
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, spawn_outside, &outside), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    return outside.join;
}

/* How many polls a task that another thread spawned waits for, at worst. */
static uint64_t longest_wait(void)
{
    wok_join busy[5];
    uint64_t longest = 0;

    keep_busy(busy, 5);
    for (int i = 0; i < 50; i++) {
        uint64_t before = figures().polls;
        wok_join join = spawn_from_outside(wok_runtime_current());
        cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
        if (ran_at - before > longest)
            longest = ran_at - before;
        for (int j = 0; j < i % 7; j++) /* at another place of the interval */
            cr_assert_eq(wok_yield(), 0);
    }
    stop_busy(busy, 5);
    return longest;
}

static void waits_for_at_most_61(void)
{
    uint64_t longest = longest_wait();

    cr_assert_leq(longest, 61);
    cr_assert_gt(longest, 40);
}

static void waits_for_at_most_9(void)
{
    uint64_t longest = longest_wait();

    cr_assert_leq(longest, 9);
    cr_assert_gt(longest, 4);
}

Test(intervals, a_task_from_outside_waits_for_as_many_polls_as_the_option_says, .timeout = 20)
{
    run_with(&(wok_runtime_options){0}, waits_for_at_most_61);
    run_with(&(wok_runtime_options){.injection_interval = 9}, waits_for_at_most_9);
}

/* D5 */
Test(intervals, the_injection_queue_waits_for_some_200_us_of_polls)
{
    cr_assert_eq(wok__injection_interval(0), 127);
    cr_assert_eq(wok__injection_interval(100), 127);
    cr_assert_eq(wok__injection_interval(1600), 125);
    cr_assert_eq(wok__injection_interval(2000), 100);
    cr_assert_eq(wok__injection_interval(10000), 20);
    cr_assert_eq(wok__injection_interval(99000), 2);
    cr_assert_eq(wok__injection_interval(UINT64_MAX), 2);
}

/* Computes for a millisecond in each poll. */
static wok_poll slow_poll(void *self, wok_cx *cx, void *result)
{
    wok_instant start = wok_now();

    (void)self;
    (void)result;
    while (wok_elapsed(start).ns < wok_ms(1).ns)
        continue;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static const wok_future_vtable slow_vtable = {.name = "slow", .size = 1, .poll = slow_poll};

static void tune_to_slow_polls(void)
{
    wok_join busy[5];
    char nothing = 0;

    for (size_t i = 0; i < 5; i++)
        busy[i] = wok_spawn_future(&slow_vtable, &nothing);
    uint64_t turns = figures().driver_turns; /* where it tunes; the time before them was idle */
    while (figures().driver_turns < turns + 3)
        cr_assert_eq(wok_yield(), 0);
    for (int i = 0; i < 10; i++) {
        uint64_t before = figures().polls;
        wok_join join = spawn_from_outside(wok_runtime_current());
        cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
        cr_assert_leq(ran_at - before, 2);
    }
    stop_busy(busy, 5);
}

Test(intervals, a_worker_whose_polls_are_long_looks_at_the_injection_queue_more_often,
     .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.paused_clock = false;
    options.event_interval = 10;
    test_run(&options, tune_to_slow_polls);
}

/* ---- events ----------------------------------------------------------------------------------------- */

enum { DESCRIPTORS = 12 };

WOK_TASK(wait_readable, wok_fd *, int);
static int wait_readable(wok_fd **fd, int *result)
{
    *result = wok_fd_wait_readable(*fd);
    return *result;
}

/* The turns in which the events of all descriptors came. */
static uint64_t turns_with_events(void)
{
    int descriptors[DESCRIPTORS];
    wok_fd *fds[DESCRIPTORS];
    wait_readable_join joins[DESCRIPTORS];
    uint64_t one = 1, events, turns = 0;

    for (int i = 0; i < DESCRIPTORS; i++) {
        descriptors[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        cr_assert_eq(wok_fd_new(&fds[i], descriptors[i]), 0);
        joins[i] = wok_spawn(wait_readable, fds[i]);
    }
    cr_assert_eq(wok_sleep(wok_ms(1)), 0); /* they are writable, which is an event as well */
    events = figures().io_events;
    for (int i = 0; i < DESCRIPTORS; i++)
        cr_assert_eq(write(descriptors[i], &one, sizeof one), sizeof one);
    for (uint64_t before = figures().driver_turns; figures().io_events < events + DESCRIPTORS;) {
        cr_assert_eq(wok_yield(), 0);
        turns = figures().driver_turns - before;
    }
    for (int i = 0; i < DESCRIPTORS; i++) {
        cr_assert_eq(wait_readable_await(&joins[i], NULL, NULL), 0);
        wok_fd_free(fds[i]);
        close(descriptors[i]);
    }
    return turns;
}

static void all_in_one_turn(void)
{
    cr_assert_eq(turns_with_events(), 1);
}

static void five_in_a_turn(void)
{
    cr_assert_eq(turns_with_events(), 3);
}

Test(intervals, a_turn_takes_as_many_events_as_the_option_says, .timeout = 20)
{
    run_with(&(wok_runtime_options){0}, all_in_one_turn);
    run_with(&(wok_runtime_options){.io_events_per_turn_max = 5}, five_in_a_turn);
    run_with(&(wok_runtime_options){.io_events_per_turn_max = 1024}, all_in_one_turn);
}

WOK_TASK(use_a_stack, int, int);

static int use_a_stack(int *unused, int *result)
{
    *result = *unused;
    return wok_sleep(wok_ns(1));
}

static size_t stacks_cached(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics.stacks_cached;
}

/* Many stacks are used at once, and then none: how many of them are given back in so long. */
static size_t given_back_in(wok_duration idle)
{
    use_a_stack_join tasks[60];
    size_t before;

    for (int i = 0; i < (int)WOK_COUNT(tasks); i++)
        tasks[i] = wok_spawn(use_a_stack, i);
    for (int i = 0; i < (int)WOK_COUNT(tasks); i++)
        cr_assert_eq(use_a_stack_await(&tasks[i], NULL, NULL), 0);
    before = stacks_cached();
    cr_assert_gt(before, 8);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(wok_sleep(wok_ns(idle.ns / 10)), 0);
    return before - stacks_cached();
}

static void give_back(void)
{
    cr_assert_eq(given_back_in(wok_seconds(50)), 0);
    cr_assert_gt(given_back_in(wok_seconds(1000)), 0);
}

static void keep(void)
{
    cr_assert_eq(given_back_in(wok_seconds(10000)), 0);
}

Test(intervals, an_idle_worker_gives_memory_back_as_often_as_the_option_says, .timeout = 20)
{
    run_with(&(wok_runtime_options){.trim_interval = wok_seconds(100)}, give_back);
    run_with(&(wok_runtime_options){.trim_interval = WOK_FOREVER}, keep);
}

Test(intervals, more_events_than_a_turn_has_room_for_are_refused)
{
    wok_runtime_options options = {.io_events_per_turn_max = 1025};
    wok_runtime *runtime = NULL;

    cr_assert_eq(wok_runtime_new(&runtime, &options), -EINVAL);
    cr_assert_null(runtime);
}

/* ---- the slot --------------------------------------------------------------------------------------- */

static int order[8];
static unsigned noted;

struct numbered {
    int number;
    wok_waker *waker; /* kept at the first poll; NULL: ready at once */
};

static wok_poll numbered_poll(void *self_, wok_cx *cx, void *result)
{
    struct numbered *self = self_;

    (void)result;
    if (self->waker != NULL && self->waker->task == NULL) {
        *self->waker = wok_waker_new(cx);
        return WOK_PENDING;
    }
    order[noted++] = self->number;
    return WOK_READY;
}

static const wok_future_vtable numbered_vtable = {
    .name = "numbered", .size = sizeof(struct numbered), .poll = numbered_poll};

static void wake_one_behind_two(void)
{
    wok_waker waker = {0};
    struct numbered tasks[] = {{1, &waker}, {2, NULL}, {3, NULL}};
    wok_join joins[3];

    joins[0] = wok_spawn_future(&numbered_vtable, &tasks[0]);
    cr_assert_eq(wok_yield(), 0);
    for (int i = 1; i < 3; i++)
        joins[i] = wok_spawn_future(&numbered_vtable, &tasks[i]);
    wok_waker_wake(&waker);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(wok_join_await(&joins[i], NULL, NULL), 0);
    wok_waker_drop(&waker);
}

static void runs_next(void)
{
    static const int expected[] = {1, 2, 3};

    noted = 0;
    wake_one_behind_two();
    cr_assert_arr_eq(order, expected, sizeof expected);
}

static void runs_last(void)
{
    static const int expected[] = {2, 3, 1};

    noted = 0;
    wake_one_behind_two();
    cr_assert_arr_eq(order, expected, sizeof expected);
}

Test(intervals, without_the_slot_a_woken_task_takes_its_place_at_the_end, .timeout = 20)
{
    run_with(&(wok_runtime_options){0}, runs_next);
    run_with(&(wok_runtime_options){.disable_lifo_slot = true}, runs_last);
}
