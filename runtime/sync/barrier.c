/*
 * barrier.c - a queue that is let go as a whole.
 *
 * Invariant (the lock)
 *   B1  `arrived` is the length of the queue, and less than the parties: whoever would make it equal is
 *       the leader, never waits, and wakes them all.  So a round has one leader also when waiters leave.
 */
#include <wok/barrier.h>

#include <errno.h>

#include "platform/lock.h"
#include "task/waiters.h"

/* The last to arrive: lets the others go. */
static void let_go(wok_barrier *barrier, struct wok__wakes *wakes)
{
    struct wok__waiter *waiter;

    barrier->arrived = 0;
    while ((waiter = barrier->waiters.first) != NULL)
        wok__waiters_wake(&barrier->waiters, waiter, wakes);
}

/* True if the operation is ready; the lock is held. */
static bool arrive(wok_barrier *barrier, wok_op *op, wok_cx *cx, bool *leads,
                   struct wok__wakes *wakes)
{
    bool is_first_poll = op->waiter.state == WOK__WAITER_NEW;

    *leads = is_first_poll && barrier->arrived + 1 >= barrier->parties;
    if (*leads || op->waiter.state == WOK__WAITER_WOKEN) {
        if (!wok__budget_take(cx))
            return false;
        if (*leads)
            let_go(barrier, wakes);
        return true;
    }
    barrier->arrived += is_first_poll;
    wok__waiters_add(&barrier->waiters, &op->waiter, cx->task);
    return false;
}

static wok_poll wait_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_barrier *barrier = op->object;
    bool *ret_leader = op->value;
    struct wok__wakes wakes = {NULL, NULL};
    bool ready, leads;

    (void)result;
    wok__lock_take(&barrier->lock);
    ready = arrive(barrier, op, cx, &leads, &wakes);
    wok__lock_give(&barrier->lock);
    wok__wakes_push(&wakes);
    if (!ready)
        return WOK_PENDING;
    op->waiter = (struct wok__waiter){0}; /* nothing is left to take back */
    if (ret_leader != NULL)
        *ret_leader = leads;
    return WOK_READY;
}

/* False: it arrived, and its round is complete. */
static bool leave(wok_op *op)
{
    wok_barrier *barrier = op->object;
    bool waits;

    if (op->waiter.task == NULL)
        return true; /* it never waited, or is through */
    wok__lock_take(&barrier->lock);
    waits = wok__waiters_forget(&barrier->waiters, &op->waiter);
    barrier->arrived -= waits;
    wok__lock_give(&barrier->lock);
    op->waiter.task = NULL;
    return waits;
}

static void wait_drop(void *self)
{
    (void)leave(self);
}

/* Whoever is told that it had not arrived may arrive again in this round, and would be in the next. */
static bool wait_take_back(void *self)
{
    wok_op *op = self;
    bool *ret_leader = op->value;

    if (leave(op))
        return true;
    if (ret_leader != NULL)
        *ret_leader = false;
    return false;
}

static const wok_future_vtable wait_vtable = {
    .name = "barrier",
    .size = sizeof(wok_op),
    .poll = wait_poll,
    .drop = wait_drop,
    .take_back = wait_take_back,
};

wok_op wok_barrier_wait_op(wok_barrier *barrier, bool *ret_leader)
{
    return (wok_op){.vtable = &wait_vtable, .object = barrier, .value = ret_leader};
}

int wok_barrier_wait_until(wok_barrier *barrier, wok_instant deadline, bool *ret_leader)
{
    wok_op op = wok_barrier_wait_op(barrier, ret_leader);

    return wok_op_wait(&op, deadline);
}

int wok_barrier_wait(wok_barrier *barrier, bool *ret_leader)
{
    return wok_barrier_wait_until(barrier, WOK_NEVER, ret_leader);
}
