/*
 * tasks_document.c - what is told of a detached task as JSON: all of it, or its entry in a list.
 */
#include "fetch.h"
#include "tasks.h"

/* What an entry shows at most, 115 days: so that one knows how many bytes it may take. */
#define ELAPSED_MAX_NS UINT64_C(9999999999999999)

static void put_hex(struct wok__json *json, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    wok__json_string_begin(json);
    for (size_t i = 0; i < size; i++) {
        char pair[] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
        wok__json_string_part(json, (wok_slice){pair, 2});
    }
    wok__json_string_end(json);
}

static void put_what_it_is(struct wok__json *json, const struct wok__view *view)
{
    wok__json_key(json, "id");
    wok__json_number(json, view->id);
    wok__json_key(json, "kind");
    wok__json_string(json, wok_slice_of(wok__detached_kinds[view->kind]));
    wok__json_key(json, "state");
    wok__json_string(json, wok_slice_of(wok__detached_states[view->state]));
    if (view->kind == WOK__DETACHED_FETCH) {
        wok__json_key(json, "source");
        wok__json_string(json, (wok_slice){view->source, view->source_size});
    } else {
        wok__json_key(json, "rounds");
        wok__json_number(json, view->rounds);
    }
}

static void put_fetch_result(struct wok__json *json, const struct wok__view *view)
{
    const struct wok__source source = {.name = {view->source, view->source_size},
                                       .elapsed = view->fetch_elapsed,
                                       .delay_ms = view->delay_ms,
                                       .status = view->status,
                                       .asked = true};

    wok__fetch_put_result(json, &source, view->timeout_ms, NULL);
}

static void put_hash_result(struct wok__json *json, const struct wok__view *view)
{
    wok__json_open(json, '{');
    wok__json_key(json, "algorithm");
    wok__json_string(json, WOK_SLICE("PBKDF2-HMAC-SHA256"));
    wok__json_key(json, "password");
    wok__json_string(json, WOK_SLICE(WOK__HASH_PASSWORD));
    wok__json_key(json, "salt");
    wok__json_string(json, WOK_SLICE(WOK__HASH_SALT));
    wok__json_key(json, "digest");
    put_hex(json, view->digest, sizeof view->digest);
    wok__json_close(json, '}');
}

void wok__task_put(struct wok__json *json, const struct wok__view *view)
{
    wok__json_open(json, '{');
    put_what_it_is(json, view);
    if (view->kind == WOK__DETACHED_FETCH) {
        wok__json_key(json, "delay_ms");
        wok__json_number(json, view->delay_ms);
        wok__json_key(json, "outcome");
        wok__json_string(json, wok_slice_of(wok__outcome_words[view->outcome]));
        wok__json_key(json, "timeout_ms");
        wok__json_number(json, view->timeout_ms);
    }
    wok__json_key(json, "task");
    wok__json_number(json, view->task);
    wok__json_key(json, "elapsed_ms");
    wok__json_ms(json, view->elapsed);
    if (view->state == WOK__STATE_FINISHED) {
        wok__json_key(json, "result");
        if (view->kind == WOK__DETACHED_FETCH)
            put_fetch_result(json, view);
        else
            put_hash_result(json, view);
    } else if (view->error[0] != '\0') {
        wok__json_key(json, "error");
        wok__json_string(json, wok_slice_of(view->error));
    }
    wok__json_close(json, '}');
}

void wok__task_put_entry(struct wok__json *json, const struct wok__view *view)
{
    uint64_t elapsed_ns = view->elapsed.ns < ELAPSED_MAX_NS ? view->elapsed.ns : ELAPSED_MAX_NS;

    wok__json_open(json, '{');
    put_what_it_is(json, view);
    wok__json_key(json, "elapsed_ms");
    wok__json_ms(json, wok_ns(elapsed_ns));
    wok__json_close(json, '}');
}

uint64_t wok__detached_entry_bytes(const struct wok__view *view)
{
    struct wok__json json = wok__json_begin_count();

    wok__task_put_entry(&json, view);
    return wok__json_count(&json);
}
