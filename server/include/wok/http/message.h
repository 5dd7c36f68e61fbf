/*
 * message.h - what an HTTP message is to a handler: a request to read, the head of a response.
 *
 * A request borrows every byte: its slices point into the buffer in which the connection received
 * the head, and are good until the response has been handed over.  Nothing is copied and nothing is
 * allocated; a header is found by name when somebody asks for it.
 *
 * The types say nothing about HTTP/1, so that an HTTP/2 stream can fill them as well.
 */
#ifndef WOK_HTTP_MESSAGE_H
#define WOK_HTTP_MESSAGE_H

#include <wok/base.h>

WOK_BEGIN_DECLS

/** The methods that a route can name; any other known one is WOK_HTTP_OTHER and has only its name. */
typedef enum wok_http_method {
    WOK_HTTP_GET,
    WOK_HTTP_HEAD,
    WOK_HTTP_POST,
    WOK_HTTP_PUT,
    WOK_HTTP_DELETE,
    WOK_HTTP_OPTIONS,
    WOK_HTTP_PATCH,
    WOK_HTTP_TRACE,
    WOK_HTTP_OTHER,
} wok_http_method;

/** The version that the client speaks. */
typedef enum wok_http_version {
    WOK_HTTP_1_0,
    WOK_HTTP_1_1,
} wok_http_version;

/** One header line: its name as it was written, its value without the white space around it. */
typedef struct wok_http_field {
    wok_slice name;
    wok_slice value;
} wok_http_field;

/** The most header lines that a request can hold; a limit above it counts as this one. */
#define WOK_HTTP_HEADERS_MAX 100

/** How many header names have a slot of their own; see server/http/headers.h. */
#define WOK_HTTP_KNOWN_HEADERS 12

/* Where a header line lies, counted from the first byte of the head: it survives a move of the bytes. */
struct wok__http_header {
    uint32_t name_offset;
    uint32_t name_size;
    uint32_t value_offset;
    uint32_t value_size;
};

/**
 * A request whose head has been received.  Read-only for handlers.
 *
 * The target has been checked: it is an origin, an absolute or (with OPTIONS) the asterisk form, its
 * escapes are well-formed, it holds no `%00`, no fragment and no dot segment.  In the path, escapes
 * of letters, digits and `-._~` have been resolved, since they name the same resource; all others are
 * still there, so `%2F` is not a separator.  A path compares byte by byte with a route of such characters.
 *
 * Ownership:  borrows the connection's buffer; copy what shall outlive the response.
 * Source:     RFC 9112 section 3.2; RFC 3986 section 6.2.2.
 */
typedef struct wok_http_request {
    wok_http_method method;
    wok_http_version version;
    wok_slice method_name; /* "GET" */
    wok_slice target;      /* "/tasks/17?wait_ms=5", for logs and for `instance` */
    wok_slice path;        /* "/tasks/17"; "*" for OPTIONS of the server itself */
    wok_slice query;       /* "wait_ms=5", without the '?', escaped: <wok/http/query.h> reads it */
    wok_slice authority;   /* the host asked: of an absolute target, else Host; may be empty */
    wok_slice body;        /* complete when the handler runs; empty if there was none */
    size_t header_count;

    /* Private: filled by the decoder, read by the functions below. */
    const char *head;
    uint8_t known[WOK_HTTP_KNOWN_HEADERS]; /* index + 1 of the first line with that name, 0: none */
    struct wok__http_header headers[WOK_HTTP_HEADERS_MAX];
} wok_http_request;

/**
 * Gives the value of the first header line called `name`, compared without regard to case.
 *
 * An absent header is a slice whose data is NULL; an empty value has data and size 0.  For a header
 * that may be repeated, walk them all with wok_http_request_header_at().
 *
 * Ownership:  the slice lies in the request's bytes.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_slice wok_http_request_header(const wok_http_request *request, wok_slice name);

/**
 * Gives the header line at `index`, in the order received; `index` is below `header_count`.
 *
 * Ownership:  the slices lie in the request's bytes.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_http_field wok_http_request_header_at(const wok_http_request *request, size_t index);

/**
 * Gives the name of a method in capitals, as Allow wants it; empty for WOK_HTTP_OTHER.
 *
 * Ownership:  static storage.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_slice wok_http_method_name(wok_http_method method);

/**
 * Gives the reason phrase of a status, such as "Not Found"; "Unknown" for one without a name.
 *
 * Ownership:  static storage.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     RFC 9110 section 15.
 */
WOK_API
wok_slice wok_http_status_reason(int status);

/**
 * The head of a response, as far as a handler has a say in it.
 *
 * Date, Server, Connection, Content-Length and X-Request-Id are the server's and are refused among
 * `fields`: a second Content-Length or a forged Connection would let two parties disagree about where
 * the response ends.
 */
typedef struct wok_http_response_head {
    int status;             /* 200..599 */
    wok_slice content_type; /* empty: the header is left out */
    const wok_http_field *fields;
    size_t field_count;
    uint64_t content_length; /* the body's size, also in the answer to HEAD */
} wok_http_response_head;

WOK_END_DECLS

#endif
