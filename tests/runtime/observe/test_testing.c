/*
 * test_testing.c - testing.h: the clock by hand, the event log, and runs over seeds.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/wok_test.h"

/* ---- the clock ---------------------------------------------------------------------------------- */

static unsigned ticks;

/* Naps `ticks` times for a second, and notes at which of them it is. */
static int tick(int *times)
{
    for (int i = 0; i < *times; i++) {
        int error = wok_sleep(wok_seconds(1));
        if (error < 0)
            return error;
        ticks++;
    }
    return 0;
}

static void manual(void)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_instant start = wok_now();
    int times = 5;

    ticks = 0;
    cr_assert(wok_test_auto_advance(NULL, false), "it did so before");
    for (int i = 0; i < 3; i++)
        wok_scope_spawn(&scope, tick, &times);
    cr_assert_eq(wok_test_settle(NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, 0);
    cr_assert_eq(ticks, 0);
    cr_assert_eq(wok_test_advance(NULL, wok_ms(999)), 0);
    cr_assert_eq(ticks, 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(999).ns, "to there, without a timer");
    cr_assert_eq(wok_test_advance(NULL, wok_ms(1)), 0);
    cr_assert_eq(ticks, 3, "all that was due then has run");
    cr_assert_eq(wok_test_advance(NULL, wok_seconds(3)), 0);
    cr_assert_eq(ticks, 12, "from deadline to deadline");
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(4).ns);
    cr_assert_eq(wok_test_auto_advance(NULL, true), false);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(5).ns);
}

Test(testing, an_advance_runs_what_becomes_due, .timeout = 60)
{
    wok_runtime_options options = test_options();

    for (unsigned workers = 1; workers <= 4; workers++) {
        options.workers = workers;
        test_run_seeds(&options, 20, manual);
    }
}

static int advance_child(wok_duration *how_far)
{
    wok_instant start = wok_now();
    int error = wok_test_advance(NULL, *how_far);

    return error < 0 ? error : wok_elapsed(start).ns == how_far->ns ? 0 : -ETIME;
}

WOK_TEST_SEEDS(testing, several_may_advance_at_once, 3, 20)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_duration far[] = {wok_ms(30), wok_ms(10), wok_ms(10), wok_ns(0), wok_seconds(2)};

    wok_test_auto_advance(NULL, false);
    for (size_t i = 0; i < WOK_COUNT(far); i++)
        wok_scope_spawn(&scope, advance_child, &far[i]);
    cr_assert_eq(wok_scope_wait(&scope), 0);
}

/* An advance that is given up leaves nothing in the list: the next one would walk over it. */
WOK_TEST_WORKERS(testing, an_advance_can_be_aborted, 2)
{
    wok_duration far = wok_seconds(10);
    wok_instant start = wok_now();

    wok_test_auto_advance(NULL, false);
    for (int i = 0; i < 3; i++) {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        wok_scope_spawn(&scope, advance_child, &far);
        cr_assert_eq(wok_test_settle(NULL), 0);
        wok_scope_cancel(&scope);
        cr_assert_lt(wok_scope_wait(&scope), 0);
    }
    cr_assert_eq(wok_test_advance(NULL, wok_ms(1)), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(1).ns);
}

WOK_TASK(tick_for_ever, int, int);

static int tick_for_ever(int *times, int *result)
{
    *result = 0;
    return tick(times);
}

Test(testing, a_plain_thread_advances_a_runtime, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    int times = 1000;

    ticks = 0;
    options.workers = 3;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wok_test_auto_advance(runtime, false);
    tick_for_ever_join join = wok_spawn_on(runtime, tick_for_ever, times);
    for (unsigned i = 1; i <= 100; i++) {
        cr_assert_eq(wok_test_advance(runtime, wok_seconds(2)), 0);
        cr_assert_eq(ticks, 2 * i);
    }
    tick_for_ever_join_drop(&join);
    wok_runtime_free(runtime);
}

