/*
 * test_epoll.c - a driver of the kernel by itself: events, wakes, timeouts, stale events.
 *
 * No runtime: the test's thread takes the driver's turns, and looks at readiness instead of waiting.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/test.h"

#include "io/epoll.h"

enum { OWNER_SLEEPS = 1 }; /* epoll.c: ASLEEP */

static struct wok__driver driver;

static void set_up(void)
{
    cr_assert_eq(wok__driver_init(&driver, &wok__epoll_ops, NULL, 0), 0);
}

static void tear_down(void)
{
    wok__driver_done(&driver);
}

/* One end of a pair is registered and drained of its first event; the other one is returned. */
static int open_pair(struct wok__io *io)
{
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    cr_assert_eq(wok__io_open(io, &driver, ends[0]), 0);
    cr_assert_eq(wok__driver_turn(&driver, 0), 1);
    wok__io_claim(io, WOK__READ);
    return ends[1];
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* How often the eventfd was written to since the last look. */
static uint64_t rings(void)
{
    uint64_t count;

    return read(driver.wake_fd, &count, sizeof count) == sizeof count ? count : 0;
}

/* ---- readiness ----------------------------------------------------------------------------- */

Test(epoll, bytes_make_readable_once, .init = set_up, .fini = tear_down, .timeout = 10)
{
    struct wok__io io;
    int peer = open_pair(&io);

    cr_assert_eq(wok__driver_turn(&driver, 0), 0);
    cr_assert_not(wok__io_claim(&io, WOK__READ));
    cr_assert_eq(write(peer, "ab", 2), 2);
    cr_assert_eq(wok__driver_turn(&driver, UINT64_MAX), 1);
    cr_assert_eq(wok__driver_turn(&driver, 0), 0, "an edge is reported once");
    cr_assert(wok__io_claim(&io, WOK__READ));
    cr_assert_not(wok__io_claim(&io, WOK__READ), "claimed is used up");
    wok__io_close(&io, false);
    close(peer);
}

Test(epoll, an_event_between_claim_and_recv_is_kept, .init = set_up, .fini = tear_down,
     .timeout = 10)
{
    struct wok__io io;
    int peer = open_pair(&io);
    char byte;

    wok__io_restore(&io, WOK__READ);
    cr_assert(wok__io_claim(&io, WOK__READ));
    cr_assert_eq(write(peer, "a", 1), 1);
    cr_assert_eq(wok__driver_turn(&driver, 0), 1);
    cr_assert_eq(driver.ops->recv(&io, &byte, 1), 1);
    cr_assert_eq(driver.ops->recv(&io, &byte, 1), -EAGAIN);
    cr_assert(wok__io_claim(&io, WOK__READ), "one attempt too many is right, one too few is not");
    wok__io_close(&io, false);
    close(peer);
}

Test(epoll, a_full_socket_becomes_writable_when_it_is_drained, .init = set_up, .fini = tear_down,
     .timeout = 10)
{
    static char block[65536];
    struct iovec piece = {block, sizeof block};
    struct wok__io io;
    int peer = open_pair(&io);

    while (driver.ops->send(&io, &piece, 1) > 0)
        ;
    cr_assert_eq(driver.ops->send(&io, &piece, 1), -EAGAIN);
    wok__io_claim(&io, WOK__WRITE);
    cr_assert_eq(wok__driver_turn(&driver, 0), 0);
    while (read(peer, block, sizeof block) > 0)
        ;
    cr_assert_geq(wok__driver_turn(&driver, UINT64_MAX), 1);
    cr_assert(wok__io_claim(&io, WOK__WRITE));
    wok__io_close(&io, false);
    close(peer);
}

Test(epoll, a_fin_is_half_and_a_close_is_dead, .init = set_up, .fini = tear_down, .timeout = 10)
{
    struct wok__io io;
    int peer = open_pair(&io);

    cr_assert_eq(write(peer, "a", 1), 1);
    cr_assert_eq(shutdown(peer, SHUT_WR), 0);
    wok__driver_turn(&driver, 0);
    cr_assert_eq(wok__io_ready(&io, WOK__HANGUP), WOK__HALF, "seen without reading");
    cr_assert(wok__io_claim(&io, WOK__READ));
    cr_assert(wok__io_claim(&io, WOK__READ), "after a FIN a recv never waits");
    close(peer);
    wok__driver_turn(&driver, 0);
    cr_assert_eq(wok__io_ready(&io, WOK__HANGUP), WOK__HALF | WOK__DEAD);
    wok__io_close(&io, false);
}

Test(epoll, sending_to_a_closed_peer_is_an_error_and_no_signal, .init = set_up, .fini = tear_down,
     .timeout = 10)
{
    struct iovec piece = {(char[]){"a"}, 1};
    struct wok__io io;
    int peer = open_pair(&io);

    close(peer);
    cr_assert_eq(driver.ops->send(&io, &piece, 1), -EPIPE);
    wok__io_close(&io, false);
}

/* ---- slots --------------------------------------------------------------------------------- */

Test(epoll, a_stale_event_does_not_reach_the_next_user_of_the_slot, .init = set_up,
     .fini = tear_down, .timeout = 10)
{
    struct wok__io first, second;
    int peer = open_pair(&first);
    wok__token stale = (wok__token)first.generation << 32 | first.slot;

    wok__io_close(&first, false);
    close(peer);
    wok__driver_event(&driver, stale, WOK__DEAD); /* nobody is there */
    peer = open_pair(&second);
    cr_assert_eq((uint32_t)stale, second.slot, "the slot is reused");
    wok__driver_event(&driver, stale, WOK__READABLE | WOK__DEAD);
    cr_assert_eq(wok__io_ready(&second, WOK__READ), 0);
    wok__io_close(&second, false);
    close(peer);
}

Test(epoll, an_event_for_a_slot_that_never_was_is_ignored, .init = set_up, .fini = tear_down)
{
    wok__driver_event(&driver, 1234567, WOK__READABLE);
    cr_assert_eq(wok__driver_load(&driver), 0);
}

Test(epoll, the_table_grows_and_keeps_who_is_where, .init = set_up, .fini = tear_down,
     .timeout = 20)
{
    enum { PAIRS = 200 };
    static struct wok__io ios[PAIRS];
    int peers[PAIRS];
    int events = 0;

    for (int i = 0; i < PAIRS; i++)
        peers[i] = open_pair(&ios[i]);
    cr_assert_eq(wok__driver_load(&driver), PAIRS);
    for (int i = 0; i < PAIRS; i += 3)
        cr_assert_eq(write(peers[i], "a", 1), 1);
    for (int count; (count = wok__driver_turn(&driver, 0)) > 0;)
        events += count;
    cr_assert_eq(events, (PAIRS + 2) / 3);
    for (int i = 0; i < PAIRS; i++) {
        cr_assert_eq(wok__io_claim(&ios[i], WOK__READ), i % 3 == 0, "%d", i);
        wok__io_close(&ios[i], false);
        close(peers[i]);
    }
    cr_assert_eq(wok__driver_load(&driver), 0);
}

/* ---- sleeping and waking ------------------------------------------------------------------- */

static void *wait_for_ever(void *argument)
{
    (void)argument;
    return (void *)(intptr_t)wok__driver_turn(&driver, UINT64_MAX);
}

static pthread_t start_sleeper(void)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, wait_for_ever, NULL), 0);
    while (load_relaxed(&driver.sleep) != OWNER_SLEEPS)
        sched_yield();
    return thread;
}

