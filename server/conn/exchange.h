/*
 * exchange.h - one request and its response, in memory of its own.
 *
 * The connection fills the request while it receives, then the request's task fills the response,
 * then the connection sends it.  The hand-overs are the spawn and the join, so nothing in here needs
 * a lock.  Two owners count references, because a connection may end before a task that it aborted.
 */
#ifndef WOK_SERVER_CONN_EXCHANGE_H
#define WOK_SERVER_CONN_EXCHANGE_H

#include <sys/types.h>

#include <wok/http/handler.h>
#include <wok/http/server.h>

#include "http/h1_encoder.h"
#include "http/trace_context.h"
#include "platform/atomic.h"

enum {
    WOK__EXCHANGE_HEAD_INLINE = 1024, /* a browser's request has some 500 to 900 bytes */
    WOK__EXCHANGE_BODY_INLINE = 1024, /* an /aggregate of three sources answers some 500 */
    WOK__RESPONSE_FIELDS_MAX = 8,
    WOK__REQUEST_ID_SIZE = 24,
    WOK__GZIP_PIECE =
        16 << 10, /* text of a stream that is compressed without what came before it */
    WOK__FIELD_TEXT_INLINE = 256, /* a Server-Timing of three fetches has some 80 bytes */
};

/* What one request may still take from the heap, and whether it wanted more. */
struct wok__allowance {
    atomic_u64 left; /* whoever fills the exchange writes, its connection reads: admission only */
    bool exceeded;
};

/* Bytes that grow: in the exchange itself first, on the heap when they are many. */
struct wok__bytes {
    char *data;
    size_t size, capacity;
    char *inline_data; /* where `data` points while it is not on the heap; may be NULL */
    size_t inline_capacity;
    struct wok__allowance *allowance; /* what is on the heap counts there; NULL: nowhere */
};

/* What of a gzip file has to be kept between two pieces: gzip.c. */
struct wok__gzip {
    uint32_t crc, size; /* of the text so far */
    bool begun;         /* the header is written */
};

struct wok_http_exchange {
    atomic_u32 refs;          /* [exchange.refs] the connection and the task */
    wok_http_server *server;  /* constant */
    wok_http_handler handler; /* set by the router */
    const char *route;        /* the path in the table, set by the router; NULL: none */
    size_t route_index;       /* of the path among all, set by the router; 0: none */
    void *context;            /* constant */
    wok_instant started;
    bool keep_alive;          /* what the client wishes */
    bool head_request;        /* HEAD: no body is sent */
    bool receives_body;       /* the connection appends to `body` */
    bool no_memory;           /* the response is incomplete: it becomes a 503 */
    bool gzipped, varies;     /* the body is compressed; it depends on Accept-Encoding */
    bool encrypted;           /* it came over TLS */
    bool always;              /* set by the router: it is served however much runs */
    bool has_span, is_traced; /* `span` is made; by a client that sent a trace */
    struct wok__allowance allowance;

    struct wok__bytes head; /* the request's own bytes */
    struct wok__bytes body;

    int status;
    const char *content_type;
    wok_http_field fields[WOK__RESPONSE_FIELDS_MAX]; /* values in `field_text` or on the heap */
    size_t field_count, field_text_size;
    struct wok__bytes out;
    uint64_t body_sent;     /* of the answer, as far as it has been encoded */
    wok_http_stream stream; /* writes the body bit by bit; vtable NULL: it is in `out` */
    uint64_t stream_left;   /* of the length that was told */
    bool stream_ended;      /* it has written its last byte */
    struct wok__gzip gzip;  /* of a stream that is compressed */

    char *tracestate; /* joined, on the heap; NULL: nobody asked, or there is none */
    wok_slice request_id;
    char request_id_made[WOK__REQUEST_ID_SIZE];

    /* From here on nothing is cleared for the next request. */
    wok_http_request request;
    struct wok__trace_context span;
    uint8_t parent_id[8];
    char field_text[WOK__FIELD_TEXT_INLINE];
    char head_inline[WOK__EXCHANGE_HEAD_INLINE];
    char out_inline[WOK__EXCHANGE_BODY_INLINE];
};

/* Room for `bytes` more at the end, or NULL: no memory, or its allowance is used up. */
char *wok__bytes_reserve(struct wok__bytes *bytes, size_t more);
/* Appends: 0 or -ENOMEM. */
int wok__bytes_append(struct wok__bytes *bytes, const char *data, size_t size);
/* Empties, and gives what is on the heap back. */
void wok__bytes_reset(struct wok__bytes *bytes);

/* An exchange from the calling worker's pool, with one reference; NULL: no memory. */
struct wok_http_exchange *wok__exchange_new(wok_http_server *server);
void wok__exchange_ref(struct wok_http_exchange *exchange);
void wok__exchange_unref(struct wok_http_exchange *exchange);

/* The head has been received: copies its bytes, so that the connection's buffer may go on. */
int wok__exchange_own_head(struct wok_http_exchange *exchange, size_t head_size);

/* An answer for which there was no memory becomes one that says so. */
void wok__exchange_mend(struct wok_http_exchange *exchange);

/* The handler has returned: what only it needed is given back, and the rest is what counts. */
void wok__exchange_settle(struct wok_http_exchange *exchange);

/* It did not fit where heads usually lie. */
bool wok__exchange_has_large_head(const struct wok_http_exchange *exchange);

/* What the request has of the heap; about, while its task runs. */
uint64_t wok__exchange_held(const struct wok_http_exchange *exchange);

/* The body is in `out` after all, or there is none. */
void wok__exchange_drop_stream(struct wok_http_exchange *exchange);

/* A body that goes as it is has a length: asks for it. */
void wok__exchange_measure(struct wok_http_exchange *exchange);

/* True while there is more to be written, once the head is at the output. */
static inline bool wok__exchange_is_unwritten(const struct wok_http_exchange *exchange)
{
    return exchange->stream.vtable != NULL && !exchange->stream_ended;
}

/* Appends to `output` as much of it as one piece is.  0; or a negative errno: the answer is cut off. */
WOK_MUST_USE
int wok__exchange_encode_more(struct wok_http_exchange *exchange, struct wok__bytes *output);

/* Writes the answer: head, then the body unless a stream writes it, at the end of `output`.  0 or -ENOMEM. */
int wok__exchange_encode(struct wok_http_exchange *exchange, bool keep_alive, wok_slice date,
                         struct wok__bytes *output);

#endif
