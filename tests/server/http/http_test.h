/*
 * http_test.h - what the tests of the codec share: a seeded random source.
 *
 * The seed is printed, and WOK_TEST_SEED replays it.  The codec links no runtime, so its tests have
 * their own few lines instead of the runtime's generator.
 */
#ifndef WOK_TESTS_HTTP_TEST_H
#define WOK_TESTS_HTTP_TEST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct http_test_rand {
    uint64_t state;
};

static inline struct http_test_rand http_test_rand(void)
{
    const char *given = getenv("WOK_TEST_SEED");
    char *end = NULL;
    uint64_t seed = given != NULL ? strtoull(given, &end, 0) : (uint64_t)time(NULL);

    if (given != NULL && (end == given || *end != '\0')) {
        fprintf(stderr, "WOK_TEST_SEED=%s is no number\n", given);
        exit(EXIT_FAILURE);
    }
    fprintf(stderr, "WOK_TEST_SEED=%llu\n", (unsigned long long)seed);
    return (struct http_test_rand){seed};
}

/* splitmix64, reduced by a remainder: the bias does not matter to a test. */
static inline uint64_t http_test_below(struct http_test_rand *rand, uint64_t limit)
{
    uint64_t z = rand->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % limit;
}

#endif