WOK_TEST_ON(testing, a_real_clock_is_not_moved, 1)
{
    cr_assert_eq(wok_test_advance(NULL, wok_ms(1)), -EINVAL);
    cr_assert_eq(wok_test_settle(NULL), -EINVAL);
    cr_assert_eq(wok_test_auto_advance(NULL, false), true);
    cr_assert_eq(wok_test_log_hash(NULL), 0);
    cr_assert_eq(wok_test_log_last(NULL, NULL, 5), 0);
}

WOK_TEST(testing, an_advance_past_the_end_of_time_is_refused)
{
    cr_assert_eq(wok_test_advance(NULL, wok_ns(UINT64_MAX)), -EINVAL);
    cr_assert_eq(wok_test_advance(NULL, wok_ns(UINT64_MAX - wok_now().ns)), -EINVAL);
}

/* ---- the log ------------------------------------------------------------------------------------ */

static int mill(int *number)
{
    for (int i = 0; i < 4; i++) {
        int error = i % 2 == 0 ? wok_yield() : wok_sleep(wok_us((uint64_t)*number));
        if (error < 0)
            return error;
    }
    return 0;
}

static int crowd(void *unused)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    int numbers[12];

    (void)unused;
    for (int i = 0; i < 12; i++) {
        numbers[i] = i;
        wok_scope_spawn(&scope, mill, &numbers[i]);
    }
    return wok_scope_wait(&scope);
}

static uint64_t hash_of(unsigned workers, uint64_t seed)
{
    wok_test_report report = {0};
    wok_test_options options = {.workers = workers, .seed = seed};

    cr_assert_eq(wok_test_run(&options, crowd, &report), 0);
    cr_assert_eq(report.seed, seed);
    cr_assert_gt(report.log_events, 50);
    return report.log_hash;
}

Test(testing, equal_seeds_have_equal_hashes_and_others_not, .timeout = 60)
{
    uint64_t hashes[60];
    size_t same = 0;

    for (size_t i = 0; i < WOK_COUNT(hashes); i++) {
        hashes[i] = hash_of(3, i + 1);
        cr_assert_eq(hash_of(3, i + 1), hashes[i]);
        for (size_t j = 0; j < i; j++)
            same += hashes[j] == hashes[i];
    }
    cr_assert_eq(same, 0);
}

static size_t seen[16];
static uint64_t next_number;

static void listen_in(const wok_test_event *event, void *argument)
{
    char text[128];

    cr_assert_eq(argument, seen);
    if (next_number != 0) /* before the listener came, the workers made their first rounds */
        cr_assert_eq(event->number, next_number);
    next_number = event->number + 1;
    cr_assert_lt(event->worker, 2);
    cr_assert_lt(wok_test_event_format(event, text, sizeof text), sizeof text - 1);
    seen[event->kind]++;
}

static int one_of_each(void *unused)
{
    wok_test_event last[8];
    uint64_t before = wok_test_log_hash(NULL);

    (void)unused;
    if (wok_sleep(wok_ms(1)) < 0)
        return -1;
    cr_assert_neq(wok_test_log_hash(NULL), before);
    cr_assert_eq(wok_test_log_last(NULL, last, WOK_COUNT(last)), WOK_COUNT(last));
    cr_assert_eq(last[7].number, next_number - 1);
    for (int i = 1; i < 8; i++)
        cr_assert_eq(last[i].number, last[i - 1].number + 1);
    cr_assert_eq(last[7].kind, WOK_TEST_POLL);
    cr_assert_eq(last[7].task_id, wok_task_id());
    cr_assert_str_eq(last[7].task_name, "test");
    cr_assert_eq(last[7].now.ns, wok_now().ns);
    return 0;
}

