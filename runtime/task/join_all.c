/*
 * join_all.c - several operations inside one task.
 *
 * Every branch that is still pending is polled at every wake: the branches share one waker, the
 * task, and to know which of them was woken would cost each an allocation or a list.  The branch
 * that is polled first moves on by one at each wake: so a branch that uses up the budget of every
 * poll does so as the first in one of `count` only.
 *
 * A branch that is ready is dropped at once and turned off, so that what it holds (a timer, a place in
 * a queue) is not kept for the slowest, and so that the operations alone say what is left.
 */
#include <wok/select.h>

#include "task/task.h"

static void prepare(wok_join_all_future *join, wok_op *branches, size_t count, int *codes,
                    bool tries)
{
    *join =
        (wok_join_all_future){.branches = branches, .count = count, .codes = codes, .tries = tries};
}

void wok_join_all_future_init(wok_join_all_future *join, wok_op *branches, size_t count, int *codes)
{
    prepare(join, branches, count, codes, false);
}

void wok_try_join_all_future_init(wok_join_all_future *join, wok_op *branches, size_t count,
                                  int *codes)
{
    prepare(join, branches, count, codes, true);
}

static void end(wok_op *branch)
{
    wok_op_drop(branch);
    branch->vtable = NULL;
}

void wok_join_all_future_drop(wok_join_all_future *join)
{
    for (size_t i = 0; i < join->count; i++)
        end(&join->branches[i]);
}

static void start(wok_join_all_future *join)
{
    join->started = true;
    for (size_t i = 0; i < join->count; i++) {
        join->pending += join->branches[i].vtable != NULL;
        if (join->codes != NULL)
            join->codes[i] = WOK_PENDING;
    }
}

wok_poll wok_join_all_future_poll(wok_join_all_future *join, wok_cx *cx)
{
    if (!join->started)
        start(join);
    for (size_t i = 0, at = join->first; i < join->count;
         i++, at = at + 1 < join->count ? at + 1 : 0) {
        wok_poll code = wok_op_poll(&join->branches[at], cx); /* one that is off is pending */
        if (code == WOK_PENDING)
            continue;
        if (join->codes != NULL)
            join->codes[at] = code;
        end(&join->branches[at]);
        join->pending--;
        if (join->tries && code < 0) {
            wok_join_all_future_drop(join);
            return code;
        }
    }
    join->first = join->first + 1 < join->count ? join->first + 1 : 0;
    return join->pending == 0 ? WOK_READY : WOK_PENDING;
}

/* ---- the waiting forms -------------------------------------------------------------------------- */

static wok_poll join_all_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_join_all_future_poll(self, cx);
}

static void join_all_drop(void *self)
{
    wok_join_all_future_drop(self);
}

static const wok_future_vtable join_all_vtable = {
    .name = "join_all",
    .size = sizeof(wok_join_all_future),
    .poll = join_all_poll,
    .drop = join_all_drop,
};

static int await(wok_join_all_future *join)
{
    return wok__await_drop((wok_future){&join_all_vtable, join}, WOK_NEVER, NULL, false);
}

int wok_join_all(wok_op *branches, size_t count, int *ret_codes)
{
    wok_join_all_future join;

    wok_join_all_future_init(&join, branches, count, ret_codes);
    return await(&join);
}

int wok_try_join_all(wok_op *branches, size_t count, int *ret_codes)
{
    wok_join_all_future join;

    wok_try_join_all_future_init(&join, branches, count, ret_codes);
    return await(&join);
}
