/*
 * inherited.h - the sockets that the process was started with, as the environment tells of them.
 */
#ifndef WOK_SERVER_NET_INHERITED_H
#define WOK_SERVER_NET_INHERITED_H

#include <sys/types.h>

enum {
    WOK__INHERITED_FIRST = 3, /* the number of the first; SD_LISTEN_FDS_START */
    WOK__INHERITED_MAX = 8,
    WOK__INHERITED_NAME_MAX = 64,
};

struct wok__inherited {
    unsigned count;                                          /* descriptors from the first on */
    char names[WOK__INHERITED_MAX][WOK__INHERITED_NAME_MAX]; /* "": it has none */
};

/*
 * Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES of an environment (an array as `environ`).  What is meant
 * for another process than `self` is passed over.
 *
 * 0; -EINVAL if a number is none, -E2BIG if they are more than WOK__INHERITED_MAX.
 */
int wok__inherited_read(char *const *environment, pid_t self, struct wok__inherited *ret_inherited);

#endif
