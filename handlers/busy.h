/*
 * busy.h - which part of the last quarter of a minute each worker was busy.
 */
#ifndef WOK_HANDLERS_BUSY_H
#define WOK_HANDLERS_BUSY_H

#include <wok/base.h>
#include <wok/task.h>

enum { WOK__BUSY_WINDOW_S = 15 };

/** What was seen of the workers once a second. */
struct wok__busy;

/**
 * Begins to look, in a task of the calling thread's runtime.
 *
 * Errors:     0; -ENOMEM.
 * Ownership:  returns owned: wok__busy_free(), after `ret_task` has ended: abort it and await it.
 */
WOK_MUST_USE
int wok__busy_start(struct wok__busy **ret_busy, wok_join *ret_task);

/** Frees what was seen; NULL is fine. */
void wok__busy_free(struct wok__busy *busy);

/** From 0, parked all the time, to 1; false: there is no such worker, or nothing was seen yet. */
bool wok__busy_ratio(struct wok__busy *busy, unsigned worker, double *ret_ratio);

#endif
