/*
 * pacer.c - open_loop: asks a server at a rate, whether it answers or not.
 *
 * A generator that waits for an answer before it asks again (wrk, ab) slows down with the server and never
 * sees what a service at a given rate would: requests pile up.  Here each request is due at a time of its
 * own, and its latency counts from then, so that what waited in the generator counts as well (no coordinated
 * omission).  A request for which no connection is free when it is due is not sent, and counted: so does a
 * client whose pool is used up.
 *
 * The pacer is one stackless task: it sends what is due, and sleeps.
 */
#include "load.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

/* What the generator itself is so late with is not sent any more: it would be late for all that follows. */
#define LATE_NS UINT64_C(20000000)
/* How long connecting may take before the first phase. */
#define CONNECT_LIMIT wok_seconds(10)

struct load load;

struct pacer {
    struct arrivals arrivals;
    wok_sleep_future sleep;
    struct client *sending; /* the send waits for its turn */
    uint64_t sending_due_ns, scan_ns;
    bool asked_before; /* it has waited once already */
};

/* ---- figures -------------------------------------------------------------------------------------- */

struct figures *load_slice(uint64_t now_ns)
{
    return &load.slices[figures_slice(load.start_ns, now_ns, load.slice_count)];
}

struct figures *load_phase(void)
{
    return &load.phases[load.phase].figures;
}

/* ---- sending -------------------------------------------------------------------------------------- */

static void count_due(uint64_t now_ns, bool sent)
{
    figures_due(load_slice(now_ns), sent);
    figures_due(load_phase(), sent);
}

/* True: it is on its way, or lost; false: the pacer has to let others run. */
static bool send_request(struct pacer *pacer, wok_cx *cx)
{
    struct client *client = pacer->sending;
    struct iovec piece = {load.request, load.request_size};
    ssize_t sent = wok_stream_send_poll(client->stream, cx, &piece, 1);

    if (sent == -EAGAIN && !pacer->asked_before) {
        pacer->asked_before = true; /* more operations in a row than a poll may have */
        wok_cx_yield(cx);
        return false;
    }
    pacer->asked_before = false;
    pacer->sending = NULL;
    client->state = CLIENT_BUSY;
    client->due_ns = pacer->sending_due_ns;
    load.busy++;
    if (sent != (ssize_t)load.request_size) {
        client->give_up = true; /* the server takes nothing more, or is gone */
        wok_waker_wake(&client->waker);
    }
    return true;
}

/* What waits for too long is given up, as users do. */
static void give_up_late(uint64_t now_ns)
{
    for (unsigned i = 0; i < load.options.connections; i++) {
        struct client *client = &load.clients[i];
        if (client->state != CLIENT_BUSY || client->give_up ||
            now_ns - client->due_ns < load.options.timeout_ns || now_ns < client->due_ns)
            continue;
        client->give_up = true;
        wok_waker_wake(&client->waker);
    }
}

/* ---- phases --------------------------------------------------------------------------------------- */

/* What the last closed phase before this one was answered, in a second. */
static double measured_rate(int before)
{
    for (int i = before - 1; i >= 0; i--) {
        const struct phase_result *phase = &load.phases[i];
        if (load.options.phases[i].kind == PHASE_CLOSED)
            return figures_rate(&phase->figures, phase->begin_ns, phase->end_ns);
    }
    return 0;
}

static void begin_phase(struct pacer *pacer, int number, uint64_t now_ns)
{
    const struct phase *phase = &load.options.phases[number];
    struct phase_result *result = &load.phases[number];

    load.phase = number;
    result->begin_ns = now_ns;
    result->end_ns = now_ns + phase->duration_ns;
    result->ticks = ticks_now(load.options.server);
    if (phase->kind == PHASE_CLOSED)
        return;
    result->rate = phase->kind == PHASE_FACTOR ? phase->rate * measured_rate(number) : phase->rate;
    if (result->rate < 1)
        result->rate = 1; /* nothing was answered: a phase all the same */
    arrivals_begin(&pacer->arrivals, now_ns, result->rate);
}

static void end_phase(void)
{
    struct phase_result *result = &load.phases[load.phase];
    struct ticks now = ticks_now(load.options.server);

    result->ticks.own_ms = now.own_ms - result->ticks.own_ms;
    result->ticks.server_ms = now.server_ms - result->ticks.server_ms;
}

