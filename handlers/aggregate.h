/*
 * aggregate.h - the main job: fan out, join, answer.
 *
 * A request is read (aggregate_query.c, aggregate_body.c), run (aggregate_run.c) and answered
 * (aggregate.c).  What it asks for and what came of it is one struct in the handler's frame, in which
 * few sources have their place; many get one block of memory.
 */
#ifndef WOK_HANDLERS_AGGREGATE_H
#define WOK_HANDLERS_AGGREGATE_H

#include <pthread.h>

#include <wok/base.h>
#include <wok/http/handler.h>
#include <wok/scope.h>
#include <wok/time.h>

#include "backend.h"
#include "params.h"

enum wok__mode {
    WOK__MODE_SPAWN,      /* a task per source, joined as a group */
    WOK__MODE_JOIN,       /* all futures polled inside the request's own task */
    WOK__MODE_SEQUENTIAL, /* one after the other */
};

/** How many successes an answer takes. */
struct wok__require {
    enum wok__require_kind {
        WOK__REQUIRE_ALL,  /* every source; waits for failed ones too */
        WOK__REQUIRE_ANY,  /* one; gives up the rest */
        WOK__REQUIRE_NONE, /* as many as there are; waits for all */
        WOK__REQUIRE_K,    /* `k`; gives up the rest */
    } kind;
    uint32_t k;
};

enum {
    WOK__SOURCES_MAX_DEFAULT = 1000,
    /* What lies in the handler's frame: with them a request that waits takes less than 2 KiB of its
     * stack (gcc 12 -fstack-usage), and they cover what is asked in practice.  Beyond, a request
     * costs one malloc. */
    WOK__SOURCES_FEW = 8,
    WOK__TEXT_FEW = 256,
};

/** One request for an aggregate.  Everything is the request's task's, but for what is said. */
struct wok__aggregate {
    wok_scope scope; /* the fetches' tasks in spawn mode; they borrow what follows */
    enum wok__mode mode;
    struct wok__require require;
    uint32_t timeout_ms;
    struct wok__source *sources; /* in `few` or in `block`; a running fetch writes into its own */
    size_t count, capacity, max;
    char *text; /* where decoded names go: `few_text` or in `block` */
    void *block;
    wok_http_trace trace; /* every source's, while it is asked */
    wok_duration total;
    size_t spawned;
    struct wok__tally {
        pthread_mutex_t lock;
        size_t successes; /* under the lock */
    } tally;              /* counts for the fetches' tasks where a number of successes is enough */
    struct wok__source few[WOK__SOURCES_FEW];
    char few_text[WOK__TEXT_FEW];
};

/** Makes an empty request with the defaults. */
void wok__aggregate_init(struct wok__aggregate *aggregate);

/** Ends its tasks and frees its block.  Fit for WOK_CLEANUP. */
void wok__aggregate_done(struct wok__aggregate *aggregate);

/** Room for `sources` sources and `text` bytes of names; false if there is no memory. */
WOK_MUST_USE
bool wok__aggregate_reserve(struct wok__aggregate *aggregate, size_t sources, size_t text);

/** Takes the next source; NULL if there are more than `max`. */
WOK_MUST_USE
struct wok__source *wok__aggregate_add(struct wok__aggregate *aggregate);

/** The two sources of the example, for a request that names none. */
void wok__aggregate_use_example(struct wok__aggregate *aggregate);

/** Has every source asked as a part of the request's trace. */
void wok__aggregate_trace(wok_http_exchange *exchange, struct wok__aggregate *aggregate);

/** Takes `all`, `any`, `none` or a number of at least 1 from a text. */
WOK_MUST_USE
bool wok__take_require(wok_http_exchange *exchange, const struct wok__subject *subject,
                       wok_slice text, struct wok__require *ret_require);

/** True unless more successes are required than there are sources. */
WOK_MUST_USE
bool wok__check_require(wok_http_exchange *exchange, const struct wok__subject *subject,
                        const struct wok__aggregate *aggregate);

/** Read the request; false if it was refused and the answer has been written. */
WOK_MUST_USE
bool wok__aggregate_from_query(wok_http_exchange *exchange, struct wok__aggregate *aggregate);
WOK_MUST_USE
bool wok__aggregate_from_body(wok_http_exchange *exchange, struct wok__aggregate *aggregate);

/** The successes that meet the requirement. */
size_t wok__aggregate_needed(const struct wok__aggregate *aggregate);

/** Answers with what came of the sources, after a run. */
void wok__aggregate_answer(wok_http_exchange *exchange, const struct wok__aggregate *aggregate);

/**
 * Asks the sources as the mode says and waits until the requirement is met or cannot change any more,
 * or the time is over.  Every source then says what came of it, and no fetch is left.
 *
 * Errors:     0; -ECANCELED if the caller is aborted: the fetches are ended by the done.
 * Cancel:     cancellation point.
 */
WOK_MUST_USE
WOK_CP
int wok__aggregate_run(struct wok__aggregate *aggregate);

#endif
