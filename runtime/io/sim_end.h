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
    bool answered; /* connecting, and the answer is on its way */
    uint16_t port;
    struct wok__driver *driver; /* where its events go, or NULL */
    wok__token token;
    wok_test_net_faults *own; /* faults of its own, or NULL */

    /* A stream's: a ring of `used` bytes from `head` on; the first `arrived` are no longer on their way,
     * and the first `visible` are not held. */
    struct wok__sim_end *peer; /* NULL: closed, or reset */
    uint16_t peer_port;
    char *bytes;
    size_t capacity, head, used, arrived, visible;
    uint64_t sent;       /* bytes, in all */
    uint64_t last_at_ns; /* when the last of what is on its way here arrives */
    bool held;
    bool fin_arrived, fin_seen; /* the peer's; seen once the bytes before it are visible */
    bool shut;                  /* this end sends no more */
    bool reset, reset_coming;   /* coming: one is on its way, in answer to what was sent */
    int error;                  /* told once */

    /* A listener's, and the link of those that wait in it. */
    struct wok__sim_end *first, *last, *next;
    int waiting; /* in it */
    int backlog;
    bool stopped;
    bool hushed; /* refuses new connections; those in the queue can be accepted */
};

/* What takes its time, in the order of its arrival. */
struct wok__sim_parcel {
    struct wok__sim_parcel *next;
    uint64_t at_ns;
    struct wok__sim_end *end; /* who gets it */
    enum wok__sim_what {
        WOK__SIM_BYTES,
        WOK__SIM_FIN,
        WOK__SIM_RESET,
        WOK__SIM_CALL,   /* the server's end of a connection comes to the listener */
        WOK__SIM_ANSWER, /* the client's end learns that it is connected */
    } what;
    size_t size; /* of bytes */
    int error;   /* of a reset */
};

struct wok__sim_network {
    struct wok__lock lock;
    unsigned drivers;
    struct wok__sim_end **ends; /* by descriptor */
    size_t capacity;
    uint16_t next_port;
    wok_test_net_faults faults;
    wok_test_net_figures figures;
    struct wok__sim_parcel *parcels; /* the next one first */
    bool has_courier;                /* a task delivers them */
    uint64_t courier_until_ns;       /* it sleeps; 0: it is awake */
    wok_waker courier_waker;
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

/* ---- sim.c ------------------------------------------------------------------------------------- */

struct wok__sim_end *wok__sim_find(int fd);

/* The server's end of a connection comes to where its port is listened at: false if nobody does. */
bool wok__sim_call(struct wok__sim_end *server);

void wok__sim_end_free(struct wok__sim_end *end);

/* ---- sim_end.c --------------------------------------------------------------------------------- */

/* Reports the present state of an end to its driver. */
void wok__sim_notify(struct wok__sim_end *end);
/* So many bytes have arrived, or a FIN after the last one. */
void wok__sim_arrive(struct wok__sim_end *end, size_t size);
void wok__sim_arrive_fin(struct wok__sim_end *end);
/* Lets at most `size` bytes that have arrived be seen, and the FIN after the last one. */
void wok__sim_show(struct wok__sim_end *end, size_t size);
/* The end learns that its connection is gone. */
void wok__sim_receive_reset(struct wok__sim_end *end, int error);
/* Both ends do. */
void wok__sim_break(struct wok__sim_end *end);
/* The end sends no more. */
void wok__sim_send_fin(struct wok__sim_end *end);
ssize_t wok__sim_end_recv(struct wok__sim_end *end, char *buffer, size_t size);
ssize_t wok__sim_end_send(struct wok__sim_end *end, const struct iovec *pieces, int count);

/* ---- sim_delay.c ------------------------------------------------------------------------------- */

/* The faults of an end: its own, or the network's; of NULL the network's. */
wok_test_net_faults *wok__sim_faults_of(const struct wok__sim_end *end);

/* True in about so many of a thousand cases, by the seed of the calling task's runtime. */
bool wok__sim_chance(unsigned permille);

/* What `from` sends comes to `to`: at once, or when its latency has passed. */
void wok__sim_send_parcel(const struct wok__sim_end *from, struct wok__sim_end *to,
                          enum wok__sim_what what, size_t size, int error);

/* Forgets what is on its way to an end. */
void wok__sim_forget_parcels(const struct wok__sim_end *end);

/* After the lock was given back: if something is on its way, somebody has to deliver it. */
void wok__sim_hire(void);

#endif
