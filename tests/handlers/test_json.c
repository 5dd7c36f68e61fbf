/* Tests of the JSON writer: the bytes of jansson, for anything that is written. */
#include "json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "fake_exchange.h"
#include "server/http/http_test.h"
#include "support/test.h"

/* What jansson writes for a document, and the newline that ends every body of ours. */
static char *dumped(const json_t *document)
{
    size_t size = json_dumpb(document, NULL, 0, JSON_ENCODE_ANY);
    char *text = malloc(size + 2);
    cr_assert_not_null(text);
    cr_assert_eq(json_dumpb(document, text, size, JSON_ENCODE_ANY), size);
    memcpy(text + size, "\n", 2);
    return text;
}

/* One character in UTF-8, of any length, often one that needs an escape; returns its size. */
static size_t random_character(struct http_test_rand *rand, char out[4])
{
    static const uint32_t limits[] = {0x20, 0x80, 0x80, 0x800, 0x10000, 0x110000};
    uint32_t c = (uint32_t)http_test_below(rand, limits[http_test_below(rand, WOK_COUNT(limits))]);

    if (c == 0 || (c >= 0xd800 && c < 0xe000))
        c = '"'; /* no NUL in a C string of jansson's, and surrogates are no characters */
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Writes a random value with both writers. */
static json_t *random_value(struct http_test_rand *rand, struct wok__json *json, int depth)
{
    uint64_t kind = http_test_below(rand, depth > 0 ? 5 : 3);
    char text[1200];
    size_t size = 0;

    if (kind == 0) {
        size_t characters = http_test_below(rand, 300);
        for (size_t i = 0; i < characters; i++)
            size += random_character(rand, text + size);
        wok__json_string(json, (wok_slice){text, size});
        return json_stringn(text, size);
    }
    if (kind == 1) {
        uint64_t number = http_test_below(rand, UINT64_MAX) >> (1 + http_test_below(rand, 63));
        wok__json_number(json, number);
        return json_integer((json_int_t)number);
    }
    if (kind == 2) {
        bool value = http_test_below(rand, 2) == 0;
        wok__json_bool(json, value);
        return json_boolean(value);
    }

    json_t *parent = kind == 3 ? json_array() : json_object();
    uint64_t count = http_test_below(rand, 5);
    wok__json_open(json, kind == 3 ? '[' : '{');
    for (uint64_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "member_%" PRIu64, i);
        if (kind == 4)
            wok__json_key_slice(json, wok_slice_of(text));
        json_t *value = random_value(rand, json, depth - 1);
        cr_assert_eq(kind == 3 ? json_array_append_new(parent, value)
                               : json_object_set_new(parent, text, value),
                     0);
    }
    wok__json_close(json, kind == 3 ? ']' : '}');
    return parent;
}

Test(json, writes_the_bytes_of_jansson)
{
    struct http_test_rand rand = http_test_rand();

    for (int round = 0; round < 2000; round++) {
        static wok_http_exchange fake;
        fake_get(&fake, "/");
        struct wok__json json = wok__json_begin(&fake);
        struct http_test_rand again = rand;
        json_t *document = random_value(&rand, &json, 4);
        wok__json_end(&json);
        struct wok__json count = wok__json_begin_count();
        json_decref(random_value(&again, &count, 4));
        cr_assert_eq(wok__json_count(&count) + 1, fake.size);

        char *wanted = dumped(document);
        cr_assert_str_eq(fake.body, wanted);
        cr_assert_eq(fake.size, strlen(wanted));
        free(wanted);
        json_decref(document);
        fake_done(&fake);
    }
}

Test(json, escapes_every_byte_as_jansson_does)
{
    for (int c = 1; c < 0x80; c++) {
        static wok_http_exchange fake;
        char text[] = {'a', (char)c, 'z', '\0'};
        json_t *document = json_string(text);
        char *wanted = dumped(document);

        fake_get(&fake, "/");
        struct wok__json json = wok__json_begin(&fake);
        wok__json_string(&json, wok_slice_of(text));
        wok__json_end(&json);
        cr_assert_str_eq(fake.body, wanted);
        free(wanted);
        json_decref(document);
        fake_done(&fake);
    }
}

/* Writes one string and gives the body. */
static const char *written(wok_http_exchange *fake, wok_slice text)
{
    fake_get(fake, "/");
    struct wok__json json = wok__json_begin(fake);
    wok__json_string(&json, text);
    wok__json_end(&json);
    return fake->body;
}

Test(json, replaces_what_is_not_utf8)
{
    static const struct {
        wok_slice text;
        const char *wanted;
    } cases[] = {
        {{"\xff", 1}, "\"\xef\xbf\xbd\"\n"},
        {{"a\xc3", 2}, "\"a\xef\xbf\xbd\"\n"},                               /* cut off */
        {{"\xc0\xaf", 2}, "\"\xef\xbf\xbd\xef\xbf\xbd\"\n"},                 /* overlong */
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"}, /* a surrogate */
        {{"\xf4\x90\x80\x80", 4},
         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"\n"}, /* above U+10FFFF */
        {{"\xf4\x8f\xbf\xbf", 4}, "\"\xf4\x8f\xbf\xbf\"\n"},
        {{"\0", 1}, "\"\\u0000\"\n"},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        static wok_http_exchange fake;
        cr_assert_str_eq(written(&fake, cases[i].text), cases[i].wanted, "case %zu", i);
        fake_done(&fake);
    }
}

