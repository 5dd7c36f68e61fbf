/*
 * panic.c - panics: a record, and an unwind of the task's own stack.
 *
 * User code runs under a guard.  A panic writes its record into the innermost guard of the thread's
 * place and unwinds to it; every cleanup handler on the way runs once.  A second panic during that
 * unwind (a handler that panics) goes on to the same guard; the first record is kept, because it
 * is the cause.
 */
#include "task/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/task.h>

#include "task/context.h"

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

/* The panic inside, which is the caller's then. */
static struct wok__panic *try_destroy(void (*drop)(void *object), void *object)
{
    struct destruction destruction = {drop, object};
    struct wok__guard guard;

    guard.shielded = true;
    if (drop == NULL || wok__guarded(&guard, destroy, &destruction))
        return NULL;
    return guard.panic;
}

/* Prints a panic that becomes no task's outcome. */
static void tell_and_free(struct wok__panic *panic)
{
    if (panic == NULL)
        return;
    fprintf(stderr, "wok: a destructor panicked at %s:%d: %s\n", panic->file, panic->line,
            panic->message);
    wok__panic_free(panic);
}

void wok__destroy(void (*drop)(void *object), void *object)
{
    tell_and_free(try_destroy(drop, object));
}

void wok__destroy_or_panic(struct wok__panic **panic, void (*drop)(void *object), void *object)
{
    struct wok__panic *another = try_destroy(drop, object);

    if (*panic == NULL)
        *panic = another;
    else
        tell_and_free(another);
}

void wok__panic_free(struct wok__panic *panic)
{
    if (panic != &no_memory)
        free(panic);
}

static struct wok__panic *record(const char *file, int line, const char *format, va_list args)
{
    struct wok__panic *panic = malloc(sizeof *panic);

    if (panic == NULL)
        return &no_memory;
    panic->file = file;
    panic->line = line;
    vsnprintf(panic->message, sizeof panic->message, format, args);
    return panic;
}

void wok_panic_at(const char *file, int line, const char *format, ...)
{
    struct wok__guard *guard = wok__here()->guard;
    va_list args;

    va_start(args, format);
    if (guard == NULL) {
        fprintf(stderr, "wok: panic outside of a task at %s:%d: ", file, line);
        vfprintf(stderr, format, args);
        fputc('\n', stderr);
        abort();
    }
    if (guard->panic == NULL)
        guard->panic = record(file, line, format, args);
    va_end(args);
    guard->shielded = true;
    wok__unwind_to(&guard->catcher);
}
