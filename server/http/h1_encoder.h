/*
 * h1_encoder.h - the head of an HTTP/1 response: fields in, bytes out.
 *
 * The body is not the encoder's: it tells with wok__h1_sends_body() whether there is one, and the
 * connection puts both into one write.
 */
#ifndef WOK_HTTP_H1_ENCODER_PRIVATE_H
#define WOK_HTTP_H1_ENCODER_PRIVATE_H

#include <sys/types.h>

#include <wok/base.h>
#include <wok/http/message.h>

/* Before the body of a request whose client waits to be asked for it. */
#define WOK__H1_CONTINUE WOK_SLICE("HTTP/1.1 100 Continue\r\n\r\n")

/* While a handler works: a client that has gone answers it with a reset.  Never sent to a 1.0 client. */
#define WOK__H1_PROCESSING WOK_SLICE("HTTP/1.1 102 Processing\r\n\r\n")

/* What the connection knows about the exchange that a response belongs to. */
struct wok__h1_response_context {
    wok_http_version version; /* the request's */
    bool head_request;        /* HEAD: the same head, no body */
    bool keep_alive;          /* what the connection will do, not what the client wishes */
    wok_slice date;           /* 29 bytes of wok__date_format(), kept for a second */
    wok_slice request_id;     /* X-Request-Id; empty: left out */
    bool gzipped;             /* Content-Encoding: gzip */
    bool chunked;             /* in place of a length; to HTTP/1.1 only */
    bool varies;              /* Vary: Accept-Encoding */
    /* The line Strict-Transport-Security, with its end; empty: left out. */
    wok_slice transport_security;
};

/**
 * Writes the status line and the header lines and the empty line, and returns their size.
 *
 * Errors:     -ENOSPC if they need more than `capacity`, nothing useful has been written then;
 *             -EINVAL for a status outside of 200..599, for a name or value that is none (a CR or LF
 *             in it would let a client write the next response), and for a header of the server's own.
 * Ownership:  borrows everything; allocates nothing.
 * Source:     RFC 9110 sections 6.6, 8.6 and 15; RFC 9112 sections 4 and 6.
 */
WOK_MUST_USE
ssize_t wok__h1_encode_head(char *buffer, size_t capacity, const wok_http_response_head *head,
                            const struct wok__h1_response_context *context);

/** Gives a capacity that is enough for this head. */
size_t wok__h1_head_size_max(const wok_http_response_head *head,
                             const struct wok__h1_response_context *context);

/** True if the body follows the head: not after HEAD, 204 and 304. */
bool wok__h1_sends_body(const wok_http_response_head *head,
                        const struct wok__h1_response_context *context);

#endif
