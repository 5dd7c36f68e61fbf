/*
 * inject.h - the injection queue: tasks from outside the workers, and what a ring had no room for.
 */
#ifndef WOK_SCHED_INJECT_H
#define WOK_SCHED_INJECT_H

#include <stddef.h>
#include <stdint.h>

#include "platform/lock.h"
#include "util/cacheline.h"

struct wok_task;
struct wok__segment;

struct wok__inject {
    alignas(WOK__CACHE_LINE) struct wok__lock lock;
    struct wok__segment *first, *last; /* the lock; first is taken from, last is filled */
    struct wok__segment *spare;        /* the lock; one empty segment is kept */
    struct wok_task *overflow_first, *overflow_last; /* the lock; used when there is no memory */
    atomic_u32 length;                               /* written under the lock, read anywhere */
};

void wok__inject_done(struct wok__inject *inject);

/* Appends tasks, in order.  Any thread.  Never fails. */
void wok__inject_push(struct wok__inject *inject, struct wok_task *const *tasks, size_t count);

/* Takes up to `count` of the oldest tasks; how many.  Any thread. */
size_t wok__inject_take(struct wok__inject *inject, struct wok_task **ret_tasks, size_t count);

/* Shows all tasks, under the lock. */
void wok__inject_visit(struct wok__inject *inject,
                       void (*visit)(struct wok_task *task, void *argument), void *argument);

/* How many tasks there are about now. */
static inline uint32_t wok__inject_length(const struct wok__inject *inject)
{
    return load_relaxed(&inject->length);
}

#endif
