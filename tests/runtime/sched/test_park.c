/*
 * test_park.c - the turns of a worker that is always busy: who waits for an event is served in order.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "sched/queue.h"

/* More than a ring holds, each of them always ready: its event comes again as soon as it has been served. */
enum { WAITERS = 600, ROUNDS = 20 };

static unsigned served[WAITERS], served_in_all, begun, injected_max;
static bool spawns; /* each service spawns tasks that take some polls */

struct waiter {
    wok_fd *fd;
    wok_op readable;
    bool waits, has_begun;
    unsigned *served;
};

static ssize_t read_count(int descriptor, void *argument)
{
    return read(descriptor, argument, sizeof(uint64_t));
}

static wok_poll follow_up_poll(void *self, wok_cx *cx, void *result)
{
    unsigned *polls = self;

    (void)result;
    if (++*polls == 3)
        return WOK_READY;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static const wok_future_vtable follow_up_vtable = {
    .name = "follow up", .size = sizeof(unsigned), .poll = follow_up_poll};

static void spawn_follow_ups(void)
{
    wok_runtime_metrics metrics;

    for (int i = 0; i < 3; i++) {
        unsigned polls = 0;
        wok_join join = wok_spawn_future(&follow_up_vtable, &polls);
        wok_join_drop(&join);
    }
    wok_runtime_metrics_get(NULL, &metrics);
    if (metrics.injection_depth > injected_max)
        injected_max = metrics.injection_depth;
}

/* Takes what there is, and makes the kernel report the next event. */
static void serve(struct waiter *waiter)
{
    uint64_t count = 1;

    while (wok_fd_try(waiter->fd, WOK_FD_READ, read_count, &count) > 0)
        ;
    count = 1;
    cr_assert_eq(write(wok_fd_descriptor(waiter->fd), &count, sizeof count), sizeof count);
    begun += !waiter->has_begun;
    waiter->has_begun = true;
    if (begun < WAITERS) /* new tasks do go to the injection queue */
        return;
    ++*waiter->served;
    served_in_all++;
    if (spawns)
        spawn_follow_ups();
}

static wok_poll waiter_poll(void *self, wok_cx *cx, void *result)
{
    struct waiter *waiter = self;

    (void)result;
    while (served_in_all < WAITERS * ROUNDS) {
        if (!waiter->waits)
            waiter->readable = wok_fd_readable_op(waiter->fd);
        waiter->waits = true;
        if (wok_op_poll(&waiter->readable, cx) == WOK_PENDING)
            return WOK_PENDING;
        wok_op_drop(&waiter->readable);
        waiter->waits = false;
        serve(waiter);
    }
    return WOK_READY;
}

static void waiter_drop(void *self)
{
    struct waiter *waiter = self;

    if (waiter->waits)
        wok_op_drop(&waiter->readable);
}

static const wok_future_vtable waiter_vtable = {
    .name = "waiter", .size = sizeof(struct waiter), .poll = waiter_poll, .drop = waiter_drop};

static void serve_everyone(void)
{
    static wok_fd *fds[WAITERS];
    static wok_join joins[WAITERS];
    unsigned least = UINT32_MAX, most = 0;

    for (size_t i = 0; i < WAITERS; i++) {
        int descriptor = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
        struct waiter waiter = {.served = &served[i]};
        cr_assert_eq(wok_fd_new(&fds[i], descriptor), 0);
        waiter.fd = fds[i];
        joins[i] = wok_spawn_future(&waiter_vtable, &waiter);
    }
    for (size_t i = 0; i < WAITERS; i++) {
        cr_assert_eq(wok_join_await(&joins[i], NULL, NULL), 0);
        wok_join_drop(&joins[i]);
        least = served[i] < least ? served[i] : least;
        most = served[i] > most ? served[i] : most;
    }
    for (size_t i = 0; i < WAITERS; i++) {
        int descriptor = wok_fd_descriptor(fds[i]);
        wok_fd_free(fds[i]);
        close(descriptor);
    }
    if (spawns)
        return;
    cr_assert_geq(least, ROUNDS - 3, "%u to %u", least, most);
    cr_assert_leq(most, ROUNDS + 3, "%u to %u", least, most);
}

/* Those for which there was no room in the ring used to wait in the injection queue, at which a busy worker
 * looks rarely: some were served for seconds while others waited. */
Test(park, serves_more_descriptors_than_the_ring_holds_in_turn, .timeout = 30)
{
    wok_runtime_options options = test_options();

    options.paused_clock = false;
    options.workers = 1;
    test_run(&options, serve_everyone);
}

static void serve_with_follow_ups(void)
{
    spawns = true;
    serve_everyone();
    cr_assert_leq(injected_max, 2 * WOK__QUEUE_CAPACITY);
}

/* The tasks that requests are made of used to pile up there, while ever more requests were let in. */
Test(park, lets_nothing_new_in_while_the_injection_queue_is_long, .timeout = 30)
{
    wok_runtime_options options = test_options();

    options.paused_clock = false;
    options.workers = 1;
    test_run(&options, serve_with_follow_ups);
}
