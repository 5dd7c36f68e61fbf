/*
 * params.h - the parameters of a request: read strictly, refused in a sentence.
 *
 * Every check that fails answers with a problem document itself and returns false, so that a handler
 * only returns.  400 is for what cannot be read (unknown, repeated, no whole number), 422 for what can
 * be read and lies outside of what is accepted; the sentence names the parameter and what was expected.
 */
#ifndef WOK_HANDLERS_PARAMS_H
#define WOK_HANDLERS_PARAMS_H

#include <wok/base.h>
#include <wok/http/handler.h>
#include <wok/http/query.h>

/** What a sentence is about: `The parameter "timeout_ms"`, `The member "sources[2].delay_ms"`. */
struct wok__subject {
    enum wok__subject_kind {
        WOK__IN_QUERY, /* the parameter `name` */
        WOK__IN_PAIR,  /* the part `name` of the parameter that stands as `pair` in the query */
        WOK__IN_BODY,  /* the member `name` of the JSON document */
        WOK__IN_ITEM,  /* the member `name` of sources[index] */
    } kind;
    const char *name;
    wok_slice pair;
    size_t index;
};

/** The whole numbers that are accepted. */
struct wok__range {
    uint32_t min, max;
};

/** One parameter of an endpoint; a table of them ends with a NULL name. */
struct wok__param {
    const char *name;
    bool repeatable;
};

/** A walk through the query of a request; its decoded bytes lie in the buffer given at the start. */
struct wok__params {
    wok_http_exchange *exchange;
    const struct wok__param *table;
    wok_http_query query;
    uint32_t seen; /* bit i: table[i] was there */
};

enum {
    WOK__PARAMS_END = -1,
    WOK__PARAMS_REFUSED = -2,
};

/** Starts a walk; a buffer of the query's size is always enough. */
struct wok__params wok__params_begin(wok_http_exchange *exchange, const struct wok__param *table,
                                     char *buffer, size_t capacity);

/**
 * Gives the next parameter's index in the table, WOK__PARAMS_END, or WOK__PARAMS_REFUSED when it is
 * unknown, repeated, without a value, or badly escaped, and the answer has been written.
 */
WOK_MUST_USE
int wok__params_next(struct wok__params *params, wok_slice *ret_value);

/** True if the query has no parameter; else the first is refused, and `where` says where they are taken. */
WOK_MUST_USE
bool wok__params_none(wok_http_exchange *exchange, const char *where);

/** The subject of a sentence about the parameter looked at last, or about the part `part` of it. */
struct wok__subject wok__params_subject(const struct wok__params *params, int index,
                                        const char *part);

/** How a text reads as a number. */
enum wok__number {
    WOK__NUMBER_NONE,  /* no whole number: digits, with a minus in front or not */
    WOK__NUMBER_LARGE, /* outside of 0..UINT32_MAX */
    WOK__NUMBER_FITS,
};
enum wok__number wok__read_number(wok_slice text, uint32_t *ret_number);

/** Takes a whole number within `range` from a text. */
WOK_MUST_USE
bool wok__take_number(wok_http_exchange *exchange, const struct wok__subject *subject,
                      wok_slice text, struct wok__range range, uint32_t *ret_number);

/** Takes the index of one word of `words`, which ends with NULL. */
WOK_MUST_USE
bool wok__take_word(wok_http_exchange *exchange, const struct wok__subject *subject, wok_slice text,
                    const char *const *words, uint8_t *ret_index);

/** True if the name of a source is 1..128 bytes of UTF-8 without control characters. */
WOK_MUST_USE
bool wok__check_name(wok_http_exchange *exchange, const struct wok__subject *subject,
                     wok_slice name);

/** Answers `status` with "SUBJECT must be EXPECTED."; `value` is quoted if it has data. */
void wok__refuse_request(wok_http_exchange *exchange, int status,
                         const struct wok__subject *subject, const char *expected, wok_slice value);

/** As wok__refuse_request(), with "a whole number from MIN to MAX". */
void wok__refuse_number(wok_http_exchange *exchange, int status, const struct wok__subject *subject,
                        struct wok__range range, wok_slice value);

/** As wok__refuse_request(), with "a, b or c". */
void wok__refuse_word(wok_http_exchange *exchange, int status, const struct wok__subject *subject,
                      const char *const *words, wok_slice value);

/** The words of the requests. */
extern const char *const wok__outcome_words[];
extern const char *const wok__mode_words[];
extern const char *const wok__status_words[]; /* by enum wok__fetch_status */

/** What the fields of a fetch accept. */
#define WOK__DELAY_RANGE ((struct wok__range){0, 60000})
#define WOK__TIMEOUT_RANGE ((struct wok__range){1, 60000})
enum { WOK__TIMEOUT_MS_DEFAULT = 30000, WOK__NAME_BYTES_MAX = 128 };

/** Answers that there is no memory for the request. */
void wok__refuse_memory(wok_http_exchange *exchange);

#endif
