/*
 * mpsc.h - queues of values from many senders to one receiver.
 *
 *     WOK_CHANNEL(orders, struct order, order_drop);
 *
 *     orders_sender sender;
 *     orders_receiver receiver;
 *     int error = orders_new(100, &sender, &receiver);
 *     ...
 *     error = orders_send(&sender, order);        // waits while 100 orders are queued
 *     error = orders_recv(&receiver, &order);     // -EPIPE when the last sender is gone
 *
 * A value is moved in by a send that returns 0, and out by a receive.  One that nobody received is
 * destroyed by the channel, exactly once.  A send that fails, is cancelled, times out or loses a
 * select leaves its value with the caller.  The functions below are the untyped forms of what
 * WOK_CHANNEL() (wok/channel.h) declares.
 */
#ifndef WOK_MPSC_H
#define WOK_MPSC_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

struct wok_mpsc;

/** The right to send.  Counted: each is dropped once; one may be used by many tasks at a time. */
typedef struct wok_mpsc_sender {
    struct wok_mpsc *channel;
} wok_mpsc_sender;

/** The right to receive; one per channel. */
typedef struct wok_mpsc_receiver {
    struct wok_mpsc *channel;
} wok_mpsc_receiver;

/** Names a channel without keeping it open; wok_mpsc_upgrade() makes a sender of it. */
typedef struct wok_mpsc_weak {
    struct wok_mpsc *channel;
} wok_mpsc_weak;

/** Places in the queue that are kept for the holder: a send through it neither waits nor fails. */
typedef struct wok_mpsc_permit {
    struct wok_mpsc *channel; /* a counted reference; NULL: used up */
    size_t count;             /* places left */
} wok_mpsc_permit;

/** A capacity: sends never wait, and memory grows in blocks of 32 values. */
#define WOK_UNBOUNDED SIZE_MAX

/** What a channel is made of. */
typedef struct wok_mpsc_options {
    /** How many values it holds, permits included; WOK_UNBOUNDED: no limit. */
    size_t capacity;
    /** Bytes of a value; 0 is fine. */
    size_t value_size;
    /** Destroys a value that nobody received; never runs under a lock.  NULL: nothing to destroy. */
    void (*value_drop)(void *value);
} wok_mpsc_options;

/**
 * Makes a channel, its first sender and its receiver.
 *
 * Errors:     -EINVAL for a capacity of 0, and so for options of NULL; -ENOMEM.
 * Ownership:  the caller owns both handles; the memory for `capacity` values is taken here.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     the semantics of tokio::sync::mpsc.
 */
WOK_API
WOK_MUST_USE
int wok_mpsc_new(const wok_mpsc_options *options, wok_mpsc_sender *ret_sender,
                 wok_mpsc_receiver *ret_receiver);

/* ---- senders ------------------------------------------------------------------------------ */

/**
 * Another sender of the same channel.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_mpsc_sender wok_mpsc_sender_ref(const wok_mpsc_sender *sender);

/**
 * Drops a sender; after the last one the receiver gets what is queued, then -EPIPE.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_mpsc_sender_drop(wok_mpsc_sender *sender);

/**
 * Moves a value in if there is room.
 *
 * Room that earlier senders wait for is theirs.
 *
 * Errors:     -EAGAIN if it had to wait; -EPIPE if the receiver is closed or gone; -ENOMEM in an
 *             unbounded channel; -EINVAL for a handle of zero bytes.
 * Ownership:  takes the value if it returns 0; else it stays the caller's.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_mpsc_try_send(const wok_mpsc_sender *sender, const void *value_moved);

/**
 * Moves a value in, and waits for room if there is none; first come, first served.
 *
 * Errors:     -EPIPE if the receiver is closed or gone; -ECANCELED if the caller is aborted;
 *             -ETIMEDOUT if a deadline that covers the caller passes; -EDEADLK in a stackless task;
 *             -ENOMEM in an unbounded channel; -EINVAL for a handle of zero bytes.
 * Ownership:  takes the value if it returns 0; else it stays the caller's.  Allocates nothing in a
 *             bounded channel.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; nothing was sent then.
 */
WOK_API
WOK_CP
int wok_mpsc_send(const wok_mpsc_sender *sender, const void *value_moved);

/**
 * As wok_mpsc_send(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_mpsc_send().
 * Ownership:  as wok_mpsc_send().
 * Threads:    as wok_mpsc_send().
 * Cancel:     cancellation point; nothing was sent then.
 */
