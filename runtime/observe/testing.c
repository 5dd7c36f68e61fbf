/*
 * testing.c - what testing.h promises of the event log and the clock, and running a test for seeds.
 *
 * A thread outside that looks at a runtime claims its turns for as long as it looks.  A task has the
 * turn already.
 */
#include <wok/testing.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sched/sched.h"
#include "sched/turns.h"
#include "task/context.h"
#include "util/seed.h"

/* ---- looking at a runtime by turns ---------------------------------------------------------- */

struct look {
    struct wok__turns *turns; /* NULL: there are none */
    bool claimed;
};

static struct look look_begin(wok_runtime *runtime)
{
    const struct wok__here *here = wok__here();
    struct look look = {NULL, false};

    if (runtime == NULL)
        runtime = here->runtime;
    if (runtime == NULL || runtime->turns == NULL)
        return look;
    look.turns = runtime->turns;
    if (here->worker == NULL || here->worker->runtime != runtime)
        look.claimed = wok__turns_claim(look.turns, UINT64_MAX);
    return look;
}

static void look_end(struct look *look)
{
    if (look->claimed)
        wok__turns_release(look->turns);
}

bool wok_test_auto_advance(wok_runtime *runtime, bool automatic)
{
    WOK_CLEANUP(look_end) struct look look = look_begin(runtime);
    bool before = look.turns == NULL || !look.turns->manual;

    if (look.turns != NULL)
        look.turns->manual = !automatic;
    return before;
}

void wok_test_check_every(wok_runtime *runtime, unsigned turns)
{
    WOK_CLEANUP(look_end) struct look look = look_begin(runtime);

    if (look.turns != NULL)
        look.turns->check_every = look.turns->until_check = turns;
    if (look.claimed)
        wok__turns_poke(look.turns);
}

void wok_test_blocking_by_turns(wok_runtime *runtime, bool by_turns)
{
    WOK_CLEANUP(look_end) struct look look = look_begin(runtime);

    if (look.turns != NULL)
        store_relaxed(&look.turns->calls.on, by_turns);
}

uint64_t wok_test_log_hash(wok_runtime *runtime)
{
    WOK_CLEANUP(look_end) struct look look = look_begin(runtime);

    return look.turns != NULL ? look.turns->log.hash : 0;
}

static size_t copy_last(const struct wok__log *log, wok_test_event *ret_events, size_t count)
{
    size_t kept = log->count < WOK__LOG_KEPT ? (size_t)log->count : WOK__LOG_KEPT;

    count = count < kept ? count : kept;
    for (size_t i = 0; i < count; i++)
        ret_events[i] = log->last[(log->count - count + i) % WOK__LOG_KEPT];
    return count;
}

size_t wok_test_log_last(wok_runtime *runtime, wok_test_event *ret_events, size_t count)
{
    WOK_CLEANUP(look_end) struct look look = look_begin(runtime);

    return look.turns != NULL ? copy_last(&look.turns->log, ret_events, count) : 0;
}

void wok_test_log_listen(wok_runtime *runtime,
                         void (*on_event)(const wok_test_event *event, void *argument),
                         void *argument)
{
    WOK_CLEANUP(look_end) struct look look = look_begin(runtime);

    if (look.turns == NULL)
        return;
    look.turns->log.on_event = on_event;
    look.turns->log.argument = argument;
}

/* ---- an event as text ------------------------------------------------------------------------ */

static size_t format_detail(const wok_test_event *event, char *buffer, size_t size)
{
    static const char *const reasons[] = {"new", "new child", "woken", "by an event", "yielded"};
    static const char *const outcomes[] = {"returned", "failed", "cancelled", "panicked",
                                           "not started"};
    static const char *const calls[] = {"connect", "accept", "recv", "send", "shut", "close"};
    unsigned call = (unsigned)(event->detail >> 56), end = event->detail >> 32 & 0xffffff;

    switch (event->kind) {
    case WOK_TEST_POLL:
        return (size_t)snprintf(buffer, size, event->detail != 0 ? "poll in place" : "poll");
    case WOK_TEST_WAKE:
        return (size_t)snprintf(buffer, size, "wake, %s",
                                event->detail < WOK_COUNT(reasons) ? reasons[event->detail] : "?");
    case WOK_TEST_END:
        return (size_t)snprintf(buffer, size, "end, %s",
                                event->detail < WOK_COUNT(outcomes) ? outcomes[event->detail]
                                                                    : "?");
    case WOK_TEST_SLEEP:
        return (size_t)snprintf(buffer, size, "sleeps");
    case WOK_TEST_TIMERS:
        return (size_t)snprintf(buffer, size, "fires %llu timers",
                                (unsigned long long)event->detail);
    case WOK_TEST_CLOCK:
        return (size_t)snprintf(buffer, size, "moves the clock");
    case WOK_TEST_CALL:
        return (size_t)snprintf(buffer, size, "begins as a blocking call");
    case WOK_TEST_NET:
        return (size_t)snprintf(buffer, size, "%s on end %u gives %d",
                                call < WOK_COUNT(calls) ? calls[call] : "?", end,
                                (int)(uint32_t)event->detail);
    }
    return (size_t)snprintf(buffer, size, "event of kind %d", (int)event->kind);
}

