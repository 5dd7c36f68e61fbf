/*
 * h1_decoder.h - HTTP/1 requests: bytes in, events out.
 *
 * One message takes one decoder from wok__h1_decoder_begin() to WOK__H1_COMPLETE; between messages a
 * connection needs none, so decoders live in a pool.  The loop of a connection:
 *
 *     wok__h1_decoder_begin(decoder, &limits, request);
 *     do {
 *         event = wok__h1_decoder_feed(decoder, next, end - next);
 *         next += decoder->consumed;
 *         ... act on the event ...
 *     } while (event == WOK__H1_HEAD || event == WOK__H1_BODY);
 *
 *     NEED_MORE   everything was consumed; feed more when it comes
 *     HEAD        the request's head is complete, see the fields "the head" below; feed on
 *     BODY        `body` is the next part of the body, inside the input; feed on
 *     COMPLETE    the message is over, also if it had no body; what follows `consumed` is the next
 *                 request: begin again, with another request object if this one is still in use
 *     ERROR       answer `status` and `detail` with Connection: close, and parse no further
 *
 * Where the bytes must lie: until HEAD, those of a message must lie contiguously, from the first one
 * that was fed after begin to the last.  The buffer may move as a whole between two calls; the decoder
 * keeps offsets and takes the place of `input` as the place of the next byte.  After HEAD the request
 * points into the head's bytes: keep them until the response is done, and if they move, say so with
 * wok__request_move().  The body's bytes may lie anywhere and are forgotten by the decoder.
 */
#ifndef WOK_HTTP_H1_DECODER_PRIVATE_H
#define WOK_HTTP_H1_DECODER_PRIVATE_H

#include <wok/base.h>
#include <wok/http/message.h>

/* What a client may send; every size is a peer's choice, so every one has an end. */
struct wok__h1_limits {
    uint64_t body_bytes_max;            /* beyond it: 413 */
    uint32_t target_bytes_max;          /* 414 */
    uint32_t head_bytes_max;            /* request line, headers and their empty line: 431 */
    uint32_t header_count_max;          /* 431; at most WOK_HTTP_HEADERS_MAX */
    uint32_t chunk_extension_bytes_max; /* of a whole message, with superfluous zeros: 400 */
    uint32_t trailer_bytes_max;         /* without the empty line at its end: 400 */
    uint32_t chunk_count_max;           /* 400; bounds the work for a body of one-byte chunks */
    uint32_t blank_lines_max;           /* in front of a request: 400 */
};

#define WOK__H1_LIMITS_DEFAULT                                                                     \
    ((struct wok__h1_limits){                                                                      \
        .body_bytes_max = 1 << 20,                                                                 \
        .target_bytes_max = 8192,                                                                  \
        .head_bytes_max = 32 << 10,                                                                \
        .header_count_max = WOK_HTTP_HEADERS_MAX,                                                  \
        .chunk_extension_bytes_max = 4096,                                                         \
        .trailer_bytes_max = 4096,                                                                 \
        .chunk_count_max = 65536,                                                                  \
        .blank_lines_max = 4,                                                                      \
    })

enum wok__h1_event {
    WOK__H1_NEED_MORE,
    WOK__H1_HEAD,
    WOK__H1_BODY,
    WOK__H1_COMPLETE,
    WOK__H1_ERROR,
};

/* Where in a message the decoder is; h1_decoder.c has the picture. */
enum wok__h1_phase {
    WOK__H1_IN_BLANK_LINES,
    WOK__H1_IN_HEAD,
    WOK__H1_IN_UNKNOWN_METHOD,
    WOK__H1_IN_SIZED_BODY,
    WOK__H1_IN_CHUNK_LINE,
    WOK__H1_IN_CHUNK_DATA,
    WOK__H1_IN_CHUNK_END,
    WOK__H1_IN_TRAILERS,
    WOK__H1_AT_END,
    WOK__H1_FAILED,
};

