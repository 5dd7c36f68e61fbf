/*
 * permits.h - a number of permits and the queue of those who wait for some.
 *
 * A semaphore, a mutex (one permit) and a read-write lock (a reader takes one permit, a writer all)
 * are this with different figures.  The word holds the free permits and two flags:
 *
 *     63                                       2      1        0
 *     | free permits, less `bias`, modulo 2^62 | CLOSED | WAITERS |
 *
 * `bias` is a constant of each kind: what it has free when its memory is zero.  So a static mutex
 * needs no initialisation, and neither does a semaphore, which begins with none.
 *
 * Invariants
 *   P1  WAITERS is set and cleared under the lock, and is set exactly while the queue is not empty.
 *   P2  While WAITERS is set only the lock's holder writes the word.  Otherwise anybody changes the
 *       number of permits by a compare-and-swap: without contention that is all.
 *   P3  When the lock is given back, whoever is at the head of the queue needs more permits than are
 *       free.  So no one sleeps beside a permit, and nobody overtakes: where WAITERS is set the only
 *       way to a permit is the queue.
 *   P4  Permits are free, with a holder, or with a waiter that was woken and has not polled since; one
 *       that is dropped then gives them back.
 *
 * An unlock may be the last use of an object that its next holder frees: the compare-and-swap, or the
 * end of the critical section which the next holder has to pass before it knows that it is one, is
 * the last time that the memory is touched.
 */
#ifndef WOK_SYNC_PERMITS_H
#define WOK_SYNC_PERMITS_H

#include <stdbool.h>
#include <stdint.h>

#include <wok/semaphore.h>

#include "platform/atomic.h"

enum {
    WOK__PERMITS_WAITERS = 1,
    WOK__PERMITS_CLOSED = 2,
    WOK__PERMIT = 4, /* one of them, in the word */
};

/* The free permits that a word tells of. */
static inline uint64_t wok__permits_free(uint64_t word, uint64_t bias)
{
    return (word / WOK__PERMIT + bias) % (UINT64_C(1) << 62);
}

/* True if a request for `count` need not wait. */
static inline bool wok__permits_suffice(uint64_t word, uint64_t count, uint64_t bias)
{
    return (word & (WOK__PERMITS_WAITERS | WOK__PERMITS_CLOSED)) == 0 &&
           wok__permits_free(word, bias) >= count;
}

/* Takes permits if that need not wait. */
static inline bool wok__permits_try(struct wok__permits *permits, uint64_t count, uint64_t bias)
{
    uint64_t word = load_relaxed(&permits->word);

    do {
        if (!wok__permits_suffice(word, count, bias))
            return false;
        /* [permits.free] what the holders before did is visible */
    } while (!cas_acquire(&permits->word, &word, word - count * WOK__PERMIT));
    return true;
}

/* permits.c: gives permits back where somebody waits. */
void wok__permits_release_contended(struct wok__permits *permits, uint64_t count, uint64_t bias);

/* Gives permits back if from `least` to `most` are free; false: not so many are, and whoever calls does
 * not hold what he gives.  What others do at the same time changes nothing of the answer for a holder. */
static inline bool wok__permits_give(struct wok__permits *permits, uint64_t count, uint64_t least,
                                     uint64_t most, uint64_t bias)
{
    uint64_t word = load_relaxed(&permits->word);

    do {
        if (__builtin_expect(wok__permits_free(word, bias) - least > most - least, 0))
            return false;
        if ((word & WOK__PERMITS_WAITERS) != 0) {
            wok__permits_release_contended(permits, count, bias);
            return true;
        }
        /* [permits.free] what this holder did is visible to the next */
    } while (!cas_release(&permits->word, &word, word + count * WOK__PERMIT));
    return true;
}

static inline void wok__permits_release(struct wok__permits *permits, uint64_t count, uint64_t bias)
{
    (void)wok__permits_give(permits, count, 0, UINT64_MAX, bias);
}

/* stray.c: panics at the place of `call`, which would unlock what is not locked so. */
WOK_NORETURN void wok__stray_unlock(const char *file, int line, const char *call, const void *lock);

/* The poll and the drop of an operation that acquires `op->amount` permits: 0, or -EPIPE if they are
 * closed. */
wok_poll wok__permits_poll(struct wok__permits *permits, wok_op *op, wok_cx *cx, uint64_t bias);
void wok__permits_drop(struct wok__permits *permits, wok_op *op, uint64_t bias);

/* Wakes all waiters, and lets none wait any more. */
void wok__permits_close(struct wok__permits *permits);

/* Takes at most `count` free permits away; returns how many. */
uint64_t wok__permits_forget(struct wok__permits *permits, uint64_t count, uint64_t bias);

#endif
