/*
 * test_faults.c - testing_net.h: latency on the paused clock, breaks, refusals, random faults by the seed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "io/net.h"

#define CHECK(condition) cr_assert(condition)

static void closep(wok_listener **listener)
{
    wok_listener_close(*listener);
}

static wok_listener *listen_here(int backlog)
{
    wok_listener *listener = NULL;

    CHECK(wok_listen(&listener, &(wok_listen_options){.port = 0, .backlog = backlog}) == 0);
    return listener;
}

static void connect_pair(wok_listener *listener, wok_stream **client, wok_stream **server)
{
    CHECK(wok_connect(NULL, wok_listener_port(listener), client) == 0);
    CHECK(wok_accept(listener, server) == 0);
}

static unsigned on_way(void)
{
    wok_test_net_figures figures;

    wok_test_net_figures_get(&figures);
    return figures.on_way;
}

/* Runs a body over the simulated network, for these workers and seeds; nothing is left open. */
static wok_test_report run_with(unsigned workers, uint64_t seed, uint64_t seeds,
                                int (*body)(void *argument))
{
    wok_test_options options = {.workers = workers, .seed = seed, .seeds = seeds, .check_every = 1};
    wok_test_report report;

    cr_assert_eq(wok_test_run(&options, body, &report), 0);
    return report;
}

/* ---- latency ---------------------------------------------------------------------------------------- */

static const wok_test_net_faults slow = {.latency = {1000000}};

static int arrives_later(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *server = NULL;
    wok_instant start = wok_now();
    char byte = 0;

    (void)unused;
    wok_test_net_set_faults(&slow);
    connect_pair(listener, &client, &server);
    CHECK(wok_elapsed(start).ns == wok_ms(2).ns); /* there and back */

    start = wok_now();
    CHECK(wok_stream_send_all(client, "a", 1) == 0);
    CHECK(wok_elapsed(start).ns == 0);
    CHECK(on_way() == 1);
    CHECK(wok_stream_recv(server, &byte, 1) == 1 && byte == 'a');
    CHECK(wok_elapsed(start).ns == wok_ms(1).ns);
    CHECK(on_way() == 0);

    /* A FIN takes as long, and so does the answer to what nobody receives. */
    start = wok_now();
    wok_stream_close(WOK_TAKE(client));
    CHECK(wok_stream_recv(server, &byte, 1) == 0);
    CHECK(wok_elapsed(start).ns == wok_ms(1).ns);
    CHECK(wok_stream_send_all(server, "b", 1) == 0);
    CHECK(wok_stream_send_all(server, "c", 1) == 0);
    CHECK(wok_sleep(wok_ms(2)) == 0);
    CHECK(wok_stream_send_all(server, "d", 1) == -EPIPE);
    return 0;
}

Test(faults, what_is_sent_arrives_when_its_latency_has_passed, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        run_with(workers, 1, 20, arrives_later);
}

/* The task that delivers is there only while there is something to deliver. */
static int no_courier(void *unused)
{
    wok_runtime_metrics metrics;

    CHECK(arrives_later(unused) == 0);
    CHECK(wok_test_settle(NULL) == 0);
    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    CHECK(metrics.live == 1);
    return 0;
}

Test(faults, nobody_is_left_when_all_has_arrived, .timeout = 20)
{
    run_with(2, 1, 10, no_courier);
}

static int each_direction(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *server = NULL;
    wok_instant start;
    char buffer[8];

    (void)unused;
    connect_pair(listener, &client, &server);
    wok_test_net_faults up = {.latency = wok_ms(30)}, down = {.latency = wok_ms(7), .send_max = 2};
    CHECK(wok_test_net_set_stream_faults(client, &up) == 0);
    CHECK(wok_test_net_set_stream_faults(server, &down) == 0);
    start = wok_now();
    CHECK(wok_stream_send_all(client, "up", 2) == 0);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == 2);
    CHECK(wok_elapsed(start).ns == wok_ms(30).ns);
    start = wok_now();
    CHECK(wok_stream_send_all(server, "down", 4) == 0);
    CHECK(wok_stream_recv(client, buffer, sizeof buffer) > 0);
    CHECK(wok_elapsed(start).ns == wok_ms(7).ns);
    CHECK(wok_test_net_set_stream_faults(client, NULL) == 0);
    start = wok_now();
    CHECK(wok_stream_send_all(client, "now", 3) == 0);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == 3);
    CHECK(wok_elapsed(start).ns == 0);
    return 0;
}

