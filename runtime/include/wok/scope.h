/*
 * scope.h - a block that cannot be left before its children have ended.
 *
 * Children of a scope may borrow the parent's locals, across workers: the scope's exit waits for
 * them on every path, also by return, break, goto, panic and cancellation.  They are joined as a
 * group: one counter, one wake of the parent.
 *
 *     WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .timeout = wok_ms(100), .ret_code = &error) {
 *         for (size_t i = 0; i < 3; i++)
 *             wok_scope_spawn(scope, fetch, &sources[i]);
 *     }
 *
 * Whoever wants to wait in the middle, or to keep the scope in a struct, writes
 *
 *     WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
 *     for (size_t i = 0; i < 3; i++)
 *         wok_scope_spawn(&scope, fetch, &sources[i]);
 *     int error = wok_scope_wait(&scope);
 *
 * A child may open scopes of its own.  Cancellation goes down: a parent that is aborted, whose
 * deadline passes, or that leaves early aborts its children and waits until they have ended.  Errors
 * go up: the first one comes out of the wait.
 */
#ifndef WOK_SCOPE_H
#define WOK_SCOPE_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/task.h>

WOK_BEGIN_DECLS

/** What the end of one child means for the others. */
typedef enum wok_scope_policy {
    WOK_SCOPE_ALL,       /* nothing: all run to their end, and the wait gives the first failure */
    WOK_SCOPE_FAIL_FAST, /* the first that fails or panics aborts the others */
    WOK_SCOPE_FIRST_OK, /* the first that succeeds aborts the others; an error only if all failed */
} wok_scope_policy;

/** How a scope behaves; zero means the default everywhere. */
typedef struct wok_scope_options {
    wok_scope_policy policy WOK_OPTIONAL_;
    /** A deadline that covers the scope's owner and its children until the scope is done; 0: none. */
    wok_duration timeout WOK_OPTIONAL_;
    /** At most so many children run at a time, the others wait in FIFO order; 0: no limit. */
    unsigned max_running WOK_OPTIONAL_;
    /** wok_scope_next() is going to be used. */
    bool completion_order WOK_OPTIONAL_;
    /** Where WOK_SCOPE() leaves what its closing wait gave; NULL: nowhere. */
    int *ret_code WOK_OPTIONAL_;
    char end_ WOK_OPTIONAL_; /* WOK_SCOPE()'s: so that it may be given no option */
} wok_scope_options;

/** A scope; lives in the parent's frame, belongs to the task or plain thread that opened it. */
typedef struct wok_scope {
    struct wok__group {
        struct {
            uint64_t value;
        } count;                 /* live children, and bits; see task/scope.c */
        struct wok_task *parent; /* written by the parent before it sets a waiting bit */
        uint32_t kind;           /* constant: a scope's group, or another's; see task/group.h */
        struct {
            uint32_t value;
        } lock; /* guards the next four */
    } group;
    struct wok_task *queued_first, *queued_last; /* children beyond max_running */
    struct wok_task *ended_first, *ended_last;   /* for wok_scope_next() */
    unsigned running;                            /* the lock; counted with max_running only */
    bool special;              /* constant while children live: an option is set that they heed */
    bool waited;               /* owner only: all have ended, and the next spawn lets them go */
    struct wok_task *refused;  /* owner only: stands for the first child that was not started */
    struct wok_task *decisive; /* whose end decided by the policy; written by that child */
    struct {
        struct wok_task *value;
    } children;                /* newest first; the owner writes, a deciding child reads */
    size_t spawned;            /* owner only */
    wok_scope_options options; /* constant while children live */
    wok_deadline deadline;     /* owner only: that of the option timeout */
} wok_scope;

/** An empty scope without options; a zeroed one is valid too. */
#define WOK_SCOPE_INIT WOK_ZERO_(wok_scope)

/**
 * Makes an empty scope.
 *
 * Errors:     none; options of NULL are the defaults.
 * Ownership:  the caller's storage, which must not move until wok_scope_done().
 * Threads:    stackful tasks, and plain threads; the scope is the caller's from then on.  With a
 *             timeout, scopes and deadlines end in the opposite order of their beginnings.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_scope_init(wok_scope *scope, const wok_scope_options *options);

/**
 * A scope as a block: the first argument names a `wok_scope *` inside, those behind it are members
 * of wok_scope_options.
 *
 *     WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code) {
 *         wok_scope_spawn(scope, fetch, &source);
 *     }
 *
 * The end of the block (and continue) waits for all children, and leaves what wok_scope_wait() says
 * in `*ret_code`.  Leaving in another way (break, return, goto, a panic) aborts the children, waits
 * for them, and does not write `*ret_code`.
 *
 * Ownership:  children may borrow whatever outlives the block.
 * Threads:    stackful tasks, and plain threads.
 * Cancel:     cancellation point, at the end of the block: children of an aborted parent are
 *             aborted, and waited for.
 * Source:     trio's nurseries; JEP 505.
 */
#define WOK_SCOPE(...) WOK_SCOPE_(WOK_UNIQUE_(wok_scope_), __VA_ARGS__, .end_ = 0)

#define WOK_SCOPE_(scope_, name_, ...)                                                             \
    for (wok_scope scope_, *WOK_CLEANUP(wok_scope_leave_) name_ = wok_scope_enter_(                \
                               &scope_, __extension__ WOK_TYPE_(wok_scope_options){__VA_ARGS__});  \
         name_ != NULL; wok_scope_close_(&name_))

/* The parts of WOK_SCOPE(): it begins, its end is reached, it is left in whatever way. */
WOK_API
wok_scope *wok_scope_enter_(wok_scope *scope, wok_scope_options options);
WOK_API
void wok_scope_close_(wok_scope **scope);
WOK_API
void wok_scope_leave_(wok_scope **scope);

