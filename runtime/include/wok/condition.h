/*
 * condition.h - waiting, under a mutex, for what the mutex guards to change.
 *
 *     WOK_LOCK(&mutex, &error) {
 *         while (error == 0 && queue_is_empty(&queue))
 *             error = wok_condition_wait(&filled, &mutex);
 *         if (error == 0)
 *             item = queue_pop(&queue);
 *     }
 *
 * After a wait the caller holds the mutex again, whatever the wait returned, as in trio and Python's
 * asyncio: so the block above is right on every path.  A loop is needed: another may have been faster.
 */
#ifndef WOK_CONDITION_H
#define WOK_CONDITION_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/mutex.h>
#include <wok/select.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/**
 * A condition; zero bytes are one on which nobody waits.  It lies in the caller's memory, needs no end,
 * must not move while it is used, and outlives every wait on it.
 */
typedef struct wok_condition {
    struct wok__lock lock;
    struct wok__waiters waiters;
} wok_condition;

/** Initialises a condition, static ones included. */
#define WOK_CONDITION_INIT                                                                         \
    {                                                                                              \
        {{0}},                                                                                     \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

/**
 * Unlocks the mutex, waits to be notified, and locks it again.
 *
 * Whoever gets the mutex after this call's unlock and notifies, wakes it: nothing is lost in between.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it
 *             passes; -EDEADLK in a stackless task, which polls wok_condition_wait_op().
 * Ownership:  allocates nothing.  The caller holds the mutex before and, on every path, after; one that
 *             nobody holds is a panic.
 * Threads:    the holder of the mutex: a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point until it is notified; a notification that was meant for the caller
 *             goes to the next.  The mutex is locked again all the same, which waits for its turn as
 *             in a shield; a task that is unwound by force has it, too, when its cleanups run.
 * Source:     trio.Condition, asyncio.Condition; pthread_cond_wait(3) as a cancellation point.
 */
WOK_API
WOK_CP
int wok_condition_wait(wok_condition *condition, wok_mutex *mutex);

/**
 * As wok_condition_wait(), for at most until `deadline`: -ETIMEDOUT, with the mutex locked.
 *
 * Getting the mutex back may take longer than until the deadline.
 *
 * Errors:     as wok_condition_wait().
 * Threads:    as wok_condition_wait().
 * Cancel:     cancellation point; the mutex is locked again.
 */
WOK_API
WOK_CP
int wok_condition_wait_until(wok_condition *condition, wok_mutex *mutex, wok_instant deadline);

/**
 * The operation of waiting: its first poll unlocks the mutex, and when it is ready, with 0, the polling
 * task holds it again.
 *
 * It is the one operation with an effect before it is ready: where it loses a wok_select() after its
 * first poll, the mutex is not held.
 *
 * Ownership:  borrows the condition and the mutex until the operation is dropped.
 * Threads:    the holder of the mutex polls it.
 * Cancel:     not a cancellation point; a dropped operation that was polled leaves the mutex unlocked,
 *             and its notification goes to the next.
 */
WOK_API
wok_op wok_condition_wait_op(wok_condition *condition, wok_mutex *mutex);

/**
 * Wakes whoever waits longest; if nobody does, nothing happens.
 *
 * Threads:    any; as a rule the holder of the mutex, since otherwise a waiter may have looked already
 *             and not be in the queue yet.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_condition_notify(wok_condition *condition);

/**
 * Wakes everybody who waits; they get the mutex one after the other.
 *
 * Threads:    as wok_condition_notify().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_condition_notify_all(wok_condition *condition);

WOK_END_DECLS

#endif