/* True: the pacer is to send a request that is due at `*ret_due_ns`. */
static bool is_due(const struct pacer *pacer, uint64_t now_ns, uint64_t *ret_due_ns)
{
    const struct phase *phase = &load.options.phases[load.phase];
    unsigned most = phase->connections != 0 ? phase->connections : load.options.connections;

    *ret_due_ns = phase->kind == PHASE_CLOSED ? now_ns : pacer->arrivals.next_ns;
    if (phase->kind == PHASE_CLOSED)
        return load.busy < most && load.free_count > 0;
    return *ret_due_ns <= now_ns && *ret_due_ns < load.phases[load.phase].end_ns;
}

/* Sends what is due; false: others have to run before it goes on. */
static bool send_all(struct pacer *pacer, wok_cx *cx, uint64_t now_ns)
{
    uint64_t due_ns;

    for (;;) {
        if (pacer->sending != NULL) {
            if (!send_request(pacer, cx))
                return false;
            continue;
        }
        if (!is_due(pacer, now_ns, &due_ns))
            return true;
        pacer->sending = now_ns - due_ns < LATE_NS ? client_take() : NULL;
        pacer->sending_due_ns = due_ns;
        if (load.options.phases[load.phase].kind != PHASE_CLOSED)
            arrivals_advance(&pacer->arrivals);
        else if (pacer->sending == NULL)
            return true;
        count_due(now_ns, pacer->sending != NULL);
    }
}

static uint64_t wake_at(const struct pacer *pacer)
{
    uint64_t end_ns = load.phases[load.phase].end_ns, at = pacer->scan_ns;

    if (load.options.phases[load.phase].kind != PHASE_CLOSED && pacer->arrivals.next_ns < at)
        at = pacer->arrivals.next_ns;
    return at < end_ns ? at : end_ns;
}

static wok_poll pacer_poll(void *self, wok_cx *cx, void *result)
{
    struct pacer *pacer = self;

    (void)result;
    if (load.pacer.task == NULL)
        load.pacer = wok_waker_new(cx);
    do {
        uint64_t now_ns = wok_now().ns;
        wok_sleep_future_drop(&pacer->sleep);
        load.pacer_waits = false;
        if (load.start_ns == 0) {
            load.start_ns = now_ns;
            begin_phase(pacer, 0, now_ns);
        }
        if (now_ns >= pacer->scan_ns) {
            give_up_late(now_ns);
            pacer->scan_ns = now_ns + SLICE_NS;
        }
        if (!send_all(pacer, cx, now_ns))
            return WOK_PENDING;
        if (now_ns >= load.phases[load.phase].end_ns) {
            end_phase();
            if (load.phase + 1 == load.options.phase_count)
                return WOK_READY;
            begin_phase(pacer, load.phase + 1, load.phases[load.phase].end_ns);
        }
        load.pacer_waits = load.options.phases[load.phase].kind == PHASE_CLOSED;
        pacer->sleep = wok_sleep_future_until((wok_instant){wake_at(pacer)});
    } while (wok_sleep_future_poll(&pacer->sleep, cx) != WOK_PENDING);
    return WOK_PENDING;
}

static void pacer_drop(void *self)
{
    struct pacer *pacer = self;

    wok_sleep_future_drop(&pacer->sleep);
    wok_waker_drop(&load.pacer);
}

static const wok_future_vtable pacer_vtable = {
    .name = "pacer",
    .size = sizeof(struct pacer),
    .poll = pacer_poll,
    .drop = pacer_drop,
};

/* ---- the program ---------------------------------------------------------------------------------- */

typedef int nothing;

/* False: not in time. */
static bool start_clients(void)
{
    wok_instant limit = wok_after(CONNECT_LIMIT);

    for (unsigned i = 0; i < load.options.connections; i++)
        client_start(&load.clients[i]);
    while (load.connected < load.options.connections && wok_now().ns < limit.ns)
        if (wok_sleep(wok_ms(1)) < 0)
            break;
    if (load.connected == load.options.connections)
        return true;
    fprintf(stderr, "open_loop: %u of %u connections could be opened\n", load.connected,
            load.options.connections);
    return false;
}

static void stop_clients(void)
{
    for (unsigned i = 0; i < load.options.connections; i++) {
        wok_join_abort(&load.clients[i].join);
        (void)wok_join_await(&load.clients[i].join, NULL, NULL);
        wok_join_drop(&load.clients[i].join);
    }
}

WOK_TASK(run, nothing, nothing);
static int run(nothing *args, nothing *result)
{
    struct pacer pacer = {.arrivals = {.even = load.options.even, .random = load.options.seed}};
    int code = -EIO;

    *result = *args;
    if (start_clients()) {
        wok_join join = wok_spawn_future(&pacer_vtable, &pacer);
        code = wok_join_await(&join, NULL, NULL);
        wok_join_drop(&join);
    }
    stop_clients(); /* before what they point to goes */
    return code;
}

