/*
 * pool.h - threads for work that blocks.
 *
 * What the runtime's owner does: init, any number of submits and cancels from any thread, one
 * shutdown, done.  The memory that the threads share is the pool's core, a heap object which the
 * threads count as well; so a thread that is still inside its work when the shutdown gives up
 * needs neither this struct nor its place in the runtime when it comes back.
 */
#ifndef WOK_BLOCKING_POOL_H
#define WOK_BLOCKING_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

struct wok_runtime;
struct wok_task;
struct wok__pool_core;

struct wok__pool {
    struct wok__pool_core *core; /* written by init and done; NULL: nothing to end */
};

/* What wok_runtime_options means by zero. */
enum { WOK__POOL_THREADS_MAX = 512 };
#define WOK__POOL_KEEP_ALIVE_NS UINT64_C(10000000000)

/* Makes a pool without threads; -ENOMEM.  A task runs with wok__here()->runtime set to `runtime`. */
WOK_MUST_USE
int wok__pool_init(struct wok__pool *pool, struct wok_runtime *runtime, unsigned threads_max,
                   uint64_t keep_alive_ns);

/*
 * Takes a blocking task and runs it with wok__task_run_blocking() as soon as a thread is free.
 *
 * Fails only where the task would wait for ever, and then leaves it to the caller to discard:
 * -EAGAIN if no thread can be started and none exists, -ECANCELED after the shutdown.
 */
WOK_MUST_USE
int wok__pool_submit(struct wok__pool *pool, struct wok_task *task);

/* True: the task was still queued, is unlinked, and is the caller's to discard.  False: it runs,
 * has run, or never was here.  Linear in the queue's length: nobody aborts queued work in a loop. */
WOK_MUST_USE
bool wok__pool_cancel(struct wok__pool *pool, struct wok_task *task);

/*
 * Discards what is queued, and waits for what has started until CLOCK_MONOTONIC shows
 * `deadline_ns` (UINT64_MAX: without a limit).  Returns how many threads are still inside their
 * work.  Those run on, detached; the task they complete then still reaches for its runtime
 * (its memory, its counters), so a runtime that leaves threads behind must not be freed.
 */
size_t wok__pool_shutdown(struct wok__pool *pool, uint64_t deadline_ns);

/* Lets go of the pool after its shutdown; nobody may call it any more. */
void wok__pool_done(struct wok__pool *pool);

struct wok__pool_figures {
    unsigned threads, idle; /* idle ones wait for work; the others are inside it */
    size_t queued;
    uint64_t completed;
};
void wok__pool_figures(struct wok__pool *pool, struct wok__pool_figures *ret_figures);

/* ---- runtime.c ---------------------------------------------------------------------------- */

/* The blocking pool of a runtime. */
struct wok__pool *wok__runtime_pool(struct wok_runtime *runtime);

#endif
