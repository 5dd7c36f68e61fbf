/*
 * waiters.h - the queue of those who wait on one object, and waking them.
 *
 * An object that tasks wait on has a lock (platform/lock.h), its own state, and a queue of waiters,
 * first come first served.  The nodes lie in the waiting operations, so that no wait allocates.
 *
 * Invariants (the object's lock)
 *   W1  a waiter is in the queue exactly while its state is LISTED.
 *   W2  whoever takes a waiter out to wake it sets its state to WOKEN, after it has written what it
 *       hands over (a permit, a value) into the waiter's operation.  An operation that is dropped in
 *       the state WOKEN gives that back under the same lock, so nothing is lost between the two.
 *   W3  a task is claimed while the lock is held and the waiter is in the queue: it cannot end before
 *       it has taken the same lock, so it is alive.  It is pushed after the lock was given back, so
 *       that nobody who runs next finds the lock taken, and no system call is made under it.  Between
 *       the two it belongs to the claimer (state.c S1), and its link is free for the chain.
 */
#ifndef WOK_TASK_WAITERS_H
#define WOK_TASK_WAITERS_H

#include <stdbool.h>
#include <stddef.h>

#include <wok/future.h>

#include "task/task.h"

enum wok__waiter_state {
    WOK__WAITER_NEW = 0, /* in no queue: not polled yet, or taken out by its own task */
    WOK__WAITER_LISTED,
    WOK__WAITER_WOKEN, /* taken out by a waker, who left something for it */
};

/* Puts a waiter at the end, or, if it waits already, only says who waits now: the operation may have
 * moved to another task since its last poll. */
static inline void wok__waiters_add(struct wok__waiters *waiters, struct wok__waiter *waiter,
                                    struct wok_task *task)
{
    waiter->task = task;
    if (waiter->state == WOK__WAITER_LISTED)
        return;
    waiter->state = WOK__WAITER_LISTED;
    waiter->next = NULL;
    waiter->prev = waiters->last;
    if (waiters->last != NULL)
        waiters->last->next = waiter;
    else
        waiters->first = waiter;
    waiters->last = waiter;
}

/* Takes a waiter out that is in the queue. */
static inline void wok__waiters_unlink(struct wok__waiters *waiters, struct wok__waiter *waiter)
{
    if (waiter->prev != NULL)
        waiter->prev->next = waiter->next;
    else
        waiters->first = waiter->next;
    if (waiter->next != NULL)
        waiter->next->prev = waiter->prev;
    else
        waiters->last = waiter->prev;
    waiter->next = waiter->prev = NULL;
}

/* Takes a waiter out if it is in the queue, on behalf of its own task; true: it was. */
static inline bool wok__waiters_forget(struct wok__waiters *waiters, struct wok__waiter *waiter)
{
    if (waiter->state != WOK__WAITER_LISTED)
        return false;
    wok__waiters_unlink(waiters, waiter);
    waiter->state = WOK__WAITER_NEW;
    return true;
}

/* Tasks that were claimed under a lock and are to be pushed after it, first claimed first. */
struct wok__wakes {
    struct wok_task *first, *last;
};

/* Takes `waiter` out of the queue and claims its task; the lock is held. */
static inline void wok__waiters_wake(struct wok__waiters *waiters, struct wok__waiter *waiter,
                                     struct wok__wakes *wakes)
{
    struct wok_task *task = waiter->task;

    wok__waiters_unlink(waiters, waiter);
    waiter->state = WOK__WAITER_WOKEN;
    if (!wok__task_claim(task))
        return;
    task->next = NULL;
    if (wakes->last != NULL)
        wakes->last->next = task;
    else
        wakes->first = task;
    wakes->last = task;
}

/* Pushes what was claimed; the lock is not held any more. */
static inline void wok__wakes_push(struct wok__wakes *wakes)
{
    struct wok_task *task = wakes->first;

    wakes->first = wakes->last = NULL;
    while (task != NULL) {
        struct wok_task *next = task->next; /* not after the push: then it is another's */
        wok__task_push(task, WOK__REASON_WAKE);
        task = next;
    }
}

#endif
