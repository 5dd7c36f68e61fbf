/*
 * test_stress.c - a million turns of each lock, semaphore, notification and token, and one waiter in a hundred
 * gives up.
 *
 * What an object guards is counted without atomics: a lock that two hold, or a permit too many, is a count
 * that is wrong (and a race that TSan sees); a permit or a wake that is lost is a test that does not end.
 */
#include "runtime/sync/stress.h"

static uint64_t guarded; /* by the object of the test */

/* ---- whatever one at a time can hold ------------------------------------------------------------- */

/* The object of a test. */
struct lock {
    int (*try_take)(void); /* NULL: there is no such thing */
    int (*take_until)(wok_instant deadline);
    wok_op (*take_op)(void);
    void (*give)(void);
};

static const struct lock *lock;

static int take_by(enum patience patience, struct member *member)
{
    if (patience == LOSES_A_SELECT)
        return wait_or_lose(lock->take_op(), member);
    return lock->take_until(deadline_of(member, patience));
}

static void lock_round(struct member *member)
{
    int code = lock->try_take != NULL ? lock->try_take() : -EAGAIN;

    if (code == -EAGAIN) {
        fetch_add_relaxed(&waited, 1);
        code = take_by(patience(member), member);
    }
    if (!got(code))
        return;
    guarded++;
    linger(member);
    lock->give();
}

static void fight_for(const struct lock *object)
{
    lock = object;
    guarded = 0;
    run_crowd(lock_round);
    cr_assert_eq(guarded, load_relaxed(&entered));
    cr_assert_eq(load_relaxed(&entered) + load_relaxed(&left), TOTAL);
    check_leavers();
    cr_assert_eq(lock->take_until(wok_now()), 0, "it was given back");
    cr_assert_neq(lock->take_until(wok_now()), 0, "and once");
    lock->give();
}

/* ---- the same under aborts ------------------------------------------------------------------------ */

/* Takes the lock until it is aborted. */
WOK_TASK(takes_for_ever, int, int);

static int takes_for_ever(int *args, int *result)
{
    int code;

    (void)args;
    while ((code = lock->take_until(WOK_NEVER)) == 0) {
        guarded++;
        fetch_add_relaxed(&entered, 1);
        lock->give();
    }
    cr_assert_eq(code, -ECANCELED);
    *result = 0;
    return 0;
}

/* A stackless task that does so until it is dropped, perhaps with the lock on its way to it. */
struct takes_future {
    int resume_line;
    wok_op op;
};

static wok_poll takes_poll(void *self_, wok_cx *cx, void *result)
{
    struct takes_future *self = self_;

    (void)result;
    WOK_ASYNC_BEGIN(self);
    for (;;) {
        self->op = lock->take_op();
        WOK_AWAIT(self, wok_op_poll(&self->op, cx));
        guarded++;
        fetch_add_relaxed(&entered, 1);
        lock->give();
    }
    WOK_ASYNC_END;
}

static void takes_drop(void *self)
{
    wok_op_drop(&((struct takes_future *)self)->op);
}

static const wok_future_vtable takes_vtable = {
    .name = "takes",
    .size = sizeof(struct takes_future),
    .poll = takes_poll,
    .drop = takes_drop,
};

/* Tasks come, fight for the lock, and are aborted at any point of it, 4,000 of them. */
static void abort_waiters_of(const struct lock *object)
{
    enum { AT_A_TIME = 4 };

    lock = object;
    guarded = 0;
    store_relaxed(&entered, 0);
    for (int i = 0; i < TEST_SCALE(4000) / AT_A_TIME; i++) {
        wok_join joins[AT_A_TIME];
        for (int j = 0; j < AT_A_TIME; j++) {
            struct takes_future future = {0};
            joins[j] = j % 2 == 0 ? wok_spawn_future(&takes_vtable, &future)
                                  : wok_spawn(takes_for_ever, 0).join;
        }
        cr_assert_eq(wok_yield(), 0);
        for (int j = 0; j < AT_A_TIME; j++)
            wok_join_abort(&joins[j]);
        for (int j = 0; j < AT_A_TIME; j++)
            (void)wok_join_await(&joins[j], NULL, NULL);
    }
    cr_assert_eq(guarded, load_relaxed(&entered));
    cr_assert_gt(guarded, 0);
    cr_assert_eq(lock->take_until(wok_now()), 0, "it was given back");
    lock->give();
}

