/*
 * tracker.c - counts tasks that run.
 *
 * A tracked task is told apart by its group; when it has ended, and everything of it is destroyed, it is
 * counted out.  The count, the flag and the waiters are under one lock.  The tracker's owner and each
 * thing that is counted hold it in memory.
 */
#include <stdlib.h>

#include <errno.h>

#include <wok/join_set.h>
#include <wok/select.h>

#include "platform/lock.h"
#include "task/group.h"
#include "task/waiters.h"

struct wok_task_tracker {
    struct wok__group group; /* only its kind is used */
    struct wok__lock lock;   /* guards what follows */
    size_t size;
    bool closed;
    bool gone; /* its owner has given it up */
    struct wok__waiters waiters;
};

int wok_task_tracker_new(wok_task_tracker **ret_tracker)
{
    wok_task_tracker *tracker;

    if (ret_tracker == NULL)
        return -EINVAL;
    tracker = calloc(1, sizeof *tracker);
    if (tracker == NULL)
        return -ENOMEM;
    tracker->group.kind = WOK__GROUP_TRACKER;
    *ret_tracker = tracker;
    return 0;
}

void wok_task_tracker_free(wok_task_tracker *tracker)
{
    bool last;

    if (tracker == NULL)
        return;
    wok__lock_take(&tracker->lock);
    tracker->gone = true;
    last = tracker->size == 0;
    wok__lock_give(&tracker->lock);
    if (last)
        free(tracker);
}

void wok_task_tracker_freep(wok_task_tracker **tracker)
{
    wok_task_tracker_free(*tracker);
}

/* ---- counting ------------------------------------------------------------------------------------ */

/* The waiters may go on; the lock is held. */
static void wake_all(wok_task_tracker *tracker, struct wok__wakes *wakes)
{
    while (tracker->waiters.first != NULL)
        wok__waiters_wake(&tracker->waiters, tracker->waiters.first, wakes);
}

void wok_task_tracker_enter(wok_task_tracker *tracker)
{
    wok__lock_take(&tracker->lock);
    tracker->size++;
    wok__lock_give(&tracker->lock);
}

void wok_task_tracker_leave_at(wok_task_tracker *tracker, const char *file, int line)
{
    struct wok__wakes wakes = {0};
    bool last;

    wok__lock_take(&tracker->lock);
    if (tracker->size == 0) {
        wok__lock_give(&tracker->lock);
        wok_panic_at(file, line,
                     "wok_task_tracker_leave() of %p, which counts nothing: one leave too many",
                     (void *)tracker);
    }
    tracker->size--;
    if (tracker->size == 0 && tracker->closed)
        wake_all(tracker, &wakes);
    last = tracker->size == 0 && tracker->gone;
    wok__lock_give(&tracker->lock);
    wok__wakes_push(&wakes);
    if (last)
        free(tracker);
}

void wok__tracker_task_done(struct wok__group *group)
{
    wok_task_tracker_leave((wok_task_tracker *)group);
}

wok_join wok_task_tracker_spawn_raw(wok_task_tracker *tracker, const wok_spawn_site *site,
                                    void *args_moved)
{
    wok_join join;

    wok_task_tracker_enter(tracker); /* before the task can end */
    join = wok__spawn_grouped(&tracker->group, NULL, site, args_moved);
    if (wok__task_is_refused(join.task))
        wok_task_tracker_leave(tracker);
    return join;
}

wok_join wok_task_tracker_spawn_future_raw(wok_task_tracker *tracker,
                                           const wok_future_vtable *vtable, void *self_moved,
                                           const wok_spawn_site *site)
{
    wok_join join;

    wok_task_tracker_enter(tracker);
    join = wok__spawn_grouped(&tracker->group, vtable, site, self_moved);
    if (wok__task_is_refused(join.task))
        wok_task_tracker_leave(tracker);
    return join;
}

size_t wok_task_tracker_size(wok_task_tracker *tracker)
{
    size_t size;

    wok__lock_take(&tracker->lock);
    size = tracker->size;
    wok__lock_give(&tracker->lock);
    return size;
}

bool wok_task_tracker_close(wok_task_tracker *tracker)
{
    struct wok__wakes wakes = {0};
    bool was_closed;

    wok__lock_take(&tracker->lock);
    was_closed = tracker->closed;
    tracker->closed = true;
    if (tracker->size == 0)
        wake_all(tracker, &wakes);
    wok__lock_give(&tracker->lock);
    wok__wakes_push(&wakes);
    return !was_closed;
}

bool wok_task_tracker_reopen(wok_task_tracker *tracker)
{
    bool was_closed;

    wok__lock_take(&tracker->lock);
    was_closed = tracker->closed;
    tracker->closed = false;
    wok__lock_give(&tracker->lock);
    return was_closed;
}

bool wok_task_tracker_is_closed(wok_task_tracker *tracker)
{
    bool closed;

    wok__lock_take(&tracker->lock);
    closed = tracker->closed;
    wok__lock_give(&tracker->lock);
    return closed;
}

/* ---- waiting ----------------------------------------------------------------------------------------- */

/* A waiter that was woken is done, even if the tracker was opened or entered again since. */
static wok_poll wait_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_task_tracker *tracker = op->object;
    wok_poll code = WOK_PENDING;

    (void)result;
    wok__lock_take(&tracker->lock);
    if (op->waiter.state == WOK__WAITER_WOKEN || (tracker->closed && tracker->size == 0)) {
        if (wok__budget_take(cx)) {
            (void)wok__waiters_forget(&tracker->waiters, &op->waiter);
            code = WOK_READY;
        }
    } else {
        wok__waiters_add(&tracker->waiters, &op->waiter, cx->task);
    }
    wok__lock_give(&tracker->lock);
    return code;
}

static void wait_drop(void *self)
{
    wok_op *op = self;
    wok_task_tracker *tracker = op->object;

    wok__lock_take(&tracker->lock);
    (void)wok__waiters_forget(&tracker->waiters, &op->waiter);
    wok__lock_give(&tracker->lock);
}

static const wok_future_vtable wait_vtable = {
    .name = "task tracker",
    .size = sizeof(wok_op),
    .poll = wait_poll,
    .drop = wait_drop,
};

wok_op wok_task_tracker_wait_op(wok_task_tracker *tracker)
{
    return (wok_op){.vtable = &wait_vtable, .object = tracker};
}

int wok_task_tracker_wait_until(wok_task_tracker *tracker, wok_instant deadline)
{
    return wok_op_await_until(wok_task_tracker_wait_op(tracker), deadline);
}

int wok_task_tracker_wait(wok_task_tracker *tracker)
{
    return wok_task_tracker_wait_until(tracker, WOK_NEVER);
}
