/*
 * routes.c - the table of routes.  index.c says of each what it does.
 */
#include "routes.h"

#include "handlers.h"

const wok_route wok_routes[] = {
    {"GET", "/", wok__handle_index, 0},
    {"GET", "/healthz", wok__handle_healthz, WOK_ROUTE_ALWAYS},
    {"GET", "/readyz", wok__handle_readyz, WOK_ROUTE_ALWAYS},
    {"GET", "/version", wok__handle_version, 0},
    {"GET", "/fetch", wok__handle_fetch, 0},
    {"GET", "/aggregate", wok__handle_aggregate_get, 0},
    {"POST", "/aggregate", wok__handle_aggregate_post, 0},
    {"POST", "/tasks", wok__handle_tasks_post, 0},
    {"GET", "/tasks", wok__handle_tasks_get, 0},
    {"GET", "/tasks/{id}", wok__handle_task_get, 0},
    {"DELETE", "/tasks/{id}", wok__handle_task_delete, 0},
    {"GET", "/sleep", wok__handle_sleep, 0},
    {"GET", "/runtime", wok__handle_runtime, WOK_ROUTE_ALWAYS},
    {"GET", "/metrics", wok__handle_metrics, WOK_ROUTE_ALWAYS},
    {"GET", "/panic", wok__handle_panic, WOK_ROUTE_DEMO},
    {NULL, NULL, NULL, 0},
};
