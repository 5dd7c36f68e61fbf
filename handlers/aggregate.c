/*
 * aggregate.c - GET and POST /aggregate: the request as a value, and its answer.
 *
 * The request's parts are laid out so that the usual one (a few sources) allocates nothing: sources
 * and decoded names lie in the handler's frame, the scope's counter too, and the answer is written
 * straight into the response's body.
 */
#include "aggregate.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch.h"
#include "handlers.h"
#include "timing.h"

/* ---- the request as a value ---- */

void wok__aggregate_init(struct wok__aggregate *aggregate)
{
    aggregate->scope = WOK_SCOPE_INIT;
    aggregate->mode = WOK__MODE_SPAWN;
    aggregate->require = (struct wok__require){WOK__REQUIRE_ALL, 0};
    aggregate->timeout_ms = WOK__TIMEOUT_MS_DEFAULT;
    aggregate->sources = aggregate->few;
    aggregate->count = 0;
    aggregate->capacity = WOK__SOURCES_FEW;
    aggregate->max = WOK__SOURCES_MAX_DEFAULT;
    aggregate->text = aggregate->few_text;
    aggregate->block = NULL;
    aggregate->total = wok_ns(0);
    aggregate->spawned = 0;
    aggregate->tally = (struct wok__tally){PTHREAD_MUTEX_INITIALIZER, 0};
    /* The arrays are written as far as they are used: no need to touch a kilobyte. */
}

void wok__aggregate_done(struct wok__aggregate *aggregate)
{
    wok_scope_done(&aggregate->scope); /* first: the tasks borrow the rest */
    pthread_mutex_destroy(&aggregate->tally.lock);
    free(aggregate->block);
}

bool wok__aggregate_reserve(struct wok__aggregate *aggregate, size_t sources, size_t text)
{
    if (sources > aggregate->max)
        sources = aggregate->max; /* the next one is refused */
    if (sources <= WOK__SOURCES_FEW && text <= WOK__TEXT_FEW) {
        aggregate->capacity = sources;
        return true;
    }

    size_t size = sources * sizeof(struct wok__source);
    aggregate->block = malloc(size + text);
    if (aggregate->block == NULL)
        return false;
    aggregate->sources = aggregate->block;
    aggregate->capacity = sources;
    aggregate->text = (char *)aggregate->block + size;
    return true;
}

struct wok__source *wok__aggregate_add(struct wok__aggregate *aggregate)
{
    if (aggregate->count == aggregate->capacity)
        return NULL;
    struct wok__source *source = &aggregate->sources[aggregate->count++];
    *source = (struct wok__source){.status = WOK__FETCH_PENDING};
    return source;
}

void wok__aggregate_use_example(struct wok__aggregate *aggregate)
{
    aggregate->sources[0] = (struct wok__source){.name = WOK_SLICE("API Server"), .delay_ms = 500};
    aggregate->sources[1] = (struct wok__source){.name = WOK_SLICE("Database"), .delay_ms = 300};
    aggregate->count = 2;
}

void wok__aggregate_trace(wok_http_exchange *exchange, struct wok__aggregate *aggregate)
{
    wok_http_exchange_trace(exchange, &aggregate->trace);
    for (size_t i = 0; i < aggregate->count; i++)
        aggregate->sources[i].trace = &aggregate->trace;
}

/* ---- the requirement ---- */

static const char require_expected[] =
    "all, any, none or a whole number from 1 to the number of sources";

bool wok__take_require(wok_http_exchange *exchange, const struct wok__subject *subject,
                       wok_slice text, struct wok__require *ret_require)
{
    static const struct {
        wok_slice word;
        enum wok__require_kind kind;
    } words[] = {{{"all", 3}, WOK__REQUIRE_ALL},
                 {{"any", 3}, WOK__REQUIRE_ANY},
                 {{"none", 4}, WOK__REQUIRE_NONE}};
    uint32_t k = 0;

    for (size_t i = 0; i < WOK_COUNT(words); i++)
        if (wok_slice_equal(text, words[i].word)) {
            *ret_require = (struct wok__require){words[i].kind, 0};
            return true;
        }
    if (wok__read_number(text, &k) == WOK__NUMBER_FITS && k > 0) {
        *ret_require = (struct wok__require){WOK__REQUIRE_K, k};
        return true;
    }
    wok__refuse_request(exchange, 422, subject, require_expected, text);
    return false;
}

bool wok__check_require(wok_http_exchange *exchange, const struct wok__subject *subject,
                        const struct wok__aggregate *aggregate)
{
    const struct wok__require *require = &aggregate->require;

    if (require->kind != WOK__REQUIRE_K || require->k <= aggregate->count)
        return true;
    wok_http_problem(
        exchange, 422,
        "The %s \"require\" asks for %u successes of %zu sources; it must be all, any, "
        "none or a whole number from 1 to %zu.",
        subject->kind == WOK__IN_QUERY ? "parameter" : "member", require->k, aggregate->count,
        aggregate->count);
    return false;
}

size_t wok__aggregate_needed(const struct wok__aggregate *aggregate)
{
    switch (aggregate->require.kind) {
    case WOK__REQUIRE_ALL:
        return aggregate->count;
    case WOK__REQUIRE_ANY:
        return 1;
    case WOK__REQUIRE_K:
        return aggregate->require.k;
    case WOK__REQUIRE_NONE:
        break;
    }
    return 0;
}

/* ---- the handlers ---- */

typedef bool aggregate_reader(wok_http_exchange *exchange, struct wok__aggregate *aggregate);

/* What a source holds while it is asked for: its place here, its fetch, and the fetch's task. */
#define SOURCE_BYTES (sizeof(struct wok__source) + sizeof(struct wok__fetch) + 256)

/* Out of line, as the readers. */
__attribute__((noinline)) static bool may_hold(wok_http_exchange *exchange, size_t count)
{
    if (wok_http_exchange_hold(exchange, count * SOURCE_BYTES) == 0)
        return true;
    wok_http_problem(exchange, 422,
                     "Asking %zu sources takes %zu bytes, more than the %zu that this request may "
                     "still hold in memory; ask fewer at a time.",
                     count, count * SOURCE_BYTES, wok_http_exchange_memory_left(exchange));
    return false;
}

static void handle(wok_http_exchange *exchange, aggregate_reader *read)
{
    WOK_CLEANUP(wok__aggregate_done) struct wok__aggregate aggregate;
    const struct wok_handlers_context *context = wok_http_exchange_context(exchange);

    wok__aggregate_init(&aggregate);
    if (context != NULL && context->fan_out_max != 0)
        aggregate.max = context->fan_out_max;
    if (!read(exchange, &aggregate) || !may_hold(exchange, aggregate.count))
        return;
    wok__aggregate_trace(exchange, &aggregate);
    if (wok__aggregate_run(&aggregate) == -ECANCELED)
        return; /* the client is gone: nobody reads an answer */
    wok__timing_put(exchange, aggregate.total, aggregate.sources, aggregate.count);
    wok__aggregate_answer(exchange, &aggregate);
}

void wok__handle_aggregate_get(wok_http_exchange *exchange)
{
    handle(exchange, wok__aggregate_from_query);
}

void wok__handle_aggregate_post(wok_http_exchange *exchange)
{
    handle(exchange, wok__aggregate_from_body);
}