size_t wok_test_event_format(const wok_test_event *event, char *buffer, size_t size)
{
    char detail[64];
    int length;

    (void)format_detail(event, detail, sizeof detail);
    if (event->task_id != 0)
        length =
            snprintf(buffer, size, "#%llu %llu ns worker %u: task %llu %s: %s",
                     (unsigned long long)event->number, (unsigned long long)event->now.ns,
                     event->worker, (unsigned long long)event->task_id, event->task_name, detail);
    else
        length =
            snprintf(buffer, size, "#%llu %llu ns worker %u: %s", (unsigned long long)event->number,
                     (unsigned long long)event->now.ns, event->worker, detail);
    return size > 0 && (size_t)length >= size ? size - 1 : (size_t)length;
}

/* ---- running a test -------------------------------------------------------------------------- */

/* Longer than a thread that lives is silent for, and within the patience of who waits for a test. */
#define DEADLOCK_AFTER_NS UINT64_C(5000000000)

/* The run under way; one at a time. */
struct run {
    const wok_test_options *options;
    int (*body)(void *argument);
    uint64_t seed;
    pid_t process;
    wok_spawn_site site; /* the body's */
    struct wok_runtime *runtime;
    wok_test_report *report;
    /* Panics that nobody awaited, and the first of them; whoever has the turn. */
    unsigned unjoined;
    wok_join_error first_unjoined;
};

static atomic_of(struct run *) run_under_way;

uint64_t wok_test_seed(void)
{
    struct run *run = load_relaxed(&run_under_way);

    return run != NULL ? run->seed : 0;
}

/* Says which seed it was, and what happened last.  Called in a signal handler as well, by the thread
 * that aborts: nothing here takes a lock. */
static void tell(const struct run *run, const char *why)
{
    wok_test_event events[24];
    char line[1280];
    size_t count = 0;
    int length;

    length = snprintf(line, sizeof line, "wok_test_run: %s; repeat it with WOK_TEST_SEED=%llu\n",
                      why, (unsigned long long)run->seed);
    if (write(STDERR_FILENO, line, length < (int)sizeof line ? (size_t)length : sizeof line - 1) <
        0)
        return;
    if (run->runtime != NULL && run->runtime->turns != NULL)
        count = copy_last(&run->runtime->turns->log, events, WOK_COUNT(events));
    for (size_t i = 0; i < count; i++) {
        size_t size = wok_test_event_format(&events[i], line, sizeof line - 1);
        line[size++] = '\n';
        if (write(STDERR_FILENO, line, size) < 0)
            return;
    }
}

static struct sigaction abort_before;

static void on_abort(int number)
{
    const struct run *run = load_relaxed(&run_under_way);

    if (run != NULL)
        tell(run, "the process was aborted");
    sigaction(number, &abort_before, NULL);
    raise(number);
}

/* A failed assertion of a test framework may end the process: Criterion's does.  A forked child may as well. */
__attribute__((destructor)) static void at_exit(void)
{
    const struct run *run = load_relaxed(&run_under_way);

    if (run != NULL && run->process == getpid())
        tell(run, "the process has ended in a run");
}

static void on_unjoined(const wok_join_error *error, void *argument)
{
    struct run *run = argument;

    if (run->options->on_unjoined_panic != NULL) {
        run->options->on_unjoined_panic(error, run->options->argument);
        return;
    }
    if (run->unjoined++ == 0)
        run->first_unjoined = *error;
}

/* Stops the world when the body has ended, whichever way. */
static void body_ends(struct run **run)
{
    struct wok__turns *turns = (*run)->runtime->turns;

    (*run)->report->log_hash = turns->log.hash;
    (*run)->report->log_events = turns->log.count;
    turns->deadlock.after_ns = 0; /* what still waits is aborted */
    wok__turns_freeze(turns);
}

