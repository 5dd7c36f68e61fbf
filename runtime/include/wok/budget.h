/*
 * budget.h - blocks in which a task does not make room for the others.
 *
 * A poll has a budget of 128 operations that are ready at once; after that the next one lets the other
 * tasks run first, so that nobody keeps a worker to itself.  wok_checkpoint() of task.h is an operation
 * for loops that compute.
 */
#ifndef WOK_BUDGET_H
#define WOK_BUDGET_H

#include <wok/base.h>

WOK_BEGIN_DECLS

/** What WOK_UNCONSTRAINED() keeps. */
typedef struct wok_unconstrained {
    bool active;
} wok_unconstrained;

/**
 * Switches the budget off in the block that follows: operations that are ready in it do not let the
 * other tasks run after the 128th.
 *
 *     WOK_UNCONSTRAINED() {
 *         while (wok_mpsc_try_recv(&orders, &order) == 0)
 *             add(&batch, &order);
 *     }
 *
 * For a stretch that is known to be short and must not be interleaved.  A loop in it that never
 * waits keeps its worker to itself, timers and descriptors included.  Waits in it wait, yields yield,
 * and an abort is noticed; a deadline is noticed by waits only.  What was used in the block counts
 * after it.  The block may be left in any way.
 *
 * Threads:    stackful tasks; a stackless task inside one poll; on a plain thread there is no budget.
 * Cancel:     not a cancellation point.
 * Source:     the semantics of tokio::task::unconstrained.
 */
#define WOK_UNCONSTRAINED() WOK_UNCONSTRAINED_(WOK_UNIQUE_(wok_unconstrained_))

#define WOK_UNCONSTRAINED_(unconstrained_)                                                         \
    for (WOK_CLEANUP(wok_unconstrained_end)                                                        \
             wok_unconstrained unconstrained_ = wok_unconstrained_begin();                         \
         unconstrained_.active; wok_unconstrained_end(&unconstrained_))

/**
 * Begins what WOK_UNCONSTRAINED() describes, up to the matching wok_unconstrained_end().
 *
 * Threads:    as WOK_UNCONSTRAINED(); begin and end nest like brackets.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
wok_unconstrained wok_unconstrained_begin(void);

/**
 * Ends a block without a budget; a second time it does nothing.
 *
 * Threads:    where it began.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_unconstrained_end(wok_unconstrained *unconstrained);

WOK_END_DECLS

#endif
