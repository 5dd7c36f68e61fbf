/*
 * join.c - the join handle.
 *
 * The handle's owner waits by writing itself into the task's join_waiter and announcing it in the
 * state word; state.c (S3) says who owns that field when.  The completer claims the waiter, takes
 * the announcement back, and then pushes the waiter.  Between the first two the waiter may run, for
 * another reason, and find the task complete but the announcement still there: it yields and looks
 * again, since the completer may still be about to touch it.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <wok/select.h>

#include "platform/atomic.h"
#include "task/context.h"
#include "task/panic.h"
#include "task/refuse.h"
#include "task/task.h"

/* Spins this often before it asks the kernel for somebody else's turn: the completer is between
 * two instructions, unless its thread was preempted there. */
enum { SPINS = 100 };

void wok__join_error_name(wok_join_error *error, const struct wok_task *task)
{
    const wok_spawn_site *site;

    if (wok__task_is_unborn(task))
        return;
    site = wok__task_site(task);
    error->task_id = task->id;
    error->spawned_file = site->file;
    error->spawned_line = site->line;
    wok__task_name_copy(error->task_name, task);
}

void wok__join_error_panic(wok_join_error *error, const char *what, const struct wok_task *task,
                           const struct wok__panic *panic)
{
    error->outcome = WOK_PANICKED;
    error->file = panic->file;
    error->line = panic->line;
    if (task == NULL) {
        snprintf(error->message, sizeof error->message, "a destructor panicked with message \"%s\"",
                 panic->message);
        return;
    }
    wok__join_error_name(error, task);
    snprintf(error->message, sizeof error->message, "%s %llu panicked with message \"%s\" (%s)",
             what, (unsigned long long)task->id, panic->message, error->task_name);
}

void wok__join_error_fill(wok_join_error *error, const struct wok_task *task)
{
    bool is_refused = task->kind == WOK__TASK_REFUSED;

    memset(error, 0, sizeof *error);
    error->outcome = (wok_outcome)task->outcome;
    error->code = task->code;
    wok__join_error_name(error, task);
    switch (error->outcome) {
    case WOK_RETURNED:
        break;
    case WOK_FAILED:
        snprintf(error->message, sizeof error->message, "task %llu failed with code %d, %s (%s)",
                 (unsigned long long)task->id, task->code, strerrordesc_np(-task->code),
                 error->task_name);
        break;
    case WOK_CANCELLED:
        snprintf(error->message, sizeof error->message, "task %llu was cancelled (%s)%s%s",
                 (unsigned long long)task->id, error->task_name, is_refused ? ": " : "",
                 is_refused ? wok__not_started_why(task) : "");
        break;
    case WOK_PANICKED:
        wok__join_error_panic(error, "task", task, (const struct wok__panic *)task->next);
        break;
    case WOK_NOT_STARTED:
        wok__not_started_tell(error, wok__not_started_why(task));
        break;
    }
}

/* The result of a task that is complete and not in flight: moves it out and frees the block.  One that
 * is not wanted is destroyed first: a panic of its destructor is the task's outcome. */
static int take(wok_join *join, void *ret_result, wok_join_error *ret_error)
{
    struct wok_task *task = WOK_TAKE(join->task);
    bool is_unborn = wok__task_is_unborn(task);
    bool returned;

    if (ret_result == NULL && !is_unborn)
        wok__task_destroy_result(task);
    returned = task->outcome == WOK_RETURNED;
    if (ret_error != NULL)
        wok__join_error_fill(ret_error, task);
    if (returned && ret_result != NULL) {
        size_t size =
            task->kind == WOK__TASK_STACKLESS ? task->vtable->result_size : task->site->result_size;
        if (size != 0)
            memcpy(ret_result, wok__task_result(task), size);
    }
    if (!is_unborn)
        wok__task_unref(task);
    return returned ? 0 : -WOK_EJOIN;
}

void wok__join_forget(wok_join *join)
{
    struct wok_task *task = join->task;

    if (task == NULL || wok__task_is_unborn(task))
        return;
    for (unsigned spins = 0; !wok__state_join_unregister(&task->state); spins++) {
        if (spins < SPINS)
            spin_hint();
        else
            sched_yield();
    }
}

bool wok__join_register(wok_join *join, struct wok_task *waiter)
{
    struct wok_task *task = join->task;

    if (wok__task_is_unborn(task))
        return false;
    wok__join_forget(join); /* who waited for it before, and waits no more */
    task->join_waiter = waiter;
    return wok__state_join_register(&task->state) == WOK__JOIN_PENDING;
}

