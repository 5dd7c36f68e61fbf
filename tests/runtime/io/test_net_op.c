/*
 * test_net_op.c - the operations of streams and listeners, and the waits with a deadline, over the
 * simulated network.
 *
 * One worker and a paused clock: what arrives has arrived when the call that sent it returns.
 */
#include "net_test.h"

struct pair {
    wok_listener *listener;
    wok_stream *client, *server;
};

static struct pair pair_of_streams(void)
{
    struct pair pair = {.listener = listen_here()};

    connect_pair(pair.listener, &pair.client, &pair.server);
    return pair;
}

static void close_pair(struct pair *pair)
{
    wok_stream_close(pair->client);
    wok_stream_close(pair->server);
    wok_listener_close(pair->listener);
}

/* Nobody is left registered with the stream. */
static void expect_no_waiter(const wok_stream *stream)
{
    for (unsigned interest = 0; interest < WOK__INTERESTS; interest++)
        cr_assert_null(stream->io.waiters[interest]);
}

/* The winner of a select between an operation and a sleep of 1 ms; its code must be 0. */
static int race(wok_op op)
{
    wok_op branches[] = {op, wok_sleep_op(wok_ms(1))};
    int code = -1, winner = wok_select(branches, 2, WOK_SELECT_FAIR, &code);

    cr_assert_eq(code, 0);
    return winner;
}

/* ---- receiving ------------------------------------------------------------------------------ */

NET_TEST(a_recv_that_loses_has_received_nothing)
{
    struct pair pair = pair_of_streams();
    size_t size = 77;
    char buffer[16];

    cr_assert_eq(race(wok_stream_recv_op(pair.server, buffer, sizeof buffer, &size)), 1);
    cr_assert_eq(size, 77);
    expect_no_waiter(pair.server);
    cr_assert_eq(wok_stream_send_all(pair.client, "abc", 3), 0);

    /* Both are ready, and only the winner takes something. */
    for (int i = 0; i < 3; i++) {
        char other[16];
        size_t other_size = 0;
        uint64_t recvs = wok__sim_figures().recvs;
        wok_op branches[] = {wok_stream_recv_op(pair.server, buffer, 1, &size),
                             wok_stream_recv_op(pair.server, other, 1, &other_size)};
        int code = -1, winner = wok_select(branches, 2, WOK_SELECT_FAIR, &code);
        cr_assert_eq(code, 0);
        cr_assert_eq(winner == 0 ? buffer[0] : other[0], "abc"[i]);
        cr_assert_eq(wok__sim_figures().recvs - recvs, 1);
    }
    close_pair(&pair);
}

WOK_TASK(send_later, wok_stream *, int);
static int send_later(wok_stream **stream, int *result)
{
    *result = wok_sleep(wok_us(500));
    if (*result == 0)
        *result = wok_stream_send_all(*stream, "later", 5);
    return *result;
}

NET_TEST(a_recv_wins_when_something_arrives)
{
    struct pair pair = pair_of_streams();
    send_later_join sender = wok_spawn(send_later, pair.client);
    wok_instant start = wok_now();
    size_t size = 0;
    char buffer[16];

    cr_assert_eq(race(wok_stream_recv_op(pair.server, buffer, sizeof buffer, &size)), 0);
    cr_assert_eq(size, 5);
    cr_assert_eq(memcmp(buffer, "later", 5), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_us(500).ns);
    cr_assert_eq(send_later_await(&sender, NULL, NULL), 0);
    wok_stream_close(pair.client);
    cr_assert_eq(race(wok_stream_recv_op(pair.server, buffer, sizeof buffer, &size)), 0);
    cr_assert_eq(size, 0, "the end of the stream");
    wok_stream_close(pair.server);
    wok_listener_close(pair.listener);
}

NET_TEST(a_recv_that_fails_wins_with_its_error)
{
    struct pair pair = pair_of_streams();
    size_t size = 7;
    char buffer[16];

    wok_stream_reset(pair.client);
    cr_assert_eq(wok_op_await(wok_stream_recv_op(pair.server, buffer, sizeof buffer, &size)),
                 -ECONNRESET);
    cr_assert_eq(size, 7);
    wok_stream_close(pair.server);
    wok_listener_close(pair.listener);
}

