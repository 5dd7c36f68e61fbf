/*
 * stress.h - a million tokens through a channel, and what becomes of each.
 *
 * A token is a number from 1; it ends up received, destroyed, or kept by a sender that could not send
 * it.  Counts and sums of the three must add up to what was made.  The sanitizers run fewer.
 */
#ifndef WOK_TESTS_CHANNEL_STRESS_H
#define WOK_TESTS_CHANNEL_STRESS_H

#include <errno.h>

#include "platform/atomic.h"
#include "platform/sanitizer.h"
#include "support/seed.h"
#include "support/wok_test.h"

#if WOK__TSAN
#define TOKENS UINT64_C(40000)
#elif WOK__ASAN
#define TOKENS UINT64_C(100000)
#else
#define TOKENS UINT64_C(1000000)
#endif

enum { WORKERS = 4 };

struct tally {
    atomic_u64 count, sum;
};

static struct tally received, destroyed, kept;

static inline void tally_add(struct tally *tally, uint64_t token)
{
    fetch_add_relaxed(&tally->count, 1);
    fetch_add_relaxed(&tally->sum, token);
}

static inline void destroy_token(uint64_t *token)
{
    tally_add(&destroyed, *token);
}

/* Every token from 1 to `count` ended up in one place. */
static inline void check_tallies(uint64_t count)
{
    uint64_t sum =
        load_relaxed(&received.sum) + load_relaxed(&destroyed.sum) + load_relaxed(&kept.sum);

    cr_assert_eq(load_relaxed(&received.count) + load_relaxed(&destroyed.count) +
                     load_relaxed(&kept.count),
                 count);
    cr_assert_eq(sum, count * (count + 1) / 2);
}

/* One in a hundred. */
static inline bool rarely(struct wok__rand *rand)
{
    return wok__rand_below(rand, 100) == 0;
}

/* Waits that were not over at once, and those of them that were given up. */
static atomic_u64 waited, given_up;

/* Whoever is about to wait asks this: one in fifty has a deadline, that has passed or comes before, during
 * or after what is waited for. */
static inline bool is_in_a_hurry(struct wok__rand *rand)
{
    fetch_add_relaxed(&waited, 1);
    return wok__rand_below(rand, 50) == 0;
}

static inline wok_instant soon(struct wok__rand *rand)
{
    if (wok__rand_below(rand, 3) != 0)
        return (wok_instant){0};
    return wok_after(wok_ns(wok__rand_below(rand, wok__rand_below(rand, 2) == 0 ? 1000 : 30000)));
}

/* The code of a wait with a deadline. */
static inline int note_given_up(int code)
{
    if (code == -ETIMEDOUT)
        fetch_add_relaxed(&given_up, 1);
    return code;
}

/* A sender that never blocks calls this after each token, with how many were sent: it goes on once the waits
 * are one in `tokens`. Otherwise it would be the machine that decides how often a receiver finds nothing. Each
 * receiver counts one more when it has taken what is there, so this comes to an end. */
static inline void let_receivers_wait(uint64_t sent, uint64_t tokens)
{
    while (load_relaxed(&waited) * tokens < sent)
        (void)wok_yield();
}

/* At least `waits` were waits, and about one in a hundred of them was given up; what is asked for is below
 * that by what chance may do to the few under a sanitizer. */
static inline void check_given_up(uint64_t waits)
{
    cr_assert_geq(load_relaxed(&waited), waits);
    cr_assert_geq(load_relaxed(&given_up) * 200, load_relaxed(&waited));
}

#endif
