/*
 * channel.h - channels.  This version has watch: one latest value, many receivers.
 */
#ifndef WOK_CHANNEL_H
#define WOK_CHANNEL_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** A watch channel: keeps the latest value only.  Counted references; any thread. */
typedef struct wok_watch wok_watch;

/** One receiver; belongs to one task at a time; must not move while it waits. */
typedef struct wok_watch_receiver {
    wok_watch *watch;                       /* a counted reference */
    uint64_t seen;                          /* the version this receiver saw last */
    struct wok_watch_receiver *next, *prev; /* the waiters; the channel's lock */
    struct wok_task *task;                  /* who waits; the channel's lock */
} wok_watch_receiver;

/** The largest value with a drop function: what owns more is sent by pointer. */
#define WOK_WATCH_OWNED_MAX 256

/**
 * Makes a channel that holds a copy of the `size` bytes at `initial`, and one sender.
 *
 * Errors:     -ENOMEM; -EINVAL for more than WOK_WATCH_OWNED_MAX bytes with a drop function.
 * Ownership:  `value_drop` (or NULL) destroys each value that is replaced, and the last one; it
 *             runs on the thread that replaces, without a lock.  On failure `initial` stays the
 *             caller's.
 */
WOK_API
WOK_MUST_USE
int wok_watch_new(wok_watch **ret_watch, size_t size, const void *initial,
                  void (*value_drop)(void *value));

/** Another sender of the channel. */
WOK_API
wok_watch *wok_watch_sender_ref(wok_watch *watch);

/** Drops a sender, NULL is fine; after the last one, receivers that have seen the last value get
 *  -EPIPE. */
WOK_API
void wok_watch_sender_drop(wok_watch *watch);

/** Stores a value (moved in) and wakes the receivers: 0, or -EPIPE if there is no receiver, in
 *  which case the old value stays and the new one remains the caller's. */
WOK_API
int wok_watch_send(wok_watch *watch, const void *value_moved);

/** Stores a value whether or not there is a receiver. */
WOK_API
void wok_watch_send_replace(wok_watch *watch, const void *value_moved);

/** Subscribes: the value of now counts as seen. */
WOK_API
void wok_watch_subscribe(wok_watch_receiver *receiver, wok_watch *watch);

/** Ends a receiver in any state, also one of zero bytes. */
WOK_API
void wok_watch_receiver_done(wok_watch_receiver *receiver);

/** Copies the bytes of the latest value out and marks it as seen.  What they point to stays the
 *  channel's, and may be destroyed by the next send. */
WOK_API
void wok_watch_get(wok_watch_receiver *receiver, void *ret_value);

/** 1 if there is a value this receiver has not seen, 0 if not, -EPIPE once every sender is gone. */
WOK_API
int wok_watch_has_changed(const wok_watch_receiver *receiver);

/** Ready with 0 when there is an unseen value (which it marks as seen), -EPIPE when none can come. */
WOK_API
wok_poll wok_watch_changed_poll(wok_watch_receiver *receiver, wok_cx *cx);

/**
 * The waiting form of wok_watch_changed_poll().
 *
 * Errors:     0; -EPIPE when every sender is gone; -ECANCELED if the caller is aborted.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; no value is lost.
 * Source:     the semantics of tokio::sync::watch.
 */
WOK_API
WOK_CP
int wok_watch_changed(wok_watch_receiver *receiver);

/** The wait as a future; borrows the receiver.  Its drop ends the wait, not the receiver: a future
 *  that lost a wok_select() is dropped before its task ends. */
extern WOK_API
const wok_future_vtable wok_watch_changed_vtable;
static inline wok_future wok_watch_changed_as_future(wok_watch_receiver *receiver)
{
    return WOK_TYPE_(wok_future){&wok_watch_changed_vtable, receiver};
}

WOK_END_DECLS

#endif
