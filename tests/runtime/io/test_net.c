/*
 * test_net.c - streams and listeners, by tasks of a runtime over the simulated network.
 *
 * One worker and a paused clock, so the order of things is a fact: a spawned task runs when the test
 * waits, and runs until it waits itself.
 */
#include "net_test.h"

/* ---- an echo, as a future: what a server's connections are ---------------------------------- */

struct echo {
    wok_stream *stream; /* owned */
    size_t filled;
    char buffer[512];
};

static int echo_polls; /* of tests with one worker */

static wok_poll echo_poll(void *self, wok_cx *cx, void *result)
{
    struct echo *echo = self;

    (void)result;
    if (wok_runtime_workers(wok_runtime_current()) == 1)
        echo_polls++;
    for (;;) {
        if (echo->filled > 0) {
            struct iovec piece = {echo->buffer, echo->filled};
            ssize_t sent = wok_stream_send_poll(echo->stream, cx, &piece, 1);
            if (sent < 0)
                return sent == -EAGAIN ? WOK_PENDING : (wok_poll)sent;
            echo->filled -= (size_t)sent;
            memmove(echo->buffer, echo->buffer + sent, echo->filled);
            continue;
        }
        ssize_t received =
            wok_stream_recv_poll(echo->stream, cx, echo->buffer, sizeof echo->buffer);
        if (received <= 0)
            return received == -EAGAIN ? WOK_PENDING : (wok_poll)received;
        echo->filled = (size_t)received;
    }
}

static void echo_drop(void *self)
{
    struct echo *echo = self;
    wok_stream_close(echo->stream);
}

static const wok_future_vtable echo_vtable = {
    .name = "echo", .size = sizeof(struct echo), .poll = echo_poll, .drop = echo_drop};

static wok_join spawn_echo(wok_stream *stream)
{
    struct echo echo = {.stream = stream};
    return wok_spawn_future(&echo_vtable, &echo);
}

NET_TEST(a_request_and_its_answer_cost_one_recv_and_one_send)
{
    enum { REQUESTS = 100 };
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    char buffer[64];

    connect_pair(listener, &client, &server);
    wok_join echo = spawn_echo(server);
    cr_assert_eq(wok_stream_send_all(client, "first", 5), 0);
    /* Short at both ends: from here on each waits for the other without trying. */
    cr_assert_eq(wok_stream_recv(client, buffer, sizeof buffer), 5);

    wok_test_net_figures before = wok__sim_figures();
    for (int i = 0; i < REQUESTS; i++) {
        cr_assert_eq(wok_stream_send_all(client, "request", 7), 0);
        cr_assert_eq(wok_stream_recv(client, buffer, sizeof buffer), 7);
    }
    wok_test_net_figures after = wok__sim_figures();
    cr_assert_eq(after.recvs - before.recvs, 2 * REQUESTS, "one at each end");
    cr_assert_eq(after.sends - before.sends, 2 * REQUESTS, "one at each end");
    cr_assert_eq(after.recv_eagains - before.recv_eagains, 0);
    wok_stream_close(client);
    cr_assert_eq(wok_join_await(&echo, NULL, NULL), 0);
    wok_listener_close(listener);
}

/* Whatever the network does to the sizes, the bytes are those that were sent. */
static void echo_through(size_t chunk, const wok_test_net_faults *faults)
{
    static char sent[20000], got[20000];
    wok_listener *listener = listen_here();
    wok_stream *client, *server;

    wok_test_net_set_faults(faults);
    connect_pair(listener, &client, &server);
    wok_join echo = spawn_echo(server);
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 7 % 251);
    for (size_t done = 0, size; done < sizeof sent; done += size) {
        size = sizeof sent - done < chunk ? sizeof sent - done : chunk;
        cr_assert_eq(wok_stream_send_all(client, sent + done, size), 0);
        recv_all(client, got + done, size);
    }
    cr_assert_eq(memcmp(sent, got, sizeof sent), 0);
    wok_stream_close(client);
    cr_assert_eq(wok_join_await(&echo, NULL, NULL), 0);
    wok_listener_close(listener);
}

NET_TEST(bytes_survive_single_byte_reads_and_writes)
{
    echo_through(300, &(wok_test_net_faults){.recv_max = 1, .send_max = 1});
}

NET_TEST(bytes_survive_tiny_buffers)
{
    echo_through(5, &(wok_test_net_faults){.capacity = 3});
}

