/*
 * fiber.h - stackful tasks: a future whose poll switches to a stack of its own.
 */
#ifndef WOK_TASK_FIBER_H
#define WOK_TASK_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#include <wok/local.h>

#include "platform/context.h"
#include "task/context.h"
#include "task/panic.h"
#include "task/task.h"

/* The future of a stackful task.  Only the thread that runs the task touches it. */
struct wok__fiber {
    struct wok__context context;
    struct wok__stack stack;     /* base == NULL: not started */
    wok_local_frame *locals;     /* the innermost of its blocks that give values; local.c */
    struct wok__ambient ambient; /* while it waits, and before it starts */
    struct wok__guard *guard;    /* while it waits: the innermost guard of its stack */
    struct wok__panic *panic;    /* set at its end */
    uint64_t cancelled_at;       /* when a wait returned -ECANCELED for the first time */
    int32_t code;                /* what the function returned */
    uint16_t cancels;            /* how many waits returned -ECANCELED */
    bool finished, returned;
};

static inline struct wok__fiber *wok__fiber_of(struct wok_task *task)
{
    return wok__task_future(task);
}

static inline void *wok__fiber_args(struct wok_task *task)
{
    return (char *)wok__task_future(task) + ((sizeof(struct wok__fiber) + 15) & ~(size_t)15);
}

/* Gives a fiber its stack, and its task to the calling worker; false: there is none, and the fiber has
 * ended. */
WOK_MUST_USE
bool wok__fiber_start(struct wok_task *task);

/* Runs the fiber on the calling worker until it waits or ends; true: it ended.  Inline: a level of calls
 * more between the worker's loop and the switch is a return more that is predicted wrongly. */
static inline __attribute__((always_inline)) bool wok__fiber_poll(struct wok_task *task,
                                                                  struct wok__here *here)
{
    struct wok__fiber *fiber = wok__fiber_of(task);
    struct wok__guard *outer = here->guard;

    if (fiber->stack.base == NULL && !wok__fiber_start(task))
        return true;
    here->guard = fiber->guard; /* it may wait inside a guard of its own; NULL at first */
    here->fiber = fiber;
    here->ambient = fiber->ambient;
    wok__context_switch_onto(&here->thread, &fiber->context, &fiber->stack);
    here->fiber = NULL;
    fiber->ambient = here->ambient;
    here->ambient = (struct wok__ambient){0}; /* nothing covers the worker's own stack */
    fiber->guard = here->guard;
    here->guard = outer;
    if (!fiber->finished)
        return false;
    wok__context_done(&fiber->context);
    wok__stack_give_here(here, fiber->stack);
    return true;
}

/* Drops the arguments of a fiber that never started; a panic inside is in fiber->panic. */
void wok__fiber_discard(struct wok_task *task);

/* Switches from the calling fiber back to its worker until the task is polled again. */
void wok__fiber_suspend(struct wok__here *here);

/* The calling fiber was cancelled and is at a cancellation point: -ECANCELED, or, once it has
 * ignored that for long enough, an unwind.  0 while it unwinds: destructors are shielded.  `waited`: the
 * future that it has waited for, or NULL. */
int wok__fiber_cancel_point(struct wok__here *here, const wok_future_vtable *waited);

#endif
