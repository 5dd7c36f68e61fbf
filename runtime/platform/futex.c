/*
 * futex.c - futex(2), which has no wrapper in the C library.
 *
 * Deadlines are absolute: FUTEX_WAIT takes a span, which an interrupted wait would have to compute
 * anew, FUTEX_WAIT_BITSET takes a point on CLOCK_MONOTONIC.  Whatever the kernel answers but
 * ETIMEDOUT (EAGAIN, the word has changed; EINTR, a signal) means the same to the caller: look at
 * the word again.
 */
#include "platform/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#include "platform/sanitizer.h"

#define NS_PER_S UINT64_C(1000000000)

/* The system calls are made with errno kept: a lock must not change what a caller is looking at. */
static long futex(atomic_u32 *word, int operation, uint32_t value, const struct timespec *deadline)
{
    int before = errno;
    long result = syscall(SYS_futex, &word->value, operation | FUTEX_PRIVATE_FLAG, value, deadline,
                          NULL, FUTEX_BITSET_MATCH_ANY);

    if (result < 0)
        result = -errno;
    errno = before;
    return result;
}

void wok__futex_wait(atomic_u32 *word, uint32_t expected)
{
    (void)wok__futex_wait_until(word, expected, UINT64_MAX);
}

#if WOK__TSAN
/* TSan keeps a signal back until the thread enters a call that it knows to block, and this system
 * call is none: so a wait is cut into slices, with such a call after each.  Waits may return early. */
static bool slice(uint64_t deadline_ns, struct timespec *ret_limit)
{
    struct timespec now;

    usleep(0);
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t end_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec + NS_PER_S / 50;
    if (end_ns >= deadline_ns)
        return false;
    ret_limit->tv_sec = (time_t)(end_ns / NS_PER_S);
    ret_limit->tv_nsec = (long)(end_ns % NS_PER_S);
    return true;
}
#endif

int wok__futex_wait_until(atomic_u32 *word, uint32_t expected, uint64_t deadline_ns)
{
    struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / NS_PER_S),
        .tv_nsec = (long)(deadline_ns % NS_PER_S),
    };
    const struct timespec *limit = deadline_ns == UINT64_MAX ? NULL : &deadline;

#if WOK__TSAN
    struct timespec part;
    if (slice(deadline_ns, &part)) {
        futex(word, FUTEX_WAIT_BITSET, expected, &part);
        return 0;
    }
#endif
    return futex(word, FUTEX_WAIT_BITSET, expected, limit) == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

void wok__futex_wake(atomic_u32 *word, int count)
{
    futex(word, FUTEX_WAKE, (uint32_t)count, NULL);
}
