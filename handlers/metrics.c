/*
 * metrics.c - GET /metrics: the figures in the text format 0.0.4 of Prometheus.
 *
 * Names of HTTP are those of OpenTelemetry's conventions as Prometheus writes them, names of the process those of
 * Prometheus' clients; what is ours begins with wok_.  Counters are read from where they are counted, and only
 * grow while the process lives.  A series that has not happened is not there.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sys/resource.h>

#include <wok/metrics.h>
#include <wok/runtime.h>

#include "busy.h"
#include "detached.h"
#include "exposition.h"
#include "handlers.h"
#include "process.h"

static const char *route_of(const char *path)
{
    return path != NULL ? path : ""; /* which is as good as no label */
}

/* ---- HTTP ------------------------------------------------------------------------------------------- */

static void put_durations_of(wok_http_exchange *exchange, const wok_http_route_metrics *metrics)
{
    struct wok__label labels[] = {
        {"http_route", route_of(metrics->path)}, {"le", "+Inf"}, {NULL, NULL}};
    char bound[32];
    uint64_t below = 0;

    for (size_t i = 0; i <= WOK_HTTP_DURATION_BOUNDS; i++) {
        below += metrics->buckets[i];
        if (i < WOK_HTTP_DURATION_BOUNDS)
            snprintf(bound, sizeof bound, "%g", (double)wok_http_duration_bounds_ns[i] / 1e9);
        labels[1].value = i < WOK_HTTP_DURATION_BOUNDS ? bound : "+Inf";
        wok__sample_count(exchange, "http_server_request_duration_seconds_bucket", labels, below);
    }
    labels[1] = (struct wok__label){NULL, NULL};
    wok__sample(exchange, "http_server_request_duration_seconds_sum", labels,
                (double)metrics->sum_ns / 1e9);
    wok__sample_count(exchange, "http_server_request_duration_seconds_count", labels, below);
}

static void put_requests(wok_http_exchange *exchange, const wok_http_server *server)
{
    wok_http_route_metrics route;
    wok_http_answers answers;
    char status[8];
    size_t cursor = 0;

    wok__family(exchange, "http_server_request_duration_seconds", "histogram",
                "From the end of a request's head until its answer was written.");
    for (size_t i = 0; wok_http_server_route_metrics_get(server, i, &route); i++)
        if (route.count > 0)
            put_durations_of(exchange, &route);
    wok__family(exchange, "wok_http_requests_total", "counter",
                "Requests that were answered; of rare statuses the first of their class.");
    while (wok_http_server_answers_next(server, &cursor, &answers)) {
        wok_slice method = wok_http_method_name(answers.method);
        struct wok__label labels[] = {
            {"http_request_method", method.size > 0 ? method.data : "_OTHER"},
            {"http_response_status_code", status},
            {"http_route", route_of(answers.path)},
            {NULL, NULL}};
        snprintf(status, sizeof status, "%d", answers.status);
        wok__sample_count(exchange, "wok_http_requests_total", labels, answers.count);
    }
}

static void put_server(wok_http_exchange *exchange, const wok_http_server *server)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    wok__gauge(exchange, "http_server_active_requests", "Requests that run.",
               metrics.requests_running);
    wok__gauge(exchange, "wok_connections_open", "Connections that are open.",
               metrics.connections_open);
    wok__counter(exchange, "wok_connections_accepted_total", "Connections that were accepted.",
                 metrics.connections_accepted);
    wok__counter(exchange, "wok_connections_refused_total",
                 "Connections that were reset for the limit of their address.",
                 metrics.connections_refused);
    wok__counter(exchange, "wok_http_requests_shed_total",
                 "Requests that were refused, since as many as may were running.",
                 metrics.requests_shed);
    wok__counter(exchange, "wok_http_clients_gone_total",
                 "Requests whose client went away before the answer.", metrics.client_gone);
    wok__counter(exchange, "wok_tls_handshakes_total", "TLS handshakes that succeeded.",
                 metrics.tls_handshakes);
    wok__counter(exchange, "wok_tls_handshakes_failed_total", "TLS handshakes that failed.",
                 metrics.tls_handshakes_failed);
}

static void put_detached(wok_http_exchange *exchange, struct wok__registry *registry)
{
    struct wok__registry_figures figures;

    wok__registry_figures(registry, &figures);
    wok__gauge(exchange, "wok_detached_tasks_alive", "Detached tasks that live.", figures.alive);
    wok__gauge(exchange, "wok_detached_tasks_kept", "Detached tasks that ended and are kept.",
               figures.kept);
    wok__counter(exchange, "wok_detached_tasks_started_total", "Detached tasks that were started.",
                 figures.started);
    wok__counter(exchange, "wok_detached_tasks_refused_total",
                 "Detached tasks that were refused for --tasks-max.", figures.refused);
}

/* ---- the runtime ------------------------------------------------------------------------------------ */

/* One number of a worker. */
struct of_worker {
    const char *name, *type, *help;
    size_t offset;
    uint8_t bytes;
    double unit;
};

