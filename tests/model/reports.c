/*
 * reports.c - programs that the checker must report, each next to the sound version that it must not.
 *
 * litmus.c proves that the right values can be read; this proves that what goes wrong is noticed:
 * races on plain memory, memory given back too early, lost wakes, deadlocks, livelocks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

#include "platform/atomic.h"

static atomic_u32 x, y, z;
static uint32_t data;
static struct model_event event;
static struct model_mutex mutex;

/* The orders that a row asks for; NONE is no fence. */
enum { NONE = -1, RLX = __ATOMIC_RELAXED, ACQ = __ATOMIC_ACQUIRE, REL = __ATOMIC_RELEASE };
enum { ACQ_REL = __ATOMIC_ACQ_REL, SC = __ATOMIC_SEQ_CST };

static struct orders {
    int store, load, store_fence, load_fence;
} use;

static void fence(int order)
{
    if (order != NONE)
        WOK__FENCE(order);
}

#define STORE(p, v) WOK__STORE(p, v, use.store)
#define LOAD(p) WOK__LOAD(p, use.load)

static void setup(void)
{
    store_relaxed(&x, 0);
    store_relaxed(&y, 0);
    store_relaxed(&z, 0);
    data = 0;
}

static void race_write(void)
{
    model_plain_write(&data);
    data = 7;
    fence(use.store_fence);
    STORE(&y, 1);
}
static void race_read(void)
{
    if (LOAD(&y) == 0)
        return;
    fence(use.load_fence);
    model_plain_read(&data);
    model_assert(data == 7);
}
static void race_locked(void)
{
    model_lock(&mutex);
    model_plain_read(&data);
    model_plain_write(&data);
    data++;
    model_unlock(&mutex);
}
static void race_read_first(void)
{
    model_plain_read(&data);
    STORE(&y, 1);
}
static void race_write_after(void)
{
    if (LOAD(&y) == 1)
        model_plain_write(&data);
}
/* Thread 1 reads only if thread 0's fence came first, but nothing that it reads says so in a way
 * that synchronises: a total order of fences is not happens-before. */
static void race_fence_0(void)
{
    model_plain_write(&data);
    fence_seq_cst();
    if (load_relaxed(&y) == 0)
        store_relaxed(&z, 1);
}
static void race_fence_1(void)
{
    store_relaxed(&y, 1);
    fence_seq_cst();
    if (load_relaxed(&z) == 0)
        return;
    fence(use.load_fence);
    model_plain_read(&data);
}
/* z is handed to the other thread, which stores: a relaxed flag lets the store overtake the load. */
static void hand_over(void)
{
    model_exclusive(&z);
    (void)load_relaxed(&z);
    STORE(&y, 1);
}
static void take_over(void)
{
    if (LOAD(&y) == 1)
        store_relaxed(&z, 1);
}
static void race_unlocked(void)
{
    model_plain_write(&data);
}

/* The last of two owners frees; the count goes from 0 to -2. */
static void drop_owner(void)
{
    model_plain_read(&data);
    if (WOK__FETCH_SUB(&x, 1, use.store) == UINT32_MAX) {
        fence(use.load_fence);
        model_free(&data, sizeof data);
    }
}
static void use_late(void)
{
    if (load_acquire(&y) == 1)
        (void)load_relaxed(&x);
}
static void free_early(void)
{
    store_release(&y, 1);
    model_free(&x, sizeof x);
}
static void use_then_tell(void)
{
    (void)load_relaxed(&x);
    STORE(&y, 1);
}
static void free_when_told(void)
{
    if (LOAD(&y) == 1)
        model_free(&x, sizeof x);
}

/* The same with a lock. */
static void lock_then_tell(void)
{
    model_lock(&mutex);
    model_unlock(&mutex);
    STORE(&y, 1);
}
static void free_lock_when_told(void)
{
    if (LOAD(&y) == 1)
        model_free(&mutex, sizeof mutex);
}
static void free_lock_early(void)
{
    store_release(&y, 1);
    model_free(&mutex, sizeof mutex);
}
static void lock_late(void)
{
    if (load_acquire(&y) == 1)
        model_lock(&mutex);
}

