/*
 * barrier.h - tasks that wait for each other, round after round.
 *
 *     static wok_barrier barrier = WOK_BARRIER_INIT(4);
 *
 *     bool leader;
 *     int error = wok_barrier_wait(&barrier, &leader); // the fourth lets all four go on
 */
#ifndef WOK_BARRIER_H
#define WOK_BARRIER_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/**
 * A barrier; zero bytes are one for a single task.  It lies in the caller's memory, needs no end, must
 * not move while it is used, and outlives every wait on it.
 */
typedef struct wok_barrier {
    struct wok__lock lock;
    uint32_t parties; /* constant; 0 acts as 1 */
    uint32_t arrived; /* those who wait */
    struct wok__waiters waiters;
} wok_barrier;

/** Initialises a barrier for `parties_` tasks or threads, static ones included; 0 acts as 1. */
#define WOK_BARRIER_INIT(parties_)                                                                 \
    {                                                                                              \
        {{0}}, (parties_), 0,                                                                      \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

/**
 * Waits until as many as the barrier is for have arrived; then it is ready for the next round.
 *
 * Exactly one of each round is its leader: the last to arrive.
 *
 * Errors:     0 and `*ret_leader` (NULL is fine); -ECANCELED if the caller is aborted; -ETIMEDOUT if a
 *             deadline that covers it passes; -EDEADLK in a stackless task, which polls
 *             wok_barrier_wait_op().
 * Ownership:  allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.  What all did before they arrived is
 *             visible to all afterwards.
 * Cancel:     cancellation point; the caller's arrival is taken back, unless the round was complete,
 *             which nobody else notices then.
 * Source:     the semantics of tokio::sync::Barrier, whose arrivals cannot be taken back.
 */
WOK_API
WOK_CP
int wok_barrier_wait(wok_barrier *barrier, bool *ret_leader);

/**
 * As wok_barrier_wait(), for at most until `deadline`: -ETIMEDOUT takes the arrival back, and comes only
 * while the round is not complete.
 *
 * Errors:     as wok_barrier_wait().
 * Threads:    as wok_barrier_wait().
 * Cancel:     cancellation point; the caller's arrival is taken back.
 */
WOK_API
WOK_CP
int wok_barrier_wait_until(wok_barrier *barrier, wok_instant deadline, bool *ret_leader);

/**
 * The operation of arriving and waiting; ready with 0.  It arrives at its first poll.
 *
 * Ownership:  borrows the barrier and `ret_leader` until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; the arrival of a dropped operation is taken back, unless the round
 *             was complete.  A branch that loses a wok_select() has not arrived: if its round is complete,
 *             it wins.  That holds for one barrier in a select; of two that are complete in the same
 *             moment, one wins and the other's round counts it as well.  Two branches on one barrier are
 *             two arrivals.
 */
WOK_API
wok_op wok_barrier_wait_op(wok_barrier *barrier, bool *ret_leader);

WOK_END_DECLS

#endif
