/*
 * h1_decoder.c - HTTP/1 requests: bytes in, events out, over llhttp.
 *
 *     BLANK_LINES -> HEAD --------> SIZED_BODY ------------------------------------> END
 *                     |  \                                                           ^ ^
 *                     |   \-------> CHUNK_LINE -> CHUNK_DATA -> CHUNK_END            | |
 *                     |               |  ^                          |                | |
 *                     |               |  +--------------------------+                | |
 *                     |               +---------> TRAILERS --------------------------+ |
 *                     +--- no body ----------------------------------------------------+
 *     and from anywhere, FAILED.  UNKNOWN_METHOD waits for the end of a word that is no method of
 *     llhttp's, to tell a method that we lack (501) from noise (400).
 *
 * Invariants
 *   I1  llhttp never sees a byte beyond a limit: each phase gives it at most what the limit leaves.
 *       So a limit is a matter of position, and no split of the input changes what is found first.
 *   I2  llhttp pauses where a phase ends, so that this file knows the position of each boundary.
 *   I3  one llhttp_t per message: what it carries over from one to the next (the keep-alive state,
 *       the version) never decides anything.
 *       The parser is left at the end of the trailers, or of the head where no chunks follow, so it
 *       never comes to the point where it would stop for an upgrade or for Connection: close.
 *   I4  offsets count from the first byte after begin; pointers are made from them per call.
 *
 * A body with a Content-Length is counted here, without the parser.  The trailers are checked and
 * thrown away: nothing that comes after the head changes the request.
 */
#include "http/h1_decoder.h"

#include <llhttp.h>

#include "http/headers.h"

#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error "llhttp 8 must be built, and included, with LLHTTP_STRICT_MODE=1: see CVE-2023-30589"
#endif

_Static_assert(sizeof(llhttp_t) <= sizeof(((struct wok__h1_decoder *)0)->parser),
               "the decoder has room for the parser");
_Static_assert(_Alignof(llhttp_t) <= 8, "the decoder aligns the parser");

/* No registered method comes near; what is longer is not waited for. */
#define METHOD_BYTES_MAX 32

/* The longest chunk size without superfluous zeros, and its line end. */
#define CHUNK_LINE_BYTES (16 + 2)

static const char more_than_one_space[] =
    "The request line does not have exactly two single spaces.";
static const char bad_protocol[] = "The request line does not end with HTTP/1.1 or HTTP/1.0.";
static const char unknown_method[] = "The request method is not one that this server knows.";
static const char target_too_long[] = "The request target is longer than accepted.";
static const char head_malformed[] = "A header line is malformed.";
static const char chunk_malformed[] = "The chunked body is malformed.";
static const char extensions_too_long[] = "The chunk extensions are longer than accepted.";
static const char trailers_malformed[] = "The trailers of the chunked body are malformed.";

static llhttp_t *parser_of(struct wok__h1_decoder *decoder)
{
    return (llhttp_t *)(void *)decoder->parser;
}

static struct wok__h1_decoder *decoder_of(llhttp_t *parser)
{
    return parser->data;
}

static uint32_t offset_of(const struct wok__h1_decoder *decoder, const char *at)
{
    return (uint32_t)(at - decoder->base);
}

static enum wok__h1_event fail(struct wok__h1_decoder *decoder)
{
    decoder->phase = WOK__H1_FAILED;
    return WOK__H1_ERROR;
}

