/* Tests of how JSON bodies are read and refused. */
#include "body.h"
#include "tree_memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "aggregate.h"
#include "fake_exchange.h"
#include "handlers.h"
#include "server/http/http_test.h"
#include "support/test.h"

static wok_http_exchange fake;

/* POST /aggregate answers without waiting: `status`, and a sentence with `words` in it. */
static void refuses(const char *type, const char *body, int status, const char *words)
{
    fake_post(&fake, "/aggregate", type, wok_slice_of(body));
    wok__handle_aggregate_post(&fake);
    cr_assert_eq(fake.status, status, "%.200s: %d %s", body, fake.status,
                 fake.detail != NULL ? fake.detail : fake.body);
    cr_assert_eq(fake.problems, 1, "%.200s", body);
    cr_assert_not_null(strstr(fake.detail, words), "%.200s: %s", body, fake.detail);
    cr_assert_eq(fake.detail[strlen(fake.detail) - 1], '.', "%s", fake.detail);
    fake_done(&fake);
}

Test(body, every_refusal_names_what_is_wrong)
{
    static const struct {
        const char *body;
        int status;
        const char *words;
    } cases[] = {
        {"", 400, "empty"},
        {" ", 400, "not valid JSON"},
        {"{", 400, "line 1, column 1"},
        {"{\"mode\": \"spawn\",}", 400, "not valid JSON"},
        {"{} {}", 400, "not valid JSON"},
        {"{}x", 400, "not valid JSON"},
        {"{\"mode\": \"join\", \"mode\": \"join\"}", 400, "duplicate object key"},
        {"{\"mode\": \"\xff\"}", 400, "not valid JSON"},
        {"{\"mode\": \"\\u0000\"}", 400, "not valid JSON"},
        {"{\"mode\": 'join'}", 400, "not valid JSON"},
        {"[]", 400, "must be a JSON object"},
        {"\"mode\"", 400, "not valid JSON"}, /* only arrays and objects are documents here */
        {"{\"timeout_ms\": 99999999999999999999}", 422, "number beyond 64 bits"},
        {"{\"moed\": \"join\"}", 400,
         "no member \"moed\" here; there is mode, timeout_ms, require or sources"},
        {"{\"mode\": 1}", 400, "\"mode\" must be spawn, join or sequential"},
        {"{\"mode\": null}", 400, "\"mode\""},
        {"{\"mode\": \"fork\"}", 422, "\"mode\" must be spawn, join or sequential, not \"fork\""},
        {"{\"timeout_ms\": \"5\"}", 400, "\"timeout_ms\" must be a whole number from 1 to 60000"},
        {"{\"timeout_ms\": 1.5}", 400, "\"timeout_ms\""},
        {"{\"timeout_ms\": 1.0}", 400, "\"timeout_ms\""},
        {"{\"timeout_ms\": true}", 400, "\"timeout_ms\""},
        {"{\"timeout_ms\": 0}", 422,
         "\"timeout_ms\" must be a whole number from 1 to 60000, not "
         "\"0\""},
        {"{\"timeout_ms\": 60001}", 422, "\"timeout_ms\""},
        {"{\"timeout_ms\": -1}", 422, "\"timeout_ms\""},
        {"{\"timeout_ms\": 4294967297}", 422, "\"timeout_ms\""},
        {"{\"require\": \"most\"}", 422, "\"require\""},
        {"{\"require\": 0}", 422, "\"require\" must be a whole number from 1 to 1000"},
        {"{\"require\": 1001}", 422, "\"require\""},
        {"{\"require\": 1.5}", 400, "\"require\""},
        {"{\"require\": []}", 400, "\"require\""},
        {"{\"require\": 3}", 422, "\"require\" asks for 3 successes of 2 sources"},
        {"{\"require\": 2, \"sources\": [{\"name\": \"a\"}]}", 422, "2 successes of 1 sources"},
        {"{\"sources\": {}}", 400, "\"sources\" must be an array"},
        {"{\"sources\": []}", 422, "\"sources\" must have 1 to 1000 elements, not 0"},
        {"{\"sources\": [1]}", 400, "sources[0] must be an object"},
        {"{\"sources\": [{}]}", 400, "\"sources[0].name\" is missing"},
        {"{\"sources\": [{\"name\": \"a\"}, {\"name\": 5}]}", 400,
         "\"sources[1].name\" must be a "
         "string"},
        {"{\"sources\": [{\"name\": \"\"}]}", 422, "\"sources[0].name\" must be 1 to 128 bytes"},
        {"{\"sources\": [{\"name\": \"a\\n\"}]}", 422, "\"sources[0].name\""},
        {"{\"sources\": [{\"name\": \"a\", \"delay\": 1}]}", 400,
         "no member \"delay\" in sources[0]; there is name, delay_ms or outcome"},
        {"{\"sources\": [{\"name\": \"a\", \"delay_ms\": \"1\"}]}", 400, "\"sources[0].delay_ms\""},
        {"{\"sources\": [{\"name\": \"a\", \"delay_ms\": 1.5}]}", 400, "\"sources[0].delay_ms\""},
        {"{\"sources\": [{\"name\": \"a\", \"delay_ms\": -1}]}", 422,
         "from 0 to 60000, not \"-1\""},
        {"{\"sources\": [{\"name\": \"a\", \"delay_ms\": 60001}]}", 422, "\"sources[0].delay_ms\""},
        {"{\"sources\": [{\"name\": \"a\", \"outcome\": \"fine\"}]}", 422,
         "\"sources[0].outcome\" must be ok, error, panic or hang, not \"fine\""},
        {"{\"sources\": [{\"name\": \"a\", \"outcome\": 0}]}", 400, "\"sources[0].outcome\""},
    };
    for (size_t i = 0; i < WOK_COUNT(cases); i++)
        refuses("application/json", cases[i].body, cases[i].status, cases[i].words);
}