Test(testing, each_event_is_told_and_kept, .timeout = 20)
{
    wok_test_options options = {.workers = 2, .on_event = listen_in, .argument = seen};

    next_number = 0;
    cr_assert_eq(wok_test_run(&options, one_of_each, NULL), 0);
    cr_assert_geq(seen[WOK_TEST_POLL], 2);
    cr_assert_geq(seen[WOK_TEST_SLEEP], 1);
    cr_assert_eq(seen[WOK_TEST_TIMERS], 1);
    cr_assert_eq(seen[WOK_TEST_CLOCK], 1);
    cr_assert_eq(seen[WOK_TEST_WAKE], 1, "the first push came from outside");
    cr_assert_eq(seen[WOK_TEST_END], 1);
}

Test(testing, events_read_well)
{
    wok_test_event event = {.number = 7,
                            .kind = WOK_TEST_WAKE,
                            .worker = 2,
                            .task_id = 65,
                            .task_name = "fetch",
                            .detail = 4,
                            .now = {1000000005}};
    char text[128], short_text[10];

    wok_test_event_format(&event, text, sizeof text);
    cr_assert_str_eq(text, "#7 1000000005 ns worker 2: task 65 fetch: wake, yielded");
    cr_assert_eq(wok_test_event_format(&event, short_text, sizeof short_text), 9);
    cr_assert_str_eq(short_text, "#7 100000");
    event =
        (wok_test_event){.kind = WOK_TEST_NET, .detail = 2ull << 56 | 5ull << 32 | (uint32_t)-11};
    wok_test_event_format(&event, text, sizeof text);
    cr_assert_str_eq(text, "#0 0 ns worker 0: recv on end 5 gives -11");
}

/* ---- runs --------------------------------------------------------------------------------------- */

static unsigned bodies, aborted;

static int count_and_fail_at_seven(void *unused)
{
    (void)unused;
    bodies++;
    cr_assert_eq(wok_runtime_workers(wok_runtime_current()), 2);
    return wok_test_seed() == 7 ? -EILSEQ : 1;
}

