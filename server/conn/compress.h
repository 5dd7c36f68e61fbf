/*
 * compress.h - gzip for large answers.
 */
#ifndef WOK_SERVER_CONN_COMPRESS_H
#define WOK_SERVER_CONN_COMPRESS_H

#include "conn/exchange.h"

/*
 * The handler has answered: compresses the body if the client takes that, and it is worth it; a stream is
 * marked to be compressed as it is written.
 *
 * Runs in the request's task, and lets others run between two slices of the work.  Whatever goes wrong,
 * the answer goes as it is.
 */
void wok__exchange_compress(struct wok_http_exchange *exchange);

#endif
