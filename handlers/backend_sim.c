/*
 * backend_sim.c - the simulated backend: it waits, then does what the request told it to.
 *
 * What a fetch answers ("Data from Database") follows from the question, so it is written when the
 * answer is, and a fetch carries no buffer.
 *
 * How a panic is told from an abort: both end with a drop and without an outcome.  But an abort
 * drops a fetch instead of polling it, while a panic leaves in the middle of a poll; so the mark
 * that stands during each poll is still there in the drop that follows a panic, whatever panicked.
 */
#include "backend.h"

#include <wok/task.h>

static wok_poll end(struct wok__fetch *fetch, enum wok__fetch_status status)
{
    fetch->source->elapsed = wok_elapsed(fetch->begin);
    fetch->source->status = (uint8_t)status;
    return WOK_READY;
}

static wok_poll poll(struct wok__fetch *fetch, wok_cx *cx)
{
    const struct wok__source *source = fetch->source;

    if (source->outcome == WOK__OUTCOME_HANG)
        return WOK_PENDING; /* nothing will wake it: it ends by being dropped */
    if (wok_sleep_future_poll(&fetch->sleep, cx) == WOK_PENDING)
        return WOK_PENDING;

    switch ((enum wok__outcome)source->outcome) {
    case WOK__OUTCOME_ERROR:
        return end(fetch, WOK__FETCH_ERROR);
    case WOK__OUTCOME_PANIC:
        wok_panic("the fetch from %.*s was told to panic", (int)source->name.size,
                  source->name.data);
    case WOK__OUTCOME_OK:
    case WOK__OUTCOME_HANG:
        break;
    }
    return end(fetch, WOK__FETCH_OK);
}

struct wok__fetch wok__fetch_begin(struct wok__source *source, wok_instant now)
{
    source->asked = true;
    return (struct wok__fetch){
        .source = source,
        .begin = now,
        .sleep = wok_sleep_future_until(wok_instant_after(now, wok_ms(source->delay_ms))),
    };
}

wok_poll wok__fetch_poll(struct wok__fetch *fetch, wok_cx *cx)
{
    fetch->polling = true;
    wok_poll code = poll(fetch, cx);
    fetch->polling = false;
    return code;
}

void wok__fetch_drop(struct wok__fetch *fetch)
{
    wok_sleep_future_drop(&fetch->sleep);
    if (fetch->polling)
        end(fetch, WOK__FETCH_PANIC);
}

static wok_poll vtable_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok__fetch_poll(self, cx);
}

static void vtable_drop(void *self)
{
    wok__fetch_drop(self);
}

const wok_future_vtable wok__fetch_vtable = {
    .name = "fetch",
    .size = sizeof(struct wok__fetch),
    .poll = vtable_poll,
    .drop = vtable_drop,
};

void wok__fetch_put_data(const struct wok__source *source, struct wok__json *json)
{
    wok__json_string_begin(json);
    wok__json_string_part(json, WOK_SLICE("Data from "));
    wok__json_string_part(json, source->name);
    wok__json_string_end(json);
}
