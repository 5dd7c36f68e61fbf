/*
 * task_dump.c - SIGQUIT: what the tasks do, in the log.
 *
 * A server has tens of thousands of tasks and few places that spawn them, so there is a line for each kind.  The
 * lines are warnings: whoever sends the signal wants to read them also where little is logged.
 *
 * It is a thread and no task, since the signal may be sent because all workers are stuck.
 */
#include "serve/task_dump.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "log/thread.h"
#include "serve/task_kinds.h"

enum { STACK_BYTES = 64 << 10 };

static const char *state_word(const wok_task_info *task)
{
    switch (task->state) {
    case WOK_TASK_RUNNING:
        return "runs";
    case WOK_TASK_READY:
        return "is ready";
    case WOK_TASK_WAITING:
        break;
    }
    return "waits";
}

static void log_kind(const struct wok__task_kind *kind)
{
    static struct wok__log_site site = WOK__LOG_SITE_UNLIMITED(WOK__LOG_WARN, "task dump");
    const wok_task_info *task = &kind->example;
    struct wok__log_line line;

    if (!wok__log_begin(&line, &site))
        return;
    wok__log_number(&line, "tasks", kind->tasks);
    wok__log_string(&line, "name", task->name);
    wok__log_string(&line, "state", state_word(task));
    if (task->blocking)
        wok__log_flag(&line, "blocking", true);
    if (task->cancelled)
        wok__log_flag(&line, "cancelled", true);
    wok__log_string(&line, "file", task->file);
    wok__log_number(&line, "line", (uint64_t)task->line);
    wok__log_number(&line, "task", task->id);
    if (task->running.ns != 0)
        wok__log_ms(&line, "running_ms", task->running);
    wok__log_end(&line, &site);
}

static void log_tasks(wok_runtime *runtime)
{
    static struct wok__log_site site = WOK__LOG_SITE_UNLIMITED(WOK__LOG_WARN, "");
    struct wok__task_kinds *kinds = calloc(1, sizeof *kinds);
    ssize_t shown =
        kinds != NULL ? wok_runtime_tasks(runtime, wok__task_kinds_add, kinds) : -ENOMEM;
    wok_runtime_metrics metrics;

    if (shown < 0) {
        wok__log_printf(&site, "task dump: %s", strerror((int)-shown));
        free(kinds);
        return;
    }
    wok_runtime_metrics_get(runtime, &metrics);
    wok__log_printf(
        &site, "task dump: %zd tasks; %u of %u workers are blocked, %u calls wait for a thread",
        shown, metrics.blocked_workers, metrics.active_workers, metrics.blocking_queued);
    wok__task_kinds_sort(kinds);
    for (size_t i = 0; i < kinds->count; i++)
        log_kind(&kinds->kinds[i]);
    if (kinds->others != 0)
        wok__log_printf(&site, "task dump: %zu tasks of other kinds", kinds->others);
    free(kinds);
}

/* ---- the thread --------------------------------------------------------------------------------------- */

static struct {
    wok_runtime *runtime; /* constant while there is the thread; NULL: there is none */
    pthread_t thread;
    pthread_mutex_t lock;
    bool stopping; /* the lock */
} dumper = {.lock = PTHREAD_MUTEX_INITIALIZER};

static sigset_t the_signal(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGQUIT);
    return set;
}

static bool is_stopping(void)
{
    pthread_mutex_lock(&dumper.lock);
    bool stopping = dumper.stopping;
    pthread_mutex_unlock(&dumper.lock);
    return stopping;
}

static void *wait_for_signals(void *unused)
{
    sigset_t set = the_signal();
    int number;

    while (sigwait(&set, &number) == 0 && !is_stopping())
        log_tasks(dumper.runtime);
    return unused;
}

int wok__task_dump_start(wok_runtime *runtime)
{
    sigset_t set = the_signal();
    int error;

    pthread_sigmask(SIG_BLOCK, &set, NULL);
    dumper.runtime = runtime;
    error = wok__thread_begin(&dumper.thread, "wok-dump", STACK_BYTES, wait_for_signals, NULL);
    if (error < 0)
        dumper.runtime = NULL;
    return error;
}

void wok__task_dump_stop(void)
{
    if (dumper.runtime == NULL)
        return;
    pthread_mutex_lock(&dumper.lock);
    dumper.stopping = true;
    pthread_mutex_unlock(&dumper.lock);
    (void)pthread_kill(dumper.thread, SIGQUIT);
    pthread_join(dumper.thread, NULL);
    dumper.runtime = NULL;
}
