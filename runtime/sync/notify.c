/*
 * notify.c - notifications: a queue, one that may be stored, and a count of broadcasts.
 *
 * Invariants (the lock)
 *   N1  a notification is stored only while nobody waits.
 *   N2  a waiter that was woken by notify_one has taken a notification; if it is dropped before it has
 *       polled, that goes on: to the waiter that the same call would have found, or into the store.
 *
 * An operation keeps the number of broadcasts at the time it was built.  If there have been more
 * when it is first polled it is ready: so a broadcast reaches operations that are in no queue yet.
 * That number is read without the lock.  If it counts a broadcast already, then the caller sees what was
 * done before that, too ([notify.broadcast]), and does not wait for it.
 */
#include <wok/notify.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "task/waiters.h"

/* What a waiter was woken by. */
enum { BY_ONE, BY_LAST, BY_BROADCAST };

/* Wakes one, or stores; the lock is held. */
static void notify_next(wok_notify *notify, uint32_t by, struct wok__wakes *wakes)
{
    struct wok__waiter *waiter = by == BY_ONE ? notify->waiters.first : notify->waiters.last;

    if (waiter == NULL) {
        notify->stored = true;
        return;
    }
    waiter->mode = by;
    wok__waiters_wake(&notify->waiters, waiter, wakes);
}

static void notify_by(wok_notify *notify, uint32_t by)
{
    struct wok__wakes wakes = {NULL, NULL};

    wok__lock_take(&notify->lock);
    notify_next(notify, by, &wakes);
    wok__lock_give(&notify->lock);
    wok__wakes_push(&wakes);
}

void wok_notify_one(wok_notify *notify)
{
    notify_by(notify, BY_ONE);
}

void wok_notify_last(wok_notify *notify)
{
    notify_by(notify, BY_LAST);
}

void wok_notify_waiters(wok_notify *notify)
{
    struct wok__wakes wakes = {NULL, NULL};
    struct wok__waiter *waiter;

    wok__lock_take(&notify->lock);
    /* [notify.broadcast] */
    store_release(&notify->broadcasts, load_relaxed(&notify->broadcasts) + 1);
    while ((waiter = notify->waiters.first) != NULL) {
        waiter->mode = BY_BROADCAST;
        wok__waiters_wake(&notify->waiters, waiter, &wakes);
    }
    wok__lock_give(&notify->lock);
    wok__wakes_push(&wakes);
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* True if the operation is ready; the lock is held.  A stored notification is taken also by one that a
 * broadcast has reached, as by any wait that comes next. */
static bool take(wok_notify *notify, wok_op *op, wok_cx *cx)
{
    if (op->waiter.state == WOK__WAITER_WOKEN)
        return wok__budget_take(cx);
    if (op->waiter.state == WOK__WAITER_NEW &&
        (notify->stored || load_relaxed(&notify->broadcasts) != op->amount)) {
        if (!wok__budget_take(cx))
            return false;
        notify->stored = false;
        return true;
    }
    wok__waiters_add(&notify->waiters, &op->waiter, cx->task);
    return false;
}

static wok_poll wait_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_notify *notify = op->object;
    bool taken;

    (void)result;
    wok__lock_take(&notify->lock);
    taken = take(notify, op, cx);
    wok__lock_give(&notify->lock);
    if (!taken)
        return WOK_PENDING;
    op->waiter = (struct wok__waiter){0}; /* nothing is left to give back */
    return WOK_READY;
}

static void wait_drop(void *self)
{
    wok_op *op = self;
    wok_notify *notify = op->object;
    struct wok__wakes wakes = {NULL, NULL};

    if (op->waiter.task == NULL)
        return; /* it never waited, or has got what it waited for */
    wok__lock_take(&notify->lock);
    if (!wok__waiters_forget(&notify->waiters, &op->waiter) && op->waiter.mode != BY_BROADCAST)
        notify_next(notify, op->waiter.mode, &wakes);
    wok__lock_give(&notify->lock);
    op->waiter.task = NULL;
    wok__wakes_push(&wakes);
}

static const wok_future_vtable wait_vtable = {
    .name = "notify",
    .size = sizeof(wok_op),
    .poll = wait_poll,
    .drop = wait_drop,
};

wok_op wok_notify_op(wok_notify *notify)
{
    return (wok_op){
        .vtable = &wait_vtable,
        .object = notify,
        .amount = load_acquire(&notify->broadcasts), /* [notify.broadcast] */
    };
}

int wok_notify_wait_until(wok_notify *notify, wok_instant deadline)
{
    return wok_op_await_until(wok_notify_op(notify), deadline);
}

int wok_notify_wait(wok_notify *notify)
{
    return wok_op_await(wok_notify_op(notify));
}
