/* Tests of how the query's parameters are read and refused. */
#include "params.h"

#include <stdio.h>
#include <stdlib.h>

#include "aggregate.h"
#include "fake_exchange.h"
#include "handlers.h"
#include "support/test.h"

static wok_http_exchange fake;

/* The handler answers without waiting: `status`, and a sentence with `words` in it. */
static void refuses(wok_http_handler handler, const char *target, int status, const char *words)
{
    fake_get(&fake, target);
    handler(&fake);
    cr_assert_eq(fake.status, status, "%s: %d %s", target, fake.status,
                 fake.detail != NULL ? fake.detail : fake.body);
    cr_assert_eq(fake.problems, 1, "%s", target);
    cr_assert_not_null(strstr(fake.detail, words), "%s: %s", target, fake.detail);
    cr_assert_eq(fake.detail[strlen(fake.detail) - 1], '.', "%s", fake.detail);
    fake_done(&fake);
}

Test(params, every_refusal_of_aggregate_names_what_is_wrong)
{
    static const struct {
        const char *query;
        int status;
        const char *words;
    } cases[] = {
        {"sources=a:1", 400,
         "no parameter \"sources\" here; there is source, mode, timeout_ms or "
         "require"},
        {"Mode=join", 400, "\"Mode\""},
        {"=5", 400, "no parameter \"\""},
        {"mode", 400, "\"mode\" has no value"},
        {"mode=", 422, "\"mode\" must be spawn, join or sequential, not \"\""},
        {"mode=fork", 422, "\"mode\" must be spawn, join or sequential, not \"fork\""},
        {"mode=SPAWN", 422, "\"mode\""},
        {"mode=join&mode=join", 400, "\"mode\" is given more than once"},
        {"timeout_ms=", 400, "\"timeout_ms\" must be a whole number from 1 to 60000, not \"\""},
        {"timeout_ms=abc", 400, "\"timeout_ms\""},
        {"timeout_ms=1.5", 400, "\"timeout_ms\""},
        {"timeout_ms=1e3", 400, "\"timeout_ms\""},
        {"timeout_ms=+5", 400, "\"timeout_ms\""},
        {"timeout_ms=0x10", 400, "\"timeout_ms\""},
        {"timeout_ms=-", 400, "\"timeout_ms\""},
        {"timeout_ms=0", 422, "\"timeout_ms\" must be a whole number from 1 to 60000, not \"0\""},
        {"timeout_ms=-1", 422, "\"timeout_ms\""},
        {"timeout_ms=60001", 422, "\"timeout_ms\""},
        {"timeout_ms=4294967297", 422, "\"timeout_ms\""}, /* 1 modulo 2^32 */
        {"timeout_ms=18446744073709551617", 422, "\"timeout_ms\""},
        {"timeout_ms=1&timeout_ms=1", 400, "\"timeout_ms\" is given more than once"},
        {"require=", 422, "\"require\" must be all, any, none or a whole number from 1 to the"},
        {"require=most", 422, "\"require\""},
        {"require=0", 422, "\"require\""},
        {"require=-1", 422, "\"require\""},
        {"require=3", 422, "\"require\" asks for 3 successes of 2 sources"}, /* of the example */
        {"require=1001&source=a:0", 422, "from 1 to 1"},
        {"require=all&require=all", 400, "\"require\" is given more than once"},
        {"source", 400, "\"source\" has no value"},
        {"source=", 400, "\"source\" must be NAME:DELAY_MS or NAME:DELAY_MS:OUTCOME"},
        {"source=Database", 400, "not \"Database\""},
        {"source=Database:", 400, "\"source\""},
        {"source=Database:soon", 400, "\"source\""},
        {"source=Database:1.5", 400, "\"source\""},
        {"source=a:b:c", 400, "not \"a:b:c\""},
        {"source=a:-1", 422,
         "DELAY_MS in the parameter \"source=a:-1\" must be a whole number "
         "from 0 to 60000, not \"-1\""},
        {"source=a:60001", 422, "DELAY_MS"},
        {"source=a:99999999999999999999", 422, "DELAY_MS"},
        {"source=a:60001:ok", 422, "DELAY_MS"},
        {"source=a:1:maybe", 422,
         "OUTCOME in the parameter \"source=a:1:maybe\" must be ok, error, "
         "panic or hang, not \"maybe\""},
        {"source=a:1:", 422, "OUTCOME"},
        {"source=:1", 422, "NAME in the parameter \"source=:1\" must be 1 to 128 bytes"},
        {"source=%07:1", 422, "NAME"},
        {"source=%7F:1", 422, "NAME"},
        {"source=%C2%85:1", 422, "NAME"},
        {"source=%FF:1", 400, "NAME"},
        {"source=%C0%AF:1", 400, "NAME"},
        {"source=%00:1", 400, "\"source=%00:1\" has a '%'"},
        {"source=%zz:1", 400, "'%'"},
        {"source=%4", 400, "'%'"},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        char target[300];
        snprintf(target, sizeof target, "/aggregate?%s", cases[i].query);
        refuses(wok__handle_aggregate_get, target, cases[i].status, cases[i].words);
    }
}

