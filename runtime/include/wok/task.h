/*
 * task.h - spawn, join handles, abort, yield, panic.
 *
 * A stackful task runs `int function(Args *args, Result *result)` on a stack of its own: straight
 * C that may wait anywhere.  A stackless task owns a future (future.h) and costs a few hundred
 * bytes.  Both give the same join handle.
 *
 * Moving arguments: the argument struct is copied into the task's own memory, the source is dead
 * afterwards, and its drop function runs exactly once on every path: return, abort before the
 * first run, cancellation, panic, shutdown of the runtime, a spawn that found no memory.  A spawn
 * never fails at the call: what went wrong shows when the handle is awaited.
 *
 * Where a task may run: a stackless task on any worker at each poll.  A stackful task may be
 * stolen until it first runs and then stays on that worker's thread, so errno and thread-locals
 * keep their meaning across a wait.
 */
#ifndef WOK_TASK_H
#define WOK_TASK_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** A task, behind a wok_join. */
typedef struct wok_task wok_task;
/** A runtime; see runtime.h. */
typedef struct wok_runtime wok_runtime;

/** The code of a wait for a task that did not return a value; the error says why.  No errno. */
#define WOK_EJOIN 0x7001

/** How a task ended. */
typedef enum wok_outcome {
    /** It returned WOK_READY (0) or a positive code; its result is valid. */
    WOK_RETURNED,
    /** It returned a negative code, which is in wok_join_error.code. */
    WOK_FAILED,
    /** It was aborted, and returned -ECANCELED, was dropped, or was unwound by force. */
    WOK_CANCELLED,
    /** It panicked, or dropping its arguments, its future or its result did, whatever it had returned;
     *  the error holds the message and the place.  Of two panics it is the first. */
    WOK_PANICKED,
    /** It never ran: no memory (-ENOMEM), no runtime (-EINVAL), no thread (-EAGAIN). */
    WOK_NOT_STARTED,
} wok_outcome;

/** Room for a task's name where it is copied; longer names are cut. */
enum { WOK_TASK_NAME_SIZE = 32 };

/** Why a task gave no value. */
typedef struct wok_join_error {
    wok_outcome outcome;
    /** What the task's function returned, or why it was not started. */
    int code;
    uint64_t task_id;
    /** Where it panicked; NULL and 0 otherwise.  Static storage. */
    const char *file;
    int line;
    /** Where it was spawned; NULL and 0 if it was not started for want of memory.  Static storage. */
    int spawned_line;
    const char *spawned_file;
    /** What it is called; empty if it was not started for want of memory. */
    char task_name[WOK_TASK_NAME_SIZE];
    /** "task N was cancelled (NAME)", "task N panicked with message "..." (NAME)", "task "NAME" (spawned at
     *  FILE:LINE) was not started: WHY", ...; NUL-terminated. */
    char message[208];
} wok_join_error;

/** The right to wait for one task and to take its result.  Exactly one per task; movable. */
typedef struct wok_join {
    wok_task *task;
} wok_join;

/** What is known of a task at compile time; the macros below make one per place of spawning. */
typedef struct wok_spawn_site {
    const char *name, *file;
    int line;
    int (*function)(void *args, void *result); /* stackful tasks */
    size_t args_size, result_size;
    void (*args_drop)(void *args);
    void (*result_drop)(void *result);
    size_t stack_bytes; /* 0: the runtime's default */
} wok_spawn_site;

/**
 * Declares a typed family for a stackful task: write `int name(Args *args, Result *result)`, then
 * use wok_spawn(name, {...}), name_await(&handle, &result, &error), and name_join_drop(&handle),
 * which is fit for WOK_CLEANUP.  The compiler checks every type.
 *
 * `args_drop` and `result_drop` are functions over `Args *` and `Result *`, or NULL.
 */
#define WOK_TASK_WITH_DROP(name_, Args_, Result_, args_drop_, result_drop_)                        \
    WOK_TASK_FAMILY_(name_, Args_, Result_, args_drop_, result_drop_, true)

/** As WOK_TASK_WITH_DROP, for arguments and results that own nothing. */
#define WOK_TASK(name_, Args_, Result_) WOK_TASK_FAMILY_(name_, Args_, Result_, NULL, NULL, false)

