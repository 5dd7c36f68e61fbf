/*
 * test_trace.c - the trace that a handler gives on, and header lines of every size.
 */
#include "conn_test.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

/* What a request with these header lines gives on: 55 characters, a state in brackets. */
static const char *given_on(const char *lines)
{
    static char answer[1024];
    char request[2048];

    snprintf(request, sizeof request,
             "GET /trace HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", lines);
    char *whole = ask_once(request);
    const char *body = strstr(whole, "\r\n\r\n");
    cr_assert_not_null(body, "%s", whole);
    snprintf(answer, sizeof answer, "%s", body + 4);
    free(whole);
    return answer;
}

static bool is_new(const char *answer)
{
    return strncmp(answer, "00-", 3) == 0 && strspn(answer + 3, "0123456789abcdef") == 32 &&
           strspn(answer + 3, "0") < 32 && answer[35] == '-' &&
           strspn(answer + 36, "0123456789abcdef") == 16 && strspn(answer + 36, "0") < 16 &&
           strcmp(answer + 52, "-00 [] end\n") == 0;
}

CONNECTION_TEST(a_trace_goes_on_with_a_span_of_our_own, .drain_delay = {0})
{
    char first[64];
    const char *answer =
        given_on("traceparent: 00-" TRACE "-" SPAN "-01\r\ntracestate: a=1\r\ntracestate: b=2\r\n");

    cr_assert_eq(strncmp(answer, "00-" TRACE "-", 36), 0, "%s", answer);
    cr_assert_neq(strncmp(answer + 36, SPAN, 16), 0);
    cr_assert_str_eq(answer + 52, "-01 [a=1,b=2] end\n");
    snprintf(first, sizeof first, "%.52s", answer);
    answer = given_on("traceparent: 00-" TRACE "-" SPAN "-00\r\n");
    cr_assert_neq(strncmp(answer, first, 52), 0); /* another request is another span */
    cr_assert_str_eq(answer + 52, "-00 [] end\n");
}

CONNECTION_TEST(without_a_valid_trace_a_new_one_begins, .drain_delay = {0})
{
    char first[64];

    cr_assert(is_new(given_on("")));
    snprintf(first, sizeof first, "%.35s", given_on(""));
    cr_assert_neq(strncmp(given_on(""), first, 35), 0);
    /* A state without its parent is nobody's. */
    cr_assert(is_new(given_on("tracestate: a=1\r\n")));
    cr_assert(
        is_new(given_on("traceparent: 00-" TRACE "-0000000000000000-01\r\ntracestate: a=1\r\n")));
    cr_assert(is_new(given_on("traceparent: 00-" TRACE "-" SPAN "-01\r\n"
                              "traceparent: 00-" TRACE "-" SPAN "-01\r\n")));
}
