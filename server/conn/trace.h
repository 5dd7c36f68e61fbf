/*
 * trace.h - the span that a request is to those who ask for it and to those whom it asks.
 */
#ifndef WOK_SERVER_CONN_TRACE_H
#define WOK_SERVER_CONN_TRACE_H

#include "conn/exchange.h"

/* The request's span: of the client's trace if it sent one, else of a new one.  Made when first asked
 * for, by the owner of the exchange. */
const struct wok__trace_context *wok__exchange_span(struct wok_http_exchange *exchange);

#endif