WOK_API
WOK_CP
int wok_mpsc_send_until(const wok_mpsc_sender *sender, const void *value_moved,
                        wok_instant deadline);

/**
 * The operation of sending; ready with 0, -EPIPE, -ENOMEM or -EINVAL as wok_mpsc_send() says.
 *
 * Ownership:  borrows the sender and the value until the operation is dropped; takes the value when
 *             it is ready with 0.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped send gives a place that it was handed to the next.
 */
WOK_API
wok_op wok_mpsc_send_op(const wok_mpsc_sender *sender, const void *value_moved);

/**
 * True once the receiver is closed or gone, or the handle is of zero bytes.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_mpsc_is_closed(const wok_mpsc_sender *sender);

/**
 * Waits until the receiver is closed or gone: nobody wants values any more.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers the
 *             caller passes; -EDEADLK in a stackless task.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_mpsc_closed(const wok_mpsc_sender *sender);

/**
 * As wok_mpsc_closed(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_mpsc_closed().
 * Threads:    as wok_mpsc_closed().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_mpsc_closed_until(const wok_mpsc_sender *sender, wok_instant deadline);

/**
 * The operation of wok_mpsc_closed(); ready with 0.
 *
 * Ownership:  borrows the sender until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_mpsc_closed_op(const wok_mpsc_sender *sender);

/**
 * How many values could be sent now without waiting; WOK_UNBOUNDED for an unbounded channel.
 *
 * Threads:    any; the answer may be old when it arrives.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_mpsc_capacity(const wok_mpsc_sender *sender);

/**
 * The capacity that the channel was made with.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_mpsc_max_capacity(const wok_mpsc_sender *sender);

/* ---- weak senders ------------------------------------------------------------------------- */

/**
 * A weak sender of the same channel: it does not keep the receiver waiting.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_mpsc_weak wok_mpsc_downgrade(const wok_mpsc_sender *sender);

/**
 * Makes a sender of a weak one, while another sender exists.
 *
 * Errors:     -EPIPE if the last sender is gone; -EINVAL for a handle of zero bytes.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_mpsc_upgrade(const wok_mpsc_weak *weak, wok_mpsc_sender *ret_sender);

/**
 * Drops a weak sender.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_mpsc_weak_drop(wok_mpsc_weak *weak);

/* ---- permits ------------------------------------------------------------------------------ */

/**
 * Takes `count` places of the queue, all or none, if they are free.
 *
 * A receiver that closes still waits for what permits send.  0 places are an empty permit.
 *
 * Errors:     -EAGAIN if it had to wait; -EPIPE if the receiver is closed or gone; -EINVAL for more
 *             places than the channel has, for an unbounded one, or a handle of zero bytes.
 * Ownership:  the permit is the caller's, and independent of the sender: wok_mpsc_permit_drop().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_mpsc_try_reserve(const wok_mpsc_sender *sender, size_t count, wok_mpsc_permit *ret_permit);

/**
 * As wok_mpsc_try_reserve(), and waits for the places; first come, first served, sends included.
 *
 * Errors:     -EPIPE and -EINVAL as wok_mpsc_try_reserve(); -ECANCELED if the caller is aborted;
 *             -ETIMEDOUT if a deadline that covers the caller passes; -EDEADLK in a stackless task.
 * Ownership:  as wok_mpsc_try_reserve(); allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; nothing is reserved then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_mpsc_reserve(const wok_mpsc_sender *sender, size_t count, wok_mpsc_permit *ret_permit);

/**
 * As wok_mpsc_reserve(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_mpsc_reserve().
 * Threads:    as wok_mpsc_reserve().
 * Cancel:     cancellation point; nothing is reserved then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_mpsc_reserve_until(const wok_mpsc_sender *sender, size_t count, wok_mpsc_permit *ret_permit,
                           wok_instant deadline);

/**
 * The operation of wok_mpsc_reserve(); ready with 0, -EPIPE or -EINVAL.
 *
 * Ownership:  borrows the sender and `ret_permit` until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped one gives places that it was handed to the next.
 */
WOK_API
wok_op wok_mpsc_reserve_op(const wok_mpsc_sender *sender, size_t count,
                           wok_mpsc_permit *ret_permit);

