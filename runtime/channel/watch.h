/*
 * watch.h - what the parts of the watch channel share: its state, and the rules that each step keeps.
 *
 *   watch.c        senders, receivers, values
 *   watch_wait.c   waiting for a change, for a value that suits, for the last receiver's end
 *
 * A value has a version, which grows by one with each send; a receiver remembers the version it saw
 * last, and has news while the two differ.  So a receiver that is slow sees the latest value once,
 * however many it missed, and no sender ever waits.
 *
 * Invariants (the channel's lock)
 *   C1  a wait for a change is listed only while it has seen the current version and a sender is left: a
 *       send and the last sender's end wake all in the step that breaks either.  What there is to see
 *       stays, so a wait that is dropped has lost nothing.
 *   C2  `current` is held by the channel; a value's bytes do not change while anybody holds it, so they
 *       are read without the lock.
 *   C3  refs counts senders, receivers and borrows; whoever takes the last one away destroys the value
 *       that is left, and frees.
 *
 * A value is swapped, never written in place: that is what lets readers take their time without holding
 * up a sender, and lets the user's functions (modify, predicates, drop functions) run without the lock.
 */
#ifndef WOK_CHANNEL_WATCH_H
#define WOK_CHANNEL_WATCH_H

#include <wok/select.h>
#include <wok/watch.h>

#include "channel/value.h"
#include "channel/wait.h"

struct wok_watch {
    struct wok__lock lock;
    size_t senders, receivers, refs; /* from here on the lock's */
    uint64_t version;
    struct wok__value *current;
    struct wok__waiters changing;
    struct wok__closing closing;
    struct wok__values values;
    _Alignas(16) unsigned char nodes[];
};

/* Gives the lock back and does what is to be done after it.  With `unref` the channel may be gone. */
void wok__watch_leave(struct wok_watch *watch, struct wok__values_after *after);

/* The current value, held; the lock is held. */
static inline struct wok__value *wok__watch_hold(struct wok_watch *watch)
{
    watch->current->holders++;
    return watch->current;
}

#endif
