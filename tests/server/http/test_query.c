/* Tests of query.c. */
#include <wok/http/query.h>

#include <errno.h>

#include "http_test.h"
#include "support/test.h"

static bool is(wok_slice slice, const char *text)
{
    return wok_slice_equal(slice, wok_slice_of(text));
}

Test(query, the_example_of_the_contract)
{
    char buffer[64];
    wok_slice text = WOK_SLICE("source=API+Server:500&source=Database%3A300&mode=join");
    wok_http_query query = wok_http_query_begin(text, buffer, sizeof buffer);
    wok_http_parameter first, second, third;

    cr_assert_eq(wok_http_query_next(&query, &first), 1);
    cr_assert_eq(wok_http_query_next(&query, &second), 1);
    cr_assert_eq(wok_http_query_next(&query, &third), 1);
    cr_assert_eq(wok_http_query_next(&query, &third), 0);
    cr_assert_eq(wok_http_query_next(&query, &third), 0);

    /* All are still good: decoding appends, it does not overwrite. */
    cr_assert(is(first.name, "source") && is(first.value, "API Server:500"));
    cr_assert(is(second.name, "source") && is(second.value, "Database:300"));
    cr_assert(is(third.name, "mode") && is(third.value, "join"));
    cr_assert_eq(third.value.data, text.data + text.size - 4); /* nothing to decode: not copied */
}

Test(query, odd_pairs)
{
    char buffer[64];
    wok_http_query query =
        wok_http_query_begin(WOK_SLICE("&&a&b=&=c&d=e=f&"), buffer, sizeof buffer);
    wok_http_parameter parameter;

    cr_assert_eq(wok_http_query_next(&query, &parameter), 1);
    cr_assert(is(parameter.name, "a"));
    cr_assert_null(parameter.value.data);
    cr_assert_eq(wok_http_query_next(&query, &parameter), 1);
    cr_assert(is(parameter.name, "b") && is(parameter.value, ""));
    cr_assert_not_null(parameter.value.data);
    cr_assert_eq(wok_http_query_next(&query, &parameter), 1);
    cr_assert(is(parameter.name, "") && is(parameter.value, "c"));
    cr_assert_eq(wok_http_query_next(&query, &parameter), 1);
    cr_assert(is(parameter.name, "d") && is(parameter.value, "e=f"));
    cr_assert_eq(wok_http_query_next(&query, &parameter), 0);

    query = wok_http_query_begin((wok_slice){NULL, 0}, NULL, 0);
    cr_assert_eq(wok_http_query_next(&query, &parameter), 0);
}

Test(query, a_bad_escape_is_an_error_that_says_where)
{
    static const char *const bad[] = {"a=%", "a=%4", "a=%4x", "a=%x4", "%=a", "a=%00", "%0=a"};

    for (size_t i = 0; i < WOK_COUNT(bad); i++) {
        char text[32], buffer[32];
        snprintf(text, sizeof text, "x=y&%s&z=1", bad[i]);
        wok_http_query query = wok_http_query_begin(wok_slice_of(text), buffer, sizeof buffer);
        wok_http_parameter parameter;
        cr_assert_eq(wok_http_query_next(&query, &parameter), 1);
        cr_assert_eq(wok_http_query_next(&query, &parameter), -EINVAL, "%s", bad[i]);
        cr_assert(is(parameter.name, "x"), "untouched on failure");
        cr_assert(is(query.pair, bad[i]));
    }
}

Test(query, the_buffer_is_used_to_its_last_byte_and_no_further)
{
    wok_slice text = WOK_SLICE("a=%41%42+");
    char buffer[4] = "###";
    wok_http_parameter parameter;

    wok_http_query query = wok_http_query_begin(text, buffer, 3);
    cr_assert_eq(wok_http_query_next(&query, &parameter), 1);
    cr_assert(is(parameter.value, "AB "));

    query = wok_http_query_begin(text, buffer, 2);
    cr_assert_eq(wok_http_query_next(&query, &parameter), -ENOSPC);
}

Test(query, percent_decode_leaves_the_plus_alone)
{
    char buffer[16];

    cr_assert_eq(wok_http_percent_decode(WOK_SLICE("a+b%2Fc"), buffer, sizeof buffer), 5);
    cr_assert(memcmp(buffer, "a+b/c", 5) == 0);
    cr_assert_eq(wok_http_percent_decode(WOK_SLICE("%"), buffer, sizeof buffer), -EINVAL);
    cr_assert_eq(wok_http_percent_decode(WOK_SLICE("abc"), buffer, 2), -ENOSPC);
    cr_assert_eq(wok_http_percent_decode(WOK_SLICE(""), buffer, 0), 0);
}

/* The model decodes with the C library's number reader, one unit at a time. */
static ssize_t model(const char *text, size_t size, char *out)
{
    ssize_t n = 0;

    for (size_t i = 0; i < size; i++) {
        if (text[i] != '%') {
            out[n++] = text[i];
            continue;
        }
        char pair[3] = {i + 1 < size ? text[i + 1] : '\0', '\0', '\0'};
        if (pair[0] != '\0' && i + 2 < size)
            pair[1] = text[i + 2];
        unsigned long value = strtoul(pair, NULL, 16);
        if (strspn(pair, "0123456789abcdefABCDEF") != 2 || value == 0)
            return -EINVAL;
        out[n++] = (char)value;
        i += 2;
    }
    return n;
}

Test(query, decoding_agrees_with_a_model_for_random_text)
{
    struct http_test_rand rand = http_test_rand();

    for (int round = 0; round < 300000; round++) {
        char text[24], out[24], expected[24];
        size_t size = http_test_below(&rand, sizeof text + 1);
        for (size_t i = 0; i < size; i++) {
            uint64_t dice = http_test_below(&rand, 8);
            text[i] = dice < 2   ? '%'
                      : dice < 7 ? "0123456789abcdefABCDEF"[http_test_below(&rand, 22)]
                                 : (char)http_test_below(&rand, 256);
        }
        ssize_t wanted = model(text, size, expected);
        ssize_t got = wok_http_percent_decode((wok_slice){text, size}, out, sizeof out);
        cr_assert_eq(got, wanted, "%.*s", (int)size, text);
        cr_assert(got <= 0 || memcmp(out, expected, (size_t)got) == 0, "%.*s", (int)size, text);
    }
}
