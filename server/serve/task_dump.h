/*
 * task_dump.h - SIGQUIT: what the tasks do, in the log.
 */
#ifndef WOK_SERVER_SERVE_TASK_DUMP_H
#define WOK_SERVER_SERVE_TASK_DUMP_H

#include <wok/runtime.h>

/*
 * Starts the thread that waits for the signal, and has it wait for that thread from now on.
 *
 * Errors:     0; -EAGAIN if there can be no thread: then the signal does nothing.
 * Threads:    the main one, while all others have blocked the signal; once.
 */
WOK_MUST_USE
int wok__task_dump_start(wok_runtime *runtime);

/* Ends the thread, if there is one; before the runtime is freed. */
void wok__task_dump_stop(void);

#endif