/* An operation that was never polled has asked for nothing, and so takes nothing back. */
WOK_TASK(recv_one, wok_stream *, int);
static int recv_one(wok_stream **stream, int *result)
{
    char byte = 0;

    *result = (int)wok_stream_recv(*stream, &byte, 1);
    return *result < 0 ? *result : 0;
}

NET_TEST(a_recv_that_was_not_polled_takes_back_nobody_elses_wait)
{
    struct pair pair = pair_of_streams();
    recv_one_join reader = wok_spawn(recv_one, pair.server);
    int code, result = 0;
    char byte;

    let_others_run();
    wok_op branches[] = {wok_stream_writable_op(pair.server),
                         wok_stream_recv_op(pair.server, &byte, 1, NULL)};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 0);
    cr_assert_not_null(pair.server->io.waiters[WOK__READ]);
    cr_assert_eq(wok_stream_send_all(pair.client, "a", 1), 0);
    cr_assert_eq(recv_one_await(&reader, &result, NULL), 0);
    cr_assert_eq(result, 1);
    close_pair(&pair);
}

/* ---- sending --------------------------------------------------------------------------------- */

static size_t fill(wok_stream *stream)
{
    static const char zeros[4096];
    size_t total = 0, sent;

    while (race(wok_stream_send_op(stream, zeros, sizeof zeros, &sent)) == 0)
        total += sent;
    return total;
}

NET_TEST(a_send_that_loses_has_sent_nothing)
{
    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 10000});
    struct pair pair = pair_of_streams();
    static char buffer[20000];
    size_t total = fill(pair.client), sent = 77;

    cr_assert_eq(total, 10000);
    cr_assert_eq(race(wok_stream_send_op(pair.client, "lost", 4, &sent)), 1);
    cr_assert_eq(race(wok_stream_writable_op(pair.client)), 1);
    cr_assert_eq(sent, 77);
    expect_no_waiter(pair.client);
    recv_all(pair.server, buffer, total);
    cr_assert_eq(race(wok_stream_writable_op(pair.client)), 0);
    cr_assert_eq(race(wok_stream_send_op(pair.client, "won", 3, &sent)), 0);
    cr_assert_eq(sent, 3);
    cr_assert_eq(wok_stream_recv(pair.server, buffer, sizeof buffer), 3);
    cr_assert_eq(memcmp(buffer, "won", 3), 0);
    close_pair(&pair);
}

/* ---- readiness ------------------------------------------------------------------------------- */

NET_TEST(readiness_calls_and_takes_nothing)
{
    struct pair pair = pair_of_streams();
    char buffer[16];

    cr_assert_eq(wok_stream_send_all(pair.client, "a", 1), 0);
    cr_assert_eq(wok_stream_recv(pair.server, buffer, sizeof buffer), 1); /* empty from here on */
    uint64_t recvs = wok__sim_figures().recvs;
    cr_assert_eq(race(wok_stream_readable_op(pair.server)), 1);
    expect_no_waiter(pair.server);
    send_later_join sender = wok_spawn(send_later, pair.client);
    cr_assert_eq(race(wok_stream_readable_op(pair.server)), 0);
    cr_assert_eq(race(wok_stream_readable_op(pair.server)), 0, "it still is");
    cr_assert_eq(wok__sim_figures().recvs, recvs);
    cr_assert_eq(wok_stream_recv(pair.server, buffer, sizeof buffer), 5);
    cr_assert_eq(send_later_await(&sender, NULL, NULL), 0);
    close_pair(&pair);
}

static bool turned;

WOK_TASK(take_a_turn, int, int);
static int take_a_turn(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    turned = true;
    return 0;
}

static void loop_until_another_runs(wok_op op)
{
    take_a_turn_join other = wok_spawn(take_a_turn, 0);
    unsigned rounds = 0;

    for (turned = false; !turned && rounds < 10000; rounds++)
        cr_assert_eq(wok_op_await(op), 0); /* a copy each time */
    cr_assert(turned);
    cr_assert_eq(take_a_turn_await(&other, NULL, NULL), 0);
}

NET_TEST(a_loop_over_readiness_lets_others_run)
{
    struct pair pair = pair_of_streams();

    loop_until_another_runs(wok_stream_writable_op(pair.client));
    loop_until_another_runs(wok_stream_readable_op(pair.client));
    close_pair(&pair);
}

