/*
 * spare.h - who is blocked, and who stands in.
 */
#ifndef WOK_SCHED_SPARE_H
#define WOK_SCHED_SPARE_H

#include <stdbool.h>
#include <stdint.h>

#include <wok/base.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "sched/role.h"

struct wok_runtime;
struct wok__worker;

struct wok__spares {
    struct wok__lock lock;
    /* Who is blocked: inside one poll for long, or in a wok_block_in_place().  Written under the lock. */
    struct wok__role role;
    /* A bit for each worker whose thread runs tasks: all that the runtime was built with, and the
     * spare ones that stand in.  Written under the lock. */
    atomic_u64 active;
    bool closed;        /* the lock: no spare is called any more */
    uint32_t seats_max; /* constant */
    atomic_u32 seats;   /* how many workers there are, spare ones included; only grows */
    /* What is counted; under the lock. */
    atomic_u64 calls, started, refused;
};

/* ---- spare.c ------------------------------------------------------------------------------ */

void wok__spares_init(struct wok_runtime *runtime);
/* No spare is called from here on. */
void wok__spares_close(struct wok_runtime *runtime);

/* The monitor found the worker inside one poll for long; it moves again.  The latter by anyone. */
void wok__worker_mark_stuck(struct wok__worker *worker);
void wok__worker_clear_stuck(struct wok__worker *worker);

/* Those of the runtime's own workers that are blocked. */
uint64_t wok__spares_blocked(const struct wok_runtime *runtime);

/* True if no worker is left that could serve anything. */
bool wok__spares_are_needed(const struct wok_runtime *runtime);
/* Calls a spare if that is still so. */
void wok__spares_call(struct wok_runtime *runtime);

/* True: the spare has handed all it had to the others, who can do without it, and is no worker now;
 * wok__spare_wait comes next. */
bool wok__spare_leave(struct wok__worker *worker);
/* Waits until the spare is called. */
void wok__spare_wait(struct wok__worker *worker);

/* How many workers there are, spare ones included. */
static inline uint32_t wok__seats(const struct wok__spares *spares)
{
    return load_acquire(&spares->seats); /* [spare.seat] the worker at the last seat is built */
}

/* ---- assist.c ----------------------------------------------------------------------------- */

/* A worker has been blocked: somebody who is idle is to wait in its place. */
void wok__assist_call(struct wok_runtime *runtime);

/* Serves the drivers and the timers of the workers in `blocked`; any thread. */
void wok__assist(struct wok_runtime *runtime, uint64_t blocked);

/* A worker is about to sleep until `deadline_ns` at most.  False: nobody is blocked, or another one
 * waits for those already.  True: it has waited in the drivers of the blocked ones as well as in its
 * own, and has served them. */
bool wok__assist_wait(struct wok__worker *worker, uint64_t deadline_ns);

/* True: nobody waits in place of a blocked worker; see role.h for what this one does then. */
bool wok__assist_is_vacant(const struct wok__worker *worker);

#endif
