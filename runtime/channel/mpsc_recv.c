/*
 * mpsc_recv.c - receiving from an mpsc channel.
 *
 * A value stays in the queue until a receive takes it: a waiting one is only woken, so that a receive
 * which is dropped in between has lost nothing (C3).
 */
#include <errno.h>

#include "channel/mpsc.h"

/* The places of values that were taken are free. */
static void free_places(struct wok_mpsc *mpsc, size_t count, struct wok__wakes *wakes)
{
    if (!mpsc->bounded)
        return;
    mpsc->free += count;
    wok__mpsc_hand_out(mpsc, wakes);
}

/* Moves the oldest value out; there is one. */
static void take(struct wok_mpsc *mpsc, void *ret_value, struct wok__mpsc_after *after)
{
    if (mpsc->value_size > 0)
        memcpy(ret_value, wok__mpsc_oldest(mpsc), mpsc->value_size);
    wok__mpsc_pop(mpsc, after);
    free_places(mpsc, 1, &after->wakes);
}

int wok_mpsc_try_recv(wok_mpsc_receiver *receiver, void *ret_value)
{
    struct wok_mpsc *mpsc = receiver->channel;
    struct wok__mpsc_after after = {0};
    int code = 0;

    if (mpsc == NULL)
        return -EINVAL;
    wok__lock_take(&mpsc->lock);
    if (mpsc->length > 0)
        take(mpsc, ret_value, &after);
    else
        code = wok__mpsc_is_complete(mpsc) ? -EPIPE : -EAGAIN;
    wok__mpsc_leave(mpsc, &after);
    return code;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* 0 if there is a value to take, -EPIPE if none can come, WOK_PENDING: listed.  The lock is held. */
static wok_poll wait_for_value(struct wok_mpsc *mpsc, wok_op *op, wok_cx *cx)
{
    bool ready = mpsc->length > 0 || wok__mpsc_is_complete(mpsc);
    wok_poll code = wok__wait_look(&mpsc->receiving, op, cx, ready);

    return code == WOK_READY && mpsc->length == 0 ? -EPIPE : code;
}

static wok_poll recv_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    struct wok_mpsc *mpsc = op->object;
    struct wok__mpsc_after after = {0};
    wok_poll code;

    (void)result;
    if (mpsc == NULL)
        return -EINVAL;
    wok__lock_take(&mpsc->lock);
    code = wait_for_value(mpsc, op, cx);
    if (code == 0)
        take(mpsc, op->value, &after);
    wok__mpsc_leave(mpsc, &after);
    return code;
}

/* Moves out what is there and fits. */
static void take_many(struct wok_mpsc *mpsc, wok_mpsc_batch *batch, struct wok__mpsc_after *after)
{
    unsigned char *next = batch->values;

    while (mpsc->length > 0 && batch->count < batch->count_max) {
        if (mpsc->value_size > 0)
            memcpy(next, wok__mpsc_oldest(mpsc), mpsc->value_size);
        next += mpsc->value_size;
        batch->count++;
        wok__mpsc_pop(mpsc, after);
    }
}

static wok_poll recv_many_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    struct wok_mpsc *mpsc = op->object;
    wok_mpsc_batch *batch = op->value;
    struct wok__mpsc_after after = {0};
    wok_poll code;

    (void)result;
    if (mpsc == NULL)
        return -EINVAL;
    batch->count = 0;
    if (batch->count_max == 0)
        return WOK_READY;
    wok__lock_take(&mpsc->lock);
    code = wait_for_value(mpsc, op, cx);
    if (code == 0) {
        take_many(mpsc, batch, &after);
        free_places(mpsc, batch->count, &after.wakes);
    }
    wok__mpsc_leave(mpsc, &after);
    return code;
}

/* A receive that was woken and takes nothing passes that on (C3). */
static void recv_drop(void *self)
{
    wok_op *op = self;
    struct wok_mpsc *mpsc = WOK_TAKE(op->object);
    struct wok__mpsc_after after = {0};

    if (mpsc == NULL)
        return;
    wok__lock_take(&mpsc->lock);
    if (!wok__waiters_forget(&mpsc->receiving, &op->waiter))
        wok__mpsc_tell_receivers(mpsc, &after.wakes);
    wok__mpsc_leave(mpsc, &after);
}

static const wok_future_vtable recv_vtable = {
    .name = "mpsc recv",
    .size = sizeof(wok_op),
    .poll = recv_poll,
    .drop = recv_drop,
};

static const wok_future_vtable recv_many_vtable = {
    .name = "mpsc recv many",
    .size = sizeof(wok_op),
    .poll = recv_many_poll,
    .drop = recv_drop,
};

wok_op wok_mpsc_recv_op(wok_mpsc_receiver *receiver, void *ret_value)
{
    return (wok_op){
        .vtable = &recv_vtable,
        .object = receiver->channel,
        .value = ret_value,
    };
}

int wok_mpsc_recv(wok_mpsc_receiver *receiver, void *ret_value)
{
    if (wok__wait_skip()) {
        int code = wok_mpsc_try_recv(receiver, ret_value);
        if (code != -EAGAIN)
            return code;
    }
    return wok_op_await(wok_mpsc_recv_op(receiver, ret_value));
}

int wok_mpsc_recv_until(wok_mpsc_receiver *receiver, void *ret_value, wok_instant deadline)
{
    return wok_op_await_until(wok_mpsc_recv_op(receiver, ret_value), deadline);
}

wok_op wok_mpsc_recv_many_op(wok_mpsc_receiver *receiver, wok_mpsc_batch *batch)
{
    return (wok_op){
        .vtable = &recv_many_vtable,
        .object = receiver->channel,
        .value = batch,
    };
}

int wok_mpsc_recv_many(wok_mpsc_receiver *receiver, wok_mpsc_batch *batch)
{
    return wok_op_await(wok_mpsc_recv_many_op(receiver, batch));
}

int wok_mpsc_recv_many_until(wok_mpsc_receiver *receiver, wok_mpsc_batch *batch,
                             wok_instant deadline)
{
    return wok_op_await_until(wok_mpsc_recv_many_op(receiver, batch), deadline);
}
