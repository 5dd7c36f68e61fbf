/*
 * metrics.c - the runtime's figures, summed from what each worker counts.
 *
 * Nothing is stopped for a read: each counter has one writer, and a reader that sees some of them
 * later than others is told so by metrics.h.
 */
#include <wok/metrics.h>

#include "sched/sched.h"

static uint64_t ended(const struct wok_runtime *runtime, int outcome)
{
    uint64_t sum = load_relaxed(&runtime->ended_outside[outcome]);

    uint32_t seats = wok__seats(&runtime->spares);
    for (uint32_t i = 0; i < seats; i++)
        sum += load_relaxed(&runtime->workers[i]->counters.ended[outcome]);
    return sum;
}

static uint64_t spawned(const struct wok_runtime *runtime)
{
    uint64_t sum = load_relaxed(&runtime->spawned_outside);

    uint32_t seats = wok__seats(&runtime->spares);
    for (uint32_t i = 0; i < seats; i++)
        sum += load_relaxed(&runtime->workers[i]->counters.spawned);
    return sum;
}

uint64_t wok__runtime_live(const struct wok_runtime *runtime)
{
    uint64_t all_ended = 0, all_spawned;

    /* The ends first: a task that is spawned and ends between the sums counts as live, not as -1. */
    for (int outcome = 0; outcome <= WOK_NOT_STARTED; outcome++)
        all_ended += ended(runtime, outcome);
    all_spawned = spawned(runtime);
    return all_spawned > all_ended ? all_spawned - all_ended : 0;
}

/* Tasks in the injection queues, and those with a worker that may move. */
static uint32_t injected(const struct wok_runtime *runtime)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < WOK_COUNT(runtime->inject); i++)
        sum += wok__inject_length(&runtime->inject[i]);
    return sum;
}

static uint32_t queued(const struct wok__worker *worker)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < WOK_COUNT(worker->ready); i++)
        sum += wok__ready_stealable(&worker->ready[i]) +
               (load_relaxed(&worker->ready[i].slot) != NULL ? 1 : 0);
    return sum;
}

void wok_runtime_metrics_get(const wok_runtime *runtime, wok_runtime_metrics *ret_metrics)
{
    struct wok__pool_figures pool;
    struct wok__slab_figures slab;
    struct wok__stack_figures stacks;

    *ret_metrics = (wok_runtime_metrics){.driver = "", .clock = ""};
    if (runtime == NULL)
        runtime = wok_runtime_current();
    if (runtime == NULL)
        return;
    wok__pool_figures(runtime->pools.main, &pool);
    wok__slab_figures(&runtime->slab, &slab);
    wok__stack_figures(&stacks);
    *ret_metrics = (wok_runtime_metrics){
        .workers = runtime->worker_count,
        .spare_workers = wok__seats(&runtime->spares) - runtime->worker_count,
        .active_workers = (unsigned)__builtin_popcountll(load_relaxed(&runtime->spares.active)),
        .blocked_workers =
            (unsigned)__builtin_popcountll(load_relaxed(&runtime->spares.role.blocked)),
        .blocked_in_place = load_relaxed(&runtime->spares.calls),
        .spares_refused = load_relaxed(&runtime->spares.refused),
        .live = wok__runtime_live(runtime),
        .spawned = spawned(runtime),
        .completed = ended(runtime, WOK_RETURNED) + ended(runtime, WOK_FAILED),
        .panicked = ended(runtime, WOK_PANICKED),
        .aborted = ended(runtime, WOK_CANCELLED),
        .refused_waits = load_relaxed(&runtime->refused_waits),
        .injection_depth = injected(runtime),
        .blocking_threads = pool.threads,
        .blocking_idle = pool.idle,
        .blocking_queued = (uint32_t)pool.queued,
        .blocking_completed = pool.completed,
        .blocking_refused = pool.refused,
        .task_bytes = slab.chunk_bytes,
        .stack_bytes = stacks.mapped_bytes,
        .stacks_in_use = stacks.in_use,
        .stacks_cached = stacks.cached,
        .driver = runtime->options.simulated_network ? "sim" : "epoll",
        .clock = runtime->options.paused_clock ? "paused" : "monotonic",
    };
}

bool wok_worker_metrics_get(const wok_runtime *runtime, unsigned index,
                            wok_worker_metrics *ret_metrics)
{
    struct wok__worker *worker;
    const struct wok__counters *counters;

    if (runtime == NULL)
        runtime = wok_runtime_current();
    if (runtime == NULL || index >= wok__seats(&runtime->spares))
        return false;
    worker = runtime->workers[index];
    counters = &worker->counters;
    *ret_metrics = (wok_worker_metrics){
        .polls = load_relaxed(&counters->polls),
        .parks = load_relaxed(&counters->parks),
        .steals = load_relaxed(&counters->steals),
        .stolen_tasks = load_relaxed(&counters->stolen_tasks),
        .overflows = load_relaxed(&counters->overflows),
        .busy_ns = load_relaxed(&counters->busy_ns),
        .timers_fired = load_relaxed(&counters->timers_fired),
        .driver_turns = load_relaxed(&counters->driver_turns),
        .io_events = load_relaxed(&counters->io_events),
        .inbox_wakes = load_relaxed(&counters->inbox_wakes),
        .queue_depth = queued(worker),
        .timers = (uint32_t)wok__timers_count(&worker->timers),
        .descriptors = wok__driver_load(&worker->driver),
    };
    return true;
}
