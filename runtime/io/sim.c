/*
 * sim.c - a network in memory, with TCP's ways and with faults.
 *
 * This file has the table of ends and the listeners; sim_end.c has what bytes do, sim_delay.c what is on
 * its way, sim_test.c what a test can do.  All of it is under one lock.
 *
 * The worker sleeps in epoll as in the real runtime (epoll.h), so that parking, waking and signals
 * are the same code.
 */
#include "io/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "io/epoll.h"
#include "io/net.h"
#include "io/sim_end.h"

enum {
    FIRST_FD = 1 << 24, /* no descriptor of the kernel's: a mix-up is an EBADF, not a wrong file */
    FIRST_PORT = 49152,
    CAPACITY = 65536,
};

struct wok__sim_network wok__sim;

/* ---- ends ---------------------------------------------------------------------------------- */

struct wok__sim_end *wok__sim_find(int fd)
{
    size_t index = (size_t)fd - FIRST_FD;
    return fd >= FIRST_FD && index < wok__sim.capacity ? wok__sim.ends[index] : NULL;
}

static struct wok__sim_end *end_new(void)
{
    size_t index = 0;

    while (index < wok__sim.capacity && wok__sim.ends[index] != NULL)
        index++;
    if (index == wok__sim.capacity) {
        size_t capacity = index == 0 ? 16 : index * 2;
        struct wok__sim_end **ends =
            realloc(wok__sim.ends, capacity * sizeof(struct wok__sim_end *));
        if (ends == NULL)
            return NULL;
        memset(ends + index, 0, (capacity - index) * sizeof(struct wok__sim_end *));
        wok__sim.ends = ends;
        wok__sim.capacity = capacity;
    }
    struct wok__sim_end *end = calloc(1, sizeof *end);
    if (end == NULL)
        return NULL;
    end->fd = FIRST_FD + (int)index;
    wok__sim.ends[index] = end;
    wok__sim.figures.open++;
    return end;
}

void wok__sim_end_free(struct wok__sim_end *end)
{
    wok__sim_forget_parcels(end);
    wok__sim.ends[end->fd - FIRST_FD] = NULL;
    wok__sim.figures.open--;
    free(end->own);
    free(end->bytes);
    free(end);
}

static uint16_t port_new(void)
{
    if (wok__sim.next_port < FIRST_PORT)
        wok__sim.next_port = FIRST_PORT; /* at first, and when it wraps */
    return wok__sim.next_port++;
}

static struct wok__sim_end *stream_new(void)
{
    struct wok__sim_end *end = end_new();

    if (end == NULL)
        return NULL;
    end->capacity = wok__sim.faults.capacity != 0 ? wok__sim.faults.capacity : CAPACITY;
    end->bytes = malloc(end->capacity);
    if (end->bytes != NULL)
        return end;
    wok__sim_end_free(end);
    return NULL;
}

/* Gives the lock back, and sees to it that what is on its way arrives. */
static void give_and_hire(void)
{
    bool may_wait = wok__sim.parcels != NULL;

    wok__lock_give(&wok__sim.lock);
    if (may_wait)
        wok__sim_hire();
}

/* ---- the driver ---------------------------------------------------------------------------- */

static int sim_init(struct wok__driver *driver)
{
    int error = wok__epoll_init(driver);
    if (error < 0)
        return error;
    wok__lock_take(&wok__sim.lock);
    wok__sim.drivers++;
    wok__lock_give(&wok__sim.lock);
    return 0;
}

