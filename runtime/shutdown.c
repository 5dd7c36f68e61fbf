/*
 * shutdown.c - bringing a runtime's tasks and threads to an end.
 *
 * The runtime is closed: spawns are refused from here on.  The tasks are told through a watch channel
 * and have the grace to end; then all are aborted, again and again, since a spawn that raced with the
 * closing is only found later.  Then the blocking pools are closed; what runs in them cannot be stopped
 * and has the rest of the grace.  Then the threads are joined.
 *
 * What does not end in time is left running, and reported; the runtime stays whole for it, and another
 * shutdown, or the free, goes on where this one gave up.  Plain threads that wait on the runtime's clock
 * are told already then.  Only the free waits without a limit: it has
 * to, because a thread inside a task or a call comes back to the runtime's memory.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wok/runtime.h>

#include "platform/futex.h"
#include "platform/thread.h"
#include "sched/census.h"
#include "sched/sched.h"
#include "sched/turns.h"
#include "task/context.h"
#include "task/refuse.h"

/* How often tasks that were aborted are looked at again: at first, and after many looks. */
#define ABORT_AGAIN_NS UINT64_C(20000000)
#define ABORT_AGAIN_MAX_NS UINT64_C(640000000)
/* How long aborted tasks are waited for beyond the grace: one that ignores -ECANCELED is unwound after
 * a second. */
#define ABORT_WAIT_NS UINT64_C(2000000000)

/* How long a poll may keep a shutdown from stopping workers that run by turns. */
#define HALT_WAIT_NS UINT64_C(500000000)

static uint64_t real_now(void)
{
    struct wok__clock real;

    wok__clock_init(&real, false);
    return wok__clock_now(&real);
}

static uint64_t later(uint64_t now_ns, uint64_t more_ns)
{
    return now_ns + more_ns < now_ns ? UINT64_MAX : now_ns + more_ns;
}

/* ---- aborting ----------------------------------------------------------------------------------- */

/* Tasks to abort, each with a reference: they are aborted after the slab's locks are given back. */
struct batch {
    size_t count;
    struct wok_task *tasks[256];
};

static void collect(void *object, void *argument)
{
    struct wok_task *task = object;
    struct batch *batch = argument;

    /* A task that is cancelled already is left out: it knows, and the flag is sticky. */
    if (batch->count < WOK_COUNT(batch->tasks) && !wok__state_is_cancelled(&task->state) &&
        wok__state_try_ref(&task->state))
        batch->tasks[batch->count++] = task;
}

size_t wok__runtime_abort_all(struct wok_runtime *runtime)
{
    struct batch batch;
    size_t aborted = 0;

    store_relaxed(&runtime->closed, WOK__FORCED);
    fence_seq_cst(); /* [shutdown.forced] that before the look at the tasks */
    do {
        batch.count = 0;
        wok__slab_for_each(&runtime->slab, collect, &batch);
        for (size_t i = 0; i < batch.count; i++) {
            wok__task_abort(batch.tasks[i]);
            wok__task_unref(batch.tasks[i]);
        }
        aborted += batch.count;
    } while (batch.count == WOK_COUNT(batch.tasks));
    return aborted;
}

/* Waits until no task lives or CLOCK_MONOTONIC shows the deadline; how many live. */
static uint64_t wait_for_tasks(struct wok_runtime *runtime, uint64_t deadline_ns)
{
    for (;;) {
        uint32_t epoch = load_acquire(&runtime->end_epoch); /* [shutdown.epoch] */
        uint64_t live = wok__runtime_live(runtime);
        if (live == 0 ||
            wok__futex_wait_until(&runtime->end_epoch, epoch, deadline_ns) == -ETIMEDOUT)
            return live;
    }
}

/* ---- what is left -------------------------------------------------------------------------------- */

static size_t count_blocking(const struct wok__census *census)
{
    size_t count = 0;

    for (size_t i = 0; i < census->count; i++)
        count += census->tasks[i]->kind == WOK__TASK_BLOCKING;
    return count;
}

/* True if all that lives are calls that run in a blocking pool. */
static bool only_blocking(struct wok_runtime *runtime, uint64_t live)
{
    if (live > wok__pools_calls(&runtime->pools))
        return false; /* the cheap question first */
    if (runtime->turns != NULL && wok__calls_wait(&runtime->turns->calls))
        return false; /* calls that have not begun: they are discarded at their turns */
    WOK_CLEANUP(wok__census_done) struct wok__census census = wok__census_take(runtime);
    return census.count == count_blocking(&census);
}

