/*
 * tasks.c - the tasks that live, for whoever wants to know why nothing goes on.
 */
#include <errno.h>

#include <wok/metrics.h>

#include "sched/census.h"

ssize_t wok_runtime_tasks(wok_runtime *runtime,
                          void (*visit)(const wok_task_info *task, void *argument), void *argument)
{
    if (runtime == NULL)
        runtime = wok_runtime_current();
    if (runtime == NULL)
        return -EINVAL;
    WOK_CLEANUP(wok__census_done) struct wok__census census = wok__census_take(runtime);
    if (census.tasks == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < census.count; i++) {
        wok_task_info info = wok__task_info_of(runtime, census.tasks[i]);
        visit(&info, argument);
    }
    return (ssize_t)census.count;
}
