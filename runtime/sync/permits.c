/*
 * permits.c - permits where somebody has to wait; permits.h has the invariants.
 *
 * Two counts are never out of step with the queue: whoever may have made the head satisfiable (a
 * release, a head that leaves) hands out what there is before it gives the lock back.
 *
 * Why permits stay in the word while the head needs more of them, and are not set aside for it one
 * by one: a head that leaves then has nothing to give back, and what is free can be read off.
 */
#include "sync/permits.h"

#include <errno.h>

#include "platform/lock.h"
#include "task/waiters.h"

/* What a waiter was woken with. */
enum { GRANTED, CLOSED };

static uint64_t amount_of(const struct wok__waiter *waiter)
{
    return ((const wok_op *)(const void *)((const char *)waiter - offsetof(wok_op, waiter)))
        ->amount;
}

/* Hands free permits to the head of the queue as long as they suffice, and returns the word that is
 * left; the lock is held and somebody waits, so the word is the caller's (P2). */
static uint64_t hand_out(struct wok__permits *permits, uint64_t word, uint64_t bias,
                         struct wok__wakes *wakes)
{
    struct wok__waiter *waiter;

    while ((waiter = permits->waiters.first) != NULL) {
        uint64_t count = amount_of(waiter);
        if (wok__permits_free(word, bias) < count)
            return word;
        word -= count * WOK__PERMIT;
        waiter->mode = GRANTED;
        wok__waiters_wake(&permits->waiters, waiter, wakes);
    }
    return word & ~(uint64_t)WOK__PERMITS_WAITERS;
}

void wok__permits_release_contended(struct wok__permits *permits, uint64_t count, uint64_t bias)
{
    struct wok__wakes wakes = {NULL, NULL};
    uint64_t word;

    wok__lock_take(&permits->lock);
    /* [permits.free] permits of others may be handed out with these */
    word = load_acquire(&permits->word);
    if ((word & WOK__PERMITS_WAITERS) == 0) {
        /* The last waiter has left, and none can come: the lock is held.  [permits.free] */
        fetch_add_release(&permits->word, count * WOK__PERMIT);
    } else {
        word = hand_out(permits, word + count * WOK__PERMIT, bias, &wakes);
        store_release(&permits->word, word); /* [permits.free] what is left, for whoever comes */
    }
    wok__lock_give(&permits->lock);
    wok__wakes_push(&wakes);
}

/* ---- the operation -------------------------------------------------------------------------- */

/* A request that has to wait, unless what it needs has been released or closed just now; the lock is
 * held.  `paid`: it has taken its unit of budget. */
static wok_poll begin(struct wok__permits *permits, wok_op *op, wok_cx *cx, uint64_t bias,
                      bool paid)
{
    uint64_t word = load_relaxed(&permits->word);

    while ((word & WOK__PERMITS_WAITERS) == 0) {
        bool suffice = wok__permits_suffice(word, op->amount, bias);
        bool closed = (word & WOK__PERMITS_CLOSED) != 0;
        if ((suffice || closed) && !paid && !wok__budget_take(cx))
            return WOK_PENDING;
        paid = true;
        if (closed)
            return -EPIPE;
        if (!suffice) {
            if (cas_relaxed(&permits->word, &word, word | WOK__PERMITS_WAITERS))
                break;
        } else if (cas_acquire(&permits->word, &word, word - op->amount * WOK__PERMIT)) {
            return WOK_READY; /* [permits.free] */
        }
    }
    wok__waiters_add(&permits->waiters, &op->waiter, cx->task);
    return WOK_PENDING;
}

static wok_poll poll_first(struct wok__permits *permits, wok_op *op, wok_cx *cx, uint64_t bias)
{
    bool paid = false;
    wok_poll code;

    if (wok__permits_suffice(load_relaxed(&permits->word), op->amount, bias)) {
        if (!wok__budget_take(cx))
            return WOK_PENDING;
        paid = true;
        if (wok__permits_try(permits, op->amount, bias))
            return WOK_READY;
    }
    wok__lock_take(&permits->lock);
    code = begin(permits, op, cx, bias, paid);
    wok__lock_give(&permits->lock);
    return code;
}

/* The waiter was put into the queue by an earlier poll; its `task` is set since, and only its own task
 * reads that without the lock. */
static wok_poll poll_again(struct wok__permits *permits, wok_op *op, wok_cx *cx)
{
    struct wok__waiter *waiter = &op->waiter;
    bool woken;

    wok__lock_take(&permits->lock);
    woken = waiter->state == WOK__WAITER_WOKEN;
    if (!woken)
        wok__waiters_add(&permits->waiters, waiter, cx->task);
    wok__lock_give(&permits->lock);
    if (!woken || !wok__budget_take(cx))
        return WOK_PENDING;
    waiter->state = WOK__WAITER_NEW;
    waiter->task = NULL;
    return waiter->mode == CLOSED ? -EPIPE : WOK_READY;
}

wok_poll wok__permits_poll(struct wok__permits *permits, wok_op *op, wok_cx *cx, uint64_t bias)
{
    return op->waiter.task == NULL ? poll_first(permits, op, cx, bias)
                                   : poll_again(permits, op, cx);
}

void wok__permits_drop(struct wok__permits *permits, wok_op *op, uint64_t bias)
{
    struct wok__waiter *waiter = &op->waiter;
    struct wok__wakes wakes = {NULL, NULL};
    bool granted;

    if (waiter->task == NULL)
        return; /* it never waited, or has got what it waited for */
    wok__lock_take(&permits->lock);
    granted = waiter->state == WOK__WAITER_WOKEN && waiter->mode == GRANTED;
    if (wok__waiters_forget(&permits->waiters, waiter)) {
        /* Those behind it may need less than it did.  [permits.free] */
        uint64_t word = load_acquire(&permits->word);
        word = hand_out(permits, word, bias, &wakes);
        store_release(&permits->word, word); /* [permits.free] */
    }
    wok__lock_give(&permits->lock);
    waiter->task = NULL;
    wok__wakes_push(&wakes);
    if (granted)
        wok__permits_release(permits, op->amount, bias);
}

void wok__permits_close(struct wok__permits *permits)
{
    struct wok__wakes wakes = {NULL, NULL};
    struct wok__waiter *waiter;

    wok__lock_take(&permits->lock);
    /* [permits.closed] what was done before is visible to whoever sees the flag */
    fetch_or_release(&permits->word, WOK__PERMITS_CLOSED);
    while ((waiter = permits->waiters.first) != NULL) {
        waiter->mode = CLOSED;
        wok__waiters_wake(&permits->waiters, waiter, &wakes);
    }
    fetch_and_relaxed(&permits->word, ~(uint64_t)WOK__PERMITS_WAITERS);
    wok__lock_give(&permits->lock);
    wok__wakes_push(&wakes);
}

uint64_t wok__permits_forget(struct wok__permits *permits, uint64_t count, uint64_t bias)
{
    uint64_t word, forgotten;

    wok__lock_take(&permits->lock); /* who holds it may write the word without looking (P2) */
    word = load_relaxed(&permits->word);
    do {
        forgotten = wok__permits_free(word, bias);
        if (forgotten > count)
            forgotten = count;
    } while (!cas_relaxed(&permits->word, &word, word - forgotten * WOK__PERMIT));
    wok__lock_give(&permits->lock);
    return forgotten;
}