Test(body, the_content_type_must_say_json)
{
    static const char *const refused[] = {NULL,
                                          "",
                                          "text/plain",
                                          "application/jsonp",
                                          "application/x-www-form-urlencoded",
                                          "application/+json",
                                          "text/x+json",
                                          "json",
                                          "application/json, text/plain"};
    static const char *const accepted[] = {
        "application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json ;charset=utf-8", "application/vnd.wok.request+json"};

    for (size_t i = 0; i < WOK_COUNT(refused); i++)
        refuses(refused[i], "{}", 415, "Content-Type: application/json");
    for (size_t i = 0; i < WOK_COUNT(accepted); i++)
        refuses(accepted[i], "[]", 400, "must be a JSON object");
    refuses(NULL, "", 400, "empty");
}

Test(body, a_post_takes_no_query)
{
    fake_post(&fake, "/aggregate?mode=join", "application/json", WOK_SLICE("{}"));
    wok__handle_aggregate_post(&fake);
    cr_assert_eq(fake.status, 400);
    cr_assert_str_eq(
        fake.detail,
        "There is no parameter \"mode\" here; POST takes them as members of its JSON body.");
    fake_done(&fake);
}

/* `depth` arrays in an object's member. */
static char *nested(size_t depth)
{
    char *text = malloc(2 * depth + 32);
    cr_assert_not_null(text);
    strcpy(text, "{\"deep\": ");
    size_t size = strlen(text);
    memset(text + size, '[', depth);
    memset(text + size + depth, ']', depth);
    strcpy(text + size + 2 * depth, "}");
    return text;
}

Test(body, nesting_beyond_32_levels_does_not_reach_the_parser)
{
    static const size_t too_deep[] = {32, 100, 2047, 2048, 100000, 500000};
    char *text = nested(31); /* the object is one level more */
    refuses("application/json", text, 400, "no member \"deep\"");
    free(text);

    for (size_t i = 0; i < WOK_COUNT(too_deep); i++) {
        text = nested(too_deep[i]);
        refuses("application/json", text, 400, "deeper than 32 levels");
        free(text);
    }
    for (size_t depth = 0; depth < 3; depth++) { /* never closed, and of the other kind */
        text = calloc(1, 100000);
        memset(text, depth == 0 ? '[' : '{', 99999);
        refuses("application/json", text, 400, "deeper than 32 levels");
        free(text);
    }
}

Test(body, brackets_in_strings_are_no_nesting)
{
    cr_assert(wok__nesting_is_within(WOK_SLICE("[\"[[[[\"]"), 1));
    cr_assert(wok__nesting_is_within(WOK_SLICE("[\"\\\"[[[\"]"), 1));
    cr_assert(wok__nesting_is_within(WOK_SLICE("[\"\\\\\", \"[\"]"), 1));
    cr_assert(wok__nesting_is_within(WOK_SLICE("[[], [], {}]"), 2));
    cr_assert_not(wok__nesting_is_within(WOK_SLICE("[\"\\\\\", []]"), 1));
    cr_assert_not(wok__nesting_is_within(WOK_SLICE("[\"\\\\\\\"\", []]"), 1));
    cr_assert(wok__nesting_is_within(WOK_SLICE("]]]]["), 1));
    cr_assert(wok__nesting_is_within(WOK_SLICE("\"\\"), 0));
    cr_assert(wok__nesting_is_within((wok_slice){NULL, 0}, 0));
}

