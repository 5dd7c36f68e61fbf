/*
 * timer.c - sleeping: futures in the wheels of the workers.
 *
 * Each worker has a wheel under a lock of its own, which is nearly always taken by that worker
 * alone.  A timer is inserted into the wheel of the worker that polls, and leaves that wheel by
 * firing or by being dropped, wherever the task is by then: dropping takes the wheel's lock, and so
 * no timer outlives its future, and a task that is woken under the lock is alive.
 *
 * The alternative, a remote cancel by compare-and-swap and a message to the owner, keeps the node's
 * memory hostage until the owner acknowledges; docs/decisions/0002-locked-timer-wheels.md compares.
 */
#include "time/timer.h"

#include <errno.h>
#include <time.h>

#include <wok/time.h>

#include "task/context.h"
#include "task/task.h"
#include "time/clock.h"

enum timer_state { NEW, ARMED, FIRED };

void wok__timers_init(struct wok__timers *timers, uint64_t now_ns)
{
    wok__wheel_init(&timers->wheel, now_ns);
}

size_t wok__timers_fire(struct wok__timers *timers, uint64_t now_ns)
{
    struct wok__timer *timer;
    size_t fired = 0;

    wok__lock_take(&timers->lock);
    while ((timer = wok__wheel_expire(&timers->wheel, now_ns)) != NULL) {
        timer->state = FIRED;
        wok__task_wake(timer->task, WOK__REASON_EVENT);
        fired++;
    }
    wok__lock_give(&timers->lock);
    return fired;
}

uint64_t wok__timers_sleep(struct wok__timers *timers)
{
    uint64_t next;

    wok__lock_take(&timers->lock);
    next = wok__wheel_next(&timers->wheel);
    store_relaxed(&timers->sleeping_until, next); /* inserters read it under the lock */
    wok__lock_give(&timers->lock);
    return next;
}

void wok__timers_awake(struct wok__timers *timers)
{
    /* Without the lock: an inserter that still sees the old value nudges a worker that is awake. */
    store_relaxed(&timers->sleeping_until, 0);
}

uint64_t wok__timers_next(struct wok__timers *timers, uint64_t now_ns)
{
    uint64_t next;

    wok__lock_take(&timers->lock);
    wok__wheel_advance(&timers->wheel, now_ns);
    next = wok__wheel_next(&timers->wheel);
    wok__lock_give(&timers->lock);
    return next;
}

size_t wok__timers_count(struct wok__timers *timers)
{
    size_t count;

    wok__lock_take(&timers->lock);
    count = wok__wheel_count(&timers->wheel);
    wok__lock_give(&timers->lock);
    return count;
}

/* ---- the future ------------------------------------------------------------------------------- */

static void arm(struct wok__timer *timer, struct wok_task *task)
{
    struct wok_runtime *runtime = task->runtime;
    unsigned worker = wok__timers_home(runtime);
    struct wok__timers *timers = wok__timers_nth(runtime, worker);
    bool nudge;

    timer->task = task;
    timer->worker = (uint16_t)worker;
    timer->state = ARMED;
    wok__lock_take(&timers->lock);
    wok__wheel_insert(&timers->wheel, timer);
    nudge = timer->deadline_ns < load_relaxed(&timers->sleeping_until);
    wok__lock_give(&timers->lock);
    if (nudge)
        wok__timers_nudge(runtime, worker);
}

/* An armed timer is polled: has it fired?  If not, this task is the one to wake. */
static bool look(struct wok__timer *timer, struct wok_task *task)
{
    struct wok__timers *timers = wok__timers_nth(task->runtime, timer->worker);
    bool fired;

    wok__lock_take(&timers->lock);
    fired = timer->state == FIRED;
    if (!fired)
        timer->task = task;
    wok__lock_give(&timers->lock);
    return fired;
}

static wok_poll timer_poll(struct wok__timer *timer, wok_cx *cx)
{
    if (timer->task != NULL)
        return look(timer, cx->task) ? WOK_READY : WOK_PENDING;
    if (timer->deadline_ns > wok_now().ns) {
        if (cx->task->runtime == NULL)
            return -EINVAL;
        arm(timer, cx->task);
        return WOK_PENDING;
    }
    if (timer->yielded)
        return WOK_READY;
    timer->yielded = 1;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static void timer_drop(struct wok__timer *timer)
{
    struct wok__timers *timers;

    if (timer->task == NULL)
        return; /* it never was in a wheel */
    timers = wok__timers_nth(timer->task->runtime, timer->worker);
    wok__lock_take(&timers->lock);
    if (timer->state == ARMED)
        wok__wheel_remove(&timers->wheel, timer);
    wok__lock_give(&timers->lock);
    timer->task = NULL;
}

wok_poll wok_sleep_future_poll(wok_sleep_future *sleep, wok_cx *cx)
{
    return timer_poll(&sleep->timer, cx);
}

void wok_sleep_future_drop(wok_sleep_future *sleep)
{
    timer_drop(&sleep->timer);
}

static wok_poll sleep_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_sleep_future_poll(self, cx);
}

static void sleep_drop(void *self)
{
    wok_sleep_future_drop(self);
}

const wok_future_vtable wok_sleep_vtable = {
    .name = "sleep",
    .size = sizeof(wok_sleep_future),
    .poll = sleep_poll,
    .drop = sleep_drop,
};

static wok_poll sleep_op_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return timer_poll(&((wok_op *)self)->timer, cx);
}

static void sleep_op_drop(void *self)
{
    timer_drop(&((wok_op *)self)->timer);
}

static const wok_future_vtable sleep_op_vtable = {
    .name = "sleep",
    .size = sizeof(wok_op),
    .poll = sleep_op_poll,
    .drop = sleep_op_drop,
};

wok_op wok_sleep_until_op(wok_instant deadline)
{
    return (wok_op){.vtable = &sleep_op_vtable, .timer.deadline_ns = deadline.ns};
}

wok_op wok_sleep_op(wok_duration duration)
{
    return wok_sleep_until_op(duration.ns == 0 ? (wok_instant){0} : wok_after(duration));
}

/* ---- the waiting forms ------------------------------------------------------------------------ */

/* A plain thread without a runtime has the kernel's clock only. */
static int sleep_in_kernel(uint64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                             .tv_nsec = (long)(deadline_ns % 1000000000u)};

    if (deadline_ns / 1000000000u > INT64_MAX / 2)
        until.tv_sec = INT64_MAX / 2;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
    return 0;
}

static int sleep_until(wok_sleep_future sleep)
{
    if (wok__here()->runtime == NULL)
        return sleep_in_kernel(sleep.timer.deadline_ns);
    return wok__await_drop(wok_sleep_future_as(&sleep), WOK_NEVER, NULL, false);
}

int wok_sleep(wok_duration duration)
{
    return sleep_until(wok_sleep_future_for(duration));
}

int wok_sleep_until(wok_instant deadline)
{
    return sleep_until(wok_sleep_future_until(deadline));
}
