/*
 * blocking.h - work that blocks its thread, on threads of its own.
 *
 * A blocking call inside a task stops every other task of that worker.  A blocking pool has threads
 * that may block: started on demand up to a bound, kept for a while when idle, with one queue in
 * front of them, first in, first out.  Every runtime has such a pool; more of them, with names and
 * limits of their own, keep one kind of work from using up the threads of another.
 */
#ifndef WOK_BLOCKING_H
#define WOK_BLOCKING_H

#include <wok/base.h>
#include <wok/task.h>

WOK_BEGIN_DECLS

/**
 * Runs a function of a typed family (WOK_TASK) on the runtime's blocking pool.
 *
 *     WOK_TASK(read_whole_file, struct path, struct bytes);
 *     read_whole_file_join handle = wok_spawn_blocking(read_whole_file, {.name = "/etc/hosts"});
 *
 * The handle is that of any other task.  Work that has started cannot be stopped: an abort then
 * leaves it running and the await gives its value.  Work still queued is dropped by an abort.
 *
 * Errors:     none at the call; at the await WOK_NOT_STARTED with -EAGAIN if there is no thread, or
 *             as many calls wait as may (wok_runtime_options.blocking_queue_max), -ENOMEM, or -EINVAL
 *             without a runtime; WOK_CANCELLED while the runtime shuts down.
 * Ownership:  takes the arguments, also on failure; returns an owned handle.
 * Threads:    any thread with a runtime, blocking threads included.
 * Cancel:     not a cancellation point; waits inside the function work as on a plain thread.  On a paused
 *             clock, time goes on meanwhile, and where a test finds that all wait for ever
 *             (wok_test_options.deadlock_after) they return -ECANCELED.
 */
#define wok_spawn_blocking(name_, ...)                                                             \
    wok_spawn_blocking_on((wok_runtime *)NULL, name_, __VA_ARGS__)

/**
 * As wok_spawn_blocking(), on `runtime`.
 *
 * Errors:     as wok_spawn_blocking().
 * Ownership:  takes the arguments, also on failure; returns an owned handle.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_blocking_on(runtime_, name_, ...)                                                \
    __extension__({                                                                                \
        name_##_args_ wok_args_ = WOK_TYPE_(name_##_args_) __VA_ARGS__;                            \
        WOK_TYPE_(name_##_join){                                                                   \
            wok_spawn_blocking_raw((runtime_), WOK_TASK_SITE_(name_), &wok_args_)};                \
    })

/**
 * The untyped form of wok_spawn_blocking(); NULL is the calling thread's runtime.
 *
 * Errors:     as wok_spawn_blocking().
 * Ownership:  copies site->args_size bytes from `args_moved`, which is dead afterwards; `site` has
 *             static storage; returns an owned handle.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_blocking_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved);

/* ---- pools of one's own ------------------------------------------------------------------------ */

/** Threads for one kind of blocking work. */
typedef struct wok_blocking_pool wok_blocking_pool;

/** How a pool is built; zero means the default, the name has none. */
typedef struct wok_blocking_pool_options {
    /** Of the pool and of its threads, as top(1) shows them: 1 to 15 bytes.  Copied. */
    const char *name;
    /** Threads at most (512). */
    unsigned threads_max;
    /** Calls that may wait for a thread; one more is refused with -EAGAIN.  0: no limit. */
    size_t queue_max;
    /** How long a thread without work is kept (10 s). */
    wok_duration keep_alive;
} wok_blocking_pool_options;

/**
 * Makes a pool without threads for `runtime`; NULL is the calling thread's.
 *
 * Errors:     0; -EINVAL for a missing (options of NULL have none), an empty or a long name, or
 *             without a runtime; -ECANCELED
 *             while the runtime shuts down; -ENOMEM.
 * Ownership:  returns owned: wok_blocking_pool_free(), or it ends with its runtime.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_blocking_pool_new(wok_blocking_pool **ret_pool, wok_runtime *runtime,
                          const wok_blocking_pool_options *options);

/**
 * Ends the pool: calls that have not started are dropped and end as cancelled, those that have are
 * waited for.  NULL is fine.
 *
 * In a task, and in a call of this pool, it does not wait: what has started runs on, and the runtime
 * waits for it when it shuts down.
 *
 * Ownership:  takes the pool, before the runtime is freed; handles of its calls stay valid.
 * Threads:    any; no other thread uses the pool any more.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_blocking_pool_free(wok_blocking_pool *pool);

/**
 * As wok_blocking_pool_free(), for WOK_CLEANUP().
 *
 * Threads:    as wok_blocking_pool_free().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_blocking_pool_freep(wok_blocking_pool **pool);

/**
 * Runs a function of a typed family (WOK_TASK) on `pool`; NULL: as wok_spawn_blocking().
 *
 *     decode_join handle = wok_spawn_blocking_in(images, decode, {.path = "cat.png"});
 *
 * Errors:     as wok_spawn_blocking(); WOK_NOT_STARTED with -EAGAIN at the await also if the pool's
 *             queue is full.
 * Ownership:  takes the arguments, also on failure; returns an owned handle.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_blocking_in(pool_, name_, ...)                                                   \
    __extension__({                                                                                \
        name_##_args_ wok_args_ = WOK_TYPE_(name_##_args_) __VA_ARGS__;                            \
        WOK_TYPE_(name_##_join){                                                                   \
            wok_spawn_blocking_in_raw((pool_), WOK_TASK_SITE_(name_), &wok_args_)};                \
    })

/**
 * The untyped form of wok_spawn_blocking_in().
 *
 * Errors:     as wok_spawn_blocking_in().
 * Ownership:  as wok_spawn_blocking_raw().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_blocking_in_raw(wok_blocking_pool *pool, const wok_spawn_site *site,
                                   void *args_moved);

/* ---- in the caller's own place ------------------------------------------------------------------- */

