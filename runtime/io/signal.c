/*
 * signal.c - signals as awaitables: a counter for each signal, one eventfd, one list of subscribers.
 *
 * The handler does two things that are safe in one: it adds to an atomic counter and writes to an
 * eventfd.  That descriptor is registered with every driver of every runtime that subscribed, not
 * exclusively: signals are rare, and the first worker that is free wakes the subscribers, whose tasks
 * may be of any runtime.
 *
 * Invariants
 *   G1  a subscriber compares counter and `seen` and registers under the list's lock; the event takes
 *       that lock after the handler has counted: no signal is missed.
 *   G2  the list's lock is taken under a driver's lock (the event); the setup lock is taken outside
 *       of both (registering takes the driver's).
 *
 * Not a signalfd: it needs the signal blocked in every thread of the process, also in those that a
 * library starts.
 */
#include <wok/signal.h>

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <wok/select.h>

#include "io/driver.h"
#include "platform/atomic.h"
#include "platform/lock.h"
#include "task/context.h"
#include "task/task.h"

enum { SIGNALS = 65 };

static struct {
    struct wok__lock
        setup;           /* guards handled, event_fd's creation, and watches_signals of drivers */
    uint64_t handled;    /* the setup lock; bit number - 1 */
    atomic_u32 event_fd; /* plus one, so that 0 is none */
    atomic_u64 counts[SIGNALS];

    struct wok__lock lock;
    wok_signal *first; /* the lock */
} signals;

/* In a signal handler, on any thread. */
static void on_signal(int number)
{
    int saved = errno;
    uint64_t one = 1;

    fetch_add_release(&signals.counts[number], 1); /* [signal.count] */
    /* Its count cannot overflow, so the write cannot fail; nothing could be done about it either. */
    ssize_t written = write((int)load_relaxed(&signals.event_fd) - 1, &one, sizeof one);
    (void)written;
    errno = saved;
}

static uint64_t count_of(int number)
{
    return load_acquire(&signals.counts[number]); /* [signal.count] */
}

/* Under the lock of the driver that saw the eventfd. */
static void on_event(struct wok__watch *watch, uint32_t ready)
{
    (void)watch;
    (void)ready;
    wok__lock_take(&signals.lock);
    for (wok_signal *signal = signals.first; signal != NULL; signal = signal->next)
        if (signal->task != NULL && count_of(signal->number) != signal->seen)
            wok__task_wake(WOK_TAKE(signal->task), WOK__REASON_EVENT);
    wok__lock_give(&signals.lock);
}

static struct wok__watch watch = {.event = on_event};

/* ---- setting up, under the setup lock ------------------------------------------------------ */

static int open_event(void)
{
    if (load_relaxed(&signals.event_fd) != 0)
        return 0;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    store_relaxed(&signals.event_fd, (uint32_t)fd + 1); /* no handler is installed yet */
    return 0;
}

static int watch_drivers(struct wok_runtime *runtime)
{
    for (unsigned i = 0; i < wok__driver_count(runtime); i++) {
        struct wok__driver *driver = wok__driver_nth(runtime, i);
        if (driver->watches_signals)
            continue;
        int error = wok__watch_kernel(&watch, driver, (int)load_relaxed(&signals.event_fd) - 1);
        if (error < 0)
            return error;
        driver->watches_signals = true;
    }
    return 0;
}

static int handle(int number)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (signals.handled & UINT64_C(1) << (number - 1))
        return 0;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL) < 0)
        return -errno;
    signals.handled |= UINT64_C(1) << (number - 1);
    return 0;
}

static int set_up(struct wok_runtime *runtime, int number)
{
    wok__lock_take(&signals.setup);
    int error = open_event();
    if (error == 0)
        error = watch_drivers(runtime);
    if (error == 0)
        error = handle(number);
    wok__lock_give(&signals.setup);
    return error;
}

/* ---- subscriptions ------------------------------------------------------------------------- */

int wok_signal_init(wok_signal *signal, int number)
{
    struct wok_runtime *runtime = wok__here()->runtime;

    if (signal == NULL)
        return -EINVAL;
    *signal = (wok_signal){.number = 0};
    if (number < 1 || number >= SIGNALS || runtime == NULL)
        return -EINVAL;
    if (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL)
        return -EINVAL; /* returning from their handler runs the faulting instruction again */
    int error = set_up(runtime, number);
    if (error < 0)
        return error;

    signal->number = number;
    wok__lock_take(&signals.lock);
    signal->seen = count_of(number);
    signal->next = signals.first;
    if (signals.first != NULL)
        signals.first->prev = signal;
    signals.first = signal;
    wok__lock_give(&signals.lock);
    return 0;
}

void wok_signal_done(wok_signal *signal)
{
    if (signal->number == 0)
        return;
    wok__lock_take(&signals.lock);
    if (signal->next != NULL)
        signal->next->prev = signal->prev;
    if (signal->prev != NULL)
        signal->prev->next = signal->next;
    else
        signals.first = signal->next;
    wok__lock_give(&signals.lock);
    *signal = (wok_signal){.number = 0};
}

/* ---- waiting ------------------------------------------------------------------------------- */

static wok_poll signal_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_signal *signal = op->object;

    (void)result;
    wok__lock_take(&signals.lock);
    uint64_t count = count_of(signal->number);
    bool arrived = count != signal->seen;
    signal->seen = count;
    signal->task = arrived ? NULL : cx->task;
    wok__lock_give(&signals.lock);
    op->span.waits = !arrived;
    return arrived ? WOK_READY : WOK_PENDING;
}

static void signal_op_drop(void *self)
{
    wok_op *op = self;

    if (!op->span.waits)
        return;
    wok__lock_take(&signals.lock);
    ((wok_signal *)op->object)->task = NULL;
    wok__lock_give(&signals.lock);
}

static const wok_future_vtable signal_op_vtable = {
    .name = "signal",
    .size = sizeof(wok_op),
    .poll = signal_op_poll,
    .drop = signal_op_drop,
};

wok_op wok_signal_op(wok_signal *signal)
{
    return (wok_op){.vtable = &signal_op_vtable, .object = signal};
}

int wok_signal_wait_until(wok_signal *signal, wok_instant deadline)
{
    return wok_op_await_until(wok_signal_op(signal), deadline);
}

int wok_signal_wait(wok_signal *signal)
{
    return wok_signal_wait_until(signal, WOK_NEVER);
}
