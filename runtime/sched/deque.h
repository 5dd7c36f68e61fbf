/*
 * deque.h - a worker's new children: the newest first for their parent, the oldest first for others.
 */
#ifndef WOK_SCHED_DEQUE_H
#define WOK_SCHED_DEQUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/atomic.h"
#include "util/cacheline.h"

struct wok_task;

#ifndef WOK__DEQUE_CAPACITY
#define WOK__DEQUE_CAPACITY 512u
#endif

struct wok__deque {
    /* The oldest; thieves, and the owner when it takes the last one.  Both counters wrap. */
    alignas(WOK__CACHE_LINE) atomic_u64 top;
    /* One past the newest; written by the owner only. */
    alignas(WOK__CACHE_LINE) atomic_u64 bottom;
    alignas(WOK__CACHE_LINE) atomic_of(struct wok_task *) slots[WOK__DEQUE_CAPACITY];
};

/* Owner: adds a task; false when the deque is full. */
bool wok__deque_push(struct wok__deque *deque, struct wok_task *task);

/* Owner: takes the newest task, or NULL. */
struct wok_task *wok__deque_take(struct wok__deque *deque);

/* Any worker, the owner included: takes the oldest task; NULL: there is none, or another was faster. */
struct wok_task *wok__deque_steal(struct wok__deque *deque);

/* Shows all tasks while nobody pushes, takes or steals. */
void wok__deque_visit(const struct wok__deque *deque,
                      void (*visit)(struct wok_task *task, void *argument), void *argument);

/* Any thread: how many tasks there are about now. */
uint32_t wok__deque_length(const struct wok__deque *deque);

#endif
