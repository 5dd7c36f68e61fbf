/*
 * response.c - what a handler answers, and how it becomes bytes.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conn/exchange.h"
#include "conn/server.h"
#include "http/headers.h"
#include "http/problem.h"
#include "http/status.h"

void wok_http_respond(wok_http_exchange *exchange, int status, const char *content_type)
{
    exchange->status = status;
    exchange->content_type = content_type;
}

static bool is_servers_own(wok_slice name)
{
    static const wok_slice own[] = {
        {"content-length", 14}, {"content-type", 12},
        {"connection", 10},     {"date", 4},
        {"server", 6},          {"transfer-encoding", 17},
        {"x-request-id", 12},   {"x-content-type-options", 22},
    };

    for (size_t i = 0; i < WOK_COUNT(own); i++) {
        if (wok__equal_ignoring_case(name, own[i]))
            return true;
    }
    return false;
}

/* Where the value of a header line goes: beside the others, or on the heap. */
static char *field_room(wok_http_exchange *exchange, size_t size)
{
    char *room = exchange->field_text + exchange->field_text_size;

    if (size > sizeof exchange->field_text - exchange->field_text_size)
        return malloc(size);
    exchange->field_text_size += size;
    return room;
}

int wok_http_response_header(wok_http_exchange *exchange, const char *name, wok_slice value)
{
    wok_slice name_slice = wok_slice_of(name);
    char *copy;

    if (!wok__is_token(name_slice) || !wok__is_field_value(value) || is_servers_own(name_slice))
        return -EINVAL;
    if (exchange->field_count == WOK__RESPONSE_FIELDS_MAX)
        return -ENOSPC;
    copy = field_room(exchange, value.size);
    if (copy == NULL)
        return -ENOMEM;
    if (value.size > 0)
        memcpy(copy, value.data, value.size);
    exchange->fields[exchange->field_count++] = (wok_http_field){name_slice, {copy, value.size}};
    return 0;
}

char *wok_http_response_reserve(wok_http_exchange *exchange, size_t bytes)
{
    char *room = wok__bytes_reserve(&exchange->out, bytes);

    if (room == NULL)
        exchange->no_memory = true;
    return room;
}

void wok_http_response_commit(wok_http_exchange *exchange, size_t bytes)
{
    exchange->out.size += bytes;
}

int wok_http_response_append(wok_http_exchange *exchange, wok_slice bytes)
{
    if (wok__bytes_append(&exchange->out, bytes.data, bytes.size) == 0)
        return 0;
    exchange->no_memory = true;
    return -ENOMEM;
}

int wok_http_response_printf(wok_http_exchange *exchange, const char *format, ...)
{
    va_list args, again;
    int size;
    char *room;

    va_start(args, format);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    room = size < 0 ? NULL : wok_http_response_reserve(exchange, (size_t)size + 1);
    if (room != NULL) {
        vsnprintf(room, (size_t)size + 1, format, again);
        wok_http_response_commit(exchange, (size_t)size);
    }
    va_end(again);
    return room != NULL ? 0 : -ENOMEM;
}

void wok_http_problem(wok_http_exchange *exchange, int status, const char *format, ...)
{
    char detail[1024];
    struct wok__problem problem = {.status = status, .instance = exchange->request.target};
    ssize_t size;
    char *room;
    va_list args;

    va_start(args, format);
    int length = vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (length < 0)
        length = 0;
    problem.detail =
        (wok_slice){detail, (size_t)length < sizeof detail ? (size_t)length : sizeof detail - 1};
    wok_http_response_clear(exchange);
    exchange->no_memory = false;
    wok_http_respond(exchange, status, "application/problem+json");
    room = wok_http_response_reserve(exchange, wok__problem_size_max(&problem));
    if (room == NULL)
        return;
    size = wok__problem_write(room, wok__problem_size_max(&problem), &problem);
    if (size > 0)
        wok_http_response_commit(exchange, (size_t)size);
}

void wok__exchange_mend(struct wok_http_exchange *exchange)
{
    bool exceeded = exchange->allowance.exceeded;

    if (!exchange->no_memory)
        return;
    wok_http_response_clear(exchange);
    wok__bytes_reset(&exchange->out);
    if (exceeded) {
        wok_http_problem(exchange, 500,
                         "the answer needs more memory than one request may hold (%zu bytes, "
                         "--request-memory-max)",
                         exchange->server->options.request_memory_max);
    } else { /* as where a request is refused: it may succeed soon, here or elsewhere */
        wok_http_problem(exchange, 503, "there was no memory for the answer");
        (void)wok_http_response_header(exchange, "Retry-After", WOK_SLICE("1"));
    }
}

int wok__exchange_encode(struct wok_http_exchange *exchange, bool keep_alive, wok_slice date,
                         struct wok__bytes *output)
{
    wok_slice body = {exchange->out.data, exchange->out.size};
    wok_http_response_head head = {
        .status = exchange->status != 0 ? exchange->status : 200,
        .fields = exchange->fields,
        .field_count = exchange->field_count,
    };
    struct wok__h1_response_context context = {
        .version = exchange->request.version,
        .head_request = exchange->head_request,
        .keep_alive = keep_alive,
        .date = date,
        .request_id = exchange->request_id,
        .gzipped = exchange->gzipped,
        .chunked = exchange->gzipped && exchange->stream.vtable != NULL,
        .varies = exchange->varies,
    };
    ssize_t size;
    char *room;

    if (exchange->content_type != NULL)
        head.content_type = wok_slice_of(exchange->content_type);
    if (exchange->encrypted)
        context.transport_security = exchange->server->transport_security;
    if (exchange->no_memory) {
        wok__exchange_drop_stream(exchange);
        head.status = 503;
        context.gzipped = context.chunked = context.varies = false;
        head.content_type = WOK_SLICE("text/plain");
        body = WOK_SLICE("there was no memory for the answer\n");
    }
    head.content_length = exchange->stream.vtable != NULL ? exchange->stream_left : body.size;
    room = wok__bytes_reserve(output, wok__h1_head_size_max(&head, &context));
    if (room == NULL)
        return -ENOMEM;
    size = wok__h1_encode_head(room, output->capacity - output->size, &head, &context);
    if (size < 0) {
        /* A handler's status or header that cannot be sent: the request's own failure. */
        head = (wok_http_response_head){.status = 500};
        wok__exchange_drop_stream(exchange);
        context.gzipped = context.chunked = context.varies = false;
        body = (wok_slice){NULL, 0};
        size = wok__h1_encode_head(room, output->capacity - output->size, &head, &context);
        if (size < 0)
            return -ENOMEM;
    }
    output->size += (size_t)size;
    if (!wok__h1_sends_body(&head, &context)) {
        wok__exchange_drop_stream(exchange);
        return 0;
    }
    if (exchange->stream.vtable != NULL)
        return 0; /* stream.c */
    exchange->body_sent = body.size;
    return wok__bytes_append(output, body.data, body.size);
}
