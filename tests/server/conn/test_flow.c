/*
 * test_flow.c - how much goes over the wire at a time, how often, and how much waits.
 *
 * The clients here are ends of the simulated network without a task; its figures count their calls
 * together with the server's.
 */
#include "conn_test.h"

#include <errno.h>

#include "io/sim.h"

#define REQUEST "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"

/* Lets the server do what there is to do; the clock stands still meanwhile. */
static void settle(void)
{
    for (int i = 0; i < 20; i++)
        cr_assert_eq(wok_yield(), 0);
}

static void send_raw(int fd, const char *text)
{
    cr_assert_eq(wok__sim_send(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* What has arrived, NUL-terminated. */
static size_t recv_raw(int fd, char *buffer, size_t size)
{
    ssize_t got = wok__sim_recv(fd, buffer, size - 1);

    buffer[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

static uint64_t requests_so_far(void)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics.requests;
}

CONNECTION_TEST(a_request_costs_one_recv_and_one_send, .drain_delay = {0})
{
    int fd = wok__sim_connect(port);
    char buffer[1024];

    settle();
    send_raw(fd, REQUEST);
    settle();
    cr_assert_gt(recv_raw(fd, buffer, sizeof buffer), 0);
    wok_test_net_figures before = wok__sim_figures();
    for (int i = 0; i < 100; i++) {
        send_raw(fd, REQUEST);
        settle();
        cr_assert_gt(recv_raw(fd, buffer, sizeof buffer), 0);
    }
    wok_test_net_figures after = wok__sim_figures();
    cr_assert_eq(after.sends - before.sends, 100 + 100); /* the client's, the server's */
    cr_assert_eq(after.recvs - before.recvs, 100 + 100);
    cr_assert_eq(after.recv_eagains, before.recv_eagains);
    wok__sim_close(fd, false);
}

CONNECTION_TEST(answers_that_are_ready_together_leave_in_one_send, .drain_delay = {0})
{
    int fd = wok__sim_connect(port);
    char requests[16 * sizeof REQUEST] = "", buffer[8192];

    settle();
    for (int i = 0; i < 16; i++)
        strcat(requests, REQUEST);
    wok_test_net_figures before = wok__sim_figures();
    send_raw(fd, requests);
    settle();
    cr_assert_gt(recv_raw(fd, buffer, sizeof buffer), 0);
    wok_test_net_figures after = wok__sim_figures();
    cr_assert_eq(count(buffer, "\r\n\r\nok\n"), 16);
    cr_assert_eq(after.sends - before.sends, 1 + 1);
    cr_assert_eq(after.recvs - before.recvs, 1 + 1);
    wok__sim_close(fd, false);
}

/* It used to run a whole pipeline of them, and to keep what they answered. */
CONNECTION_TEST(a_client_that_does_not_read_has_one_large_answer_waiting, .drain_delay = {0})
{
    int fd = wok__sim_connect(port);
    char *buffer = malloc(400000);
    size_t size = 0;

    settle();
    for (int i = 0; i < 10; i++)
        send_raw(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    settle();
    cr_assert_eq(requests_so_far(), 1);
    /* Whoever reads on gets all of them. */
    for (int reads = 0; size < 10 * 300000 && reads < 1000; reads++) {
        size += recv_raw(fd, buffer, 400000);
        settle();
    }
    cr_assert_gt(size, 10 * 300000);
    cr_assert_eq(requests_so_far(), 10);
    free(buffer);
    wok__sim_close(fd, false);
}

CONNECTION_TEST(small_answers_that_nobody_reads_stop_the_reading, .output_max = 1000)
{
    int fd = wok__sim_connect(port);
    wok_test_net_faults faults = {.capacity = 0};

    settle();
    faults.send_again = 1; /* nothing leaves until there is an event, which there is at once ... */
    wok_test_net_set_faults(&faults);
    for (int i = 0; i < 1000; i++)
        (void)wok__sim_send(fd, REQUEST, sizeof REQUEST - 1);
    settle();
    /* ... and then the client's end fills up; 65,536 bytes there and 1,000 here. */
    for (int round = 0; round < 50; round++) {
        (void)wok__sim_send(fd, REQUEST REQUEST REQUEST REQUEST, 4 * (sizeof REQUEST - 1));
        settle();
    }
    uint64_t stuck_at = requests_so_far();
    cr_assert_lt(stuck_at, 65536 / 150 + 16);
    for (int round = 0; round < 50; round++) {
        (void)wok__sim_send(fd, REQUEST, sizeof REQUEST - 1);
        settle();
    }
    cr_assert_eq(requests_so_far(), stuck_at);
    wok__sim_close(fd, true);
}

/* Byte by byte in both directions: no boundary means anything. */
CONNECTION_TEST(bytes_may_come_and_go_one_by_one, .drain_delay = {0})
{
    int fd = wok__sim_connect(port);
    wok_test_net_faults faults = {.recv_max = 1, .send_max = 1};
    char all[4096] = "";
    size_t size = 0;

    settle();
    send_raw(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nsec\r\n3\r\nond\r\n0\r\n\r\n" REQUEST);
    wok_test_net_set_faults(&faults);
    for (int i = 0; i < 5000 && strstr(all, "\r\n\r\nok\n") == NULL; i++) {
        size += recv_raw(fd, all + size, sizeof all - size);
        settle();
    }
    cr_assert_eq(count(all, "HTTP/1.1 200 OK\r\n"), 2);
    cr_assert_eq(count(all, "\r\n\r\nsecond"), 1);
    cr_assert_eq(count(all, "\r\n\r\nok\n"), 1);
    wok__sim_close(fd, false);
}

CONNECTION_TEST(accepting_pauses_while_there_is_no_descriptor, .drain_delay = {0})
{
    wok_test_net_faults faults = {.accept_error = -EMFILE, .accept_errors = 3};
    wok_instant began = wok_now();

    wok_test_net_set_faults(&faults);
    uint64_t before = wok__sim_figures().accepts;
    char *answer = ask_once("GET /ok HTTP/1.0\r\n\r\n");
    cr_assert_eq(count(answer, "\r\n\r\nok\n"), 1);
    cr_assert_eq(wok_elapsed(began).ns, 3 * wok_ms(50).ns);
    cr_assert_leq(wok__sim_figures().accepts - before, 3 + 2); /* not in a busy loop */
    free(answer);
}

CONNECTION_TEST(beyond_the_most_connections_one_waits_for_a_place, .connections_max = 2)
{
    wok_stream *first = dial(), *second = dial(), *third = dial();

    cr_assert_eq(wok_sleep(wok_ms(200)), 0);
    say(third, REQUEST);
    cr_assert_eq(wok_sleep(wok_ms(200)), 0);
    cr_assert_eq(requests_so_far(), 0);
    wok_stream_close(first);
    char *answer = hear(third, "ok\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    free(answer);
    wok_stream_close(second);
    wok_stream_close(third);
}
