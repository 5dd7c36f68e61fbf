/*
 * detached.h - tasks that outlive the request that began them: what POST /tasks starts.
 *
 * The registry has one record for each, from the request until ten minutes after the end.  What a handler
 * gets is a view, a copy of what the record says at one moment, so nothing of the registry's is held while
 * an answer is written.  detached.c says how that is kept; detached_work.c has the tasks themselves.
 */
#ifndef WOK_HANDLERS_DETACHED_H
#define WOK_HANDLERS_DETACHED_H

#include <wok/base.h>
#include <wok/http/handler.h>
#include <wok/task.h>
#include <wok/time.h>

#include "hash.h"
#include "params.h"

enum wok__detached_kind {
    WOK__DETACHED_FETCH,
    WOK__DETACHED_HASH,
};

enum wok__detached_state {
    WOK__STATE_SCHEDULED, /* accepted, and nothing done yet */
    WOK__STATE_RUNNING,
    WOK__STATE_FINISHED,
    WOK__STATE_PANICKED,
    WOK__STATE_CANCELLED, /* aborted, or given up */
};

enum {
    WOK__DETACHED_MAX_DEFAULT = 10000, /* alive at once */
    WOK__DETACHED_KEPT_MAX = 10000,    /* ended ones; the oldest goes */
    WOK__DETACHED_KEPT_MS = 600000,    /* and so does one that ended so long ago */
};

/** What is asked for. */
struct wok__order {
    enum wok__detached_kind kind;
    wok_slice source; /* of a fetch, as the next four; borrowed */
    const wok_http_trace *trace;
    uint32_t delay_ms, timeout_ms;
    uint8_t outcome; /* enum wok__outcome */
    uint32_t rounds; /* of a hash */
};

/** What is known of a task at one moment. */
struct wok__view {
    uint64_t id;
    uint64_t task; /* the runtime's number, which its messages name; 0: it has none yet */
    enum wok__detached_kind kind;
    enum wok__detached_state state;
    wok_duration elapsed;       /* since it was accepted, at most to its end */
    wok_duration fetch_elapsed; /* of the fetch alone, where it finished */
    uint32_t delay_ms, timeout_ms, rounds;
    uint8_t outcome, status; /* enum wok__outcome, enum wok__fetch_status */
    bool given_up;           /* cancelled, since the server is stopping */
    uint8_t source_size;
    char source[WOK__NAME_BYTES_MAX];
    unsigned char digest[WOK__DIGEST_BYTES];               /* of a hash that finished */
    char error[sizeof(((wok_join_error *)NULL)->message)]; /* of one that did not; or empty */
};

/** The records; made in a runtime, and freed when that is gone. */
struct wok__registry;

/** What the registry counts. */
struct wok__registry_figures {
    uint64_t alive, kept, started, refused;
};

/**
 * Makes a registry on the calling thread's runtime, for at most `alive_max` tasks at a time.
 *
 * Errors:     0; -ENOMEM; as wok_blocking_pool_new().
 * Ownership:  returns owned: wok__registry_free(), after the runtime.
 */
WOK_MUST_USE
int wok__registry_new(struct wok__registry **ret_registry, size_t alive_max);

/** Frees the records; NULL is fine.  No task of them is alive any more. */
void wok__registry_free(struct wok__registry *registry);

void wok__registry_figures(struct wok__registry *registry, struct wok__registry_figures *ret);

/**
 * Starts a task.
 *
 * Errors:     0; -EAGAIN: as many are alive as may be; -ESHUTDOWN: the server is stopping; -ENOMEM.
 * Ownership:  copies the order.
 * Cancel:     not a cancellation point.
 */
WOK_MUST_USE
int wok__detached_start(struct wok__registry *registry, const struct wok__order *order,
                        struct wok__view *ret_view);

/**
 * Waits until a task has ended, at most until `deadline`, and says how it is then.
 *
 * Errors:     0; -ENOENT; -ECANCELED if the caller is aborted.
 * Threads:    a stackful task.
 * Cancel:     cancellation point unless the deadline has passed.
 */
WOK_MUST_USE
WOK_CP
int wok__detached_await(struct wok__registry *registry, uint64_t id, wok_instant deadline,
                        struct wok__view *ret_view);

/**
 * Aborts a task and waits for its end.
 *
 * Errors:     0; -EALREADY and the view: it had ended; -ENOENT; -ECANCELED if the caller is aborted.
 * Threads:    a stackful task.
 * Cancel:     cancellation point.
 */
WOK_MUST_USE
WOK_CP
int wok__detached_abort(struct wok__registry *registry, uint64_t id, struct wok__view *ret_view);

/** The first task with an id of `first` to `last`; false: there is none. */
WOK_MUST_USE
bool wok__detached_next(struct wok__registry *registry, uint64_t first, uint64_t last,
                        struct wok__view *ret_view);

/* ---- the end of the server ------------------------------------------------------------------------ */

/** What a shutdown came to. */
struct wok__detached_report {
    uint64_t finished, given_up, left; /* of those that were alive when it began; left: still are */
};

/**
 * Tells every task, through a watch channel, that it will be aborted at `until`, and starts no more; waits
 * until the last one has ended; at `until` aborts the rest, and waits for that.
 *
 * What has not begun does not begin, and a hash that cannot be done by then gives up at once.  In the end
 * `given_up` is called for each task that was cancelled meanwhile and is among those kept.
 *
 * Errors:     0; -ETIMEDOUT: a task is left 2 s after the abort; -ECANCELED if the caller is aborted.
 * Threads:    one stackful task.
 * Cancel:     cancellation point.
 */
WOK_CP
int wok__registry_drain(struct wok__registry *registry, wok_instant until,
                        void (*given_up)(const struct wok__view *view, void *argument),
                        void *argument, struct wok__detached_report *ret_report);

/* ---- lists ---------------------------------------------------------------------------------------- */

/** A list of all: how many there are, which id is the last, and how many bytes their entries may take. */
struct wok__registry_extent {
    uint64_t count, last_id, entry_bytes;
};
void wok__registry_extent(struct wok__registry *registry, struct wok__registry_extent *ret_extent);

/** The bytes that the entry of a task takes in a list, now and at any time later. */
uint64_t wok__detached_entry_bytes(const struct wok__view *view);

extern const char *const wok__detached_kinds[];
extern const char *const wok__detached_states[]; /* by enum wok__detached_state */

#endif
