/*
 * oneshot.c - a channel for one value.
 *
 * Invariants (the channel's lock)
 *   C1  `sent`: the value is in the channel.  The sender gave up its reference in the step that put it
 *       there, so the value is the receiver's alone, and is destroyed without the lock.
 *   C2  a receive is listed only while nothing is decided: no value, the sender there, not closed.  The
 *       step that decides wakes it; what was decided stays, so a receive that is dropped then has lost
 *       nothing.
 *   C3  `over`: a receive has been told what was decided; the next one is misuse.
 *   C4  refs counts the two handles; whoever takes the last one away frees.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wok/oneshot.h>
#include <wok/select.h>

#include "channel/wait.h"
#include "task/panic.h"

struct wok_oneshot {
    struct wok__lock lock;
    uint8_t refs; /* from here on the lock's */
    bool sent, sender_gone, over;
    struct wok__waiters receiving;
    struct wok__closing closing;
    size_t value_size;               /* constant */
    void (*value_drop)(void *value); /* constant */
    _Alignas(16) unsigned char value[];
};

int wok_oneshot_new(const wok_oneshot_options *options, wok_oneshot_sender *ret_sender,
                    wok_oneshot_receiver *ret_receiver)
{
    static const wok_oneshot_options no_value;
    struct wok_oneshot *oneshot;

    if (ret_sender == NULL || ret_receiver == NULL)
        return -EINVAL;
    if (options == NULL)
        options = &no_value;
    if (options->value_size > PTRDIFF_MAX - sizeof *oneshot)
        return -ENOMEM;
    oneshot = malloc(sizeof *oneshot + options->value_size);
    if (oneshot == NULL)
        return -ENOMEM;
    *oneshot = (struct wok_oneshot){
        .refs = 2,
        .closing = {.lock = &oneshot->lock},
        .value_size = options->value_size,
        .value_drop = options->value_drop,
    };
    ret_sender->channel = oneshot;
    ret_receiver->channel = oneshot;
    return 0;
}

/* Gives the lock and one reference back; true: it was the last one, and the channel is the caller's. */
static bool leave_unref(struct wok_oneshot *oneshot, struct wok__wakes *wakes)
{
    bool last = --oneshot->refs == 0;

    wok__lock_give(&oneshot->lock);
    wok__wakes_push(wakes);
    return last;
}

/* ---- the sender ------------------------------------------------------------------------------ */

/* Ends the sender, with or without a value: 0 or -EPIPE. */
static int end_sender(struct wok_oneshot *oneshot, const void *value, bool sends)
{
    struct wok__wakes wakes = {0};
    int code = 0;

    wok__lock_take(&oneshot->lock);
    oneshot->sender_gone = true;
    if (oneshot->closing.closed) {
        code = -EPIPE;
    } else if (sends) {
        if (oneshot->value_size > 0)
            memcpy(oneshot->value, value, oneshot->value_size);
        oneshot->sent = true;
    }
    wok__wait_wake_all(&oneshot->receiving, &wakes);
    if (leave_unref(oneshot, &wakes))
        free(oneshot);
    return code;
}

int wok_oneshot_send(wok_oneshot_sender *sender, const void *value_moved)
{
    struct wok_oneshot *oneshot = WOK_TAKE(sender->channel);

    return oneshot != NULL ? end_sender(oneshot, value_moved, true) : -EINVAL;
}

void wok_oneshot_sender_drop(wok_oneshot_sender *sender)
{
    struct wok_oneshot *oneshot = WOK_TAKE(sender->channel);

    if (oneshot != NULL)
        (void)end_sender(oneshot, NULL, false);
}

bool wok_oneshot_is_closed(const wok_oneshot_sender *sender)
{
    return sender->channel == NULL || wok__closing_is_closed(&sender->channel->closing);
}

wok_op wok_oneshot_closed_op(const wok_oneshot_sender *sender)
{
    return wok__closing_op(sender->channel != NULL ? &sender->channel->closing : NULL);
}

int wok_oneshot_closed(const wok_oneshot_sender *sender)
{
    return wok_op_await(wok_oneshot_closed_op(sender));
}