static const struct of_worker of_workers[] = {
#define COUNTER(name_, member_, unit_, help_)                                                      \
    {                                                                                              \
        name_, "counter", help_, offsetof(wok_worker_metrics, member_), 8, unit_                   \
    }
#define GAUGE(name_, member_, help_)                                                               \
    {                                                                                              \
        name_, "gauge", help_, offsetof(wok_worker_metrics, member_), 4, 1                         \
    }
    COUNTER("wok_worker_busy_seconds_total", busy_ns, 1e-9, "Time that the worker was not parked."),
    COUNTER("wok_worker_polls_total", polls, 1, "Polls of tasks."),
    COUNTER("wok_worker_parks_total", parks, 1, "Times that the worker went to sleep."),
    COUNTER("wok_worker_steals_total", steals, 1, "Times that it took tasks of another worker."),
    COUNTER("wok_worker_io_events_total", io_events, 1, "Events of its driver."),
    GAUGE("wok_worker_queue_depth", queue_depth, "Tasks that are ready, and may move."),
    GAUGE("wok_worker_timers", timers, "Timers in its wheel."),
};

static double value_of(const struct of_worker *figure, const wok_worker_metrics *metrics)
{
    uint64_t large;
    uint32_t small;

    memcpy(&large, (const char *)metrics + figure->offset, figure->bytes == 8 ? sizeof large : 0);
    memcpy(&small, (const char *)metrics + figure->offset, sizeof small);
    return figure->unit * (figure->bytes == 8 ? (double)large : (double)small);
}

static void put_workers(wok_http_exchange *exchange, const wok_runtime *runtime)
{
    wok_worker_metrics metrics;
    char number[12];
    struct wok__label labels[] = {{"worker", number}, {NULL, NULL}};

    for (size_t i = 0; i < WOK_COUNT(of_workers); i++) {
        const struct of_worker *figure = &of_workers[i];
        wok__family(exchange, figure->name, figure->type, figure->help);
        for (unsigned worker = 0; wok_worker_metrics_get(runtime, worker, &metrics); worker++) {
            snprintf(number, sizeof number, "%u", worker);
            wok__sample(exchange, figure->name, labels, value_of(figure, &metrics));
        }
    }
}

static void put_busy(wok_http_exchange *exchange, struct wok__busy *busy)
{
    char number[12];
    struct wok__label labels[] = {{"worker", number}, {NULL, NULL}};
    double ratio;

    wok__family(exchange, "wok_worker_busy_ratio", "gauge",
                "The part of the last 15 seconds that the worker was not parked.");
    for (unsigned worker = 0; wok__busy_ratio(busy, worker, &ratio); worker++) {
        snprintf(number, sizeof number, "%u", worker);
        wok__sample(exchange, "wok_worker_busy_ratio", labels, ratio);
    }
}

static void put_runtime(wok_http_exchange *exchange, const wok_runtime *runtime)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(runtime, &metrics);
    wok__gauge(exchange, "wok_workers", "Workers, without spare ones.", metrics.workers);
    wok__gauge(exchange, "wok_tasks_live", "Tasks that live.", metrics.live);
    wok__counter(exchange, "wok_tasks_spawned_total", "Tasks that were spawned.", metrics.spawned);
    wok__counter(exchange, "wok_tasks_completed_total", "Tasks that returned.", metrics.completed);
    wok__counter(exchange, "wok_tasks_panicked_total", "Tasks that panicked.", metrics.panicked);
    wok__counter(exchange, "wok_tasks_aborted_total", "Tasks that were aborted.", metrics.aborted);
    wok__gauge(exchange, "wok_injection_queue_depth", "Tasks that wait for any worker.",
               metrics.injection_depth);
    wok__gauge(exchange, "wok_blocking_threads", "Threads of the blocking pool.",
               metrics.blocking_threads);
    wok__gauge(exchange, "wok_blocking_queued", "Calls that wait for one of them.",
               metrics.blocking_queued);
    wok__gauge(exchange, "wok_task_memory_bytes", "Memory of tasks, free blocks included.",
               metrics.task_bytes);
}

/* ---- all of it -------------------------------------------------------------------------------------- */

void wok__handle_metrics(wok_http_exchange *exchange)
{
    const struct wok_handlers_context *context = wok_http_exchange_context(exchange);
    const wok_runtime *runtime = wok_runtime_current();
    static const struct wok__label build[] = {
        {"compiler", WOK__COMPILER}, {"version", WOK_VERSION}, {NULL, NULL}};

    wok_http_respond(exchange, 200, "text/plain; version=0.0.4; charset=utf-8");
    wok__family(exchange, "wok_build_info", "gauge", "What runs; always 1.");
    wok__sample_count(exchange, "wok_build_info", build, 1);
    put_runtime(exchange, runtime);
    put_workers(exchange, runtime);
    if (context != NULL && context->busy != NULL)
        put_busy(exchange, context->busy);
    if (context != NULL && context->server != NULL) {
        put_server(exchange, context->server);
        put_requests(exchange, context->server);
    }
    if (context != NULL && context->detached != NULL)
        put_detached(exchange, context->detached);
    wok__process_put(exchange);
}
