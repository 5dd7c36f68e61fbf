/*
 * idle.h - which workers sleep, how many search, and whom to wake.
 */
#ifndef WOK_SCHED_IDLE_H
#define WOK_SCHED_IDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/atomic.h"

enum {
    WOK__WORKERS_MAX = 56, /* that a runtime is built with */
    WOK__SEATS_MAX = 58,   /* with spare ones */
};

struct wok__idle {
    /* The sleepers as a bitmap in the low 58 bits, the number of searchers above them: at most half of
     * the workers and one. */
    atomic_u64 word;
    uint32_t workers; /* constant: without the spare ones */
};

void wok__idle_init(struct wok__idle *idle, uint32_t workers);

/* There is work that a sleeping worker could do.  The index of the worker that the caller must
 * unpark, which then counts as searching; -1 if nobody sleeps or somebody searches already. */
int wok__idle_notify(struct wok__idle *idle);

/* A worker that has nothing to do asks whether it may search; at most half of the workers do. */
bool wok__idle_search(struct wok__idle *idle);

/* A searcher found work.  The index of a worker to unpark in its place if it was the last one
 * searching, as wok__idle_notify; else -1. */
int wok__idle_found(struct wok__idle *idle);

/* The worker is about to sleep.  True: nobody searches now, and it must look once more at every queue
 * before it sleeps; if it finds something it calls wok__idle_awake and tries to search, so that it
 * wakes another one for what it leaves. */
bool wok__idle_sleep(struct wok__idle *idle, uint32_t worker, bool searching);

/* The worker is awake.  True: somebody had notified it, and it counts as searching; false: it woke
 * by itself (an event, a timer, its own second look). */
bool wok__idle_awake(struct wok__idle *idle, uint32_t worker);

/* Something was left for one worker in particular.  True: it sleeps, and must be unparked. */
bool wok__idle_is_asleep(struct wok__idle *idle, uint32_t worker);

/* A bit for each worker that sleeps now; exact only while nothing else can wake one. */
uint64_t wok__idle_asleep(const struct wok__idle *idle);

/* Between two steps of the protocol: does this worker count as a sleeper, and how many search? */
bool wok__idle_counts(const struct wok__idle *idle, uint32_t worker);
uint32_t wok__idle_searchers(const struct wok__idle *idle);

/* How many workers sleep about now. */
uint32_t wok__idle_sleepers(const struct wok__idle *idle);

#endif
