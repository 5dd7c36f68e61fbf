/*
 * test_gone.c - clients that go away, altogether or with one direction, and what runs for them.
 */
#include "conn_test.h"

CONNECTION_TEST(a_reset_ends_the_fan_out_down_to_the_last_child, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(children_alive, 10);
    cr_assert_gt(live_tasks(), before + 10);
    wok_instant began = wok_now();
    wok_stream_reset(stream);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
    cr_assert_eq(wok_elapsed(began).ns, wok_ms(1).ns);
}

CONNECTION_TEST(a_closed_client_is_found_out_by_the_probe, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_stream_close(stream); /* a FIN: it might be a half-close */
    cr_assert_eq(wok_sleep(wok_ms(50)), 0);
    cr_assert_eq(children_alive, 10);
    cr_assert_eq(wok_sleep(wok_ms(100)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
}

CONNECTION_TEST(a_half_closed_client_gets_its_answer, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "GET /slow?ms=500 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 102 Processing\r\n\r\n"), 1);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 1);
    free(answer);
    wok_stream_close(stream);
}

/* The pipeline's limit used to drop what was behind it when the client half-closed. */
CONNECTION_TEST(a_half_closed_client_gets_every_answer_it_asked_for, .pipelined_max = 2)
{
    wok_stream *stream = dial();

    for (int i = 0; i < 20; i++)
        say(stream, "GET /slow?ms=10 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 20);
    free(answer);
    wok_stream_close(stream);
}

CONNECTION_TEST(a_request_cut_off_by_a_half_close_is_refused, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\nGET /o");
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1);
    cr_assert_eq(count(answer, "HTTP/1.1 400 Bad Request\r\n"), 1);
    free(answer);
    wok_stream_close(stream);
}

/* It used to go unnoticed: nothing is received after a request that closes its connection. */
CONNECTION_TEST(a_client_that_closes_after_connection_close_is_found_out, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    say(stream, "GET /fan-out HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(children_alive, 10);
    wok_stream_close(stream);
    cr_assert_eq(wok_sleep(wok_ms(99)), 0);
    cr_assert_eq(children_alive, 10);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
}

/* The same when as many requests run as may, so that nothing more is received either. */
CONNECTION_TEST(a_client_that_closes_behind_a_full_pipeline_is_found_out, .pipelined_max = 2)
{
    uint64_t before = live_tasks();
    wok_stream *stream = dial();

    for (int i = 0; i < 2; i++)
        say(stream, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(children_alive, 20);
    wok_stream_close(stream);
    cr_assert_eq(wok_sleep(wok_ms(101)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
}

/* A client of 1.0 knows no 1xx, and gets its answer. */
CONNECTION_TEST(a_half_closed_client_of_1_0_is_not_probed, .drain_delay = {0})
{
    wok_stream *stream = dial();

    say(stream, "GET /slow?ms=500 HTTP/1.0\r\n\r\n");
    cr_assert_eq(wok_stream_shutdown_send(stream), 0);
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 "), 1);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 1);
    free(answer);
    wok_stream_close(stream);
}
