/*
 * workload_sync.c - acts of the workload: locks, permits, notifications, barriers.
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
    wok_notify notify;
    wok_mutex level_mutex;
    wok_condition level_changed;
    unsigned level; /* level_mutex */
    wok_once once;
    unsigned once_runs; /* inside of it */
    unsigned in_mutex, readers, writers, permits;
} shared;

void sync_acts_begin(void)
{
    shared.notify = (wok_notify){0};
    shared.level_mutex = (wok_mutex)WOK_MUTEX_INIT;
    shared.level_changed = (wok_condition){0};
    shared.once = (wok_once){0};
    shared.level = shared.once_runs = 0;
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

/* ---- notifications ----------------------------------------------------------------------------------- */

static int act_notify(struct actor *actor)
{
    int code;

    switch (roll(actor, 4)) {
    case 0:
        wok_notify_one(&shared.notify);
        return 0;
    case 1:
        wok_notify_last(&shared.notify);
        return 0;
    case 2:
        wok_notify_waiters(&shared.notify);
        return 0;
    default:
        code = wok_notify_wait_until(&shared.notify, wok_after(roll_time(actor)));
        return code == -ETIMEDOUT ? wok_yield() : code;
    }
}

static void unlock_level(wok_mutex **mutex)
{
    CHECK(wok_mutex_is_locked(*mutex)); /* on every path out of the wait */
    wok_mutex_unlock(*mutex);
}

static int act_condition(struct actor *actor)
{
    wok_instant deadline = wok_after(roll_time(actor));
    unsigned seen;
    int code = wok_mutex_lock(&shared.level_mutex);

    if (code < 0)
        return code;
    WOK_CLEANUP(unlock_level) wok_mutex *held = &shared.level_mutex;
    (void)held;
    if (roll(actor, 2) == 0) {
        shared.level++;
        if (roll(actor, 2) == 0)
            wok_condition_notify(&shared.level_changed);
        else
            wok_condition_notify_all(&shared.level_changed);
        return 0;
    }
    seen = shared.level;
    while (code == 0 && shared.level == seen)
        code = wok_condition_wait_until(&shared.level_changed, &shared.level_mutex, deadline);
    return code == -ETIMEDOUT && wok_now().ns >= deadline.ns ? 0 : code;
}

/* ---- barriers and once ------------------------------------------------------------------------------- */

struct meeting {
    wok_barrier barrier;
    unsigned arrived, leaders, parties;
};

struct guest {
    struct meeting *meeting;
    struct actor actor;
};

static int meet(struct guest *guest)
{
    struct meeting *meeting = guest->meeting;
    bool leads = false;
    int code = 0;

    for (unsigned round = 1; round <= 2; round++) {
        code = wok_sleep(roll_time(&guest->actor));
        if (code < 0)
            return code;
        meeting->arrived++;
        code = wok_barrier_wait(&meeting->barrier, &leads);
        if (code < 0)
            return code;
        CHECK(meeting->arrived >= round * meeting->parties);
        meeting->leaders += leads;
    }
    return 0;
}

static int act_barrier(struct actor *actor)
{
    unsigned parties = 1 + roll(actor, 3);
    struct meeting meeting = {.barrier = WOK_BARRIER_INIT(parties), .parties = parties};
    struct guest guests[3];
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    int code;

    for (unsigned i = 0; i < parties; i++) {
        guests[i] = (struct guest){&meeting, actor_child(actor)};
        wok_scope_spawn(&scope, meet, &guests[i]);
    }
    code = wok_scope_wait(&scope);
    if (code == 0)
        CHECK(meeting.leaders == 2);
    return code;
}

static int set_up(struct actor *actor)
{
    WOK_CLEANUP(take_off) unsigned *inside = &shared.once_runs;
    int code;

    CHECK(++*inside == 1);
    CHECK(!wok_once_is_done(&shared.once));
    code = wok_sleep(roll_time(actor));
    return code < 0 ? code : roll(actor, 3) == 0 ? 0 : -EREMOTEIO;
}

static int act_once(struct actor *actor)
{
    int code = wok_once_call(&shared.once, set_up, actor);

    if (code == 0)
        CHECK(wok_once_is_done(&shared.once));
    return code == -EREMOTEIO ? 0 : code;
}

act *const sync_acts[] = {
    act_mutex, act_read, act_write, act_semaphore, act_notify, act_condition, act_barrier, act_once,
};
const unsigned sync_act_count = WOK_COUNT(sync_acts);
