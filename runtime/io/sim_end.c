/*
 * sim_end.c - what the end of a simulated connection does: TCP's ways with bytes, FIN and reset.
 *
 * Whoever changes what an end could do next (bytes, room, a FIN, a reset) reports an event to the
 * driver that watches it, as the kernel does at an edge, and with the whole present state, as epoll
 * does.
 *
 * Invariants
 *   N1  everything here is under the network's lock, which is taken before a driver's.
 *   N2  a call that takes less than it was asked for leaves nothing undone without an event to come:
 *       where a fault cuts it short, the event is reported at once.
 *   N3  peer pointers are mutual: closing an end clears the other one's.
 */
#include "io/sim_end.h"

#include <errno.h>

/* ---- events -------------------------------------------------------------------------------- */

static size_t room_of(const struct wok__sim_end *end)
{
    if (end->peer == NULL)
        return SIZE_MAX; /* what is sent is answered with a reset */
    return end->peer->capacity - end->peer->used;
}

static uint32_t ready_of(const struct wok__sim_end *end)
{
    uint32_t ready = 0;

    if (end->listens)
        return end->first != NULL ? WOK__READABLE : 0;
    if (end->connecting)
        return 0;
    if (end->visible > 0 || end->fin_seen || end->reset)
        ready |= WOK__READABLE;
    if (room_of(end) > 0 || end->reset)
        ready |= WOK__WRITABLE;
    if (end->fin_seen || end->reset)
        ready |= WOK__HALF;
    if (end->reset || (end->fin_seen && end->shut))
        ready |= WOK__DEAD;
    return ready;
}

void wok__sim_notify(struct wok__sim_end *end)
{
    uint32_t ready = ready_of(end);

    if (end->driver != NULL && ready != 0)
        wok__driver_event(end->driver, end->token, ready);
}

void wok__sim_deliver(struct wok__sim_end *end, size_t size)
{
    size_t moving = end->used - end->visible;

    end->visible += moving < size ? moving : size;
    if (end->fin_sent && end->visible == end->used)
        end->fin_seen = true;
    wok__sim_notify(end);
}

void wok__sim_receive_reset(struct wok__sim_end *end, int error)
{
    if (end->peer != NULL)
        end->peer->peer = NULL;
    end->peer = NULL;
    end->reset = true;
    end->connecting = false;
    end->error = error;
    end->used = end->visible; /* what has arrived can still be read */
    wok__sim_notify(end);
}

/* ---- receiving ----------------------------------------------------------------------------- */

static ssize_t recv_nothing(struct wok__sim_end *end)
{
    int error = end->error;

    if (error != 0) {
        end->error = 0;
        return error;
    }
    if (end->fin_seen || end->reset)
        return 0;
    wok__sim.figures.recv_eagains++;
    return -EAGAIN;
}

ssize_t wok__sim_end_recv(struct wok__sim_end *end, char *buffer, size_t size)
{
    wok__sim.figures.recvs++;
    if (wok__sim.faults.recv_again > 0) {
        wok__sim.faults.recv_again--;
        wok__sim_notify(end);
        wok__sim.figures.recv_eagains++;
        return -EAGAIN;
    }
    if (end->visible == 0)
        return recv_nothing(end);

    bool was_full = end->used == end->capacity;
    size_t count = size < end->visible ? size : end->visible;
    if (wok__sim.faults.recv_max != 0 && count > wok__sim.faults.recv_max)
        count = wok__sim.faults.recv_max;
    size_t straight = end->capacity - end->head < count ? end->capacity - end->head : count;
    memcpy(buffer, end->bytes + end->head, straight);
    memcpy(buffer + straight, end->bytes, count - straight);
    end->head = (end->head + count) % end->capacity;
    end->used -= count;
    end->visible -= count;
    if (count < size && end->visible > 0)
        wok__sim_notify(end); /* N2 */
    if (was_full && count > 0 && end->peer != NULL)
        wok__sim_notify(end->peer); /* there is room again */
    return (ssize_t)count;
}

/* ---- sending ------------------------------------------------------------------------------- */

static size_t append(struct wok__sim_end *end, const char *bytes, size_t size)
{
    size_t count = end->capacity - end->used;

    count = count < size ? count : size;
    if (count == 0)
        return 0; /* an empty piece may have no address */
    size_t tail = (end->head + end->used) % end->capacity;
    size_t straight = end->capacity - tail < count ? end->capacity - tail : count;
    memcpy(end->bytes + tail, bytes, straight);
    memcpy(end->bytes, bytes + straight, count - straight);
    end->used += count;
    return count;
}

static ssize_t send_pieces(struct wok__sim_end *end, const struct iovec *pieces, int count)
{
    size_t left = wok__sim.faults.send_max != 0 ? wok__sim.faults.send_max : SIZE_MAX;
    size_t sent = 0, size = 0;

    for (int i = 0; i < count; i++) {
        size_t want = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        size_t taken = append(end->peer, pieces[i].iov_base, want);
        size += pieces[i].iov_len;
        sent += taken;
        left -= taken;
        if (taken < pieces[i].iov_len)
            break;
    }
    if (sent == 0 && size > 0) {
        wok__sim.figures.send_eagains++;
        return -EAGAIN;
    }
    if (!end->peer->held)
        wok__sim_deliver(end->peer, SIZE_MAX);
    if (sent < size && room_of(end) > 0)
        wok__sim_notify(end); /* N2 */
    return (ssize_t)sent;
}

ssize_t wok__sim_end_send(struct wok__sim_end *end, const struct iovec *pieces, int count)
{
    ssize_t size = 0;

    wok__sim.figures.sends++;
    if (wok__sim.faults.send_again > 0) {
        wok__sim.faults.send_again--;
        wok__sim_notify(end);
        wok__sim.figures.send_eagains++;
        return -EAGAIN;
    }
    if (end->error != 0) {
        int error = end->error;
        end->error = 0;
        return error;
    }
    if (end->shut || end->reset)
        return -EPIPE;
    if (end->connecting)
        return -EAGAIN;
    if (end->peer != NULL)
        return send_pieces(end, pieces, count);

    /* The peer closed: the bytes are on the wire before the reset that answers them. */
    for (int i = 0; i < count; i++)
        size += (ssize_t)pieces[i].iov_len;
    wok__sim_receive_reset(end, -EPIPE);
    return size;
}

/* ---- ending -------------------------------------------------------------------------------- */

void wok__sim_send_fin(struct wok__sim_end *end)
{
    end->shut = true;
    if (end->peer == NULL)
        return;
    end->peer->fin_sent = true;
    if (!end->peer->held)
        wok__sim_deliver(end->peer, SIZE_MAX);
}
