/*
 * aggregate_body.c - POST /aggregate: {"mode": M, "timeout_ms": N, "require": R, "sources": [...]}.
 *
 * Names are copied out of the document, which is freed before the fetches begin: a request that waits
 * then holds 48 bytes and a name for each source, not jansson's tree.
 */
#include "aggregate.h"

#include <string.h>

#include "body.h"

/* The text of a source's name, or an empty slice. */
static wok_slice name_of(const json_t *item)
{
    const json_t *name = json_object_get(item, "name");

    return json_is_string(name) ? (wok_slice){json_string_value(name), json_string_length(name)}
                                : (wok_slice){NULL, 0};
}

/* Bytes that the names take; one that is too long will be refused and takes none. */
static size_t names_size(const json_t *items)
{
    size_t size = 0, index;
    json_t *item;

    json_array_foreach(items, index, item)
    {
        size_t name = name_of(item).size;
        size += name <= WOK__NAME_BYTES_MAX ? name : 0;
    }
    return size;
}

static bool take_name(wok_http_exchange *exchange, const struct wok__subject *subject,
                      const json_t *value, struct wok__aggregate *aggregate,
                      struct wok__source *source)
{
    if (!json_is_string(value)) {
        wok__refuse_request(exchange, 400, subject, "a string", (wok_slice){NULL, 0});
        return false;
    }
    wok_slice name = {json_string_value(value), json_string_length(value)};
    if (!wok__check_name(exchange, subject, name))
        return false;
    memcpy(aggregate->text, name.data, name.size);
    source->name = (wok_slice){aggregate->text, name.size};
    aggregate->text += name.size;
    return true;
}

static bool take_item(wok_http_exchange *exchange, json_t *item, struct wok__aggregate *aggregate,
                      struct wok__source *source, size_t index)
{
    struct wok__subject subject = {.kind = WOK__IN_ITEM, .index = index, .name = "name"};
    const char *member;
    json_t *value;

    if (!json_is_object(item)) {
        wok_http_problem(exchange, 400,
                         "sources[%zu] must be an object with \"name\" and, if need be, "
                         "\"delay_ms\" and \"outcome\".",
                         index);
        return false;
    }
    json_object_foreach(item, member, value)
    {
        bool fine = false;

        subject.name = member;
        if (strcmp(member, "name") == 0)
            fine = take_name(exchange, &subject, value, aggregate, source);
        else if (strcmp(member, "delay_ms") == 0)
            fine = wok__body_number(exchange, &subject, value, WOK__DELAY_RANGE, &source->delay_ms);
        else if (strcmp(member, "outcome") == 0)
            fine = wok__body_word(exchange, &subject, value, wok__outcome_words, &source->outcome);
        else
            wok__refuse_member(exchange, &subject, "name, delay_ms or outcome");
        if (!fine)
            return false;
    }
    if (source->name.data == NULL) {
        wok_http_problem(exchange, 400, "The member \"sources[%zu].name\" is missing.", index);
        return false;
    }
    return true;
}

static bool take_sources(wok_http_exchange *exchange, json_t *items,
                         struct wok__aggregate *aggregate)
{
    size_t count = json_array_size(items), index;
    json_t *item;

    if (!json_is_array(items)) {
        wok_http_problem(exchange, 400, "The member \"sources\" must be an array of objects.");
        return false;
    }
    if (count < 1 || count > aggregate->max) {
        wok_http_problem(exchange, 422,
                         "The member \"sources\" must have 1 to %zu elements, not %zu.",
                         aggregate->max, count);
        return false;
    }
    if (!wok__aggregate_reserve(aggregate, count, names_size(items))) {
        wok__refuse_memory(exchange);
        return false;
    }
    json_array_foreach(items, index, item)
    {
        struct wok__source *source = wok__aggregate_add(aggregate);
        if (source == NULL || !take_item(exchange, item, aggregate, source, index))
            return false;
    }
    return true;
}

static bool take_require(wok_http_exchange *exchange, const struct wok__subject *subject,
                         const json_t *value, struct wok__aggregate *aggregate)
{
    struct wok__range range = {1, (uint32_t)aggregate->max};
    struct wok__require *require = &aggregate->require;

    if (json_is_string(value)) {
        wok_slice text = {json_string_value(value), json_string_length(value)};
        return wok__take_require(exchange, subject, text, require);
    }
    require->kind = WOK__REQUIRE_K;
    return wok__body_number(exchange, subject, value, range, &require->k);
}

static bool take_member(wok_http_exchange *exchange, const char *member, json_t *value,
                        struct wok__aggregate *aggregate)
{
    struct wok__subject subject = {.kind = WOK__IN_BODY, .name = member};
    uint8_t mode = WOK__MODE_SPAWN;

    if (strcmp(member, "mode") == 0) {
        bool fine = wok__body_word(exchange, &subject, value, wok__mode_words, &mode);
        aggregate->mode = mode;
        return fine;
    }
    if (strcmp(member, "timeout_ms") == 0)
        return wok__body_number(exchange, &subject, value, WOK__TIMEOUT_RANGE,
                                &aggregate->timeout_ms);
    if (strcmp(member, "require") == 0)
        return take_require(exchange, &subject, value, aggregate);
    if (strcmp(member, "sources") == 0)
        return take_sources(exchange, value, aggregate);
    wok__refuse_member(exchange, &subject, "mode, timeout_ms, require or sources");
    return false;
}

__attribute__((noinline)) bool wok__aggregate_from_body(wok_http_exchange *exchange,
                                                        struct wok__aggregate *aggregate)
{
    WOK_CLEANUP(wok__json_decrefp) json_t *document = NULL;
    struct wok__subject require = {.kind = WOK__IN_BODY, .name = "require"};
    const char *member;
    json_t *value;

    if (!wok__body_is_all(exchange))
        return false;
    document = wok__body_parse(exchange);
    if (document == NULL)
        return false;

    json_object_foreach(document, member,
                        value) if (!take_member(exchange, member, value, aggregate)) return false;
    if (aggregate->count == 0)
        wok__aggregate_use_example(aggregate);
    return wok__check_require(exchange, &require, aggregate);
}
