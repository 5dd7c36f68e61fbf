/*
 * test_turns.c - workers by turns: one runs at a time, the seed decides the order, the clock is exact.
 *
 * What the tasks write here needs no lock: that only one worker runs at a time is what ThreadSanitizer
 * checks of it.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "io/net.h"
#include "platform/atomic.h"
#include "sched/sched.h"
#include "sched/turns.h"

/* ---- what ran where, in order ------------------------------------------------------------------- */

enum { ENTRIES_MAX = 4096, CHILDREN = 9, ROUNDS = 6 };

static struct order {
    size_t count;
    struct {
        uint8_t worker, who;
        uint64_t now_ns;
    } entries[ENTRIES_MAX];
} order, first_order;

static atomic_u32 noted; /* order.count, for a thread that has no turn */

static void note(int who)
{
    cr_assert_lt(order.count, ENTRIES_MAX);
    store_relaxed(&noted, (uint32_t)order.count + 1);
    order.entries[order.count].worker = (uint8_t)wok_worker_index();
    order.entries[order.count].who = (uint8_t)who;
    order.entries[order.count++].now_ns = wok_now().ns;
}

/* An order without its times, as a number. */
static uint64_t hash_of(const struct order *of)
{
    uint64_t hash = 0xcbf29ce484222325;

    for (size_t i = 0; i < of->count; i++)
        hash = (hash ^ (uint64_t)(of->entries[i].worker << 8 | of->entries[i].who)) * 0x100000001b3;
    return hash;
}

struct napper {
    int resume_line;
    int who, round;
    wok_sleep_future nap;
};

/* A stackless one: it moves between workers. */
static wok_poll napper_poll(void *self_, wok_cx *cx, void *result)
{
    struct napper *self = self_;

    (void)result;
    note(self->who);
    WOK_ASYNC_BEGIN(self);
    for (self->round = 0; self->round < ROUNDS; self->round++) {
        self->nap = wok_sleep_future_for(wok_ms((uint64_t)((self->who + self->round) % 4)));
        WOK_AWAIT(self, wok_sleep_future_poll(&self->nap, cx));
    }
    WOK_ASYNC_END;
}

static const wok_future_vtable napper_vtable = {
    .name = "napper", .size = sizeof(struct napper), .poll = napper_poll};

/* A stackful one: it stays where it began. */
static int walker(int *who)
{
    for (int round = 0; round < ROUNDS; round++) {
        note(*who);
        if ((*who + round) % 3 == 0)
            cr_assert_eq(wok_yield(), 0);
        else
            cr_assert_eq(wok_sleep(wok_ms((uint64_t)((*who * 7 + round) % 5))), 0);
    }
    return 0;
}

static void crowd(void)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    int numbers[CHILDREN];

    for (int i = 0; i < CHILDREN; i++) {
        struct napper napper = {.who = 100 + i};
        numbers[i] = i;
        wok_scope_spawn(&scope, walker, &numbers[i]);
        wok_scope_spawn_future(&scope, &napper_vtable, &napper);
    }
    cr_assert_eq(wok_scope_wait(&scope), 0);
}

static void run_crowd(unsigned workers, uint64_t seed)
{
    wok_runtime_options options = test_options();

    options.workers = workers;
    options.seed = seed;
    order.count = 0;
    test_run(&options, crowd);
    cr_assert_geq(order.count, CHILDREN * 2 * ROUNDS);
}