/** What a block in place keeps; only wok_in_place_begin() and wok_in_place_end() touch it. */
typedef struct wok_in_place {
    bool active;
    uint8_t kind;
    uint32_t budget;
    void *worker, *fiber;
    wok_runtime *runtime;
} wok_in_place;

/**
 * Calls `function(argument)` on the caller's own thread and stack, and lets it block the thread: what
 * the worker owns goes to the others first.
 *
 *     static int read_all(void *file) { return blocking_read(file); }
 *     int error = wok_block_in_place(read_all, file);
 *
 * The tasks that may move, new stackful ones included, are run by the other workers, and they serve this
 * worker's descriptors and timers at once.  Where all workers are blocked, a spare worker does
 * (wok_runtime_options.spare_workers_max); when there are no more of those, what is ready waits until
 * one of them comes back.  If all of them wait inside for tasks of the same runtime, by wok_block_on() say,
 * none does, for ever: wok_runtime_metrics.spares_refused counts, and wok_spawn_blocking(), which takes no
 * worker, is the way out.  Stackful tasks that have started on this worker wait for it: those are bound
 * to its thread.
 *
 * Inside, the caller is as a plain thread: waits block the thread, wok_block_on() is allowed,
 * wok_worker_index() is -1, nothing costs budget, and an abort is not noticed; wok_cancelled() tells.
 * wok_task_id(), ambient deadlines and task-locals stay the task's.  Calls may be nested.
 *
 * On a thread that may block anyway, a plain one or a blocking pool's, it only calls the function.  On
 * a paused clock, where one worker runs at a time, it does too, so that the order of things stays what
 * the seed says: the clock stands still meanwhile, waits inside a stackful task park that task, and
 * waits inside a stackless one are refused with -EDEADLK.
 *
 * Errors:     what the function returns.
 * Ownership:  borrows the argument.  The function runs on the task's stack: a library that recurses
 *             deeply is for wok_spawn_blocking().
 * Threads:    any.
 * Cancel:     not a cancellation point, nor are the waits inside.  A panic inside is the task's.
 * Source:     tokio::task::block_in_place.
 */
WOK_API
int wok_block_in_place(int (*function)(void *argument), void *argument);

/**
 * As wok_block_in_place(), for the block that follows:
 *
 *     WOK_BLOCK_IN_PLACE() {
 *         n = read(fd, buffer, sizeof buffer);
 *     }
 *
 * The block may be left in any way: by break, return, goto, or a panic.  In a stackless task it must
 * not contain a WOK_AWAIT().
 *
 * Threads:    any.
 * Cancel:     not a cancellation point, nor are the waits inside.
 */
#define WOK_BLOCK_IN_PLACE() WOK_BLOCK_IN_PLACE_(WOK_UNIQUE_(wok_in_place_))

#define WOK_BLOCK_IN_PLACE_(in_place_)                                                             \
    for (WOK_CLEANUP(wok_in_place_end) wok_in_place in_place_ = wok_in_place_begin();              \
         in_place_.active; wok_in_place_end(&in_place_))

/**
 * Begins what wok_in_place_end() ends, in the same function or one that it calls: the functions behind
 * WOK_BLOCK_IN_PLACE(), for bindings to other languages.
 *
 * Ownership:  the caller ends it on every path.
 * Threads:    any; the end on the thread of the beginning.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
wok_in_place wok_in_place_begin(void);

/**
 * Ends what wok_in_place_begin() began; once more does nothing.  Fit for WOK_CLEANUP.
 *
 * Threads:    the thread of the beginning.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_in_place_end(wok_in_place *place);

WOK_END_DECLS

#endif
