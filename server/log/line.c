/*
 * line.c - one line of the log, as text for people or as JSON for programs.
 *
 * Why everything that is not ASCII is escaped, valid or not: a terminal takes U+009B for the start of a
 * command, U+202E turns the rest of the line round, and U+2028 ends a line for some readers of JSON.  A
 * list of those would have to be kept up; names in other scripts are rare here, and \u escapes lose nothing.
 */
#include "log/line.h"

#include <string.h>

/* What is kept for the end of a line: a quote, a brace, the newline. */
enum { RESERVE = 4 };

static const char digits[] = "0123456789abcdef";

/* ---- bytes ---------------------------------------------------------------------------------------- */

static bool fits(const struct wok__log_line *line, size_t size)
{
    return line->size + size + RESERVE <= sizeof line->text;
}

static void put(struct wok__log_line *line, const char *data, size_t size)
{
    if (!fits(line, size))
        return;
    memcpy(line->text + line->size, data, size);
    line->size += size;
}

static void put_literal(struct wok__log_line *line, const char *text)
{
    put(line, text, strlen(text));
}

static size_t format_number(char *buffer, uint64_t number, unsigned width)
{
    char reversed[20];
    size_t size = 0, at = 0;

    do
        reversed[size++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (at + size < width)
        buffer[at++] = '0';
    while (size > 0)
        buffer[at++] = reversed[--size];
    return at;
}

static void put_number(struct wok__log_line *line, uint64_t number, unsigned width)
{
    char text[20];

    put(line, text, format_number(text, number, width));
}

/* ---- characters ----------------------------------------------------------------------------------- */

/* Takes one character of UTF-8 off the text: its number, or -1 and one byte for what is none (no overlong
 * form, no surrogate, nothing above U+10FFFF: RFC 3629 section 4). */
static int32_t next_character(wok_slice *text)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)text->data;
    size_t size = bytes[0] < 0x80   ? 1
                  : bytes[0] < 0xc2 ? 0
                  : bytes[0] < 0xe0 ? 2
                  : bytes[0] < 0xf0 ? 3
                                    : 4;
    uint32_t value = size == 1 ? bytes[0] : size == 0 ? 0 : bytes[0] & (0x7fU >> size);
    bool good = size >= 1 && bytes[0] <= 0xf4 && size <= text->size;

    for (size_t i = 1; good && i < size; i++) {
        good = (bytes[i] & 0xc0) == 0x80;
        value = value << 6 | (bytes[i] & 0x3f);
    }
    good = good && value >= least[size] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
    text->data += good ? size : 1;
    text->size -= good ? size : 1;
    return good ? (int32_t)value : -1;
}

static size_t format_hex(char *buffer, const char *prefix, uint32_t value, int width)
{
    size_t size = strlen(prefix);

    memcpy(buffer, prefix, size);
    for (int shift = 4 * (width - 1); shift >= 0; shift -= 4)
        buffer[size++] = digits[value >> shift & 15];
    return size;
}

/* One character that is not plain ASCII; at most 12 bytes.  JSON has no \x and wants surrogates. */
static size_t format_escape(char *buffer, enum wok__log_format format, int32_t value,
                            unsigned char byte)
{
    uint32_t number = (uint32_t)value;
    size_t size;

    if (format == WOK__LOG_TEXT)
        return value < 0         ? format_hex(buffer, "\\x", byte, 2)
               : value < 0x10000 ? format_hex(buffer, "\\u", number, 4)
                                 : format_hex(buffer, "\\U", number, 8);
    if (value < 0)
        return format_hex(buffer, "\\u", 0xfffd, 4);
    if (value < 0x10000)
        return format_hex(buffer, "\\u", number, 4);
    number -= 0x10000;
    size = format_hex(buffer, "\\u", 0xd800 + (number >> 10), 4);
    return size + format_hex(buffer + size, "\\u", 0xdc00 + (number & 0x3ff), 4);
}

/* The value with its escapes, cut to what a value may have, and not inside an escape. */
static void put_escaped(struct wok__log_line *line, wok_slice text)
{
    size_t end = line->size + WOK__LOG_VALUE_MAX, cut = line->size;

    if (end > sizeof line->text - RESERVE)
        end = sizeof line->text - RESERVE;
    while (text.size > 0) {
        char piece[16] = {text.data[0]};
        size_t size = 1;
        unsigned char byte = (unsigned char)text.data[0];
        if (byte == '"' || byte == '\\') {
            piece[0] = '\\';
            piece[size++] = (char)byte;
            text = (wok_slice){text.data + 1, text.size - 1};
        } else if (byte >= ' ' && byte < 0x7f) {
            text = (wok_slice){text.data + 1, text.size - 1};
        } else {
            size = format_escape(piece, line->format, next_character(&text), byte);
        }
        if (line->size + size > end) {
            line->size = cut;
            put_literal(line, "...");
            return;
        }
        put(line, piece, size);
        if (line->size + 3 <= end)
            cut = line->size;
    }
}

