/*
 * Tests of Server-Timing and of what goes along with a fetch.
 */
#include "timing.h"

#include <string.h>

#include "aggregate.h"
#include "fake_exchange.h"
#include "handlers.h"
#include "support/wok_test.h"

static wok_http_exchange fake;

static const char *timing_of(size_t count, const char *name, wok_duration total)
{
    static struct wok__source sources[100];

    fake_done(&fake);
    fake_get(&fake, "/aggregate");
    for (size_t i = 0; i < count; i++)
        sources[i] = (struct wok__source){
            .name = wok_slice_of(name), .elapsed = wok_us(1002), .asked = true};
    wok__timing_put(&fake, total, sources, count);
    return fake.timing;
}

Test(timing, names_each_fetch_and_its_milliseconds)
{
    cr_assert_str_eq(timing_of(2, "db", wok_us(2500003)),
                     "total;dur=2500.003, db;dur=1.002, db;dur=1.002");
    cr_assert_str_eq(timing_of(1, "db", wok_ns(0)), "db;dur=1.002");
    cr_assert_null(timing_of(0, "db", wok_ns(0)));
    fake_done(&fake);
}

Test(timing, makes_a_token_of_any_name)
{
    cr_assert_str_eq(timing_of(1, "API Server", wok_ns(0)), "API_Server;dur=1.002");
    cr_assert_str_eq(timing_of(1, "a;dur=9, b", wok_ns(0)), "a_dur_9_b;dur=1.002");
    cr_assert_str_eq(timing_of(1, "\xe2\x82\xac\r\nX: y", wok_ns(0)), "_X_y;dur=1.002");
    cr_assert_str_eq(timing_of(1, "0123456789012345678901234567890123456789", wok_ns(0)),
                     "01234567890123456789012345678901;dur=1.002");
    fake_done(&fake);
}

Test(timing, tells_of_sixteen_fetches_and_how_many_more_there_were)
{
    const char *last;

    cr_assert_null(strstr(timing_of(16, "a", wok_ms(1)), "more"));
    last = strstr(timing_of(99, "01234567890123456789012345678901", wok_ms(60000)), ", more");
    cr_assert_not_null(last);
    cr_assert_str_eq(last, ", more;desc=\"83\"");
    cr_assert_lt(strlen(fake.timing), 1024u);
    fake_done(&fake);
}

WOK_TEST(timing, is_answered_by_both_handlers)
{
    fake_get(&fake, "/aggregate?source=a:300&source=b%20c:200");
    wok__handle_aggregate_get(&fake);
    cr_assert_str_eq(fake.timing, "total;dur=300.000, a;dur=300.000, b_c;dur=200.000");
    fake_done(&fake);
    fake_get(&fake, "/fetch?source=x&delay_ms=7");
    wok__handle_fetch(&fake);
    cr_assert_str_eq(fake.timing, "x;dur=7.000");
    fake_done(&fake);
}

/* Those that were not asked have taken no time: sequential mode stops when it has enough. */
WOK_TEST(timing, leaves_out_what_was_not_asked)
{
    fake_get(&fake, "/aggregate?source=a:3&source=b:2&mode=sequential&require=any");
    wok__handle_aggregate_get(&fake);
    cr_assert_str_eq(fake.timing, "total;dur=3.000, a;dur=3.000");
    fake_done(&fake);
}

Test(timing, every_source_is_asked_as_a_part_of_the_requests_trace)
{
    struct wok__aggregate aggregate;

    wok__aggregate_init(&aggregate);
    fake_get(&fake, "/aggregate?source=a:3&source=b:2");
    cr_assert(wok__aggregate_from_query(&fake, &aggregate));
    wok__aggregate_trace(&fake, &aggregate);
    for (size_t i = 0; i < 2; i++) {
        const wok_http_trace *trace = aggregate.sources[i].trace;
        cr_assert_not_null(trace);
        cr_assert_str_eq(trace->traceparent, FAKE_TRACEPARENT);
        cr_assert(wok_slice_equal(trace->tracestate, WOK_SLICE("vendor=1")));
    }
    wok__aggregate_done(&aggregate);
    fake_done(&fake);
}
