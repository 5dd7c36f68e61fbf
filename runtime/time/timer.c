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

#include <wok/time.h>

#include "task/context.h"
#include "task/task.h"
#include "time/clock.h"

enum timer_state {
    NEW,    /* in no wheel */
    ARMED,  /* in the wheel, or among those that never fire */
    FIRED,  /* taken out at its deadline */
    CLOSED, /* taken out at the end of its runtime, or of the wait for that: the wheel may be gone */
};

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
        store_relaxed(&timer->state, FIRED);
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

uint64_t wok__timers_assist(struct wok__timers *timers)
{
    uint64_t next;

    wok__lock_take(&timers->lock);
    next = wok__wheel_next(&timers->wheel);
    store_relaxed(&timers->assisted_until, next); /* as sleeping_until */
    wok__lock_give(&timers->lock);
    return next;
}

void wok__timers_unassist(struct wok__timers *timers)
{
    store_relaxed(&timers->assisted_until, 0); /* as in wok__timers_awake() */
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
    count = wok__wheel_count(&timers->wheel) + timers->never_count;
    wok__lock_give(&timers->lock);
    return count;
}

/* ---- where a timer is; under the lock ----------------------------------------------------------- */

static void insert_never(struct wok__timers *timers, struct wok__timer *timer)
{
    struct wok__timer *first = timers->never;

    timers->never_count++;
    if (first == NULL) {
        timer->next = timer->prev = timers->never = timer;
        return;
    }
    timer->next = first;
    timer->prev = first->prev;
    first->prev->next = timer;
    first->prev = timer;
}

static void remove_never(struct wok__timers *timers, struct wok__timer *timer)
{
    timers->never_count--;
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    if (timers->never == timer)
        timers->never = timer->next != timer ? timer->next : NULL;
    timer->next = timer->prev = NULL;
}

/* True: the owner, or who waits in its place, sleeps for longer and is to be nudged. */
static bool insert(struct wok__timers *timers, struct wok__timer *timer)
{
    store_relaxed(&timer->state, ARMED);
    if (timer->deadline_ns == UINT64_MAX) {
        insert_never(timers, timer);
        return false;
    }
    wok__wheel_insert(&timers->wheel, timer);
    return timer->deadline_ns < load_relaxed(&timers->sleeping_until) ||
           timer->deadline_ns < load_relaxed(&timers->assisted_until);
}

static void take_out(struct wok__timers *timers, struct wok__timer *timer)
{
    if (timer->deadline_ns == UINT64_MAX)
        remove_never(timers, timer);
    else
        wok__wheel_remove(&timers->wheel, timer);
}

/* ---- the end of the runtime --------------------------------------------------------------------- */

/* Tells a waiter whose timer was taken out that its clock has ended. */
static void tell(struct wok__timer *timer)
{
    struct wok_task *task = timer->task;
    bool push = wok__task_claim(task);    /* before the next line it cannot go away */
    store_release(&timer->state, CLOSED); /* [timers.closed] the last access to the timer */
    if (push)
        wok__task_push(task, WOK__REASON_EVENT);
}

static struct wok__timer *take_any(struct wok__timers *timers)
{
    struct wok__timer *timer = wok__wheel_expire(&timers->wheel, UINT64_MAX);

    if (timer == NULL && timers->never != NULL) {
        timer = timers->never;
        remove_never(timers, timer);
    }
    return timer;
}

void wok__timers_close(struct wok__timers *timers)
{
    struct wok__timer *timer;

    wok__lock_take(&timers->lock);
    timers->closed = true;
    while ((timer = take_any(timers)) != NULL)
        tell(timer);
    wok__lock_give(&timers->lock);
}

/* ---- a shutdown that gave up -------------------------------------------------------------------- */

/* True: the caller is a plain thread, and in no call that the runtime waits for. */
static bool is_outside(const struct wok_task *task)
{
    return task->kind == WOK__TASK_THREAD && wok__here()->blocking == 0;
}

static bool waits_outside(const struct wok__timer *timer)
{
    return timer->outside;
}

static struct wok__timer *find_outside(const struct wok__timers *timers)
{
    struct wok__timer *never = timers->never;

    for (size_t i = 0; i < timers->never_count; i++, never = never->next)
        if (never->outside)
            return never;
    return wok__wheel_find(&timers->wheel, waits_outside);
}

void wok__timers_close_outside(struct wok__timers *timers)
{
    struct wok__timer *timer;

    wok__lock_take(&timers->lock);
    timers->closed_outside = true;
    /* A search of the whole wheel for each: they are few, and so is what a shutdown leaves behind. */
    while ((timer = find_outside(timers)) != NULL) {
        take_out(timers, timer);
        tell(timer);
    }
    wok__lock_give(&timers->lock);
}

