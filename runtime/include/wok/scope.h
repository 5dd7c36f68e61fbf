/*
 * scope.h - a block that cannot be left before its children have ended.
 *
 * Children of a scope may borrow the parent's locals, across workers: the scope's exit waits for
 * them on every path, also by return, panic and cancellation.  They are joined as a group: one
 * counter, one wake of the parent.
 *
 *     WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
 *     for (size_t i = 0; i < 3; i++)
 *         wok_scope_spawn(&scope, fetch, &sources[i]);
 *     int error = wok_scope_wait(&scope);
 */
#ifndef WOK_SCOPE_H
#define WOK_SCOPE_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/task.h>

WOK_BEGIN_DECLS

/** A scope; lives in the parent's frame, belongs to the task or plain thread that opened it. */
typedef struct wok_scope {
    struct wok__group {
        struct {
            uint64_t value;
        } count;                 /* live children and the waiting bit; see task/scope.c */
        struct wok_task *parent; /* written by the parent before it sets the waiting bit */
    } group;
    struct wok_task *children; /* owner only; newest first */
    size_t spawned;            /* owner only */
    int spawn_error;           /* owner only: a child could not be started */
    bool waited;               /* owner only: all have ended, and the next spawn lets them go */
} wok_scope;

/** An empty scope; a zeroed one is valid too. */
#define WOK_SCOPE_INIT WOK_ZERO_(wok_scope)

/**
 * Spawns a stackful child that runs `int function(T *borrowed)`.
 *
 * The child borrows what `borrowed` points to until the scope's wait or done returns.  A child
 * that returns a negative code, is aborted or panics has failed; wok_scope_wait() reports it.
 *
 * Errors:     none at the call; a child that finds no memory is reported by wok_scope_wait().
 * Ownership:  borrows `borrowed`; the scope owns the child.
 * Threads:    the scope's owner only; the child may run on any worker.
 * Cancel:     not a cancellation point.
 */
#define wok_scope_spawn(scope_, function_, borrowed_)                                              \
    __extension__({                                                                                \
        int (*wok_function_)(__typeof__(borrowed_)) = (function_);                                 \
        wok_scope_spawn_raw((scope_), (int (*)(void *))(void (*)(void))wok_function_, (borrowed_), \
                            WOK_SITE_(#function_));                                                \
    })

/** The untyped form of wok_scope_spawn(). */
WOK_API
void wok_scope_spawn_raw(wok_scope *scope, int (*function)(void *), void *borrowed,
                         const wok_spawn_site *site);

/** Spawns a stackless child that owns a copy of the future at `self_moved`; its result, if its
 *  type has one, is destroyed: a child of a scope writes into what it borrows. */
#define wok_scope_spawn_future(scope_, vtable_, self_)                                             \
    wok_scope_spawn_future_raw((scope_), (vtable_), (self_), WOK_SITE_(#self_))

/** The untyped form of wok_scope_spawn_future(). */
WOK_API
void wok_scope_spawn_future_raw(wok_scope *scope, const wok_future_vtable *vtable, void *self_moved,
                                const wok_spawn_site *site);

/** The number of the child spawned last; 0 if there is none. */
WOK_API
uint64_t wok_scope_last_id(const wok_scope *scope);

/**
 * Waits until every child has ended; the scope is empty and usable again afterwards.
 *
 * Errors:     0 if all succeeded, else the first failure in the order of spawning: a child's own
 *             negative code, -WOK_EJOIN if it panicked or was aborted.  -ECANCELED if the caller
 *             is aborted: the children then run on until wok_scope_cancel() or wok_scope_done().
 *             -EDEADLK in a stackless task, whose drop could not wait.
 * Threads:    the scope's owner: a stackful task, or a plain thread, which blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_scope_wait(wok_scope *scope);

/** As wok_scope_wait(), for at most until `deadline`: -ETIMEDOUT leaves the children running. */
WOK_API
WOK_CP
int wok_scope_wait_until(wok_scope *scope, wok_instant deadline);

/** As wok_scope_wait_until(), and reports how the first failed child ended in `ret_error`. */
WOK_API
WOK_CP
int wok_scope_wait_error(wok_scope *scope, wok_instant deadline, wok_join_error *ret_error);

/**
 * Waits until at least one child more has ended than `*seen`, for quorums: `*seen` counts the ended
 * children of the scope and is updated.
 *
 * Errors:     0; -ENOENT when all had ended and were seen; -ETIMEDOUT, -ECANCELED, -EDEADLK.
 */
WOK_API
WOK_CP
int wok_scope_wait_some(wok_scope *scope, wok_instant deadline, size_t *seen);

/** Told about one child that failed: its place in the order of spawning, and how it ended. */
typedef void (*wok_scope_visitor)(size_t index, const wok_join_error *error, void *argument);

/**
 * Tells about every child that has ended and did not return, newest first.  Children are kept until
 * the next spawn after a wait, or wok_scope_done().
 *
 * Threads:    the scope's owner.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_scope_visit_failures(const wok_scope *scope, wok_scope_visitor visit, void *argument);

/** Aborts every child that still runs.  Returns at once. */
WOK_API
void wok_scope_cancel(wok_scope *scope);

/**
 * Ends the scope: aborts what still runs and waits for it, whatever happens to the caller.
 *
 * Fit for WOK_CLEANUP; runs during a panic's unwind as well.
 * Cancel:     not a cancellation point: an aborted parent still waits for its children.
 */
WOK_API
void wok_scope_done(wok_scope *scope);

WOK_END_DECLS

#endif
