/*
 * test_inherited.c - LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES: what is taken, passed over and refused.
 */
#include <errno.h>
#include <string.h>

#include "support/test.h"

#include "net/inherited.h"

static struct wok__inherited inherited;

#define READ(...) wok__inherited_read((char *const[]){"HOME=/", __VA_ARGS__, NULL}, 17, &inherited)

Test(inherited, sockets_for_this_process_are_counted_and_named)
{
    cr_assert_eq(READ("LISTEN_FDS=3", "LISTEN_PID=17", "LISTEN_FDNAMES=web::admin.socket"), 0);
    cr_assert_eq(inherited.count, 3);
    cr_assert_str_eq(inherited.names[0], "web");
    cr_assert_str_eq(inherited.names[1], "");
    cr_assert_str_eq(inherited.names[2], "admin.socket");
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS=2"), 0);
    cr_assert_eq(inherited.count, 2);
    cr_assert_str_eq(inherited.names[0], "", "nothing is left of an earlier reading");
}

Test(inherited, sockets_for_another_process_are_passed_over)
{
    cr_assert_eq(READ("LISTEN_PID=18", "LISTEN_FDS=3"), 0);
    cr_assert_eq(inherited.count, 0);
    cr_assert_eq(READ("LISTEN_PID=18", "LISTEN_FDS=none of ours"), 0);
    cr_assert_eq(inherited.count, 0);
    cr_assert_eq(READ("LISTEN_FDS=3"), 0);
    cr_assert_eq(inherited.count, 0);
    cr_assert_eq(READ("LISTEN_PID=17"), 0);
    cr_assert_eq(inherited.count, 0);
    cr_assert_eq(READ("LISTEN_PIDS=17", "LISTEN_FDS=3"), 0);
    cr_assert_eq(inherited.count, 0, "a longer name is another");
}

Test(inherited, what_is_no_number_is_refused)
{
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS=three"), -EINVAL);
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS="), -EINVAL);
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS=-1"), -EINVAL);
    cr_assert_eq(READ("LISTEN_PID=17x", "LISTEN_FDS=1"), -EINVAL);
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS=99999999999999999999999"), -EINVAL);
}

Test(inherited, as_many_as_there_are_places_and_no_more)
{
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS=8", "LISTEN_FDNAMES=a:b:c:d:e:f:g:h:i"), 0);
    cr_assert_eq(inherited.count, 8);
    cr_assert_str_eq(inherited.names[7], "h");
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS=9"), -E2BIG);
    cr_assert_eq(inherited.count, 0);
}

Test(inherited, a_name_that_is_too_long_is_left_out)
{
    char names[200] = "LISTEN_FDNAMES=";

    memset(names + strlen(names), 'x', WOK__INHERITED_NAME_MAX);
    strcat(names, ":next");
    cr_assert_eq(READ("LISTEN_PID=17", "LISTEN_FDS=2", names), 0);
    cr_assert_str_eq(inherited.names[0], "");
    cr_assert_str_eq(inherited.names[1], "next");
}
