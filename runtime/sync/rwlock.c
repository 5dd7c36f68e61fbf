/*
 * rwlock.c - a permit for each reader, all of them for a writer.
 *
 * The queue of the permits makes it fair: a writer at its head holds back every later reader until
 * the permits of all earlier ones are there.
 */
#include <wok/rwlock.h>

#include <errno.h>

#include "sync/permits.h"
#include "task/task.h"

/* One more than there are readers: that none is free says that somebody writes. */
#define ALL ((uint64_t)WOK_RWLOCK_READERS_MAX + 1)
#define BIAS ALL /* zero bytes are an unlocked lock */

static wok_poll lock_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_rwlock *lock = op->object;

    (void)result;
    return wok__permits_poll(&lock->permits, op, cx, BIAS);
}

static void lock_drop(void *self)
{
    wok_op *op = self;
    wok_rwlock *lock = op->object;

    wok__permits_drop(&lock->permits, op, BIAS);
}

static const wok_future_vtable lock_vtable = {
    .name = "rwlock",
    .size = sizeof(wok_op),
    .poll = lock_poll,
    .drop = lock_drop,
};

static wok_op lock_op(wok_rwlock *lock, uint64_t count)
{
    return (wok_op){.vtable = &lock_vtable, .object = lock, .amount = count};
}

static int lock_until(wok_rwlock *lock, uint64_t count, wok_instant deadline)
{
    if (wok__permits_suffice(load_relaxed(&lock->permits.word), count, BIAS) && wok__wait_skip() &&
        wok__permits_try(&lock->permits, count, BIAS))
        return 0;
    return wok_op_await_until(lock_op(lock, count), deadline);
}

static wok_rwlock *begin(wok_rwlock *lock, uint64_t count, int *ret_code)
{
    int code = lock_until(lock, count, WOK_NEVER);

    if (ret_code != NULL)
        *ret_code = code;
    return code == 0 ? lock : NULL;
}

/* ---- readers ---------------------------------------------------------------------------------- */

wok_op wok_rwlock_read_op(wok_rwlock *lock)
{
    return lock_op(lock, 1);
}

int wok_rwlock_read_lock_until(wok_rwlock *lock, wok_instant deadline)
{
    return lock_until(lock, 1, deadline);
}

int wok_rwlock_read_lock(wok_rwlock *lock)
{
    return lock_until(lock, 1, WOK_NEVER);
}

int wok_rwlock_try_read_lock(wok_rwlock *lock)
{
    return wok__permits_try(&lock->permits, 1, BIAS) ? 0 : -EAGAIN;
}

void wok_rwlock_read_unlock_at(wok_rwlock *lock, const char *file, int line)
{
    if (!wok__permits_give(&lock->permits, 1, 1, ALL - 1, BIAS))
        wok__stray_unlock(file, line, "wok_rwlock_read_unlock", lock);
}

wok_rwlock *wok__rwlock_read_begin(wok_rwlock *lock, int *ret_code)
{
    return begin(lock, 1, ret_code);
}

/* ---- writers ---------------------------------------------------------------------------------- */

wok_op wok_rwlock_write_op(wok_rwlock *lock)
{
    return lock_op(lock, ALL);
}

int wok_rwlock_write_lock_until(wok_rwlock *lock, wok_instant deadline)
{
    return lock_until(lock, ALL, deadline);
}

int wok_rwlock_write_lock(wok_rwlock *lock)
{
    return lock_until(lock, ALL, WOK_NEVER);
}

int wok_rwlock_try_write_lock(wok_rwlock *lock)
{
    return wok__permits_try(&lock->permits, ALL, BIAS) ? 0 : -EAGAIN;
}

void wok_rwlock_write_unlock_at(wok_rwlock *lock, const char *file, int line)
{
    if (!wok__permits_give(&lock->permits, ALL, 0, 0, BIAS))
        wok__stray_unlock(file, line, "wok_rwlock_write_unlock", lock);
}

void wok_rwlock_downgrade_at(wok_rwlock *lock, const char *file, int line)
{
    if (!wok__permits_give(&lock->permits, ALL - 1, 0, 0, BIAS))
        wok__stray_unlock(file, line, "wok_rwlock_downgrade", lock);
}

wok_rwlock *wok__rwlock_write_begin(wok_rwlock *lock, int *ret_code)
{
    return begin(lock, ALL, ret_code);
}
