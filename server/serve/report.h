/*
 * report.h - what the runtime has to say about tasks, as lines of the log.
 */
#ifndef WOK_SERVER_SERVE_REPORT_H
#define WOK_SERVER_SERVE_REPORT_H

#include <wok/runtime.h>

/* A panic that nobody awaited; fit for wok_runtime_options.on_unjoined_panic. */
void wok__log_task_panic(const wok_join_error *error, void *argument);

/* What a shutdown of the runtime could not stop; a line for each of its lines. */
void wok__log_shutdown(const wok_shutdown_report *report);

#endif
