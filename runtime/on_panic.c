/*
 * on_panic.c - what a panic does beyond the task that it ends.
 *
 * A panic is told here before it unwinds (task/panic.c), on the thread where it happened.  With
 * WOK_ON_PANIC_SHUTDOWN the first one is written down, for block_on and for the shutdown's report, and a
 * task is spawned that does the rest: it closes the runtime, waits for the grace, and aborts what lives.
 * The panicking code cannot: it may hold the lock of the very channel that tells the others, and aborts
 * run destructors of queued blocking calls, which have no business on its stack.
 *
 * Invariants
 *   I1  `fatal` only goes up; fatal_panic is written by the thread that took it from WOK__NO_PANIC.
 *   I2  it is PANICKED before that task is spawned; so whoever is aborted by it finds out why.
 *   I3  fatal_task is written before ENDING, and consumed when all threads are gone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/runtime.h>

#include "sched/sched.h"
#include "task/schedule.h"

bool wok__panic_matters(const struct wok_runtime *runtime)
{
    return runtime->options.panic_callback != NULL ||
           runtime->options.on_panic != WOK_ON_PANIC_JOIN;
}

bool wok__panic_call(struct wok_runtime *runtime, const wok_join_error *panic)
{
    if (runtime->options.panic_callback == NULL)
        return false;
    runtime->options.panic_callback(panic, runtime->options.argument);
    return true;
}

/* ---- shutting down ------------------------------------------------------------------------------ */

struct ending {
    bool closed;
    wok_sleep_future grace;
};

static wok_poll ending_poll(void *self, wok_cx *cx, void *result)
{
    struct wok_runtime *runtime = cx->task->runtime;
    struct ending *ending = self;

    (void)result;
    if (!ending->closed) {
        wok__runtime_close(runtime);
        ending->closed = true;
        ending->grace = wok_sleep_future_until(wok_after(runtime->options.panic_grace));
    }
    if (runtime->options.panic_grace.ns != 0 &&
        wok_sleep_future_poll(&ending->grace, cx) == WOK_PENDING)
        return WOK_PENDING;
    (void)wok__runtime_abort_all(runtime);
    return WOK_READY;
}

static void ending_drop(void *self)
{
    struct ending *ending = self;

    if (ending->closed)
        wok_sleep_future_drop(&ending->grace);
}

static const wok_future_vtable ending_vtable = {
    .name = "shutdown after a panic",
    .size = sizeof(struct ending),
    .poll = ending_poll,
    .drop = ending_drop,
};

static void begin_shutdown(struct wok_runtime *runtime, const wok_join_error *panic)
{
    struct ending ending = {.closed = false};
    uint32_t before = WOK__NO_PANIC;

    if (!cas_relaxed(&runtime->fatal, &before, WOK__PANICKING))
        return;
    runtime->fatal_panic = *panic;
    store_release(&runtime->fatal, WOK__PANICKED); /* [panic.fatal] */
    if (load_relaxed(&runtime->closed) != WOK__OPEN)
        return; /* a shutdown is under way, with a grace of its own */
    runtime->fatal_task = wok_spawn_future_on(runtime, &ending_vtable, &ending);
    if (wok_join_is_finished(&runtime->fatal_task)) {
        wok__runtime_close(runtime); /* there was no memory for it; or it has run: no harm then */
        (void)wok__runtime_abort_all(runtime);
    }
    store_release(&runtime->fatal, WOK__ENDING); /* [panic.fatal] */
}

void wok__fatal_yield(struct wok_runtime *runtime)
{
    if (load_acquire(&runtime->fatal) == WOK__ENDING) /* [panic.fatal] */
        wok_join_abort(&runtime->fatal_task);
}

bool wok__fatal_panic(struct wok_runtime *runtime, wok_join_error *ret_panic)
{
    if (load_acquire(&runtime->fatal) < WOK__PANICKED) /* [panic.fatal] */
        return false;
    *ret_panic = runtime->fatal_panic;
    return true;
}

/* ---- the policies ------------------------------------------------------------------------------- */

size_t wok__format_panic(char *buffer, size_t size, const wok_join_error *panic)
{
    int length;

    if (panic->spawned_file != NULL)
        length = snprintf(buffer, size, "%s at %s:%d, spawned at %s:%d", panic->message,
                          panic->file, panic->line, panic->spawned_file, panic->spawned_line);
    else
        length = snprintf(buffer, size, "%s at %s:%d", panic->message, panic->file, panic->line);
    return (size_t)length < size ? (size_t)length : size - 1;
}

void wok__print_panic(const wok_join_error *panic, const char *what)
{
    char text[1024];

    (void)wok__format_panic(text, sizeof text, panic);
    fprintf(stderr, "wok: %s%s\n", text, what);
}

void wok__panic_act(struct wok_runtime *runtime, const wok_join_error *panic)
{
    switch (runtime->options.on_panic) {
    case WOK_ON_PANIC_JOIN:
        return;
    case WOK_ON_PANIC_SHUTDOWN:
        begin_shutdown(runtime, panic);
        return;
    case WOK_ON_PANIC_ABORT:
        wok__print_panic(panic, "; the process is aborted");
        abort();
    }
}

void wok__report_panic(struct wok_runtime *runtime, const wok_join_error *error)
{
    if (runtime->options.on_unjoined_panic != NULL)
        runtime->options.on_unjoined_panic(error, runtime->options.argument);
    else
        wok__print_panic(error, ", and nobody awaits it");
}