/* What a function writes to stderr. */
static void capture(char *text, size_t size, void (*function)(void))
{
    int ends[2], before = dup(STDERR_FILENO);
    size_t length = 0;
    ssize_t got;

    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    function();
    dup2(before, STDERR_FILENO);
    close(before);
    while ((got = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
}

static wok_test_report report;

static void run_until_seven(void)
{
    wok_test_options options = {.workers = 2, .seeds = 100};

    bodies = 0;
    cr_assert_eq(wok_test_run(&options, count_and_fail_at_seven, &report), -EILSEQ);
}

Test(testing, a_run_stops_at_the_seed_that_fails, .timeout = 20)
{
    char text[8192];

    capture(text, sizeof text, run_until_seven);
    cr_assert_eq(bodies, 7);
    cr_assert_eq(report.runs, 7);
    cr_assert_eq(report.seed, 7);
    cr_assert_eq(report.code, -EILSEQ);
    cr_assert_eq(strstr(text, "wok_test_run: the body returned -84; repeat it with "
                              "WOK_TEST_SEED=7\n"),
                 text, "%s", text);
    cr_assert_not_null(strstr(text, "task 1 test: poll"), "%s", text);
    cr_assert_eq(wok_test_seed(), 0);

    cr_assert_eq(setenv("WOK_TEST_SEED", "7", 1), 0);
    capture(text, sizeof text, run_until_seven);
    cr_assert_eq(bodies, 1, "that seed only");
    unsetenv("WOK_TEST_SEED");
}

static int panics(void *unused)
{
    (void)unused;
    wok_panic("number %d", 5);
}

static void run_panic(void)
{
    cr_assert_eq(wok_test_run(&(wok_test_options){0}, panics, &report), -WOK_EJOIN);
}

Test(testing, a_panic_fails_the_run, .timeout = 20)
{
    char text[8192];

    capture(text, sizeof text, run_panic);
    cr_assert_eq(report.error.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(text, "panicked with message \"number 5\" (test) at "), "%s", text);
    cr_assert_not_null(strstr(text, "test_testing.c:"), "%s", text);
    cr_assert_not_null(strstr(text, ", spawned at "), "%s", text);
}

WOK_TASK(panic_alone, int, int);

static int panic_alone(int *unused, int *result)
{
    *result = *unused;
    wok_panic("alone");
}

static int leaves_a_panic(void *unused)
{
    panic_alone_join join = wok_spawn(panic_alone, 1);

    (void)unused;
    panic_alone_join_drop(&join);
    return wok_test_settle(NULL);
}

static void run_lone_panic(void)
{
    cr_assert_eq(wok_test_run(&(wok_test_options){0}, leaves_a_panic, &report), -WOK_EJOIN);
}

static void count_panic(const wok_join_error *error, void *argument)
{
    (void)error;
    ++*(unsigned *)argument;
}

Test(testing, a_panic_that_nobody_awaits_fails_the_run, .timeout = 20)
{
    unsigned told = 0;
    wok_test_options options = {.on_unjoined_panic = count_panic, .argument = &told};
    char text[8192];

    capture(text, sizeof text, run_lone_panic);
    cr_assert_eq(report.error.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(text, "alone"), "%s", text);
    cr_assert_eq(wok_test_run(&options, leaves_a_panic, NULL), 0);
    cr_assert_eq(told, 1);
}

static void note_abort(int *number)
{
    aborted = aborted * 31 + (unsigned)*number;
}

WOK_TASK_WITH_DROP(linger, int, int, note_abort, NULL);

static int linger(int *unused, int *result)
{
    *result = *unused;
    return wok_sleep_until(WOK_NEVER);
}

static int leaves_tasks(void *unused)
{
    (void)unused;
    for (int i = 0; i < 10; i++) {
        linger_join join = wok_spawn(linger, i);
        linger_join_drop(&join);
    }
    return wok_test_settle(NULL);
}

/* What is left when the body ends is part of the run: it ends in the order of the seed as well. */
Test(testing, what_is_left_ends_in_the_order_of_the_seed, .timeout = 60)
{
    unsigned orders[20], same = 0;

    for (unsigned round = 0; round < 2; round++) {
        for (uint64_t seed = 1; seed <= WOK_COUNT(orders); seed++) {
            wok_test_options options = {.workers = 3, .seed = seed};
            aborted = 1;
            cr_assert_eq(wok_test_run(&options, leaves_tasks, &report), 0);
            cr_assert_eq(report.aborted, 10);
            if (round == 0)
                orders[seed - 1] = aborted;
            else
                cr_assert_eq(orders[seed - 1], aborted, "seed %u", (unsigned)seed);
            same += seed > 1 && orders[seed - 1] == orders[0];
        }
    }
    cr_assert_lt(same, WOK_COUNT(orders), "%u", same);
}

static int aborts(void *unused)
{
    (void)unused;
    if (wok_test_seed() == 3)
        abort();
    return 0;
}

static void run_abort(void)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        (void)wok_test_run(&(wok_test_options){.workers = 2, .seeds = 9}, aborts, NULL);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

Test(testing, an_abort_tells_its_seed, .timeout = 20)
{
    char text[8192];

    capture(text, sizeof text, run_abort);
    cr_assert_not_null(strstr(text, "the process was aborted; repeat it with WOK_TEST_SEED=3\n"),
                       "%s", text);
}

/* ---- a process that ends in a run ----------------------------------------------------------------- */

static int exits_at_the_fourth_seed(void *unused)
{
    (void)unused;
    if (wok_test_seed() == 4)
        exit(3);
    return 0;
}

Test(testing, an_exit_in_a_run_says_with_which_seed, .timeout = 20)
{
    char text[8192];
    size_t length = 0;
    ssize_t got;
    int ends[2], status;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        (void)wok_test_run(&(wok_test_options){.seeds = 10}, exits_at_the_fourth_seed, NULL);
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + length, sizeof text - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3, "%x: %s", (unsigned)status, text);
    cr_assert_not_null(strstr(text, "ended in a run; repeat it with WOK_TEST_SEED=4\n"), "%s",
                       text);
}
