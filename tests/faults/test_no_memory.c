/*
 * test_no_memory.c - a request for which memory is refused, at each place of its life where it is asked for.
 *
 * Each trial is a runtime and a server of its own, on the simulated network with a paused clock, so that the
 * n-th allocation from the accept on is the same place each time and nothing is left from the trial before
 * that would do instead.  There is one trial for each n, with that one refused and with all refused from it
 * on, until a request needs fewer than n.
 *
 * What has to hold: whole answers and no more than requests, of the statuses that a server without memory has,
 * or the connection is closed, in the middle of a stream by a reset; nothing is left of it; and with memory the next request is answered.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/wok_test.h"

#include <wok/http/server.h>

#include "../../handlers/detached.h"
#include "../../handlers/routes.h"
#include "allocations.h"

enum { ANSWERS_MAX = 1 << 20 };

struct request {
    const char *name, *text;
    int requests;
    int status; /* where there is memory */
    int tasks;  /* detached ones that are there before */
};

#define END " HTTP/1.1\r\nHost: x\r\n"
#define WIDE                                                                                       \
    "source=a:5&source=b:7&source=c:3&source=d:3&source=e:3&source=f:3&source=g:3&source=h:4&source=i:4"
#define BODY                                                                                        \
    "{\"mode\": \"join\", \"sources\": [{\"name\": \"a\", \"delay_ms\": 5}, "                       \
    "{\"name\": \"b\", \"delay_ms\": 9}, {\"name\": \"c\\u00e4\"}, {\"name\": \"d\"}, "             \
    "{\"name\": \"a name that is longer than what the heap gives without asking, for a buffer\"}, " \
    "{\"name\": \"f\"}, {\"name\": \"g\"}, {\"name\": \"h\"}, {\"name\": \"i\"}]}"

#define TASK(Size_, Body_)                                                                         \
    "POST /tasks" END "Content-Type: application/json\r\nContent-Length: " Size_ "\r\n\r\n" Body_

static const struct request requests[] = {
    {"short", "GET /healthz" END "\r\n", 1, 200, 0},
    {"head",
     "GET /healthz" END "X-Request-Id: abc\r\n"
     "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
     "tracestate: a=1,b=2\r\nCookie: c\r\n\r\n",
     1, 200, 0},
    {"not found", "GET /helthz" END "\r\n", 1, 404, 0},
    {"fetch", "GET /fetch?source=a:5" END "\r\n", 1, 200, 0},
    {"failure", "GET /aggregate?mode=join&source=a:5&source=b:7&source=c:3:error" END "\r\n", 1,
     502, 0},
    {"join", "GET /aggregate?mode=join&" WIDE END "\r\n", 1, 200, 0},
    {"one by one", "GET /aggregate?mode=sequential&" WIDE END "\r\n", 1, 200, 0},
    {"gzip",
     "GET /runtime" END "Accept-Encoding: gzip\r\n\r\n"
     "GET /aggregate?" WIDE END "Accept-Encoding: gzip\r\n\r\n",
     2, 200, 0},
    {"body",
     "POST /aggregate" END "Content-Type: application/json\r\nContent-Length: 274\r\n\r\n" BODY, 1,
     200, 0},
    {"chunks",
     "POST /aggregate" END
     "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n112\r\n" BODY
     "\r\n0\r\n\r\n",
     1, 200, 0},
    {"tasks", TASK("42", "{\"kind\": \"fetch\", \"source\": \"a\"}          "), 1, 202, 0},
    {"hash", TASK("42", "{\"kind\": \"hash\", \"rounds\": 3}             "), 1, 202, 0},
    {"task", "GET /tasks/1?wait_ms=3" END "\r\n", 1, 200, 1},
    {"abort", "DELETE /tasks/1" END "\r\n", 1, 200, 1},
    {"metrics", "GET /metrics" END "\r\n", 1, 200, 0},
    {"list", "GET /tasks" END "\r\n", 1, 200, 250},
    {"pipeline", "GET /sleep?ms=5" END "\r\nGET /version" END "\r\nGET /" END "\r\n", 3, 200, 0},
};

/* ---- one trial ------------------------------------------------------------------------------------- */

static struct trial {
    const struct request *request;
    uint64_t nth;
    bool lasting;
    uint64_t asked; /* for memory, in all */
} trial;

static wok_http_server *server;
static struct wok_handlers_context context;
static uint16_t port;
static char answers[ANSWERS_MAX];
static bool was_reset;           /* the connection that they came over */
static unsigned closed, refused; /* trials that ended so */

static uint64_t live_tasks(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics.live;
}

static bool is_at_rest(uint64_t tasks)
{
    wok_http_server_metrics metrics;

    wok_http_server_metrics_get(server, &metrics);
    return metrics.connections_open == 0 && metrics.requests_running == 0 && live_tasks() <= tasks;
}

/* Sends, ends, and receives until the server closes; how much came. */
static size_t ask(const char *text)
{
    wok_stream *stream = NULL;
    size_t size = 0;
    ssize_t got = 0;

    cr_assert_eq(wok_connect("127.0.0.1", port, &stream), 0);
    if (wok_stream_send_all(stream, text, strlen(text)) == 0 &&
        wok_stream_shutdown_send(stream) == 0) {
        while ((got = wok_stream_recv(stream, answers + size, ANSWERS_MAX - 1 - size)) > 0)
            size += (size_t)got;
    }
    answers[size] = '\0';
    was_reset = got < 0;
    wok_stream_close(stream);
    return size;
}

