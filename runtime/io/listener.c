/*
 * listener.c - listening sockets: every driver watches them, one task accepts.
 *
 * Any worker that is not stuck sees a connection and wakes the accepting task, wherever that lies;
 * being stackless it may then run on any worker.  The readiness of the listener is one flag under a
 * lock of its own, which is taken under a driver's lock (the event) and never the other way round.
 *
 * Invariants
 *   A1  the flag is claimed before accept4 and given back after everything but -EAGAIN, so that a
 *       connection which stays in the queue for want of a descriptor is found without a new event.
 *   A2  the waiter registers under the lock that the event takes: no event is missed.
 */
#include <errno.h>
#include <stdlib.h>

#include <wok/select.h>

#include "io/net.h"
#include "task/context.h"
#include "task/task.h"

enum {
    BACKLOG = 4096,
    /* Connections in a row before others run: a burst of connects shares its worker with the
     * requests of those that came first. */
    ACCEPTS_MAX = 8,
};

static void on_event(struct wok__watch *watch, uint32_t ready)
{
    wok_listener *listener = (wok_listener *)watch;

    (void)ready; /* whatever it is, accept4 says it better */
    wok__lock_take(&listener->lock);
    listener->ready = true;
    if (listener->waiter != NULL)
        wok__task_wake(WOK_TAKE(listener->waiter), WOK__REASON_EVENT);
    wok__lock_give(&listener->lock);
}

static wok_listener *listener_new(struct wok_runtime *runtime)
{
    wok_listener *listener =
        calloc(1, sizeof *listener + wok__driver_count(runtime) * sizeof listener->tokens[0]);

    if (listener == NULL)
        return NULL;
    listener->watch.event = on_event;
    listener->runtime = runtime;
    listener->ops = wok__driver_nth(runtime, 0)->ops;
    listener->ready = true;
    listener->fd = -1;
    return listener;
}

/* Lets every driver watch it; `watching` says how many do, also after an error. */
static int watch_all(wok_listener *listener)
{
    for (unsigned drivers = wok__driver_count(listener->runtime); listener->watching < drivers;
         listener->watching++) {
        int error = wok__watch_listener(&listener->watch,
                                        wok__driver_nth(listener->runtime, listener->watching),
                                        listener->fd, &listener->tokens[listener->watching]);
        if (error < 0)
            return error;
    }
    return 0;
}

int wok_listen(wok_listener **ret_listener, const wok_listen_options *options)
{
    static const wok_listen_options defaults;
    WOK_CLEANUP(wok_listener_closep) wok_listener *listener = NULL;
    struct wok_runtime *runtime = wok__here()->runtime;
    struct wok__address address;

    if (options == NULL)
        options = &defaults;
    int error = ret_listener != NULL ? wok__address_parse(options->address, options->port, &address)
                                     : -EINVAL;
    if (error < 0)
        return error;
    if (runtime == NULL)
        return -EINVAL;
    listener = listener_new(runtime);
    if (listener == NULL)
        return -ENOMEM;
    listener->fd = listener->ops->listen(
        &address, options->backlog > 0 ? options->backlog : BACKLOG, &listener->port);
    if (listener->fd < 0)
        return listener->fd;
    error = watch_all(listener);
    if (error < 0)
        return error;
    *ret_listener = WOK_TAKE(listener);
    return 0;
}

int wok_listen_fd(wok_listener **ret_listener, int fd, bool shared)
{
    WOK_CLEANUP(wok_listener_closep) wok_listener *listener = NULL;
    struct wok_runtime *runtime = wok__here()->runtime;

    if (ret_listener == NULL || runtime == NULL)
        return -EINVAL;
    listener = listener_new(runtime);
    if (listener == NULL)
        return -ENOMEM;
    int error = listener->ops->adopt(fd, &listener->port);
    if (error < 0)
        return error;
    listener->shared = shared;
    listener->fd = fd;
    error = watch_all(listener);
    if (error < 0) {
        while (listener->watching > 0) {
            listener->watching--;
            wok__unwatch(wok__driver_nth(runtime, listener->watching), fd,
                         listener->tokens[listener->watching]);
        }
        listener->fd = -1; /* it stays the caller's */
        return error;
    }
    *ret_listener = WOK_TAKE(listener);
    return 0;
}

uint16_t wok_listener_port(const wok_listener *listener)
{
    return listener->port;
}

int wok_listener_hush(wok_listener *listener)
{
    return listener->shared ? -EOPNOTSUPP : listener->ops->hush(listener->fd);
}

