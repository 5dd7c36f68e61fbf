/* Tests of date.c: compared with the C library, which is obviously right in the C locale. */
#include "http/date.h"

#include <stdint.h>

#include "http_test.h"
#include "support/test.h"

static void assert_agrees(time_t time)
{
    char date[WOK__DATE_SIZE + 1] = "";
    char expected[64];
    struct tm tm;

    wok__date_format(time, date);
    cr_assert_not_null(gmtime_r(&time, &tm));
    size_t size = strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    cr_assert_eq(size, WOK__DATE_SIZE, "time %lld", (long long)time);
    cr_assert_str_eq(date, expected, "time %lld", (long long)time);
}

Test(date, the_example_of_the_rfc)
{
    char date[WOK__DATE_SIZE + 1] = "";
    wok__date_format(784111777, date);
    cr_assert_str_eq(date, "Sun, 06 Nov 1994 08:49:37 GMT");
}

Test(date, agrees_with_strftime_at_the_edges)
{
    static const time_t edges[] = {
        0,
        -1,
        86399,
        86400,
        951782399,
        951782400, /* 29 February 2000 */
        951868800,
        1709164800,
        1709251200,
        2147483647,
        4107542400,   /* 1 March 2100, no leap year */
        253402300799, /* the last second of 9999 */
        -30610224000, /* 1 January 1000 */
    };
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        assert_agrees(edges[i]);
}

Test(date, agrees_with_strftime_for_random_times)
{
    struct http_test_rand rand = http_test_rand();

    /* strftime pads no year, hence from the year 1000 on. */
    for (int i = 0; i < 100000; i++)
        assert_agrees(-30610224000 + (time_t)http_test_below(&rand, 253402300799 + 30610224000));
}

Test(date, agrees_with_strftime_on_every_day_of_four_centuries)
{
    for (time_t day = 0; day < 146097; day++)
        assert_agrees(day * 86400 + day % 86400);
}

Test(date, a_time_without_such_a_form_becomes_the_nearest_that_has_one)
{
    char date[WOK__DATE_SIZE + 1] = "";
    wok__date_format(INT64_MAX, date);
    cr_assert_str_eq(date, "Fri, 31 Dec 9999 23:59:59 GMT");
    wok__date_format(INT64_MIN, date);
    cr_assert_str_eq(date, "Wed, 01 Mar 0000 00:00:00 GMT");
}
