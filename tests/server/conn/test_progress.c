/*
 * test_progress.c - who is slow, and who takes nothing: the deadline of writing is for the second only.
 *
 * The network tells of room in steps of half of what it keeps, as a kernel does.  Most of these clients take so
 * little that no step comes within the deadline, which was all that used to be looked at.
 */
#include "conn_test.h"

#include <errno.h>

#include "io/sim.h"

enum { LARGE = 300000, KEPT = 65536 };

/* What is asked for, and its client, which no driver watches. */
static int ask_large(void)
{
    static const char request[] = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd;

    wok_test_net_set_faults(&(wok_test_net_faults){.room_min = KEPT / 2});
    fd = wok__sim_connect(port);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(wok__sim_send(fd, request, sizeof request - 1), (ssize_t)sizeof request - 1);
    cr_assert_eq(wok_sleep(wok_ns(1)), 0);
    return fd;
}

static size_t take(int fd, size_t size)
{
    char bytes[2000];
    ssize_t got = wok__sim_recv(fd, bytes, size);

    return got > 0 ? (size_t)got : 0;
}

static uint64_t gone(void)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics.client_gone;
}

/* It used to be reset after 30 s, when it had taken 6,000 bytes. */
CONNECTION_TEST(a_client_that_reads_slowly_gets_all, .drain_delay = {0})
{
    int fd = ask_large();
    size_t size = 0;

    for (int i = 0; i < 2 * LARGE / 1000 && size < LARGE; i++) {
        cr_assert_eq(wok_sleep(wok_seconds(5)), 0);
        size += take(fd, 1000);
    }
    cr_assert_geq(size, LARGE);
    wok__sim_close(fd, false);
}

CONNECTION_TEST(a_byte_within_each_deadline_is_progress, .drain_delay = {0})
{
    int fd = ask_large();

    for (int i = 0; i < 100; i++) {
        cr_assert_eq(wok_sleep(wok_seconds(29)), 0);
        cr_assert_eq(take(fd, 1), 1);
        cr_assert_geq(wok__sim_peer(fd), 0, "%d", i);
    }
    wok__sim_close(fd, false);
}

CONNECTION_TEST(a_client_that_takes_nothing_is_reset_after_30_seconds_exactly, .drain_delay = {0})
{
    int fd = ask_large();

    cr_assert_eq(wok_sleep(wok_ms(29999)), 0);
    cr_assert_geq(wok__sim_peer(fd), 0);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(wok__sim_peer(fd), -ENOTCONN);
    wok__sim_close(fd, false);
}

/* What was under way when the wait began is taken just after it, and used to be no progress either; it
 * must not give a client that stops then the whole time again. */
CONNECTION_TEST(a_client_that_stops_is_noticed_within_an_eighth, .drain_delay = {0})
{
    int fd = ask_large();

    cr_assert_eq(take(fd, 1000), 1000);
    cr_assert_eq(wok_sleep(wok_ms(30000)), 0);
    cr_assert_geq(wok__sim_peer(fd), 0);
    cr_assert_eq(wok_sleep(wok_ms(3750)), 0);
    cr_assert_eq(wok__sim_peer(fd), -ENOTCONN);
    wok__sim_close(fd, false);
}

/* ---- a client that is gone, while what it asked for is not ------------------------------------------------ */

/* The deadline of what it had not taken was met again and again, in one poll that never ended. */
CONNECTION_TEST(a_client_that_is_gone_has_no_deadline, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream,
        "GET /large-later HTTP/1.1\r\nHost: x\r\n\r\nGET /stubborn HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(stubborn, 1);
    wok_stream_reset(stream);
    cr_assert_eq(wok_sleep(wok_seconds(59)), 0);
    cr_assert_eq(stubborn, 1);
    cr_assert_eq(wok_sleep(wok_seconds(2)), 0);
    cr_assert_eq(stubborn, 0);
    cr_assert_eq(gone(), 1);
}