NET_TEST(bytes_survive_spurious_eagain)
{
    echo_through(300, &(wok_test_net_faults){.recv_again = 1000, .send_again = 1000});
}

/* The sender fills the buffer and waits until the reader has made room. */
WOK_TASK(send_much, wok_stream *, int);

static int send_much(wok_stream **stream, int *result)
{
    static const char zeros[300000];

    *result = wok_stream_send_all(*stream, zeros, sizeof zeros);
    return 0;
}

NET_TEST(a_sender_waits_for_a_slow_reader)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    char buffer[1000];
    size_t total = 0;
    int result = -1;

    connect_pair(listener, &client, &server);
    send_much_join sender = wok_spawn(send_much, client);
    while (total < 300000) {
        ssize_t received = wok_stream_recv(server, buffer, sizeof buffer);
        cr_assert_gt(received, 0);
        total += (size_t)received;
        if (total < 100000)
            cr_assert_not(wok_join_is_finished(&sender.join));
    }
    cr_assert_eq(send_much_await(&sender, &result, NULL), 0);
    cr_assert_eq(result, 0);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

/* ---- waiting, forgetting, hanging up -------------------------------------------------------- */

WOK_TASK(recv_some, wok_stream *, int);

static int recv_some(wok_stream **stream, int *result)
{
    char buffer[16];

    *result = (int)wok_stream_recv(*stream, buffer, sizeof buffer);
    return *result < 0 ? *result : 0;
}

NET_TEST(a_short_send_goes_on_without_the_reader)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    char buffer[20];

    connect_pair(listener, &client, &server);
    wok_test_net_set_faults(&(wok_test_net_faults){.send_max = 7});
    cr_assert_eq(wok_stream_send_all(client, "12345678901234567890", 20), 0);
    recv_all(server, buffer, 20);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(a_waiter_is_registered_only_while_it_waits)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    int result = 0;

    connect_pair(listener, &client, &server);
    struct wok__io *io = &server->io;
    recv_some_join reader = wok_spawn(recv_some, server);
    let_others_run();
    cr_assert_not_null(io->waiters[WOK__READ]);
    cr_assert_eq(wok_stream_send_all(client, "a", 1), 0);
    cr_assert_null(io->waiters[WOK__READ], "who wakes a task has taken it out");
    cr_assert_eq(recv_some_await(&reader, &result, NULL), 0);
    cr_assert_eq(wok_stream_send_all(client, "b", 1), 0);
    wok_cx cx = {(struct wok_task *)listener}; /* no task: waking it would crash */
    cr_assert_eq(wok_stream_recv_poll(server, &cx, NULL, 0), 0);
    cr_assert_null(io->waiters[WOK__READ], "it need not wait");
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(an_aborted_recv_leaves_no_waiter_and_no_byte_is_lost)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    wok_join_error error;
    char byte;

    connect_pair(listener, &client, &server);
    recv_some_join waiting = wok_spawn(recv_some, server);
    let_others_run();
    cr_assert_not_null(server->io.waiters[WOK__READ]);
    wok_join_abort(&waiting.join);
    cr_assert_eq(recv_some_await(&waiting, NULL, &error), -WOK_EJOIN);
    cr_assert_eq(error.outcome, WOK_CANCELLED);
    cr_assert_null(server->io.waiters[WOK__READ]);
    cr_assert_eq(wok_stream_send_all(client, "a", 1), 0);
    cr_assert_eq(wok_stream_recv(server, &byte, 1), 1);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(waiting_for_readiness_needs_no_buffer_and_no_call)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    char buffer[16];

    connect_pair(listener, &client, &server);
    cr_assert_eq(wok_stream_send_all(client, "ab", 2), 0);
    cr_assert_eq(wok_stream_recv(server, buffer, sizeof buffer), 2);
    uint64_t recvs = wok__sim_figures().recvs;
    wok__sim_hold(server->io.fd);
    cr_assert_eq(wok_stream_send_all(client, "c", 1), 0);
    wok__sim_release(server->io.fd, SIZE_MAX);
    cr_assert_eq(wok_stream_recv(server, NULL, 0), 0);
    cr_assert_eq(wok__sim_figures().recvs, recvs);
    cr_assert_eq(wok_stream_recv(server, buffer, sizeof buffer), 1);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

/* Waits for a hangup and reports each time what it was told. */
struct watcher {
    wok_stream *stream;
    wok_hangup until, *seen;
    int *polls;
};

