/*
 * token.c - a tree of flags, and those who wait for them.
 *
 * All tokens of a tree share one lock: a cancel is then one critical section in which a whole subtree
 * turns, and a token can be hung elsewhere without asking in which order to lock.
 * docs/decisions/0034-tokens.md says what that costs.
 *
 * Invariants (the tree's lock)
 *   K1  a token whose parent is cancelled is cancelled.
 *   K2  somebody waits only on a token that is not cancelled.
 *   K3  a token is in the tree until its last reference is dropped; its children then become its
 *       parent's, or have none.  So a chain of tokens is as long as those that are still referred to.
 *
 * A flag is set under the lock and stays, so looking at it needs none.  An operation that has waited
 * looks with the lock all the same: whoever cancels touches the waiter after the flag.
 */
#include <wok/cancel.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "task/waiters.h"

/* What the tokens of a tree share; freed with the last of them. */
struct tree {
    struct wok__lock lock;
    size_t tokens; /* the lock */
};

struct wok_token {
    struct tree *tree;    /* constant */
    atomic_u32 refs;      /* the last one takes the token out of the tree */
    atomic_u32 cancelled; /* written under the lock */
    /* The lock guards what follows. */
    wok_token *parent, *children;
    wok_token *next, *prev; /* the parent's other children */
    struct wok__waiters waiters;
};

/* ---- the tree; its lock is held ----------------------------------------------------------------- */

static void link_child(wok_token *parent, wok_token *child)
{
    child->parent = parent;
    child->prev = NULL;
    child->next = NULL;
    if (parent == NULL)
        return;
    child->next = parent->children;
    if (child->next != NULL)
        child->next->prev = child;
    parent->children = child;
}

static void unlink_child(wok_token *child)
{
    if (child->prev != NULL)
        child->prev->next = child->next;
    else if (child->parent != NULL)
        child->parent->children = child->next;
    if (child->next != NULL)
        child->next->prev = child->prev;
}

/* The next token of the subtree of `root` after `token`, whose own descendants are passed over if
 * `below` is false; NULL when there is none. */
static wok_token *walk(const wok_token *root, wok_token *token, bool below)
{
    if (below && token->children != NULL)
        return token->children;
    while (token != root && token->next == NULL)
        token = token->parent;
    return token != root ? token->next : NULL;
}

/* Sets one flag and wakes who waits for it; false: it was set, and so are those below it (K1). */
static bool turn(wok_token *token, struct wok__wakes *wakes)
{
    struct wok__waiter *waiter;

    if (load_relaxed(&token->cancelled) != 0)
        return false;
    store_release(&token->cancelled, 1); /* [token.cancelled] what was done before is visible */
    while ((waiter = token->waiters.first) != NULL)
        wok__waiters_wake(&token->waiters, waiter, wakes);
    return true;
}

/* ---- tokens -------------------------------------------------------------------------------------- */

static wok_token *make(struct tree *tree)
{
    wok_token *token = calloc(1, sizeof *token);

    if (token == NULL)
        return NULL;
    token->tree = tree;
    store_relaxed(&token->refs, 1);
    store_relaxed(&token->cancelled, 0);
    return token;
}

int wok_token_new(wok_token **ret_token)
{
    struct tree *tree;
    wok_token *token;

    if (ret_token == NULL)
        return -EINVAL;
    tree = calloc(1, sizeof *tree);
    token = tree != NULL ? make(tree) : NULL;
    if (token == NULL) {
        free(tree);
        return -ENOMEM;
    }
    tree->tokens = 1;
    *ret_token = token;
    return 0;
}

int wok_token_child(wok_token *parent, wok_token **ret_token)
{
    struct tree *tree;
    wok_token *token;

    if (parent == NULL || ret_token == NULL)
        return -EINVAL;
    tree = parent->tree;
    token = make(tree);
    if (token == NULL)
        return -ENOMEM;
    wok__lock_take(&tree->lock);
    tree->tokens++;
    link_child(parent, token);
    /* Relaxed: whoever is given the child sees what its maker has seen. */
    store_relaxed(&token->cancelled, load_relaxed(&parent->cancelled));
    wok__lock_give(&tree->lock);
    *ret_token = token;
    return 0;
}

