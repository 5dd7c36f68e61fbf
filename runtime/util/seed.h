/*
 * seed.h - the seed that the environment names.
 *
 * Whoever sets it wants to see one run again: a value that is no seed must not become another run.
 */
#ifndef WOK_UTIL_SEED_H
#define WOK_UTIL_SEED_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number from 1 on, in decimal, or in hexadecimal behind 0x. */
static inline bool wok__seed_parse(const char *text, uint64_t *ret_seed)
{
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = is_hex ? text + 2 : text;
    char *end;

    if (*digits == '\0' || digits[strspn(digits, "0123456789abcdefABCDEF")] != '\0')
        return false; /* strtoull(3) takes blanks and a sign */
    errno = 0;
    *ret_seed = strtoull(digits, &end, is_hex ? 16 : 10);
    return errno == 0 && *end == '\0' && *ret_seed != 0;
}

/* WOK_TEST_SEED: 1 and the seed; 0 if it is not set, or empty; -EINVAL, after a line on stderr, if it
 * is no seed. */
static inline int wok__seed_given(uint64_t *ret_seed)
{
    const char *text = getenv("WOK_TEST_SEED");

    if (text == NULL || *text == '\0')
        return 0;
    if (wok__seed_parse(text, ret_seed))
        return 1;
    fprintf(stderr,
            "WOK_TEST_SEED=%s in the environment is no seed: a number from 1 to %llu is one, in "
            "decimal, or in hexadecimal behind 0x\n",
            text, (unsigned long long)UINT64_MAX);
    return -EINVAL;
}

#endif