Test(turns, the_same_seed_gives_the_same_order, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        for (uint64_t seed = 1; seed <= 25; seed++) {
            run_crowd(workers, seed);
            first_order = order;
            run_crowd(workers, seed);
            cr_assert_eq(order.count, first_order.count, "seed %d, %u workers", (int)seed, workers);
            cr_assert_eq(hash_of(&order), hash_of(&first_order), "seed %d, %u workers", (int)seed,
                         workers);
            for (size_t i = 0; i < order.count; i++)
                cr_assert_eq(order.entries[i].now_ns, first_order.entries[i].now_ns);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* How many of 100 seeds gave an order that no other gave, on this many workers. */
static size_t distinct_orders(unsigned workers)
{
    static uint64_t hashes[100];
    size_t distinct = 1;

    for (uint64_t seed = 1; seed <= WOK_COUNT(hashes); seed++) {
        run_crowd(workers, seed);
        hashes[seed - 1] = hash_of(&order);
    }
    qsort(hashes, WOK_COUNT(hashes), sizeof hashes[0], by_value);
    for (size_t i = 1; i < WOK_COUNT(hashes); i++)
        distinct += hashes[i] != hashes[i - 1];
    return distinct;
}

Test(turns, other_seeds_give_other_orders, .timeout = 60)
{
    cr_assert_eq(distinct_orders(1), 1, "one worker has one order");
    cr_assert_geq(distinct_orders(2), 98);
    cr_assert_geq(distinct_orders(4), 98);
}

/* A schedule that always took the same worker would be repeatable as well. */
Test(turns, every_worker_gets_work, .timeout = 60)
{
    unsigned ran[4] = {0}, crowded = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        run_crowd(4, seed);
        unsigned workers = 0;
        bool seen[4] = {false};
        for (size_t i = 0; i < order.count; i++) {
            ran[order.entries[i].worker]++;
            seen[order.entries[i].worker] = true;
        }
        for (int i = 0; i < 4; i++)
            workers += seen[i];
        crowded += workers == 4;
    }
    for (int i = 0; i < 4; i++)
        cr_assert_gt(ran[i], 100, "worker %d ran %u", i, ran[i]);
    cr_assert_geq(crowded, 10, "all four in %u of 20 runs", crowded);
}

/* ---- the clock ---------------------------------------------------------------------------------- */

WOK_WATCH(bell, int, NULL);

static bell_sender bell;

static int listen_once(wok_instant *heard)
{
    WOK_CLEANUP(bell_receiver_drop) bell_receiver ear = {{0}};

    bell_subscribe(&bell, &ear);
    cr_assert_eq(bell_changed(&ear), 0);
    *heard = wok_now();
    return 0;
}

static int nap(wok_duration *how_long)
{
    wok_instant start = wok_now();

    cr_assert_eq(wok_sleep(*how_long), 0);
    cr_assert_eq(wok_elapsed(start).ns, how_long->ns);
    return 0;
}

/* What used to happen: a worker that was woken and had not run yet counted as asleep, and the clock
 * went on to the next timer before the woken task ran. */
WOK_TEST_SEEDS(turns, the_clock_waits_for_a_worker_that_was_woken, 3, 100)
{
    wok_instant heard[6] = {{0}};

    cr_assert_eq(bell_new(0, &bell), 0);
    {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        for (size_t i = 0; i < WOK_COUNT(heard); i++)
            wok_scope_spawn(&scope, listen_once, &heard[i]);
        cr_assert_eq(wok_sleep(wok_ms(5)), 0);
        wok_instant rung = wok_now();
        wok_duration tick = wok_us(1);
        wok_scope_spawn(&scope, nap, &tick);
        cr_assert_eq(bell_send(&bell, 0), 0);
        cr_assert_eq(wok_scope_wait(&scope), 0);
        for (size_t i = 0; i < WOK_COUNT(heard); i++)
            cr_assert_eq(heard[i].ns, rung.ns);
    }
    bell_sender_drop(&bell);
}

WOK_TEST_SEEDS(turns, sleeps_on_every_worker_take_exactly_their_time, 4, 50)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_duration naps[24];
    wok_instant start = wok_now();

    for (size_t i = 0; i < WOK_COUNT(naps); i++) {
        naps[i] = i % 3 == 0 ? wok_seconds(60 * i) : wok_us(i * 37);
        wok_scope_spawn(&scope, nap, &naps[i]);
    }
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(60 * 21).ns, "not later than the last one");
}

