/*
 * waker.c - wakers for others than wok: a counted reference to a task.
 */
#include "task/task.h"

wok_waker wok_waker_new(const wok_cx *cx)
{
    wok__state_ref(&cx->task->state);
    return (wok_waker){cx->task};
}

void wok_waker_wake(const wok_waker *waker)
{
    wok__task_wake(waker->task, WOK__REASON_WAKE);
}

void wok_waker_drop(wok_waker *waker)
{
    struct wok_task *task = WOK_TAKE(waker->task);

    if (task != NULL)
        wok__task_unref(task);
}
