/*
 * interval.h - something to do again and again: ticks at a fixed period.
 *
 *     wok_interval every = {0};
 *     int error = wok_interval_init(&every, wok_ms(100), WOK_INTERVAL_SKIP);
 *     while (error == 0 && (error = wok_interval_tick(&every, NULL)) == 0)
 *         error = send_heartbeat(stream);
 *
 * The schedule is fixed by its first instant and the period; what the caller does between two ticks
 * takes nothing from it.  An interval is a value: it holds no timer, and needs no end.
 */
#ifndef WOK_INTERVAL_H
#define WOK_INTERVAL_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/**
 * What becomes of ticks that were missed: when the caller comes for a tick more than 5 ms late.
 * One that is late by less changes nothing of the schedule, whatever the choice.
 */
typedef enum wok_interval_missed {
    /** All that were missed come back to back, and the schedule stays. */
    WOK_INTERVAL_BURST,
    /** The schedule begins anew: the next tick is one period from now. */
    WOK_INTERVAL_DELAY,
    /** Those that were missed are left out: the next tick is the next one of the schedule. */
    WOK_INTERVAL_SKIP,
} wok_interval_missed;

/** An interval; belongs to one task at a time. */
typedef struct wok_interval {
    wok_duration period;
    wok_instant next; /* when the next tick is due; WOK_NEVER at the end of time */
    wok_interval_missed missed;
} wok_interval;

/**
 * An interval whose first tick is at once, and the others `period` apart.
 *
 * Errors:     0; -EINVAL for a period of zero, or `missed` of no known kind.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_interval_init(wok_interval *interval, wok_duration period, wok_interval_missed missed);

/**
 * As wok_interval_init(), with the first tick at `start`, which may have passed.
 *
 * Errors:     0; -EINVAL for a period of zero, or `missed` of no known kind.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_interval_init_at(wok_interval *interval, wok_instant start, wok_duration period,
                         wok_interval_missed missed);

/**
 * Waits for the next tick: 0, and the instant it was scheduled for, which is not later than now.
 *
 * Errors:     -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it passes;
 *             -EDEADLK in a stackless task, which polls a wok_interval_tick_op().
 * Ownership:  `ret_scheduled` may be NULL; allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; no tick is lost.
 */
WOK_API
WOK_CP
int wok_interval_tick(wok_interval *interval, wok_instant *ret_scheduled);

/**
 * As wok_interval_tick(), for at most until `deadline`: -ETIMEDOUT, and the tick is still to come.
 *
 * Errors:     as wok_interval_tick().
 * Threads:    as wok_interval_tick().
 * Cancel:     cancellation point; no tick is lost.
 */
WOK_API
WOK_CP
int wok_interval_tick_until(wok_interval *interval, wok_instant deadline,
                            wok_instant *ret_scheduled);

/**
 * The operation of waiting for the next tick; ready with 0.
 *
 * A tick that loses a wok_select() is still to come.  It costs one of the 128 operations of a poll.
 *
 * Ownership:  borrows the interval and `ret_scheduled` until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped tick leaves no timer behind.
 */
WOK_API
wok_op wok_interval_tick_op(wok_interval *interval, wok_instant *ret_scheduled);

/**
 * The next tick is one period from now, and the others follow it.
 *
 * Threads:    the interval's task.  An operation that waits for a tick goes by the new schedule from
 *             its next poll on; this holds for all resets.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_interval_reset(wok_interval *interval);

/**
 * The next tick is at once, and the others follow it.
 *
 * Threads:    the interval's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_interval_reset_immediately(wok_interval *interval);

/**
 * The next tick is `duration` from now, and the others follow it.
 *
 * Threads:    the interval's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_interval_reset_after(wok_interval *interval, wok_duration duration);

/**
 * The next tick is at `instant`, which may have passed, and the others follow it.
 *
 * Threads:    the interval's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_interval_reset_at(wok_interval *interval, wok_instant instant);

WOK_END_DECLS

#endif
