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

static inline struct wok__rand test_rand(void)
{
    const char *given = getenv("WOK_TEST_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : wok__rand_entropy();
    struct wok__rand rand;

    fprintf(stderr, "WOK_TEST_SEED=%llu\n", (unsigned long long)seed);
    wok__rand_seed(&rand, seed);
    return rand;
}

#endif
