/*
 * body.c - a request's body as a JSON document, and its members read as strictly as a query.
 *
 * jansson parses by recursion, up to 2,048 levels; a task's stack has 64 KiB.  So the nesting is
 * counted first, by a look at brackets and quotes that needs no stack, and nothing deeper than 32
 * levels reaches the parser.  tests/handlers/test_body.c measures what 32 levels take.
 *
 * jansson's frames have no cleanup handlers of ours: nothing in here waits or panics while it runs.
 */
#include "body.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <wok/http/message.h>

#include "json.h"
#include "params.h"
#include "tree_memory.h"

bool wok__nesting_is_within(wok_slice text, unsigned limit)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string) {
            i += c == '\\'; /* whatever is escaped, it does not end the string */
        } else if (c == '[' || c == '{') {
            if (++depth > limit)
                return false;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

void wok__json_decrefp(json_t **json)
{
    json_decref(*json);
}

/* True for application/json and for what is built on it (RFC 6839: a +json suffix). */
static bool is_json_type(wok_slice type)
{
    const char *semicolon = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;
    size_t size = semicolon != NULL ? (size_t)(semicolon - type.data) : type.size;

    while (size > 0 && (type.data[size - 1] == ' ' || type.data[size - 1] == '\t'))
        size--;
    if (size == 16 && strncasecmp(type.data, "application/json", 16) == 0)
        return true;
    return size > 17 && strncasecmp(type.data, "application/", 12) == 0 &&
           strncasecmp(type.data + size - 5, "+json", 5) == 0;
}

__attribute__((noinline, cold)) static void refuse_syntax(wok_http_exchange *exchange,
                                                          const json_error_t *error)
{
    if (json_error_code(error) == json_error_numeric_overflow)
        wok_http_problem(exchange, 422,
                         "The body has a number beyond 64 bits in line %d, column %d.", error->line,
                         error->column);
    else
        wok_http_problem(exchange, 400, "The body is not valid JSON: %s in line %d, column %d.",
                         error->text, error->line, error->column);
}

/* ---- what jansson may take ---- */

/* What jansson 2.14 allocates on a 64-bit machine, the heap's own bytes included, and each table that grows
 * with the one that it replaces; tests/handlers/test_body.c measures it. */
enum {
    OBJECT_BYTES = 256, /* with its first eight buckets */
    ARRAY_BYTES = 144,
    VALUE_BYTES = 112, /* a number or a string, and its place in an array */
    MEMBER_BYTES = 160,
    TEXT_FACTOR = 4, /* a string that grows in a buffer, and its copy */
    PARSER_BYTES = 1024,
};

size_t wok__tree_bytes_max(wok_slice text)
{
    size_t objects = 0, arrays = 0, members = 0, values = 1;
    bool in_string = false;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string)
            i += c == '\\';
        else if (c == '{')
            objects++;
        else if (c == '[')
            arrays++;
        else if (c == ',')
            values++;
        else if (c == ':')
            members++;
    }
    values += objects + arrays; /* the first one of each has no comma in front */
    return objects * OBJECT_BYTES + arrays * ARRAY_BYTES + members * MEMBER_BYTES +
           values * VALUE_BYTES + TEXT_FACTOR * text.size + PARSER_BYTES;
}

/* A document of a megabyte can become a tree of eighty, so before it is parsed its tree has to fit into what
 * the request may hold, and into memory, which is taken here in one piece (tree_memory.c says why).  NULL:
 * refused. */
__attribute__((noinline)) static struct wok__tree_memory *room_for(wok_http_exchange *exchange,
                                                                   wok_slice text)
{
    size_t bytes = wok__tree_bytes_max(text), left = wok_http_exchange_memory_left(exchange);
    struct wok__tree_memory *memory;

    if (bytes > left) {
        wok_http_problem(exchange, 413,
                         "The body's JSON may take %zu bytes of memory once it is read, and this "
                         "request may hold %zu more (--request-memory-max).",
                         bytes, left);
        return NULL;
    }
    memory = wok__tree_memory_begin(WOK__TREE_MEMORY(bytes));
    if (memory == NULL)
        wok__refuse_memory(exchange);
    return memory;
}

