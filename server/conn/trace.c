/*
 * trace.c - the span that a request is to those who ask for it and to those whom it asks.
 *
 * It is made when somebody looks: the access log, or a handler that asks others.  A request that does
 * neither pays nothing for it.
 */
#include "conn/trace.h"

#include <stdlib.h>
#include <string.h>

#include "conn/server.h"

/* splitmix64 over a state that the kernel has seeded.  Ids have to be unlikely to meet, not hard to
 * guess: they are sent to whoever is asked. */
static uint64_t random_bits(wok_http_server *server)
{
    uint64_t z = wok__local(server)->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void fill(wok_http_server *server, uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t bits = random_bits(server);
        bits += bits == 0; /* an id of zeros is none */
        memcpy(bytes + at, &bits, sizeof bits);
    }
}

const struct wok__trace_context *wok__exchange_span(struct wok_http_exchange *exchange)
{
    struct wok__trace_context *span = &exchange->span;

    if (exchange->has_span)
        return span;
    exchange->has_span = true;
    exchange->is_traced = wok__trace_of_request(&exchange->request, span);
    if (exchange->is_traced) {
        memcpy(exchange->parent_id, span->span_id, sizeof exchange->parent_id);
    } else {
        fill(exchange->server, span->trace_id, sizeof span->trace_id);
        span->sampled = false;
    }
    fill(exchange->server, span->span_id, sizeof span->span_id);
    return span;
}

/* Several lines are one list (RFC 9110 section 5.3), which has to lie somewhere. */
static wok_slice tracestate_of(struct wok_http_exchange *exchange)
{
    char joined[WOK__TRACESTATE_MAX];
    size_t size;

    if (!exchange->is_traced)
        return (wok_slice){NULL, 0};
    size = wok__tracestate_join(&exchange->request, joined);
    if (size == 0)
        return (wok_slice){NULL, 0};
    if (exchange->tracestate == NULL)
        exchange->tracestate = malloc(size);
    if (exchange->tracestate == NULL) /* a trace without its state is one all the same */
        return (wok_slice){NULL, 0};
    memcpy(exchange->tracestate, joined, size);
    return (wok_slice){exchange->tracestate, size};
}

void wok_http_exchange_trace(wok_http_exchange *exchange, wok_http_trace *ret_trace)
{
    wok__traceparent_format(wok__exchange_span(exchange), ret_trace->traceparent);
    ret_trace->traceparent[WOK__TRACEPARENT_SIZE] = '\0';
    ret_trace->tracestate = tracestate_of(exchange);
}