/* ---- fields --------------------------------------------------------------------------------------- */

/* False: there is no room for a field of that name and a value of any size. */
static bool put_name(struct wok__log_line *line, const char *name)
{
    if (!fits(line, strlen(name) + 32))
        return false;
    put_literal(line, line->format == WOK__LOG_JSON ? ",\"" : " ");
    put_literal(line, name);
    put_literal(line, line->format == WOK__LOG_JSON ? "\":" : "=");
    return true;
}

/* True for a value that needs no quotes in text. */
static bool is_plain(wok_slice value)
{
    static const char others[] = "._:/?&=%+@,~-[]*;!$()'";

    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
            (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return value.size > 0;
}

void wok__log_slice(struct wok__log_line *line, const char *name, wok_slice value)
{
    bool quoted = line->format == WOK__LOG_JSON || !is_plain(value);

    if (!put_name(line, name))
        return;
    if (quoted)
        put(line, "\"", 1);
    put_escaped(line, value);
    if (quoted)
        line->text[line->size++] = '"'; /* of the reserve */
}

void wok__log_string(struct wok__log_line *line, const char *name, const char *value)
{
    wok__log_slice(line, name, wok_slice_of(value));
}

void wok__log_number(struct wok__log_line *line, const char *name, uint64_t value)
{
    if (put_name(line, name))
        put_number(line, value, 1);
}

void wok__log_flag(struct wok__log_line *line, const char *name, bool value)
{
    if (put_name(line, name))
        put_literal(line, value ? "true" : "false");
}

void wok__log_ms(struct wok__log_line *line, const char *name, wok_duration value)
{
    if (!put_name(line, name))
        return;
    put_number(line, value.ns / 1000000, 1);
    put(line, ".", 1);
    put_number(line, value.ns / 1000 % 1000, 3);
}

/* ---- the ends ------------------------------------------------------------------------------------- */

/* RFC 3339 in UTC.  Not gmtime_r, which takes a lock of the process: days to a date as in Hinnant,
 * "chrono-compatible low-level date algorithms", with years that begin in March. */
static void put_time(struct wok__log_line *line, struct timespec now)
{
    uint64_t seconds = now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
    uint64_t days = seconds / 86400 + 719468; /* since 0000-03-01 */
    uint64_t era = days / 146097, day_of_era = days % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    uint64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t year = year_of_era + era * 400 + (month >= 10);

    month = month < 10 ? month + 3 : month - 9;
    put_number(line, year, 4);
    put(line, "-", 1);
    put_number(line, month, 2);
    put(line, "-", 1);
    put_number(line, day, 2);
    put(line, "T", 1);
    put_number(line, seconds / 3600 % 24, 2);
    put(line, ":", 1);
    put_number(line, seconds / 60 % 60, 2);
    put(line, ":", 1);
    put_number(line, seconds % 60, 2);
    put(line, ".", 1);
    put_number(line, (uint64_t)now.tv_nsec / 1000000, 3);
    put(line, "Z", 1);
}

void wok__log_line_begin(struct wok__log_line *line, enum wok__log_format format,
                         enum wok__log_level level, struct timespec now, wok_slice message)
{
    static const char *const json_levels[] = {"debug", "info", "warn", "error"};
    static const char *const text_levels[] = {" debug ", " info  ", " warn  ", " error "};

    line->format = format;
    line->level = level;
    line->size = 0;
    if (format == WOK__LOG_JSON) {
        put_literal(line, "{\"time\":\"");
        put_time(line, now);
        put_literal(line, "\",\"level\":\"");
        put_literal(line, json_levels[level]);
        put_literal(line, "\",\"message\":\"");
    } else {
        put_time(line, now);
        put_literal(line, text_levels[level]);
    }
    put_escaped(line, message);
    if (format == WOK__LOG_JSON)
        line->text[line->size++] = '"';
}

void wok__log_line_end(struct wok__log_line *line)
{
    if (line->format == WOK__LOG_JSON)
        line->text[line->size++] = '}';
    line->text[line->size++] = '\n';
}
