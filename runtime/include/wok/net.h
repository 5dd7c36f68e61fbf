/*
 * net.h - listeners and streams, TCP and what else listens, for tasks of both kinds.
 *
 * Everything is tried first and waits only when there is nothing to do.  The `_poll` forms are for
 * stackless tasks and never wait, the `_op` forms are for wok_select(); the others wait.  One task may wait for reading, another one
 * for writing and a third one for a hangup of the same stream; two tasks for the same of these is a
 * mistake: the one that came first is not woken.
 *
 * A task that gives up after a `_poll` said "not yet" calls wok_stream_forget() or closes the stream
 * before its memory goes; a future does it in its drop.  Streams and listeners are closed before
 * their runtime is freed.
 *
 * `_poll` forms count in the budget of the polling task: after 128 operations without a wait they
 * say "not yet" once, and the task is polled again behind the others.
 */
#ifndef WOK_NET_H
#define WOK_NET_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** A socket that listens. */
typedef struct wok_listener wok_listener;
/** A connected socket. */
typedef struct wok_stream wok_stream;

/* ---- listeners ---------------------------------------------------------------------------- */

/** Where to listen. */
typedef struct wok_listen_options {
    /** Numeric address ("127.0.0.1", "::1", "0.0.0.0"); NULL: 127.0.0.1. */
    const char *address;
    uint16_t port; /* 0: the kernel picks one */
    int backlog;   /* 0: 4096, cut by the kernel to net.core.somaxconn */
} wok_listen_options;

/**
 * Opens a listener; every worker of the current runtime watches it.  Options of NULL are the defaults.
 *
 * One task accepts from it.  A connection is noticed by any worker that is not stuck, and lives with
 * the worker that has the fewest.
 *
 * Errors:     -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL (the address is no number, or the caller
 *             has no runtime), -EMFILE, -ENOMEM.
 * Ownership:  returns owned: wok_listener_close().
 * Threads:    a task, or a plain thread that entered a runtime.
 * Cancel:     not a cancellation point.
 * Source:     listen(2), tcp(7), epoll_ctl(2) for EPOLLEXCLUSIVE.
 */
WOK_API
WOK_MUST_USE
int wok_listen(wok_listener **ret_listener, const wok_listen_options *options);

/**
 * Makes a listener of a descriptor that listens already: a Unix socket, or one that the process was
 * started with.  It is set to O_NONBLOCK and FD_CLOEXEC, and TCP to TCP_NODELAY.
 *
 * `shared`: others hold the same socket and go on listening, a service manager for instance.  A stop
 * then ends the accepting here, neither listening nor the connections in the queue.
 *
 * Errors:     -EBADF, -ENOTSOCK; -EOPNOTSUPP for what is no stream socket, -EINVAL for one that does not
 *             listen, or without a runtime; -ENOTSUP on the simulated network; -ENOMEM.
 * Ownership:  takes the descriptor when it succeeds; returns owned: wok_listener_close().
 * Threads:    as wok_listen().
 * Cancel:     not a cancellation point.
 * Source:     socket(7): SO_ACCEPTCONN; unix(7).
 */
WOK_API
WOK_MUST_USE
int wok_listen_fd(wok_listener **ret_listener, int fd, bool shared);

/**
 * The port that a listener has; 0 where its sockets have none.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint16_t wok_listener_port(const wok_listener *listener);

/**
 * Lets no new connection begin; those that are established, or on the way, can still be accepted.
 *
 * The first step of an orderly end: a listener that is stopped while connections wait in its queue
 * resets them.  Clients that connect from here on are refused when it stops.
 *
 * Errors:     0; -ENOMEM, -EPERM where the kernel takes no socket filter, -EOPNOTSUPP for a socket that is
 *             shared or not TCP: connections then go on.
 * Threads:    any, before wok_listener_stop().
 * Cancel:     not a cancellation point.
 * Source:     SO_ATTACH_FILTER, socket(7).
 */
WOK_API
int wok_listener_hush(wok_listener *listener);

