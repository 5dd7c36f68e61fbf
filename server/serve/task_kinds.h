/*
 * task_kinds.h - tasks, counted by where they were spawned and what they do there.
 */
#ifndef WOK_SERVER_SERVE_TASK_KINDS_H
#define WOK_SERVER_SERVE_TASK_KINDS_H

#include <wok/metrics.h>

enum { WOK__TASK_KINDS_MAX = 64 };

/* Begins as zeros. */
struct wok__task_kinds {
    size_t count;
    size_t others; /* tasks for which there was no kind left */
    struct wok__task_kind {
        wok_task_info example; /* the one that has run for longest, or else the oldest */
        size_t tasks;
    } kinds[WOK__TASK_KINDS_MAX];
};

/* One more; fit for wok_runtime_tasks(), with the kinds as its argument. */
void wok__task_kinds_add(const wok_task_info *task, void *kinds);

/* Those with more tasks come first, then those whose example is older. */
void wok__task_kinds_sort(struct wok__task_kinds *kinds);

#endif
