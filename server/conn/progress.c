/*
 * progress.c - does the client take what it is sent?
 *
 * A kernel tells of room in large steps: a third of a buffer of megabytes, or of what the client announces.  A
 * client that reads slowly makes progress between two of them, for longer than the write deadline.  So
 * the deadline does not count from when bytes left last, but from when the client has taken some,
 * which the socket is asked for.  Above and below TLS it is the same socket.
 *
 * It is asked once when a wait begins, and then each eighth of the deadline.  Two looks, at the wait's begin and
 * at the deadline, would do for who takes something all the time; but what is under way at the begin is
 * nearly always taken just after it, so that who takes nothing would be given the time twice.
 *
 * Invariants
 *   P1  while `waits` is set, the figures are those of `looked_ns`, and nothing has been seen to be taken since
 *       `sent_ns`.  It is set whenever output waits: a poll ends with a send that found no room.
 *   P2  whatever the stream takes counts as well: there is room only where something was taken.  Of TLS that can
 *       be a part of a record, of which no send tells.
 *
 * What a client may not be is as slow as it likes with much: what it costs is bounded by --output-bytes-max, however long it
 * takes.  docs/decisions/0057-progress.md says why there is no least rate.
 */
#include "conn/connection.h"

enum { LOOKS = 8 };

static void look(struct wok__connection *connection)
{
    struct wok__patience *patience = &connection->work->patience;

    patience->looked_ns = connection->now_ns;
    patience->handed = wok__transport_handed(&connection->transport);
    patience->untaken = wok_stream_untaken(connection->transport.stream);
}

void wok__connection_sends(struct wok__connection *connection)
{
    connection->work->patience.waits = false;
}

void wok__connection_waits_for_room(struct wok__connection *connection)
{
    if (connection->work->patience.waits)
        return;
    connection->work->patience.waits = true;
    connection->sent_ns = connection->now_ns;
    look(connection);
}

static uint64_t after(uint64_t begin_ns, wok_duration duration)
{
    return wok_instant_after((wok_instant){begin_ns}, duration).ns;
}

uint64_t wok__connection_looks_next(const struct wok__connection *connection)
{
    wok_duration timeout = connection->server->options.write_timeout;
    uint64_t last_ns = after(connection->sent_ns, timeout);
    uint64_t next_ns = after(connection->work->patience.looked_ns, wok_ns(timeout.ns / LOOKS));

    return next_ns < last_ns ? next_ns : last_ns;
}

bool wok__connection_is_patient(struct wok__connection *connection)
{
    struct wok__patience before = connection->work->patience;
    const struct wok__patience *patience = &connection->work->patience;

    look(connection);
    if (patience->untaken < before.untaken || patience->handed != before.handed)
        connection->sent_ns = connection->now_ns;
    return connection->now_ns <
           after(connection->sent_ns, connection->server->options.write_timeout);
}