/**
 * Stops listening: the port is free at once, connections that nobody accepted are reset, and an
 * accept that waits, or is tried later, gives -EBADF.  Idempotent; the memory stays.
 *
 * Threads:    any, also while another task accepts.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_listener_stop(wok_listener *listener);

/**
 * Stops listening and frees the listener; NULL is fine.
 *
 * Threads:    any, while nobody accepts from it; wok_listener_stop() first, where somebody may.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_listener_close(wok_listener *listener);

/**
 * As wok_listener_close(), for WOK_CLEANUP().
 *
 * Threads:    as wok_listener_close().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_listener_closep(wok_listener **listener);

/**
 * Takes a connection: 0 and a stream, WOK_PENDING, or a negative errno.
 *
 * After eight connections in a row it lets others run once.  Connections that died in the queue are
 * skipped.  TCP_NODELAY is set on what it returns.
 *
 * Errors:     -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM: no descriptor or no memory; the connection stays in
 *             the queue: try again after a pause, and not at once.  -EBADF: the listener was stopped.
 * Ownership:  returns owned: wok_stream_close().
 * Threads:    one task at a time; it may be a stackless task, which moves.
 * Cancel:     not a cancellation point; wok_accept_forget() takes back the wait.
 */
WOK_API
wok_poll wok_accept_poll(wok_listener *listener, wok_cx *cx, wok_stream **ret_stream);

/**
 * Takes back what the last wok_accept_poll() asked to be woken for.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_accept_forget(wok_listener *listener);

/**
 * The waiting form of wok_accept_poll().
 *
 * Errors:     as wok_accept_poll(); -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline
 *             that covers the caller passes; -EDEADLK in a stackless task.
 * Ownership:  returns owned: wok_stream_close().
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; no connection is lost.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_accept(wok_listener *listener, wok_stream **ret_stream);

/**
 * As wok_accept(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_accept().
 * Ownership:  returns owned: wok_stream_close().
 * Threads:    as wok_accept().
 * Cancel:     cancellation point; no connection is lost.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_accept_until(wok_listener *listener, wok_instant deadline, wok_stream **ret_stream);

/**
 * The operation of taking a connection; ready with what wok_accept_poll() says.
 *
 * Ownership:  borrows the listener and `ret_stream` until the operation is dropped; when it is ready
 *             with 0, `*ret_stream` is owned: wok_stream_close().
 * Threads:    any; one task at a time accepts.
 * Cancel:     not a cancellation point; a dropped operation has taken no connection.
 */
WOK_API
wok_op wok_accept_op(wok_listener *listener, wok_stream **ret_stream);

/* ---- connecting --------------------------------------------------------------------------- */

/**
 * Begins to connect to a numeric address; wok_connect_poll() says when it is done.
 *
 * Errors:     -EINVAL (the address is no number, or the caller has no runtime), -EMFILE, -ENOMEM;
 *             what connect(2) says at once, -ECONNREFUSED for instance.
 * Ownership:  returns owned: wok_stream_close(), also if the connection then fails.
 * Threads:    a task, or a plain thread that entered a runtime.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_connect_begin(const char *address, uint16_t port, wok_stream **ret_stream);

/**
 * Says whether the stream of a wok_connect_begin() is connected: WOK_READY, WOK_PENDING, or why it
 * failed.
 *
 * Errors:     -ECONNREFUSED, -ETIMEDOUT, -ENETUNREACH, ... as connect(2).
 * Threads:    the task of `cx`; one task at a time for the sending direction, of which this is.
 * Cancel:     not a cancellation point; wok_stream_forget() takes back the wait.
 */
WOK_API
wok_poll wok_connect_poll(wok_stream *stream, wok_cx *cx);

/**
 * Connects to a numeric address.
 *
 * Errors:     -ECONNREFUSED, -ENETUNREACH, ... as connect(2) and wok_connect_begin(); -ECANCELED if
 *             the caller is aborted; -ETIMEDOUT if a deadline that covers the caller passes, or the
 *             kernel gives up; -EDEADLK in a stackless task.
 * Ownership:  returns owned: wok_stream_close().
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; an attempt that was given up is closed.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_connect(const char *address, uint16_t port, wok_stream **ret_stream);

/**
 * As wok_connect(), for at most until `deadline`: -ETIMEDOUT, and the attempt is closed.
 *
 * Errors:     as wok_connect(); the kernel's own limit is -ETIMEDOUT as well, after some two minutes.
 * Ownership:  returns owned: wok_stream_close().
 * Threads:    as wok_connect().
 * Cancel:     cancellation point; an attempt that was given up is closed.
 */
WOK_API
WOK_CP
WOK_MUST_USE
int wok_connect_until(const char *address, uint16_t port, wok_instant deadline,
                      wok_stream **ret_stream);

/**
 * The operation of waiting until a stream of wok_connect_begin() is connected; ready with 0, or with
 * why it failed.
 *
 * Ownership:  borrows the stream until the operation is dropped; closing it gives the attempt up.
 * Threads:    any; one task at a time for this direction.
 * Cancel:     not a cancellation point; after a drop the attempt goes on.
 */
