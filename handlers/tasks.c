/*
 * tasks.c - POST /tasks, GET /tasks, GET and DELETE /tasks/{id}: detached tasks.
 */
#include "tasks.h"

#include <errno.h>
#include <stdio.h>

#include "body.h"
#include "handlers.h"
#include "params.h"

#define WAIT_RANGE ((struct wok__range){0, 60000})

/* Where the tasks are; NULL: nowhere, and that was answered. */
static struct wok__registry *registry_of(wok_http_exchange *exchange)
{
    const struct wok_handlers_context *context = wok_http_exchange_context(exchange);

    if (context != NULL && context->detached != NULL)
        return context->detached;
    wok_http_problem(exchange, 503, "There are no detached tasks here.");
    return NULL;
}

/* The id in the path, as it is written in a Location: digits, the first of which is no 0. */
static bool take_id(wok_http_exchange *exchange, uint64_t *ret_id)
{
    wok_slice text = wok_http_exchange_parameter(exchange, "id");
    bool fine = text.size >= 1 && text.size <= 19 && text.data[0] != '0';
    uint64_t id = 0;

    for (size_t i = 0; fine && i < text.size; i++) {
        fine = text.data[i] >= '0' && text.data[i] <= '9';
        id = 10 * id + (uint64_t)(text.data[i] - '0');
    }
    *ret_id = id;
    if (!fine)
        wok_http_problem(exchange, 404,
                         "There is no task \"%.*s\": the id of a task is a whole number from 1.",
                         text.size < 48 ? (int)text.size : 48, text.data);
    return fine;
}

static void answer_unknown(wok_http_exchange *exchange, uint64_t id)
{
    wok_http_problem(
        exchange, 404,
        "There is no task %llu; those that ended are kept for 10 minutes, and the last "
        "%d of them.",
        (unsigned long long)id, WOK__DETACHED_KEPT_MAX);
}

static void answer(wok_http_exchange *exchange, int status, const struct wok__view *view)
{
    wok_http_respond(exchange, status, WOK__JSON_TYPE);
    struct wok__json json = wok__json_begin(exchange);
    wok__task_put(&json, view);
    wok__json_end(&json);
}

/* ---- POST ---------------------------------------------------------------------------------------- */

static void refuse_start(wok_http_exchange *exchange, int error)
{
    if (error == -ENOMEM) {
        wok__refuse_memory(exchange);
        return;
    }
    wok_http_problem(
        exchange, 503,
        error == -ESHUTDOWN
            ? "The server is stopping, and starts no more tasks."
            : "As many detached tasks are alive as may be (--tasks-max); one that ends "
              "makes room for another.");
    (void)wok_http_response_header(exchange, "Retry-After", WOK_SLICE("1"));
}

/* Out of line: the buffers of what it reads and writes are off the stack when others wait. */
static bool start(wok_http_exchange *exchange, struct wok__registry *registry,
                  struct wok__view *ret_view)
{
    WOK_CLEANUP(wok__json_decrefp) json_t *document = NULL;
    struct wok__order order;
    wok_http_trace trace;
    int error;

    if (!wok__body_is_all(exchange))
        return false;
    document = wok__body_parse(exchange);
    if (document == NULL || !wok__order_from_body(exchange, document, &order))
        return false;
    wok_http_exchange_trace(exchange, &trace);
    order.trace = &trace;
    error = wok_http_exchange_draining(exchange) ? -ESHUTDOWN
                                                 : wok__detached_start(registry, &order, ret_view);
    if (error < 0)
        refuse_start(exchange, error);
    return error == 0;
}

void wok__handle_tasks_post(wok_http_exchange *exchange)
{
    struct wok__registry *registry = registry_of(exchange);
    struct wok__view view;
    char location[32];
    int size;

    if (registry == NULL || !start(exchange, registry, &view))
        return;
    size = snprintf(location, sizeof location, "/tasks/%llu", (unsigned long long)view.id);
    answer(exchange, 202, &view);
    (void)wok_http_response_header(exchange, "Location", (wok_slice){location, (size_t)size});
}

/* ---- GET, DELETE --------------------------------------------------------------------------------- */

void wok__handle_tasks_get(wok_http_exchange *exchange)
{
    struct wok__registry *registry = registry_of(exchange);

    if (registry != NULL && wok__params_none(exchange, "there are none"))
        wok__tasks_answer_list(exchange, registry);
}

static bool take_wait(wok_http_exchange *exchange, uint32_t *ret_ms)
{
    static const struct wok__param table[] = {{"wait_ms", false}, {NULL, false}};
    char buffer[32];
    struct wok__params params = wok__params_begin(exchange, table, buffer, sizeof buffer);
    wok_slice value;
    int which;

    while ((which = wok__params_next(&params, &value)) >= 0) {
        struct wok__subject subject = wok__params_subject(&params, which, NULL);
        if (!wok__take_number(exchange, &subject, value, WAIT_RANGE, ret_ms))
            return false;
    }
    return which == WOK__PARAMS_END;
}

void wok__handle_task_get(wok_http_exchange *exchange)
{
    struct wok__registry *registry = registry_of(exchange);
    struct wok__view view;
    uint32_t wait_ms = 0;
    uint64_t id;
    int error;

    if (registry == NULL || !take_id(exchange, &id) || !take_wait(exchange, &wait_ms))
        return;
    error = wok__detached_await(registry, id, wok_after(wok_ms(wait_ms)), &view);
    if (error == 0)
        answer(exchange, 200, &view);
    else if (error == -ENOENT)
        answer_unknown(exchange, id);
    /* else the client is gone: nobody reads an answer */
}

void wok__handle_task_delete(wok_http_exchange *exchange)
{
    struct wok__registry *registry = registry_of(exchange);
    struct wok__view view;
    uint64_t id;
    int error;

    if (registry == NULL || !take_id(exchange, &id) ||
        !wok__params_none(exchange, "there are none"))
        return;
    error = wok__detached_abort(registry, id, &view);
    if (error == 0)
        answer(exchange, 200, &view);
    else if (error == -EALREADY)
        wok_http_problem(exchange, 409, "Task %llu had ended already: it is %s.",
                         (unsigned long long)id, wok__detached_states[view.state]);
    else if (error == -ENOENT)
        answer_unknown(exchange, id);
}
