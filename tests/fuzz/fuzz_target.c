/*
 * fuzz_target.c - request targets and queries: what is taken is safe, and taken again it stays the same.
 *
 * Input: one byte that chooses the method, then the target.
 */
#include "fuzz.h"

#include <sys/types.h>

#include <wok/http/query.h>

#include "http/target.h"

enum { BYTES_MAX = 4096 };

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

static bool lies_in(wok_slice part, wok_slice all)
{
    return part.size == 0 ||
           (part.data >= all.data && part.data + part.size <= all.data + all.size);
}

/* What a handler may rely on (message.h), looked at byte by byte. */
static void check_path(wok_slice path)
{
    for (size_t i = 0; i < path.size; i++) {
        unsigned char c = (unsigned char)path.data[i];
        FUZZ_CHECK(c > ' ' && c < 0x7f && c != '?' && c != '#', "byte %u in a path", c);
        if (c != '%')
            continue;
        FUZZ_CHECK(i + 2 < path.size, "half an escape");
        int high = wok__hex_value(path.data[i + 1]), low = wok__hex_value(path.data[i + 2]);
        FUZZ_CHECK(high >= 0 && low >= 0, "an escape without digits");
        FUZZ_CHECK(high * 16 + low != 0, "%%00");
        FUZZ_CHECK(!is_unreserved((unsigned char)(high * 16 + low)), "an escape unresolved");
    }
    for (size_t i = 0, start = 0; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '/')
            continue;
        size_t size = i - start;
        FUZZ_CHECK(!(size == 1 && path.data[start] == '.') &&
                       !(size == 2 && memcmp(path.data + start, "..", 2) == 0),
                   "a dot segment in %.*s", (int)path.size, path.data);
        start = i + 1;
    }
}

/* ---- queries ------------------------------------------------------------------------------------ */

static size_t encode(wok_slice text, char *out)
{
    size_t size = 0;

    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_unreserved(c))
            out[size++] = (char)c;
        else
            size += (size_t)sprintf(out + size, "%%%02X", c);
    }
    return size;
}

static bool is_same(wok_slice a, wok_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Decodes all parameters, writes them down again fully escaped, decodes that: the same parameters. */
static void check_query(wok_slice text)
{
    static char buffer[BYTES_MAX], again_buffer[BYTES_MAX], written[4 * BYTES_MAX];
    wok_http_query query = wok_http_query_begin(text, buffer, sizeof buffer);
    wok_http_parameter parameter, again;

    while (wok_http_query_next(&query, &parameter) > 0) {
        size_t size = encode(parameter.name, written);
        if (parameter.value.data != NULL) {
            written[size++] = '=';
            size += encode(parameter.value, written + size);
        }
        wok_slice one = {written, size};
        wok_http_query second = wok_http_query_begin(one, again_buffer, sizeof again_buffer);
        if (size == 0)
            continue; /* an empty pair is no pair */
        FUZZ_CHECK(wok_http_query_next(&second, &again) > 0, "%.*s is no pair", (int)size, written);
        FUZZ_CHECK(is_same(parameter.name, again.name), "a name changes: %.*s", (int)size, written);
        FUZZ_CHECK(is_same(parameter.value, again.value), "a value changes: %.*s", (int)size,
                   written);
        FUZZ_CHECK((parameter.value.data == NULL) == (again.value.data == NULL), "an '=' changes");
        FUZZ_CHECK(wok_http_query_next(&second, &again) == 0, "one pair is two");
    }
}

/* ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wok_http_request request, second;
    struct fuzz_input input = {data, size};
    wok_http_method method = fuzz_byte(&input) & 1 ? WOK_HTTP_OPTIONS : WOK_HTTP_GET;

    if (input.size == 0 || input.size > BYTES_MAX)
        return 0;
    for (size_t i = 0; i < input.size; i++) {
        if (input.data[i] <= ' ' || input.data[i] >= 0x7f)
            return 0; /* the parser refuses it before */
    }
    char *target = malloc(input.size);
    memcpy(target, input.data, input.size);
    memset(&request, 0, offsetof(wok_http_request, headers)); /* as the decoder does */
    request.method = method;
    const char *refusal = wok__target_read(target, input.size, &request);
    check_query((wok_slice){(const char *)input.data, input.size});
    if (refusal == NULL) {
        FUZZ_CHECK(lies_in(request.path, request.target), "the path lies elsewhere");
        FUZZ_CHECK(lies_in(request.query, request.target), "the query lies elsewhere");
        FUZZ_CHECK(request.authority.size == 0 || wok__authority_is_valid(request.authority),
                   "a bad authority");
        check_path(request.path);
        check_query(request.query);

        char *again = malloc(request.target.size);
        memcpy(again, request.target.data, request.target.size);
        memset(&second, 0, offsetof(wok_http_request, headers));
        second.method = method;
        const char *why = wok__target_read(again, request.target.size, &second);
        FUZZ_CHECK(why == NULL, "refused the second time: %s", why);
        FUZZ_CHECK(is_same(request.path, second.path) && is_same(request.query, second.query) &&
                       is_same(request.authority, second.authority) &&
                       is_same(request.target, second.target),
                   "changed by reading it again");
        free(again);
    }
    free(target);
    return 0;
}
