/* Tests of status.c. */
#include "http/status.h"

#include <stdio.h>

#include <wok/http/message.h>

#include "support/test.h"

Test(status, the_precomputed_lines_agree_with_the_reason)
{
    int named = 0;

    for (int status = 100; status < 600; status++) {
        wok_slice reason = wok_http_status_reason(status);
        wok_slice lines = wok__status_lines(status);
        char expected[128];
        int size = snprintf(expected, sizeof expected,
                            "HTTP/1.1 %d %.*s\r\nServer: wok/%s\r\n"
                            "X-Content-Type-Options: nosniff\r\n",
                            status, (int)reason.size, reason.data, WOK_VERSION);
        if (wok_slice_equal(reason, WOK_SLICE("Unknown"))) {
            cr_assert_eq(lines.size, 0);
            continue;
        }
        named++;
        cr_assert(wok_slice_equal(lines, (wok_slice){expected, (size_t)size}), "status %d", status);
    }
    cr_assert_gt(named, 40);
}

Test(status, only_final_statuses_but_204_and_304_have_a_body)
{
    cr_assert_not(wok__status_has_body(100));
    cr_assert_not(wok__status_has_body(102));
    cr_assert_not(wok__status_has_body(204));
    cr_assert_not(wok__status_has_body(304));
    cr_assert(wok__status_has_body(200));
    cr_assert(wok__status_has_body(205));
    cr_assert(wok__status_has_body(503));
}
