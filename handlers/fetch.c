/*
 * fetch.c - GET /fetch: one backend fetch, awaited by the request's own task.
 *
 * No task is spawned: the fetch is a future in the handler's frame, so a panic in it is the request's
 * own, and a client that goes away ends it where it waits.
 */
#include "fetch.h"

#include <errno.h>

#include "handlers.h"
#include "params.h"
#include "timing.h"

int wok__fetch_await(struct wok__source *source, wok_instant deadline)
{
    WOK_CLEANUP(wok__fetch_drop) struct wok__fetch fetch = wok__fetch_begin(source, wok_now());
    int error = wok_await_until((wok_future){&wok__fetch_vtable, &fetch}, deadline, NULL);

    if (error == -ETIMEDOUT) {
        source->status = WOK__FETCH_TIMEOUT;
        source->elapsed = wok_elapsed(fetch.begin);
        return 0;
    }
    return error;
}

/* ---- the outcome as JSON ---- */

static void put_timeout(struct wok__json *json, const struct wok__source *source,
                        uint32_t timeout_ms)
{
    wok__json_string_part(json, source->name);
    wok__json_string_part(json, source->asked ? WOK_SLICE(" did not answer within ")
                                              : WOK_SLICE(" was not asked: its turn came after "));
    wok__json_string_number(json, timeout_ms);
    wok__json_string_part(json, WOK_SLICE(" ms."));
}

static void put_error(struct wok__json *json, const struct wok__source *source, uint32_t timeout_ms,
                      const wok_join_error *panic)
{
    wok_slice after = {NULL, 0};

    switch ((enum wok__fetch_status)source->status) {
    case WOK__FETCH_TIMEOUT:
        put_timeout(json, source, timeout_ms);
        return;
    case WOK__FETCH_ERROR:
        after = WOK_SLICE(" answered with an error.");
        break;
    case WOK__FETCH_PANIC:
        after = panic != NULL ? WOK_SLICE(": ") : WOK_SLICE(": the fetch panicked.");
        break;
    case WOK__FETCH_NOT_STARTED:
        after = WOK_SLICE(" was not asked: there was no memory for the task.");
        break;
    case WOK__FETCH_CANCELLED:
    case WOK__FETCH_PENDING:
    case WOK__FETCH_OK:
        after = source->asked ? WOK_SLICE(" was given up: enough others had answered.")
                              : WOK_SLICE(" was not asked: enough others had answered.");
        break;
    }
    wok__json_string_part(json, source->name);
    wok__json_string_part(json, after);
    if (source->status == WOK__FETCH_PANIC && panic != NULL) {
        wok__json_string_part(json, wok_slice_of(panic->message));
        wok__json_string_part(json, WOK_SLICE("."));
    }
}

void wok__fetch_put_result(struct wok__json *json, const struct wok__source *source,
                           uint32_t timeout_ms, const wok_join_error *panic)
{
    wok__json_open(json, '{');
    wok__json_key(json, "source");
    wok__json_string(json, source->name);
    wok__json_key(json, "status");
    wok__json_string(json, wok_slice_of(wok__status_words[source->status]));
    if (source->status == WOK__FETCH_OK) {
        wok__json_key(json, "data");
        wok__fetch_put_data(source, json);
    } else {
        wok__json_key(json, "error");
        wok__json_string_begin(json);
        put_error(json, source, timeout_ms, panic);
        wok__json_string_end(json);
    }
    wok__json_key(json, "delay_ms");
    wok__json_number(json, source->delay_ms);
    wok__json_key(json, "elapsed_ms");
    wok__json_ms(json, source->elapsed);
    if (source->task != 0) {
        wok__json_key(json, "task");
        wok__json_number(json, source->task);
    }
    wok__json_close(json, '}');
}

/* ---- GET /fetch ---- */

/* False if the answer has been written. */
static bool read_params(wok_http_exchange *exchange, char *buffer, size_t capacity,
                        struct wok__source *source, uint32_t *timeout_ms)
{
    enum { SOURCE, DELAY, OUTCOME, TIMEOUT };
    static const struct wok__param table[] = {
        {"source", false}, {"delay_ms", false}, {"outcome", false}, {"timeout_ms", false}, {0}};
    struct wok__params params = wok__params_begin(exchange, table, buffer, capacity);
    bool fine = true;
    wok_slice value;
    int which;

    while (fine && (which = wok__params_next(&params, &value)) >= 0) {
        struct wok__subject subject = wok__params_subject(&params, which, NULL);
        switch (which) {
        case SOURCE:
            source->name = value;
            fine = wok__check_name(exchange, &subject, value);
            break;
        case DELAY:
            fine = wok__take_number(exchange, &subject, value, WOK__DELAY_RANGE, &source->delay_ms);
            break;
        case OUTCOME:
            fine = wok__take_word(exchange, &subject, value, wok__outcome_words, &source->outcome);
            break;
        default:
            fine = wok__take_number(exchange, &subject, value, WOK__TIMEOUT_RANGE, timeout_ms);
            break;
        }
    }
    if (!fine || which == WOK__PARAMS_REFUSED)
        return false;
    if (source->name.data == NULL) {
        wok_http_problem(exchange, 400,
                         "The parameter \"source\" is missing: the name of what to "
                         "fetch from.");
        return false;
    }
    return true;
}

void wok__handle_fetch(wok_http_exchange *exchange)
{
    wok_http_trace trace;
    struct wok__source source = {.status = WOK__FETCH_PENDING, .trace = &trace};
    uint32_t timeout_ms = WOK__TIMEOUT_MS_DEFAULT;
    char buffer[3 * WOK__NAME_BYTES_MAX]; /* a name, and the rest with escapes to spare */

    if (!read_params(exchange, buffer, sizeof buffer, &source, &timeout_ms))
        return;
    wok_http_exchange_trace(exchange, &trace);
    if (wok__fetch_await(&source, wok_after(wok_ms(timeout_ms))) == -ECANCELED)
        return; /* the client is gone: nobody reads an answer */

    int status = source.status == WOK__FETCH_OK        ? 200
                 : source.status == WOK__FETCH_TIMEOUT ? 504
                                                       : 502;
    wok__timing_put(exchange, wok_ns(0), &source, 1);
    wok_http_respond(exchange, status, WOK__JSON_TYPE);
    struct wok__json json = wok__json_begin(exchange);
    wok__fetch_put_result(&json, &source, timeout_ms, NULL);
    wok__json_end(&json);
}
