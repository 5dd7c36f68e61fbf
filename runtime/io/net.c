/*
 * net.c - streams: connect, receive, send, hang up, close; net_wait.c has the forms that wait.
 *
 * Every attempt has the same shape: claim the readiness, try, and register as a waiter when there is
 * nothing.  A receive that does not fill its buffer has emptied the socket, and a send that does not
 * empty its pieces has filled it: the claim is not given back then, and the next attempt waits for an
 * event without a system call.  The kernel reports what comes later as a new edge.
 */
#include "io/net.h"

#include <errno.h>
#include <stdlib.h>

#include "task/context.h"
#include "task/task.h"

/* ---- life ---------------------------------------------------------------------------------- */

int wok__stream_new(struct wok__driver *driver, int fd, wok_stream **ret_stream)
{
    wok_stream *stream = malloc(sizeof *stream);

    int error = stream == NULL ? -ENOMEM : wok__io_open(&stream->io, driver, fd);
    if (error < 0) {
        driver->ops->close(fd, false);
        free(stream);
        return error;
    }
    *ret_stream = stream;
    return 0;
}

void wok_stream_close(wok_stream *stream)
{
    if (stream == NULL)
        return;
    wok__io_close(&stream->io, false);
    free(stream);
}

void wok_stream_reset(wok_stream *stream)
{
    if (stream == NULL)
        return;
    wok__io_close(&stream->io, true);
    free(stream);
}

void wok_stream_closep(wok_stream **stream)
{
    wok_stream_close(*stream);
}

int wok_stream_shutdown_send(wok_stream *stream)
{
    return stream->io.driver->ops->shutdown_send(stream->io.fd);
}

size_t wok_stream_untaken(const wok_stream *stream)
{
    return stream->io.driver->ops->untaken(stream->io.fd);
}

size_t wok_stream_peer(const wok_stream *stream, char *buffer, size_t size)
{
    struct wok__address address;

    if (stream->io.driver->ops->peer(stream->io.fd, &address) < 0)
        address.storage.ss_family = AF_UNSPEC;
    return wok__address_format(&address, buffer, size);
}

void wok_stream_forget(wok_stream *stream)
{
    wok__io_forget(&stream->io, 1u << WOK__READ | 1u << WOK__WRITE | 1u << WOK__HANGUP);
}

/* ---- polls --------------------------------------------------------------------------------- */

/* True: the attempt may be made.  False: the task has been registered, or is to yield. */
static bool begin(struct wok__io *io, enum wok__interest interest, wok_cx *cx)
{
    while (!wok__io_claim(io, interest))
        if (wok__io_wait(io, interest, cx->task))
            return false;
    if (wok__budget_take(cx))
        return true;
    wok__io_restore(io, interest);
    return false;
}

ssize_t wok_stream_recv_poll(wok_stream *stream, wok_cx *cx, void *buffer, size_t size)
{
    struct wok__io *io = &stream->io;

    if (size == 0)
        return wok__io_wait(io, WOK__READ, cx->task) ? -EAGAIN : 0;
    while (begin(io, WOK__READ, cx)) {
        ssize_t received = io->driver->ops->recv(io, buffer, size);
        if (received == -EAGAIN)
            continue;
        if (received <= 0 || (size_t)received == size)
            wok__io_restore(io, WOK__READ); /* there may be more; an end or an error stays */
        return received;
    }
    return -EAGAIN;
}

ssize_t wok_stream_send_poll(wok_stream *stream, wok_cx *cx, const struct iovec *pieces, int count)
{
    struct wok__io *io = &stream->io;
    size_t size = 0;

    for (int i = 0; i < count; i++)
        size += pieces[i].iov_len;
    while (begin(io, WOK__WRITE, cx)) {
        ssize_t sent = io->driver->ops->send(io, pieces, count);
        if (sent == -EAGAIN)
            continue;
        if (sent < 0 || (size_t)sent == size)
            wok__io_restore(io, WOK__WRITE);
        return sent;
    }
    return -EAGAIN;
}

wok_hangup wok_stream_hangup_poll(wok_stream *stream, wok_cx *cx, wok_hangup until)
{
    struct wok__io *io = &stream->io;

    for (;;) {
        uint32_t ready = wok__io_ready(io, WOK__HANGUP);
        wok_hangup hangup = WOK_HANGUP_NONE;
        if (ready & WOK__DEAD)
            hangup = WOK_HANGUP_RESET;
        else if (ready & WOK__HALF)
            hangup = WOK_HANGUP_HALF;
        if (hangup >= until)
            return hangup;

        uint32_t bits = hangup == WOK_HANGUP_HALF ? WOK__DEAD : WOK__HALF | WOK__DEAD;
        if (wok__io_wait_hangup(io, bits, cx->task))
            return hangup;
    }
}

/* ---- connecting ---------------------------------------------------------------------------- */

int wok_connect_begin(const char *address, uint16_t port, wok_stream **ret_stream)
{
    struct wok_runtime *runtime = wok__here()->runtime;
    struct wok__address parsed;

    int error = wok__address_parse(address, port, &parsed);
    if (error < 0)
        return error;
    if (runtime == NULL || ret_stream == NULL)
        return -EINVAL;
    struct wok__driver *driver = wok__driver_pick(runtime);
    int fd = driver->ops->connect(&parsed);
    if (fd < 0)
        return fd;
    return wok__stream_new(driver, fd, ret_stream);
}

wok_poll wok_connect_poll(wok_stream *stream, wok_cx *cx)
{
    struct wok__io *io = &stream->io;

    while (begin(io, WOK__WRITE, cx)) {
        int error = io->driver->ops->connected(io->fd);
        if (error == -EINPROGRESS && wok__io_ready(io, WOK__HANGUP) & WOK__DEAD)
            error = -ECONNABORTED; /* the reason was told to somebody else */
        if (error == -EINPROGRESS)
            continue;
        wok__io_restore(io, WOK__WRITE);
        return error;
    }
    return WOK_PENDING;
}
