/*
 * calls.c - calls of the blocking pools that take turns with the workers, if a test asks for it.
 *
 * A call is queued as always, and a thread comes for it as always; but then it waits until it is given
 * the turn.  The draw knows the calls from the moment they are queued, and lends the turn to the oldest
 * one, for which a thread is sure to come: pools are FIFO.  So when a call runs is a matter of the seed,
 * and not of how fast a thread starts.  The worker that lends its turn waits until it gets it back.
 *
 * A call that waits for something by one of wok's own functions gives the turn back, and goes on
 * outside of the turns: what it waits for may need one.  From then until its end no other call waits for
 * a turn either, since this one may occupy the thread that would come for it.
 *
 * Such a wait does not hold the paused clock, by turns or not: what it waits for may be a sleep.  The thread
 * suspends, and then its pool counts it as parked, unless somebody has claimed it by then; whoever claims it
 * takes it out of that count before it pushes the thread.  So there is no moment at which a call could go on
 * and is not counted as running, but between a claim and its push.  Who is there is a worker, whose turn is
 * not over; or another call, which runs; or a plain thread, which comes by real time anyway.  The turns ask
 * when no worker can go on (blocking/pools.c): so nobody but plain threads can wake a call at that moment, and
 * the clock passes none that runs.  A call that parks pokes the turns: it may have been all that held the clock.
 *
 * Invariants (the lock's)
 *   C1  a call that has not begun is in `waiting` from before it is queued until its turn, its discard,
 *       or a begin outside.
 *   C2  the turn is lent to the first of `waiting`, and only while no call runs outside.
 */
#include <limits.h>
#include <stdlib.h>

#include "platform/futex.h"
#include "sched/sched.h"
#include "sched/turns.h"
#include "task/context.h"

/* What wok__here.call says on a thread of a pool. */
enum { NO_TURN, HAS_TURN, OUTSIDE };

static struct wok__calls *calls_of(struct wok_runtime *runtime)
{
    return runtime->turns != NULL ? &runtime->turns->calls : NULL;
}

/* Something has changed that a thread which waits for a turn wants to know. */
static void tell(struct wok__calls *calls)
{
    fetch_add_release(&calls->news, 1); /* [calls.news] */
    wok__futex_wake(&calls->news, INT_MAX);
}

/* True: it was there.  Under the lock. */
static bool take_out(struct wok__calls *calls, const struct wok_task *task)
{
    for (size_t i = 0; i < calls->count; i++) {
        if (calls->waiting[i] != task)
            continue;
        calls->count--;
        for (; i < calls->count; i++)
            calls->waiting[i] = calls->waiting[i + 1];
        return true;
    }
    return false;
}

void wok__call_queued(struct wok_task *task)
{
    struct wok__calls *calls = calls_of(task->runtime);

    if (calls == NULL || load_relaxed(&calls->on) == 0)
        return;
    wok__lock_take(&calls->lock);
    if (calls->count == calls->capacity) {
        size_t capacity = calls->capacity == 0 ? 16 : calls->capacity * 2;
        struct wok_task **grown = realloc(calls->waiting, capacity * sizeof(struct wok_task *));
        if (grown == NULL)
            abort(); /* a test has run out of memory */
        calls->waiting = grown;
        calls->capacity = capacity;
    }
    calls->waiting[calls->count++] = task;
    wok__lock_give(&calls->lock);
    /* A thread outside: all workers may sleep, and the draw has to look again. */
    if (wok__here()->worker == NULL)
        wok__turns_poke(task->runtime->turns);
}

void wok__call_forget(struct wok_task *task)
{
    struct wok__calls *calls = calls_of(task->runtime);

    if (calls == NULL)
        return;
    wok__lock_take(&calls->lock);
    bool granted = calls->granted == task;
    if (granted)
        calls->granted = NULL; /* no thread has come for it yet, and none will */
    else
        (void)take_out(calls, task);
    wok__lock_give(&calls->lock);
    if (granted)
        wok__turns_give_back(task->runtime->turns, calls->lender);
}

