/*
 * test_stray.c - to unlock what is not locked ends the caller, and leaves the lock as it is.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "support/wok_test.h"

static wok_mutex mutex = WOK_MUTEX_INIT;
static wok_rwlock lock = WOK_RWLOCK_INIT;
static wok_condition condition = WOK_CONDITION_INIT;

static int line; /* of the call, where the caller knows it */

static void unlock_mutex(void)
{
    line = __LINE__ + 1;
    wok_mutex_unlock(&mutex);
}

static void wait_without_mutex(void)
{
    line = 0;
    (void)wok_condition_wait(&condition, &mutex);
}

static void unlock_reader(void)
{
    line = __LINE__ + 1;
    wok_rwlock_read_unlock(&lock);
}

static void unlock_writer(void)
{
    line = __LINE__ + 1;
    wok_rwlock_write_unlock(&lock);
}

static void downgrade(void)
{
    line = __LINE__ + 1;
    wok_rwlock_downgrade(&lock);
}

static wok_semaphore full = WOK_SEMAPHORE_INIT(WOK_SEMAPHORE_MAX - 1);

static void release_two(void)
{
    line = __LINE__ + 1;
    wok_semaphore_release(&full, 2);
}

static void release_more_than_there_are(void)
{
    line = __LINE__ + 1;
    wok_semaphore_release(&full, UINT64_MAX);
}

static wok_task_tracker *tracker;

static void leave(void)
{
    line = __LINE__ + 1;
    wok_task_tracker_leave(tracker);
}

typedef void call_function(void);

WOK_TASK(stray, call_function *, int);

static int stray(call_function **call, int *result)
{
    *result = 0;
    (*call)();
    return 0;
}

/* The call panics, and says where, and this. */
static void expect_message(call_function *call, const char *message)
{
    stray_join join = wok_spawn(stray, call);
    wok_join_error error = {0};

    cr_assert_eq(stray_await(&join, NULL, &error), -WOK_EJOIN, "%s", message);
    cr_assert_eq(error.outcome, WOK_PANICKED, "%s: outcome %d", message, error.outcome);
    cr_assert_not_null(strstr(error.message, message), "%s: %s", message, error.message);
    if (line != 0) {
        cr_assert_eq(error.line, line, "%s: at line %d", message, error.line);
        cr_assert_str_eq(error.file, __FILE__);
    }
}

/* The call panics, and says where, and what it was called on. */
static void expect_panic(call_function *call, const char *name, const void *object)
{
    char message[64];

    snprintf(message, sizeof message, "%s() of %p, which is not locked", name, object);
    expect_message(call, message);
}

WOK_TEST(stray, unlock_of_an_unlocked_mutex_panics_and_leaves_it_to_one_at_a_time)
{
    expect_panic(unlock_mutex, "wok_mutex_unlock", &mutex);
    cr_assert_eq(wok_mutex_try_lock(&mutex), 0);
    cr_assert_eq(wok_mutex_try_lock(&mutex), -EAGAIN);
    wok_mutex_unlock(&mutex);
    expect_panic(unlock_mutex, "wok_mutex_unlock", &mutex);
}

WOK_TEST(stray, wait_without_the_mutex_panics_and_leaves_no_waiter)
{
    char message[128];

    snprintf(message, sizeof message,
             "wok_condition_wait() on %p with the mutex %p, which is not locked",
             (void *)&condition, (void *)&mutex);
    expect_message(wait_without_mutex, message);
    cr_assert_not(wok_mutex_is_locked(&mutex));
    cr_assert_null(condition.waiters.first);
}

WOK_TEST(stray, release_beyond_the_most_permits_panics_and_releases_nothing)
{
    expect_message(release_two, "wok_semaphore_release() of 2 permits to ");
    expect_message(release_more_than_there_are, "wok_semaphore_release() of 18446744073709551615 ");
    cr_assert_eq(wok_semaphore_available(&full), WOK_SEMAPHORE_MAX - 1);
    wok_semaphore_release(&full, 1);
    expect_message(release_two, "wok_semaphore_release() of 2 permits to ");
    cr_assert_eq(wok_semaphore_available(&full), WOK_SEMAPHORE_MAX);
}

WOK_TEST(stray, leave_of_an_empty_tracker_panics_where_it_is_called)
{
    cr_assert_eq(wok_task_tracker_new(&tracker), 0);
    expect_message(leave, "which counts nothing: one leave too many");
    wok_task_tracker_free(tracker);
}

WOK_TEST(stray, unlock_of_an_unlocked_rwlock_panics_and_leaves_it_to_one_writer)
{
    expect_panic(unlock_reader, "wok_rwlock_read_unlock", &lock);
    expect_panic(unlock_writer, "wok_rwlock_write_unlock", &lock);
    expect_panic(downgrade, "wok_rwlock_downgrade", &lock);
    cr_assert_eq(wok_rwlock_try_write_lock(&lock), 0);
    cr_assert_eq(wok_rwlock_try_read_lock(&lock), -EAGAIN);
    wok_rwlock_write_unlock(&lock);
}

WOK_TEST(stray, end_of_writing_where_somebody_reads_panics)
{
    cr_assert_eq(wok_rwlock_try_read_lock(&lock), 0);
    expect_panic(unlock_writer, "wok_rwlock_write_unlock", &lock);
    expect_panic(downgrade, "wok_rwlock_downgrade", &lock);
    cr_assert_eq(wok_rwlock_try_write_lock(&lock), -EAGAIN, "it is still read");
    wok_rwlock_read_unlock(&lock);
    cr_assert_eq(wok_rwlock_try_write_lock(&lock), 0);
    wok_rwlock_write_unlock(&lock);
}

WOK_TEST(stray, end_of_reading_where_somebody_writes_panics)
{
    cr_assert_eq(wok_rwlock_try_write_lock(&lock), 0);
    expect_panic(unlock_reader, "wok_rwlock_read_unlock", &lock);
    cr_assert_eq(wok_rwlock_try_read_lock(&lock), -EAGAIN, "it is still written");
    wok_rwlock_write_unlock(&lock);
}

WOK_TASK(writer, int, int);

static int writer(int *args, int *result)
{
    (void)args;
    *result = wok_rwlock_write_lock(&lock);
    if (*result == 0)
        wok_rwlock_write_unlock(&lock);
    return 0;
}

WOK_TEST(stray, end_of_writing_where_a_writer_waits_for_a_reader_panics)
{
    int code = 1;

    cr_assert_eq(wok_rwlock_try_read_lock(&lock), 0);
    writer_join waits = wok_spawn(writer, 0);
    cr_assert_eq(wok_yield(), 0);
    expect_panic(unlock_writer, "wok_rwlock_write_unlock", &lock);
    wok_rwlock_read_unlock(&lock);
    cr_assert_eq(writer_await(&waits, &code, NULL), 0);
    cr_assert_eq(code, 0);
}

Test(stray, unlock_outside_of_a_task_ends_the_process, .signal = SIGABRT)
{
    wok_mutex_unlock(&mutex);
}