static int depth_of(const json_t *value)
{
    int deepest = 0;
    const char *key;
    size_t index;
    json_t *child;

    if (json_is_array(value)) {
        json_array_foreach(value, index, child) deepest =
            depth_of(child) > deepest ? depth_of(child) : deepest;
        return deepest + 1;
    }
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, child) deepest =
            depth_of(child) > deepest ? depth_of(child) : deepest;
        return deepest + 1;
    }
    return 0;
}

/* Whatever jansson accepts, the scan counts the depth that jansson reached. */
Test(body, the_scan_agrees_with_the_parser)
{
    static const char alphabet[] = "[[[[]]]]{}\"\",,:\\1 ";
    struct http_test_rand rand = http_test_rand();
    unsigned accepted = 0;

    for (int round = 0; round < 1000000; round++) {
        char text[16];
        size_t size = 2 + http_test_below(&rand, 12);
        text[0] = '[';
        for (size_t i = 1; i + 1 < size; i++)
            text[i] = alphabet[http_test_below(&rand, sizeof alphabet - 1)];
        text[size - 1] = ']';
        json_t *json = json_loadb(text, size, 0, NULL);
        if (json == NULL)
            continue;
        unsigned depth = (unsigned)depth_of(json);
        json_decref(json);
        accepted++;
        cr_assert(wok__nesting_is_within((wok_slice){text, size}, depth), "%.*s", (int)size, text);
        cr_assert_not(wok__nesting_is_within((wok_slice){text, size}, depth - 1), "%.*s", (int)size,
                      text);
    }
    cr_assert_gt(accepted, 1000);
}

static char *parser_frame; /* where the parser's frames begin */

static void *parse(void *text)
{
    parser_frame = __builtin_frame_address(0);
    fake_post(&fake, "/aggregate", "application/json", wok_slice_of(text));
    json_t *json = wok__body_parse(&fake);
    cr_assert_not_null(json);
    json_decref(json);
    return NULL;
}

