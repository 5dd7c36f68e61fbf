/*
 * test_line.c - lines of the log: what they look like, and that no value can make them look otherwise.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/seed.h"
#include "support/test.h"

#include "log/line.h"

static const struct timespec noon = {1764158400, 7999999}; /* 2025-11-26T12:00:00.007Z */

static struct wok__log_line line;

static void begin(enum wok__log_format format)
{
    wok__log_line_begin(&line, format, WOK__LOG_WARN, noon, WOK_SLICE("it happened"));
}

static const char *end(void)
{
    static char text[WOK__LOG_LINE_MAX + 1];

    wok__log_line_end(&line);
    memcpy(text, line.text, line.size);
    text[line.size] = '\0';
    return text;
}

Test(line, has_time_level_message_and_fields)
{
    static const char text[] =
        "2025-11-26T12:00:00.007Z warn  it happened method=GET target=/a?b=c "
        "reason=\"two words\" empty=\"\" count=17 gone=true ms=1.002\n";
    static const char json[] =
        "{\"time\":\"2025-11-26T12:00:00.007Z\",\"level\":\"warn\",\"message\":\"it happened\","
        "\"method\":\"GET\",\"target\":\"/a?b=c\",\"reason\":\"two words\",\"empty\":\"\",\"count\":17,"
        "\"gone\":true,\"ms\":1.002}\n";

    for (int format = WOK__LOG_TEXT; format <= WOK__LOG_JSON; format++) {
        begin((enum wok__log_format)format);
        wok__log_string(&line, "method", "GET");
        wok__log_string(&line, "target", "/a?b=c");
        wok__log_string(&line, "reason", "two words");
        wok__log_string(&line, "empty", "");
        wok__log_number(&line, "count", 17);
        wok__log_flag(&line, "gone", true);
        wok__log_ms(&line, "ms", wok_us(1002));
        cr_assert_str_eq(end(), format == WOK__LOG_TEXT ? text : json);
    }
}

Test(line, escapes_what_a_terminal_or_a_parser_would_obey)
{
    static const char value[] =
        "a\"b\\c\nd\re\x1b[31mf\x7f\xc2\x9bg\xe2\x80\xaeh\xf0\x9f\x8d\xb3i\xffj";

    begin(WOK__LOG_TEXT);
    wok__log_slice(&line, "v", wok_slice_of(value));
    cr_assert_not_null(strstr(end(),
                              " v=\"a\\\"b\\\\c\\u000ad\\u000de\\u001b[31mf\\u007f\\u009bg\\u202eh"
                              "\\U0001f373i\\xffj\"\n"),
                       "%s", line.text);
    begin(WOK__LOG_JSON);
    wok__log_slice(&line, "v", wok_slice_of(value));
    cr_assert_not_null(strstr(end(),
                              "\"v\":\"a\\\"b\\\\c\\u000ad\\u000de\\u001b[31mf\\u007f\\u009bg"
                              "\\u202eh\\ud83c\\udf73i\\ufffdj\"}\n"),
                       "%s", line.text);
}

Test(line, cuts_a_long_value_and_says_so)
{
    static char value[5000];

    memset(value, '"', sizeof value);
    for (int format = WOK__LOG_TEXT; format <= WOK__LOG_JSON; format++) {
        size_t before;
        begin((enum wok__log_format)format);
        before = line.size;
        wok__log_slice(&line, "v", (wok_slice){value, sizeof value});
        cr_assert_leq(line.size - before, WOK__LOG_VALUE_MAX + 8u);
        cr_assert_geq(line.size - before, WOK__LOG_VALUE_MAX - 8u);
        cr_assert_not_null(strstr(end(), "\\\"...\""));
    }
}

Test(line, a_value_of_exactly_the_limit_is_whole)
{
    static char value[WOK__LOG_VALUE_MAX + 1];

    memset(value, 'x', sizeof value);
    begin(WOK__LOG_JSON);
    wok__log_slice(&line, "v", (wok_slice){value, WOK__LOG_VALUE_MAX});
    cr_assert_null(strstr(end(), "..."));
    begin(WOK__LOG_JSON);
    wok__log_slice(&line, "v", (wok_slice){value, WOK__LOG_VALUE_MAX + 1});
    cr_assert_not_null(strstr(end(), "x...\"}"));
}

/* The string that begins at `at`, behind its quote: where it ends, or NULL if it is none of JSON. */
static const char *string_end(const char *at)
{
    for (; *at != '"'; at++) {
        if (*at == '\\') {
            at++;
            if (*at == 'u') {
                for (int i = 0; i < 4; i++)
                    if (strchr("0123456789abcdef", *++at) == NULL)
                        return NULL;
            } else if (*at != '"' && *at != '\\') {
                return NULL;
            }
        } else if (*at < ' ' || *at > '~') {
            return NULL;
        }
    }
    return at;
}

/* Time, level, message, and any fields whose values are strings. */
static bool is_json(const char *text)
{
    if (*text != '{')
        return false;
    do {
        for (int part = 0; part < 2; part++) {
            if (*++text != '"' || (text = string_end(text + 1)) == NULL)
                return false;
            if (part == 0 && *++text != ':')
                return false;
        }
    } while (*++text == ',');
    return strcmp(text, "}\n") == 0;
}

Test(line, is_one_line_of_ascii_whatever_the_values_hold)
{
    struct wok__rand rand = test_rand();
    char value[700];

    for (int round = 0; round < 4000; round++) {
        enum wok__log_format format = round % 2 ? WOK__LOG_TEXT : WOK__LOG_JSON;
        unsigned fields = wok__rand_below(&rand, 9), special = wok__rand_below(&rand, 3);
        begin(format);
        for (unsigned i = 0; i < fields; i++) {
            unsigned size = wok__rand_below(&rand, sizeof value);
            for (unsigned at = 0; at < size; at++)
                value[at] = special == 0 ? "\\\"\n\x80\xe2\x80\xae"[wok__rand_below(&rand, 7)]
                                         : (char)wok__rand_below(&rand, special == 1 ? 256 : 128);
            wok__log_slice(&line, "v", (wok_slice){value, size});
        }
        const char *text = end();
        cr_assert_leq(line.size, (size_t)WOK__LOG_LINE_MAX);
        cr_assert_eq(strlen(text), line.size);
        for (size_t at = 0; at + 1 < line.size; at++)
            cr_assert(text[at] >= ' ' && text[at] <= '~', "byte %d at %zu", text[at], at);
        cr_assert_eq(text[line.size - 1], '\n');
        cr_assert(format == WOK__LOG_TEXT || is_json(text), "%s", text);
    }
}

Test(line, agrees_with_the_library_on_what_day_it_is)
{
    struct wok__rand rand = test_rand();

    for (int round = 0; round < 4000; round++) {
        struct timespec now = {(time_t)(wok__rand_below(&rand, 2000000000) * UINT64_C(5)), 0};
        struct tm parts;
        char want[64];
        wok__log_line_begin(&line, WOK__LOG_TEXT, WOK__LOG_INFO, now, WOK_SLICE("x"));
        gmtime_r(&now.tv_sec, &parts);
        cr_assert_gt(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000Z info  x\n", &parts), 0u);
        cr_assert_str_eq(end(), want);
    }
}
