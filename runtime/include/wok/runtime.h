/*
 * runtime.h - building a runtime, running a first task on it, shutting it down.
 *
 * After a fork(2) only exec is safe in the child, as in every program with threads: the runtime's
 * threads are not there, and what they held is held for ever.  In a child that was forked while a
 * runtime lived, all that spawns, waits, builds or shuts down says -ENOTRECOVERABLE, freeing does
 * nothing, and a task or a blocking call that returns to the runtime aborts the process.
 */
#ifndef WOK_RUNTIME_H
#define WOK_RUNTIME_H

#include <stdio.h>

#include <wok/base.h>
#include <wok/task.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

struct wok_watch_receiver;

/** For wok_runtime_options.spare_workers_max. */
#define WOK_NO_SPARE_WORKERS ((unsigned)-1)

/**
 * What a panic of a task or of a blocking call does beyond that.  A panic that a task's destructors cause
 * is one of that task.
 */
typedef enum wok_panic_policy {
    /** It ends the task.  Whoever awaits that is told; if nobody does, on_unjoined_panic is. */
    WOK_ON_PANIC_JOIN,
    /** It also begins a shutdown: spawns are refused, who subscribed is told, and after panic_grace all
     *  tasks are aborted.  wok_block_on() and wok_runtime_shutdown()'s report tell which panic it was. */
    WOK_ON_PANIC_SHUTDOWN,
    /** It aborts the process, after a line on stderr with the task's name and the place of its spawn. */
    WOK_ON_PANIC_ABORT,
} wok_panic_policy;

/** How a runtime is built; zero means the default everywhere. */
typedef struct wok_runtime_options {
    /** Worker threads; 0: the cores that affinity and cgroup quota allow, at least 1.  At most 56. */
    unsigned workers;
    /** Threads of the runtime's own blocking pool at most (512), how long an idle one is kept (10 s),
     *  and how many calls may wait for one, which is without a limit by default; blocking.h. */
    unsigned blocking_threads_max;
    wok_duration blocking_keep_alive;
    size_t blocking_queue_max;
    /** What the names of the runtime's threads begin with ("wok"); borrowed while it is built.  With
     *  "shop" they are shop-0, shop-1, ... shop-monitor and shop-blocking; the kernel keeps 15 bytes. */
    const char *thread_name;
    /** Called on each worker and each thread of a blocking pool, before its first task and after its
     *  last one; they must neither wait nor panic. */
    void (*on_thread_start)(void *argument);
    void (*on_thread_stop)(void *argument);
    /** Spare workers at most (8), which are started when all others are blocked, in a
     *  wok_block_in_place() or in one task for 10 ms, and there is something to do; blocking.h.
     *  WOK_NO_SPARE_WORKERS: none, so that tasks are never run by more than `workers` threads.  What
     *  with the workers is more than 58 is cut off. */
    unsigned spare_workers_max;
    /** How many polls a busy worker makes between two looks at its descriptors and timers (61); few
     *  make it notice sooner, and cost a system call each. */
    unsigned event_interval;
    /** How many polls a busy worker makes between two tasks from the queue that other threads spawn
     *  into and wake through.  0: the worker tunes it to some 200 us of its own work, by the mean time
     *  of a poll, from 2 to 127; on a paused clock, where a poll takes no time, 61. */
    unsigned injection_interval;
    /** Descriptors' events that one look takes at most (128); up to 1,024. */
    unsigned io_events_per_turn_max;
    /** How often a worker that is about to sleep gives memory back to the kernel that it has not needed since (1 s): it
     *  wakes up for that a dozen times after it was last busy.  The heap comes each sixth time at most (malloc_trim(3)), if
     *  the worker was asleep for most of the last one.  WOK_FOREVER: never, and what was allocated stays. */
    wok_duration trim_interval;
    /** A task that another one wakes goes to the end of the queue, in place of running next: for
     *  tasks that wake each other and would better run on several workers. */
    bool disable_lifo_slot;
    /** Usable bytes of a task's stack (65,536); rounded up to whole pages. */
    size_t stack_bytes;
    /** Seeds every random choice; 0: from the kernel. */
    uint64_t seed;
    /**
     * For tests: a clock that stands still while a task is ready and jumps to the next deadline
     * otherwise, and workers that run one at a time, in an order that the seed decides.
     */
    bool paused_clock;
    /** Sockets in memory in place of the kernel's, for tests. */
    bool simulated_network;
    /** What a panic does beyond the task that it ends. */
    wok_panic_policy on_panic;
    /** With WOK_ON_PANIC_SHUTDOWN, how long the other tasks may take to end by themselves, on the runtime's
     *  clock.  By default they are aborted at once, which is cooperative as any abort. */
    wok_duration panic_grace;
    /**
     * Called with each panic, exactly once, before anything is unwound and before on_panic takes effect;
     * NULL: nothing is called.
     *
     * It runs on the thread and on the stack where the panic happened, so that backtrace(3) shows how it
     * came there, on several threads at once if several tasks panic.  It has what is left of that stack.
     * It may log, read the error and the task's locals, cancel tokens, wake tasks, and end the process.
     * It must not wait, which in a task is refused with -EDEADLK, and must return otherwise.  A panic
     * inside it is printed, and goes no further.  A panic of a destructor that runs in no task is told
     * with an empty name.
     */
    void (*panic_callback)(const wok_join_error *panic, void *argument);
    /** Called with a panic that nobody awaits, on the thread that found out; NULL prints one line to stderr.
     *  It must neither wait nor panic: in no task, its panic ends the process. */
    void (*on_unjoined_panic)(const wok_join_error *error, void *argument);
    /** Called with each wait or block_on that was refused with -EDEADLK, on the thread that made it:
     *  the message names the calling task, `file` and `line` say where that was spawned.  NULL only
     *  counts them (wok_runtime_metrics.refused_waits). */
    void (*on_refused_wait)(const wok_join_error *error, void *argument);
    /** Handed to every function of these options. */
    void *argument;
} wok_runtime_options;

