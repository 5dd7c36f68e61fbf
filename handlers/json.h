/*
 * json.h - a writer of JSON straight into a response's body.
 *
 * The bytes are those of jansson's json_dumps() with default flags for the same members in the same
 * order (tests/handlers/test_json.c compares them), with two additions: milliseconds have exactly
 * three decimals, and bytes that are not UTF-8 become U+FFFD, so that an answer is always valid.
 *
 * Why not jansson itself: an answer of ten numbers would cost it thirty allocations, and this is the
 * path that every request of the main job takes.  Requests are parsed by jansson.
 */
#ifndef WOK_HANDLERS_JSON_H
#define WOK_HANDLERS_JSON_H

#include <wok/base.h>
#include <wok/http/handler.h>
#include <wok/time.h>

/** A document that is being written; belongs to the request's task. */
struct wok__json {
    wok_http_exchange *exchange; /* NULL: the bytes are only counted */
    uint64_t counted;
    char *begin, *next, *end; /* the room reserved in the body, and where the next byte goes */
    bool comma;               /* a value stands before this place in the same object or array */
    bool failed;              /* there was no memory for the body; what follows is dropped */
};

/** Starts a document at the end of the response's body; borrows the exchange until the end. */
struct wok__json wok__json_begin(wok_http_exchange *exchange);

/** Starts a document that is only counted: nothing is written. */
struct wok__json wok__json_begin_count(void);

/** How many bytes it would have, or has so far. */
uint64_t wok__json_count(const struct wok__json *json);

/** Hands what has been written to the body.  The document may go on later, when the body has been emptied. */
void wok__json_pause(struct wok__json *json);

/** Opens an object or an array: '{' or '['. */
void wok__json_open(struct wok__json *json, char bracket);

/** Closes it: '}' or ']'. */
void wok__json_close(struct wok__json *json, char bracket);

/** The name of the next member; `name` needs no escape. */
void wok__json_key_slice(struct wok__json *json, wok_slice name);

/** The same for a literal; `text` is the name as it is written, after a comma. */
void wok__json_key_text(struct wok__json *json, wok_slice text);
#define wok__json_key(json_, name_) wok__json_key_text((json_), WOK_SLICE(", \"" name_ "\": "))

/** A string. */
void wok__json_string(struct wok__json *json, wok_slice text);

/** A string in several pieces: begin, any number of parts, end.  Escapes do not span parts. */
void wok__json_string_begin(struct wok__json *json);
void wok__json_string_part(struct wok__json *json, wok_slice text);
void wok__json_string_number(struct wok__json *json, uint64_t number);
void wok__json_string_end(struct wok__json *json);

/** A whole number. */
void wok__json_number(struct wok__json *json, uint64_t number);

/** Milliseconds with three decimals, cut off and not rounded: 500.412. */
void wok__json_ms(struct wok__json *json, wok_duration duration);

void wok__json_bool(struct wok__json *json, bool value);

/**
 * Ends the document with one newline.  Where there was no memory for it, the answer becomes a 503.
 */
void wok__json_end(struct wok__json *json);

/**
 * The size of the UTF-8 sequence at the start of `text`, which is not empty; 0 if there is none: no
 * overlong form, no surrogate, nothing above U+10FFFF.
 *
 * Source:     RFC 3629 section 4.
 */
size_t wok__utf8_sequence(wok_slice text);

#endif
