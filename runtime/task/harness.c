/*
 * harness.c - from a queue to a poll, and from a poll to what follows.
 *
 * The harness is the only code that polls tasks.  It takes a claimed task, runs it under a guard,
 * and acts on what the state word says afterwards: push it again, let it be, or complete it.
 *
 * Order at the end of a task: the future (a fiber: its locals and arguments) is dropped, the
 * outcome is stored, the counts are updated, and only then the word says COMPLETE; so whoever sees
 * the end sees everything destroyed.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "task/context.h"
#include "task/fiber.h"
#include "task/group.h"
#include "task/panic.h"
#include "task/task.h"

enum { BUDGET = 128 }; /* operations per poll, as Tokio's coop budget */

void wok__task_wake(struct wok_task *task, enum wok__reason reason)
{
    if (wok__task_claim(task))
        wok__task_push(task, reason);
}

void wok__task_abort(struct wok_task *task)
{
    if (task->kind == WOK__TASK_BLOCKING) {
        (void)wok__state_abort(&task->state); /* a shutdown passes over tasks that were told */
        wok__blocking_abort(task);
        return;
    }
    if (wok__state_abort(&task->state))
        wok__task_push(task, WOK__REASON_WAKE);
}

static void free_block(struct wok_task *task)
{
    if (task->outcome == WOK_PANICKED)
        wok__panic_free((struct wok__panic *)task->next);
    if (task->kind == WOK__TASK_BLOCKING)
        wok__blocking_forget(task);
    if (task->kind >= WOK__TASK_THREAD)
        free(task);
    else
        wok__task_memory_give(task->runtime, task, task->class);
}

void wok__task_unref(struct wok_task *task)
{
    if (wok__state_unref(&task->state))
        free_block(task);
}

typedef void (*drop_function)(void *object);

static drop_function result_drop_of(const struct wok_task *task)
{
    return task->kind == WOK__TASK_STACKLESS ? task->vtable->result_drop : task->site->result_drop;
}

void wok__task_drop_args(struct wok_task *task, void *args, bool has_result,
                         struct wok__panic **panic)
{
    wok__destroy_or_panic(panic, task->site->args_drop, args);
    if (*panic != NULL && has_result)
        wok__destroy_or_panic(panic, task->site->result_drop, wok__task_result(task));
}

void wok__task_report_unjoined(struct wok_task *task)
{
    wok_join_error error;

    if (task->outcome != WOK_PANICKED || ((struct wok__panic *)task->next)->joined)
        return;
    wok__join_error_fill(&error, task);
    wok__report_panic(task->runtime, &error);
}

void wok__task_mark_joined(const struct wok_task *task)
{
    if (task->outcome == WOK_PANICKED)
        wok__panic_mark_joined((struct wok__panic *)task->next);
}

/* The outcome of a task that ended by itself with `code`. */
static enum wok_outcome outcome_of(const struct wok_task *task, int code)
{
    if (code >= 0)
        return WOK_RETURNED;
    if (code == -ECANCELED && wok__state_is_cancelled(&task->state))
        return WOK_CANCELLED;
    return WOK_FAILED;
}

static void store_outcome(struct wok_task *task, enum wok_outcome outcome, int code,
                          struct wok__panic *panic)
{
    task->outcome = (uint8_t)(panic != NULL ? WOK_PANICKED : outcome);
    task->code = code;
    task->next = (struct wok_task *)panic;
}

void wok__task_destroy_result(struct wok_task *task)
{
    struct wok__panic *panic;

    if (task->outcome != WOK_RETURNED)
        return;
    panic = wok__destroy_result(task, result_drop_of(task), wok__task_result(task));
    if (panic != NULL)
        store_outcome(task, WOK_PANICKED, 0, panic);
}

void wok__task_abandon(struct wok_task *task)
{
    wok__task_destroy_result(task);
    wok__task_report_unjoined(task);
}

