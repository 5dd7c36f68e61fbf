/*
 * context.h - where the calling thread is: which runtime, worker, task and fiber.
 */
#ifndef WOK_TASK_CONTEXT_H
#define WOK_TASK_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/atomic.h"
#include "platform/context.h"

struct wok_runtime;
struct wok_task;
struct wok__worker;
struct wok__fiber;
struct wok_blocking_pool;
struct wok__guard;
struct wok_local_frame;

/* What surrounds the code that runs: it goes with the task, not with the thread.  It is copied at each
 * switch, in one piece that must not lie across two cache lines. */
struct wok__ambient {
    _Alignas(16) uint64_t deadline_ns; /* the nearest deadline that covers it; 0: none */
    uint32_t shields;                  /* blocks that hide a cancellation */
    uint16_t in_place;      /* wok_block_in_place() on a paused clock, where the worker stays one */
    uint16_t unconstrained; /* blocks without a budget */
};

/* One per thread, touched by that thread only. */
struct wok__here {
    struct wok_runtime *runtime;    /* NULL on a thread that has none */
    struct wok__worker *worker;     /* NULL on a thread that is no worker */
    struct wok_task *task;          /* the task being polled, or NULL */
    struct wok__fiber *fiber;       /* the fiber whose stack this is, or NULL */
    struct wok__guard *guard;       /* where a panic of the task being polled stops */
    struct wok__ambient ambient;    /* of the task, or of a plain thread */
    uint32_t budget;                /* operations left to this poll */
    struct wok_local_frame *locals; /* of a plain thread, or of a stackless task's poll; local.c */
    struct wok_task *calling;       /* the task of the blocking call that runs here, or NULL */
    uint32_t blocking;              /* 1 on a thread of a blocking pool, and in a block in place */
    uint32_t call;                  /* what its call has of the turns; sched/calls.c */
    struct wok_blocking_pool *pool; /* that thread's pool, or NULL */
    bool in_call;                   /* a call of that pool runs here, or is dropped */
    bool yields;                    /* the task being polled has woken itself to let others run */
    bool telling;                   /* the runtime's panic callback runs: its panics are not told */
    struct wok__context thread;     /* the worker's own stack while a fiber runs */
};

#ifdef WOK_MODEL
struct wok__here *wok__here(void); /* the checker's threads are none of the compiler's */
#else
extern _Thread_local struct wok__here wok__here_of_thread;

/* The calling thread's place.  The address may be kept: a fiber never changes threads, and what does
 * change them, a stackless task, does so between its polls. */
static inline struct wok__here *wok__here(void)
{
    return &wok__here_of_thread;
}
#endif

/* 1 in a child that was forked while a runtime lived: its threads are not there; fork.c. */
extern atomic_u32 wok__forked;

static inline bool wok__is_forked(void)
{
    return __builtin_expect(load_relaxed(&wok__forked) != 0, 0);
}

/* Such a child must not go on as a worker or as a pool's thread: aborts the process. */
__attribute__((noreturn, cold)) void wok__forked_came_back(void);

#endif
