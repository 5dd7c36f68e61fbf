/*
 * trace_context.h - the headers that carry a trace from service to service.
 */
#ifndef WOK_HTTP_TRACE_CONTEXT_PRIVATE_H
#define WOK_HTTP_TRACE_CONTEXT_PRIVATE_H

#include <wok/base.h>
#include <wok/http/message.h>

enum {
    WOK__TRACEPARENT_SIZE = 55, /* "00-" 32 digits "-" 16 digits "-" 2 digits */
    WOK__TRACESTATE_MAX = 512,  /* what the standard asks to be passed on at least */
    WOK__TRACESTATE_MEMBERS_MAX = 32,
};

/* A trace, and one span of it. */
struct wok__trace_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    bool sampled;
};

/**
 * Reads the value of a traceparent header; false: it is to be ignored, and a new trace begun.
 *
 * Version 00 is exactly 55 characters.  Of a later version the same fields are read, if a dash follows
 * them or nothing; version ff is none.  Digits are small, and no id is all zeros.
 *
 * Source:     W3C Trace Context, sections 3.2.2 and 4.
 */
WOK_MUST_USE
bool wok__traceparent_parse(wok_slice text, struct wok__trace_context *ret_context);

/** Writes a traceparent of version 00. */
void wok__traceparent_format(const struct wok__trace_context *context,
                             char ret_text[WOK__TRACEPARENT_SIZE]);

/** Writes bytes as small hexadecimal digits, two for each. */
void wok__hex_format(const uint8_t *bytes, size_t size, char *ret_text);

/**
 * Finds the trace that a request belongs to; false: none, or more than one traceparent.
 */
WOK_MUST_USE
bool wok__trace_of_request(const wok_http_request *request, struct wok__trace_context *ret_context);

/**
 * Joins the request's tracestate headers into one value, and gives its size: 0 if there is none, or if it
 * is more than 512 bytes or 32 members, which is dropped whole rather than cut.
 *
 * Source:     W3C Trace Context, section 3.3.
 */
WOK_MUST_USE
size_t wok__tracestate_join(const wok_http_request *request, char ret_text[WOK__TRACESTATE_MAX]);

#endif