/**
 * Builds a runtime and starts its workers.
 *
 * The first one of a process also installs a handler of SIGSEGV and SIGBUS, for good: a fault in a task,
 * such as an overflow of its stack, is told on stderr with the task's name, where it was spawned, and the
 * size of the stack.  Then the handler that was there before is called as if there were no other, or else
 * the default action ends the process.  A program that installs its own one later passes on what it does
 * not know.  The runtime's threads have a stack for such handlers (sigaltstack(2)).
 *
 * Errors:     0; -EINVAL for options out of range; -ENOTSUP if the program was linked without
 *             unwind tables; -ENOMEM, -EMFILE, -EAGAIN as the kernel says; -ENOTRECOVERABLE in a
 *             forked child.
 * Ownership:  returns owned: wok_runtime_free().  Copies the options and what they point to, but for
 *             `argument`; NULL is the default everywhere.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_runtime_new(wok_runtime **ret_runtime, const wok_runtime_options *options);

/** What a task that a shutdown left behind is doing. */
typedef enum wok_left_kind {
    WOK_LEFT_RUNNING,  /**< It blocks a worker. */
    WOK_LEFT_WAITING,  /**< It cannot run, since its worker is blocked by another. */
    WOK_LEFT_BLOCKING, /**< It is a call in a blocking pool. */
} wok_left_kind;

/** One task that a shutdown left behind. */
typedef struct wok_left {
    wok_left_kind kind;
    char name[WOK_TASK_NAME_SIZE];
    const char *file; /**< Where it was spawned; static storage. */
    int line;
    uint64_t task_id;
    wok_duration running; /**< For how long, within a millisecond; 0: it waits, or nobody knows. */
} wok_left;

enum { WOK_LEFT_MAX = 16 };

