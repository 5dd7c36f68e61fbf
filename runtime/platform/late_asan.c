/*
 * late_asan.c - AddressSanitizer in a program whose libwok was built without it.
 *
 * Invariants
 *   A1  each swap is announced by the stack that is left and acknowledged by the one that is arrived at,
 *       its first function included.
 *   A2  on a fiber, `thread_stack` is its thread's own stack: nothing else switches to a fiber, and a
 *       fiber stays on its thread.
 *
 * The functions around a swap are not instrumented, also where link-time optimisation compiles them
 * together with an instrumented program.
 */
#include "platform/late_asan.h"

#if WOK__LATE_ASAN

#include <stdlib.h>

#include "platform/context.h"
#include "platform/context_machine.h"

#define NOT_INSTRUMENTED WOK__NOT_INSTRUMENTED __attribute__((no_sanitize("address")))

static __thread struct {
    const void *bottom;
    size_t size;
} thread_stack;

/* On a fiber that comes from its thread. */
NOT_INSTRUMENTED static void arrive(void *fake_stack)
{
    __sanitizer_finish_switch_fiber(fake_stack, &thread_stack.bottom, &thread_stack.size);
}

NOT_INSTRUMENTED void wok__late_asan_switch(void **ret_sp, void *sp, const struct wok__stack *stack)
{
    void *fake_stack = NULL;

    if (stack != NULL) {
        __sanitizer_start_switch_fiber(&fake_stack, stack->base, stack->size);
        wok__context_swap(ret_sp, sp);
        __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
    } else {
        __sanitizer_start_switch_fiber(&fake_stack, thread_stack.bottom, thread_stack.size);
        wok__context_swap(ret_sp, sp);
        arrive(fake_stack);
    }
}

NOT_INSTRUMENTED void wok__late_asan_leave_for_good(void)
{
    __sanitizer_start_switch_fiber(NULL, thread_stack.bottom, thread_stack.size);
}

/* ---- the first function of a fiber --------------------------------------------------------------- */

/* At the top of the fiber's stack, above its first frame. */
struct start {
    void (*entry)(void *argument);
    void *argument;
};
_Static_assert(sizeof(struct start) % 16 == 0, "the stack below stays aligned");

NOT_INSTRUMENTED static void begin(void *argument)
{
    const struct start *start = argument;

    arrive(NULL);
    start->entry(start->argument);
    abort(); /* an entry never returns */
}

uintptr_t wok__late_asan_prepare(const struct wok__stack *stack, uintptr_t top,
                                 void (**entry)(void *argument), void **argument)
{
    struct start *start = (struct start *)top - 1;

    __asan_unpoison_memory_region(stack->base, stack->size);
    *start = (struct start){*entry, *argument};
    *entry = begin;
    *argument = start;
    return (uintptr_t)start;
}

/* ---- a call on the thread's stack ---------------------------------------------------------------- */

#ifndef WOK_CONTEXT_UCONTEXT

struct call {
    void (*fn)(void *argument);
    void *argument;
};

NOT_INSTRUMENTED static void call_here(void *argument)
{
    const struct call *call = argument;
    const void *bottom; /* of the fiber, which is gone back to */
    size_t size;

    __sanitizer_finish_switch_fiber(NULL, &bottom, &size);
    call->fn(call->argument);
    __sanitizer_start_switch_fiber(NULL, bottom, size);
}

NOT_INSTRUMENTED void wok__late_asan_call(void *sp, void (*fn)(void *argument), void *argument)
{
    struct call call = {fn, argument};
    void *fake_stack = NULL;

    __sanitizer_start_switch_fiber(&fake_stack, thread_stack.bottom, thread_stack.size);
    wok__context_call(sp, call_here, &call);
    arrive(fake_stack);
}

#endif

#endif
