/*
 * body.h - a request's body as a JSON document, and its members read as strictly as a query.
 */
#ifndef WOK_HANDLERS_BODY_H
#define WOK_HANDLERS_BODY_H

#include <jansson.h>

#include <wok/base.h>
#include <wok/http/handler.h>

#include "params.h"

/** How deep arrays and objects may be nested. */
enum { WOK__NESTING_MAX = 32 };

/** False if `text` nests arrays and objects deeper than `limit`; reads no more of JSON than that. */
bool wok__nesting_is_within(wok_slice text, unsigned limit);

/** The most memory that jansson takes while it reads `text` and for the tree that comes of it, whatever the
 *  text is: an empty object of two bytes takes 236. */
size_t wok__tree_bytes_max(wok_slice text);

/**
 * Parses the body as a JSON object; returns owned: json_decref().  NULL if it is none, and the answer
 * has been written: 415 for another type, 400 for what is no JSON, 422 for a number beyond 64 bits,
 * 413 for a tree larger than the request may hold.
 */
WOK_MUST_USE
json_t *wok__body_parse(wok_http_exchange *exchange);

/** False if there are parameters in the query as well, and that was refused. */
WOK_MUST_USE
bool wok__body_is_all(wok_http_exchange *exchange);

/** json_decref() for WOK_CLEANUP. */
void wok__json_decrefp(json_t **json);

/** Takes a whole number within `range` from a member. */
WOK_MUST_USE
bool wok__body_number(wok_http_exchange *exchange, const struct wok__subject *subject,
                      const json_t *value, struct wok__range range, uint32_t *ret_number);

/** Takes the index of one of `words`, which ends with NULL, from a member. */
WOK_MUST_USE
bool wok__body_word(wok_http_exchange *exchange, const struct wok__subject *subject,
                    const json_t *value, const char *const *words, uint8_t *ret_index);

/** Answers 400 because of a member that nobody knows; `known` lists those that there are. */
void wok__refuse_member(wok_http_exchange *exchange, const struct wok__subject *subject,
                        const char *known);

#endif
