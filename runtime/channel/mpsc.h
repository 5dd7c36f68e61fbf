/*
 * mpsc.h - what the parts of the mpsc channel share: its state, and the rules that each step keeps.
 *
 *   mpsc.c        making and ending: handles, close, questions
 *   mpsc_send.c   sends, permits, waiting for the receiver's end
 *   mpsc_recv.c   receives
 *
 * A bounded channel has `capacity` places.  Each is free, holds a value, or is handed out: to a permit,
 * or to a sender that waited and has been woken.
 *
 * Invariants (the channel's lock)
 *   C1  bounded: free + permits + length = capacity.  Unbounded: free and permits stay 0.
 *   C2  the first of the waiting senders asks for more places than are free: whoever frees places hands
 *       them out in the order of waiting (wok__mpsc_hand_out), and newcomers do not pass.  A sender that
 *       was handed places (W2, task/waiters.h) has GRANTED in its waiter; it uses them in its next poll,
 *       or its drop gives them back.
 *   C3  a receive lists itself only while there is no value and one may come.  Each value that is put has
 *       woken one of those who wait, and one that is dropped before it has looked passes the wake on.
 *   C4  no value can come any more once no permit is out and the receiver is closed or the senders are
 *       gone.  The step that makes it so wakes every waiting receive, and none waits after that.
 *   C5  once the receiver is gone the queue is touched by its drop only; what permits send then is
 *       destroyed instead.
 *   C6  refs counts handles of all kinds and permits; whoever takes the last one away frees.
 *
 * Values are copied under the lock: they are a few words as a rule, and a copy outside would need a
 * place that is reserved but not filled, which the receiver would have to wait for.  Drop functions,
 * wakes, malloc and free happen without it (wok__mpsc_leave).
 */
#ifndef WOK_CHANNEL_MPSC_H
#define WOK_CHANNEL_MPSC_H

#include <string.h>

#include <wok/mpsc.h>
#include <wok/select.h>

#include "channel/blocks.h"
#include "channel/wait.h"

struct wok_mpsc {
    struct wok__lock lock;
    bool bounded;       /* constant */
    bool receiver_gone; /* closed, too; from here on the lock's */
    size_t free;        /* places that nobody has */
    size_t permits;     /* places that are handed out */
    size_t length;      /* values in the queue */
    size_t senders;     /* strong ones */
    size_t refs;
    struct wok__waiters sending, receiving;
    struct wok__closing closing;
    struct wok__blocks blocks;           /* unbounded */
    size_t head, tail;                   /* bounded: the oldest value's place, and the next one's */
    size_t capacity;                     /* constant */
    size_t value_size;                   /* constant */
    void (*value_drop)(void *value);     /* constant */
    _Alignas(16) unsigned char places[]; /* bounded: a ring */
};

/* In wok__waiter.mode of a waiting sender: it has been handed what it asked for. */
enum { WOK__MPSC_GRANTED = 1 };

/* What a step leaves to be done without the lock. */
struct wok__mpsc_after {
    struct wok__wakes wakes;
    struct wok__block *emptied; /* a chain of blocks to free */
};

static inline struct wok_op *wok__op_of_waiter(struct wok__waiter *waiter)
{
    return (struct wok_op *)(void *)((char *)waiter - offsetof(struct wok_op, waiter));
}

/* Gives the lock back and does what is to be done after it. */
static inline void wok__mpsc_leave(struct wok_mpsc *mpsc, struct wok__mpsc_after *after)
{
    wok__lock_give(&mpsc->lock);
    if (__builtin_expect(after->emptied != NULL, 0))
        wok__blocks_free(after->emptied);
    wok__wakes_push(&after->wakes);
}

/* ---- the lock is held ------------------------------------------------------------------------ */

/* No value can come any more (C4). */
static inline bool wok__mpsc_is_complete(const struct wok_mpsc *mpsc)
{
    return mpsc->permits == 0 && (mpsc->closing.closed || mpsc->senders == 0);
}

/* Wakes the receives that the step before concerns: one for a value, all when none can come. */
static inline void wok__mpsc_tell_receivers(struct wok_mpsc *mpsc, struct wok__wakes *wakes)
{
    if (mpsc->receiving.first == NULL)
        return;
    if (wok__mpsc_is_complete(mpsc))
        wok__wait_wake_all(&mpsc->receiving, wakes);
    else if (mpsc->length > 0)
        wok__waiters_wake(&mpsc->receiving, mpsc->receiving.first, wakes);
}

/* Hands free places to the senders that wait for them (C2). */
static inline void wok__mpsc_hand_out(struct wok_mpsc *mpsc, struct wok__wakes *wakes)
{
    struct wok__waiter *first;

    while ((first = mpsc->sending.first) != NULL &&
           wok__op_of_waiter(first)->amount <= mpsc->free) {
        mpsc->free -= wok__op_of_waiter(first)->amount;
        mpsc->permits += wok__op_of_waiter(first)->amount;
        first->mode = WOK__MPSC_GRANTED;
        wok__waiters_wake(&mpsc->sending, first, wakes);
    }
}

/* Takes back places that were handed out. */
static inline void wok__mpsc_give_back(struct wok_mpsc *mpsc, size_t count,
                                       struct wok__wakes *wakes)
{
    mpsc->permits -= count;
    mpsc->free += count;
    wok__mpsc_hand_out(mpsc, wakes);
    wok__mpsc_tell_receivers(mpsc, wakes);
}

/* Moves a value to the end of the queue; it has a place, and the receiver is there. */
static inline void wok__mpsc_put(struct wok_mpsc *mpsc, const void *value, struct wok__wakes *wakes)
{
    unsigned char *place;

    if (mpsc->bounded) {
        place = mpsc->places + mpsc->tail * mpsc->value_size;
        mpsc->tail = mpsc->tail + 1 < mpsc->capacity ? mpsc->tail + 1 : 0;
    } else {
        place = wok__blocks_push(&mpsc->blocks, mpsc->value_size);
    }
    if (mpsc->value_size > 0)
        memcpy(place, value, mpsc->value_size);
    mpsc->length++;
    wok__mpsc_tell_receivers(mpsc, wakes);
}

static inline unsigned char *wok__mpsc_oldest(struct wok_mpsc *mpsc)
{
    return mpsc->bounded ? mpsc->places + mpsc->head * mpsc->value_size
                         : wok__blocks_oldest(&mpsc->blocks, mpsc->value_size);
}

/* Takes the oldest value's place off the queue; a bounded channel's is not free yet. */
static inline void wok__mpsc_pop(struct wok_mpsc *mpsc, struct wok__mpsc_after *after)
{
    mpsc->length--;
    if (mpsc->bounded)
        mpsc->head = mpsc->head + 1 < mpsc->capacity ? mpsc->head + 1 : 0;
    else
        wok__blocks_pop(&mpsc->blocks, &after->emptied);
}

/* ---- mpsc.c ---------------------------------------------------------------------------------- */

/* As wok__mpsc_leave, and gives up one reference. */
void wok__mpsc_leave_unref(struct wok_mpsc *mpsc, struct wok__mpsc_after *after);

#endif
