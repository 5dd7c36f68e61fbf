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

#include "task/schedule.h"

/* ---- events -------------------------------------------------------------------------------- */

static size_t room_of(const struct wok__sim_end *end)
{
    if (end->peer == NULL)
        return SIZE_MAX; /* what is sent is answered with a reset, or one is on its way */
    return end->peer->capacity - end->peer->used;
}

/* The room at which an end hears that there is some. */
static size_t room_told(const struct wok__sim_end *end)
{
    size_t least = wok__sim_faults_of(end)->room_min;

    if (least == 0)
        return 1;
    return end->peer != NULL && least > end->peer->capacity ? end->peer->capacity : least;
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
    if (room_of(end) >= room_told(end) || end->reset)
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

void wok__sim_show(struct wok__sim_end *end, size_t size)
{
    size_t hidden = end->arrived - end->visible;

    end->visible += hidden < size ? hidden : size;
    if (end->fin_arrived && end->visible == end->used)
        end->fin_seen = true;
    wok__sim_notify(end);
}

void wok__sim_arrive(struct wok__sim_end *end, size_t size)
{
    if (end->reset)
        return;
    end->arrived += size;
    if (!end->held)
        wok__sim_show(end, SIZE_MAX);
}

void wok__sim_arrive_fin(struct wok__sim_end *end)
{
    if (end->reset)
        return;
    end->fin_arrived = true;
    if (!end->held)
        wok__sim_show(end, SIZE_MAX);
}

void wok__sim_receive_reset(struct wok__sim_end *end, int error)
{
    if (end->peer != NULL)
        end->peer->peer = NULL;
    end->peer = NULL;
    if (!end->reset)
        wok__sim.figures.resets++;
    end->reset = true;
    end->connecting = false;
    end->error = error;
    end->arrived = end->used = end->visible; /* what was seen can still be read */
    wok__sim_notify(end);
}

void wok__sim_break(struct wok__sim_end *end)
{
    struct wok__sim_end *peer = end->peer;

    wok__sim_receive_reset(end, -ECONNRESET);
    if (peer != NULL)
        wok__sim_receive_reset(peer, -ECONNRESET);
}

/* ---- faults of a call ---------------------------------------------------------------------- */

/* True: the call says -EAGAIN, and the event that ends the wait was reported. */
static bool says_again(struct wok__sim_end *end, unsigned *agains, uint64_t *figure)
{
    bool again = *agains > 0 || wok__sim_chance(wok__sim_faults_of(end)->chaos.again);

    if (!again)
        return false;
    if (*agains > 0)
        --*agains;
    wok__sim_notify(end);
    ++*figure;
    return true;
}

/* How much of `size` bytes a call may move. */
static size_t cut(const struct wok__sim_end *end, size_t size, size_t max)
{
    if (max != 0 && size > max)
        size = max;
    if (size > 1 && wok__sim_chance(wok__sim_faults_of(end)->chaos.split))
        size = 1 + wok__random_below(size - 1 < UINT32_MAX ? (uint32_t)size - 1 : UINT32_MAX);
    return size;
}

static void break_by_chance(struct wok__sim_end *end)
{
    if (!end->reset && !end->connecting && wok__sim_chance(wok__sim_faults_of(end)->chaos.reset))
        wok__sim_break(end);
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
    wok_test_net_faults *faults = wok__sim_faults_of(end);

    wok__sim.figures.recvs++;
    break_by_chance(end);
    if (says_again(end, &faults->recv_again, &wok__sim.figures.recv_eagains))
        return -EAGAIN;
    if (end->visible == 0)
        return recv_nothing(end);

    bool had_room = end->peer != NULL && room_of(end->peer) >= room_told(end->peer);
    size_t count = cut(end, size < end->visible ? size : end->visible, faults->recv_max);
    size_t straight = end->capacity - end->head < count ? end->capacity - end->head : count;
    memcpy(buffer, end->bytes + end->head, straight);
    memcpy(buffer + straight, end->bytes, count - straight);
    end->head = (end->head + count) % end->capacity;
    end->used -= count;
    end->arrived -= count;
    end->visible -= count;
    if (count < size && end->visible > 0)
        wok__sim_notify(end); /* N2 */
    if (!had_room && end->peer != NULL && room_of(end->peer) >= room_told(end->peer))
        wok__sim_notify(end->peer);
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

/* How much the end may send before its connection breaks. */
static uint64_t until_break(const struct wok__sim_end *end)
{
    uint64_t limit = wok__sim_faults_of(end)->reset_after;

    return limit == 0 ? UINT64_MAX : limit > end->sent ? limit - end->sent : 0;
}

static ssize_t send_pieces(struct wok__sim_end *end, const struct iovec *pieces, int count)
{
    uint64_t before_break = until_break(end);
    size_t sent = 0, size = 0, left;

    for (int i = 0; i < count; i++)
        size += pieces[i].iov_len;
    left = cut(end, size, wok__sim_faults_of(end)->send_max);
    left = left < before_break ? left : (size_t)before_break;
    for (int i = 0; i < count && left > 0; i++) {
        size_t want = pieces[i].iov_len < left ? pieces[i].iov_len : left;
        size_t taken = append(end->peer, pieces[i].iov_base, want);
        sent += taken;
        left -= taken;
        if (taken < want)
            break;
    }
    if (sent == 0 && size > 0) {
        wok__sim.figures.send_eagains++;
        return -EAGAIN;
    }
    end->sent += sent;
    if (sent > 0)
        wok__sim_send_parcel(end, end->peer, WOK__SIM_BYTES, sent, 0);
    if (sent == before_break)
        wok__sim_break(end);
    else if (sent < size && room_of(end) > 0)
        wok__sim_notify(end); /* N2 */
    return (ssize_t)sent;
}

/* The peer is gone: the bytes are on the wire before the reset that answers them. */
static ssize_t send_to_nobody(struct wok__sim_end *end, const struct iovec *pieces, int count)
{
    ssize_t size = 0;

    for (int i = 0; i < count; i++)
        size += (ssize_t)pieces[i].iov_len;
    if (!end->reset_coming)
        wok__sim_send_parcel(end, end, WOK__SIM_RESET, 0, -EPIPE);
    end->reset_coming = true;
    return size;
}

ssize_t wok__sim_end_send(struct wok__sim_end *end, const struct iovec *pieces, int count)
{
    wok_test_net_faults *faults = wok__sim_faults_of(end);

    wok__sim.figures.sends++;
    break_by_chance(end);
    if (says_again(end, &faults->send_again, &wok__sim.figures.send_eagains))
        return -EAGAIN;
    if (end->error != 0) {
        int error = end->error;
        end->error = 0;
        return error;
    }
    if (end->shut || end->reset)
        return -EPIPE;
    if (end->connecting)
        return -EAGAIN;
    if (end->peer == NULL)
        return send_to_nobody(end, pieces, count);
    return send_pieces(end, pieces, count);
}

/* ---- ending -------------------------------------------------------------------------------- */

void wok__sim_send_fin(struct wok__sim_end *end)
{
    end->shut = true;
    if (end->peer != NULL)
        wok__sim_send_parcel(end, end->peer, WOK__SIM_FIN, 0, 0);
}
