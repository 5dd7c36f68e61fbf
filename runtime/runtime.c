/*
 * runtime.c - building a runtime, running a first task on it, and taking it apart.
 *
 * The parts are built in the order of their dependencies and ended in the opposite one.  What was
 * built is found by what is not NULL, so that one function ends a runtime in any state.  How the
 * tasks are brought to an end before that is in shutdown.c.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wok/runtime.h>

#include "platform/cpu.h"
#include "platform/entropy.h"
#include "platform/futex.h"
#include "platform/thread.h"
#include "platform/unwind.h"
#include "sched/sched.h"
#include "sched/turns.h"
#include "task/context.h"
#include "task/panic.h"
#include "task/refuse.h"

/* ---- building ------------------------------------------------------------------------------- */

static int check_options(const wok_runtime_options *options)
{
    if (options->workers > WOK__WORKERS_MAX)
        return -EINVAL;
    if (options->stack_bytes != 0 && options->stack_bytes < WOK__STACK_BYTES_MIN)
        return -EINVAL;
    if (options->io_events_per_turn_max > WOK__TURN_EVENTS_MAX)
        return -EINVAL;
    if ((unsigned)options->on_panic > WOK_ON_PANIC_ABORT)
        return -EINVAL;
    return 0;
}

int wok__worker_new(struct wok_runtime *runtime, uint32_t index)
{
    struct wok__worker *worker = NULL;
    uint64_t seed = runtime->seed;
    int error;

    if (posix_memalign((void **)&worker, WOK__CACHE_LINE, sizeof *worker) != 0)
        return -ENOMEM;
    memset(worker, 0, sizeof *worker);
    worker->runtime = runtime;
    worker->index = index;
    worker->mean_poll_ns = 2000;
    worker->until_turn = runtime->options.event_interval;
    worker->injection_interval = runtime->options.injection_interval;
    if (worker->injection_interval == 0)
        worker->injection_interval = WOK__INTERVAL;
    worker->until_injection = worker->injection_interval;
    wok__worker_arm_look(worker);
    worker->slotless = runtime->options.disable_lifo_slot;
    wok__rand_seed(&worker->rand, seed + index);
    wok__rand_seed(&worker->victims, ~(seed + index));
    wok__timers_init(&worker->timers, wok__clock_now(&runtime->clock));
    error = wok__driver_init(&worker->driver,
                             runtime->options.simulated_network ? &wok__sim_ops : &wok__epoll_ops,
                             runtime, index);
    if (error < 0) {
        free(worker);
        return error;
    }
    if (runtime->options.io_events_per_turn_max != 0)
        worker->driver.turn_events_max = runtime->options.io_events_per_turn_max;
    runtime->workers[index] = worker;
    return 0;
}

void wok__worker_free(struct wok_runtime *runtime, uint32_t index)
{
    struct wok__worker *worker = runtime->workers[index];

    runtime->workers[index] = NULL;
    if (worker == NULL)
        return;
    wok__driver_done(&worker->driver);
    free(worker);
}

void wok__runtime_stop_threads(struct wok_runtime *runtime)
{
    uint32_t seats;

    wok__spares_close(runtime);
    seats = wok__seats(&runtime->spares);
    store_relaxed(&runtime->stopping, 1);
    if (runtime->monitor_started) { /* first: it looks at the workers' threads */
        wok__monitor_wake(runtime);
        wok__thread_join(runtime->monitor);
        runtime->monitor_started = false;
    }
    if (runtime->turns != NULL)
        wok__turns_stop(runtime->turns);
    for (uint32_t i = 0; i < seats; i++) {
        struct wok__worker *worker = runtime->workers != NULL ? runtime->workers[i] : NULL;
        if (worker == NULL || !worker->started)
            continue;
        wok__driver_wake(&worker->driver);
        store_release(&worker->called, 1); /* [spare.called] */
        wok__futex_wake(&worker->called, 1);
        wok__thread_join(worker->thread);
        worker->started = false;
    }
}

static int start_threads(struct wok_runtime *runtime)
{
    char name[32];
    int error;

    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct wok__worker *worker = runtime->workers[i];
        snprintf(name, sizeof name, "%.11s-%u", runtime->thread_name, (unsigned)i);
        error = wok__thread_start(&worker->thread, name, wok__worker_main, worker);
        if (error < 0)
            return error;
        worker->started = true;
    }
    if (runtime->turns != NULL)
        wok__turns_start(runtime->turns);
    /* By turns nobody could help. */
    if (runtime->turns != NULL)
        return 0;
    snprintf(name, sizeof name, "%.7s-monitor", runtime->thread_name);
    error = wok__thread_start(&runtime->monitor, name, wok__monitor_main, runtime);
    runtime->monitor_started = error == 0;
    return error;
}

/* Frees the rest of a runtime if it was freed and no handle or waker holds a block of it.  Under the
 * lock, which goes with it. */
