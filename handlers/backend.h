/*
 * backend.h - the one question that is asked of a backend: fetch what `source` has.
 *
 * A fetch is a future.  It borrows the source that it is about, in the request's own frame or block,
 * and writes there what came of it; nobody else writes those fields while the future lives.  Whoever
 * polls it (a task of its own, or the request's) drops it before looking.
 *
 * This is the seam for real backends: another implementation of these four names asks something over
 * the network, with the headers that `trace` tells, and nothing above it changes.  backend_sim.c stands in with delays and outcomes that
 * the request itself prescribes.
 */
#ifndef WOK_HANDLERS_BACKEND_H
#define WOK_HANDLERS_BACKEND_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

#include <wok/http/handler.h>

#include "json.h"

/** What the simulated backend is told to do. */
enum wok__outcome {
    WOK__OUTCOME_OK,
    WOK__OUTCOME_ERROR, /* it answers with an error after its delay */
    WOK__OUTCOME_PANIC, /* the fetch itself panics after the delay */
    WOK__OUTCOME_HANG,  /* it never answers */
};

/** What came of a fetch. */
enum wok__fetch_status {
    WOK__FETCH_PENDING, /* not asked, not ended, or aborted before it ended */
    WOK__FETCH_OK,
    WOK__FETCH_ERROR,
    WOK__FETCH_PANIC,
    /* The rest is not the fetch's to say: whoever waited for it writes these. */
    WOK__FETCH_TIMEOUT,
    WOK__FETCH_CANCELLED,
    WOK__FETCH_NOT_STARTED,
};

/** One source of a request: what is asked, and what came of it. */
struct wok__source {
    wok_slice name;              /* borrowed; valid UTF-8 without control characters */
    const wok_http_trace *trace; /* what goes along with the question; borrowed; NULL: nothing */
    wok_duration elapsed;        /* from the question to the end; the fetch, then its owner */
    uint64_t task;               /* the task that fetches it, 0: the request's own; the owner */
    uint32_t delay_ms;
    uint8_t outcome; /* enum wok__outcome */
    uint8_t status;  /* enum wok__fetch_status; the fetch, then its owner */
    uint8_t asked;   /* a fetch was begun; the owner */
};

/** A fetch under way.  It may be moved until it is first polled. */
struct wok__fetch {
    struct wok__source *source; /* borrowed until the drop */
    wok_instant begin;
    wok_sleep_future sleep;
    bool polling; /* inside a poll; still set at the drop if the poll panicked */
};

/** The operations of a struct wok__fetch; it has no result and its code is 0. */
extern const wok_future_vtable wok__fetch_vtable;

/** Asks `source` at the instant `now`.  Nothing happens before the first poll. */
struct wok__fetch wok__fetch_begin(struct wok__source *source, wok_instant now);

/** Polls a fetch, for futures that are built around one. */
wok_poll wok__fetch_poll(struct wok__fetch *fetch, wok_cx *cx);

/** Ends a fetch in any state; runs exactly once. */
void wok__fetch_drop(struct wok__fetch *fetch);

/** Writes what the backend answered as a string: the value of "data". */
void wok__fetch_put_data(const struct wok__source *source, struct wok__json *json);

#endif
