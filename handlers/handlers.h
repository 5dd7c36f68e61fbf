/*
 * handlers.h - the handlers, for the table of routes and for tests.
 */
#ifndef WOK_HANDLERS_HANDLERS_H
#define WOK_HANDLERS_HANDLERS_H

#include <wok/http/handler.h>

#include "routes.h"

void wok__handle_index(wok_http_exchange *exchange);          /* GET / */
void wok__handle_healthz(wok_http_exchange *exchange);        /* GET /healthz */
void wok__handle_readyz(wok_http_exchange *exchange);         /* GET /readyz */
void wok__handle_version(wok_http_exchange *exchange);        /* GET /version */
void wok__handle_fetch(wok_http_exchange *exchange);          /* GET /fetch */
void wok__handle_aggregate_get(wok_http_exchange *exchange);  /* GET /aggregate */
void wok__handle_aggregate_post(wok_http_exchange *exchange); /* POST /aggregate */
void wok__handle_tasks_post(wok_http_exchange *exchange);     /* POST /tasks */
void wok__handle_tasks_get(wok_http_exchange *exchange);      /* GET /tasks */
void wok__handle_task_get(wok_http_exchange *exchange);       /* GET /tasks/{id} */
void wok__handle_task_delete(wok_http_exchange *exchange);    /* DELETE /tasks/{id} */
void wok__handle_sleep(wok_http_exchange *exchange);          /* GET /sleep */
void wok__handle_metrics(wok_http_exchange *exchange);        /* GET /metrics */
void wok__handle_panic(wok_http_exchange *exchange);          /* GET /panic */
void wok__handle_runtime(wok_http_exchange *exchange);        /* GET /runtime */

/** True if the demonstration is on. */
static inline bool wok__demo_is_on(const wok_http_exchange *exchange)
{
    const struct wok_handlers_context *context = wok_http_exchange_context(exchange);
    return context != NULL && context->demo;
}

#if defined(__clang__)
#define WOK__COMPILER __VERSION__ /* names itself: "Clang 14.0.6" */
#else
#define WOK__COMPILER "gcc " __VERSION__
#endif

#define WOK__JSON_TYPE "application/json"
#define WOK__TEXT_TYPE "text/plain; charset=utf-8"

#endif
