/*
 * spawn.h - spawning with options: a name, a priority, a worker of its own, a larger stack.
 *
 * Each way to spawn has a form that takes a wok_spawn_options, which may be written in place:
 *
 *     fetch_join handle = wok_spawn_with(WOK_SPAWN_OPTIONS(.name = "prices", .worker = WOK_WORKER(1)),
 *                                        fetch, {.source = "Prices"});
 *
 * The options are gone after the call; the task keeps what it needs of them in its own memory.
 */
#ifndef WOK_SPAWN_H
#define WOK_SPAWN_H

#include <wok/base.h>
#include <wok/blocking.h>
#include <wok/scope.h>
#include <wok/task.h>

WOK_BEGIN_DECLS

/** For wok_spawn_options.worker: the worker whose task spawns. */
#define WOK_THIS_WORKER (-1)

/** For wok_spawn_options.worker: the worker with this index, as wok_worker_index() tells it there. */
#define WOK_WORKER(index_) ((int)(index_) + 1)

/**
 * How a worker divides its polls among the tasks that are ready: where all three have work, of 16 polls
 * 10 are for latency, 5 for normal and 1 for background tasks.
 *
 * A priority without work leaves its share to the others in proportion, and none is ever left without:
 * the shares hold whatever the others do.  They are shares of polls and not of time, so what computes
 * for long between two waits takes more; wok_yield() gives the others their turn.  A yield lets the
 * ready tasks of its own priority run first.
 */
typedef enum wok_priority {
    /** Of a scope's child that of its parent, of any other task normal. */
    WOK_PRIORITY_DEFAULT,
    WOK_PRIORITY_LATENCY,
    WOK_PRIORITY_NORMAL,
    WOK_PRIORITY_BACKGROUND,
} wok_priority;

/** What a spawn may ask for; zero means the default everywhere. */
typedef struct wok_spawn_options {
    /** What the task is called in messages, reports and logs; copied, and cut to WOK_TASK_NAME_SIZE - 1
     *  bytes.  NULL: as its function, or its future's type. */
    const char *name WOK_OPTIONAL_;
    /** Its share of a worker's polls. */
    wok_priority priority WOK_OPTIONAL_;
    /**
     * The worker that alone polls it and drops what it owns: WOK_THIS_WORKER, or WOK_WORKER(index); 0:
     * any, as task.h says.  On a plain thread it needs an index.  A spare worker (blocking.h) can be named
     * only by a task that runs on it; it then stays as one worker more, until the runtime ends.
     */
    int worker WOK_OPTIONAL_;
    /** Usable bytes of a stackful task's stack, at least 16 KiB; 0: as its site or its runtime says. */
    size_t stack_bytes WOK_OPTIONAL_;
    /** Where it runs; NULL: on the calling thread's runtime.  A scope's child runs on its parent's. */
    wok_runtime *runtime WOK_OPTIONAL_;
    /** Whose threads run a blocking call; NULL: those of the runtime's own pool. */
    wok_blocking_pool *pool WOK_OPTIONAL_;
} wok_spawn_options;

/** A wok_spawn_options with the members that are named in the arguments. */
#define WOK_SPAWN_OPTIONS(...) (__extension__ WOK_TYPE_(wok_spawn_options){__VA_ARGS__})

