/*
 * join_all.c - several futures inside one task.
 *
 * Every branch that is still pending is polled at every wake: the branches share one waker, the
 * task, and to know which of them was woken would cost each an allocation or a list.  The branch
 * that is polled first moves on by one at each wake.
 *
 * A join that ends at the first failure leaves the other branches as they are: like the loser of a
 * select, a branch is its owner's to drop, or to go on with.
 */
#include <errno.h>

#include "task/task.h"

/* `heeds_failures`: the first branch that fails ends it, with its code. */
static wok_poll poll_branches(wok_join_all_future *join, wok_cx *cx, bool heeds_failures)
{
    if (!join->started) {
        join->started = true;
        join->pending = join->count;
        for (size_t i = 0; i < join->count; i++)
            join->branches[i].code = WOK_PENDING;
    }
    for (size_t i = 0, at = join->first; i < join->count;
         i++, at = at + 1 < join->count ? at + 1 : 0) {
        wok_join_branch *branch = &join->branches[at];
        if (branch->code != WOK_PENDING)
            continue;
        branch->code = wok_future_poll(branch->future, cx, branch->ret_result);
        if (branch->code == WOK_PENDING)
            continue;
        join->pending--;
        if (branch->code < 0 && heeds_failures)
            return branch->code;
    }
    join->first = join->first + 1 < join->count ? join->first + 1 : 0;
    return join->pending == 0 ? WOK_READY : WOK_PENDING;
}

wok_poll wok_join_all_poll(wok_join_all_future *join, wok_cx *cx)
{
    return poll_branches(join, cx, false);
}

wok_poll wok_try_join_all_poll(wok_join_all_future *join, wok_cx *cx)
{
    return poll_branches(join, cx, true);
}

static wok_poll join_all_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_join_all_poll(self, cx);
}

const wok_future_vtable wok_join_all_vtable = {
    .name = "join_all",
    .size = sizeof(wok_join_all_future),
    .poll = join_all_poll,
};

static wok_poll try_join_all_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_try_join_all_poll(self, cx);
}

const wok_future_vtable wok_try_join_all_vtable = {
    .name = "try_join_all",
    .size = sizeof(wok_join_all_future),
    .poll = try_join_all_poll,
};

int wok_join_all(wok_join_branch *branches, size_t count)
{
    wok_join_all_future join = {.branches = branches, .count = count};

    return wok_await((wok_future){&wok_join_all_vtable, &join}, NULL);
}

int wok_try_join_all(wok_join_branch *branches, size_t count)
{
    wok_join_all_future join = {.branches = branches, .count = count};

    return wok_await((wok_future){&wok_try_join_all_vtable, &join}, NULL);
}
