/*
 * log.h - the event log of a runtime whose workers run by turns: a hash of all, and the last ones.
 *
 * Whoever has the turn writes it.  What enters the hash is what a run with the same seed repeats: no
 * address, and no time but the paused clock's.
 */
#ifndef WOK_SCHED_LOG_H
#define WOK_SCHED_LOG_H

#include <stddef.h>
#include <stdint.h>

#include <wok/testing.h>

#include "time/clock.h"

struct wok_task;
struct wok__worker;

enum { WOK__LOG_KEPT = 256 }; /* events; a power of two */

struct wok__log {
    const struct wok__clock *clock; /* constant */
    uint64_t hash, count;
    void (*on_event)(const wok_test_event *event, void *argument);
    void *argument;
    wok_test_event last[WOK__LOG_KEPT]; /* event number n lies at n modulo the size */
};

/* Appends an event of a worker that has a log; `task` or NULL. */
void wok__log_add(struct wok__worker *worker, wok_test_event_kind kind, const struct wok_task *task,
                  uint64_t detail);

#endif
