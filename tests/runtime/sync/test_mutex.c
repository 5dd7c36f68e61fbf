/*
 * test_mutex.c - mutual exclusion, on one worker and a paused clock: a task runs until it waits, so
 * the order of events is a fact.
 *
 * L-numbers are rules of Tokio's Mutex.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "support/wok_test.h"

static wok_mutex mutex = WOK_MUTEX_INIT;

/* Who held the mutex, in that order. */
static struct {
    int who[16];
    int count;
} held;

static void setup(void)
{
    mutex = (wok_mutex)WOK_MUTEX_INIT;
    held.count = 0;
}

/* Locks, says so, and unlocks after a while. */
WOK_TASK(locker, int, int);

static int locker(int *who, int *result)
{
    int code = 1;

    WOK_LOCK(&mutex, &code)
    {
        held.who[held.count++] = *who;
        if (wok_sleep(wok_ms(1)) < 0)
            return -ECANCELED;
    }
    *result = code;
    return 0;
}

static locker_join spawn_locker(int who)
{
    locker_join join = wok_spawn(locker, who);

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_locker(locker_join *join)
{
    int code = 1;

    cr_assert_eq(locker_await(join, &code, NULL), 0);
    return code;
}

/* ---- one at a time ------------------------------------------------------------------------------ */

Test(mutex, of_zero_bytes_is_unlocked)
{
    wok_mutex zero;

    memset(&zero, 0, sizeof zero);
    cr_assert_not(wok_mutex_is_locked(&zero));
    cr_assert_eq(wok_mutex_try_lock(&zero), 0);
    cr_assert(wok_mutex_is_locked(&zero));
    wok_mutex_unlock(&zero);
    cr_assert_not(wok_mutex_is_locked(&zero));
}

/* L1 */
WOK_TEST(mutex, try_lock_never_waits)
{
    setup();
    cr_assert_eq(wok_mutex_try_lock(&mutex), 0);
    cr_assert_eq(wok_mutex_try_lock(&mutex), -EAGAIN);
    locker_join waiter = spawn_locker(1);
    wok_mutex_unlock(&mutex);
    cr_assert_eq(wok_mutex_try_lock(&mutex), -EAGAIN, "it was handed to the waiter");
    cr_assert_eq(await_locker(&waiter), 0);
    cr_assert_eq(wok_mutex_try_lock(&mutex), 0);
}

/* L1 */
WOK_TEST(mutex, is_handed_over_in_the_order_of_the_lock_calls)
{
    locker_join lockers[8];

    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    for (int i = 0; i < 8; i++)
        lockers[i] = spawn_locker(i);
    cr_assert_eq(held.count, 0);
    wok_mutex_unlock(&mutex);
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    cr_assert_eq(held.count, 8, "who unlocks and locks again is behind those who wait");
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(held.who[i], i);
        cr_assert_eq(await_locker(&lockers[i]), 0);
    }
    wok_mutex_unlock(&mutex);
}

/* ---- leaving the queue ---------------------------------------------------------------------------- */