static bool is_fitting(int status)
{
    return status == trial.request->status || (trial.nth != 0 && (status == 503 || status == 502));
}

/* The answers are whole, and of these statuses; how many there are. */
static int check_answers(size_t size)
{
    int count = 0;

    for (size_t at = 0; at < size; count++) {
        const char *answer = answers + at, *end = strstr(answer, "\r\n\r\n"), *length;
        cr_assert(end != NULL && strncmp(answer, "HTTP/1.1 ", 9) == 0, "%s: refused %zu: %s",
                  trial.request->name, (size_t)trial.nth, answer);
        int status = atoi(answer + 9);
        cr_assert(is_fitting(status), "%s: refused %zu%s: %s", trial.request->name,
                  (size_t)trial.nth, trial.lasting ? " and on" : "", answer);
        length = strstr(answer, "\r\nContent-Length: ");
        cr_assert(length != NULL && length < end);
        at += (size_t)(end - answer) + 4 + strtoul(length + 18, NULL, 10);
        cr_assert(at <= size || (was_reset && trial.nth != 0), "%s: refused %zu: it is cut off: %s",
                  trial.request->name, (size_t)trial.nth, answer);
    }
    cr_assert_leq(count, trial.request->requests);
    closed += count == 0;
    refused += count > 0 && strstr(answers, "HTTP/1.1 503 ") != NULL;
    return count;
}

static void start_tasks(int count)
{
    const struct wok__order order = {.source = WOK_SLICE("a"),
                                     .outcome = 3, /* it hangs */
                                     .timeout_ms = 60000};
    struct wok__view view;

    for (int i = 0; i < count; i++)
        cr_assert_eq(wok__detached_start(context.detached, &order, &view), 0);
}

static void ignore_task(const struct wok__view *view, void *argument)
{
    (void)view;
    (void)argument;
}

/* Those that were begun have ended; what is left ends with the server. */
static void stop_tasks(void)
{
    struct wok__registry_figures figures;
    struct wok__detached_report report;

    wok__registry_figures(context.detached, &figures);
    cr_assert_leq(figures.alive, (uint64_t)trial.request->tasks, "%s: refused %zu: a task is left",
                  trial.request->name, (size_t)trial.nth);
    cr_assert_eq(wok__registry_drain(context.detached, wok_now(), ignore_task, NULL, &report), 0);
}

static void try_once(void)
{
    wok_http_server_options options;

    wok_http_server_options_init(&options);
    options.routes = wok_routes;
    options.context = &context;
    cr_assert_eq(wok_http_server_new(&server, &options), 0);
    cr_assert_eq(wok_http_server_listen(server, "127.0.0.1", 0, &port), 0);
    context.server = server;
    cr_assert_eq(wok__registry_new(&context.detached, 300), 0);
    start_tasks(trial.request->tasks);
    (void)wok_sleep(wok_ms(1));
    uint64_t tasks = live_tasks();

    wok_test_check_every(wok_runtime_current(), 0); /* the checks need memory themselves */
    allocations_fail(trial.nth, trial.lasting, wok_task_id());
    size_t size = ask(trial.request->text);
    trial.asked = allocations_go_on();
    wok_test_check_every(wok_runtime_current(), 1);
    int count = check_answers(size);
    if (trial.nth == 0)
        cr_assert_eq(count, trial.request->requests, "%s", answers);
    /* What is aborted may take its second, and what lingers five, of a clock that costs nothing. */
    for (int i = 0; i < 20 && !is_at_rest(tasks); i++)
        (void)wok_sleep(wok_seconds(1));
    cr_assert(is_at_rest(tasks), "%s: refused %zu: something is left", trial.request->name,
              (size_t)trial.nth);
    size = ask("GET /healthz" END "\r\n");
    cr_assert(size > 0 && strncmp(answers, "HTTP/1.1 200 ", 13) == 0, "%s: refused %zu: then: %s",
              trial.request->name, (size_t)trial.nth, answers);
    (void)wok_http_server_drain(server, NULL);
    wok_http_server_free(server);
    stop_tasks();
}

static void run_trial(const struct request *request, uint64_t nth, bool lasting)
{
    wok_runtime_options options = test_options();

    options.simulated_network = true;
    trial = (struct trial){request, nth, lasting, 0};
    test_run(&options, try_once);
    wok__registry_free(context.detached);
}

/* ---- all of them ----------------------------------------------------------------------------------- */

static void each_time(bool lasting)
{
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        run_trial(&requests[i], 0, false);
        uint64_t nth = 0;
        do
            run_trial(&requests[i], ++nth, lasting);
        while (trial.asked >= nth); /* it was refused */
        cr_assert_gt(nth, 3, "%s asks for memory at %zu places", requests[i].name, (size_t)nth);
        if (getenv("WOK_TEST_FIGURES") != NULL)
            fprintf(stderr, "%s: %zu\n", requests[i].name, (size_t)nth);
    }
    cr_assert(closed > 10 && refused > 10, "%u closed, %u refused", closed, refused);
}

Test(no_memory, refused_once_costs_one_request_at_most, .timeout = 50)
{
    each_time(false);
}

Test(no_memory, refused_for_a_while_costs_one_request_at_most, .timeout = 50)
{
    each_time(true);
}