static wok_left describe(struct wok_runtime *runtime, const struct wok_task *task)
{
    wok_task_info info = wok__task_info_of(runtime, task);
    wok_left left = {
        .kind = info.blocking                    ? WOK_LEFT_BLOCKING
                : info.state == WOK_TASK_RUNNING ? WOK_LEFT_RUNNING
                                                 : WOK_LEFT_WAITING,
        .file = info.file,
        .line = info.line,
        .task_id = info.id,
        .running = info.running,
    };

    memcpy(left.name, info.name, sizeof left.name);
    return left;
}

/* Counts what lives, and lists the first of it: those that run before those that wait for them. */
static void report_left(struct wok_runtime *runtime, wok_shutdown_report *report)
{
    WOK_CLEANUP(wok__census_done) struct wok__census census = wok__census_take(runtime);
    /* A task is counted as ended a few instructions before it can no longer be found. */
    size_t live = (size_t)wok__runtime_live(runtime);

    if (live == 0)
        return;
    report->blocking_left = count_blocking(&census);
    report->stuck = live > report->blocking_left ? live - report->blocking_left : 0;
    for (int running = 1; running >= 0; running--) {
        for (size_t i = 0; i < census.count && report->left_count < WOK_LEFT_MAX; i++) {
            if (wok__state_is_running(&census.tasks[i]->state) == (running == 1))
                report->left[report->left_count++] = describe(runtime, census.tasks[i]);
        }
    }
}

void wok_shutdown_report_print(const wok_shutdown_report *report, FILE *stream)
{
    static const char *const states[] = {
        [WOK_LEFT_RUNNING] = "runs",
        [WOK_LEFT_WAITING] = "waits",
        [WOK_LEFT_BLOCKING] = "blocks",
    };

    if (report->panicked)
        fprintf(stream, "shut down since %s at %s:%d, spawned at %s:%d\n", report->panic.message,
                report->panic.file, report->panic.line, report->panic.spawned_file,
                report->panic.spawned_line);
    fprintf(stream, "%zu tasks were aborted, %zu tasks and %zu blocking calls did not end\n",
            report->aborted, report->stuck, report->blocking_left);
    for (size_t i = 0; i < report->left_count; i++) {
        const wok_left *left = &report->left[i];
        fprintf(stream, "  task %llu \"%s\" (spawned at %s:%d) %s",
                (unsigned long long)left->task_id, left->name, left->file, left->line,
                states[left->kind]);
        if (left->running.ns != 0)
            fprintf(stream, " for %.3f s", (double)left->running.ns / 1e9);
        fputc('\n', stream);
    }
    if (report->stuck + report->blocking_left > report->left_count)
        fprintf(stream, "  and %zu more\n",
                report->stuck + report->blocking_left - report->left_count);
}

/* ---- shutting down ------------------------------------------------------------------------------- */

void wok__runtime_close(struct wok_runtime *runtime)
{
    bool going_down = true;
    uint32_t open = WOK__OPEN;

    /* Spawns race with it: those are aborted below. */
    if (!cas_relaxed(&runtime->closed, &open, WOK__CLOSED))
        return;
    (void)wok_watch_send_replace(&runtime->shutdown_watch, &going_down);
}

/* Workers that run by turns are stopped for each step of the shutdown, so that it comes between two
 * polls; not for ever, since one may be stuck. */
static bool halt(struct wok_runtime *runtime, bool halted)
{
    return halted || (runtime->turns != NULL &&
                      wok__turns_claim(runtime->turns, later(real_now(), HALT_WAIT_NS)));
}

static bool go_on(struct wok_runtime *runtime, bool halted)
{
    if (halted)
        wok__turns_release(runtime->turns);
    return false;
}

/* Aborts what lives until all has ended, or only blocking calls are left, or it is time to give up. */
static void abort_tasks(struct wok_runtime *runtime, bool halted, uint64_t give_up_ns,
                        wok_shutdown_report *report)
{
    uint64_t again_ns = ABORT_AGAIN_NS;
    uint64_t live;

    do {
        halted = halt(runtime, halted);
        report->aborted += wok__runtime_abort_all(runtime);
        halted = go_on(runtime, halted);
        live = wait_for_tasks(runtime, later(real_now(), again_ns));
        if (again_ns < ABORT_AGAIN_MAX_NS)
            again_ns *= 2;
    } while (live != 0 && real_now() < give_up_ns && !only_blocking(runtime, live));
}

