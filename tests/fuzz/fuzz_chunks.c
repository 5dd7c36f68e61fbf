/*
 * fuzz_chunks.c - a chunked body: against a decoder that is obviously right, and there and back.
 *
 * Input: one byte that seeds the cuts, then what follows the head of a chunked request.
 *
 * Oracles: what has neither extensions nor trailers is taken exactly when the simple decoder below takes it,
 * with the same body and the same end; a body that was taken, sent again in other chunks or with its
 * length, arrives as the same body.
 */
#include "fuzz.h"

#include "http/h1_decoder.h"

enum { BYTES_MAX = 4096 };

#define HEAD "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

struct decoded {
    enum wok__h1_event end; /* COMPLETE, ERROR or NEED_MORE */
    size_t consumed;        /* of what follows the head */
    size_t size;
    char body[BYTES_MAX];
};

/* Feeds head and body in pieces of random sizes, or all at once where `seed` is 0. */
static void decode(const char *head, const char *text, size_t size, uint32_t seed,
                   struct decoded *ret_decoded)
{
    static struct wok__h1_decoder decoder;
    static wok_http_request request;
    static const struct wok__h1_limits limits = {
        .body_bytes_max = BYTES_MAX,
        .target_bytes_max = 100,
        .head_bytes_max = 1000,
        .header_count_max = 10,
        .chunk_extension_bytes_max = 4096,
        .trailer_bytes_max = 4096,
        .chunk_count_max = 65536,
        .blank_lines_max = 1,
    };
    char head_copy[256];
    enum wok__h1_event event;
    size_t at = 0;

    strcpy(head_copy, head);
    wok__h1_decoder_begin(&decoder, &limits, &request);
    FUZZ_CHECK(wok__h1_decoder_feed(&decoder, head_copy, strlen(head_copy)) == WOK__H1_HEAD &&
                   decoder.consumed == strlen(head),
               "the head is not taken");
    ret_decoded->size = 0;
    for (;;) {
        size_t piece = size - at;
        if (seed != 0 && piece > 1)
            piece = 1 + fuzz_next(&seed) % (piece < 40 ? piece : 40);
        char *block = malloc(piece > 0 ? piece : 1);
        memcpy(block, text + at, piece);
        event = wok__h1_decoder_feed(&decoder, block, piece);
        FUZZ_CHECK(decoder.consumed <= piece, "more was consumed than there was");
        at += decoder.consumed;
        if (event == WOK__H1_BODY) {
            FUZZ_CHECK(ret_decoded->size + decoder.body.size <= BYTES_MAX,
                       "a body beyond its limit");
            memcpy(ret_decoded->body + ret_decoded->size, decoder.body.data, decoder.body.size);
            ret_decoded->size += decoder.body.size;
        }
        free(block);
        if (event == WOK__H1_COMPLETE || event == WOK__H1_ERROR ||
            (event == WOK__H1_NEED_MORE && at == size))
            break;
    }
    ret_decoded->end = event;
    ret_decoded->consumed = at;
}

/* ---- the simple decoder ------------------------------------------------------------------------- */

static int hex(char c)
{
    const char *digits = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)((at - digits) & 15) : -1;
}

/* True: a whole body without extensions, trailers or needless zeros lies there. */
static bool decode_simply(const char *text, size_t size, struct decoded *ret_decoded)
{
    size_t at = 0;

    ret_decoded->size = 0;
    for (;;) {
        size_t chunk = 0, digits = 0;
        for (; at < size && hex(text[at]) >= 0 && digits < 5; digits++)
            chunk = chunk * 16 + (size_t)hex(text[at++]);
        if (digits == 0 || digits == 5 || size - at < 2 || memcmp(text + at, "\r\n", 2) != 0)
            return false;
        at += 2;
        if (chunk == 0)
            break;
        if (chunk > size - at || size - at - chunk < 2 || ret_decoded->size + chunk > BYTES_MAX ||
            memcmp(text + at + chunk, "\r\n", 2) != 0)
            return false;
        memcpy(ret_decoded->body + ret_decoded->size, text + at, chunk);
        ret_decoded->size += chunk;
        at += chunk + 2;
    }
    if (size - at < 2 || memcmp(text + at, "\r\n", 2) != 0)
        return false;
    ret_decoded->consumed = at + 2;
    return true;
}

/* ---- there and back ----------------------------------------------------------------------------- */

static void same_body(const struct decoded *a, const struct decoded *b, const char *what)
{
    FUZZ_CHECK(a->size == b->size && memcmp(a->body, b->body, a->size) == 0,
               "%s: %zu bytes and %zu", what, a->size, b->size);
}

static void send_again(const struct decoded *decoded, uint32_t seed)
{
    static char text[BYTES_MAX * 12 + 16];
    static struct decoded again;
    char head[128];
    size_t at = 0;

    for (size_t sent = 0; sent < decoded->size;) {
        size_t piece = 1 + fuzz_next(&seed) % (decoded->size - sent);
        at += (size_t)sprintf(text + at, seed & 64 ? "%zx\r\n" : "%zX\r\n", piece);
        memcpy(text + at, decoded->body + sent, piece);
        at += piece;
        at += (size_t)sprintf(text + at, "\r\n");
        sent += piece;
    }
    at += (size_t)sprintf(text + at, "0\r\n\r\n");
    decode(HEAD, text, at, seed, &again);
    FUZZ_CHECK(again.end == WOK__H1_COMPLETE && again.consumed == at, "not taken in other chunks");
    same_body(decoded, &again, "in other chunks");

    if (decoded->size == 0)
        return;
    snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             decoded->size);
    decode(head, decoded->body, decoded->size, seed, &again);
    FUZZ_CHECK(again.consumed == decoded->size, "not taken with its length");
    same_body(decoded, &again, "with its length");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decoded whole, cut, simple;
    struct fuzz_input input = {data, size};
    uint32_t seed = fuzz_byte(&input) + 1;
    const char *text = (const char *)input.data;

    if (input.size > BYTES_MAX)
        return 0;
    decode(HEAD, text, input.size, 0, &whole);
    decode(HEAD, text, input.size, seed, &cut);
    FUZZ_CHECK(whole.end == cut.end, "whole it ends with %d, cut with %d", (int)whole.end,
               (int)cut.end);
    if (whole.end == WOK__H1_COMPLETE)
        FUZZ_CHECK(whole.consumed == cut.consumed, "two ends: %zu and %zu", whole.consumed,
                   cut.consumed);
    if (whole.end != WOK__H1_ERROR)
        same_body(&whole, &cut, "cut");

    if (decode_simply(text, input.size, &simple)) {
        FUZZ_CHECK(whole.end == WOK__H1_COMPLETE && whole.consumed == simple.consumed,
                   "the simple decoder takes %zu bytes, this one ended with %d at %zu",
                   simple.consumed, (int)whole.end, whole.consumed);
        same_body(&whole, &simple, "decoded simply");
    }
    if (whole.end == WOK__H1_COMPLETE)
        send_again(&whole, seed);
    return 0;
}
