/*
 * watchdog.c - pings for a service manager, as long as every worker runs tasks.
 *
 * A task spawns one that does nothing on each worker, pinned, and awaits them all; then it pings, and sleeps
 * for half of the watchdog's time.  So a ping says that each worker has taken a task from its queue since the
 * last one.  A worker that is stuck does not, the task waits for it, and there is no ping: nothing has to
 * measure how long.  Spare workers do not count: they stand in for the stuck, and do not make them well.
 */
#include "serve/watchdog.h"

#include <wok/wok.h>

static wok_poll beat_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    return WOK_READY;
}

static const wok_future_vtable beat_vtable = {
    .name = "watchdog's beat",
    .poll = beat_poll,
};

/* Waits until every worker has run a task. */
static int all_beat(void)
{
    unsigned workers = wok_runtime_workers(NULL);
    char nothing = 0; /* a beat has no state */
    wok_join beats[64] = {{0}};
    int code = 0;

    if (workers > WOK_COUNT(beats))
        workers = WOK_COUNT(beats);
    for (unsigned i = 0; i < workers; i++)
        beats[i] = wok_spawn_future_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(i)), &beat_vtable,
                                         &nothing);
    for (unsigned i = 0; i < workers; i++) {
        if (code == 0)
            code = wok_join_await(&beats[i], NULL, NULL);
        wok_join_drop(&beats[i]);
    }
    return code;
}

typedef const struct wok__notifier *notifier_ref;
WOK_TASK(keep_watch, notifier_ref, int);

static int keep_watch(notifier_ref *args, int *result)
{
    const struct wok__notifier *notifier = *args;
    wok_duration pause = {notifier->watchdog.ns / 2};
    int code = 0;

    *result = 0;
    while (pause.ns != 0 && code == 0) {
        code = all_beat();
        if (code == 0)
            (void)wok__notify(notifier, "WATCHDOG=1"); /* one that is lost is followed by another */
        if (code == 0)
            code = wok_sleep(pause);
    }
    return code;
}

wok_join wok__watchdog_start(const struct wok__notifier *notifier)
{
    keep_watch_join watch = wok_spawn(keep_watch, notifier);

    return watch.join;
}

void wok__watchdog_stop(wok_join *watchdog)
{
    wok_join_abort(watchdog);
    (void)wok_join_await(watchdog, NULL, NULL);
    wok_join_drop(watchdog);
}
