/*
 * signal.h - signals as something a task awaits.
 *
 * A handler adds to the signal's counter and writes to one eventfd; every worker watches that, so a
 * worker that is stuck in a task delays nobody.  Whoever subscribed compares the counter with what it
 * saw last.  Any number may subscribe to the same signal, in any number of runtimes.
 *
 * The handler is installed with SA_RESTART at the first subscription to a signal and is never taken
 * out again: a SIGTERM between two subscriptions is then lost instead of fatal, in the same way each
 * time.  Workers block all signals; some other thread has to let them in, as a main thread does.
 */
#ifndef WOK_SIGNAL_H
#define WOK_SIGNAL_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** A subscription to one signal; the storage is the caller's and does not move until it is done. */
typedef struct wok_signal {
    int number;    /* constant; 0: no subscription */
    uint64_t seen; /* the list's lock, as the next three */
    struct wok_signal *next, *prev;
    struct wok_task *task;
} wok_signal;

/**
 * Subscribes to signal `number`; its default action no longer happens in this process.
 *
 * Signals that arrived before are not told.
 *
 * Errors:     -EINVAL for a signal that cannot be caught (SIGKILL, SIGSTOP), must not be (SIGSEGV,
 *             SIGBUS, SIGFPE, SIGILL) or does not exist, and for a caller that has no runtime; -EMFILE,
 *             -ENFILE, -ENOMEM, -ENOSPC.
 * Ownership:  `signal` is in a list until wok_signal_done(); on failure it is in none.
 * Threads:    tasks, and plain threads that entered a runtime.
 * Cancel:     not a cancellation point.
 * Source:     signal-safety(7), sigaction(2), eventfd(2).
 */
WOK_API
WOK_MUST_USE
int wok_signal_init(wok_signal *signal, int number);

/**
 * Ends the subscription in any state, also one whose init failed; fit for WOK_CLEANUP.
 *
 * Threads:    any, while nobody else uses it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_signal_done(wok_signal *signal);

/**
 * Waits until the signal arrives: once for each time, or burst of times, since the last wait.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it passes;
 *             -EDEADLK in a stackless task, which polls a wok_signal_op(); -ENOMEM on a plain
 *             thread's first wait.
 * Ownership:  allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks; one waiter for each subscription.
 * Cancel:     cancellation point; no signal is lost.
 */
WOK_API
WOK_CP
int wok_signal_wait(wok_signal *signal);

/**
 * As wok_signal_wait(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_signal_wait().
 * Threads:    as wok_signal_wait().
 * Cancel:     cancellation point; no signal is lost.
 */
WOK_API
WOK_CP
int wok_signal_wait_until(wok_signal *signal, wok_instant deadline);

/**
 * The operation of waiting for the signal; ready with 0.
 *
 * Ownership:  borrows the subscription until the operation is dropped.
 * Threads:    any; one waiter for each subscription.
 * Cancel:     not a cancellation point; a signal that a dropped operation has not told is kept.
 */
WOK_API
wok_op wok_signal_op(wok_signal *signal);

WOK_END_DECLS

#endif