/* Anything, and of any split into parts: a length that was told and is not kept costs the connection. */
Test(json, counts_what_it_writes)
{
    struct http_test_rand rand = http_test_rand();

    for (int round = 0; round < 20000; round++) {
        static wok_http_exchange fake;
        char text[300];
        size_t size = http_test_below(&rand, sizeof text), at = 0;
        uint64_t kind = http_test_below(&rand, 2), number = http_test_below(&rand, UINT64_MAX);
        for (size_t i = 0; i < size; i++)
            text[i] = (char)http_test_below(&rand, kind == 0 ? 256 : 0x60);
        number >>= http_test_below(&rand, 64);

        fake_get(&fake, "/");
        struct wok__json both[] = {wok__json_begin(&fake), wok__json_begin_count()};
        for (int which = 0; which < 2; which++) {
            struct http_test_rand splits = rand;
            wok__json_open(&both[which], '[');
            wok__json_string_begin(&both[which]);
            for (at = 0; at < size;) {
                size_t part = 1 + http_test_below(&splits, size - at);
                wok__json_string_part(&both[which], (wok_slice){text + at, part});
                at += part;
            }
            wok__json_string_number(&both[which], number);
            wok__json_string_end(&both[which]);
            wok__json_number(&both[which], number);
            wok__json_ms(&both[which], wok_ns(number));
            wok__json_bool(&both[which], (number & 1) != 0);
            wok__json_close(&both[which], ']');
        }
        wok__json_end(&both[0]);
        cr_assert_eq(wok__json_count(&both[1]) + 1, fake.size, "%d", round);
        fake_done(&fake);
    }
}

Test(json, agrees_with_jansson_on_what_utf8_is)
{
    struct http_test_rand rand = http_test_rand();

    for (int round = 0; round < 200000; round++) {
        char text[5] = {0};
        size_t size = 1 + http_test_below(&rand, 4);
        for (size_t i = 0; i < size; i++)
            text[i] = (char)(http_test_below(&rand, 3) == 0 ? 0x80 + http_test_below(&rand, 0x40)
                                                            : 0x80 + http_test_below(&rand, 0x80));
        json_t *string = json_stringn(text, size); /* NULL unless valid */
        size_t at = 0, step = 1;
        while (at < size && (step = wok__utf8_sequence((wok_slice){text + at, size - at})) > 0)
            at += step;
        cr_assert_eq(string != NULL, at == size);
        json_decref(string);
    }
}

Test(json, writes_milliseconds_with_three_decimals)
{
    static const struct {
        uint64_t ns;
        const char *wanted;
    } cases[] = {
        {0, "0.000\n"},
        {999, "0.000\n"},
        {1000, "0.001\n"},
        {999999, "0.999\n"},
        {1000000, "1.000\n"},
        {500412999, "500.412\n"},
        {60000000000, "60000.000\n"},
        {UINT64_MAX, "18446744073709.551\n"},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        static wok_http_exchange fake;
        fake_get(&fake, "/");
        struct wok__json json = wok__json_begin(&fake);
        wok__json_ms(&json, wok_ns(cases[i].ns));
        wok__json_end(&json);
        cr_assert_str_eq(fake.body, cases[i].wanted);
        fake_done(&fake);
    }
}

Test(json, strings_in_pieces_are_one_string)
{
    static wok_http_exchange fake;
    fake_get(&fake, "/");
    struct wok__json json = wok__json_begin(&fake);
    wok__json_open(&json, '[');
    wok__json_string_begin(&json);
    wok__json_string_part(&json, WOK_SLICE("after "));
    wok__json_string_number(&json, 300);
    wok__json_string_part(&json, WOK_SLICE(" \"ms\""));
    wok__json_string_end(&json);
    wok__json_number(&json, UINT64_MAX);
    wok__json_close(&json, ']');
    wok__json_end(&json);
    cr_assert_str_eq(fake.body, "[\"after 300 \\\"ms\\\"\", 18446744073709551615]\n");
    fake_done(&fake);
}

Test(json, without_memory_nothing_is_said_so_that_the_server_does)
{
    static wok_http_exchange fake;
    fake_get(&fake, "/");
    fake.no_memory = true;
    wok_http_respond(&fake, 200, "application/json");
    struct wok__json json = wok__json_begin(&fake);
    wok__json_open(&json, '{');
    wok__json_key(&json, "a");
    wok__json_string(&json, WOK_SLICE("b"));
    wok__json_close(&json, '}');
    wok__json_end(&json);
    cr_assert_eq(fake.size, 0);
    cr_assert_eq(fake.problems, 0);
    fake_done(&fake);
}
