/*
 * test_trace_context.c - which traceparents are taken, as W3C Trace Context says and its test suite tries.
 */
#include <stdbool.h>
#include <string.h>

#include "support/test.h"

#include "http/headers.h"
#include "http/trace_context.h"
#include "http_test.h"
#include "request_test.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define GOOD "00-" TRACE "-" SPAN "-01"

static struct wok__trace_context context;

static bool parse(const char *text)
{
    return wok__traceparent_parse(wok_slice_of(text), &context);
}

Test(trace_context, a_traceparent_is_read_and_written_back)
{
    char text[WOK__TRACEPARENT_SIZE];

    cr_assert(parse(GOOD));
    cr_assert(context.sampled);
    cr_assert_eq(context.trace_id[0], 0x0a);
    cr_assert_eq(context.trace_id[15], 0x9c);
    cr_assert_eq(context.span_id[0], 0xb7);
    cr_assert_eq(context.span_id[7], 0x31);
    wok__traceparent_format(&context, text);
    cr_assert_arr_eq(text, GOOD, sizeof text);
    cr_assert(parse("00-" TRACE "-" SPAN "-00"));
    cr_assert(!context.sampled);
    wok__traceparent_format(&context, text);
    cr_assert_arr_eq(text, "00-" TRACE "-" SPAN "-00", sizeof text);
}

Test(trace_context, of_the_flags_only_sampled_counts)
{
    char text[WOK__TRACEPARENT_SIZE];

    cr_assert(parse("00-" TRACE "-" SPAN "-ff"));
    wok__traceparent_format(&context, text);
    cr_assert_arr_eq(text, GOOD, sizeof text);
    cr_assert(parse("00-" TRACE "-" SPAN "-fe"));
    cr_assert(!context.sampled);
}

Test(trace_context, what_is_malformed_is_ignored)
{
    static const char *const bad[] = {
        "",
        "00",
        "00-" TRACE "-" SPAN "-0",
        "00-" TRACE "-" SPAN "-",
        "00-" TRACE "-" SPAN "-001",
        "00-" TRACE "-" SPAN "-01-",
        "00-" TRACE "-" SPAN "-01-more",
        "00-" TRACE "-" SPAN "-01 ",
        " 00-" TRACE "-" SPAN "-01",
        "0-" TRACE "-" SPAN "-01x",
        "000-" TRACE "-" SPAN "-1",
        "ff-" TRACE "-" SPAN "-01",
        "ff-" TRACE "-" SPAN "-01-more",
        "0x-" TRACE "-" SPAN "-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01",
        "00-" TRACE "-B7AD6B7169203331-01",
        "00-" TRACE "-" SPAN "-0A",
        "00-" TRACE "-" SPAN "-.1",
        "00-0af7651916cd43dd8448eb211c80319-" SPAN "-01x",
        "00-0af7651916cd43dd8448eb211c80319g-" SPAN "-01",
        "00-" TRACE "-b7ad6b716920333.-01",
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "cc-" TRACE "-" SPAN "-01.what",
        "01-" TRACE "-" SPAN "-0",
    };

    for (size_t i = 0; i < WOK_COUNT(bad); i++)
        cr_assert(!parse(bad[i]), "%s", bad[i]);
}

Test(trace_context, a_later_version_may_say_more_behind_a_dash)
{
    cr_assert(parse("01-" TRACE "-" SPAN "-01"));
    cr_assert(parse("cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like"));
    cr_assert(parse("fe-" TRACE "-" SPAN "-01-"));
    cr_assert(context.sampled);
}

/* A reader of its own: by the grammar, one character after the other. */
static bool is_hex(char c)
{
    return c != '\0' && strchr("0123456789abcdef", c) != NULL;
}

static bool model(const char *text, size_t size)
{
    static const char shape[] = "hh-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
    bool later;

    if (size < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] == 'h' ? !is_hex(text[i]) : text[i] != '-')
            return false;
    }
    later = memcmp(text, "00", 2) != 0;
    if (memcmp(text, "ff", 2) == 0 || strspn(text + 3, "0") == 32 || strspn(text + 36, "0") == 16)
        return false;
    return size == sizeof shape - 1 || (later && text[55] == '-');
}

Test(trace_context, random_damage_is_judged_as_by_the_grammar)
{
    static const char letters[] = "0123456789abcdefABCDEFg-_ .\xff";
    struct http_test_rand rand = http_test_rand();
    unsigned taken = 0;

    for (int round = 0; round < 200000; round++) {
        char text[80] = GOOD;
        size_t size = 55 + (http_test_below(&rand, 3) == 0 ? http_test_below(&rand, 10) : 0);
        for (size_t at = 55; at < size; at++)
            text[at] = letters[http_test_below(&rand, sizeof letters - 1)];
        for (unsigned damage = (unsigned)http_test_below(&rand, 4); damage > 0; damage--)
            text[http_test_below(&rand, size)] =
                letters[http_test_below(&rand, sizeof letters - 1)];
        if (http_test_below(&rand, 20) == 0)
            memset(text + 3, '0', 32);
        if (http_test_below(&rand, 20) == 0)
            memset(text + 36, '0', 16);
        if (http_test_below(&rand, 10) == 0)
            memcpy(text, http_test_below(&rand, 2) ? "ff" : "01", 2);
        if (http_test_below(&rand, 10) == 0)
            size = http_test_below(&rand, size);
        text[size] = '\0';
        cr_assert_eq(wok__traceparent_parse((wok_slice){text, size}, &context), model(text, size),
                     "%s", text);
        taken += model(text, size);
    }
    cr_assert_gt(taken, 10000u); /* the test tries both sides */
}

/* ---- headers of a request ------------------------------------------------------------------------- */

static const char *state(void)
{
    static char text[WOK__TRACESTATE_MAX + 1];

    text[wok__tracestate_join(&request, text)] = '\0';
    return text;
}

Test(trace_context, a_second_traceparent_makes_both_invalid)
{
    begin_request();
    cr_assert(!wok__trace_of_request(&request, &context));
    add("TraceParent", GOOD);
    cr_assert(wok__trace_of_request(&request, &context));
    add("traceparent", GOOD);
    cr_assert(!wok__trace_of_request(&request, &context));
}

Test(trace_context, tracestates_are_joined_in_their_order)
{
    begin_request();
    cr_assert_str_eq(state(), "");
    add("tracestate", "a=1, b=2");
    add("Tracestate", "");
    add("TRACESTATE", " ,c=3 ");
    cr_assert_str_eq(state(), "a=1,b=2,c=3");
}

Test(trace_context, a_tracestate_beyond_its_limits_is_dropped_whole)
{
    char value[600];

    memset(value, 'x', sizeof value);
    value[512] = '\0';
    begin_request();
    add("tracestate", value);
    cr_assert_eq(strlen(state()), 512u);
    add("tracestate", "b");
    cr_assert_str_eq(state(), "");
    begin_request();
    for (int i = 0; i < 32; i++)
        add("tracestate", "m=1");
    cr_assert_eq(strlen(state()), 32u * 4 - 1);
    add("tracestate", "m=1");
    cr_assert_str_eq(state(), "");
    begin_request();
    add("tracestate", "a=\xc3\xa4");
    cr_assert_str_eq(state(), "");
}
