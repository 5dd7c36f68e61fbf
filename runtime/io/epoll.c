/*
 * epoll.c - a worker's wait: epoll_pwait2, an eventfd to be woken by, and the dispatch of a batch.
 *
 * The events of a turn lie on the caller's stack, so a turn needs no guard: the owner's and an
 * assisting worker's may run at once, each with events that the other did not get.
 *
 *          sleep_begin               wok__epoll_wake: one write
 *     AWAKE ----------> ASLEEP --------------------------------> RUNG
 *       |  \               |                                       |
 *       |   `-- wok__epoll_wake: no system call ---> WOKEN         |
 *       +------------------+-------- sleep_end ------+-------------+
 *
 * Every arrow is a read-modify-write of one word, so a wake either comes before the owner sleeps,
 * which then does not, or sees it asleep and writes.  RUNG is told from WOKEN for those who assist: a
 * write that they meet is still on its way to the owner only if it was RUNG.
 *
 * The eventfd is edge-triggered and never read: each write is an edge, and the count does not overflow
 * in five hundred years of a wake per ns.
 */
#include "io/epoll.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
    DISPATCH_MAX = 16, /* events for one holding of the lock: others register meanwhile */
};

enum { AWAKE, ASLEEP, WOKEN, RUNG };

/* No slot has this number (io.c: NO_SLOT). */
#define WAKE_TOKEN UINT64_MAX

/* Set when the kernel has no epoll_pwait2. */
static atomic_flag_t milliseconds_only;

void wok__epoll_use_milliseconds(void)
{
    store_relaxed(&milliseconds_only, true);
}

