/*
 * router.c - from a request to its handler.
 *
 * The table is short and read for every request, so the lines are grouped by the size of their path:
 * a request is compared with the few paths of its own length.  Those with parameters (http/pattern.h) are a
 * group of their own, which is looked at where no other line has the path: a path that is written out wins.
 */
#include <stdlib.h>
#include <string.h>

#include "conn/exchange.h"
#include "conn/server.h"
#include "http/pattern.h"

enum { SIZES = 32, METHODS_MAX = 16 };

struct entry {
    const wok_route *route;
    wok_slice method, path;
    bool has_parameters;
    size_t index; /* of its path */
    int next;     /* of the same group, or -1 */
};

struct wok__router {
    bool demo;
    size_t count, paths;
    int first[SIZES];    /* by path size; longer paths are in the last one */
    int with_parameters; /* the first of those */
    struct entry entries[];
};

static size_t bucket(size_t size)
{
    return size < SIZES ? size : SIZES - 1;
}

/* Gives it the number of the line before with the same path, or the next one. */
static void number_path(struct wok__router *router, struct entry *entry)
{
    for (const struct entry *other = router->entries; other < entry; other++)
        if (wok_slice_equal(other->path, entry->path)) {
            entry->index = other->index;
            return;
        }
    entry->index = router->paths++;
}

struct wok__router *wok__router_new(const wok_route *routes, bool demo)
{
    size_t count = 0;
    struct wok__router *router;

    while (routes[count].method != NULL)
        count++;
    router = calloc(1, sizeof *router + count * sizeof router->entries[0]);
    if (router == NULL)
        return NULL;
    router->demo = demo;
    router->count = count;
    router->paths = 1;
    for (size_t i = 0; i < SIZES; i++)
        router->first[i] = -1;
    router->with_parameters = -1;
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = &router->entries[i];
        entry->route = &routes[i];
        entry->method = wok_slice_of(routes[i].method);
        entry->path = wok_slice_of(routes[i].path);
        entry->has_parameters = wok__pattern_has_parameters(routes[i].path);
        int *first = entry->has_parameters ? &router->with_parameters
                                           : &router->first[bucket(entry->path.size)];
        entry->next = *first;
        *first = (int)i;
        number_path(router, entry);
    }
    return router;
}

void wok__router_free(struct wok__router *router)
{
    free(router);
}

size_t wok__router_paths(const struct wok__router *router)
{
    return router->paths;
}

const char *wok__router_path(const struct wok__router *router, size_t index)
{
    for (size_t i = 0; i < router->count; i++)
        if (router->entries[i].index == index)
            return router->entries[i].route->path;
    return NULL;
}

static bool is_on(const struct wok__router *router, const struct entry *entry)
{
    return router->demo || (entry->route->flags & WOK_ROUTE_DEMO) == 0;
}

static bool has_path(const struct entry *entry, wok_slice path)
{
    return entry->has_parameters ? wok__pattern_fits(entry->route->path, path)
                                 : wok_slice_equal(entry->path, path);
}

/* ---- answers in place of a handler ---------------------------------------------------------------- */

struct allow {
    char text[128];
    size_t size;
};

static void allow_add(struct allow *allow, wok_slice method)
{
    if (allow->size + method.size + 2 > sizeof allow->text)
        return;
    if (allow->size != 0) {
        memcpy(allow->text + allow->size, ", ", 2);
        allow->size += 2;
    }
    memcpy(allow->text + allow->size, method.data, method.size);
    allow->size += method.size;
}

static bool is_asterisk(wok_slice path)
{
    return wok_slice_equal(path, WOK_SLICE("*"));
}

/* Is `path` the path of one that is written out?  Then those with parameters do not have it. */
static bool is_written_out(const struct wok__router *router, wok_slice path)
{
    int at = router->first[bucket(path.size)];

    while (at >= 0 && !(is_on(router, &router->entries[at]) &&
                        wok_slice_equal(router->entries[at].path, path)))
        at = router->entries[at].next;
    return at >= 0;
}

/* Is there a route with this method and path?  The asterisk is any path. */
static bool serves(const struct wok__router *router, wok_slice path, wok_slice method)
{
    bool written_out = is_written_out(router, path);

    for (size_t i = 0; i < router->count; i++) {
        const struct entry *entry = &router->entries[i];
        if (is_on(router, entry) && wok_slice_equal(entry->method, method) &&
            (is_asterisk(path) ||
             (!(written_out && entry->has_parameters) && has_path(entry, path))))
            return true;
    }
    return false;
}

/* The methods of a path; with OPTIONS, and HEAD wherever GET is. */
static void allowed(const struct wok__router *router, wok_slice path, struct allow *allow)
{
    for (int method = WOK_HTTP_GET; method < WOK_HTTP_OTHER; method++) {
        wok_slice name = wok_http_method_name((wok_http_method)method);
        wok_slice asked = method == WOK_HTTP_HEAD ? WOK_SLICE("GET") : name;
        if (method == WOK_HTTP_OPTIONS || serves(router, path, asked))
            allow_add(allow, name);
    }
}

