/*
 * json.c - a writer of JSON straight into a response's body.
 *
 * Invariants
 *   I1  begin <= next <= end; the bytes in [begin, next) are written and not yet committed.
 *   I2  after a failure begin == next == end == NULL, and nothing is written any more.
 *   I3  so it is while a document is counted, which has no exchange: what would be written is added up where there
 *       is no room for it, and strings and numbers before they are made.
 *
 * Room is asked for before each piece, in steps that are larger than most pieces, so that a byte
 * costs a store and a comparison and not a call into the exchange.
 */
#include "json.h"

#include <string.h>

/* The least that is reserved at a time: an answer of two sources has 350 bytes. */
#define STEP 512
/* Longest escape: \u001F; and the digits of 2^64 - 1. */
#define ESCAPE_MAX 6
#define DIGITS_MAX 20
/* Bytes of a string that are escaped between two looks at the room. */
#define STRETCH 64

static __attribute__((noinline)) bool make_room(struct wok__json *json, size_t bytes)
{
    if (json->failed)
        return false;

    wok__json_pause(json);
    size_t want = bytes > STEP ? bytes : STEP;
    json->begin = wok_http_response_reserve(json->exchange, want);
    if (json->begin == NULL) {
        json->next = json->end = NULL;
        json->failed = true;
        return false;
    }
    json->next = json->begin;
    json->end = json->begin + want;
    return true;
}

/* Makes room for `bytes`; false after a failure. */
static inline __attribute__((always_inline)) bool room(struct wok__json *json, size_t bytes)
{
    return __builtin_expect((size_t)(json->end - json->next) >= bytes, true) ||
           make_room(json, bytes);
}

/* In line, for the sizes that the compiler knows. */
static inline __attribute__((always_inline)) void put(struct wok__json *json, const char *data,
                                                      size_t size)
{
    if (__builtin_expect((size_t)(json->end - json->next) < size, false)) {
        if (json->exchange == NULL) { /* I3 */
            json->counted += size;
            return;
        }
        if (!make_room(json, size))
            return;
    }
    if (size != 0)
        memcpy(json->next, data, size);
    json->next += size;
}

static size_t count_digits(uint64_t number)
{
    size_t digits = 1;

    for (uint64_t bound = 10; number >= bound && digits < DIGITS_MAX; bound *= 10)
        digits++;
    return digits;
}

static void put_digits(struct wok__json *json, uint64_t number)
{
    char digits[DIGITS_MAX];
    size_t first = DIGITS_MAX;

    if (json->exchange == NULL) {
        json->counted += count_digits(number);
        return;
    }
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(json, digits + first, DIGITS_MAX - first);
}

/* What stands between two values of one object or array. */
static void separate(struct wok__json *json)
{
    if (json->comma)
        put(json, ", ", 2);
    json->comma = true;
}

/* ---- structure ---- */

struct wok__json wok__json_begin_count(void)
{
    return (struct wok__json){.exchange = NULL};
}

uint64_t wok__json_count(const struct wok__json *json)
{
    return json->counted + (uint64_t)(json->next - json->begin);
}

void wok__json_pause(struct wok__json *json)
{
    if (json->begin == NULL)
        return;
    wok_http_response_commit(json->exchange, (size_t)(json->next - json->begin));
    json->counted += (uint64_t)(json->next - json->begin);
    json->begin = json->next = json->end = NULL;
}

struct wok__json wok__json_begin(wok_http_exchange *exchange)
{
    return (struct wok__json){.exchange = exchange};
}

void wok__json_open(struct wok__json *json, char bracket)
{
    separate(json);
    put(json, &bracket, 1);
    json->comma = false;
}

void wok__json_close(struct wok__json *json, char bracket)
{
    put(json, &bracket, 1);
    json->comma = true;
}

void wok__json_key_slice(struct wok__json *json, wok_slice name)
{
    separate(json);
    put(json, "\"", 1);
    put(json, name.data, name.size);
    put(json, "\": ", 3);
    json->comma = false;
}

void wok__json_key_text(struct wok__json *json, wok_slice text)
{
    size_t first = json->comma ? 0 : 2;

    put(json, text.data + first, text.size - first);
    json->comma = false;
}

void wok__json_end(struct wok__json *json)
{
    put(json, "\n", 1);
    if (json->failed)
        return; /* the server says so */
    wok__json_pause(json);
}

/* ---- strings ---- */