/* `drops_`: whether there may be something to drop; if not, the end of a task is spared the calls. */
#define WOK_TASK_FAMILY_(name_, Args_, Result_, args_drop_, result_drop_, drops_)                  \
    WOK_PLAIN_(Args_);                                                                             \
    WOK_PLAIN_(Result_);                                                                           \
    typedef Args_ name_##_args_;                                                                   \
    typedef Result_ name_##_result_;                                                               \
    static int name_(Args_ *wok_args_, Result_ *wok_result_);                                      \
    typedef struct {                                                                               \
        wok_join join;                                                                             \
    } name_##_join;                                                                                \
    __attribute__((unused)) static int name_##_entry_(void *wok_args_, void *wok_result_)          \
    {                                                                                              \
        return name_((Args_ *)wok_args_, (Result_ *)wok_result_);                                  \
    }                                                                                              \
    __attribute__((unused)) static void name_##_args_drop_(void *wok_args_)                        \
    {                                                                                              \
        void (*wok_drop_)(Args_ *) = args_drop_;                                                   \
        if (wok_drop_ != NULL)                                                                     \
            wok_drop_((Args_ *)wok_args_);                                                         \
    }                                                                                              \
    __attribute__((unused)) static void name_##_result_drop_(void *wok_result_)                    \
    {                                                                                              \
        void (*wok_drop_)(Result_ *) = result_drop_;                                               \
        if (wok_drop_ != NULL)                                                                     \
            wok_drop_((Result_ *)wok_result_);                                                     \
    }                                                                                              \
    __attribute__((unused)) static inline name_##_join name_##_spawn_at_(                          \
        wok_runtime *wok_runtime_, Args_ wok_args_, const wok_spawn_site *wok_site_)               \
    {                                                                                              \
        return WOK_TYPE_(name_##_join){wok_spawn_raw(wok_runtime_, wok_site_, &wok_args_)};        \
    }                                                                                              \
    __attribute__((unused)) static inline int name_##_await(                                       \
        name_##_join *wok_handle_, Result_ *wok_result_, wok_join_error *wok_error_)               \
    {                                                                                              \
        return wok_join_await(&wok_handle_->join, wok_result_, wok_error_);                        \
    }                                                                                              \
    __attribute__((unused)) static inline void name_##_join_drop(name_##_join *wok_handle_)        \
    {                                                                                              \
        wok_join_drop(&wok_handle_->join);                                                         \
    }                                                                                              \
    enum {                                                                                         \
        name_##_args_size_ = sizeof(Args_),                                                        \
        name_##_result_size_ = sizeof(Result_),                                                    \
        name_##_drops_ = (drops_),                                                                 \
    }

/* The site of a spawn of a typed family: static, so that a task keeps one pointer to it.  Sites name
 * every member, in order: C++ insists. */
#define WOK_TASK_SITE_(name_)                                                                      \
    __extension__({                                                                                \
        static const wok_spawn_site wok_site_ = {                                                  \
            .name = #name_,                                                                        \
            .file = __FILE__,                                                                      \
            .line = __LINE__,                                                                      \
            .function = name_##_entry_,                                                            \
            .args_size = name_##_args_size_,                                                       \
            .result_size = name_##_result_size_,                                                   \
            .args_drop = name_##_drops_ ? name_##_args_drop_ : NULL,                               \
            .result_drop = name_##_drops_ ? name_##_result_drop_ : NULL,                           \
            .stack_bytes = 0,                                                                      \
        };                                                                                         \
        &wok_site_;                                                                                \
    })

/**
 * Spawns a stackful task of a typed family on the calling thread's runtime: moves the argument
 * struct in, returns at once, and the task runs concurrently.
 *
 *     WOK_TASK(fetch, struct fetch_args, char *);
 *     fetch_join handle = wok_spawn(fetch, {.source = "Database", .delay = wok_ms(300)});
 *
 * Errors:     none at the call; the handle is born finished as WOK_NOT_STARTED where there is no
 *             memory or no runtime, and as WOK_CANCELLED where the runtime shuts down.  The arguments
 *             are dropped then.
 * Ownership:  takes the arguments; returns an owned handle: await it, or wok_join_drop() it.
 * Threads:    tasks of any kind, and plain threads that entered a runtime.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn(name_, ...) wok_spawn_on((wok_runtime *)NULL, name_, __VA_ARGS__)

/**
 * As wok_spawn(), on `runtime_`; NULL is the calling thread's.
 *
 * Errors:     as wok_spawn().
 * Ownership:  as wok_spawn().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_on(runtime_, name_, ...)                                                         \
    name_##_spawn_at_((runtime_), WOK_TYPE_(name_##_args_) __VA_ARGS__, WOK_TASK_SITE_(name_))

/**
 * The untyped form behind wok_spawn_on(), for bindings to other languages.
 *
 * Errors:     as wok_spawn().
 * Ownership:  copies site->args_size bytes from `args_moved`, which is dead afterwards; `site`
 *             must have static storage; returns an owned handle.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved);

/**
 * Spawns a stackless task that owns a copy of the future at `self_moved`.
 *
 * The macro wok_spawn_future(&vtable, &self) fills in the place.  The future must not have been
 * polled, and must not hold pointers into itself.
 *
 * Errors:     as wok_spawn(); a future that is not spawned is dropped.
 * Ownership:  copies vtable->size bytes from `self_moved`, which is dead afterwards; `vtable` and
 *             `site` must have static storage; returns an owned handle.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_future_raw(wok_runtime *runtime, const wok_future_vtable *vtable,
                              void *self_moved, const wok_spawn_site *site);

/* The site of any other spawn. */
#define WOK_SITE_(name_)                                                                           \
    __extension__({                                                                                \
        static const wok_spawn_site wok_site_ = {                                                  \
            .name = (name_),                                                                       \
            .file = __FILE__,                                                                      \
            .line = __LINE__,                                                                      \
            .function = NULL,                                                                      \
            .args_size = 0,                                                                        \
            .result_size = 0,                                                                      \
            .args_drop = NULL,                                                                     \
            .result_drop = NULL,                                                                   \
            .stack_bytes = 0,                                                                      \
        };                                                                                         \
        &wok_site_;                                                                                \
    })

/**
 * Spawns a stackless task that owns a copy of the future at `self_`, on the calling thread's runtime.
 *
 *     wok_join handle = wok_spawn_future(&fetch_vtable, &fetch);
 *
 * Errors:     as wok_spawn_future_raw().
 * Ownership:  as wok_spawn_future_raw().
 * Threads:    tasks of any kind, and plain threads that entered a runtime.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_future(vtable_, self_) wok_spawn_future_on(NULL, vtable_, self_)

/**
 * As wok_spawn_future(), on `runtime_`; NULL is the calling thread's.
 *
 * Errors:     as wok_spawn_future_raw().
 * Ownership:  as wok_spawn_future_raw().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
#define wok_spawn_future_on(runtime_, vtable_, self_)                                              \
    wok_spawn_future_raw((runtime_), (vtable_), (self_), WOK_SITE_(#self_))

/**
 * As wok_spawn_raw(), and runs the new task at once until its first wait, where the caller is a
 * stackless task; anywhere else it is the same as wok_spawn_raw().
 *
 * It saves the passage through a run queue where the caller is going to wait for the task anyway.
 *
 * Errors:     as wok_spawn().
 * Ownership:  as wok_spawn_raw().
 * Threads:    tasks of any kind, and plain threads that entered a runtime.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_join wok_spawn_inline_raw(const wok_spawn_site *site, void *args_moved);

/* The operations of a join. */
extern WOK_API
const wok_future_vtable wok_join_vtable_;

/**
 * The operation of joining: ready with 0, -WOK_EJOIN or -EINVAL as wok_join_await() says.
 *
 * Ownership:  borrows the handle, `ret_result` and `ret_error` until the operation is dropped.
 * Threads:    any; the handle has one waiter at a time.
 * Cancel:     not a cancellation point; a dropped join leaves the handle valid.
 */
WOK_API
wok_op wok_join_op(wok_join *join, void *ret_result, wok_join_error *ret_error);

/* Writes what a join needs into an operation in place: a copy of the whole, just after its parts were
 * written, stalls the processor for as long as a quarter of the join takes. */
static inline void wok_join_op_init_(wok_op *op, wok_join *join, void *ret_result,
                                     wok_join_error *ret_error)
{
    op->vtable = &wok_join_vtable_;
    op->object = join;
    op->value = ret_result;
    op->extra = ret_error;
}

/**
 * Waits until the task has ended and takes its result.
 *
 * Errors:     0 and `*ret_result` if the task returned; -WOK_EJOIN and `*ret_error` if it did not;
 *             either consumes the handle.  -ECANCELED if the caller is aborted, and the handle
 *             stays valid; -EINVAL if the handle was consumed before; -EDEADLK if the task waits
 *             for itself, or in a stackless task, which uses wok_join_poll(); -ETIMEDOUT if a
 *             deadline that covers the caller passes, and the handle stays valid.
 * Ownership:  `ret_result` takes site->result_size bytes (NULL: the result is destroyed);
 *             `ret_error` may be NULL.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; nothing is lost.
 */
WOK_CP
static inline int wok_join_await(wok_join *join, void *ret_result, wok_join_error *ret_error)
{
    wok_op op;

    wok_join_op_init_(&op, join, ret_result, ret_error);
    return wok_op_wait(&op, WOK_NEVER);
}

/**
 * As wok_join_await(), for at most until `deadline`: -ETIMEDOUT leaves the handle valid.
 *
 * Errors:     as wok_join_await().
 * Ownership:  as wok_join_await().
 * Threads:    as wok_join_await().
 * Cancel:     cancellation point; nothing is lost.
 */
WOK_CP
static inline int wok_join_await_until(wok_join *join, wok_instant deadline, void *ret_result,
                                       wok_join_error *ret_error)
{
    wok_op op;

    wok_join_op_init_(&op, join, ret_result, ret_error);
    return wok_op_wait(&op, deadline);
}

/**
 * The stackless form of wok_join_await(): WOK_PENDING, or the end of the task.
 *
 * Errors:     0 and `*ret_result`, or -WOK_EJOIN and `*ret_error`: either consumes the handle; -EINVAL
 *             if it was consumed before; -EDEADLK if the task polls its own handle.
 * Ownership:  as wok_join_await().
 * Threads:    the task of `cx`; the handle has one waiter at a time.
 * Cancel:     not a cancellation point; a wait that is given up ends with wok_join_drop().
 */
WOK_API
wok_poll wok_join_poll(wok_join *join, wok_cx *cx, void *ret_result, wok_join_error *ret_error);

/**
 * Drops the handle: the task runs on, detached, and its result is destroyed exactly once.
 *
 * Fit for WOK_CLEANUP.  A consumed handle is fine.  A panic that nobody takes is logged once.
 *
 * Ownership:  takes the handle.
 * Threads:    any, while nobody else uses this handle.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_drop(wok_join *join);

/**
 * Asks the task to stop.  Returns at once; idempotent; after the task's end it does nothing.
 *
 * A stackless task is dropped in place of its next poll.  A stackful task's waits return
 * -ECANCELED, and after a grace (1 s, or 64 returns it ignored) its next cancellation point
 * unwinds it.  Work of a blocking pool that has started is not stopped.
 *
 * Threads:    any, while nobody consumes this handle.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_join_abort(const wok_join *join);

/**
 * True when the task is gone: its locals and arguments are destroyed, its result is stored.
 *
 * Threads:    any, while nobody consumes this handle.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_join_is_finished(const wok_join *join);

/**
 * The task's number: unique among tasks that live or whose handle does; 0 if it has none.
 *
 * Threads:    any, while nobody consumes this handle.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_join_id(const wok_join *join);

/* ---- abort handles ------------------------------------------------------------------------ */

/** The right to abort one task, and nothing else: any number per task, while its handle is with another. */
typedef struct wok_abort_handle {
    wok_task *task;
} wok_abort_handle;

/**
 * An abort handle of the task behind a join handle; one of a consumed join handle does nothing.
 *
 * Ownership:  returns owned: wok_abort_handle_drop().  It keeps the task's memory, not its result.
 * Threads:    the join handle's owner.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_abort_handle wok_join_abort_handle(const wok_join *join);

/**
 * Another abort handle of the same task.
 *
 * Ownership:  returns owned: wok_abort_handle_drop().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_abort_handle wok_abort_handle_ref(const wok_abort_handle *handle);

/**
 * Gives an abort handle back, and aborts nothing; fit for WOK_CLEANUP, twice is fine.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_abort_handle_drop(wok_abort_handle *handle);

/**
 * Asks the task to stop, as wok_join_abort() does.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_abort_handle_abort(const wok_abort_handle *handle);

/**
 * True when the task is gone, as wok_join_is_finished() says.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_abort_handle_is_finished(const wok_abort_handle *handle);

/**
 * The task's number; 0 if it has none.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_abort_handle_id(const wok_abort_handle *handle);

/**
 * The number of the calling task; 0 on a plain thread.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_task_id(void);

/**
 * What the calling task is called: as the options of its spawn say, or as its function or its
 * future's type; "" on a plain thread.
 *
 * Ownership:  borrowed; it lives as long as the task.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
const char *wok_task_name(void);

/**
 * Lets the other ready tasks run.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it passes;
 *             -EDEADLK in a stackless task, which uses wok_cx_yield().
 * Threads:    a stackful task yields; a plain thread calls sched_yield(2).
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_yield(void);

/**
 * What a loop that computes for long calls once in each round: it costs one of the 128 operations of
 * a poll, and lets the other ready tasks run when those are used up.
 *
 * A wait that succeeds counts in the same way, so a loop that waits needs no checkpoint.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -EDEADLK in a stackless task, which uses
 *             wok_checkpoint_poll(); -ETIMEDOUT if a deadline that covers the caller has passed, which it
 *             notices when it would let the others run.
 * Threads:    a stackful task; on a plain thread it does nothing.
 * Cancel:     cancellation point.
 * Source:     the semantics of tokio::task::consume_budget.
 */
WOK_API
WOK_CP
int wok_checkpoint(void);

/**
 * True once the calling task was aborted; sticky, and true in a WOK_SHIELD() as well.
 *
 * Threads:    any; false on a plain thread.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_cancelled(void);

/**
 * Ends the calling task: its stack is unwound, cleanup handlers run, and whoever awaits it gets
 * WOK_PANICKED with the message and the place.  Other tasks do not notice.  Outside a task the
 * message is printed and the process aborts.
 *
 * Do not panic inside the callback of a library that holds resources in its frames, and not in a cleanup
 * handler that an unwind runs: where gcc compiled its caller, that goes on to the same end and the first
 * panic stays the outcome, but where clang did, the process aborts, after a line that says why.
 *
 * Threads:    tasks of any kind; a stackless task's poll ends, and its future is dropped.
 * Cancel:     not a cancellation point; it does not return.
 * Source:     _Unwind_ForcedUnwind, Itanium C++ ABI: exception handling, level I.
 */
#define wok_panic(...) wok_panic_at(__FILE__, __LINE__, __VA_ARGS__)

/**
 * Panics at a place of the caller's choice: the function behind wok_panic().
 *
 * Ownership:  `file` has static storage.
 * Threads:    as wok_panic().
 * Cancel:     not a cancellation point; it does not return.
 */
WOK_API
WOK_NORETURN void wok_panic_at(const char *file, int line, const char *format, ...)
    WOK_PRINTF(3, 4);

/** Panics unless `condition` holds; stays in release builds. */
#define WOK_ASSERT(condition)                                                                      \
    ((condition) ? (void)0 : wok_panic("assertion failed: %s", #condition))

/* ---- shields ------------------------------------------------------------------------------ */

/** What WOK_SHIELD() keeps. */
typedef struct wok_shield {
    uint64_t outer_deadline_ns;
    bool active;
} wok_shield;

/**
 * Shields the block that follows: waits in it do not notice that the task was aborted, nor the
 * deadlines that cover it from outside; after the block they do.
 *
 *     WOK_SHIELD() {
 *         error = write_the_last_record(log); // completes although we are being stopped
 *     }
 *
 * A shutdown whose grace is over is noticed all the same, so that no shield outlasts it.  Deadlines
 * that begin in the block count.  The block may be left in any way.
 *
 * Threads:    stackful tasks; elsewhere it only hides the deadlines.
 * Cancel:     not a cancellation point.
 * Source:     trio's CancelScope(shield=True).
 */
#define WOK_SHIELD() WOK_SHIELD_(WOK_UNIQUE_(wok_shield_))

#define WOK_SHIELD_(shield_)                                                                       \
    for (WOK_CLEANUP(wok_shield_end) wok_shield shield_ = wok_shield_begin(); shield_.active;      \
         wok_shield_end(&shield_))

/**
 * Begins what WOK_SHIELD() describes, up to the matching wok_shield_end().
 *
 * Threads:    as WOK_SHIELD(); begin and end nest like brackets.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
wok_shield wok_shield_begin(void);

/**
 * Ends a shield; a second time it does nothing.
 *
 * Threads:    where it began.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_shield_end(wok_shield *shield);

WOK_END_DECLS

#endif