/** What a shutdown found. */
typedef struct wok_shutdown_report {
    /** The panic that had begun it (WOK_ON_PANIC_SHUTDOWN), if one had. */
    bool panicked;
    wok_join_error panic;
    /** Tasks that were aborted because the grace was over. */
    size_t aborted;
    /** Tasks that did not end although they were aborted: they block a worker, or wait for one. */
    size_t stuck;
    /** Blocking calls still running. */
    size_t blocking_left;
    /** The first of them, those that run before those that wait. */
    size_t left_count;
    wok_left left[WOK_LEFT_MAX];
} wok_shutdown_report;

/**
 * Prints the report: a line for the panic that began the shutdown, if one did, a line for the counts and
 * one for each task it lists.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_shutdown_report_print(const wok_shutdown_report *report, FILE *stream);

/**
 * Shuts the runtime down: no task is started any more; tasks have `grace` to end by themselves
 * (wok_shutdown_subscribe() tells them); then they are aborted, which takes another 2 s at most; then
 * the threads are joined.  Blocking calls that have started are waited for as long as the grace lasts.
 * Plain threads that wait on the runtime's clock are told -ECANCELED, then and ever after.
 *
 * What has not ended by then runs on, and blocking calls by the same clock; another shutdown, or the free, goes on waiting for it.
 *
 * Errors:     0 if everything ended; -ETIMEDOUT if something was left, as the report says; -EDEADLK
 *             in a task, and in a blocking call of this runtime; -EINVAL for a runtime of NULL.
 * Ownership:  `ret_report` may be NULL.
 * Threads:    a plain thread, one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_runtime_shutdown(wok_runtime *runtime, wok_duration grace, wok_shutdown_report *ret_report);

/**
 * Subscribes to the runtime's shutdown: the value, a bool, turns true when the shutdown begins.
 *
 * NULL is the calling thread's runtime; without one the receiver is empty, and says -EINVAL.
 *
 * Ownership:  wok_watch_receiver_drop() ends the receiver, before the runtime is freed.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_shutdown_subscribe(struct wok_watch_receiver *receiver, wok_runtime *runtime);

/**
 * Ends the runtime, without grace if it was not shut down, and frees it; NULL is fine.
 *
 * It waits as long as it takes: for blocking calls that have started, and for tasks that block a
 * worker, since their threads come back to the runtime's memory.  To give up at a deadline, shut it
 * down first, and where that gives up do not free it, or use wok_runtime_free_background().  On a
 * thread that may not wait, in a task or in a blocking call of this runtime, it is the same as that.
 *
 * Ownership:  takes the runtime.  Handles and wakers may outlive it: every task has ended by then, and
 *             its outcome can still be taken.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_runtime_free(wok_runtime *runtime);

/**
 * As wok_runtime_free(), for WOK_CLEANUP().
 *
 * Threads:    as wok_runtime_free().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_runtime_freep(wok_runtime **runtime);

/**
 * Closes the runtime and returns at once; a thread of its own waits for what still runs and then
 * frees it.  NULL is fine.
 *
 * Ownership:  takes the runtime, as wok_runtime_free(); if no thread can be started, its memory stays.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_runtime_free_background(wok_runtime *runtime);

/**
 * The runtime of the calling thread: its worker's or its blocking pool's, or what wok_runtime_enter()
 * named; or NULL.
 *
 * Ownership:  stays with whoever has it.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_runtime *wok_runtime_current(void);

/**
 * Makes `runtime` the calling plain thread's runtime, on which it then spawns, listens and reads the
 * clock; returns the one before, to be restored.  NULL: none.
 *
 * Ownership:  borrows the runtime until the thread enters another.
 * Threads:    plain threads; on a worker it changes nothing.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_runtime *wok_runtime_enter(wok_runtime *runtime);

/**
 * Runs a typed task on the runtime and blocks the calling plain thread until it has ended.
 *
 *     int error = wok_block_on(runtime, main_task, {.a = 1, .b = 2}, &result, &join_error);
 *
 * After the family's name come the arguments, where the result goes, and where the error goes; the
 * last two may be NULL.  A runtime of NULL is the one that the thread has entered.
 *
 * Errors:     as wok_join_await(); -ESHUTDOWN if a panic has shut the runtime down, by its policy, however
 *             the task has ended: `*ret_error` tells of that panic, and a result is destroyed.
 *             -ETIMEDOUT if a deadline that covers the caller passes: the task
 *             then runs on, detached.  -EDEADLK in a task, which awaits a join handle instead: the
 *             task is not started, and `*ret_error` then has the outcome WOK_NOT_STARTED, a message
 *             that names the calling task, and in `file` and `line` where that was spawned.
 * Ownership:  takes the arguments, also on failure.
 * Threads:    a plain thread, one of a blocking pool included.
 * Cancel:     not a cancellation point.
 */
