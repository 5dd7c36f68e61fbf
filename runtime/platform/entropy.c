/*
 * entropy.c - getrandom(2).
 *
 * For 8 bytes it cannot be interrupted or fall short once the kernel's pool is ready, which it is
 * long before any service starts; before that it waits.  A kernel without the call is older than
 * any we support (3.17), but a sandbox may refuse it: time and address layout are then better than
 * a constant, because the number seeds scheduling choices and guards no secret.
 */
#include "platform/entropy.h"

#include <sys/random.h>
#include <time.h>

uint64_t wok__rand_entropy(void)
{
    uint64_t number = 0;
    struct timespec now;

    if (getrandom(&number, sizeof number, 0) == (ssize_t)sizeof number)
        return number;
    clock_gettime(CLOCK_MONOTONIC, &now);
    number = (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec ^ (uint64_t)(uintptr_t)&number;
    return number;
}