Test(epoll, a_wake_ends_the_wait_and_is_written_once, .init = set_up, .fini = tear_down,
     .timeout = 10)
{
    void *events;
    pthread_t thread = start_sleeper();

    wok__driver_wake(&driver);
    wok__driver_wake(&driver);
    wok__driver_wake(&driver);
    pthread_join(thread, &events);
    cr_assert_eq((intptr_t)events, 0, "a wake is no event");
    cr_assert_eq(rings(), 1);
}

Test(epoll, a_wake_before_the_wait_costs_no_system_call, .init = set_up, .fini = tear_down,
     .timeout = 10)
{
    wok__driver_wake(&driver);
    cr_assert_eq(wok__driver_turn(&driver, UINT64_MAX), 0);
    cr_assert_eq(rings(), 0);

    uint64_t begin = now_ns(); /* and it is used up */
    cr_assert_eq(wok__driver_turn(&driver, 1000000), 0);
    cr_assert_geq(now_ns() - begin, 1000000);
}

Test(epoll, an_assistant_hands_a_wake_on, .init = set_up, .fini = tear_down, .timeout = 10)
{
    store_relaxed(&driver.sleep, OWNER_SLEEPS); /* as if it waited, and had not got the event yet */
    wok__driver_wake(&driver);
    cr_assert_eq(wok__driver_assist(&driver), 0);
    cr_assert_eq(rings(), 2, "written again for the owner");
    cr_assert_eq(wok__driver_turn(&driver, UINT64_MAX), 0);
}

