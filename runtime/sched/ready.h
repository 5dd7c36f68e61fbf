/*
 * ready.h - what is ready to run on one worker.
 */
#ifndef WOK_SCHED_READY_H
#define WOK_SCHED_READY_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/atomic.h"
#include "sched/deque.h"
#include "sched/queue.h"
#include "util/cacheline.h"

struct wok_task;

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
};

/* Owner: adds a bound task at the end. */
void wok__ready_bind(struct wok__ready *ready, struct wok_task *task);

/* Owner: adds a bound task behind everything that is ready now, the ring included. */
void wok__ready_bind_yielded(struct wok__ready *ready, struct wok_task *task);

/* Owner: lets the tasks that have yielded come after the bound ones. */
void wok__ready_release_yielded(struct wok__ready *ready);

/* Owner: takes the next task, or NULL. */
struct wok_task *wok__ready_next(struct wok__ready *ready);

/* Any thread: how many tasks there are about now that a thief could take. */
static inline uint32_t wok__ready_stealable(const struct wok__ready *ready)
{
    return wok__queue_length(&ready->queue) + wok__deque_length(&ready->children);
}

#endif
