/*
 * net_test.h - tests over the simulated network: a runtime with one worker and a paused clock, and no
 * socket left behind.
 */
#ifndef WOK_TESTS_RUNTIME_IO_NET_TEST_H
#define WOK_TESTS_RUNTIME_IO_NET_TEST_H

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "io/net.h"
#include "io/sim.h"

#define NET_TEST_WITH(Name_, ...)                                                                  \
    static void net_##Name_##_body(void);                                                          \
    Test(net, Name_, .timeout = 60)                                                                \
    {                                                                                              \
        wok_runtime_options options = test_options();                                              \
        options.simulated_network = true;                                                          \
        __VA_ARGS__;                                                                               \
        test_run(&options, net_##Name_##_body);                                                    \
        cr_assert_eq(wok__sim_figures().open, 0, "a socket was left open");                        \
    }                                                                                              \
    static void net_##Name_##_body(void)
#define NET_TEST(Name_) NET_TEST_WITH(Name_, (void)0)

/* The next poll of this task runs after all others have had their turns. */
__attribute__((unused)) static void let_others_run(void)
{
    for (int i = 0; i < 4; i++)
        cr_assert_eq(wok_yield(), 0);
}

__attribute__((unused)) static wok_listener *listen_here(void)
{
    wok_listener *listener = NULL;

    cr_assert_eq(wok_listen(&listener, &(wok_listen_options){.port = 0}), 0);
    return listener;
}

__attribute__((unused)) static void connect_pair(wok_listener *listener, wok_stream **client,
                                                 wok_stream **server)
{
    cr_assert_eq(wok_connect(NULL, wok_listener_port(listener), client), 0);
    cr_assert_eq(wok_accept(listener, server), 0);
}

/* Receives exactly `size` bytes. */
__attribute__((unused)) static void recv_all(wok_stream *stream, char *buffer, size_t size)
{
    while (size > 0) {
        ssize_t received = wok_stream_recv(stream, buffer, size);
        cr_assert_gt(received, 0, "%zd", received);
        buffer += received;
        size -= (size_t)received;
    }
}

#endif