WOK_API
wok_op wok_connect_op(wok_stream *stream);

/* ---- streams ------------------------------------------------------------------------------ */

/**
 * Receives up to `size` bytes: the count, 0 at the end of the stream, or a negative errno;
 * -EAGAIN when it would have to wait: the polling task is woken when there is something.
 *
 * `size` 0 receives nothing: it asks for readiness and gives 0 or -EAGAIN, so that a waiting
 * connection needs no buffer.  After a receive that did not fill the buffer it waits without trying
 * again: a request and its answer cost one recv and one send.
 *
 * Errors:     -EAGAIN, -ECONNRESET, -ETIMEDOUT, ... as recv(2).
 * Ownership:  borrows the buffer until it returns.
 * Threads:    one task at a time for this direction.
 * Cancel:     not a cancellation point; wok_stream_forget() takes back the wait, no byte is lost.
 */
WOK_API
ssize_t wok_stream_recv_poll(wok_stream *stream, wok_cx *cx, void *buffer, size_t size);

/**
 * The waiting form of wok_stream_recv_poll().
 *
 * Errors:     as recv(2); -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers
 *             the caller passes; -EDEADLK in a stackless task.
 * Ownership:  borrows the buffer until it returns.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point; no byte is lost.
 */
WOK_API
WOK_CP
ssize_t wok_stream_recv(wok_stream *stream, void *buffer, size_t size);

/**
 * As wok_stream_recv(), for at most until `deadline`: -ETIMEDOUT, which recv(2) also says of a
 * connection whose peer is out of reach.
 *
 * Errors:     as wok_stream_recv().
 * Ownership:  borrows the buffer until it returns.
 * Threads:    as wok_stream_recv().
 * Cancel:     cancellation point; no byte is lost.
 */
WOK_API
WOK_CP
ssize_t wok_stream_recv_until(wok_stream *stream, void *buffer, size_t size, wok_instant deadline);

/**
 * The operation of receiving up to `size` bytes; ready with 0 and the count, which is 0 at the end of
 * the stream, or with an error as recv(2).
 *
 * Ownership:  borrows the stream, the buffer and `ret_size` until the operation is dropped.
 * Threads:    any; one task at a time for this direction.
 * Cancel:     not a cancellation point; a dropped operation has received no byte.
 */
WOK_API
wok_op wok_stream_recv_op(wok_stream *stream, void *buffer, size_t size, size_t *ret_size);

/**
 * The operation of waiting until there may be something to receive, or the end of the stream; ready
 * with 0.  It receives nothing, and after it a receive may still find that it has to wait.
 *
 * Ownership:  borrows the stream until the operation is dropped.
 * Threads:    any; one task at a time for this direction.
 * Cancel:     not a cancellation point; it has no effect in any case.
 */
WOK_API
wok_op wok_stream_readable_op(wok_stream *stream);

/**
 * Sends the pieces as one: how much was taken, which may be less than all; -EAGAIN when it would
 * have to wait: the polling task is woken when there is room.
 *
 * Errors:     -EAGAIN, -EPIPE (no SIGPIPE is raised), -ECONNRESET, ... as sendmsg(2); -EMSGSIZE for
 *             more than 1,024 pieces.
 * Ownership:  borrows the pieces until it returns.
 * Threads:    one task at a time for this direction.
 * Cancel:     not a cancellation point; wok_stream_forget() takes back the wait.
 */
WOK_API
ssize_t wok_stream_send_poll(wok_stream *stream, wok_cx *cx, const struct iovec *pieces, int count);

/**
 * Sends all of `size` bytes.
 *
 * Errors:     0; as sendmsg(2); -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that
 *             covers the caller passes; -EDEADLK in a stackless task.  After an error some of the
 *             bytes may have been sent.
 * Ownership:  borrows the bytes until it returns.
 * Threads:    a stackful task parks, a plain thread blocks.
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_stream_send_all(wok_stream *stream, const void *bytes, size_t size);

/**
 * As wok_stream_send_all(), for at most until `deadline`: -ETIMEDOUT, when some may have been sent.
 *
 * Errors:     as wok_stream_send_all().
 * Ownership:  borrows the bytes until it returns.
 * Threads:    as wok_stream_send_all().
 * Cancel:     cancellation point.
 */
WOK_API
WOK_CP
int wok_stream_send_all_until(wok_stream *stream, const void *bytes, size_t size,
                              wok_instant deadline);