static wok_poll watcher_poll(void *self, wok_cx *cx, void *result)
{
    struct watcher *watcher = self;

    (void)result;
    ++*watcher->polls;
    *watcher->seen = wok_stream_hangup_poll(watcher->stream, cx, watcher->until);
    return *watcher->seen >= watcher->until ? WOK_READY : WOK_PENDING;
}

static const wok_future_vtable watcher_vtable = {
    .name = "watcher", .size = sizeof(struct watcher), .poll = watcher_poll};

NET_TEST(a_fin_then_a_reset_are_seen_without_reading)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    wok_hangup seen = WOK_HANGUP_NONE;
    int polls = 0;
    char buffer[16];

    connect_pair(listener, &client, &server);
    wok_join watcher = wok_spawn_future(
        &watcher_vtable, (&(struct watcher){server, WOK_HANGUP_RESET, &seen, &polls}));
    let_others_run();
    cr_assert_eq(wok_stream_send_all(client, "ab", 2), 0);
    let_others_run();
    cr_assert_eq(polls, 1, "bytes are no hangup");
    cr_assert_eq(wok_stream_shutdown_send(client), 0);
    let_others_run();
    cr_assert_eq(seen, WOK_HANGUP_HALF);
    cr_assert_eq(polls, 2);
    wok__driver_event(server->io.driver, (wok__token)server->io.generation << 32 | server->io.slot,
                      WOK__WRITABLE | WOK__HALF);
    let_others_run();
    cr_assert_eq(polls, 2, "a FIN is part of every later event, and told once");
    wok__sim_reset(client->io.fd);
    cr_assert_eq(wok_join_await(&watcher, NULL, NULL), 0);
    cr_assert_eq(seen, WOK_HANGUP_RESET);
    cr_assert_eq(wok_stream_recv(server, buffer, sizeof buffer), 2, "what had come is there");
    cr_assert_eq(wok_stream_recv(server, buffer, sizeof buffer), -ECONNRESET);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(a_reset_wakes_a_reader_and_a_writer)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    wok_join_error error;
    int result = 0;

    connect_pair(listener, &client, &server);
    recv_some_join reader = wok_spawn(recv_some, server);
    send_much_join writer = wok_spawn(send_much, server);
    let_others_run();
    wok_stream_reset(client);
    cr_assert_eq(send_much_await(&writer, &result, &error), 0);
    int first = result;
    cr_assert_eq(recv_some_await(&reader, &result, &error), -WOK_EJOIN * (first == -EPIPE));
    cr_assert(first == -ECONNRESET || error.code == -ECONNRESET, "one of them is told why");
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(latency_is_a_task_that_holds_and_sleeps)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    wok_instant start = wok_now();
    int result = 0;

    connect_pair(listener, &client, &server);
    wok__sim_hold(server->io.fd);
    cr_assert_eq(wok_stream_send_all(client, "ping", 4), 0);
    recv_some_join reader = wok_spawn(recv_some, server);
    cr_assert_eq(wok_sleep(wok_ms(30)), 0);
    wok__sim_release(server->io.fd, SIZE_MAX);
    cr_assert_eq(recv_some_await(&reader, &result, NULL), 0);
    cr_assert_eq(result, 4);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(a_stream_that_never_waits_lets_others_run)
{
    enum { BYTES = 1000, BUDGET = 128 };
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    static char block[BYTES];

    connect_pair(listener, &client, &server);
    wok_join echo = spawn_echo(server);
    wok_test_net_set_faults(&(wok_test_net_faults){.recv_max = 1});
    cr_assert_eq(wok_stream_send_all(client, block, sizeof block), 0);
    recv_all(client, block, sizeof block);
    cr_assert_geq(echo_polls, 2 * BYTES / BUDGET, "%d", echo_polls);
    wok_stream_close(client);
    cr_assert_eq(wok_join_await(&echo, NULL, NULL), 0);
    wok_listener_close(listener);
}

NET_TEST(the_peer_has_a_name)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    char buffer[64];

    connect_pair(listener, &client, &server);
    size_t length = wok_stream_peer(client, buffer, sizeof buffer);
    cr_assert_eq(length, strlen(buffer));
    cr_assert_eq(strncmp(buffer, "127.0.0.1:", 10), 0, "%s", buffer);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

/* ---- several workers, the kernel's sockets, plain threads ------------------------------------ */

