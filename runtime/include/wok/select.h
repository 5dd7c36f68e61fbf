/*
 * select.h - waiting for an operation, for the first of several, and for all of them.
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

/** An operation as a future, for wok_await() and wok_timeout(); borrows it. */
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
    bool takes_back; /* a branch has to be taken back while another may win */
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

/* ---- all of several ----------------------------------------------------------------------- */

/**
 * Runs `count` operations concurrently inside the calling task until all are ready; spawns nothing.
 *
 *     wok_op branches[] = {wok_join_op(&first, &one, NULL), wok_future_op(second, &two)};
 *     error = wok_join_all(branches, 2, codes);
 *
 * The branches are polled one after the other, never in parallel, beginning one further at each
 * wake, so that none starves, nor is kept from its share of the task's budget.  One that fails does
 * not end the others.  A panic in one is the caller's own.  Branches that are off are passed over,
 * and zero branches are ready at once.
 *
 * Errors:     0 when all are ready; -ECANCELED if the caller is aborted, -ETIMEDOUT if a deadline
 *             that covers it passes, and the branches that were not ready had no effect;
 *             -EDEADLK in a stackless task, which polls a wok_join_all_future.
 * Ownership:  ends the operations, each when it is ready, and borrows what they point to; a future of
 *             wok_future_op() stays its owner's.  `ret_codes` has room for a code of each, or is
 *             NULL; a code is WOK_PENDING until its operation is ready.  Allocates nothing.
 * Threads:    stackful tasks, and plain threads, which block.
 * Cancel:     cancellation point; what the codes say is ready has happened.
 * Source:     the semantics of tokio::join!, over operations in place of futures.
 */
WOK_API
WOK_CP
int wok_join_all(wok_op *branches, size_t count, int *ret_codes);

/**
 * As wok_join_all(), until one fails: the others that are not ready are ended then, without effect.
 *
 * A join that is ended so leaves its handle valid and the task running; a scope that fails fast
 * would abort it.
 *
 * Errors:     0 when all are ready with 0; the code of the branch that failed first, and no other
 *             code is negative; -ECANCELED, -ETIMEDOUT and -EDEADLK as wok_join_all().
 * Ownership:  as wok_join_all().
 * Threads:    as wok_join_all().
 * Cancel:     cancellation point; what the codes say is ready has happened.
 * Source:     the semantics of tokio::try_join!.
 */
WOK_API
WOK_CP
int wok_try_join_all(wok_op *branches, size_t count, int *ret_codes);

/** A join of operations in a stackless task; initialise it with wok_join_all_future_init(). */
typedef struct wok_join_all_future {
    wok_op *branches; /* borrowed */
    size_t count, pending, first;
    int *codes; /* borrowed */
    bool tries, started;
} wok_join_all_future;

/**
 * Prepares what wok_join_all() does.
 *
 * Ownership:  borrows the branches and `codes`, which may be NULL, until wok_join_all_future_drop().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_all_future_init(wok_join_all_future *join, wok_op *branches, size_t count,
                              int *codes);

/**
 * Prepares what wok_try_join_all() does.
 *
 * Ownership:  as wok_join_all_future_init().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_try_join_all_future_init(wok_join_all_future *join, wok_op *branches, size_t count,
                                  int *codes);

/**
 * Polls the branches that are not ready: WOK_READY when every branch is, else WOK_PENDING.
 *
 * Errors:     of a try: the code of the branch that failed first; else none.
 * Threads:    the task of `cx`.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_poll wok_join_all_future_poll(wok_join_all_future *join, wok_cx *cx);

/**
 * Ends the join in any state: the branches that were not ready had no effect.
 *
 * Threads:    any, while nobody polls it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_all_future_drop(wok_join_all_future *join);

WOK_END_DECLS

#endif
