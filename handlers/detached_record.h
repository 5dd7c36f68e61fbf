/*
 * detached_record.h - the registry of detached tasks, as its own files see it: detached.c, detached_work.c,
 * detached_stop.c.
 */
#ifndef WOK_HANDLERS_DETACHED_RECORD_H
#define WOK_HANDLERS_DETACHED_RECORD_H

#include <pthread.h>

#include <wok/blocking.h>
#include <wok/channel.h>
#include <wok/notify.h>

#include "backend.h"
#include "detached.h"

/* What a shutdown tells every task: when it will be aborted.  Until then it is WOK_NEVER. */
WOK_WATCH(wok__stop, wok_instant, NULL);

/* The part of a record that only a task which lives has. */
struct wok__detached_live {
    wok_notify ended;
    wok_abort_handle abort;    /* the lock; of zero bytes until it was spawned */
    uint32_t users;            /* the lock; its task, its watcher, and each who waits */
    struct wok__source source; /* of a fetch; its task's until that is gone */
    wok_http_trace trace;
    char tracestate[];
};

struct wok__detached {
    struct wok__detached *next_ended; /* the lock */
    struct wok__detached_live *live;  /* the lock; NULL: it has ended, and nobody waits for it */
    uint64_t id;                      /* constant, as those down to `outcome` */
    wok_instant begin;
    uint32_t delay_ms, timeout_ms, rounds;
    uint8_t kind, outcome;
    uint8_t state, status; /* the lock, as the rest */
    bool abort_asked, given_up;
    uint8_t source_size; /* constant */
    uint16_t entry_bytes;
    uint32_t refs;
    uint64_t task;
    wok_duration elapsed, fetch_elapsed;
    union {
        unsigned char digest[WOK__DIGEST_BYTES];
        char *error; /* on the heap, or NULL */
    };
    char source[]; /* constant */
};

struct wok__slot {
    uint64_t id;
    struct wok__detached *task; /* NULL: it has been forgotten */
};

struct wok__registry {
    size_t alive_max;        /* constant, as the next two */
    wok_blocking_pool *pool; /* where hashes are computed; the runtime ends it */
    wok__stop_sender stop;
    wok_notify idle;         /* the last one has ended */
    pthread_mutex_t lock;    /* guards the rest */
    struct wok__slot *slots; /* [first, end), by id */
    size_t first, end, capacity, filled;
    struct wok__detached *oldest, **youngest; /* those that ended, in that order */
    size_t alive, kept;
    uint64_t last_id, entry_bytes, refused, given_up;
    bool stopping;
};

/* How a task ended. */
struct wok__end {
    enum wok__detached_state state;
    const char *error; /* borrowed; NULL: nothing to say */
    const unsigned char *digest;
};

/* It has begun, unless it was told to stop before; false: it ends as cancelled. */
bool wok__detached_begins(struct wok__registry *registry, struct wok__detached *record,
                          wok__stop_receiver *stop);
bool wok__detached_abort_asked(struct wok__registry *registry, struct wok__detached *record);

/* Its task is gone: writes the end down and tells those who wait. */
void wok__detached_end(struct wok__registry *registry, struct wok__detached *record,
                       const struct wok__end *end);

/* Asks it to stop; false: it has ended, or there is none. */
bool wok__detached_ask_abort(struct wok__registry *registry, uint64_t id);

/* A user of the live part is done with it. */
void wok__detached_leave(struct wok__registry *registry, struct wok__detached *record);

/* Gives a reference back. */
void wok__detached_unref(struct wok__registry *registry, struct wok__detached *record);

/* Spawns what does the work, and what watches over it.  0 or -ENOMEM; either way it ends. */
WOK_MUST_USE
int wok__detached_spawn(struct wok__registry *registry, struct wok__detached *record);

#endif
