/*
 * test_listener.c - accepting and connecting, by tasks of a runtime over the simulated network.
 */
#include "net_test.h"

/* ---- accepting ----------------------------------------------------------------------------- */

NET_TEST(an_accept_without_descriptors_says_so_and_loses_nobody)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;

    cr_assert_eq(wok_connect(NULL, wok_listener_port(listener), &client), 0);
    wok_test_net_set_faults(&(wok_test_net_faults){.accept_errors = 3, .accept_error = -EMFILE});
    for (int i = 0; i < 3; i++)
        cr_assert_eq(wok_accept(listener, &server), -EMFILE);
    cr_assert_eq(wok__sim_figures().accepts, 3, "one attempt for each call: nobody spins");
    cr_assert_eq(wok_accept(listener, &server), 0);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(connections_that_died_in_the_queue_are_skipped)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;

    cr_assert_eq(wok_connect(NULL, wok_listener_port(listener), &client), 0);
    wok_test_net_set_faults(
        &(wok_test_net_faults){.accept_errors = 20, .accept_error = -ECONNABORTED});
    cr_assert_eq(wok_accept(listener, &server), 0);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

WOK_TASK(accept_one, wok_listener *, wok_stream *);

static int accept_one(wok_listener **listener, wok_stream **result)
{
    return wok_accept(*listener, result);
}

NET_TEST(a_waiting_accept_learns_that_the_listener_stopped)
{
    wok_listener *listener = listen_here();
    wok_stream *stream = NULL;
    wok_join_error error;

    accept_one_join waiting = wok_spawn(accept_one, listener);
    let_others_run();
    cr_assert_not(wok_join_is_finished(&waiting.join));
    wok_listener_stop(listener);
    wok_listener_stop(listener);
    cr_assert_eq(accept_one_await(&waiting, &stream, &error), -WOK_EJOIN);
    cr_assert_eq(error.code, -EBADF);
    cr_assert_eq(wok_accept(listener, &stream), -EBADF);
    cr_assert_eq(wok_connect(NULL, wok_listener_port(listener), &stream), -ECONNREFUSED);
    wok_listener_close(listener);
}

NET_TEST(an_aborted_accept_leaves_the_connection_to_the_next)
{
    wok_listener *listener = listen_here();
    wok_stream *client, *server;
    wok_join_error error;

    accept_one_join waiting = wok_spawn(accept_one, listener);
    let_others_run();
    wok_join_abort(&waiting.join);
    cr_assert_eq(accept_one_await(&waiting, &server, &error), -WOK_EJOIN);
    cr_assert_eq(error.outcome, WOK_CANCELLED);
    cr_assert_null(listener->waiter);
    connect_pair(listener, &client, &server);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

/* Accepts without an end, and counts in how many polls. */
struct accept_loop {
    wok_listener *listener;
    int *accepted, *polls;
};

static wok_poll accept_loop_poll(void *self, wok_cx *cx, void *result)
{
    struct accept_loop *loop = self;
    wok_stream *stream;
    int code;

    (void)result;
    ++*loop->polls;
    while ((code = wok_accept_poll(loop->listener, cx, &stream)) == 0) {
        ++*loop->accepted;
        wok_stream_close(stream);
    }
    return code == -EBADF ? WOK_READY : code;
}

static void accept_loop_drop(void *self)
{
    struct accept_loop *loop = self;
    wok_accept_forget(loop->listener);
}

static const wok_future_vtable accept_loop_vtable = {.name = "accept_loop",
                                                     .size = sizeof(struct accept_loop),
                                                     .poll = accept_loop_poll,
                                                     .drop = accept_loop_drop};

NET_TEST(a_burst_of_connections_lets_others_run)
{
    enum { CLIENTS = 20 };
    wok_listener *listener = listen_here();
    int accepted = 0, polls = 0;
    int clients[CLIENTS];

    for (int i = 0; i < CLIENTS; i++)
        clients[i] = wok__sim_connect(wok_listener_port(listener));
    wok_join loop =
        wok_spawn_future(&accept_loop_vtable, (&(struct accept_loop){listener, &accepted, &polls}));
    let_others_run();
    cr_assert_eq(accepted, CLIENTS);
    cr_assert_eq(polls, 3, "eight at a time");
    wok_listener_stop(listener);
    cr_assert_eq(wok_join_await(&loop, NULL, NULL), 0);
    for (int i = 0; i < CLIENTS; i++)
        wok__sim_close(clients[i], false);
    wok_listener_close(listener);
}

NET_TEST_WITH(connections_are_spread_over_the_drivers, options.workers = 2)
{
    enum { CONNECTIONS = 30 };
    wok_runtime *runtime = wok_runtime_current();
    wok_listener *listener = listen_here();
    wok_stream *clients[CONNECTIONS], *servers[CONNECTIONS];
    uint32_t idle = wok__driver_load(wok__driver_nth(runtime, 0));

    for (int i = 0; i < CONNECTIONS; i++)
        connect_pair(listener, &clients[i], &servers[i]);
    cr_assert_eq(wok__driver_load(wok__driver_nth(runtime, 0)), idle + CONNECTIONS);
    cr_assert_eq(wok__driver_load(wok__driver_nth(runtime, 1)), idle + CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; i++) {
        wok_stream_close(clients[i]);
        wok_stream_close(servers[i]);
    }
    cr_assert_eq(wok__driver_load(wok__driver_nth(runtime, 0)), idle);
    wok_listener_close(listener);
}

/* ---- connecting ---------------------------------------------------------------------------- */

NET_TEST(a_connect_says_why_it_failed)
{
    wok_stream *stream = NULL;

    cr_assert_eq(wok_connect(NULL, 1, &stream), -ECONNREFUSED);
    cr_assert_eq(wok_connect("localhost", 1, &stream), -EINVAL);
    cr_assert_null(stream);
}

WOK_TASK(connect_to, uint16_t, wok_stream *);

static int connect_to(uint16_t *port, wok_stream **result)
{
    return wok_connect(NULL, *port, result);
}

NET_TEST(a_connect_waits_until_it_is_established)
{
    wok_listener *listener = listen_here();
    wok_stream *client = NULL, *server = NULL;

    wok_test_net_set_faults(&(wok_test_net_faults){.connect_late = true});
    connect_to_join connecting = wok_spawn(connect_to, wok_listener_port(listener));
    let_others_run();
    cr_assert_not(wok_join_is_finished(&connecting.join));
    cr_assert_eq(wok_accept(listener, &server), 0);
    cr_assert_eq(connect_to_await(&connecting, &client, NULL), 0);
    wok_stream_close(client);
    wok_stream_close(server);
    wok_listener_close(listener);
}

NET_TEST(a_connect_that_is_aborted_or_refused_late_leaves_nothing)
{
    wok_listener *listener = listen_here();
    wok_stream *client = NULL;
    wok_join_error error;

    wok_test_net_set_faults(&(wok_test_net_faults){.connect_late = true});
    connect_to_join aborted = wok_spawn(connect_to, wok_listener_port(listener));
    connect_to_join refused = wok_spawn(connect_to, wok_listener_port(listener));
    let_others_run();
    wok_join_abort(&aborted.join);
    cr_assert_eq(connect_to_await(&aborted, &client, &error), -WOK_EJOIN);
    cr_assert_eq(error.outcome, WOK_CANCELLED);
    wok_listener_close(listener);
    cr_assert_eq(connect_to_await(&refused, &client, &error), -WOK_EJOIN);
    cr_assert_eq(error.code, -ECONNRESET);
}
