/*
 * time.h - durations, instants and sleeping.
 *
 * Time is two structs of one word each, so that a bare integer, or an instant where a duration
 * belongs, does not compile.  An instant is a reading of the runtime's clock: CLOCK_MONOTONIC, or
 * the paused clock of a test.
 */
#ifndef WOK_TIME_H
#define WOK_TIME_H

#include <wok/base.h>
#include <wok/future.h>

WOK_BEGIN_DECLS

/** A span of time in nanoseconds. */
typedef struct wok_duration {
    uint64_t ns;
} wok_duration;

/** A point on the runtime's clock, in nanoseconds since an arbitrary origin. */
typedef struct wok_instant {
    uint64_t ns;
} wok_instant;

/** Never: the deadline of a call that has none, and the sum of an addition that overflows. */
#define WOK_NEVER (WOK_TYPE_(wok_instant){UINT64_MAX})
/** Longer than any wait. */
#define WOK_FOREVER (WOK_TYPE_(wok_duration){UINT64_MAX})

/** Builds a duration from nanoseconds. */
static inline wok_duration wok_ns(uint64_t ns)
{
    return WOK_TYPE_(wok_duration){ns};
}

/** Builds a duration from microseconds; saturates at WOK_FOREVER. */
static inline wok_duration wok_us(uint64_t us)
{
    return us > UINT64_MAX / 1000u ? WOK_FOREVER : wok_ns(us * 1000u);
}

/** Builds a duration from milliseconds; saturates at WOK_FOREVER. */
static inline wok_duration wok_ms(uint64_t ms)
{
    return ms > UINT64_MAX / 1000000u ? WOK_FOREVER : wok_ns(ms * 1000000u);
}

/** Builds a duration from seconds; saturates at WOK_FOREVER. */
static inline wok_duration wok_seconds(uint64_t seconds)
{
    return seconds > UINT64_MAX / 1000000000u ? WOK_FOREVER : wok_ns(seconds * 1000000000u);
}

/** The instant `duration` after `instant`; WOK_NEVER where the sum does not fit. */
static inline wok_instant wok_instant_after(wok_instant instant, wok_duration duration)
{
    uint64_t sum = instant.ns + duration.ns;
    return sum < instant.ns ? WOK_NEVER : WOK_TYPE_(wok_instant){sum};
}

/** The span from `begin` to `end`; zero where `end` comes first. */
static inline wok_duration wok_instant_since(wok_instant end, wok_instant begin)
{
    return wok_ns(end.ns > begin.ns ? end.ns - begin.ns : 0);
}

/**
 * Reads the clock of the calling task's runtime; CLOCK_MONOTONIC on a thread that has none.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     clock_gettime(2).
 */
WOK_API
wok_instant wok_now(void);

/** The time that has passed since `start`. */
static inline wok_duration wok_elapsed(wok_instant start)
{
    return wok_instant_since(wok_now(), start);
}

/** The instant `duration` from now; WOK_NEVER for WOK_FOREVER. */
static inline wok_instant wok_after(wok_duration duration)
{
    return wok_instant_after(wok_now(), duration);
}

/**
 * Suspends the calling task until `duration` has passed on the runtime's clock.
 *
 * The deadline is kept in nanoseconds and never fires early.  A zero duration yields once and
 * touches no timer; WOK_FOREVER, and any sum that overflows, has no end.
 *
 * Units:      nanoseconds inside wok_duration; build one with wok_ms() or wok_us().
 * Errors:     -ECANCELED if the task is aborted while asleep, and on a plain thread whose runtime is
 *             shut down; -ETIMEDOUT if a deadline that covers the caller passes; -EDEADLK in a
 *             stackless task, which polls a wok_sleep_future instead; -ENOMEM on a plain thread's
 *             first wait.
 * Ownership:  allocates nothing.
 * Threads:    a stackful task parks; a plain thread blocks, and needs no runtime.
 * Cancel:     cancellation point; an aborted sleep leaves no timer behind.
 * Source:     hierarchical timing wheels, Varghese and Lauck, SOSP 1987.
 */
WOK_API
WOK_CP
int wok_sleep(wok_duration duration);

/**
 * As wok_sleep(), until the clock shows `deadline`; an instant that has passed yields once.
 *
 * Errors:     as wok_sleep().
 * Threads:    as wok_sleep().
 * Cancel:     cancellation point; an aborted sleep leaves no timer behind.
 */
WOK_API
WOK_CP
int wok_sleep_until(wok_instant deadline);

/**
 * A future that becomes ready at an instant: the stackless form of wok_sleep_until().
 *
 * It is a value until the first poll puts it into a worker's timer wheel; from then on it must not
 * move in memory, only tasks of one runtime poll it, and wok_sleep_future_drop() takes it out again,
 * also after that runtime is gone.  Results: none; its code is 0, or -ECANCELED on a plain thread
 * whose runtime is shut down.
 */
typedef struct wok_sleep_future {
    struct wok__timer timer;
} wok_sleep_future;

/** The operations of a wok_sleep_future. */
extern WOK_API
const wok_future_vtable wok_sleep_vtable;

/** A sleep that ends at `deadline`. */
static inline wok_sleep_future wok_sleep_future_until(wok_instant deadline)
{
    wok_sleep_future sleep;

    memset(&sleep, 0, sizeof sleep);
    sleep.timer.deadline_ns = deadline.ns;
    return sleep;
}

