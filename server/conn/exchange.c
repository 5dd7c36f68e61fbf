/*
 * exchange.c - one request and its response, in memory of its own.
 */
#include "conn/exchange.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/headers.h"
#include "conn/local.h"
#include "conn/server.h"

/* ---- bytes that grow ------------------------------------------------------------------------- */

static bool is_on_heap(const struct wok__bytes *bytes)
{
    return bytes->data != bytes->inline_data;
}

/* Takes what growing to `capacity` adds to the heap from the allowance. */
static bool allow(struct wok__bytes *bytes, size_t capacity)
{
    size_t more = capacity - (is_on_heap(bytes) ? bytes->capacity : 0);

    if (bytes->allowance == NULL)
        return true;
    if (more > bytes->allowance->left)
        return false;
    bytes->allowance->left -= more;
    return true;
}

/* Doubles, so that appending costs a copy of each byte on average; near the allowance's end it takes what
 * is asked for and no more.  0: it is not allowed. */
static size_t next_capacity(struct wok__bytes *bytes, size_t more)
{
    size_t capacity = bytes->capacity < 1024 ? 1024 : bytes->capacity;

    if (more > SIZE_MAX / 4 - bytes->size)
        return 0;
    while (capacity - bytes->size < more)
        capacity *= 2;
    if (allow(bytes, capacity))
        return capacity;
    if (allow(bytes, bytes->size + more))
        return bytes->size + more;
    bytes->allowance->exceeded = true;
    return 0;
}

char *wok__bytes_reserve(struct wok__bytes *bytes, size_t more)
{
    size_t capacity;
    char *grown;

    if (bytes->capacity - bytes->size >= more)
        return bytes->data + bytes->size;
    capacity = next_capacity(bytes, more);
    if (capacity == 0)
        return NULL;
    if (is_on_heap(bytes)) {
        grown = realloc(bytes->data, capacity);
    } else {
        grown = malloc(capacity);
        if (grown != NULL && bytes->size != 0)
            memcpy(grown, bytes->data, bytes->size);
    }
    if (grown == NULL) {
        if (bytes->allowance != NULL)
            bytes->allowance->left += capacity - (is_on_heap(bytes) ? bytes->capacity : 0);
        return NULL;
    }
    bytes->data = grown;
    bytes->capacity = capacity;
    return grown + bytes->size;
}

int wok__bytes_append(struct wok__bytes *bytes, const char *data, size_t size)
{
    char *room = wok__bytes_reserve(bytes, size);

    if (room == NULL)
        return -ENOMEM;
    if (size != 0)
        memcpy(room, data, size);
    bytes->size += size;
    return 0;
}

void wok__bytes_reset(struct wok__bytes *bytes)
{
    if (is_on_heap(bytes)) {
        free(bytes->data);
        if (bytes->allowance != NULL)
            bytes->allowance->left += bytes->capacity;
    }
    bytes->data = bytes->inline_data;
    bytes->capacity = bytes->inline_capacity;
    bytes->size = 0;
}

/* ---- life -------------------------------------------------------------------------------------- */

struct wok_http_exchange *wok__exchange_new(wok_http_server *server)
{
    struct wok_http_exchange *exchange = wok__local_take(server, WOK__POOL_EXCHANGES);

    if (exchange == NULL)
        return NULL;
    /* Not the two kilobytes of tables and buffers: the decoder clears what it fills. */
    memset(exchange, 0, offsetof(struct wok_http_exchange, request));
    store_relaxed(&exchange->refs, 1);
    exchange->server = server;
    exchange->allowance.left = server->options.request_memory_max;
    exchange->head = (struct wok__bytes){exchange->head_inline,        0,
                                         sizeof exchange->head_inline, exchange->head_inline,
                                         sizeof exchange->head_inline, &exchange->allowance};
    exchange->out = (struct wok__bytes){exchange->out_inline,        0,
                                        sizeof exchange->out_inline, exchange->out_inline,
                                        sizeof exchange->out_inline, &exchange->allowance};
    exchange->body.allowance = &exchange->allowance;
    return exchange;
}

void wok__exchange_ref(struct wok_http_exchange *exchange)
{
    fetch_add_relaxed(&exchange->refs, 1);
}

static void clear_fields(struct wok_http_exchange *exchange)
{
    const char *text = exchange->field_text;

    for (size_t i = 0; i < exchange->field_count; i++) {
        const char *value = exchange->fields[i].value.data;
        if (value < text || value > text + sizeof exchange->field_text)
            free((char *)value);
    }
    exchange->field_count = exchange->field_text_size = 0;
}

void wok__exchange_unref(struct wok_http_exchange *exchange)
{
    /* [exchange.refs] the other owner's last use happens before the memory is given back */
    if (fetch_sub_acq_rel(&exchange->refs, 1) != 1)
        return;
    clear_fields(exchange);
    free(exchange->tracestate);
    wok__bytes_reset(&exchange->head);
    wok__bytes_reset(&exchange->body);
    wok__bytes_reset(&exchange->out);
    wok__local_give(exchange->server, WOK__POOL_EXCHANGES, exchange);
}

int wok__exchange_own_head(struct wok_http_exchange *exchange, size_t head_size)
{
    wok_http_request *request = &exchange->request;

    if (wok__bytes_append(&exchange->head, request->head, head_size) < 0)
        return -ENOMEM;
    wok__request_move(request, exchange->head.data);
    return 0;
}

/* ---- what a handler sees ------------------------------------------------------------------------- */

const wok_http_request *wok_http_exchange_request(const wok_http_exchange *exchange)
{
    return &exchange->request;
}

void *wok_http_exchange_context(const wok_http_exchange *exchange)
{
    return exchange->context;
}

bool wok_http_exchange_draining(const wok_http_exchange *exchange)
{
    return wok_http_server_draining(exchange->server);
}

wok_instant wok_http_exchange_started(const wok_http_exchange *exchange)
{
    return exchange->started;
}

size_t wok_http_exchange_memory_left(const wok_http_exchange *exchange)
{
    return exchange->allowance.left;
}

int wok_http_exchange_hold(wok_http_exchange *exchange, size_t bytes)
{
    if (bytes > exchange->allowance.left)
        return -ENOBUFS;
    exchange->allowance.left -= bytes;
    return 0;
}

void wok_http_response_clear(wok_http_exchange *exchange)
{
    clear_fields(exchange);
    exchange->gzipped = exchange->varies = false;
    exchange->out.size = 0;
}
