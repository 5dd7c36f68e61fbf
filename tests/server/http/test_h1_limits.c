/*
 * Tests of the decoder's limits, each at its edge: what a peer may choose has an end.
 */
#include "http/h1_decoder.h"

#include "h1_cases.h"

/* ---- 4. limits, each at its edge ---- */

static char big[200000];

/* Writes `prefix`, then as many of `fill` as make `suffix` end at `size`. */
static wok_slice filled(const char *prefix, char fill, const char *suffix, size_t size)
{
    size_t head = strlen(prefix), tail = strlen(suffix);

    memcpy(big, prefix, head);
    memset(big + head, fill, size - head - tail);
    memcpy(big + size - tail, suffix, tail);
    return (wok_slice){big, size};
}

Test(h1_limits, a_target_of_8192_bytes_passes_and_one_more_is_414)
{
    const char *suffix = " HTTP/1.1\r\n" HOST "\r\n";
    size_t other = strlen("GET ") + strlen(suffix);

    cr_assert_eq(status_of_slice(filled("GET /", 'a', suffix, other + 8192)), 0);
    cr_assert_eq(trace.requests, 1);
    cr_assert_eq(status_of_slice(filled("GET /", 'a', suffix, other + 8193)), 414);
    cr_assert_eq(status_of_slice(filled("GET /?", '%', suffix, other + 8193)), 414);
    cr_assert_eq(status_of_slice(filled("GET /", 'a', "", 100000)), 414);
    cr_assert_eq(status_of_slice(filled("GET /", 'a', "\x01", 4 + 8193)), 400);
    cr_assert_eq(status_of_slice(filled("GET /", 'a', "\x01", 4 + 8194)), 414);
    cr_assert_eq(status_of_slice(filled("GET  /", 'a', "\x01", 9000)), 400);
}

Test(h1_limits, a_head_of_32_kib_passes_and_one_more_byte_is_431)
{
    for (int blank = 0; blank < 2; blank++) {
        const char *prefix = blank ? "\r\n" GET "X: " : GET "X: ";
        size_t edge = 32768 + (blank ? 2 : 0);
        cr_assert_eq(status_of_slice(filled(prefix, 'a', "\r\n\r\n", edge)), 0);
        cr_assert_eq(trace.requests, 1);
        cr_assert_eq(status_of_slice(filled(prefix, 'a', "\r\n\r\n", edge + 1)), 431);
        cr_assert_eq(status_of_slice(filled(prefix, 'a', "", edge)), 431);
        cr_assert_eq(status_of_slice(filled(prefix, 'a', "", edge - 1)), 0);
        cr_assert_eq(status_of_slice(filled(prefix, ' ', "", 100000)), 431);
    }
    cr_assert_eq(status_of_slice(filled("GET /", ' ', "", 100000)), 431);
}

Test(h1_limits, a_hundred_headers_pass_and_one_more_is_431)
{
    for (size_t count = 99; count <= 102; count++) {
        size_t size = (size_t)sprintf(big, "%s", GET);
        for (size_t i = 1; i < count; i++)
            size += (size_t)sprintf(big + size, "X-%zu: %zu\r\n", i, i);
        size += (size_t)sprintf(big + size, "\r\n");
        cr_assert_eq(status_of_slice((wok_slice){big, size}), count <= 100 ? 0 : 431, "%zu", count);
    }
}

Test(h1_limits, header_count_has_its_own_smaller_limit)
{
    trace.limits = WOK__H1_LIMITS_DEFAULT;
    trace.limits.header_count_max = 2;
    assert_status(GET "A: b\r\n\r\n", 0);
    assert_status(GET "A: b\r\nC: d\r\n\r\n", 431);
}

Test(h1_limits, a_body_of_the_limit_passes_and_one_more_byte_is_413)
{
    trace.limits = WOK__H1_LIMITS_DEFAULT;
    trace.limits.body_bytes_max = 10;
    assert_passes(POST "Content-Length: 10\r\n\r\n0123456789");
    assert_status(POST "Content-Length: 11\r\n\r\n", 413);
    assert_passes(CHUNKED "a\r\n0123456789\r\n0\r\n\r\n");
    assert_passes(CHUNKED "4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n");
    assert_status(CHUNKED "b\r\n", 413);
    assert_status(CHUNKED "4\r\n0123\r\n7\r\n", 413);
    assert_status(CHUNKED "4\r\n0123\r\nffffffffffffffff\r\n", 413);
}

