/*
 * clock.c - CLOCK_MONOTONIC, or a number that only a test moves.
 *
 * A real clock is a paused one whose number is zero, so that reading the time looks at one word
 * and the choice needs no field of its own.  CLOCK_MONOTONIC stands still while the machine is
 * suspended and is what epoll, futexes and timers count by; it is never set back.
 */
#include "time/clock.h"

#include <assert.h>
#include <time.h>

void wok__clock_init(struct wok__clock *clock, bool paused)
{
    store_relaxed(&clock->paused_ns, paused ? WOK__CLOCK_PAUSED_START_NS : 0);
}

uint64_t wok__clock_now(const struct wok__clock *clock)
{
    /* [clock.advance] what happened before the clock was moved is visible to who sees the time */
    uint64_t paused_ns = load_acquire(&clock->paused_ns);
    struct timespec now;

    if (paused_ns != 0)
        return paused_ns;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void wok__clock_advance_to(struct wok__clock *clock, uint64_t ns)
{
    uint64_t seen = load_relaxed(&clock->paused_ns);

    assert(seen != 0); /* a real clock cannot be moved */
    while (seen < ns && !cas_release(&clock->paused_ns, &seen, ns)) /* [clock.advance] */
        ;
}
