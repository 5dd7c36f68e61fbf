/*
 * refuse.h - saying no to a call that would block a worker, and naming who made it.
 */
#ifndef WOK_TASK_REFUSE_H
#define WOK_TASK_REFUSE_H

#include <wok/task.h>

/* The calling task may not do what it asked for; `why` goes on from its name: "may not wait: ...".
 * Counts and reports it, fills `ret_error` (NULL is fine), and gives -EDEADLK. */
WOK_MUST_USE
int wok__refuse(const char *why, wok_join_error *ret_error);

/* Writes the message of a task that was not started, and why, over the other fields of the error. */
void wok__not_started_tell(wok_join_error *error, const char *why);

#endif
