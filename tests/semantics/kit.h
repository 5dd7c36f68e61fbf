/*
 * kit.h - small tasks, futures and counters that the tests of the rules share.
 *
 * The tests of this folder hold wok to docs/semantics.md: one or more for each rule, named by its
 * number, over the public headers only.  Each test is a process, so what counts here begins at zero.
 */
#ifndef WOK_TESTS_SEMANTICS_KIT_H
#define WOK_TESTS_SEMANTICS_KIT_H

#include <errno.h>
#include <pthread.h>

#include "support/wok_test.h"

/* ---- what happened ------------------------------------------------------------------------------ */

/* A count that tasks and threads add to, and that a plain thread, or a call in a pool, waits for. */
struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned count;
};
#define TALLY                                                                                      \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                     \
    }

/* Gives the new count. */
static inline unsigned tally_add(struct tally *tally)
{
    pthread_mutex_lock(&tally->lock);
    unsigned count = ++tally->count;
    pthread_cond_broadcast(&tally->changed);
    pthread_mutex_unlock(&tally->lock);
    return count;
}

static inline unsigned tally_get(struct tally *tally)
{
    pthread_mutex_lock(&tally->lock);
    unsigned count = tally->count;
    pthread_mutex_unlock(&tally->lock);
    return count;
}

/* Blocks the thread until the count is `count` or more. */
static inline void tally_wait(struct tally *tally, unsigned count)
{
    pthread_mutex_lock(&tally->lock);
    while (tally->count < count)
        pthread_cond_wait(&tally->changed, &tally->lock);
    pthread_mutex_unlock(&tally->lock);
}

/* What was noted, in order: for tests in which one task runs at a time. */
static struct {
    int numbers[512];
    size_t count;
} noted;

__attribute__((unused)) static void note(int number)
{
    cr_assert_lt(noted.count, WOK_COUNT(noted.numbers));
    noted.numbers[noted.count++] = number;
}

/* The numbers noted so far are these, and no others. */
#define assert_noted(...)                                                                          \
    do {                                                                                           \
        const int expected_[] = {__VA_ARGS__};                                                     \
        cr_assert_eq(noted.count, WOK_COUNT(expected_));                                           \
        cr_assert_arr_eq(noted.numbers, expected_, sizeof expected_);                              \
    } while (0)

static inline uint32_t armed_timers(void)
{
    wok_worker_metrics metrics;
    uint32_t timers = 0;

    for (unsigned i = 0; wok_worker_metrics_get(wok_runtime_current(), i, &metrics); i++)
        timers += metrics.timers;
    return timers;
}

static inline wok_runtime_metrics figures(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics;
}

static inline uint64_t polls_of_worker(unsigned worker)
{
    wok_worker_metrics metrics = {0};

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), worker, &metrics));
    return metrics.polls;
}

/* ---- tasks -------------------------------------------------------------------------------------- */

/* Awaits the handle and tells how its task ended. */
static inline wok_join_error end_of(wok_join *join)
{
    wok_join_error why;
    int code = wok_join_await(join, NULL, &why);

    cr_assert_eq(code, why.outcome == WOK_RETURNED ? 0 : -WOK_EJOIN, "the await gave %d", code);
    return why;
}

/* A task that owns something in each place where a task can own it, and counts what becomes of that. */
struct work {
    wok_duration nap;
    int number;
};
static struct {
    unsigned began, cleaned, args_dropped, results_dropped;
} work_seen;

__attribute__((unused)) static void work_clean(int *number)
{
    (void)number;
    work_seen.cleaned++;
}

__attribute__((unused)) static void work_args_drop(struct work *args)
{
    (void)args;
    work_seen.args_dropped++;
}

__attribute__((unused)) static void work_result_drop(int *result)
{
    (void)result;
    work_seen.results_dropped++;
}

/* Sleeps (not at all for a duration of 0), then gives its number. */
WOK_TASK_WITH_DROP(work, struct work, int, work_args_drop, work_result_drop);

static int work(struct work *args, int *result)
{
    WOK_CLEANUP(work_clean) __attribute__((unused)) int owned = args->number;

    work_seen.began++;
    int error = args->nap.ns != 0 ? wok_sleep(args->nap) : 0;
    if (error < 0)
        return error;
    *result = args->number;
    return 0;
}

/* ---- futures ------------------------------------------------------------------------------------ */

/* Becomes ready, with a code, at a poll that is counted from 1; until then it wakes itself, or waits for
 * whoever keeps its waker. */
struct step {
    int number;
    unsigned ready_at; /* 0: never */
    wok_poll code;
    bool sleeps;           /* it does not wake itself */
    wok_waker *keep_waker; /* or NULL: it keeps none */
    unsigned *polls, *drops;
    unsigned polled;
};

__attribute__((unused)) static wok_poll step_poll(void *self_, wok_cx *cx, void *result)
{
    struct step *self = self_;

    (void)result;
    self->polled++;
    if (self->number != 0)
        note(self->number);
    if (self->polls != NULL)
        (*self->polls)++;
    if (self->polled == self->ready_at)
        return self->code;
    if (self->keep_waker != NULL && self->keep_waker->task == NULL)
        *self->keep_waker = wok_waker_new(cx);
    if (!self->sleeps)
        wok_cx_yield(cx);
    return WOK_PENDING;
}

__attribute__((unused)) static void step_drop(void *self_)
{
    struct step *self = self_;

    if (self->drops != NULL)
        (*self->drops)++;
}

__attribute__((unused)) static const wok_future_vtable step_vtable = {
    .name = "step",
    .size = sizeof(struct step),
    .poll = step_poll,
    .drop = step_drop,
};

static inline wok_future step_as_future(struct step *step)
{
    return (wok_future){&step_vtable, step};
}

/* ---- something that is always ready, and costs one operation of a poll's budget each time ---------- */

/* Ticks that were all missed; the clock must not show zero. */
static inline wok_interval endless_ticks(void)
{
    wok_interval ticks;

    cr_assert_eq(wok_interval_init_at(&ticks, (wok_instant){0}, wok_ns(1), WOK_INTERVAL_BURST), 0);
    return ticks;
}

/* Takes one: ready, or pending when the budget of the poll is used up. */
static inline wok_poll take_tick(wok_interval *ticks, wok_cx *cx)
{
    wok_op tick = wok_interval_tick_op(ticks, NULL);
    wok_poll code = wok_op_poll(&tick, cx);

    wok_op_drop(&tick);
    return code;
}

#endif