Test(params, every_refusal_of_fetch_and_sleep_names_what_is_wrong)
{
    refuses(wok__handle_fetch, "/fetch", 400, "\"source\" is missing");
    refuses(wok__handle_fetch, "/fetch?delay_ms=5", 400, "\"source\" is missing");
    refuses(wok__handle_fetch, "/fetch?source=", 422, "\"source\"");
    refuses(wok__handle_fetch, "/fetch?source=a&source=b", 400, "\"source\" is given more");
    refuses(wok__handle_fetch, "/fetch?source=a&delay_ms=x", 400, "\"delay_ms\"");
    refuses(wok__handle_fetch, "/fetch?source=a&delay_ms=60001", 422, "from 0 to 60000");
    refuses(wok__handle_fetch, "/fetch?source=a&outcome=fine", 422, "\"outcome\"");
    refuses(wok__handle_fetch, "/fetch?source=a&timeout_ms=0", 422, "\"timeout_ms\"");
    refuses(wok__handle_fetch, "/fetch?source=a&mode=join", 400, "no parameter \"mode\"");

    refuses(wok__handle_sleep, "/sleep", 400, "\"ms\" is missing");
    refuses(wok__handle_sleep, "/sleep?on=task", 400, "\"ms\" is missing");
    refuses(wok__handle_sleep, "/sleep?ms=", 400, "\"ms\"");
    refuses(wok__handle_sleep, "/sleep?ms=60001", 422, "from 0 to 60000");
    refuses(wok__handle_sleep, "/sleep?ms=-1", 422, "\"ms\"");
    refuses(wok__handle_sleep, "/sleep?ms=1&ms=1", 400, "\"ms\" is given more");
    refuses(wok__handle_sleep, "/sleep?ms=1&on=thread", 422, "task, pool or worker");
    refuses(wok__handle_sleep, "/sleep?ms=1&at=task", 400, "no parameter \"at\"");
}

Test(params, a_demonstration_that_is_off_says_how_to_switch_it_on)
{
    refuses(wok__handle_sleep, "/sleep?ms=1&on=worker", 404, "--demo");
    refuses(wok__handle_sleep, "/sleep?on=worker&ms=1", 404, "WOK_DEMO=on");
}

Test(params, quotes_only_the_beginning_of_what_is_long)
{
    char target[2000] = "/aggregate?mode=";
    memset(target + strlen(target), 'x', 1500);
    refuses(wok__handle_aggregate_get, target, 422, "xxx...\"");
    fake_get(&fake, target);
    wok__handle_aggregate_get(&fake);
    cr_assert_lt(strlen(fake.detail), 200);
    fake_done(&fake);
}

/* Reads a query and gives the request; the caller ends it. */
static void reads(const char *target, struct wok__aggregate *aggregate)
{
    fake_get(&fake, target);
    wok__aggregate_init(aggregate);
    cr_assert(wok__aggregate_from_query(&fake, aggregate), "%s: %s", target, fake.detail);
}

static void is_source(const struct wok__source *source, const char *name, unsigned delay_ms,
                      enum wok__outcome outcome)
{
    cr_assert(wok_slice_equal(source->name, wok_slice_of(name)), "%.*s", (int)source->name.size,
              source->name.data);
    cr_assert_eq(source->delay_ms, delay_ms);
    cr_assert_eq(source->outcome, outcome);
}

Test(params, a_source_is_split_from_the_right)
{
    static const struct {
        const char *target, *name;
        unsigned delay_ms;
        enum wok__outcome outcome;
    } cases[] = {
        {"/?source=Database:300", "Database", 300, WOK__OUTCOME_OK},
        {"/?source=API+Server:500:ok", "API Server", 500, WOK__OUTCOME_OK},
        {"/?source=API%20Server:0:error", "API Server", 0, WOK__OUTCOME_ERROR},
        {"/?source=a%3A5:60000:panic", "a:5", 60000, WOK__OUTCOME_PANIC},
        {"/?source=http://db:80:1:hang", "http://db:80", 1, WOK__OUTCOME_HANG},
        {"/?source=a:b:007", "a:b", 7, WOK__OUTCOME_OK},
        {"/?source=a:1:2", "a:1", 2, WOK__OUTCOME_OK},
        {"/?source=a:ok:2", "a:ok", 2, WOK__OUTCOME_OK},
        {"/?source=::2", ":", 2, WOK__OUTCOME_OK},
        {"/?source=%C3%A9%F0%9F%8D%B3:2", "\xc3\xa9\xf0\x9f\x8d\xb3", 2, WOK__OUTCOME_OK},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        struct wok__aggregate aggregate;
        reads(cases[i].target, &aggregate);
        cr_assert_eq(aggregate.count, 1);
        is_source(&aggregate.sources[0], cases[i].name, cases[i].delay_ms, cases[i].outcome);
        wok__aggregate_done(&aggregate);
    }
}

