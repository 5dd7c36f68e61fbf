/*
 * drain.c - how a server stops: nothing that was accepted is lost while the grace lasts.
 *
 * Each step is a number in one atomic word, which the connections read at each answer and whenever
 * they are woken: announced (readiness is off, answers say close), closing (listeners are closed,
 * idle connections close after 50 ms, within which a request that was on the wire still counts),
 * aborting (the grace is over).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "conn/connection.h"
#include "conn/server.h"

/* How long connections that have begun are accepted after the listeners let none begin: a handshake
 * that is under way takes a round trip. */
#define HUSH wok_ms(20)

static void step(wok_http_server *server, uint32_t drain)
{
    store_relaxed(&server->closing_ns, wok_now().ns); /* before the step that lets it be read */
    store_release(&server->drain, drain);             /* [server.drain] */
    pthread_mutex_lock(&server->lock);
    for (struct wok__connection *connection = server->connections; connection != NULL;
         connection = connection->next)
        wok_waker_wake(&connection->waker);
    pthread_mutex_unlock(&server->lock);
}

/* Ready when the last connection is gone. */
static wok_poll empty_poll(void *self, wok_cx *cx, void *result)
{
    wok_http_server *server = self;
    bool empty;

    (void)result;
    pthread_mutex_lock(&server->lock);
    empty = server->connection_count == 0;
    if (!empty && server->drain_waker.task == NULL)
        server->drain_waker = wok_waker_new(cx);
    pthread_mutex_unlock(&server->lock);
    return empty ? WOK_READY : WOK_PENDING;
}

static void empty_drop(void *self)
{
    wok_http_server *server = self;

    pthread_mutex_lock(&server->lock);
    wok_waker_drop(&server->drain_waker);
    pthread_mutex_unlock(&server->lock);
}

static const wok_future_vtable empty_vtable = {
    .name = "drain",
    .poll = empty_poll,
    .drop = empty_drop,
};

static int wait_until_empty(wok_http_server *server, wok_duration duration)
{
    WOK_CLEANUP(wok__drain_forget) wok_http_server *waited = server;

    return wok_timeout(duration, (wok_future){&empty_vtable, waited}, NULL);
}

void wok__drain_forget(wok_http_server **server)
{
    empty_drop(*server);
}

int wok_http_server_drain(wok_http_server *server, wok_http_drain_report *ret_report)
{
    uint64_t running;
    int code;

    step(server, WOK__DRAIN_ANNOUNCED);
    if (server->options.drain_delay.ns != 0 && (code = wok_sleep(server->options.drain_delay)) < 0)
        return code;
    wok__server_hush_listeners(server);
    if ((code = wok_sleep(HUSH)) < 0)
        return code;
    wok__server_close_listeners(server);
    running = wok__server_running(server);
    step(server, WOK__DRAIN_CLOSING);
    code = wait_until_empty(server, server->options.grace);
    if (code == -ETIMEDOUT) {
        uint64_t left = wok__server_running(server);
        server->report.requests_aborted = left;
        running -= running < left ? running : left;
        step(server, WOK__DRAIN_ABORTING);
        code = wait_until_empty(server, wok_seconds(2));
    }
    pthread_mutex_lock(&server->lock);
    server->report.requests_finished = running;
    if (ret_report != NULL)
        *ret_report = server->report;
    pthread_mutex_unlock(&server->lock);
    return code;
}
