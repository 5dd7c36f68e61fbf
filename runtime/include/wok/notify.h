/*
 * notify.h - waking tasks without a value: "look again".
 *
 *     static wok_notify changed = WOK_NOTIFY_INIT;
 *
 *     // one side                         the other
 *     while (queue_is_empty(&queue)) {    queue_push(&queue, item);
 *         error = wok_notify_wait(&changed);   wok_notify_one(&changed);
 *         if (error < 0)
 *             return error;
 *     }
 */
#ifndef WOK_NOTIFY_H
#define WOK_NOTIFY_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/**
 * Wakes those who wait on it; zero bytes are one on which nobody waits.  It lies in the caller's
 * memory, needs no end, must not move while it is used, and outlives every wait on it.
 */
typedef struct wok_notify {
    struct wok__lock lock;
    bool stored; /* a notification that nobody has taken yet */
    struct {
        uint64_t value;
    } broadcasts; /* calls of wok_notify_waiters() */
    struct wok__waiters waiters;
} wok_notify;

/** Initialises a notify, static ones included. */
#define WOK_NOTIFY_INIT                                                                            \
    {                                                                                              \
        {{0}}, false, {0},                                                                         \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

/**
 * Waits for a notification.
 *
 * One that was stored by wok_notify_one() is taken at once.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it
 *             passes; -EDEADLK in a stackless task, which polls wok_notify_op().
 * Ownership:  allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.  What the notifier did before is visible.
 * Cancel:     cancellation point; a notification that was meant for the caller goes to the next.
 * Source:     the semantics of tokio::sync::Notify.
 */
WOK_API
WOK_CP
int wok_notify_wait(wok_notify *notify);

/**
 * As wok_notify_wait(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_notify_wait().
 * Threads:    as wok_notify_wait().
 * Cancel:     cancellation point; nothing is lost.
 */
WOK_API
WOK_CP
int wok_notify_wait_until(wok_notify *notify, wok_instant deadline);

/**
 * The operation of waiting for a notification; ready with 0.
 *
 * From this call on it is woken by wok_notify_waiters(), also before its first poll: build it, look at
 * the state that it is about, and only then wait.
 *
 * Ownership:  borrows the notify until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a notification that a dropped operation was given by
 *             wok_notify_one() goes to the next.
 */
WOK_API
wok_op wok_notify_op(wok_notify *notify);

/**
 * Wakes whoever waits longest; if nobody does, stores one notification for the next who comes.
 *
 * At most one is stored: two calls with nobody there let one wait pass.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_notify_one(wok_notify *notify);

/**
 * As wok_notify_one(), and wakes whoever came last: last in, first out.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_notify_last(wok_notify *notify);

/**
 * Wakes everybody who waits, and every operation that exists, polled or not; stores nothing.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_notify_waiters(wok_notify *notify);

WOK_END_DECLS

#endif