/* One decoder: owned by one connection at a time, touched by no other thread meanwhile. */
struct wok__h1_decoder {
    /* Results, to be read by the caller. */
    size_t consumed; /* of the input of the last call */
    wok_slice body;  /* BODY: borrows the input */
    int status;      /* ERROR; after HEAD: 0, or see `detail` */
    /*
     * The sentence that goes with `status`.  A status after HEAD means: the target is not acceptable
     * but the message's end is known.  Answer it instead of calling a handler, skip the body, and go
     * on with the connection.
     */
    const char *detail;

    /* The head, good from HEAD on. */
    uint64_t content_length; /* 0 without a body and when it is chunked */
    bool keep_alive;         /* as far as the client is concerned */
    bool has_body;           /* BODY events may follow */
    bool chunked;
    bool expects_continue; /* send "100 Continue" before you wait for the body */

    /* Private from here on. */
    enum wok__h1_phase phase;
    bool after_cr; /* in the blank lines: half a line end */
    bool close_requested, keep_alive_requested, continue_requested, unknown_expectation;
    bool value_started, value_folded;
    uint8_t host_count, transfer_encoding_count;
    char previous; /* in the trailers: the last byte before this input */

    const struct wok__h1_limits *limits;
    wok_http_request *request;
    char *base;          /* during a call: the place of the message's first byte */
    uint32_t head_bytes; /* consumed since begin, up to the end of the head */
    uint32_t head_start; /* where the request line begins, after blank lines */
    uint32_t blank_lines;
    uint32_t target_offset, target_size;
    uint32_t version_offset, version_size;
    struct wok__http_header field; /* the line being received */

    uint64_t body_bytes;      /* announced so far, by chunk sizes */
    uint64_t remaining;       /* of the body or the chunk */
    uint32_t line_bytes;      /* of the chunk's size line, or of the trailers */
    uint32_t extension_bytes; /* used up so far */
    uint32_t chunk_count;

    /* An llhttp_t (96 bytes in 8.1.0), so that only h1_decoder.c needs its header. */
    _Alignas(8) unsigned char parser[128];
};

/** Makes the decoder ready for one message, whose head will be described in `request`. */
void wok__h1_decoder_begin(struct wok__h1_decoder *decoder, const struct wok__h1_limits *limits,
                           wok_http_request *request);

/**
 * Takes the next bytes of the message, up to the next event.
 *
 * Before HEAD the bytes may be changed: the escapes in a path are resolved in place.
 *
 * Errors:     WOK__H1_ERROR, which stays: 400, 413, 414, 417, 431, 501, 505.
 * Ownership:  borrows the input as told above; allocates nothing.
 * Source:     RFC 9112.
 */
WOK_MUST_USE
enum wok__h1_event wok__h1_decoder_feed(struct wok__h1_decoder *decoder, char *input, size_t size);

/**
 * Tells that the client will send no more: true if no request is cut off by that.
 *
 * False leaves `status` and `detail` for the answer, which may still reach a client that only shut
 * down its sending side.
 */
WOK_MUST_USE
bool wok__h1_decoder_finish(struct wok__h1_decoder *decoder);

/** True until the first byte after begin, blank lines included: the head's deadline starts there. */
static inline bool wok__h1_decoder_is_idle(const struct wok__h1_decoder *decoder)
{
    return decoder->phase == WOK__H1_IN_BLANK_LINES && decoder->head_bytes == 0;
}

/* ---- between h1_decoder.c and h1_rules.c ---- */

/* What the parser has found out about a message's framing. */
struct wok__h1_framing {
    bool has_content_length;
    bool chunked;
    uint64_t content_length;
};

/** Takes in a complete header line; true, or false with `status` and `detail` set. */
bool wok__h1_rules_field(struct wok__h1_decoder *decoder);

/** Judges the protocol version; true, or false with `status` and `detail` set. */
bool wok__h1_rules_version(struct wok__h1_decoder *decoder);

/**
 * Judges a complete head and fills the request and the decoder's results; true, or false with
 * `status` and `detail` set.  A refused target gives true with a status.
 */
bool wok__h1_rules_head(struct wok__h1_decoder *decoder, const struct wok__h1_framing *framing);

/** Sets status and sentence, and gives false. */
bool wok__h1_refuse(struct wok__h1_decoder *decoder, int status, const char *detail);

#endif
