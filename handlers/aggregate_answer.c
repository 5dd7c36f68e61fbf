/*
 * aggregate_answer.c - what came of a request for an aggregate, as JSON.
 *
 * A few sources are answered at once, into the response's body.  Many are left behind as a stream: what
 * their results are made from, a fifth of the text, is held until the client takes it, and the rest of the
 * request is given back.  Where the length has to be told beforehand, the same results are written to nowhere.
 */
#include <stdlib.h>
#include <string.h>

#include "aggregate.h"
#include "fetch.h"
#include "handlers.h"
#include "json.h"

enum {
    WHOLE_MAX = 16 << 10, /* about, of an answer that is written at once */
    PIECE = 6000,         /* about, of one that is not: with its last result below 8 KiB */
    RESULT = 120,         /* of a result without its names */
};

/* What came of all sources together. */
struct verdict {
    const char *status;
    int http_status;
};

static struct verdict judge(const struct wok__aggregate *aggregate)
{
    size_t successes = 0, failures = 0, timeouts = 0;

    for (size_t i = 0; i < aggregate->count; i++) {
        enum wok__fetch_status status = aggregate->sources[i].status;
        successes += status == WOK__FETCH_OK;
        timeouts += status == WOK__FETCH_TIMEOUT;
        failures += status != WOK__FETCH_OK && status != WOK__FETCH_CANCELLED;
    }
    if (successes >= wok__aggregate_needed(aggregate))
        return (struct verdict){failures == 0 ? "complete" : "partial", 200};
    return (struct verdict){"failed", timeouts == failures ? 504 : 502};
}

/* What is known of the panicked tasks: errors[i] belongs to sources[i]. */
struct panics {
    wok_join_error *errors; /* owned; NULL: there were none, or no memory to tell of them */
    size_t count;
};

static void panics_done(struct panics *panics)
{
    free(panics->errors);
}

static void note_panic(size_t index, const wok_join_error *error, void *argument)
{
    struct panics *panics = argument;
    if (index < panics->count)
        panics->errors[index] = *error;
}

static struct panics find_panics(const struct wok__aggregate *aggregate)
{
    struct panics panics = {NULL, aggregate->count};
    bool any = false;

    for (size_t i = 0; i < aggregate->count; i++)
        any |= aggregate->sources[i].status == WOK__FETCH_PANIC;
    if (any)
        panics.errors = calloc(panics.count, sizeof *panics.errors);
    if (panics.errors != NULL)
        wok_scope_visit_failures(&aggregate->scope, note_panic, &panics);
    return panics;
}

/* ---- the text ---- */

/* What stands in front of the results. */
struct summary {
    const char *mode, *status;
    wok_duration total;
    uint64_t sequential_ms;
    size_t spawned;
    uint32_t timeout_ms;
};

static struct summary summarize(const struct wok__aggregate *aggregate, const char *status)
{
    struct summary summary = {.mode = wok__mode_words[aggregate->mode],
                              .status = status,
                              .total = aggregate->total,
                              .spawned = aggregate->spawned,
                              .timeout_ms = aggregate->timeout_ms};

    for (size_t i = 0; i < aggregate->count; i++)
        summary.sequential_ms += aggregate->sources[i].delay_ms;
    return summary;
}

static void put_opening(struct wok__json *json, const struct summary *summary)
{
    wok__json_open(json, '{');
    wok__json_key(json, "mode");
    wok__json_string(json, wok_slice_of(summary->mode));
    wok__json_key(json, "status");
    wok__json_string(json, wok_slice_of(summary->status));
    wok__json_key(json, "total_ms");
    wok__json_ms(json, summary->total);
    wok__json_key(json, "sequential_ms");
    wok__json_number(json, summary->sequential_ms);
    wok__json_key(json, "tasks_spawned");
    wok__json_number(json, summary->spawned);
    wok__json_key(json, "results");
    wok__json_open(json, '[');
}

static void put_closing(struct wok__json *json)
{
    wok__json_close(json, ']');
    wok__json_close(json, '}');
}

/* ---- many results ---- */

/* One result; its name and what its panic said lie in the text. */
struct result {
    uint64_t task;
    uint32_t delay_ms, elapsed_us, text;
    uint8_t name_size, panic_size, status : 4, asked : 1;
};

/* An answer that is written piece by piece: one block of memory, with the results and the text behind. */
struct answer {
    struct summary summary;
    struct wok__json json; /* it goes on in the next piece */
    uint32_t at, count;
    char *text;
    struct result results[];
};

_Static_assert(sizeof(struct result) == 24, "a thousand results are to be 24 KiB");
_Static_assert(WOK__NAME_BYTES_MAX <= UINT8_MAX &&
                   sizeof((wok_join_error){0}.message) - 1 <= UINT8_MAX,
               "their sizes are bytes");

