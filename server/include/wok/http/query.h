/*
 * query.h - reading the parameters of a request: `source=API+Server:500&mode=join`.
 *
 * A name or value without escapes is a slice of the query itself; only others are decoded, into a
 * buffer of the caller's.
 */
#ifndef WOK_HTTP_QUERY_H
#define WOK_HTTP_QUERY_H

#include <sys/types.h>

#include <wok/base.h>

WOK_BEGIN_DECLS

/** One parameter, decoded.  `value.data` is NULL when there was no '='. */
typedef struct wok_http_parameter {
    wok_slice name;
    wok_slice value;
} wok_http_parameter;

/** A walk through a query; make one with wok_http_query_begin(). */
typedef struct wok_http_query {
    wok_slice rest; /* what has not been looked at */
    wok_slice pair; /* the pair looked at last, as it was sent: for the sentence that refuses it */
    char *buffer;   /* where the next decoded bytes go */
    size_t room;
} wok_http_query;

/**
 * Starts a walk through `query`, which has no '?' in front.
 *
 * Ownership:  borrows both until the last parameter has been used; a buffer of `query.size` bytes is
 *             always enough.
 * Threads:    any; a walk belongs to one at a time.
 * Cancel:     not a cancellation point.
 */
WOK_API
wok_http_query wok_http_query_begin(wok_slice query, char *buffer, size_t capacity);

/**
 * Gives the next parameter: 1, or 0 at the end.
 *
 * Pairs are separated by '&', empty ones skipped; '+' is a space.  Repeated names are given as often
 * as they were sent, in their order.
 *
 * Errors:     -EINVAL for a '%' that two hexadecimal digits do not follow, and for `%00`: strings of
 *             C would end there; -ENOSPC if the buffer is too small.  `pair` says where.
 * Ownership:  the parameter lies in the query or in the walk's buffer.
 * Threads:    any; a walk belongs to one at a time.
 * Cancel:     not a cancellation point.
 * Source:     WHATWG URL, section 5.1 (application/x-www-form-urlencoded), but strict.
 */
WOK_API
WOK_MUST_USE
int wok_http_query_next(wok_http_query *query, wok_http_parameter *ret_parameter);

/**
 * Resolves the escapes of a part of a path and returns the size; '+' is a plus here.
 *
 * Errors:     -EINVAL for a '%' that two hexadecimal digits do not follow, and for `%00`; -ENOSPC if
 *             the buffer is too small; the result is never longer than `text`.
 * Ownership:  borrows both until it returns; writes no NUL.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 * Source:     RFC 3986 section 2.1.
 */
WOK_API
WOK_MUST_USE
ssize_t wok_http_percent_decode(wok_slice text, char *buffer, size_t capacity);

WOK_END_DECLS

#endif
