/*
 * h1_cases.h - asserting on a request literal: its status, its trace.  For the test programs of the
 * decoder, of which each gets a trace of its own.
 */
#ifndef WOK_TESTS_SERVER_HTTP_H1_CASES_H
#define WOK_TESTS_SERVER_HTTP_H1_CASES_H

#include "h1_trace.h"
#include "http_test.h"
#include "support/test.h"

static struct h1_trace trace;

static const char *run_slice(wok_slice bytes)
{
    if (trace.limits.head_bytes_max == 0)
        trace.limits = WOK__H1_LIMITS_DEFAULT;
    h1_trace_run(&trace, bytes, NULL, 0);
    return trace.text;
}

__attribute__((unused)) static int status_of_slice(wok_slice bytes)
{
    run_slice(bytes);
    return trace.status;
}

/* The status that a literal is refused with, 0 if it is not; it may hold NUL bytes. */
#define status_of(bytes) (run_slice(WOK_SLICE(bytes)), trace.status)

#define assert_status(bytes, wanted)                                                               \
    cr_assert(status_of(bytes) == (wanted) && ((wanted) == 0 || trace.requests == 0),              \
              "%s\nwanted %d, gave\n%s", bytes, wanted, trace.text)
/* Refused, but the request is complete: what follows is read as the next one. */
#define assert_refused(bytes)                                                                      \
    cr_assert(status_of(bytes) == 400 && trace.requests == 1, "%s\ngave\n%s", bytes, trace.text)
#define assert_passes(bytes)                                                                       \
    do {                                                                                           \
        assert_status(bytes, 0);                                                                   \
        cr_assert_eq(trace.requests, 1, "%s\ngave\n%s", bytes, trace.text);                        \
    } while (0)
#define assert_trace(bytes, wanted) cr_assert_str_eq(run_slice(WOK_SLICE(bytes)), wanted)
#define assert_traced(part)                                                                        \
    cr_assert_not_null(strstr(trace.text, part), "no '%s' in\n%s", part, trace.text)

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

#endif
