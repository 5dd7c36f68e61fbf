/*
 * process.h - what the kernel knows of this process, as figures of Prometheus.
 */
#ifndef WOK_HANDLERS_PROCESS_H
#define WOK_HANDLERS_PROCESS_H

#include <wok/http/handler.h>

/** Writes process_*; what cannot be found out is left out.  Waits for a thread that may read files. */
void wok__process_put(wok_http_exchange *exchange);

#endif
