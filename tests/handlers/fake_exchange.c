/*
 * fake_exchange.c - the functions of handler.h over a struct that tests can read.
 *
 * Stricter than a server where that finds mistakes: room that was not reserved is not there to be
 * committed, and a reservation moves the body to a new place each time, so that a kept pointer into
 * the old one is seen by AddressSanitizer.
 */
#include "fake_exchange.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/headers.h"
#include "http/pattern.h"
#include "support/test.h"

wok_http_server_metrics fake_server_metrics;

/* ---- the request ---- */

static wok_slice add_text(wok_http_exchange *fake, size_t *used, const char *text)
{
    size_t size = strlen(text);

    cr_assert_leq(*used + size, sizeof fake->head);
    memcpy(fake->head + *used, text, size);
    *used += size;
    return (wok_slice){fake->head + *used - size, size};
}

static void begin(wok_http_exchange *fake, wok_http_method method, const char *target,
                  const char *content_type, wok_slice body)
{
    size_t used = 0;

    memset(fake, 0, sizeof *fake);
    fake->request.head = fake->head;
    fake->request.method = method;
    fake->request.version = WOK_HTTP_1_1;
    fake->request.method_name = wok_http_method_name(method);
    fake->request.body = body;

    wok_slice text = add_text(fake, &used, target);
    const char *mark = memchr(text.data, '?', text.size);
    size_t path = mark != NULL ? (size_t)(mark - text.data) : text.size;
    fake->request.target = text;
    fake->request.path = (wok_slice){text.data, path};
    if (mark != NULL)
        fake->request.query = (wok_slice){mark + 1, text.size - path - 1};

    if (content_type != NULL) {
        struct wok__http_header header = {.name_offset = (uint32_t)used, .name_size = 12};
        add_text(fake, &used, "Content-Type");
        header.value_offset = (uint32_t)used;
        header.value_size = (uint32_t)add_text(fake, &used, content_type).size;
        cr_assert(wok__request_add_header(&fake->request, &header));
    }
}

void fake_get(wok_http_exchange *fake, const char *target)
{
    begin(fake, WOK_HTTP_GET, target, NULL, (wok_slice){NULL, 0});
}

void fake_post(wok_http_exchange *fake, const char *target, const char *content_type,
               wok_slice body)
{
    begin(fake, WOK_HTTP_POST, target, content_type, body);
}

void fake_done(wok_http_exchange *fake)
{
    free(fake->body);
    free(fake->detail);
    free(fake->timing);
    free(fake->location);
    free(fake->retry_after);
    fake->body = fake->detail = fake->timing = fake->location = fake->retry_after = NULL;
}

/* ---- handler.h ---- */

/* Runs it to its end, and drops it. */
void wok_http_response_stream(wok_http_exchange *exchange, const wok_http_stream *stream)
{
    uint64_t length = stream->vtable->length(stream->state);
    bool more = true;

    exchange->size = 0;
    while (more && !exchange->no_memory) {
        size_t size = exchange->size;
        more = stream->vtable->next(stream->state, exchange);
        cr_assert(exchange->no_memory || exchange->size > size);
        cr_assert_leq(exchange->size - size, 8192, "a piece is a few kilobytes");
        exchange->pieces++;
        if (exchange->between_pieces != NULL)
            exchange->between_pieces();
    }
    cr_assert(exchange->no_memory || exchange->size == length);
    stream->vtable->drop(stream->state);
}

const wok_http_request *wok_http_exchange_request(const wok_http_exchange *exchange)
{
    return &exchange->request;
}

wok_slice wok_http_exchange_parameter(const wok_http_exchange *exchange, const char *name)
{
    return exchange->route != NULL
               ? wok__pattern_parameter(exchange->route, exchange->request.path, name)
               : (wok_slice){NULL, 0};
}

void *wok_http_exchange_context(const wok_http_exchange *exchange)
{
    return exchange->context;
}

bool wok_http_exchange_draining(const wok_http_exchange *exchange)
{
    return exchange->draining;
}

wok_instant wok_http_exchange_started(const wok_http_exchange *exchange)
{
    (void)exchange;
    return wok_now();
}

void wok_http_exchange_trace(wok_http_exchange *exchange, wok_http_trace *ret_trace)
{
    (void)exchange;
    strcpy(ret_trace->traceparent, FAKE_TRACEPARENT);
    ret_trace->tracestate = WOK_SLICE("vendor=1");
}

