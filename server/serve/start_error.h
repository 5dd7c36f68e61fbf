/*
 * start_error.h - what is said of a start that failed: what, why, and the cure.
 */
#ifndef WOK_SERVER_SERVE_START_ERROR_H
#define WOK_SERVER_SERVE_START_ERROR_H

/* What to do about a negative errno. */
const char *wok__cure_for(int error);

/* Logs "cannot WHAT: WHY; CURE" and returns the exit code: what the machine lacks is no fault of ours. */
int wok__cannot(const char *what, int error);

/* The same of a listener. */
int wok__cannot_listen(const char *where, int error);

#endif
