/*
 * test_sim.c - the simulated network by itself: bytes in order, FIN, reset, and each fault.
 *
 * The ends have no driver here: what they would report is in test_net.c.
 */
#include <errno.h>

#include "support/test.h"

#include "io/net.h"
#include "io/sim.h"

static int listener;
static uint16_t port;

static int listen_at(uint16_t at, int backlog)
{
    struct wok__address address;

    cr_assert_eq(wok__address_parse(NULL, at, &address), 0);
    return wok__sim_ops.listen(&address, backlog, &port);
}

/* A driver keeps the network; without one the first that ends would empty it. */
static struct wok__driver driver;

static void set_up(void)
{
    cr_assert_eq(wok__driver_init(&driver, &wok__sim_ops, NULL, 0), 0);
    listener = listen_at(0, 4);
    cr_assert_geq(listener, 0);
}

static void tear_down(void)
{
    wok__driver_done(&driver);
    cr_assert_eq(wok__sim_figures().open, 0);
}

static void connect_pair(int *client, int *server)
{
    *client = wok__sim_connect(port);
    cr_assert_geq(*client, 0);
    *server = wok__sim_ops.accept(listener);
    cr_assert_geq(*server, 0);
}

/* What a reader should see is what a writer has written, whatever the sizes. */
Test(sim, bytes_arrive_complete_and_in_order, .init = set_up, .fini = tear_down, .timeout = 20)
{
    uint32_t seed = 1, sent = 0, received = 0;
    int client, server;
    unsigned char buffer[97];

    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 64});
    connect_pair(&client, &server);
    while (received < 100000) {
        seed = seed * 1103515245u + 12345u;
        size_t size = 1 + (seed >> 16) % sizeof buffer;
        if (seed >> 31) {
            for (size_t i = 0; i < size; i++)
                buffer[i] = (unsigned char)((sent + i) % 251);
            ssize_t taken = wok__sim_send(client, buffer, size);
            cr_assert(taken > 0 || (taken == -EAGAIN && sent - received == 64));
            sent += taken > 0 ? (uint32_t)taken : 0;
        } else {
            ssize_t got = wok__sim_recv(server, buffer, size);
            cr_assert(got > 0 || (got == -EAGAIN && sent == received));
            for (ssize_t i = 0; i < got; i++)
                cr_assert_eq(buffer[i], (received + (uint32_t)i) % 251);
            received += got > 0 ? (uint32_t)got : 0;
        }
    }
}

Test(sim, pieces_are_sent_as_one, .init = set_up, .fini = tear_down)
{
    struct iovec pieces[] = {{(char[]){"ab"}, 2}, {NULL, 0}, {(char[]){"cde"}, 3}};
    int client, server;
    char buffer[8];

    connect_pair(&client, &server);
    struct wok__io io = {.fd = client};
    cr_assert_eq(wok__sim_ops.send(&io, pieces, 3), 5);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 5);
    cr_assert_arr_eq(buffer, "abcde", 5);
}

Test(sim, a_port_is_taken_once, .init = set_up, .fini = tear_down)
{
    cr_assert_eq(listen_at(port, 1), -EADDRINUSE);
    wok__sim_ops.unlisten(listener);
    cr_assert_eq(wok__sim_ops.accept(listener), -EINVAL);
    cr_assert_geq(listen_at(port, 1), 0, "free as soon as it does not listen");
}

Test(sim, a_connection_is_refused_without_a_listener_or_room, .init = set_up, .fini = tear_down)
{
    cr_assert_eq(wok__sim_connect((uint16_t)(port + 1)), -ECONNREFUSED);
    for (int i = 0; i < 4; i++)
        cr_assert_geq(wok__sim_connect(port), 0);
    cr_assert_eq(wok__sim_connect(port), -ECONNREFUSED, "the backlog is 4");
    cr_assert_geq(wok__sim_ops.accept(listener), 0);
    cr_assert_geq(wok__sim_connect(port), 0);
}

Test(sim, who_waits_in_a_closed_listener_is_reset, .init = set_up, .fini = tear_down)
{
    char byte;
    int client = wok__sim_connect(port);

    wok__sim_close(listener, false);
    cr_assert_eq(wok__sim_recv(client, &byte, 1), -ECONNRESET);
    cr_assert_eq(wok__sim_recv(client, &byte, 1), 0, "an error is told once");
    cr_assert_eq(wok__sim_send(client, "a", 1), -EPIPE);
}