/* The bytes of its stack that a thread touches when it parses. */
static size_t stack_used_by(char *text)
{
    enum { SIZE = 4 * 1024 * 1024, PAINT = 0xa5 };
    static _Alignas(4096) unsigned char stack[SIZE];
    pthread_attr_t attributes;
    pthread_t thread;
    size_t untouched = 0;

    memset(stack, PAINT, SIZE);
    cr_assert_eq(pthread_attr_init(&attributes), 0);
    cr_assert_eq(pthread_attr_setstack(&attributes, stack, SIZE), 0);
    cr_assert_eq(pthread_create(&thread, &attributes, parse, text), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(pthread_attr_destroy(&attributes), 0);
    while (untouched < SIZE && stack[untouched] == PAINT)
        untouched++;
    return (size_t)(parser_frame - (char *)stack) - untouched;
}

/* Tasks have stacks of 64 KiB.  Measured: 4 KiB (jansson 2.14, gcc 12, x86-64). */
Test(body, the_deepest_body_fits_on_a_tasks_stack)
{
    char *text = nested(31);
    size_t used = stack_used_by(text);

    fprintf(stderr, "stack that parsing 32 levels takes: %zu bytes\n", used);
    cr_assert_gt(used, 1024);
    cr_assert_lt(used, 32 * 1024);
    free(text);
}

/* Reads a body; the caller ends the request. */
static void reads(const char *body, struct wok__aggregate *aggregate)
{
    fake_post(&fake, "/aggregate", "application/json", wok_slice_of(body));
    wok__aggregate_init(aggregate);
    cr_assert(wok__aggregate_from_body(&fake, aggregate), "%s: %s", body, fake.detail);
}

Test(body, reads_every_member)
{
    struct wok__aggregate aggregate;

    reads("{}", &aggregate);
    cr_assert_eq(aggregate.count, 2); /* the example */
    cr_assert_eq(aggregate.timeout_ms, 30000);
    wok__aggregate_done(&aggregate);

    reads("{\"sources\": [{\"name\": \"API Server\", \"delay_ms\": 500},"
          " {\"outcome\": \"panic\", \"name\": \"\\u00e9\\\"\"}], \"require\": 2,"
          " \"timeout_ms\": 60000, \"mode\": \"sequential\"}",
          &aggregate);
    cr_assert_eq(aggregate.mode, WOK__MODE_SEQUENTIAL);
    cr_assert_eq(aggregate.require.kind, WOK__REQUIRE_K);
    cr_assert_eq(aggregate.require.k, 2);
    cr_assert_eq(aggregate.timeout_ms, 60000);
    cr_assert_eq(aggregate.count, 2);
    cr_assert(wok_slice_equal(aggregate.sources[0].name, WOK_SLICE("API Server")));
    cr_assert_eq(aggregate.sources[0].delay_ms, 500);
    cr_assert(wok_slice_equal(aggregate.sources[1].name, WOK_SLICE("\xc3\xa9\"")));
    cr_assert_eq(aggregate.sources[1].delay_ms, 0);
    cr_assert_eq(aggregate.sources[1].outcome, WOK__OUTCOME_PANIC);
    cr_assert_null(aggregate.block);
    wok__aggregate_done(&aggregate);
}

/* Makes a body with `count` sources whose names are `name`. */
static char *many_sources(size_t count, const char *name)
{
    char *text = NULL;
    json_t *sources = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(sources, json_pack("{s:s}", "name", name));
    json_t *body = json_pack("{s:o}", "sources", sources);
    size_t size = json_dumpb(body, NULL, 0, 0);
    text = calloc(1, size + 1);
    cr_assert_not_null(text);
    cr_assert_eq(json_dumpb(body, text, size, 0), size);
    json_decref(body);
    return text;
}

Test(body, takes_a_thousand_sources_with_the_longest_names)
{
    char name[WOK__NAME_BYTES_MAX + 2] = {0};
    struct wok__aggregate aggregate;

    memset(name, 'n', WOK__NAME_BYTES_MAX);
    char *text = many_sources(1000, name);
    reads(text, &aggregate);
    cr_assert_eq(aggregate.count, 1000);
    for (size_t i = 0; i < 1000; i++)
        cr_assert(wok_slice_equal(aggregate.sources[i].name, wok_slice_of(name)));
    wok__aggregate_done(&aggregate);
    free(text);

    text = many_sources(1001, "a");
    refuses("application/json", text, 422, "1 to 1000 elements, not 1001");
    free(text);
    name[WOK__NAME_BYTES_MAX] = 'n';
    text = many_sources(1, name);
    refuses("application/json", text, 422, "\"sources[0].name\"");
    free(text);
}

/* ---- what a body may take --------------------------------------------------------------------------- */

/* A megabyte of empty objects: as a tree eighty. */
static char *empty_objects(size_t size)
{
    char *text = malloc(size + 32);
    size_t at = (size_t)sprintf(text, "{\"sources\": [");

    while (at + 3 < size) {
        memcpy(text + at, "{},", 3);
        at += 3;
    }
    strcpy(text + at, "{}]}");
    return text;
}

Test(body, whose_tree_is_larger_than_a_request_may_hold_is_refused)
{
    char *text = empty_objects(1 << 20);

    refuses("application/json", text, 413, "bytes of memory once it is read");
    free(text);
}

/* What used to happen: the parser was given no more memory in the middle of a string, and jansson 2.14 ended the
 * process with an assertion.  Found by fuzz_json. */
Test(body, without_room_for_its_tree_never_reaches_the_parser)
{
    for (size_t memory = 0; memory < 8000; memory += 8) {
        static const char text[] =
            "{\"sources\": [{}, {}, {}, {}, {HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH},"
            "{}, \"\xc3\xa9\xc3\xa9\xc3\xa9\", \x82\x82}, {}";
        fake_post(&fake, "/aggregate", "application/json", wok_slice_of(text));
        fake.memory_max = memory + 1;
        wok__handle_aggregate_post(&fake);
        cr_assert_eq(fake.status, memory < wok__tree_bytes_max(wok_slice_of(text)) - 1 ? 413 : 400);
        fake_done(&fake);
    }
}

static size_t taken, taken_most;

static void *counted_malloc(size_t size)
{
    void *block = malloc(size);

    taken += malloc_usable_size(block) + 8;
    taken_most = taken > taken_most ? taken : taken_most;
    return block;
}

static void counted_free(void *block)
{
    if (block != NULL)
        taken -= malloc_usable_size(block) + 8;
    free(block);
}

static json_malloc_t own_malloc;
static json_free_t own_free;

/* Where that much is taken first, the heap is not asked any more. */
static void fits_into_its_memory(const char *text, size_t size, size_t said)
{
    struct wok__tree_memory *memory = wok__tree_memory_begin(WOK__TREE_MEMORY(said));

    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    wok__tree_memory_end(memory);
    cr_assert_not_null(json);
    cr_assert_eq(wok__tree_memory_spills(), 0, "%.100s: %zu bytes", text, said);
    json_decref(json);
}

/* `times` times one of the pieces in brackets: the tree takes no more than was said, and not far less. */
static size_t takes_at_most(const char *begin, const char *piece, const char *end, size_t times)
{
    char *text = malloc(strlen(begin) + (strlen(piece) + 24) * times + strlen(end) + 1);
    size_t size = (size_t)sprintf(text, "%s", begin);

    for (size_t i = 0; i < times; i++) {
        size += (size_t)sprintf(text + size, i == 0 ? "" : ",");
        size += (size_t)sprintf(text + size, piece, i);
    }
    size += (size_t)sprintf(text + size, "%s", end);
    size_t said = wok__tree_bytes_max((wok_slice){text, size});
    taken = taken_most = 0;
    json_set_alloc_funcs(counted_malloc, counted_free);
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(json, "%.100s", text);
    cr_assert_leq(taken_most, said, "%.100s: %zu bytes, and %zu were said", text, taken_most, said);
    json_decref(json);
    cr_assert_eq(taken, 0);
    json_set_alloc_funcs(own_malloc, own_free);
    fits_into_its_memory(text, size, said);
    free(text);
    return said / (taken_most > 0 ? taken_most : 1);
}

Test(body, takes_no_more_memory_than_is_said_of_it)
{
    static const struct {
        const char *begin, *piece, *end;
    } shapes[] = {
        {"[", "{}", "]"},
        {"[", "[]", "]"},
        {"[", "1", "]"},
        {"[", "1.5", "]"},
        {"[", "\"\"", "]"},
        {"[", "\"a longer string than fits into a small block %zu\"", "]"},
        {"{", "\"%zu\":1", "}"},
        {"{", "\"%zu\":{}", "}"},
        {"{", "\"a name longer than a small block %zu\":\"\\u00e9\"", "}"},
        {"[", "{\"a\":{\"b\":[]}}", "]"},
        {"[", "[[[[[[[[]]]]]]]]", "]"},
        {"{\"a\":\"", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "\"}"},
    };

    json_get_alloc_funcs(&own_malloc, &own_free);
    for (size_t i = 0; i < WOK_COUNT(shapes); i++) {
        /* At powers of two tables and buffers grow, and hold the old one beside the new. */
        for (size_t times = 1; times <= 8192; times *= 2) {
            for (size_t more = 0; more < 2; more++) {
                size_t slack =
                    takes_at_most(shapes[i].begin, shapes[i].piece, shapes[i].end, times + more);
                cr_assert(times < 64 || slack < 16, "%s: it says %zu times too much",
                          shapes[i].piece, slack);
            }
        }
    }
}

static void with_width(size_t fan_out, const char *body)
{
    static struct wok_handlers_context context;

    context.fan_out_max = fan_out;
    fake_post(&fake, "/aggregate", "application/json", wok_slice_of(body));
    fake.context = &context;
    wok__handle_aggregate_post(&fake);
}

#define THREE                                                                                      \
    "{\"mode\": \"join\", \"sources\": [{\"name\": \"a\"}, {\"name\": \"b\"}, {\"name\": \"c\"}]}"

Test(body, that_asks_more_sources_than_one_request_may_is_refused)
{
    with_width(2, THREE);
    cr_assert_eq(fake.status, 422);
    cr_assert_not_null(strstr(fake.detail, "1 to 2 elements, not 3"), "%s", fake.detail);
    fake_done(&fake);
    fake_get(&fake, "/aggregate?source=a:0&source=b:0&source=c:0");
    fake.context = &(struct wok_handlers_context){.fan_out_max = 2};
    wok__handle_aggregate_get(&fake);
    cr_assert_eq(fake.status, 422);
    cr_assert_not_null(strstr(fake.detail, "1 to 2 times"), "%s", fake.detail);
    fake_done(&fake);
}

Test(body, and_query_may_ask_as_many_sources_as_the_request_may_hold)
{
    char target[512] = "/aggregate?mode=join&source=a:0";

    for (int i = 1; i < 16; i++)
        strcat(target, "&source=a:0");
    fake_get(&fake, target);
    fake.memory_max = 5000;
    wok__handle_aggregate_get(&fake);
    cr_assert_eq(fake.status, 422, "%d %s", fake.status, fake.detail);
    cr_assert_not_null(strstr(fake.detail, "Asking 16 sources takes"), "%s", fake.detail);
    cr_assert_eq(fake.held, 0);
    fake_done(&fake);
}
