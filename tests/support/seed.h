/*
 * seed.h - random numbers for property tests of the runtime, printed and repeatable.
 *
 * Each test draws from a generator of its own; its seed goes to stderr, and WOK_TEST_SEED=NUMBER plays
 * a failing run again.
 */
#ifndef WOK_TESTS_SUPPORT_SEED_H
#define WOK_TESTS_SUPPORT_SEED_H

#include <stdio.h>
#include <stdlib.h>

#include "platform/entropy.h"
#include "util/rand.h"
#include "util/seed.h"

static inline struct wok__rand test_rand(void)
{
    uint64_t seed;
    int given = wok__seed_given(&seed);
    struct wok__rand rand;

    if (given < 0)
        exit(EXIT_FAILURE);
    if (given == 0)
        seed = wok__rand_entropy();
    fprintf(stderr, "WOK_TEST_SEED=%llu\n", (unsigned long long)seed);
    wok__rand_seed(&rand, seed);
    return rand;
}

#endif