static void sim_done(struct wok__driver *driver)
{
    wok__lock_take(&wok__sim.lock);
    bool last = --wok__sim.drivers == 0;
    for (size_t i = 0; i < wok__sim.capacity; i++) {
        if (wok__sim.ends[i] == NULL)
            continue;
        if (wok__sim.ends[i]->driver == driver)
            wok__sim.ends[i]->driver = NULL;
        if (last)
            wok__sim_end_free(wok__sim.ends[i]);
    }
    if (last) {
        free(wok__sim.ends);
        wok__sim.ends = NULL;
        wok__sim.capacity = 0;
        wok__sim.next_port = 0; /* the same program sees the same ports again */
        wok__sim.faults = (wok_test_net_faults){.capacity = 0};
        wok__sim.figures = (wok_test_net_figures){.open = 0};
    }
    wok__lock_give(&wok__sim.lock);
    wok__epoll_done(driver);
}

static int sim_attach(struct wok__driver *driver, int fd, wok__token token)
{
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(fd);
    /* A listener's events go to the first driver: one is enough, and none is stuck in here. */
    if (end != NULL && end->driver == NULL) {
        end->driver = driver;
        end->token = token;
        wok__sim_notify(end);
    }
    wok__lock_give(&wok__sim.lock);
    if (end == NULL)
        return fd < FIRST_FD ? -ENOTSUP : -EBADF;
    return 0;
}

static void sim_detach(struct wok__driver *driver, int fd)
{
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(fd);
    if (end != NULL && end->driver == driver)
        end->driver = NULL;
    wok__lock_give(&wok__sim.lock);
}

/* ---- listeners ----------------------------------------------------------------------------- */