static void wake_joiner(struct wok_task *task)
{
    struct wok_task *waiter = task->join_waiter;
    bool push = wok__task_claim(waiter);

    wok__state_joiner_claimed(&task->state);
    if (push)
        wok__task_push(waiter, WOK__REASON_WAKE);
}

/* The end of a task that has, or had, a handle; the task may be gone afterwards. */
static void complete_with_handle(struct wok_task *task)
{
    switch (wok__state_complete(&task->state)) {
    case WOK__COMPLETED_JOINABLE:
        return;
    case WOK__COMPLETED_WAKE_JOINER:
        wake_joiner(task);
        return;
    case WOK__COMPLETED_DETACHED:
        wok__task_abandon(task);
        wok__task_unref(task);
        return;
    case WOK__COMPLETED_FREE:
        wok__task_abandon(task);
        free_block(task);
        return;
    }
}

static void complete(struct wok_task *task)
{
    struct wok__group *group = task->group;
    bool is_child = group != NULL && group->kind == WOK__GROUP_SCOPE;

    if (is_child)
        wok__task_destroy_result(task); /* nobody takes it */
    wok__count_ended(task);
    if (is_child) {
        (void)wok__state_complete(&task->state); /* the scope frees the block */
        wok__scope_child_done(task);
        return;
    }
    complete_with_handle(task);
    if (group != NULL)
        wok__tracker_task_done(group);
}

/* ---- stackless ---------------------------------------------------------------------------- */

struct poll_call {
    struct wok_task *task;
    bool dropping, cancelled;
    wok_poll code;
};

static void poll_future(void *argument)
{
    struct poll_call *call = argument;
    struct wok_task *task = call->task;
    wok_cx cx = {task};

    if (!call->cancelled)
        call->code = task->vtable->poll(wok__task_future(task), &cx, wok__task_result(task));
    if (call->code == WOK_PENDING)
        return;
    call->dropping = true;
    wok__here()->guard->shielded = true;
    if (task->vtable->drop != NULL)
        task->vtable->drop(wok__task_future(task));
}

/* Polls the future of a stackless task; true: it ended and its outcome is stored. */
static bool run_stackless(struct wok_task *task, bool cancelled)
{
    struct poll_call call = {task, false, cancelled, cancelled ? -ECANCELED : WOK_PENDING};
    struct wok__guard guard;

    guard.shielded = false;
    if (!wok__guarded(&guard, poll_future, &call)) {
        if (!call.dropping)
            wok__destroy_or_panic(&guard.panic, task->vtable->drop, wok__task_future(task));
        else if (call.code >= 0)
            wok__destroy_or_panic(&guard.panic, task->vtable->result_drop, wok__task_result(task));
        store_outcome(task, WOK_PANICKED, 0, guard.panic);
        return true;
    }
    assert(wok__here()->locals == NULL); /* local.h: a value lasts for a poll at most */
    if (call.code == WOK_PENDING)
        return false;
    store_outcome(task, cancelled ? WOK_CANCELLED : outcome_of(task, call.code), call.code, NULL);
    return true;
}

/* ---- stackful ----------------------------------------------------------------------------- */

/* Inline, as run() and the worker's loop are: every level of calls between a worker and the switch to a
 * stack is a return that the processor predicts wrongly after it. */
static inline __attribute__((always_inline)) bool run_stackful(struct wok_task *task,
                                                               struct wok__here *here,
                                                               bool cancelled)
{
    struct wok__fiber *fiber = wok__fiber_of(task);

    if (cancelled && fiber->stack.base == NULL) {
        wok__fiber_discard(task);
        store_outcome(task, WOK_CANCELLED, -ECANCELED, fiber->panic);
        return true;
    }
    if (!wok__fiber_poll(task, here))
        return false;
    if (fiber->returned || fiber->panic != NULL)
        store_outcome(task, outcome_of(task, fiber->code), fiber->code, fiber->panic);
    else if (task->outcome == WOK_NOT_STARTED)
        store_outcome(task, WOK_NOT_STARTED, fiber->code, NULL);
    else
        store_outcome(task, WOK_CANCELLED, -ECANCELED, NULL);
    return true;
}

