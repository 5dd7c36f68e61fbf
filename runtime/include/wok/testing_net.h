/*
 * testing_net.h - the simulated network: faults, delays, and figures, for tests.
 *
 * A runtime with simulated_network has its listeners and streams in memory: there are ports and no
 * addresses, TCP's ways with bytes, FIN and reset, and faults when a test asks for them.  There is one
 * such network in a process; it is empty, and without faults, when the last runtime that uses it is freed.
 *
 * Without faults everything arrives at once.
 */
#ifndef WOK_TESTING_NET_H
#define WOK_TESTING_NET_H

#include <wok/base.h>
#include <wok/net.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/** Chances of random faults, in a thousand calls each; drawn from the seed, in tasks only. */
typedef struct wok_test_net_chaos {
    /** A receive or a send is cut short. */
    unsigned split WOK_OPTIONAL_;
    /** A receive or a send says -EAGAIN although it need not. */
    unsigned again WOK_OPTIONAL_;
    /** The connection breaks at a receive or a send. */
    unsigned reset WOK_OPTIONAL_;
    /** An accept fails with `accept_error`, or -EMFILE. */
    unsigned accept WOK_OPTIONAL_;
    /** A connect fails with `connect_error`, or -ECONNREFUSED. */
    unsigned connect WOK_OPTIONAL_;
} wok_test_net_chaos;

/** Faults; zero is a network without any. */
typedef struct wok_test_net_faults {
    /** Bytes of one receive, and of one send, at most, as if the rest came just after; 0: no limit. */
    size_t recv_max WOK_OPTIONAL_, send_max WOK_OPTIONAL_;
    /** How long what is sent is on its way, and up to how much longer, by chance.  Bytes keep their
     *  order.  It takes a connect both ways until the stream is there. */
    wok_duration latency WOK_OPTIONAL_, jitter WOK_OPTIONAL_;
    /** The connection breaks when an end has sent so many bytes; 0: never. */
    uint64_t reset_after WOK_OPTIONAL_;
    /** The next so many receives, and sends, say -EAGAIN although they need not. */
    unsigned recv_again WOK_OPTIONAL_, send_again WOK_OPTIONAL_;
    /** What the next accepts say (-EMFILE, ...), and how many; the connections stay in the queue. */
    int accept_error WOK_OPTIONAL_;
    unsigned accept_errors WOK_OPTIONAL_;
    /** What the next connects say (-ECONNREFUSED, -EMFILE, ...), and how many. */
    int connect_error WOK_OPTIONAL_;
    unsigned connect_errors WOK_OPTIONAL_;
    /** A connection is established when it is accepted. */
    bool connect_late WOK_OPTIONAL_;
    /** Connections that may wait in a listener, if that is less than it asked for; 0: no limit. */
    int backlog_max WOK_OPTIONAL_;
    /** Who waits for room to send waits until there are so many bytes, as a kernel tells of it in large steps
     *  only; 0: until there is any. */
    size_t room_min WOK_OPTIONAL_;
    /** Bytes that an end can hold unread (65,536); of new ends. */
    size_t capacity WOK_OPTIONAL_;
    wok_test_net_chaos chaos WOK_OPTIONAL_;
} wok_test_net_faults;

/**
 * Sets the faults of the network, from now on; NULL: none.
 *
 * Ownership:  copies the faults.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_test_net_set_faults(const wok_test_net_faults *faults);

/**
 * Sets the faults of what this end of a connection receives and sends, in place of the network's; NULL:
 * the network's again.  So each direction may have its own.
 *
 * Errors:     0; -EINVAL if the stream is not simulated; -ENOMEM.
 * Ownership:  copies the faults.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_test_net_set_stream_faults(wok_stream *stream, const wok_test_net_faults *faults);

/**
 * From now on what arrives at this end waits, until wok_test_net_release().
 *
 * Errors:     0; -EINVAL if the stream is not simulated.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_test_net_hold(wok_stream *stream);

/**
 * Lets `size` bytes of what waits be received, and a FIN after the last one; SIZE_MAX: all, and what
 * comes later does not wait.
 *
 * Errors:     0; -EINVAL if the stream is not simulated.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_test_net_release(wok_stream *stream, size_t size);

/**
 * Breaks the connection: both ends get a reset, at once.
 *
 * Errors:     0; -EINVAL if the stream is not simulated.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
int wok_test_net_break(wok_stream *stream);

/** Calls since the network was empty. */
typedef struct wok_test_net_figures {
    uint64_t connects, accepts, recvs, sends, recv_eagains, send_eagains;
    /** Ends that got a reset. */
    uint64_t resets;
    /** Streams and listeners that are open. */
    unsigned open;
    /** Bytes, FINs, resets and connections that are on their way. */
    unsigned on_way;
} wok_test_net_figures;

/**
 * Reads the figures of the network.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_test_net_figures_get(wok_test_net_figures *ret_figures);

WOK_END_DECLS

#endif
