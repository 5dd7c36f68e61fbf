/*
 * test_no_memory_tls.c - a TLS connection for which memory is refused, OpenSSL's own included.
 *
 * A handshake asks for memory a thousand times, so each of the first ones is tried and then a sample, which the
 * seed draws.  The client is OpenSSL as well, and its task is spared.
 */
#include "server/net/tls_test.h"

#include "allocations.h"
#include "net/tls.h"
#include "platform/atomic.h"
#include "support/seed.h"

/* Nobody but the server holds its certificates: a reference that was lost is no leak that ASan sees, since
 * this test knows them as well. */
static bool is_held_once(void)
{
    return load_relaxed(&certificates->refs) == 1;
}

static bool is_at_rest(uint64_t tasks)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics.connections_open == 0 && metrics.requests_running == 0 && live_tasks() == tasks;
}

/* How much of an answer came: nothing, or all of it. */
static bool is_answered(int version)
{
    struct client client = client_new(version);
    bool answered = false;

    if (client_connect(&client) &&
        CLIENT_DO(&client, SSL_write(client.ssl, "GET /ok HTTP/1.1\r\nHost: x\r\n\r\n", 29))) {
        char *answer = client_hear(&client, "ok\n", 1);
        answered = strncmp(answer, "HTTP/1.1 200 OK\r\n", 17) == 0;
        cr_assert(answered || *answer == '\0' || strncmp(answer, "HTTP/1.1 503 ", 13) == 0, "%s",
                  answer);
        free(answer);
    }
    client_free(&client);
    return answered;
}

/* How often memory was asked for. */
static uint64_t try_once(int version, uint64_t nth, bool lasting, uint64_t tasks)
{
    wok_test_check_every(wok_runtime_current(), 0); /* the checks need memory themselves */
    allocations_fail(nth, lasting, wok_task_id());
    bool answered = is_answered(version);
    uint64_t asked = allocations_go_on();
    wok_test_check_every(wok_runtime_current(), 1);

    cr_assert(answered || nth != 0);
    for (int i = 0; i < 20 && !is_at_rest(tasks); i++)
        (void)wok_sleep(wok_seconds(1));
    cr_assert(is_at_rest(tasks), "refused %zu: something is left", (size_t)nth);
    cr_assert(is_held_once(), "refused %zu: %u hold the certificates", (size_t)nth,
              load_relaxed(&certificates->refs));
    return asked;
}

static void each_time(int version, bool lasting)
{
    struct wok__rand rand = test_rand();
    uint64_t tasks, asked;

    (void)wok_sleep(wok_ms(1));
    tasks = live_tasks();
    cr_assert(is_answered(version)); /* what OpenSSL makes once is there */
    asked = try_once(version, 0, false, tasks);
    cr_assert_gt(asked, 50);
    for (uint64_t nth = 1; nth <= asked; nth += nth < 50 ? 1 : 1 + wok__rand_below(&rand, 16)) {
        (void)try_once(version, nth, lasting, tasks);
        cr_assert(is_answered(version), "with memory, after it was refused %zu", (size_t)nth);
    }
}

TLS_TEST(without_memory_once_in_tls_1_2_one_connection_ends_at_most, .drain_delay = {0})
{
    each_time(TLS1_2_VERSION, false);
}

TLS_TEST(without_memory_once_in_tls_1_3_one_connection_ends_at_most, .drain_delay = {0})
{
    each_time(TLS1_3_VERSION, false);
}

TLS_TEST(without_memory_for_a_while_in_tls_1_3_one_connection_ends_at_most, .drain_delay = {0})
{
    each_time(TLS1_3_VERSION, true);
}
