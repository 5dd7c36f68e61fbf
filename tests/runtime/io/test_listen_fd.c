/*
 * test_listen_fd.c - listeners of descriptors that listen already, by a runtime over the kernel's network.
 *
 * Unix sockets by abstract names, so that no file is left behind; clients are plain descriptors, whose connect
 * is over when it returns.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "io/net.h"

static struct sockaddr_un address;
static socklen_t address_size;

static int listening_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    address.sun_family = AF_UNIX;
    address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                               (size_t)snprintf(address.sun_path + 1, sizeof address.sun_path - 1,
                                                "wok-listen-fd-%d", (int)getpid()));
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, address_size), 0);
    cr_assert_eq(listen(fd, 16), 0);
    return fd;
}

static int dial(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&address, address_size) == 0)
        return fd;
    close(fd);
    return -errno;
}

WOK_TEST_ON(listen_fd, connections_of_a_unix_socket_are_accepted_and_carry_bytes, 2)
{
    int fd = listening_socket(), client;
    wok_listener *listener;
    wok_stream *stream;
    char buffer[8] = "", peer[64];

    cr_assert_eq(wok_listen_fd(&listener, fd, false), 0);
    cr_assert_eq(wok_listener_port(listener), 0);
    cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    client = dial();
    cr_assert_geq(client, 0);
    cr_assert_eq(wok_accept(listener, &stream), 0);
    cr_assert_eq(write(client, "ping", 4), 4);
    cr_assert_eq(wok_stream_recv(stream, buffer, sizeof buffer), 4);
    cr_assert_eq(wok_stream_send_all(stream, "pong", 4), 0);
    cr_assert_eq(read(client, buffer, sizeof buffer), 4);
    cr_assert_str_eq(buffer, "pong");
    wok_stream_peer(stream, peer, sizeof peer);
    cr_assert_str_eq(peer, "unix");
    close(client);
    cr_assert_eq(wok_stream_recv(stream, buffer, sizeof buffer), 0);
    wok_stream_close(stream);
    wok_listener_close(listener);
    cr_assert_eq(fcntl(fd, F_GETFD), -1, "it took the descriptor");
}

WOK_TEST_ON(listen_fd, one_that_others_hold_goes_on_listening_when_it_is_stopped, 2)
{
    int fd = listening_socket(), kept = dup(fd), client;
    wok_listener *listener;
    wok_stream *stream;

    cr_assert_eq(wok_listen_fd(&listener, fd, true), 0);
    client = dial();
    wok_listener_stop(listener);
    cr_assert_eq(wok_accept(listener, &stream), -EBADF);
    wok_listener_close(listener);
    int taken = accept(kept, NULL, NULL);
    cr_assert_geq(taken, 0, "who connected before the stop is the next holder's");
    close(taken);
    close(client);

    client = dial();
    cr_assert_geq(client, 0, "and so is who connects after it");
    cr_assert_eq(wok_listen_fd(&listener, kept, true), 0);
    cr_assert_eq(wok_accept(listener, &stream), 0);
    wok_stream_close(stream);
    close(client);
    wok_listener_close(listener);
    cr_assert_lt(dial(), 0);
}

WOK_TEST_ON(listen_fd, one_of_ones_own_is_shut_when_it_is_stopped, 2)
{
    int fd = listening_socket(), kept = dup(fd);
    wok_listener *listener;

    cr_assert_eq(wok_listen_fd(&listener, fd, false), 0);
    cr_assert_eq(wok_listener_hush(listener), -EOPNOTSUPP, "there is no handshake to filter");
    wok_listener_stop(listener);
    cr_assert_lt(dial(), 0);
    wok_listener_close(listener);
    close(kept);
}

WOK_TEST_ON(listen_fd, what_does_not_listen_is_refused_and_stays_the_callers, 2)
{
    int pair[2], datagram = socket(AF_UNIX, SOCK_DGRAM, 0), file = open("/dev/null", O_RDONLY);
    int listening = listening_socket();
    wok_listener *listener = NULL;

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_assert_eq(wok_listen_fd(&listener, pair[0], false), -EINVAL);
    cr_assert_eq(wok_listen_fd(&listener, datagram, false), -EOPNOTSUPP);
    cr_assert_eq(wok_listen_fd(&listener, file, false), -ENOTSOCK);
    cr_assert_eq(wok_listen_fd(&listener, -1, false), -EBADF);
    cr_assert_eq(wok_listen_fd(NULL, listening, false), -EINVAL);
    cr_assert_null(listener);
    cr_assert_eq(close(pair[0]) + close(pair[1]) + close(datagram) + close(file), 0);
    cr_assert_eq(close(listening), 0);
}

Test(listen_fd, without_a_runtime_it_is_refused)
{
    wok_listener *listener;
    int fd = listening_socket();

    cr_assert_eq(wok_listen_fd(&listener, fd, false), -EINVAL);
    cr_assert_eq(close(fd), 0);
}

static void is_not_supported(void)
{
    wok_listener *listener;
    int fd = listening_socket();

    cr_assert_eq(wok_listen_fd(&listener, fd, false), -ENOTSUP);
    cr_assert_eq(close(fd), 0);
}

Test(listen_fd, the_simulated_network_has_none, .timeout = 60)
{
    wok_runtime_options options = test_options();

    options.simulated_network = true;
    test_run(&options, is_not_supported);
}