static int add(struct wok__driver *driver, int fd, uint32_t events, wok__token token)
{
    struct epoll_event event = {.events = events, .data.u64 = token};
    return epoll_ctl(driver->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int wok__epoll_init(struct wok__driver *driver)
{
    int error;

    driver->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (driver->epoll_fd < 0)
        return -errno;
    driver->wake_fd = driver->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    error = driver->wake_fd < 0 ? -errno : 0;
    if (error == 0)
        error = add(driver, driver->wake_fd, EPOLLIN | EPOLLET, WAKE_TOKEN);
    if (error < 0)
        wok__epoll_done(driver);
    return error;
}

void wok__epoll_done(struct wok__driver *driver)
{
    if (driver->wake_fd >= 0)
        close(driver->wake_fd);
    if (driver->epoll_fd >= 0)
        close(driver->epoll_fd);
    driver->wake_fd = driver->epoll_fd = -EBADF;
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){
        .tv_sec = (time_t)(ns / 1000000000),
        .tv_nsec = (long)(ns % 1000000000),
    };
}

/* ---- registration -------------------------------------------------------------------------- */

int wok__epoll_attach(struct wok__driver *driver, int fd, wok__token token)
{
    return add(driver, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, token);
}

/*
 * Exclusive: a connection wakes one worker, not all of them.  The kernel passes over an epoll on which
 * nobody waits, so a stuck worker does not swallow it.  Edge-triggered: while the accepting task has
 * not run yet, the drivers do not report the same connection turn after turn.
 */
int wok__epoll_attach_listener(struct wok__driver *driver, int fd, wok__token token)
{
    return add(driver, fd, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE, token);
}

int wok__epoll_attach_kernel(struct wok__driver *driver, int fd, wok__token token)
{
    return add(driver, fd, EPOLLIN | EPOLLET, token);
}

void wok__epoll_detach(struct wok__driver *driver, int fd)
{
    epoll_ctl(driver->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* fails if it was never added */
}

/* ---- sleeping and waking ------------------------------------------------------------------- */

/* False: a wake came before. */
static bool sleep_begin(struct wok__driver *driver)
{
    uint32_t seen = AWAKE;
    return cas_acquire(&driver->sleep, &seen, ASLEEP); /* [driver.wake] */
}

static void sleep_end(struct wok__driver *driver)
{
    if (load_relaxed(&driver->sleep) != AWAKE)
        exchange_acquire(&driver->sleep, AWAKE); /* [driver.wake] the owner sees why it was woken */
}

static void ring(struct wok__driver *driver)
{
    uint64_t one = 1;
    ssize_t written = write(driver->bell_fd, &one, sizeof one);
    assert(written == sizeof one);
    (void)written;
}

void wok__epoll_wake(struct wok__driver *driver)
{
    uint32_t seen = load_relaxed(&driver->sleep);

    /* [driver.wake] what the owner is woken for comes before; also if it was woken already */
    while (!cas_acq_rel(&driver->sleep, &seen, seen == ASLEEP || seen == RUNG ? RUNG : WOKEN))
        ;
    if (seen == ASLEEP)
        ring(driver);
}

bool wok__epoll_is_woken(const struct wok__driver *driver)
{
    return load_acquire(&driver->sleep) >= WOKEN; /* [driver.wake] */
}

/* An epoll is a descriptor that polls as readable while it has events to give. */
uint64_t wok__epoll_wait_all(struct wok__driver *const *drivers, unsigned owned, unsigned count,
                             int poke_fd, uint64_t timeout_ns)
{
    struct pollfd polls[64];
    struct timespec timeout;
    uint64_t ready = 0;

    assert(count < WOK_COUNT(polls));
    polls[count] = (struct pollfd){.fd = poke_fd, .events = POLLIN};
    for (unsigned i = 0; i < count; i++) {
        polls[i] = (struct pollfd){.fd = drivers[i]->epoll_fd, .events = POLLIN};
        if (timeout_ns != 0 && i < owned && !sleep_begin(drivers[i]))
            timeout_ns = 0;
    }
    timeout = timespec_of(timeout_ns);
    if (ppoll(polls, count + 1, timeout_ns != UINT64_MAX ? &timeout : NULL, NULL) > 0)
        for (unsigned i = 0; i < count; i++)
            ready |= (uint64_t)(polls[i].revents != 0) << i;
    for (unsigned i = 0; i < owned; i++) {
        uint32_t seen = ASLEEP;
        (void)cas_acquire(&drivers[i]->sleep, &seen, AWAKE); /* [driver.wake]; WOKEN stays */
    }
    return ready;
}

/* ---- the turn ------------------------------------------------------------------------------ */

static int wait_milliseconds(struct wok__driver *driver, struct epoll_event *events,
                             unsigned events_max, uint64_t timeout_ns)
{
    int timeout_ms = -1;

    if (timeout_ns != UINT64_MAX) {
        /* Rounded up: a timer may be late, but a turn that ends early would be one for nothing. */
        uint64_t rounded = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
        timeout_ms = rounded > INT32_MAX ? INT32_MAX : (int)rounded;
    }
    return epoll_wait(driver->epoll_fd, events, (int)events_max, timeout_ms);
}

static int wait_events(struct wok__driver *driver, struct epoll_event *events, unsigned events_max,
                       uint64_t timeout_ns)
{
    struct timespec timeout = timespec_of(timeout_ns);
    int count = -1;

    if (timeout_ns != 0 && timeout_ns != UINT64_MAX && !load_relaxed(&milliseconds_only)) {
        count = epoll_pwait2(driver->epoll_fd, events, (int)events_max, &timeout, NULL);
        if (count >= 0 || errno == EINTR)
            return count < 0 ? 0 : count;
        if (errno != ENOSYS && errno != EPERM)
            return -errno;
        wok__epoll_use_milliseconds(); /* an old kernel, or a filter that does not know the call */
    }
    count = wait_milliseconds(driver, events, events_max, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    return count;
}

static uint32_t ready_of(uint32_t events)
{
    uint32_t ready = 0;

    if (events & EPOLLIN)
        ready |= WOK__READABLE;
    if (events & EPOLLOUT)
        ready |= WOK__WRITABLE;
    if (events & EPOLLRDHUP)
        ready |= WOK__HALF;
    if (events & (EPOLLHUP | EPOLLERR))
        ready |= WOK__DEAD;
    return ready;
}

/* The number of events that were not the driver's own. */
static int dispatch(struct wok__driver *driver, const struct epoll_event *events, int count,
                    bool owner)
{
    int dispatched = 0;

    for (int begin = 0; begin < count; begin += DISPATCH_MAX) {
        int end = count - begin > DISPATCH_MAX ? begin + DISPATCH_MAX : count;
        wok__lock_take(&driver->lock);
        for (int i = begin; i < end; i++) {
            if (events[i].data.u64 != WAKE_TOKEN) {
                wok__driver_dispatch(driver, events[i].data.u64, ready_of(events[i].events));
                dispatched++;
            } else if (!owner && load_relaxed(&driver->sleep) == RUNG) {
                ring(driver); /* it was meant for the owner, which may be waiting still */
            }
        }
        wok__lock_give(&driver->lock);
    }
    return dispatched;
}

int wok__epoll_turn(struct wok__driver *driver, uint64_t timeout_ns, bool owner)
{
    struct epoll_event events[WOK__TURN_EVENTS_MAX]; /* 12 KiB of the worker's own stack */

    if (timeout_ns != 0 && (!owner || !sleep_begin(driver)))
        timeout_ns = 0;
    unsigned events_max = owner ? driver->turn_events : driver->turn_events_max;
    int count = wait_events(driver, events, events_max, timeout_ns);
    if (owner)
        sleep_end(driver);
    return count <= 0 ? count : dispatch(driver, events, count, owner);
}
