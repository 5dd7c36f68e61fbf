/* Tests of headers.c: names, lists, values, and the header table of a request. */
#include "http/headers.h"

#include <stdlib.h>

#include "support/test.h"

static const char *const known_names[] = {
    "host",   "connection", "content-length", "transfer-encoding", "expect", "content-type",
    "accept", "user-agent", "x-request-id",   "traceparent",       "date",   "server",
};

Test(headers, a_known_name_has_its_number_in_any_case)
{
    cr_assert_eq(WOK_COUNT(known_names), (size_t)WOK_HTTP_KNOWN_HEADERS);
    for (unsigned i = 0; i < WOK_HTTP_KNOWN_HEADERS; i++) {
        char upper[32] = "";
        for (size_t c = 0; known_names[i][c] != '\0'; c++)
            upper[c] = known_names[i][c] == '-' ? '-' : (char)(known_names[i][c] & ~0x20);
        cr_assert_eq(wok__header_of(wok_slice_of(known_names[i])), i);
        cr_assert_eq(wok__header_of(wok_slice_of(upper)), i);
    }
}

/* '-' and CR differ in the bit that tells small from capital letters, as do '@' and '`'. */
Test(headers, only_letters_are_compared_without_case)
{
    cr_assert_eq(wok__header_of(WOK_SLICE("user\ragent")), WOK__HEADER_UNKNOWN);
    cr_assert_eq(wok__header_of(WOK_SLICE("hosu")), WOK__HEADER_UNKNOWN);
    cr_assert_eq(wok__header_of(WOK_SLICE("")), WOK__HEADER_UNKNOWN);
    cr_assert_not(wok__equal_ignoring_case(WOK_SLICE("@"), WOK_SLICE("`")));
    cr_assert(wok__equal_ignoring_case(WOK_SLICE("Keep-Alive"), WOK_SLICE("keep-alive")));
}

Test(headers, a_list_skips_empty_members_and_white_space)
{
    wok_slice list = WOK_SLICE(" , close\t,\t keep-alive ,,x");
    wok_slice member;

    cr_assert(wok__list_next(&list, &member));
    cr_assert(wok_slice_equal(member, WOK_SLICE("close")));
    cr_assert(wok__list_next(&list, &member));
    cr_assert(wok_slice_equal(member, WOK_SLICE("keep-alive")));
    cr_assert(wok__list_next(&list, &member));
    cr_assert(wok_slice_equal(member, WOK_SLICE("x")));
    cr_assert_not(wok__list_next(&list, &member));

    list = WOK_SLICE(" \t, ,");
    cr_assert_not(wok__list_next(&list, &member));
    list = WOK_SLICE("");
    cr_assert_not(wok__list_next(&list, &member));
}

Test(headers, a_value_holds_no_control_character_but_the_tab)
{
    for (int c = 0; c < 256; c++) {
        char text[] = {'a', (char)c, 'b'};
        bool allowed = c == '\t' || (c >= ' ' && c != 0x7f);
        cr_assert_eq(wok__is_field_value((wok_slice){text, sizeof text}), allowed, "byte %d", c);
    }
    cr_assert(wok__is_field_value(WOK_SLICE("")));
}

Test(headers, a_token_is_what_rfc_9110_says)
{
    for (int c = 0; c < 256; c++) {
        char text[] = {(char)c};
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool sign = c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
        cr_assert_eq(wok__is_token((wok_slice){text, 1}), letter || sign, "byte %d", c);
    }
    cr_assert_not(wok__is_token(WOK_SLICE("")));
}

static struct wok__http_header at(uint32_t name, uint32_t name_size, uint32_t value, uint32_t size)
{
    return (struct wok__http_header){name, name_size, value, size};
}

Test(headers, lookup_ignores_case_and_gives_the_first_line)
{
    static wok_http_request request;
    request.head = "Accept: a\r\nX-Thing: \r\naccept: b\r\n";
    struct wok__http_header lines[] = {at(0, 6, 8, 1), at(11, 7, 20, 0), at(22, 6, 30, 1)};

    for (size_t i = 0; i < WOK_COUNT(lines); i++)
        cr_assert(wok__request_add_header(&request, &lines[i]));

    cr_assert(
        wok_slice_equal(wok_http_request_header(&request, WOK_SLICE("ACCEPT")), WOK_SLICE("a")));
    cr_assert_not_null(wok_http_request_header(&request, WOK_SLICE("x-thing")).data);
    cr_assert_eq(wok_http_request_header(&request, WOK_SLICE("X-THING")).size, 0);
    cr_assert_null(wok_http_request_header(&request, WOK_SLICE("x-other")).data);
    cr_assert_null(wok_http_request_header(&request, WOK_SLICE("host")).data);
    cr_assert_eq(request.header_count, 3);
    cr_assert(wok_slice_equal(wok_http_request_header_at(&request, 2).name, WOK_SLICE("accept")));
    cr_assert(wok_slice_equal(wok_http_request_header_at(&request, 2).value, WOK_SLICE("b")));
}

Test(headers, the_table_refuses_one_line_more_than_it_holds)
{
    static wok_http_request request;
    struct wok__http_header line = at(0, 1, 2, 1);

    request.head = "a:b";
    for (size_t i = 0; i < WOK_HTTP_HEADERS_MAX; i++)
        cr_assert(wok__request_add_header(&request, &line));
    cr_assert_not(wok__request_add_header(&request, &line));
    cr_assert_eq(request.header_count, WOK_HTTP_HEADERS_MAX);
}

Test(headers, a_moved_request_reads_from_the_new_place)
{
    static const char text[] = "GET /a?b HTTP/1.1\r\nHost: x\r\n";
    char *old = malloc(sizeof text);
    static char new[sizeof text];
    static wok_http_request request;
    struct wok__http_header host = at(19, 4, 25, 1);

    cr_assert_not_null(old);
    memcpy(old, text, sizeof text);
    memcpy(new, text, sizeof text);
    request.head = old;
    request.target = (wok_slice){old + 4, 4};
    request.path = (wok_slice){old + 4, 2};
    request.method_name = (wok_slice){old, 3};
    cr_assert(wok__request_add_header(&request, &host));
    request.authority = wok__request_known(&request, WOK__HEADER_HOST);
    free(old);

    wok__request_move(&request, new);

    cr_assert(wok_slice_equal(request.target, WOK_SLICE("/a?b")));
    cr_assert(wok_slice_equal(request.path, WOK_SLICE("/a")));
    cr_assert(wok_slice_equal(request.method_name, WOK_SLICE("GET")));
    cr_assert(wok_slice_equal(request.authority, WOK_SLICE("x")));
    cr_assert_null(request.query.data);
    cr_assert(
        wok_slice_equal(wok_http_request_header(&request, WOK_SLICE("Host")), WOK_SLICE("x")));
}

Test(headers, each_method_but_other_has_a_name)
{
    cr_assert(wok_slice_equal(wok_http_method_name(WOK_HTTP_DELETE), WOK_SLICE("DELETE")));
    for (int method = WOK_HTTP_GET; method < WOK_HTTP_OTHER; method++)
        cr_assert_gt(wok_http_method_name((wok_http_method)method).size, 0);
    cr_assert_eq(wok_http_method_name(WOK_HTTP_OTHER).size, 0);
}
