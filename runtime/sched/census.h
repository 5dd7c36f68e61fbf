/*
 * census.h - the tasks that live, while others are spawned and end.
 */
#ifndef WOK_SCHED_CENSUS_H
#define WOK_SCHED_CENSUS_H

#include <wok/metrics.h>

#include "sched/sched.h"

/* Tasks, each with a reference: they may end meanwhile, but they stay. */
struct wok__census {
    size_t count, capacity;
    struct wok_task **tasks;
};

/* Any thread that holds no lock of the slab.  Without memory for it `tasks` is NULL. */
struct wok__census wok__census_take(struct wok_runtime *runtime);
void wok__census_done(struct wok__census *census);

/* What a task of it does. */
wok_task_info wok__task_info_of(struct wok_runtime *runtime, const struct wok_task *task);

#endif
