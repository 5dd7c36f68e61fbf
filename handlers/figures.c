/*
 * figures.c - GET /runtime: the figures of the runtime and of the server, as JSON.
 *
 * They are read while everything runs, so two of them may differ by what happened in between.  The
 * request's own task is among the live ones.
 */
#include "handlers.h"

#include <wok/metrics.h>
#include <wok/runtime.h>

#include "detached.h"
#include "json.h"

static void number(struct wok__json *json, const char *name, uint64_t value)
{
    wok__json_key_slice(json, wok_slice_of(name));
    wok__json_number(json, value);
}

static void text(struct wok__json *json, const char *name, const char *value)
{
    wok__json_key_slice(json, wok_slice_of(name));
    wok__json_string(json, wok_slice_of(value));
}

static void open(struct wok__json *json, const char *name)
{
    wok__json_key_slice(json, wok_slice_of(name));
    wok__json_open(json, '{');
}

static void put_worker(struct wok__json *json, unsigned index, bool spare,
                       const wok_worker_metrics *worker)
{
    wok__json_open(json, '{');
    number(json, "worker", index);
    wok__json_key(json, "spare");
    wok__json_bool(json, spare);
    number(json, "polls", worker->polls);
    number(json, "parks", worker->parks);
    number(json, "steals", worker->steals);
    number(json, "stolen_tasks", worker->stolen_tasks);
    number(json, "overflows", worker->overflows);
    wok__json_key(json, "busy_ms");
    wok__json_ms(json, wok_ns(worker->busy_ns));
    number(json, "queue_depth", worker->queue_depth);
    number(json, "timers", worker->timers);
    number(json, "timers_fired", worker->timers_fired);
    number(json, "driver_turns", worker->driver_turns);
    number(json, "io_events", worker->io_events);
    number(json, "inbox_wakes", worker->inbox_wakes);
    number(json, "descriptors", worker->descriptors);
    wok__json_close(json, '}');
}

/* Gives the number of timers in all wheels.  A spare worker, which has stood in for a blocked one, is
 * listed from then on. */
static uint64_t put_workers(struct wok__json *json, const wok_runtime *runtime)
{
    wok_worker_metrics worker;
    uint64_t timers = 0;

    wok__json_key(json, "workers");
    wok__json_open(json, '[');
    for (unsigned i = 0; wok_worker_metrics_get(runtime, i, &worker); i++) {
        put_worker(json, i, i >= wok_runtime_workers(runtime), &worker);
        timers += worker.timers;
    }
    wok__json_close(json, ']');
    return timers;
}

static void put_tasks(struct wok__json *json, const wok_runtime_metrics *metrics)
{
    open(json, "tasks");
    number(json, "live", metrics->live);
    number(json, "spawned", metrics->spawned);
    number(json, "completed", metrics->completed);
    number(json, "panicked", metrics->panicked);
    number(json, "aborted", metrics->aborted);
    number(json, "injection_depth", metrics->injection_depth);
    wok__json_close(json, '}');
}

static void put_memory(struct wok__json *json, const wok_runtime_metrics *metrics)
{
    open(json, "memory");
    number(json, "task_bytes", metrics->task_bytes);
    number(json, "stack_address_space_bytes", metrics->stack_bytes);
    number(json, "stacks_in_use", metrics->stacks_in_use);
    number(json, "stacks_cached", metrics->stacks_cached);
    number(json, "bytes_per_live_task",
           metrics->live > 0 ? metrics->task_bytes / metrics->live : 0);
    wok__json_close(json, '}');
}

static void put_server(struct wok__json *json, const wok_http_server *server)
{
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    wok_http_server_metrics metrics;
    wok_http_server_metrics_get(server, &metrics);

    open(json, "server");
    number(json, "connections_accepted", metrics.connections_accepted);
    number(json, "connections_open", metrics.connections_open);
    number(json, "connections_refused", metrics.connections_refused);
    number(json, "requests", metrics.requests);
    number(json, "requests_running", metrics.requests_running);
    number(json, "requests_shed", metrics.requests_shed);
    number(json, "client_gone", metrics.client_gone);
    open(json, "responses");
    for (size_t i = 0; i < WOK_COUNT(classes); i++)
        number(json, classes[i], metrics.responses_by_class[i + 1]);
    wok__json_close(json, '}');
    wok__json_close(json, '}');
}

static void put_detached(struct wok__json *json, struct wok__registry *registry)
{
    struct wok__registry_figures figures;
    wok__registry_figures(registry, &figures);

    open(json, "detached");
    number(json, "alive", figures.alive);
    number(json, "kept", figures.kept);
    number(json, "started", figures.started);
    number(json, "refused", figures.refused);
    wok__json_close(json, '}');
}

void wok__handle_runtime(wok_http_exchange *exchange)
{
    const struct wok_handlers_context *context = wok_http_exchange_context(exchange);
    const wok_runtime *runtime = wok_runtime_current();
    wok_runtime_metrics metrics;
    wok_runtime_metrics_get(runtime, &metrics);

    wok_http_respond(exchange, 200, WOK__JSON_TYPE);
    struct wok__json json = wok__json_begin(exchange);
    wok__json_open(&json, '{');
    text(&json, "driver", metrics.driver);
    text(&json, "clock", metrics.clock);
    put_tasks(&json, &metrics);
    uint64_t timers = put_workers(&json, runtime);
    number(&json, "timers", timers);

    open(&json, "blocking");
    number(&json, "threads", metrics.blocking_threads);
    number(&json, "idle", metrics.blocking_idle);
    number(&json, "queued", metrics.blocking_queued);
    number(&json, "completed", metrics.blocking_completed);
    wok__json_close(&json, '}');

    put_memory(&json, &metrics);
    if (context != NULL && context->server != NULL)
        put_server(&json, context->server);
    if (context != NULL && context->detached != NULL)
        put_detached(&json, context->detached);
    wok__json_close(&json, '}');
    wok__json_end(&json);
}