bool wok__call_waits_for_turn(struct wok_task *task)
{
    struct wok__calls *calls = calls_of(task->runtime);
    bool waits = false;

    if (calls == NULL)
        return false;
    wok__lock_take(&calls->lock);
    for (size_t i = 0; i < calls->count; i++)
        waits |= calls->waiting[i] == task;
    wok__lock_give(&calls->lock);
    return waits;
}

/* True: the call may begin, in a turn of its own or outside, or never had to wait. */
static bool may_begin(struct wok__calls *calls, struct wok_task *task, uint32_t *ret_call)
{
    bool begins = true;

    wok__lock_take(&calls->lock);
    if (calls->granted == task) {
        calls->granted = NULL;
        *ret_call = HAS_TURN;
    } else if (calls->outside > 0 && take_out(calls, task)) {
        calls->outside++;
        *ret_call = OUTSIDE;
    } else {
        for (size_t i = 0; i < calls->count; i++)
            begins &= calls->waiting[i] != task;
    }
    wok__lock_give(&calls->lock);
    return begins;
}

bool wok__call_begin(struct wok_task *task)
{
    struct wok__calls *calls = calls_of(task->runtime);
    uint32_t news, call = NO_TURN;

    if (calls == NULL)
        return true;
    while (news = load_acquire(&calls->news), !may_begin(calls, task, &call)) /* [calls.news] */
        wok__futex_wait(&calls->news, news);
    wok__here()->call = call;
    return call == NO_TURN || !wok__state_is_cancelled(&task->state);
}

void wok__call_end(struct wok_runtime *runtime)
{
    struct wok__here *here = wok__here();
    uint32_t call = here->call;

    here->call = NO_TURN;
    if (call == HAS_TURN) {
        wok__turns_give_back(runtime->turns, runtime->turns->calls.lender);
    } else if (call == OUTSIDE) {
        wok__lock_take(&runtime->turns->calls.lock);
        runtime->turns->calls.outside--;
        wok__lock_give(&runtime->turns->calls.lock);
    }
}

void wok__call_waits(struct wok__parking *parking, bool alone)
{
    struct wok__here *here = wok__here();
    struct wok__turns *turns = here->in_call ? here->pool->runtime->turns : NULL;

    parking->pool = turns != NULL && !alone ? here->pool : NULL;
    if (here->call != HAS_TURN)
        return;
    wok__lock_take(&turns->calls.lock);
    turns->calls.outside++;
    wok__lock_give(&turns->calls.lock);
    here->call = OUTSIDE;
    tell(&turns->calls);
    wok__turns_give_back(turns, turns->calls.lender);
}

void wok__call_parks(struct wok__parking *parking)
{
    wok__pool_park(parking->pool, parking);
    wok__turns_poke(parking->pool->runtime->turns);
}

void wok__call_comes(struct wok__parking *parking)
{
    wok__pool_unpark(parking->pool, parking);
}

/* ---- for the draw -------------------------------------------------------------------------------- */

bool wok__calls_wait(struct wok__calls *calls)
{
    wok__lock_take(&calls->lock);
    bool wait = calls->count > 0 && calls->outside == 0;
    wok__lock_give(&calls->lock);
    return wait;
}

bool wok__calls_lend(struct wok__calls *calls, struct wok__worker *lender)
{
    struct wok_task *task = NULL;

    wok__lock_take(&calls->lock);
    if (calls->count > 0) {
        task = calls->waiting[0];
        (void)take_out(calls, task);
        wok__log_add(lender, WOK_TEST_CALL, task, 0); /* once it is granted, it may begin and end */
        calls->granted = task;
        calls->lender = lender->index;
    }
    wok__lock_give(&calls->lock);
    return task != NULL;
}

void wok__calls_tell(struct wok__calls *calls)
{
    tell(calls);
}

void wok__calls_done(struct wok__calls *calls)
{
    free(calls->waiting);
}
