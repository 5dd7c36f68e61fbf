/*
 * search.c - looking for work beyond the worker's own queues.
 *
 * In this order: the injection queue, half of another worker's ring (a random victim first), the oldest
 * of its new children, and, of a worker that is blocked (spare.c), everything that may move: its slot,
 * the events of its driver, its timers.
 *
 * Of each place the most urgent priority first: who searches has nothing to do at all, and what it takes
 * goes into its own queues of the same priority, where the shares hold (worker.c).
 */
#include "sched/sched.h"

#include <assert.h>

/* The priorities that there are to look after, in the order of their urgency. */
static uint32_t by_urgency(uint32_t nth, uint32_t priorities)
{
    static const uint8_t order[] = {WOK__LATENCY, WOK__NORMAL, WOK__BACKGROUND};

    assert(nth < WOK_COUNT(order));
    return priorities == 1 ? WOK__NORMAL : order[nth];
}

struct wok_task *wok__worker_take_injected(struct wok__worker *worker, uint32_t priority)
{
    struct wok_runtime *runtime = worker->runtime;
    struct wok__inject *inject = &runtime->inject[priority];
    struct wok_task *tasks[64];
    /* A fair share, so that one worker does not take what the others were woken for. */
    size_t share = wok__inject_length(inject) / runtime->worker_count + 1;
    size_t count;

    count = wok__inject_take(inject, tasks, share < WOK_COUNT(tasks) ? share : WOK_COUNT(tasks));
    for (size_t i = 1; i < count; i++)
        wok__worker_push(worker, tasks[i]);
    return count > 0 ? tasks[0] : NULL;
}

static struct wok_task *from_injection(struct wok__worker *worker)
{
    uint32_t priorities = load_relaxed(&worker->runtime->priorities);
    struct wok_task *task = NULL;

    for (uint32_t i = 0; i < priorities && task == NULL; i++)
        task = wok__worker_take_injected(worker, by_urgency(i, priorities));
    return task;
}

static struct wok_task *from_ring(struct wok__worker *worker, struct wok__worker *victim,
                                  uint32_t priority)
{
    uint32_t moved;
    struct wok_task *task =
        wok__queue_steal(&victim->ready[priority].queue, &worker->ready[priority].queue, &moved);

    if (task != NULL) {
        wok__count(&worker->counters.steals, 1);
        wok__count(&worker->counters.stolen_tasks, moved);
    }
    return task;
}

static struct wok_task *from_children(struct wok__worker *worker, struct wok__worker *victim,
                                      uint32_t priority)
{
    struct wok__deque *children = &victim->ready[priority].children;
    struct wok_task *task = NULL;

    if (wok__deque_length(children) != 0)
        task = wok__deque_steal(children);
    if (task != NULL) {
        wok__count(&worker->counters.steals, 1);
        wok__count(&worker->counters.stolen_tasks, 1);
    }
    return task;
}

static struct wok_task *from_queues(struct wok__worker *worker, struct wok__worker *victim)
{
    uint32_t priorities = load_relaxed(&worker->runtime->priorities);
    struct wok_task *task = NULL;

    for (uint32_t i = 0; i < priorities && task == NULL; i++) {
        uint32_t priority = by_urgency(i, priorities);
        task = from_ring(worker, victim, priority);
        if (task == NULL)
            task = from_children(worker, victim, priority);
    }
    return task;
}

/* What a blocked worker cannot do now: its events and timers wake tasks into our rings, or the tasks that are
 * bound to this worker, which worker.c looks for afterwards. */
static struct wok_task *from_stuck(struct wok__worker *worker, struct wok__worker *victim)
{
    uint64_t bit = UINT64_C(1) << victim->index;
    uint32_t priorities = load_relaxed(&worker->runtime->priorities);
    struct wok_task *task = NULL;

    if ((load_relaxed(&worker->runtime->spares.role.blocked) & bit) == 0)
        return NULL;
    wok__assist(worker->runtime, wok__spares_blocked(worker->runtime) & bit);
    for (uint32_t i = 0; i < priorities && task == NULL; i++) {
        uint32_t priority = by_urgency(i, priorities);
        task = wok__ready_take_slot(&victim->ready[priority]);
        if (task == NULL)
            task = wok__queue_take(&worker->ready[priority].queue);
    }
    return task;
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
        task = from_queues(worker, victim);
        if (task == NULL)
            task = from_stuck(worker, victim);
    }
    return task != NULL ? task : from_injection(worker);
}

bool wok__worker_sees_work(const struct wok__worker *worker)
{
    const struct wok_runtime *runtime = worker->runtime;

    if (wok__injected_any(runtime))
        return true;
    uint32_t count = wok__seats(&runtime->spares);

    for (uint32_t i = 0; i < count; i++) {
        const struct wok__worker *victim = runtime->workers[i];
        if (victim != worker && wok__worker_stealable(victim) != 0)
            return true;
    }
    return false;
}
