/*
 * state.c - the state word of a task, and its transitions.
 *
 *            wake, abort               run                   complete
 *     IDLE ---------------> NOTIFIED ---------> RUNNING --------------> COMPLETE
 *      ^                       ^                 |   |
 *      |                       +-- woken while --+   |   suspend decides which of the two
 *      +-------------------------- pending ----------+
 *
 * Invariants
 *   S1  A task is in a queue exactly when NOTIFIED is set and RUNNING and COMPLETE are not: only
 *       the transition that sets NOTIFIED on an idle task makes its caller push, and only run
 *       takes NOTIFIED away.  So a task is never in two queues, and never polled twice at a time.
 *   S2  RUNNING and COMPLETE exclude each other; COMPLETE stays.
 *   S3  JOIN_WAITER is set by the handle's owner before COMPLETE.  While COMPLETE is not set the
 *       owner may take it back; afterwards only the completer may clear it, once it has claimed
 *       the waiter.  So the waiter's memory lives as long as the completer may touch it: a waiter
 *       that finds COMPLETE and JOIN_WAITER together looks again instead of going away.
 *   S4  The block is freed by whoever takes the last reference away.  The task itself holds one
 *       until it is complete, the handle one, each waker and abort handle one.
 *
 * Every wake is a read-modify-write even where it changes nothing: its release half must be in
 * the word's modification order, so that a task that runs already sees what the waker wrote
 * before (Tokio met the lost wake of the cheaper variant: tokio#7622).
 */
#include "task/state.h"

#include <assert.h>

void wok__state_init(struct wok__state *state, uint32_t flags, uint32_t refs)
{
    store_release(&state->word, flags | refs * WOK__REF); /* [state.publish] the block's fields */
}

bool wok__state_wake(struct wok__state *state)
{
    /* [state.wake] what the waker wrote is visible to the poll that this wake causes;
     * [state.suspend] whoever claims the task sees where its last poll left it (task->home) */
    uint32_t before = fetch_or_acq_rel(&state->word, WOK__NOTIFIED);

    return (before & (WOK__RUNNING | WOK__NOTIFIED | WOK__COMPLETE)) == 0;
}

bool wok__state_abort(struct wok__state *state)
{
    /* [state.wake] and [state.suspend], as above */
    uint32_t before = fetch_or_acq_rel(&state->word, WOK__NOTIFIED | WOK__CANCELLED);

    return (before & (WOK__RUNNING | WOK__NOTIFIED | WOK__COMPLETE)) == 0;
}

uint32_t wok__state_run(struct wok__state *state)
{
    /* One subtraction clears NOTIFIED and sets RUNNING.  [state.wake] acquires every wake so far;
     * [state.suspend] acquires what the poll before left, perhaps on another worker. */
    uint32_t before = fetch_sub_acquire(&state->word, WOK__NOTIFIED - WOK__RUNNING);

    assert((before & (WOK__NOTIFIED | WOK__RUNNING | WOK__COMPLETE)) == WOK__NOTIFIED);
    return before;
}

bool wok__state_suspend(struct wok__state *state)
{
    /* [state.suspend] the poll's writes are visible to the worker that runs it next */
    uint32_t before = fetch_and_release(&state->word, ~(uint32_t)WOK__RUNNING);

    assert(before & WOK__RUNNING);
    return (before & WOK__NOTIFIED) != 0;
}

enum wok__completed wok__state_complete(struct wok__state *state)
{
    uint32_t before = load_relaxed(&state->word);
    uint32_t after;

    do {
        assert((before & (WOK__RUNNING | WOK__COMPLETE)) == WOK__RUNNING);
        after = (before & ~(uint32_t)(WOK__RUNNING | WOK__NOTIFIED)) | WOK__COMPLETE;
        if ((before & WOK__JOIN_INTEREST) != 0 && (before & WOK__JOIN_WAITER) == 0)
            after -= WOK__REF; /* the handle, which still holds one, frees the block */
        /* [state.complete] publishes the outcome and the result to the handle's owner;
         * [state.waiter] acquires the field join_waiter */
    } while (!cas_acq_rel(&state->word, &before, after));

    if ((before & WOK__JOIN_INTEREST) == 0)
        return before / WOK__REF == 1 ? WOK__COMPLETED_FREE : WOK__COMPLETED_DETACHED;
    return (before & WOK__JOIN_WAITER) ? WOK__COMPLETED_WAKE_JOINER : WOK__COMPLETED_JOINABLE;
}

