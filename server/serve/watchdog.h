/*
 * watchdog.h - pings for a service manager, as long as every worker runs tasks.
 */
#ifndef WOK_SERVER_SERVE_WATCHDOG_H
#define WOK_SERVER_SERVE_WATCHDOG_H

#include <wok/task.h>

#include "serve/notify.h"

/* Starts the task that pings, on the calling task's runtime; where no pings are wanted it ends at once.
 * Borrows the notifier until wok__watchdog_stop(). */
wok_join wok__watchdog_start(const struct wok__notifier *notifier);

/* Ends it. */
WOK_CP
void wok__watchdog_stop(wok_join *watchdog);

#endif
