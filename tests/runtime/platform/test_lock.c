/*
 * test_lock.c - the four-byte mutex: exclusion, its three states, and that no sleeper is forgotten.
 */
#include "platform/lock.h"

#include "platform/thread.h"
#include "support/test.h"

Test(lock, is_free_when_zero)
{
    struct wok__lock lock = {{0}};

    cr_assert_eq(sizeof lock, 4);
    wok__lock_take(&lock);
    cr_assert_eq(load_relaxed(&lock.word), WOK__LOCK_HELD);
    cr_assert_not(wok__lock_try(&lock));
    cr_assert_eq(load_relaxed(&lock.word), WOK__LOCK_HELD); /* a try leaves no trace */
    wok__lock_give(&lock);
    cr_assert_eq(load_relaxed(&lock.word), WOK__LOCK_FREE);
    cr_assert(wok__lock_try(&lock));
    wok__lock_give(&lock);
}

Test(lock, is_given_back_at_the_end_of_a_block)
{
    struct wok__lock lock = {{0}};
    {
        WOK_CLEANUP(wok__lock_givep) struct wok__lock *held = &lock;
        wok__lock_take(held);
    }
    cr_assert_eq(load_relaxed(&lock.word), WOK__LOCK_FREE);
}

/* The holder may give the lock between a failed take and the look of the slow path. */
Test(lock, is_taken_by_the_slow_path_too, .timeout = 10)
{
    struct wok__lock lock = {{0}};

    wok__lock_take_contended(&lock);
    cr_assert_neq(load_relaxed(&lock.word), WOK__LOCK_FREE);
    wok__lock_give(&lock);
    cr_assert_eq(load_relaxed(&lock.word), WOK__LOCK_FREE);
}

struct counted {
    struct wok__lock lock;
    uint64_t count; /* plain: TSan and the sum see it if two hold the lock */
};

enum { ROUNDS = 50000, THREADS = 4 };

static void count(void *argument)
{
    struct counted *counted = argument;

    for (int i = 0; i < ROUNDS; i++) {
        if (i % 8 != 0 || !wok__lock_try(&counted->lock))
            wok__lock_take(&counted->lock);
        counted->count++;
        wok__lock_give(&counted->lock);
    }
}

Test(lock, is_held_by_one_at_a_time, .timeout = 30)
{
    static struct counted counted;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(wok__thread_start(&threads[i], "counter", count, &counted), 0);
    for (int i = 0; i < THREADS; i++)
        wok__thread_join(threads[i]);
    cr_assert_eq(counted.count, THREADS * ROUNDS);
    cr_assert_eq(load_relaxed(&counted.lock.word), WOK__LOCK_FREE);
}

static void take_once(void *argument)
{
    struct counted *counted = argument;

    wok__lock_take(&counted->lock);
    counted->count++;
    wok__lock_give(&counted->lock);
}

/* The holder keeps the lock until somebody sleeps, many times: a lost wake would hang here. */
Test(lock, wakes_everyone_who_sleeps, .timeout = 30)
{
    static struct counted counted;
    pthread_t threads[THREADS];

    for (uint64_t round = 1; round <= 50; round++) {
        wok__lock_take(&counted.lock);
        for (int i = 0; i < THREADS; i++)
            cr_assert_eq(wok__thread_start(&threads[i], "sleeper", take_once, &counted), 0);
        while (load_relaxed(&counted.lock.word) != WOK__LOCK_CONTENDED)
            sched_yield();
        wok__lock_give(&counted.lock);
        for (int i = 0; i < THREADS; i++)
            wok__thread_join(threads[i]);
        cr_assert_eq(counted.count, round * THREADS);
    }
}
