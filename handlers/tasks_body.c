/*
 * tasks_body.c - the body of POST /tasks: {"kind": "fetch", "source": S, "delay_ms": N, "outcome": O,
 * "timeout_ms": N} or {"kind": "hash", "rounds": N}.
 *
 * A member of the other kind is as unknown as one of none: what it meant would pass unnoticed.
 */
#include <string.h>

#include "body.h"
#include "tasks.h"

#define ROUNDS_RANGE ((struct wok__range){1, 10000000})

/* With this as its time, a fetch with the greatest delay that there is still gets its answer. */
enum { TIMEOUT_MS_DEFAULT = 60000 };

static bool take_kind(wok_http_exchange *exchange, const json_t *document,
                      enum wok__detached_kind *ret_kind)
{
    struct wok__subject subject = {.kind = WOK__IN_BODY, .name = "kind"};
    const json_t *value = json_object_get(document, "kind");
    uint8_t kind = 0;

    if (value == NULL) {
        wok_http_problem(exchange, 400, "The member \"kind\" is missing: fetch or hash.");
        return false;
    }
    if (!wok__body_word(exchange, &subject, value, wok__detached_kinds, &kind))
        return false;
    *ret_kind = kind;
    return true;
}

static bool take_source(wok_http_exchange *exchange, const struct wok__subject *subject,
                        const json_t *value, wok_slice *ret_source)
{
    if (!json_is_string(value)) {
        wok__refuse_request(exchange, 400, subject, "a string", (wok_slice){NULL, 0});
        return false;
    }
    *ret_source = (wok_slice){json_string_value(value), json_string_length(value)};
    return wok__check_name(exchange, subject, *ret_source);
}

static bool take_fetch_member(wok_http_exchange *exchange, const struct wok__subject *subject,
                              const json_t *value, struct wok__order *order)
{
    if (strcmp(subject->name, "source") == 0)
        return take_source(exchange, subject, value, &order->source);
    if (strcmp(subject->name, "delay_ms") == 0)
        return wok__body_number(exchange, subject, value, WOK__DELAY_RANGE, &order->delay_ms);
    if (strcmp(subject->name, "outcome") == 0)
        return wok__body_word(exchange, subject, value, wok__outcome_words, &order->outcome);
    if (strcmp(subject->name, "timeout_ms") == 0)
        return wok__body_number(exchange, subject, value, WOK__TIMEOUT_RANGE, &order->timeout_ms);
    wok__refuse_member(exchange, subject, "kind, source, delay_ms, outcome or timeout_ms");
    return false;
}

static bool take_hash_member(wok_http_exchange *exchange, const struct wok__subject *subject,
                             const json_t *value, struct wok__order *order)
{
    if (strcmp(subject->name, "rounds") == 0)
        return wok__body_number(exchange, subject, value, ROUNDS_RANGE, &order->rounds);
    wok__refuse_member(exchange, subject, "kind or rounds");
    return false;
}

bool wok__order_from_body(wok_http_exchange *exchange, const json_t *document,
                          struct wok__order *ret_order)
{
    struct wok__subject subject = {.kind = WOK__IN_BODY};
    const char *missing = NULL, *member;
    json_t *value;

    *ret_order = (struct wok__order){.timeout_ms = TIMEOUT_MS_DEFAULT};
    if (!take_kind(exchange, document, &ret_order->kind))
        return false;
    json_object_foreach((json_t *)document, member, value)
    {
        bool fine = true;

        subject.name = member;
        if (strcmp(member, "kind") != 0)
            fine = ret_order->kind == WOK__DETACHED_FETCH
                       ? take_fetch_member(exchange, &subject, value, ret_order)
                       : take_hash_member(exchange, &subject, value, ret_order);
        if (!fine)
            return false;
    }
    if (ret_order->kind == WOK__DETACHED_FETCH && ret_order->source.data == NULL)
        missing = "\"source\" is missing: the name of what to fetch from.";
    else if (ret_order->kind == WOK__DETACHED_HASH && ret_order->rounds == 0)
        missing = "\"rounds\" is missing: a whole number from 1 to 10000000.";
    if (missing != NULL)
        wok_http_problem(exchange, 400, "The member %s", missing);
    return missing == NULL;
}
