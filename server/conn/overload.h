/*
 * overload.h - requests that are refused because too much runs already.
 */
#ifndef WOK_SERVER_CONN_OVERLOAD_H
#define WOK_SERVER_CONN_OVERLOAD_H

#include "conn/exchange.h"

/* 503 with a Retry-After of a second: the same request may succeed soon, here or elsewhere. */
void wok__answer_busy(struct wok_http_exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Answers the request with 503 if as many others run as may; true: it has been answered.  `counted`: the
 * request itself has been counted as one that runs.
 *
 * Its route has been found, since some are served in any case: WOK_ROUTE_ALWAYS.  `now_ns` is for the
 * log, which hears of it once a second from each worker.
 */
WOK_MUST_USE
bool wok__overload_shed(struct wok_http_exchange *exchange, bool counted, uint64_t now_ns);

#endif
