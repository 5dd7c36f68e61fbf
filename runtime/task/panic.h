/*
 * panic.h - where a panic stops, and what it leaves behind.
 */
#ifndef WOK_TASK_PANIC_H
#define WOK_TASK_PANIC_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/unwind.h"

struct wok_task;

/* What a panic said.  Heap; owned by the guard, then by the task's outcome. */
struct wok__panic {
    const char *file;
    int line;
    bool told;   /* to the runtime's panic callback */
    bool joined; /* told to whoever owns the task */
    char message[114];
};

enum wok__shielded {
    WOK__EXPOSED,
    WOK__SHIELDED,
    WOK__SHIELDED_RESULT, /* the guard of a result's destructor; panic.c */
    WOK__UNWINDING,       /* cleanup handlers run */
};

/* The frame that a panic or a forced abort unwinds to; in the frame of whoever calls user code. */
struct wok__guard {
    struct wok__catch catcher;
    struct wok__panic *panic; /* set by a panic */
    uint8_t shielded;         /* nonzero: destructors run, waits do not notice a cancellation */
};

/* Runs user code: true if it returned, false if it was unwound; guard->panic says why, NULL: by
 * force.  Panics inside stop here.  The caller sets guard->shielded before. */
bool wok__guarded(struct wok__guard *guard, void (*function)(void *argument), void *argument);

/* Runs a destructor of the user's; a panic inside is printed and goes no further. */
void wok__destroy(void (*drop)(void *object), void *object);

/* As wok__destroy, where the end of a task depends on it: a panic inside goes to `*panic`, unless there
 * is one already, which is the cause and stays. */
void wok__destroy_or_panic(struct wok__panic **panic, void (*drop)(void *object), void *object);

/* As wok__destroy for the result of a task, which need not be the one that runs here; the panic inside
 * is the caller's then. */
struct wok__panic *wok__destroy_result(const struct wok_task *task, void (*drop)(void *result),
                                       void *result);

/* The owner of the task is told of it. */
void wok__panic_mark_joined(struct wok__panic *panic);

void wok__panic_free(struct wok__panic *panic);

#endif