static int run_body(void *args, void *result)
{
    WOK_CLEANUP(body_ends) struct run *run = *(struct run **)args;

    (void)result;
    /* From here on the thread that called waits only. */
    run->runtime->turns->deadlock.after_ns =
        run->options->deadlock_after.ns != 0 ? run->options->deadlock_after.ns : DEADLOCK_AFTER_NS;
    run->report->code = run->body(run->options->argument);
    return 0;
}

static int build(struct run *run)
{
    const wok_test_options *options = run->options;
    int error = wok_runtime_new(
        &run->runtime,
        &(wok_runtime_options){
            .workers = options->workers != 0 ? options->workers : 1,
            .stack_bytes = options->stack_bytes != 0 ? options->stack_bytes : 256 * 1024,
            .seed = run->seed,
            .paused_clock = true,
            .simulated_network = !options->real_network,
            .on_unjoined_panic = on_unjoined,
            .argument = run,
        });

    if (error < 0)
        return error;
    (void)wok_test_auto_advance(run->runtime, !options->manual_clock);
    wok_test_check_every(run->runtime, options->check_every);
    wok_test_blocking_by_turns(run->runtime, options->blocking_by_turns);
    if (options->faults != NULL)
        wok_test_net_set_faults(options->faults);
    wok_test_log_listen(run->runtime, options->on_event, options->argument);
    return 0;
}

/* One seed; 0, or why it failed. */
static int run_once(struct run *run)
{
    wok_test_report *report = run->report;
    wok_shutdown_report left = {0};
    struct run *moved = run;
    char why[1024];
    bool stuck;
    int error, stopped = 0;

    *report = (wok_test_report){.runs = report->runs + 1, .seed = run->seed};
    report->code = error = build(run);
    if (error < 0)
        return error;
    error = wok_block_on_raw(run->runtime, &run->site, &moved, NULL, &report->error);
    if (error == 0)
        error = report->code < 0 ? report->code : 0;
    stuck = run->runtime->turns->deadlock.found; /* before the body's end, if at all */
    if (stuck)
        error = -EDEADLK; /* whatever its abort came to */
    stopped = wok_runtime_shutdown(run->runtime, wok_ns(0), &left);
    report->aborted = left.aborted;
    if (error == 0 && run->unjoined > 0) {
        error = -WOK_EJOIN;
        report->error = run->first_unjoined;
    }
    if (error == 0)
        error = stopped;
    if (run->options->after != NULL && stopped == 0) {
        int seen = run->options->after(run->options->argument);
        error = error == 0 && seen < 0 ? seen : error;
    }
    if (stuck)
        snprintf(why, sizeof why, "all tasks waited, and nothing was due");
    else if (report->error.outcome == WOK_PANICKED)
        (void)wok__format_panic(why, sizeof why, &report->error);
    else if (report->error.outcome != WOK_RETURNED)
        snprintf(why, sizeof why, "%s", report->error.message);
    else if (error == -ETIMEDOUT && stopped < 0)
        snprintf(why, sizeof why, "%zu tasks and %zu blocking calls cannot be stopped", left.stuck,
                 left.blocking_left);
    else
        snprintf(why, sizeof why, "the body returned %d", error);
    report->code = error;
    if (error != 0)
        tell(run, why);
    wok_runtime_free(WOK_TAKE(run->runtime));
    return error;
}

int wok_test_run_at(const wok_spawn_site *site, const wok_test_options *options,
                    int (*body)(void *argument), wok_test_report *ret_report)
{
    static const wok_test_options defaults;
    struct sigaction action = {.sa_handler = on_abort};
    wok_test_report report = {0};
    uint64_t first, seeds = 1;
    int given = wok__seed_given(&first), error = given < 0 || body == NULL ? -EINVAL : 0;

    if (options == NULL)
        options = &defaults;
    if (given == 0) {
        first = options->seed != 0 ? options->seed : 1;
        seeds = options->seeds != 0 ? options->seeds : 1;
    }
    report.code = error;
    sigaction(SIGABRT, &action, &abort_before);
    for (uint64_t i = 0; i < seeds && error == 0; i++) {
        struct run run = {
            .options = options,
            .body = body,
            .seed = first + i,
            .process = getpid(),
            .site = {.name = site->name,
                     .file = site->file,
                     .line = site->line,
                     .function = run_body,
                     .args_size = sizeof(struct run *)},
            .report = &report,
        };
        store_relaxed(&run_under_way, &run);
        error = run_once(&run);
    }
    store_relaxed(&run_under_way, NULL);
    sigaction(SIGABRT, &abort_before, NULL);
    if (ret_report != NULL)
        *ret_report = report;
    return error;
}
