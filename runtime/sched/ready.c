/*
 * ready.c - what is ready to run on one worker, and in which order.
 *
 *   - the slot first, but at most 3 times in a row while others wait;
 *   - bound tasks and the ring by turns, so that neither starves the other;
 *   - new children of scopes, whose parents run them unless these do something else meanwhile, when
 *     there is nothing of the former, and the oldest at every 8th pick;
 *   - bound tasks that have yielded when there is nothing of the former.
 */
#include "sched/ready.h"

#include "task/task.h"

enum { CHILD_INTERVAL = 8, SLOT_RUN_MAX = 3 };

void wok__ready_bind(struct wok__ready *ready, struct wok_task *task)
{
    task->next = NULL;
    if (ready->bound_last != NULL)
        ready->bound_last->next = task;
    else
        ready->bound_first = task;
    ready->bound_last = task;
    ready->bound_length++;
}

void wok__ready_bind_yielded(struct wok__ready *ready, struct wok_task *task)
{
    task->next = NULL;
    if (ready->yielded_last != NULL)
        ready->yielded_last->next = task;
    else
        ready->yielded_first = task;
    ready->yielded_last = task;
    ready->bound_length++;
}

void wok__ready_release_yielded(struct wok__ready *ready)
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

static struct wok_task *take_slot(struct wok__ready *ready)
{
    if (load_relaxed(&ready->slot) == NULL)
        return NULL;
    return exchange_acq_rel(&ready->slot, NULL); /* [slot.task] */
}

static struct wok_task *take_bound(struct wok__ready *ready)
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
static struct wok_task *take_child(struct wok__ready *ready)
{
    return wok__deque_length(&ready->children) == 0 ? NULL : wok__deque_steal(&ready->children);
}

struct wok_task *wok__ready_next(struct wok__ready *ready)
{
    struct wok_task *task = ++ready->picks % CHILD_INTERVAL == 0 ? take_child(ready) : NULL;

    if (task != NULL)
        return task;
    if (ready->slot_run < SLOT_RUN_MAX) {
        task = take_slot(ready);
        if (task != NULL) {
            ready->slot_run++;
            return task;
        }
    }
    ready->slot_run = 0;
    ready->serve_bound = !ready->serve_bound;
    task = ready->serve_bound ? take_bound(ready) : wok__queue_take(&ready->queue);
    if (task == NULL)
        task = ready->serve_bound ? wok__queue_take(&ready->queue) : take_bound(ready);
    if (task == NULL)
        task = take_child(ready);
    if (task == NULL)
        task = take_slot(ready);
    if (task == NULL) {
        wok__ready_release_yielded(ready); /* the others have had their turn */
        task = take_bound(ready);
    }
    return task;
}