static void sleep_for_event(void)
{
    model_event_wait(&event);
}
static void wake_by_event(void)
{
    model_event_set(&event);
}
/* Sleep and wake: announce, re-check, sleep, against publish, look for sleepers, wake. */
static void sleeper(void)
{
    store_relaxed(&x, 1);
    fence(use.load_fence);
    if (load_relaxed(&y) == 0)
        model_event_wait(&event);
}
static void waker(void)
{
    store_relaxed(&y, 1);
    fence(use.store_fence);
    if (load_relaxed(&x) == 1)
        model_event_set(&event);
}
static void futex_sleeper(void)
{
    while (load_acquire(&y) == 0)
        model_futex_wait(&y, 0);
}
static void futex_waker(void)
{
    store_release(&y, 1);
    model_futex_wake(&y, 1);
}
static void futex_forgetful(void)
{
    store_release(&y, 1);
}

static void spin_lock(void)
{
    while (exchange_acquire(&x, 1) == 1)
        model_spin();
    model_plain_write(&data);
    data++;
    WOK__STORE(&x, 0, use.store);
}
static void spin_lock_keep(void)
{
    while (exchange_acquire(&x, 1) == 1)
        model_spin();
}
static void spin_for_flag(void)
{
    while (load_relaxed(&y) == 0)
        model_spin();
}
static void spin_unmarked(void)
{
    while (load_relaxed(&z) == 0)
        ;
}
static void store_flag(void)
{
    store_relaxed(&y, 1);
}

/* Needs two preemptions: one of thread 0 before its load, one of thread 1 before its second. */
static void ping(void)
{
    store_relaxed(&x, 1);
    if (load_relaxed(&x) == 2)
        store_relaxed(&x, 3);
}
static void pong(void)
{
    if (load_relaxed(&x) == 1)
        store_relaxed(&x, 2);
    model_assert(load_relaxed(&x) != 3);
}
static void choose_one_of_three(void)
{
    model_assert(model_choose(3) != 2);
}

