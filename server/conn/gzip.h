/*
 * gzip.h - compressors, and a gzip file that is written piece by piece.
 */
#ifndef WOK_SERVER_CONN_GZIP_H
#define WOK_SERVER_CONN_GZIP_H

#include "conn/exchange.h"

struct wok__compressor;

/* One that the calling worker keeps, or a new one, as if nothing had gone through it; NULL: no memory. */
struct wok__compressor *wok__compressor_take(wok_http_server *server);
/* Keeps it for the next one, or frees it; NULL is fine. */
void wok__compressor_give(wok_http_server *server, struct wok__compressor *compressor);
/* Frees what a worker keeps. */
void wok__compressors_free(void *first);

/* Where a piece ends. */
enum wok__gzip_end {
    WOK__GZIP_GOES_ON, /* the compressor keeps what it needs for more */
    WOK__GZIP_CUT,  /* at a byte; what comes next goes through a compressor that is taken for it */
    WOK__GZIP_LAST, /* and with it the file */
};

/* Appends `text` to the file, as far as it comes out.  0; or -ENOMEM, and the file is broken. */
WOK_MUST_USE
int wok__gzip_add(struct wok__gzip *gzip, struct wok__compressor *compressor, wok_slice text,
                  enum wok__gzip_end end, struct wok__bytes *output);

#endif
