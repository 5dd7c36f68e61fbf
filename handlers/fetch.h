/*
 * fetch.h - one fetch in the request's own task, and its outcome as JSON.
 */
#ifndef WOK_HANDLERS_FETCH_H
#define WOK_HANDLERS_FETCH_H

#include <wok/base.h>
#include <wok/task.h>
#include <wok/time.h>

#include "backend.h"
#include "json.h"

/**
 * Asks a source and waits for what comes, at most until `deadline`; the source then says what came,
 * WOK__FETCH_TIMEOUT included.
 *
 * Errors:     0; -ECANCELED if the caller is aborted.  A panic in the fetch is the caller's own.
 * Cancel:     cancellation point.
 */
WOK_CP
int wok__fetch_await(struct wok__source *source, wok_instant deadline);

/**
 * Writes one element of "results".  `timeout_ms` and `panic` (what is known of the panic of the
 * source's task, or NULL) are for its sentence.
 */
void wok__fetch_put_result(struct wok__json *json, const struct wok__source *source,
                           uint32_t timeout_ms, const wok_join_error *panic);

#endif
