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

wok_join wok_spawn_blocking_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved)
{
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    if (runtime == NULL)
        return wok__join_not_started(site, NULL, args_moved, -EINVAL);
    if (wok__runtime_is_closed(runtime))
        return wok__join_not_started(site, NULL, args_moved, -ECANCELED);

    struct wok_task *task =
        wok__task_new(runtime, WOK__TASK_BLOCKING, NULL, site, args_moved, NULL);
    if (task == NULL)
        return wok__join_not_started(site, NULL, args_moved, -ENOMEM);

    int error = wok__pool_submit(wok__runtime_pool(runtime), task);
    if (error < 0) {
        wok__task_discard_blocking(task); /* it ends as cancelled, which fits a shutdown */
        if (error == -EAGAIN) {
            /* The handle is still ours alone, so nobody reads the outcome at the same time. */
            task->outcome = WOK_NOT_STARTED;
            task->code = error;
        }
    }
    return (wok_join){task};
}

/* The abort of a blocking task, from wok__task_abort(), whose caller holds a reference.  True: it
 * was still queued, and has been dropped and completed as cancelled. */
bool wok__blocking_abort(struct wok_task *task)
{
    if (wok__state_is_complete(&task->state))
        return false; /* its handle may have outlived the runtime, and the pool with it */
    if (!wok__pool_cancel(wok__runtime_pool(task->runtime), task))
        return false;
    wok__task_discard_blocking(task);
    return true;
}