WOK_TASK(block_for_real, sem_t *, int);

static int block_for_real(sem_t **gate, int *result)
{
    *result = sem_wait(*gate);
    return 0;
}

static int let_pass(sem_t *gate)
{
    for (int i = 0; i < 50; i++)
        cr_assert_eq(wok_yield(), 0);
    return sem_post(gate);
}

WOK_TEST_SEEDS(turns, the_clock_waits_for_blocking_work, 3, 20)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_duration tick = wok_ns(1);
    wok_instant start = wok_now();
    sem_t gate;
    int result = -1;

    cr_assert_eq(sem_init(&gate, 0, 0), 0);
    block_for_real_join call = wok_spawn_blocking(block_for_real, &gate);
    wok_scope_spawn(&scope, nap, &tick);
    wok_scope_spawn(&scope, let_pass, &gate);
    cr_assert_eq(block_for_real_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 0);
    cr_assert_eq(wok_elapsed(start).ns, 0);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(wok_elapsed(start).ns, 1);
    sem_destroy(&gate);
}

/* ---- from outside ------------------------------------------------------------------------------- */

enum { OWNER_SLEEPS = 1 }; /* io/epoll.c: ASLEEP */
static atomic_u32
    ring_after; /* a thread outside that wakes a worker rings when so many were noted */

/* In place of the C library's: what it waits for happens since the wait of the workers is ended otherwise. */
ssize_t write(int fd, const void *bytes, size_t size)
{
    uint32_t after = wok_worker_index() < 0 ? exchange_relaxed(&ring_after, 0) : 0;

    if (after != 0)
        wok__turns_poke(wok_runtime_current()->turns);
    while (load_relaxed(&noted) < after)
        sched_yield();
    return syscall(SYS_write, fd, bytes, size);
}

WOK_TASK(crowd_from_outside, int, int);

static int crowd_from_outside(int *unused, int *result)
{
    (void)unused;
    crowd();
    *result = 0;
    return 0;
}

/* The first task's wake ends when the run is half done: the worker has run and slept meanwhile. */
static void run_crowd_with_a_late_ring(unsigned workers, uint32_t after)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.workers = workers;
    order.count = 0;
    store_relaxed(&noted, 0);
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    (void)wok_runtime_enter(runtime);
    for (unsigned i = 0; i < workers; i++)
        while (load_acquire(&runtime->workers[i]->driver.sleep) != OWNER_SLEEPS)
            sched_yield();
    store_relaxed(&ring_after, after);
    cr_assert_eq(wok_block_on(runtime, crowd_from_outside, 0, NULL, NULL), 0);
    cr_assert_eq(load_relaxed(&ring_after), 0, "it has not rung");
    (void)wok_runtime_enter(NULL);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), 0);
    wok_runtime_free(runtime);
}

Test(turns, a_ring_that_comes_late_stirs_nobody, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 4; workers++) {
        run_crowd_with_a_late_ring(workers, 0);
        first_order = order;
        for (uint32_t after = 1; after < first_order.count; after += 7) {
            run_crowd_with_a_late_ring(workers, after);
            cr_assert_eq(hash_of(&order), hash_of(&first_order), "%u workers, after %u", workers,
                         after);
        }
    }
}

static void *ring(void *times)
{
    for (int i = 1; i <= *(int *)times; i++)
        (void)bell_send_replace(&bell, i);
    return NULL;
}

/* The thread rings while all workers sleep: there is no timer that would end their sleep. */
WOK_TEST_SEEDS(turns, a_plain_thread_wakes_them, 3, 30)
{
    WOK_CLEANUP(bell_receiver_drop) bell_receiver ear = {{0}};
    pthread_t thread;
    int value = 0, times = 200;

    cr_assert_eq(bell_new(0, &bell), 0);
    bell_subscribe(&bell, &ear);
    cr_assert_eq(pthread_create(&thread, NULL, ring, &times), 0);
    while (value != times) {
        cr_assert_eq(bell_changed(&ear), 0);
        bell_get(&ear, &value);
    }
    pthread_join(thread, NULL);
    bell_sender_drop(&bell);
}