static enum wok__h1_event fail_with(struct wok__h1_decoder *decoder, int status, const char *detail)
{
    (void)wok__h1_refuse(decoder, status, detail);
    return fail(decoder);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- llhttp's callbacks: HPE_USER stops it, the reason is in `status` and `detail` ---- */

static int verdict(bool good)
{
    return good ? HPE_OK : HPE_USER;
}

static int on_url(llhttp_t *parser, const char *at, size_t size)
{
    struct wok__h1_decoder *decoder = decoder_of(parser);

    if (decoder->target_size == 0) {
        decoder->target_offset = offset_of(decoder, at);
        if (at[-2] == ' ')
            return verdict(wok__h1_refuse(decoder, 400, more_than_one_space));
    }
    decoder->target_size += (uint32_t)size;
    if (decoder->target_size > decoder->limits->target_bytes_max)
        return verdict(wok__h1_refuse(decoder, 414, target_too_long));
    return 0;
}

/* Judges a request line up to its target; a line that ends there is HTTP/0.9. */
static bool check_target_end(llhttp_t *parser, bool line_ends)
{
    if (parser->method == HTTP_CONNECT)
        return wok__h1_refuse(decoder_of(parser), 501, "CONNECT is for proxies; this is none.");
    if (line_ends)
        return wok__h1_refuse(decoder_of(parser), 505,
                              "The request line names no HTTP version; 1.1 is spoken here.");
    return true;
}

static int on_url_complete(llhttp_t *parser)
{
    return verdict(check_target_end(parser, parser->http_minor == 9));
}

static int on_version(llhttp_t *parser, const char *at, size_t size)
{
    struct wok__h1_decoder *decoder = decoder_of(parser);

    if (decoder->version_size == 0)
        decoder->version_offset = offset_of(decoder, at);
    decoder->version_size += (uint32_t)size;
    return 0;
}

static int on_version_complete(llhttp_t *parser)
{
    return verdict(wok__h1_rules_version(decoder_of(parser)));
}

static int on_header_field(llhttp_t *parser, const char *at, size_t size)
{
    struct wok__h1_decoder *decoder = decoder_of(parser);

    if (decoder->phase != WOK__H1_IN_HEAD)
        return 0;
    if (decoder->field.name_size == 0)
        decoder->field.name_offset = offset_of(decoder, at);
    decoder->field.name_size += (uint32_t)size;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t size)
{
    struct wok__h1_decoder *decoder = decoder_of(parser);
    struct wok__http_header *field = &decoder->field;

    if (decoder->phase != WOK__H1_IN_HEAD)
        return 0;
    if (!decoder->value_started) {
        decoder->value_started = true;
        field->value_offset = offset_of(decoder, at);
    } else if (offset_of(decoder, at) != field->value_offset + field->value_size) {
        decoder->value_folded = true; /* a span that does not continue the last one */
    }
    field->value_size += (uint32_t)size;
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct wok__h1_decoder *decoder = decoder_of(parser);

    if (decoder->phase != WOK__H1_IN_HEAD)
        return 0;
    if (!wok__h1_rules_field(decoder))
        return HPE_USER;
    decoder->field = (struct wok__http_header){0};
    decoder->value_started = false;
    return 0;
}

static int pause_here(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_version = on_version,
    .on_version_complete = on_version_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = pause_here,
    .on_chunk_header = pause_here,
    .on_chunk_complete = pause_here, /* also at the end of the trailers */
};

/* Runs the parser; `*ret_size` is what it consumed, also up to a pause. */
static llhttp_errno_t run(struct wok__h1_decoder *decoder, const char *input, size_t size,
                          size_t *ret_size)
{
    llhttp_t *parser = parser_of(decoder);
    llhttp_errno_t error;

    llhttp_resume(parser);
    error = llhttp_execute(parser, input, size);
    *ret_size = error == HPE_OK ? size : (size_t)(llhttp_get_error_pos(parser) - input);
    return error;
}

/* ---- the head ---- */

/* Skips CRLF in front of a request, which RFC 9112 section 2.2 asks for; false: too many, or half. */
static bool skip_blank_lines(struct wok__h1_decoder *decoder, const char *input, size_t size,
                             size_t *ret_skipped)
{
    size_t at = 0;

    for (; at < size; at++) {
        if (decoder->after_cr) {
            if (input[at] != '\n')
                return wok__h1_refuse(decoder, 400, "A CR without LF precedes the request.");
            decoder->after_cr = false;
            if (++decoder->blank_lines > decoder->limits->blank_lines_max)
                return wok__h1_refuse(decoder, 400, "Too many blank lines precede the request.");
        } else if (input[at] == '\r') {
            decoder->after_cr = true;
        } else if (input[at] == '\n') {
            return wok__h1_refuse(decoder, 400, "An LF without CR precedes the request.");
        } else {
            decoder->phase = WOK__H1_IN_HEAD;
            decoder->head_start = decoder->head_bytes + (uint32_t)at;
            break;
        }
    }
    *ret_skipped = at;
    return true;
}

/* llhttp stops at the first letter that fits no method of its own; `end` is what has arrived. */
static enum wok__h1_event judge_unknown_method(struct wok__h1_decoder *decoder, uint32_t end)
{
    uint32_t at = decoder->head_start;

    uint32_t limit = decoder->head_start + METHOD_BYTES_MAX;

