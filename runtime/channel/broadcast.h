/*
 * broadcast.h - what the parts of the broadcast channel share: its state, and the rules that each step
 * keeps.
 *
 *   broadcast.c        handles, sending
 *   broadcast_recv.c   receiving
 *
 * Values are numbered; the value of position p lies in slot p mod capacity, and the slots hold the last
 * `capacity` positions.  A receiver remembers the position that it gets next.
 *
 * Invariants (the channel's lock)
 *   C1  a slot's `unread` counts the receivers that have not got its value; at 0 the slot lets go of the
 *       value.  So a receiver whose next position is kept finds a value there.
 *   C2  a receive is listed only while its receiver has got everything and a sender is left: a send and
 *       the last sender's end wake all.  What there is to get stays, so a receive that is dropped has
 *       lost nothing.
 *   C3  a value's bytes do not change while anybody holds it: a copy function runs without the lock, on
 *       a value that is held, and which no send has to wait for.
 *   C4  refs counts handles; whoever takes the last one away frees.  No slot holds a value then, since
 *       no receiver is left.
 */
#ifndef WOK_CHANNEL_BROADCAST_H
#define WOK_CHANNEL_BROADCAST_H

#include <assert.h>

#include <wok/broadcast.h>
#include <wok/select.h>

#include "channel/value.h"
#include "channel/wait.h"

struct wok__broadcast_slot {
    struct wok__value *value; /* NULL: every receiver has got it, or there was none yet */
    size_t unread;
};

struct wok_broadcast {
    struct wok__lock lock;
    size_t senders, receivers, refs; /* from here on the lock's */
    uint64_t tail;                   /* the position of the next value */
    struct wok__waiters receiving;
    struct wok__closing closing;
    struct wok__values values;
    size_t mask;                                           /* capacity - 1; constant */
    void (*value_copy)(void *ret_copy, const void *value); /* constant */
    struct wok__broadcast_slot slots[];                    /* then the nodes */
};

/* Gives the lock back and does what is to be done after it.  With `unref` the channel may be gone. */
void wok__broadcast_leave(struct wok_broadcast *broadcast, struct wok__values_after *after);

/* One receiver less that has not got the value of this position; the lock is held. */
static inline void wok__broadcast_got(struct wok_broadcast *broadcast, uint64_t position,
                                      struct wok__values_after *after)
{
    struct wok__broadcast_slot *slot = &broadcast->slots[position & broadcast->mask];

    assert(slot->value != NULL && slot->unread > 0); /* C1 */
    if (--slot->unread > 0)
        return;
    wok__value_release(&broadcast->values, slot->value, after);
    slot->value = NULL;
}

/* The oldest position that is kept, or would be; the lock is held. */
static inline uint64_t wok__broadcast_oldest(const struct wok_broadcast *broadcast)
{
    return broadcast->tail > broadcast->mask ? broadcast->tail - broadcast->mask - 1 : 0;
}

#endif
