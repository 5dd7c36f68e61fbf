/*
 * oneshot.h - one value from one task to another: an answer, a result, a signal.
 *
 *     WOK_ONESHOT(answer, char *, answer_drop);
 *
 *     answer_sender sender;
 *     answer_receiver receiver;
 *     int error = answer_new(&sender, &receiver);
 *     ...
 *     error = answer_send(&sender, text);       // does not wait; the sender is used up
 *     error = answer_recv(&receiver, &text);    // waits; -EPIPE if the sender goes without sending
 *
 * The functions below are the untyped forms of what WOK_ONESHOT() (wok/channel.h) declares.
 */
#ifndef WOK_ONESHOT_H
#define WOK_ONESHOT_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

struct wok_oneshot;

/** The right to send once. */
typedef struct wok_oneshot_sender {
    struct wok_oneshot *channel;
} wok_oneshot_sender;

/** The right to receive once. */
typedef struct wok_oneshot_receiver {
    struct wok_oneshot *channel;
} wok_oneshot_receiver;

/** What a channel is made of. */
typedef struct wok_oneshot_options {
    /** Bytes of the value; 0 is fine. */
    size_t value_size;
    /** Destroys a value that nobody received; never runs under a lock.  NULL: nothing to destroy. */
    void (*value_drop)(void *value);
} wok_oneshot_options;

/**
 * Makes a channel: its sender and its receiver.  Options of NULL are those of a value of 0 bytes.
 *
 * Errors:     -EINVAL for a handle of NULL; -ENOMEM.
 * Ownership:  the caller owns both handles.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     the semantics of tokio::sync::oneshot.
 */
WOK_API
WOK_MUST_USE
int wok_oneshot_new(const wok_oneshot_options *options, wok_oneshot_sender *ret_sender,
                    wok_oneshot_receiver *ret_receiver);

/**
 * Moves the value in and wakes the receiver; never waits.
 *
 * Errors:     -EPIPE if the receiver is closed or gone; -EINVAL if the sender was used up before.
 * Ownership:  takes the value if it returns 0; else it stays the caller's.  The sender is used up and
 *             of zero bytes afterwards, in either case.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_oneshot_send(wok_oneshot_sender *sender, const void *value_moved);

/**
 * Drops the sender: a receiver that has no value gets -EPIPE.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_oneshot_sender_drop(wok_oneshot_sender *sender);

/**
 * True once the receiver is closed or gone: nobody wants the value.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_oneshot_is_closed(const wok_oneshot_sender *sender);

/**
 * Waits until the receiver is closed or gone.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers the caller
 *             passes; -EDEADLK in a stackless task; -EINVAL for a handle of zero bytes.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_oneshot_closed(const wok_oneshot_sender *sender);

/**
 * As wok_oneshot_closed(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_oneshot_closed().
 * Threads:    as wok_oneshot_closed().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_oneshot_closed_until(const wok_oneshot_sender *sender, wok_instant deadline);

/**
 * The operation of wok_oneshot_closed(); ready with 0 or -EINVAL.
 *
 * Ownership:  borrows the sender until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_oneshot_closed_op(const wok_oneshot_sender *sender);

/**
 * Moves the value out if it is there.
 *
 * Errors:     -EAGAIN if it had to wait; -EPIPE if no value can come; -EINVAL after an earlier receive
 *             gave 0 or -EPIPE, and for a handle of zero bytes.
 * Ownership:  the value is the caller's.
 * Threads:    any; one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_oneshot_try_recv(wok_oneshot_receiver *receiver, void *ret_value);

/**
 * Waits for the value and moves it out.
 *
 * Errors:     -EPIPE if the sender is gone without having sent, or the receiver is closed and no value
 *             had come; -EINVAL after an earlier receive gave 0 or -EPIPE, and for a handle of zero
 *             bytes; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers the
 *             caller passes; -EDEADLK in a stackless task.
 * Ownership:  the value is the caller's.
 * Threads:    a stackful task parks, a plain thread blocks; one at a time.
 * Cancel:     cancellation point; the value is kept for the next receive.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_oneshot_recv(wok_oneshot_receiver *receiver, void *ret_value);

/**
 * As wok_oneshot_recv(), for at most until `deadline`.
 *
 * Errors:     -ETIMEDOUT, and as wok_oneshot_recv().
 * Ownership:  as wok_oneshot_recv().
 * Threads:    as wok_oneshot_recv().
 * Cancel:     cancellation point; the value is kept for the next receive.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_oneshot_recv_until(wok_oneshot_receiver *receiver, void *ret_value, wok_instant deadline);

/**
 * The operation of receiving; ready with 0, -EPIPE or -EINVAL as wok_oneshot_recv() says.
 *
 * Ownership:  borrows the receiver and `ret_value` until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped receive takes no value.
 */
WOK_API
wok_op wok_oneshot_recv_op(wok_oneshot_receiver *receiver, void *ret_value);

/**
 * Says that no value is wanted any more: a send fails from now on.  A value that was sent before can
 * still be received.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_oneshot_close(wok_oneshot_receiver *receiver);

/**
 * Drops the receiver: closes the channel, and destroys the value if it was sent and not received.
 *
 * Ownership:  the handle is of zero bytes afterwards; one of zero bytes is fine.
 * Threads:    any; no operation on this handle is in flight.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_oneshot_receiver_drop(wok_oneshot_receiver *receiver);

WOK_END_DECLS

#endif
