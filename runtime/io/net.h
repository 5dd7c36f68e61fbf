/*
 * net.h - the memory of streams and listeners, and what the two share.
 */
#ifndef WOK_IO_NET_H
#define WOK_IO_NET_H

#include <wok/net.h>

#include "io/driver.h"

/* An idle connection is this and what its task needs: neither a stack nor a buffer. */
struct wok_stream {
    struct wok__io io;
};

_Static_assert(sizeof(struct wok_stream) <= 96,
               "a stream's size is part of what a connection costs");

/* Stopping: the descriptor is being shut; who accepts waits until nobody uses it any more. */
enum wok__listening { WOK__LISTENING, WOK__STOPPING, WOK__STOPPED };

struct wok_listener {
    struct wok__watch watch;
    struct wok_runtime *runtime; /* constant, as the next three */
    const struct wok__driver_ops *ops;
    int fd;
    uint16_t port;
    bool shared;       /* others hold the same socket, and go on listening; constant */
    unsigned accepted; /* in a row; the accepting task only */

    struct wok__lock lock;
    bool ready;                /* the lock */
    enum wok__listening state; /* the lock */
    struct wok_task *waiter;   /* the lock */

    unsigned watching; /* drivers that watch; constant after wok_listen */
    wok__token tokens[];
};

/* Makes a stream of a connected descriptor of `driver`; closes it on failure. */
WOK_MUST_USE
int wok__stream_new(struct wok__driver *driver, int fd, wok_stream **ret_stream);

/* Parses a numeric address; NULL is 127.0.0.1.  -EINVAL if it is none. */
WOK_MUST_USE
int wok__address_parse(const char *text, uint16_t port, struct wok__address *ret_address);

/* Writes "127.0.0.1:5123", "[::1]:5123" or "unix", cut to `size`, and returns its length. */
size_t wok__address_format(const struct wok__address *address, char *buffer, size_t size);

#endif
