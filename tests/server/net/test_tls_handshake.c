/*
 * test_tls_handshake.c - how a session begins, how long that may take, and whom it holds up.
 */
#include "tls_test.h"

#include "net/tls.h"

static wok_http_server_metrics figures(void)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics;
}

/* ---- what is agreed on ----------------------------------------------------------------------------- */

static bool connects_with_protocols(const char *offer, size_t size)
{
    struct client client = client_new(0);
    const unsigned char *chosen = NULL;
    unsigned chosen_size = 0;

    cr_assert_eq(SSL_set_alpn_protos(client.ssl, (const unsigned char *)offer, (unsigned)size), 0);
    bool connected = client_connect(&client);
    if (connected) {
        SSL_get0_alpn_selected(client.ssl, &chosen, &chosen_size);
        cr_assert_eq(chosen_size, 8);
        cr_assert_eq(memcmp(chosen, "http/1.1", 8), 0);
        asks_and_is_answered(&client);
    }
    client_free(&client);
    return connected;
}

TLS_TEST(http_1_1_is_chosen_and_nothing_else, .drain_delay = {0})
{
    cr_assert(connects_with_protocols("\x08http/1.1", 9));
    cr_assert(connects_with_protocols("\x02h2\x08http/1.1", 12));
    cr_assert_not(connects_with_protocols("\x02h2", 3));
    cr_assert_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
}

static void names(const char *host, const char *certificate)
{
    struct client client = client_new(0);
    char name[64] = "";

    if (host != NULL)
        cr_assert_eq(SSL_set_tlsext_host_name(client.ssl, host), 1);
    cr_assert(client_connect(&client));
    X509 *shown = SSL_get1_peer_certificate(client.ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name, sizeof name);
    cr_assert_str_eq(name, certificate, "%s", host != NULL ? host : "no name");
    asks_and_is_answered(&client);
    X509_free(shown);
    client_free(&client);
}

TLS_TEST(the_name_that_is_asked_for_picks_the_certificate, .drain_delay = {0})
{
    names("a.example", "a.crt");
    names("b.example", "b.crt");
    names("www.b.example", "b.crt");
    names("B.EXAMPLE", "b.crt");
    names("other.example", "a.crt");
    names(NULL, "a.crt");
}

/* ---- resumption ------------------------------------------------------------------------------------ */

static SSL_SESSION *kept;

