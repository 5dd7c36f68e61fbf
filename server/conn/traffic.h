/*
 * traffic.h - how many requests of which route, method and status were answered, and how long they took.
 *
 * Each worker counts in a table of its own, so counting takes no lock and no shared line: an answer is two
 * numbers up and one added to.  Who asks adds the tables up.  Numbers only grow, for as long as the server lives.
 */
#ifndef WOK_SERVER_CONN_TRAFFIC_H
#define WOK_SERVER_CONN_TRAFFIC_H

#include <wok/http/server.h>

#include "platform/atomic.h"

enum {
    WOK__TRAFFIC_STATUSES =
        28, /* those that the server sends, and one for the others of each class */
    WOK__TRAFFIC_METHODS = WOK_HTTP_OTHER + 1,
};

/* Of one path, or of those that there are none of. */
struct wok__traffic {
    atomic_u64 sum_ns;
    atomic_u64 buckets[WOK_HTTP_DURATION_BOUNDS + 1]; /* the last one: longer than any bound */
    atomic_u64 answers[WOK__TRAFFIC_METHODS][WOK__TRAFFIC_STATUSES];
};

/* Counts an answer; the table is the calling worker's. */
void wok__traffic_count(struct wok__traffic *traffic, wok_http_method method, int status,
                        uint64_t duration_ns);

#endif
