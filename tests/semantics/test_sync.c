/*
 * test_sync.c - the rules P1, P2, L1 and L2: semaphores and locks.
 */
#include "semantics/kit.h"

/* ---- semaphores --------------------------------------------------------------------------------- */

static wok_semaphore permits = WOK_SEMAPHORE_INIT(1);

struct wish {
    int number;
    uint64_t count;
};

/* Notes its number, or the code of its wait; keeps what it gets. */
WOK_TASK(acquire, struct wish, int);

static int acquire(struct wish *wish, int *result)
{
    int code = wok_semaphore_acquire(&permits, wish->count);

    note(code == 0 ? wish->number : code);
    *result = code;
    return 0;
}

WOK_TEST(semantics, P1_who_came_first_is_served_first_however_many_are_asked_for)
{
    acquire_join first = wok_spawn(acquire, {1, 2}), second = wok_spawn(acquire, {2, 1});

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(noted.count, 0, "one permit is free, and the first waits for two");
    cr_assert_eq(wok_semaphore_try_acquire(&permits, 1), -EAGAIN);
    wok_semaphore_release(&permits, 1);
    cr_assert_eq(acquire_await(&first, NULL, NULL), 0);
    assert_noted(1);
    wok_semaphore_release(&permits, 1);
    cr_assert_eq(acquire_await(&second, NULL, NULL), 0);
    assert_noted(1, 2);
}

WOK_TEST(semantics, P1_closing_fails_all_waiters_and_forgotten_permits_are_gone)
{
    acquire_join waiter = wok_spawn(acquire, {1, 2});

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_semaphore_close(&permits);
    cr_assert_eq(acquire_await(&waiter, NULL, NULL), 0);
    assert_noted(-EPIPE);
    cr_assert_eq(wok_semaphore_acquire(&permits, 1), -EPIPE);

    wok_semaphore other = WOK_SEMAPHORE_INIT(3);
    cr_assert_eq(wok_semaphore_forget(&other, 2), 2);
    cr_assert_eq(wok_semaphore_available(&other), 1);
}

static unsigned guarded; /* by the one permit */

WOK_TASK(add_under_permit, unsigned, int);

static int add_under_permit(unsigned *rounds, int *result)
{
    *result = 0;
    for (unsigned i = 0; i < *rounds; i++) {
        WOK_ACQUIRE(&permits, 1)
        {
            guarded++;
        }
    }
    return 0;
}

WOK_TEST_ON(semantics, P2_a_release_happens_before_the_acquire_that_gets_the_permit, 4)
{
    enum { TASKS = 4 };
    add_under_permit_join tasks[TASKS];
    unsigned rounds = TEST_SCALE(2000);

    for (int i = 0; i < TASKS; i++)
        tasks[i] = wok_spawn(add_under_permit, rounds);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(add_under_permit_await(&tasks[i], NULL, NULL), 0);
    cr_assert_eq(guarded, TASKS * rounds);
}

/* ---- locks -------------------------------------------------------------------------------------- */

static wok_mutex mutex = WOK_MUTEX_INIT;

WOK_TASK(lock, int, int);

static int lock(int *number, int *result)
{
    int code = wok_mutex_lock(&mutex);

    *result = code;
    if (code < 0)
        return code;
    note(*number);
    wok_mutex_unlock(&mutex);
    return 0;
}

WOK_TEST(semantics, L1_a_mutex_is_first_come_first_served)
{
    lock_join tasks[3];

    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    for (int i = 0; i < 3; i++)
        tasks[i] = wok_spawn(lock, i + 1);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(wok_mutex_try_lock(&mutex), -EAGAIN);
    wok_mutex_unlock(&mutex);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(lock_await(&tasks[i], NULL, NULL), 0);
    assert_noted(1, 2, 3);
}

WOK_TASK(panic_in_lock, char, int);

static int panic_in_lock(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    WOK_LOCK(&mutex)
    {
        wok_panic("no salt");
    }
    return 0;
}

WOK_TEST(semantics, L1_a_panic_unlocks_and_poisons_nothing)
{
    panic_in_lock_join task = wok_spawn(panic_in_lock, 0);

    cr_assert_eq(end_of(&task.join).outcome, WOK_PANICKED);
    cr_assert_eq(wok_mutex_try_lock(&mutex), 0);
    wok_mutex_unlock(&mutex);
}

WOK_TEST(semantics, L1_a_cancelled_waiter_leaves_the_queue_and_loses_no_wake)
{
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    lock_join first = wok_spawn(lock, 1), second = wok_spawn(lock, 2);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_mutex_unlock(&mutex); /* it is the first one's now, which is aborted before it can know */
    wok_join_abort(&first.join);
    cr_assert_eq(lock_await(&second, NULL, NULL), 0);
    (void)end_of(&first.join);
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

static wok_rwlock table = WOK_RWLOCK_INIT;

WOK_TASK(write_table, int, int);

static int write_table(int *number, int *result)
{
    *result = wok_rwlock_write_lock(&table);
    note(*number);
    wok_rwlock_write_unlock(&table);
    return 0;
}

WOK_TASK(read_table, int, int);

static int read_table(int *number, int *result)
{
    *result = wok_rwlock_read_lock(&table);
    note(*number);
    wok_rwlock_read_unlock(&table);
    return 0;
}

WOK_TEST(semantics, L2_a_writer_that_waits_keeps_later_readers_waiting)
{
    cr_assert_eq(wok_rwlock_read_lock(&table), 0);
    write_table_join writer = wok_spawn(write_table, 1);
    read_table_join reader = wok_spawn(read_table, 2);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(noted.count, 0);
    cr_assert_eq(wok_rwlock_try_read_lock(&table), -EAGAIN);
    wok_rwlock_read_unlock(&table);
    cr_assert_eq(write_table_await(&writer, NULL, NULL), 0);
    cr_assert_eq(read_table_await(&reader, NULL, NULL), 0);
    assert_noted(1, 2);
}

WOK_TEST(semantics, L2_a_downgrade_keeps_writers_that_wait_behind)
{
    cr_assert_eq(wok_rwlock_write_lock(&table), 0);
    write_table_join writer = wok_spawn(write_table, 1);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_rwlock_downgrade(&table);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(noted.count, 0);
    wok_rwlock_read_unlock(&table);
    cr_assert_eq(write_table_await(&writer, NULL, NULL), 0);
    assert_noted(1);
}
