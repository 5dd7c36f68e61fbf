/*
 * broadcast.h - every value to every receiver, each at its own pace, the last so many kept.
 *
 *     WOK_BROADCAST(events, struct event, event_copy, event_drop);
 *
 *     events_sender sender;
 *     events_receiver receiver;
 *     int error = events_new(64, &sender);
 *     events_subscribe(&sender, &receiver);           // it gets what is sent from now on
 *     ...
 *     error = events_send(&sender, event);            // never waits
 *     error = events_recv(&receiver, &event, &missed);
 *     if (error == -EOVERFLOW)
 *         ...                                         // it was too slow: `missed` values are gone
 *
 * The functions below are the untyped forms of what WOK_BROADCAST() (wok/channel.h) declares.
 */
#ifndef WOK_BROADCAST_H
#define WOK_BROADCAST_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

struct wok_broadcast;

/** The right to send.  Counted: each is dropped once; one may be used by many tasks at a time. */
typedef struct wok_broadcast_sender {
    struct wok_broadcast *channel;
} wok_broadcast_sender;

/** One receiver; belongs to one task at a time. */
typedef struct wok_broadcast_receiver {
    struct wok_broadcast *channel;
    uint64_t next; /* the position of the value that it gets next */
} wok_broadcast_receiver;

/** What a channel is made of. */
typedef struct wok_broadcast_options {
    /** How many values are kept for slow receivers; rounded up to a power of two. */
    size_t capacity;
    /** Bytes of a value; 0 is fine. */
    size_t value_size;
    /** Makes the copy that a receiver gets; never runs under a lock.  NULL: its bytes are copied. */
    void (*value_copy)(void *ret_copy, const void *value);
    /** Destroys a value that every receiver has got, or that makes room; never runs under a lock.
     *  NULL: nothing to destroy. */
    void (*value_drop)(void *value);
} wok_broadcast_options;

/**
 * Makes a channel and its first sender; wok_broadcast_subscribe() makes receivers.
 *
 * Errors:     -EINVAL for a capacity of 0 (options of NULL have that), or values with a drop function and
 *             no copy function; -ENOMEM.
 * Ownership:  the caller owns the sender; the memory for `capacity` values is taken here.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     the semantics of tokio::sync::broadcast.
 */
WOK_API
WOK_MUST_USE
int wok_broadcast_new(const wok_broadcast_options *options, wok_broadcast_sender *ret_sender);

/* ---- senders ------------------------------------------------------------------------------ */

/**
 * Another sender of the same channel.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_broadcast_sender wok_broadcast_sender_ref(const wok_broadcast_sender *sender);

/**
 * Drops a sender; after the last one, receivers get what is kept for them, then -EPIPE.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_broadcast_sender_drop(wok_broadcast_sender *sender);

/**
 * Sends a value to every receiver that there is; never waits.  If the channel is full, the oldest value
 * makes room, and receivers that have not got it are told how many they missed.
 *
 * Errors:     -EPIPE if there is no receiver; -ENOMEM, which can happen only while older values are
 *             still being copied or destroyed; -EINVAL for a handle of zero bytes.
 * Ownership:  takes the value if it returns 0; else it stays the caller's.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_broadcast_send(const wok_broadcast_sender *sender, const void *value_moved);

/**
 * How many receivers there are.
 *
 * Threads:    any; the answer may be old when it arrives.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_broadcast_receiver_count(const wok_broadcast_sender *sender);

/**
 * Waits until there is no receiver.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers the caller
 *             passes; -EDEADLK in a stackless task; -EINVAL for a handle of zero bytes.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_broadcast_closed(const wok_broadcast_sender *sender);

/**
 * As wok_broadcast_closed(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_broadcast_closed().
 * Threads:    as wok_broadcast_closed().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_broadcast_closed_until(const wok_broadcast_sender *sender, wok_instant deadline);

/**
 * The operation of wok_broadcast_closed(); ready with 0 or -EINVAL.
 *
 * Ownership:  borrows the sender until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_broadcast_closed_op(const wok_broadcast_sender *sender);

/* ---- receivers ---------------------------------------------------------------------------- */

/**
 * Makes a receiver of the values that are sent from now on.
 *
 * Ownership:  the caller owns the receiver.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_broadcast_subscribe(const wok_broadcast_sender *sender,
                             wok_broadcast_receiver *ret_receiver);

/**
 * Makes a receiver of the values that are sent from now on, from another receiver.
 *
 * Ownership:  the caller owns the receiver.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_broadcast_resubscribe(const wok_broadcast_receiver *receiver,
                               wok_broadcast_receiver *ret_receiver);

/**
 * Drops a receiver; values that only it had not got are destroyed.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_broadcast_receiver_drop(wok_broadcast_receiver *receiver);

/**
 * Copies the next value out if there is one.
 *
 * Errors:     -EAGAIN if it had to wait; -EOVERFLOW and `*ret_missed` if values that it had not got
 *             have made room: the next receive gets the oldest that is kept; -EPIPE when it has got
 *             everything and every sender is gone; -EINVAL for a handle of zero bytes.
 * Ownership:  the copy is the caller's; `ret_missed` may be NULL.
 * Threads:    the receiver's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_broadcast_try_recv(wok_broadcast_receiver *receiver, void *ret_value, uint64_t *ret_missed);

/**
 * Copies the next value out, and waits if there is none.
 *
 * Errors:     -EOVERFLOW and -EPIPE as wok_broadcast_try_recv(); -ECANCELED if the caller is aborted;
 *             -ETIMEDOUT if a deadline that covers the caller passes; -EDEADLK in a stackless task;
 *             -EINVAL for a handle of zero bytes.
 * Ownership:  the copy is the caller's; `ret_missed` may be NULL.
 * Threads:    the receiver's task: a stackful one parks, a plain thread blocks.
 * Cancel:     cancellation point; nothing was received then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_broadcast_recv(wok_broadcast_receiver *receiver, void *ret_value, uint64_t *ret_missed);

/**
 * As wok_broadcast_recv(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_broadcast_recv().
 * Ownership:  as wok_broadcast_recv().
 * Threads:    as wok_broadcast_recv().
 * Cancel:     cancellation point; nothing was received then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_broadcast_recv_until(wok_broadcast_receiver *receiver, void *ret_value,
                             uint64_t *ret_missed, wok_instant deadline);

/**
 * The operation of receiving; ready with 0, -EOVERFLOW, -EPIPE or -EINVAL as wok_broadcast_recv() says.
 *
 * Ownership:  borrows the receiver, which does not move, `ret_value` and `ret_missed` until the
 *             operation is dropped.
 * Threads:    the receiver's task.
 * Cancel:     not a cancellation point; a dropped receive takes no value.
 */
WOK_API
wok_op wok_broadcast_recv_op(wok_broadcast_receiver *receiver, void *ret_value,
                             uint64_t *ret_missed);

/**
 * How many values a receiver has not got; more than the capacity says that it will miss some.
 *
 * Threads:    the receiver's task; the answer may be old when it arrives.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_broadcast_len(const wok_broadcast_receiver *receiver);

WOK_END_DECLS

#endif