/* How long an end may take: times of CLOCK_MONOTONIC. */
struct limits {
    uint64_t grace_ns;  /* until when tasks may end by themselves */
    uint64_t aborts_ns; /* until when aborted ones are waited for */
    uint64_t calls_ns;  /* until when blocking calls are waited for */
};

/* Plain threads may still wait on this runtime's clock; if no task is left, all who do are such. */
static void close_timers(struct wok_runtime *runtime, void (*close)(struct wok__timers *timers))
{
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        close(&runtime->workers[i]->timers);
}

/* True: every task has ended and every thread was joined. */
static bool end(struct wok_runtime *runtime, const struct limits *limits,
                wok_shutdown_report *report)
{
    bool halted = halt(runtime, false);

    wok__runtime_close(runtime);
    wok__fatal_yield(runtime);
    if (real_now() < limits->grace_ns)
        halted = go_on(runtime, halted);
    if (wait_for_tasks(runtime, limits->grace_ns) != 0)
        abort_tasks(runtime, halted, limits->aborts_ns, report);
    else
        go_on(runtime, halted);
    wok__pools_close(&runtime->pools);
    bool joined = wok__pools_wait(&runtime->pools, limits->calls_ns);
    report_left(runtime, report);
    if (report->stuck != 0 || report->blocking_left != 0) {
        close_timers(runtime, wok__timers_close_outside);
        return false;
    }
    /* A thread whose call has ended has only to find its way out. */
    while (!joined)
        joined = wok__pools_wait(&runtime->pools, UINT64_MAX);
    wok__runtime_stop_threads(runtime);
    close_timers(runtime, wok__timers_close);
    return true;
}

/* Nobody may wait for a runtime on a thread of its own, nor in a task of another. */
static bool may_not_wait(const struct wok_runtime *runtime)
{
    const struct wok__here *here = wok__here();

    return here->worker != NULL || here->task != NULL ||
           (here->blocking != 0 && here->runtime == runtime);
}

int wok_runtime_shutdown(wok_runtime *runtime, wok_duration grace, wok_shutdown_report *ret_report)
{
    wok_shutdown_report report = {0};

    if (wok__is_forked())
        return -ENOTRECOVERABLE;
    if (runtime == NULL)
        return -EINVAL;
    if (may_not_wait(runtime)) {
        if (wok__here()->task != NULL)
            return wok__refuse("may not shut a runtime down: it would wait for itself", NULL);
        return -EDEADLK;
    }
    if (!runtime->ended) {
        uint64_t deadline_ns = later(real_now(), grace.ns);
        struct limits limits = {deadline_ns, later(deadline_ns, ABORT_WAIT_NS), deadline_ns};
        runtime->ended = end(runtime, &limits, &report);
    }
    report.panicked = wok__fatal_panic(runtime, &report.panic);
    if (ret_report != NULL)
        *ret_report = report;
    return runtime->ended ? 0 : -ETIMEDOUT;
}

/* ---- freeing -------------------------------------------------------------------------------------- */

static void end_and_destroy(struct wok_runtime *runtime)
{
    static const struct limits none = {0, UINT64_MAX, UINT64_MAX};
    wok_shutdown_report report = {0};

    while (!runtime->ended)
        runtime->ended = end(runtime, &none, &report);
    wok__runtime_destroy(runtime);
}

static void leave(const struct wok_runtime *runtime)
{
    struct wok__here *here = wok__here();

    if (here->runtime == runtime && here->worker == NULL && here->blocking == 0)
        here->runtime = NULL;
}

void wok_runtime_free(wok_runtime *runtime)
{
    if (runtime == NULL || wok__is_forked())
        return; /* a child's copy cannot be ended */
    if (may_not_wait(runtime)) {
        wok_runtime_free_background(runtime);
        return;
    }
    end_and_destroy(runtime);
    leave(runtime); /* only its address is used */
}

void wok_runtime_freep(wok_runtime **runtime)
{
    wok_runtime_free(*runtime);
}

static void free_in_background(void *runtime)
{
    pthread_detach(pthread_self());
    end_and_destroy(runtime);
}

void wok_runtime_free_background(wok_runtime *runtime)
{
    char name[32];
    pthread_t thread;

    if (runtime == NULL || wok__is_forked())
        return;
    wok__runtime_close(runtime);
    leave(runtime);
    snprintf(name, sizeof name, "%.8s-reaper", runtime->thread_name);
    /* Without a thread to wait for it, it stays as it is: whole, closed, and not freed. */
    if (wok__thread_start(&thread, name, free_in_background, runtime) < 0)
        (void)wok__runtime_abort_all(runtime);
}
