/*
 * select.c - waiting for the first of several operations.
 *
 * The branches are polled in turn.  The first that is ready has done what it is for, and the others
 * are dropped, which every operation survives without an effect: what a waker had handed to it in the
 * meantime (a permit, a notification) goes on to the next in its queue.  A future of the user's own
 * is an operation whose drop does nothing.
 *
 * A branch with a take_back() (a barrier's) has had an effect once the others of its round have gone on.
 * So it has none while another branch may still win: it is taken back before the others are polled, and
 * after its own turn, and waits only when all of them are pending.  If it is too late for that, it has won.
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

static bool takes_back(const wok_op *branch)
{
    return branch->vtable != NULL && branch->vtable->take_back != NULL;
}

/* Looks at the branches before they are polled; false: all are off. */
static bool prepare(wok_select_future *select)
{
    bool any_on = false;

    for (size_t i = 0; i < select->count; i++) {
        any_on |= select->branches[i].vtable != NULL;
        select->takes_back |= takes_back(&select->branches[i]);
    }
    return any_on;
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

static wok_poll won(wok_select_future *select, size_t winner, int code)
{
    select->winner = winner;
    select->code = code;
    wok_select_future_drop(select);
    return WOK_READY;
}

/* True if the effect of each branch is taken back; else one of them has won. */
static bool take_all_back(wok_select_future *select)
{
    for (size_t i = 0; i < select->count; i++) {
        wok_op *branch = &select->branches[i];
        if (takes_back(branch) && !branch->vtable->take_back(branch)) {
            (void)won(select, i, 0);
            return false;
        }
    }
    return true;
}

/* Nobody else is ready: now these may wait. */
static wok_poll poll_those_taken_back(wok_select_future *select, wok_cx *cx)
{
    for (size_t i = 0; i < select->count; i++) {
        wok_poll code =
            takes_back(&select->branches[i]) ? wok_op_poll(&select->branches[i], cx) : WOK_PENDING;
        if (code != WOK_PENDING)
            return won(select, i, code);
    }
    return WOK_PENDING;
}

wok_poll wok_select_future_poll(wok_select_future *select, wok_cx *cx)
{
    if (!select->started) {
        if (!prepare(select))
            return -EINVAL;
        select->started = true;
        if (select->order == WOK_SELECT_FAIR)
            select->start = wok__random_below((uint32_t)select->count);
    }
    if (select->takes_back && !take_all_back(select))
        return WOK_READY;
    for (size_t i = 0, at = select->start; i < select->count;
         i++, at = at + 1 < select->count ? at + 1 : 0) {
        wok_poll code = wok_op_poll(&select->branches[at], cx);
        if (code != WOK_PENDING)
            return won(select, at, code);
        if (select->takes_back && takes_back(&select->branches[at]) && !take_all_back(select))
            return WOK_READY;
    }
    return select->takes_back ? poll_those_taken_back(select, cx) : WOK_PENDING;
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
    WOK_CLEANUP(wok_select_future_drop) wok_select_future select;
    int code;

    wok_select_future_init(&select, branches, count, order);
    code = wok__await((wok_future){&select_vtable, &select}, deadline, NULL, false);
    if (code == -ETIMEDOUT && select.takes_back && !take_all_back(&select))
        code = 0;
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
