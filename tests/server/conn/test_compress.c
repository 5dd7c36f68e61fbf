/*
 * test_compress.c - compressed answers as their clients see them, over the simulated network.
 */
#include "conn_test.h"

#include <zlib.h>

/* ---- one answer ----------------------------------------------------------------------------------- */

struct answer {
    char *bytes;
    size_t head_size, body_size; /* what came */
    char *text;                  /* the body as it was before gzip; NULL: it is none */
    size_t text_size;
};

static struct answer ask(const char *method, const char *path, const char *lines)
{
    struct answer answer = {.bytes = malloc(1 << 20)};
    wok_stream *stream = dial();
    char request[512];
    size_t size = 0;
    ssize_t got;

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n",
             method, path, lines);
    say(stream, request);
    while ((got = wok_stream_recv(stream, answer.bytes + size, (1 << 20) - 1 - size)) > 0)
        size += (size_t)got;
    wok_stream_close(stream);
    answer.bytes[size] = '\0';
    char *end = strstr(answer.bytes, "\r\n\r\n");
    cr_assert_not_null(end);
    end[2] = '\0'; /* the head is a string now */
    answer.head_size = (size_t)(end + 4 - answer.bytes);
    answer.body_size = size - answer.head_size;
    z_stream stream_in = {.next_in = (Bytef *)answer.bytes + answer.head_size,
                          .avail_in = (uInt)answer.body_size};
    answer.text = malloc(1 << 20);
    stream_in.next_out = (Bytef *)answer.text;
    stream_in.avail_out = 1 << 20;
    cr_assert_eq(inflateInit2(&stream_in, 31), Z_OK);
    if (inflate(&stream_in, Z_FINISH) == Z_STREAM_END && stream_in.avail_in == 0) {
        answer.text_size = stream_in.total_out;
    } else {
        free(answer.text);
        answer.text = NULL;
    }
    inflateEnd(&stream_in);
    return answer;
}

static void answer_done(struct answer *answer)
{
    free(answer->bytes);
    free(answer->text);
}

static size_t length_told(const struct answer *answer)
{
    const char *at = strstr(answer->bytes, "\r\nContent-Length: ");

    cr_assert_not_null(at);
    return strtoull(at + 18, NULL, 10);
}

static bool has(const struct answer *answer, const char *line)
{
    return strstr(answer->bytes, line) != NULL;
}

#define GZIP "Accept-Encoding: gzip\r\n"

/* ---- the tests ------------------------------------------------------------------------------------ */

CONNECTION_TEST(a_large_answer_is_compressed_for_who_takes_it, .compress = true,
                .compress_bytes_min = 1400)
{
    WOK_CLEANUP(answer_done) struct answer answer = ask("GET", "/large", GZIP);

    cr_assert(has(&answer, "\r\nContent-Encoding: gzip\r\n"));
    cr_assert(has(&answer, "\r\nVary: Accept-Encoding\r\n"));
    cr_assert_eq(length_told(&answer), answer.body_size);
    cr_assert_not_null(answer.text);
    cr_assert_eq(answer.text_size, 300000u);
    for (size_t i = 0; i < 300000; i++)
        cr_assert_eq(answer.text[i], 'x');
    cr_assert_lt(answer.body_size, 3000u);
}

/* The bound counts those at work, and not all that there were. */
CONNECTION_TEST(one_after_the_other_all_are_compressed, .compress = true,
                .compress_bytes_min = 1400)
{
    for (int i = 0; i < 30; i++) {
        WOK_CLEANUP(answer_done) struct answer answer = ask("GET", "/large", GZIP);
        cr_assert_eq(answer.text_size, 300000u);
    }
}

CONNECTION_TEST(who_takes_no_gzip_gets_it_as_it_is, .compress = true, .compress_bytes_min = 1400)
{
    WOK_CLEANUP(answer_done) struct answer plain = ask("GET", "/large", "");
    WOK_CLEANUP(answer_done)
    struct answer refused = ask("GET", "/large", "Accept-Encoding: gzip;q=0\r\n");

    cr_assert_eq(plain.body_size, 300000u);
    cr_assert(!has(&plain, "Content-Encoding"));
    cr_assert(has(&plain, "\r\nVary: Accept-Encoding\r\n")); /* a cache has to know */
    cr_assert_eq(refused.body_size, 300000u);
}