static void usage(FILE *file)
{
    fputs(
        "usage: open_loop --port N [OPTION...]\n"
        "Asks a server at given rates, whether it answers or not, and prints what came of it as JSON.\n"
        "  --port N, --address A   where the server is (127.0.0.1)\n"
        "  --path PATH             what is asked for (/healthz)\n"
        "  --connections N         kept open; each has one request at a time (64)\n"
        "  --phases LIST           RATE:SECONDS, ... one after the other (max:3); RATE is requests in a\n"
        "                          second; max or max@N: as fast as answers come, on all or N\n"
        "                          connections; 3x: three times what the last max was answered\n"
        "  --arrivals poisson|even when requests are due (poisson)\n"
        "  --seed N                of their times (1)\n"
        "  --timeout MS            then an answer is given up, and its connection closed (10000)\n"
        "  --pid N                 whose processor time is told, beside the generator's own\n",
        file);
}

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);

    if (end == text || *end != '\0' || number < least || number > most)
        return false;
    *ret_number = number;
    return true;
}

static bool parse_option(struct options *options, const char *name, const char *value)
{
    uint64_t number = 0;

    if (strcmp(name, "--address") == 0) {
        options->address = value;
    } else if (strcmp(name, "--path") == 0) {
        options->path = value;
    } else if (strcmp(name, "--phases") == 0) {
        options->phase_count = phases_parse(value, options->phases);
        return options->phase_count > 0;
    } else if (strcmp(name, "--arrivals") == 0) {
        options->even = strcmp(value, "even") == 0;
        return options->even || strcmp(value, "poisson") == 0;
    } else if (strcmp(name, "--port") == 0 && parse_number(value, 1, 65535, &number)) {
        options->port = (uint16_t)number;
    } else if (strcmp(name, "--connections") == 0 && parse_number(value, 1, 1000000, &number)) {
        options->connections = (unsigned)number;
    } else if (strcmp(name, "--seed") == 0 && parse_number(value, 1, UINT64_MAX, &number)) {
        options->seed = number;
    } else if (strcmp(name, "--timeout") == 0 && parse_number(value, 1, 3600000, &number)) {
        options->timeout_ns = number * 1000000;
    } else if (strcmp(name, "--pid") == 0 && parse_number(value, 1, INT32_MAX, &number)) {
        options->server = (pid_t)number;
    } else {
        return false;
    }
    return true;
}

/* 0, or an exit code. */
static int prepare(int argc, char **argv)
{
    struct options *options = &load.options;
    uint64_t duration_ns = 0;

    *options = (struct options){.address = "127.0.0.1",
                                .path = "/healthz",
                                .connections = 64,
                                .seed = 1,
                                .timeout_ns = UINT64_C(10000000000)};
    options->phase_count = phases_parse("max:3", options->phases);
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            exit(0);
        }
        if (i + 1 == argc || !parse_option(options, argv[i], argv[i + 1])) {
            fprintf(stderr, "open_loop: %s %s makes no sense; --help says what does\n", argv[i],
                    i + 1 < argc ? argv[i + 1] : "without a value");
            return 2;
        }
    }
    load.request_size =
        (size_t)snprintf(load.request, sizeof load.request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                         options->path, options->address);
    if (options->port == 0 || load.request_size >= sizeof load.request) {
        usage(stderr);
        return 2;
    }
    for (int i = 0; i < options->phase_count; i++)
        duration_ns += options->phases[i].duration_ns;
    load.slice_count = duration_ns / SLICE_NS + 1;
    load.slices = calloc(load.slice_count, sizeof *load.slices);
    load.clients = calloc(options->connections, sizeof *load.clients);
    load.free = calloc(options->connections, sizeof *load.free);
    return load.slices == NULL || load.clients == NULL || load.free == NULL ? 1 : 0;
}

int main(int argc, char **argv)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    wok_runtime_options options = {.workers = 1, .spare_workers_max = WOK_NO_SPARE_WORKERS};
    struct rlimit files;
    nothing unused;
    int code = prepare(argc, argv);

    if (code != 0)
        return code;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    code = wok_runtime_new(&runtime, &options);
    if (code < 0) {
        fprintf(stderr, "open_loop: no runtime: %s\n", strerror(-code));
        return 1;
    }
    code = wok_block_on(runtime, run, 0, &unused, NULL);
    if (code == 0)
        report();
    free(load.free);
    free(load.clients);
    free(load.slices);
    return code != 0;
}
