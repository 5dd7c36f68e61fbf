/*
 * test_encoding.c - what an Accept-Encoding asks for, and which types are text.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "support/test.h"

#include "http/encoding.h"
#include "http/headers.h"
#include "http_test.h"
#include "request_test.h"

static enum wok__encoding wanted(const char *value)
{
    begin_request();
    add("Accept-Encoding", value);
    return wok__encoding_wanted(&request);
}

static void is(enum wok__encoding expected, const char *value)
{
    cr_assert_eq(wanted(value), expected, "%s", value);
}

Test(encoding, gzip_is_for_those_who_take_it)
{
    begin_request();
    cr_assert_eq(wok__encoding_wanted(&request), WOK__ENCODING_IDENTITY);
    is(WOK__ENCODING_IDENTITY, "");
    is(WOK__ENCODING_GZIP, "gzip");
    is(WOK__ENCODING_GZIP, "GZip");
    is(WOK__ENCODING_GZIP, "x-gzip");
    is(WOK__ENCODING_GZIP, "gzip, deflate, br, zstd");
    is(WOK__ENCODING_GZIP, "deflate;q=1.0,gzip;q=0.001");
    is(WOK__ENCODING_IDENTITY, "br, deflate");
    is(WOK__ENCODING_IDENTITY, "gzipped");
    is(WOK__ENCODING_IDENTITY, "gzi");
}

Test(encoding, a_weight_of_zero_refuses)
{
    is(WOK__ENCODING_IDENTITY, "gzip;q=0");
    is(WOK__ENCODING_IDENTITY, "gzip;q=0.000");
    is(WOK__ENCODING_IDENTITY, "gzip ; Q=0 , *");
    is(WOK__ENCODING_IDENTITY, "*;q=0");
    is(WOK__ENCODING_IDENTITY, "gzip;q=0, identity;q=0");
}

Test(encoding, an_asterisk_stands_for_what_is_not_named)
{
    is(WOK__ENCODING_GZIP, "*");
    is(WOK__ENCODING_GZIP, "*;q=0.1");
    is(WOK__ENCODING_GZIP, "br;q=1, *;q=0.5");
    is(WOK__ENCODING_GZIP_ONLY, "gzip, *;q=0");
    is(WOK__ENCODING_GZIP, "gzip, identity;q=0.5, *;q=0");
}

Test(encoding, identity_may_be_liked_better_or_refused)
{
    is(WOK__ENCODING_IDENTITY, "identity");
    is(WOK__ENCODING_IDENTITY, "gzip;q=0.5, identity;q=0.6");
    is(WOK__ENCODING_GZIP, "gzip;q=0.5, identity;q=0.5");
    is(WOK__ENCODING_GZIP_ONLY, "gzip;q=0.5, identity;q=0");
    is(WOK__ENCODING_GZIP_ONLY, "identity;q=0, *");
}

Test(encoding, a_member_with_a_malformed_weight_does_not_count)
{
    static const char *const malformed[] = {
        "gzip;q=",    "gzip;q=2",     "gzip;q=1.001", "gzip;q=0.0001", "gzip;q=-1", "gzip;q=.5",
        "gzip;q=0,5", "gzip;level=1", "gzip;q=0.5x",  "gzip;q=1;q=1",  "gzip;",     "gzip;q"};

    for (size_t i = 0; i < WOK_COUNT(malformed); i++)
        is(WOK__ENCODING_IDENTITY, malformed[i]);
    is(WOK__ENCODING_GZIP, "gzip;q=1.000");
    is(WOK__ENCODING_GZIP, "gzip;q=1.");
    is(WOK__ENCODING_GZIP, "gzip\t;\tq=0.9");
}

Test(encoding, several_lines_are_one_list)
{
    begin_request();
    add("accept-encoding", "br");
    add("Accept-Encoding", "gzip");
    cr_assert_eq(wok__encoding_wanted(&request), WOK__ENCODING_GZIP);
    add("ACCEPT-ENCODING", "gzip;q=0");
    cr_assert_eq(wok__encoding_wanted(&request), WOK__ENCODING_IDENTITY);
}

Test(encoding, nothing_that_a_client_sends_is_read_beyond_its_end)
{
    static const char letters[] = "gzip,;q=01.9 *\tx-identy";
    struct http_test_rand rand = http_test_rand();
    unsigned gzip = 0;

    for (int round = 0; round < 100000; round++) {
        char value[40];
        size_t size = 0;
        if (http_test_below(&rand, 2) == 0)
            size = (size_t)sprintf(value, "gzip;q=0.%u", (unsigned)http_test_below(&rand, 2));
        for (size_t more = http_test_below(&rand, 20); more > 0; more--)
            value[size++] = letters[http_test_below(&rand, sizeof letters - 1)];
        value[size] = '\0';
        gzip += wanted(value) != WOK__ENCODING_IDENTITY;
    }
    cr_assert_gt(gzip, 1000u);
}

Test(encoding, text_is_compressed_and_what_is_compressed_is_not)
{
    static const char *const text[] = {
        "application/json",         "application/problem+json", "text/plain",
        "Text/HTML; charset=utf-8", "application/javascript",   "image/svg+xml"};
    static const char *const other[] = {
        "",     "image/png", "application/octet-stream", "text/event-stream", "application/gzip",
        "json", "text/"};

    for (size_t i = 0; i < WOK_COUNT(text); i++)
        cr_assert(wok__type_is_text(wok_slice_of(text[i])), "%s", text[i]);
    for (size_t i = 0; i < WOK_COUNT(other); i++)
        cr_assert(!wok__type_is_text(wok_slice_of(other[i])), "%s", other[i]);
}
