/*
 * mpsc_send.c - sending into an mpsc channel, and the permits to do so.
 *
 * A send and a reserve are one wait, for places: `amount` of them.  A waiting sender is never served by
 * copying its value on its behalf, since its wait may be cancelled after that: it is handed the places,
 * and copies the value itself in its next poll (C2).
 */
#include <errno.h>
#include <stdlib.h>

#include "channel/mpsc.h"
#include "task/panic.h"

/* Sees to it that an unbounded channel has room for one value more; the lock is held, but not all the
 * time. */
static int make_room(struct wok_mpsc *mpsc)
{
    while (!mpsc->bounded && !wok__blocks_has_room(&mpsc->blocks)) {
        struct wok__block *block;

        wok__lock_give(&mpsc->lock);
        block = wok__block_new(mpsc->value_size);
        wok__lock_take(&mpsc->lock);
        if (block == NULL)
            return -ENOMEM;
        if (mpsc->blocks.spare == NULL && !mpsc->receiver_gone) {
            mpsc->blocks.spare = block;
            return 0;
        }
        /* Another sender was as quick, or nobody needs room any more. */
        wok__lock_give(&mpsc->lock);
        free(block);
        wok__lock_take(&mpsc->lock);
        if (mpsc->receiver_gone)
            return 0;
    }
    return 0;
}

/* Takes places that are free: 0, -EPIPE, or -EAGAIN if the caller had to wait; nobody passes those who
 * wait already. */
static int take_places(struct wok_mpsc *mpsc, size_t count)
{
    if (mpsc->closing.closed)
        return -EPIPE;
    if (!mpsc->bounded)
        return 0;
    if (mpsc->free < count || mpsc->sending.first != NULL)
        return -EAGAIN;
    mpsc->free -= count;
    mpsc->permits += count;
    return 0;
}

/* Moves a value into a place that was handed out. */
static void use_place(struct wok_mpsc *mpsc, const void *value, struct wok__wakes *wakes)
{
    if (mpsc->bounded)
        mpsc->permits--;
    wok__mpsc_put(mpsc, value, wakes);
}

/* ---- without waiting ------------------------------------------------------------------------- */

int wok_mpsc_try_send(const wok_mpsc_sender *sender, const void *value_moved)
{
    struct wok_mpsc *mpsc = sender->channel;
    struct wok__mpsc_after after = {0};
    int code;

    if (mpsc == NULL)
        return -EINVAL;
    wok__lock_take(&mpsc->lock);
    code = make_room(mpsc);
    if (code == 0)
        code = take_places(mpsc, 1);
    if (code == 0)
        use_place(mpsc, value_moved, &after.wakes);
    wok__mpsc_leave(mpsc, &after);
    return code;
}

/* Makes a permit of `count` places that were handed out. */
static void fill_permit(struct wok_mpsc *mpsc, size_t count, wok_mpsc_permit *permit)
{
    mpsc->refs++;
    *permit = (wok_mpsc_permit){mpsc, count};
}

/* Whether such a reserve could ever succeed, and is not done already: 0, WOK_PENDING, or -EINVAL. */
static int check_reserve(const struct wok_mpsc *mpsc, size_t count, wok_mpsc_permit *ret_permit)
{
    if (mpsc == NULL || !mpsc->bounded || count > mpsc->capacity)
        return -EINVAL;
    if (count > 0)
        return WOK_PENDING;
    *ret_permit = (wok_mpsc_permit){0};
    return 0;
}

int wok_mpsc_try_reserve(const wok_mpsc_sender *sender, size_t count, wok_mpsc_permit *ret_permit)
{
    struct wok_mpsc *mpsc = sender->channel;
    int code = check_reserve(mpsc, count, ret_permit);

    if (code != WOK_PENDING)
        return code;
    wok__lock_take(&mpsc->lock);
    code = take_places(mpsc, count);
    if (code == 0)
        fill_permit(mpsc, count, ret_permit);
    wok__lock_give(&mpsc->lock);
    return code;
}

/* ---- the wait for places --------------------------------------------------------------------- */

/* Takes the operation's places, or lists it: 0, WOK_PENDING or -EPIPE.  The lock is held. */
static wok_poll wait_for_places(struct wok_mpsc *mpsc, wok_op *op, wok_cx *cx,
                                struct wok__wakes *wakes)
{
    struct wok__waiter *waiter = &op->waiter;
    bool granted = waiter->mode == WOK__MPSC_GRANTED;
    bool waits = waiter->state == WOK__WAITER_LISTED;

    if (!granted && !mpsc->closing.closed && mpsc->bounded &&
        (waits || mpsc->free < op->amount || mpsc->sending.first != NULL)) {
        wok__waiters_add(&mpsc->sending, waiter, cx->task);
        return WOK_PENDING;
    }
    if (!wok__budget_take(cx))
        return WOK_PENDING;
    waiter->mode = 0;
    waiter->state = WOK__WAITER_NEW;
    if (!granted)
        return take_places(mpsc, op->amount);
    if (!mpsc->receiver_gone)
        return 0;
    wok__mpsc_give_back(mpsc, op->amount, wakes);
    return -EPIPE;
}

static wok_poll send_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    struct wok_mpsc *mpsc = op->object;
    struct wok__mpsc_after after = {0};
    wok_poll code;

    (void)result;
    if (mpsc == NULL)
        return -EINVAL;
    wok__lock_take(&mpsc->lock);
    code = make_room(mpsc);
    if (code == 0)
        code = wait_for_places(mpsc, op, cx, &after.wakes);
    if (code == 0)
        use_place(mpsc, op->value, &after.wakes);
    if (code != WOK_PENDING)
        op->object = NULL; /* it is over: the drop has nothing to do */
    wok__mpsc_leave(mpsc, &after);
    return code;
}

