/*
 * unwind.h - leave a stack in the middle, with every cleanup handler run.
 *
 * wok__catch_run is the harness's frame around code that may panic.  wok__unwind_to walks the stack
 * from its caller up to that frame with _Unwind_ForcedUnwind, runs every
 * __attribute__((cleanup)) handler on the way, once, innermost first, and lets wok__catch_run
 * return false.  Nothing in the normal path knows of it: catching costs the frame, 2 or 3 ns, and
 * an unwind some microseconds (a binary search of the unwind tables for each frame).
 *
 * Invariants
 *   I1  the exception object lives in the catch frame: the landing pads discard the frames of
 *       whoever raised it.
 *   I2  between frames no state is kept but the object; a handler may therefore switch to another
 *       context and come back, and several stacks may be in the middle of an unwind.
 *   I3  frames are compared by address, so the catch and the raise are on one stack, and a nested
 *       catch lies below the outer one.
 *
 * A handler which itself unwinds to the same catch (a panic in a destructor): functions compiled by
 * gcc run their remaining handlers, once each.  clang treats each handler as one that must not be
 * left by an unwind and calls abort() there.  An unwind to a catch inside the handler is fine in
 * both.
 */
#ifndef WOK_PLATFORM_UNWIND_H
#define WOK_PLATFORM_UNWIND_H

#include <stdbool.h>
#include <unwind.h>

#include <wok/base.h>

#include "platform/context.h"

#ifdef WOK_CONTEXT_UCONTEXT
#include <setjmp.h>
#endif

/* On the catching stack; the running fiber only.  Needs no initialisation. */
struct wok__catch {
    uintptr_t sp; /* wok__catch_run's stack pointer; first: the assembly stores it */
#ifdef WOK_CONTEXT_UCONTEXT
    jmp_buf registers;
#endif
    struct _Unwind_Exception exception;
};

/* Runs fn(argument); true if it returned, false if wok__unwind_to ended it. */
bool wok__catch_run(struct wok__catch *catch_frame, void (*fn)(void *argument), void *argument);

/*
 * Unwinds the current stack up to `catch_frame`, whose wok__catch_run then returns false.
 *
 * Call it inside that wok__catch_run, on the same stack.  If a frame in between has no unwind
 * tables, its and its callers' handlers could only be skipped, and they may be what keeps borrowed
 * memory alive: it says so and aborts the process.
 */
WOK_NORETURN void wok__unwind_to(struct wok__catch *catch_frame);

/* Self-test at start: 0, or -ENOTSUP if cleanup handlers do not run here (the program was built
 * without unwind tables). */
int wok__unwind_self_test(void);

#endif
