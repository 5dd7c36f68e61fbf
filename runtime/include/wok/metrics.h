/*
 * metrics.h - the runtime's figures.
 *
 * Counts are exact when the runtime is quiet; while it runs they are read without stopping it, so
 * two of them may differ by what happened between the two reads.
 */
#ifndef WOK_METRICS_H
#define WOK_METRICS_H

#include <wok/base.h>
#include <wok/blocking.h>
#include <wok/task.h>

WOK_BEGIN_DECLS

/** One worker's figures since the start. */
typedef struct wok_worker_metrics {
    uint64_t polls, parks, steals, stolen_tasks, overflows;
    uint64_t busy_ns; /* time not spent parked; read once per turn */
    uint64_t timers_fired, driver_turns, io_events, inbox_wakes;
    uint32_t queue_depth; /* tasks that may move: ring, slot, new children of scopes */
    uint32_t timers;      /* in this worker's wheel */
    uint32_t descriptors; /* registered with this worker's driver */
} wok_worker_metrics;

/** The whole runtime's figures. */
typedef struct wok_runtime_metrics {
    unsigned workers;
    unsigned spare_workers;    /* started so far, beside those */
    unsigned active_workers;   /* of both, those that run tasks now */
    unsigned blocked_workers;  /* of those, inside one poll for long or in wok_block_in_place() */
    uint64_t blocked_in_place; /* calls of wok_block_in_place() */
    uint64_t spares_refused; /* of them, those for which there was no spare worker and none free */
    uint64_t live, spawned, completed, panicked, aborted;
    uint64_t refused_waits; /* calls that would have blocked a worker: -EDEADLK */
    uint32_t injection_depth;
    uint32_t blocking_threads, blocking_idle, blocking_queued;
    uint64_t blocking_completed, blocking_refused; /* of the runtime's own pool */
    size_t task_bytes;                             /* memory of task blocks, free ones included */
    size_t stack_bytes; /* memory of stacks: address space, touched or not */
    size_t stacks_in_use, stacks_cached;
    const char *driver; /* "epoll", "sim" */
    const char *clock;  /* "monotonic", "paused" */
} wok_runtime_metrics;

/**
 * Reads the figures of a runtime; NULL is the calling thread's, and without one all are 0.
 *
 * Ownership:  the strings in it have static storage.
 * Threads:    any, until the runtime is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_runtime_metrics_get(const wok_runtime *runtime, wok_runtime_metrics *ret_metrics);

/**
 * Reads one worker's figures; false, and nothing is written, if there is no such worker.  A runtime of NULL
 * is the calling thread's.
 *
 * Threads:    any, until the runtime is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_worker_metrics_get(const wok_runtime *runtime, unsigned worker,
                            wok_worker_metrics *ret_metrics);

/** One blocking pool's figures. */
typedef struct wok_blocking_pool_metrics {
    char name[16];
    unsigned threads, idle, busy, threads_max; /* busy: inside a call */
    size_t queued, queue_max;                  /* queue_max 0: no limit */
    uint64_t completed;                        /* calls that have returned */
    uint64_t refused;                          /* calls that were not taken: -EAGAIN */
} wok_blocking_pool_metrics;

/**
 * Reads a pool's figures; NULL is the own pool of the calling thread's runtime.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_blocking_pool_metrics_get(const wok_blocking_pool *pool,
                                   wok_blocking_pool_metrics *ret_metrics);

/**
 * Reads the figures of the runtime's pools one by one: 0 is its own, the others follow in the order in
 * which they were made.  False: there are not so many.  NULL is the calling thread's runtime.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_blocking_pool_metrics_nth(const wok_runtime *runtime, size_t index,
                                   wok_blocking_pool_metrics *ret_metrics);

WOK_END_DECLS

#endif
