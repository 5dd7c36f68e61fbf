/*
 * unwind.c - forced unwinding up to a catch frame.
 *
 * The walk is _Unwind_ForcedUnwind's: before each frame it asks `stop`, then runs the frame's
 * cleanups.  At the catch frame `stop` does not return; it jumps.  longjmp would do it, but trips
 * _FORTIFY_SOURCE's check on some stacks and has to save registers at every catch; the assembly
 * frame has them pushed already.
 */
#include "platform/unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/context_machine.h"
#include "platform/late_asan.h"

/* "wok\0task": tells foreign personalities that the exception is none of theirs. */
#define EXCEPTION_CLASS UINT64_C(0x776f6b007461736b)

/* No runtime is assumed to work here: plain write(2). */
static void complain(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));

    (void)written; /* nothing is left to do about it */
}

/* The exception is never deleted: nobody catches it, and it lives in the catch frame. */
static void keep_exception(_Unwind_Reason_Code reason, struct _Unwind_Exception *exception)
{
    (void)reason, (void)exception;
}

WOK__NOT_INSTRUMENTED static void land(struct wok__catch *catch_frame)
{
    /* The frames between here and the catch are left without clearing their redzones. */
    wok__asan_no_return();
    wok__catch_resume(catch_frame);
}

/* In `frame` the stack pointer is the one right after the call in it returned; in wok__catch_run's
 * frame that is what the catch has kept. */
WOK__NOT_INSTRUMENTED static _Unwind_Reason_Code stop(int version, _Unwind_Action actions,
                                                      _Unwind_Exception_Class exception_class,
                                                      struct _Unwind_Exception *exception,
                                                      struct _Unwind_Context *frame, void *argument)
{
    struct wok__catch *catch_frame = argument;

    (void)version, (void)exception_class, (void)exception;
    if ((actions & _UA_END_OF_STACK) != 0)
        return _URC_END_OF_STACK;
    if (_Unwind_GetCFA(frame) >= catch_frame->sp)
        land(catch_frame);
    return _URC_NO_REASON;
}

/* Returns only if the walk ended below the catch frame. */
WOK__NOT_INSTRUMENTED static void unwind(struct wok__catch *catch_frame)
{
    /* A handler which panics comes here a second time with the object of the first unwind.  That
     * one will not be resumed: its landing pad is one of the frames discarded now. */
    catch_frame->exception = (struct _Unwind_Exception){
        .exception_class = EXCEPTION_CLASS,
        .exception_cleanup = keep_exception,
    };
    wok__asan_no_return();
    (void)_Unwind_ForcedUnwind(&catch_frame->exception, stop, catch_frame);
}

WOK__NOT_INSTRUMENTED void wok__unwind_to(struct wok__catch *catch_frame)
{
    unwind(catch_frame);
    complain("wok: cannot unwind: a function on this stack has no unwind tables\n");
    abort();
}

/* ---- self-test ---- */

struct self_test {
    struct wok__catch catch_frame;
    volatile bool handled;
    volatile bool broken; /* the walk did not reach the catch */
};

static void note_handler(struct self_test **test)
{
    (*test)->handled = true;
}

__attribute__((noinline)) static void leave_with_handler(void *argument)
{
    WOK_CLEANUP(note_handler) struct self_test *test = argument;

    unwind(&test->catch_frame);
    test->broken = true;
}

int wok__unwind_self_test(void)
{
    struct self_test test = {.handled = false, .broken = false};
    bool returned = wok__catch_run(&test.catch_frame, leave_with_handler, &test);

    return !returned && test.handled && !test.broken ? 0 : -ENOTSUP;
}
