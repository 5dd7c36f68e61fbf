/*
 * pool.h - threads for work that blocks.
 *
 * A pool belongs to a runtime: its first one, which every runtime has, or one that was made by name.
 * It is a heap object with counted references: the runtime's list holds one, and each task that was
 * made for the pool another, since an abort goes by way of its task to the pool, also when the pool
 * has ended.
 */
#ifndef WOK_BLOCKING_POOL_H
#define WOK_BLOCKING_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

#include "platform/atomic.h"
#include "platform/lock.h"

struct wok_runtime;
struct wok_task;
struct wok__parking; /* task/schedule.h */

enum { WOK__POOL_NAME_SIZE = 16 }; /* prctl(2), PR_SET_NAME */

struct wok__pool_settings {
    unsigned threads_max;
    size_t queue_max; /* calls that no thread is coming for, at most; 0: no limit */
    uint64_t keep_alive_ns;
    char name[WOK__POOL_NAME_SIZE];                                             /* of the threads */
    void (*on_thread_start)(void *argument), (*on_thread_stop)(void *argument); /* or NULL */
    void *argument;
};

struct wok_blocking_pool {
    struct wok_runtime *runtime;        /* constant, as the next one */
    struct wok__pool_settings settings; /* no field is a default */
    atomic_u32 refs;                    /* [pool.unref] */
    struct wok_blocking_pool *next;     /* the runtime's list; its lock */
    bool orphan;                        /* its owner has freed it; the list's lock */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* idle threads wait for wakes > 0 or closed */
    pthread_cond_t gone;  /* a shutdown waits for threads == 0 */
    struct wok_task *head, *tail;
    size_t queued;
    uint64_t completed, refused;
    unsigned threads, idle, wakes, starting, busy;
    unsigned parked;            /* busy ones that wait in one of wok's own waits, by turns */
    struct wok__parking *parks; /* of those */
    uint64_t news;              /* bumped by what makes a call run that did not: P5 */
    bool closed;                /* takes no calls any more */
    bool has_left;
    pthread_t left; /* the thread that left last; not joined yet */
};

/* Makes a pool without threads, with one reference; -ENOMEM.  A call runs with wok__here()->runtime
 * set to `runtime`. */
WOK_MUST_USE
int wok__pool_new(struct wok_blocking_pool **ret_pool, struct wok_runtime *runtime,
                  const struct wok__pool_settings *settings);

struct wok_blocking_pool *wok__pool_ref(struct wok_blocking_pool *pool);
/* The last reference: the pool was closed, and its threads have been joined. */
void wok__pool_unref(struct wok_blocking_pool *pool);

/*
 * Takes a blocking task and runs it with wok__task_run_blocking() as soon as a thread is free.
 *
 * On failure the task is the caller's to discard: -EAGAIN if no thread can be started and none exists,
 * or if as many calls wait as may; -ECANCELED if the pool is closed.
 */
WOK_MUST_USE
int wok__pool_submit(struct wok_blocking_pool *pool, struct wok_task *task);

/* True: the task was still queued, is unlinked, and is the caller's to discard.  False: it runs,
 * has run, or never was here.  Linear in the queue's length: nobody aborts queued work in a loop. */
WOK_MUST_USE
bool wok__pool_cancel(struct wok_blocking_pool *pool, struct wok_task *task);

/* From here on nothing is taken; what is queued is discarded, what has started runs on. */
void wok__pool_close(struct wok_blocking_pool *pool);

/* Waits until every thread of a closed pool has ended, or CLOCK_MONOTONIC shows `deadline_ns`
 * (UINT64_MAX: without a limit).  True: they have, and are joined. */
WOK_MUST_USE
bool wok__pool_wait(struct wok_blocking_pool *pool, uint64_t deadline_ns);

/* The thread of a call has suspended, and is parked unless it was claimed since; whoever has claimed it is
 * about to push it, and touches it no more once this has returned and it is pushed. */
void wok__pool_park(struct wok_blocking_pool *pool, struct wok__parking *parking);
void wok__pool_unpark(struct wok_blocking_pool *pool, struct wok__parking *parking);

/* Ends the waits of the calls that are parked: they return -ECANCELED, as do later ones.  How many. */
size_t wok__pool_end_waits(struct wok_blocking_pool *pool);

/* Shows all tasks that are queued, under the lock. */
void wok__pool_visit(struct wok_blocking_pool *pool,
                     void (*visit)(struct wok_task *task, void *argument), void *argument);

struct wok__pool_figures {
    unsigned threads, idle, busy; /* busy ones are inside a call; idle ones wait for work */
    size_t queued;
    uint64_t completed, refused;
    bool runs;           /* some call runs, or has a thread that is about to take it */
    uint64_t news;       /* as long as it is the same, what does not run does not begin to */
    bool closed, joined; /* joined: no thread is left, and each that was has been joined */
};
void wok__pool_figures(struct wok_blocking_pool *pool, struct wok__pool_figures *ret_figures);

/* ---- pools.c: the pools of a runtime --------------------------------------------------------- */

struct wok__pools {
    struct wok__lock lock;
    struct wok_blocking_pool *first; /* the lock; each has a reference */
    bool closed;                     /* the lock */
    struct wok_blocking_pool *main;  /* the one that needs no name; constant, and in the list */
};

/* Makes the first pool; -ENOMEM. */
WOK_MUST_USE
int wok__pools_init(struct wok__pools *pools, struct wok_runtime *runtime,
                    const struct wok__pool_settings *settings);

/* Closes every pool. */
void wok__pools_close(struct wok__pools *pools);

/* As wok__pool_wait, for all of them. */
WOK_MUST_USE
bool wok__pools_wait(struct wok__pools *pools, uint64_t deadline_ns);

/* Lets go of pools whose threads have ended; what was not even initialised is fine. */
void wok__pools_done(struct wok__pools *pools);

/* How many calls are queued or inside a thread, in all pools. */
size_t wok__pools_calls(struct wok__pools *pools);

/* True if some call runs, or is about to: it is not parked, and does not wait for a thread which is. */
bool wok__pools_run(struct wok__pools *pools);

/* As wok__pool_end_waits, for all of them. */
size_t wok__pools_end_waits(struct wok__pools *pools);

/* How many threads there are, in all pools. */
unsigned wok__pools_threads(struct wok__pools *pools);

/* As wok__pool_visit, for all of them. */
void wok__pools_visit(struct wok__pools *pools,
                      void (*visit)(struct wok_task *task, void *argument), void *argument);

/* ---- runtime.c ---------------------------------------------------------------------------- */

struct wok__pools *wok__runtime_pools(struct wok_runtime *runtime);

/* What a pool of this runtime begins with: the runtime's hooks. */
void wok__runtime_pool_settings(struct wok_runtime *runtime,
                                struct wok__pool_settings *ret_settings);

#endif