static const struct report_test {
    const char *name;
    void (*threads[MODEL_MAX_THREADS])(void);
    struct orders orders;
    unsigned max_preemptions;
    const char *report; /* part of it, or NULL if there must be none */
} report_tests[] = {
    {"race: relaxed flag", {race_write, race_read}, {RLX, RLX, NONE, NONE}, 0, "data race"},
    {"race: release without acquire",
     {race_write, race_read},
     {REL, RLX, NONE, NONE},
     0,
     "data race"},
    {"race: acquire without release",
     {race_write, race_read},
     {RLX, ACQ, NONE, NONE},
     0,
     "data race"},
    {"no race: release/acquire", {race_write, race_read}, {REL, ACQ, NONE, NONE}, 0, NULL},
    {"no race: fences", {race_write, race_read}, {RLX, RLX, REL, ACQ}, 0, NULL},
    {"no race: seq_cst fences and a flag", {race_write, race_read}, {RLX, RLX, SC, SC}, 0, NULL},
    {"race: order of fences alone", {race_fence_0, race_fence_1}, {0, 0, 0, NONE}, 0, "data race"},
    {"no race: order of fences, and acquired",
     {race_fence_0, race_fence_1},
     {0, 0, 0, ACQ},
     0,
     NULL},
    {"race: a write after a read",
     {race_read_first, race_write_after},
     {RLX, ACQ, 0, 0},
     0,
     "data race"},
    {"no race: a write after a read",
     {race_read_first, race_write_after},
     {REL, ACQ, 0, 0},
     0,
     NULL},
    {"no race: mutex", {race_locked, race_locked, race_locked}, {0}, 0, NULL},
    {"race: a store to an exclusive atomic",
     {hand_over, take_over},
     {RLX, ACQ, 0, 0},
     0,
     "data race"},
    {"no race: an exclusive atomic", {hand_over, take_over}, {REL, ACQ, 0, 0}, 0, NULL},
    {"race: mutex on one side", {race_locked, race_unlocked}, {0}, 0, "data race"},

    {"free: relaxed count", {drop_owner, drop_owner}, {RLX, 0, 0, NONE}, 0, "data race"},
    {"free: release without acquire", {drop_owner, drop_owner}, {REL, 0, 0, NONE}, 0, "data race"},
    {"free: release and acquire fence", {drop_owner, drop_owner}, {REL, 0, 0, ACQ}, 0, NULL},
    {"free: acq_rel", {drop_owner, drop_owner}, {ACQ_REL, 0, 0, NONE}, 0, NULL},
    {"free: used afterwards", {free_early, use_late}, {0}, 0, "use after free"},
    {"free: may still be in use",
     {use_then_tell, free_when_told},
     {RLX, ACQ, 0, 0},
     0,
     "may still be in use"},
    {"free: no longer in use", {use_then_tell, free_when_told}, {REL, ACQ, 0, 0}, 0, NULL},

    {"free: a lock, used afterwards", {free_lock_early, lock_late}, {0}, 0, "use after free"},
    {"free: a lock that may still be in use",
     {lock_then_tell, free_lock_when_told},
     {RLX, ACQ, 0, 0},
     0,
     "may still be in use"},
    {"free: a lock no longer in use",
     {lock_then_tell, free_lock_when_told},
     {REL, ACQ, 0, 0},
     0,
     NULL},

    {"deadlock: nobody wakes", {sleep_for_event}, {0}, 0, "deadlock"},
    {"deadlock: one token, two sleepers",
     {sleep_for_event, sleep_for_event, wake_by_event},
     {0},
     0,
     "deadlock"},
    {"no deadlock: a token is kept", {sleep_for_event, wake_by_event}, {0}, 0, NULL},
    {"lost wake: no fences", {sleeper, waker}, {0, 0, NONE, NONE}, 0, "deadlock"},
    {"lost wake: sleeper's fence only", {sleeper, waker}, {0, 0, NONE, SC}, 0, "deadlock"},
    {"lost wake: waker's fence only", {sleeper, waker}, {0, 0, SC, NONE}, 0, "deadlock"},
    {"no lost wake: both fences", {sleeper, waker}, {0, 0, SC, SC}, 0, NULL},
    {"futex: woken", {futex_sleeper, futex_waker}, {0}, 0, NULL},
    {"futex: wakes one of two", {futex_sleeper, futex_sleeper, futex_waker}, {0}, 0, "deadlock"},
    {"futex: not woken", {futex_sleeper, futex_forgetful}, {0}, 0, "deadlock"},

    {"spin lock", {spin_lock, spin_lock, spin_lock}, {REL, 0, 0, 0}, 0, NULL},
    {"spin lock, relaxed unlock", {spin_lock, spin_lock}, {RLX, 0, 0, 0}, 0, "data race"},
    {"spin lock, never unlocked", {spin_lock_keep, spin_lock_keep}, {0}, 0, "deadlock"},
    {"a spin sees the store in the end", {spin_for_flag, store_flag, spin_for_flag}, {0}, 0, NULL},
    {"an unmarked spin is a livelock", {spin_unmarked}, {0}, 0, "livelock"},

    {"two switches, bound of one", {ping, pong}, {0}, 1, NULL},
    {"two switches, bound of two", {ping, pong}, {0}, 2, "assertion failed"},
    {"two switches, no bound", {ping, pong}, {0}, 0, "assertion failed"},
    {"every choice is explored", {choose_one_of_three}, {0}, 0, "assertion failed"},
};

static bool run_report(const struct report_test *test)
{
    struct model_check check = {
        .name = test->name, .setup = setup, .max_preemptions = test->max_preemptions};

    use = test->orders;
    memcpy(check.threads, test->threads, sizeof check.threads);
    struct model_result result = model_explore(&check);
    bool ok = test->report == NULL
                  ? result.verdict == MODEL_PASSED
                  : result.verdict == MODEL_VIOLATED && strstr(result.what, test->report) != NULL;

    printf("%-40s %s: %" PRIu64 " executions\n", test->name, ok ? "ok" : "FAILED",
           result.executions);
    if (!ok) {
        printf("  expected %s, got %s\n", test->report == NULL ? "no report" : test->report,
               result.verdict == MODEL_PASSED ? "none" : result.what);
        model_print_trace();
    }
    return ok;
}

int main(void)
{
    unsigned passed = 0, failed = 0;

    for (size_t i = 0; i < sizeof report_tests / sizeof report_tests[0]; i++)
        *(run_report(&report_tests[i]) ? &passed : &failed) += 1;
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? MODEL_EXIT_PASSED : MODEL_EXIT_VIOLATED;
}
