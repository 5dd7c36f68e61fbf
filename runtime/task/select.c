/*
 * select.c - waiting for the first of several operations.
 *
 * The branches are polled in turn.  The first that is ready has done what it is for, and the others
 * are dropped, which every operation survives without an effect: what a waker had handed to it in the
 * meantime (a permit, a notification) goes on to the next in its queue.  A future of the user's own
 * is an operation whose drop does nothing.
 */
#include <wok/select.h>

#include <errno.h>

#include "task/task.h"

/* ---- a future of the user's own ---------------------------------------------------------------- */

static wok_poll future_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    const wok_future_vtable *vtable = op->extra;

    (void)result;
    return vtable->poll(op->object, cx, op->value);
}

static const wok_future_vtable future_op_vtable = {
    .name = "future",
    .size = sizeof(wok_op),
    .poll = future_op_poll,
};

wok_op wok_future_op(wok_future future, void *ret_result)
{
    return (wok_op){
        .vtable = &future_op_vtable,
        .object = future.self,
        .value = ret_result,
        .extra = (void *)future.vtable,
    };
}

/* ---- the first of several ----------------------------------------------------------------------- */

static bool any_on(const wok_select_future *select)
{
    for (size_t i = 0; i < select->count; i++) {
        if (select->branches[i].vtable != NULL)
            return true;
    }
    return false;
}

void wok_select_future_init(wok_select_future *select, wok_op *branches, size_t count,
                            wok_select_order order)
{
    *select = (wok_select_future){.branches = branches, .count = count, .order = order};
}

void wok_select_future_drop(wok_select_future *select)
{
    if (select->ended)
        return;
    select->ended = true;
    for (size_t i = 0; i < select->count; i++)
        wok_op_drop(&select->branches[i]);
}

wok_poll wok_select_future_poll(wok_select_future *select, wok_cx *cx)
{
    if (!select->started) {
        if (!any_on(select))
            return -EINVAL;
        select->started = true;
        if (select->order == WOK_SELECT_FAIR)
            select->start = wok__random_below((uint32_t)select->count);
    }
    for (size_t i = 0, at = select->start; i < select->count;
         i++, at = at + 1 < select->count ? at + 1 : 0) {
        wok_poll code = wok_op_poll(&select->branches[at], cx);
        if (code == WOK_PENDING)
            continue;
        select->winner = at;
        select->code = code;
        wok_select_future_drop(select);
        return WOK_READY;
    }
    return WOK_PENDING;
}

static wok_poll select_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_select_future_poll(self, cx);
}

static void select_drop(void *self)
{
    wok_select_future_drop(self);
}

static const wok_future_vtable select_vtable = {
    .name = "select",
    .size = sizeof(wok_select_future),
    .poll = select_poll,
    .drop = select_drop,
};

int wok_select_until(wok_op *branches, size_t count, wok_select_order order, wok_instant deadline,
                     int *ret_code)
{
    wok_select_future select;
    int code;

    wok_select_future_init(&select, branches, count, order);
    code = wok__await_drop((wok_future){&select_vtable, &select}, deadline, NULL, false);
    if (code < 0)
        return code;
    if (ret_code != NULL)
        *ret_code = select.code;
    return (int)select.winner;
}

int wok_select(wok_op *branches, size_t count, wok_select_order order, int *ret_code)
{
    return wok_select_until(branches, count, order, WOK_NEVER, ret_code);
}
