/*
 * task.h - the task block: header, future, result.
 *
 * One allocation holds all of a task: a header of 80 bytes, then the future (for a stackful task
 * the fiber's bookkeeping and the arguments), then the result.
 */
#ifndef WOK_TASK_TASK_H
#define WOK_TASK_TASK_H

#include <wok/scope.h>
#include <wok/spawn.h>
#include <wok/task.h>

#include "task/schedule.h"
#include "task/state.h"

enum wok__task_kind {
    WOK__TASK_STACKLESS,
    WOK__TASK_STACKFUL,
    WOK__TASK_BLOCKING, /* runs on the blocking pool; its block and handle are as any other's */
    /* Not tasks, but in the shape that can be woken: */
    WOK__TASK_THREAD, /* a plain thread that waits */
    WOK__TASK_ENTRY,  /* an entry of a join set, which waits for its task */
    /* Nor this, behind the handle of one that was never made: */
    WOK__TASK_REFUSED,
};

struct wok__panic;

enum {
    WOK__HOME_NONE = 0xffff,
    WOK__STACK_BYTES_MIN = 16 * 1024, /* a printf of a double needs some 8 KiB */
};

struct wok_task {
    struct wok__state state;
    uint16_t
        home; /* the worker it is bound to; written by its spawn, or by that worker at first run */
    uint8_t kind;          /* constant */
    uint8_t class;         /* which memory class the block came from; constant */
    struct wok_task *next; /* link of the one queue it is in; its claimer, then the queue */
    union {
        const wok_future_vtable *vtable; /* stackless: constant */
        struct wok_blocking_pool *pool;  /* blocking: constant, a counted reference */
    };
    const wok_spawn_site *site;  /* constant, static storage or in the block */
    struct wok_runtime *runtime; /* constant */
    union {
        struct wok_task *join_waiter; /* the handle's owner; see state.c S3 */
        size_t child_index;           /* in a scope: its place in the order of spawning */
    };
    union {
        struct wok__group *group;    /* what it belongs to, or NULL; constant until its end */
        struct wok_task *ended_next; /* in a scope's list of those that ended; that list's lock */
    };
    union {
        struct wok_task *sibling; /* the scope's list of children; its owner only */
        atomic_u64 started_ns;    /* blocking: when it began, on CLOCK_MONOTONIC; its thread */
    };
    uint64_t id; /* constant */
    /* The outcome: written by the completer before COMPLETE, read by the handle after it. */
    int32_t code;
    uint8_t outcome;
    uint8_t priority;       /* constant: WOK__NORMAL, ... */
    uint16_t result_offset; /* constant: where the result lies, in units of 16 bytes */
};

_Static_assert(sizeof(struct wok_task) == 80, "the header's size is part of what a task costs");

static inline void *wok__task_future(struct wok_task *task)
{
    return (char *)task + ((sizeof *task + 15) & ~(size_t)15);
}

static inline void *wok__task_result(struct wok_task *task)
{
    return (char *)task + (size_t)task->result_offset * 16;
}

/* ---- harness.c ---------------------------------------------------------------------------- */

/* Wakes a task that the caller knows to be alive: it waits on something whose lock the caller
 * holds and that it cannot leave without that lock, or the caller holds a reference. */
void wok__task_wake(struct wok_task *task, enum wok__reason reason);

/* The two halves of a wake, for wait objects without a lock: claim while the waiter cannot go
 * away, let it go, then push if the claim said so. */
static inline bool wok__task_claim(struct wok_task *task)
{
    return wok__state_wake(&task->state);
}
static inline void wok__task_push(struct wok_task *task, enum wok__reason reason)
{
    wok__schedule(task, reason);
}

/* Polls a task that was taken from a queue; a worker thread only.  The task may be gone after. */
void wok__task_run(struct wok_task *task);

/* The same, from within another task's poll. */
void wok__task_run_in_place(struct wok_task *task);

/* Runs the body of a blocking task on the calling pool thread, and completes it. */
void wok__task_run_blocking(struct wok_task *task);

/* A blocking task is dropped unrun: its arguments are dropped, it ends as cancelled for -ECANCELED,
 * as not started for any other code. */
void wok__task_discard_blocking(struct wok_task *task, int code);

/* Asks a task to stop; the caller holds a reference. */
void wok__task_abort(struct wok_task *task);

void wok__task_unref(struct wok_task *task);

/* Drops the arguments of a function that has ended.  If that panics, `*panic` says so unless it did
 * before, and a result that the function has left is destroyed, as nobody will take it. */
void wok__task_drop_args(struct wok_task *task, void *args, bool has_result,
                         struct wok__panic **panic);

/* Destroys the result, if it has one, of a task that has ended.  A panic of the destructor becomes the
 * task's outcome. */
void wok__task_destroy_result(struct wok_task *task);

/* What becomes of a task that has ended and that nobody awaits: its result is destroyed, and then its
 * panic, of whichever of the two, is reported. */
void wok__task_abandon(struct wok_task *task);

/* Reports the panic of a task that nobody was told of; a task that did not panic is fine. */
void wok__task_report_unjoined(struct wok_task *task);

/* The owner of a task that has ended was told how, and need not be told by a report as well. */
void wok__task_mark_joined(const struct wok_task *task);

/* ---- spawn.c ------------------------------------------------------------------------------ */

