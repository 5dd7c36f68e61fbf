/*
 * fuzz_connection.c - a whole connection on the simulated network, with the server's own routes.
 *
 * Input: steps.  A byte below 0xe0 sends as many of the following bytes, and one more; one above waits, for
 * up to half a minute of the paused clock, lets the server run, or ends the connection by a FIN or a reset.
 * At the end the client stops sending and receives until the server closes.
 *
 * Oracles: what comes back are whole answers, as many as the decoder alone finds requests in the same bytes
 * (fewer only behind an answer that closes), with the decoder's status where it refuses one; a 500 says
 * that a handler panicked; afterwards no task, no connection and no request is left.
 */
#include "fuzz.h"

#include <wok/http/server.h>
#include <wok/wok.h>

#include "../../handlers/routes.h"
#include "http/h1_decoder.h"

enum { SENT_MAX = 16384, RECEIVED_MAX = 4 << 20, REQUESTS_MAX = 2048 };

static wok_runtime *runtime;
static wok_http_server *server;
static struct wok_handlers_context context;
static uint16_t port;
static uint64_t tasks_at_rest;

static char sent[SENT_MAX], received[RECEIVED_MAX];
static size_t sent_size, received_size;

struct expected {
    bool head;
    int status; /* 0: the handler's */
};
static struct expected expected[REQUESTS_MAX];
static size_t expected_count;

/* ---- what the decoder alone says ---------------------------------------------------------------- */

static void expect(bool head, int status)
{
    FUZZ_CHECK(expected_count < REQUESTS_MAX, "too many requests");
    expected[expected_count++] = (struct expected){head, status};
}

static void decode_alone(void)
{
    static struct wok__h1_decoder decoder;
    static wok_http_request request;
    static char copy[SENT_MAX];
    const struct wok__h1_limits limits = WOK__H1_LIMITS_DEFAULT;
    size_t at = 0;

    expected_count = 0;
    memcpy(copy, sent, sent_size);
    while (at < sent_size) {
        enum wok__h1_event event;
        size_t begin = at;
        int status = 0;
        bool head = false;
        wok__h1_decoder_begin(&decoder, &limits, &request);
        do {
            event = wok__h1_decoder_feed(&decoder, copy + at, sent_size - at);
            at += decoder.consumed;
            if (event == WOK__H1_HEAD) {
                status = decoder.status;
                head = request.method == WOK_HTTP_HEAD;
            }
        } while (event == WOK__H1_HEAD || event == WOK__H1_BODY);
        if (event == WOK__H1_NEED_MORE && wok__h1_decoder_finish(&decoder))
            return; /* blank lines only */
        if (event == WOK__H1_COMPLETE) {
            expect(head, status);
            if (!decoder.keep_alive)
                return;
            continue;
        }
        /* Refused, or cut off: a HEAD is known by its first letters. */
        head = head || (at - begin >= decoder.head_start + 5 &&
                        memcmp(copy + begin + decoder.head_start, "HEAD ", 5) == 0);
        expect(head, decoder.status);
        return;
    }
}

/* ---- what came back ----------------------------------------------------------------------------- */

struct answer {
    int status;
    bool closes;
    size_t size;
};

/* The answer at the front of what is left, or a check fails. */
static struct answer parse_answer(const char *text, size_t size, bool head)
{
    struct answer answer = {0};
    const char *end = memmem(text, size, "\r\n\r\n", 4), *length;

    FUZZ_CHECK(end != NULL && memcmp(text, "HTTP/1.1 ", 9) == 0, "no answer: %.*s", (int)size,
               text);
    answer.status = atoi(text + 9);
    FUZZ_CHECK(answer.status >= 100 && answer.status < 600, "status %d", answer.status);
    answer.size = (size_t)(end - text) + 4;
    if (answer.status < 200)
        return answer;
    answer.closes = memmem(text, answer.size, "\r\nConnection: close\r\n", 21) != NULL;
    length = memmem(text, answer.size, "\r\nContent-Length: ", 18);
    FUZZ_CHECK(length != NULL || answer.status == 204, "no length: %.*s", (int)answer.size, text);
    if (length != NULL && !head)
        answer.size += strtoull(length + 18, NULL, 10);
    FUZZ_CHECK(answer.size <= size, "an answer cut off: %.*s", (int)size, text);
    FUZZ_CHECK(answer.status != 500 || memmem(text, answer.size, "panic", 5) != NULL || head,
               "a 500: %.*s", (int)size, text);
    return answer;
}

/* `timed`: time passed, so that the server may have refused what the decoder alone would wait for. */
static void check_answers(bool timed)
{
    size_t at = 0, count = 0;
    bool closed = false;

    while (at < received_size) {
        struct answer answer = parse_answer(received + at, received_size - at,
                                            count < expected_count && expected[count].head);
        at += answer.size;
        if (answer.status < 200)
            continue;
        FUZZ_CHECK(!closed, "an answer behind one that closes");
        FUZZ_CHECK(count < expected_count, "more answers than requests");
        if (expected[count].status != 0 && !timed)
            FUZZ_CHECK(answer.status == expected[count].status || answer.closes,
                       "status %d, and the decoder says %d", answer.status, expected[count].status);
        closed = answer.closes;
        count++;
    }
    FUZZ_CHECK(closed || timed || count == expected_count, "%zu answers to %zu requests", count,
               expected_count);
}