static uint16_t port_of(const struct wok__address *address)
{
    if (address->storage.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
}

/* Ports are all there is to an address: every address is this machine. */
static struct wok__sim_end *listener_at(uint16_t port)
{
    for (size_t i = 0; i < wok__sim.capacity; i++) {
        struct wok__sim_end *end = wok__sim.ends[i];
        if (end != NULL && end->listens && !end->stopped && end->port == port)
            return end;
    }
    return NULL;
}

static int sim_listen(const struct wok__address *address, int backlog, uint16_t *ret_port)
{
    uint16_t port = port_of(address);
    int fd = -EADDRINUSE;

    wok__lock_take(&wok__sim.lock);
    if (port == 0)
        port = port_new();
    if (listener_at(port) == NULL) {
        struct wok__sim_end *end = end_new();
        fd = end != NULL ? end->fd : -ENOMEM;
        if (end != NULL) {
            end->listens = true;
            end->port = port;
            end->backlog = backlog;
            *ret_port = port;
        }
    }
    wok__lock_give(&wok__sim.lock);
    return fd;
}

/* A descriptor of somebody else's is the kernel's. */
static int sim_adopt(int fd, uint16_t *ret_port)
{
    (void)fd;
    (void)ret_port;
    return -ENOTSUP;
}

static struct wok__sim_end *queue_take(struct wok__sim_end *listener)
{
    struct wok__sim_end *end = listener->first;

    if (end != NULL) {
        listener->first = end->next;
        listener->waiting--;
        end->next = NULL;
    }
    return end;
}

static bool has_room(const struct wok__sim_end *listener)
{
    int most = wok__sim.faults.backlog_max;

    return !listener->hushed && listener->waiting < listener->backlog &&
           (most == 0 || listener->waiting < most);
}

/* The other end learns in its time that this one is gone. */
static void reset_peer(struct wok__sim_end *end)
{
    struct wok__sim_end *peer = end->peer;

    peer->peer = end->peer = NULL;
    peer->reset_coming = true;
    wok__sim_send_parcel(end, peer, WOK__SIM_RESET, 0, -ECONNRESET);
}

static void stop(struct wok__sim_end *listener)
{
    struct wok__sim_end *end;

    listener->stopped = true;
    while ((end = queue_take(listener)) != NULL) {
        if (end->peer != NULL)
            reset_peer(end);
        wok__sim_end_free(end);
    }
}

static void sim_unlisten(int fd)
{
    wok__lock_take(&wok__sim.lock);
    stop(wok__sim_find(fd));
    give_and_hire();
}

static int sim_hush(int fd)
{
    wok__lock_take(&wok__sim.lock);
    wok__sim_find(fd)->hushed = true;
    wok__lock_give(&wok__sim.lock);
    return 0;
}

/* Why an accept that could succeed does not, or 0. */
static int accept_fault(const struct wok__sim_end *listener)
{
    wok_test_net_faults *faults = &wok__sim.faults;

    if (listener->first == NULL)
        return 0;
    if (faults->accept_errors > 0) {
        faults->accept_errors--;
        return faults->accept_error;
    }
    if (!wok__sim_chance(faults->chaos.accept))
        return 0;
    return faults->accept_error != 0 ? faults->accept_error : -EMFILE;
}

/* Tells the client that it is connected, unless it was told. */
static void answer(struct wok__sim_end *server)
{
    struct wok__sim_end *client = server->peer;

    if (client == NULL || !client->connecting || client->answered)
        return;
    client->answered = true;
    wok__sim_send_parcel(server, client, WOK__SIM_ANSWER, 0, 0);
}

static int accept_locked(struct wok__sim_end *listener)
{
    wok__sim.figures.accepts++;
    if (listener->stopped)
        return -EINVAL;
    int error = accept_fault(listener);
    if (error < 0)
        return error;
    struct wok__sim_end *end = queue_take(listener);
    if (end == NULL)
        return -EAGAIN;
    answer(end);
    return end->fd;
}

static int sim_accept(int fd)
{
    wok__lock_take(&wok__sim.lock);
    int accepted = accept_locked(wok__sim_find(fd));
    wok__sim_note(WOK__SIM_ACCEPT, fd, accepted);
    give_and_hire();
    return accepted;
}

/* ---- connecting ---------------------------------------------------------------------------- */

static int connect_fault(void)
{
    wok_test_net_faults *faults = &wok__sim.faults;

    if (faults->connect_errors > 0) {
        faults->connect_errors--;
        return faults->connect_error;
    }
    if (!wok__sim_chance(faults->chaos.connect))
        return 0;
    return faults->connect_error != 0 ? faults->connect_error : -ECONNREFUSED;
}

bool wok__sim_call(struct wok__sim_end *server)
{
    struct wok__sim_end *listener = listener_at(server->port);

    if (listener == NULL || !has_room(listener))
        return false;
    if (listener->first == NULL)
        listener->first = server;
    else
        listener->last->next = server;
    listener->last = server;
    listener->waiting++;
    wok__sim_notify(listener);
    if (!wok__sim.faults.connect_late)
        answer(server);
    return true;
}

/* Both ends of a new connection to `port`; the client's descriptor, or -ENOMEM. */
static int pair_new(uint16_t port, struct wok__sim_end **ret_server)
{
    struct wok__sim_end *client = stream_new();
    if (client == NULL)
        return -ENOMEM;
    struct wok__sim_end *server = stream_new();
    if (server == NULL) {
        wok__sim_end_free(client);
        return -ENOMEM;
    }

    client->peer = server;
    server->peer = client;
    client->port = server->peer_port = port_new();
    client->peer_port = server->port = port;
    client->connecting = true;
    *ret_server = server;
    return client->fd;
}

static int connect_locked(uint16_t port)
{
    const struct wok__sim_end *listener = listener_at(port);
    struct wok__sim_end *server;
    int fd = connect_fault();

    wok__sim.figures.connects++;
    if (fd < 0)
        return fd;
    if (listener == NULL || !has_room(listener))
        return -ECONNREFUSED;
    fd = pair_new(port, &server);
    if (fd >= 0)
        wok__sim_send_parcel(server->peer, server, WOK__SIM_CALL, 0, 0);
    return fd;
}

int wok__sim_connect(uint16_t port)
{
    wok__lock_take(&wok__sim.lock);
    int fd = connect_locked(port);
    wok__sim_note(WOK__SIM_CONNECT, 0, fd);
    give_and_hire();
    return fd;
}

static int sim_connect(const struct wok__address *address)
{
    return wok__sim_connect(port_of(address));
}

static int sim_connected(int fd)
{
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(fd);
    int error = end->connecting ? -EINPROGRESS : end->error;
    wok__lock_give(&wok__sim.lock);
    return error;
}

static int sim_peer(int fd, struct wok__address *ret_address)
{
    wok__lock_take(&wok__sim.lock);
    uint16_t port = wok__sim_find(fd)->peer_port;
    wok__lock_give(&wok__sim.lock);
    return wok__address_parse(NULL, port, ret_address);
}

/* ---- streams ------------------------------------------------------------------------------- */

ssize_t wok__sim_recv(int fd, void *buffer, size_t size)
{
    wok__lock_take(&wok__sim.lock);
    ssize_t received = wok__sim_end_recv(wok__sim_find(fd), buffer, size);
    wok__sim_note(WOK__SIM_RECV, fd, received);
    wok__lock_give(&wok__sim.lock);
    return received;
}

static ssize_t sim_recv(const struct wok__io *io, void *buffer, size_t size)
{
    return wok__sim_recv(io->fd, buffer, size);
}

static ssize_t sim_send(const struct wok__io *io, const struct iovec *pieces, int count)
{
    wok__lock_take(&wok__sim.lock);
    ssize_t sent = wok__sim_end_send(wok__sim_find(io->fd), pieces, count);
    wok__sim_note(WOK__SIM_SEND, io->fd, sent);
    give_and_hire();
    return sent;
}

ssize_t wok__sim_send(int fd, const void *bytes, size_t size)
{
    struct wok__io io = {.fd = fd};
    struct iovec piece = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    return sim_send(&io, &piece, 1);
}

static int sim_shutdown_send(int fd)
{
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(fd);
    int error = end->reset || end->connecting ? -ENOTCONN : 0;
    if (error == 0) {
        wok__sim_send_fin(end);
        wok__sim_notify(end); /* both directions may have ended now */
    }
    wok__sim_note(WOK__SIM_SHUT, fd, error);
    give_and_hire();
    return error;
}

/* What lies unread at the peer, which is both kernels' buffers in one. */
static size_t sim_untaken(int fd)
{
    wok__lock_take(&wok__sim.lock);
    const struct wok__sim_end *peer = wok__sim_find(fd)->peer;
    size_t bytes = peer != NULL ? peer->used : 0;
    wok__lock_give(&wok__sim.lock);
    return bytes;
}

void wok__sim_close(int fd, bool reset)
{
    wok__lock_take(&wok__sim.lock);
    struct wok__sim_end *end = wok__sim_find(fd);
    wok__sim_note(WOK__SIM_CLOSE, fd, reset);
    if (end->listens)
        stop(end);
    else if (end->peer != NULL && (reset || end->used > 0))
        reset_peer(end); /* TCP: unread bytes make a close a reset */
    else if (!end->shut)
        wok__sim_send_fin(end);
    if (end->peer != NULL)
        end->peer->peer = NULL;
    wok__sim_end_free(end);
    give_and_hire();
}

const struct wok__driver_ops wok__sim_ops = {
    .name = "sim",
    .init = sim_init,
    .done = sim_done,
    .turn = wok__epoll_turn,
    .wake = wok__epoll_wake,
    .wait_all = wok__epoll_wait_all,
    .is_woken = wok__epoll_is_woken,
    .attach = sim_attach,
    .attach_listener = sim_attach,
    .detach = sim_detach,
    .attach_kernel = wok__epoll_attach_kernel,
    .listen = sim_listen,
    .adopt = sim_adopt,
    .unlisten = sim_unlisten,
    .hush = sim_hush,
    .accept = sim_accept,
    .connect = sim_connect,
    .connected = sim_connected,
    .recv = sim_recv,
    .send = sim_send,
    .shutdown_send = sim_shutdown_send,
    .untaken = sim_untaken,
    .close = wok__sim_close,
    .peer = sim_peer,
};