/**
 * Moves a value into one place of the permit: neither waits nor fails.
 *
 * Errors:     -EINVAL if no place is left; the value stays the caller's then.
 * Ownership:  takes the value; if the receiver is gone it is destroyed at once.  With its last place
 *             the permit is used up.
 * Threads:    any; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_mpsc_permit_send(wok_mpsc_permit *permit, void *value_moved);

/**
 * Gives the places that are left back: they go to those who wait for them.
 *
 * Ownership:  the permit is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_mpsc_permit_drop(wok_mpsc_permit *permit);

/* ---- the receiver ------------------------------------------------------------------------- */

/**
 * Moves the oldest value out if there is one.
 *
 * Errors:     -EAGAIN if it had to wait; -EPIPE when nothing is left and nothing can come;
 *             -EINVAL for a handle of zero bytes.
 * Ownership:  the value is the caller's.
 * Threads:    any; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_mpsc_try_recv(wok_mpsc_receiver *receiver, void *ret_value);

/**
 * Moves the oldest value out, and waits if there is none.
 *
 * Errors:     -EPIPE when nothing is left and nothing can come: the senders are gone, or the
 *             receiver is closed, and no permit is out; -ECANCELED if the caller is aborted;
 *             -ETIMEDOUT if a deadline that covers the caller passes; -EDEADLK in a stackless task;
 *             -EINVAL for a handle of zero bytes.
 * Ownership:  the value is the caller's.
 * Threads:    a stackful task parks, a plain thread blocks; one at a time.
 * Cancel:     cancellation point; nothing was received then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_mpsc_recv(wok_mpsc_receiver *receiver, void *ret_value);

/**
 * As wok_mpsc_recv(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_mpsc_recv().
 * Ownership:  as wok_mpsc_recv().
 * Threads:    as wok_mpsc_recv().
 * Cancel:     cancellation point; nothing was received then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_mpsc_recv_until(wok_mpsc_receiver *receiver, void *ret_value, wok_instant deadline);

/**
 * The operation of receiving; ready with 0, -EPIPE or -EINVAL as wok_mpsc_recv() says.
 *
 * Ownership:  borrows the receiver and `ret_value` until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped receive takes no value.
 */
WOK_API
wok_op wok_mpsc_recv_op(wok_mpsc_receiver *receiver, void *ret_value);

/** Room for several values. */
typedef struct wok_mpsc_batch {
    void *values;     /* `count_max` values, one after the other */
    size_t count_max; /* how many there is room for */
    size_t count;     /* set when it is ready: how many were moved out */
} wok_mpsc_batch;

/**
 * Moves all values out that are there, at most `count_max`, and waits if there is none.
 *
 * Room for 0 values is filled at once.
 *
 * Errors:     0 and at least one value; else as wok_mpsc_recv().
 * Ownership:  the values are the caller's.
 * Threads:    a stackful task parks, a plain thread blocks; one at a time.
 * Cancel:     cancellation point; nothing was received then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_mpsc_recv_many(wok_mpsc_receiver *receiver, wok_mpsc_batch *batch);

/**
 * As wok_mpsc_recv_many(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_mpsc_recv_many().
 * Threads:    as wok_mpsc_recv_many().
 * Cancel:     cancellation point; nothing was received then.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_mpsc_recv_many_until(wok_mpsc_receiver *receiver, wok_mpsc_batch *batch,
                             wok_instant deadline);

/**
 * The operation of wok_mpsc_recv_many().
 *
 * Ownership:  borrows the receiver and the batch until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped receive takes no value.
 */
WOK_API
wok_op wok_mpsc_recv_many_op(wok_mpsc_receiver *receiver, wok_mpsc_batch *batch);

/**
 * Ends sending: no send succeeds any more but through permits that are out; what is queued can
 * still be received.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_mpsc_close(wok_mpsc_receiver *receiver);

/**
 * Drops the receiver: closes the channel and destroys what is queued, on the calling thread.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_mpsc_receiver_drop(wok_mpsc_receiver *receiver);

/**
 * How many values are queued.
 *
 * Threads:    any; the answer may be old when it arrives.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_mpsc_len(const wok_mpsc_receiver *receiver);

/**
 * True if no value is queued.
 *
 * Threads:    any; the answer may be old when it arrives.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_mpsc_is_empty(const wok_mpsc_receiver *receiver);

/**
 * True once no send can succeed any more, but through permits: the receiver is closed, or the
 * senders are gone.  What is queued can still be received.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_mpsc_receiver_is_closed(const wok_mpsc_receiver *receiver);

WOK_END_DECLS

#endif
