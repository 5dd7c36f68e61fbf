/*
 * local.h - what a server keeps for each worker: pools of memory, counters, the date.
 *
 * Code of the server runs on workers and does not wait between taking a local and using it, so what
 * belongs to a worker needs no lock.  Counters are written by their worker and read by anyone.
 */
#ifndef WOK_SERVER_CONN_LOCAL_H
#define WOK_SERVER_CONN_LOCAL_H

#include <stdint.h>
#include <time.h>

#include <wok/http/server.h>

#include "conn/traffic.h"
#include "http/date.h"
#include "platform/atomic.h"

enum wok__pool_kind { WOK__POOL_EXCHANGES, WOK__POOL_WORKS, WOK__POOLS };

/* What is kept at most per worker and kind: more goes back to the heap, and so to the kernel. */
enum { WOK__POOL_KEPT = 96 };

struct wok__server_counters {
    atomic_u64 accepted, refused, closed, started, finished, client_gone, by_class[6];
    atomic_u64 handshakes, handshakes_failed, shed;
};

struct wok__server_local {
    struct {
        void *first; /* linked through their first word */
        uint32_t count;
    } pools[WOK__POOLS];
    time_t date_second;
    char date[WOK__DATE_SIZE];
    uint64_t id_next;        /* of generated request ids */
    uint64_t random;         /* of generated spans */
    uint64_t shed_logged_ns; /* when the log last heard of refusals; 0: never */
    void *compressors;       /* kept for the next answer: gzip.c */
    uint32_t compressor_count;
    struct wok__traffic *traffic; /* by path */
    char pad[64];
    struct wok__server_counters counters;
    char pad_behind[64];
};

/* The calling worker's; a thread that is no worker gets the last one, under no protection: the
 * server runs on workers only. */
struct wok__server_local *wok__local(wok_http_server *server);

/* Memory for one object of a kind, not cleared; NULL: none. */
void *wok__local_take(wok_http_server *server, enum wok__pool_kind kind);
void wok__local_give(wok_http_server *server, enum wok__pool_kind kind, void *object);

/* The Date header's value, formatted once a second. */
wok_slice wok__local_date(wok_http_server *server);

/* Writes an id that no other request of this server has; its length. */
size_t wok__local_request_id(wok_http_server *server, char *buffer, size_t size);

static inline void wok__counter_up(atomic_u64 *counter)
{
    store_relaxed(counter, load_relaxed(counter) + 1); /* one writer */
}

#endif