/* The task would wait for its own end: also as the thread that it is in a wok_block_in_place(). */
static bool is_own(const struct wok_task *task, const wok_cx *cx)
{
    return task == cx->task || (cx->task->kind == WOK__TASK_THREAD && task == wok__here()->task);
}

wok_poll wok_join_poll(wok_join *join, wok_cx *cx, void *ret_result, wok_join_error *ret_error)
{
    struct wok_task *task = join->task;
    enum wok__join_ready ready;
    bool waits;

    if (task == NULL)
        return -EINVAL;
    if (is_own(task, cx))
        return -EDEADLK;
    if (wok__task_is_unborn(task))
        return take(join, ret_result, ret_error);
    ready = wok__state_join_look(&task->state);
    waits = ready == WOK__JOIN_PENDING && task->join_waiter == cx->task &&
            wok__state_join_is_registered(&task->state);
    if (ready == WOK__JOIN_PENDING && !waits && wok__run_awaited_here(cx, task))
        ready = wok__state_join_look(&task->state);
    switch (ready) {
    case WOK__JOIN_READY:
        /* Only what succeeds costs budget: a poll that looks at many pending handles would use it
         * up without progress, wake itself, and spin. */
        return wok__budget_take(cx) ? take(join, ret_result, ret_error) : WOK_PENDING;
    case WOK__JOIN_IN_FLIGHT:
        wok_cx_yield(cx);
        return WOK_PENDING;
    case WOK__JOIN_PENDING:
        break;
    }
    if (waits)
        return WOK_PENDING;
    wok__join_forget(join); /* the handle has moved to another task since */
    task->join_waiter = cx->task;
    if (wok__state_join_register(&task->state) == WOK__JOIN_READY)
        return take(join, ret_result, ret_error);
    return WOK_PENDING;
}

/* ---- the waiting forms ------------------------------------------------------------------------ */

static wok_poll join_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_join *join = op->object;

    (void)result;
    if (join->task != NULL && is_own(join->task, cx)) {
        op->object = NULL; /* the handle may be what another task waits on, and stays so */
        return -EDEADLK;
    }
    return wok_join_poll(join, cx, op->value, op->extra);
}

static void join_op_drop(void *self)
{
    wok_op *op = self;

    if (op->object != NULL)
        wok__join_forget(op->object);
}

const wok_future_vtable wok_join_vtable_ = {
    .name = "join",
    .size = sizeof(wok_op),
    .poll = join_op_poll,
    .drop = join_op_drop,
};

wok_op wok_join_op(wok_join *join, void *ret_result, wok_join_error *ret_error)
{
    wok_op op = {0};

    wok_join_op_init_(&op, join, ret_result, ret_error);
    return op;
}

/* ---- the other rights of a handle ------------------------------------------------------------ */

void wok_join_drop(wok_join *join)
{
    struct wok_task *task = WOK_TAKE(join->task);
    wok_join handle = {task};

    if (task == NULL || wok__task_is_unborn(task))
        return;
    wok__join_forget(&handle);
    if (wok__state_handle_drop(&task->state) == WOK__HANDLE_DETACHED)
        return;
    wok__task_abandon(task);
    wok__task_unref(task);
}

void wok_join_abort(const wok_join *join)
{
    if (join->task != NULL && !wok__task_is_unborn(join->task))
        wok__task_abort(join->task);
}

bool wok_join_is_finished(const wok_join *join)
{
    struct wok_task *task = join->task;

    return task == NULL || wok__task_is_unborn(task) || wok__state_is_complete(&task->state);
}

uint64_t wok_join_id(const wok_join *join)
{
    return join->task != NULL ? join->task->id : 0;
}

/* The task whose code runs here; NULL: there is none. */
static const struct wok_task *calling_task(void)
{
    const struct wok__here *here = wok__here();

    return here->task != NULL ? here->task : here->calling;
}

uint64_t wok_task_id(void)
{
    const struct wok_task *task = calling_task();

    return task != NULL ? task->id : 0;
}

const char *wok_task_name(void)
{
    const struct wok_task *task = calling_task();
    const char *name = task != NULL ? wok__task_name(task) : NULL;

    return name != NULL ? name : "";
}

bool wok_cancelled(void)
{
    struct wok_task *task = wok__here()->task;

    return task != NULL && wok__state_is_cancelled(&task->state);
}