Test(faults, each_direction_has_its_own, .timeout = 20)
{
    run_with(2, 1, 10, each_direction);
}

/* Who waits for room is not told of less than was asked for; a full end's peer has to read as much. */
static int room_in_steps(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *server = NULL;
    char bytes[100] = "";

    (void)unused;
    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 100, .room_min = 30});
    connect_pair(listener, &client, &server);
    CHECK(wok_stream_send_all(client, bytes, 100) == 0);
    CHECK(wok_stream_untaken(client) == 100);
    CHECK(wok_stream_send_all_until(client, bytes, 1, wok_after(wok_ms(1))) == -ETIMEDOUT);
    for (int taken = 0; taken < 29; taken++)
        CHECK(wok_stream_recv(server, bytes, 1) == 1);
    CHECK(wok_stream_untaken(client) == 71);
    CHECK(wok_stream_send_all_until(client, bytes, 1, wok_after(wok_ms(1))) == -ETIMEDOUT);
    CHECK(wok_stream_recv(server, bytes, 1) == 1);
    CHECK(wok_stream_send_all_until(client, bytes, 1, wok_after(wok_ms(1))) == 0);
    return 0;
}

Test(faults, room_may_be_told_of_in_steps, .timeout = 20)
{
    run_with(2, 1, 10, room_in_steps);
}

/* What is sent at once does not overtake what is on its way. */
static int in_order(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *server = NULL;
    unsigned char sent = 0, got = 0, buffer[16];

    (void)unused;
    connect_pair(listener, &client, &server);
    wok_instant start = wok_now();
    wok_test_net_set_faults(&slow);
    CHECK(wok_stream_send_all(client, "a", 1) == 0);
    wok_test_net_set_faults(NULL);
    CHECK(wok_stream_send_all(client, "b", 1) == 0);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == 2);
    CHECK(wok_elapsed(start).ns == wok_ms(1).ns);

    wok_test_net_set_faults(&(wok_test_net_faults){.latency = wok_us(10), .jitter = wok_us(500)});
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 3; i++, sent++)
            CHECK(wok_stream_send_all(client, &sent, 1) == 0);
        if (round == 20)
            wok_test_net_set_faults(NULL);
        if (round % 4 == 0)
            CHECK(wok_sleep(wok_us(200)) == 0);
    }
    CHECK(wok_stream_shutdown_send(client) == 0);
    for (ssize_t size; (size = wok_stream_recv(server, buffer, sizeof buffer)) != 0;) {
        CHECK(size > 0);
        for (ssize_t i = 0; i < size; i++)
            CHECK(buffer[i] == got++);
    }
    CHECK(got == sent);
    return 0;
}

Test(faults, jitter_keeps_the_order, .timeout = 20)
{
    run_with(3, 1, 20, in_order);
}

/* The runtime ends while something is on its way: nobody is left to wait for it. */
static wok_stream *leaked;

static int leave_on_the_way(void *unused)
{
    wok_listener *listener = listen_here(0);
    wok_stream *client = NULL;

    (void)unused;
    connect_pair(listener, &client, &leaked);
    wok_test_net_set_faults(&slow);
    CHECK(wok_stream_send_all(client, "lost", 4) == 0);
    wok_stream_close(client);
    wok_listener_close(listener);
    return 0;
}

static int free_leaked(void *unused)
{
    (void)unused;
    CHECK(on_way() == 0); /* the courier's end delivered it */
    wok_stream_close(WOK_TAKE(leaked));
    return 0;
}

Test(faults, what_is_on_its_way_at_the_end_arrives, .timeout = 20)
{
    wok_test_options options = {.workers = 2, .seeds = 5, .after = free_leaked};

    cr_assert_eq(wok_test_run(&options, leave_on_the_way, NULL), 0);
}

/* ---- breaks and refusals ---------------------------------------------------------------------------- */

static int breaks_after(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *server = NULL;
    char buffer[32];

    (void)unused;
    connect_pair(listener, &client, &server);
    CHECK(wok_test_net_set_stream_faults(client, &(wok_test_net_faults){.reset_after = 10}) == 0);
    CHECK(wok_stream_send_all(server, "any number of bytes", 19) == 0);
    CHECK(wok_stream_send_all(client, "12345678", 8) == 0);
    CHECK(wok_stream_send_all(client, "9abcd", 5) == -ECONNRESET);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == 10);
    CHECK(memcmp(buffer, "123456789a", 10) == 0);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == -ECONNRESET);
    return 0;
}

