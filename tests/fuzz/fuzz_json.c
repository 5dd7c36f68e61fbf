/*
 * fuzz_json.c - bodies of POST /aggregate: refused in words, or the same request when it is written again.
 *
 * Input: one byte that chooses how much the request may hold, then the body.
 */
#include "fuzz.h"

#include "aggregate.h"
#include "body.h"
#include "json.h"
#include "handlers/fake_exchange.h"

enum { BYTES_MAX = 8192 };

static void put_source(struct wok__json *json, const struct wok__source *source)
{
    wok__json_open(json, '{');
    wok__json_key(json, "name");
    wok__json_string(json, source->name);
    wok__json_key(json, "delay_ms");
    wok__json_number(json, source->delay_ms);
    wok__json_key(json, "outcome");
    wok__json_string(json, wok_slice_of(wok__outcome_words[source->outcome]));
    wok__json_close(json, '}');
}

/* The whole request, with every member. */
static void write_again(wok_http_exchange *out, const struct wok__aggregate *aggregate)
{
    static const char *const words[] = {
        [WOK__REQUIRE_ALL] = "all", [WOK__REQUIRE_ANY] = "any", [WOK__REQUIRE_NONE] = "none"};
    struct wok__json json = wok__json_begin(out);

    wok__json_open(&json, '{');
    wok__json_key(&json, "mode");
    wok__json_string(&json, wok_slice_of(wok__mode_words[aggregate->mode]));
    wok__json_key(&json, "timeout_ms");
    wok__json_number(&json, aggregate->timeout_ms);
    wok__json_key(&json, "require");
    if (aggregate->require.kind == WOK__REQUIRE_K)
        wok__json_number(&json, aggregate->require.k);
    else
        wok__json_string(&json, wok_slice_of(words[aggregate->require.kind]));
    wok__json_key(&json, "sources");
    wok__json_open(&json, '[');
    for (size_t i = 0; i < aggregate->count; i++)
        put_source(&json, &aggregate->sources[i]);
    wok__json_close(&json, ']');
    wok__json_close(&json, '}');
    wok__json_end(&json);
}

static void same(const struct wok__aggregate *a, const struct wok__aggregate *b)
{
    FUZZ_CHECK(a->mode == b->mode && a->timeout_ms == b->timeout_ms &&
                   a->require.kind == b->require.kind && a->count == b->count,
               "a member changes");
    FUZZ_CHECK(a->require.kind != WOK__REQUIRE_K || a->require.k == b->require.k, "k changes");
    for (size_t i = 0; i < a->count; i++) {
        const struct wok__source *first = &a->sources[i], *second = &b->sources[i];
        FUZZ_CHECK(wok_slice_equal(first->name, second->name) &&
                       first->delay_ms == second->delay_ms && first->outcome == second->outcome,
                   "source %zu changes", i);
    }
}

static void check_taken(const struct wok__aggregate *aggregate)
{
    static wok_http_exchange out, again;
    struct wok__aggregate second;

    FUZZ_CHECK(aggregate->count >= 1 && aggregate->count <= aggregate->max, "%zu sources",
               aggregate->count);
    for (size_t i = 0; i < aggregate->count; i++) {
        wok_slice name = aggregate->sources[i].name;
        FUZZ_CHECK(name.size >= 1 && name.size <= WOK__NAME_BYTES_MAX, "a name of %zu bytes",
                   name.size);
        FUZZ_CHECK(aggregate->sources[i].delay_ms <= 60000, "a long delay");
    }
    memset(&out, 0, offsetof(wok_http_exchange, head));
    write_again(&out, aggregate);
    fake_post(&again, "/aggregate", "application/json", (wok_slice){out.body, out.size});
    wok__aggregate_init(&second);
    FUZZ_CHECK(wok__aggregate_from_body(&again, &second), "%s: %s", out.body, again.detail);
    same(aggregate, &second);
    wok__aggregate_done(&second);
    fake_done(&again);
    fake_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wok_http_exchange fake;
    struct fuzz_input input = {data, size};
    struct wok__aggregate aggregate;
    bool tight = fuzz_byte(&input) & 1;

    if (input.size > BYTES_MAX)
        return 0;
    fake_post(&fake, "/aggregate", "application/json",
              (wok_slice){(const char *)input.data, input.size});
    fake.memory_max = tight ? 6000 : 0;
    wok__aggregate_init(&aggregate);
    if (wok__aggregate_from_body(&fake, &aggregate)) {
        FUZZ_CHECK(fake.status == 0, "taken, and answered with %d", fake.status);
        check_taken(&aggregate);
    } else {
        FUZZ_CHECK(fake.problems == 1 &&
                       (fake.status == 400 || fake.status == 422 || (fake.status == 413 && tight)),
                   "%u problems, status %d", fake.problems, fake.status);
        FUZZ_CHECK(strlen(fake.detail) > 10, "%s", fake.detail);
    }
    wok__aggregate_done(&aggregate);
    fake_done(&fake);
    return 0;
}
