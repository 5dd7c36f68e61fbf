/*
 * sim.h - the simulated network: what a test can ask of it beyond being a network.
 *
 * There is one per process, as there is one loopback; all runtimes with simulated_network share it,
 * and it is emptied, and its faults reset, when the last of their drivers is done.  A test has three
 * ways in: tasks that use wok_connect() and streams, client ends without a task (wok__sim_connect),
 * and a hand on the connection of any end (hold, release, reset).  An end is named by its
 * descriptor, wok_stream.io.fd.
 *
 * Everything is delivered at once, in the caller's thread, unless it is held; so with one worker a
 * run is the same each time, and nothing is on its way when a paused clock jumps.  Latency is a task
 * that holds, sleeps on the runtime's clock, and releases.
 */
#ifndef WOK_IO_SIM_H
#define WOK_IO_SIM_H

#include <stddef.h>
#include <stdint.h>

#include "io/driver.h"

/* Zero is a network without faults. */
struct wok__sim_faults {
    size_t recv_max, send_max;       /* bytes of one call at most, as if the rest came just after */
    unsigned recv_again, send_again; /* the next calls say -EAGAIN although they need not */
    int accept_error;                /* what the next accepts say ... */
    unsigned accept_errors;          /* ... and how many; the connections stay in the queue */
    bool connect_late;               /* a connection is established when it is accepted */
    size_t capacity;                 /* bytes an end can hold unread; 0: 65,536.  For new ends */
};

/* Calls since the network was empty, and ends that are open. */
struct wok__sim_figures {
    uint64_t accepts, recvs, sends, recv_eagains, send_eagains;
    unsigned open; /* streams and listeners */
};

void wok__sim_set_faults(const struct wok__sim_faults *faults);
struct wok__sim_figures wok__sim_figures(void);

/* What is sent to this end from now on stays on its way, until it is released. */
void wok__sim_hold(int fd);
/* Lets `size` bytes arrive, and a FIN after the last one; SIZE_MAX also ends the holding. */
void wok__sim_release(int fd, size_t size);
/* The connection breaks: both ends get a reset. */
void wok__sim_reset(int fd);
/* The other end, or -ENOTCONN. */
int wok__sim_peer(int fd);

/* A client end that no driver watches: calls that would wait say -EAGAIN. */
int wok__sim_connect(uint16_t port);
ssize_t wok__sim_send(int fd, const void *bytes, size_t size);
ssize_t wok__sim_recv(int fd, void *buffer, size_t size);
void wok__sim_close(int fd, bool reset);

#endif
