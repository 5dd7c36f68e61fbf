/*
 * context_ucontext.c - contexts by the C library, where there is no assembly of ours.
 *
 * A swap by swapcontext costs about 300 ns, most of it the system call for the signal mask; this
 * file is for porting to a new machine and for telling a bug of ours from one of the assembly.  The
 * saved ucontext_t lies on the suspended stack, as the registers do in the assembly, so that a
 * context is one pointer everywhere.
 *
 * Build with -DWOK_CONTEXT_UCONTEXT to have it in place of the assembly.
 */
#include "platform/context.h"

#ifdef WOK_CONTEXT_UCONTEXT

#include <stdlib.h>
#include <ucontext.h>

#include "platform/context_machine.h"

void wok__context_swap(void **ret_sp, void *sp)
{
    ucontext_t here;

    *ret_sp = &here;
    if (swapcontext(&here, sp) != 0)
        abort();
}

/* makecontext passes integers only; a pointer travels as two halves. */
struct start {
    ucontext_t context;
    void (*entry)(void *argument);
    void *argument;
};

static void begin(unsigned high, unsigned low)
{
    const struct start *start = (void *)(((uintptr_t)high << 16 << 16) | low);

    start->entry(start->argument);
    abort(); /* an entry never returns */
}

void *wok__context_prepare(void *base, void *top, void (*entry)(void *argument), void *argument)
{
    uintptr_t address = ((uintptr_t)top - sizeof(struct start)) & ~(uintptr_t)63;
    struct start *start = (struct start *)address;

    if (getcontext(&start->context) != 0)
        abort();
    start->entry = entry;
    start->argument = argument;
    start->context.uc_link = NULL;
    start->context.uc_stack.ss_sp = base;
    start->context.uc_stack.ss_size = address - (uintptr_t)base;
    makecontext(&start->context, (void (*)(void))begin, 2, (unsigned)(address >> 16 >> 16),
                (unsigned)address);
    return &start->context;
}

/* The stop function in unwind.c ends at the first frame above `sp`.  This function's own stack
 * pointer is not above its frame address, and its caller's is, on every ABI that we know. */
WOK__NOT_INSTRUMENTED bool wok__catch_run(struct wok__catch *catch_frame,
                                          void (*fn)(void *argument), void *argument)
{
    catch_frame->sp = (uintptr_t)__builtin_frame_address(0) + 1;
    if (_setjmp(catch_frame->registers) != 0)
        return false;
    fn(argument);
    return true;
}

WOK__NOT_INSTRUMENTED void wok__catch_resume(struct wok__catch *catch_frame)
{
    _longjmp(catch_frame->registers, 1);
}

#endif
