/*
 * trim.c - memory goes back to the kernel from workers that do little.
 *
 * Each interval (wok_runtime_options.trim_interval) a worker that is about to park gives back what its caches of objects and
 * stacks did not need since the last one.  A worker that sleeps wakes up for that, WOK__TRIMS times after its
 * last poll, and then no more.
 *
 * The heap is another matter: malloc_trim() walks all of it under its locks, and frees pages anywhere in
 * it.  So it comes more rarely, each HEAP_INTERVALS of them, and only where it costs nobody much: the last interval was
 * spent asleep but for an eighth, and a walk takes less than a hundredth of the time from one to the next.
 * Not silence is asked for: a server that is probed every few seconds has none, and would keep the heap of
 * its busiest second for ever.  Without a poll since the last walk there is nothing new to free.
 */
#include "sched/trim.h"

#include <malloc.h>

#include "sched/sched.h"

enum { HEAP_INTERVALS = 6 };
_Static_assert((int)HEAP_INTERVALS < (int)WOK__TRIMS,
               "a worker that falls asleep is awake once more when it is due");

static uint64_t interval_ns(const struct wok__worker *worker)
{
    return worker->runtime->options.trim_interval.ns;
}

/* Since the last interval, which began `spent_ns` ago. */
static bool was_quiet(const struct wok__worker *worker, uint64_t spent_ns)
{
    const struct wok__trim *trim = &worker->trim;

    if (load_relaxed(&worker->counters.polls) == trim->polls)
        return true;
    return load_relaxed(&worker->counters.busy_ns) - trim->busy_ns < spent_ns / 8 &&
           trim->heap_cost_ns < (worker->now_ns - trim->heap_ns) / 100;
}

/* One walk at a time in the process.  Two are of no use; and where the heap is not glibc's (a sanitizer's, or one
 * that is preloaded), the first walk sets up an arena which a second one reads half made. */
static atomic_u32 walking;

static void trim_heap(struct wok__worker *worker)
{
    struct wok__trim *trim = &worker->trim;

    if (exchange_acquire(&walking, 1) != 0) /* [trim.walk] */
        return;                             /* there is another interval */
    trim->heap_polls = load_relaxed(&worker->counters.polls);
    malloc_trim(0);
    store_release(&walking, 0); /* [trim.walk] */
    trim->heap_ns = wok__clock_now(&worker->runtime->clock);
    trim->heap_cost_ns = trim->heap_ns - worker->now_ns;
}

void wok__worker_trim_init(struct wok__worker *worker)
{
    worker->trim.last_ns = worker->trim.heap_ns = worker->now_ns;
}

bool wok__worker_trim(struct wok__worker *worker)
{
    struct wok__trim *trim = &worker->trim;
    uint64_t spent_ns = worker->now_ns - trim->last_ns;

    if (spent_ns < interval_ns(worker))
        return false;
    bool heap = load_relaxed(&worker->counters.polls) != trim->heap_polls &&
                (worker->now_ns - trim->heap_ns) / HEAP_INTERVALS >= interval_ns(worker) &&
                was_quiet(worker, spent_ns);
    trim->last_ns = worker->now_ns;
    trim->polls = load_relaxed(&worker->counters.polls);
    trim->busy_ns = load_relaxed(&worker->counters.busy_ns);
    if (trim->left > 0)
        trim->left--;
    wok__slab_cache_trim(&worker->memory);
    wok__stack_cache_trim(&worker->stacks);
    wok__slab_trim(&worker->runtime->slab);
    if (heap)
        trim_heap(worker);
    return heap;
}

uint64_t wok__worker_trims_next(const struct wok__worker *worker, uint64_t deadline_ns)
{
    uint64_t now_ns = worker->now_ns;

    if (worker->trim.left == 0 || deadline_ns <= now_ns ||
        deadline_ns - now_ns <= interval_ns(worker))
        return deadline_ns;
    return now_ns + interval_ns(worker);
}
