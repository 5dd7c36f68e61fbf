/*
 * tls_test.h - an encrypted server and its clients on the simulated network.
 *
 * The client is OpenSSL between two memory buffers, so that a test sees each byte on the wire and may
 * hold it back, cut it, or leave it out.
 */
#ifndef WOK_TESTS_SERVER_NET_TLS_TEST_H
#define WOK_TESTS_SERVER_NET_TLS_TEST_H

#include <errno.h>

#include "server/conn/conn_test.h"
#include "server/net/certificates.h"

#include <openssl/ssl.h>
#include <wok/http/tls.h>
#include <wok/testing_net.h>

static uint16_t clear_port;
static wok_http_tls *certificates; /* the server's first */

/* Certificates by these names, each "NAME.crt" and "NAME.key"; `client_ca` may be NULL. */
static inline wok_http_tls *read_certificates_for(const char *const *names, size_t count,
                                                  const char *client_ca)
{
    wok_http_tls_certificate pairs[4];
    char files[8][128], why[512] = "";
    wok_http_tls *tls = NULL;

    for (size_t i = 0; i < count; i++) {
        snprintf(files[2 * i], sizeof files[0], "%s/%s.crt", folder, names[i]);
        snprintf(files[2 * i + 1], sizeof files[0], "%s/%s.key", folder, names[i]);
        pairs[i] = (wok_http_tls_certificate){files[2 * i], files[2 * i + 1]};
    }
    cr_assert_eq(wok_http_tls_new(
                     &tls,
                     &(wok_http_tls_options){pairs, count, &client_ca, client_ca != NULL, NULL, 0},
                     why, sizeof why),
                 0, "%s", why);
    return tls;
}

static inline wok_http_tls *read_certificates(const char *const *names, size_t count)
{
    return read_certificates_for(names, count, NULL);
}

static inline void start_encrypted(wok_http_server_options options)
{
    start(options);
    clear_port = port;
    write_pair("a", "DNS:a.example");
    write_pair("b", "DNS:b.example,DNS:*.b.example");
    cr_assert_eq(wok_http_server_listen_tls(server, "127.0.0.1", 0, &port), -EINVAL);
    certificates = read_certificates((const char *[]){"a", "b"}, 2);
    wok_http_server_use_tls(server, certificates);
    cr_assert_eq(wok_http_server_listen_tls(server, "127.0.0.1", 0, &port), 0);
    forget_files();
}

/* ---- a client -------------------------------------------------------------------------------------- */

struct client {
    SSL_CTX *context;
    SSL *ssl;
    BIO *in, *out; /* what came from the wire, what is to go there */
    wok_stream *stream;
    size_t bytes_at_a_time; /* that it sends; 0: all */
};

/* `version` 0: any. */
static inline struct client client_new(int version)
{
    struct client client = {.context = SSL_CTX_new(TLS_client_method())};

    cr_assert_not_null(client.context);
    if (version != 0) {
        SSL_CTX_set_min_proto_version(client.context, version);
        SSL_CTX_set_max_proto_version(client.context, version);
    }
    SSL_CTX_set_session_cache_mode(client.context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    client.ssl = SSL_new(client.context);
    client.in = BIO_new(BIO_s_mem());
    client.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(client.in, -1);
    SSL_set_bio(client.ssl, client.in, client.out);
    SSL_set_connect_state(client.ssl);
    return client;
}

/* What OpenSSL has to say goes to the wire; false: the server is gone. */
static inline bool client_flush(struct client *client)
{
    char bytes[4096];
    int size;

    while ((size = BIO_read(client->out, bytes,
                            client->bytes_at_a_time != 0 ? (int)client->bytes_at_a_time
                                                         : (int)sizeof bytes)) > 0) {
        if (wok_stream_send_all(client->stream, bytes, (size_t)size) < 0)
            return false;
        if (client->bytes_at_a_time != 0)
            cr_assert_eq(wok_sleep(wok_ms(1)), 0); /* it arrives alone */
    }
    return true;
}

/* What is on the wire comes in; false: nothing comes any more. */
static inline bool client_receive(struct client *client)
{
    char bytes[4096];
    ssize_t got = wok_stream_recv(client->stream, bytes, sizeof bytes);

    if (got <= 0)
        return false;
    cr_assert_eq(BIO_write(client->in, bytes, (int)got), (int)got);
    return true;
}

/* Goes on until `call` has succeeded; false: it failed, or the server is gone. */
#define CLIENT_DO(client_, call_)                                                                  \
    __extension__({                                                                                \
        int code_;                                                                                 \
        bool open_ = true;                                                                         \
        for (;;) {                                                                                 \
            ERR_clear_error();                                                                     \
            code_ = (call_);                                                                       \
            open_ = client_flush(client_) && open_;                                                \
            if (code_ > 0 || SSL_get_error((client_)->ssl, code_) != SSL_ERROR_WANT_READ)          \
                break;                                                                             \
            if (!open_ || !client_receive(client_))                                                \
                break;                                                                             \
        }                                                                                          \
        code_ > 0;                                                                                 \
    })

static inline bool client_connect(struct client *client)
{
    client->stream = dial();
    return CLIENT_DO(client, SSL_do_handshake(client->ssl));
}

static inline void client_say(struct client *client, const char *text)
{
    cr_assert(CLIENT_DO(client, SSL_write(client->ssl, text, (int)strlen(text))));
}

/* Reads until `end` has been seen `times` times, or nothing comes any more; what came, on the heap. */
static inline char *client_hear(struct client *client, const char *end, int times)
{
    char *all = calloc(1, 1 << 20);
    size_t size = 0;

    while (count(all, end) < times) {
        int got = 0;
        if (!CLIENT_DO(client, got = SSL_read(client->ssl, all + size, (1 << 20) - 1 - (int)size)))
            break;
        size += (size_t)got;
    }
    return all;
}

static inline bool client_was_told_the_end(const struct client *client)
{
    return (SSL_get_shutdown(client->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

static inline void client_free(struct client *client)
{
    wok_stream_close(client->stream);
    SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN); /* or its session may not be resumed */
    SSL_free(client->ssl);
    SSL_CTX_free(client->context);
}

static inline void asks_and_is_answered(struct client *client)
{
    client_say(client, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n");
    char *answer = client_hear(client, "ok\n", 1);
    cr_assert_eq(count(answer, "HTTP/1.1 200 OK\r\n"), 1, "%s", answer);
    free(answer);
}

/* A test with an encrypted listener; options of the server follow. */
#define TLS_TEST(Name_, ...)                                                                       \
    static void tls_##Name_##_body(void);                                                          \
    static void tls_##Name_##_run(void)                                                            \
    {                                                                                              \
        start_encrypted((wok_http_server_options){__VA_ARGS__});                                   \
        tls_##Name_##_body();                                                                      \
        (void)stop();                                                                              \
    }                                                                                              \
    Test(tls, Name_, .timeout = 30)                                                                \
    {                                                                                              \
        run_simulated(tls_##Name_##_run);                                                          \
    }                                                                                              \
    static void tls_##Name_##_body(void)

#endif
