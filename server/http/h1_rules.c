/*
 * h1_rules.c - what a request must satisfy beyond what llhttp 8.1.0 checks.
 *
 * The parser knows the grammar of lines.  Here are the rules that need more than one of them, or
 * that it is lenient about: exactly one Host, one way to tell the body's length, single spaces and
 * CRLF in the request line, the versions and expectations that we understand.  Each of them is a way
 * in which two parties in a row have disagreed about where a request ends.
 *
 * Invariant: every judgement depends on bytes and not on how they were split into reads; tests feed
 * each message with every split.
 */
#include "http/h1_decoder.h"
#include "http/headers.h"
#include "http/target.h"

bool wok__h1_refuse(struct wok__h1_decoder *decoder, int status, const char *detail)
{
    decoder->status = status;
    decoder->detail = detail;
    return false;
}

/* ---- one header line ---- */

/*
 * A value that continues on the next line (obs-fold) is joined by some and cut by others, so RFC 9112
 * section 5.2 lets a server refuse it.  llhttp reports the lines as further spans of one value, or, if
 * the first line is empty, skips the line end: so the gap between the colon and the value is looked
 * at as well.  A gap before an empty value ends with that line's own CRLF and no more.
 */
static bool is_folded(const struct wok__h1_decoder *decoder)
{
    const struct wok__http_header *field = &decoder->field;
    uint32_t gap = field->name_offset + field->name_size + 1;

    if (decoder->value_folded)
        return true;
    while (gap < field->value_offset && (decoder->base[gap] == ' ' || decoder->base[gap] == '\t'))
        gap++;
    return field->value_offset - gap > sizeof "\r\n" - 1;
}

static void note_connection(struct wok__h1_decoder *decoder, wok_slice value)
{
    wok_slice member;

    while (wok__list_next(&value, &member)) {
        if (wok__equal_ignoring_case(member, WOK_SLICE("close")))
            decoder->close_requested = true;
        else if (wok__equal_ignoring_case(member, WOK_SLICE("keep-alive")))
            decoder->keep_alive_requested = true;
    }
}

static void note_expect(struct wok__h1_decoder *decoder, wok_slice value)
{
    wok_slice member;

    while (wok__list_next(&value, &member)) {
        if (wok__equal_ignoring_case(member, WOK_SLICE("100-continue")))
            decoder->continue_requested = true;
        else
            decoder->unknown_expectation = true;
    }
}

bool wok__h1_rules_field(struct wok__h1_decoder *decoder)
{
    struct wok__http_header *field = &decoder->field;
    wok_slice name = {decoder->base + field->name_offset, field->name_size};

    if (!decoder->value_started)
        field->value_offset = field->name_offset + field->name_size + 1;
    if (name.size == 0)
        return wok__h1_refuse(decoder, 400, "A header line has no name.");
    if (is_folded(decoder))
        return wok__h1_refuse(decoder, 400,
                              "A header value continues on a second line, which is obsolete.");
    if (decoder->request->header_count >= decoder->limits->header_count_max)
        return wok__h1_refuse(decoder, 431, "The request has more header lines than accepted.");

    wok_slice value =
        wok__trim((wok_slice){decoder->base + field->value_offset, field->value_size});
    field->value_offset = (uint32_t)(value.data - decoder->base);
    field->value_size = (uint32_t)value.size;
    decoder->request->head = decoder->base;
    if (!wok__request_add_header(decoder->request, field))
        return wok__h1_refuse(decoder, 431, "The request has more header lines than accepted.");

    switch (wok__header_of(name)) {
    case WOK__HEADER_HOST:
        decoder->host_count++;
        break;
    case WOK__HEADER_TRANSFER_ENCODING:
        decoder->transfer_encoding_count++;
        break;
    case WOK__HEADER_CONNECTION:
        note_connection(decoder, value);
        break;
    case WOK__HEADER_EXPECT:
        note_expect(decoder, value);
        break;
    default:
        break;
    }
    return true;
}

/* ---- the request line ---- */

bool wok__h1_rules_version(struct wok__h1_decoder *decoder)
{
    const char *version = decoder->base + decoder->version_offset;
    uint32_t target_end = decoder->target_offset + decoder->target_size;

    /* llhttp takes "RTSP/1.0" and "ICE/1.0" for versions too. */
    if (memcmp(version - 5, "HTTP/", 5) != 0)
        return wok__h1_refuse(decoder, 505, "The protocol is not HTTP.");
    if (decoder->version_offset - target_end != sizeof " HTTP/" - 1)
        return wok__h1_refuse(decoder, 400,
                              "The request line does not have exactly two single spaces.");
    if (memcmp(version, "1.1", 3) == 0)
        decoder->request->version = WOK_HTTP_1_1;
    else if (memcmp(version, "1.0", 3) == 0)
        decoder->request->version = WOK_HTTP_1_0;
    else
        return wok__h1_refuse(decoder, 505,
                              "The HTTP version is not one of 1.1 and 1.0 on this connection.");
    return true;
}

