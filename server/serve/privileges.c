/*
 * privileges.c - giving up what the process may do and the server does not need.
 *
 * Groups first, then the group, then the user, since each step needs what the next one takes.  Afterwards the
 * kernel is asked what is left: a call that says 0 and leaves something (another libc, a namespace, securebits
 * that keep capabilities) is an error and not a surprise.
 */
#include "serve/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- who ------------------------------------------------------------------------------------------- */

/* (uid_t)-1 means "as it is" to the kernel, and is nobody. */
static bool parse_id(const char *text, unsigned *ret_id)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number >= (unsigned)-1)
        return false;
    *ret_id = (unsigned)number;
    return true;
}

static bool find_group(const char *text, gid_t *ret_gid)
{
    const struct group *group = getgrnam(text);
    unsigned id;

    if (group == NULL && !parse_id(text, &id))
        return false;
    *ret_gid = group != NULL ? group->gr_gid : id;
    return true;
}

bool wok__user_find(const char *text, struct wok__user *ret_user, const char **reason)
{
    struct wok__user user = {.wanted = true};
    const char *colon = strchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : strlen(text);
    const struct passwd *entry;
    char name[64];
    unsigned id;

    *reason = "it is empty or too long";
    if (size == 0 || strlen(text) >= sizeof user.name)
        return false;
    snprintf(user.name, sizeof user.name, "%s", text);
    snprintf(name, sizeof name, "%.*s", (int)size, text);
    entry = getpwnam(name);
    if (entry == NULL && parse_id(name, &id))
        entry = getpwuid((uid_t)id);
    *reason = "there is no such user";
    if (entry == NULL && !parse_id(name, &id))
        return false;
    user.uid = entry != NULL ? entry->pw_uid : (uid_t)id;
    user.gid = entry != NULL ? entry->pw_gid : 0;
    *reason = "a number that is no user's needs a group, NUMBER:GROUP";
    if (entry == NULL && colon == NULL)
        return false;
    *reason = "there is no such group";
    if (colon != NULL && !find_group(colon + 1, &user.gid))
        return false;
    user.group_count = 1;
    user.groups[0] = user.gid;
    if (entry != NULL && colon == NULL) { /* a group that is named is the only one */
        user.group_count = WOK__GROUPS_MAX;
        *reason = "it is in more groups than are looked at; name one, NAME:GROUP";
        if (getgrouplist(entry->pw_name, user.gid, user.groups, &user.group_count) < 0)
            return false;
    }
    *ret_user = user;
    return true;
}

/* ---- becoming it ----------------------------------------------------------------------------------- */

int wok__forbid_new_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static bool is_already(const struct wok__user *user)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    return getresuid(&real, &effective, &saved) == 0 &&
           getresgid(&real_group, &effective_group, &saved_group) == 0 && real == user->uid &&
           effective == user->uid && saved == user->uid && real_group == user->gid &&
           effective_group == user->gid && saved_group == user->gid;
}

/* The kernel clears them with the last uid of 0, unless it was told to keep them. */
static bool has_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &header, data) < 0)
        return true;
    return data[0].permitted != 0 || data[0].effective != 0 || data[1].permitted != 0 ||
           data[1].effective != 0;
}

int wok__become(const struct wok__user *user)
{
    if (!user->wanted)
        return 0;
    if (geteuid() != 0)
        return is_already(user) ? 0 : -EPERM;
    if (setgroups((size_t)user->group_count, user->groups) < 0)
        return -errno;
    if (setresgid(user->gid, user->gid, user->gid) < 0 ||
        setresuid(user->uid, user->uid, user->uid) < 0)
        return -errno;
    if (!is_already(user) || getgroups(0, NULL) != user->group_count)
        return -ENOTRECOVERABLE;
    if (user->uid != 0 && (setuid(0) == 0 || has_capabilities()))
        return -ENOTRECOVERABLE;
    return 0;
}