int wok_oneshot_closed_until(const wok_oneshot_sender *sender, wok_instant deadline)
{
    return wok_op_await_until(wok_oneshot_closed_op(sender), deadline);
}

/* ---- the receiver ---------------------------------------------------------------------------- */

static bool is_decided(const struct wok_oneshot *oneshot)
{
    return oneshot->sent || oneshot->sender_gone || oneshot->closing.closed;
}

/* Tells what was decided: 0 and the value, -EPIPE, or -EINVAL the second time. */
static int take(struct wok_oneshot *oneshot, void *ret_value)
{
    if (oneshot->over)
        return -EINVAL;
    oneshot->over = true;
    if (!oneshot->sent)
        return -EPIPE;
    oneshot->sent = false;
    if (oneshot->value_size > 0)
        memcpy(ret_value, oneshot->value, oneshot->value_size);
    return 0;
}

int wok_oneshot_try_recv(wok_oneshot_receiver *receiver, void *ret_value)
{
    struct wok_oneshot *oneshot = receiver->channel;
    int code = -EAGAIN;

    if (oneshot == NULL)
        return -EINVAL;
    wok__lock_take(&oneshot->lock);
    if (is_decided(oneshot))
        code = take(oneshot, ret_value);
    wok__lock_give(&oneshot->lock);
    return code;
}

static wok_poll recv_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    struct wok_oneshot *oneshot = op->object;
    wok_poll code;

    (void)result;
    if (oneshot == NULL)
        return -EINVAL;
    wok__lock_take(&oneshot->lock);
    code = wok__wait_look(&oneshot->receiving, op, cx, is_decided(oneshot));
    if (code == WOK_READY)
        code = take(oneshot, op->value);
    wok__lock_give(&oneshot->lock);
    return code;
}

static void recv_drop(void *self)
{
    wok_op *op = self;
    struct wok_oneshot *oneshot = WOK_TAKE(op->object);

    if (oneshot != NULL)
        wok__wait_end(&oneshot->lock, &oneshot->receiving, op);
}

static const wok_future_vtable recv_vtable = {
    .name = "oneshot recv",
    .size = sizeof(wok_op),
    .poll = recv_poll,
    .drop = recv_drop,
};

wok_op wok_oneshot_recv_op(wok_oneshot_receiver *receiver, void *ret_value)
{
    return (wok_op){
        .vtable = &recv_vtable,
        .object = receiver->channel,
        .value = ret_value,
    };
}

int wok_oneshot_recv(wok_oneshot_receiver *receiver, void *ret_value)
{
    if (wok__wait_skip()) {
        int code = wok_oneshot_try_recv(receiver, ret_value);
        if (code != -EAGAIN)
            return code;
    }
    return wok_op_await(wok_oneshot_recv_op(receiver, ret_value));
}

int wok_oneshot_recv_until(wok_oneshot_receiver *receiver, void *ret_value, wok_instant deadline)
{
    return wok_op_await_until(wok_oneshot_recv_op(receiver, ret_value), deadline);
}

/* The sender is told that nobody wants the value; so is a receive that waits elsewhere. */
static void close_locked(struct wok_oneshot *oneshot, struct wok__wakes *wakes)
{
    wok__closing_close(&oneshot->closing, wakes);
    wok__wait_wake_all(&oneshot->receiving, wakes);
}

void wok_oneshot_close(wok_oneshot_receiver *receiver)
{
    struct wok_oneshot *oneshot = receiver->channel;
    struct wok__wakes wakes = {0};

    if (oneshot == NULL)
        return;
    wok__lock_take(&oneshot->lock);
    close_locked(oneshot, &wakes);
    wok__lock_give(&oneshot->lock);
    wok__wakes_push(&wakes);
}

void wok_oneshot_receiver_drop(wok_oneshot_receiver *receiver)
{
    struct wok_oneshot *oneshot = WOK_TAKE(receiver->channel);
    struct wok__wakes wakes = {0};

    if (oneshot == NULL)
        return;
    wok__lock_take(&oneshot->lock);
    close_locked(oneshot, &wakes);
    if (!leave_unref(oneshot, &wakes))
        return;
    if (oneshot->sent) /* the sender is gone (C1) */
        wok__destroy(oneshot->value_drop, oneshot->value);
    free(oneshot);
}
