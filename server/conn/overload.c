/*
 * overload.c - requests that are refused because too much runs already.
 *
 * A refusal has to be cheap, or it costs what it is to save: no task, no handler, and a body is thrown away
 * as it comes.  The log hears of it once a second from each worker, and does not decide that by its own
 * limit of lines, which takes its lock each time.
 */
#include "conn/overload.h"

#include <stdarg.h>
#include <stdio.h>

#include "conn/server.h"
#include "log/log.h"

#define LOG_INTERVAL_NS UINT64_C(1000000000)

void wok__answer_busy(struct wok_http_exchange *exchange, const char *format, ...)
{
    char detail[256];
    va_list args;

    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    wok_http_problem(exchange, 503, "%s", detail);
    (void)wok_http_response_header(exchange, "Retry-After", WOK_SLICE("1"));
}

/* Apart from who calls it: a line is four kilobytes of stack. */
__attribute__((noinline)) static void log_shed(const wok_http_server *server)
{
    static struct wok__log_site site =
        WOK__LOG_SITE_UNLIMITED(WOK__LOG_WARN, "refuses requests: as many as may run are running");
    struct wok__log_line line;
    wok_http_server_metrics metrics;

    if (!wok__log_begin(&line, &site))
        return;
    wok_http_server_metrics_get(server, &metrics);
    wok__log_number(&line, "requests_max", server->options.requests_max);
    wok__log_number(&line, "requests_shed", metrics.requests_shed);
    wok__log_end(&line, &site);
}

bool wok__overload_shed(struct wok_http_exchange *exchange, bool counted, uint64_t now_ns)
{
    wok_http_server *server = exchange->server;
    struct wok__server_local *local;

    if (exchange->always || wok__server_running(server) < server->options.requests_max + counted)
        return false;
    wok__answer_busy(exchange, "%zu requests are running already, which is the limit",
                     server->options.requests_max);
    local = wok__local(server);
    wok__counter_up(&local->counters.shed);
    if (local->shed_logged_ns == 0 || now_ns - local->shed_logged_ns >= LOG_INTERVAL_NS) {
        local->shed_logged_ns = now_ns;
        log_shed(server);
    }
    return true;
}