static bool is_closed(const struct wok__timer *timer)
{
    return load_acquire(&timer->state) == CLOSED; /* [timers.closed] */
}

/* ---- a timer, inside an operation --------------------------------------------------------------- */

static wok_poll arm(struct wok__timer *timer, struct wok_task *task)
{
    struct wok_runtime *runtime = task->runtime;
    unsigned worker = wok__timers_home(runtime);
    struct wok__timers *timers = wok__timers_nth(runtime, worker);
    bool closed, nudge = false;

    timer->worker = (uint16_t)worker;
    wok__lock_take(&timers->lock);
    timer->outside = is_outside(task);
    closed = timers->closed;
    closed |= timers->closed_outside && timer->outside;
    if (!closed) {
        timer->task = task;
        nudge = insert(timers, timer);
    }
    wok__lock_give(&timers->lock);
    if (nudge)
        wok__timers_nudge(runtime, worker);
    return closed ? -ECANCELED : WOK_PENDING;
}

/* A timer that was armed is polled: has it fired?  If not, this task is the one to wake. */
static wok_poll look(struct wok__timer *timer, struct wok_task *task)
{
    struct wok__timers *timers;
    uint8_t state;

    if (is_closed(timer))
        return -ECANCELED;
    timers = wok__timers_nth(task->runtime, timer->worker);
    wok__lock_take(&timers->lock);
    state = load_relaxed(&timer->state);
    if (state == ARMED) {
        timer->task = task;
        timer->outside = is_outside(task);
        if (timers->closed_outside && timer->outside) { /* armed by a task, which moved it here */
            take_out(timers, timer);
            store_relaxed(&timer->state, state = CLOSED);
        }
    }
    wok__lock_give(&timers->lock);
    if (state == CLOSED)
        return -ECANCELED;
    return state == FIRED ? WOK_READY : WOK_PENDING;
}

wok_poll wok__timer_poll(struct wok__timer *timer, wok_cx *cx)
{
    if (timer->task != NULL)
        return look(timer, cx->task);
    if (timer->deadline_ns > wok_now().ns) {
        if (cx->task->runtime != NULL)
            return arm(timer, cx->task);
        timer->yielded = 1; /* a plain thread without a runtime; it waits, and need not yield */
        wok__thread_alarm(cx->task, timer->deadline_ns);
        return WOK_PENDING;
    }
    if (timer->yielded)
        return WOK_READY;
    timer->yielded = 1;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

void wok__timer_drop(struct wok__timer *timer)
{
    struct wok__timers *timers;

    if (timer->task == NULL)
        return; /* it never was in a wheel */
    if (!is_closed(timer)) {
        timers = wok__timers_nth(timer->task->runtime, timer->worker);
        wok__lock_take(&timers->lock);
        if (load_relaxed(&timer->state) == ARMED)
            take_out(timers, timer);
        wok__lock_give(&timers->lock);
    }
    timer->task = NULL;
    store_relaxed(&timer->state, NEW);
}

static void timer_reset(struct wok__timer *timer, uint64_t deadline_ns)
{
    struct wok_task *task = timer->task;
    struct wok__timers *timers;
    bool waits = false, nudge = false;

    if (task != NULL && !is_closed(timer)) {
        timers = wok__timers_nth(task->runtime, timer->worker);
        wok__lock_take(&timers->lock);
        waits = load_relaxed(&timer->state) == ARMED;
        if (waits) {
            take_out(timers, timer);
            timer->deadline_ns = deadline_ns;
            nudge = insert(timers, timer);
        }
        wok__lock_give(&timers->lock);
        if (nudge)
            wok__timers_nudge(task->runtime, timer->worker);
    }
    if (waits)
        return;
    timer->task = NULL;
    timer->deadline_ns = deadline_ns;
    timer->yielded = 0;
    store_relaxed(&timer->state, NEW);
}

/* ---- the future ------------------------------------------------------------------------------- */

void wok_sleep_future_reset(wok_sleep_future *sleep, wok_instant deadline)
{
    timer_reset(&sleep->timer, deadline.ns);
}

wok_poll wok_sleep_future_poll(wok_sleep_future *sleep, wok_cx *cx)
{
    return wok__timer_poll(&sleep->timer, cx);
}

void wok_sleep_future_drop(wok_sleep_future *sleep)
{
    wok__timer_drop(&sleep->timer);
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
    return wok__timer_poll(&((wok_op *)self)->timer, cx);
}

static void sleep_op_drop(void *self)
{
    wok__timer_drop(&((wok_op *)self)->timer);
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

static int sleep_until(wok_sleep_future sleep)
{
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
