/*
 * abort_handle.c - the right to abort a task: a counted reference, apart from the join handle.
 *
 * Who wins when an abort meets the end of its task is decided by the task's state word alone (state.c):
 * the outcome is stored before COMPLETE, and a CANCELLED that comes later changes nothing.
 */
#include "task/task.h"

static wok_abort_handle handle_of(struct wok_task *task)
{
    wok_abort_handle handle = {task};

    if (task != NULL && !wok__task_is_unborn(task))
        wok__state_ref(&task->state);
    return handle;
}

wok_abort_handle wok_join_abort_handle(const wok_join *join)
{
    return handle_of(join->task);
}

wok_abort_handle wok_abort_handle_ref(const wok_abort_handle *handle)
{
    return handle_of(handle->task);
}

void wok_abort_handle_drop(wok_abort_handle *handle)
{
    struct wok_task *task = WOK_TAKE(handle->task);

    if (task != NULL && !wok__task_is_unborn(task))
        wok__task_unref(task);
}

void wok_abort_handle_abort(const wok_abort_handle *handle)
{
    wok_join join = {handle->task};

    wok_join_abort(&join);
}

bool wok_abort_handle_is_finished(const wok_abort_handle *handle)
{
    wok_join join = {handle->task};

    return wok_join_is_finished(&join);
}

uint64_t wok_abort_handle_id(const wok_abort_handle *handle)
{
    wok_join join = {handle->task};

    return wok_join_id(&join);
}
