/*
 * trim.h - memory goes back to the kernel from workers that do little.
 */
#ifndef WOK_SCHED_TRIM_H
#define WOK_SCHED_TRIM_H

#include <stdbool.h>
#include <stdint.h>

struct wok__worker;

/* How many more times a worker wakes for it after its last poll: what is kept is halved each time. */
enum { WOK__TRIMS = 12 };

struct wok__trim {
    uint32_t left;           /* of WOK__TRIMS */
    uint64_t last_ns;        /* when it was done last, and what the counters were then */
    uint64_t polls, busy_ns; /* see last_ns */
    uint64_t heap_ns;        /* when the heap was walked last */
    uint64_t heap_polls;     /* how many polls there had been then */
    uint64_t heap_cost_ns;   /* what that took */
};

/* At the worker's begin: nothing is due yet. */
void wok__worker_trim_init(struct wok__worker *worker);

/* Gives back what is due at worker->now_ns; true if that took a while. */
bool wok__worker_trim(struct wok__worker *worker);

/* When to be back from a sleep until `deadline_ns`: then, or earlier for the next trim. */
uint64_t wok__worker_trims_next(const struct wok__worker *worker, uint64_t deadline_ns);

#endif