/* How many single-character edits lie between two paths; large ones are all the same. */
static size_t distance(wok_slice a, wok_slice b)
{
    size_t row[SIZES + 1];

    if (a.size > SIZES || b.size > SIZES)
        return SIZES;
    for (size_t j = 0; j <= b.size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t best = diagonal + (a.data[i - 1] != b.data[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.size];
}

static bool begins_with(wok_slice text, wok_slice prefix)
{
    return prefix.size > 1 && text.size >= prefix.size &&
           memcmp(text.data, prefix.data, prefix.size) == 0;
}

static void answer_not_found(const struct wok__router *router, wok_http_exchange *exchange)
{
    wok_slice path = exchange->request.path;
    struct allow near = {.size = 0};
    size_t close = path.size < 6 ? 1 : path.size / 3; /* one letter in three may be wrong */

    for (size_t i = 0; i < router->count; i++) {
        const struct entry *entry = &router->entries[i];
        bool seen = false;
        if (!is_on(router, entry))
            continue;
        for (size_t j = 0; j < i; j++)
            seen |= wok_slice_equal(router->entries[j].path, entry->path);
        if (!seen && (distance(path, entry->path) <= close || begins_with(path, entry->path) ||
                      begins_with(entry->path, path)))
            allow_add(&near, entry->path);
    }
    if (near.size != 0)
        wok_http_problem(exchange, 404, "there is no %.*s here; near it: %.*s", (int)path.size,
                         path.data, (int)near.size, near.text);
    else
        wok_http_problem(exchange, 404, "there is no %.*s here; GET / lists what there is",
                         (int)path.size, path.data);
}

static void answer_other_method(const struct wok__router *router, wok_http_exchange *exchange)
{
    const wok_http_request *request = &exchange->request;
    struct allow allow = {.size = 0};

    allowed(router, request->path, &allow);
    if (request->method == WOK_HTTP_OPTIONS)
        wok_http_respond(exchange, 204, NULL);
    else
        wok_http_problem(exchange, 405, "%.*s does not answer %.*s; it answers %.*s",
                         (int)request->path.size, request->path.data,
                         (int)request->method_name.size, request->method_name.data, (int)allow.size,
                         allow.text);
    wok_http_response_header(exchange, "Allow", (wok_slice){allow.text, allow.size});
}

/* How far a request got in the table. */
enum found { NO_PATH, OTHER_METHOD, SWITCHED_OFF, FOUND };

/* Looks through one group of lines. */
static enum found find_in(const struct wok__router *router, int first, wok_http_exchange *exchange)
{
    const wok_http_request *request = &exchange->request;
    wok_slice method = request->method == WOK_HTTP_HEAD ? WOK_SLICE("GET") : request->method_name;
    enum found found = NO_PATH;

    for (int at = first; at >= 0; at = router->entries[at].next) {
        const struct entry *entry = &router->entries[at];
        if (!has_path(entry, request->path))
            continue;
        if (!is_on(router, entry))
            return SWITCHED_OFF;
        found = OTHER_METHOD;
        exchange->route = entry->route->path;
        exchange->route_index = entry->index;
        exchange->always = (entry->route->flags & WOK_ROUTE_ALWAYS) != 0;
        if (!wok_slice_equal(entry->method, method))
            continue;
        exchange->handler = entry->route->handler;
        return FOUND;
    }
    return found;
}

wok_http_handler wok__router_find(const struct wok__router *router, wok_http_exchange *exchange)
{
    const wok_http_request *request = &exchange->request;
    enum found found = find_in(router, router->first[bucket(request->path.size)], exchange);

    if (found == NO_PATH)
        found = find_in(router, router->with_parameters, exchange);
    if (found == NO_PATH && request->method == WOK_HTTP_OPTIONS && is_asterisk(request->path))
        found = OTHER_METHOD;
    switch (found) {
    case FOUND:
        return exchange->handler;
    case SWITCHED_OFF:
        wok_http_problem(exchange, 404,
                         "%.*s is a demonstration, and those are off here: start the server "
                         "with --demo or WOK_DEMO=on",
                         (int)request->path.size, request->path.data);
        break;
    case OTHER_METHOD:
        answer_other_method(router, exchange);
        break;
    case NO_PATH:
        answer_not_found(router, exchange);
        break;
    }
    return NULL;
}

wok_slice wok_http_exchange_parameter(const wok_http_exchange *exchange, const char *name)
{
    return exchange->route != NULL
               ? wok__pattern_parameter(exchange->route, exchange->request.path, name)
               : (wok_slice){NULL, 0};
}
