/*
 * queue.h - a worker's local run queue: a ring of tasks that may move to another worker.
 */
#ifndef WOK_SCHED_QUEUE_H
#define WOK_SCHED_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/atomic.h"
#include "util/cacheline.h"

struct wok_task;

#ifndef WOK__QUEUE_CAPACITY
#define WOK__QUEUE_CAPACITY 256u
#endif

struct wok__queue {
    /* The steal head in the high half, the real head in the low half; equal unless a thief is
     * copying.  Thieves and the owner. */
    alignas(WOK__CACHE_LINE) atomic_u64 head;
    /* Written by the owner only. */
    alignas(WOK__CACHE_LINE) atomic_u32 tail;
    alignas(WOK__CACHE_LINE) atomic_of(struct wok_task *) slots[WOK__QUEUE_CAPACITY];
};

/* Owner: appends a task; false when the ring is full. */
bool wok__queue_push(struct wok__queue *queue, struct wok_task *task);

/* Owner: takes the oldest task, or NULL. */
struct wok_task *wok__queue_take(struct wok__queue *queue);

/* Owner: takes this task if it is the oldest; true if it did. */
bool wok__queue_take_if_next(struct wok__queue *queue, const struct wok_task *task);

/* Owner: takes the older half out of a full ring into `batch` (room for half the capacity), for the
 * injection queue; 0 when a thief is at work or it is not full any more: push again. */
size_t wok__queue_take_half(struct wok__queue *queue, struct wok_task **batch);

/* Another worker moves about half of the victim's tasks to its own ring, which must be at most
 * half full, and gets one to run; NULL when there is nothing to take. */
struct wok_task *wok__queue_steal(struct wok__queue *victim, struct wok__queue *own,
                                  uint32_t *ret_moved);

/* Shows all tasks while nobody pushes, takes or steals. */
void wok__queue_visit(const struct wok__queue *queue,
                      void (*visit)(struct wok_task *task, void *argument), void *argument);

/* Any thread: how many tasks there are about now. */
uint32_t wok__queue_length(const struct wok__queue *queue);

#endif