/* ---- mutex ------------------------------------------------------------------------------------------ */

static wok_mutex mutex;

static int mutex_try(void)
{
    return wok_mutex_try_lock(&mutex);
}

static int mutex_until(wok_instant deadline)
{
    return wok_mutex_lock_until(&mutex, deadline);
}

static wok_op mutex_op(void)
{
    return wok_mutex_lock_op(&mutex);
}

static void mutex_give(void)
{
    wok_mutex_unlock(&mutex);
}

static const struct lock a_mutex = {mutex_try, mutex_until, mutex_op, mutex_give};

WOK_TEST_ON(stress, a_million_locks_of_a_mutex, WORKERS)
{
    fight_for(&a_mutex);
}

WOK_TEST_ON(stress, aborted_waiters_of_a_mutex_lose_nothing, WORKERS)
{
    abort_waiters_of(&a_mutex);
}

/* ---- semaphore: a lock of one permit, and one of several ---------------------------------------------- */

static wok_semaphore permit = WOK_SEMAPHORE_INIT(1);

static int permit_try(void)
{
    return wok_semaphore_try_acquire(&permit, 1);
}

static int permit_until(wok_instant deadline)
{
    return wok_semaphore_acquire_until(&permit, 1, deadline);
}

static wok_op permit_op(void)
{
    return wok_semaphore_acquire_op(&permit, 1);
}

static void permit_give(void)
{
    wok_semaphore_release(&permit, 1);
}

static const struct lock a_permit = {permit_try, permit_until, permit_op, permit_give};

WOK_TEST_ON(stress, a_million_turns_of_one_permit, WORKERS)
{
    fight_for(&a_permit);
}

WOK_TEST_ON(stress, aborted_waiters_of_a_permit_lose_nothing, WORKERS)
{
    abort_waiters_of(&a_permit);
}

enum { PERMITS = 3 };

static wok_semaphore permits = WOK_SEMAPHORE_INIT(PERMITS);
static atomic_u64 in_use; /* permits */

static void permits_round(struct member *member)
{
    uint64_t count = 1 + wok__rand_below(&member->rand, PERMITS);
    int code = wok_semaphore_try_acquire(&permits, count);

    if (code == -EAGAIN) {
        enum patience how = patience(member);
        fetch_add_relaxed(&waited, 1);
        code = how == LOSES_A_SELECT
                   ? wait_or_lose(wok_semaphore_acquire_op(&permits, count), member)
                   : wok_semaphore_acquire_until(&permits, count, deadline_of(member, how));
    }
    if (!got(code))
        return;
    cr_assert_leq(fetch_add_relaxed(&in_use, count) + count, PERMITS);
    if (count == PERMITS)
        guarded++; /* whoever has all of them is alone */
    linger(member);
    fetch_sub_relaxed(&in_use, count);
    wok_semaphore_release(&permits, count);
}

WOK_TEST_ON(stress, a_million_acquisitions_of_one_to_three_permits, WORKERS)
{
    run_crowd(permits_round);
    cr_assert_eq(load_relaxed(&entered) + load_relaxed(&left), TOTAL);
    check_leavers();
    cr_assert_gt(guarded, 0);
    cr_assert_eq(wok_semaphore_available(&permits), PERMITS);
    cr_assert_eq(wok_semaphore_try_acquire(&permits, PERMITS), 0);
}

/* ---- read-write lock ----------------------------------------------------------------------------------- */

static wok_rwlock rwlock;

static int write_try(void)
{
    return wok_rwlock_try_write_lock(&rwlock);
}

static int write_until(wok_instant deadline)
{
    return wok_rwlock_write_lock_until(&rwlock, deadline);
}

static wok_op write_op(void)
{
    return wok_rwlock_write_op(&rwlock);
}

