/*
 * net.h - TCP listeners and streams, for tasks of both kinds.
 *
 * Every operation is tried first and waits only when the kernel says EAGAIN.  The `_poll` forms are
 * for stackless tasks; the others wait.  One task may wait for reading and another one for writing
 * at the same time, not two for the same direction.
 */
#ifndef WOK_NET_H
#define WOK_NET_H

#include <sys/socket.h>
#include <sys/uio.h>

#include <wok/base.h>
#include <wok/future.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** A socket that listens. */
typedef struct wok_listener wok_listener;
/** A connected socket. */
typedef struct wok_stream wok_stream;

/** Where to listen. */
typedef struct wok_listen_options {
    /** Numeric address ("127.0.0.1", "::1", "0.0.0.0"); NULL: 127.0.0.1. */
    const char *address;
    uint16_t port; /* 0: the kernel picks one */
    int backlog;   /* 0: 4096, cut by the kernel to net.core.somaxconn */
} wok_listen_options;

/**
 * Opens a listener; every worker of the current runtime accepts from it.
 *
 * Errors:     -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, -EINVAL (the address is no number), -EMFILE.
 * Ownership:  returns owned: wok_listener_close().
 * Threads:    a task, or a plain thread that entered a runtime.
 */
WOK_API WOK_MUST_USE int wok_listen(wok_listener **ret_listener, const wok_listen_options *options);

/** The port that a listener has. */
WOK_API uint16_t wok_listener_port(const wok_listener *listener);

/** Closes the listener: waiting accepts return -ECANCELED... see wok_accept_poll(); NULL is fine. */
WOK_API void wok_listener_close(wok_listener *listener);

/**
 * Takes a connection: 0 and a stream, WOK_PENDING, or a negative errno.
 *
 * -EMFILE and -ENFILE mean that there is no descriptor: try again after a pause.  -EBADF: the
 * listener was closed.  Connections that died in the queue are skipped.
 */
WOK_API wok_poll wok_accept_poll(wok_listener *listener, wok_cx *cx, wok_stream **ret_stream);

/** The waiting form of wok_accept_poll(). */
WOK_API WOK_CP int wok_accept(wok_listener *listener, wok_stream **ret_stream);

/**
 * Connects to a numeric address.
 *
 * Errors:     -ECONNREFUSED, -ENETUNREACH, ... as connect(2); -ECANCELED.
 * Ownership:  returns owned: wok_stream_close().
 */
WOK_API WOK_CP WOK_MUST_USE int wok_connect(const char *address, uint16_t port,
                                            wok_stream **ret_stream);

/**
 * Receives up to `size` bytes: the count, 0 at the end of the stream, or a negative errno;
 * -EAGAIN when it would have to wait: the polling task is woken when there is something.
 *
 * `size` 0 receives nothing: it asks for readiness and gives 0 or -EAGAIN, so that a waiting
 * connection needs no buffer.
 */
WOK_API ssize_t wok_stream_recv_poll(wok_stream *stream, wok_cx *cx, void *buffer, size_t size);

/** The waiting form of wok_stream_recv_poll(). */
WOK_API WOK_CP ssize_t wok_stream_recv(wok_stream *stream, void *buffer, size_t size);

/** Sends the pieces as one; as wok_stream_recv_poll(), and may send less than all. */
WOK_API ssize_t wok_stream_send_poll(wok_stream *stream, wok_cx *cx, const struct iovec *pieces,
                                     int count);

/** Sends all of `size` bytes: 0 or a negative errno. */
WOK_API WOK_CP int wok_stream_send_all(wok_stream *stream, const void *bytes, size_t size);

/** What is known of the peer without reading. */
typedef enum wok_hangup {
    WOK_HANGUP_NONE,
    WOK_HANGUP_HALF,  /* a FIN came: the peer sends no more, and may have gone altogether */
    WOK_HANGUP_RESET, /* the connection is dead in both directions */
} wok_hangup;

/**
 * Says whether the peer hung up; while it says less than `until`, the polling task is woken when
 * that changes.  It reads nothing: bytes that arrive stay where they are.
 */
WOK_API wok_hangup wok_stream_hangup_poll(wok_stream *stream, wok_cx *cx, wok_hangup until);

/** Takes back what the last _poll calls of the stream asked to be woken for. */
WOK_API void wok_stream_forget(wok_stream *stream);

/** Ends the sending direction with a FIN: 0 or a negative errno. */
WOK_API int wok_stream_shutdown_send(wok_stream *stream);

/** Closes the stream at once; NULL is fine.  With `reset`, the peer gets an RST. */
WOK_API void wok_stream_close(wok_stream *stream);
WOK_API void wok_stream_reset(wok_stream *stream);

/** The peer's address as text ("127.0.0.1:5123"), NUL-terminated; returns its length. */
WOK_API size_t wok_stream_peer(const wok_stream *stream, char *buffer, size_t size);

WOK_END_DECLS

#endif
