/*
 * net_wait.c - waiting on streams: the operations, and the forms that wait.
 *
 * An operation is one attempt, made when there is something to do, and nothing before that: one that
 * loses a select has moved no byte.  The forms that move more than an attempt's worth wait for one
 * operation after the other.
 */
#include <errno.h>

#include <wok/select.h>

#include "io/net.h"
#include "task/task.h"

/* ---- what the operations have in common ---------------------------------------------------- */

static void forget(wok_op *op, enum wok__interest interest)
{
    wok_stream *stream = op->object;

    if (op->span.waits)
        wok__io_forget(&stream->io, 1u << interest);
    op->span.waits = false;
}

static void read_op_drop(void *self)
{
    forget(self, WOK__READ);
}

static void write_op_drop(void *self)
{
    forget(self, WOK__WRITE);
}

static void hangup_op_drop(void *self)
{
    forget(self, WOK__HANGUP);
}

/* The code of an attempt that gave a count, -EAGAIN, or an error. */
static wok_poll code_of(wok_op *op, ssize_t moved)
{
    op->span.waits = moved == -EAGAIN;
    if (moved == -EAGAIN)
        return WOK_PENDING;
    if (moved < 0)
        return (wok_poll)moved;
    if (op->value != NULL)
        *(size_t *)op->value = (size_t)moved;
    return WOK_READY;
}

/* ---- operations ---------------------------------------------------------------------------- */

/* Readiness by itself; it counts like an attempt, for the sake of a loop that makes none. */
static wok_poll readiness(wok_op *op, enum wok__interest interest, wok_cx *cx)
{
    wok_stream *stream = op->object;
    bool waits = wok__io_wait(&stream->io, interest, cx->task);

    return code_of(op, waits || !wok__budget_take(cx) ? -EAGAIN : 0);
}

static wok_poll recv_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;

    (void)result;
    if (op->span.size == 0)
        return readiness(op, WOK__READ, cx);
    return code_of(op, wok_stream_recv_poll(op->object, cx, op->span.bytes, op->span.size));
}

static wok_poll send_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    struct iovec piece = {.iov_base = op->span.bytes, .iov_len = op->span.size};

    (void)result;
    return code_of(op, wok_stream_send_poll(op->object, cx, &piece, 1));
}

static wok_poll writable_op_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return readiness(self, WOK__WRITE, cx);
}

static wok_poll connect_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_poll code = wok_connect_poll(op->object, cx);

    (void)result;
    op->span.waits = code == WOK_PENDING;
    return code;
}

static wok_poll hangup_op_poll(void *self, wok_cx *cx, void *result)
{
    wok_op *op = self;
    wok_hangup until = (wok_hangup)op->amount;
    wok_hangup hangup = wok_stream_hangup_poll(op->object, cx, until);

    (void)result;
    op->span.waits = hangup < until;
    if (hangup < until || !wok__budget_take(cx))
        return WOK_PENDING;
    if (op->value != NULL)
        *(wok_hangup *)op->value = hangup;
    return WOK_READY;
}

static const wok_future_vtable recv_op_vtable = {
    .name = "receive",
    .size = sizeof(wok_op),
    .poll = recv_op_poll,
    .drop = read_op_drop,
};

static const wok_future_vtable send_op_vtable = {
    .name = "send",
    .size = sizeof(wok_op),
    .poll = send_op_poll,
    .drop = write_op_drop,
};

static const wok_future_vtable writable_op_vtable = {
    .name = "writable",
    .size = sizeof(wok_op),
    .poll = writable_op_poll,
    .drop = write_op_drop,
};

static const wok_future_vtable connect_op_vtable = {
    .name = "connect",
    .size = sizeof(wok_op),
    .poll = connect_op_poll,
    .drop = write_op_drop,
};

static const wok_future_vtable hangup_op_vtable = {
    .name = "hangup",
    .size = sizeof(wok_op),
    .poll = hangup_op_poll,
    .drop = hangup_op_drop,
};

wok_op wok_stream_recv_op(wok_stream *stream, void *buffer, size_t size, size_t *ret_size)
{
    return (wok_op){
        .vtable = &recv_op_vtable,
        .object = stream,
        .value = ret_size,
        .span = {.bytes = buffer, .size = size},
    };
}

wok_op wok_stream_readable_op(wok_stream *stream)
{
    return wok_stream_recv_op(stream, NULL, 0, NULL);
}

wok_op wok_stream_send_op(wok_stream *stream, const void *bytes, size_t size, size_t *ret_size)
{
    return (wok_op){
        .vtable = &send_op_vtable,
        .object = stream,
        .value = ret_size,
        .span = {.bytes = (void *)(uintptr_t)bytes, .size = size}, /* only read from */
    };
}

wok_op wok_stream_writable_op(wok_stream *stream)
{
    return (wok_op){.vtable = &writable_op_vtable, .object = stream};
}

wok_op wok_stream_hangup_op(wok_stream *stream, wok_hangup until, wok_hangup *ret_hangup)
{
    return (wok_op){
        .vtable = &hangup_op_vtable,
        .object = stream,
        .value = ret_hangup,
        .amount = (uint64_t)until,
    };
}

wok_op wok_connect_op(wok_stream *stream)
{
    return (wok_op){.vtable = &connect_op_vtable, .object = stream};
}

/* ---- the forms that wait ------------------------------------------------------------------- */

ssize_t wok_stream_recv_until(wok_stream *stream, void *buffer, size_t size, wok_instant deadline)
{
    size_t received = 0;
    int code = wok_op_await_until(wok_stream_recv_op(stream, buffer, size, &received), deadline);

    return code < 0 ? code : (ssize_t)received;
}

ssize_t wok_stream_recv(wok_stream *stream, void *buffer, size_t size)
{
    return wok_stream_recv_until(stream, buffer, size, WOK_NEVER);
}

int wok_stream_send_all_until(wok_stream *stream, const void *bytes, size_t size,
                              wok_instant deadline)
{
    const char *left = bytes;

    while (size > 0) {
        size_t sent = 0;
        int code = wok_op_await_until(wok_stream_send_op(stream, left, size, &sent), deadline);
        if (code < 0)
            return code;
        left += sent;
        size -= sent;
    }
    return 0;
}

int wok_stream_send_all(wok_stream *stream, const void *bytes, size_t size)
{
    return wok_stream_send_all_until(stream, bytes, size, WOK_NEVER);
}

int wok_connect_until(const char *address, uint16_t port, wok_instant deadline,
                      wok_stream **ret_stream)
{
    WOK_CLEANUP(wok_stream_closep) wok_stream *stream = NULL;

    int error = ret_stream != NULL ? wok_connect_begin(address, port, &stream) : -EINVAL;
    if (error == 0)
        error = wok_op_await_until(wok_connect_op(stream), deadline);
    if (error < 0)
        return error;
    *ret_stream = WOK_TAKE(stream);
    return 0;
}

int wok_connect(const char *address, uint16_t port, wok_stream **ret_stream)
{
    return wok_connect_until(address, port, WOK_NEVER, ret_stream);
}