/* What a task is made of. */
struct wok__task_plan {
    struct wok_runtime *runtime;
    enum wok__task_kind kind;
    const void *vtable_or_pool; /* of a stackless or a blocking task, whose reference it takes */
    const wok_spawn_site *site;
    const void *moved;
    struct wok__group *group;         /* or NULL */
    const wok_spawn_options *options; /* resolved; NULL: the defaults */
    uint8_t priority;                 /* unless the options say another */
    const wok_spawn_site *shown; /* with options: whose name and place are shown; NULL: its own */
};

/* The runtime to spawn on (NULL: the caller's), or NULL and why not: -EINVAL if there is none, -ECANCELED
 * or -ENOTRECOVERABLE if it is closed.  With a runtime the code is -ENOMEM, for what comes next. */
struct wok_runtime *wok__spawn_runtime(struct wok_runtime *runtime, int *ret_code);

/* Builds a task block with the moved arguments copied in; NULL if there is no memory.  Not scheduled. */
struct wok_task *wok__task_new(const struct wok__task_plan *plan);

/* The name and place of a task; a scope's child keeps its own. */
const wok_spawn_site *wok__task_site(const struct wok_task *task);
/* What the task is called: as its spawn's options say, or as its function or its future's type. */
const char *wok__task_name(const struct wok_task *task);
/* The same for whoever may outlive the task; cut to WOK_TASK_NAME_SIZE - 1 bytes. */
void wok__task_name_copy(char *ret_name, const struct wok_task *task);

/* ---- unborn.c ----------------------------------------------------------------------------- */

/* A handle that was born finished: what was moved is dropped, the await gives WOK_NOT_STARTED, or
 * WOK_CANCELLED for -ECANCELED.  `options`: those of the caller, or NULL; `why` is copied, NULL: as the
 * code and the options say. */
__attribute__((cold)) wok_join wok__join_not_started(const struct wok__task_plan *plan,
                                                     const wok_spawn_options *options, int code,
                                                     const char *why);

/* True for the static blocks behind such handles: they have no state word and are never freed. */
bool wok__task_is_unborn(const struct wok_task *task);

/* True for every block behind such handles. */
bool wok__task_is_refused(const struct wok_task *task);

/* Why a task was not started, in words. */
const char *wok__not_started_why(const struct wok_task *task);

/* ---- spawn_options.c ---------------------------------------------------------------------- */

/* Checks options for a task of this kind that the caller spawns, and makes the runtime and the worker
 * definite: 0, -EINVAL, or what wok__spawn_runtime() says. */
int wok__spawn_options_resolve(wok_spawn_options *options, enum wok__task_kind kind);

/* What is wrong with options that the same caller had refused with -EINVAL, in words; false: nothing. */
bool wok__spawn_options_explain(const wok_spawn_options *options, enum wok__task_kind kind,
                                char *why, size_t size);

/* Bytes behind the end of a block that they need, and putting there what the task keeps of them. */
size_t wok__spawn_options_size(const wok_spawn_options *options);
void wok__spawn_options_keep(struct wok_task *task, const struct wok__task_plan *plan, void *place);

/* The name that a task was given by its options, or NULL. */
const char *wok__task_own_name(const struct wok_task *task);

/* ---- join.c ------------------------------------------------------------------------------- */

/* `waiter` is to be woken when the task has ended; false: it has ended already.  Nobody waits now. */
bool wok__join_register(wok_join *join, struct wok_task *waiter);

/* join_set.c: the task of this entry has ended. */
void wok__join_set_push(struct wok_task *entry);

/* The handle's owner no longer waits for it. */
void wok__join_forget(wok_join *join);

/* The number, the name and the place of spawning of a task, unless it is one of the unborn. */
void wok__join_error_name(wok_join_error *error, const struct wok_task *task);
/* What is known of a panic of this task, which may still run; NULL: of a destructor's that belongs to no
 * task.  The message begins with `what` and the task's number. */
void wok__join_error_panic(wok_join_error *error, const char *what, const struct wok_task *task,
                           const struct wok__panic *panic);
/* What is known of a task's end, in words. */
void wok__join_error_fill(wok_join_error *error, const struct wok_task *task);

/* ---- await.c ------------------------------------------------------------------------------ */

/* The waiting form of any poll: polls `future` in the calling stackful task or plain thread until
 * it is ready, the deadline passes (-ETIMEDOUT) or the caller is cancelled (-ECANCELED).
 * `shielded` waits whatever happens to the caller. */
int wok__await(wok_future future, wok_instant deadline, void *ret_result, bool shielded);

/* As wok__await, and drops the future on every way out, an unwind included. */
int wok__await_drop(wok_future future, wok_instant deadline, void *ret_result, bool shielded);

/* The calling plain thread, which has no runtime, polls again at `deadline_ns` at the latest. */
void wok__thread_alarm(struct wok_task *task, uint64_t deadline_ns);

/* For a call that may find at once what it would wait for: true if the caller may wait here and is not
 * cancelled, and one unit of its budget is taken then.  False: the call goes through wok__await. */
bool wok__wait_skip(void);

/* Continues a plain thread that waits in the shape of a task, and was claimed. */
void wok__thread_task_push(struct wok_task *task);

/* True while the calling poll may go on; false: the budget of 128 operations is used up, the task
 * has been woken again, and the poll must return pending. */
bool wok__budget_take(wok_cx *cx);

#endif
