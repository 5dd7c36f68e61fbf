/*
 * sandbox.h - the system calls that the server makes once it serves, and no others.
 */
#ifndef WOK_SERVER_SERVE_SANDBOX_H
#define WOK_SERVER_SERVE_SANDBOX_H

#include <stdbool.h>

struct wok__sandbox_needs {
    bool unlink; /* a Unix socket's file is removed at the end */
};

/*
 * Lets all threads of the process, and those that they start, make the calls of the list alone.  There is no
 * way back.  New privileges are forbidden already.
 *
 * 0; -ENOSYS, -EINVAL where the kernel or this architecture has no such filter; -EACCES if new privileges are
 * not forbidden; -ECANCELED never; -ESRCH if a thread could not be brought in.
 */
int wok__sandbox_enter(const struct wok__sandbox_needs *needs);

#endif
