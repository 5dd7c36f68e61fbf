/*
 * connection.h - one connection, as the files that share its life see it.
 */
#ifndef WOK_SERVER_CONN_CONNECTION_H
#define WOK_SERVER_CONN_CONNECTION_H

#include <wok/net.h>
#include <wok/time.h>

#include "conn/work.h"
#include "conn/server.h"
#include "net/transport.h"

/* The future of a connection's task.  While it is idle this and the stream are all that it costs. */
struct wok__connection {
    wok_http_server *server;
    struct wok__transport transport;
    struct wok__connection *next, *prev; /* the server's list; its lock */
    wok_waker waker;                     /* constant while listed */
    struct wok__address_count *address;  /* where it counts; NULL: nowhere */
    uint32_t requests;                   /* begun so far */
    bool listed;
    bool cut; /* an answer was not sent to its end: the client has to see a reset */

    struct wok__work *work; /* NULL while idle */
    wok_sleep_future timer;
    uint64_t armed_ns;    /* what the timer is set to; 0: it is not armed */
    uint64_t now_ns;      /* the clock, read once per wake */
    uint64_t since_ns;    /* idle: since when; else when the message being received began */
    uint64_t body_ns;     /* when its body began; 0: it is in its head */
    uint64_t received_ns; /* when bytes came last */
    uint64_t sent_ns;     /* since when the output waits, or bytes of it were taken last */
    uint64_t hung_up_ns;  /* when the kernel said so */
    bool hung_up;         /* a FIN came; what was sent before it may not have been received */
    bool half_closed;     /* all that the client sent has been received */
    bool closing;         /* nothing is parsed any more; close when all is answered */
    bool lingering; /* all is sent, our direction is being shut down, the rest is thrown away */
    bool shut;      /* our direction is shut down */
    bool gone;      /* the client is away: what runs is being aborted */
    bool probed;    /* 102 was sent */
    bool served;    /* a request was answered */
};

/* What a connection waits for at most until when; the earliest counts. */
enum wok__deadline {
    WOK__DEADLINE_NONE,
    WOK__DEADLINE_HANDSHAKE,
    WOK__DEADLINE_IDLE,
    WOK__DEADLINE_HEAD,
    WOK__DEADLINE_BODY,
    WOK__DEADLINE_WRITE,
    WOK__DEADLINE_REQUEST,
    WOK__DEADLINE_PROBE,
    WOK__DEADLINE_DRAIN,
    WOK__DEADLINE_LINGER,
};

/* ---- deadlines.c ------------------------------------------------------------------------------ */

/* The connection's earliest deadline, and what it is for. */
uint64_t wok__connection_deadline(const struct wok__connection *connection,
                                  enum wok__deadline *ret_what);

/* True while nothing is received, running or to be sent. */
bool wok__connection_is_idle(const struct wok__connection *connection);

/* ---- progress.c ------------------------------------------------------------------------------- */

/* Bytes of the output left. */
void wok__connection_sends(struct wok__connection *connection);

/* There is no room for more. */
void wok__connection_waits_for_room(struct wok__connection *connection);

/* When it is time for a look at what the client takes. */
uint64_t wok__connection_looks_next(const struct wok__connection *connection);

/* That time has come: false if the client has taken nothing for too long. */
bool wok__connection_is_patient(struct wok__connection *connection);

/* ---- pipeline.c ------------------------------------------------------------------------------- */

/* Parses what has been received and starts requests, as far as the limits allow.  Answers that are
 * ready at once are at the output afterwards. */
void wok__connection_parse(struct wok__connection *connection, wok_cx *cx);

/* Moves answers that are ready to the output, in their order; true: there was one. */
bool wok__connection_collect(struct wok__connection *connection, wok_cx *cx);

/* Aborts every request that runs. */
void wok__connection_abort_requests(struct wok__connection *connection);

/* Answers the message being received with a problem and parses no further. */
void wok__connection_refuse(struct wok__connection *connection, int status, const char *detail);

/* Where TLS was expected HTTP in clear has come: it is answered in clear, as a message that is refused. */
void wok__connection_answer_in_clear(struct wok__connection *connection);

/* True: of the message being received there are blank lines only.  They are no request, and no answer
 * is due: they are forgotten, and a connection with nothing else to do is closed. */
bool wok__connection_forget_blank_lines(struct wok__connection *connection);

/* The drain's grace is over: aborts every request that runs, and says which. */
void wok__connection_give_up_requests(struct wok__connection *connection);

/* Gives up what runs without waiting for it: the connection's task itself is being dropped. */
void wok__connection_drop_requests(struct wok__connection *connection);

/* True while another request may be started. */
bool wok__connection_has_room(const struct wok__connection *connection);

#endif
