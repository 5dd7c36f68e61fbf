/*
 * deadlines.c - how long a connection may wait for what.
 *
 * A connection has one timer.  Deadlines that move on with every request (idle, request) are not
 * written into it: it fires at the time they had before, looks, and is set again.  So a request on a
 * connection kept alive touches no timer wheel.
 */
#include "conn/connection.h"

/* A client that hung up is probed after this long. */
#define PROBE_NS UINT64_C(100000000)

/* A lingering one is left when it has sent nothing for so long, and after so long in all: a client in
 * the middle of a body of megabytes is to see why it is not wanted. */
#define LINGER_SILENCE_NS UINT64_C(1000000000)
#define LINGER_NS UINT64_C(5000000000)

static uint64_t after(uint64_t begin, wok_duration duration)
{
    return wok_instant_after((wok_instant){begin}, duration).ns;
}

struct earliest {
    uint64_t ns;
    enum wok__deadline what;
};

static void consider(struct earliest *earliest, uint64_t ns, enum wok__deadline what)
{
    if (ns < earliest->ns) {
        earliest->ns = ns;
        earliest->what = what;
    }
}

bool wok__connection_is_idle(const struct wok__connection *connection)
{
    const struct wok__work *work = connection->work;

    return work == NULL || (work->incoming == NULL && work->first == work->last &&
                            work->sent == work->output.size && work->parsed == work->input.size);
}

static void consider_incoming(const struct wok__connection *connection, struct earliest *earliest)
{
    const wok_http_server_options *options = &connection->server->options;

    if (connection->work->wants_continue)
        return; /* it is our turn: the requests before it have deadlines of their own */
    if (connection->body_ns == 0) {
        consider(earliest, after(connection->since_ns, options->head_timeout), WOK__DEADLINE_HEAD);
        return;
    }
    consider(earliest, after(connection->received_ns, options->body_progress_timeout),
             WOK__DEADLINE_BODY);
    consider(earliest, after(connection->body_ns, options->body_timeout), WOK__DEADLINE_BODY);
}

uint64_t wok__connection_deadline(const struct wok__connection *connection,
                                  enum wok__deadline *ret_what)
{
    const wok_http_server *server = connection->server;
    struct wok__work *work = connection->work;
    struct earliest earliest = {UINT64_MAX, WOK__DEADLINE_NONE};
    bool receives = work != NULL && work->incoming != NULL;
    bool runs = work != NULL && work->first != work->last;

    if (connection->lingering) {
        consider(&earliest, connection->sent_ns + LINGER_NS, WOK__DEADLINE_LINGER);
        consider(&earliest, connection->received_ns + LINGER_SILENCE_NS, WOK__DEADLINE_LINGER);
        *ret_what = earliest.what;
        return earliest.ns;
    }
    if (wok__transport_is_opening(&connection->transport) && !connection->closing)
        consider(&earliest, after(connection->since_ns, server->options.handshake_timeout),
                 WOK__DEADLINE_HANDSHAKE);
    else if (receives)
        consider_incoming(connection, &earliest);
    else if (wok__connection_is_idle(connection) && connection->served)
        consider(&earliest, after(connection->since_ns, server->options.idle_timeout),
                 WOK__DEADLINE_IDLE);
    else if (wok__connection_is_idle(connection))
        consider(&earliest, after(connection->since_ns, server->options.head_timeout),
                 WOK__DEADLINE_IDLE);
    if (work != NULL && work->patience.waits && !connection->gone)
        consider(&earliest, wok__connection_looks_next(connection), WOK__DEADLINE_WRITE);
    if (runs) {
        const struct wok__slot_of_pipeline *slot = wok__work_slot(work, work->first);
        /* Of an answer that has begun the client's progress counts, and what waits is a probe. */
        if (!slot->timed_out && !slot->begun)
            consider(&earliest, after(slot->exchange->started.ns, server->options.request_timeout),
                     WOK__DEADLINE_REQUEST);
        if (connection->hung_up && !connection->probed && !connection->gone && !slot->begun)
            consider(&earliest, connection->hung_up_ns + PROBE_NS, WOK__DEADLINE_PROBE);
    } else if (wok__server_drain(server) >= WOK__DRAIN_CLOSING) {
        /* What is being sent is sent to its end, whatever comes behind it. */
        if ((receives && !work->patience.waits) || wok__connection_is_idle(connection))
            consider(&earliest, load_relaxed(&server->closing_ns) + WOK__ON_THE_WIRE_NS,
                     WOK__DEADLINE_DRAIN);
    }
    *ret_what = earliest.what;
    return earliest.ns;
}
