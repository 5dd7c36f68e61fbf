/*
 * entropy.h - numbers that nobody can guess, from the kernel.
 */
#ifndef WOK_PLATFORM_ENTROPY_H
#define WOK_PLATFORM_ENTROPY_H

#include <stdint.h>

/* A number from getrandom(2); never fails and costs a system call. */
uint64_t wok__rand_entropy(void);

#endif