static inline __attribute__((always_inline)) void run(struct wok_task *task)
{
    struct wok__here *here = wok__here();
    struct wok_task *outer_task = here->task;
    struct wok__guard *outer_guard = here->guard;
    uint32_t outer_budget = here->budget;
    bool outer_yields = here->yields;
    bool cancelled = (wok__state_run(&task->state) & WOK__CANCELLED) != 0;
    enum wok__reason reason;
    bool ended;

    here->task = task;
    here->guard = NULL;
    here->budget = BUDGET;
    here->yields = false;
    ended = task->kind == WOK__TASK_STACKFUL ? run_stackful(task, here, cancelled)
                                             : run_stackless(task, cancelled);
    if (wok__is_forked())
        wok__forked_came_back();
    reason = here->yields ? WOK__REASON_YIELD : WOK__REASON_EVENT;
    here->task = outer_task;
    here->guard = outer_guard;
    here->budget = outer_budget;
    here->yields = outer_yields;

    if (ended)
        complete(task);
    else if (wok__state_suspend(&task->state))
        wok__task_push(task, reason);
}

void wok__task_run(struct wok_task *task)
{
    run(task);
}

static void run_on_this_stack(void *task)
{
    run(task);
}

void wok__task_run_in_place(struct wok_task *task)
{
    struct wok__here *here = wok__here();
    struct wok__fiber *fiber = here->fiber;
    struct wok__ambient ambient = here->ambient;
    struct wok_local_frame *locals = here->locals;
    struct wok__context thread = here->thread;

    here->fiber = NULL; /* the task is not in this fiber: it cannot wait on it */
    here->ambient = (struct wok__ambient){0};
    here->locals = NULL;
    if (fiber != NULL)
        wok__context_call_on(&fiber->context, &thread, run_on_this_stack, task);
    else
        run(task);
    here->fiber = fiber;
    here->ambient = ambient;
    here->locals = locals;
    here->thread = thread; /* a fiber that was started in the task has come back to another place */
}

/* ---- blocking ----------------------------------------------------------------------------- */

struct blocking_call {
    struct wok_task *task;
    int code;
};

static void call_blocking(void *argument)
{
    struct blocking_call *call = argument;

    wok__here()->calling = call->task;
    call->code =
        call->task->site->function(wok__task_future(call->task), wok__task_result(call->task));
}

void wok__task_run_blocking(struct wok_task *task)
{
    struct blocking_call call = {task, 0};
    struct wok_runtime *runtime = task->runtime;
    struct wok__guard guard;
    bool returned;

    if (!wok__call_begin(task)) {
        wok__task_discard_blocking(task, -ECANCELED);
        wok__call_end(runtime);
        return;
    }
    wok__state_run(&task->state);
    guard.shielded = false;
    returned = wok__guarded(&guard, call_blocking, &call);
    if (wok__is_forked())
        wok__forked_came_back();
    wok__task_drop_args(task, wok__task_future(task), returned && call.code >= 0, &guard.panic);
    wok__here()->calling = NULL;
    /* A blocking call that has started cannot be cancelled: what it returned stands. */
    store_outcome(task, call.code < 0 ? WOK_FAILED : WOK_RETURNED, call.code, guard.panic);
    complete(task);
    wok__call_end(runtime);
}

void wok__task_discard_blocking(struct wok_task *task, int code)
{
    struct wok__panic *panic = NULL;

    wok__call_forget(task);
    wok__state_run(&task->state);
    wok__task_drop_args(task, wok__task_future(task), false, &panic);
    store_outcome(task, code == -ECANCELED ? WOK_CANCELLED : WOK_NOT_STARTED, code, panic);
    complete(task);
}
