/*
 * rand.h - random numbers that a seed repeats.
 *
 * Every random choice of a runtime comes from generators that are seeded from one number, so that
 * a failing run can be played again.  The generator is xoshiro256** (Blackman and Vigna, 2018),
 * its seed stretched by SplitMix64 as they advise: 256 bits of state, no bad seeds, about a
 * nanosecond.  It is no source of secrets; platform/entropy.h is.
 */
#ifndef WOK_UTIL_RAND_H
#define WOK_UTIL_RAND_H

#include <stdint.h>

/* Belongs to one thread. */
struct wok__rand {
    uint64_t state[4]; /* never all zero */
};

/* One step of SplitMix64: turns `*state`, any value, into a well mixed number. */
static inline uint64_t wok__rand_split(uint64_t *state)
{
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio */

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

static inline void wok__rand_seed(struct wok__rand *rand, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        rand->state[i] = wok__rand_split(&seed);
}

static inline uint64_t wok__rand_rotate(uint64_t word, int count)
{
    return word << count | word >> (64 - count);
}

static inline uint64_t wok__rand_next(struct wok__rand *rand)
{
    uint64_t *state = rand->state;
    uint64_t result = wok__rand_rotate(state[1] * 5, 7) * 9;
    uint64_t shifted = state[1] << 17;

    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = wok__rand_rotate(state[3], 45);
    return result;
}

/* A number in [0, n), every one as likely; `n` is not zero.  Lemire's multiplication: a division
 * only where the draw falls into the last, incomplete share (ACM TOMACS 29(1), 2019). */
static inline uint64_t wok__rand_below(struct wok__rand *rand, uint64_t n)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)wok__rand_next(rand) * n;

    if ((uint64_t)product < n) {
        uint64_t incomplete = (0 - n) % n;
        while ((uint64_t)product < incomplete)
            product = (wide)wok__rand_next(rand) * n;
    }
    return (uint64_t)(product >> 64);
}

#endif
