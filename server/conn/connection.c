/*
 * connection.c - one connection's life: a stackless task.
 *
 *     receive -> parse -> start requests -> collect answers -> send -> receive ...
 *
 * A poll goes round until nothing moves any more, and then sends everything that is ready in one
 * write.  What has to wait is left to the stream's readiness, the requests' join handles, one timer,
 * and the drain's wake.
 *
 * How it ends: the client closes and everything is answered; an answer said `Connection: close` (our
 * direction is shut down first and the client's bytes are thrown away for a while, because a reset
 * would destroy the answer); a deadline passes; the client is gone, and then the requests that run
 * are aborted and waited for, so that none outlives its connection.
 */
#include "conn/connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What is read at a time of a connection that lingers. */
enum { LINGER_CHUNK = 4096 };

/* ---- receiving ---------------------------------------------------------------------------------- */

/* Nothing has been received and nothing runs: gives the buffers back. */
static void release_work(struct wok__connection *connection)
{
    if (connection->work == NULL || !wok__connection_is_idle(connection))
        return;
    wok__work_free(connection->server, WOK_TAKE(connection->work));
}

static void client_gone(struct wok__connection *connection)
{
    if (connection->gone)
        return;
    connection->gone = connection->closing = true;
    if (connection->work != NULL)
        wok__connection_abort_requests(connection);
}

/* A FIN came.  It may be half of a close only, so a client for which something runs is probed. */
static void hung_up(struct wok__connection *connection)
{
    if (connection->hung_up)
        return;
    connection->hung_up = true;
    connection->hung_up_ns = connection->now_ns;
}

/* The client shut its sending direction down: what it has asked is still answered. */
static void end_of_input(struct wok__connection *connection)
{
    hung_up(connection);
    connection->half_closed = true;
    /* What lies in the buffer behind the pipeline's limit is parsed first: pipeline.c. */
}

/* True: bytes came or the stream ended; false: it has to wait. */
static bool receive(struct wok__connection *connection, wok_cx *cx)
{
    struct wok__work *work = connection->work;
    char nothing;
    size_t size = 0;
    char *room = &nothing;
    ssize_t got;

    if (work != NULL) {
        room = wok__work_input_room(work, &size);
        if (room == NULL) {
            client_gone(connection);
            return true;
        }
    }
    got = wok__transport_recv(&connection->transport, cx, room, size);
    if (got == -EAGAIN)
        return false;
    if (got < 0) {
        client_gone(connection);
    } else if (work == NULL) {
        connection->work = wok__work_new(connection->server);
        if (connection->work == NULL)
            client_gone(connection);
    } else if (got == 0) {
        end_of_input(connection);
    } else {
        work->input.size += (size_t)got;
        connection->received_ns = connection->now_ns;
    }
    return true;
}

static bool may_receive(const struct wok__connection *connection)
{
    if (connection->half_closed || connection->closing || connection->gone)
        return false;
    if (connection->work == NULL)
        return true;
    /* What has been received is parsed first: else it would grow with each answer that makes room. */
    return connection->work->parsed == connection->work->input.size &&
           wok__connection_has_room(connection);
}

/* ---- sending ------------------------------------------------------------------------------------ */

/* Sends what is ready; true: something left, or the client turned out to be gone. */
static bool flush(struct wok__connection *connection, wok_cx *cx)
{
    struct wok__work *work = connection->work;
    bool moved = false;

    while (work != NULL && work->sent != work->output.size && !connection->gone) {
        struct iovec piece = {work->output.data + work->sent, work->output.size - work->sent};
        ssize_t sent = wok__transport_send(&connection->transport, cx, &piece, 1);
        if (sent == -EAGAIN) {
            wok__connection_waits_for_room(connection);
            return moved;
        }
        moved = true;
        if (sent < 0) {
            client_gone(connection);
            return true;
        }
        work->sent += (size_t)sent;
        wok__connection_sends(connection);
    }
    if (work != NULL && work->sent == work->output.size && work->output.size != 0) {
        work->sent = 0;
        wok__bytes_reset(&work->output);
    }
    return moved;
}

/* ---- deadlines ---------------------------------------------------------------------------------- */

static void probe(struct wok__connection *connection)
{
    struct wok__work *work = connection->work;
    wok_slice line = WOK__H1_PROCESSING;
    const struct wok_http_exchange *exchange = wok__work_slot(work, work->first)->exchange;

    connection->probed = true;
    if (exchange->request.version != WOK_HTTP_1_1 || wok__work_unsent(work) != 0)
        return; /* a 1.0 client knows no 1xx; output that waits is a probe by itself */
    if (wok__bytes_append(&work->output, line.data, line.size) < 0)
        client_gone(connection);
}

