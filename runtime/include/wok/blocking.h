/*
 * blocking.h - work that blocks its thread, on threads of its own.
 *
 * A blocking call inside a task stops every other task of that worker.  The blocking pool has
 * threads that may block: started on demand, kept for 10 s of idleness, bounded, with a FIFO queue.
 */
#ifndef WOK_BLOCKING_H
#define WOK_BLOCKING_H

#include <wok/base.h>
#include <wok/task.h>

WOK_BEGIN_DECLS

/**
 * Runs a function of a typed family (WOK_TASK) on the runtime's blocking pool.
 *
 *     WOK_TASK(read_whole_file, struct path, struct bytes);
 *     read_whole_file_join handle = wok_spawn_blocking(read_whole_file, {.name = "/etc/hosts"});
 *
 * The handle is that of any other task.  Work that has started cannot be stopped: an abort then
 * leaves it running and the await gives its value.  Work still queued is dropped by an abort.
 *
 * Errors:     none at the call; WOK_NOT_STARTED at the await (no thread, no memory, shutdown).
 * Ownership:  takes the arguments; returns an owned handle.
 * Threads:    any thread with a runtime, blocking threads included.
 * Cancel:     not a cancellation point; waits inside the function work as on a plain thread.
 */
#define wok_spawn_blocking(name_, ...)                                                             \
    wok_spawn_blocking_on((wok_runtime *)NULL, name_, __VA_ARGS__)

/** As wok_spawn_blocking(), on `runtime`. */
#define wok_spawn_blocking_on(runtime_, name_, ...)                                                \
    __extension__({                                                                                \
        name_##_args_ wok_args_ = WOK_TYPE_(name_##_args_) __VA_ARGS__;                            \
        WOK_TYPE_(name_##_join){                                                                   \
            wok_spawn_blocking_raw((runtime_), WOK_TASK_SITE_(name_), &wok_args_)};                \
    })

/** The untyped form of wok_spawn_blocking(). */
WOK_API
wok_join wok_spawn_blocking_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved);

WOK_END_DECLS

#endif