    while (at < end && wok__is_token_char(decoder->base[at]))
        at++;
    if (at == end && at < limit) {
        decoder->phase = WOK__H1_IN_UNKNOWN_METHOD;
        return WOK__H1_NEED_MORE;
    }
    if (at > decoder->head_start && at < limit && decoder->base[at] == ' ')
        return fail_with(decoder, 501, unknown_method);
    return fail_with(decoder, 400, "The request does not begin with a method and a space.");
}

/* llhttp does not report a target in which it found an error, so its start is looked for. */
static enum wok__h1_event judge_bad_target(struct wok__h1_decoder *decoder, uint32_t error_offset)
{
    uint32_t start = decoder->head_start;

    while (decoder->base[start] != ' ')
        start++;
    start++;
    if (decoder->base[start] == ' ')
        return fail_with(decoder, 400, more_than_one_space);
    if (decoder->base[error_offset - 2] == '\n') /* a tab after the line of HTTP/0.9 */
        (void)check_target_end(parser_of(decoder), true);
    if (decoder->status != 0)
        return fail(decoder);
    if (error_offset - start > decoder->limits->target_bytes_max)
        return fail_with(decoder, 414, target_too_long);
    return fail_with(decoder, 400, "The request target holds a character that a URL cannot hold.");
}

/* After the target: no protocol that llhttp knows, or one that its method does not belong to. */
static enum wok__h1_event judge_bad_protocol(struct wok__h1_decoder *decoder, uint32_t error_offset)
{
    if (memcmp(decoder->base + error_offset - 5, "HTTP/", 5) == 0)
        return fail_with(decoder, 501, unknown_method); /* one of RTSP, such as DESCRIBE */
    return fail_with(decoder, 400, bad_protocol);
}

static enum wok__h1_event judge_bad_version(struct wok__h1_decoder *decoder)
{
    /* A digit, a dot, a digit: then it is a version, and the error either in it or behind it. */
    const char *version = decoder->base + decoder->version_offset;

    if (decoder->version_size == 3 && memcmp(version, "1.1", 3) != 0 &&
        memcmp(version, "1.0", 3) != 0)
        return fail_with(decoder, 505, "The HTTP version is not one of 1.1 and 1.0.");
    return fail_with(decoder, 400, bad_protocol);
}

/* Gives llhttp's refusal of the head a status and a sentence. */
static enum wok__h1_event judge_head_error(struct wok__h1_decoder *decoder, llhttp_errno_t error,
                                           uint32_t error_offset, uint32_t end)
{
    if (decoder->status != 0) /* a callback said why */
        return fail(decoder);

    switch (error) {
    case HPE_INVALID_METHOD:
        return judge_unknown_method(decoder, end);
    case HPE_INVALID_URL:
        return judge_bad_target(decoder, error_offset);
    case HPE_INVALID_VERSION:
        return judge_bad_version(decoder);
    case HPE_INVALID_CONSTANT:
        return judge_bad_protocol(decoder, error_offset);
    case HPE_INVALID_CONTENT_LENGTH:
        return fail_with(decoder, 400, "The Content-Length is not a number of bytes.");
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return fail_with(
            decoder, 400,
            "The request has a second Content-Length, or one beside Transfer-Encoding.");
    case HPE_INVALID_TRANSFER_ENCODING:
        return fail_with(decoder, 400, "The Transfer-Encoding does not end with one 'chunked'.");
    default:
        return fail_with(decoder, 400, head_malformed);
    }
}

static enum wok__h1_event finish_head(struct wok__h1_decoder *decoder)
{
    const llhttp_t *parser = parser_of(decoder);
    struct wok__h1_framing framing = {
        .has_content_length = (parser->flags & F_CONTENT_LENGTH) != 0,
        .chunked = (parser->flags & F_CHUNKED) != 0,
        .content_length = parser->content_length,
    };

    if (!wok__h1_rules_head(decoder, &framing))
        return fail(decoder);

    decoder->remaining = framing.content_length;
    decoder->phase = framing.chunked     ? WOK__H1_IN_CHUNK_LINE
                     : decoder->has_body ? WOK__H1_IN_SIZED_BODY
                                         : WOK__H1_AT_END;
    return WOK__H1_HEAD;
}

static enum wok__h1_event feed_head(struct wok__h1_decoder *decoder, char *input, size_t size)
{
    uint32_t fed = decoder->head_bytes;
    size_t skipped = 0, taken;

    decoder->base = input - fed;
    if (decoder->phase == WOK__H1_IN_BLANK_LINES &&
        !skip_blank_lines(decoder, input, size, &skipped))
        return fail(decoder);

