/*
 * line.h - one line of the log, as text for people or as JSON for programs.
 *
 * Invariants
 *   L1  whatever the values hold, a line is printable ASCII and one newline at its end: no client can
 *       begin another line, end a quote, move a terminal's cursor or turn the direction of writing.
 *   L2  a line of JSON is valid JSON, also where a value was cut.
 *   L3  a line has at most WOK__LOG_LINE_MAX bytes; a value at most WOK__LOG_VALUE_MAX, then "...".
 */
#ifndef WOK_SERVER_LOG_LINE_H
#define WOK_SERVER_LOG_LINE_H

#include <time.h>

#include <wok/base.h>
#include <wok/time.h>

enum wok__log_format { WOK__LOG_TEXT, WOK__LOG_JSON };

enum wok__log_level { WOK__LOG_DEBUG, WOK__LOG_INFO, WOK__LOG_WARN, WOK__LOG_ERROR };

enum {
    WOK__LOG_LINE_MAX = 4096,
    WOK__LOG_VALUE_MAX = 1024, /* as written, with its escapes */
};

/* A line that is being written; in the caller's frame. */
struct wok__log_line {
    enum wok__log_format format;
    enum wok__log_level level;
    size_t size;
    char text[WOK__LOG_LINE_MAX];
};

/* Begins: the time, the level, the message. */
void wok__log_line_begin(struct wok__log_line *line, enum wok__log_format format,
                         enum wok__log_level level, struct timespec now, wok_slice message);

/* One more field.  `name` is one of ours: small letters and underscores.  What does not fit any more is
 * left out. */
void wok__log_slice(struct wok__log_line *line, const char *name, wok_slice value);
void wok__log_string(struct wok__log_line *line, const char *name, const char *value);
void wok__log_number(struct wok__log_line *line, const char *name, uint64_t value);
void wok__log_flag(struct wok__log_line *line, const char *name, bool value);
/* Milliseconds with three decimals. */
void wok__log_ms(struct wok__log_line *line, const char *name, wok_duration value);

/* Ends it with its newline. */
void wok__log_line_end(struct wok__log_line *line);

#endif
