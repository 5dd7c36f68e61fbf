/*
 * timer.h - a worker's timers: its wheel, under a lock.
 */
#ifndef WOK_TIME_TIMER_H
#define WOK_TIME_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/future.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "time/wheel.h"

struct wok_runtime;

/* Embedded in a worker.  Any thread may insert and remove, and any worker may fire: the owner in
 * its turns, another one while the owner is stuck. */
struct wok__timers {
    struct wok__lock lock;
    struct wok__wheel wheel;  /* the lock, as the next four */
    struct wok__timer *never; /* sleeps without an end, a circle: no clock ever gets there */
    size_t never_count;
    bool closed;               /* no timer is taken any more */
    bool closed_outside;       /* none of a plain thread in no call of the runtime */
    atomic_u64 sleeping_until; /* when the owner will look by itself; 0 while it is awake; the lock
                                  orders it against insertions */
    atomic_u64 assisted_until; /* the same of who waits in place of an owner that is blocked */
};

void wok__timers_init(struct wok__timers *timers, uint64_t now_ns);

/* Fires every timer that is due: its task is woken.  How many. */
size_t wok__timers_fire(struct wok__timers *timers, uint64_t now_ns);

/* The owner is going to sleep: when it has to be back, UINT64_MAX for never.  From here on an
 * earlier insertion wakes it. */
uint64_t wok__timers_sleep(struct wok__timers *timers);

/* The owner is awake. */
void wok__timers_awake(struct wok__timers *timers);

/* The same two for whoever waits in place of the owner; one thread at a time. */
uint64_t wok__timers_assist(struct wok__timers *timers);
void wok__timers_unassist(struct wok__timers *timers);

/* Brings the wheel to `now_ns` and fires nothing: 0 if a timer is due, else a lower bound of the
 * earliest deadline; UINT64_MAX: none. */
uint64_t wok__timers_next(struct wok__timers *timers, uint64_t now_ns);

/* How many timers there are. */
size_t wok__timers_count(struct wok__timers *timers);

/* A shutdown gave up: plain threads that wait here, and those that come later, are told -ECANCELED.
 * Tasks and blocking calls, which run on, keep their timers. */
void wok__timers_close_outside(struct wok__timers *timers);

/* The workers have ended: whoever still waits here, a plain thread, is told -ECANCELED, and so is
 * who comes later.  Nobody touches the timers for a timer that was told, also after they are gone. */
void wok__timers_close(struct wok__timers *timers);

/* ---- a timer, inside an operation ----------------------------------------------------------- */

/* WOK_READY at the deadline or later, WOK_PENDING before, -ECANCELED in a runtime that is gone.  A
 * deadline that has passed before the first poll yields once. */
wok_poll wok__timer_poll(struct wok__timer *timer, wok_cx *cx);

/* Takes the timer out of where it is; it is new again. */
void wok__timer_drop(struct wok__timer *timer);

/* ---- from the scheduler ---------------------------------------------------------------------- */

/* The timers of a worker. */
struct wok__timers *wok__timers_nth(struct wok_runtime *runtime, unsigned worker);

/* Whose wheel takes a timer of the calling thread: its own worker's, or any. */
unsigned wok__timers_home(struct wok_runtime *runtime);

/* Makes a sleeping worker look at its timers. */
void wok__timers_nudge(struct wok_runtime *runtime, unsigned worker);

#endif
