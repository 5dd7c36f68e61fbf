/*
 * workload_sync.c - acts of the workload: locks and permits.
 *
 * What a lock guards is counted in plain variables: a second holder would be seen there.
 */
#include <errno.h>

#include "support/workload.h"

enum { PERMITS = 3 };

static struct {
    wok_mutex mutex;
    wok_rwlock rwlock;
    wok_semaphore semaphore;
    unsigned in_mutex, readers, writers, permits;
} shared;

void sync_acts_begin(void)
{
    shared.mutex = (wok_mutex)WOK_MUTEX_INIT;
    shared.rwlock = (wok_rwlock)WOK_RWLOCK_INIT;
    shared.semaphore = (wok_semaphore)WOK_SEMAPHORE_INIT(PERMITS);
    shared.in_mutex = shared.readers = shared.writers = shared.permits = 0;
}

void sync_acts_end(void)
{
    CHECK(shared.in_mutex == 0 && shared.readers == 0 && shared.writers == 0);
    CHECK(shared.permits == 0);
    CHECK(wok_mutex_try_lock(&shared.mutex) == 0);
    CHECK(wok_rwlock_try_write_lock(&shared.rwlock) == 0);
    CHECK(wok_semaphore_try_acquire(&shared.semaphore, PERMITS) == 0);
}

static void take_off(unsigned **count)
{
    --**count;
}

static int act_mutex(struct actor *actor)
{
    bool limited = roll(actor, 3) == 0;
    wok_instant deadline = limited ? wok_after(roll_time(actor)) : WOK_NEVER;
    int code = wok_mutex_lock_until(&shared.mutex, deadline);

    if (code == -ETIMEDOUT && limited)
        return wok_yield();
    if (code < 0)
        return code;
    WOK_CLEANUP(wok_mutex_unlockp) wok_mutex *held = &shared.mutex;
    WOK_CLEANUP(take_off) unsigned *inside = &shared.in_mutex;
    (void)held;
    CHECK(++*inside == 1);
    return wok_sleep(roll_time(actor));
}

static int act_read(struct actor *actor)
{
    int code = wok_rwlock_read_lock(&shared.rwlock);

    if (code < 0)
        return code;
    WOK_CLEANUP(wok_rwlock_read_unlockp) wok_rwlock *held = &shared.rwlock;
    WOK_CLEANUP(take_off) unsigned *inside = &shared.readers;
    (void)held;
    ++*inside;
    CHECK(shared.writers == 0);
    return wok_sleep(roll_time(actor));
}

static int act_write(struct actor *actor)
{
    int code = wok_rwlock_write_lock(&shared.rwlock);

    if (code < 0)
        return code;
    WOK_CLEANUP(wok_rwlock_write_unlockp) wok_rwlock *held = &shared.rwlock;
    WOK_CLEANUP(take_off) unsigned *inside = &shared.writers;
    (void)held;
    CHECK(++*inside == 1 && shared.readers == 0);
    return wok_sleep(roll_time(actor));
}

static void give_permits(unsigned *count)
{
    shared.permits -= *count;
    wok_semaphore_release(&shared.semaphore, *count);
}

/* One that waits in a select, and may lose it. */
static int act_semaphore(struct actor *actor)
{
    unsigned want = 1 + roll(actor, PERMITS);
    wok_op branches[] = {
        wok_semaphore_acquire_op(&shared.semaphore, want),
        wok_op_if(roll(actor, 2) == 0, wok_sleep_op(roll_time(actor))),
    };
    int code = 0, winner = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_FAIR, &code);

    if (winner < 0)
        return winner;
    CHECK(code == 0);
    if (winner == 1)
        return wok_yield();
    WOK_CLEANUP(give_permits) unsigned count = want;
    shared.permits += count;
    CHECK(shared.permits <= PERMITS);
    return wok_sleep(roll_time(actor));
}

act *const sync_acts[] = {act_mutex, act_read, act_write, act_semaphore};
const unsigned sync_act_count = WOK_COUNT(sync_acts);
