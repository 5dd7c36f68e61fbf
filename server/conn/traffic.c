/*
 * traffic.c - how many requests of which route, method and status were answered, and how long they took.
 *
 * Statuses have their place by a table of bytes, so that to find one is one load.  A status that the table does
 * not know counts with the others of its class, under the first number of that: 299 as 200.
 */
#include "conn/traffic.h"

#include "conn/local.h"
#include "conn/server.h"

static const uint16_t statuses[WOK__TRAFFIC_STATUSES] = {
    200, 300, 400, 500, /* and the others of their class */
    201, 202, 204, 301, 302, 304, 404, 405, 406, 408, 409, 411,
    413, 414, 415, 417, 422, 429, 431, 501, 502, 503, 504, 505,
};

/* The place of 404 is that of its last two digits in the row of its class. */
static const uint8_t places[4][100] = {
    {[1] = 4, [2] = 5, [4] = 6},
    {[0] = 1, [1] = 7, [2] = 8, [4] = 9},
    {[0] = 2,
     [4] = 10,
     [5] = 11,
     [6] = 12,
     [8] = 13,
     [9] = 14,
     [11] = 15,
     [13] = 16,
     [14] = 17,
     [15] = 18,
     [17] = 19,
     [22] = 20,
     [29] = 21,
     [31] = 22},
    {[0] = 3, [1] = 23, [2] = 24, [3] = 25, [4] = 26, [5] = 27},
};

static unsigned place_of(int status)
{
    unsigned class = (unsigned)(status / 100 - 2) % 4;
    unsigned place = places[class][status % 100];

    return place != 0 ? place : class;
}

/* Bounds of OpenTelemetry's advice for http.server.request.duration. */
const uint64_t wok_http_duration_bounds_ns[WOK_HTTP_DURATION_BOUNDS] = {
    5000000,   10000000,  25000000,   50000000,   75000000,   100000000,  250000000,
    500000000, 750000000, 1000000000, 2500000000, 5000000000, 7500000000, 10000000000};

static void add(atomic_u64 *counter, uint64_t amount)
{
    store_relaxed(counter, load_relaxed(counter) + amount); /* one writer */
}

void wok__traffic_count(struct wok__traffic *traffic, wok_http_method method, int status,
                        uint64_t duration_ns)
{
    unsigned bucket = 0;

    while (bucket < WOK_HTTP_DURATION_BOUNDS && duration_ns > wok_http_duration_bounds_ns[bucket])
        bucket++;
    add(&traffic->buckets[bucket], 1);
    add(&traffic->sum_ns, duration_ns);
    add(&traffic->answers[method][place_of(status)], 1);
}

/* ---- reading --------------------------------------------------------------------------------------- */

/* Tables of workers that never answered are left alone: no page of theirs is touched. */
static bool is_used(const struct wok__server_local *local)
{
    return load_relaxed(&local->counters.finished) != 0;
}

bool wok_http_server_route_metrics_get(const wok_http_server *server, size_t index,
                                       wok_http_route_metrics *ret_metrics)
{
    wok_http_route_metrics metrics = {.path = wok__router_path(server->router, index)};

    if (index >= wok__router_paths(server->router))
        return false;
    for (unsigned i = 0; i < server->local_count; i++) {
        const struct wok__server_local *local = &server->locals[i];
        if (!is_used(local))
            continue;
        metrics.sum_ns += load_relaxed(&local->traffic[index].sum_ns);
        for (size_t at = 0; at <= WOK_HTTP_DURATION_BOUNDS; at++)
            metrics.buckets[at] += load_relaxed(&local->traffic[index].buckets[at]);
    }
    for (size_t at = 0; at <= WOK_HTTP_DURATION_BOUNDS; at++)
        metrics.count += metrics.buckets[at];
    *ret_metrics = metrics;
    return true;
}

static uint64_t answers_of(const wok_http_server *server, size_t path, size_t method, size_t place)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < server->local_count; i++) {
        const struct wok__server_local *local = &server->locals[i];
        if (is_used(local))
            count += load_relaxed(&local->traffic[path].answers[method][place]);
    }
    return count;
}

bool wok_http_server_answers_next(const wok_http_server *server, size_t *cursor,
                                  wok_http_answers *ret_answers)
{
    size_t paths = wok__router_paths(server->router);

    for (; *cursor < paths * WOK__TRAFFIC_METHODS * WOK__TRAFFIC_STATUSES; ++*cursor) {
        size_t place = *cursor % WOK__TRAFFIC_STATUSES;
        size_t method = *cursor / WOK__TRAFFIC_STATUSES % WOK__TRAFFIC_METHODS;
        size_t path = *cursor / WOK__TRAFFIC_STATUSES / WOK__TRAFFIC_METHODS;
        uint64_t count = answers_of(server, path, method, place);
        if (count == 0)
            continue;
        *ret_answers = (wok_http_answers){.path = wok__router_path(server->router, path),
                                          .method = (wok_http_method)method,
                                          .status = statuses[place],
                                          .count = count};
        ++*cursor;
        return true;
    }
    return false;
}
