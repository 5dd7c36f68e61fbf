/*
 * headers.h - names, values and lists of header fields.
 *
 * The names that the server itself looks at have a number, found by length and one comparison, so
 * that a request pays for its own headers only and not for a chain of strcasecmp.
 */
#ifndef WOK_HTTP_HEADERS_PRIVATE_H
#define WOK_HTTP_HEADERS_PRIVATE_H

#include <wok/base.h>
#include <wok/http/message.h>

/* The names that have a slot in wok_http_request.known. */
enum wok__header {
    WOK__HEADER_HOST,
    WOK__HEADER_CONNECTION,
    WOK__HEADER_CONTENT_LENGTH,
    WOK__HEADER_TRANSFER_ENCODING,
    WOK__HEADER_EXPECT,
    WOK__HEADER_CONTENT_TYPE,
    WOK__HEADER_ACCEPT,
    WOK__HEADER_USER_AGENT,
    WOK__HEADER_X_REQUEST_ID,
    WOK__HEADER_TRACEPARENT,
    WOK__HEADER_DATE,
    WOK__HEADER_SERVER,
    WOK__HEADER_UNKNOWN, /* has no slot */
};

_Static_assert(WOK__HEADER_UNKNOWN == WOK_HTTP_KNOWN_HEADERS, "every known name has its slot");

/** Numbers a header name, compared without regard to case. */
enum wok__header wok__header_of(wok_slice name);

/** True if `text` is `lower_case`, which is in small letters, but for the case of ASCII letters. */
bool wok__equal_ignoring_case(wok_slice text, wok_slice lower_case);

/** Removes spaces and tabs (OWS of RFC 9110) from both ends. */
wok_slice wok__trim(wok_slice text);

/**
 * Takes the next member off a comma-separated list: false at the end.
 *
 * Empty members are skipped, as RFC 9110 section 5.6.1 asks of a recipient.  No member may contain a
 * quoted comma, which holds for Connection, Expect and Transfer-Encoding.
 */
bool wok__list_next(wok_slice *list, wok_slice *ret_member);

/** True for a character of a token (RFC 9110 section 5.6.2). */
bool wok__is_token_char(char c);

/** True for a non-empty token: what a header's name must be. */
bool wok__is_token(wok_slice text);

/**
 * True if `text` can stand as a header's value: visible characters, spaces, tabs and bytes above 127.
 *
 * CR, LF and NUL are not among them: this is where response splitting ends.
 */
bool wok__is_field_value(wok_slice text);

/** Appends a header line to the request's table and notes its name; false when the table is full. */
bool wok__request_add_header(wok_http_request *request, const struct wok__http_header *header);

/** Gives the value of the first line with a known name; data is NULL when there is none. */
wok_slice wok__request_known(const wok_http_request *request, enum wok__header name);

/** Tells the request that its head now lies at `head`: every slice into the old place moves along. */
void wok__request_move(wok_http_request *request, const char *head);

#endif