CONNECTION_TEST(a_head_is_the_same_for_get_and_head, .compress = true, .compress_bytes_min = 1400)
{
    WOK_CLEANUP(answer_done) struct answer get = ask("GET", "/large", GZIP);
    WOK_CLEANUP(answer_done) struct answer head = ask("HEAD", "/large", GZIP);

    cr_assert_eq(head.body_size, 0u);
    cr_assert_eq(length_told(&head), length_told(&get));
    cr_assert(has(&head, "\r\nContent-Encoding: gzip\r\n"));
}

CONNECTION_TEST(a_small_answer_is_not_worth_it, .compress = true, .compress_bytes_min = 300001)
{
    WOK_CLEANUP(answer_done) struct answer small = ask("GET", "/large", GZIP);
    WOK_CLEANUP(answer_done)
    struct answer only = ask("GET", "/large", "Accept-Encoding: gzip, *;q=0\r\n");

    cr_assert_eq(small.body_size, 300000u);
    cr_assert(!has(&small, "Vary"));
    cr_assert_eq(only.text_size, 300000u); /* unless nothing else is taken */
}

CONNECTION_TEST(at_the_least_size_it_is, .compress = true, .compress_bytes_min = 300000)
{
    WOK_CLEANUP(answer_done) struct answer answer = ask("GET", "/large", GZIP);

    cr_assert_eq(answer.text_size, 300000u);
}

static void without_compression(void)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    options.compress = false;
    start_exactly(options);
    WOK_CLEANUP(answer_done) struct answer answer = ask("GET", "/large", GZIP);
    cr_assert_eq(answer.body_size, 300000u);
    cr_assert(!has(&answer, "Vary") && !has(&answer, "Content-Encoding"));
    (void)stop();
}

Test(connection, without_compression_nothing_is_compressed, .timeout = 30)
{
    run_simulated(without_compression);
}

CONNECTION_TEST(what_does_not_become_smaller_stays, .compress = true, .compress_bytes_min = 1)
{
    WOK_CLEANUP(answer_done) struct answer answer = ask("GET", "/ok", GZIP);

    cr_assert_str_eq(answer.bytes + answer.head_size, "ok\n");
    cr_assert(!has(&answer, "Content-Encoding"));
}

/* Forty answers as they are, and their heads. */
enum { MANY = 13 << 20 };

CONNECTION_TEST(many_at_once_are_all_right, .compress = true, .compress_bytes_min = 1400,
                .pipelined_max = 64, .output_max = 64 << 20)
{
    wok_stream *stream = dial();
    char *all = malloc(MANY);
    size_t size = 0;
    ssize_t got;

    for (int i = 0; i < 39; i++)
        say(stream, "GET /large HTTP/1.1\r\nHost: x\r\n" GZIP "\r\n");
    say(stream, "GET /large HTTP/1.1\r\nHost: x\r\n" GZIP "Connection: close\r\n\r\n");
    while ((got = wok_stream_recv(stream, all + size, MANY - 1 - size)) > 0)
        size += (size_t)got;
    all[size] = '\0';
    wok_stream_close(stream);
    /* Compressed or, beyond the bound, as they are: every one is there. */
    int seen = 0, compressed = 0;
    for (size_t at = 0; at < size;) {
        char *head = all + at, *end = strstr(head, "\r\n\r\n");
        cr_assert_not_null(end);
        end[2] = '\0';
        at += (size_t)(end + 4 - head) + strtoull(strstr(head, "Content-Length: ") + 16, NULL, 10);
        seen += strstr(head, "HTTP/1.1 200 OK") != NULL;
        compressed += strstr(head, "Content-Encoding: gzip") != NULL;
    }
    cr_assert_eq(seen, 40);
    cr_assert_geq(compressed, 8); /* four for each worker, and one place more */
    cr_assert_lt(compressed, 40);
    free(all);
}
