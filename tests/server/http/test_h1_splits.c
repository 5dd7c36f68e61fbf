/*
 * Property test of the decoder: what it says depends on the bytes, not on how reads cut them.
 *
 * Each message of the corpus is fed whole, cut in two at every position, in three at every pair of them,
 * byte by byte, and with random cuts; the traces, with every status, sentence, header and body byte in them, must be equal.  Then the
 * same for messages with random damage, most of which are errors that nobody thought of.
 */
#include "h1_trace.h"
#include "http_test.h"
#include "support/test.h"

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const wok_slice corpus[] = {
    /* good ones */
    S(GET "\r\n"),
    S("\r\n\r\n" GET "\r\n\r\n" GET "\r\n"),
    S("GET /a%2fb%41?c=%20&d HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*\r\nX:\r\nY: \t \r\n\r\n"),
    S("GET http://u.example:1/x?y HTTP/1.1\r\nhost: h\r\nConnection: close\t, x\r\n\r\n" GET
      "\r\n"),
    S("OPTIONS * HTTP/1.1\r\n" HOST "\r\nM-SEARCH /s HTTP/1.1\r\n" HOST "\r\n"),
    S("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n"),
    S(POST "Content-Length: 11\r\nExpect: 100-continue\r\n\r\nhello worldGET /n HTTP/1.1\r\n" HOST
           "\r\n"),
    S(CHUNKED
      "5\r\nhello\r\n1;a=b;c=\"d e\"\r\n \r\n0005\r\nworld\r\n0;z\r\nX: y\r\nHost: evil\r\n\r\n"
      "DELETE /next HTTP/1.1\r\n" HOST "\r\n"),
    S(CHUNKED "0\r\n\r\n" CHUNKED "1\r\na\r\n0\r\n\r\n"),
    S(GET "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n" GET "\r\n"),
    S("HEAD /h HTTP/1.1\r\n" HOST "\r\n" CHUNKED "2;x\r\nab\r\n0\r\nX: y\r\n\r\n" POST
      "Content-Length: 3\r\n\r\nabc\r\n" GET "Connection: close\r\n\r\n" GET "\r\n"),
    S(CHUNKED "3\r\nabc\r\n0\r\n\r\n" GET "\r\nGET / HTTP/9.9\r\n" HOST "\r\n" GET "\r\n"),
    /* refused, with the connection going on */
    S("GET /%zz HTTP/1.1\r\n" HOST "\r\n" GET "\r\n"),
    S("POST /../x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc" GET "\r\n"),
    S("GET * HTTP/1.1\r\n" HOST "\r\n"),
    /* bad request lines */
    S("\r\n\r\n\r\n\r\n\r\n" GET "\r\n"),
    S("\r" GET "\r\n"),
    S("\n" GET "\r\n"),
    S("FOO / HTTP/1.1\r\n"),
    S("GETT / HTTP/1.1\r\n"),
    S("DESCRIBE / HTTP/1.1\r\n\r\n"),
    S("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / HTTP/1.1\r\n"),
    S("G\x01T / HTTP/1.1\r\n"),
    S("FOO\r\n\r\n"),
    S("GET  / HTTP/1.1\r\n" HOST "\r\n"),
    S("GET  \xff HTTP/1.1\r\n" HOST "\r\n"),
    S("GET /  HTTP/1.1\r\n" HOST "\r\n"),
    S("GET /\xff HTTP/1.1\r\n" HOST "\r\n"),
    S("GET /\r\n" HOST "\r\n"),
    S("GET /\n" HOST "\r\n"),
    S("GET /\r\n\t" HOST "\r\n"),
    S("GET /\n\f" HOST "\r\n"),
    S("CONNECT a:1\r\n\t" HOST "\r\n"),
    S("GET /a"),
    S("GET / HTTP/2.0\r\n" HOST "\r\n"),
    S("GET / HTTP/4.7\r\n" HOST "\r\n"),
    S("GET / HTTP/1.1x\r\n" HOST "\r\n"),
    S("GET / HTTP/1\r\n" HOST "\r\n"),
    S("GET / RTSP/1.0\r\n" HOST "\r\n"),
    S("GET / FOO/1.0\r\n" HOST "\r\n"),
    S("GET / HTTP/1.1\n" HOST "\r\n"),
    S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    S("CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n"),
    S("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n" HOST "\r\n"),
    S("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x01 HTTP/1.1\r\n" HOST "\r\n"),
    /* bad heads */
    S("GET / HTTP/1.1\r\n\r\n"),
    S("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    S("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    S(GET "X: a\r\n b\r\n\r\n"),
    S(GET "X:\r\n b\r\n\r\n"),
    S(GET "X: \r\n \r\n\r\n"),
    S(GET "X : a\r\n\r\n"),
    S(GET ": a\r\n\r\n"),
    S(GET "X: a\rb: c\r\n\r\n"),
    S(GET "X: a\0b\r\n\r\n"),
    S(GET "X: a\n\r\n"),
    S(GET "\n"),
    S(GET " X: a\r\n\r\n"),
    S(GET "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG(: 7\r\n\r\n"),
    S(GET "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH(: 8\r\n\r\n"),
    S(GET
      "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      "\r\n\r\n"),
    S(POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
    S(POST "Content-Length: x\r\n\r\na"),
    S(POST "Content-Length: 41\r\n\r\n"),
    S(POST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
    S(POST "Transfer-Encoding:\r\nContent-Length: 1\r\n\r\na"),
    S(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    S(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    S(POST "Expect: x\r\n\r\n"),
    S("POST /%zz HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na"),
    /* bad bodies */
    S(CHUNKED "x\r\n"),
    S(CHUNKED "1\r\nab\r\n0\r\n\r\n"),
    S(CHUNKED "1\r\na\n0\r\n\r\n"),
    S(CHUNKED "29\r\n"),
    S(CHUNKED "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n0\r\n\r\n"),
    S(CHUNKED "1;aaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n1;b=c\x01"),
    S(CHUNKED "00000000000000000000000000000000000000000000000000000000001\r\na\r\n"),
    S(CHUNKED "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n0\r\n\r\n"),
    S(CHUNKED "0\r\nX: a\r\n b\r\n\r\n"),
    S(CHUNKED "0\r\n: y\r\n\r\n"),
    S(CHUNKED "0\r\nX: y\r\n: y\r\n\r\n"),
    S(CHUNKED "0\r\n\n"),
    S(CHUNKED "0\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n"),
    S(CHUNKED "0\r\nX: a\r\n"),
};

/* Small limits, so that short messages reach them. */
static const struct wok__h1_limits limits = {
    .body_bytes_max = 40,
    .target_bytes_max = 40,
    .head_bytes_max = 200,
    .header_count_max = 7,
    .chunk_extension_bytes_max = 32,
    .trailer_bytes_max = 40,
    .chunk_count_max = 4,
    .blank_lines_max = 4,
};

static struct h1_trace whole, pieces;

static void assert_same(wok_slice data, const size_t *cuts, size_t cut_count)
{
    pieces.limits = limits;
    h1_trace_run(&pieces, data, cuts, cut_count);
    cr_assert(pieces.size == whole.size && memcmp(pieces.text, whole.text, whole.size) == 0,
              "%.*s\n-- whole:\n%s\n-- cut %zu times, first at %zu, last at %zu:\n%s",
              (int)data.size, data.data, whole.text, cut_count, cuts[0], cuts[cut_count - 1],
              pieces.text);
}

static void assert_same_with_random_cuts(wok_slice data, struct http_test_rand *rand)
{
    size_t cuts[64], count = 0, at = 0;

    while (count < WOK_COUNT(cuts) && (at += 1 + http_test_below(rand, 40)) < data.size)
        cuts[count++] = at;
    if (count > 0)
        assert_same(data, cuts, count);
}

static void run_whole(wok_slice data)
{
    whole.limits = limits;
    h1_trace_run(&whole, data, NULL, 0);
}

Test(h1_splits, a_cut_at_any_position_changes_nothing)
{
    for (size_t i = 0; i < WOK_COUNT(corpus); i++) {
        run_whole(corpus[i]);
        for (size_t at = 1; at < corpus[i].size; at++)
            assert_same(corpus[i], &at, 1);
    }
}

Test(h1_splits, cuts_at_any_two_positions_change_nothing, .timeout = 60)
{
    for (size_t i = 0; i < WOK_COUNT(corpus); i++) {
        size_t cuts[2];
        run_whole(corpus[i]);
        for (cuts[0] = 1; cuts[0] < corpus[i].size; cuts[0]++)
            for (cuts[1] = cuts[0] + 1; cuts[1] < corpus[i].size; cuts[1]++)
                assert_same(corpus[i], cuts, 2);
    }
}

Test(h1_splits, byte_by_byte_changes_nothing)
{
    static size_t every[4096];

    for (size_t i = 0; i < WOK_COUNT(every); i++)
        every[i] = i + 1;
    for (size_t i = 0; i < WOK_COUNT(corpus); i++) {
        run_whole(corpus[i]);
        assert_same(corpus[i], every, corpus[i].size - 1);
    }
}

Test(h1_splits, random_cuts_change_nothing)
{
    struct http_test_rand rand = http_test_rand();

    for (size_t i = 0; i < WOK_COUNT(corpus); i++) {
        run_whole(corpus[i]);
        for (int round = 0; round < 100; round++)
            assert_same_with_random_cuts(corpus[i], &rand);
    }
}

/* Overwrites, inserts or removes a byte, or repeats a stretch. */
static size_t damage(char *bytes, size_t size, size_t capacity, struct http_test_rand *rand)
{
    static const char favourites[] = "\r\n \t:;,/%0\0\x7f\xff*#?AaZ19=\"";
    size_t at = http_test_below(rand, size);
    char c = http_test_below(rand, 4) == 0
                 ? (char)http_test_below(rand, 256)
                 : favourites[http_test_below(rand, sizeof favourites - 1)];

    switch (http_test_below(rand, 4)) {
    case 0:
        bytes[at] = c;
        return size;
    case 1:
        if (size == capacity)
            return size;
        memmove(bytes + at + 1, bytes + at, size - at);
        bytes[at] = c;
        return size + 1;
    case 2:
        memmove(bytes + at, bytes + at + 1, size - at - 1);
        return size > 1 ? size - 1 : size;
    default: {
        size_t stretch = 1 + http_test_below(rand, size - at < 12 ? size - at : 12);
        if (size + stretch > capacity)
            return size;
        memmove(bytes + at + stretch, bytes + at, size - at);
        return size + stretch;
    }
    }
}

Test(h1_splits, damaged_messages_fare_the_same_however_they_are_cut, .timeout = 60)
{
    struct http_test_rand rand = http_test_rand();
    int passed = 0, refused = 0;

    for (int round = 0; round < 20000; round++) {
        char bytes[1024];
        wok_slice model = corpus[http_test_below(&rand, WOK_COUNT(corpus))];
        size_t size = model.size;
        memcpy(bytes, model.data, size);
        for (uint64_t wounds = 1 + http_test_below(&rand, 3); wounds > 0; wounds--)
            size = damage(bytes, size, sizeof bytes, &rand);

        wok_slice data = {bytes, size};
        run_whole(data);
        passed += whole.requests > 0;
        refused += whole.status != 0;
        for (int times = 0; times < 4; times++)
            assert_same_with_random_cuts(data, &rand);
    }
    /* The damage neither spares nor spoils everything. */
    cr_assert_gt(passed, 1000);
    cr_assert_gt(refused, 1000);
}
