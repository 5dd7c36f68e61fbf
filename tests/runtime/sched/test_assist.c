/*
 * test_assist.c - descriptors and timers of a worker that is blocked, which others serve.
 */
#include "spare_test.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/net.h"
#include "io/sim.h"

/* Nothing here measures time: each test ends only if what it waits for is done in place of the blocked worker,
 * and its timeout is the net. */
enum { ROUNDS = 10 };

static void repeat(void (*round)(void))
{
    for (int i = 0; i < ROUNDS; i++)
        round();
}

static void wait_in_place_for_a_timer(void)
{
    struct timed timed = {wok_sleep_future_for(wok_ms(20))};
    wok_join task = wok_spawn_future(&raise_in_time_vtable, &timed);

    store_release(&flag, 0);
    cr_assert_eq(wok_yield(), 0); /* it is in this worker's wheel now */
    cr_assert_eq(wok_block_in_place(wait_for_flag, NULL), 0);
    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
}

static void timers_go_on(void)
{
    repeat(wait_in_place_for_a_timer);
}

Test(spare, timers_of_the_only_worker_go_on, .timeout = 60)
{
    run_on(1, 0, timers_go_on);
}

Test(spare, timers_of_a_blocked_worker_go_on, .timeout = 60)
{
    run_on(3, 0, timers_go_on);
}

static int sleep_inside(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++)
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    return 0;
}

static void sleep_in_place(void)
{
    cr_assert_eq(wok_block_in_place(sleep_inside, NULL), 0);
}

/* The wheel is that of the worker that is blocked; whoever waits in its place sleeps for longer. */
SPARE_TEST(a_timer_that_is_armed_meanwhile_is_seen, 1, 0)
{
    repeat(sleep_in_place);
}

static wok_poll raise_at_connection(void *self, wok_cx *cx, void *result)
{
    wok_stream *stream;
    wok_poll code = wok_accept_poll(*(wok_listener **)self, cx, &stream);

    (void)result;
    if (code == WOK_READY) {
        wok_stream_close(stream);
        fetch_add_release(&flag, 1);
    }
    return code;
}

static const wok_future_vtable raise_at_connection_vtable = {
    .name = "raise_at_connection", .size = sizeof(wok_listener *), .poll = raise_at_connection};

static int connect_inside(void *listener)
{
    WOK_CLEANUP(wok_stream_closep) wok_stream *stream = NULL;

    cr_assert_eq(wok_connect(NULL, wok_listener_port(listener), &stream), 0);
    return wait_for_flag(NULL);
}

static void accepts_go_on(void)
{
    WOK_CLEANUP(wok_listener_closep) wok_listener *listener = NULL;

    cr_assert_eq(wok_listen(&listener, &(wok_listen_options){.port = 0}), 0);
    wok_join task = wok_spawn_future(&raise_at_connection_vtable, &listener);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(wok_block_in_place(connect_inside, listener), 0);
    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
}

Test(spare, accepts_of_the_only_worker_go_on, .timeout = 60)
{
    run_on(1, 0, accepts_go_on);
}

enum { SIGNALS = 20 };

struct signals {
    wok_signal *signal;
    wok_op wait;
};

static wok_poll raise_at_signals(void *self, wok_cx *cx, void *result)
{
    struct signals *signals = self;

    (void)result;
    while (load_relaxed(&flag) < SIGNALS) {
        if (signals->wait.vtable == NULL)
            signals->wait = wok_signal_op(signals->signal);
        if (wok_op_poll(&signals->wait, cx) == WOK_PENDING)
            return WOK_PENDING;
        wok_op_drop(&signals->wait);
        signals->wait = (wok_op){.vtable = NULL};
        fetch_add_release(&flag, 1);
    }
    return WOK_READY;
}

static const wok_future_vtable raise_at_signals_vtable = {
    .name = "raise_at_signals", .size = sizeof(struct signals), .poll = raise_at_signals};

static int kill_inside(void *unused)
{
    (void)unused;
    for (uint32_t i = 1; i <= SIGNALS; i++) {
        for (int j = 0; j < 200; j++)
            sched_yield(); /* time for the spare to fall asleep; it is right in either case */
        cr_assert_eq(kill(getpid(), SIGUSR1), 0);
        await_count(&flag, i);
    }
    return 0;
}

static void count_signals(void)
{
    wok_signal signal;
    struct signals signals = {.signal = &signal};

    store_release(&flag, 0);
    cr_assert_eq(wok_signal_init(&signal, SIGUSR1), 0);
    wok_join task = wok_spawn_future(&raise_at_signals_vtable, &signals);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(wok_block_in_place(kill_inside, NULL), 0);
    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
    wok_signal_done(&signal);
}

/* Events of the kernel's, in an epoll that only the blocked worker owns. */
SPARE_TEST(descriptors_of_the_only_worker_go_on, 1, 0)
{
    repeat(count_signals);
}

/* ---- what a search wakes ------------------------------------------------------------------------------- */

static wok_stream *stream; /* of worker 0's driver */
static int far_end;
static atomic_u32 is_blocked;

WOK_TASK(hear, int, int);

static int hear(int *unused, int *result)
{
    char byte;

    *result = *unused;
    cr_assert_eq(wok_stream_recv(stream, &byte, 1), 1);
    fetch_add_release(&flag, 1);
    return 0;
}

static int tell_and_wait(void *unused)
{
    store_release(&is_blocked, 1);
    return wait_for_flag(unused);
}

WOK_TASK(block_worker, int, int);

static int block_worker(int *unused, int *result)
{
    *result = *unused;
    return wok_block_in_place(tell_and_wait, NULL);
}

WOK_TASK(speak_when_blocked, int, int);

/* The last that worker 1 has to do: then it searches, and finds the event itself. */
static int speak_when_blocked(int *unused, int *result)
{
    *result = *unused;
    await_count(&is_blocked, 1);
    cr_assert_eq(write(far_end, "!", 1), 1);
    return 0;
}

static void wake_its_own(void)
{
    int ends[2];

    store_release(&flag, 0);
    store_release(&is_blocked, 0);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    cr_assert_eq(wok__stream_new(wok__driver_nth(wok_runtime_current(), 0), ends[0], &stream), 0);
    far_end = ends[1];
    hear_join hearer = wok_spawn_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(1)), hear, 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(wok_sleep(wok_us(100)), 0); /* it waits; it is right in either case */
    block_worker_join blocked =
        wok_spawn_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(0)), block_worker, 0);
    speak_when_blocked_join speaker =
        wok_spawn_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(1)), speak_when_blocked, 0);
    cr_assert_eq(hear_await(&hearer, NULL, NULL), 0);
    cr_assert_eq(block_worker_await(&blocked, NULL, NULL), 0);
    cr_assert_eq(speak_when_blocked_await(&speaker, NULL, NULL), 0);
    wok_stream_close(stream);
    close(far_end);
}

static void searches_go_on(void)
{
    repeat(wake_its_own);
}

/* A task that is bound to the worker which found the event is in no ring: it went to sleep over it. */
Test(spare, a_worker_runs_what_its_own_search_has_woken, .timeout = 60)
{
    wok_runtime_options options = test_options();

    options.workers = 2;
    options.paused_clock = false;
    options.trim_interval = WOK_FOREVER;
    test_run(&options, searches_go_on);
}
