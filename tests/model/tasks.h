/*
 * tasks.h - the threads of a check in the shape of tasks, for checks of what tasks wait on.
 *
 * Included by one file, the check, which links task/state.c: each model thread is a task with the
 * shipped state word, and task_await() is the loop of await.c around it.  Queues are model_events, so
 * that what a woken task sees comes from the state word and the object, and not from the queue.
 *
 * A waiter that has left points to the task `gone`: to find it in a queue and wake it is a violation.
 */
#ifndef WOK_MODEL_TASKS_H
#define WOK_MODEL_TASKS_H

#include <string.h>

#include <wok/select.h>

#include "model.h"

#include "platform/lock.h"
#include "sync/permits.h"
#include "task/context.h"
#include "task/task.h"

static struct wok_task tasks[MODEL_MAX_THREADS + 1], gone;
static struct model_event task_queues[MODEL_MAX_THREADS];
static struct wok__here heres[MODEL_MAX_THREADS + 1];

/* Set by a check's wok_cx_yield(): the task polls again when another thread has stored something.  It
 * goes on without a passage through the state word, whose stores would be taken for the other's. */
static bool task_yields[MODEL_MAX_THREADS + 1];

/* One more, for `setup` and `finish`, which run as a task that never waits. */
static unsigned task_self(void)
{
    return model_self() < MODEL_MAX_THREADS ? model_self() : MODEL_MAX_THREADS;
}

/* To be called by every setup. */
static void tasks_setup(void)
{
    memset(tasks, 0, sizeof tasks);
    memset(&gone, 0, sizeof gone);
    wok__state_init(&gone.state, 0, 1);
    for (unsigned i = 0; i <= MODEL_MAX_THREADS; i++) {
        wok__state_init(&tasks[i].state, WOK__RUNNING, 1);
        heres[i].task = &tasks[i];
        task_yields[i] = false;
    }
}

/* ---- what the shipped code calls ------------------------------------------------------------- */

struct wok__here *wok__here(void)
{
    return &heres[task_self()];
}

/* What is unlocked here is locked. */
void wok__stray_unlock(const char *file, int line, const char *call, const void *lock)
{
    (void)file;
    (void)line;
    (void)call;
    (void)lock;
    model_assert(false);
    __builtin_unreachable();
}

/* Nor is anything else misused. */
void wok_panic_at(const char *file, int line, const char *format, ...)
{
    (void)file;
    (void)line;
    (void)format;
    model_assert(false);
    __builtin_unreachable();
}

/* Set by a check whose threads run tasks of its own: true if `task` is one of those, and was pushed. */
static bool (*task_push_other)(struct wok_task *task);

void wok__schedule(struct wok_task *task, enum wok__reason reason)
{
    (void)reason;
    if (task_push_other != NULL && task_push_other(task))
        return;
    model_assert(task >= tasks && task < tasks + MODEL_MAX_THREADS);
    task->next = &gone;                                         /* the link is the queue's now */
    model_assert(!model_event_set(&task_queues[task - tasks])); /* a task is in one queue only */
}

bool wok__budget_take(wok_cx *cx)
{
    (void)cx;
    return true;
}

bool wok__wait_skip(void)
{
    return true;
}

/* ---- for the threads of a check ---------------------------------------------------------------- */

/* Waits until the task is woken. */
__attribute__((unused)) static void task_sleep(void)
{
    unsigned self = task_self();

    if (task_yields[self]) {
        task_yields[self] = false;
        model_spin();
        return;
    }
    if (!wok__state_suspend(&tasks[self].state))
        model_event_wait(&task_queues[self]);
    wok__state_run(&tasks[self].state);
}

__attribute__((unused)) static wok_poll task_poll(wok_op *op)
{
    wok_cx cx = {&tasks[task_self()]};

    return wok_op_poll(op, &cx);
}

/* Ends an operation; from here on nobody may find its waiter. */
__attribute__((unused)) static void task_drop(wok_op *op)
{
    wok_op_drop(op);
    op->waiter.task = &gone;
}

/* Waits for an operation that was polled before, and ends it. */
__attribute__((unused)) static wok_poll task_await_polled(wok_op *op, wok_poll code)
{
    while (code == WOK_PENDING) {
        task_sleep();
        code = task_poll(op);
    }
    task_drop(op);
    return code;
}

__attribute__((unused)) static wok_poll task_await(wok_op *op)
{
    return task_await_polled(op, task_poll(op));
}

/* The waiting of await.c, without deadlines and cancellation. */
__attribute__((unused)) static int task_await_future(wok_future future, void *ret_result)
{
    wok_cx cx = {&tasks[task_self()]};
    wok_poll code;

    while ((code = wok_future_poll(future, &cx, ret_result)) == WOK_PENDING)
        task_sleep();
    return code;
}

int wok_op_wait(wok_op *op, wok_instant deadline)
{
    (void)deadline;
    return task_await(op);
}

/* As an abort or a lost select does: polls once, and leaves if it has to wait: WOK_PENDING.  The
 * operation lies where it is still found if it was left in a queue. */
__attribute__((unused)) static wok_poll task_give_up(wok_op op)
{
    static wok_op given_up[MODEL_MAX_THREADS + 1];
    wok_op *mine = &given_up[task_self()];
    wok_poll code;

    *mine = op;
    code = task_poll(mine);
    task_drop(mine);
    return code;
}

#endif