/* ---- one connection ----------------------------------------------------------------------------- */

static uint64_t live_tasks(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(runtime, &metrics);
    return metrics.live;
}

static bool is_at_rest(void)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics.connections_open == 0 && metrics.requests_running == 0;
}

static void receive_to_the_end(wok_stream *stream, bool *ret_reset)
{
    ssize_t got;

    while ((got = wok_stream_recv(stream, received + received_size, RECEIVED_MAX - received_size)) >
           0) {
        received_size += (size_t)got;
        FUZZ_CHECK(received_size < RECEIVED_MAX, "no end of answers");
    }
    *ret_reset = got < 0;
}

/* Does the steps; true: the connection was reset by us or by the server. */
static bool converse(wok_stream *stream, struct fuzz_input *input, bool *ret_timed)
{
    bool reset = false;

    while (input->size > 0) {
        unsigned step = fuzz_byte(input);
        if (step < 0xe0) {
            size_t size = step + 1 < input->size ? step + 1 : input->size;
            if (size > SENT_MAX - sent_size)
                size = SENT_MAX - sent_size;
            if (wok_stream_send_all(stream, input->data, size) < 0) {
                wok_stream_close(stream);
                return true;
            }
            memcpy(sent + sent_size, input->data, size);
            sent_size += size;
            input->data += size;
            input->size -= size;
        } else if (step < 0xf0) {
            *ret_timed = true;
            (void)wok_sleep(wok_ms((uint64_t)(step - 0xe0) * 2000));
        } else if (step < 0xfe) {
            (void)wok_yield();
        } else if (step == 0xfe) {
            break;
        } else {
            wok_stream_reset(stream);
            return true;
        }
    }
    if (wok_stream_shutdown_send(stream) < 0) {
        wok_stream_close(stream);
        return true;
    }
    receive_to_the_end(stream, &reset);
    wok_stream_close(stream);
    return reset;
}

static void connect_once(struct fuzz_input input)
{
    wok_stream *stream = NULL;
    bool timed = false;

    sent_size = received_size = 0;
    FUZZ_CHECK(wok_connect("127.0.0.1", port, &stream) == 0, "no connection");
    bool reset = converse(stream, &input, &timed);
    if (!reset) {
        decode_alone();
        check_answers(timed);
    }
    /* What is aborted may take its second, and what lingers five, of a clock that costs nothing. */
    for (int i = 0; i < 20 && !(is_at_rest() && live_tasks() == tasks_at_rest); i++)
        (void)wok_sleep(wok_seconds(1));
    FUZZ_CHECK(is_at_rest(), "a connection or a request is left");
    FUZZ_CHECK(live_tasks() == tasks_at_rest, "%llu tasks, and %llu before",
               (unsigned long long)live_tasks(), (unsigned long long)tasks_at_rest);
}

/* ---- the server, which lives as long as the process --------------------------------------------- */

/* The fuzzer's loop, or the replay's, runs in a task: a hand-over between threads for each input would cost
 * more than the input does. */
struct program {
    int argc;
    char **argv;
};

WOK_TASK(run, struct program, int);

#ifdef WOK_FUZZ
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));
#define DRIVE(Program_, One_) LLVMFuzzerRunDriver(&(Program_)->argc, &(Program_)->argv, (One_))
#else
int replay_main(int argc, char **argv);
#define DRIVE(Program_, One_) replay_main((Program_)->argc, (Program_)->argv)
#endif

static int run(struct program *program, int *result)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    options.routes = wok_routes;
    options.context = &context;
    FUZZ_CHECK(wok_http_server_new(&server, &options) == 0, "no server");
    FUZZ_CHECK(wok_http_server_listen(server, "127.0.0.1", 0, &port) == 0, "no listener");
    context.server = server;
    (void)wok_sleep(wok_ms(1));
    tasks_at_rest = live_tasks();
    *result = DRIVE(program, LLVMFuzzerTestOneInput);
    (void)wok_http_server_drain(server, NULL);
    return 0;
}

static void ignore_panic(const wok_join_error *error, void *argument)
{
    (void)error;
    (void)argument;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= SENT_MAX)
        connect_once((struct fuzz_input){data, size});
    return 0;
}

int main(int argc, char **argv)
{
    wok_runtime_options options = {
        .workers = 1,
        .paused_clock = true,
        .simulated_network = true,
        .seed = 1,
        .stack_bytes = 1 << 20,
        .spare_workers_max = WOK_NO_SPARE_WORKERS,
        .on_unjoined_panic = ignore_panic,
    };
    struct program program = {argc, argv};
    wok_shutdown_report report;
    wok_join_error why = {0};
    int result = 1;

    FUZZ_CHECK(wok_runtime_new(&runtime, &options) == 0, "no runtime");
    FUZZ_CHECK(wok_block_on(runtime, run, program, &result, &why) == 0, "%s", why.message);
    FUZZ_CHECK(wok_runtime_shutdown(runtime, wok_ms(100), &report) == 0, "a task is stuck");
    wok_http_server_free(server);
    wok_runtime_free(runtime);
    return result;
}
