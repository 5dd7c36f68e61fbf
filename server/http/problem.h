/*
 * problem.h - the body of an error: a problem document (RFC 9457).
 */
#ifndef WOK_HTTP_PROBLEM_PRIVATE_H
#define WOK_HTTP_PROBLEM_PRIVATE_H

#include <sys/types.h>

#include <wok/base.h>

/* The Content-Type of a problem document. */
#define WOK__PROBLEM_TYPE WOK_SLICE("application/problem+json")

/* What went wrong.  An empty `type` is "about:blank", an empty `title` the status's reason phrase. */
struct wok__problem {
    int status;
    wok_slice type;
    wok_slice title;
    wok_slice detail;   /* a sentence for a human; may quote what the client sent */
    wok_slice instance; /* the request's target; left out when empty */
};

/**
 * Writes the document, one line of JSON with a newline at the end, and returns its size.
 *
 * The bytes are what jansson's json_dumps() gives for the same members, with one addition: bytes that
 * are not UTF-8, which a client may have sent in what `detail` quotes, become U+FFFD.
 *
 * Errors:     -ENOSPC if `capacity` is too small; wok__problem_size_max() is always enough.
 * Ownership:  borrows everything; allocates nothing.
 */
WOK_MUST_USE
ssize_t wok__problem_write(char *buffer, size_t capacity, const struct wok__problem *problem);

/** Gives a capacity that the document cannot exceed. */
size_t wok__problem_size_max(const struct wok__problem *problem);

#endif
