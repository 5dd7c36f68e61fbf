/*
 * spare.c - who is blocked, and spare workers that stand in when all are.
 *
 * A worker is blocked while it is in a wok_block_in_place(), which says so at once, and while the
 * monitor finds it stuck in one poll.  What may move of such a worker, the others take: its ring, its
 * slot, its new children (search.c), its events and its timers (assist.c).  When there is no other, a
 * spare worker is called: a thread with a ring and a driver of its own, started at first need and used
 * again.  It is a worker as any other while it is active, but for this: descriptors and timers are never
 * its own, only those of the runtime's own workers, so that it leaves nothing behind when it goes.
 *
 * It goes when another worker can serve again, and hands over what lies in its queues; unless tasks
 * have started on its thread and have not ended: those are bound to it, and it stays as one worker more.
 * So it does for good once a task on it has spawned one that is bound to this worker: an end of that
 * would have to be told from all other ends, and a thread that sleeps costs less.
 *
 *            wok__spares_call                         wok__spare_leave
 *     SLEEPS ----------------> ACTIVE: in `active` -------------------> SLEEPS
 *
 * Invariants
 *   S1  `blocked` and `active` change under the lock, and the decision to call a spare, or to let one
 *       go, is made under the same lock.  So a spare that goes and a worker that blocks see each other:
 *       either the spare finds itself needed, or the worker finds nobody active and calls it back.
 *   S2  a spare that is not active has nothing in its queues, and no live task is bound to it.
 *   S3  seats are filled in their order, and a seat stays filled until the runtime is taken apart.
 *
 * Why the workers are not handed over as a whole, with driver and timers, to another thread: started
 * stackful tasks cannot follow, and everything that names a worker would have to follow it.  What the
 * spare cannot do, run the tasks that are bound to the blocked one, a hand-over could not do either.
 */
#include "sched/spare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/futex.h"
#include "platform/thread.h"
#include "sched/sched.h"
#include "task/context.h"

enum { SPARES = 8 }; /* by default */

static uint64_t bit_of(uint32_t seat)
{
    return UINT64_C(1) << seat;
}

static uint64_t own_workers(const struct wok_runtime *runtime)
{
    return bit_of(runtime->worker_count) - 1;
}

void wok__spares_init(struct wok_runtime *runtime)
{
    struct wok__spares *spares = &runtime->spares;
    uint32_t count = runtime->options.spare_workers_max;

    if (count == 0)
        count = SPARES;
    if (count == WOK_NO_SPARE_WORKERS || runtime->options.paused_clock)
        count = 0;
    if (count > WOK__SEATS_MAX - runtime->worker_count)
        count = WOK__SEATS_MAX - runtime->worker_count;
    spares->seats_max = runtime->worker_count + count;
    store_relaxed(&spares->seats, runtime->worker_count); /* no thread runs yet, as for the next */
    store_relaxed(&spares->active, own_workers(runtime));
}

void wok__spares_close(struct wok_runtime *runtime)
{
    wok__lock_take(&runtime->spares.lock);
    runtime->spares.closed = true;
    wok__lock_give(&runtime->spares.lock);
}

/* ---- calling one; under the lock --------------------------------------------------------------- */

static bool all_blocked(const struct wok__spares *spares)
{
    return (load_relaxed(&spares->active) & ~load_relaxed(&spares->role.blocked)) == 0;
}

static void activate(struct wok__spares *spares, uint32_t seat)
{
    store_relaxed(&spares->active, load_relaxed(&spares->active) | bit_of(seat));
}

/* Fills the next seat; false: there is none, or no memory, no descriptor or no thread for it. */
static bool start_spare(struct wok_runtime *runtime)
{
    struct wok__spares *spares = &runtime->spares;
    uint32_t seat = load_relaxed(&spares->seats);
    struct wok__worker *worker = NULL;
    char name[32];

    if (seat == spares->seats_max || wok__worker_new(runtime, seat) < 0)
        return false;
    worker = runtime->workers[seat];
    snprintf(name, sizeof name, "%.6s-spare-%u", runtime->thread_name,
             (unsigned)(seat - runtime->worker_count));
    if (wok__thread_start(&worker->thread, name, wok__worker_main, worker) < 0) {
        wok__worker_free(runtime, seat);
        return false;
    }
    worker->started = true;
    activate(spares, seat);
    wok__count(&spares->started, 1);
    store_release(&spares->seats, seat + 1); /* [spare.seat] */
    return true;
}

/* Wakes one that sleeps, or starts one; false: there is none. */
static bool call_spare(struct wok_runtime *runtime)
{
    struct wok__spares *spares = &runtime->spares;
    uint32_t seats = load_relaxed(&spares->seats);

    if (spares->closed)
        return false;
    for (uint32_t seat = runtime->worker_count; seat < seats; seat++) {
        if ((load_relaxed(&spares->active) & bit_of(seat)) != 0)
            continue;
        activate(spares, seat);
        store_release(&runtime->workers[seat]->called, 1); /* [spare.called] */
        wok__futex_wake(&runtime->workers[seat]->called, 1);
        return true;
    }
    return start_spare(runtime);
}

/* ---- blocked and back ---------------------------------------------------------------------------- */

/* A reason to be blocked came or went; under the lock. */
static void update(struct wok__worker *worker)
{
    struct wok__spares *spares = &worker->runtime->spares;
    uint64_t blocked = load_relaxed(&spares->role.blocked) & ~bit_of(worker->index);

    if (worker->in_place || load_relaxed(&worker->stuck) != 0)
        blocked |= bit_of(worker->index);
    store_relaxed(&spares->role.blocked, blocked);
}

/* The worker is back from a poll or a call.  Under the lock, which this gives.  Spare workers with nothing to
 * keep them are superfluous now: they look when they wake up. */