Test(params, without_a_source_it_is_the_example)
{
    struct wok__aggregate aggregate;
    reads("/aggregate", &aggregate);
    cr_assert_eq(aggregate.count, 2);
    is_source(&aggregate.sources[0], "API Server", 500, WOK__OUTCOME_OK);
    is_source(&aggregate.sources[1], "Database", 300, WOK__OUTCOME_OK);
    cr_assert_eq(aggregate.mode, WOK__MODE_SPAWN);
    cr_assert_eq(aggregate.require.kind, WOK__REQUIRE_ALL);
    cr_assert_eq(aggregate.timeout_ms, 30000);
    wok__aggregate_done(&aggregate);
}

Test(params, every_edge_is_accepted)
{
    struct wok__aggregate aggregate;
    char target[400];
    char name[WOK__NAME_BYTES_MAX + 1];

    reads("/?&&timeout_ms=60000&mode=sequential&&require=2&", &aggregate);
    cr_assert_eq(aggregate.timeout_ms, 60000);
    cr_assert_eq(aggregate.mode, WOK__MODE_SEQUENTIAL);
    cr_assert_eq(aggregate.require.kind, WOK__REQUIRE_K);
    cr_assert_eq(aggregate.require.k, 2);
    wok__aggregate_done(&aggregate);

    reads("/?timeout_ms=1&require=any&mode=join", &aggregate);
    cr_assert_eq(aggregate.timeout_ms, 1);
    cr_assert_eq(aggregate.require.kind, WOK__REQUIRE_ANY);
    cr_assert_eq(aggregate.mode, WOK__MODE_JOIN);
    wok__aggregate_done(&aggregate);

    memset(name, 'n', WOK__NAME_BYTES_MAX);
    name[WOK__NAME_BYTES_MAX] = '\0';
    snprintf(target, sizeof target, "/?source=%s:0", name);
    reads(target, &aggregate);
    is_source(&aggregate.sources[0], name, 0, WOK__OUTCOME_OK);
    wok__aggregate_done(&aggregate);

    snprintf(target, sizeof target, "/?source=%sn:0", name);
    refuses(wok__handle_aggregate_get, target, 422, "1 to 128 bytes");
}

/* Makes a query with `count` short sources, by hand: it is longer than printf likes. */
static char *many_sources(size_t count, const char *source)
{
    size_t size = strlen(source);
    char *target = malloc(2 + count * (size + 1) + 1);
    cr_assert_not_null(target);
    strcpy(target, "/?");
    for (size_t i = 0; i < count; i++) {
        memcpy(target + 2 + i * (size + 1), source, size);
        target[2 + i * (size + 1) + size] = '&';
    }
    target[2 + count * (size + 1)] = '\0';
    return target;
}

Test(params, a_few_sources_need_no_memory_and_many_need_one_block)
{
    static const struct {
        size_t count;
        const char *source;
        bool block;
    } cases[] = {
        {8, "source=a:0", false},
        {9, "source=a:0", true},
        {3, "source=a+b+c:0", false},
        {8, "source=%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9:0", true}, /* the names would not fit */
        {500, "source=a:0", true},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        struct wok__aggregate aggregate;
        char *target = many_sources(cases[i].count, cases[i].source);
        reads(target, &aggregate);
        cr_assert_eq(aggregate.count, cases[i].count);
        cr_assert_eq(aggregate.block != NULL, cases[i].block, "case %zu", i);
        wok__aggregate_done(&aggregate);
        free(target);
    }
}

/* A target of 8,192 bytes cannot hold so many, but a server may allow longer ones. */
Test(params, more_than_a_thousand_sources_are_refused)
{
    static char head[16000];
    char *target = many_sources(1001, "source=a:0");
    struct wok__aggregate aggregate;

    strcpy(head, target);
    free(target);
    for (size_t cut = 0; cut < 2; cut++) { /* first 1,001, then 1,000 */
        fake_get(&fake, "/aggregate");
        fake.request.query = (wok_slice){head + 2, strlen(head) - 2 - cut * 11};
        wok__aggregate_init(&aggregate);
        cr_assert_eq(wok__aggregate_from_query(&fake, &aggregate), cut == 1);
        cr_assert_eq(fake.status, cut == 1 ? 0 : 422);
        cr_assert_eq(aggregate.count, 1000);
        wok__aggregate_done(&aggregate);
        fake_done(&fake);
    }
}
