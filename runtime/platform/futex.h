/*
 * futex.h - sleeping in the kernel until a word changes.
 *
 * The words are private to the process.  A wait may return for no reason: the caller looks at its
 * word again and decides.  The calls carry no memory ordering of their own, that is the business
 * of the atomic accesses around them.
 */
#ifndef WOK_PLATFORM_FUTEX_H
#define WOK_PLATFORM_FUTEX_H

#include <stdint.h>

#include "platform/atomic.h"

/* Sleeps while `*word` is `expected`, until wok__futex_wake; may return early. */
void wok__futex_wait(atomic_u32 *word, uint32_t expected);

/* As wok__futex_wait, until CLOCK_MONOTONIC shows `deadline_ns`; UINT64_MAX waits without a limit.
 * -ETIMEDOUT when the deadline has passed, else 0. */
int wok__futex_wait_until(atomic_u32 *word, uint32_t expected, uint64_t deadline_ns);

/* Wakes at most `count` threads that wait on `word`; INT_MAX wakes all. */
void wok__futex_wake(atomic_u32 *word, int count);

#endif