/* Out of line: jansson's error has 250 bytes, which the frame of a waiting request can do without. */
__attribute__((noinline)) static json_t *parse(wok_http_exchange *exchange, wok_slice body)
{
    struct wok__tree_memory *memory = room_for(exchange, body);
    json_error_t error;
    json_t *json;

    if (memory == NULL)
        return NULL;
    json = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, &error);
    wok__tree_memory_end(memory);
    if (json == NULL)
        refuse_syntax(exchange, &error);
    return json;
}

bool wok__body_is_all(wok_http_exchange *exchange)
{
    return wok__params_none(exchange, "POST takes them as members of its JSON body");
}

json_t *wok__body_parse(wok_http_exchange *exchange)
{
    const wok_http_request *request = wok_http_exchange_request(exchange);

    if (request->body.size == 0) {
        wok_http_problem(exchange, 400, "The body is empty; a JSON object was expected.");
        return NULL;
    }
    if (!is_json_type(wok_http_request_header(request, WOK_SLICE("content-type")))) {
        wok_http_problem(exchange, 415,
                         "The body must be JSON, and the request must say so with Content-Type: "
                         "application/json (curl: -H 'Content-Type: application/json').");
        return NULL;
    }
    wok_slice coding = wok_http_request_header(request, WOK_SLICE("content-encoding"));
    if (coding.data != NULL && (coding.size != 8 || strncasecmp(coding.data, "identity", 8) != 0)) {
        wok_http_problem(exchange, 415,
                         "The body must be sent as it is, without a Content-Encoding.");
        return NULL;
    }
    if (!wok__nesting_is_within(request->body, WOK__NESTING_MAX)) {
        wok_http_problem(exchange, 400, "The body nests arrays and objects deeper than %d levels.",
                         WOK__NESTING_MAX);
        return NULL;
    }

    json_t *json = parse(exchange, request->body);
    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        wok_http_problem(exchange, 400, "The body must be a JSON object.");
        return NULL;
    }
    return json;
}

/* ---- members ---- */

__attribute__((noinline, cold)) static void refuse_integer(wok_http_exchange *exchange,
                                                           const struct wok__subject *subject,
                                                           struct wok__range range,
                                                           json_int_t value)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, value);

    wok__refuse_number(exchange, 422, subject, range, (wok_slice){text, (size_t)size});
}

bool wok__body_number(wok_http_exchange *exchange, const struct wok__subject *subject,
                      const json_t *value, struct wok__range range, uint32_t *ret_number)
{
    if (!json_is_integer(value)) {
        wok__refuse_number(exchange, 400, subject, range, (wok_slice){NULL, 0});
        return false;
    }
    json_int_t number = json_integer_value(value);
    if (number < (json_int_t)range.min || number > (json_int_t)range.max) {
        refuse_integer(exchange, subject, range, number);
        return false;
    }
    *ret_number = (uint32_t)number;
    return true;
}

bool wok__body_word(wok_http_exchange *exchange, const struct wok__subject *subject,
                    const json_t *value, const char *const *words, uint8_t *ret_index)
{
    if (!json_is_string(value)) {
        wok__refuse_word(exchange, 400, subject, words, (wok_slice){NULL, 0});
        return false;
    }
    wok_slice text = {json_string_value(value), json_string_length(value)};
    return wok__take_word(exchange, subject, text, words, ret_index);
}

__attribute__((noinline, cold)) void wok__refuse_member(wok_http_exchange *exchange,
                                                        const struct wok__subject *subject,
                                                        const char *known)
{
    wok_slice name = wok_slice_of(subject->name);
    int size = name.size > 48 ? 48 : (int)name.size;
    const char *mark = name.size > 48 ? "..." : "";

    if (subject->kind == WOK__IN_ITEM)
        wok_http_problem(exchange, 400,
                         "There is no member \"%.*s%s\" in sources[%zu]; there is %s.", size,
                         subject->name, mark, subject->index, known);
    else
        wok_http_problem(exchange, 400, "There is no member \"%.*s%s\" here; there is %s.", size,
                         subject->name, mark, known);
}
