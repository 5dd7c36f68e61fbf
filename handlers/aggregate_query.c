/*
 * aggregate_query.c - GET /aggregate: source=NAME:DELAY_MS[:OUTCOME]&mode=M&timeout_ms=N&require=R.
 *
 * A source is split from the right, so that a name may hold colons: the last part is the delay if it
 * is a number; else it is the outcome, and the part before it the delay.  No outcome is a number and
 * the delay is never left out, so every name can be written.
 */
#include "aggregate.h"

enum { SOURCE, MODE, TIMEOUT, REQUIRE };
static const struct wok__param table[] = {
    {"source", true}, {"mode", false}, {"timeout_ms", false}, {"require", false}, {NULL, false}};

/*
 * What a query takes at most.  A pair that is a source begins with an 's', plain or escaped; bytes are
 * decoded only where there are escapes.  Counting exactly would be reading the query twice.
 */
static void measure(wok_slice query, size_t *ret_sources, size_t *ret_text)
{
    bool begins = true, escapes = false;

    *ret_sources = 0;
    for (size_t i = 0; i < query.size; i++) {
        char c = query.data[i];
        *ret_sources += begins && (c == 's' || c == '%');
        escapes |= c == '%' || c == '+';
        begins = c == '&';
    }
    *ret_text = escapes ? query.size : 0;
}

/* Cuts what follows the last colon off `text`; false if there is no colon. */
static bool cut_last(wok_slice *text, wok_slice *ret_last)
{
    for (size_t i = text->size; i > 0; i--)
        if (text->data[i - 1] == ':') {
            *ret_last = (wok_slice){text->data + i, text->size - i};
            text->size = i - 1;
            return true;
        }
    return false;
}

static bool is_number(wok_slice text)
{
    uint32_t number;
    return wok__read_number(text, &number) != WOK__NUMBER_NONE;
}

static bool refuse_shape(const struct wok__params *params, wok_slice value)
{
    struct wok__subject subject = wok__params_subject(params, SOURCE, NULL);

    wok__refuse_request(
        params->exchange, 400, &subject,
        "NAME:DELAY_MS or NAME:DELAY_MS:OUTCOME with a whole number of milliseconds", value);
    return false;
}

static bool take_source(const struct wok__params *params, struct wok__aggregate *aggregate,
                        wok_slice value)
{
    wok_http_exchange *exchange = params->exchange;
    struct wok__subject name = wok__params_subject(params, SOURCE, "NAME");
    struct wok__subject delay = wok__params_subject(params, SOURCE, "DELAY_MS");
    struct wok__subject outcome = wok__params_subject(params, SOURCE, "OUTCOME");
    struct wok__source *source = wok__aggregate_add(aggregate);
    wok_slice rest = value, delay_text, outcome_text = WOK_SLICE("ok");

    if (source == NULL) {
        wok_http_problem(exchange, 422, "The parameter \"source\" must be given 1 to %zu times.",
                         aggregate->max);
        return false;
    }
    if (!cut_last(&rest, &delay_text))
        return refuse_shape(params, value);
    if (!is_number(delay_text)) {
        outcome_text = delay_text;
        if (!cut_last(&rest, &delay_text) || !is_number(delay_text))
            return refuse_shape(params, value);
    }
    source->name = rest;
    return wok__check_name(exchange, &name, rest) &&
           wok__take_number(exchange, &delay, delay_text, WOK__DELAY_RANGE, &source->delay_ms) &&
           wok__take_word(exchange, &outcome, outcome_text, wok__outcome_words, &source->outcome);
}

static bool take(const struct wok__params *params, int which, wok_slice value,
                 struct wok__aggregate *aggregate)
{
    struct wok__subject subject = wok__params_subject(params, which, NULL);
    uint8_t mode = WOK__MODE_SPAWN;
    bool fine;

    switch (which) {
    case SOURCE:
        return take_source(params, aggregate, value);
    case MODE:
        fine = wok__take_word(params->exchange, &subject, value, wok__mode_words, &mode);
        aggregate->mode = mode;
        return fine;
    case TIMEOUT:
        return wok__take_number(params->exchange, &subject, value, WOK__TIMEOUT_RANGE,
                                &aggregate->timeout_ms);
    default:
        return wok__take_require(params->exchange, &subject, value, &aggregate->require);
    }
}

/* Out of line, here and in the others: what reading needs is off the stack when the request waits. */
__attribute__((noinline)) bool wok__aggregate_from_query(wok_http_exchange *exchange,
                                                         struct wok__aggregate *aggregate)
{
    size_t sources, text;

    measure(wok_http_exchange_request(exchange)->query, &sources, &text);
    if (!wok__aggregate_reserve(aggregate, sources, text)) {
        wok__refuse_memory(exchange);
        return false;
    }
    struct wok__params params = wok__params_begin(exchange, table, aggregate->text, text);
    wok_slice value;
    int which;

    while ((which = wok__params_next(&params, &value)) >= 0)
        if (!take(&params, which, value, aggregate))
            return false;
    if (which == WOK__PARAMS_REFUSED)
        return false;
    if (aggregate->count == 0)
        wok__aggregate_use_example(aggregate);

    struct wok__subject require = wok__params_subject(&params, REQUIRE, NULL);
    return wok__check_require(exchange, &require, aggregate);
}
