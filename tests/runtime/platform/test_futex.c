/*
 * test_futex.c - waiting for a word, with and without a deadline.
 */
#include "platform/futex.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "platform/thread.h"
#include "support/test.h"

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

Test(futex, does_not_wait_for_a_word_that_has_changed, .timeout = 10)
{
    atomic_u32 word = {5};

    wok__futex_wait(&word, 4);
    cr_assert_eq(wok__futex_wait_until(&word, 4, UINT64_MAX), 0);
}

Test(futex, waits_until_the_deadline_and_not_less, .timeout = 10)
{
    atomic_u32 word = {0};
    uint64_t deadline = now_ns() + 2000000;

    while (wok__futex_wait_until(&word, 0, deadline) == 0)
        ;
    cr_assert_geq(now_ns(), deadline);
}

Test(futex, says_at_once_that_a_deadline_has_passed, .timeout = 10)
{
    atomic_u32 word = {0};

    cr_assert_eq(wok__futex_wait_until(&word, 0, 1), -ETIMEDOUT);
    cr_assert_eq(wok__futex_wait_until(&word, 0, 0), -ETIMEDOUT);
}

Test(futex, keeps_errno, .timeout = 10)
{
    atomic_u32 word = {0};

    errno = ERANGE;
    wok__futex_wait(&word, 1);
    cr_assert_eq(wok__futex_wait_until(&word, 0, 1), -ETIMEDOUT);
    wok__futex_wake(&word, 1);
    cr_assert_eq(errno, ERANGE);
}

enum { WAITERS = 4 };

struct gate {
    atomic_u32 word;
    atomic_u32 waiting; /* how many are on their way to sleep */
    atomic_u32 passed;
    struct waiter {
        struct gate *gate;
        uint32_t index;
        atomic_u32 tid;
    } waiters[WAITERS];
};

static void pass(void *argument)
{
    struct waiter *waiter = argument;
    struct gate *gate = waiter->gate;

    store_relaxed(&waiter->tid, (uint32_t)gettid());
    fetch_add_relaxed(&gate->waiting, 1);
    while (load_relaxed(&gate->word) == 0)
        if (waiter->index % 2 == 0)
            wok__futex_wait(&gate->word, 0);
        else
            cr_assert_eq(wok__futex_wait_until(&gate->word, 0, UINT64_MAX), 0);
    fetch_add_relaxed(&gate->passed, 1);
}

/* The state of a thread, as proc(5) has it: 'S' while it sleeps. */
static char state_of(uint32_t tid)
{
    char path[64], state = '?';

    snprintf(path, sizeof path, "/proc/self/task/%u/stat", tid);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
    fclose(file);
    return state;
}

/* The word changes when all are asleep, so that each of them has to be woken. */
Test(futex, wakes_all_that_wait, .timeout = 20)
{
    static struct gate gate;
    pthread_t threads[WAITERS];

    for (uint32_t i = 0; i < WAITERS; i++) {
        gate.waiters[i] = (struct waiter){.gate = &gate, .index = i};
        cr_assert_eq(wok__thread_start(&threads[i], "waiter", pass, &gate.waiters[i]), 0);
    }
    while (load_relaxed(&gate.waiting) < WAITERS)
        sched_yield();
    for (int i = 0; i < WAITERS; i++)
        while (state_of(load_relaxed(&gate.waiters[i].tid)) != 'S')
            sched_yield();
    cr_assert_eq(load_relaxed(&gate.passed), 0);
    store_relaxed(&gate.word, 1);
    wok__futex_wake(&gate.word, INT_MAX);
    for (int i = 0; i < WAITERS; i++)
        wok__thread_join(threads[i]);
    cr_assert_eq(load_relaxed(&gate.passed), WAITERS);
}
