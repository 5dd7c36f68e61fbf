/*
 * select.h - waiting for an operation, and for the first of several.
 *
 *     wok_op branches[] = {
 *         wok_mpsc_recv_op(&orders, &order),
 *         wok_join_op(&cook, NULL, &why),
 *         wok_sleep_op(wok_seconds(1)),
 *     };
 *     switch (wok_select(branches, WOK_COUNT(branches), WOK_SELECT_FAIR, &code)) {
 *     case 0: ...
 */
#ifndef WOK_SELECT_H
#define WOK_SELECT_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** An operation as a future, for wok_join_all() and wok_timeout(); borrows it. */
static inline wok_future wok_op_as_future(wok_op *op)
{
    wok_future future;

    future.vtable = op->vtable;
    future.self = op;
    return future;
}

/**
 * Waits in the calling task until the operation is ready, for at most until `deadline`, and ends it.
 *
 * Errors:     the operation's own code; -ECANCELED if the caller is aborted; -ETIMEDOUT if
 *             `deadline`, or one that covers the caller, passes; -EDEADLK in a stackless task;
 *             -EINVAL if the operation is off.
 * Ownership:  ends the operation, and borrows what it points to until it returns.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; the operation then had no effect.
 */
WOK_API
WOK_CP
int wok_op_wait(wok_op *op, wok_instant deadline);

/**
 * As wok_op_wait(), of an operation by value and without a deadline of its own.
 *
 * Errors:     as wok_op_wait().
 * Threads:    as wok_op_wait().
 * Cancel:     cancellation point; the operation then had no effect.
 */
WOK_CP
static inline int wok_op_await(wok_op op)
{
    return wok_op_wait(&op, WOK_NEVER);
}

/**
 * As wok_op_wait(), of an operation by value.
 *
 * Errors:     as wok_op_wait().
 * Threads:    as wok_op_wait().
 * Cancel:     cancellation point; the operation then had no effect.
 */
WOK_CP
static inline int wok_op_await_until(wok_op op, wok_instant deadline)
{
    return wok_op_wait(&op, deadline);
}

/**
 * The operation of awaiting a future of the user's own; ready with the future's code.
 *
 * Ownership:  borrows the future, also after a drop: a losing future stays exactly where its last
 *             poll left it, and its owner drops it before his task ends.
 * Threads:    the task that owns the future.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_future_op(wok_future future, void *ret_result);

/** `op` if `condition` holds, else an operation that is off. */
static inline wok_op wok_op_if(bool condition, wok_op op)
{
    if (!condition)
        op.vtable = NULL;
    return op;
}

/** How wok_select() chooses among branches that are ready together. */
typedef enum wok_select_order { WOK_SELECT_FAIR, WOK_SELECT_BIASED } wok_select_order;

/**
 * Waits until one branch is ready and completes that one only.
 *
 * The losing branches had no effect: a handle stays valid, nothing was received, what was to be
 * sent is still the caller's, a timer is gone.  A branch that waited in a FIFO queue has lost its
 * place; to keep it, keep the operation and select over wok_future_op(wok_op_as_future(&op)).
 * Fair order begins at a random branch drawn from the runtime's seeded source; biased order goes
 * from first to last.  All branches that the array names are built before the first is polled.
 *
 * Errors:     the winner's index, and `*ret_code` its own code (0, -WOK_EJOIN, -EPIPE, ...);
 *             -EINVAL if every branch is off; -ECANCELED if the caller is aborted, -ETIMEDOUT if a
 *             deadline that covers it passes; -EDEADLK in a stackless task.
 * Ownership:  takes the operations and borrows what they point to; allocates nothing.
 * Threads:    stackful tasks, and plain threads, which block.
 * Cancel:     cancellation point; no branch had an effect then.
 * Source:     the semantics of tokio::select!, over operations in place of futures.
 */
WOK_API
WOK_CP
int wok_select(wok_op *branches, size_t count, wok_select_order order, int *ret_code);

/**
 * As wok_select(), for at most until `deadline`: -ETIMEDOUT, and no branch had an effect.
 *
 * Errors:     as wok_select().
 * Ownership:  as wok_select().
 * Threads:    as wok_select().
 * Cancel:     cancellation point; no branch had an effect then.
 */
WOK_API
WOK_CP
int wok_select_until(wok_op *branches, size_t count, wok_select_order order, wok_instant deadline,
                     int *ret_code);

/** A select in a stackless task; initialise it with wok_select_future_init(). */
typedef struct wok_select_future {
    wok_op *branches; /* borrowed */
    size_t count, start;
    size_t winner; /* once it is ready: the index of the branch that won */
    int code;      /* and that branch's own code */
    wok_select_order order;
    bool started, ended;
} wok_select_future;

/**
 * Prepares a select over `count` operations.
 *
 * Ownership:  borrows the branches until wok_select_future_drop().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_select_future_init(wok_select_future *select, wok_op *branches, size_t count,
                            wok_select_order order);

/**
 * Polls the branches: WOK_READY when one has won, else WOK_PENDING.
 *
 * Errors:     -EINVAL if every branch is off.
 * Threads:    the task of `cx`.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_poll wok_select_future_poll(wok_select_future *select, wok_cx *cx);

/**
 * Ends the select in any state: the branches that have not won had no effect.
 *
 * Threads:    any, while nobody polls it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_select_future_drop(wok_select_future *select);

WOK_END_DECLS

#endif
