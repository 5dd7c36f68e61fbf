/*
 * fd.c - descriptors of any kind: what is remembered of their readiness, and waiting for it.
 *
 * A bit for each direction says "an event came, and nobody has found it used up since".  It is set by
 * the driver's event and cleared before the system call that may use it up, so an event that comes
 * meanwhile is kept.  Others may use up what there is without telling: a wait that begins while the
 * bit is set therefore asks poll(2).  A wait that was woken was woken by an event, and is ready.
 *
 * Invariants (the descriptor's lock, which is taken under its driver's)
 *   F1  a bit that is not set is so since a look at the descriptor that found nothing, and no event
 *       has come since: the kernel will report one (EPOLLET) when that changes.
 *   F2  a waiter is listed only while the bit of its direction is not set; the event that sets it
 *       wakes all who are listed for it.
 *
 * Not a wok__io: there readiness is a stream's, with one task for each direction and ends that are
 * for ever.  A FIFO or a terminal can be hung up and be opened again.
 */
#include <wok/fd.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <wok/select.h>

#include "io/driver.h"
#include "task/context.h"
#include "task/task.h"
#include "task/waiters.h"

enum { DIRECTIONS = 2 };

struct wok_fd {
    struct wok__watch watch;
    struct wok__driver *driver; /* constant, as the next two */
    wok__token token;
    int descriptor;

    struct wok__lock lock;
    uint32_t ready; /* a bit for each direction; the lock, as the next one */
    struct wok__waiters waiters[DIRECTIONS];
};

static uint32_t bit_of(wok_fd_direction direction)
{
    return 1u << direction;
}

/* Under the lock of the driver that saw the event.  An end or an error can be read and written. */
static void on_event(struct wok__watch *watch, uint32_t events)
{
    wok_fd *fd = (wok_fd *)watch;
    struct wok__wakes wakes = {0};
    uint32_t ready = 0;

    if (events & (WOK__READABLE | WOK__HALF | WOK__DEAD))
        ready |= bit_of(WOK_FD_READ);
    if (events & (WOK__WRITABLE | WOK__DEAD))
        ready |= bit_of(WOK_FD_WRITE);
    wok__lock_take(&fd->lock);
    fd->ready |= ready;
    for (unsigned i = 0; i < DIRECTIONS; i++)
        while ((ready & 1u << i) != 0 && fd->waiters[i].first != NULL)
            wok__waiters_wake(&fd->waiters[i], fd->waiters[i].first, &wakes);
    wok__lock_give(&fd->lock);
    wok__wakes_push(&wakes);
}

/* ---- life ---------------------------------------------------------------------------------- */

int wok_fd_new(wok_fd **ret_fd, int descriptor)
{
    struct wok_runtime *runtime = wok__here()->runtime;
    wok_fd *fd;

    if (runtime == NULL || ret_fd == NULL)
        return -EINVAL;
    fd = calloc(1, sizeof *fd);
    if (fd == NULL)
        return -ENOMEM;
    fd->watch.event = on_event;
    fd->driver = wok__driver_pick(runtime);
    fd->descriptor = descriptor;
    fd->ready = bit_of(WOK_FD_READ) | bit_of(WOK_FD_WRITE); /* nobody has looked yet */

    int error = wok__watch_descriptor(&fd->watch, fd->driver, descriptor, &fd->token);
    if (error < 0) {
        free(fd);
        return error;
    }
    *ret_fd = fd;
    return 0;
}

void wok_fd_free(wok_fd *fd)
{
    if (fd == NULL)
        return;
    wok__unwatch(fd->driver, fd->descriptor, fd->token);
    for (unsigned i = 0; i < DIRECTIONS; i++)
        assert(fd->waiters[i].first == NULL);
    free(fd);
}

void wok_fd_freep(wok_fd **fd)
{
    wok_fd_free(*fd);
}

int wok_fd_descriptor(const wok_fd *fd)
{
    return fd->descriptor;
}

/* ---- readiness ----------------------------------------------------------------------------- */

/* Takes what is remembered of a direction: true if there may be something. */
static bool claim(wok_fd *fd, wok_fd_direction direction)
{
    wok__lock_take(&fd->lock);
    bool ready = (fd->ready & bit_of(direction)) != 0;
    fd->ready &= ~bit_of(direction);
    wok__lock_give(&fd->lock);
    return ready;
}

