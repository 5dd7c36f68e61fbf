/*
 * refuse.c - saying no to a call that would block a worker, and naming who made it.
 *
 * A stackless task has no stack to park, and a worker that waits for a task may wait for itself.
 * Such a call returns -EDEADLK at once; the caller rarely looks, so the refusal is counted and told
 * to the runtime's on_refused_wait with the name of the task.  A spawn that is refused (unborn.c) is told in
 * the same words.
 */
#include "task/refuse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "task/context.h"
#include "task/task.h"

static const char *file_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* "task 17 "serve" (spawned at main.c:12)" */
static void name_caller(char *buffer, size_t size, const struct wok_task *task,
                        wok_join_error *error)
{
    if (task == NULL) {
        snprintf(buffer, size, "a destructor on a worker's own stack");
        return;
    }
    wok__join_error_name(error, task);
    error->file = error->spawned_file;
    error->line = error->spawned_line;
    snprintf(buffer, size, "task %llu \"%s\" (spawned at %s:%d)", (unsigned long long)task->id,
             error->task_name, file_of(error->file), error->line);
}

void wok__not_started_tell(wok_join_error *error, const char *why)
{
    if (error->spawned_file == NULL) {
        snprintf(error->message, sizeof error->message, "task was not started: %s", why);
        return;
    }
    snprintf(error->message, sizeof error->message,
             "task \"%s\" (spawned at %s:%d) was not started: %s", error->task_name,
             file_of(error->spawned_file), error->spawned_line, why);
}

int wok__refuse(const char *why, wok_join_error *ret_error)
{
    struct wok__here *here = wok__here();
    wok_join_error error = {.outcome = WOK_NOT_STARTED, .code = -EDEADLK};
    char caller[112];

    name_caller(caller, sizeof caller, here->task, &error);
    snprintf(error.message, sizeof error.message, "%s %s", caller, why);
    if (here->runtime != NULL)
        wok__report_refused(here->runtime, &error);
    if (ret_error != NULL)
        *ret_error = error;
    return -EDEADLK;
}