WOK_TASK(exchange, uint16_t, int);

static int exchange(uint16_t *port, int *result)
{
    WOK_CLEANUP(wok_stream_closep) wok_stream *client = NULL;
    char buffer[32];

    int error = wok_connect(NULL, *port, &client);
    for (*result = 0; error == 0 && *result < 50; ++*result) {
        error = wok_stream_send_all(client, "0123456789", 10);
        for (ssize_t left = 10, got; error == 0 && left > 0; left -= got) {
            got = wok_stream_recv(client, buffer, (size_t)left);
            if (got <= 0)
                error = got == 0 ? -EPIPE : (int)got;
        }
    }
    return error;
}

/* Accepts, and spawns an echo for each. */
struct server {
    wok_listener *listener;
};

static wok_poll server_poll(void *self, wok_cx *cx, void *result)
{
    struct server *server = self;
    wok_stream *stream;
    int code;

    (void)result;
    while ((code = wok_accept_poll(server->listener, cx, &stream)) == 0) {
        wok_join echo = spawn_echo(stream);
        wok_join_drop(&echo);
    }
    return code == -EBADF ? WOK_READY : code;
}

static const wok_future_vtable server_vtable = {
    .name = "server", .size = sizeof(struct server), .poll = server_poll};

static void many_exchanges(void)
{
    enum { CLIENTS = 40 };
    wok_listener *listener = listen_here();
    exchange_join clients[CLIENTS];
    int result = 0;

    wok_join server = wok_spawn_future(&server_vtable, &(struct server){listener});
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = wok_spawn(exchange, wok_listener_port(listener));
    for (int i = 0; i < CLIENTS; i++) {
        cr_assert_eq(exchange_await(&clients[i], &result, NULL), 0);
        cr_assert_eq(result, 50);
    }
    wok_listener_stop(listener);
    cr_assert_eq(wok_join_await(&server, NULL, NULL), 0);
    wok_listener_close(listener);
}

NET_TEST_WITH(many_exchanges_on_several_workers,
              (options.workers = 3, options.paused_clock = false))
{
    many_exchanges();
    /* Echoes whose client closed end by themselves; the runtime waits for them or aborts them. */
}

/* A socket of the kernel's, waited on by tasks of two workers. */
WOK_TASK(ping, wok_stream *, int);

static int ping(wok_stream **stream, int *result)
{
    char byte = 'p';

    for (*result = 0; *result < 2000; ++*result) {
        int error = wok_stream_send_all(*stream, &byte, 1);
        if (error < 0)
            return error;
        if (wok_stream_recv(*stream, &byte, 1) != 1)
            return -EPIPE;
    }
    return 0;
}

WOK_TEST_ON(net, sockets_of_the_kernel_wake_their_tasks, 2)
{
    wok_runtime *runtime = wok_runtime_current();
    wok_stream *near_end, *far_end;
    int ends[2], result = 0;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    cr_assert_eq(wok__stream_new(wok__driver_nth(runtime, 0), ends[0], &near_end), 0);
    cr_assert_eq(wok__stream_new(wok__driver_nth(runtime, 1), ends[1], &far_end), 0);
    wok_join echo = spawn_echo(far_end);
    ping_join pinging = wok_spawn(ping, near_end);
    cr_assert_eq(ping_await(&pinging, &result, NULL), 0);
    cr_assert_eq(result, 2000);
    wok_stream_close(near_end);
    cr_assert_eq(wok_join_await(&echo, NULL, NULL), 0);
}

Test(net, a_plain_thread_waits_as_a_task_does, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    wok_stream *client = NULL;
    char buffer[8];

    options.simulated_network = true;
    options.paused_clock = false;
    cr_assert_eq(wok_connect(NULL, 1, &client), -EINVAL, "it has no runtime");
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wok_runtime_enter(runtime);
    wok_listener *listener = listen_here();
    wok_join server = wok_spawn_future(&server_vtable, &(struct server){listener});
    cr_assert_eq(wok_connect(NULL, wok_listener_port(listener), &client), 0);
    cr_assert_eq(wok_stream_send_all(client, "ab", 2), 0);
    recv_all(client, buffer, 2);
    wok_stream_close(client);
    wok_listener_stop(listener);
    cr_assert_eq(wok_join_await(&server, NULL, NULL), 0);
    wok_listener_close(listener);
    wok_runtime_enter(NULL);
    wok_runtime_free(runtime);
}
