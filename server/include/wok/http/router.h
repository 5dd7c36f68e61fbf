/*
 * router.h - the table of routes.
 */
#ifndef WOK_HTTP_ROUTER_H
#define WOK_HTTP_ROUTER_H

#include <wok/http/handler.h>

WOK_BEGIN_DECLS

/** What is special about a route. */
enum {
    /** A demonstration: answered by 404 unless the server runs with demonstrations on. */
    WOK_ROUTE_DEMO = 1u << 0,
    /** Served also beyond wok_http_server_options.requests_max: what tells whether the process is well. */
    WOK_ROUTE_ALWAYS = 1u << 1,
};

/**
 * One line of the table: a method, a path, a handler.
 *
 * HEAD is answered wherever GET is, OPTIONS everywhere.  A segment in braces, `/tasks/{id}`, stands for any
 * one that is not empty (wok_http_exchange_parameter()); a path that is written out goes first.  A table ends
 * with a line whose method is NULL; its order does not matter.
 */
typedef struct wok_route {
    const char *method;
    const char *path;
    wok_http_handler handler;
    unsigned flags;
} wok_route;

WOK_END_DECLS

#endif
