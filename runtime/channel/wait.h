/*
 * wait.h - what the operations of all channels do alike: look, and wait if there is nothing to see.
 *
 * An operation that is over has no object any more, so that its drop, which always follows, does not
 * take a lock; and a channel may be gone by then.
 */
#ifndef WOK_CHANNEL_WAIT_H
#define WOK_CHANNEL_WAIT_H

#include "platform/lock.h"
#include "task/waiters.h"

/* The lock is held.  Lists the operation unless it is `ready`; if it is, takes one unit of budget and
 * ends the wait: WOK_READY or WOK_PENDING. */
static inline wok_poll wok__wait_look(struct wok__waiters *waiters, wok_op *op, wok_cx *cx,
                                      bool ready)
{
    if (!ready) {
        wok__waiters_add(waiters, &op->waiter, cx->task);
        return WOK_PENDING;
    }
    if (!wok__budget_take(cx))
        return WOK_PENDING;
    wok__waiters_forget(waiters, &op->waiter); /* a poll that nobody woke */
    op->object = NULL;
    return WOK_READY;
}

/* The lock is held: wakes everyone. */
static inline void wok__wait_wake_all(struct wok__waiters *waiters, struct wok__wakes *wakes)
{
    while (waiters->first != NULL)
        wok__waiters_wake(waiters, waiters->first, wakes);
}

/* Ends an operation for which nothing was kept: whoever woke it left it no more than that. */
static inline void wok__wait_end(struct wok__lock *lock, struct wok__waiters *waiters, wok_op *op)
{
    wok__lock_take(lock);
    wok__waiters_forget(waiters, &op->waiter);
    wok__lock_give(lock);
}

/*
 * The end of the receiving side, which senders may wait for.
 *
 * It lies in the channel, whose lock guards it; a channel that gets a receiver again is open again.
 */
struct wok__closing {
    struct wok__lock *lock; /* constant */
    struct wok__waiters waiters;
    bool closed;
};

/* The lock is held: nobody receives any more. */
static inline void wok__closing_close(struct wok__closing *closing, struct wok__wakes *wakes)
{
    closing->closed = true;
    wok__wait_wake_all(&closing->waiters, wakes);
}

/* True if nobody receives; takes the lock. */
static inline bool wok__closing_is_closed(const struct wok__closing *closing)
{
    bool closed;

    wok__lock_take(closing->lock);
    closed = closing->closed;
    wok__lock_give(closing->lock);
    return closed;
}

/* The operation of waiting until nobody receives; ready with 0, or with -EINVAL for NULL. */
wok_op wok__closing_op(struct wok__closing *closing);

#endif
