/*
 * workload_net.c - acts of the workload: an echo server on the simulated network, and who asks it.
 *
 * The network cuts, delays, breaks and refuses as the seed says.  What comes back is what was sent, as far
 * as it comes.
 */
#include <errno.h>
#include <string.h>

#include "support/workload.h"

static struct {
    uint16_t port; /* 0: nobody listens any more */
} service;

static void stop_service(wok_listener **listener)
{
    service.port = 0;
    wok_listener_close(*listener);
}

WOK_TASK_WITH_DROP(echo, wok_stream *, int, wok_stream_closep, NULL);

static int echo(wok_stream **stream, int *result)
{
    char buffer[48];
    ssize_t size;

    *result = 0;
    while ((size = wok_stream_recv(*stream, buffer, sizeof buffer)) > 0) {
        int code = wok_stream_send_all(*stream, buffer, (size_t)size);
        if (code < 0)
            return code;
    }
    return (int)size;
}

WOK_TASK(serve, int, int);

/* Until it is aborted; what it accepted goes on. */
static int serve(int *unused, int *result)
{
    WOK_CLEANUP(stop_service) wok_listener *listener = NULL;
    wok_stream *stream;
    int code = wok_listen(&listener, &(wok_listen_options){.backlog = 4});

    *result = *unused;
    if (code < 0)
        return code;
    service.port = wok_listener_port(listener);
    for (;;) {
        code = wok_accept(listener, &stream);
        if (code == -EMFILE)
            code = wok_sleep(wok_us(5));
        else if (code == 0) {
            echo_join join = wok_spawn(echo, stream);
            echo_join_drop(&join);
        }
        if (code < 0)
            return code;
    }
}

void net_acts_begin(struct actor *actor)
{
    wok_test_net_faults faults = {
        .latency = wok_us(roll(actor, 3) * 10),
        .jitter = wok_us(roll(actor, 2) * 20),
        .capacity = roll(actor, 2) * 64,
        .chaos = {.split = 100, .again = 50, .reset = 10, .accept = 50, .connect = 50},
    };
    serve_join join = wok_spawn(serve, 0);

    wok_test_net_set_faults(&faults);
    serve_join_drop(&join);
}

void net_acts_end(void)
{
    wok_test_net_figures figures;

    wok_test_net_figures_get(&figures);
    CHECK(figures.open == 0);
    CHECK(figures.on_way == 0);
    CHECK(service.port == 0);
}

/* Codes that the network gave, and not the one who waits. */
static int or_network(int code)
{
    return code == -ECANCELED || code == -ETIMEDOUT ? code : 0;
}

static int act_ask(struct actor *actor)
{
    WOK_CLEANUP(wok_stream_closep) wok_stream *stream = NULL;
    unsigned char sent[80], got[80];
    size_t size = 1 + roll(actor, sizeof sent), done = 0;
    int code;

    if (service.port == 0)
        return wok_yield();
    code = wok_connect(NULL, service.port, &stream);
    if (code < 0)
        return or_network(code);
    for (size_t i = 0; i < size; i++)
        sent[i] = (unsigned char)roll(actor, 256);
    code = wok_stream_send_all(stream, sent, size);
    if (code < 0)
        return or_network(code);
    while (done < size) {
        ssize_t part = wok_stream_recv(stream, got + done, size - done);
        if (part <= 0)
            return or_network((int)part);
        CHECK(memcmp(got + done, sent + done, (size_t)part) == 0);
        done += (size_t)part;
    }
    if (roll(actor, 4) == 0)
        wok_stream_reset(WOK_TAKE(stream));
    return 0;
}

act *const net_acts[] = {act_ask};
const unsigned net_act_count = WOK_COUNT(net_acts);
