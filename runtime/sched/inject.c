/*
 * inject.c - the injection queue.
 *
 * A list of array segments under a lock.  Arrays and not links through the tasks: to walk a linked
 * list of a million tasks is a cache miss for each, under the lock, and took 44 % of a storm of
 * spawns.  Links are kept for the one case in which a segment cannot be allocated: a push that
 * fails would lose a task.
 */
#include "sched/inject.h"

#include <stdlib.h>

#include "task/task.h"

enum { SEGMENT_TASKS = 510 }; /* a segment of 4 KiB */

struct wok__segment {
    struct wok__segment *next;
    uint32_t head, tail;
    struct wok_task *tasks[SEGMENT_TASKS];
};

void wok__inject_done(struct wok__inject *inject)
{
    while (inject->first != NULL) {
        struct wok__segment *segment = inject->first;
        inject->first = segment->next;
        free(segment);
    }
    inject->last = NULL;
    free(WOK_TAKE(inject->spare));
}

/* The segment to fill; NULL: there is no memory. */
static struct wok__segment *segment_to_fill(struct wok__inject *inject)
{
    struct wok__segment *segment = inject->last;

    if (segment != NULL && segment->tail < SEGMENT_TASKS)
        return segment;
    segment = inject->spare != NULL ? WOK_TAKE(inject->spare) : malloc(sizeof *segment);
    if (segment == NULL)
        return NULL;
    segment->next = NULL;
    segment->head = segment->tail = 0;
    if (inject->last != NULL)
        inject->last->next = segment;
    else
        inject->first = segment;
    inject->last = segment;
    return segment;
}

static void push_one(struct wok__inject *inject, struct wok_task *task)
{
    struct wok__segment *segment = segment_to_fill(inject);

    if (segment != NULL) {
        segment->tasks[segment->tail++] = task;
        return;
    }
    task->next = NULL;
    if (inject->overflow_last != NULL)
        inject->overflow_last->next = task;
    else
        inject->overflow_first = task;
    inject->overflow_last = task;
}

void wok__inject_push(struct wok__inject *inject, struct wok_task *const *tasks, size_t count)
{
    wok__lock_take(&inject->lock);
    for (size_t i = 0; i < count; i++)
        push_one(inject, tasks[i]);
    store_relaxed(&inject->length, load_relaxed(&inject->length) + (uint32_t)count);
    wok__lock_give(&inject->lock);
}

static struct wok_task *take_one(struct wok__inject *inject)
{
    struct wok__segment *segment = inject->first;
    struct wok_task *task = inject->overflow_first;

    if (segment != NULL) {
        task = segment->tasks[segment->head++];
        if (segment->head == segment->tail) {
            inject->first = segment->next;
            if (inject->first == NULL)
                inject->last = NULL;
            free(inject->spare);
            inject->spare = segment;
        }
    } else if (task != NULL) {
        inject->overflow_first = task->next;
        if (task->next == NULL)
            inject->overflow_last = NULL;
    }
    return task;
}

size_t wok__inject_take(struct wok__inject *inject, struct wok_task **ret_tasks, size_t count)
{
    size_t taken = 0;

    if (wok__inject_length(inject) == 0)
        return 0;
    wok__lock_take(&inject->lock);
    while (taken < count && (ret_tasks[taken] = take_one(inject)) != NULL)
        taken++;
    store_relaxed(&inject->length, load_relaxed(&inject->length) - (uint32_t)taken);
    wok__lock_give(&inject->lock);
    return taken;
}

void wok__inject_visit(struct wok__inject *inject,
                       void (*visit)(struct wok_task *task, void *argument), void *argument)
{
    wok__lock_take(&inject->lock);
    for (struct wok__segment *segment = inject->first; segment != NULL; segment = segment->next)
        for (uint32_t i = segment->head; i < segment->tail; i++)
            visit(segment->tasks[i], argument);
    for (struct wok_task *task = inject->overflow_first; task != NULL; task = task->next)
        visit(task, argument);
    wok__lock_give(&inject->lock);
}
