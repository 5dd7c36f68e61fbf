/*
 * mpsc.c - making and ending an mpsc channel: its handles, close, and the questions about it.
 *
 * The rules are in channel/mpsc.h.  The receiver's drop is the one step that is long: it closes the
 * channel under the lock, and destroys the values without it, alone (C5), so that their drop functions
 * may use the channel and a panic in one concerns no other.
 */
#include <errno.h>
#include <stdlib.h>

#include "channel/mpsc.h"
#include "task/panic.h"

int wok_mpsc_new(const wok_mpsc_options *options, wok_mpsc_sender *ret_sender,
                 wok_mpsc_receiver *ret_receiver)
{
    struct wok_mpsc *mpsc;
    size_t bytes = 0;
    bool bounded;

    if (options == NULL || options->capacity == 0 || ret_sender == NULL || ret_receiver == NULL)
        return -EINVAL;
    bounded = options->capacity != WOK_UNBOUNDED;
    if (options->value_size > WOK__BLOCK_VALUE_MAX)
        return -ENOMEM;
    if (bounded && (__builtin_mul_overflow(options->capacity, options->value_size, &bytes) ||
                    bytes > PTRDIFF_MAX - sizeof *mpsc))
        return -ENOMEM;
    mpsc = malloc(sizeof *mpsc + bytes);
    if (mpsc == NULL)
        return -ENOMEM;
    *mpsc = (struct wok_mpsc){
        .bounded = bounded,
        .free = bounded ? options->capacity : 0,
        .senders = 1,
        .refs = 2,
        .closing = {.lock = &mpsc->lock},
        .capacity = options->capacity,
        .value_size = options->value_size,
        .value_drop = options->value_drop,
    };
    ret_sender->channel = mpsc;
    ret_receiver->channel = mpsc;
    return 0;
}

void wok__mpsc_leave_unref(struct wok_mpsc *mpsc, struct wok__mpsc_after *after)
{
    bool last = --mpsc->refs == 0;

    wok__mpsc_leave(mpsc, after);
    if (last)
        free(mpsc);
}

/* ---- senders --------------------------------------------------------------------------------- */

wok_mpsc_sender wok_mpsc_sender_ref(const wok_mpsc_sender *sender)
{
    struct wok_mpsc *mpsc = sender->channel;

    if (mpsc != NULL) {
        wok__lock_take(&mpsc->lock);
        mpsc->senders++;
        mpsc->refs++;
        wok__lock_give(&mpsc->lock);
    }
    return (wok_mpsc_sender){mpsc};
}

void wok_mpsc_sender_drop(wok_mpsc_sender *sender)
{
    struct wok_mpsc *mpsc = WOK_TAKE(sender->channel);
    struct wok__mpsc_after after = {0};

    if (mpsc == NULL)
        return;
    wok__lock_take(&mpsc->lock);
    if (--mpsc->senders == 0)
        wok__mpsc_tell_receivers(mpsc, &after.wakes);
    wok__mpsc_leave_unref(mpsc, &after);
}

wok_mpsc_weak wok_mpsc_downgrade(const wok_mpsc_sender *sender)
{
    struct wok_mpsc *mpsc = sender->channel;

    if (mpsc != NULL) {
        wok__lock_take(&mpsc->lock);
        mpsc->refs++;
        wok__lock_give(&mpsc->lock);
    }
    return (wok_mpsc_weak){mpsc};
}

int wok_mpsc_upgrade(const wok_mpsc_weak *weak, wok_mpsc_sender *ret_sender)
{
    struct wok_mpsc *mpsc = weak->channel;
    int code = -EPIPE;

    if (mpsc == NULL)
        return -EINVAL;
    wok__lock_take(&mpsc->lock);
    if (mpsc->senders > 0) {
        mpsc->senders++;
        mpsc->refs++;
        ret_sender->channel = mpsc;
        code = 0;
    }
    wok__lock_give(&mpsc->lock);
    return code;
}