/* llhttp takes a lone LF for the end of the request line and for the empty line. */
static bool has_lone_line_feed(const struct wok__h1_decoder *decoder)
{
    const char *after_version = decoder->base + decoder->version_offset + decoder->version_size;

    return *after_version != '\r' ||
           memcmp(decoder->base + decoder->head_bytes - 4, "\r\n\r\n", 4) != 0;
}

/* ---- the whole head ---- */

static bool check_host(struct wok__h1_decoder *decoder)
{
    wok_http_request *request = decoder->request;

    if (decoder->host_count > 1)
        return wok__h1_refuse(decoder, 400, "The request has more than one Host header.");
    if (decoder->host_count == 0) {
        if (request->version == WOK_HTTP_1_0)
            return true;
        return wok__h1_refuse(decoder, 400, "An HTTP/1.1 request needs a Host header.");
    }

    /* An empty one is what RFC 9112 section 3.2 asks of a client that has no authority to name. */
    wok_slice host = wok__request_known(request, WOK__HEADER_HOST);
    if (host.size > 0 && !wok__authority_is_valid(host))
        return wok__h1_refuse(decoder, 400, "The Host header is not a host with an optional port.");
    request->authority = host;
    return true;
}

static bool check_transfer_encoding(struct wok__h1_decoder *decoder,
                                    const struct wok__h1_framing *framing)
{
    if (decoder->transfer_encoding_count == 0)
        return true;
    if (framing->has_content_length)
        return wok__h1_refuse(decoder, 400,
                              "The request has both Content-Length and Transfer-Encoding.");
    if (decoder->request->version == WOK_HTTP_1_0)
        return wok__h1_refuse(decoder, 400, "An HTTP/1.0 request cannot have Transfer-Encoding.");
    if (decoder->transfer_encoding_count > 1)
        return wok__h1_refuse(decoder, 400,
                              "The request has more than one Transfer-Encoding header.");

    wok_slice coding = wok__request_known(decoder->request, WOK__HEADER_TRANSFER_ENCODING);
    if (coding.size == 0)
        return wok__h1_refuse(decoder, 400, "The Transfer-Encoding header is empty.");
    if (!wok__equal_ignoring_case(coding, WOK_SLICE("chunked")))
        return wok__h1_refuse(decoder, 501, "The only transfer coding understood is 'chunked'.");
    if (!framing->chunked) /* "chunked" and a tab: llhttp does not take it for the coding */
        return wok__h1_refuse(decoder, 400, "The Transfer-Encoding header is malformed.");
    return true;
}

static bool check_body(struct wok__h1_decoder *decoder, const struct wok__h1_framing *framing)
{
    if (framing->content_length > decoder->limits->body_bytes_max)
        return wok__h1_refuse(decoder, 413, "The Content-Length is larger than the body accepted.");

    decoder->chunked = framing->chunked;
    decoder->content_length = framing->content_length;
    decoder->has_body = framing->chunked || framing->content_length > 0;

    /* Expect came with 1.1; a 1.0 proxy may pass it on without knowing what it means. */
    if (decoder->request->version == WOK_HTTP_1_0)
        return true;
    if (decoder->unknown_expectation)
        return wok__h1_refuse(decoder, 417, "The only expectation understood is '100-continue'.");
    decoder->expects_continue = decoder->continue_requested && decoder->has_body;
    return true;
}

static wok_http_method method_of(wok_slice name)
{
    for (int method = WOK_HTTP_GET; method < WOK_HTTP_OTHER; method++)
        if (wok_slice_equal(name, wok_http_method_name((wok_http_method)method)))
            return (wok_http_method)method;
    return WOK_HTTP_OTHER;
}

bool wok__h1_rules_head(struct wok__h1_decoder *decoder, const struct wok__h1_framing *framing)
{
    wok_http_request *request = decoder->request;

    request->head = decoder->base;
    request->method_name = (wok_slice){decoder->base + decoder->head_start,
                                       decoder->target_offset - 1 - decoder->head_start};
    request->method = method_of(request->method_name);
    if (has_lone_line_feed(decoder))
        return wok__h1_refuse(decoder, 400, "A line of the request's head ends without a CR.");
    if (!check_host(decoder) || !check_transfer_encoding(decoder, framing) ||
        !check_body(decoder, framing))
        return false;

    decoder->keep_alive = !decoder->close_requested &&
                          (request->version == WOK_HTTP_1_1 || decoder->keep_alive_requested);
    const char *refusal =
        wok__target_read(decoder->base + decoder->target_offset, decoder->target_size, request);
    if (refusal == NULL)
        return true;
    (void)wok__h1_refuse(decoder, 400, refusal);
    /* Without a "100 Continue" the client may send the body or not: then the end is not known. */
    return !decoder->expects_continue;
}