size_t wok__utf8_sequence(wok_slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    unsigned char lead = bytes[0];

    if (lead < 0x80)
        return 1;
    if (lead < 0xc2 || lead > 0xf4)
        return 0;

    size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size > text.size)
        return 0;

    /* The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF. */
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

/* Writes the escape of a control character, a quote or a backslash to `out`; returns its size. */
static size_t escape(unsigned char c, char out[ESCAPE_MAX])
{
    static const char short_forms[' '] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789ABCDEF"; /* capitals, as jansson has them */
    char letter = c < ' ' ? short_forms[c] : (char)c;

    out[0] = '\\';
    out[1] = letter != 0 ? letter : 'u';
    if (letter != 0)
        return 2;
    out[2] = out[3] = '0';
    out[4] = hex[c >> 4];
    out[5] = hex[c & 15];
    return ESCAPE_MAX;
}

/* Writes one character that cannot be copied as it stands; returns the bytes it took from `text`. */
static size_t put_special(struct wok__json *json, wok_slice text)
{
    unsigned char c = (unsigned char)text.data[0];

    if (c < 0x80) {
        json->next += escape(c, json->next);
        return 1;
    }
    size_t sequence = wok__utf8_sequence(text);
    if (sequence == 0) {
        memcpy(json->next, "\xef\xbf\xbd", 3); /* U+FFFD, the replacement character */
        json->next += 3;
        return 1;
    }
    memcpy(json->next, text.data, sequence);
    json->next += sequence;
    return sequence;
}

/* Characters that stand for themselves. */
static const bool plain[256] = {[' ' ... '!'] = true, ['#' ... '['] = true, [']' ... 0x7f] = true};

static bool is_plain(char c)
{
    return plain[(unsigned char)c];
}

/* Writes the characters up to the first that is not plain; returns how many. */
static size_t put_plain(struct wok__json *json, const char *text, size_t size)
{
    char *out = json->next;
    size_t i = 0;

    for (; i < size && is_plain(text[i]); i++)
        out[i] = text[i];
    json->next = out + i;
    return i;
}

/* What put_plain() and put_special() make of it. */
static size_t count_escaped(wok_slice text)
{
    size_t count = 0;
    char out[ESCAPE_MAX];

    for (size_t i = 0; i < text.size;) {
        size_t first = i, sequence;
        while (i < text.size && is_plain(text.data[i]))
            i++;
        count += i - first;
        if (i == text.size)
            break;
        if ((unsigned char)text.data[i] < 0x80) {
            count += escape((unsigned char)text.data[i++], out);
            continue;
        }
        sequence = wok__utf8_sequence((wok_slice){text.data + i, text.size - i});
        count += sequence != 0 ? sequence : 3;
        i += sequence != 0 ? sequence : 1;
    }
    return count;
}

void wok__json_string_part(struct wok__json *json, wok_slice text)
{
    size_t i = 0;

    if (json->exchange == NULL) {
        json->counted += count_escaped(text);
        return;
    }
    while (i < text.size) {
        size_t stretch = text.size - i < STRETCH ? text.size - i : STRETCH;
        if (!room(json, stretch * ESCAPE_MAX))
            return;
        size_t stop = i + stretch;
        while (i < stop) {
            i += put_plain(json, text.data + i, stop - i);
            if (i < stop) /* three bytes may lie over the stretch's end: six were kept for one */
                i += put_special(json, (wok_slice){text.data + i, text.size - i});
        }
    }
}

void wok__json_string_begin(struct wok__json *json)
{
    separate(json);
    put(json, "\"", 1);
}

void wok__json_string_number(struct wok__json *json, uint64_t number)
{
    put_digits(json, number);
}

void wok__json_string_end(struct wok__json *json)
{
    put(json, "\"", 1);
}

void wok__json_string(struct wok__json *json, wok_slice text)
{
    wok__json_string_begin(json);
    wok__json_string_part(json, text);
    wok__json_string_end(json);
}

/* ---- numbers and words ---- */

void wok__json_number(struct wok__json *json, uint64_t number)
{
    separate(json);
    put_digits(json, number);
}

void wok__json_ms(struct wok__json *json, wok_duration duration)
{
    uint64_t us = duration.ns / 1000;
    char fraction[] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                       (char)('0' + us % 10)};

    separate(json);
    put_digits(json, us / 1000);
    put(json, fraction, sizeof fraction);
}

void wok__json_bool(struct wok__json *json, bool value)
{
    separate(json);
    put(json, value ? "true" : "false", value ? 4 : 5);
}
