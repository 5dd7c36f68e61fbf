/*
 * h1_encoder.c - the head of an HTTP/1 response: fields in, bytes out.
 *
 * All that a small answer needs are a few memcpy of known text: the status line, Server and what else
 * is constant come as one literal, Date as the caller's string.
 *
 * Invariants
 *   I1  a response has exactly one statement of its body's length, or can have no body.
 *   I2  no byte of a handler's can end a header line.
 *
 * A 1.0 client gets "HTTP/1.1" in the status line as well: that is the version of the server
 * (RFC 9110 section 6.2), and what it may not understand, chunked bodies and 1xx, is not sent to it.
 */
#include "http/h1_encoder.h"

#include <errno.h>

#include "http/date.h"
#include "http/headers.h"
#include "http/status.h"

/* "18446744073709551615" */
#define NUMBER_SIZE_MAX 20

/*
 * Everything that is not the caller's text, at its longest: 21 for an unnamed status line, 22 for Server and
 * 33 for X-Content-Type-Options, 37 for Date, 16 around Content-Type, 18 and a number for Content-Length, 24
 * for Connection, 16 around X-Request-Id, 24 for Content-Encoding, 23 for Vary, 2 for the empty line; a
 * reason phrase is at most 31.
 */
#define FIXED_SIZE_MAX 320

/* Names and separators of a header line. */
#define LINE_OVERHEAD 4

struct writer {
    char *next;
    char *end;
    bool overflow;
};

static void put(struct writer *writer, wok_slice text)
{
    if ((size_t)(writer->end - writer->next) < text.size) {
        writer->overflow = true;
        return;
    }
    if (text.size > 0)
        memcpy(writer->next, text.data, text.size);
    writer->next += text.size;
}

static void put_number(struct writer *writer, uint64_t number)
{
    char digits[NUMBER_SIZE_MAX];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    put(writer, (wok_slice){digits + at, sizeof digits - at});
}

static void put_status(struct writer *writer, int status)
{
    wok_slice lines = wok__status_lines(status);

    if (lines.size == 0) { /* a status without a name: the phrase may be empty, the space not */
        put(writer, WOK_SLICE("HTTP/1.1 "));
        put_number(writer, (uint64_t)status);
        lines = WOK_SLICE(" \r\n" WOK__CONSTANT_LINES);
    }
    put(writer, lines);
}

/* How the end of the body is told. */
static void put_framing(struct writer *writer, const wok_http_response_head *head, bool chunked)
{
    /* 204 must not have a length; 304 may, but with the length of what was not sent. */
    if (!wok__status_has_body(head->status))
        return;
    if (chunked) {
        put(writer, WOK_SLICE("Transfer-Encoding: chunked\r\n"));
        return;
    }
    put(writer, WOK_SLICE("Content-Length: "));
    put_number(writer, head->content_length);
    put(writer, WOK_SLICE("\r\n"));
}

static void put_connection(struct writer *writer, const struct wok__h1_response_context *context)
{
    if (!context->keep_alive)
        put(writer, WOK_SLICE("Connection: close\r\n"));
    else if (context->version == WOK_HTTP_1_0) /* it would expect the end otherwise */
        put(writer, WOK_SLICE("Connection: keep-alive\r\n"));
}

/* True for a line that a handler may add. */
static bool is_allowed(const wok_http_field *field)
{
    switch (wok__header_of(field->name)) {
    case WOK__HEADER_CONNECTION:
    case WOK__HEADER_CONTENT_LENGTH:
    case WOK__HEADER_CONTENT_TYPE:
    case WOK__HEADER_DATE:
    case WOK__HEADER_SERVER:
    case WOK__HEADER_TRANSFER_ENCODING:
    case WOK__HEADER_X_REQUEST_ID:
        return false;
    default:
        return wok__is_token(field->name) && wok__is_field_value(field->value);
    }
}

ssize_t wok__h1_encode_head(char *buffer, size_t capacity, const wok_http_response_head *head,
                            const struct wok__h1_response_context *context)
{
    struct writer writer = {buffer, buffer + capacity, false};

    if (head->status < 200 || head->status > 599 || context->date.size != WOK__DATE_SIZE ||
        !wok__is_field_value(head->content_type) || !wok__is_field_value(context->request_id))
        return -EINVAL;

    put_status(&writer, head->status);
    put(&writer, WOK_SLICE("Date: "));
    put(&writer, context->date);
    put(&writer, WOK_SLICE("\r\n"));
    if (head->content_type.size > 0 && wok__status_has_body(head->status)) {
        put(&writer, WOK_SLICE("Content-Type: "));
        put(&writer, head->content_type);
        put(&writer, WOK_SLICE("\r\n"));
    }
    put_framing(&writer, head, context->chunked);
    put_connection(&writer, context);
    put(&writer, context->transport_security);
    if (context->request_id.size > 0) {
        put(&writer, WOK_SLICE("X-Request-Id: "));
        put(&writer, context->request_id);
        put(&writer, WOK_SLICE("\r\n"));
    }
    if (context->gzipped)
        put(&writer, WOK_SLICE("Content-Encoding: gzip\r\n"));
    if (context->varies)
        put(&writer, WOK_SLICE("Vary: Accept-Encoding\r\n"));
    for (size_t i = 0; i < head->field_count; i++) {
        if (!is_allowed(&head->fields[i]))
            return -EINVAL;
        put(&writer, head->fields[i].name);
        put(&writer, WOK_SLICE(": "));
        put(&writer, head->fields[i].value);
        put(&writer, WOK_SLICE("\r\n"));
    }
    put(&writer, WOK_SLICE("\r\n"));
    return writer.overflow ? -ENOSPC : writer.next - buffer;
}

size_t wok__h1_head_size_max(const wok_http_response_head *head,
                             const struct wok__h1_response_context *context)
{
    size_t size = FIXED_SIZE_MAX + head->content_type.size + context->request_id.size +
                  context->transport_security.size;

    for (size_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.size + head->fields[i].value.size + LINE_OVERHEAD;
    return size;
}

bool wok__h1_sends_body(const wok_http_response_head *head,
                        const struct wok__h1_response_context *context)
{
    return !context->head_request && wok__status_has_body(head->status);
}
