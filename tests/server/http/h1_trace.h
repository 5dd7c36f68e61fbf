/*
 * h1_trace.h - runs the decoder as a connection would, over bytes cut into given pieces.
 *
 * The result is a text of what happened, the same for every way of cutting the same bytes.  The run
 * is as unkind as the interface allows: the bytes of a head lie in a block of exactly their size, which
 * moves before every piece and once more after HEAD, so that the sanitizer sees any stale pointer and
 * any look beyond the end.
 */
#ifndef WOK_TESTS_H1_TRACE_H
#define WOK_TESTS_H1_TRACE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "http/h1_decoder.h"
#include "http/headers.h"

struct h1_trace {
    struct wok__h1_limits limits;
    size_t size;
    int requests, status;        /* how many were complete; the first refusal, or 0 */
    struct wok__h1_decoder last; /* as the last complete request left it */
    bool in_body, after_head;
    char text[1 << 16];
};

static inline void h1_trace_put(struct h1_trace *trace, const void *data, size_t size)
{
    if (trace->size + size >= sizeof trace->text)
        abort();
    memcpy(trace->text + trace->size, data, size);
    trace->size += size;
    trace->text[trace->size] = '\0';
}

__attribute__((format(printf, 2, 3))) static inline void h1_trace_printf(struct h1_trace *trace,
                                                                         const char *format, ...)
{
    static char line[1 << 15];
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    h1_trace_put(trace, line, (size_t)size);
}

#define H1_SLICE(slice) (int)(slice).size, (slice).data

static inline void h1_trace_head(struct h1_trace *trace, const struct wok__h1_decoder *decoder,
                                 const wok_http_request *request)
{
    h1_trace_printf(trace, "HEAD %.*s %.*s path=%.*s query=%.*s authority=%.*s %s %s",
                    H1_SLICE(request->method_name), H1_SLICE(request->target),
                    H1_SLICE(request->path), H1_SLICE(request->query), H1_SLICE(request->authority),
                    request->version == WOK_HTTP_1_1 ? "1.1" : "1.0",
                    decoder->keep_alive ? "keep" : "close");
    h1_trace_printf(trace, " %s%llu%s", decoder->chunked ? "chunked " : "length ",
                    (unsigned long long)decoder->content_length,
                    decoder->expects_continue ? " continue" : "");
    if (decoder->status != 0)
        h1_trace_printf(trace, " REFUSED %d %s", decoder->status, decoder->detail);
    h1_trace_put(trace, "\n", 1);
    for (size_t i = 0; i < request->header_count; i++) {
        wok_http_field field = wok_http_request_header_at(request, i);
        h1_trace_printf(trace, "  %.*s=", H1_SLICE(field.name));
        h1_trace_put(trace, field.value.data, field.value.size);
        h1_trace_put(trace, "\n", 1);
    }
}

static inline char *h1_trace_copy(const char *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

static inline void h1_trace_refusal(struct h1_trace *trace, int status)
{
    if (trace->status == 0)
        trace->status = status;
}

/* Takes in one event; true to go on feeding.  `block` holds the message's bytes up to now. */
static inline bool h1_trace_event(struct h1_trace *trace, enum wok__h1_event event,
                                  struct wok__h1_decoder *decoder, wok_http_request *request,
                                  char **head)
{
    if (trace->in_body && event != WOK__H1_BODY && event != WOK__H1_NEED_MORE) {
        h1_trace_put(trace, "\n", 1);
        trace->in_body = false;
    }
    switch (event) {
    case WOK__H1_NEED_MORE:
        return false;
    case WOK__H1_HEAD:
        *head = h1_trace_copy(request->head, decoder->head_bytes);
        wok__request_move(request, *head);
        h1_trace_refusal(trace, decoder->status);
        h1_trace_head(trace, decoder, request);
        trace->after_head = true;
        return true;
    case WOK__H1_BODY:
        if (!trace->in_body)
            h1_trace_put(trace, "BODY ", 5);
        trace->in_body = true;
        h1_trace_put(trace, decoder->body.data, decoder->body.size);
        return true;
    case WOK__H1_COMPLETE:
        trace->requests++;
        h1_trace_put(trace, "COMPLETE\n", 9);
        return false;
    case WOK__H1_ERROR:
        h1_trace_refusal(trace, decoder->status);
        h1_trace_printf(trace, "ERROR %d %s\n", decoder->status, decoder->detail);
        return false;
    }
    abort();
}

/* Feeds `data`, cut before each of the ascending positions in `cuts`, and then the end. */
static inline void h1_trace_run(struct h1_trace *trace, wok_slice data, const size_t *cuts,
                                size_t cut_count)
{
    static wok_http_request request;
    struct wok__h1_decoder decoder;
    size_t start = 0, at = 0; /* of the current message; of the next byte to be fed */
    char *head = NULL;
    enum wok__h1_event event = WOK__H1_NEED_MORE;

    trace->size = 0;
    trace->requests = trace->status = 0;
    trace->in_body = trace->after_head = false;
    trace->text[0] = '\0';
    wok__h1_decoder_begin(&decoder, &trace->limits, &request);
    for (size_t piece = 0; piece <= cut_count && event != WOK__H1_ERROR; piece++) {
        size_t end = piece < cut_count ? cuts[piece] : data.size;
        do {
            /* A head needs its earlier bytes in front; a body does not. */
            size_t from = trace->after_head ? at : start;
            char *block = h1_trace_copy(data.data + from, end - from);
            event = wok__h1_decoder_feed(&decoder, block + (at - from), end - at);
            at += decoder.consumed;
            (void)h1_trace_event(trace, event, &decoder, &request, &head);
            free(block);
            if (event == WOK__H1_COMPLETE) {
                trace->last = decoder;
                free(head);
                head = NULL;
                trace->after_head = false;
                start = at;
                if (!decoder.keep_alive) {
                    h1_trace_put(trace, "CLOSE\n", 6);
                    return;
                }
                wok__h1_decoder_begin(&decoder, &trace->limits, &request);
            }
        } while (event != WOK__H1_ERROR &&
                 (at < end || event == WOK__H1_HEAD || event == WOK__H1_BODY));
    }
    if (event != WOK__H1_ERROR && !wok__h1_decoder_finish(&decoder))
        h1_trace_printf(trace, "%sCUT OFF %d\n", trace->in_body ? "\n" : "", decoder.status);
    free(head);
}

#endif
