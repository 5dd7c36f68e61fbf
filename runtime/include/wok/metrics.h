/*
 * metrics.h - the runtime's figures.
 *
 * Counts are exact when the runtime is quiet; while it runs they are read without stopping it, so
 * two of them may differ by what happened between the two reads.
 */
#ifndef WOK_METRICS_H
#define WOK_METRICS_H

#include <sys/types.h>

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

/** What a task does. */
typedef enum wok_task_state {
    WOK_TASK_RUNNING, /**< It is in a poll, or its call in a blocking pool has begun. */
    WOK_TASK_READY,   /**< It waits for a worker, or for a thread of its pool. */
    WOK_TASK_WAITING, /**< It waits for something else. */
} wok_task_state;

/** A task that lives. */
typedef struct wok_task_info {
    uint64_t id;
    char name[WOK_TASK_NAME_SIZE];
    const char *file; /**< Where it was spawned; static storage. */
    int line;
    wok_task_state state;
    bool blocking;        /**< A call in a blocking pool. */
    bool cancelled;       /**< It was asked to end, and has not. */
    wok_duration running; /**< For how long, within a millisecond; 0: it does not, or just began. */
} wok_task_info;

/**
 * Shows `visit` each task that lives, in no order, with what it was doing when it was looked at.
 *
 * Nothing is stopped: tasks are spawned and end meanwhile, and one of those may be shown or not.  No lock is
 * held while `visit` is called, but the memory of all these tasks is.  NULL is the calling thread's runtime.
 *
 * Errors:     how many were shown; -ENOMEM (it takes 8 bytes for each task); -EINVAL without a runtime.
 * Ownership:  `visit` borrows what it is shown.
 * Threads:    any, until the runtime is freed.
 * Cancel:     not a cancellation point; `visit` may be one.
 */
WOK_API
ssize_t wok_runtime_tasks(wok_runtime *runtime,
                          void (*visit)(const wok_task_info *task, void *argument), void *argument);

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
