/*
 * watch.h - one latest value that many receivers look at and wait for: configuration, state, shutdown.
 *
 *     WOK_WATCH(config, struct config, config_drop);
 *
 *     config_sender sender;
 *     config_receiver receiver;
 *     int error = config_new(initial, &sender);
 *     config_subscribe(&sender, &receiver);       // the value of now counts as seen
 *     ...
 *     error = config_send(&sender, next);         // never waits; wakes every receiver
 *     error = config_changed(&receiver);          // waits until there is a value it has not seen
 *
 * A receiver that is slow sees the latest value once, however many it missed.  Values are read in place:
 * a borrowed value stays as it is until its reference is dropped, and senders do not wait for that.  The
 * functions below are the untyped forms of what WOK_WATCH() (wok/channel.h) declares.
 */
#ifndef WOK_WATCH_H
#define WOK_WATCH_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

struct wok_watch;
struct wok__value;

/** The right to send.  Counted: each is dropped once; one may be used by many tasks at a time. */
typedef struct wok_watch_sender {
    struct wok_watch *channel;
} wok_watch_sender;

/** One receiver; belongs to one task at a time. */
typedef struct wok_watch_receiver {
    struct wok_watch *channel;
    uint64_t seen; /* the version it saw last */
} wok_watch_receiver;

/** A value that is being read. */
typedef struct wok_watch_ref {
    struct wok_watch *channel;
    struct wok__value *held;
} wok_watch_ref;

/** What a channel is made of. */
typedef struct wok_watch_options {
    /** Bytes of a value; 0 is fine. */
    size_t value_size;
    /** Destroys a value that was replaced, once nobody reads it any more, and the last one with the
     *  channel; never runs under a lock.  NULL: nothing to destroy. */
    void (*value_drop)(void *value);
} wok_watch_options;

/**
 * Makes a channel that holds the value at `initial_moved`, and its first sender.  Options of NULL are
 * those of a value of 0 bytes.
 *
 * Errors:     -EINVAL without a value that has bytes; -ENOMEM; the value stays the caller's then.
 * Ownership:  takes the value; the caller owns the sender.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     the semantics of tokio::sync::watch.
 */
WOK_API
WOK_MUST_USE
int wok_watch_new(const wok_watch_options *options, const void *initial_moved,
                  wok_watch_sender *ret_sender);

/* ---- senders ------------------------------------------------------------------------------ */

/**
 * Another sender of the same channel.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_watch_sender wok_watch_sender_ref(const wok_watch_sender *sender);

/**
 * Drops a sender; after the last one, receivers that have seen the last value get -EPIPE.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_watch_sender_drop(wok_watch_sender *sender);

/**
 * Stores a value and wakes the receivers; never waits.
 *
 * Errors:     -EPIPE if there is no receiver: the old value stays; -ENOMEM, which can happen only while
 *             older values are still being read or destroyed; -EINVAL for a handle of zero bytes.
 * Ownership:  takes the value if it returns 0; else it stays the caller's.  The old value is destroyed
 *             on this thread, or by whoever reads it last.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_watch_send(const wok_watch_sender *sender, const void *value_moved);

/**
 * As wok_watch_send(), and stores the value also if there is no receiver.
 *
 * Errors:     -ENOMEM and -EINVAL as wok_watch_send().
 * Ownership:  as wok_watch_send().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_watch_send_replace(const wok_watch_sender *sender, const void *value_moved);

/**
 * Replaces the value by one that is made from it, if there is reason to.
 *
 * `modify` reads the current value, and either returns false, and nothing happens, or writes a value of
 * its own and returns true.  If another sender was faster it is called again with what that one stored,
 * and its earlier value is destroyed.  It may use the channel and may panic, which changes nothing.
 *
 * Errors:     1 if the value was replaced, 0 if not; -ENOMEM and -EINVAL as wok_watch_send().
 * Ownership:  takes what `modify` wrote; borrows `argument` until it returns.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_watch_send_if_modified(const wok_watch_sender *sender,
                               bool (*modify)(const void *current, void *ret_value, void *argument),
                               void *argument);

/**
 * Reads the current value in place.
 *
 * Ownership:  the pointer is good until wok_watch_ref_drop(); NULL for a handle of zero bytes.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
const void *wok_watch_sender_borrow(const wok_watch_sender *sender, wok_watch_ref *ret_ref);

/**
 * How many receivers there are.
 *
 * Threads:    any; the answer may be old when it arrives.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_watch_receiver_count(const wok_watch_sender *sender);

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
int wok_watch_closed(const wok_watch_sender *sender);

/**
 * As wok_watch_closed(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_watch_closed().
 * Threads:    as wok_watch_closed().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_watch_closed_until(const wok_watch_sender *sender, wok_instant deadline);

/**
 * The operation of wok_watch_closed(); ready with 0 or -EINVAL.
 *
 * Ownership:  borrows the sender until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_watch_closed_op(const wok_watch_sender *sender);

/* ---- receivers ---------------------------------------------------------------------------- */