wok_token *wok_token_ref(wok_token *token)
{
    if (token != NULL)
        fetch_add_relaxed(&token->refs, 1); /* the caller's own reference orders it */
    return token;
}

/* Takes a token out of its tree and frees it; nobody refers to it any more ([token.unref]). */
static void dispose(wok_token *token)
{
    struct tree *tree = token->tree;
    wok_token *child;
    bool last;

    wok__lock_take(&tree->lock);
    assert(token->waiters.first == NULL);
    unlink_child(token);
    while ((child = token->children) != NULL) {
        unlink_child(child);
        link_child(token->parent, child);
    }
    last = --tree->tokens == 0;
    wok__lock_give(&tree->lock);
    free(token);
    if (last)
        free(tree);
}

void wok_token_drop(wok_token *token)
{
    /* [token.unref] each use of a reference happens before the end of the token */
    if (token != NULL && fetch_sub_acq_rel(&token->refs, 1) == 1)
        dispose(token);
}

void wok_token_cancel(wok_token *token)
{
    struct wok__wakes wakes = {NULL, NULL};
    struct tree *tree;

    if (token == NULL)
        return;
    tree = token->tree;
    wok__lock_take(&tree->lock);
    for (wok_token *at = token; at != NULL;)
        at = walk(token, at, turn(at, &wakes));
    wok__lock_give(&tree->lock);
    wok__wakes_push(&wakes);
}

bool wok_token_is_cancelled(const wok_token *token)
{
    return load_acquire(&token->cancelled) != 0; /* [token.cancelled] */
}

/* ---- waiting -------------------------------------------------------------------------------------- */

/* Looks under the lock; the waiter is in the queue afterwards unless the token is cancelled. */
static bool look_or_wait(wok_token *token, struct wok__waiter *waiter, wok_cx *cx)
{
    bool cancelled;

    wok__lock_take(&token->tree->lock);
    cancelled = load_relaxed(&token->cancelled) != 0;
    if (!cancelled)
        wok__waiters_add(&token->waiters, waiter, cx->task);
    wok__lock_give(&token->tree->lock);
    return cancelled;
}

static wok_poll wait_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_token *token = op->object;
    bool is_first_poll = op->waiter.task == NULL;

    (void)result;
    if (!(is_first_poll && wok_token_is_cancelled(token)) && !look_or_wait(token, &op->waiter, cx))
        return WOK_PENDING;
    if (!wok__budget_take(cx))
        return WOK_PENDING;
    op->waiter = (struct wok__waiter){0};
    return WOK_READY;
}

static void wait_drop(void *self)
{
    wok_op *op = self;
    wok_token *token = op->object;

    if (op->waiter.task == NULL)
        return; /* it never waited, or is through */
    wok__lock_take(&token->tree->lock);
    (void)wok__waiters_forget(&token->waiters, &op->waiter);
    wok__lock_give(&token->tree->lock);
    op->waiter.task = NULL;
}

static const wok_future_vtable wait_vtable = {
    .name = "token",
    .size = sizeof(wok_op),
    .poll = wait_poll,
    .drop = wait_drop,
};

wok_op wok_token_op(wok_token *token)
{
    return (wok_op){.vtable = &wait_vtable, .object = token};
}

int wok_token_wait_until(wok_token *token, wok_instant deadline)
{
    return wok_op_await_until(wok_token_op(token), deadline);
}

int wok_token_wait(wok_token *token)
{
    return wok_op_await(wok_token_op(token));
}

int wok_run_until_cancelled(wok_token *token, wok_future future, void *ret_result)
{
    wok_op branches[] = {
        wok_op_if(!wok_token_is_cancelled(token), wok_future_op(future, ret_result)),
        wok_token_op(token),
    };
    int code = 0;
    int winner = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_BIASED, &code);

    if (winner < 0)
        return winner;
    return winner == 0 ? code : -EINTR;
}
