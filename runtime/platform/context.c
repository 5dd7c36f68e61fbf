/*
 * context.c - contexts as the runtime sees them: the machine's swap, with the tools told.
 *
 * Every switch of the program goes through this file or through the inline form in context.h, which
 * is the same without tools.  An unannotated switch makes AddressSanitizer report healthy frames as
 * overflows and ThreadSanitizer lose its shadow stack; both were tried.
 *
 * The functions around a swap are not instrumented: between the announcement and the swap the
 * tool's picture is already the other stack's.
 */
#include "platform/context.h"

#include <stdlib.h>
#if WOK__ASAN
#include <pthread.h>
#endif

#include "platform/context_machine.h"

#define FRAME_ALIGNMENT 16 /* both ABIs want the stack pointer on it at a call */

/* ---- the tools ---- */

#if WOK__CONTEXT_HOOKS

/* Tells the tools that `to` runs next.  `ret_fake_stack` is NULL when the current one ends. */
WOK__NOT_INSTRUMENTED static void announce(void **ret_fake_stack, const struct wok__context *to)
{
#if WOK__ASAN
    __sanitizer_start_switch_fiber(ret_fake_stack, to->stack_bottom, to->stack_size);
#else
    (void)ret_fake_stack;
#endif
#if WOK__TSAN
    /* Flag 0: what happened before the switch happened before what follows it, as on one thread. */
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
#endif
}

/* Tells the tools that the running context has arrived; `fake_stack` is NULL the first time. */
WOK__NOT_INSTRUMENTED static void arrive(void *fake_stack)
{
#if WOK__ASAN
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#else
    (void)fake_stack;
#endif
}

/* The real first function of a fiber. */
WOK__NOT_INSTRUMENTED static void begin(void *argument)
{
    struct wok__context *context = argument;

    arrive(NULL);
    context->entry(context->argument);
    abort(); /* an entry never returns */
}

WOK__NOT_INSTRUMENTED void wok__context_switch(struct wok__context *from, struct wok__context *to)
{
    void *fake_stack = NULL;

    announce(&fake_stack, to);
    wok__context_swap(&from->sp, to->sp);
    arrive(fake_stack);
}

#endif

WOK__NOT_INSTRUMENTED void wok__context_switch_final(struct wok__context *from,
                                                     struct wok__context *to)
{
#if WOK__CONTEXT_HOOKS
    announce(NULL, to);
#endif
#if WOK__LATE_ASAN
    if (wok__late_asan())
        wok__late_asan_leave_for_good();
#endif
    wok__context_swap(&from->sp, to->sp);
    abort(); /* a context which has ended was continued */
}

/* ---- a call on another stack ---- */

#ifdef WOK_CONTEXT_UCONTEXT

void wok__context_call_on(struct wok__context *from, struct wok__context *to,
                          void (*fn)(void *argument), void *argument)
{
    (void)from, (void)to;
    fn(argument);
}

#elif WOK__CONTEXT_HOOKS

struct call {
    struct wok__context *from;
    void (*fn)(void *argument);
    void *argument;
};

WOK__NOT_INSTRUMENTED static void call_here(void *argument)
{
    const struct call *call = argument;

    arrive(NULL);
    call->fn(call->argument);
    announce(NULL, call->from);
}

WOK__NOT_INSTRUMENTED void wok__context_call_on(struct wok__context *from, struct wok__context *to,
                                                void (*fn)(void *argument), void *argument)
{
    struct call call = {from, fn, argument};
    void *fake_stack = NULL;

    announce(&fake_stack, to);
    wok__context_call(to->sp, call_here, &call);
    arrive(fake_stack);
}

#else

void wok__context_call_on(struct wok__context *from, struct wok__context *to,
                          void (*fn)(void *argument), void *argument)
{
    (void)from;
#if WOK__LATE_ASAN
    if (wok__late_asan()) {
        wok__late_asan_call(to->sp, fn, argument);
        return;
    }
#endif
    wok__context_call(to->sp, fn, argument);
}

#endif

/* ---- making and ending ---- */

void wok__context_adopt_thread(struct wok__context *context)
{
    *context = (struct wok__context){.sp = NULL};
#if WOK__ASAN
    pthread_attr_t attributes;
    void *bottom;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        abort(); /* in a sanitizer's build only: nothing could be checked from here on */
    pthread_attr_getstack(&attributes, &bottom, &context->stack_size);
    pthread_attr_destroy(&attributes);
    context->stack_bottom = bottom;
#endif
#if WOK__TSAN
    context->tsan_fiber = __tsan_get_current_fiber();
#endif
}

