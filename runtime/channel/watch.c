/*
 * watch.c - a channel that keeps its latest value only: its handles, sending and reading.
 *
 * The rules are in channel/watch.h.  Two nodes come with the channel: one holds the current value, and
 * the next send fills the other.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel/watch.h"
#include "task/panic.h"

enum { NODES = 2 };

int wok_watch_new(const wok_watch_options *options, const void *initial_moved,
                  wok_watch_sender *ret_sender)
{
    static const wok_watch_options no_value;
    struct wok_watch *watch;
    size_t bytes;

    if (options == NULL)
        options = &no_value;
    if (ret_sender == NULL || (initial_moved == NULL && options->value_size > 0))
        return -EINVAL;
    if (!wok__values_bytes(options->value_size, NODES, &bytes))
        return -ENOMEM;
    watch = malloc(sizeof *watch + bytes);
    if (watch == NULL)
        return -ENOMEM;
    *watch = (struct wok_watch){
        .senders = 1,
        .refs = 1,
        .closing = {.lock = &watch->lock, .closed = true},
        .values = {.size = options->value_size, .drop = options->value_drop},
    };
    wok__values_init(&watch->values, watch->nodes, NODES);
    watch->current = wok__values_take(&watch->values);
    watch->current->holders = 1;
    if (options->value_size > 0)
        memcpy(watch->current->bytes, initial_moved, options->value_size);
    ret_sender->channel = watch;
    return 0;
}

void wok__watch_leave(struct wok_watch *watch, struct wok__values_after *after)
{
    if (!wok__values_leave(&watch->values, &watch->lock, &watch->refs, after))
        return;
    wok__destroy(watch->values.drop, watch->current->bytes);
    wok__value_free(watch->current);
    free(watch);
}

/* ---- handles --------------------------------------------------------------------------------- */

wok_watch_sender wok_watch_sender_ref(const wok_watch_sender *sender)
{
    struct wok_watch *watch = sender->channel;

    if (watch != NULL) {
        wok__lock_take(&watch->lock);
        watch->senders++;
        watch->refs++;
        wok__lock_give(&watch->lock);
    }
    return (wok_watch_sender){watch};
}

void wok_watch_sender_drop(wok_watch_sender *sender)
{
    struct wok_watch *watch = WOK_TAKE(sender->channel);
    struct wok__values_after after = {.unref = true};

    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    if (--watch->senders == 0)
        wok__wait_wake_all(&watch->changing, &after.wakes);
    wok__watch_leave(watch, &after);
}

void wok_watch_subscribe(const wok_watch_sender *sender, wok_watch_receiver *ret_receiver)
{
    struct wok_watch *watch = sender->channel;

    *ret_receiver = (wok_watch_receiver){watch, 0};
    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    watch->receivers++;
    watch->refs++;
    watch->closing.closed = false;
    ret_receiver->seen = watch->version;
    wok__lock_give(&watch->lock);
}

wok_watch_receiver wok_watch_receiver_ref(const wok_watch_receiver *receiver)
{
    struct wok_watch *watch = receiver->channel;

    if (watch != NULL) {
        wok__lock_take(&watch->lock);
        watch->receivers++;
        watch->refs++;
        wok__lock_give(&watch->lock);
    }
    return *receiver;
}

void wok_watch_receiver_drop(wok_watch_receiver *receiver)
{
    struct wok_watch *watch = WOK_TAKE(receiver->channel);
    struct wok__values_after after = {.unref = true};

    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    if (--watch->receivers == 0)
        wok__closing_close(&watch->closing, &after.wakes);
    wok__watch_leave(watch, &after);
}