NET_TEST(a_hangup_is_told_in_its_steps_and_reads_nothing)
{
    struct pair pair = pair_of_streams();
    wok_hangup hangup = WOK_HANGUP_NONE;
    char buffer[16];

    cr_assert_eq(wok_stream_send_all(pair.client, "abc", 3), 0);
    cr_assert_eq(race(wok_stream_hangup_op(pair.server, WOK_HANGUP_HALF, &hangup)), 1);
    expect_no_waiter(pair.server);
    cr_assert_eq(wok_stream_shutdown_send(pair.client), 0);
    cr_assert_eq(race(wok_stream_hangup_op(pair.server, WOK_HANGUP_HALF, &hangup)), 0);
    cr_assert_eq(hangup, WOK_HANGUP_HALF);
    cr_assert_eq(race(wok_stream_hangup_op(pair.server, WOK_HANGUP_RESET, &hangup)), 1);
    cr_assert_eq(wok_stream_recv(pair.server, buffer, sizeof buffer), 3);
    wok_stream_reset(pair.client);
    cr_assert_eq(race(wok_stream_hangup_op(pair.server, WOK_HANGUP_RESET, NULL)), 0);
    wok_stream_close(pair.server);
    wok_listener_close(pair.listener);
}

/* ---- connections ----------------------------------------------------------------------------- */

NET_TEST(an_accept_that_loses_has_taken_no_connection)
{
    wok_listener *listener = listen_here();
    wok_stream *server = NULL, *client = NULL;

    cr_assert_eq(race(wok_accept_op(listener, &server)), 1);
    cr_assert_null(listener->waiter);
    cr_assert_null(server);
    cr_assert_eq(wok_connect(NULL, wok_listener_port(listener), &client), 0);
    cr_assert_eq(race(wok_accept_op(listener, &server)), 0);
    cr_assert_not_null(server);
    wok_stream_close(server);
    wok_stream_close(client);
    wok_listener_stop(listener);
    cr_assert_eq(wok_op_await(wok_accept_op(listener, &server)), -EBADF);
    wok_listener_close(listener);
}

NET_TEST(a_connect_that_loses_goes_on)
{
    wok_listener *listener = listen_here();
    wok_stream *server = NULL, *client = NULL;

    wok_test_net_set_faults(&(wok_test_net_faults){.connect_late = true});
    cr_assert_eq(wok_connect_begin(NULL, wok_listener_port(listener), &client), 0);
    cr_assert_eq(race(wok_connect_op(client)), 1);
    expect_no_waiter(client);
    cr_assert_eq(wok_accept(listener, &server), 0);
    cr_assert_eq(race(wok_connect_op(client)), 0);
    wok_stream_close(server);
    wok_stream_close(client);
    wok_listener_close(listener);
}

/* ---- deadlines ------------------------------------------------------------------------------- */

NET_TEST(waits_with_a_deadline_end_at_it_and_leave_nothing)
{
    static const char much[20000];
    wok_stream *server = NULL, *client = NULL;
    wok_instant start = wok_now();
    char byte;

    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 100, .connect_late = true});
    wok_listener *listener = listen_here();
    cr_assert_eq(wok_accept_until(listener, wok_after(wok_ms(10)), &server), -ETIMEDOUT);
    cr_assert_null(listener->waiter);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
    unsigned open = wok__sim_figures().open;
    cr_assert_eq(
        wok_connect_until(NULL, wok_listener_port(listener), wok_after(wok_ms(10)), &client),
        -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    cr_assert_null(client);
    cr_assert_eq(wok__sim_figures().open, open + 1, "the attempt is closed, its end is queued");
    cr_assert_eq(wok_accept_until(listener, WOK_NEVER, &server), 0);
    wok_stream_close(server);

    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 100});
    connect_pair(listener, &client, &server);
    cr_assert_eq(wok_stream_recv_until(server, &byte, 1, wok_after(wok_ms(10))), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    cr_assert_eq(wok_stream_send_all_until(client, much, sizeof much, wok_after(wok_ms(10))),
                 -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(40).ns);
    expect_no_waiter(server);
    expect_no_waiter(client);
    cr_assert_eq(wok_stream_recv_until(server, &byte, 1, (wok_instant){0}), 1, "what is there");
    wok_stream_close(server);
    wok_stream_close(client);
    wok_listener_close(listener);
}
