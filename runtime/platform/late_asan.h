/*
 * late_asan.h - AddressSanitizer in a program whose libwok was built without it.
 *
 * A program that is built with -fsanitize=address and linked with the library as it is installed has
 * instrumented frames on stacks that the tool knows nothing of.  A panic there leaves redzones behind,
 * and the next frame at that place is reported, although it is correct.  So the tool is told of each
 * switch, as context.c tells it in a build of our own, if it turns out to be in the process: its
 * functions are weak references, and NULL where it is not.
 *
 * What it costs where it is not: a test of a constant at each switch.  A context has no room for what the
 * tool wants to know, and gets none: the bounds of the fiber's stack come with the switch, those of the
 * thread's the tool itself says, when a fiber is arrived at.
 *
 * What the library itself does to memory is not checked this way; a build of ours with the sanitizer does
 * that.  ThreadSanitizer cannot be served like this: it has to see the library's atomic accesses.
 */
#ifndef WOK_PLATFORM_LATE_ASAN_H
#define WOK_PLATFORM_LATE_ASAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/sanitizer.h"
#include "platform/stack.h"

#define WOK__LATE_ASAN (!WOK__ASAN && !WOK__TSAN)

#if WOK__LATE_ASAN

/* As <sanitizer/common_interface_defs.h> and <sanitizer/asan_interface.h> declare them, which not every
 * machine has that compiles this. */
#define WOK__LATE __attribute__((weak, visibility("default")))
WOK__LATE void __sanitizer_start_switch_fiber(void **fake_stack_save, const void *bottom,
                                              size_t size);
WOK__LATE void __sanitizer_finish_switch_fiber(void *fake_stack_save, const void **bottom_old,
                                               size_t *size_old);
WOK__LATE void __asan_unpoison_memory_region(const volatile void *addr, size_t size);
WOK__LATE void __asan_handle_no_return(void);
#undef WOK__LATE

/* Is the tool in this process? */
static inline bool wok__late_asan(void)
{
    return __sanitizer_start_switch_fiber != NULL;
}

/* The functions below are called only if it is. */

/* Swaps, as wok__context_swap; `stack` is the fiber's that is switched to, NULL if that is the thread. */
void wok__late_asan_switch(void **ret_sp, void *sp, const struct wok__stack *stack);

/* Announces the last switch of the running fiber. */
void wok__late_asan_leave_for_good(void);

/* Calls fn(argument) on the stack of the thread, which is suspended at `sp`. */
void wok__late_asan_call(void *sp, void (*fn)(void *argument), void *argument);

/* Makes a stack ready whose fiber is to run (*entry)(*argument) from `top` on; changes all three. */
uintptr_t wok__late_asan_prepare(const struct wok__stack *stack, uintptr_t top,
                                 void (**entry)(void *argument), void **argument);

#endif

/* A program may use more of a stack when it is instrumented: redzones, and the tools' interceptors
 * inside libc calls.  Measured: gcc 12 -O0 with ASan makes frames two to three times as large. */
static inline size_t wok__stack_scale(void)
{
#if WOK__LATE_ASAN
    return wok__late_asan() ? 4 : 1;
#else
    return 4;
#endif
}

/* Frames of the running stack are about to be left without a return. */
static inline void wok__asan_no_return(void)
{
#if WOK__LATE_ASAN
    if (wok__late_asan())
        __asan_handle_no_return();
#elif WOK__ASAN
    __asan_handle_no_return();
#endif
}

#endif
