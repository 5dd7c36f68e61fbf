/*
 * semaphore.c - permits under their own name.
 */
#include <wok/semaphore.h>

#include <errno.h>

#include "sync/permits.h"
#include "task/task.h"

enum { BIAS = 0 }; /* zero bytes are a semaphore without permits */

static wok_poll acquire_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_semaphore *semaphore = op->object;

    (void)result;
    if (op->amount > WOK_SEMAPHORE_MAX)
        return -EINVAL;
    return wok__permits_poll(&semaphore->permits, op, cx, BIAS);
}

static void acquire_drop(void *self)
{
    wok_op *op = self;
    wok_semaphore *semaphore = op->object;

    wok__permits_drop(&semaphore->permits, op, BIAS);
}

static const wok_future_vtable acquire_vtable = {
    .name = "semaphore",
    .size = sizeof(wok_op),
    .poll = acquire_poll,
    .drop = acquire_drop,
};

wok_op wok_semaphore_acquire_op(wok_semaphore *semaphore, uint64_t count)
{
    return (wok_op){.vtable = &acquire_vtable, .object = semaphore, .amount = count};
}

int wok_semaphore_acquire_until(wok_semaphore *semaphore, uint64_t count, wok_instant deadline)
{
    if (wok__permits_suffice(load_relaxed(&semaphore->permits.word), count, BIAS) &&
        wok__wait_skip() && wok__permits_try(&semaphore->permits, count, BIAS))
        return 0;
    return wok_op_await_until(wok_semaphore_acquire_op(semaphore, count), deadline);
}

int wok_semaphore_acquire(wok_semaphore *semaphore, uint64_t count)
{
    return wok_semaphore_acquire_until(semaphore, count, WOK_NEVER);
}

int wok_semaphore_try_acquire(wok_semaphore *semaphore, uint64_t count)
{
    if (count > WOK_SEMAPHORE_MAX)
        return -EINVAL;
    if (wok__permits_try(&semaphore->permits, count, BIAS))
        return 0;
    return wok_semaphore_is_closed(semaphore) ? -EPIPE : -EAGAIN;
}

__attribute__((cold)) WOK_NORETURN static void too_many(const wok_semaphore *semaphore,
                                                        uint64_t count, const char *file, int line)
{
    wok_panic_at(file, line,
                 "wok_semaphore_release() of %llu permits to %p, which has %llu and holds at most "
                 "WOK_SEMAPHORE_MAX",
                 (unsigned long long)count, (const void *)semaphore,
                 (unsigned long long)wok_semaphore_available(semaphore));
}

void wok_semaphore_release_at(wok_semaphore *semaphore, uint64_t count, const char *file, int line)
{
    if (count > WOK_SEMAPHORE_MAX ||
        !wok__permits_give(&semaphore->permits, count, 0, WOK_SEMAPHORE_MAX - count, BIAS))
        too_many(semaphore, count, file, line);
}

uint64_t wok_semaphore_forget(wok_semaphore *semaphore, uint64_t count)
{
    return wok__permits_forget(&semaphore->permits, count, BIAS);
}

void wok_semaphore_close(wok_semaphore *semaphore)
{
    wok__permits_close(&semaphore->permits);
}

bool wok_semaphore_is_closed(const wok_semaphore *semaphore)
{
    /* [permits.closed] */
    return (load_acquire(&semaphore->permits.word) & WOK__PERMITS_CLOSED) != 0;
}

uint64_t wok_semaphore_available(const wok_semaphore *semaphore)
{
    return wok__permits_free(load_relaxed(&semaphore->permits.word), BIAS);
}

/* ---- permits that give themselves back -------------------------------------------------------- */

int wok_permit_acquire(wok_semaphore *semaphore, uint64_t count, wok_permit *ret_permit)
{
    int code = wok_semaphore_acquire(semaphore, count);

    if (code == 0)
        *ret_permit = (wok_permit){semaphore, count};
    return code;
}

wok_permit wok__permit_begin(wok_semaphore *semaphore, uint64_t count, int *ret_code)
{
    wok_permit permit = {NULL, 0};
    int code = wok_permit_acquire(semaphore, count, &permit);

    if (ret_code != NULL)
        *ret_code = code;
    return permit;
}