/**
 * Subscribes: the value of now counts as seen.
 *
 * Ownership:  the caller owns the receiver.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_watch_subscribe(const wok_watch_sender *sender, wok_watch_receiver *ret_receiver);

/**
 * Another receiver, which has seen what this one has.
 *
 * Threads:    as any use of the receiver.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_watch_receiver wok_watch_receiver_ref(const wok_watch_receiver *receiver);

/**
 * Drops a receiver.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_watch_receiver_drop(wok_watch_receiver *receiver);

/**
 * Reads the current value in place, and does not mark it as seen.
 *
 * The value stays as it is until the reference is dropped, whatever is sent meanwhile: no sender waits,
 * and the reader may wait as long as it likes.
 *
 * Ownership:  the pointer is good until wok_watch_ref_drop(); NULL for a handle of zero bytes.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
const void *wok_watch_borrow(const wok_watch_receiver *receiver, wok_watch_ref *ret_ref);

/**
 * As wok_watch_borrow(), and marks the value as seen.
 *
 * Ownership:  as wok_watch_borrow().
 * Threads:    the receiver's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
const void *wok_watch_borrow_and_update(wok_watch_receiver *receiver, wok_watch_ref *ret_ref);

/**
 * Ends a borrow; the last one of a value that was replaced destroys it.
 *
 * Ownership:  the reference is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_watch_ref_drop(wok_watch_ref *ref);

/**
 * Copies the bytes of the current value out and marks it as seen.
 *
 * Ownership:  what the bytes point to stays the channel's, and may be destroyed by the next send: values
 *             that own something are borrowed instead.
 * Threads:    the receiver's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_watch_get(wok_watch_receiver *receiver, void *ret_value);

/**
 * Whether there is a value that this receiver has not seen.
 *
 * Errors:     1 or 0; -EPIPE once every sender is gone; -EINVAL for a handle of zero bytes.
 * Threads:    the receiver's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_watch_has_changed(const wok_watch_receiver *receiver);

/**
 * Waits until there is a value that this receiver has not seen, and marks it as seen.
 *
 * Errors:     -EPIPE when it has seen the last value and every sender is gone; -ECANCELED if the caller
 *             is aborted; -ETIMEDOUT if a deadline that covers the caller passes; -EDEADLK in a
 *             stackless task; -EINVAL for a handle of zero bytes.
 * Threads:    the receiver's task: a stackful one parks, a plain thread blocks.
 * Cancel:     cancellation point; the value stays unseen.
 */
WOK_API
WOK_CP
int wok_watch_changed(wok_watch_receiver *receiver);

/**
 * As wok_watch_changed(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_watch_changed().
 * Threads:    as wok_watch_changed().
 * Cancel:     cancellation point; the value stays unseen.
 */
WOK_API
WOK_CP
int wok_watch_changed_until(wok_watch_receiver *receiver, wok_instant deadline);

/**
 * The operation of wok_watch_changed(); ready with 0, -EPIPE or -EINVAL.
 *
 * Ownership:  borrows the receiver, which does not move, until the operation is dropped.
 * Threads:    the receiver's task.
 * Cancel:     not a cancellation point; a dropped one leaves the value unseen.
 */
WOK_API
wok_op wok_watch_changed_op(wok_watch_receiver *receiver);

/**
 * Waits until the current value satisfies `predicate`, beginning with the value of now.
 *
 * Each value that it looked at counts as seen; values that were replaced before it could look are
 * missed.  The predicate may use the channel, and may panic.
 *
 * Errors:     0; -EPIPE when the last value does not satisfy it and every sender is gone; else as
 *             wok_watch_changed().
 * Ownership:  borrows `argument` until it returns.
 * Threads:    as wok_watch_changed(); the predicate runs on the waiting task.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_watch_wait_for(wok_watch_receiver *receiver,
                       bool (*predicate)(const void *value, void *argument), void *argument);

/**
 * As wok_watch_wait_for(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_watch_wait_for().
 * Threads:    as wok_watch_wait_for().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_watch_wait_for_until(wok_watch_receiver *receiver,
                             bool (*predicate)(const void *value, void *argument), void *argument,
                             wok_instant deadline);

/**
 * The operation of wok_watch_wait_for(); ready with 0, -EPIPE or -EINVAL.
 *
 * Ownership:  borrows the receiver, which does not move, and `argument` until the operation is dropped.
 * Threads:    the receiver's task.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_watch_wait_for_op(wok_watch_receiver *receiver,
                             bool (*predicate)(const void *value, void *argument), void *argument);

WOK_END_DECLS

#endif