/* 413 precedes 100 Continue: the client is not asked for a body that will be refused. */
Test(h1_limits, a_mebibyte_is_the_default_limit)
{
    trace.limits = WOK__H1_LIMITS_DEFAULT;
    assert_status(POST "Content-Length: 1048576\r\n\r\n", 0);
    assert_status(POST "Content-Length: 1048577\r\nExpect: 100-continue\r\n\r\n", 413);
    assert_status(CHUNKED "100000\r\n", 0);
    assert_status(CHUNKED "100001\r\n", 413);
}

Test(h1_limits, chunk_extensions_are_limited_over_the_whole_message)
{
    trace.limits = WOK__H1_LIMITS_DEFAULT;
    trace.limits.chunk_extension_bytes_max = 8;
    assert_passes(CHUNKED "1;abcdefg\r\na\r\n0\r\n\r\n");
    assert_status(CHUNKED "1;abcdefgh\r\na\r\n0\r\n\r\n", 400);
    assert_passes(CHUNKED "1;abc\r\na\r\n0;a=b\r\n\r\n");
    assert_status(CHUNKED "1;abcd\r\na\r\n0;a=b\r\n\r\n", 400);
    assert_passes(CHUNKED "000000001\r\na\r\n0\r\n\r\n"); /* zeros count as well */
    assert_status(CHUNKED "0000000001\r\na\r\n0\r\n\r\n", 400);

    trace.limits.chunk_extension_bytes_max = 0; /* the shortest form of a size is always free */
    assert_status(CHUNKED "1\r\na\r\n10\r\n0123456789abcdef\r\nff\r\n", 0);
    assert_status(CHUNKED "100\r\n", 0);
    assert_status(CHUNKED "fffff\r\n", 0);
    assert_status(CHUNKED "01\r\n", 400);
    assert_status(CHUNKED "00\r\n", 400);
    assert_status(CHUNKED "0fff\r\n", 400);

    trace.limits = WOK__H1_LIMITS_DEFAULT;
    cr_assert_eq(status_of_slice(filled(CHUNKED "1;", 'a', "\r\na\r\n0\r\n\r\n",
                                        strlen(CHUNKED "1\r\na\r\n0\r\n\r\n") + 4096)),
                 0);
    cr_assert_eq(status_of_slice(filled(CHUNKED "1;", 'a', "\r\na\r\n0\r\n\r\n",
                                        strlen(CHUNKED "1\r\na\r\n0\r\n\r\n") + 4097)),
                 400);
    cr_assert_eq(status_of_slice(filled(CHUNKED "1;", 'a', "", 100000)), 400);
    assert_traced("extensions");
    cr_assert_eq(status_of_slice(filled(CHUNKED, '0', "", 100000)), 400);
    assert_traced("extensions");
}

Test(h1_limits, trailers_are_limited)
{
    const char *prefix = CHUNKED "0\r\nX: ";
    size_t other = strlen(CHUNKED "0\r\n") + strlen("\r\n");

    cr_assert_eq(status_of_slice(filled(prefix, 'a', "\r\n\r\n", other + 4096)), 0);
    cr_assert_eq(trace.requests, 1);
    cr_assert_eq(status_of_slice(filled(prefix, 'a', "\r\n\r\n", other + 4097)), 400);
    assert_traced("longer");
    cr_assert_eq(status_of_slice(filled(prefix, ' ', "", 100000)), 400);
    assert_traced("longer");
}

Test(h1_limits, the_number_of_chunks_is_limited)
{
    trace.limits = WOK__H1_LIMITS_DEFAULT;
    trace.limits.chunk_count_max = 2;
    assert_passes(CHUNKED "1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    assert_status(CHUNKED "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n", 400);
}
