/*
 * search.c - looking for work beyond the worker's own queues.
 *
 * In this order: the injection queue, half of another worker's ring (a random victim first), the oldest
 * of its new children, and, of a worker that is blocked (spare.c), everything that may move: its slot,
 * the events of its driver, its timers.
 */
#include "sched/sched.h"

static struct wok_task *from_injection(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;
    struct wok_task *tasks[64];
    /* A fair share, so that one worker does not take what the others were woken for. */
    size_t share = wok__inject_length(&runtime->inject) / runtime->worker_count + 1;
    size_t count;

    count = wok__inject_take(&runtime->inject, tasks,
                             share < WOK_COUNT(tasks) ? share : WOK_COUNT(tasks));
    for (size_t i = 1; i < count; i++)
        wok__worker_push(worker, tasks[i]);
    return count > 0 ? tasks[0] : NULL;
}

static struct wok_task *from_ring(struct wok__worker *worker, struct wok__worker *victim)
{
    uint32_t moved;
    struct wok_task *task = wok__queue_steal(&victim->ready.queue, &worker->ready.queue, &moved);

    if (task != NULL) {
        wok__count(&worker->counters.steals, 1);
        wok__count(&worker->counters.stolen_tasks, moved);
    }
    return task;
}

static struct wok_task *from_children(struct wok__worker *worker, struct wok__worker *victim)
{
    struct wok_task *task = NULL;

    if (wok__deque_length(&victim->ready.children) != 0)
        task = wok__deque_steal(&victim->ready.children);
    if (task != NULL) {
        wok__count(&worker->counters.steals, 1);
        wok__count(&worker->counters.stolen_tasks, 1);
    }
    return task;
}

/* What a blocked worker cannot do now: its events and timers wake tasks into our ring. */
static struct wok_task *from_stuck(struct wok__worker *worker, struct wok__worker *victim)
{
    uint64_t bit = UINT64_C(1) << victim->index;

    if ((load_relaxed(&worker->runtime->spares.blocked) & bit) == 0)
        return NULL;
    wok__assist(worker->runtime, wok__spares_blocked(worker->runtime) & bit);
    if (load_relaxed(&victim->ready.slot) != NULL)
        return exchange_acq_rel(&victim->ready.slot, NULL); /* [slot.task] */
    return wok__queue_take(&worker->ready.queue);
}

struct wok_task *wok__worker_search(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;
    struct wok_task *task = from_injection(worker);
    uint32_t count = wok__seats(&runtime->spares);

    if (task != NULL)
        return task;
    /* One worker alone searches as well: only a searcher looks again after it announced its sleep. */
    if (!worker->searching && !wok__idle_search(&runtime->idle))
        return NULL;
    worker->searching = true;
    uint32_t start = (uint32_t)wok__rand_below(&worker->victims, count);
    for (uint32_t i = 0; i < count && task == NULL; i++) {
        struct wok__worker *victim = runtime->workers[(start + i) % count];
        if (victim == worker)
            continue;
        task = from_ring(worker, victim);
        if (task == NULL)
            task = from_children(worker, victim);
        if (task == NULL)
            task = from_stuck(worker, victim);
    }
    return task != NULL ? task : from_injection(worker);
}

bool wok__worker_sees_work(const struct wok__worker *worker)
{
    const struct wok_runtime *runtime = worker->runtime;

    if (wok__inject_length(&runtime->inject) != 0)
        return true;
    uint32_t count = wok__seats(&runtime->spares);

    for (uint32_t i = 0; i < count; i++) {
        const struct wok__worker *victim = runtime->workers[i];
        if (victim != worker && wok__ready_stealable(&victim->ready) != 0)
            return true;
    }
    return false;
}
