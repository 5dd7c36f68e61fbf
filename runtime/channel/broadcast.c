/*
 * broadcast.c - a channel whose every value goes to every receiver: its handles, and sending.
 *
 * The rules are in channel/broadcast.h.  The channel comes with a node for each slot and one more, which
 * the next send fills before the oldest value makes room.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/broadcast.h"
#include "util/bits.h"

enum { CAPACITY_MAX = 1 << 30 };

int wok_broadcast_new(const wok_broadcast_options *options, wok_broadcast_sender *ret_sender)
{
    struct wok_broadcast *broadcast;
    size_t capacity, slots_bytes, nodes_bytes;

    if (options == NULL || ret_sender == NULL)
        return -EINVAL;
    if (options->capacity == 0 || (options->value_drop != NULL && options->value_copy == NULL))
        return -EINVAL;
    if (options->capacity > CAPACITY_MAX)
        return -ENOMEM;
    capacity = (size_t)1 << (options->capacity > 1 ? wok__bits_last(options->capacity - 1) + 1 : 0);
    slots_bytes = wok__align_up(sizeof *broadcast + capacity * sizeof broadcast->slots[0], 16);
    if (!wok__values_bytes(options->value_size, capacity + 1, &nodes_bytes))
        return -ENOMEM;
    broadcast = malloc(slots_bytes + nodes_bytes);
    if (broadcast == NULL)
        return -ENOMEM;
    *broadcast = (struct wok_broadcast){
        .senders = 1,
        .refs = 1,
        .closing = {.lock = &broadcast->lock, .closed = true},
        .values = {.size = options->value_size, .drop = options->value_drop},
        .mask = capacity - 1,
        .value_copy = options->value_copy,
    };
    memset(broadcast->slots, 0, capacity * sizeof broadcast->slots[0]);
    wok__values_init(&broadcast->values, (char *)broadcast + slots_bytes, capacity + 1);
    ret_sender->channel = broadcast;
    return 0;
}

void wok__broadcast_leave(struct wok_broadcast *broadcast, struct wok__values_after *after)
{
    if (wok__values_leave(&broadcast->values, &broadcast->lock, &broadcast->refs, after))
        free(broadcast);
}

/* ---- handles --------------------------------------------------------------------------------- */

wok_broadcast_sender wok_broadcast_sender_ref(const wok_broadcast_sender *sender)
{
    struct wok_broadcast *broadcast = sender->channel;

    if (broadcast != NULL) {
        wok__lock_take(&broadcast->lock);
        broadcast->senders++;
        broadcast->refs++;
        wok__lock_give(&broadcast->lock);
    }
    return (wok_broadcast_sender){broadcast};
}

void wok_broadcast_sender_drop(wok_broadcast_sender *sender)
{
    struct wok_broadcast *broadcast = WOK_TAKE(sender->channel);
    struct wok__values_after after = {.unref = true};

    if (broadcast == NULL)
        return;
    wok__lock_take(&broadcast->lock);
    if (--broadcast->senders == 0)
        wok__wait_wake_all(&broadcast->receiving, &after.wakes);
    wok__broadcast_leave(broadcast, &after);
}

static void subscribe(struct wok_broadcast *broadcast, wok_broadcast_receiver *ret_receiver)
{
    *ret_receiver = (wok_broadcast_receiver){broadcast, 0};
    if (broadcast == NULL)
        return;
    wok__lock_take(&broadcast->lock);
    broadcast->receivers++;
    broadcast->refs++;
    broadcast->closing.closed = false;
    ret_receiver->next = broadcast->tail;
    wok__lock_give(&broadcast->lock);
}

void wok_broadcast_subscribe(const wok_broadcast_sender *sender,
                             wok_broadcast_receiver *ret_receiver)
{
    subscribe(sender->channel, ret_receiver);
}

void wok_broadcast_resubscribe(const wok_broadcast_receiver *receiver,
                               wok_broadcast_receiver *ret_receiver)
{
    subscribe(receiver->channel, ret_receiver);
}

void wok_broadcast_receiver_drop(wok_broadcast_receiver *receiver)
{
    struct wok_broadcast *broadcast = WOK_TAKE(receiver->channel);
    struct wok__values_after after = {.unref = true};
    uint64_t position;

    if (broadcast == NULL)
        return;
    wok__lock_take(&broadcast->lock);
    position = wok__broadcast_oldest(broadcast);
    if (position < receiver->next)
        position = receiver->next;
    for (; position < broadcast->tail; position++)
        wok__broadcast_got(broadcast, position, &after);
    if (--broadcast->receivers == 0)
        wok__closing_close(&broadcast->closing, &after.wakes);
    wok__broadcast_leave(broadcast, &after);
}

size_t wok_broadcast_receiver_count(const wok_broadcast_sender *sender)
{
    struct wok_broadcast *broadcast = sender->channel;
    size_t count;

    if (broadcast == NULL)
        return 0;
    wok__lock_take(&broadcast->lock);
    count = broadcast->receivers;
    wok__lock_give(&broadcast->lock);
    return count;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Puts a filled node into the next slot; the value that is there makes room. */
static void publish(struct wok_broadcast *broadcast, struct wok__value *node,
                    struct wok__values_after *after)
{
    struct wok__broadcast_slot *slot = &broadcast->slots[broadcast->tail & broadcast->mask];

    if (slot->value != NULL)
        wok__value_release(&broadcast->values, slot->value, after);
    node->holders = 1;
    slot->value = node;
    slot->unread = broadcast->receivers;
    broadcast->tail++;
    wok__wait_wake_all(&broadcast->receiving, &after->wakes);
}

int wok_broadcast_send(const wok_broadcast_sender *sender, const void *value_moved)
{
    struct wok_broadcast *broadcast = sender->channel;
    struct wok__values_after after = {0};
    struct wok__value *node;
    int code = 0;

    if (broadcast == NULL)
        return -EINVAL;
    wok__lock_take(&broadcast->lock);
    node = wok__values_take_or_make(&broadcast->values, &broadcast->lock);
    if (node == NULL) {
        code = -ENOMEM;
    } else if (broadcast->receivers == 0) {
        wok__values_untake(&broadcast->values, node, &after);
        code = -EPIPE;
    } else {
        if (broadcast->values.size > 0)
            memcpy(node->bytes, value_moved, broadcast->values.size);
        publish(broadcast, node, &after);
    }
    wok__broadcast_leave(broadcast, &after);
    return code;
}

/* ---- the last receiver's end ----------------------------------------------------------------- */

wok_op wok_broadcast_closed_op(const wok_broadcast_sender *sender)
{
    return wok__closing_op(sender->channel != NULL ? &sender->channel->closing : NULL);
}

int wok_broadcast_closed(const wok_broadcast_sender *sender)
{
    return wok_op_await(wok_broadcast_closed_op(sender));
}

int wok_broadcast_closed_until(const wok_broadcast_sender *sender, wok_instant deadline)
{
    return wok_op_await_until(wok_broadcast_closed_op(sender), deadline);
}
