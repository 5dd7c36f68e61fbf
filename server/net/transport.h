/*
 * transport.h - a connection's bytes: over its stream as they are, or through a TLS session.
 *
 * In clear each operation is the stream's own behind one branch, with no copy and no allocation more.
 * A TLS session asks the stream from inside OpenSSL, so that in both cases -EAGAIN means that the polling
 * task has been registered for what it waits for, whichever direction that is.
 */
#ifndef WOK_SERVER_NET_TRANSPORT_H
#define WOK_SERVER_NET_TRANSPORT_H

#include "net/tls.h"

struct wok__transport {
    wok_stream *stream;
    struct wok__tls *tls; /* NULL: in clear */
};

/* True while nothing can be received or sent, since the handshake is not over. */
static inline bool wok__transport_is_opening(const struct wok__transport *transport)
{
    return transport->tls != NULL && !wok__tls_is_established(transport->tls);
}

/* As wok_stream_recv_poll(), `size` 0 included; an end that the peer did not announce is an error. */
static inline ssize_t wok__transport_recv(struct wok__transport *transport, wok_cx *cx,
                                          void *buffer, size_t size)
{
    if (transport->tls != NULL)
        return wok__tls_recv(transport->tls, cx, buffer, size);
    return wok_stream_recv_poll(transport->stream, cx, buffer, size);
}

/* As wok_stream_send_poll().  After -EAGAIN the next call begins with the same bytes, or with them and
 * more; it may have moved them. */
static inline ssize_t wok__transport_send(struct wok__transport *transport, wok_cx *cx,
                                          const struct iovec *pieces, int count)
{
    if (transport->tls != NULL)
        return wok__tls_send(transport->tls, cx, pieces, count);
    return wok_stream_send_poll(transport->stream, cx, pieces, count);
}

/* Bytes of half sent records that the stream took, of which no send has told; each changes it. */
static inline uint64_t wok__transport_handed(const struct wok__transport *transport)
{
    return transport->tls != NULL ? transport->tls->handed : 0;
}

/* Ends our direction after what was sent: 0, -EAGAIN, or a negative errno once it is dead. */
static inline int wok__transport_shutdown_send(struct wok__transport *transport, wok_cx *cx)
{
    if (transport->tls != NULL) {
        int code = wok__tls_say_goodbye(transport->tls, cx);
        if (code == -EAGAIN)
            return code;
    }
    return wok_stream_shutdown_send(transport->stream);
}

/* Closes the stream, by a reset if `reset`. */
static inline void wok__transport_close(struct wok__transport *transport, bool reset)
{
    wok__tls_free(transport->tls); /* first: it may be waiting in its turn */
    if (reset)
        wok_stream_reset(transport->stream);
    else
        wok_stream_close(transport->stream);
}

#endif
