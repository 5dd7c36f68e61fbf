/*
 * tasks.h - /tasks: what is asked in a body, and what is told of a task as JSON.
 */
#ifndef WOK_HANDLERS_TASKS_H
#define WOK_HANDLERS_TASKS_H

#include <jansson.h>

#include "detached.h"
#include "json.h"

/**
 * Reads an order from the body.  False if it was refused and the answer has been written.
 *
 * Ownership:  the order borrows from `document`.
 */
WOK_MUST_USE
bool wok__order_from_body(wok_http_exchange *exchange, const json_t *document,
                          struct wok__order *ret_order);

/** Writes all that is known of a task. */
void wok__task_put(struct wok__json *json, const struct wok__view *view);

/** Writes its entry in a list: what it is and how it is, not what came of it. */
void wok__task_put_entry(struct wok__json *json, const struct wok__view *view);

/** Answers with the list of all. */
void wok__tasks_answer_list(wok_http_exchange *exchange, struct wok__registry *registry);

#endif
