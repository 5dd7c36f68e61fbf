/*
 * spawn.c - a blocking function as a task.
 *
 * Its block, handle, drop functions and join errors are those of any other task; only who runs it
 * differs.  Once it runs nobody can stop it, so an abort means something only while it is queued.
 */
#include <errno.h>

#include <wok/blocking.h>
#include <wok/spawn.h>

#include "blocking/pool.h"
#include "task/context.h"
#include "task/task.h"

static wok_join spawn_in(wok_blocking_pool *pool, const wok_spawn_options *options,
                         const wok_spawn_site *site, void *args_moved)
{
    struct wok__task_plan plan = {
        .runtime = pool->runtime,
        .kind = WOK__TASK_BLOCKING,
        .site = site,
        .moved = args_moved,
        .options = options,
    };

    if (wok__runtime_is_closed(plan.runtime))
        return wok__join_not_started(&plan, options,
                                     wok__is_forked() ? -ENOTRECOVERABLE : -ECANCELED, NULL);

    /* Before it can be seen: a shutdown that finds the task asks its pool for it. */
    plan.vtable_or_pool = wok__pool_ref(pool);
    struct wok_task *task = wok__task_new(&plan);
    if (task == NULL) {
        wok__pool_unref(pool);
        return wok__join_not_started(&plan, options, -ENOMEM, NULL);
    }

    wok__call_queued(task);
    int error = wok__pool_submit(pool, task);
    if (error < 0)
        wok__task_discard_blocking(task, error);
    return (wok_join){task};
}

/* A call that no pool is found for. */
static wok_join refuse(const wok_spawn_options *options, const wok_spawn_site *site,
                       void *args_moved, int code, const char *why)
{
    struct wok__task_plan plan = {.kind = WOK__TASK_BLOCKING, .site = site, .moved = args_moved};

    return wok__join_not_started(&plan, options, code, why);
}

wok_join wok_spawn_blocking_in_raw(wok_blocking_pool *pool, const wok_spawn_site *site,
                                   void *args_moved)
{
    if (pool == NULL)
        return wok_spawn_blocking_raw(NULL, site, args_moved);
    return spawn_in(pool, NULL, site, args_moved);
}

wok_join wok_spawn_blocking_raw(wok_runtime *runtime, const wok_spawn_site *site, void *args_moved)
{
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    if (runtime == NULL)
        return refuse(NULL, site, args_moved, -EINVAL, NULL);
    return spawn_in(wok__runtime_pools(runtime)->main, NULL, site, args_moved);
}

wok_join wok_spawn_blocking_with_raw(const wok_spawn_options *options, const wok_spawn_site *site,
                                     void *args_moved)
{
    wok_spawn_options resolved;
    int error;

    if (options == NULL)
        return wok_spawn_blocking_raw(NULL, site, args_moved);
    resolved = *options;
    if (resolved.runtime == NULL && resolved.pool != NULL)
        resolved.runtime = resolved.pool->runtime;
    error = wok__spawn_options_resolve(&resolved, WOK__TASK_BLOCKING);
    if (error == 0 && resolved.pool == NULL)
        resolved.pool = wok__runtime_pools(resolved.runtime)->main;
    if (error < 0)
        return refuse(options, site, args_moved, error, NULL);
    if (resolved.pool->runtime != resolved.runtime)
        return refuse(options, site, args_moved, -EINVAL, "its pool is another runtime's");
    return spawn_in(resolved.pool, &resolved, site, args_moved);
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