/**
 * Spawns a stackful task of a typed family, as wok_spawn() does.
 *
 * Errors:     none at the call; the handle is born finished as wok_spawn() says, with -EINVAL also for
 *             options out of range and for those that mean nothing to this kind of task.
 * Ownership:  takes the arguments, borrows the options; returns an owned handle: wok_join_drop().
 * Threads:    tasks of any kind, and any plain thread if the options name a runtime.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_with(options_, name_, ...)                                                       \
    __extension__({                                                                                \
        const wok_spawn_options wok_options_ = (options_);                                         \
        name_##_args_ wok_args_ = WOK_TYPE_(name_##_args_) __VA_ARGS__;                            \
        WOK_TYPE_(name_##_join){                                                                   \
            wok_spawn_with_raw(&wok_options_, WOK_TASK_SITE_(name_), &wok_args_)};                 \
    })

/**
 * The untyped form of wok_spawn_with(); options of NULL are the defaults.
 *
 * Errors:     as wok_spawn_with().
 * Ownership:  takes the site->args_size bytes at `args_moved`, which are copied; borrows the options;
 *             returns an owned handle: wok_join_drop().  `site` must have static storage.
 * Threads:    as wok_spawn_with().
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_with_raw(const wok_spawn_options *options, const wok_spawn_site *site,
                            void *args_moved);

/**
 * Spawns a stackless task, as wok_spawn_future() does.
 *
 * Errors:     as wok_spawn_with().
 * Ownership:  takes the future, borrows the options; returns an owned handle: wok_join_drop().
 * Threads:    as wok_spawn_with().
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_future_with(options_, vtable_, self_)                                            \
    __extension__({                                                                                \
        const wok_spawn_options wok_options_ = (options_);                                         \
        wok_spawn_future_with_raw(&wok_options_, (vtable_), (self_), WOK_SITE_(#self_));           \
    })

/**
 * The untyped form of wok_spawn_future_with(); options of NULL are the defaults.
 *
 * Errors:     as wok_spawn_with().
 * Ownership:  takes the vtable->size bytes at `self_moved`, which are copied; borrows the options;
 *             returns an owned handle: wok_join_drop().  `site` must have static storage.
 * Threads:    as wok_spawn_with().
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_future_with_raw(const wok_spawn_options *options,
                                   const wok_future_vtable *vtable, void *self_moved,
                                   const wok_spawn_site *site);

/**
 * Runs a function of a typed family on a thread of a blocking pool, as wok_spawn_blocking() does.
 *
 * Errors:     as wok_spawn_blocking(), and WOK_NOT_STARTED with -EINVAL for a priority, a worker or a
 *             stack, and for a pool of another runtime than the options name.
 * Ownership:  takes the arguments, borrows the options; returns an owned handle: wok_join_drop().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_blocking_with(options_, name_, ...)                                              \
    __extension__({                                                                                \
        const wok_spawn_options wok_options_ = (options_);                                         \
        name_##_args_ wok_args_ = WOK_TYPE_(name_##_args_) __VA_ARGS__;                            \
        WOK_TYPE_(name_##_join){                                                                   \
            wok_spawn_blocking_with_raw(&wok_options_, WOK_TASK_SITE_(name_), &wok_args_)};        \
    })

/**
 * The untyped form of wok_spawn_blocking_with(); options of NULL are the defaults.
 *
 * Errors:     as wok_spawn_blocking_with().
 * Ownership:  takes the site->args_size bytes at `args_moved`, which are copied; borrows the options;
 *             returns an owned handle: wok_join_drop().  `site` must have static storage.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_blocking_with_raw(const wok_spawn_options *options, const wok_spawn_site *site,
                                     void *args_moved);

/**
 * Spawns a stackful child of a scope, as wok_scope_spawn() does.
 *
 * Errors:     none at the call; wok_scope_wait() reports -EINVAL for options out of range, and for
 *             those that mean nothing to a child.
 * Ownership:  borrows `borrowed` as wok_scope_spawn() does, and the options until it returns.
 * Threads:    the scope's owner only.
 * Cancel:     not a cancellation point.
 */
#define wok_scope_spawn_with(scope_, options_, function_, borrowed_)                               \
    __extension__({                                                                                \
        const wok_spawn_options wok_options_ = (options_);                                         \
        int (*wok_function_)(__typeof__(borrowed_)) = (function_);                                 \
        wok_scope_spawn_with_raw((scope_), &wok_options_,                                          \
                                 (int (*)(void *))(void (*)(void))wok_function_, (borrowed_),      \
                                 WOK_SITE_(#function_));                                           \
    })

/**
 * The untyped form of wok_scope_spawn_with(); options of NULL are the defaults.
 *
 * Errors:     as wok_scope_spawn_with().
 * Threads:    the scope's owner only.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_scope_spawn_with_raw(wok_scope *scope, const wok_spawn_options *options,
                              int (*function)(void *), void *borrowed, const wok_spawn_site *site);

/**
 * Spawns a stackless child of a scope, as wok_scope_spawn_future() does.
 *
 * Errors:     as wok_scope_spawn_with().
 * Ownership:  takes the future; the scope owns the child.
 * Threads:    the scope's owner only.
 * Cancel:     not a cancellation point.
 */
#define wok_scope_spawn_future_with(scope_, options_, vtable_, self_)                              \
    __extension__({                                                                                \
        const wok_spawn_options wok_options_ = (options_);                                         \
        wok_scope_spawn_future_with_raw((scope_), &wok_options_, (vtable_), (self_),               \
                                        WOK_SITE_(#self_));                                        \
    })

/**
 * The untyped form of wok_scope_spawn_future_with(); options of NULL are the defaults.
 *
 * Errors:     as wok_scope_spawn_with().
 * Ownership:  takes the vtable->size bytes at `self_moved`, which are copied.
 * Threads:    the scope's owner only.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_scope_spawn_future_with_raw(wok_scope *scope, const wok_spawn_options *options,
                                     const wok_future_vtable *vtable, void *self_moved,
                                     const wok_spawn_site *site);

WOK_END_DECLS

#endif
