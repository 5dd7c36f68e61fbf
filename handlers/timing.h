/*
 * timing.h - Server-Timing: how long each fetch took, for the network panel of a browser.
 */
#ifndef WOK_HANDLERS_TIMING_H
#define WOK_HANDLERS_TIMING_H

#include <wok/http/handler.h>
#include <wok/time.h>

#include "backend.h"

enum {
    WOK__TIMING_FETCHES_MAX = 16,
    WOK__TIMING_NAME_MAX = 32,
};

/**
 * Adds the header: `total` first if it is not zero, then the fetches that were asked, in their order, the
 * first 16 of them, each with its name and milliseconds; then `more` with the number of those left out.
 *
 * A name becomes a token: each run of other bytes is one underscore, and it is cut at 32.
 *
 * Source:     W3C Server Timing; RFC 9110 section 5.6.2.
 */
void wok__timing_put(wok_http_exchange *exchange, wok_duration total,
                     const struct wok__source *sources, size_t count);

#endif
