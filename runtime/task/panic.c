/*
 * panic.c - panics: a record, and an unwind of the task's own stack.
 *
 * User code runs under a guard.  A panic writes its record into the innermost guard of the thread's
 * place and unwinds to it; every cleanup handler on the way runs once.  A second panic during that
 * unwind (a handler that panics) goes on to the same guard; the first record is kept, because it
 * is the cause.  (Handlers that clang has compiled cannot be left so: platform/unwind.h.)
 *
 * Before it unwinds, a panic is told to the runtime's callback, on the stack where it happened, and to
 * the policy (on_panic.c).  The callback runs under a guard of its own, and as code that cannot park:
 * a panic or a wait inside must not change what becomes of the task.
 */
#include "task/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/task.h>

#include "task/context.h"
#include "task/fiber.h"

/* What is known when there is no memory for a record. */
static struct wok__panic no_memory = {.file = "", .message = "(no memory for the panic's message)"};

bool wok__guarded(struct wok__guard *guard, void (*function)(void *argument), void *argument)
{
    struct wok__here *here = wok__here();
    struct wok__guard *outer = here->guard;
    bool returned;

    guard->panic = NULL;
    here->guard = guard;
    returned = wok__catch_run(&guard->catcher, function, argument);
    wok__here()->guard = outer;
    return returned;
}

struct destruction {
    void (*drop)(void *object);
    void *object;
};

static void destroy(void *argument)
{
    struct destruction *destruction = argument;

    destruction->drop(destruction->object);
}

/* The guard of a result's destructor says whose result it is. */
struct result_guard {
    struct wok__guard guard; /* first */
    const struct wok_task *task;
};

/* The panic inside, which is the caller's then; `task`: whose result the object is, or NULL. */
static struct wok__panic *try_destroy(const struct wok_task *task, void (*drop)(void *object),
                                      void *object)
{
    struct destruction destruction = {drop, object};
    struct result_guard guard;

    if (drop == NULL)
        return NULL;
    guard.task = task;
    guard.guard.shielded = task != NULL ? WOK__SHIELDED_RESULT : WOK__SHIELDED;
    return wok__guarded(&guard.guard, destroy, &destruction) ? NULL : guard.guard.panic;
}

/* Prints a panic that may not come to light otherwise, unless the callback has been told of it. */
static void print(const char *who, const struct wok__panic *panic)
{
    if (!panic->told)
        fprintf(stderr, "wok: %s panicked at %s:%d: %s\n", who, panic->file, panic->line,
                panic->message);
}

/* For a panic that becomes no task's outcome. */
static void tell_and_free(const char *who, struct wok__panic *panic)
{
    if (panic == NULL)
        return;
    print(who, panic);
    wok__panic_free(panic);
}

void wok__destroy(void (*drop)(void *object), void *object)
{
    tell_and_free("a destructor", try_destroy(NULL, drop, object));
}

void wok__destroy_or_panic(struct wok__panic **panic, void (*drop)(void *object), void *object)
{
    struct wok__panic *another = try_destroy(NULL, drop, object);

    if (*panic == NULL)
        *panic = another;
    else
        tell_and_free("a destructor", another);
}

struct wok__panic *wok__destroy_result(const struct wok_task *task, void (*drop)(void *result),
                                       void *result)
{
    return try_destroy(task, drop, result);
}

void wok__panic_mark_joined(struct wok__panic *panic)
{
    if (panic != &no_memory) /* it may be another task's as well */
        panic->joined = true;
}

void wok__panic_free(struct wok__panic *panic)
{
    if (panic != &no_memory)
        free(panic);
}

/* ---- telling of it ------------------------------------------------------------------------------ */

struct report {
    struct wok_runtime *runtime;
    wok_join_error error;
    bool told;
};

static void call_callback(void *argument)
{
    struct report *report = argument;

    report->told = wok__panic_call(report->runtime, &report->error);
}

/* The callback sees the task and its locals, and no stack that it could park. */
static void tell_callback(struct wok__here *here, struct report *report)
{
    struct wok__fiber *fiber = here->fiber;
    wok_local_frame *locals = here->locals;
    struct wok__guard guard;

    guard.shielded = WOK__SHIELDED;
    here->telling = true;
    here->fiber = NULL;
    if (fiber != NULL)
        here->locals = fiber->locals;
    if (!wok__guarded(&guard, call_callback, report)) {
        report->told = true;
        tell_and_free("the panic callback", guard.panic);
    }
    here->locals = locals;
    here->fiber = fiber;
    here->telling = false;
}

/* Tells whoever wants to hear; true if that was the callback. */
static bool tell(struct wok__here *here, const struct wok__panic *panic)
{
    bool of_result = here->guard->shielded == WOK__SHIELDED_RESULT;
    const struct wok_task *task = of_result ? ((const struct result_guard *)here->guard)->task
                                  : here->task != NULL ? here->task
                                                       : here->calling;
    struct wok_runtime *runtime = task != NULL ? task->runtime : here->runtime;
    struct report report = {.runtime = runtime};

    if (runtime == NULL || here->telling || !wok__panic_matters(runtime))
        return false;
    wok__join_error_panic(&report.error, of_result ? "the result of task" : "task", task, panic);
    tell_callback(here, &report);
    wok__panic_act(runtime, &report.error);
    return report.told;
}

/* ---- panicking ---------------------------------------------------------------------------------- */

static struct wok__panic *record(const char *file, int line, const char *format, va_list args)
{
    struct wok__panic *panic = malloc(sizeof *panic);

    if (panic == NULL)
        return &no_memory;
    panic->file = file;
    panic->line = line;
    panic->told = panic->joined = false;
    vsnprintf(panic->message, sizeof panic->message, format, args);
    return panic;
}

/* The panic is written down and told; the first one of its guard is kept.  One in a handler that an
 * unwind runs is printed as well: where clang has compiled the handler's caller, it is the last word. */
__attribute__((noinline)) static void keep(struct wok__here *here, struct wok__panic *panic)
{
    struct wok__guard *guard = here->guard;
    bool told = tell(here, panic);

    if (panic != &no_memory)
        panic->told = told;
    if (guard->shielded == WOK__UNWINDING)
        print("during an unwind a cleanup handler", panic);
    if (guard->panic == NULL)
        guard->panic = panic;
    else
        wok__panic_free(panic);
}

void wok_panic_at(const char *file, int line, const char *format, ...)
{
    struct wok__here *here = wok__here();
    struct wok__guard *guard = here->guard;
    va_list args;

    va_start(args, format);
    if (guard == NULL) {
        fprintf(stderr, "wok: panic outside of a task at %s:%d: ", file, line);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        abort();
    }
    keep(here, record(file, line, format, args));
    va_end(args);
    guard->shielded = WOK__UNWINDING;
    wok__unwind_to(&guard->catcher);
}