Test(faults, a_connection_breaks_after_so_many_bytes, .timeout = 20)
{
    run_with(1, 1, 1, breaks_after);
}

static int refuses(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *first = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *second = NULL;
    wok_stream *none = NULL;
    uint16_t port = wok_listener_port(listener);

    (void)unused;
    wok_test_net_set_faults(
        &(wok_test_net_faults){.connect_error = -EMFILE, .connect_errors = 2, .backlog_max = 1});
    CHECK(wok_connect(NULL, port, &none) == -EMFILE);
    CHECK(wok_connect(NULL, port, &none) == -EMFILE);
    CHECK(wok_connect(NULL, port, &first) == 0);
    CHECK(wok_connect(NULL, port, &none) == -ECONNREFUSED); /* one may wait */
    CHECK(wok_accept(listener, &second) == 0);
    wok_stream_close(WOK_TAKE(second));
    CHECK(wok_connect(NULL, port, &second) == 0);
    return 0;
}

Test(faults, connects_are_refused, .timeout = 20)
{
    run_with(1, 1, 1, refuses);
}

/* The listener is gone when the connection comes to it. */
static int comes_too_late(void *unused)
{
    wok_listener *listener = listen_here(0);
    wok_stream *client = NULL;
    wok_instant start = wok_now();
    uint16_t port = wok_listener_port(listener);

    (void)unused;
    wok_test_net_set_faults(&slow);
    CHECK(wok_connect_begin(NULL, port, &client) == 0);
    wok_listener_close(listener);
    wok_stream_close(client);
    CHECK(wok_connect(NULL, port, &client) == -ECONNREFUSED);
    CHECK(wok_elapsed(start).ns == 0);

    listener = listen_here(0);
    start = wok_now();
    CHECK(wok_connect_begin(NULL, wok_listener_port(listener), &client) == 0);
    wok_listener_close(listener);
    CHECK(wok_op_await(wok_connect_op(client)) == -ECONNREFUSED);
    CHECK(wok_elapsed(start).ns == wok_ms(2).ns);
    wok_stream_close(client);
    return wok_test_settle(NULL);
}

Test(faults, a_connection_that_comes_too_late_is_refused, .timeout = 20)
{
    run_with(2, 1, 10, comes_too_late);
}

static int holds(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *server = NULL;
    wok_instant start = wok_now();
    char buffer[8];

    (void)unused;
    connect_pair(listener, &client, &server);
    CHECK(wok_test_net_set_stream_faults(client, &slow) == 0);
    CHECK(wok_test_net_hold(server) == 0);
    CHECK(wok_stream_send_all(client, "abcd", 4) == 0);
    CHECK(wok_test_net_release(server, 2) == 0); /* nothing has arrived */
    CHECK(wok_sleep(wok_ms(2)) == 0);
    CHECK(wok_test_net_release(server, 2) == 0);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == 2);
    wok_stream_close(WOK_TAKE(client));
    CHECK(wok_test_net_release(server, SIZE_MAX) == 0);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == 2);
    CHECK(wok_stream_recv(server, buffer, sizeof buffer) == 0); /* the FIN is released, too */
    CHECK(wok_elapsed(start).ns == wok_ms(3).ns);
    return 0;
}

static int breaks(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    WOK_CLEANUP(wok_stream_closep) wok_stream *server = NULL;
    wok_test_net_figures figures;
    char byte;

    (void)unused;
    connect_pair(listener, &client, &server);
    CHECK(wok_test_net_break(client) == 0);
    CHECK(wok_stream_recv(server, &byte, 1) == -ECONNRESET);
    CHECK(wok_stream_send_all(client, "a", 1) == -ECONNRESET);
    wok_test_net_figures_get(&figures);
    CHECK(figures.resets == 2 && figures.connects == 1 && figures.accepts >= 1);
    return 0;
}

Test(faults, a_test_holds_and_breaks_connections, .timeout = 20)
{
    run_with(2, 1, 10, holds);
    run_with(2, 1, 10, breaks);
}