/** A sleep of `duration`, counted from this call. */
static inline wok_sleep_future wok_sleep_future_for(wok_duration duration)
{
    return wok_sleep_future_until(duration.ns == 0 ? WOK_TYPE_(wok_instant){0}
                                                   : wok_after(duration));
}

/**
 * Polls the sleep: WOK_READY at its deadline or later, WOK_PENDING before.
 *
 * Errors:     -ECANCELED on a plain thread whose runtime is shut down.
 * Threads:    the task of `cx`.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_poll wok_sleep_future_poll(wok_sleep_future *sleep, wok_cx *cx);

/**
 * Moves the sleep to `deadline`, in any state: one that waits goes on waiting, for as long as that;
 * one that was ready begins anew with its next poll.
 *
 * Threads:    the task that polls it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_sleep_future_reset(wok_sleep_future *sleep, wok_instant deadline);

/**
 * Ends the sleep in any state; no timer is left behind.
 *
 * Threads:    any, while nobody polls it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_sleep_future_drop(wok_sleep_future *sleep);

/** The sleep as a future for wok_await(); borrows it. */
static inline wok_future wok_sleep_future_as(wok_sleep_future *sleep)
{
    return WOK_TYPE_(wok_future){&wok_sleep_vtable, sleep};
}

/**
 * The operation of sleeping for `duration`, counted from this call; ready with 0.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped sleep leaves no timer behind.
 */
WOK_API
wok_op wok_sleep_op(wok_duration duration);

/**
 * The operation of sleeping until the clock shows `deadline`; ready with 0.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped sleep leaves no timer behind.
 */
WOK_API
wok_op wok_sleep_until_op(wok_instant deadline);

/* ---- ambient deadlines -------------------------------------------------------------------- */

/** A deadline that covers a block; what WOK_TIMEOUT() and wok_deadline_push() keep. */
typedef struct wok_deadline {
    uint64_t outer_ns;
    bool active;
} wok_deadline;

/**
 * Covers the block that follows with a deadline: every wait in it, however deep in what it calls,
 * returns -ETIMEDOUT once `duration` has passed, and so does every later one in the block.
 *
 *     WOK_TIMEOUT(wok_ms(100)) {
 *         error = fetch_all(&scope);
 *     }
 *
 * Blocks nest, and the nearer deadline wins; so does the nearer of it and of a call's own deadline
 * (the forms that end in `_until`).  A wait that is ready when it begins wins over a deadline that has passed.
 * Children of a scope that are spawned in the block are covered as well: a stackful child by the
 * deadline itself, a stackless one by the scope, which aborts it.  Destructors and WOK_SHIELD()
 * blocks are not covered.  The block may be left in any way: by break, return, goto, or a panic.
 *
 * Errors:     of the waits inside: -ETIMEDOUT.
 * Ownership:  allocates nothing.
 * Threads:    stackful tasks, and plain threads.
 * Cancel:     not a cancellation point.
 * Source:     trio's move_on_after; the ambient context of Go's context.WithTimeout.
 */
#define WOK_TIMEOUT(duration_) WOK_DEADLINE(wok_after(duration_))

/**
 * As WOK_TIMEOUT(), until the clock shows `instant_`.
 *
 * Errors:     of the waits inside: -ETIMEDOUT.
 * Threads:    stackful tasks, and plain threads.
 * Cancel:     not a cancellation point.
 */
#define WOK_DEADLINE(instant_) WOK_DEADLINE_(WOK_UNIQUE_(wok_deadline_), instant_)

#define WOK_DEADLINE_(deadline_, instant_)                                                         \
    for (WOK_CLEANUP(wok_deadline_pop) wok_deadline deadline_ = wok_deadline_push(instant_);       \
         deadline_.active; wok_deadline_pop(&deadline_))

/**
 * Covers what follows, up to the matching wok_deadline_pop(), with a deadline: the function behind
 * WOK_DEADLINE(), for bindings to other languages.
 *
 * Threads:    stackful tasks, and plain threads; push and pop nest like brackets.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
wok_deadline wok_deadline_push(wok_instant deadline);

/**
 * Takes the deadline of a wok_deadline_push() back; a second time it does nothing.
 *
 * Threads:    where it was pushed.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_deadline_pop(wok_deadline *deadline);

/**
 * The nearest deadline that covers the caller; WOK_NEVER if there is none.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_instant wok_deadline_now(void);

/**
 * Awaits `future` until it is ready, or for at most `duration`.
 *
 * The future is polled before the clock is read: a future that is ready wins over a deadline that
 * has passed.  On expiry the future stays the caller's, neither dropped nor advanced further.
 *
 * Errors:     -ETIMEDOUT when the time is over, or that of a deadline that covers the caller;
 *             -ECANCELED if the caller is aborted; -EDEADLK in a stackless task; -ENOMEM on a plain
 *             thread's first wait; else the future's own code.
 * Ownership:  borrows the future and `ret_result` until it returns.
 * Threads:    stackful tasks, and plain threads with a runtime (wok_await() says how).
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_timeout(wok_duration duration, wok_future future, void *ret_result);

/**
 * As wok_timeout(), until the clock shows `deadline`; WOK_NEVER waits without a limit.
 *
 * Errors:     as wok_timeout().
 * Ownership:  borrows the future and `ret_result` until it returns.
 * Threads:    as wok_timeout().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_await_until(wok_future future, wok_instant deadline, void *ret_result);

WOK_END_DECLS

#endif