/* There is, or may be, something left.  Who has begun to wait meanwhile (F2) is told. */
static void restore(wok_fd *fd, wok_fd_direction direction)
{
    struct wok__waiters *waiters = &fd->waiters[direction];
    struct wok__wakes wakes = {0};

    wok__lock_take(&fd->lock);
    fd->ready |= bit_of(direction);
    while (waiters->first != NULL)
        wok__waiters_wake(waiters, waiters->first, &wakes);
    wok__lock_give(&fd->lock);
    wok__wakes_push(&wakes);
}

ssize_t wok_fd_try(wok_fd *fd, wok_fd_direction direction, wok_fd_call call, void *argument)
{
    ssize_t result;

    if (!claim(fd, direction))
        return -EAGAIN;
    do
        result = call(fd->descriptor, argument);
    while (result == -1 && errno == EINTR);
    if (result == -1)
        result = -errno;
    if (result != -EAGAIN)
        restore(fd, direction);
    return result;
}

/* What poll(2) says now: 1 ready, 0 not, or -EBADF. */
static int look(const wok_fd *fd, wok_fd_direction direction)
{
    struct pollfd entry = {
        .fd = fd->descriptor,
        .events = direction == WOK_FD_READ ? POLLIN | POLLRDHUP : POLLOUT,
    };

    while (poll(&entry, 1, 0) < 0)
        if (errno != EINTR)
            return 1; /* no memory in the kernel: the caller's own system call will tell */
    if (entry.revents & POLLNVAL)
        return -EBADF;
    return entry.revents != 0;
}

/* ---- waiting ------------------------------------------------------------------------------- */

enum found { WAITS, WOKEN, REMEMBERED };

/* Lists the operation, unless it was woken or there may be something already. */
static enum found find(wok_fd *fd, wok_op *op, wok_fd_direction direction, struct wok_task *task)
{
    enum found found = WAITS;

    wok__lock_take(&fd->lock);
    if (op->waiter.state == WOK__WAITER_WOKEN)
        found = WOKEN;
    else if (fd->ready & bit_of(direction))
        found = REMEMBERED;
    else
        wok__waiters_add(&fd->waiters[direction], &op->waiter, task);
    wok__lock_give(&fd->lock);
    return found;
}

static wok_poll readiness(wok_op *op, wok_fd_direction direction, wok_cx *cx)
{
    wok_fd *fd = op->object;
    enum found found;

    while ((found = find(fd, op, direction, cx->task)) == REMEMBERED) {
        claim(fd, direction);
        int ready = look(fd, direction);
        if (ready != 0)
            restore(fd, direction);
        if (ready < 0)
            return ready;
        if (ready > 0)
            break;
    }
    if (found == WAITS || !wok__budget_take(cx))
        return WOK_PENDING;
    return WOK_READY;
}

static wok_poll readable_op_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return readiness(self, WOK_FD_READ, cx);
}

static wok_poll writable_op_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return readiness(self, WOK_FD_WRITE, cx);
}

static void forget(wok_op *op, wok_fd_direction direction)
{
    wok_fd *fd = op->object;

    wok__lock_take(&fd->lock);
    wok__waiters_forget(&fd->waiters[direction], &op->waiter);
    wok__lock_give(&fd->lock);
}

static void readable_op_drop(void *self)
{
    forget(self, WOK_FD_READ);
}

static void writable_op_drop(void *self)
{
    forget(self, WOK_FD_WRITE);
}

static const wok_future_vtable readable_op_vtable = {
    .name = "descriptor readable",
    .size = sizeof(wok_op),
    .poll = readable_op_poll,
    .drop = readable_op_drop,
};

static const wok_future_vtable writable_op_vtable = {
    .name = "descriptor writable",
    .size = sizeof(wok_op),
    .poll = writable_op_poll,
    .drop = writable_op_drop,
};

wok_op wok_fd_readable_op(wok_fd *fd)
{
    return (wok_op){.vtable = &readable_op_vtable, .object = fd};
}

wok_op wok_fd_writable_op(wok_fd *fd)
{
    return (wok_op){.vtable = &writable_op_vtable, .object = fd};
}

int wok_fd_wait_readable_until(wok_fd *fd, wok_instant deadline)
{
    return wok_op_await_until(wok_fd_readable_op(fd), deadline);
}

int wok_fd_wait_readable(wok_fd *fd)
{
    return wok_fd_wait_readable_until(fd, WOK_NEVER);
}

int wok_fd_wait_writable_until(wok_fd *fd, wok_instant deadline)
{
    return wok_op_await_until(wok_fd_writable_op(fd), deadline);
}

int wok_fd_wait_writable(wok_fd *fd)
{
    return wok_fd_wait_writable_until(fd, WOK_NEVER);
}
