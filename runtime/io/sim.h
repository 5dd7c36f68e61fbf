/*
 * sim.h - the simulated network: what a test can ask of it beyond being a network.
 *
 * There is one per process, as there is one loopback; all runtimes with simulated_network share it,
 * and it is emptied, and its faults reset, when the last of their drivers is done.  A test has three
 * ways in: tasks that use wok_connect() and streams, client ends without a task (wok__sim_connect),
 * and a hand on the connection of any end (hold, release, reset).  An end is named by its
 * descriptor, wok_stream.io.fd.
 *
 * Faults and figures are those of <wok/testing_net.h>.  Everything is delivered at once, in the caller's
 * thread, unless it is held or a latency is asked for; so nothing is on its way when a paused clock jumps.
 */
#ifndef WOK_IO_SIM_H
#define WOK_IO_SIM_H

#include <stddef.h>
#include <stdint.h>

#include <wok/testing_net.h>

#include "io/driver.h"

/* What arrives at this end from now on waits, until it is released. */
void wok__sim_hold(int fd);
/* Lets `size` bytes be received, and a FIN after the last one; SIZE_MAX also ends the holding. */
void wok__sim_release(int fd, size_t size);
/* The connection breaks: both ends get a reset. */
void wok__sim_reset(int fd);
static inline wok_test_net_figures wok__sim_figures(void)
{
    wok_test_net_figures figures;

    wok_test_net_figures_get(&figures);
    return figures;
}
/* The other end, or -ENOTCONN. */
int wok__sim_peer(int fd);

/* A client end that no driver watches: calls that would wait say -EAGAIN. */
int wok__sim_connect(uint16_t port);
ssize_t wok__sim_send(int fd, const void *bytes, size_t size);
ssize_t wok__sim_recv(int fd, void *buffer, size_t size);
void wok__sim_close(int fd, bool reset);

#endif
