/*
 * params.c - the parameters of a request: read strictly, refused in a sentence.
 *
 * A handler's frame stays on its stack while the request waits, so the buffers that sentences need
 * live in the functions that refuse, which are kept out of line.
 */
#include "params.h"

#include <errno.h>
#include <stdio.h>

#include "backend.h"
#include "json.h"

/* Characters of what the client sent that a sentence quotes. */
#define QUOTED_MAX 48
/* `The part DELAY_MS of the parameter "source=..."` and the longest list of words. */
#define TEXT_MAX 256

const char *const wok__outcome_words[] = {"ok", "error", "panic", "hang", NULL};
const char *const wok__mode_words[] = {"spawn", "join", "sequential", NULL};
const char *const wok__status_words[] = {
    [WOK__FETCH_PENDING] = "cancelled", [WOK__FETCH_OK] = "ok",
    [WOK__FETCH_ERROR] = "error",       [WOK__FETCH_PANIC] = "panic",
    [WOK__FETCH_TIMEOUT] = "timeout",   [WOK__FETCH_CANCELLED] = "cancelled",
    [WOK__FETCH_NOT_STARTED] = "error",
};

/* ---- sentences ---- */

/* The part of `text` that is quoted, cut at a character's end, and the mark of a cut. */
static int quoted(wok_slice text, const char **ret_mark)
{
    size_t size = text.size;

    *ret_mark = "";
    if (size > QUOTED_MAX) {
        size = QUOTED_MAX;
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
            size--;
        *ret_mark = "...";
    }
    return (int)size;
}

static void describe(const struct wok__subject *subject, char text[TEXT_MAX])
{
    const char *mark;
    int pair;

    switch (subject->kind) {
    case WOK__IN_QUERY:
        snprintf(text, TEXT_MAX, "The parameter \"%s\"", subject->name);
        break;
    case WOK__IN_PAIR:
        pair = quoted(subject->pair, &mark);
        snprintf(text, TEXT_MAX, "%s in the parameter \"%.*s%s\"", subject->name, pair,
                 subject->pair.data, mark);
        break;
    case WOK__IN_BODY:
        snprintf(text, TEXT_MAX, "The member \"%s\"", subject->name);
        break;
    case WOK__IN_ITEM:
        snprintf(text, TEXT_MAX, "The member \"sources[%zu].%s\"", subject->index, subject->name);
        break;
    }
}

__attribute__((noinline, cold)) void wok__refuse_request(wok_http_exchange *exchange, int status,
                                                         const struct wok__subject *subject,
                                                         const char *expected, wok_slice value)
{
    char about[TEXT_MAX];
    const char *mark;

    describe(subject, about);
    if (value.data == NULL) {
        wok_http_problem(exchange, status, "%s must be %s.", about, expected);
        return;
    }
    int size = quoted(value, &mark);
    wok_http_problem(exchange, status, "%s must be %s, not \"%.*s%s\".", about, expected, size,
                     value.data, mark);
}

__attribute__((noinline, cold)) void wok__refuse_number(wok_http_exchange *exchange, int status,
                                                        const struct wok__subject *subject,
                                                        struct wok__range range, wok_slice value)
{
    char expected[80];

    snprintf(expected, sizeof expected, "a whole number from %u to %u", range.min, range.max);
    wok__refuse_request(exchange, status, subject, expected, value);
}

/* "a, b or c" */
static void list_words(const char *const *words, char text[TEXT_MAX])
{
    size_t size = 0;

    for (size_t i = 0; words[i] != NULL && size < TEXT_MAX; i++) {
        const char *before = i == 0 ? "" : words[i + 1] == NULL ? " or " : ", ";
        size += (size_t)snprintf(text + size, TEXT_MAX - size, "%s%s", before, words[i]);
    }
}

__attribute__((noinline, cold)) void wok__refuse_word(wok_http_exchange *exchange, int status,
                                                      const struct wok__subject *subject,
                                                      const char *const *words, wok_slice value)
{
    char expected[TEXT_MAX];

    list_words(words, expected);
    wok__refuse_request(exchange, status, subject, expected, value);
}

__attribute__((noinline, cold)) static int refuse_unknown(const struct wok__params *params,
                                                          wok_slice name)
{
    const char *words[16] = {NULL};
    char known[TEXT_MAX];
    const char *mark;

    for (size_t i = 0; params->table[i].name != NULL && i + 1 < WOK_COUNT(words); i++)
        words[i] = params->table[i].name;
    list_words(words, known);
    int size = quoted(name, &mark);
    wok_http_problem(params->exchange, 400, "There is no parameter \"%.*s%s\" here; there is %s.",
                     size, name.data, mark, known);
    return WOK__PARAMS_REFUSED;
}

__attribute__((noinline, cold)) static int refuse_pair(const struct wok__params *params, int error)
{
    const char *mark;
    int size = quoted(params->query.pair, &mark);

    wok_http_problem(params->exchange, 400,
                     error == -EINVAL ? "The parameter \"%.*s%s\" has a '%%' that two hexadecimal "
                                        "digits other than 00 do not follow."
                                      : "The parameter \"%.*s%s\" is too long.",
                     size, params->query.pair.data, mark);
    return WOK__PARAMS_REFUSED;
}

/* ---- the query ---- */