void wok__context_release_thread(struct wok__context *context)
{
    /* Everything that the tools know of a thread's own stack ends with the thread. */
    *context = (struct wok__context){.sp = NULL};
}

void wok__context_make(struct wok__context *context, const struct wok__stack *stack,
                       void (*entry)(void *argument), void *argument)
{
    uintptr_t top = ((uintptr_t)stack->base + stack->size) & ~(uintptr_t)(FRAME_ALIGNMENT - 1);

    *context = (struct wok__context){.sp = NULL};
#if WOK__ASAN
    /* Frames which ended by a final switch never cleared their redzones. */
    __asan_unpoison_memory_region(stack->base, stack->size);
    context->stack_bottom = stack->base;
    context->stack_size = stack->size;
#endif
#if WOK__TSAN
    context->tsan_fiber = __tsan_create_fiber(0);
#endif
#if WOK_VALGRIND
    context->valgrind_id =
        VALGRIND_STACK_REGISTER(stack->base, (char *)stack->base + stack->size - 1);
    /* What an earlier fiber popped here is out of bounds, and what it left is nobody's value. */
    (void)VALGRIND_MAKE_MEM_UNDEFINED(stack->base, stack->size);
#endif
#if WOK__CONTEXT_HOOKS
    context->entry = entry;
    context->argument = argument;
    entry = begin;
    argument = context;
#endif
#if WOK__LATE_ASAN
    if (wok__late_asan())
        top = wok__late_asan_prepare(stack, top, &entry, &argument);
#endif
    context->sp = wok__context_prepare(stack->base, (void *)top, entry, argument);
}

void wok__context_done(struct wok__context *context)
{
#if WOK__TSAN
    if (context->tsan_fiber != NULL)
        __tsan_destroy_fiber(context->tsan_fiber);
#endif
#if WOK_VALGRIND
    VALGRIND_STACK_DEREGISTER(context->valgrind_id);
#endif
    *context = (struct wok__context){.sp = NULL};
}

/* ---- looking at a suspended context ---- */

#ifdef WOK_CONTEXT_UCONTEXT

size_t wok__context_backtrace(const struct wok__context *context, void **ret_addresses, size_t max)
{
    /* glibc's saved context cannot be described to the unwinder from outside. */
    (void)context, (void)ret_addresses, (void)max;
    return 0;
}

#else

/* The frame that wok__context_prepare writes and wok__context_swap pops, low to high. */
#if defined(__x86_64__)
struct initial_frame {
    uintptr_t r15, r14, argument, entry, rbx, rbp, return_address;
    uintptr_t end_of_chain[2]; /* for walkers by frame pointer; and the alignment */
};
#else
struct initial_frame {
    uintptr_t x29, return_address, entry, argument, x21_to_x28[8], d8_to_d15[8];
};
#endif

void *wok__context_prepare(void *base, void *top, void (*entry)(void *argument), void *argument)
{
    struct initial_frame *frame = (struct initial_frame *)top - 1;

    (void)base;
    *frame = (struct initial_frame){
        .argument = (uintptr_t)argument,
        .entry = (uintptr_t)entry,
        .return_address = (uintptr_t)wok__context_entry,
    };
    return frame;
}

struct walk {
    void **addresses;
    size_t count, max;
    bool inside; /* past the frames of the walk itself */
};

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *frame, void *argument)
{
    struct walk *walk = argument;

    if (!walk->inside) {
        walk->inside = _Unwind_GetRegionStart(frame) == (uintptr_t)wok__context_walk;
        return _URC_NO_REASON;
    }
    if (walk->count == walk->max || _Unwind_GetIP(frame) == 0)
        return _URC_END_OF_STACK;
    walk->addresses[walk->count++] = (void *)_Unwind_GetIP(frame);
    return _URC_NO_REASON;
}

static void walk_caller(void *argument)
{
    _Unwind_Backtrace(note_frame, argument);
}

size_t wok__context_backtrace(const struct wok__context *context, void **ret_addresses, size_t max)
{
    struct walk walk = {.addresses = ret_addresses, .max = max};

    wok__context_walk(context->sp, walk_caller, &walk);
    return walk.count;
}

#endif
