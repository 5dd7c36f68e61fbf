/*
 * detached_stop.c - how detached tasks end with the server.
 *
 * They are told at once, through a watch channel, by when they have to be done; what that means to each lies in
 * detached_work.c.  At that time the rest is aborted.  A request that waits for a task waits on: there will be no
 * other server to ask for the result.
 */
#include <errno.h>

#include "detached_record.h"

/* How long an aborted task may take: a hash looks up every 0.4 ms. */
#define AFTER_ABORT wok_seconds(2)

/* How many are alive. */
static uint64_t close_door(struct wok__registry *registry)
{
    uint64_t alive;

    pthread_mutex_lock(&registry->lock);
    registry->stopping = true;
    alive = registry->alive;
    pthread_mutex_unlock(&registry->lock);
    return alive;
}

/* 0 once no task is alive; -ETIMEDOUT, -ECANCELED. */
static int wait_until_idle(struct wok__registry *registry, wok_instant deadline)
{
    for (;;) {
        wok_op idle = wok_notify_op(&registry->idle);
        bool is_idle;
        pthread_mutex_lock(&registry->lock);
        is_idle = registry->alive == 0;
        pthread_mutex_unlock(&registry->lock);
        if (is_idle) {
            wok_op_drop(&idle);
            return 0;
        }
        int code = wok_op_wait(&idle, deadline);
        if (code < 0)
            return code;
    }
}

static void abort_all(struct wok__registry *registry)
{
    struct wok__view view = {.id = 0};

    while (wok__detached_next(registry, view.id + 1, UINT64_MAX, &view))
        (void)wok__detached_ask_abort(registry, view.id);
}

/* What became of those that were alive; not all of their records are kept. */
static struct wok__detached_report report_of(struct wok__registry *registry, uint64_t alive)
{
    struct wok__detached_report report;

    pthread_mutex_lock(&registry->lock);
    report.given_up = registry->given_up;
    report.left = registry->alive;
    pthread_mutex_unlock(&registry->lock);
    report.finished = alive - report.given_up - report.left;
    return report;
}

int wok__registry_drain(struct wok__registry *registry, wok_instant until,
                        void (*given_up)(const struct wok__view *view, void *argument),
                        void *argument, struct wok__detached_report *ret_report)
{
    uint64_t alive = close_door(registry);
    struct wok__view view = {.id = 0};
    int code;

    (void)wok__stop_send_replace(&registry->stop, until); /* else they learn of it by the abort */
    code = wait_until_idle(registry, until);
    if (code == -ETIMEDOUT) {
        abort_all(registry);
        code = wait_until_idle(registry, wok_after(AFTER_ABORT));
    }
    while (wok__detached_next(registry, view.id + 1, UINT64_MAX, &view)) {
        if (view.given_up)
            given_up(&view, argument);
    }
    *ret_report = report_of(registry, alive);
    return code;
}