static void free_if_unused(struct wok_runtime *runtime)
{
    struct wok__slab_figures figures = {0};

    if (runtime->freed && runtime->has_slab)
        wok__slab_figures(&runtime->slab, &figures);
    if (!runtime->freed || figures.in_use != 0) {
        wok__lock_give(&runtime->last_lock);
        return;
    }
    if (runtime->has_slab)
        wok__slab_done(&runtime->slab);
    free(runtime);
}

/* Whether the runtime was freed is looked at under the lock: looked at before, it could be freed between the
 * look and the give, and then nobody would free the rest, or somebody in the middle of the give. */
void wok__runtime_give_outside(struct wok_runtime *runtime, void *block, uint8_t class)
{
    wok__lock_take(&runtime->last_lock);
    wok__slab_give(&runtime->slab, NULL, block, class);
    free_if_unused(runtime);
}

void wok__runtime_destroy(struct wok_runtime *runtime)
{
    /* Who spawned or woke the last task may not have returned yet: it is between two instructions, or in the
     * write that wakes a worker. */
    while (load_acquire(&runtime->visitors) != 0) /* [runtime.visitors] */
        sched_yield();
    wok__fork_forget(runtime);
    for (uint32_t i = 0; runtime->workers != NULL && i < runtime->spares.seats_max; i++)
        wok__worker_free(runtime, i);
    free(runtime->workers);
    wok__turns_free(runtime->turns);
    for (size_t i = 0; i < WOK_COUNT(runtime->inject); i++)
        wok__inject_done(&runtime->inject[i]);
    wok__pools_done(&runtime->pools);
    wok_watch_sender_drop(&runtime->shutdown_watch);
    wok_join_drop(&runtime->fatal_task);
    wok__lock_take(&runtime->last_lock);
    runtime->freed = true;
    free_if_unused(runtime);
}

void wok__runtime_pool_settings(struct wok_runtime *runtime,
                                struct wok__pool_settings *ret_settings)
{
    *ret_settings = (struct wok__pool_settings){
        .on_thread_start = runtime->options.on_thread_start,
        .on_thread_stop = runtime->options.on_thread_stop,
        .argument = runtime->options.argument,
    };
}

static int first_pool(struct wok_runtime *runtime)
{
    const wok_runtime_options *options = &runtime->options;
    struct wok__pool_settings settings;

    wok__runtime_pool_settings(runtime, &settings);
    settings.threads_max = options->blocking_threads_max;
    settings.queue_max = options->blocking_queue_max;
    settings.keep_alive_ns = options->blocking_keep_alive.ns;
    snprintf(settings.name, sizeof settings.name, "%.6s-blocking", runtime->thread_name);
    return wok__pools_init(&runtime->pools, runtime, &settings);
}

static int build(struct wok_runtime *runtime)
{
    const wok_runtime_options *options = &runtime->options;
    bool going_down = false;
    int error = wok__unwind_self_test();

    if (error < 0)
        return error;
    wok__clock_init(&runtime->clock, options->paused_clock);
    runtime->seed = options->seed != 0 ? options->seed : wok__rand_entropy();
    wok__idle_init(&runtime->idle, runtime->worker_count);
    wok__spares_init(runtime);
    store_relaxed(&runtime->next_id, 1);
    store_relaxed(&runtime->priorities, 1);
    error = wok__slab_init(&runtime->slab);
    if (error < 0)
        return error;
    runtime->has_slab = true;
    error = wok_watch_new(&(wok_watch_options){.value_size = sizeof going_down}, &going_down,
                          &runtime->shutdown_watch);
    if (error < 0)
        return error;
    error = first_pool(runtime);
    if (error < 0)
        return error;
    runtime->workers = calloc(runtime->spares.seats_max, sizeof *runtime->workers);
    if (runtime->workers == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        error = wok__worker_new(runtime, i);
        if (error < 0)
            return error;
    }
    if (options->paused_clock) {
        error = wok__turns_new(&runtime->turns, runtime, runtime->seed);
        if (error < 0)
            return error;
    }
    wok__runtime_watch_faults();
    error = wok__fork_watch(runtime);
    return error < 0 ? error : start_threads(runtime);
}

