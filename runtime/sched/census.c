/*
 * census.c - the tasks that live, while others are spawned and end.
 *
 * The slab knows every block, and a block's state word whether there is a task in it.  They are collected
 * under the slab's locks and looked at after them.
 */
#include "sched/census.h"

#include <assert.h>
#include <stdlib.h>

static void note(void *object, void *argument)
{
    struct wok_task *task = object;
    struct wok__census *census = argument;

    if (census->count < census->capacity && wok__state_try_ref(&task->state))
        census->tasks[census->count++] = task;
}

void wok__census_done(struct wok__census *census)
{
    for (size_t i = 0; i < census->count; i++)
        wok__task_unref(census->tasks[i]);
    free(census->tasks);
    census->tasks = NULL;
    census->count = census->capacity = 0;
}

struct wok__census wok__census_take(struct wok_runtime *runtime)
{
    struct wok__census census = {.capacity = (size_t)wok__runtime_live(runtime) + 16};

    for (;;) {
        census.tasks = calloc(census.capacity, sizeof(struct wok_task *));
        if (census.tasks == NULL)
            return (struct wok__census){0};
        wok__slab_for_each(&runtime->slab, note, &census);
        if (census.count < census.capacity)
            return census;
        size_t more = census.capacity * 2;
        assert(more > census.capacity); /* there is no memory for so many */
        wok__census_done(&census);
        census.capacity = more;
    }
}

/* ---- what a task does ---------------------------------------------------------------------------- */

/* Since when the task runs, on CLOCK_MONOTONIC; 0: it does not, or nobody knows. */
static uint64_t running_since(struct wok_runtime *runtime, const struct wok_task *task)
{
    if (!wok__state_is_running(&task->state))
        return 0;
    if (task->kind == WOK__TASK_BLOCKING)
        return load_relaxed(&task->started_ns);
    uint32_t seats = wok__seats(&runtime->spares);
    for (uint32_t i = 0; i < seats; i++) {
        const struct wok__worker *worker = runtime->workers[i];
        if (load_relaxed(&worker->current) == task)
            return load_relaxed(&worker->standing_since);
    }
    return 0;
}

/* Also where the clock of the tasks is paused. */
static wok_duration since(uint64_t then_ns)
{
    struct wok__clock real;
    uint64_t now_ns;

    if (then_ns == 0)
        return wok_ns(0);
    wok__clock_init(&real, false);
    now_ns = wok__clock_now(&real);
    return wok_ns(now_ns > then_ns ? now_ns - then_ns : 0);
}

static wok_task_state state_of(const struct wok_task *task)
{
    if (wok__state_is_running(&task->state))
        return WOK_TASK_RUNNING;
    if (wok__state_is_notified(&task->state) || task->kind == WOK__TASK_BLOCKING)
        return WOK_TASK_READY;
    return WOK_TASK_WAITING;
}

wok_task_info wok__task_info_of(struct wok_runtime *runtime, const struct wok_task *task)
{
    const wok_spawn_site *site = wok__task_site(task);
    wok_task_info info = {
        .id = task->id,
        .file = site->file,
        .line = site->line,
        .state = state_of(task),
        .blocking = task->kind == WOK__TASK_BLOCKING,
        .cancelled = wok__state_is_cancelled(&task->state),
        .running = since(running_since(runtime, task)),
    };

    wok__task_name_copy(info.name, task);
    return info;
}
