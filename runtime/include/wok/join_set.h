/*
 * join_set.h - many tasks, awaited in the order in which they end; and counting tasks.
 *
 * A join set holds join handles and gives them back as their tasks end.  In contrast to a scope its
 * tasks own their arguments and may outlive the block that spawned them; it belongs to one task at a
 * time, and may be moved.
 *
 *     WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = NULL;
 *     int error = wok_join_set_new(&set);
 *     for (size_t i = 0; i < 3; i++)
 *         wok_join_set_spawn(set, fetch, {.source = sources[i]});
 *     fetch_join done;
 *     while (wok_join_set_next(set, &done.join) == 0)
 *         error = fetch_await(&done, &result, &why); // does not wait: the task has ended
 *
 * A task tracker only counts: it keeps no result and no handle, and tells when all have ended.
 */
#ifndef WOK_JOIN_SET_H
#define WOK_JOIN_SET_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/task.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/* ---- join sets ---------------------------------------------------------------------------- */

/** A set of join handles.  Heap; used by one task or thread at a time. */
typedef struct wok_join_set wok_join_set;

/**
 * Makes an empty set.
 *
 * Errors:     0; -ENOMEM.
 * Ownership:  returns owned: wok_join_set_free().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_join_set_new(wok_join_set **ret_set);

/**
 * Aborts every task of the set, drops their handles, and frees the set; NULL is fine.
 *
 * It does not wait for the tasks to be gone; wok_join_set_shutdown() does.
 *
 * Ownership:  results that nobody took are destroyed.
 * Threads:    the set's user.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_set_free(wok_join_set *set);

/**
 * wok_join_set_free() for WOK_CLEANUP.
 *
 * Threads:    the set's user.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_set_freep(wok_join_set **set);

/**
 * Moves a join handle, of any kind of task in any state, into the set.
 *
 * Errors:     0; -EINVAL for an empty handle; -ENOMEM, and the handle stays the caller's.  A task that
 *             was not started is in the set like any other: its handle tells.
 * Ownership:  takes the handle on success, and leaves an empty one behind.
 * Threads:    the set's user; nobody waits for the handle.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_join_set_add(wok_join_set *set, wok_join *join);

/* Adds what was just spawned; without memory for that the task is aborted, and the code says so. */
WOK_API
int wok_join_set_add_(wok_join_set *set, wok_join join);

/**
 * Spawns a stackful task of a typed family into the set: wok_join_set_spawn(set, fetch, {...}).
 *
 * Errors:     0; -ENOMEM if the set cannot hold it: it is aborted then.
 * Ownership:  takes the arguments.
 * Threads:    the set's user, with a runtime.
 * Cancel:     not a cancellation point.
 */
#define wok_join_set_spawn(set_, name_, ...)                                                       \
    wok_join_set_add_((set_), wok_spawn(name_, __VA_ARGS__).join)

/**
 * Spawns a stackless task into the set; see wok_spawn_future().
 *
 * Errors:     0; -ENOMEM if the set cannot hold it: it is aborted then.
 * Ownership:  takes the future.
 * Threads:    the set's user, with a runtime.
 * Cancel:     not a cancellation point.
 */
#define wok_join_set_spawn_future(set_, vtable_, self_)                                            \
    wok_join_set_add_((set_), wok_spawn_future((vtable_), (self_)))

/**
 * How many handles the set holds, of tasks that run and of tasks that have ended.
 *
 * Threads:    the set's user.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_join_set_size(const wok_join_set *set);

/**
 * Waits for the next task of the set to end and moves its handle out: awaiting that does not wait.
 *
 * Errors:     0; -ENOENT if the set is empty; -ECANCELED if the caller is aborted, -ETIMEDOUT if a
 *             deadline that covers it passes, -EDEADLK in a stackless task: `*ret_join` is untouched.
 * Ownership:  returns an owned handle.
 * Threads:    the set's user: a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; nothing leaves the set.
 * Source:     the semantics of tokio::task::JoinSet.
 */
