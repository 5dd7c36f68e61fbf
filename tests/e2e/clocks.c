/*
 * clocks.c - clocks that jump, for one process: preloaded into it, this adds to CLOCK_REALTIME and to
 * CLOCK_MONOTONIC what the file that WOK_TEST_CLOCKS names says, two 64-bit numbers of nanoseconds.
 *
 * What the kernel counts itself, the wait of a poll, goes on as it was; a jump is noticed when the process is
 * woken, as it is after a suspended machine goes on.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *jumps; /* of the file: [0] real time, [1] monotonic time */

__attribute__((constructor)) static void map_jumps(void)
{
    const char *path = getenv("WOK_TEST_CLOCKS");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd >= 0 ? mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (map == MAP_FAILED)
        abort();
    jumps = map;
    close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int code = (int)syscall(SYS_clock_gettime, clock, ret);
    int64_t jump = 0;

    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        jump = jumps[0];
    else if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
        jump = jumps[1];
    if (code == 0) {
        int64_t ns = ret->tv_nsec + jump % 1000000000;
        ret->tv_sec += jump / 1000000000 + (ns >= 1000000000) - (ns < 0);
        ret->tv_nsec = (ns + 1000000000) % 1000000000;
    }
    return code;
}

time_t time(time_t *ret)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret != NULL)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