Test(epoll, an_assistant_dispatches, .init = set_up, .fini = tear_down, .timeout = 10)
{
    struct wok__io io;
    int peer = open_pair(&io);

    cr_assert_eq(write(peer, "a", 1), 1);
    cr_assert_eq(wok__driver_assist(&driver), 1);
    cr_assert(wok__io_claim(&io, WOK__READ));
    wok__io_close(&io, false);
    close(peer);
}

Test(epoll, no_wait_is_early, .init = set_up, .fini = tear_down, .timeout = 10)
{
    const uint64_t waits[] = {1, 999, 50000, 1234567};

    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        uint64_t begin = now_ns();
        cr_assert_eq(wok__driver_turn(&driver, waits[i]), 0);
        cr_assert_geq(now_ns() - begin, waits[i]);
    }
    wok__epoll_use_milliseconds();
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        uint64_t begin = now_ns();
        cr_assert_eq(wok__driver_turn(&driver, waits[i]), 0);
        cr_assert_geq(now_ns() - begin, waits[i]);
    }
}

static atomic_u32 interrupted;

static void on_signal(int number)
{
    (void)number;
}

static void *wait_until_interrupted(void *argument)
{
    int *count = argument;

    *count = wok__driver_turn(&driver, UINT64_MAX);
    store_release(&interrupted, 1); /* [test.interrupted] */
    return NULL;
}

Test(epoll, a_signal_ends_the_wait_without_an_error, .init = set_up, .fini = tear_down,
     .timeout = 10)
{
    struct sigaction action = {.sa_handler = on_signal};
    pthread_t thread;
    int count = -1;

    sigaction(SIGUSR1, &action, NULL);
    cr_assert_eq(pthread_create(&thread, NULL, wait_until_interrupted, &count), 0);
    while (load_acquire(&interrupted) == 0) { /* [test.interrupted] */
        pthread_kill(thread, SIGUSR1);        /* one of them comes while it waits */
        sched_yield();
    }
    pthread_join(thread, NULL);
    cr_assert_eq(count, 0);
}

static void *wait_in_all(void *poke_fd)
{
    static uint64_t found;
    struct wok__driver *drivers[] = {&driver};

    found = wok__driver_wait_all(drivers, 1, *(int *)poke_fd, UINT64_MAX);
    return &found;
}

/* Who waits for all may see the wake before the ring, and must not take the ring for another one. */
Test(epoll, a_bell_elsewhere_is_no_event_of_the_driver, .init = set_up, .fini = tear_down,
     .timeout = 10)
{
    struct wok__driver *drivers[] = {&driver};
    int bell_fd = eventfd(0, EFD_NONBLOCK);
    uint64_t rung = 0;
    pthread_t thread;
    void *found;

    wok__driver_ring_at(&driver, bell_fd);
    cr_assert_eq(pthread_create(&thread, NULL, wait_in_all, &bell_fd), 0);
    while (load_acquire(&driver.sleep) != OWNER_SLEEPS)
        sched_yield();
    wok__driver_wake(&driver);
    pthread_join(thread, &found);
    cr_assert_eq(*(uint64_t *)found, 0);
    cr_assert(wok__driver_is_woken(&driver));
    cr_assert_eq(wok__driver_turn(&driver, 0), 0);
    cr_assert_not(wok__driver_is_woken(&driver));
    cr_assert_eq(wok__driver_wait_all(drivers, 1, bell_fd, 0), 0, "still rung, and no event");
    cr_assert_eq(read(bell_fd, &rung, sizeof rung), sizeof rung);
    cr_assert_eq(rung, 1);
    cr_assert_eq(rings(), 0);
    close(bell_fd);
}