struct wok__params wok__params_begin(wok_http_exchange *exchange, const struct wok__param *table,
                                     char *buffer, size_t capacity)
{
    wok_slice query = wok_http_exchange_request(exchange)->query;

    return (struct wok__params){
        .exchange = exchange,
        .table = table,
        .query = wok_http_query_begin(query, buffer, capacity),
    };
}

int wok__params_next(struct wok__params *params, wok_slice *ret_value)
{
    wok_http_parameter parameter;
    int more = wok_http_query_next(&params->query, &parameter);
    int index = 0;

    if (more == 0)
        return WOK__PARAMS_END;
    if (more < 0)
        return refuse_pair(params, more);

    while (params->table[index].name != NULL &&
           !wok_slice_equal(parameter.name, wok_slice_of(params->table[index].name)))
        index++;
    if (params->table[index].name == NULL)
        return refuse_unknown(params, parameter.name);

    uint32_t bit = 1u << index;
    if ((params->seen & bit) != 0 && !params->table[index].repeatable) {
        wok_http_problem(params->exchange, 400,
                         "The parameter \"%s\" is given more than once; it has one value.",
                         params->table[index].name);
        return WOK__PARAMS_REFUSED;
    }
    params->seen |= bit;

    if (parameter.value.data == NULL) {
        wok_http_problem(params->exchange, 400,
                         "The parameter \"%s\" has no value; write %s=VALUE.",
                         params->table[index].name, params->table[index].name);
        return WOK__PARAMS_REFUSED;
    }
    *ret_value = parameter.value;
    return index;
}

bool wok__params_none(wok_http_exchange *exchange, const char *where)
{
    char buffer[4 * QUOTED_MAX];
    struct wok__params params = wok__params_begin(exchange, NULL, buffer, sizeof buffer);
    wok_http_parameter parameter;
    int more = wok_http_query_next(&params.query, &parameter);
    const char *mark;

    if (more < 0) {
        (void)refuse_pair(&params, more);
    } else if (more > 0) {
        int size = quoted(parameter.name, &mark);
        wok_http_problem(exchange, 400, "There is no parameter \"%.*s%s\" here; %s.", size,
                         parameter.name.data, mark, where);
    }
    return more == 0;
}

struct wok__subject wok__params_subject(const struct wok__params *params, int index,
                                        const char *part)
{
    return (struct wok__subject){
        .kind = part != NULL ? WOK__IN_PAIR : WOK__IN_QUERY,
        .name = part != NULL ? part : params->table[index].name,
        .pair = params->query.pair,
    };
}

/* ---- values ---- */

enum wok__number wok__read_number(wok_slice text, uint32_t *ret_number)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    uint64_t number = 0;

    if (text.size == (size_t)negative)
        return WOK__NUMBER_NONE;
    for (size_t i = negative; i < text.size; i++) {
        unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
        if (digit > 9)
            return WOK__NUMBER_NONE;
        if (number <= UINT32_MAX) /* beyond, the value no longer matters, the syntax does */
            number = number * 10 + digit;
    }
    if (number > UINT32_MAX || (negative && number > 0))
        return WOK__NUMBER_LARGE;
    *ret_number = (uint32_t)number;
    return WOK__NUMBER_FITS;
}

bool wok__take_number(wok_http_exchange *exchange, const struct wok__subject *subject,
                      wok_slice text, struct wok__range range, uint32_t *ret_number)
{
    uint32_t number = 0;
    enum wok__number read = wok__read_number(text, &number);

    if (read == WOK__NUMBER_FITS && number >= range.min && number <= range.max) {
        *ret_number = number;
        return true;
    }
    wok__refuse_number(exchange, read == WOK__NUMBER_NONE ? 400 : 422, subject, range, text);
    return false;
}

bool wok__take_word(wok_http_exchange *exchange, const struct wok__subject *subject, wok_slice text,
                    const char *const *words, uint8_t *ret_index)
{
    for (uint8_t i = 0; words[i] != NULL; i++)
        if (wok_slice_equal(text, wok_slice_of(words[i]))) {
            *ret_index = i;
            return true;
        }
    wok__refuse_word(exchange, 422, subject, words, text);
    return false;
}

bool wok__check_name(wok_http_exchange *exchange, const struct wok__subject *subject,
                     wok_slice name)
{
    bool fits = name.size >= 1 && name.size <= WOK__NAME_BYTES_MAX;
    size_t sequence = 1;

    for (size_t i = 0; fits && i < name.size; i += sequence) {
        wok_slice rest = {name.data + i, name.size - i};
        unsigned char c = (unsigned char)rest.data[0];

        sequence = wok__utf8_sequence(rest);
        if (sequence == 0) {
            wok__refuse_request(exchange, 400, subject, "valid UTF-8", (wok_slice){NULL, 0});
            return false;
        }
        /* C0 and DEL, and C1, which UTF-8 writes as C2 80 to C2 9F */
        bool control = c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)rest.data[1] < 0xa0);
        fits = !control;
    }
    if (!fits)
        wok__refuse_request(exchange, 422, subject,
                            "1 to 128 bytes of UTF-8 without control characters",
                            (wok_slice){NULL, 0});
    return fits;
}

void wok__refuse_memory(wok_http_exchange *exchange)
{
    wok_http_problem(exchange, 503, "There is no memory for a request of this size now.");
    (void)wok_http_response_header(exchange, "Retry-After", WOK_SLICE("1"));
}