/* L1 */
WOK_TEST(mutex, a_cancelled_waiter_leaves_the_queue_without_losing_a_wake)
{
    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    locker_join first = spawn_locker(1), second = spawn_locker(2), third = spawn_locker(3);

    wok_join_abort(&first.join); /* while it waits */
    cr_assert_eq(wok_yield(), 0);
    wok_mutex_unlock(&mutex);
    wok_join_abort(&second.join); /* when it was handed the mutex, and has not run since */
    cr_assert_eq(await_locker(&first), -ECANCELED);
    cr_assert_eq(await_locker(&second), -ECANCELED);
    cr_assert_eq(await_locker(&third), 0);
    cr_assert_eq(held.count, 1);
    cr_assert_eq(held.who[0], 3);
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

WOK_TEST(mutex, a_deadline_leaves_the_queue)
{
    setup();
    locker_join holder = spawn_locker(1);
    wok_instant start = wok_now();

    cr_assert_eq(wok_mutex_lock_until(&mutex, wok_after(wok_us(300))), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_us(300).ns);
    WOK_TIMEOUT(wok_us(300))
    {
        cr_assert_eq(wok_mutex_lock(&mutex), -ETIMEDOUT);
    }
    cr_assert_eq(await_locker(&holder), 0);
    cr_assert_not(wok_mutex_is_locked(&mutex), "it was handed to nobody who had left");
}

WOK_TEST(mutex, a_losing_branch_of_a_select_holds_nothing)
{
    setup();
    locker_join holder = spawn_locker(1);
    int code;
    wok_op branches[] = {wok_mutex_lock_op(&mutex), wok_sleep_op(wok_us(1))};

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(await_locker(&holder), 0);
    cr_assert_not(wok_mutex_is_locked(&mutex));
    wok_op again[] = {wok_mutex_lock_op(&mutex)};
    cr_assert_eq(wok_select(again, 1, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, 0);
    cr_assert(wok_mutex_is_locked(&mutex));
    wok_mutex_unlock(&mutex);
}

/* ---- panics --------------------------------------------------------------------------------------- */

WOK_TASK(panics, bool, int);

static int panics(bool *by_guard, int *result)
{
    WOK_CLEANUP(wok_mutex_unlockp) wok_mutex *guard = NULL;

    *result = 0;
    if (*by_guard) {
        cr_assert_eq(wok_mutex_lock(&mutex), 0);
        guard = &mutex;
        wok_panic("with a guard");
    }
    WOK_LOCK(&mutex)
    {
        wok_panic("in a block");
    }
    return 0;
}

/* L1 */
WOK_TEST(mutex, a_panic_unlocks_and_does_not_poison)
{
    setup();
    for (int by_guard = 0; by_guard < 2; by_guard++) {
        panics_join join = wok_spawn(panics, by_guard);
        cr_assert_eq(panics_await(&join, NULL, NULL), -WOK_EJOIN);
        cr_assert_not(wok_mutex_is_locked(&mutex));
        cr_assert_eq(wok_mutex_lock(&mutex), 0);
        wok_mutex_unlock(&mutex);
    }
}

WOK_TASK(ignores_cancel, int, int);

static int ignores_cancel(int *args, int *result)
{
    (void)args;
    *result = 0;
    WOK_LOCK(&mutex)
    {
        for (;;)
            (void)wok_sleep(wok_seconds(1));
    }
    return 0;
}

WOK_TEST(mutex, a_task_that_is_unwound_by_force_unlocks)
{
    setup();
    ignores_cancel_join join = wok_spawn(ignores_cancel, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    cr_assert_eq(ignores_cancel_await(&join, NULL, NULL), -WOK_EJOIN);
    wok_mutex_unlock(&mutex);
}

WOK_TEST(mutex, a_block_unlocks_however_it_is_left)
{
    int error = 1, rounds = 0;

    setup();
    WOK_LOCK(&mutex, &error)
    {
        cr_assert(wok_mutex_is_locked(&mutex));
        rounds++;
    }
    cr_assert_eq(error, 0);
    cr_assert_not(wok_mutex_is_locked(&mutex));
    WOK_LOCK(&mutex)
    {
        rounds++;
        break;
    }
    cr_assert_not(wok_mutex_is_locked(&mutex));
    WOK_LOCK(&mutex)
    {
        rounds++;
        goto out;
    }
out:
    cr_assert_not(wok_mutex_is_locked(&mutex));
    cr_assert_eq(rounds, 3);
}

WOK_TEST(mutex, a_block_whose_lock_fails_is_skipped)
{
    int error = 0;
    bool ran = false;

    setup();
    locker_join holder = spawn_locker(1);
    WOK_TIMEOUT(wok_us(1))
    {
        WOK_LOCK(&mutex, &error)
        {
            ran = true;
        }
    }
    cr_assert_eq(error, -ETIMEDOUT);
    cr_assert_not(ran);
    cr_assert_eq(await_locker(&holder), 0);
}

/* ---- misuse --------------------------------------------------------------------------------------- */

#ifndef NDEBUG
WOK_TEST(mutex, locking_twice_is_told)
{
    int code = 0;

    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    cr_assert_eq(wok_mutex_lock(&mutex), -EDEADLK);
    wok_op branches[] = {wok_mutex_lock_op(&mutex)};
    cr_assert_eq(wok_select(branches, 1, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, -EDEADLK);
    wok_mutex_unlock(&mutex);
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    wok_mutex_unlock(&mutex);
}

Test(mutex, locking_twice_on_a_plain_thread_is_told, .timeout = 20)
{
    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    cr_assert_eq(wok_mutex_lock(&mutex), -EDEADLK);
    wok_mutex_unlock(&mutex);
}
#endif

WOK_TASK(unlocker, int, int);

static int unlocker(int *args, int *result)
{
    (void)args;
    *result = 0;
    wok_mutex_unlock(&mutex);
    return 0;
}

WOK_TEST(mutex, may_be_unlocked_by_another_task)
{
    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    unlocker_join join = wok_spawn(unlocker, 0);
    cr_assert_eq(unlocker_await(&join, NULL, NULL), 0);
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    wok_mutex_unlock(&mutex);
}

/* ---- stackless tasks and plain threads --------------------------------------------------------------- */

/* A stackless task that locks, yields while it holds the mutex, and unlocks. */
struct stackless {
    int resume_line, who;
    wok_op op;
    bool yielded;
};

static wok_poll stackless_poll(void *self_, wok_cx *cx, void *result)
{
    struct stackless *self = self_;

    (void)result;
    WOK_ASYNC_BEGIN(self);
    WOK_AWAIT(self, wok_op_poll(&self->op, cx));
    held.who[held.count++] = self->who;
    WOK_AWAIT(self,
              self->yielded ? WOK_READY : (self->yielded = true, wok_cx_yield(cx), WOK_PENDING));
    wok_mutex_unlock(&mutex);
    WOK_ASYNC_END;
}

static void stackless_drop(void *self)
{
    wok_op_drop(&((struct stackless *)self)->op);
}

static const wok_future_vtable stackless_vtable = {
    .name = "locks",
    .size = sizeof(struct stackless),
    .poll = stackless_poll,
    .drop = stackless_drop,
};

WOK_TEST(mutex, stackless_tasks_hold_it_in_turn)
{
    wok_join joins[3];

    setup();
    for (int i = 0; i < 3; i++) {
        struct stackless future = {0, i, wok_mutex_lock_op(&mutex), false};
        joins[i] = wok_spawn_future(&stackless_vtable, &future);
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(wok_join_await(&joins[i], NULL, NULL), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(held.who[i], i);
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

struct shared {
    wok_mutex mutex;
    int counter;
};

static void count_up(struct shared *shared, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        WOK_LOCK(&shared->mutex)
        {
            shared->counter++;
        }
    }
}

static void *thread_counts(void *argument)
{
    count_up(argument, 10000);
    return NULL;
}

WOK_TASK(counts, struct shared *, int);

static int counts(struct shared **shared, int *result)
{
    *result = 0;
    count_up(*shared, 10000);
    return 0;
}

WOK_TEST_ON(mutex, excludes_tasks_and_plain_threads_alike, 2)
{
    struct shared shared = {WOK_MUTEX_INIT, 0};
    pthread_t threads[2];
    counts_join joins[2];

    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thread_counts, &shared), 0);
    for (int i = 0; i < 2; i++)
        joins[i] = wok_spawn(counts, &shared);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(counts_await(&joins[i], NULL, NULL), 0);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(shared.counter, 40000);
}