    size_t room = decoder->limits->head_bytes_max - (fed + skipped - decoder->head_start);
    size_t part = decoder->phase == WOK__H1_IN_BLANK_LINES ? 0 : least(size - skipped, room);
    uint32_t end = fed + (uint32_t)(skipped + part);
    decoder->consumed = skipped + part;
    decoder->head_bytes = end;
    if (decoder->phase == WOK__H1_IN_BLANK_LINES)
        return WOK__H1_NEED_MORE;
    if (decoder->phase == WOK__H1_IN_UNKNOWN_METHOD)
        return judge_unknown_method(decoder, end);

    llhttp_errno_t error = run(decoder, input + skipped, part, &taken);
    if (error == HPE_OK) {
        /* llhttp needs one more byte to see HTTP/0.9's line, and its client sends none. */
        if (decoder->base[end - 1] == '\n' && decoder->target_size > 0 &&
            decoder->version_size == 0 && !check_target_end(parser_of(decoder), true))
            return fail(decoder);
        if (part == room)
            return fail_with(decoder, 431,
                             "The request line and headers are larger than accepted.");
        return WOK__H1_NEED_MORE;
    }
    if (error != HPE_PAUSED)
        return judge_head_error(decoder, error, fed + (uint32_t)(skipped + taken), end);

    decoder->consumed = skipped + taken;
    decoder->head_bytes = fed + (uint32_t)(skipped + taken);
    return finish_head(decoder);
}

/* ---- the body ---- */

static enum wok__h1_event give_body(struct wok__h1_decoder *decoder, const char *data, size_t size,
                                    enum wok__h1_phase phase_after)
{
    decoder->body = (wok_slice){data, size};
    decoder->consumed += size;
    decoder->remaining -= size;
    if (decoder->remaining == 0)
        decoder->phase = phase_after;
    return WOK__H1_BODY;
}

/* What a chunk's size line holds beyond the shortest form of the size. */
static uint32_t superfluous_bytes(uint32_t line_bytes, uint64_t chunk_size)
{
    uint32_t digits = 1;

    while (chunk_size >>= 4)
        digits++;
    return line_bytes - digits - 2;
}

static enum wok__h1_event begin_chunk(struct wok__h1_decoder *decoder)
{
    const struct wok__h1_limits *limits = decoder->limits;
    uint64_t size = parser_of(decoder)->content_length;

    decoder->extension_bytes += superfluous_bytes(decoder->line_bytes, size);
    decoder->line_bytes = 0;
    if (decoder->extension_bytes > limits->chunk_extension_bytes_max)
        return fail_with(decoder, 400, extensions_too_long);
    if (size > limits->body_bytes_max - decoder->body_bytes)
        return fail_with(decoder, 413, "The chunked body is larger than accepted.");
    if (size > 0 && ++decoder->chunk_count > limits->chunk_count_max)
        return fail_with(decoder, 400, "The body comes in more chunks than accepted.");