Test(sim, a_close_is_a_fin_after_the_bytes, .init = set_up, .fini = tear_down)
{
    int client, server;
    char buffer[8];

    connect_pair(&client, &server);
    cr_assert_eq(wok__sim_send(client, "ab", 2), 2);
    wok__sim_close(client, false);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 2);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 0);
    cr_assert_eq(wok__sim_send(server, "c", 1), 1, "it cannot know yet");
    cr_assert_eq(wok__sim_send(server, "d", 1), -EPIPE);
}

Test(sim, a_close_with_unread_bytes_is_a_reset, .init = set_up, .fini = tear_down)
{
    int client, server;
    char byte;

    connect_pair(&client, &server);
    cr_assert_eq(wok__sim_send(server, "a", 1), 1);
    wok__sim_close(client, false);
    cr_assert_eq(wok__sim_recv(server, &byte, 1), -ECONNRESET);
}

Test(sim, a_half_close_leaves_the_other_direction, .init = set_up, .fini = tear_down)
{
    int client, server;
    char byte;

    connect_pair(&client, &server);
    cr_assert_eq(wok__sim_ops.shutdown_send(client), 0);
    cr_assert_eq(wok__sim_send(client, "a", 1), -EPIPE);
    cr_assert_eq(wok__sim_recv(server, &byte, 1), 0);
    cr_assert_eq(wok__sim_send(server, "b", 1), 1);
    cr_assert_eq(wok__sim_recv(client, &byte, 1), 1);
}

Test(sim, held_bytes_arrive_when_they_are_released, .init = set_up, .fini = tear_down)
{
    int client, server;
    char buffer[8];

    connect_pair(&client, &server);
    wok__sim_hold(server);
    cr_assert_eq(wok__sim_send(client, "abcd", 4), 4);
    wok__sim_close(client, false);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), -EAGAIN);
    wok__sim_release(server, 3);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 3);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), -EAGAIN, "the FIN is behind");
    wok__sim_release(server, SIZE_MAX);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 1);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 0);
}

Test(sim, a_broken_connection_is_reset_at_both_ends, .init = set_up, .fini = tear_down)
{
    int client, server;
    char byte;

    connect_pair(&client, &server);
    cr_assert_eq(wok__sim_peer(client), server);
    wok__sim_reset(client);
    cr_assert_eq(wok__sim_peer(client), -ENOTCONN);
    cr_assert_eq(wok__sim_recv(client, &byte, 1), -ECONNRESET);
    cr_assert_eq(wok__sim_send(server, "a", 1), -ECONNRESET);
}

Test(sim, faults_cut_and_refuse, .init = set_up, .fini = tear_down)
{
    int client, server;
    char buffer[8];

    connect_pair(&client, &server);
    wok_test_net_set_faults(&(wok_test_net_faults){.send_max = 3,
                                                   .recv_max = 2,
                                                   .send_again = 1,
                                                   .recv_again = 1,
                                                   .accept_errors = 1,
                                                   .accept_error = -EMFILE});
    cr_assert_eq(wok__sim_send(client, "abcd", 4), -EAGAIN);
    cr_assert_eq(wok__sim_send(client, "abcd", 4), 3);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), -EAGAIN);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 2);
    cr_assert_eq(wok__sim_recv(server, buffer, sizeof buffer), 1);
    cr_assert_eq(wok__sim_ops.accept(listener), -EAGAIN, "nobody came: nothing to refuse");
    cr_assert_geq(wok__sim_connect(port), 0);
    cr_assert_eq(wok__sim_ops.accept(listener), -EMFILE);
    cr_assert_geq(wok__sim_ops.accept(listener), 0, "it has stayed in the queue");
}

Test(sim, a_late_connection_is_there_when_it_is_accepted, .init = set_up, .fini = tear_down)
{
    wok_test_net_set_faults(&(wok_test_net_faults){.connect_late = true});
    int client = wok__sim_connect(port);

    cr_assert_eq(wok__sim_ops.connected(client), -EINPROGRESS);
    cr_assert_geq(wok__sim_ops.accept(listener), 0);
    cr_assert_eq(wok__sim_ops.connected(client), 0);
}

Test(sim, what_lies_unread_is_untaken, .init = set_up, .fini = tear_down)
{
    int client, server;
    char buffer[8];

    connect_pair(&client, &server);
    cr_assert_eq(wok__sim_ops.untaken(client), 0);
    cr_assert_eq(wok__sim_send(client, "abcd", 4), 4);
    cr_assert_eq(wok__sim_ops.untaken(client), 4);
    cr_assert_eq(wok__sim_ops.untaken(server), 0);
    cr_assert_eq(wok__sim_recv(server, buffer, 3), 3);
    cr_assert_eq(wok__sim_ops.untaken(client), 1);
    wok__sim_close(server, true);
    cr_assert_eq(wok__sim_ops.untaken(client), 0);
}
