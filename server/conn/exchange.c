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

enum { DOUBLED_MAX = 16 << 10 };

/* ---- bytes that grow ------------------------------------------------------------------------- */

static bool is_on_heap(const struct wok__bytes *bytes)
{
    return bytes->data != bytes->inline_data;
}

/* One writer at a time, so that no operation has to be atomic as a whole. */
static void give_back(struct wok__allowance *allowance, size_t bytes)
{
    store_relaxed(&allowance->left, load_relaxed(&allowance->left) + bytes);
}

static bool take(struct wok__allowance *allowance, size_t bytes)
{
    uint64_t left = load_relaxed(&allowance->left);

    if (bytes > left)
        return false;
    store_relaxed(&allowance->left, left - bytes);
    return true;
}

/* Takes what growing to `capacity` adds to the heap from the allowance. */
static bool allow(struct wok__bytes *bytes, size_t capacity)
{
    return bytes->allowance == NULL ||
           take(bytes->allowance, capacity - (is_on_heap(bytes) ? bytes->capacity : 0));
}

/* Doubles, so that appending costs a copy of each byte on average; large ones grow by a quarter, since that is
 * what a client that does not read costs for nothing.  Near the allowance's end it takes what is asked for
 * and no more.  0: it is not allowed. */
static size_t next_capacity(struct wok__bytes *bytes, size_t more)
{
    size_t capacity = bytes->capacity < 1024 ? 1024 : bytes->capacity;

    if (more > SIZE_MAX / 4 - bytes->size)
        return 0;
    while (capacity - bytes->size < more)
        capacity += capacity < DOUBLED_MAX ? capacity : capacity / 4;
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
            give_back(bytes->allowance, capacity - (is_on_heap(bytes) ? bytes->capacity : 0));
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
            give_back(bytes->allowance, bytes->capacity);
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
    store_relaxed(&exchange->allowance.left, server->options.request_memory_max);
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
    wok__exchange_drop_stream(exchange);
    free(exchange->tracestate);
    wok__bytes_reset(&exchange->head);
    wok__bytes_reset(&exchange->body);
    wok__bytes_reset(&exchange->out);
    wok__local_give(exchange->server, WOK__POOL_EXCHANGES, exchange);
}

int wok__exchange_own_head(struct wok_http_exchange *exchange, size_t head_size)
{
    wok_http_request *request = &exchange->request;
    struct wok__bytes *head = &exchange->head;

    /* To the byte: it does not grow, and waits with its answer. */
    if (head_size > head->capacity && allow(head, head_size)) {
        head->data = malloc(head_size);
        if (head->data == NULL) {
            give_back(&exchange->allowance, head_size);
            head->data = head->inline_data;
            return -ENOMEM;
        }
        head->capacity = head_size;
    }
    if (wok__bytes_append(&exchange->head, request->head, head_size) < 0)
        return -ENOMEM;
    wok__request_move(request, exchange->head.data);
    return 0;
}

/* ---- what a request holds ----------------------------------------------------------------------- */

void wok__exchange_settle(struct wok_http_exchange *exchange)
{
    uint64_t held = exchange->stream.state_bytes;

    exchange->request.body = (wok_slice){NULL, 0};
    wok__bytes_reset(&exchange->body);
    if (is_on_heap(&exchange->head))
        held += exchange->head.capacity;
    if (is_on_heap(&exchange->out))
        held += exchange->out.capacity;
    store_relaxed(&exchange->allowance.left,
                  held < exchange->server->options.request_memory_max
                      ? exchange->server->options.request_memory_max - held
                      : 0);
}

bool wok__exchange_has_large_head(const struct wok_http_exchange *exchange)
{
    return is_on_heap(&exchange->head);
}

uint64_t wok__exchange_held(const struct wok_http_exchange *exchange)
{
    return exchange->server->options.request_memory_max - load_relaxed(&exchange->allowance.left);
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
    return (size_t)load_relaxed(&exchange->allowance.left);
}

int wok_http_exchange_hold(wok_http_exchange *exchange, size_t bytes)
{
    return take(&exchange->allowance, bytes) ? 0 : -ENOBUFS;
}

void wok_http_response_clear(wok_http_exchange *exchange)
{
    clear_fields(exchange);
    wok__exchange_drop_stream(exchange);
    exchange->gzipped = exchange->varies = false;
    exchange->out.size = 0;
}
