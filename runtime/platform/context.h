/*
 * context.h - suspended executions and the one switch between them.
 *
 * A context is a place where execution can go on: a fiber on a stack of ours, or a thread's own
 * stack.  Exactly one context runs on a thread; every other one lies still, its callee-saved
 * registers pushed on its own stack and the stack pointer kept here.  Nothing in this file knows
 * tasks.
 *
 * Invariants
 *   I1  a context is continued at most once for each time it was saved.
 *   I2  a fiber is continued only by the thread that started it: compilers keep the address of a
 *       thread-local over a call, so a started stack must not change threads.
 *   I3  an entry function never returns; a fiber ends by wok__context_switch_final.
 *
 * Not switched: the signal mask (a system call each time), and the control words of the floating
 * point units.  A fiber starts with the ABI's defaults (round to nearest, all exceptions masked),
 * and code which changes them restores them before it waits.
 *
 * Implementations: context_x86_64.S, context_aarch64.S, and context_ucontext.c for every other
 * architecture, or everywhere with -DWOK_CONTEXT_UCONTEXT.
 */
#ifndef WOK_PLATFORM_CONTEXT_H
#define WOK_PLATFORM_CONTEXT_H

#include <stddef.h>

#include <wok/base.h>

#include "platform/late_asan.h"
#include "platform/sanitizer.h"
#include "platform/stack.h"

#if !defined(WOK_CONTEXT_UCONTEXT) && !defined(__x86_64__) && !defined(__aarch64__)
#define WOK_CONTEXT_UCONTEXT 1
#endif

/* The tools want to hear of a switch: then it is a function in context.c, otherwise it is the
 * assembly itself. */
#define WOK__CONTEXT_HOOKS (WOK__ASAN || WOK__TSAN)

/* One suspended execution.  Whoever may continue it may touch it. */
struct wok__context {
    void *sp; /* the saved stack pointer; the registers lie there; undefined while running */
#if WOK__CONTEXT_HOOKS
    void (*entry)(void *argument); /* the hooks have to run before the entry does */
    void *argument;
#endif
#if WOK__ASAN
    const void *stack_bottom;
    size_t stack_size;
    void *fake_stack; /* ASan's frames for detect_stack_use_after_return */
#endif
#if WOK__TSAN
    void *tsan_fiber;
#endif
#if WOK_VALGRIND
    unsigned valgrind_id; /* 0: a thread's own stack, which Valgrind knows by itself */
#endif
};

/* Describes the calling thread's own stack, so that it can be switched away from and back to. */
void wok__context_adopt_thread(struct wok__context *context);

/* Ends what wok__context_adopt_thread began; call it on the same thread, on its own stack. */
void wok__context_release_thread(struct wok__context *context);

/*
 * Prepares `context` to run entry(argument) on `stack` at the first switch to it.  Borrows the
 * stack until wok__context_done.  Writes only the topmost bytes of the stack, so that a shallow
 * fiber which waits has touched a single page.
 */
void wok__context_make(struct wok__context *context, const struct wok__stack *stack,
                       void (*entry)(void *argument), void *argument);

/* Frees what the tools hold for a context which has ended or was never started.  Call it from
 * another context, before the stack is given back. */
void wok__context_done(struct wok__context *context);

/* The machine's part of a switch; call wok__context_switch instead. */
void wok__context_swap(void **ret_sp, void *sp);

/* Saves the running execution in `from` and continues `to`. */
#if WOK__CONTEXT_HOOKS
void wok__context_switch(struct wok__context *from, struct wok__context *to);
#else
static inline void wok__context_switch(struct wok__context *from, struct wok__context *to)
{
    wok__context_swap(&from->sp, to->sp);
}
#endif

/* As wok__context_switch, between a thread's own stack and a fiber: `stack` is the fiber's if `to` is the
 * fiber, and NULL if it is the thread.  Only late_asan.h wants to know, so no context keeps it. */
static inline void wok__context_switch_onto(struct wok__context *from, struct wok__context *to,
                                            const struct wok__stack *stack)
{
#if WOK__LATE_ASAN
    if (__builtin_expect(wok__late_asan(), 0)) {
        wok__late_asan_switch(&from->sp, to->sp, stack);
        return;
    }
#endif
    (void)stack;
    wok__context_switch(from, to);
}

/*
 * Calls fn(argument) on the stack of `to`, which is suspended and stays so, below what lies there; the
 * caller is `from`, on its own stack.  For code that may need more stack than a fiber has.  A panic must
 * stop inside fn.  With the ucontext fallback fn runs on the caller's stack.
 */
void wok__context_call_on(struct wok__context *from, struct wok__context *to,
                          void (*fn)(void *argument), void *argument);

/* Ends the running fiber and continues `to`; `from` is never resumed. */
WOK_NORETURN void wok__context_switch_final(struct wok__context *from, struct wok__context *to);

/*
 * Stores the return addresses of a suspended context, the innermost first, and gives their number,
 * at most `max`.  Runs on the caller's stack and only reads the suspended one.  The caller makes
 * sure that nobody continues the context meanwhile.  Gives 0 with the ucontext fallback.
 */
size_t wok__context_backtrace(const struct wok__context *context, void **ret_addresses, size_t max);

#endif
