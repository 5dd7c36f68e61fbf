/*
 * trace_context.c - the headers that carry a trace from service to service (W3C Trace Context).
 */
#include "http/trace_context.h"

#include <string.h>

#include "http/headers.h"

/* ---- traceparent ---------------------------------------------------------------------------------- */

/* Small digits only: capitals make a traceparent invalid. */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(const char *text, size_t bytes, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    uint8_t any = 0;

    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

bool wok__traceparent_parse(wok_slice text, struct wok__trace_context *ret_context)
{
    struct wok__trace_context context;
    const char *at = text.data;
    uint8_t version, flags;

    if (text.size < WOK__TRACEPARENT_SIZE || !read_hex(at, 1, &version) || version == 0xff)
        return false;
    if (text.size > WOK__TRACEPARENT_SIZE && (version == 0 || at[WOK__TRACEPARENT_SIZE] != '-'))
        return false;
    if (at[2] != '-' || at[35] != '-' || at[52] != '-')
        return false;
    if (!read_hex(at + 3, sizeof context.trace_id, context.trace_id) ||
        !read_hex(at + 36, sizeof context.span_id, context.span_id) ||
        !read_hex(at + 53, 1, &flags))
        return false;
    if (is_zero(context.trace_id, sizeof context.trace_id) ||
        is_zero(context.span_id, sizeof context.span_id))
        return false;
    context.sampled = (flags & 1) != 0;
    *ret_context = context;
    return true;
}

void wok__hex_format(const uint8_t *bytes, size_t size, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
}

void wok__traceparent_format(const struct wok__trace_context *context,
                             char ret_text[WOK__TRACEPARENT_SIZE])
{
    memcpy(ret_text, "00-", 3);
    wok__hex_format(context->trace_id, sizeof context->trace_id, ret_text + 3);
    ret_text[35] = '-';
    wok__hex_format(context->span_id, sizeof context->span_id, ret_text + 36);
    memcpy(ret_text + 52, context->sampled ? "-01" : "-00", 3);
}

/* ---- of a request --------------------------------------------------------------------------------- */

bool wok__trace_of_request(const wok_http_request *request, struct wok__trace_context *ret_context)
{
    wok_slice first = wok__request_known(request, WOK__HEADER_TRACEPARENT);
    unsigned count = 0;

    if (first.data == NULL)
        return false;
    for (size_t i = 0; i < request->header_count; i++) {
        wok_http_field field = wok_http_request_header_at(request, i);
        count += wok__header_of(field.name) == WOK__HEADER_TRACEPARENT;
    }
    return count == 1 && wok__traceparent_parse(first, ret_context);
}

static bool is_printable(wok_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

size_t wok__tracestate_join(const wok_http_request *request, char ret_text[WOK__TRACESTATE_MAX])
{
    size_t size = 0, members = 0;

    for (size_t i = 0; i < request->header_count; i++) {
        wok_http_field field = wok_http_request_header_at(request, i);
        wok_slice member;
        if (!wok__equal_ignoring_case(field.name, WOK_SLICE("tracestate")))
            continue;
        while (wok__list_next(&field.value, &member)) {
            if (size + (size > 0) + member.size > WOK__TRACESTATE_MAX ||
                ++members > WOK__TRACESTATE_MEMBERS_MAX || !is_printable(member))
                return 0;
            if (size > 0)
                ret_text[size++] = ',';
            memcpy(ret_text + size, member.data, member.size);
            size += member.size;
        }
    }
    return size;
}
