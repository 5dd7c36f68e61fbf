/*
 * lock.h - a mutex of four bytes, for critical sections of a few dozen instructions.
 *
 * Zero is free, so a lock needs no initialisation and no destruction.  Taking and giving it without
 * contention is one read-modify-write each, inline.
 *
 *            take                        a second taker sleeps
 *     FREE --------> HELD ------------------------------------> CONTENDED
 *      ^              |                                             |
 *      +---- give ----+---------------- give wakes one -------------+
 *
 * Not recursive, not fair, and not for stackful tasks to hold across a suspension: the holder is a
 * thread.  Why not pthread_mutex_t: 40 bytes where a timer wheel or a size class wants 4, and the
 * model checker can explore this one.  The states are those of Drepper, "Futexes are tricky" (2011).
 * The struct is public (wok/future.h), because objects in the caller's memory hold one.
 */
#ifndef WOK_PLATFORM_LOCK_H
#define WOK_PLATFORM_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/future.h>

#include "platform/atomic.h"

enum {
    WOK__LOCK_FREE = 0,
    WOK__LOCK_HELD = 1,
    WOK__LOCK_CONTENDED = 2, /* held, and somebody may sleep */
};

/* lock.c: spins a little, then sleeps. */
void wok__lock_take_contended(struct wok__lock *lock);
/* lock.c: wakes one sleeper. */
void wok__lock_wake(struct wok__lock *lock);

/* Takes the lock if it is free; true: the caller holds it. */
static inline bool wok__lock_try(struct wok__lock *lock)
{
    uint32_t seen = WOK__LOCK_FREE;
    /* [lock.hand-over] what the last holder did is visible to this one */
    return cas_acquire(&lock->word, &seen, WOK__LOCK_HELD);
}

static inline void wok__lock_take(struct wok__lock *lock)
{
    if (__builtin_expect(!wok__lock_try(lock), 0))
        wok__lock_take_contended(lock);
}

static inline void wok__lock_give(struct wok__lock *lock)
{
    /* [lock.hand-over] */
    uint32_t before = exchange_release(&lock->word, WOK__LOCK_FREE);
    if (__builtin_expect(before == WOK__LOCK_CONTENDED, 0))
        wok__lock_wake(lock);
}

/* wok__lock_give for WOK_CLEANUP: the lock is given back on every way out. */
static inline void wok__lock_givep(struct wok__lock **lock)
{
    if (*lock != NULL)
        wok__lock_give(*lock);
}

#endif
