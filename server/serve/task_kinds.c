/*
 * task_kinds.c - tasks, counted by where they were spawned and what they do there.
 */
#include "serve/task_kinds.h"

#include <stdlib.h>
#include <string.h>

static bool is_like(const wok_task_info *one, const wok_task_info *other)
{
    return one->line == other->line && one->state == other->state &&
           one->cancelled == other->cancelled && strcmp(one->file, other->file) == 0 &&
           strcmp(one->name, other->name) == 0;
}

static bool says_more(const wok_task_info *one, const wok_task_info *other)
{
    if (one->running.ns != other->running.ns)
        return one->running.ns > other->running.ns;
    return one->id < other->id;
}

void wok__task_kinds_add(const wok_task_info *task, void *kinds)
{
    struct wok__task_kinds *all = kinds;
    size_t i = 0;

    while (i < all->count && !is_like(&all->kinds[i].example, task))
        i++;
    if (i == WOK__TASK_KINDS_MAX) {
        all->others++;
        return;
    }
    if (i == all->count)
        all->kinds[all->count++].example = *task;
    else if (says_more(task, &all->kinds[i].example))
        all->kinds[i].example = *task;
    all->kinds[i].tasks++;
}

static int more_first(const void *one, const void *other)
{
    const struct wok__task_kind *left = one, *right = other;

    if (left->tasks != right->tasks)
        return left->tasks > right->tasks ? -1 : 1;
    return (left->example.id > right->example.id) - (left->example.id < right->example.id);
}

void wok__task_kinds_sort(struct wok__task_kinds *kinds)
{
    qsort(kinds->kinds, kinds->count, sizeof kinds->kinds[0], more_first);
}