#define wok_block_on(runtime_, name_, ...)                                                         \
    __extension__({                                                                                \
        struct {                                                                                   \
            name_##_args_ args;                                                                    \
            name_##_result_ *ret_result;                                                           \
            wok_join_error *ret_error;                                                             \
        } wok_call_ = {WOK_TYPE_(name_##_args_) __VA_ARGS__};                                      \
        wok_block_on_raw((runtime_), WOK_TASK_SITE_(name_), &wok_call_.args, wok_call_.ret_result, \
                         wok_call_.ret_error);                                                     \
    })

/**
 * The untyped form of wok_block_on().
 *
 * Errors:     as wok_block_on().
 * Ownership:  copies site->args_size bytes from `args_moved`, which is dead afterwards; `ret_result`
 *             takes site->result_size bytes, or is NULL, and the result is destroyed.
 * Threads:    as wok_block_on().
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_block_on_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved,
                     void *ret_result, wok_join_error *ret_error);

/**
 * Runs `body` as the first task of a runtime with default options, shuts the runtime down when it
 * has ended, and gives what main() should return: all there is to do in a main().
 *
 *     int main(void) { return wok_main(program); }
 *
 * The task is called "main", and was spawned where this stands.
 *
 * Tasks that still run when the body ends are aborted, so a body awaits what it cares for; blocking
 * calls that have started are waited for.
 *
 * Errors:     what the body returned if it is not negative; EXIT_FAILURE and one line on stderr
 *             for a negative errno, a runtime that cannot be built, or no body; 101 after a panic.
 * Threads:    a plain thread.
 * Cancel:     not a cancellation point.
 */
#define wok_main(body_) wok_main_at((body_), WOK_SITE_("main"))

/**
 * The form behind wok_main(), for bindings to other languages: the task is called and placed as `site` says.
 *
 * Errors:     as wok_main().
 * Ownership:  borrows the site, of which it uses the name and the place.
 * Threads:    a plain thread.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_main_at(int (*body)(void), const wok_spawn_site *site);

/**
 * The number of worker threads, without spare ones.  NULL is the calling thread's runtime; without one 0.
 *
 * Threads:    any, until the runtime is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
unsigned wok_runtime_workers(const wok_runtime *runtime);

/**
 * The number of worker threads with all the spare ones there may ever be: the size of a table that
 * wok_worker_index() indexes.  NULL is the calling thread's runtime; without one 0.
 *
 * Threads:    any, until the runtime is freed.
 * Cancel:     not a cancellation point.
 */
WOK_API
unsigned wok_runtime_workers_max(const wok_runtime *runtime);

/**
 * The index of the calling worker thread: below wok_runtime_workers(), or, of a spare worker, below
 * wok_runtime_workers_max().
 *
 * Errors:     -1 on any other thread, one of a blocking pool included, and in a wok_block_in_place().
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_worker_index(void);

WOK_END_DECLS

#endif
