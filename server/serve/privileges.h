/*
 * privileges.h - giving up what the process may do and the server does not need.
 */
#ifndef WOK_SERVER_SERVE_PRIVILEGES_H
#define WOK_SERVER_SERVE_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

enum { WOK__GROUPS_MAX = 64 };

/* Who the process is to be. */
struct wok__user {
    bool wanted; /* false: whoever it is */
    uid_t uid;
    gid_t gid, groups[WOK__GROUPS_MAX];
    int group_count;
    char name[64]; /* as it was asked for */
};

/*
 * Finds "NAME", "NAME:GROUP", or numbers in their place; a number of no known user needs a group.  It reads
 * the system's tables, and may wait for them.
 *
 * False: `reason` says why.
 */
bool wok__user_find(const char *text, struct wok__user *ret_user, const char **reason);

/* No program that this process starts gets more privileges than it has.  Threads inherit it: call it while
 * there is one. */
int wok__forbid_new_privileges(void);

/* Becomes the user in all threads and verifies that there is no way back: 0; -EPERM if the process may not;
 * -ENOTRECOVERABLE if something of the old identity is left. */
int wok__become(const struct wok__user *user);

#endif