static int keep(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

static bool resumes(int version, const char *host)
{
    struct client client = client_new(version);

    SSL_CTX_sess_set_new_cb(client.context, keep);
    SSL_set_tlsext_host_name(client.ssl, host);
    if (kept != NULL)
        SSL_set_session(client.ssl, kept);
    cr_assert(client_connect(&client));
    asks_and_is_answered(&client); /* the ticket comes before the answer */
    bool resumed = SSL_session_reused(client.ssl) == 1;
    client_free(&client);
    cr_assert_not_null(kept);
    return resumed;
}

static void forget_session(void)
{
    SSL_SESSION_free(kept);
    kept = NULL;
}

TLS_TEST(a_session_is_resumed_whichever_certificate_it_began_with, .drain_delay = {0})
{
    const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    const char *hosts[] = {"a.example", "b.example"};

    for (int i = 0; i < 4; i++) {
        cr_assert_not(resumes(versions[i / 2], hosts[i % 2]));
        cr_assert(resumes(versions[i / 2], hosts[i % 2]));
        cr_assert(resumes(versions[i / 2], hosts[i % 2]));
        forget_session();
    }
}

TLS_TEST(new_certificates_leave_open_connections_as_they_are, .drain_delay = {0})
{
    struct client client = client_new(0), half = client_new(0);

    cr_assert(client_connect(&client));
    half.stream = dial();
    SSL_do_handshake(half.ssl); /* its first bytes arrive, its last ones come later */
    cr_assert(client_flush(&half));
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    write_pair("c", "DNS:c.example");
    wok_http_server_use_tls(server, read_certificates((const char *[]){"c"}, 1));
    forget_files();
    names("a.example", "c.crt");
    asks_and_is_answered(&client);
    cr_assert(CLIENT_DO(&half, SSL_do_handshake(half.ssl)));
    asks_and_is_answered(&half);
    client_free(&client);
    client_free(&half);
}

/* ---- clients' certificates --------------------------------------------------------------------------- */

/* True: it was served.  In TLS 1.3 a client learns only then that it is not wanted. */
static bool is_served_with(const char *name, int version)
{
    struct client client = client_new(version);
    char *answer = NULL;

    if (name != NULL) {
        char file[32];
        snprintf(file, sizeof file, "%s.crt", name);
        cr_assert_eq(SSL_use_certificate_file(client.ssl, path_of(file), SSL_FILETYPE_PEM), 1);
        snprintf(file, sizeof file, "%s.key", name);
        cr_assert_eq(SSL_use_PrivateKey_file(client.ssl, path_of(file), SSL_FILETYPE_PEM), 1);
    }
    SSL_set_tlsext_host_name(client.ssl, "b.example"); /* the second context asks for it as well */
    bool served = client_connect(&client);
    if (served && CLIENT_DO(&client, SSL_write(client.ssl, "GET /ok HTTP/1.0\r\n\r\n", 20))) {
        answer = client_hear(&client, "ok\n", 1);
        served = count(answer, "HTTP/1.1 200 OK\r\n") == 1;
    }
    free(answer);
    client_free(&client);
    return served;
}

TLS_TEST(only_clients_of_the_authority_are_served_once_there_is_one, .drain_delay = {0})
{
    const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    write_pair("a", "DNS:a.example");
    write_pair("b", "DNS:b.example");
    write_pair("friend", "DNS:friend.example");
    write_pair("stranger", "DNS:stranger.example");
    wok_http_server_use_tls(
        server, read_certificates_for((const char *[]){"a", "b"}, 2, path_of("friend.crt")));
    for (int i = 0; i < 2; i++) {
        cr_assert(is_served_with("friend", versions[i]));
        cr_assert_not(is_served_with("stranger", versions[i]));
        cr_assert_not(is_served_with(NULL, versions[i]));
    }
    cr_assert_eq(figures().requests, 2);
    forget_files();
}

/* ---- those who say something else, or nothing ------------------------------------------------------- */

static char *answer_to(const char *bytes, size_t size)
{
    wok_stream *stream = dial();

    cr_assert_eq(wok_stream_send_all(stream, bytes, size), 0);
    char *answer = hear(stream, "no such text", 1);
    wok_stream_close(stream);
    return answer;
}

TLS_TEST(a_request_in_clear_is_told_why_it_is_refused, .drain_delay = {0})
{
    static const char request[] = "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n";
    char *answer = answer_to(request, sizeof request - 1);

    cr_assert_eq(strncmp(answer, "HTTP/1.1 400 Bad Request\r\n", 26), 0, "%s", answer);
    cr_assert_not_null(strstr(answer, "https://"));
    const char *body = strstr(answer, "\r\n\r\n") + 4;
    cr_assert_eq(strtoul(strstr(answer, "Content-Length: ") + 16, NULL, 10), strlen(body));
    free(answer);
    cr_assert_eq(figures().requests, 1);
    cr_assert_eq(figures().tls_handshakes_failed, 1);
}

/* It used to be a line of text of its own, without what is promised of each answer. */
TLS_TEST(an_answer_in_clear_has_what_every_answer_has, .hsts_seconds = 60)
{
    static const char *const methods[] = {"GET",     "HEAD",  "POST",    "PUT",  "DELETE",
                                          "OPTIONS", "PATCH", "CONNECT", "TRACE"};
    static const char *const fields[] = {"\r\nDate: ", "\r\nServer: wok/",
                                         "\r\nX-Request-Id: ", "\r\nConnection: close\r\n",
                                         "\r\nX-Content-Type-Options: nosniff\r\n"};

    for (size_t i = 0; i < WOK_COUNT(methods); i++) {
        char request[100];
        int size =
            snprintf(request, sizeof request, "%s / HTTP/1.1\r\nHost: x\r\n\r\n", methods[i]);
        char *answer = answer_to(request, (size_t)size);
        cr_assert_eq(strncmp(answer, "HTTP/1.1 400 ", 13), 0, "%s: %s", methods[i], answer);
        for (size_t at = 0; at < WOK_COUNT(fields); at++)
            cr_assert_not_null(strstr(answer, fields[at]), "%s: %s", fields[at], answer);
        cr_assert_null(strstr(answer, "Strict-Transport"), "%s", answer);
        cr_assert_eq(strlen(strstr(answer, "\r\n\r\n") + 4) == 0, strcmp(methods[i], "HEAD") == 0);
        free(answer);
    }
}

TLS_TEST(a_request_in_clear_is_known_also_where_it_comes_byte_by_byte, .drain_delay = {0})
{
    static const char request[] = "HEAD / HTTP/1.1\r\n\r\n";
    wok_stream *stream = dial();

    for (size_t i = 0; i < 6; i++) {
        cr_assert_eq(wok_stream_send_all(stream, request + i, 1), 0);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0); /* it arrives alone */
    }
    char *answer = hear(stream, "no such text", 1);
    cr_assert_eq(strncmp(answer, "HTTP/1.1 400 ", 13), 0, "%s", answer);
    cr_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    free(answer);
    wok_stream_close(stream);
}

