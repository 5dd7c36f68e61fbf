/*
 * sleep.c - GET /sleep: the same wait three ways.
 *
 * `task` parks the request's task: nothing is held but its stack.  `pool` blocks a thread of the
 * blocking pool: the worker goes on, the thread does not.  `worker` blocks the worker's own thread,
 * and with it every task that has begun on it: what one must never do, shown, and therefore part of
 * the demonstration only.
 */
#include "handlers.h"

#include <errno.h>
#include <time.h>

#include <wok/blocking.h>
#include <wok/task.h>

#include "json.h"
#include "params.h"

enum place { ON_TASK, ON_POOL, ON_WORKER };
static const char *const place_words[] = {"task", "pool", "worker", NULL};

struct nap {
    uint32_t ms;
};
struct nothing {
    char unused;
};

WOK_TASK(nap_on_pool, struct nap, struct nothing);

/* Blocks the calling thread. */
static void block(uint32_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
        continue;
}

static int nap_on_pool(struct nap *nap, struct nothing *result)
{
    *result = (struct nothing){0};
    block(nap->ms);
    return 0;
}

/* 0, or why it did not sleep. */
static int sleep_on(enum place place, uint32_t ms)
{
    switch (place) {
    case ON_TASK:
        return wok_sleep(wok_ms(ms));
    case ON_WORKER:
        block(ms);
        return 0;
    case ON_POOL:
        break;
    }
    /* A request that is aborted leaves its nap to the pool, which cannot be interrupted. */
    WOK_CLEANUP(nap_on_pool_join_drop)
    nap_on_pool_join nap = wok_spawn_blocking(nap_on_pool, {.ms = ms});
    struct nothing nothing;
    return nap_on_pool_await(&nap, &nothing, NULL);
}

/* False if the answer has been written. */
static bool read_params(wok_http_exchange *exchange, uint8_t *ret_place, uint32_t *ret_ms)
{
    enum { MS, ON };
    static const struct wok__param table[] = {{"ms", false}, {"on", false}, {NULL, false}};
    char buffer[64];
    struct wok__params params = wok__params_begin(exchange, table, buffer, sizeof buffer);
    wok_slice value;
    int which;

    *ret_place = ON_TASK;
    while ((which = wok__params_next(&params, &value)) >= 0) {
        struct wok__subject subject = wok__params_subject(&params, which, NULL);
        bool fine = which == MS
                        ? wok__take_number(exchange, &subject, value, WOK__DELAY_RANGE, ret_ms)
                        : wok__take_word(exchange, &subject, value, place_words, ret_place);
        if (!fine)
            return false;
    }
    if (which == WOK__PARAMS_REFUSED)
        return false;
    if ((params.seen & 1u << MS) == 0) {
        wok_http_problem(exchange, 400,
                         "The parameter \"ms\" is missing: a whole number from 0 to "
                         "60000.");
        return false;
    }
    return true;
}

void wok__handle_sleep(wok_http_exchange *exchange)
{
    uint8_t place;
    uint32_t ms;

    if (!read_params(exchange, &place, &ms))
        return;
    if (place == ON_WORKER && !wok__demo_is_on(exchange)) {
        wok_http_problem(
            exchange, 404,
            "on=worker blocks a worker and belongs to the demonstration, which is off; "
            "start the server with --demo, or with WOK_DEMO=on, to switch it on.");
        return;
    }

    wok_instant begin = wok_now();
    int error = sleep_on(place, ms);
    if (error == -ECANCELED)
        return; /* the client is gone: nobody reads an answer */
    if (error < 0) {
        wok_http_problem(exchange, 503, "There is no thread free to sleep on.");
        return;
    }

    wok_duration slept = wok_elapsed(begin);
    wok_http_respond(exchange, 200, WOK__JSON_TYPE);
    struct wok__json json = wok__json_begin(exchange);
    wok__json_open(&json, '{');
    wok__json_key(&json, "on");
    wok__json_string(&json, wok_slice_of(place_words[place]));
    wok__json_key(&json, "asked_ms");
    wok__json_number(&json, ms);
    wok__json_key(&json, "slept_ms");
    wok__json_ms(&json, slept);
    wok__json_close(&json, '}');
    wok__json_end(&json);
}