/* One of the connection's deadlines has passed. */
static void expire(struct wok__connection *connection, enum wok__deadline what)
{
    struct wok__work *work = connection->work;

    switch (what) {
    case WOK__DEADLINE_NONE:
        break;
    case WOK__DEADLINE_HEAD:
        if (wok__connection_forget_blank_lines(connection))
            break;
        /* fall through */
    case WOK__DEADLINE_BODY:
        wok__connection_refuse(connection, 408, "the request was not received in time");
        break;
    case WOK__DEADLINE_REQUEST:
        wok__work_slot(work, work->first)->timed_out = true;
        wok_join_abort(&wok__work_slot(work, work->first)->join);
        break;
    case WOK__DEADLINE_PROBE:
        probe(connection);
        break;
    case WOK__DEADLINE_DRAIN:
        if (wok_stream_untaken(connection->transport.stream) != 0) {
            connection->closing = true; /* a reset would destroy what is under way */
            break;
        }
        client_gone(connection);
        break;
    case WOK__DEADLINE_WRITE:
        if (wok__connection_is_patient(connection))
            break;
        /* fall through */
    case WOK__DEADLINE_HANDSHAKE:
    case WOK__DEADLINE_IDLE:
    case WOK__DEADLINE_LINGER:
        connection->lingering = false;
        client_gone(connection);
        break;
    }
}

/* Sees to it that the connection is polled at its next deadline; true: one has passed. */
static bool keep_time(struct wok__connection *connection, wok_cx *cx)
{
    enum wok__deadline what;
    uint64_t deadline_ns = wok__connection_deadline(connection, &what);

    if (connection->armed_ns != 0 && connection->armed_ns <= deadline_ns) {
        if (wok_sleep_future_poll(&connection->timer, cx) == WOK_PENDING)
            return false;
        connection->now_ns = wok_now().ns;
        if (deadline_ns <= connection->now_ns) {
            connection->armed_ns = 0;
            wok_sleep_future_drop(&connection->timer);
            expire(connection, what);
            return true;
        }
    }
    wok_sleep_future_drop(&connection->timer);
    connection->armed_ns = 0;
    if (deadline_ns == UINT64_MAX)
        return false;
    connection->armed_ns = deadline_ns;
    connection->timer = wok_sleep_future_until((wok_instant){deadline_ns});
    return wok_sleep_future_poll(&connection->timer, cx) != WOK_PENDING;
}

/* ---- the poll ----------------------------------------------------------------------------------- */

/* The handshake.  True: it is over, and how; false: it has to wait. */
static bool open_transport(struct wok__connection *connection, wok_cx *cx)
{
    int code = wok__tls_handshake(connection->transport.tls, cx);

    if (code == -EAGAIN)
        return false;
    wok__counter_up(code == 0 ? &wok__local(connection->server)->counters.handshakes
                              : &wok__local(connection->server)->counters.handshakes_failed);
    connection->since_ns = connection->now_ns;
    if (code == -EPROTO && wok__tls_asks_in_clear(connection->transport.tls))
        wok__connection_answer_in_clear(connection);
    else if (code == -EPROTO)
        connection->closing = true; /* an alert is on its way, which a reset would destroy */
    else if (code < 0)
        client_gone(connection);
    return true;
}

/* Goes round until nothing moves. */
static void advance(struct wok__connection *connection, wok_cx *cx)
{
    bool moved;

    do {
        moved = false;
        if (connection->work != NULL) {
            wok__connection_parse(connection, cx);
            moved = wok__connection_collect(connection, cx);
        }
        if (may_receive(connection) && receive(connection, cx))
            moved = true;
        if (!moved)
            moved = flush(connection, cx);
    } while (moved);
}

/* True: everything is answered and sent, and nothing more will come. */
static bool is_done(const struct wok__connection *connection)
{
    const struct wok__work *work = connection->work;

    if (work != NULL && work->first != work->last)
        return false; /* aborted requests are waited for as well */
    if (connection->gone)
        return true;
    return connection->closing && (work == NULL || work->sent == work->output.size);
}

/* Throws away what still comes, however much: deadlines.c says for how long.  True: it can be closed. */
static bool linger(struct wok__connection *connection, wok_cx *cx)
{
    char waste[LINGER_CHUNK];
    ssize_t got;

    if (!connection->lingering) {
        connection->lingering = true;
        connection->sent_ns = connection->received_ns = connection->now_ns;
    }
    if (!connection->shut) {
        int code = wok__transport_shutdown_send(&connection->transport, cx);
        if (code == -EAGAIN)
            return false;
        connection->shut = true;
        if (code < 0 || connection->half_closed)
            return true;
    }
    /* As they come: what they say does not matter, only that they have been taken. */
    while ((got = wok_stream_recv_poll(connection->transport.stream, cx, waste, sizeof waste)) > 0)
        connection->received_ns = connection->now_ns;
    return got != -EAGAIN;
}