/**
 * The operation of sending some of `size` bytes; ready with 0 and how many were taken, at least one,
 * or with an error as sendmsg(2).
 *
 * Ownership:  borrows the stream, the bytes and `ret_size` until the operation is dropped.
 * Threads:    any; one task at a time for this direction.
 * Cancel:     not a cancellation point; a dropped operation has sent no byte.
 */
WOK_API
wok_op wok_stream_send_op(wok_stream *stream, const void *bytes, size_t size, size_t *ret_size);

/**
 * The operation of waiting until there may be room to send, or the connection is dead; ready with 0.
 *
 * Ownership:  borrows the stream until the operation is dropped.
 * Threads:    any; one task at a time for this direction.
 * Cancel:     not a cancellation point; it has no effect in any case.
 */
WOK_API
wok_op wok_stream_writable_op(wok_stream *stream);

/** What is known of the peer without reading. */
typedef enum wok_hangup {
    WOK_HANGUP_NONE,
    WOK_HANGUP_HALF,  /* a FIN came: the peer sends no more, and may have gone altogether */
    WOK_HANGUP_RESET, /* the connection is dead in both directions */
} wok_hangup;

/**
 * Says whether the peer hung up; while it says less than `until`, the polling task is woken when
 * that changes.  It reads nothing: bytes that arrived before are there to be received.
 *
 * An orderly end of both directions (wok_stream_shutdown_send() here, a FIN from there) is
 * WOK_HANGUP_RESET as well.  It never fails and counts in no budget.
 *
 * Threads:    one task at a time.
 * Cancel:     not a cancellation point; wok_stream_forget() takes back the wait.
 * Source:     epoll_ctl(2): EPOLLRDHUP, EPOLLHUP, EPOLLERR.
 */
WOK_API
wok_hangup wok_stream_hangup_poll(wok_stream *stream, wok_cx *cx, wok_hangup until);

/**
 * The operation of waiting until the peer's hangup has come to `until`, or further; ready with 0.
 *
 * Ownership:  borrows the stream and `ret_hangup`, which may be NULL, until the operation is dropped.
 * Threads:    any; one task at a time.
 * Cancel:     not a cancellation point; it reads nothing in any case.
 */
WOK_API
wok_op wok_stream_hangup_op(wok_stream *stream, wok_hangup until, wok_hangup *ret_hangup);

/**
 * Takes back what the last `_poll` calls on the stream asked to be woken for, of every task.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_stream_forget(wok_stream *stream);

/**
 * Ends the sending direction with a FIN, after what was sent before; receiving goes on.
 *
 * Errors:     0; -ENOTCONN once the connection is dead, as shutdown(2).
 * Threads:    any, while nobody closes the stream.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_stream_shutdown_send(wok_stream *stream);

/**
 * How much of what was sent the peer has not taken yet.  While nothing is sent it only falls, so that two looks
 * tell a peer that is slow from one that takes nothing.
 *
 * TCP's peer takes by its acknowledgement, before its program reads.  Of a Unix socket it is memory: more
 * than the bytes, and it falls by whole sends, or pieces of some 32 KiB.
 *
 * Units:      bytes.
 * Errors:     0 also where the kernel does not tell.
 * Threads:    any, while nobody closes the stream.
 * Cancel:     not a cancellation point.
 * Source:     tcp(7), unix(7): SIOCOUTQ.
 */
WOK_API
size_t wok_stream_untaken(const wok_stream *stream);

/**
 * Closes the stream at once and frees it; NULL is fine.  Tasks that wait on it are forgotten, not
 * woken.  Bytes that were sent are still delivered by the kernel; if bytes that arrived were not
 * received, the kernel resets the connection instead.
 *
 * Threads:    any, while nobody else uses the stream.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_stream_close(wok_stream *stream);

/**
 * As wok_stream_close(), and the peer gets an RST: bytes that were not delivered yet are lost.
 *
 * Threads:    as wok_stream_close().
 * Cancel:     not a cancellation point.
 * Source:     SO_LINGER, socket(7).
 */
WOK_API
void wok_stream_reset(wok_stream *stream);

/**
 * As wok_stream_close(), for WOK_CLEANUP().
 *
 * Threads:    as wok_stream_close().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_stream_closep(wok_stream **stream);

/**
 * Writes the peer's address as text ("127.0.0.1:5123", "[::1]:5123"), NUL-terminated and cut to
 * `size`; returns its length.  It asks the kernel at each call; 64 bytes are always enough.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
size_t wok_stream_peer(const wok_stream *stream, char *buffer, size_t size);

WOK_END_DECLS

#endif