void wok_mpsc_weak_drop(wok_mpsc_weak *weak)
{
    struct wok_mpsc *mpsc = WOK_TAKE(weak->channel);
    struct wok__mpsc_after after = {0};

    if (mpsc == NULL)
        return;
    wok__lock_take(&mpsc->lock);
    wok__mpsc_leave_unref(mpsc, &after);
}

/* ---- the receiver ---------------------------------------------------------------------------- */

/* Nobody is handed a place any more; who has one keeps it. */
static void close_locked(struct wok_mpsc *mpsc, struct wok__wakes *wakes)
{
    wok__closing_close(&mpsc->closing, wakes);
    wok__wait_wake_all(&mpsc->sending, wakes);
    wok__mpsc_tell_receivers(mpsc, wakes);
}

void wok_mpsc_close(wok_mpsc_receiver *receiver)
{
    struct wok_mpsc *mpsc = receiver->channel;
    struct wok__mpsc_after after = {0};

    if (mpsc == NULL)
        return;
    wok__lock_take(&mpsc->lock);
    close_locked(mpsc, &after.wakes);
    wok__mpsc_leave(mpsc, &after);
}

/* The queue is the caller's alone (C5). */
static void destroy_values(struct wok_mpsc *mpsc)
{
    struct wok__mpsc_after after = {0};

    while (mpsc->value_drop != NULL && mpsc->length > 0) {
        wok__destroy(mpsc->value_drop, wok__mpsc_oldest(mpsc));
        wok__mpsc_pop(mpsc, &after);
    }
    wok__blocks_free(after.emptied);
    if (!mpsc->bounded)
        wok__blocks_done(&mpsc->blocks);
}

void wok_mpsc_receiver_drop(wok_mpsc_receiver *receiver)
{
    struct wok_mpsc *mpsc = WOK_TAKE(receiver->channel);
    struct wok__mpsc_after after = {0};

    if (mpsc == NULL)
        return;
    wok__lock_take(&mpsc->lock);
    mpsc->receiver_gone = true;
    close_locked(mpsc, &after.wakes);
    wok__mpsc_leave(mpsc, &after);
    destroy_values(mpsc);
    wok__lock_take(&mpsc->lock);
    wok__mpsc_leave_unref(mpsc, &after);
}

/* ---- questions ------------------------------------------------------------------------------- */

bool wok_mpsc_is_closed(const wok_mpsc_sender *sender)
{
    return sender->channel == NULL || wok__closing_is_closed(&sender->channel->closing);
}

bool wok_mpsc_receiver_is_closed(const wok_mpsc_receiver *receiver)
{
    struct wok_mpsc *mpsc = receiver->channel;
    bool closed;

    if (mpsc == NULL)
        return true;
    wok__lock_take(&mpsc->lock);
    closed = mpsc->closing.closed || mpsc->senders == 0;
    wok__lock_give(&mpsc->lock);
    return closed;
}

size_t wok_mpsc_capacity(const wok_mpsc_sender *sender)
{
    struct wok_mpsc *mpsc = sender->channel;
    size_t places;

    if (mpsc == NULL)
        return 0;
    if (!mpsc->bounded)
        return WOK_UNBOUNDED;
    wok__lock_take(&mpsc->lock);
    places = mpsc->free;
    wok__lock_give(&mpsc->lock);
    return places;
}

size_t wok_mpsc_max_capacity(const wok_mpsc_sender *sender)
{
    return sender->channel != NULL ? sender->channel->capacity : 0;
}

size_t wok_mpsc_len(const wok_mpsc_receiver *receiver)
{
    struct wok_mpsc *mpsc = receiver->channel;
    size_t length;

    if (mpsc == NULL)
        return 0;
    wok__lock_take(&mpsc->lock);
    length = mpsc->length;
    wok__lock_give(&mpsc->lock);
    return length;
}

bool wok_mpsc_is_empty(const wok_mpsc_receiver *receiver)
{
    return wok_mpsc_len(receiver) == 0;
}