static void write_give(void)
{
    wok_rwlock_write_unlock(&rwlock);
}

static const struct lock a_writer = {write_try, write_until, write_op, write_give};

WOK_TEST_ON(stress, aborted_writers_lose_nothing, WORKERS)
{
    abort_waiters_of(&a_writer);
}

static uint64_t twin; /* equal to `guarded` whenever nobody writes */

static void read_round(struct member *member)
{
    int code = wok_rwlock_try_read_lock(&rwlock);

    if (code == -EAGAIN) {
        enum patience how = patience(member);
        fetch_add_relaxed(&waited, 1);
        code = how == LOSES_A_SELECT
                   ? wait_or_lose(wok_rwlock_read_op(&rwlock), member)
                   : wok_rwlock_read_lock_until(&rwlock, deadline_of(member, how));
    }
    if (!got(code))
        return;
    cr_assert_eq(guarded, twin);
    linger(member);
    wok_rwlock_read_unlock(&rwlock);
}

static void write_round(struct member *member)
{
    int code = write_try();

    if (code == -EAGAIN) {
        fetch_add_relaxed(&waited, 1);
        code = take_by(patience(member), member);
    }
    if (!got(code))
        return;
    guarded++;
    linger(member);
    twin++;
    if (wok__rand_below(&member->rand, 2) == 0) {
        wok_rwlock_write_unlock(&rwlock);
        return;
    }
    wok_rwlock_downgrade(&rwlock);
    cr_assert_eq(guarded, twin);
    wok_rwlock_read_unlock(&rwlock);
}

static void rwlock_round(struct member *member)
{
    if (wok__rand_below(&member->rand, 4) == 0)
        write_round(member);
    else
        read_round(member);
}

WOK_TEST_ON(stress, a_million_locks_of_a_read_write_lock, WORKERS)
{
    lock = &a_writer;
    run_crowd(rwlock_round);
    cr_assert_eq(guarded, twin);
    cr_assert_gt(guarded, TOTAL / 10);
    cr_assert_eq(load_relaxed(&entered) + load_relaxed(&left), TOTAL);
    check_leavers();
    cr_assert_eq(write_try(), 0);
}

/* ---- notify: a lock made of the one notification that it stores ------------------------------------------- */

static wok_notify notify;

static int notify_until(wok_instant deadline)
{
    return wok_notify_wait_until(&notify, deadline);
}

static wok_op notify_op(void)
{
    return wok_notify_op(&notify);
}

static void notify_give(void)
{
    static unsigned times; /* whoever gives is alone */

    if (times++ % 2 == 0)
        wok_notify_one(&notify);
    else
        wok_notify_last(&notify);
}

static const struct lock a_notification = {NULL, notify_until, notify_op, notify_give};

WOK_TEST_ON(stress, a_million_notifications, WORKERS)
{
    wok_notify_one(&notify);
    fight_for(&a_notification);
}

WOK_TEST_ON(stress, a_notification_of_an_aborted_waiter_goes_to_the_next, WORKERS)
{
    wok_notify_one(&notify);
    abort_waiters_of(&a_notification);
}

/* ---- once: a lock made of a turn that fails ------------------------------------------------------------------ */

static wok_once once;

static int once_until(wok_instant deadline)
{
    bool turn = false;
    int code = wok_op_await_until(wok_once_begin_op(&once, &turn), deadline);

    cr_assert_eq(turn, code == 0);
    return code;
}

static wok_op once_op(void)
{
    static bool turn; /* it is never done, so whoever gets through has it */

    return wok_once_begin_op(&once, &turn);
}

static void once_give(void)
{
    wok_once_failed(&once);
}

static const struct lock a_turn = {NULL, once_until, once_op, once_give};

WOK_TEST_ON(stress, a_million_turns_that_fail, WORKERS)
{
    fight_for(&a_turn);
    cr_assert_not(wok_once_is_done(&once));
}

WOK_TEST_ON(stress, a_turn_of_an_aborted_waiter_goes_to_the_next, WORKERS)
{
    abort_waiters_of(&a_turn);
}
