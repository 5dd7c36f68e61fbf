/*
 * turns.h - workers that run one at a time, in an order that a seed decides.
 *
 * A runtime with a paused clock has turns; in any other one runtime->turns is NULL, and nothing here
 * is called.  settle.c has what waits for the moment when all sleep.
 */
#ifndef WOK_SCHED_TURNS_H
#define WOK_SCHED_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include <wok/base.h>

#include "platform/lock.h"
#include "sched/idle.h"
#include "sched/log.h"
#include "util/rand.h"

struct wok_runtime;
struct wok__worker;
struct wok__settler;

/* Calls of the blocking pools that take turns, or not; calls.c. */
struct wok__calls {
    atomic_u32 on;   /* they do; written by whoever has the turn */
    atomic_u32 news; /* a futex: bumped when a call may begin */
    struct wok__lock lock;
    struct wok_task *
        *waiting; /* the lock, as all below; calls that have not begun, the oldest first */
    size_t count, capacity;
    struct wok_task *granted; /* it may begin */
    uint32_t lender;          /* the worker whose turn it is given */
    uint32_t outside;         /* calls that run without a turn */
};

/* All wait, and nothing is due; deadlock.c. */
struct wok__deadlock {
    uint64_t
        after_ns; /* in real time; 0: nobody wants to know, UINT64_MAX: only if it is certain */
    bool found, proven;
};

struct wok__turns {
    struct wok_runtime *runtime; /* constant, as the next one */
    uint64_t all;                /* a bit for each worker */
    /* The next eleven: whoever has the turn. */
    struct wok__rand rand;
    uint32_t stay;    /* a worker that can go on does so in all but one of 2^stay draws */
    uint64_t asleep;  /* workers that sleep */
    uint64_t stirred; /* sleepers that have to look at their driver or their wheel */
    bool settled;     /* some who wait for all to sleep have waited long enough */
    bool manual;      /* the clock moves by wok_test_advance() only */
    bool stuck;       /* all wait, and nothing will come */
    struct wok__deadlock deadlock;
    uint32_t check_every, until_check; /* turns between two looks at the invariants; 0: none */
    int poke_fd; /* constant; an eventfd: whoever waits for all sleepers looks around again */
    struct wok__log log;
    struct wok__calls calls;
    struct wok__lock settle_lock;
    struct wok__settler *settlers; /* the lock; in the order of their deadlines */
    atomic_u32 quiet;              /* a futex: 1 when every worker has slept once */
    atomic_u32 frozen;             /* a futex: 1 while no worker may begin a turn */
    atomic_u32 world;              /* a futex: 1 while somebody has the turn or has claimed it */
    atomic_u32 claims; /* a futex: threads outside that wait for the world, or have it */
    atomic_u32 has[WOK__WORKERS_MAX]; /* futexes: whose turn it is */
};

/* Makes the turns of a runtime whose workers do not run yet; -ENOMEM. */
WOK_MUST_USE
int wok__turns_new(struct wok__turns **ret_turns, struct wok_runtime *runtime, uint64_t seed);

/* NULL is fine; every worker has ended. */
void wok__turns_free(struct wok__turns *turns);

/* Gives the first turn when all workers' threads have been started, and returns when every worker
 * sleeps: from here on what happens is a function of what the runtime is given. */
void wok__turns_start(struct wok__turns *turns);

/* The runtime is stopping: nobody waits for a turn any more. */
void wok__turns_stop(struct wok__turns *turns);

/* ---- workers ----------------------------------------------------------------------------------- */

/* A worker's thread waits for its first turn, and, before it ends, gives its last one away. */
void wok__turns_enter(struct wok__worker *worker);
void wok__turns_leave(struct wok__worker *worker);

/* The worker has made a step: the next turn is drawn, and this worker waits for its own. */
void wok__turns_pass(struct wok__worker *worker);

/* As pass, by a worker that sleeps: it has its next turn when something woke it. */
void wok__turns_sleep(struct wok__worker *worker);

/* A choice by the seed, of the worker that has the turn: true in one of two cases. */
bool wok__turns_coin(struct wok__turns *turns);

/* By whoever has the turn: no worker could go on. */
bool wok__turns_rest(struct wok__turns *turns);

/* After the turn under way no other begins, until wok__turns_release(). */
void wok__turns_freeze(struct wok__turns *turns);

/* ---- calls.c ----------------------------------------------------------------------------------- */

/* A call waits for its turn, and may have it. */
bool wok__calls_wait(struct wok__calls *calls);

/* The oldest call is logged, and may begin once it is told; false: there is none any more. */
bool wok__calls_lend(struct wok__calls *calls, struct wok__worker *lender);
void wok__calls_tell(struct wok__calls *calls);

void wok__calls_done(struct wok__calls *calls);

/* turns.c: the worker that lent its turn has it again. */
void wok__turns_give_back(struct wok__turns *turns, uint32_t lender);

/* ---- other threads ----------------------------------------------------------------------------- */

/* Waits until the turn under way ends, and lets no other begin.  False: CLOCK_MONOTONIC shows
 * `deadline_ns`, and nothing was claimed. */
WOK_MUST_USE
bool wok__turns_claim(struct wok__turns *turns, uint64_t deadline_ns);

/* Ends a claim, and a freeze. */
void wok__turns_release(struct wok__turns *turns);

/* A thread outside has changed something that concerns no worker: all may be asleep, and who waits for
 * their sleep to end looks again. */
void wok__turns_poke(struct wok__turns *turns);

/* ---- deadlock.c --------------------------------------------------------------------------------- */

/* All sleep, and nothing is due: for how long something from outside is to be waited for, if nothing has come
 * for `quiet_ns`, before this is asked again; 0: all wait for ever. */
uint64_t wok__deadlock_left(struct wok__turns *turns, uint64_t quiet_ns);

/* Says which tasks wait, and aborts them; by a worker.  If they were, the process is aborted. */
void wok__deadlock_end(struct wok__turns *turns);

/* ---- settle.c ---------------------------------------------------------------------------------- */

/* All sleep, and no timer is due: when the earliest of those who wait for this has waited enough;
 * UINT64_MAX: nobody waits. */
uint64_t wok__settle_next(struct wok__turns *turns);

/* Wakes those who waited until `now_ns` or less; by a worker. */
void wok__settle_wake(struct wok__turns *turns, uint64_t now_ns);

#endif
