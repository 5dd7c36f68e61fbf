/*
 * clock.h - the runtime's clock: the kernel's, or one that a test moves by hand.
 */
#ifndef WOK_TIME_CLOCK_H
#define WOK_TIME_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/atomic.h"

/* Where a paused clock starts: not zero, so that code which takes zero for "no time" shows. */
#define WOK__CLOCK_PAUSED_START_NS UINT64_C(1000000000)

struct wok__clock {
    atomic_u64 paused_ns; /* zero: the clock is real; any thread, it only grows */
};

void wok__clock_init(struct wok__clock *clock, bool paused);

/* CLOCK_MONOTONIC, about 25 to 50 ns, or the paused clock's value. */
uint64_t wok__clock_now(const struct wok__clock *clock);

static inline bool wok__clock_is_paused(const struct wok__clock *clock)
{
    return load_relaxed(&clock->paused_ns) != 0; /* constant since the start, but for its value */
}

/* Moves a paused clock to `ns`, unless it is there or later already.  Any thread. */
void wok__clock_advance_to(struct wok__clock *clock, uint64_t ns);

#endif