WOK_API
WOK_CP
int wok_join_set_next(wok_join_set *set, wok_join *ret_join);

/**
 * As wok_join_set_next(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_join_set_next().
 * Ownership:  returns an owned handle.
 * Threads:    as wok_join_set_next().
 * Cancel:     cancellation point; nothing leaves the set.
 */
WOK_API
WOK_CP
int wok_join_set_next_until(wok_join_set *set, wok_instant deadline, wok_join *ret_join);

/**
 * As wok_join_set_next(), without waiting: -EAGAIN if no task has ended.
 *
 * Errors:     0; -EAGAIN; -ENOENT if the set is empty.
 * Ownership:  returns an owned handle.
 * Threads:    the set's user.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_join_set_try_next(wok_join_set *set, wok_join *ret_join);

/**
 * The operation of wok_join_set_next().
 *
 * Errors:     ready with 0 or -ENOENT.
 * Ownership:  borrows the set and `ret_join` until the operation is dropped.
 * Threads:    the set's user; one wait at a time.
 * Cancel:     not a cancellation point; a dropped one took nothing out of the set.
 */
WOK_API
wok_op wok_join_set_next_op(wok_join_set *set, wok_join *ret_join);

/**
 * Aborts every task of the set that still runs; their handles stay and have to be taken out.
 *
 * Threads:    the set's user.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_set_abort_all(wok_join_set *set);

/**
 * Empties the set without stopping anything: its tasks run on, detached.
 *
 * Ownership:  results of tasks that have ended, and of those that will, are destroyed.
 * Threads:    the set's user.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_set_detach_all(wok_join_set *set);

/**
 * Aborts every task and waits until all are gone; what came of them, panics included, is ignored.
 *
 * Errors:     0; -ECANCELED, -ETIMEDOUT or -EDEADLK as wok_join_set_next(): those left stay in the
 *             set, aborted.
 * Threads:    as wok_join_set_next().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_join_set_shutdown(wok_join_set *set);

/**
 * Waits for all tasks, and destroys their results; at the first that did not return, aborts the rest
 * and waits for those as well.  Panics of further tasks go to the runtime's on_unjoined_panic.
 *
 * Errors:     0 if all returned; else -WOK_EJOIN and `*ret_error` (or NULL) of the first that did
 *             not; -ECANCELED, -ETIMEDOUT or -EDEADLK as wok_join_set_next().
 * Threads:    as wok_join_set_next().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_join_set_join_all(wok_join_set *set, wok_join_error *ret_error);

/* ---- trackers ----------------------------------------------------------------------------- */

/** Counts tasks that run, and tells when none does.  Heap; any thread, any number of waiters. */
typedef struct wok_task_tracker wok_task_tracker;

/**
 * Makes an open tracker.
 *
 * Errors:     0; -ENOMEM.
 * Ownership:  returns owned: wok_task_tracker_free().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_task_tracker_new(wok_task_tracker **ret_tracker);

/**
 * Gives the tracker up; NULL is fine.  Its tasks run on, and nothing is aborted.
 *
 * Threads:    any, while nobody waits on it or uses it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_task_tracker_free(wok_task_tracker *tracker);

/**
 * wok_task_tracker_free() for WOK_CLEANUP.
 *
 * Threads:    as wok_task_tracker_free().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_task_tracker_freep(wok_task_tracker **tracker);

/**
 * Counts one more thing that runs, of whatever kind, until wok_task_tracker_leave().
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_task_tracker_enter(wok_task_tracker *tracker);

/**
 * Takes back one wok_task_tracker_enter().
 *
 * Where nothing is counted it is a panic of the caller's at the place of the call, and the tracker stays as
 * it is.  One too many while tasks are counted takes one of these off, and the panic is at the end of the
 * last of them, which is in no task and ends the process.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define wok_task_tracker_leave(tracker_) wok_task_tracker_leave_at((tracker_), __FILE__, __LINE__)

/**
 * As wok_task_tracker_leave(), which a panic says to be at a place of the caller's choice: the function behind it.
 *
 * Ownership:  `file` has static storage.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_task_tracker_leave_at(wok_task_tracker *tracker, const char *file, int line);

/**
 * Spawns a stackful task of a typed family that is counted until it is gone, and gives its handle.
 *
 * Errors:     none at the call, as wok_spawn(); a task that was not started is not counted.
 * Ownership:  takes the arguments; returns an owned handle, which may be dropped.
 * Threads:    any thread with a runtime.
 * Cancel:     not a cancellation point.
 */
