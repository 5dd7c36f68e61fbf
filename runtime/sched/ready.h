/*
 * ready.h - what is ready to run on one worker with one priority, and in which order.
 *
 *   - the slot first, but at most 3 times in a row while others wait;
 *   - bound tasks and the ring by turns, so that neither starves the other;
 *   - new children of scopes, whose parents run them unless these do something else meanwhile, when
 *     there is nothing of the former, and the oldest at every 8th pick;
 *   - bound tasks that have yielded when there is nothing of the former.
 *
 * Inline, because all of it lies between one poll and the next.  The functions are the owner's but where
 * they say otherwise.
 */
#ifndef WOK_SCHED_READY_H
#define WOK_SCHED_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/atomic.h"
#include "sched/deque.h"
#include "sched/queue.h"
#include "task/task.h"
#include "util/cacheline.h"

/* What a comment does not say otherwise belongs to the worker's thread alone. */
struct wok__ready {
    struct wok__queue queue;    /* tasks that may move: the owner and thieves */
    struct wok__deque children; /* new children of scopes: the owner and thieves */
    /* The task that runs next; the owner, and a helper while the owner is stuck. */
    alignas(WOK__CACHE_LINE) atomic_of(struct wok_task *) slot;

    alignas(WOK__CACHE_LINE) struct wok_task *bound_first;
    struct wok_task *bound_last;                   /* bound tasks that are ready, oldest first */
    struct wok_task *yielded_first, *yielded_last; /* bound tasks that let the others run first */
    uint32_t bound_length;                         /* of both lists */
    uint32_t picks;                                /* for what is done once in so many */
    uint32_t slot_run;                             /* picks in a row that came from the slot */
    bool serve_bound; /* whose turn it is: the bound tasks' or the ring's */
    int32_t credit;   /* what it is owed of the worker's picks; worker.c */
};

enum { WOK__CHILD_INTERVAL = 8, WOK__SLOT_RUN_MAX = 3 };

/* Adds a bound task at the end. */
static inline void wok__ready_bind(struct wok__ready *ready, struct wok_task *task)
{
    task->next = NULL;
    if (ready->bound_last != NULL)
        ready->bound_last->next = task;
    else
        ready->bound_first = task;
    ready->bound_last = task;
    ready->bound_length++;
}

/* Adds a bound task behind everything that is ready now, the ring included. */
static inline void wok__ready_bind_yielded(struct wok__ready *ready, struct wok_task *task)
{
    task->next = NULL;
    if (ready->yielded_last != NULL)
        ready->yielded_last->next = task;
    else
        ready->yielded_first = task;
    ready->yielded_last = task;
    ready->bound_length++;
}

/* Lets the tasks that have yielded come after the bound ones. */
static inline void wok__ready_release_yielded(struct wok__ready *ready)
{
    if (ready->yielded_first == NULL)
        return;
    if (ready->bound_last != NULL)
        ready->bound_last->next = ready->yielded_first;
    else
        ready->bound_first = ready->yielded_first;
    ready->bound_last = ready->yielded_last;
    ready->yielded_first = ready->yielded_last = NULL;
}

/* Puts a task into the slot; gives the one that was there, or NULL.  Only the owner puts one: an empty
 * slot stays so until then, and is filled without a read-modify-write. */
static inline struct wok_task *wok__ready_put_slot(struct wok__ready *ready, struct wok_task *task)
{
    if (load_relaxed(&ready->slot) != NULL)
        return exchange_acq_rel(&ready->slot,
                                task); /* [slot.task] for the helper of a stuck worker */
    store_release(&ready->slot, task); /* [slot.task] */
    return NULL;
}

/* Also for the helper of a worker that is blocked. */
static inline struct wok_task *wok__ready_take_slot(struct wok__ready *ready)
{
    if (load_relaxed(&ready->slot) == NULL)
        return NULL;
    return exchange_acq_rel(&ready->slot, NULL); /* [slot.task] */
}

static inline struct wok_task *wok__ready_take_bound(struct wok__ready *ready)
{
    struct wok_task *task = ready->bound_first;

    if (task == NULL)
        return NULL;
    ready->bound_first = task->next;
    if (task->next == NULL)
        ready->bound_last = NULL;
    ready->bound_length--;
    return task;
}

/* The oldest of the new children: the newest are for their parents, and none must wait for ever. */
static inline struct wok_task *wok__ready_take_child(struct wok__ready *ready)
{
    return wok__deque_length(&ready->children) == 0 ? NULL : wok__deque_steal(&ready->children);
}

/* The next task, or NULL. */
static inline __attribute__((always_inline)) struct wok_task *wok__ready_next(
    struct wok__ready *ready)
{
    struct wok_task *task =
        ++ready->picks % WOK__CHILD_INTERVAL == 0 ? wok__ready_take_child(ready) : NULL;

    if (task != NULL)
        return task;
    if (ready->slot_run < WOK__SLOT_RUN_MAX) {
        task = wok__ready_take_slot(ready);
        if (task != NULL) {
            ready->slot_run++;
            return task;
        }
    }
    ready->slot_run = 0;
    ready->serve_bound = !ready->serve_bound;
    task = ready->serve_bound ? wok__ready_take_bound(ready) : wok__queue_take(&ready->queue);
    if (task == NULL)
        task = ready->serve_bound ? wok__queue_take(&ready->queue) : wok__ready_take_bound(ready);
    if (task == NULL)
        task = wok__ready_take_child(ready);
    if (task == NULL)
        task = wok__ready_take_slot(ready);
    if (task == NULL) {
        wok__ready_release_yielded(ready); /* the others have had their turn */
        task = wok__ready_take_bound(ready);
    }
    return task;
}

/* How many tasks there are about now that a thief could take; any thread. */
static inline uint32_t wok__ready_stealable(const struct wok__ready *ready)
{
    return wok__queue_length(&ready->queue) + wok__deque_length(&ready->children);
}

/* Is there a next task? */
static inline bool wok__ready_any(const struct wok__ready *ready)
{
    return load_relaxed(&ready->slot) != NULL || ready->bound_length != 0 ||
           wok__ready_stealable(ready) != 0;
}

#endif