TLS_TEST(garbage_is_answered_with_an_alert_at_most_and_closed, .drain_delay = {0})
{
    unsigned seed = 1;

    for (int i = 0; i < TEST_SCALE(500); i++) {
        char bytes[300];
        size_t size = 1 + (size_t)rand_r(&seed) % sizeof bytes;
        for (size_t at = 0; at < size; at++)
            bytes[at] = (char)rand_r(&seed);
        if (i % 3 != 0) /* so that it passes for the head of a record */
            memcpy(bytes, "\x16\x03\x01\x00\x20\x01\x00\x00\x1c\x03\x03", size < 11 ? size : 11);
        free(answer_to(bytes, size));
    }
    cr_assert_eq(figures().requests, 0);
    cr_assert_eq(figures().tls_handshakes, 0);
    struct client client = client_new(0);
    cr_assert(client_connect(&client));
    asks_and_is_answered(&client);
    client_free(&client);
}

static void ends_after_ten_seconds(wok_stream *stream, wok_instant began)
{
    char *rest = hear(stream, "no such text", 1);

    cr_assert_eq(wok_elapsed(began).ns, wok_seconds(10).ns);
    free(rest);
    wok_stream_close(stream);
}

TLS_TEST(a_handshake_has_ten_seconds_from_the_accept, .drain_delay = {0})
{
    wok_instant began = wok_now();
    wok_stream *silent = dial();

    ends_after_ten_seconds(silent, began);

    struct client half = client_new(0);
    began = wok_now();
    half.stream = dial();
    SSL_do_handshake(half.ssl);
    cr_assert_eq(wok_sleep(wok_seconds(9)), 0);
    cr_assert(client_flush(&half)); /* the rest is not sent */
    ends_after_ten_seconds(WOK_TAKE(half.stream), began);
    client_free(&half);
}

TLS_TEST(three_hundred_half_open_handshakes_hold_nobody_up, .drain_delay = {0})
{
    enum { COUNT = 300 };
    struct client half = client_new(0);
    wok_stream *streams[COUNT];
    uint64_t before = live_tasks();
    char *hello;

    SSL_do_handshake(half.ssl);
    long size = BIO_get_mem_data(half.out, &hello);
    for (int i = 0; i < COUNT; i++) {
        streams[i] = dial();
        cr_assert_eq(wok_stream_send_all(streams[i], hello, (size_t)size * (size_t)(i % 3) / 2), 0);
    }
    wok_instant began = wok_now();
    struct client client = client_new(0);
    cr_assert(client_connect(&client));
    asks_and_is_answered(&client);
    cr_assert_eq(wok_elapsed(began).ns, 0);
    client_free(&client);
    cr_assert_eq(wok_sleep(wok_seconds(11)), 0);
    cr_assert_eq(live_tasks(), before);
    for (int i = 0; i < COUNT; i++)
        wok_stream_close(streams[i]);
    client_free(&half);
}

TLS_TEST(a_reset_in_the_handshake_leaves_nothing, .drain_delay = {0})
{
    uint64_t before = live_tasks();
    struct client half = client_new(0);
    char *hello;

    SSL_do_handshake(half.ssl);
    long size = BIO_get_mem_data(half.out, &hello);
    for (long at = 0; at <= size; at += 7) {
        wok_stream *stream = dial();
        cr_assert_eq(wok_stream_send_all(stream, hello, (size_t)at), 0);
        if (at % 2 == 0)
            cr_assert_eq(wok_sleep(wok_ms(1)), 0);
        wok_stream_reset(stream);
    }
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(live_tasks(), before);
    client_free(&half);
}

/* ---- whose turn it is ------------------------------------------------------------------------------- */

/* A burst used to stand before everybody else in the run queue, each with its signature. */
TLS_TEST(a_burst_of_handshakes_lets_others_pass, .handshakes_max = 2)
{
    enum { COUNT = 40 };
    struct client half = client_new(0);
    wok_stream *streams[COUNT];
    char *hello;

    SSL_do_handshake(half.ssl);
    long size = BIO_get_mem_data(half.out, &hello);
    for (int i = 0; i < COUNT; i++)
        streams[i] = dial();
    port = clear_port;
    wok_stream *clear = dial();
    cr_assert_eq(wok_sleep(wok_ms(1)), 0); /* all are accepted, and wait for their first bytes */
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(wok_stream_send_all(streams[i], hello, (size_t)size), 0);
    say(clear, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    free(hear(clear, "ok\n", 1));
    long begun = SSL_CTX_sess_accept(certificates->contexts[0]);
    cr_assert_leq(begun, 8, "%ld handshakes went before the request behind them", begun);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(SSL_CTX_sess_accept(certificates->contexts[0]), COUNT);
    wok_stream_close(clear);
    for (int i = 0; i < COUNT; i++)
        wok_stream_close(streams[i]);
    client_free(&half);
}