static wok_poll reserve_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    struct wok_mpsc *mpsc = op->object;
    struct wok__mpsc_after after = {0};
    wok_poll code = check_reserve(mpsc, op->amount, op->value);

    (void)result;
    if (code != WOK_PENDING) {
        op->object = NULL;
        return code;
    }
    wok__lock_take(&mpsc->lock);
    code = wait_for_places(mpsc, op, cx, &after.wakes);
    if (code == 0)
        fill_permit(mpsc, op->amount, op->value);
    if (code != WOK_PENDING)
        op->object = NULL;
    wok__mpsc_leave(mpsc, &after);
    return code;
}

/* Gives up the place in the queue of senders, or the places that were handed over in the meantime. */
static void drop_sending(void *self)
{
    wok_op *op = self;
    struct wok_mpsc *mpsc = WOK_TAKE(op->object);
    struct wok__mpsc_after after = {0};

    if (mpsc == NULL)
        return;
    wok__lock_take(&mpsc->lock);
    if (op->waiter.mode == WOK__MPSC_GRANTED)
        wok__mpsc_give_back(mpsc, op->amount, &after.wakes);
    else if (wok__waiters_forget(&mpsc->sending, &op->waiter))
        wok__mpsc_hand_out(mpsc, &after.wakes); /* it may have asked for more than the next one */
    op->waiter.mode = 0;
    wok__mpsc_leave(mpsc, &after);
}

static const wok_future_vtable send_vtable = {
    .name = "mpsc send",
    .size = sizeof(wok_op),
    .poll = send_poll,
    .drop = drop_sending,
};

static const wok_future_vtable reserve_vtable = {
    .name = "mpsc reserve",
    .size = sizeof(wok_op),
    .poll = reserve_poll,
    .drop = drop_sending,
};

wok_op wok_mpsc_send_op(const wok_mpsc_sender *sender, const void *value_moved)
{
    return (wok_op){
        .vtable = &send_vtable,
        .object = sender->channel,
        .value = (void *)(uintptr_t)value_moved, /* only read */
        .amount = 1,
    };
}

int wok_mpsc_send(const wok_mpsc_sender *sender, const void *value_moved)
{
    if (wok__wait_skip()) {
        int code = wok_mpsc_try_send(sender, value_moved);
        if (code != -EAGAIN)
            return code;
    }
    return wok_op_await(wok_mpsc_send_op(sender, value_moved));
}

int wok_mpsc_send_until(const wok_mpsc_sender *sender, const void *value_moved,
                        wok_instant deadline)
{
    return wok_op_await_until(wok_mpsc_send_op(sender, value_moved), deadline);
}

wok_op wok_mpsc_reserve_op(const wok_mpsc_sender *sender, size_t count, wok_mpsc_permit *ret_permit)
{
    return (wok_op){
        .vtable = &reserve_vtable,
        .object = sender->channel,
        .value = ret_permit,
        .amount = count,
    };
}

int wok_mpsc_reserve(const wok_mpsc_sender *sender, size_t count, wok_mpsc_permit *ret_permit)
{
    return wok_op_await(wok_mpsc_reserve_op(sender, count, ret_permit));
}

int wok_mpsc_reserve_until(const wok_mpsc_sender *sender, size_t count, wok_mpsc_permit *ret_permit,
                           wok_instant deadline)
{
    return wok_op_await_until(wok_mpsc_reserve_op(sender, count, ret_permit), deadline);
}

/* ---- permits --------------------------------------------------------------------------------- */

int wok_mpsc_permit_send(wok_mpsc_permit *permit, void *value_moved)
{
    struct wok_mpsc *mpsc = permit->channel;
    struct wok__mpsc_after after = {0};
    void (*destroy)(void *value) = NULL;

    if (mpsc == NULL || permit->count == 0)
        return -EINVAL;
    wok__lock_take(&mpsc->lock);
    if (mpsc->receiver_gone) {
        destroy = mpsc->value_drop;
        wok__mpsc_give_back(mpsc, 1, &after.wakes);
    } else {
        use_place(mpsc, value_moved, &after.wakes);
    }
    if (--permit->count > 0) {
        wok__mpsc_leave(mpsc, &after);
    } else {
        permit->channel = NULL;
        wok__mpsc_leave_unref(mpsc, &after);
    }
    wok__destroy(destroy, value_moved);
    return 0;
}

void wok_mpsc_permit_drop(wok_mpsc_permit *permit)
{
    struct wok_mpsc *mpsc = WOK_TAKE(permit->channel);
    struct wok__mpsc_after after = {0};

    if (mpsc == NULL)
        return;
    wok__lock_take(&mpsc->lock);
    wok__mpsc_give_back(mpsc, permit->count, &after.wakes);
    permit->count = 0;
    wok__mpsc_leave_unref(mpsc, &after);
}

/* ---- the receiver's end ---------------------------------------------------------------------- */

wok_op wok_mpsc_closed_op(const wok_mpsc_sender *sender)
{
    return wok__closing_op(sender->channel != NULL ? &sender->channel->closing : NULL);
}

int wok_mpsc_closed(const wok_mpsc_sender *sender)
{
    return wok_op_await(wok_mpsc_closed_op(sender));
}

int wok_mpsc_closed_until(const wok_mpsc_sender *sender, wok_instant deadline)
{
    return wok_op_await_until(wok_mpsc_closed_op(sender), deadline);
}