void wok_listener_stop(wok_listener *listener)
{
    wok__lock_take(&listener->lock);
    bool first = listener->state == WOK__LISTENING;
    if (first)
        listener->state = WOK__STOPPING;
    wok__lock_give(&listener->lock);
    if (!first)
        return;

    if (!listener->shared)
        listener->ops->unlisten(listener->fd);
    wok__lock_take(&listener->lock);
    listener->state = WOK__STOPPED; /* from here on the owner may learn of it, and close */
    if (listener->waiter != NULL)
        wok__task_wake(WOK_TAKE(listener->waiter), WOK__REASON_WAKE);
    wok__lock_give(&listener->lock);
}

void wok_listener_close(wok_listener *listener)
{
    if (listener == NULL)
        return;
    for (unsigned i = 0; i < listener->watching; i++)
        wok__unwatch(wok__driver_nth(listener->runtime, i), listener->fd, listener->tokens[i]);
    if (listener->fd >= 0)
        listener->ops->close(listener->fd, false);
    free(listener);
}

void wok_listener_closep(wok_listener **listener)
{
    wok_listener_close(*listener);
}

/* ---- accepting ----------------------------------------------------------------------------- */

enum claim { CLAIM_READY, CLAIM_WAITS, CLAIM_STOPPED };

static enum claim claim(wok_listener *listener, struct wok_task *task)
{
    enum claim result = CLAIM_STOPPED;

    wok__lock_take(&listener->lock);
    if (listener->state != WOK__STOPPED) {
        result = listener->ready ? CLAIM_READY : CLAIM_WAITS;
        listener->ready = false;
        listener->waiter = result == CLAIM_WAITS ? task : NULL;
    }
    wok__lock_give(&listener->lock);
    return result;
}

static void restore(wok_listener *listener)
{
    wok__lock_take(&listener->lock);
    listener->ready = true;
    wok__lock_give(&listener->lock);
}

/* Errors that are of one connection, which died before it was accepted; accept(2), "Error handling". */
static bool died_in_queue(int error)
{
    switch (error) {
    case -ECONNABORTED:
    case -EPROTO:
    case -ENOPROTOOPT:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENONET:
    case -EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

static int adopt(wok_listener *listener, int fd, wok_stream **ret_stream)
{
    listener->accepted++;
    return wok__stream_new(wok__driver_pick(listener->runtime), fd, ret_stream);
}

wok_poll wok_accept_poll(wok_listener *listener, wok_cx *cx, wok_stream **ret_stream)
{
    for (;;) {
        switch (claim(listener, cx->task)) {
        case CLAIM_STOPPED:
            return -EBADF;
        case CLAIM_WAITS:
            listener->accepted = 0;
            return WOK_PENDING;
        case CLAIM_READY:
            break;
        }
        if (listener->accepted >= ACCEPTS_MAX) {
            listener->accepted = 0;
            restore(listener);
            wok_cx_yield(cx);
            return WOK_PENDING;
        }
        if (!wok__budget_take(cx)) {
            restore(listener);
            return WOK_PENDING;
        }

        int fd = listener->ops->accept(listener->fd);
        if (fd == -EAGAIN || fd == -EINVAL)
            continue; /* the next claim waits: for an event, or for the end of wok_listener_stop */
        restore(listener);
        if (fd >= 0)
            return adopt(listener, fd, ret_stream);
        if (!died_in_queue(fd))
            return fd;
        listener->accepted++;
    }
}

void wok_accept_forget(wok_listener *listener)
{
    wok__lock_take(&listener->lock);
    listener->waiter = NULL;
    wok__lock_give(&listener->lock);
}

/* ---- waiting ------------------------------------------------------------------------------- */

static wok_poll accept_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_poll code = wok_accept_poll(op->object, cx, op->value);

    (void)result;
    op->span.waits = code == WOK_PENDING;
    return code;
}

static void accept_op_drop(void *self)
{
    wok_op *op = self;

    if (op->span.waits)
        wok_accept_forget(op->object);
    op->span.waits = false;
}

static const wok_future_vtable accept_op_vtable = {
    .name = "accept",
    .size = sizeof(wok_op),
    .poll = accept_op_poll,
    .drop = accept_op_drop,
};

wok_op wok_accept_op(wok_listener *listener, wok_stream **ret_stream)
{
    return (wok_op){.vtable = &accept_op_vtable, .object = listener, .value = ret_stream};
}

int wok_accept_until(wok_listener *listener, wok_instant deadline, wok_stream **ret_stream)
{
    return wok_op_await_until(wok_accept_op(listener, ret_stream), deadline);
}

int wok_accept(wok_listener *listener, wok_stream **ret_stream)
{
    return wok_accept_until(listener, WOK_NEVER, ret_stream);
}
