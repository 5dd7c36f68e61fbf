/*
 * once.c - a turn that goes from one to the next until it is used.
 *
 *             begin               done
 *     NEW ------------> TURN --------------> DONE
 *      ^                |  ^
 *      +---- failed ----+  +-- failed, and somebody waits: the turn is his
 *
 * Invariants (the lock)
 *   O1  somebody waits only in the state TURN.
 *   O2  in the state TURN one has the turn: a caller, or a waiter that was woken with it and has not
 *       polled since; one that is dropped then passes it on.
 *
 * DONE stays, so whoever sees it needs no lock.
 */
#include <wok/once.h>

#include <assert.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "task/waiters.h"

enum { NEW, TURN, DONE };

/* What a waiter was woken with. */
enum { HAS_TURN, IS_DONE };

bool wok_once_is_done(const wok_once *once)
{
    return load_acquire(&once->state) == DONE; /* [once.done] what was done is visible */
}

void wok_once_done(wok_once *once)
{
    struct wok__wakes wakes = {NULL, NULL};
    struct wok__waiter *waiter;

    wok__lock_take(&once->lock);
    assert(load_relaxed(&once->state) == TURN);
    store_release(&once->state, DONE); /* [once.done] */
    while ((waiter = once->waiters.first) != NULL) {
        waiter->mode = IS_DONE;
        wok__waiters_wake(&once->waiters, waiter, &wakes);
    }
    wok__lock_give(&once->lock);
    wok__wakes_push(&wakes);
}

void wok_once_failed(wok_once *once)
{
    struct wok__wakes wakes = {NULL, NULL};
    struct wok__waiter *waiter;

    wok__lock_take(&once->lock);
    assert(load_relaxed(&once->state) == TURN);
    waiter = once->waiters.first;
    if (waiter != NULL) {
        waiter->mode = HAS_TURN;
        wok__waiters_wake(&once->waiters, waiter, &wakes);
    } else {
        store_relaxed(&once->state, NEW);
    }
    wok__lock_give(&once->lock);
    wok__wakes_push(&wakes);
}

/* ---- getting a turn ----------------------------------------------------------------------------- */

/* True if the operation is ready; the lock is held. */
static bool begin(wok_once *once, wok_op *op, wok_cx *cx, bool *ret_turn)
{
    struct wok__waiter *waiter = &op->waiter;
    uint32_t state = load_relaxed(&once->state);
    bool woken = waiter->state == WOK__WAITER_WOKEN;

    if (!woken && state == TURN) {
        wok__waiters_add(&once->waiters, waiter, cx->task);
        return false;
    }
    if (!wok__budget_take(cx))
        return false;
    *ret_turn = woken ? waiter->mode == HAS_TURN : state == NEW;
    if (!woken && state == NEW)
        store_relaxed(&once->state, TURN);
    return true;
}

static wok_poll begin_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_once *once = op->object;
    bool ready;

    (void)result;
    wok__lock_take(&once->lock);
    ready = begin(once, op, cx, op->value);
    wok__lock_give(&once->lock);
    if (!ready)
        return WOK_PENDING;
    op->waiter = (struct wok__waiter){0}; /* nothing is left to pass on */
    return WOK_READY;
}

static void begin_drop(void *self)
{
    wok_op *op = self;
    wok_once *once = op->object;
    bool has_turn;

    if (op->waiter.task == NULL)
        return; /* it never waited, or has got what it waited for */
    wok__lock_take(&once->lock);
    has_turn = !wok__waiters_forget(&once->waiters, &op->waiter) && op->waiter.mode == HAS_TURN;
    wok__lock_give(&once->lock);
    op->waiter.task = NULL;
    if (has_turn)
        wok_once_failed(once);
}

static const wok_future_vtable begin_vtable = {
    .name = "once",
    .size = sizeof(wok_op),
    .poll = begin_poll,
    .drop = begin_drop,
};

wok_op wok_once_begin_op(wok_once *once, bool *ret_turn)
{
    return (wok_op){.vtable = &begin_vtable, .object = once, .value = ret_turn};
}

/* ---- a call --------------------------------------------------------------------------------------- */

struct call {
    wok_once *once;
    bool done;
};

static void end_call(struct call *call)
{
    if (call->done)
        wok_once_done(call->once);
    else
        wok_once_failed(call->once);
}

static int call_function(wok_once *once, int (*function)(void *argument), void *argument)
{
    WOK_CLEANUP(end_call) struct call call = {once, false};
    int code = function(argument);

    call.done = code >= 0;
    return code >= 0 ? 0 : code;
}

int wok_once_call_raw(wok_once *once, int (*function)(void *argument), void *argument)
{
    bool turn = false;
    int code;

    if (wok_once_is_done(once) && wok__wait_skip())
        return 0;
    code = wok_op_await(wok_once_begin_op(once, &turn));
    return code == 0 && turn ? call_function(once, function, argument) : code;
}