/* ---- failures ------------------------------------------------------------------------------ */

Test(epoll, init_without_descriptors_leaves_nothing_behind)
{
    struct wok__driver other;
    struct rlimit limit = {0, 0};
    int before = dup(0);

    close(before);
    getrlimit(RLIMIT_NOFILE, &limit);
    for (int left = 0; left < 2; left++) { /* room for no descriptor, then for the epoll alone */
        struct rlimit tight = {(rlim_t)(before + left), limit.rlim_max};
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
        int error = wok__driver_init(&other, &wok__epoll_ops, NULL, 0);
        setrlimit(RLIMIT_NOFILE, &limit);
        cr_assert_eq(error, -EMFILE);
        wok__driver_done(&other);
    }
    int after = dup(0);
    cr_assert_eq(after, before);
    close(after);
}

Test(epoll, a_descriptor_that_cannot_be_watched_stays_the_callers, .init = set_up,
     .fini = tear_down)
{
    struct wok__io io;

    cr_assert_eq(wok__io_open(&io, &driver, -1), -EBADF);
    cr_assert_eq(wok__driver_load(&driver), 0);
}

/* ---- several threads ----------------------------------------------------------------------- */

enum { ROUNDS = 3000 };
static atomic_u32 stop;

static void *take_turns(void *argument)
{
    while (load_relaxed(&stop) == 0) {
        if (argument != NULL)
            wok__driver_turn(&driver, 100000);
        else
            wok__driver_assist(&driver);
    }
    return NULL;
}

/* A turn may hold events of a descriptor that another thread is closing. */
Test(epoll, closing_while_others_dispatch_is_safe, .init = set_up, .fini = tear_down, .timeout = 60)
{
    pthread_t owner, assistant;

    cr_assert_eq(pthread_create(&owner, NULL, take_turns, &driver), 0);
    cr_assert_eq(pthread_create(&assistant, NULL, take_turns, NULL), 0);
    for (int round = 0; round < ROUNDS; round++) {
        struct wok__io io; /* a stale pointer into this frame is what the sanitizers would see */
        int ends[2];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
        cr_assert_eq(wok__io_open(&io, &driver, ends[0]), 0);
        cr_assert_eq(write(ends[1], "a", 1), 1);
        if (round % 2 == 0)
            close(ends[1]);
        wok__io_claim(&io, WOK__READ);
        wok__io_close(&io, false);
        cr_assert_eq(io.fd, -EBADF, "nobody wrote to it after the close");
        if (round % 2 != 0)
            close(ends[1]);
    }
    store_relaxed(&stop, 1);
    pthread_join(owner, NULL);
    pthread_join(assistant, NULL);
    cr_assert_eq(wok__driver_load(&driver), 0);
}

/* Two looks tell a peer that reads from one that does not. */
Test(epoll, what_the_peer_has_not_taken_is_known, .init = set_up, .fini = tear_down)
{
    struct wok__io io;
    int peer = open_pair(&io);
    char bytes[1000] = "";
    struct iovec piece = {bytes, sizeof bytes};
    size_t first, both;

    cr_assert_eq(wok__epoll_ops.untaken(io.fd), 0);
    cr_assert_eq(wok__epoll_ops.send(&io, &piece, 1), sizeof bytes);
    first = wok__epoll_ops.untaken(io.fd);
    cr_assert_geq(first, sizeof bytes);
    cr_assert_eq(wok__epoll_ops.send(&io, &piece, 1), sizeof bytes);
    both = wok__epoll_ops.untaken(io.fd);
    cr_assert_gt(both, first);
    cr_assert_eq(read(peer, bytes, sizeof bytes), sizeof bytes);
    cr_assert_lt(wok__epoll_ops.untaken(io.fd), both);
    cr_assert_eq(read(peer, bytes, sizeof bytes), sizeof bytes);
    cr_assert_eq(wok__epoll_ops.untaken(io.fd), 0);
    cr_assert_eq(wok__epoll_ops.untaken(driver.wake_fd), 0, "no socket");
    close(peer);
    wok__io_close(&io, false);
}
