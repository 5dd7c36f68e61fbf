/*
 * timing.c - Server-Timing: how long each fetch took, for the network panel of a browser.
 */
#include "timing.h"

#include <string.h>

enum {
    /* ", ", a name, ";dur=", a time of at most a minute with its decimals. */
    ENTRY_SIZE_MAX = 2 + WOK__TIMING_NAME_MAX + 5 + 24,
    ENTRIES_MAX = WOK__TIMING_FETCHES_MAX + 2,
};

struct writer {
    char text[ENTRIES_MAX * ENTRY_SIZE_MAX];
    size_t size;
};

static void put(struct writer *writer, wok_slice text)
{
    memcpy(writer->text + writer->size, text.data, text.size);
    writer->size += text.size;
}

static void put_number(struct writer *writer, uint64_t number, unsigned width)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0 || sizeof digits - at < width);
    put(writer, (wok_slice){digits + at, sizeof digits - at});
}

/* Of a token's characters those that nobody has to quote anywhere. */
static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
}

static void put_name(struct writer *writer, wok_slice name)
{
    size_t begin = writer->size;

    for (size_t i = 0; i < name.size && writer->size - begin < WOK__TIMING_NAME_MAX; i++) {
        if (is_plain(name.data[i]))
            writer->text[writer->size++] = name.data[i];
        else if (writer->size == begin || writer->text[writer->size - 1] != '_')
            writer->text[writer->size++] = '_';
    }
}

static void put_entry(struct writer *writer, wok_slice name, wok_duration took)
{
    if (writer->size > 0)
        put(writer, WOK_SLICE(", "));
    put_name(writer, name);
    put(writer, WOK_SLICE(";dur="));
    put_number(writer, took.ns / 1000000, 1);
    put(writer, WOK_SLICE("."));
    put_number(writer, took.ns / 1000 % 1000, 3);
}

/* Out of line: a kilobyte of stack that a request which waits can do without. */
__attribute__((noinline)) void wok__timing_put(wok_http_exchange *exchange, wok_duration total,
                                               const struct wok__source *sources, size_t count)
{
    struct writer writer;
    size_t told = 0, more = 0;

    writer.size = 0;
    if (total.ns != 0)
        put_entry(&writer, WOK_SLICE("total"), total);
    for (size_t i = 0; i < count; i++) {
        if (!sources[i].asked)
            continue;
        if (told == WOK__TIMING_FETCHES_MAX) {
            more++;
            continue;
        }
        put_entry(&writer, sources[i].name, sources[i].elapsed);
        told++;
    }
    if (more > 0) {
        put(&writer, WOK_SLICE(", more;desc=\""));
        put_number(&writer, more, 1);
        put(&writer, WOK_SLICE("\""));
    }
    if (writer.size > 0) /* without it the answer is no worse */
        (void)wok_http_response_header(exchange, "Server-Timing",
                                       (wok_slice){writer.text, writer.size});
}
