/*
 * test_privileges.c - who is found by a name or a number, and what is left when a process has become it.
 *
 * Who becomes somebody is a child.  Without root only the refusals can be looked at; the tests say so.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/test.h"

#include "serve/privileges.h"

static struct wok__user user;
static const char *reason;

Test(privileges, a_name_a_number_and_a_group_are_found)
{
    cr_assert(wok__user_find("root", &user, &reason));
    cr_assert(user.wanted);
    cr_assert_eq(user.uid, 0);
    cr_assert_geq(user.group_count, 1);
    cr_assert(wok__user_find("root:65532", &user, &reason));
    cr_assert_eq(user.gid, 65532);
    cr_assert_eq(user.group_count, 1, "a group that is named is the only one");
    cr_assert(wok__user_find("65531:65532", &user, &reason));
    cr_assert_eq(user.uid, 65531);
    cr_assert_eq(user.gid, 65532);
    cr_assert_eq(user.groups[0], 65532);
    cr_assert_str_eq(user.name, "65531:65532");
    cr_assert(wok__user_find("0", &user, &reason), "a number of a user that exists needs no group");
    cr_assert_eq(user.gid, 0);
}

Test(privileges, what_is_nobody_is_refused_and_untouched)
{
    user.wanted = false;
    cr_assert_not(wok__user_find("", &user, &reason));
    cr_assert_not(wok__user_find(":root", &user, &reason));
    cr_assert_not(wok__user_find("no-such-user-here", &user, &reason));
    cr_assert_not(wok__user_find("root:no-such-group-here", &user, &reason));
    cr_assert_not(wok__user_find("root:", &user, &reason));
    cr_assert_not(wok__user_find("65531", &user, &reason), "whose group?");
    cr_assert_not(wok__user_find("4294967295:0", &user, &reason),
                  "to the kernel that is: as it is");
    cr_assert_not(wok__user_find("-1:0", &user, &reason));
    cr_assert_not(wok__user_find("99999999999999999999:0", &user, &reason));
    cr_assert_not(wok__user_find(
        "a-name-that-is-longer-than-any-name-of-a-user-will-ever-have-to-be", &user, &reason));
    cr_assert_not(user.wanted);
}

/* What a child that became the user gives as its code. */
static int become(const char *text, int (*look)(void))
{
    int status;
    pid_t child;

    cr_assert(wok__user_find(text, &user, &reason));
    child = fork();
    if (child == 0) {
        int error = wok__become(&user);
        _exit(error < 0 ? -error : look());
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* 0, or the number of the first thing that is not as it should be. */
static int nothing_is_left(void)
{
    uid_t uid[3];
    gid_t gid[3], groups[4];

    if (getresuid(&uid[0], &uid[1], &uid[2]) < 0 || uid[0] != 65531 || uid[1] != 65531 ||
        uid[2] != 65531)
        return 201;
    if (getresgid(&gid[0], &gid[1], &gid[2]) < 0 || gid[0] != 65532 || gid[1] != 65532 ||
        gid[2] != 65532)
        return 202;
    if (getgroups(4, groups) != 1 || groups[0] != 65532)
        return 203;
    if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setgid(0) == 0)
        return 204;
    return 0;
}

static int fine(void)
{
    return 0;
}

Test(privileges, root_becomes_it_for_good)
{
    if (geteuid() != 0) {
        cr_assert_eq(become("65531:65532", fine), EPERM, "without root it may not, and says so");
        return;
    }
    cr_assert_eq(become("65531:65532", nothing_is_left), 0);
}

Test(privileges, who_is_it_already_needs_no_root)
{
    char text[64];
    int status;
    pid_t child = fork();

    if (child == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(65532, 65532, 65532) < 0 ||
                               setresuid(65531, 65531, 65531) < 0))
            _exit(200);
        snprintf(text, sizeof text, "%u:%u", (unsigned)getuid(), (unsigned)getgid());
        if (!wok__user_find(text, &user, &reason))
            _exit(201);
        if (wok__become(&user) != 0)
            _exit(202);
        user.uid++;
        _exit(wok__become(&user) == -EPERM ? 0 : 203);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
}

Test(privileges, securebits_that_keep_capabilities_are_noticed)
{
    int status;
    pid_t child;

    if (geteuid() != 0)
        return; /* nothing could be kept */
    cr_assert(wok__user_find("65531:65532", &user, &reason));
    child = fork();
    if (child == 0) {
        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
            _exit(200);
        _exit(wok__become(&user) == -ENOTRECOVERABLE ? 0 : 201);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(WEXITSTATUS(status), 0, "%d", WEXITSTATUS(status));
}