#define wok_task_tracker_spawn(tracker_, name_, ...)                                               \
    __extension__({                                                                                \
        name_##_args_ wok_args_ = WOK_TYPE_(name_##_args_) __VA_ARGS__;                            \
        WOK_TYPE_(name_##_join){                                                                   \
            wok_task_tracker_spawn_raw((tracker_), WOK_TASK_SITE_(name_), &wok_args_)};            \
    })

/**
 * The untyped form of wok_task_tracker_spawn().
 *
 * Errors:     none at the call, as wok_spawn_raw().
 * Ownership:  as wok_spawn_raw().
 * Threads:    any thread with a runtime.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_task_tracker_spawn_raw(wok_task_tracker *tracker, const wok_spawn_site *site,
                                    void *args_moved);

/**
 * Spawns a stackless task that is counted until it is gone; WOK_SITE_("name") makes a site.
 *
 * Errors:     none at the call, as wok_spawn_future_raw().
 * Ownership:  as wok_spawn_future_raw().
 * Threads:    any thread with a runtime.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_task_tracker_spawn_future_raw(wok_task_tracker *tracker,
                                           const wok_future_vtable *vtable, void *self_moved,
                                           const wok_spawn_site *site);

/**
 * Spawns a stackless task that is counted; see wok_task_tracker_spawn_future_raw().
 *
 * Errors:     none at the call.
 * Ownership:  takes the future; returns an owned handle.
 * Threads:    any thread with a runtime.
 * Cancel:     not a cancellation point.
 */
#define wok_task_tracker_spawn_future(tracker_, vtable_, self_)                                    \
    wok_task_tracker_spawn_future_raw((tracker_), (vtable_), (self_), WOK_SITE_(#self_))

/**
 * How many tasks are counted now.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_task_tracker_size(wok_task_tracker *tracker);

/**
 * Says that no more tasks will come: waits end once the tracker is closed and empty.
 *
 * A closed tracker still takes tasks; true if it was open.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_task_tracker_close(wok_task_tracker *tracker);

/**
 * Takes a close back; true if it was closed.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_task_tracker_reopen(wok_task_tracker *tracker);

/**
 * True while the tracker is closed.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_task_tracker_is_closed(wok_task_tracker *tracker);

/**
 * Waits until the tracker is closed and empty at the same time.
 *
 * Errors:     0; -ECANCELED if the caller is aborted, -ETIMEDOUT if a deadline that covers it
 *             passes, -EDEADLK in a stackless task.
 * Threads:    a stackful task parks, a plain thread blocks; any number wait.
 * Cancel:     cancellation point.
 * Source:     the semantics of tokio_util::task::TaskTracker.
 */
WOK_API
WOK_CP
int wok_task_tracker_wait(wok_task_tracker *tracker);

/**
 * As wok_task_tracker_wait(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_task_tracker_wait().
 * Threads:    as wok_task_tracker_wait().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_task_tracker_wait_until(wok_task_tracker *tracker, wok_instant deadline);

/**
 * The operation of wok_task_tracker_wait(); ready with 0.
 *
 * Ownership:  borrows the tracker until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_op wok_task_tracker_wait_op(wok_task_tracker *tracker);

WOK_END_DECLS

#endif