static int not_simulated(void *unused)
{
    wok_stream *stream;
    int pair[2];

    (void)unused;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(wok__stream_new(wok__driver_nth(wok_runtime_current(), 0), pair[0], &stream) == 0);
    CHECK(wok_test_net_set_stream_faults(stream, &slow) == -EINVAL);
    CHECK(wok_test_net_hold(stream) == -EINVAL);
    CHECK(wok_test_net_release(stream, 1) == -EINVAL);
    CHECK(wok_test_net_break(stream) == -EINVAL);
    wok_stream_close(stream);
    close(pair[1]);
    return 0;
}

Test(faults, the_kernels_network_has_none, .timeout = 20)
{
    cr_assert_eq(wok_test_run(&(wok_test_options){.real_network = true}, not_simulated, NULL), 0);
}

/* ---- chaos ------------------------------------------------------------------------------------------- */

static unsigned answered, broken, refused;

static int echo(wok_stream **stream)
{
    WOK_CLEANUP(wok_stream_closep) wok_stream *own = *stream;
    char buffer[64];
    ssize_t size;

    while ((size = wok_stream_recv(own, buffer, sizeof buffer)) > 0)
        if (wok_stream_send_all(own, buffer, (size_t)size) < 0)
            break;
    return 0;
}

static int serve(wok_listener **listener)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_stream *streams[64];
    size_t count = 0;

    for (;;) {
        int code = wok_accept(*listener, &streams[count]);
        if (code == -EMFILE && wok_sleep(wok_us(50)) == 0)
            continue;
        if (code < 0)
            return code == -EBADF ? wok_scope_wait(&scope) : code;
        wok_scope_spawn(&scope, echo, &streams[count++]);
    }
}

/* Asks once; what comes back is what was sent, as far as it comes. */
static void ask(uint16_t port, unsigned number)
{
    WOK_CLEANUP(wok_stream_closep) wok_stream *stream = NULL;
    char sent[200], got[200];
    size_t done = 0;
    ssize_t size = 0;

    if (wok_connect(NULL, port, &stream) < 0) {
        refused++;
        return;
    }
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(number + i);
    if (wok_stream_send_all(stream, sent, sizeof sent) == 0)
        while (done < sizeof got &&
               (size = wok_stream_recv(stream, got + done, sizeof got - done)) > 0)
            done += (size_t)size;
    CHECK(memcmp(got, sent, done) == 0);
    if (done == sizeof sent)
        answered++;
    else
        broken++;
}

struct asker {
    uint16_t port;
    unsigned number;
};

static int ask_some(struct asker *asker)
{
    for (unsigned i = 0; i < 8; i++)
        ask(asker->port, asker->number * 8 + i);
    return 0;
}

static int chaos(void *unused)
{
    WOK_CLEANUP(closep) wok_listener *listener = listen_here(0);
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct asker askers[6];

    (void)unused;
    answered = broken = refused = 0;
    wok_test_net_set_faults(&(wok_test_net_faults){
        .latency = wok_us(20),
        .jitter = wok_us(100),
        .chaos = {.split = 300, .again = 200, .reset = 15, .accept = 100, .connect = 50},
    });
    wok_scope_spawn(&scope, serve, &listener);
    {
        WOK_CLEANUP(wok_scope_done) wok_scope asking = WOK_SCOPE_INIT;
        for (unsigned i = 0; i < WOK_COUNT(askers); i++) {
            askers[i] = (struct asker){wok_listener_port(listener), i};
            wok_scope_spawn(&asking, ask_some, &askers[i]);
        }
        CHECK(wok_scope_wait(&asking) == 0);
    }
    wok_listener_stop(listener);
    CHECK(answered + broken + refused == 48);
    return wok_scope_wait(&scope);
}

/* Whatever the network does: no byte is wrong, nothing hangs, all is closed, and it is repeated. */
Test(faults, chaos_is_survived_and_repeated, .timeout = 60)
{
    unsigned all_answered = 0, all_broken = 0, all_refused = 0;

    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint64_t hash = run_with(1 + seed % 4, seed, 1, chaos).log_hash;
        all_answered += answered;
        all_broken += broken;
        all_refused += refused;
        cr_assert_eq(run_with(1 + seed % 4, seed, 1, chaos).log_hash, hash);
    }
    cr_assert_gt(all_answered, 300);
    cr_assert_gt(all_broken, 50);
    cr_assert_gt(all_refused, 20);
}