size_t wok_watch_receiver_count(const wok_watch_sender *sender)
{
    struct wok_watch *watch = sender->channel;
    size_t count;

    if (watch == NULL)
        return 0;
    wok__lock_take(&watch->lock);
    count = watch->receivers;
    wok__lock_give(&watch->lock);
    return count;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* Makes a filled node the current value; the lock is held. */
static void publish(struct wok_watch *watch, struct wok__value *node,
                    struct wok__values_after *after)
{
    struct wok__value *old = watch->current;

    node->holders = 1;
    watch->current = node;
    watch->version++;
    wok__wait_wake_all(&watch->changing, &after->wakes);
    wok__value_release(&watch->values, old, after);
}

static int store(struct wok_watch *watch, const void *value, bool without_receivers)
{
    struct wok__values_after after = {0};
    struct wok__value *node;
    int code = 0;

    if (watch == NULL)
        return -EINVAL;
    wok__lock_take(&watch->lock);
    node = wok__values_take_or_make(&watch->values, &watch->lock);
    if (node == NULL) {
        code = -ENOMEM;
    } else if (watch->receivers == 0 && !without_receivers) {
        wok__values_untake(&watch->values, node, &after);
        code = -EPIPE;
    } else {
        if (watch->values.size > 0)
            memcpy(node->bytes, value, watch->values.size);
        publish(watch, node, &after);
    }
    wok__watch_leave(watch, &after);
    return code;
}

int wok_watch_send(const wok_watch_sender *sender, const void *value_moved)
{
    return store(sender->channel, value_moved, false);
}

int wok_watch_send_replace(const wok_watch_sender *sender, const void *value_moved)
{
    return store(sender->channel, value_moved, true);
}

/* A replacement in the making. */
struct change {
    struct wok_watch *watch;
    struct wok__value *base; /* what it is made from; held */
    struct wok__value *node; /* where it is made */
};

/* Ends a change that was not published, also by a panic of the user's: the node is not filled. */
static void end_change(struct change *change)
{
    struct wok__values_after after = {0};

    if (change->base == NULL)
        return;
    wok__lock_take(&change->watch->lock);
    wok__values_untake(&change->watch->values, change->node, &after);
    wok__value_release(&change->watch->values, change->base, &after);
    wok__watch_leave(change->watch, &after);
}

/* Publishes what was made, unless another sender was faster; then the change begins anew from what that
 * one stored. */
static bool try_publish(struct change *change)
{
    struct wok_watch *watch = change->watch;
    struct wok__values_after after = {0};
    struct wok__value *base = change->base;
    bool done;

    wok__lock_take(&watch->lock);
    done = watch->current == base; /* held, so it is no other value in the same node */
    if (done) {
        publish(watch, change->node, &after);
        change->base = NULL;
    } else {
        change->base = wok__watch_hold(watch);
    }
    wok__value_release(&watch->values, base, &after);
    wok__watch_leave(watch, &after);
    if (!done)
        wok__destroy(watch->values.drop, change->node->bytes);
    return done;
}

int wok_watch_send_if_modified(const wok_watch_sender *sender,
                               bool (*modify)(const void *current, void *ret_value, void *argument),
                               void *argument)
{
    WOK_CLEANUP(end_change) struct change change = {.watch = sender->channel};

    if (change.watch == NULL)
        return -EINVAL;
    wok__lock_take(&change.watch->lock);
    change.node = wok__values_take_or_make(&change.watch->values, &change.watch->lock);
    if (change.node != NULL)
        change.base = wok__watch_hold(change.watch);
    wok__lock_give(&change.watch->lock);
    if (change.node == NULL)
        return -ENOMEM;
    do {
        if (!modify(change.base->bytes, change.node->bytes, argument))
            return 0;
    } while (!try_publish(&change));
    return 1;
}

/* ---- reading --------------------------------------------------------------------------------- */

static const void *borrow(struct wok_watch *watch, uint64_t *ret_seen, wok_watch_ref *ret_ref)
{
    *ret_ref = (wok_watch_ref){0};
    if (watch == NULL)
        return NULL;
    wok__lock_take(&watch->lock);
    *ret_ref = (wok_watch_ref){watch, wok__watch_hold(watch)};
    watch->refs++;
    if (ret_seen != NULL)
        *ret_seen = watch->version;
    wok__lock_give(&watch->lock);
    return ret_ref->held->bytes;
}

const void *wok_watch_sender_borrow(const wok_watch_sender *sender, wok_watch_ref *ret_ref)
{
    return borrow(sender->channel, NULL, ret_ref);
}

const void *wok_watch_borrow(const wok_watch_receiver *receiver, wok_watch_ref *ret_ref)
{
    return borrow(receiver->channel, NULL, ret_ref);
}

const void *wok_watch_borrow_and_update(wok_watch_receiver *receiver, wok_watch_ref *ret_ref)
{
    return borrow(receiver->channel, &receiver->seen, ret_ref);
}

void wok_watch_ref_drop(wok_watch_ref *ref)
{
    struct wok_watch *watch = WOK_TAKE(ref->channel);
    struct wok__value *held = WOK_TAKE(ref->held);
    struct wok__values_after after = {.unref = true};

    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    wok__value_release(&watch->values, held, &after);
    wok__watch_leave(watch, &after);
}

void wok_watch_get(wok_watch_receiver *receiver, void *ret_value)
{
    struct wok_watch *watch = receiver->channel;

    if (watch == NULL)
        return;
    wok__lock_take(&watch->lock);
    if (watch->values.size > 0)
        memcpy(ret_value, watch->current->bytes, watch->values.size);
    receiver->seen = watch->version;
    wok__lock_give(&watch->lock);
}

int wok_watch_has_changed(const wok_watch_receiver *receiver)
{
    struct wok_watch *watch = receiver->channel;
    int answer;

    if (watch == NULL)
        return -EINVAL;
    wok__lock_take(&watch->lock);
    if (watch->senders == 0)
        answer = -EPIPE;
    else
        answer = receiver->seen != watch->version;
    wok__lock_give(&watch->lock);
    return answer;
}
