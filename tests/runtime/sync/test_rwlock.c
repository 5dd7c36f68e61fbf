/*
 * test_rwlock.c - readers and writers, on one worker and a paused clock: a task runs until it waits,
 * so the order of events is a fact.
 *
 * L-numbers are rules of Tokio's RwLock.
 */
#include <errno.h>

#include "support/wok_test.h"

static wok_rwlock lock;

/* Who got the lock, in that order. */
static struct {
    int who[16];
    int count;
} got;

static void setup(void)
{
    lock = (wok_rwlock)WOK_RWLOCK_INIT;
    got.count = 0;
}

/* Holds the lock from its turn until it is told by `leave`. */
struct user {
    int who;
    bool writes;
    bool *leave;
};

static void hold(const struct user *user)
{
    got.who[got.count++] = user->who;
    while (!*user->leave && wok_sleep(wok_ms(1)) == 0)
        continue;
}

WOK_TASK(uses, struct user, int);

static int uses(struct user *user, int *result)
{
    *result = 1;
    if (user->writes) {
        WOK_WRITE_LOCK(&lock, result)
        {
            hold(user);
        }
    } else {
        WOK_READ_LOCK(&lock, result)
        {
            hold(user);
        }
    }
    return 0;
}

static uses_join spawn_user(int who, bool writes, bool *leave)
{
    uses_join join = wok_spawn(uses, {.who = who, .writes = writes, .leave = leave});

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_user(uses_join *join)
{
    int code = 1;

    cr_assert_eq(uses_await(join, &code, NULL), 0);
    return code;
}

static bool free_for_all(void)
{
    if (wok_rwlock_try_write_lock(&lock) < 0)
        return false;
    wok_rwlock_write_unlock(&lock);
    return true;
}

Test(rwlock, of_zero_bytes_is_unlocked)
{
    wok_rwlock zero;

    memset(&zero, 0, sizeof zero);
    cr_assert_eq(wok_rwlock_try_write_lock(&zero), 0);
    cr_assert_eq(wok_rwlock_try_write_lock(&zero), -EAGAIN);
    cr_assert_eq(wok_rwlock_try_read_lock(&zero), -EAGAIN);
    wok_rwlock_write_unlock(&zero);
    cr_assert_eq(wok_rwlock_try_read_lock(&zero), 0);
    cr_assert_eq(wok_rwlock_try_read_lock(&zero), 0, "readers share");
    cr_assert_eq(wok_rwlock_try_write_lock(&zero), -EAGAIN);
    wok_rwlock_read_unlock(&zero);
    cr_assert_eq(wok_rwlock_try_write_lock(&zero), -EAGAIN);
    wok_rwlock_read_unlock(&zero);
    cr_assert_eq(wok_rwlock_try_write_lock(&zero), 0);
}

/* L2 */
WOK_TEST(rwlock, a_queued_writer_blocks_later_readers)
{
    bool first_leaves = false, writer_leaves = false;

    setup();
    uses_join first = spawn_user(1, false, &first_leaves);
    uses_join writer = spawn_user(2, true, &writer_leaves);
    uses_join late = spawn_user(3, false, &writer_leaves);
    cr_assert_eq(wok_rwlock_try_read_lock(&lock), -EAGAIN);
    cr_assert_eq(got.count, 1, "only the first reader is in");

    first_leaves = true;
    cr_assert_eq(await_user(&first), 0);
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert_eq(got.count, 2, "the writer is in, alone");
    writer_leaves = true;
    cr_assert_eq(await_user(&writer), 0);
    cr_assert_eq(await_user(&late), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(got.who[i], i + 1);
    cr_assert(free_for_all());
}

/* L2 */
WOK_TEST(rwlock, serves_in_order_and_readers_together)
{
    uses_join users[6];
    bool leave[6] = {false};

    setup();
    cr_assert_eq(wok_rwlock_write_lock(&lock), 0);
    for (int i = 0; i < 6; i++)
        users[i] = spawn_user(i, i == 2 || i == 5, &leave[i]);
    wok_rwlock_write_unlock(&lock);
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert_eq(got.count, 2, "the readers before the first writer");
    leave[0] = leave[1] = true;
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert_eq(got.count, 3, "the writer");
    leave[2] = true;
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert_eq(got.count, 5, "the readers before the second writer");
    leave[3] = true;
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert_eq(got.count, 5, "it waits for the last reader");
    leave[4] = leave[5] = true;
    for (int i = 0; i < 6; i++)
        cr_assert_eq(await_user(&users[i]), 0);
    cr_assert_eq(got.count, 6);
    cr_assert_eq(got.who[2], 2);
    cr_assert_eq(got.who[5], 5);
    cr_assert(free_for_all());
}

/* L2 */
WOK_TEST(rwlock, a_downgrade_keeps_waiting_writers_behind)
{
    bool leave = true;

    setup();
    cr_assert_eq(wok_rwlock_write_lock(&lock), 0);
    uses_join reader = spawn_user(1, false, &leave);
    uses_join writer = spawn_user(2, true, &leave);
    uses_join late = spawn_user(3, false, &leave);

    wok_rwlock_downgrade(&lock);
    cr_assert_eq(await_user(&reader), 0, "readers before the writer go on");
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert_eq(got.count, 1);
    cr_assert_eq(wok_rwlock_try_read_lock(&lock), -EAGAIN);
    wok_rwlock_read_unlock(&lock);
    cr_assert_eq(await_user(&writer), 0);
    cr_assert_eq(await_user(&late), 0);
    cr_assert_eq(got.who[1], 2);
    cr_assert_eq(got.who[2], 3);
    cr_assert(free_for_all());
}

WOK_TEST(rwlock, a_writer_that_leaves_the_queue_lets_the_readers_behind_it_go_on)
{
    bool leave = true;

    setup();
    cr_assert_eq(wok_rwlock_read_lock(&lock), 0);
    uses_join writer = spawn_user(1, true, &leave), reader = spawn_user(2, false, &leave);
    cr_assert_not(wok_join_is_finished(&reader.join));

    wok_join_abort(&writer.join);
    cr_assert_eq(await_user(&writer), -ECANCELED);
    cr_assert_eq(await_user(&reader), 0);
    wok_rwlock_read_unlock(&lock);
    cr_assert(free_for_all());
}

WOK_TEST(rwlock, who_was_handed_the_lock_and_is_aborted_passes_it_on)
{
    bool leave = true;

    setup();
    cr_assert_eq(wok_rwlock_write_lock(&lock), 0);
    uses_join first = spawn_user(1, true, &leave), second = spawn_user(2, true, &leave);

    wok_rwlock_write_unlock(&lock);
    wok_join_abort(&first.join);
    cr_assert_eq(await_user(&first), -ECANCELED);
    cr_assert_eq(await_user(&second), 0);
    cr_assert(free_for_all());
}

WOK_TEST(rwlock, deadlines_and_losing_branches_leave_the_queue)
{
    int code;

    setup();
    cr_assert_eq(wok_rwlock_read_lock(&lock), 0);
    cr_assert_eq(wok_rwlock_write_lock_until(&lock, wok_after(wok_ms(1))), -ETIMEDOUT);
    wok_op branches[] = {wok_rwlock_write_op(&lock), wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(wok_rwlock_read_lock_until(&lock, wok_after(wok_ms(1))), 0);
    wok_rwlock_read_unlock(&lock);
    wok_rwlock_read_unlock(&lock);

    cr_assert_eq(wok_rwlock_write_lock(&lock), 0);
    cr_assert_eq(wok_rwlock_read_lock_until(&lock, wok_after(wok_ms(1))), -ETIMEDOUT);
    wok_rwlock_write_unlock(&lock);
    wok_op again[] = {wok_rwlock_read_op(&lock)};
    cr_assert_eq(wok_select(again, 1, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, 0);
    wok_rwlock_read_unlock(&lock);
    cr_assert(free_for_all());
}

WOK_TASK(panics, bool, int);

static int panics(bool *writes, int *result)
{
    *result = 0;
    if (*writes) {
        WOK_WRITE_LOCK(&lock)
        {
            wok_panic("while it writes");
        }
    }
    WOK_READ_LOCK(&lock)
    {
        wok_panic("while it reads");
    }
    return 0;
}

WOK_TEST(rwlock, a_panic_unlocks_and_does_not_poison)
{
    setup();
    for (int writes = 0; writes < 2; writes++) {
        panics_join join = wok_spawn(panics, writes);
        cr_assert_eq(panics_await(&join, NULL, NULL), -WOK_EJOIN);
        cr_assert(free_for_all());
    }
}