/**
 * Spawns a stackful child that runs `int function(T *borrowed)`.
 *
 * The child borrows what `borrowed` points to until the scope's wait or done returns.  A child
 * that returns a negative code, is aborted or panics has failed; wok_scope_wait() reports it.  A panic
 * that its owner was told of neither by the code of a wait nor by wok_scope_next() nor by
 * wok_scope_visit_failures() goes to the runtime's on_unjoined_panic when the scope lets the child go.
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

/**
 * The untyped form of wok_scope_spawn().
 *
 * Ownership:  borrows `borrowed`, as the child does; `site` has static storage.
 * Threads:    the scope's owner only.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_scope_spawn_raw(wok_scope *scope, int (*function)(void *), void *borrowed,
                         const wok_spawn_site *site);

/**
 * Spawns a stackless child that owns a copy of the future at `self_moved`; its result, if its type
 * has one, is destroyed: a child of a scope writes into what it borrows.
 *
 * A parent that waits for the scope polls children that no worker has begun yet itself, in place.
 *
 * Errors:     as wok_scope_spawn().
 * Ownership:  takes the future; the scope owns the child.
 * Threads:    the scope's owner only; the child may run on any worker.
 * Cancel:     not a cancellation point.
 */
#define wok_scope_spawn_future(scope_, vtable_, self_)                                             \
    wok_scope_spawn_future_raw((scope_), (vtable_), (self_), WOK_SITE_(#self_))

/**
 * The untyped form of wok_scope_spawn_future().
 *
 * Ownership:  copies vtable->size bytes from `self_moved`, which is dead afterwards; `site` has static
 *             storage.
 * Threads:    the scope's owner only.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_scope_spawn_future_raw(wok_scope *scope, const wok_future_vtable *vtable, void *self_moved,
                                const wok_spawn_site *site);

/**
 * The number of the child spawned last; 0 if there is none.
 *
 * Threads:    the scope's owner.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_scope_last_id(const wok_scope *scope);

/**
 * Waits until every child has ended; the scope is empty and usable again afterwards.
 *
 * Errors:     0 if all succeeded (WOK_SCOPE_FIRST_OK: if one did), else the first failure: a
 *             child's own negative code, -WOK_EJOIN if it panicked or was aborted.  The first is
 *             the one that decided (WOK_SCOPE_FAIL_FAST), or the first in the order of spawning.
 *             -ECANCELED if the caller is aborted and -ETIMEDOUT if a deadline that covers it
 *             passes: the children are aborted then, and wok_scope_done() waits for them.
 *             -EDEADLK in a stackless task, whose drop could not wait.
 * Threads:    the scope's owner: a stackful task, or a plain thread, which blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_scope_wait(wok_scope *scope);

/**
 * As wok_scope_wait(), for at most until `deadline`: its -ETIMEDOUT leaves the children running.
 *
 * Errors:     as wok_scope_wait().
 * Threads:    the scope's owner.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_scope_wait_until(wok_scope *scope, wok_instant deadline);

/**
 * As wok_scope_wait_until(), and reports how the child that failed first ended in `ret_error`.
 *
 * Errors:     as wok_scope_wait(); `*ret_error` is written if the code is a child's, also of one that was
 *             not started: the message then says why, and where it was spawned.
 * Threads:    the scope's owner.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_scope_wait_error(wok_scope *scope, wok_instant deadline, wok_join_error *ret_error);

/** One child that has ended. */
typedef struct wok_scope_child {
    size_t index;         /* its place in the order of spawning */
    wok_join_error error; /* how it ended; outcome WOK_RETURNED, and its code, if it did not fail */
} wok_scope_child;

/**
 * Waits for the next child to end, in the order in which they end, and tells about it.
 *
 * Errors:     0; -ENOENT when all children have ended and were told of; -EINVAL without the option
 *             completion_order; -ECANCELED, -ETIMEDOUT, -EDEADLK as wok_scope_wait().
 * Threads:    the scope's owner: a stackful task, or a plain thread, which blocks.
 * Cancel:     cancellation point; no child is skipped.
 */
WOK_API
WOK_CP
int wok_scope_next(wok_scope *scope, wok_scope_child *ret_child);

/**
 * The operation of wok_scope_next().
 *
 * Errors:     ready with 0, -ENOENT or -EINVAL, as wok_scope_next() says.
 * Ownership:  borrows the scope and `ret_child` until the operation is dropped.
 * Threads:    the scope's owner; one wait on a scope at a time.
 * Cancel:     not a cancellation point; a dropped one has skipped no child.
 */
WOK_API
wok_op wok_scope_next_op(wok_scope *scope, wok_scope_child *ret_child);

/**
 * Waits until at least one child more has ended than `*seen`, for quorums: `*seen` counts the ended
 * children of the scope and is updated.
 *
 * Errors:     0; -ENOENT when all had ended and were seen; -ETIMEDOUT, -ECANCELED, -EDEADLK.
 * Threads:    the scope's owner.
 * Cancel:     cancellation point.
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

/**
 * Aborts every child that still runs, and those spawned from now on until a wait has emptied the
 * scope.  Returns at once.
 *
 * Threads:    the scope's owner.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_scope_cancel(wok_scope *scope);

/**
 * Ends the scope: aborts what still runs and waits for it, whatever happens to the caller.
 *
 * Fit for WOK_CLEANUP; runs during a panic's unwind as well.
 *
 * Threads:    the scope's owner.
 * Cancel:     not a cancellation point: an aborted parent still waits for its children.
 */
WOK_API
void wok_scope_done(wok_scope *scope);

WOK_END_DECLS

#endif