int wok_runtime_new(wok_runtime **ret_runtime, const wok_runtime_options *options)
{
    static const wok_runtime_options defaults;
    struct wok_runtime *runtime = NULL;
    int error;

    if (ret_runtime == NULL)
        return -EINVAL;
    if (wok__is_forked())
        return -ENOTRECOVERABLE;
    if (options == NULL)
        options = &defaults;
    error = check_options(options);
    if (error < 0)
        return error;
    if (posix_memalign((void **)&runtime, WOK__CACHE_LINE, sizeof *runtime) != 0)
        return -ENOMEM;
    memset(runtime, 0, sizeof *runtime);
    runtime->options = *options;
    if (runtime->options.event_interval == 0)
        runtime->options.event_interval = WOK__INTERVAL;
    if (runtime->options.trim_interval.ns == 0)
        runtime->options.trim_interval = wok_seconds(1);
    snprintf(runtime->thread_name, sizeof runtime->thread_name, "%s",
             runtime->options.thread_name != NULL ? runtime->options.thread_name : "wok");
    runtime->options.thread_name = runtime->thread_name;
    runtime->worker_count = runtime->options.workers;
    if (runtime->worker_count == 0)
        runtime->worker_count = wok__cpu_count(NULL);
    if (runtime->worker_count > WOK__WORKERS_MAX)
        runtime->worker_count = WOK__WORKERS_MAX;
    error = build(runtime);
    if (error < 0) {
        wok__runtime_stop_threads(runtime);
        wok__runtime_destroy(runtime);
        return error;
    }
    *ret_runtime = runtime;
    return 0;
}

/* ---- what others ask the runtime for ---------------------------------------------------------- */

struct wok__pools *wok__runtime_pools(struct wok_runtime *runtime)
{
    return &runtime->pools;
}

wok_runtime *wok_runtime_current(void)
{
    return wok__here()->runtime;
}

wok_runtime *wok_runtime_enter(wok_runtime *runtime)
{
    struct wok__here *here = wok__here();
    wok_runtime *before = here->runtime;

    if (here->worker == NULL)
        here->runtime = runtime;
    return before;
}

/* NULL is the calling thread's, which may have none. */
static const struct wok_runtime *or_current(const wok_runtime *runtime)
{
    return runtime != NULL ? runtime : wok__here()->runtime;
}

unsigned wok_runtime_workers(const wok_runtime *runtime)
{
    runtime = or_current(runtime);
    return runtime != NULL ? runtime->worker_count : 0;
}

unsigned wok_runtime_workers_max(const wok_runtime *runtime)
{
    runtime = or_current(runtime);
    return runtime != NULL ? runtime->spares.seats_max : 0;
}

wok_instant wok_now(void)
{
    struct wok_runtime *runtime = wok__here()->runtime;
    struct wok__clock real;

    if (runtime != NULL)
        return (wok_instant){wok__clock_now(&runtime->clock)};
    wok__clock_init(&real, false);
    return (wok_instant){wok__clock_now(&real)};
}

void wok__report_refused(struct wok_runtime *runtime, const wok_join_error *error)
{
    fetch_add_relaxed(&runtime->refused_waits, 1);
    if (runtime->options.on_refused_wait != NULL)
        runtime->options.on_refused_wait(error, runtime->options.argument);
}

void wok_shutdown_subscribe(wok_watch_receiver *receiver, wok_runtime *runtime)
{
    *receiver = (wok_watch_receiver){NULL, 0};
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    if (runtime != NULL)
        wok_watch_subscribe(&runtime->shutdown_watch, receiver);
}

static int refuse_in_child(wok_join_error *ret_error)
{
    if (ret_error != NULL)
        *ret_error = (wok_join_error){
            .outcome = WOK_NOT_STARTED,
            .code = -ENOTRECOVERABLE,
            .message = "a forked child has no runtime: after fork only exec is safe",
        };
    return -ENOTRECOVERABLE;
}

/* A plain thread may, one of a blocking pool is one, and so is a worker in a wok_block_in_place(). */
static bool may_block(void)
{
    const struct wok__here *here = wok__here();

    if (here->fiber != NULL)
        return here->ambient.in_place > 0;
    return here->blocking != 0 || (here->worker == NULL && here->task == NULL);
}

int wok_block_on_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved,
                     void *ret_result, wok_join_error *ret_error)
{
    WOK_CLEANUP(wok_join_drop) wok_join join = {NULL}; /* not consumed if a deadline passes */
    wok_join_error fatal;
    int error;

    if (wok__is_forked()) {
        wok__destroy(site->args_drop, args_moved);
        return refuse_in_child(ret_error);
    }
    if (!may_block()) {
        wok__destroy(site->args_drop, args_moved);
        return wok__refuse("may not block on another: it awaits a join handle", ret_error);
    }
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    join = wok_spawn_raw(runtime, site, args_moved);
    fence_seq_cst(); /* [shutdown.forced] the task is there before the look whether all are aborted */
    if (runtime != NULL && wok__runtime_is_forced(runtime))
        wok_join_abort(&join); /* they may have been already, and this one was not seen */
    error = wok_join_await(&join, ret_result, ret_error);
    if (error == -ETIMEDOUT || runtime == NULL || !wok__fatal_panic(runtime, &fatal))
        return error;
    if (error == 0 && ret_result != NULL)
        wok__destroy(site->result_drop, ret_result);
    if (ret_error != NULL)
        *ret_error = fatal;
    return -ESHUTDOWN;
}
