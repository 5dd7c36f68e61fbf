/*
 * cancel.h - cancellation tokens: telling many tasks, and whatever else looks, that it is over.
 *
 *     WOK_CLEANUP(wok_token_cancelp) wok_token *stop = NULL; // cancelled when this block is left
 *     int error = wok_token_new(&stop);
 *     ...
 *     wok_op branches[] = {wok_token_op(stop), wok_notify_op(&work)};
 *
 * A token says so, and does nothing else: an abort (wok_join_abort()) stops a task at its next wait,
 * while a token is looked at where the program finds it right to stop.  Tokens form a tree: a cancel
 * reaches all descendants and no ancestor, so a part of the work can be given up without the rest.
 */
#ifndef WOK_CANCEL_H
#define WOK_CANCEL_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** A cancellation token: counted references, any thread. */
typedef struct wok_token wok_token;

/**
 * Makes a token without a parent.
 *
 * Errors:     0; -EINVAL for a `ret_token` of NULL; -ENOMEM.
 * Ownership:  returns a reference; wok_token_drop() ends it.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_token_new(wok_token **ret_token);

/**
 * Makes a token that is cancelled with `parent`; that of a cancelled parent is born cancelled.
 *
 * Errors:     0; -EINVAL for a `parent` of NULL, whose child nobody would ever cancel; -ENOMEM.
 * Ownership:  returns a reference; wok_token_drop() ends it.  The parent may be dropped before: the
 *             child is then the grandparent's.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     the semantics of tokio_util::sync::CancellationToken.
 */
WOK_API
WOK_MUST_USE
int wok_token_child(wok_token *parent, wok_token **ret_token);

/**
 * Another reference to the same token; NULL for NULL.
 *
 * Ownership:  returns a reference; wok_token_drop() ends it.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_token *wok_token_ref(wok_token *token);

/**
 * Drops a reference; NULL is fine.  It cancels nothing.
 *
 * Threads:    any, while no operation that this reference keeps alive waits on the token.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_token_drop(wok_token *token);

/**
 * As wok_token_drop(), and sets `*token` to NULL; for WOK_CLEANUP.
 *
 * Threads:    as wok_token_drop().
 * Cancel:     not a cancellation point.
 */
static inline void wok_token_dropp(wok_token **token)
{
    wok_token_drop(WOK_TAKE(*token));
}

/**
 * Cancels the token and all its descendants, for ever: when it returns, every one of them is.
 * NULL is fine.
 *
 * Whoever waits is woken.  A second time it does nothing.  No recursion, however deep the tree is; the
 * tree's lock is held for as long as the walk takes.
 *
 * Threads:    any.  What was done before is visible to whoever sees the cancellation.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_token_cancel(wok_token *token);

/**
 * Cancels `*token`, drops the reference and sets it to NULL; NULL is fine.  For WOK_CLEANUP, so that
 * leaving a block in whatever way cancels; WOK_TAKE() the token to let it live.
 *
 * Threads:    as wok_token_drop().
 * Cancel:     not a cancellation point.
 */
static inline void wok_token_cancelp(wok_token **token)
{
    wok_token *cancelled = WOK_TAKE(*token);

    wok_token_cancel(cancelled);
    wok_token_drop(cancelled);
}

/**
 * True once the token is cancelled; one load.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_token_is_cancelled(const wok_token *token);

/**
 * The operation of waiting until the token is cancelled; ready with 0.
 *
 * Ownership:  borrows the token until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_token_op(wok_token *token);

/**
 * Waits until the token is cancelled.
 *
 * Errors:     0 when it is; -ECANCELED if the caller itself is aborted; -ETIMEDOUT if a deadline that
 *             covers it passes; -EDEADLK in a stackless task, which polls wok_token_op().
 * Ownership:  borrows the token until it returns; allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_token_wait(wok_token *token);

/**
 * As wok_token_wait(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_token_wait().
 * Threads:    as wok_token_wait().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_token_wait_until(wok_token *token, wok_instant deadline);

/**
 * Awaits `future` until it is ready or the token is cancelled.
 *
 * If the token is cancelled already, the future is not polled at all; later a future that is ready wins
 * over a cancellation.  A future that lost stays the caller's, neither dropped nor advanced further.
 *
 * Errors:     -EINTR if the token was cancelled first; else the future's own code; -ECANCELED if the
 *             caller itself is aborted; -ETIMEDOUT if a deadline that covers it passes; -EDEADLK in a
 *             stackless task, which polls a wok_select_future over both.
 * Ownership:  borrows the token, the future and `ret_result` until it returns.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 * Source:     tokio_util's CancellationToken::run_until_cancelled.
 */
WOK_API
WOK_CP
int wok_run_until_cancelled(wok_token *token, wok_future future, void *ret_result);

WOK_END_DECLS

#endif
