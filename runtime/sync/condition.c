/*
 * condition.c - a queue, and a mutex that is given up for as long as one is in it.
 *
 * An operation goes through two queues with one waiter: it enters the condition's before it unlocks the
 * mutex, so that whoever locks it next finds it there; when it has been notified it becomes an operation
 * that locks the mutex.  What it is at a time is its vtable.
 *
 * A notification is not lost with the one who got it: in either queue, an operation that is dropped
 * wakes the next.  (asyncio once forgot those who wait for the mutex: CPython's gh-112202.)
 */
#include <wok/condition.h>

#include <assert.h>

#include "platform/lock.h"
#include "sync/mutex.h"
#include "sync/permits.h"
#include "task/waiters.h"

/* Wakes the first; the lock is held. */
static void wake_first(wok_condition *condition, struct wok__wakes *wakes)
{
    struct wok__waiter *waiter = condition->waiters.first;

    if (waiter != NULL)
        wok__waiters_wake(&condition->waiters, waiter, wakes);
}

void wok_condition_notify(wok_condition *condition)
{
    struct wok__wakes wakes = {NULL, NULL};

    wok__lock_take(&condition->lock);
    wake_first(condition, &wakes);
    wok__lock_give(&condition->lock);
    wok__wakes_push(&wakes);
}

void wok_condition_notify_all(wok_condition *condition)
{
    struct wok__wakes wakes = {NULL, NULL};

    wok__lock_take(&condition->lock);
    while (condition->waiters.first != NULL)
        wake_first(condition, &wakes);
    wok__lock_give(&condition->lock);
    wok__wakes_push(&wakes);
}

/* ---- the operation ------------------------------------------------------------------------------ */

static wok_poll wait_poll(void *self, wok_cx *cx, void *result);
static void wait_drop(void *self);

static const wok_future_vtable wait_vtable = {
    .name = "condition",
    .size = sizeof(wok_op),
    .poll = wait_poll,
    .drop = wait_drop,
};

wok_op wok_condition_wait_op(wok_condition *condition, wok_mutex *mutex)
{
    return (wok_op){.vtable = &wait_vtable, .object = condition, .value = mutex};
}

/* It was notified, and locks `object`.  `value` is the condition, to which the notification goes back if
 * it is dropped before that; NULL once it is ready. */
static wok_poll relock_poll(wok_op *op, wok_cx *cx)
{
    wok_poll code = wok__mutex_lock_vtable.poll(op, cx, NULL);

    if (code != WOK_PENDING)
        op->value = NULL;
    return code;
}

static void relock_drop(void *self)
{
    wok_op *op = self;

    wok__mutex_lock_vtable.drop(op);
    if (op->value != NULL)
        wok_condition_notify(op->value);
}

static const wok_future_vtable relock_vtable = {
    .name = "condition",
    .size = sizeof(wok_op),
    .poll = wait_poll,
    .drop = relock_drop,
};

static void become_relock(wok_op *op)
{
    wok_condition *condition = op->object;

    *op = wok_mutex_lock_op(op->value);
    op->vtable = &relock_vtable;
    op->value = condition;
}

/* True if the operation has been notified; otherwise it is in the queue. */
static bool is_notified(wok_op *op, wok_cx *cx)
{
    wok_condition *condition = op->object;
    bool notified;

    wok__lock_take(&condition->lock);
    notified = op->waiter.state == WOK__WAITER_WOKEN;
    if (!notified)
        wok__waiters_add(&condition->waiters, &op->waiter, cx->task);
    wok__lock_give(&condition->lock);
    return notified;
}

static wok_poll wait_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    bool is_first_poll = op->waiter.task == NULL;

    (void)result;
    if (op->vtable == &relock_vtable)
        return relock_poll(op, cx);
    /* Before the queue: a panic leaves nothing behind. */
    if (is_first_poll && !wok_mutex_is_locked(op->value))
        wok_panic("wok_condition_wait() on %p with the mutex %p, which is not locked", op->object,
                  op->value);
    if (is_notified(op, cx)) {
        become_relock(op);
        return relock_poll(op, cx);
    }
    if (is_first_poll)
        wok_mutex_unlock(op->value);
    return WOK_PENDING;
}

static void wait_drop(void *self)
{
    wok_op *op = self;
    wok_condition *condition = op->object;
    struct wok__wakes wakes = {NULL, NULL};

    if (op->waiter.task == NULL)
        return; /* it was not polled */
    wok__lock_take(&condition->lock);
    if (!wok__waiters_forget(&condition->waiters, &op->waiter))
        wake_first(condition, &wakes);
    wok__lock_give(&condition->lock);
    op->waiter.task = NULL;
    wok__wakes_push(&wakes);
}

/* ---- waiting, with the mutex afterwards -------------------------------------------------------------- */

struct wait {
    wok_op op;
    wok_mutex *mutex;
    bool locked; /* the operation is ready */
};

static int await_in_shield(wok_op *op)
{
    return wok__await(wok_op_as_future(op), WOK_NEVER, NULL, true);
}

/* Also when the caller is unwound by force inside the wait: its cleanups expect the mutex. */
static void end_wait(struct wait *wait)
{
    bool polled = wait->op.vtable == &relock_vtable || wait->op.waiter.task != NULL;
    int code;

    if (wait->locked)
        return;
    wok_op_drop(&wait->op);
    if (!polled)
        return; /* and never unlocked */
    wait->op = wok_mutex_lock_op(wait->mutex);
    code = await_in_shield(&wait->op);
    assert(code == 0); /* nothing is noticed in a shield, and this caller may wait: it has */
    (void)code;
}

int wok_condition_wait_until(wok_condition *condition, wok_mutex *mutex, wok_instant deadline)
{
    WOK_CLEANUP(end_wait)
    struct wait wait = {wok_condition_wait_op(condition, mutex), mutex, false};
    int code;

    code = wok__await(wok_op_as_future(&wait.op), deadline, NULL, false);
    /* Once it is notified it succeeds: the notification is the caller's, who learns of a cancellation
     * at its next wait. */
    if (code < 0 && wait.op.vtable == &relock_vtable)
        code = await_in_shield(&wait.op);
    wait.locked = code == 0;
    return code;
}

int wok_condition_wait(wok_condition *condition, wok_mutex *mutex)
{
    return wok_condition_wait_until(condition, mutex, WOK_NEVER);
}
