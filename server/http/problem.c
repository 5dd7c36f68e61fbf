/*
 * problem.c - the body of an error: a problem document (RFC 9457).
 *
 * Written here and not with jansson because the codec answers malformed requests before any handler
 * or library is involved, and must be able to do so without memory.
 *
 * Invariant: what is written is valid JSON in valid UTF-8, whatever bytes the strings hold.
 */
#include "http/problem.h"

#include <errno.h>

#include <wok/http/message.h>

/* A buffer that remembers that something did not fit; then its content is of no use. */
struct writer {
    char *next;
    char *end;
    bool overflow;
};

static void put(struct writer *writer, const char *data, size_t size)
{
    if ((size_t)(writer->end - writer->next) < size) {
        writer->overflow = true;
        return;
    }
    memcpy(writer->next, data, size);
    writer->next += size;
}

static void put_slice(struct writer *writer, wok_slice slice)
{
    put(writer, slice.data, slice.size);
}

/*
 * The size of the UTF-8 sequence at the start of `text`, 0 if there is none: no overlong forms, no
 * surrogates, nothing above U+10FFFF (RFC 3629 section 4).
 */
static size_t utf8_sequence(const unsigned char *text, size_t size)
{
    unsigned char lead = text[0];
    size_t need = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (need == 0 || lead > 0xf4 || need > size)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
        (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f))
        return 0;
    return need;
}

static void put_control(struct writer *writer, unsigned char c)
{
    static const char hex[] = "0123456789ABCDEF";
    char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    switch (c) {
    case '\b':
        put(writer, "\\b", 2);
        break;
    case '\f':
        put(writer, "\\f", 2);
        break;
    case '\n':
        put(writer, "\\n", 2);
        break;
    case '\r':
        put(writer, "\\r", 2);
        break;
    case '\t':
        put(writer, "\\t", 2);
        break;
    default:
        put(writer, escape, sizeof escape);
        break;
    }
}

static void put_string(struct writer *writer, wok_slice text)
{
    const unsigned char *bytes = (const unsigned char *)text.data;

    put(writer, "\"", 1);
    for (size_t i = 0; i < text.size;) {
        size_t sequence = utf8_sequence(bytes + i, text.size - i);
        if (sequence == 0) {
            put(writer, "\xef\xbf\xbd", 3); /* U+FFFD, the replacement character */
            sequence = 1;
        } else if (bytes[i] == '"' || bytes[i] == '\\') {
            put(writer, "\\", 1);
            put(writer, text.data + i, 1);
        } else if (bytes[i] < ' ') {
            put_control(writer, bytes[i]);
        } else {
            put(writer, text.data + i, sequence);
        }
        i += sequence;
    }
    put(writer, "\"", 1);
}

ssize_t wok__problem_write(char *buffer, size_t capacity, const struct wok__problem *problem)
{
    struct writer writer = {buffer, buffer + capacity, false};
    char status[] = {(char)('0' + problem->status / 100 % 10),
                     (char)('0' + problem->status / 10 % 10), (char)('0' + problem->status % 10)};

    put_slice(&writer, WOK_SLICE("{\"type\": "));
    put_string(&writer, problem->type.size > 0 ? problem->type : WOK_SLICE("about:blank"));
    put_slice(&writer, WOK_SLICE(", \"title\": "));
    put_string(&writer,
               problem->title.size > 0 ? problem->title : wok_http_status_reason(problem->status));
    put_slice(&writer, WOK_SLICE(", \"status\": "));
    put(&writer, status, sizeof status);
    put_slice(&writer, WOK_SLICE(", \"detail\": "));
    put_string(&writer, problem->detail);
    if (problem->instance.size > 0) {
        put_slice(&writer, WOK_SLICE(", \"instance\": "));
        put_string(&writer, problem->instance);
    }
    put_slice(&writer, WOK_SLICE("}\n"));
    return writer.overflow ? -ENOSPC : writer.next - buffer;
}

size_t wok__problem_size_max(const struct wok__problem *problem)
{
    /* A byte becomes at most six (\u0001); 160 covers the member names and the two defaults. */
    return 160 + 6 * (problem->type.size + problem->title.size + problem->detail.size +
                      problem->instance.size);
}
