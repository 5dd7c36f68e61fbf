/*
 * signal.h - signals as something a task awaits.
 *
 * One signalfd-free mechanism: a handler notes the signal in a counter and wakes a worker through
 * the self-pipe of the runtime's driver.  A signal that was ever subscribed to stays handled.
 */
#ifndef WOK_SIGNAL_H
#define WOK_SIGNAL_H

#include <wok/base.h>
#include <wok/future.h>

WOK_BEGIN_DECLS

/** A subscription to one signal; the storage is the caller's and must not move while waited on. */
typedef struct wok_signal {
    int number;
    uint64_t seen;
    struct wok_signal *next, *prev;
    struct wok_task *task;
} wok_signal;

/**
 * Subscribes to signal `number`; its default action no longer happens in this process.
 *
 * Errors:     -EINVAL for a signal that cannot be caught (SIGKILL, SIGSTOP) or must not be
 *             (SIGSEGV, SIGBUS, SIGFPE, SIGILL).
 * Threads:    tasks, and plain threads that entered a runtime.
 */
WOK_API WOK_MUST_USE int wok_signal_init(wok_signal *signal, int number);

/** Ends the subscription in any state. */
WOK_API void wok_signal_done(wok_signal *signal);

/** Ready once for each time, or burst of times, the signal arrived since the last one. */
WOK_API wok_poll wok_signal_poll(wok_signal *signal, wok_cx *cx);

/** The waiting form: 0, or -ECANCELED. */
WOK_API WOK_CP int wok_signal_wait(wok_signal *signal);

/** The subscription as a future; borrows it. */
extern WOK_API const wok_future_vtable wok_signal_vtable;
static inline wok_future wok_signal_as_future(wok_signal *signal)
{
    return (wok_future){&wok_signal_vtable, signal};
}

WOK_END_DECLS

#endif