static void *sleep_outside(void *runtime)
{
    static uint64_t slept_ns;
    wok_runtime_enter(runtime);
    wok_instant start = wok_now();

    cr_assert_eq(wok_sleep(wok_seconds(3600)), 0);
    slept_ns = wok_elapsed(start).ns;
    return &slept_ns;
}

Test(turns, a_plain_thread_sleeps_on_the_paused_clock, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    pthread_t thread;
    void *slept_ns;

    options.workers = 3;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    cr_assert_eq(pthread_create(&thread, NULL, sleep_outside, runtime), 0);
    pthread_join(thread, &slept_ns);
    cr_assert_eq(*(uint64_t *)slept_ns, wok_seconds(3600).ns);
    wok_runtime_free(runtime);
}

static void *raise_it(void *unused)
{
    (void)unused;
    kill(getpid(), SIGUSR1);
    return NULL;
}

WOK_TEST_SEEDS(turns, a_signal_wakes_them, 3, 10)
{
    WOK_CLEANUP(wok_signal_done) wok_signal hangup;
    pthread_t thread;

    cr_assert_eq(wok_signal_init(&hangup, SIGUSR1), 0);
    cr_assert_eq(pthread_create(&thread, NULL, raise_it, NULL), 0);
    cr_assert_eq(wok_signal_wait(&hangup), 0);
    pthread_join(thread, NULL);
}

/* A descriptor's event is for one worker, which may sleep while the others are never idle. */
static int heard_from;

static int spin(int *expected)
{
    while (heard_from < *expected)
        cr_assert_eq(wok_yield(), 0);
    return 0;
}

static int hear(wok_stream **stream)
{
    char byte;

    cr_assert_eq(wok_stream_recv(*stream, &byte, 1), 1);
    heard_from++;
    return 0;
}

static void *speak(void *fds)
{
    for (int i = 0; i < 3; i++)
        cr_assert_eq(write(((int *)fds)[i], "!", 1), 1);
    return NULL;
}

WOK_TEST_SEEDS(turns, an_event_is_seen_while_others_are_busy, 3, 10)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_stream *streams[3];
    int fds[3], expected = 3;
    pthread_t thread;

    heard_from = 0;
    for (unsigned i = 0; i < 3; i++) {
        int pair[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        cr_assert_eq(
            wok__stream_new(wok__driver_nth(wok_runtime_current(), i), pair[0], &streams[i]), 0);
        fds[i] = pair[1];
        wok_scope_spawn(&scope, hear, &streams[i]);
    }
    wok_scope_spawn(&scope, spin, &expected);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(wok_yield(), 0); /* the others have gone to sleep by now */
    cr_assert_eq(pthread_create(&thread, NULL, speak, fds), 0);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 3; i++) {
        wok_stream_close(streams[i]);
        close(fds[i]);
    }
}

/* ---- the end ------------------------------------------------------------------------------------ */

static int ended;

static void count_end(int *unused)
{
    (void)unused;
    ended++;
}

WOK_TASK_WITH_DROP(sleep_for_ever, int, int, count_end, NULL);

static int sleep_for_ever(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    return wok_sleep_until(WOK_NEVER);
}

static void leave_sleepers(void)
{
    for (int i = 0; i < 20; i++) {
        sleep_for_ever_join sleeper = wok_spawn(sleep_for_ever, 1);
        sleep_for_ever_join_drop(&sleeper);
    }
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
}

Test(turns, a_shutdown_ends_who_sleeps, .timeout = 20)
{
    wok_runtime_options options = test_options();

    for (uint64_t seed = 1; seed <= 20; seed++) {
        ended = 0;
        options.workers = 4;
        options.seed = seed;
        test_run(&options, leave_sleepers);
        cr_assert_eq(ended, 20);
    }
}