    decoder->body_bytes += size;
    decoder->remaining = size;
    decoder->previous = '\n'; /* of the size line, which the trailers may follow */
    decoder->phase = size > 0 ? WOK__H1_IN_CHUNK_DATA : WOK__H1_IN_TRAILERS;
    return WOK__H1_NEED_MORE;
}

static enum wok__h1_event feed_chunk_line(struct wok__h1_decoder *decoder, const char *input,
                                          size_t size)
{
    size_t room = decoder->limits->chunk_extension_bytes_max - decoder->extension_bytes +
                  CHUNK_LINE_BYTES - decoder->line_bytes;
    size_t taken;
    llhttp_errno_t error = run(decoder, input, least(size, room), &taken);

    decoder->consumed += taken;
    decoder->line_bytes += (uint32_t)taken;
    if (error == HPE_PAUSED)
        return begin_chunk(decoder);
    if (error != HPE_OK)
        return fail_with(decoder, 400, chunk_malformed);
    return taken == room ? fail_with(decoder, 400, extensions_too_long) : WOK__H1_NEED_MORE;
}

static enum wok__h1_event feed_chunk_data(struct wok__h1_decoder *decoder, const char *input,
                                          size_t size)
{
    size_t taken;

    if (run(decoder, input, least(size, decoder->remaining), &taken) != HPE_OK)
        return fail_with(decoder, 400, chunk_malformed);
    return give_body(decoder, input, taken, WOK__H1_IN_CHUNK_END);
}

static enum wok__h1_event feed_chunk_end(struct wok__h1_decoder *decoder, const char *input,
                                         size_t size)
{
    size_t taken;
    llhttp_errno_t error = run(decoder, input, size, &taken);

    decoder->consumed += taken;
    if (error == HPE_PAUSED)
        decoder->phase = WOK__H1_IN_CHUNK_LINE;
    else if (error != HPE_OK)
        return fail_with(decoder, 400, chunk_malformed);
    return WOK__H1_NEED_MORE;
}

/* llhttp takes folded trailers, one without a name, and a lone LF for the empty line. */
static bool trailers_are_strict(struct wok__h1_decoder *decoder, const char *text, size_t size)
{
    char previous = decoder->previous;

    for (size_t i = 0; i < size; i++) {
        if ((text[i] == '\n' && previous != '\r') ||
            (previous == '\n' && (text[i] == ' ' || text[i] == '\t' || text[i] == ':')))
            return false;
        previous = text[i];
    }
    decoder->previous = previous;
    return true;
}

static enum wok__h1_event feed_trailers(struct wok__h1_decoder *decoder, const char *input,
                                        size_t size)
{
    size_t room = decoder->limits->trailer_bytes_max + 2 - decoder->line_bytes;
    size_t taken;
    llhttp_errno_t error = run(decoder, input, least(size, room), &taken);

    if ((error != HPE_OK && error != HPE_PAUSED) || !trailers_are_strict(decoder, input, taken))
        return fail_with(decoder, 400, trailers_malformed);
    decoder->consumed += taken;
    decoder->line_bytes += (uint32_t)taken;
    if (error == HPE_PAUSED) {
        decoder->phase = WOK__H1_AT_END;
        return WOK__H1_COMPLETE;
    }
    return taken == room ? fail_with(decoder, 400, "The trailers are longer than accepted.")
                         : WOK__H1_NEED_MORE;
}

/* One step within a chunked body: NEED_MORE with input left means that the phase has changed. */
static enum wok__h1_event feed_chunked(struct wok__h1_decoder *decoder, const char *input,
                                       size_t size)
{
    switch (decoder->phase) {
    case WOK__H1_IN_CHUNK_LINE:
        return feed_chunk_line(decoder, input, size);
    case WOK__H1_IN_CHUNK_DATA:
        return feed_chunk_data(decoder, input, size);
    case WOK__H1_IN_CHUNK_END:
        return feed_chunk_end(decoder, input, size);
    default:
        return feed_trailers(decoder, input, size);
    }
}

/* ---- the interface ---- */

void wok__h1_decoder_begin(struct wok__h1_decoder *decoder, const struct wok__h1_limits *limits,
                           wok_http_request *request)
{
    memset(decoder, 0, offsetof(struct wok__h1_decoder, parser));
    decoder->limits = limits;
    decoder->request = request;
    memset(request, 0, offsetof(wok_http_request, headers)); /* the table is written before read */

    llhttp_init(parser_of(decoder), HTTP_REQUEST, &settings);
    parser_of(decoder)->data = decoder;
}

enum wok__h1_event wok__h1_decoder_feed(struct wok__h1_decoder *decoder, char *input, size_t size)
{
    enum wok__h1_event event = WOK__H1_NEED_MORE;

    decoder->consumed = 0;
    if (decoder->phase == WOK__H1_FAILED)
        return WOK__H1_ERROR;
    if (decoder->phase == WOK__H1_AT_END)
        return WOK__H1_COMPLETE;
    if (size == 0)
        return WOK__H1_NEED_MORE;
    if (decoder->phase <= WOK__H1_IN_UNKNOWN_METHOD)
        return feed_head(decoder, input, size);
    if (decoder->phase == WOK__H1_IN_SIZED_BODY)
        return give_body(decoder, input, least(size, decoder->remaining), WOK__H1_AT_END);

    while (event == WOK__H1_NEED_MORE && decoder->consumed < size)
        event = feed_chunked(decoder, input + decoder->consumed, size - decoder->consumed);
    return event;
}

bool wok__h1_decoder_finish(struct wok__h1_decoder *decoder)
{
    if (decoder->phase == WOK__H1_IN_BLANK_LINES || decoder->phase == WOK__H1_AT_END)
        return true;
    if (decoder->phase != WOK__H1_FAILED)
        (void)fail_with(decoder, 400, "The connection ended in the middle of a request.");
    return false;
}
