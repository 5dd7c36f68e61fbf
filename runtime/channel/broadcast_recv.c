/*
 * broadcast_recv.c - receiving from a broadcast channel.
 *
 * Values without a copy function are copied under the lock.  With one, the value is held, counts as
 * received, and is copied without the lock; a panic in the copy function lets go of it.
 */
#include <errno.h>
#include <string.h>

#include "channel/broadcast.h"

/* A value that is being copied. */
struct copying {
    struct wok_broadcast *broadcast;
    struct wok__value *held;
};

/* Lets go of the value; also after a panic. */
static void end_copying(struct copying *copying)
{
    struct wok__values_after after = {0};

    if (copying->held == NULL)
        return;
    wok__lock_take(&copying->broadcast->lock);
    wok__value_release(&copying->broadcast->values, copying->held, &after);
    wok__broadcast_leave(copying->broadcast, &after);
}

static bool is_ready(const struct wok_broadcast *broadcast, const wok_broadcast_receiver *receiver)
{
    return receiver->next != broadcast->tail || broadcast->senders == 0;
}

/* Takes what there is: 0, -EOVERFLOW or -EPIPE.  The lock is held, and given back. */
static int take_and_leave(struct wok_broadcast *broadcast, wok_broadcast_receiver *receiver,
                          void *ret_value, uint64_t *ret_missed)
{
    WOK_CLEANUP(end_copying) struct copying copying = {.broadcast = broadcast};
    struct wok__values_after after = {0};
    uint64_t oldest = wok__broadcast_oldest(broadcast);
    struct wok__value *value;

    if (receiver->next == broadcast->tail) {
        wok__lock_give(&broadcast->lock);
        return -EPIPE;
    }
    if (receiver->next < oldest) {
        wok__lock_give(&broadcast->lock);
        if (ret_missed != NULL)
            *ret_missed = oldest - receiver->next;
        receiver->next = oldest;
        return -EOVERFLOW;
    }
    value = broadcast->slots[receiver->next & broadcast->mask].value;
    assert(value != NULL); /* C1 */
    if (broadcast->value_copy != NULL) {
        value->holders++;
        copying.held = value;
    } else if (broadcast->values.size > 0) {
        memcpy(ret_value, value->bytes, broadcast->values.size);
    }
    wok__broadcast_got(broadcast, receiver->next++, &after);
    wok__broadcast_leave(broadcast, &after);
    if (copying.held != NULL)
        broadcast->value_copy(ret_value, value->bytes);
    return 0;
}

int wok_broadcast_try_recv(wok_broadcast_receiver *receiver, void *ret_value, uint64_t *ret_missed)
{
    struct wok_broadcast *broadcast = receiver->channel;

    if (broadcast == NULL)
        return -EINVAL;
    wok__lock_take(&broadcast->lock);
    if (is_ready(broadcast, receiver))
        return take_and_leave(broadcast, receiver, ret_value, ret_missed);
    wok__lock_give(&broadcast->lock);
    return -EAGAIN;
}

/* ---- waiting --------------------------------------------------------------------------------- */

static wok_poll recv_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_broadcast_receiver *receiver = op->object;
    struct wok_broadcast *broadcast = receiver != NULL ? receiver->channel : NULL;

    (void)result;
    if (broadcast == NULL)
        return -EINVAL;
    wok__lock_take(&broadcast->lock);
    if (wok__wait_look(&broadcast->receiving, op, cx, is_ready(broadcast, receiver)) == WOK_READY)
        return take_and_leave(broadcast, receiver, op->value, op->extra);
    wok__lock_give(&broadcast->lock);
    return WOK_PENDING;
}

static void recv_drop(void *self)
{
    wok_op *op = self;
    wok_broadcast_receiver *receiver = WOK_TAKE(op->object);

    if (receiver != NULL && receiver->channel != NULL)
        wok__wait_end(&receiver->channel->lock, &receiver->channel->receiving, op);
}

static const wok_future_vtable recv_vtable = {
    .name = "broadcast recv",
    .size = sizeof(wok_op),
    .poll = recv_poll,
    .drop = recv_drop,
};

wok_op wok_broadcast_recv_op(wok_broadcast_receiver *receiver, void *ret_value,
                             uint64_t *ret_missed)
{
    return (wok_op){
        .vtable = &recv_vtable,
        .object = receiver,
        .value = ret_value,
        .extra = ret_missed,
    };
}

int wok_broadcast_recv(wok_broadcast_receiver *receiver, void *ret_value, uint64_t *ret_missed)
{
    if (wok__wait_skip()) {
        int code = wok_broadcast_try_recv(receiver, ret_value, ret_missed);
        if (code != -EAGAIN)
            return code;
    }
    return wok_op_await(wok_broadcast_recv_op(receiver, ret_value, ret_missed));
}

int wok_broadcast_recv_until(wok_broadcast_receiver *receiver, void *ret_value,
                             uint64_t *ret_missed, wok_instant deadline)
{
    return wok_op_await_until(wok_broadcast_recv_op(receiver, ret_value, ret_missed), deadline);
}

uint64_t wok_broadcast_len(const wok_broadcast_receiver *receiver)
{
    struct wok_broadcast *broadcast = receiver->channel;
    uint64_t length;

    if (broadcast == NULL)
        return 0;
    wok__lock_take(&broadcast->lock);
    length = broadcast->tail - receiver->next;
    wok__lock_give(&broadcast->lock);
    return length;
}
