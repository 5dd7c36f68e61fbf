/*
 * spawn.c - a blocking function as a task.
 *
 * Its block, handle, drop functions and join errors are those of any other task; only who runs it
 * differs.  Once it runs nobody can stop it, so an abort means something only while it is queued.
 */
#include <errno.h>

#include <wok/blocking.h>

#include "blocking/pool.h"
#include "task/context.h"
#include "task/task.h"

wok_join wok_spawn_blocking_in_raw(wok_blocking_pool *pool, const wok_spawn_site *site,
                                   void *args_moved)
{
    struct wok_runtime *runtime = pool->runtime;

    if (wok__runtime_is_closed(runtime))
        return wok__join_not_started(site, NULL, args_moved,
                                     wok__is_forked() ? -ENOTRECOVERABLE : -ECANCELED);

    /* Before it can be seen: a shutdown that finds the task asks its pool for it. */
    struct wok_task *task =
        wok__task_new(runtime, WOK__TASK_BLOCKING, wok__pool_ref(pool), site, args_moved, NULL);
    if (task == NULL) {
        wok__pool_unref(pool);
        return wok__join_not_started(site, NULL, args_moved, -ENOMEM);
    }

    wok__call_queued(task);
    int error = wok__pool_submit(pool, task);
    if (error < 0)
        wok__task_discard_blocking(task, error);
    return (wok_join){task};
}

wok_join wok_spawn_blocking_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved)
{
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    if (runtime == NULL)
        return wok__join_not_started(site, NULL, args_moved, -EINVAL);
    return wok_spawn_blocking_in_raw(wok__runtime_pools(runtime)->main, site, args_moved);
}

/* The abort of a blocking task, from wok__task_abort(), whose caller holds a reference.  True: it
 * was still queued, and has been dropped and completed as cancelled. */
bool wok__blocking_abort(struct wok_task *task)
{
    if (wok__call_waits_for_turn(task) || !wok__pool_cancel(task->pool, task))
        return false;
    wok__task_discard_blocking(task, -ECANCELED);
    return true;
}

void wok__blocking_forget(struct wok_task *task)
{
    wok__pool_unref(task->pool);
}