static void come_back(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;
    struct wok__spares *spares = &runtime->spares;
    uint64_t active;

    store_relaxed(&worker->stuck, 0);
    update(worker);
    active = load_relaxed(&spares->active) & ~own_workers(runtime);
    wok__lock_give(&spares->lock);
    for (; active != 0; active &= active - 1) {
        uint32_t seat = (uint32_t)__builtin_ctzll(active);
        if (load_relaxed(&runtime->workers[seat]->fibers) == 0)
            wok__worker_unpark(runtime, (int)seat);
    }
}

void wok__worker_block(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;
    struct wok__spares *spares = &runtime->spares;
    struct wok_task *task = NULL;
    bool alone;

    /* What would have run next: the others steal from the ring only.  [slot.task] */
    for (uint32_t i = 0; i < WOK__PRIORITIES; i++)
        if ((task = wok__ready_take_slot(&worker->ready[i])) != NULL)
            wok__worker_push(worker, task);

    wok__lock_take(&spares->lock);
    worker->in_place = true;
    update(worker);
    wok__count(&spares->calls, 1);
    alone = all_blocked(spares);
    if (alone && !call_spare(runtime))
        wok__count(&spares->refused, 1);
    wok__lock_give(&spares->lock);
    if (!alone)
        wok__assist_call(runtime);
}

void wok__worker_unblock(struct wok__worker *worker)
{
    wok__lock_take(&worker->runtime->spares.lock);
    worker->in_place = false;
    come_back(worker);
}

void wok__worker_mark_stuck(struct wok__worker *worker)
{
    wok__lock_take(&worker->runtime->spares.lock);
    store_relaxed(&worker->stuck, 1);
    update(worker);
    wok__lock_give(&worker->runtime->spares.lock);
    wok__assist_call(worker->runtime);
}

void wok__worker_clear_stuck(struct wok__worker *worker)
{
    wok__lock_take(&worker->runtime->spares.lock);
    come_back(worker);
}

uint64_t wok__spares_blocked(const struct wok_runtime *runtime)
{
    return load_relaxed(&runtime->spares.role.blocked) & own_workers(runtime);
}

bool wok__spares_are_needed(const struct wok_runtime *runtime)
{
    return all_blocked(&runtime->spares);
}

void wok__spares_call(struct wok_runtime *runtime)
{
    wok__lock_take(&runtime->spares.lock);
    if (all_blocked(&runtime->spares))
        (void)call_spare(runtime);
    wok__lock_give(&runtime->spares.lock);
}

void wok__worker_keep(struct wok__worker *worker)
{
    if (worker->kept)
        return;
    worker->kept = true;
    store_relaxed(&worker->fibers, load_relaxed(&worker->fibers) + 1); /* one that never ends */
}

/* ---- a spare's own part -------------------------------------------------------------------------- */

/* Others are there that can serve, and no task needs this thread in particular. */
static bool may_leave(const struct wok__worker *worker)
{
    const struct wok__spares *spares = &worker->runtime->spares;
    uint64_t others = load_relaxed(&spares->active) & ~bit_of(worker->index);

    return (others & ~load_relaxed(&spares->role.blocked)) != 0 &&
           load_relaxed(&worker->fibers) == 0;
}

static void inject_all(struct wok__ready *ready, struct wok__inject *inject)
{
    struct wok_task *batch[WOK__QUEUE_CAPACITY];
    size_t count = 0;
    struct wok_task *task;

    while ((task = wok__queue_take(&ready->queue)) != NULL)
        batch[count++] = task;
    if (count > 0)
        wok__inject_push(inject, batch, count);
    while ((task = wok__deque_steal(&ready->children)) != NULL)
        wok__inject_push(inject, &task, 1);
    if ((task = wok__ready_take_slot(ready)) != NULL)
        wok__inject_push(inject, &task, 1);
}

/* Gives all that is ready to run to whoever takes it. */
static void hand_over(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;

    for (uint32_t i = 0; i < WOK__PRIORITIES; i++)
        inject_all(&worker->ready[i], &runtime->inject[i]);
    if (wok__injected_any(runtime))
        wok__sched_notify(runtime);
}

/* Gives up what it may hold as a searcher; whoever is asleep then finds what it would have found. */
static void stop_searching(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;
    bool seen = wok__idle_sleep(&runtime->idle, worker->index, worker->searching) &&
                wok__worker_sees_work(worker);

    worker->searching = false;
    if (wok__idle_awake(&runtime->idle, worker->index))
        wok__worker_unpark(runtime, wok__idle_found(&runtime->idle));
    if (seen)
        wok__sched_notify(runtime);
}

bool wok__spare_leave(struct wok__worker *worker)
{
    struct wok__spares *spares = &worker->runtime->spares;
    bool leaves;

    if (!may_leave(worker))
        return false;
    wok__lock_take(&spares->lock);
    leaves = may_leave(worker); /* S1 */
    if (leaves)
        store_relaxed(&spares->active, load_relaxed(&spares->active) & ~bit_of(worker->index));
    wok__lock_give(&spares->lock);
    if (!leaves)
        return false;
    hand_over(worker);
    stop_searching(worker);
    if (wok__spares_blocked(worker->runtime) != 0)
        wok__assist_call(worker->runtime); /* it may have kept others from being woken for that */
    return true;
}

void wok__spare_wait(struct wok__worker *worker)
{
    while (load_acquire(&worker->called) == 0 && /* [spare.called] */
           load_relaxed(&worker->runtime->stopping) == 0)
        wok__futex_wait(&worker->called, 0);
    store_relaxed(&worker->called, 0); /* it is active: nobody else writes it */
    wok__monitor_wake_if_asleep(worker->runtime);
}
