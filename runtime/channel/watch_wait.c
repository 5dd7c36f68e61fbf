/*
 * watch_wait.c - waiting on a watch channel.
 *
 * Each wait looks for something that stays once it is there (news, a value that suits, no receiver), so
 * nothing is handed over, and a wait that is given up gives nothing back.
 */
#include <errno.h>

#include "channel/watch.h"

/* ---- a change -------------------------------------------------------------------------------- */

/* Marks the current value as seen: 0, or -EPIPE if it was seen before.  The lock is held. */
static int see(struct wok_watch *watch, wok_watch_receiver *receiver)
{
    if (receiver->seen == watch->version)
        return -EPIPE;
    receiver->seen = watch->version;
    return 0;
}

static bool has_news(const struct wok_watch *watch, const wok_watch_receiver *receiver)
{
    return receiver->seen != watch->version || watch->senders == 0;
}

static wok_poll changed_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_watch_receiver *receiver = op->object;
    struct wok_watch *watch = receiver != NULL ? receiver->channel : NULL;
    wok_poll code;

    (void)result;
    if (watch == NULL)
        return -EINVAL;
    wok__lock_take(&watch->lock);
    code = wok__wait_look(&watch->changing, op, cx, has_news(watch, receiver));
    if (code == WOK_READY)
        code = see(watch, receiver);
    wok__lock_give(&watch->lock);
    return code;
}

/* Ends a wait for a change or for a value. */
static void changing_drop(void *self)
{
    wok_op *op = self;
    wok_watch_receiver *receiver = WOK_TAKE(op->object);

    if (receiver != NULL && receiver->channel != NULL)
        wok__wait_end(&receiver->channel->lock, &receiver->channel->changing, op);
}

static const wok_future_vtable changed_vtable = {
    .name = "watch changed",
    .size = sizeof(wok_op),
    .poll = changed_poll,
    .drop = changing_drop,
};

wok_op wok_watch_changed_op(wok_watch_receiver *receiver)
{
    return (wok_op){.vtable = &changed_vtable, .object = receiver};
}

int wok_watch_changed(wok_watch_receiver *receiver)
{
    return wok_op_await(wok_watch_changed_op(receiver));
}

int wok_watch_changed_until(wok_watch_receiver *receiver, wok_instant deadline)
{
    return wok_op_await_until(wok_watch_changed_op(receiver), deadline);
}

/* ---- a value that suits ---------------------------------------------------------------------- */

typedef bool predicate_function(const void *value, void *argument);

/* A look at the current value by the user's predicate, without the lock. */
struct look {
    struct wok_watch *watch;
    struct wok__value *held;
    struct wok__values_after after;
};

/* Lets go of the value and gives the lock back, if the look has not ended: after a panic. */
static void end_look(struct look *look)
{
    if (look->held == NULL)
        return;
    wok__lock_take(&look->watch->lock);
    wok__value_release(&look->watch->values, look->held, &look->after);
    wok__watch_leave(look->watch, &look->after);
}

/* Looks at the current value, which counts as seen: 0 if it suits; WOK_PENDING if not, and the wait is
 * listed; -EPIPE if no other value will come; -EAGAIN if there is one already. */
static int look_at_current(struct wok_watch *watch, wok_op *op, wok_cx *cx)
{
    WOK_CLEANUP(end_look) struct look look = {.watch = watch};
    wok_watch_receiver *receiver = op->object;
    struct wok__value *held;
    uint64_t version = watch->version;
    int code = 0;
    bool suits;

    held = look.held = wok__watch_hold(watch);
    wok__lock_give(&watch->lock);
    suits = ((predicate_function *)op->extra)(held->bytes, op->value);
    wok__lock_take(&watch->lock);
    look.held = NULL;
    receiver->seen = version;
    wok__value_release(&watch->values, held, &look.after);
    if (!suits) {
        if (watch->version != version) {
            code = -EAGAIN;
        } else if (watch->senders == 0) {
            code = -EPIPE;
        } else {
            wok__waiters_add(&watch->changing, &op->waiter, cx->task);
            code = WOK_PENDING;
        }
    }
    if (code == 0 || code == -EPIPE)
        op->object = NULL;
    wok__watch_leave(watch, &look.after);
    return code;
}

static wok_poll wait_for_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_watch_receiver *receiver = op->object;
    struct wok_watch *watch = receiver != NULL ? receiver->channel : NULL;
    wok_poll code;

    (void)result;
    if (watch == NULL)
        return -EINVAL;
    do {
        wok__lock_take(&watch->lock);
        if (op->waiter.state == WOK__WAITER_LISTED) {
            /* Nobody has woken it: it has looked at this value. */
            wok__waiters_add(&watch->changing, &op->waiter, cx->task);
            wok__lock_give(&watch->lock);
            return WOK_PENDING;
        }
        if (!wok__budget_take(cx)) {
            wok__lock_give(&watch->lock);
            return WOK_PENDING;
        }
        code = look_at_current(watch, op, cx);
    } while (code == -EAGAIN);
    return code;
}

static const wok_future_vtable wait_for_vtable = {
    .name = "watch wait_for",
    .size = sizeof(wok_op),
    .poll = wait_for_poll,
    .drop = changing_drop,
};

wok_op wok_watch_wait_for_op(wok_watch_receiver *receiver, predicate_function *predicate,
                             void *argument)
{
    return (wok_op){
        .vtable = &wait_for_vtable,
        .object = receiver,
        .value = argument,
        .extra = (void *)predicate,
    };
}

int wok_watch_wait_for(wok_watch_receiver *receiver, predicate_function *predicate, void *argument)
{
    return wok_op_await(wok_watch_wait_for_op(receiver, predicate, argument));
}

int wok_watch_wait_for_until(wok_watch_receiver *receiver, predicate_function *predicate,
                             void *argument, wok_instant deadline)
{
    return wok_op_await_until(wok_watch_wait_for_op(receiver, predicate, argument), deadline);
}

/* ---- the last receiver's end ----------------------------------------------------------------- */

wok_op wok_watch_closed_op(const wok_watch_sender *sender)
{
    return wok__closing_op(sender->channel != NULL ? &sender->channel->closing : NULL);
}

int wok_watch_closed(const wok_watch_sender *sender)
{
    return wok_op_await(wok_watch_closed_op(sender));
}

int wok_watch_closed_until(const wok_watch_sender *sender, wok_instant deadline)
{
    return wok_op_await_until(wok_watch_closed_op(sender), deadline);
}
