/*
 * mutex.c - one permit, and a note of who has it.
 *
 * The holder is kept where assertions are on, to find who locks twice.  Only the thread that runs the
 * holder writes its own name there, after it got the mutex, and takes it out before the unlock; so
 * whoever finds its own name has not unlocked since.  Others read it meanwhile, and learn only that
 * it is not theirs: relaxed accesses are enough.
 */
#include "sync/mutex.h"

#include <errno.h>

#include "sync/permits.h"
#include "task/context.h"
#include "task/task.h"

enum { BIAS = 1 }; /* zero bytes are an unlocked mutex */

static bool is_unlocked(const wok_mutex *mutex)
{
    return wok__permits_free(load_relaxed(&mutex->permits.word), BIAS) != 0;
}

#ifdef NDEBUG
static void note_holder(wok_mutex *mutex)
{
    (void)mutex;
}
static void note_unlock(wok_mutex *mutex)
{
    (void)mutex;
}
static bool is_mine(const wok_mutex *mutex)
{
    (void)mutex;
    return false;
}
#else
/* The running task, or the plain thread. */
static void *me(void)
{
    struct wok__here *here = wok__here();

    return here->task != NULL ? (void *)here->task : (void *)here;
}
static void note_holder(wok_mutex *mutex)
{
    store_relaxed(&mutex->holder, me());
}
static void note_unlock(wok_mutex *mutex)
{
    store_relaxed(&mutex->holder, NULL);
}
static bool is_mine(const wok_mutex *mutex)
{
    return load_relaxed(&mutex->holder) == me();
}
#endif

int wok_mutex_try_lock(wok_mutex *mutex)
{
    if (!wok__permits_try(&mutex->permits, 1, BIAS))
        return -EAGAIN;
    note_holder(mutex);
    return 0;
}

void wok_mutex_unlock_at(wok_mutex *mutex, const char *file, int line)
{
    note_unlock(mutex);
    if (!wok__permits_give(&mutex->permits, 1, 0, 0, BIAS))
        wok__stray_unlock(file, line, "wok_mutex_unlock", mutex);
}

bool wok_mutex_is_locked(const wok_mutex *mutex)
{
    return !is_unlocked(mutex);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static wok_poll lock_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_mutex *mutex = op->object;
    wok_poll code;

    (void)result;
    if (is_mine(mutex))
        return -EDEADLK;
    code = wok__permits_poll(&mutex->permits, op, cx, BIAS);
    if (code == WOK_READY)
        note_holder(mutex);
    return code;
}

static void lock_drop(void *self)
{
    wok_op *op = self;
    wok_mutex *mutex = op->object;

    wok__permits_drop(&mutex->permits, op, BIAS);
}

const wok_future_vtable wok__mutex_lock_vtable = {
    .name = "mutex",
    .size = sizeof(wok_op),
    .poll = lock_poll,
    .drop = lock_drop,
};

wok_op wok_mutex_lock_op(wok_mutex *mutex)
{
    return (wok_op){.vtable = &wok__mutex_lock_vtable, .object = mutex, .amount = 1};
}

int wok_mutex_lock_until(wok_mutex *mutex, wok_instant deadline)
{
    if (wok__permits_suffice(load_relaxed(&mutex->permits.word), 1, BIAS) && wok__wait_skip() &&
        wok_mutex_try_lock(mutex) == 0)
        return 0;
    return wok_op_await_until(wok_mutex_lock_op(mutex), deadline);
}

int wok_mutex_lock(wok_mutex *mutex)
{
    return wok_mutex_lock_until(mutex, WOK_NEVER);
}

wok_mutex *wok__mutex_begin(wok_mutex *mutex, int *ret_code)
{
    int code = wok_mutex_lock(mutex);

    if (ret_code != NULL)
        *ret_code = code;
    return code == 0 ? mutex : NULL;
}
