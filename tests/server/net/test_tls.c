/*
 * test_tls.c - bytes through a TLS session: requests, their ends, their splits.
 */
#include "tls_test.h"

static void is_served(int version, size_t bytes_at_a_time)
{
    struct client client = client_new(version);

    client.bytes_at_a_time = bytes_at_a_time;
    cr_assert(client_connect(&client));
    asks_and_is_answered(&client);
    asks_and_is_answered(&client);
    client_free(&client);
}

TLS_TEST(requests_are_answered_in_both_versions, .drain_delay = {0})
{
    is_served(TLS1_2_VERSION, 0);
    is_served(TLS1_3_VERSION, 0);
}

TLS_TEST(each_byte_may_come_alone, .drain_delay = {0})
{
    is_served(TLS1_2_VERSION, 1);
    is_served(TLS1_3_VERSION, 1);
    is_served(TLS1_3_VERSION, 5); /* the head of a record, and then its body */
}

TLS_TEST(older_versions_are_refused, .drain_delay = {0})
{
    struct client client = client_new(TLS1_1_VERSION);

    SSL_CTX_set_security_level(client.context, 0);
    SSL_set_security_level(client.ssl, 0);
    cr_assert_not(client_connect(&client));
    cr_assert_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    client_free(&client);
    wok_http_server_metrics metrics;
    wok_http_server_metrics_get(server, &metrics);
    cr_assert_eq(metrics.tls_handshakes, 0);
    cr_assert_eq(metrics.tls_handshakes_failed, 1);
}

/* More than the stream takes at once, while the client reads nothing: some of a record waits. */
TLS_TEST(a_large_answer_arrives_whole, .drain_delay = {0})
{
    struct client client = client_new(0);

    cr_assert(client_connect(&client));
    client_say(&client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_seconds(1)), 0);
    client_say(&client, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = client_hear(&client, "\r\n\r\nok\n", 1);
    cr_assert_eq(strspn(strstr(answer, "xxx"), "x"), 300000);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 2);
    free(answer);
    client_free(&client);
}

TLS_TEST(a_body_in_many_records_arrives_whole, .drain_delay = {0})
{
    struct client client = client_new(0);

    cr_assert(client_connect(&client));
    client_say(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    for (int i = 0; i < 100; i++)
        client_say(&client, "0123456789");
    char *answer = client_hear(&client, "0123456789", 100);
    cr_assert_eq(count(answer, "0123456789"), 100);
    free(answer);
    client_free(&client);
}

TLS_TEST(pipelined_requests_in_one_record_are_all_answered, .pipelined_max = 2)
{
    struct client client = client_new(0);
    char requests[1024] = "";

    for (int i = 0; i < 10; i++)
        strcat(requests, "GET /slow?ms=10 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(client_connect(&client));
    client_say(&client, requests);
    char *answer = client_hear(&client, "slow\n", 10);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 10);
    free(answer);
    client_free(&client);
}

/* ---- ends ------------------------------------------------------------------------------------------ */

TLS_TEST(the_server_says_goodbye_after_its_last_answer, .drain_delay = {0})
{
    struct client client = client_new(0);

    cr_assert(client_connect(&client));
    client_say(&client, "GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    char *answer = client_hear(&client, "no such text", 1);
    cr_assert_eq(count(answer, "\r\n\r\nok\n"), 1);
    cr_assert(client_was_told_the_end(&client));
    free(answer);
    client_free(&client);
}

TLS_TEST(an_idle_client_is_told_the_end, .idle_timeout = {1000000000})
{
    struct client client = client_new(0);

    cr_assert(client_connect(&client));
    asks_and_is_answered(&client);
    wok_instant began = wok_now();
    char *answer = client_hear(&client, "no such text", 1);
    cr_assert_eq(wok_elapsed(began).ns, wok_seconds(1).ns);
    cr_assert(client_was_told_the_end(&client));
    free(answer);
    client_free(&client);
}

TLS_TEST(a_client_that_ends_its_direction_gets_its_answer, .drain_delay = {0})
{
    struct client client = client_new(0);

    cr_assert(client_connect(&client));
    client_say(&client, "GET /slow?ms=50 HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(SSL_shutdown(client.ssl), 0);
    cr_assert(client_flush(&client));
    cr_assert_eq(wok_stream_shutdown_send(client.stream), 0);
    char *answer = client_hear(&client, "no such text", 1);
    cr_assert_eq(count(answer, "\r\n\r\nslow\n"), 1);
    cr_assert(client_was_told_the_end(&client));
    free(answer);
    client_free(&client);
}

/* Whoever can cut the wire could else make a request of what a client had not finished saying. */
TLS_TEST(a_stream_that_is_cut_off_ends_what_runs_for_it, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    struct client client = client_new(0);

    cr_assert(client_connect(&client));
    client_say(&client, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\nGET /ok HTTP/1.1\r\nHost: x\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(children_alive, 10);
    cr_assert_eq(wok_stream_shutdown_send(client.stream), 0); /* no close_notify before it */
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
    client_free(&client);
}

TLS_TEST(a_reset_ends_the_fan_out, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    struct client client = client_new(0);

    cr_assert(client_connect(&client));
    client_say(&client, "GET /fan-out HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(children_alive, 10);
    wok_stream_reset(WOK_TAKE(client.stream));
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(children_alive, 0);
    cr_assert_eq(live_tasks(), before);
    client_free(&client);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

TLS_TEST(keys_are_updated_on_the_way, .drain_delay = {0})
{
    struct client client = client_new(TLS1_3_VERSION);

    cr_assert(client_connect(&client));
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(SSL_key_update(client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        asks_and_is_answered(&client);
    }
    client_free(&client);
}

TLS_TEST(a_record_that_was_changed_on_the_way_ends_the_connection, .drain_delay = {0})
{
    struct client client = client_new(0);
    char *bytes;

    cr_assert(client_connect(&client));
    cr_assert_gt(SSL_write(client.ssl, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n", 30), 0);
    long size = BIO_get_mem_data(client.out, &bytes);
    bytes[size - 1] ^= 1;
    cr_assert(client_flush(&client));
    char *answer = client_hear(&client, "ok\n", 1);
    cr_assert_eq(answer[0], '\0');
    free(answer);
    client_free(&client);
}

TLS_TEST(nobody_renegotiates, .drain_delay = {0})
{
    struct client client = client_new(TLS1_2_VERSION);

    cr_assert(client_connect(&client));
    cr_assert_eq(SSL_renegotiate(client.ssl), 1);
    cr_assert_not(CLIENT_DO(&client, SSL_do_handshake(client.ssl)));
    client_free(&client);
}

/* No send tells of it: a record of 16 KiB is sent when all of it has been handed on. */
TLS_TEST(a_part_of_a_record_that_is_taken_is_progress, .drain_delay = {0})
{
    struct client client = client_new(0);
    char bytes[1000];

    wok_test_net_set_faults(&(wok_test_net_faults){.capacity = 4096});
    cr_assert(client_connect(&client));
    client_say(&client, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(wok_sleep(wok_seconds(20)), 0);
        cr_assert_eq(wok_stream_recv(client.stream, bytes, sizeof bytes), sizeof bytes, "%d", i);
    }
    client_free(&client);
}
