/*
 * sim_end.h - one end of a simulated connection, or a listener: private to sim.c and sim_end.c.
 *
 * Everything is under the lock of the network.
 */
#ifndef WOK_IO_SIM_END_H
#define WOK_IO_SIM_END_H

#include "io/sim.h"

struct wok__sim_end {
    int fd;
    bool listens, connecting;
    uint16_t port;
    struct wok__driver *driver; /* where its events go, or NULL */
    wok__token token;

    /* A stream's: a ring of `used` bytes from `head` on, the first `visible` of which have arrived. */
    struct wok__sim_end *peer; /* NULL: closed, or reset */
    uint16_t peer_port;
    char *bytes;
    size_t capacity, head, used, visible;
    bool held;
    bool fin_sent, fin_seen; /* by the peer; arrived here */
    bool shut;               /* this end sends no more */
    bool reset;
    int error; /* told once */

    /* A listener's, and the link of those that wait in it. */
    struct wok__sim_end *first, *last, *next;
    int backlog; /* places left */
    bool stopped;
    bool hushed; /* refuses new connections; those in the queue can be accepted */
};

struct wok__sim_network {
    struct wok__lock lock;
    unsigned drivers;
    struct wok__sim_end **ends; /* by descriptor */
    size_t capacity;
    uint16_t next_port;
    struct wok__sim_faults faults;
    struct wok__sim_figures figures;
};

extern struct wok__sim_network wok__sim;

/* What a task did to the network, for the event log of a runtime under test. */
enum wok__sim_call {
    WOK__SIM_CONNECT,
    WOK__SIM_ACCEPT,
    WOK__SIM_RECV,
    WOK__SIM_SEND,
    WOK__SIM_SHUT,
    WOK__SIM_CLOSE,
};

/* sched/log.c: notes a call of the calling task's. */
void wok__sim_note(enum wok__sim_call call, int end, int64_t result);

/* Reports the present state of an end to its driver. */
void wok__sim_notify(struct wok__sim_end *end);
/* Lets at most `size` bytes that are on their way arrive, and the FIN after the last one. */
void wok__sim_deliver(struct wok__sim_end *end, size_t size);
/* The end learns that its connection is gone. */
void wok__sim_receive_reset(struct wok__sim_end *end, int error);
/* The end sends no more. */
void wok__sim_send_fin(struct wok__sim_end *end);
ssize_t wok__sim_end_recv(struct wok__sim_end *end, char *buffer, size_t size);
ssize_t wok__sim_end_send(struct wok__sim_end *end, const struct iovec *pieces, int count);

#endif