void wok__state_joiner_claimed(struct wok__state *state)
{
    /* [state.claimed] the claim of the waiter happened before it may go away;
     * [state.unref] the completer's use of the block ends here */
    uint32_t before = fetch_sub_release(&state->word, WOK__JOIN_WAITER + WOK__REF);

    assert(before & WOK__JOIN_WAITER);
    assert(before / WOK__REF > 1);
    (void)before;
}

static enum wok__join_ready readiness(uint32_t word)
{
    if ((word & WOK__COMPLETE) == 0)
        return WOK__JOIN_PENDING;
    return (word & WOK__JOIN_WAITER) ? WOK__JOIN_IN_FLIGHT : WOK__JOIN_READY;
}

enum wok__join_ready wok__state_join_look(struct wok__state *state)
{
    return readiness(load_acquire(&state->word)); /* [state.complete] and [state.claimed] */
}

enum wok__join_ready wok__state_join_register(struct wok__state *state)
{
    uint32_t before = load_acquire(&state->word); /* [state.complete] */

    do {
        assert((before & WOK__JOIN_WAITER) == 0);
        if (before & WOK__COMPLETE)
            return WOK__JOIN_READY;
        /* [state.waiter] publishes join_waiter; on failure [state.complete] is acquired */
    } while (!cas_acq_rel(&state->word, &before, before | WOK__JOIN_WAITER));
    return WOK__JOIN_PENDING;
}

bool wok__state_join_is_registered(const struct wok__state *state)
{
    return (load_relaxed(&state->word) & WOK__JOIN_WAITER) != 0; /* only the owner sets it */
}

bool wok__state_join_unregister(struct wok__state *state)
{
    uint32_t before = load_acquire(&state->word); /* [state.claimed] */

    do {
        if ((before & WOK__JOIN_WAITER) == 0)
            return true;
        if (before & WOK__COMPLETE)
            return false;
        /* On failure [state.claimed] is acquired; on success there is nothing to see. */
    } while (!cas_acquire(&state->word, &before, before & ~(uint32_t)WOK__JOIN_WAITER));
    return true;
}

enum wok__handle_dropped wok__state_handle_drop(struct wok__state *state)
{
    uint32_t before = load_acquire(&state->word); /* [state.complete] the result to destroy */

    do {
        assert(before & WOK__JOIN_INTEREST);
        assert((before & WOK__JOIN_WAITER) == 0);
        if (before & WOK__COMPLETE)
            return WOK__HANDLE_LAST;
        /* [state.unref] the handle's use of the block ends here; the task's own reference stays */
    } while (
        !cas_acq_rel(&state->word, &before, (before & ~(uint32_t)WOK__JOIN_INTEREST) - WOK__REF));
    return WOK__HANDLE_DETACHED;
}

void wok__state_ref(struct wok__state *state)
{
    fetch_add_relaxed(&state->word, WOK__REF); /* the caller's own reference orders it */
}

bool wok__state_try_ref(struct wok__state *state)
{
    uint32_t before = load_relaxed(&state->word);

    do {
        if (before < WOK__REF || (before & WOK__COMPLETE))
            return false;
    } while (!cas_acquire(&state->word, &before, before + WOK__REF)); /* [state.publish] */
    return true;
}

bool wok__state_unref(struct wok__state *state)
{
    /* [state.unref] each user's last access happens before the free */
    uint32_t before = load_acquire(&state->word);

    /* The only one left of a task that has ended: nobody can take another from it, or add one. */
    if ((before & WOK__COMPLETE) != 0 && before / WOK__REF == 1)
        return true;
    before = fetch_sub_acq_rel(&state->word, WOK__REF); /* [state.unref] */
    assert(before >= WOK__REF);
    return before / WOK__REF == 1;
}

bool wok__state_is_complete(const struct wok__state *state)
{
    return (load_acquire(&state->word) & WOK__COMPLETE) != 0; /* [state.complete] */
}

bool wok__state_is_running(const struct wok__state *state)
{
    return (load_relaxed(&state->word) & WOK__RUNNING) != 0;
}

bool wok__state_is_notified(const struct wok__state *state)
{
    return (load_relaxed(&state->word) & WOK__NOTIFIED) != 0;
}

bool wok__state_is_cancelled(const struct wok__state *state)
{
    return (load_relaxed(&state->word) & WOK__CANCELLED) != 0;
}
