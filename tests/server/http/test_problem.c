/* Tests of problem.c. */
#include "http/problem.h"

#include <errno.h>

#include "http_test.h"
#include "support/test.h"

static const char *written(const struct wok__problem *problem)
{
    static char text[4096];
    ssize_t size = wok__problem_write(text, sizeof text - 1, problem);

    cr_assert_gt(size, 0);
    text[size] = '\0';
    cr_assert_leq((size_t)size, wok__problem_size_max(problem));
    return text;
}

Test(problem, has_the_members_of_rfc_9457_and_ends_with_a_newline)
{
    struct wok__problem problem = {
        .status = 404,
        .detail = WOK_SLICE("There is nothing at /x."),
        .instance = WOK_SLICE("/x?y=1"),
    };
    cr_assert_str_eq(written(&problem),
                     "{\"type\": \"about:blank\", \"title\": \"Not Found\", \"status\": 404, "
                     "\"detail\": \"There is nothing at /x.\", \"instance\": \"/x?y=1\"}\n");
}

Test(problem, takes_its_own_type_and_title_and_leaves_an_empty_instance_out)
{
    struct wok__problem problem = {
        .status = 422,
        .type = WOK_SLICE("/problems/range"),
        .title = WOK_SLICE("Out of range"),
        .detail = WOK_SLICE("d"),
    };
    cr_assert_str_eq(written(&problem),
                     "{\"type\": \"/problems/range\", \"title\": \"Out of range\", "
                     "\"status\": 422, \"detail\": \"d\"}\n");
}

static const char *detail_of(wok_slice detail)
{
    struct wok__problem problem = {.status = 400, .detail = detail};
    static char result[4096];
    const char *text = strstr(written(&problem), "\"detail\": \"");

    cr_assert_not_null(text);
    strcpy(result, text + strlen("\"detail\": \""));
    cr_assert_gt(strlen(result), 3);
    result[strlen(result) - 3] = '\0'; /* without "}\n */
    return result;
}

Test(problem, escapes_what_json_needs_escaped)
{
    cr_assert_str_eq(detail_of(WOK_SLICE("a\"b\\c/d\x7f")), "a\\\"b\\\\c/d\x7f");
    cr_assert_str_eq(detail_of(WOK_SLICE("\b\f\n\r\t\x01\x1f")), "\\b\\f\\n\\r\\t\\u0001\\u001F");
    cr_assert_str_eq(detail_of((wok_slice){"a\0b", 3}), "a\\u0000b");
}

Test(problem, keeps_utf8_and_replaces_what_is_not)
{
#define LOST "\xef\xbf\xbd"
    cr_assert_str_eq(detail_of(WOK_SLICE("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8d\xb3")),
                     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8d\xb3");
    cr_assert_str_eq(detail_of(WOK_SLICE("a\xff"
                                         "b")),
                     "a" LOST "b");
    cr_assert_str_eq(detail_of(WOK_SLICE("\xc0\x80")), LOST LOST);          /* overlong */
    cr_assert_str_eq(detail_of(WOK_SLICE("\xe0\x9f\xbf")), LOST LOST LOST); /* overlong */
    cr_assert_str_eq(detail_of(WOK_SLICE("\xed\xa0\x80")), LOST LOST LOST); /* surrogate */
    cr_assert_str_eq(detail_of(WOK_SLICE("\xf4\x90\x80\x80")), LOST LOST LOST LOST);
    cr_assert_str_eq(detail_of(WOK_SLICE("\xf5\x80\x80\x80")), LOST LOST LOST LOST);
    cr_assert_str_eq(detail_of(WOK_SLICE("\xf0\x8f\xbf\xbf")), LOST LOST LOST LOST);
    cr_assert_str_eq(detail_of(WOK_SLICE("\xe2\x82")), LOST LOST); /* cut off */
    cr_assert_str_eq(detail_of(WOK_SLICE("\xc3(")), LOST "(");
    cr_assert_str_eq(detail_of(WOK_SLICE("\xf4\x8f\xbf\xbf")), "\xf4\x8f\xbf\xbf"); /* U+10FFFF */
}

Test(problem, says_when_it_does_not_fit_and_writes_no_further)
{
    struct wok__problem problem = {.status = 400, .detail = WOK_SLICE("a\"\x01\xff")};
    size_t size = strlen(written(&problem));

    for (size_t capacity = 0; capacity < size; capacity++) {
        char *exact = malloc(capacity + 1); /* ASan watches the byte behind */
        cr_assert_not_null(exact);
        exact[capacity] = '#';
        cr_assert_eq(wok__problem_write(exact, capacity, &problem), -ENOSPC);
        cr_assert_eq(exact[capacity], '#');
        free(exact);
    }
    char buffer[256];
    cr_assert_eq(wok__problem_write(buffer, size, &problem), (ssize_t)size);
}

Test(problem, never_exceeds_its_size_max_for_random_bytes)
{
    struct http_test_rand rand = http_test_rand();

    for (int round = 0; round < 20000; round++) {
        char bytes[64];
        size_t size = http_test_below(&rand, sizeof bytes + 1);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (char)http_test_below(&rand, round % 2 ? 256 : 32);
        struct wok__problem problem = {.status = 431, .detail = {bytes, size}};
        (void)written(&problem);
    }
}