/* While requests run the connection need not be receiving: so the kernel is asked, without reading. */
static void watch_hangup(struct wok__connection *connection, wok_cx *cx)
{
    struct wok__work *work = connection->work;
    wok_hangup hangup;

    if (work == NULL || work->first == work->last || connection->gone)
        return;
    hangup = wok_stream_hangup_poll(connection->transport.stream, cx,
                                    connection->hung_up ? WOK_HANGUP_RESET : WOK_HANGUP_HALF);
    if (hangup == WOK_HANGUP_HALF) {
        hung_up(connection);
        hangup = wok_stream_hangup_poll(connection->transport.stream, cx, WOK_HANGUP_RESET);
    }
    if (hangup == WOK_HANGUP_RESET)
        client_gone(connection);
}

/* The drain's grace is over: aborts what runs; true: nothing runs, and the rest is not waited for. */
static bool give_up(struct wok__connection *connection, wok_cx *cx)
{
    struct wok__work *work = connection->work;

    if (!wok__server_is_aborting(connection->server))
        return false;
    if (work == NULL)
        return true;
    wok__connection_give_up_requests(connection);
    /* A client that does not take what has been answered would keep the rest from being seen to end. */
    if (work->first != work->last && wok__work_unsent(work) != 0) {
        client_gone(connection);
        (void)wok__connection_collect(connection, cx);
    }
    return work->first == work->last;
}

/* A client that may still be there is told, as far as that needs no wait. */
static void take_leave(struct wok__connection *connection, wok_cx *cx)
{
    const struct wok__work *work = connection->work;

    if (connection->transport.tls != NULL && (work == NULL || work->sent == work->output.size))
        (void)wok__tls_say_goodbye(connection->transport.tls, cx);
}

static wok_poll connection_poll(void *self, wok_cx *cx, void *result)
{
    struct wok__connection *connection = self;

    (void)result;
    connection->now_ns = wok_now().ns;
    if (connection->work != NULL)
        connection->work->compressed = 0;
    if (!connection->listed) {
        connection->waker = wok_waker_new(cx);
        connection->since_ns = connection->now_ns;
        wok__server_add(connection->server, connection);
    }
    do {
        if (connection->lingering) {
            if (linger(connection, cx) || give_up(connection, cx))
                return WOK_READY;
            continue;
        }
        if (wok__transport_is_opening(&connection->transport) && !connection->closing &&
            !open_transport(connection, cx)) {
            if (give_up(connection, cx))
                return WOK_READY;
            continue;
        }
        advance(connection, cx);
        if (give_up(connection, cx))
            return WOK_READY;
        if (is_done(connection)) {
            if (connection->gone)
                take_leave(connection, cx);
            if (connection->gone || linger(connection, cx))
                return WOK_READY;
            continue;
        }
        watch_hangup(connection, cx);
        if (connection->gone && is_done(connection))
            return WOK_READY;
        release_work(connection);
    } while (keep_time(connection, cx));
    return WOK_PENDING;
}

static void connection_drop(void *self)
{
    struct wok__connection *connection = self;

    wok_sleep_future_drop(&connection->timer);
    /* Of an answer that was not taken the kernel would keep its part for minutes. */
    wok__transport_close(&connection->transport,
                         connection->cut ||
                             (connection->work != NULL && wok__work_unsent(connection->work) != 0));
    if (connection->work != NULL)
        wok__connection_drop_requests(connection);
    /* Last: the server may be freed as soon as no connection counts. */
    wok__server_remove(connection->server, connection);
    wok_waker_drop(&connection->waker);
}

static const wok_future_vtable connection_vtable = {
    .name = "connection",
    .size = sizeof(struct wok__connection),
    .poll = connection_poll,
    .drop = connection_drop,
};

void wok__connection_start(wok_http_server *server, wok_stream *stream,
                           struct wok__address_count *address, wok_http_tls *tls)
{
    struct wok__connection connection = {
        .server = server, .transport = {.stream = stream}, .address = address};
    wok_join join;

    if (tls != NULL) {
        connection.transport.tls = wok__tls_new(tls, stream, &server->handshakes);
        connection.gone = connection.closing = connection.transport.tls == NULL; /* no memory */
    }
    wok__server_expect(server);
    join = wok_spawn_future(&connection_vtable, &connection);
    wok_join_drop(&join);
}