size_t wok_http_exchange_memory_left(const wok_http_exchange *exchange)
{
    size_t max = exchange->memory_max != 0 ? exchange->memory_max : 16 << 20;

    return max - exchange->held;
}

int wok_http_exchange_hold(wok_http_exchange *exchange, size_t bytes)
{
    if (bytes > wok_http_exchange_memory_left(exchange))
        return -ENOBUFS;
    exchange->held += bytes;
    return 0;
}

void wok_http_respond(wok_http_exchange *exchange, int status, const char *content_type)
{
    exchange->status = status;
    exchange->content_type = content_type;
}

int wok_http_response_header(wok_http_exchange *exchange, const char *name, wok_slice value)
{
    char **kept = strcmp(name, "Server-Timing") == 0 ? &exchange->timing
                  : strcmp(name, "Location") == 0    ? &exchange->location
                  : strcmp(name, "Retry-After") == 0 ? &exchange->retry_after
                                                     : NULL;

    if (kept != NULL) {
        free(*kept);
        *kept = strndup(value.data, value.size);
    }
    return wok__is_field_value(value) ? 0 : -EINVAL;
}

char *wok_http_response_reserve(wok_http_exchange *exchange, size_t bytes)
{
    if (exchange->no_memory)
        return NULL;

    char *body = malloc(exchange->size + bytes + 1);
    cr_assert_not_null(body);
    if (exchange->size > 0)
        memcpy(body, exchange->body, exchange->size);
    free(exchange->body);
    exchange->body = body;
    exchange->capacity = exchange->size + bytes;
    exchange->reserved = bytes;
    body[exchange->size] = '\0';
    return body + exchange->size;
}

void wok_http_response_commit(wok_http_exchange *exchange, size_t bytes)
{
    cr_assert_leq(bytes, exchange->reserved, "committed more than was reserved");
    exchange->reserved -= bytes;
    exchange->size += bytes;
    if (exchange->body != NULL)
        exchange->body[exchange->size] = '\0';
}

int wok_http_response_append(wok_http_exchange *exchange, wok_slice bytes)
{
    char *room = wok_http_response_reserve(exchange, bytes.size);
    if (room == NULL)
        return -ENOMEM;
    memcpy(room, bytes.data, bytes.size);
    wok_http_response_commit(exchange, bytes.size);
    return 0;
}

int wok_http_response_printf(wok_http_exchange *exchange, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    cr_assert_geq(size, 0);
    int error = wok_http_response_append(exchange, (wok_slice){text, (size_t)size});
    free(text);
    return error;
}

void wok_http_response_clear(wok_http_exchange *exchange)
{
    free(exchange->body);
    exchange->body = NULL;
    exchange->size = exchange->capacity = exchange->reserved = 0;
}

void wok_http_problem(wok_http_exchange *exchange, int status, const char *format, ...)
{
    va_list arguments;

    wok_http_response_clear(exchange);
    exchange->problems++;
    wok_http_respond(exchange, status, "application/problem+json");
    free(exchange->detail);
    va_start(arguments, format);
    int size = vasprintf(&exchange->detail, format, arguments);
    va_end(arguments);
    cr_assert_geq(size, 0);
}

/* ---- server.h ---- */

void wok_http_server_metrics_get(const wok_http_server *server,
                                 wok_http_server_metrics *ret_metrics)
{
    (void)server;
    *ret_metrics = fake_server_metrics;
}

const uint64_t wok_http_duration_bounds_ns[WOK_HTTP_DURATION_BOUNDS] = {
    1000000, 2000000, 3000000,  4000000,  5000000,  6000000,  7000000,
    8000000, 9000000, 10000000, 11000000, 12000000, 13000000, 14000000};

bool wok_http_server_route_metrics_get(const wok_http_server *server, size_t index,
                                       wok_http_route_metrics *ret_metrics)
{
    (void)server;
    *ret_metrics = (wok_http_route_metrics){.path = "/a\"b\\c\nd", .count = 3, .sum_ns = 20000000};
    ret_metrics->buckets[0] = 1;
    ret_metrics->buckets[14] = 2;
    return index == 0;
}

bool wok_http_server_answers_next(const wok_http_server *server, size_t *cursor,
                                  wok_http_answers *ret_answers)
{
    (void)server;
    *ret_answers = (wok_http_answers){"/a", WOK_HTTP_OTHER, 501, 7};
    return (*cursor)++ == 0;
}

bool wok_http_server_draining(const wok_http_server *server)
{
    (void)server;
    return false;
}