static void put_result(struct answer *answer, struct wok__json *json, uint32_t at)
{
    const struct result *result = &answer->results[at];
    const char *text = answer->text + result->text;
    struct wok__source source = {
        .name = {text, result->name_size},
        .elapsed = wok_us(result->elapsed_us),
        .task = result->task,
        .delay_ms = result->delay_ms,
        .status = result->status,
        .asked = result->asked,
    };
    wok_join_error panic;

    if (result->panic_size != 0) {
        memcpy(panic.message, text + result->name_size, result->panic_size);
        panic.message[result->panic_size] = '\0';
    }
    wok__fetch_put_result(json, &source, answer->summary.timeout_ms,
                          result->panic_size != 0 ? &panic : NULL);
}

static bool answer_next(void *state, wok_http_exchange *exchange)
{
    struct answer *answer = state;
    size_t size = 0;

    answer->json.exchange = exchange;
    if (answer->at == 0)
        put_opening(&answer->json, &answer->summary);
    while (answer->at < answer->count && size < PIECE) {
        const struct result *result = &answer->results[answer->at];
        size += RESULT + 2 * (size_t)result->name_size + result->panic_size;
        put_result(answer, &answer->json, answer->at++);
    }
    if (answer->at < answer->count) {
        wok__json_pause(&answer->json);
        return true;
    }
    put_closing(&answer->json);
    wok__json_pause(&answer->json);
    (void)wok_http_response_append(exchange, WOK_SLICE("\n")); /* or the exchange has noted it */
    return false;
}

static uint64_t answer_length(void *state)
{
    struct answer *answer = state;
    struct wok__json json = wok__json_begin_count();

    put_opening(&json, &answer->summary);
    for (uint32_t i = 0; i < answer->count; i++)
        put_result(answer, &json, i);
    put_closing(&json);
    return wok__json_count(&json) + 1;
}

static const wok_http_stream_vtable answer_vtable = {answer_next, answer_length, free};

static size_t panic_size(const struct panics *panics, size_t index)
{
    return panics->errors != NULL ? strlen(panics->errors[index].message) : 0;
}

static void fill(struct answer *answer, const struct wok__aggregate *aggregate,
                 const struct panics *panics)
{
    uint32_t used = 0;

    for (size_t i = 0; i < aggregate->count; i++) {
        const struct wok__source *source = &aggregate->sources[i];
        struct result *result = &answer->results[i];
        uint64_t elapsed_us = source->elapsed.ns / 1000;

        *result = (struct result){
            .task = source->task,
            .delay_ms = source->delay_ms,
            .elapsed_us = elapsed_us < UINT32_MAX ? (uint32_t)elapsed_us : UINT32_MAX,
            .text = used,
            .name_size = (uint8_t)source->name.size,
            .panic_size = (uint8_t)panic_size(panics, i),
            .status = source->status,
            .asked = source->asked,
        };
        memcpy(answer->text + used, source->name.data, source->name.size);
        used += (uint32_t)source->name.size;
        if (result->panic_size != 0)
            memcpy(answer->text + used, panics->errors[i].message, result->panic_size);
        used += result->panic_size;
    }
}

static void answer_bit_by_bit(wok_http_exchange *exchange, const struct wok__aggregate *aggregate,
                              const struct panics *panics, const struct summary *summary)
{
    size_t size = sizeof(struct answer) + aggregate->count * sizeof(struct result), text = size;
    struct answer *answer;

    for (size_t i = 0; i < aggregate->count; i++)
        size += aggregate->sources[i].name.size + panic_size(panics, i);
    answer = malloc(size);
    if (answer == NULL) {
        wok__refuse_memory(exchange);
        return;
    }
    *answer = (struct answer){
        .summary = *summary, .json = wok__json_begin(NULL), .count = (uint32_t)aggregate->count};
    answer->text = (char *)answer + text;
    fill(answer, aggregate, panics);
    wok_http_response_stream(
        exchange,
        &(wok_http_stream){.vtable = &answer_vtable, .state = answer, .state_bytes = size});
}

/* ---- either ---- */

static size_t size_about(const struct wok__aggregate *aggregate)
{
    size_t size = 0;

    for (size_t i = 0; i < aggregate->count; i++)
        size += RESULT + 2 * aggregate->sources[i].name.size;
    return size;
}

/* Out of line: what it needs is off the stack while the request waits. */
__attribute__((noinline)) void wok__aggregate_answer(wok_http_exchange *exchange,
                                                     const struct wok__aggregate *aggregate)
{
    WOK_CLEANUP(panics_done) struct panics panics = find_panics(aggregate);
    struct verdict verdict = judge(aggregate);
    struct summary summary = summarize(aggregate, verdict.status);

    wok_http_respond(exchange, verdict.http_status, WOK__JSON_TYPE);
    if (aggregate->count > WOK__SOURCES_FEW && size_about(aggregate) > WHOLE_MAX) {
        answer_bit_by_bit(exchange, aggregate, &panics, &summary);
        return;
    }
    struct wok__json json = wok__json_begin(exchange);
    put_opening(&json, &summary);
    for (size_t i = 0; i < aggregate->count; i++)
        wok__fetch_put_result(&json, &aggregate->sources[i], aggregate->timeout_ms,
                              panics.errors != NULL ? &panics.errors[i] : NULL);
    put_closing(&json);
    wok__json_end(&json);
}
