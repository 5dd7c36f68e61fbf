/*
 * fiber.c - stackful tasks: a future whose poll switches to a stack of its own.
 *
 * A fiber gets its stack from the worker that polls it first and is bound to that worker from then
 * on; it gives the stack back at its end, still warm, to the same worker.
 *
 * The switch out happens while the task is RUNNING: whoever wakes it meanwhile only leaves a note,
 * and the harness pushes it again after the switch has saved its context.
 */
#include "task/fiber.h"

#include <assert.h>
#include <errno.h>

#include <wok/runtime.h>
#include <wok/time.h>

#include "task/context.h"

/* A task that ignores -ECANCELED is unwound after this many of them, or after this long. */
enum { CANCELS_IGNORED_MAX = 64 };
#define CANCEL_GRACE_NS UINT64_C(1000000000)

static void call_function(void *argument)
{
    struct wok_task *task = argument;
    struct wok__fiber *fiber = wok__fiber_of(task);

    fiber->code = task->site->function(wok__fiber_args(task), wok__task_result(task));
    fiber->returned = true;
}

static void fiber_entry(void *argument)
{
    struct wok_task *task = argument;
    struct wok__fiber *fiber = wok__fiber_of(task);
    struct wok__here *here = wok__here();
    struct wok__guard guard;

    guard.shielded = false;
    wok__guarded(&guard, call_function, task);
    fiber->panic = guard.panic;
    /* The arguments die here, on the task's own stack, where their destructor may still wait. */
    wok__task_drop_args(task, wok__fiber_args(task), fiber->returned && fiber->code >= 0,
                        &fiber->panic);
    fiber->finished = true;
    wok__context_switch_final(&fiber->context, &here->thread);
}

bool wok__fiber_start(struct wok_task *task)
{
    struct wok__fiber *fiber = wok__fiber_of(task);

    if (wok__stack_take_here(wok__here(), task->site->stack_bytes, &fiber->stack) < 0) {
        wok__fiber_discard(task);
        fiber->code = -ENOMEM;
        task->outcome = WOK_NOT_STARTED;
        return false;
    }
    task->home = (uint16_t)wok_worker_index();
    wok__context_make(&fiber->context, &fiber->stack, fiber_entry, task);
    return true;
}

void wok__fiber_discard(struct wok_task *task)
{
    wok__destroy_or_panic(&wok__fiber_of(task)->panic, task->site->args_drop,
                          wok__fiber_args(task));
}

void wok__fiber_suspend(struct wok__here *here)
{
    struct wok__fiber *fiber = here->fiber;

    assert(fiber != NULL);
    wok__context_switch_onto(&fiber->context, &here->thread, NULL);
}

int wok__fiber_cancel_point(struct wok__here *here, const wok_future_vtable *waited)
{
    struct wok__fiber *fiber = here->fiber;
    uint64_t now;

    if (here->guard->shielded)
        return 0; /* destructors run */
    if (here->ambient.shields > 0 && !wok__runtime_is_forced(here->runtime))
        return 0;
    now = wok_now().ns;
    if (fiber->cancels++ == 0) {
        fiber->cancelled_at = now;
        if (waited != NULL)
            wok__deadlock_waited(here->task, waited->name);
    }
    if (fiber->cancels <= CANCELS_IGNORED_MAX && now - fiber->cancelled_at < CANCEL_GRACE_NS)
        return -ECANCELED;
    here->guard->shielded = WOK__UNWINDING;
    wok__unwind_to(&here->guard->catcher);
}
