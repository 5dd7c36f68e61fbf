/*
 * context_machine.h - what context.c and unwind.c need of the file for this architecture.
 *
 * Private to the platform's context files; everyone else includes context.h or unwind.h.
 */
#ifndef WOK_PLATFORM_CONTEXT_MACHINE_H
#define WOK_PLATFORM_CONTEXT_MACHINE_H

#include "platform/unwind.h"

/* Writes the initial frame below `top`, a multiple of 16, and returns the stack pointer with which
 * a first swap runs entry(argument). */
void *wok__context_prepare(void *base, void *top, void (*entry)(void *argument), void *argument);

/* Lets the wok__catch_run of `catch_frame` return false.  The frames below it are gone. */
WOK_NORETURN void wok__catch_resume(struct wok__catch *catch_frame);

#ifndef WOK_CONTEXT_UCONTEXT
/* Runs fn(argument) with the context suspended at `sp` as its caller in the unwinder's eyes. */
void wok__context_walk(const void *sp, void (*fn)(void *argument), void *argument);
/* Calls fn(argument) on the stack of the context suspended at `sp`, below what lies there. */
void wok__context_call(void *sp, void (*fn)(void *argument), void *argument);
/* The first instruction of every new context; not callable. */
void wok__context_entry(void);
#endif

#endif
