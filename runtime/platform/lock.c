/*
 * lock.c - what a lock does when it is not free: it spins a little, then sleeps.
 *
 * Invariants
 *   L1  who leaves the spin without the lock sets CONTENDED and keeps it when it gets the lock, since it
 *       cannot know whether others sleep; the price is one wake too many at the end of a convoy.
 *   L2  a give that finds CONTENDED wakes one; that one sets CONTENDED again, so the rest are
 *       woken one by one as the lock is given.
 *
 * The spin adapts without counting: it ends as soon as the word says CONTENDED, because then
 * somebody has found that the holder takes long, or has been put to sleep itself.  Its length is
 * about that of one futex call: spinning longer costs more than sleeping.
 */
#include "platform/lock.h"

#include "platform/futex.h"

_Static_assert(sizeof(struct wok__lock) == sizeof(atomic_u32), "a lock is one futex");

/* With pauses of 1, 2, 4, ... 64 hints, together about 1 us (a hint costs about 8 ns on an EPYC of
 * the second generation). */
#define SPIN_ROUNDS 7

/* The word as the kernel is told of it; atomic_u32 has no name that a public header could use. */
static atomic_u32 *futex_of(struct wok__lock *lock)
{
    return (atomic_u32 *)&lock->word;
}

static bool spin(struct wok__lock *lock)
{
    for (int round = 0; round < SPIN_ROUNDS; round++) {
        uint32_t seen = load_relaxed(&lock->word);

        if (seen == WOK__LOCK_CONTENDED)
            return false;
        if (seen == WOK__LOCK_FREE && wok__lock_try(lock))
            return true;
        for (int pause = 0; pause < 1 << round; pause++)
            spin_hint();
    }
    return false;
}

void wok__lock_take_contended(struct wok__lock *lock)
{
    if (spin(lock))
        return;
    /* [lock.hand-over] the exchange that finds FREE has taken the lock */
    while (exchange_acquire(&lock->word, WOK__LOCK_CONTENDED) != WOK__LOCK_FREE)
        wok__futex_wait(futex_of(lock), WOK__LOCK_CONTENDED);
}

void wok__lock_wake(struct wok__lock *lock)
{
    wok__futex_wake(futex_of(lock), 1);
}
