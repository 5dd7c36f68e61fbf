/*
 * clients.c - the connections: each is a stackless task that receives, and connects anew when it ends.
 *
 * Requests are sent by the pacer (pacer.c); a client has one at a time, as a browser or a pool of
 * connections has.
 */
#include "load.h"

#include <errno.h>

/* Long enough that a server which refuses everything is not flooded with connects. */
#define RECONNECT_PAUSE wok_ms(20)

/* Of whoever is being polled: there is one thread. */
static char bytes[65536];

struct client_task {
    struct client *client;
    wok_sleep_future pause;
    bool pausing;
};

/* ---- the ring of free ones ------------------------------------------------------------------------ */

void client_give_back(struct client *client)
{
    client->state = CLIENT_FREE;
    if (client->listed)
        return;
    client->listed = true;
    load.free[(load.free_first + load.free_count++) % load.options.connections] = client;
    if (load.pacer_waits) {
        load.pacer_waits = false;
        wok_waker_wake(&load.pacer);
    }
}

struct client *client_take(void)
{
    while (load.free_count > 0) {
        struct client *client = load.free[load.free_first];
        load.free_first = (load.free_first + 1) % load.options.connections;
        load.free_count--;
        client->listed = false;
        if (client->state == CLIENT_FREE)
            return client;
    }
    return NULL;
}

/* ---- one of them ---------------------------------------------------------------------------------- */

static void count_failure(bool late)
{
    figures_failure(load_slice(wok_now().ns), late);
    figures_failure(load_phase(), late);
}

/* The connection is of no use any more. */
static void leave(struct client *client)
{
    if (client->state == CLIENT_BUSY) {
        count_failure(client->give_up);
        load.busy--;
    }
    if (client->state >= CLIENT_FREE)
        load.connected--;
    client->state = CLIENT_AWAY;
    client->give_up = false;
    wok_stream_close(client->stream);
    client->stream = NULL;
}

static void count_answer(struct client *client)
{
    uint64_t now_ns = wok_now().ns;

    figures_answer(load_slice(now_ns), client->answer.status, client->due_ns, now_ns);
    figures_answer(load_phase(), client->answer.status, client->due_ns, now_ns);
}

/* Bytes came.  False: the connection has to end. */
static bool received(struct client *client, size_t size)
{
    size_t taken = 0;

    if (client->state != CLIENT_BUSY)
        return false; /* nobody asked for anything */
    switch (answer_feed(&client->answer, bytes, size, &taken)) {
    case ANSWER_MORE:
        return true;
    case ANSWER_BAD:
        return false;
    case ANSWER_DONE:
        break;
    }
    count_answer(client);
    load.busy--;
    client->state = CLIENT_FREE; /* so that it does not count as broken when it closes */
    if (taken != size || client->answer.closes)
        return false;
    answer_reset(&client->answer);
    client_give_back(client);
    return true;
}

/* True: it may go on receiving; false: it has to wait. */
static bool connect_again(struct client_task *task, wok_cx *cx)
{
    struct client *client = task->client;
    int code;

    if (task->pausing) {
        if (wok_sleep_future_poll(&task->pause, cx) == WOK_PENDING)
            return false;
        wok_sleep_future_drop(&task->pause);
        task->pausing = false;
    }
    if (client->state == CLIENT_AWAY) {
        code = wok_connect_begin(load.options.address, load.options.port, &client->stream);
        if (code == 0)
            client->state = CLIENT_CONNECTING;
    } else {
        code = 0;
    }
    if (code == 0)
        code = wok_connect_poll(client->stream, cx);
    if (code == WOK_PENDING)
        return false;
    if (code == WOK_READY) {
        load.connected++;
        answer_reset(&client->answer);
        client_give_back(client);
        return true;
    }
    if (client->stream != NULL)
        leave(client);
    task->pause = wok_sleep_future_for(RECONNECT_PAUSE);
    task->pausing = true;
    return true;
}

static wok_poll client_poll(void *self, wok_cx *cx, void *result)
{
    struct client_task *task = self;
    struct client *client = task->client;

    (void)result;
    if (client->waker.task == NULL)
        client->waker = wok_waker_new(cx);
    for (;;) {
        ssize_t got;
        if (client->state < CLIENT_FREE) {
            if (!connect_again(task, cx))
                return WOK_PENDING;
            continue;
        }
        if (client->give_up) {
            leave(client);
            continue;
        }
        got = wok_stream_recv_poll(client->stream, cx, bytes, sizeof bytes);
        if (got == -EAGAIN)
            return WOK_PENDING;
        if (got <= 0 || !received(client, (size_t)got))
            leave(client);
    }
}

static void client_drop(void *self)
{
    struct client_task *task = self;

    wok_sleep_future_drop(&task->pause);
    if (task->client->stream != NULL)
        wok_stream_close(task->client->stream);
    task->client->stream = NULL;
    wok_waker_drop(&task->client->waker);
}

static const wok_future_vtable client_vtable = {
    .name = "client",
    .size = sizeof(struct client_task),
    .poll = client_poll,
    .drop = client_drop,
};

void client_start(struct client *client)
{
    struct client_task task = {.client = client};

    client->join = wok_spawn_future(&client_vtable, &task);
}
