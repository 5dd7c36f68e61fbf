/*
 * routes.h - what the program that puts the layers together needs of the handlers: the table of
 * routes, and what the handlers have to know about the server that runs them.
 */
#ifndef WOK_HANDLERS_ROUTES_H
#define WOK_HANDLERS_ROUTES_H

#include <wok/base.h>
#include <wok/http/router.h>
#include <wok/http/server.h>

struct wok__registry;
struct wok__busy;

/** The context of every exchange (wok_http_server_options.context); constant while it serves. */
struct wok_handlers_context {
    wok_http_server *server;        /* for its figures; NULL: there are none to tell */
    bool demo;                      /* the demonstration is on: also what /sleep?on=worker asks */
    size_t fan_out_max;             /* sources of one /aggregate; 0: 1,000 */
    struct wok__registry *detached; /* the tasks of /tasks (detached.h); NULL: there are none */
    struct wok__busy *busy;         /* what /metrics tells of the workers (busy.h); NULL: nothing */
};

/** The routes, ended by a line without a method. */
extern const wok_route wok_routes[];

#endif
