/*
 * index.c - GET /: what there is to ask, as JSON.
 *
 * The list is made from the table of routes, so it names what is served and nothing else; a route
 * without a description fails a test (tests/handlers/test_index.c).
 */
#include "handlers.h"

#include "json.h"

static const struct {
    const char *method, *path, *does;
} descriptions[] = {
    {"GET", "/", "lists the endpoints"},
    {"GET", "/healthz", "answers ok while the process is alive"},
    {"GET", "/readyz", "answers ready, or 503 draining from the moment a shutdown begins"},
    {"GET", "/version", "tells the versions of the server and of what it is built on"},
    {"GET", "/fetch",
     "one backend fetch in the request's own task: source=NAME&delay_ms=N[&outcome=ok|error|panic|"
     "hang][&timeout_ms=N]"},
    {"GET", "/aggregate",
     "fetches from many backends at once and answers with all results: source=NAME:DELAY_MS"
     "[:OUTCOME] any number of times, mode=spawn|join|sequential, require=all|any|none|K, "
     "timeout_ms=N; without a source, the example API Server:500 and Database:300"},
    {"POST", "/aggregate", "the same, asked with a JSON document"},
    {"POST", "/tasks",
     "starts a task that outlives the request: {\"kind\": \"fetch\", \"source\": S, \"delay_ms\": N, "
     "\"outcome\": O, \"timeout_ms\": N} or {\"kind\": \"hash\", \"rounds\": N}"},
    {"GET", "/tasks", "lists the tasks that live, and those that ended in the last 10 minutes"},
    {"GET", "/tasks/{id}", "tells what came of a task; wait_ms=N waits so long for its end"},
    {"DELETE", "/tasks/{id}", "aborts a task"},
    {"GET", "/sleep",
     "waits in a parked task, on a pool thread or on a worker: ms=N&on=task|pool|"
     "worker"},
    {"GET", "/runtime", "tells the runtime's figures: workers, tasks, blocking pool, memory"},
    {"GET", "/metrics",
     "tells the figures of the runtime, the server and the process to Prometheus"},
    {"GET", "/panic", "panics: this request gets its 500, everything else goes on"},
};

/* What a route does; "" if nobody has said it. */
static const char *description_of(const wok_route *route)
{
    for (size_t i = 0; i < WOK_COUNT(descriptions); i++)
        if (strcmp(route->method, descriptions[i].method) == 0 &&
            strcmp(route->path, descriptions[i].path) == 0)
            return descriptions[i].does;
    return "";
}

void wok__handle_index(wok_http_exchange *exchange)
{
    bool demo = wok__demo_is_on(exchange);

    wok_http_respond(exchange, 200, WOK__JSON_TYPE);
    struct wok__json json = wok__json_begin(exchange);
    wok__json_open(&json, '{');
    wok__json_key(&json, "name");
    wok__json_string(&json, WOK_SLICE("wok-server"));
    wok__json_key(&json, "version");
    wok__json_string(&json, WOK_SLICE(WOK_VERSION));
    wok__json_key(&json, "endpoints");
    wok__json_open(&json, '[');
    for (const wok_route *route = wok_routes; route->method != NULL; route++) {
        if ((route->flags & WOK_ROUTE_DEMO) != 0 && !demo)
            continue;
        wok__json_open(&json, '{');
        wok__json_key(&json, "method");
        wok__json_string(&json, wok_slice_of(route->method));
        wok__json_key(&json, "path");
        wok__json_string(&json, wok_slice_of(route->path));
        wok__json_key(&json, "does");
        wok__json_string(&json, wok_slice_of(description_of(route)));
        wok__json_close(&json, '}');
    }
    wok__json_close(&json, ']');
    wok__json_close(&json, '}');
    wok__json_end(&json);
}
