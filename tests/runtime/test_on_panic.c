/*
 * test_on_panic.c - the policies: a panic may shut the runtime down, or abort the process.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/wok_test.h"

/* What happened, a letter for each event. */
static char events[64];

static void event(char letter)
{
    size_t length = strlen(events);

    cr_assert_lt(length, sizeof events - 1);
    events[length] = letter;
}

static void note_panic(const wok_join_error *panic, void *argument)
{
    (void)panic, (void)argument;
    event('C');
}

static void clean(char *letter)
{
    event(*letter);
}

static int line_of_panic;

WOK_TASK(panics, char, int);

static int panics(char *letter, int *result)
{
    WOK_CLEANUP(clean) char mark = *letter;

    *result = mark;
    line_of_panic = __LINE__ + 1;
    wok_panic("on purpose %d", 7);
}

WOK_TASK(just_panic, int, int);

static int just_panic(int *number, int *result)
{
    *result = 0;
    if (*number % 2 == 0)
        (void)wok_yield();
    wok_panic("number %d", *number);
}

/* ---- shutdown ----------------------------------------------------------------------------------- */

static unsigned results_dropped;

static void drop_result(int *result)
{
    cr_assert_eq(*result, 5);
    results_dropped++;
}

WOK_TASK_WITH_DROP(stays, wok_duration, int, NULL, drop_result);

/* Spawns a panic, and takes its time after it was told of the shutdown. */
static int stays(wok_duration *more, int *result)
{
    wok_watch_receiver shutdown;
    panics_join task = wok_spawn_with(WOK_SPAWN_OPTIONS(.name = "careless"), panics, 'c');

    panics_join_drop(&task);
    wok_shutdown_subscribe(&shutdown, wok_runtime_current());
    int error = wok_watch_changed(&shutdown);
    event(error == 0 ? 't' : 'n');
    wok_watch_receiver_drop(&shutdown);
    error = wok_sleep(*more);
    event(error == -ECANCELED ? 'a' : 's');
    *result = 5;
    return error;
}

WOK_TASK(just_return, int, int);

static int just_return(int *number, int *result)
{
    *result = *number;
    return 0;
}

static wok_runtime *new_runtime(wok_panic_policy policy)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.panic_callback = note_panic;
    options.on_panic = policy;
    options.panic_grace = wok_seconds(10);
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    return runtime;
}

static void assert_is_the_panic(const wok_join_error *why)
{
    cr_assert_eq(why->outcome, WOK_PANICKED);
    cr_assert_eq(why->line, line_of_panic);
    cr_assert_str_eq(why->task_name, "careless");
    cr_assert_not_null(strstr(why->message, "on purpose 7"));
    cr_assert_not_null(strstr(why->spawned_file, "test_on_panic.c"));
}

static void assert_shut_down(wok_runtime *runtime)
{
    wok_shutdown_report report;
    wok_join_error why;
    int result;

    cr_assert_eq(wok_block_on(runtime, stays, wok_ms(0), &result, &why), -ESHUTDOWN);
    assert_is_the_panic(&why);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(5), &report), 0);
    cr_assert(report.panicked);
    assert_is_the_panic(&report.panic);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(5), &report), 0);
    cr_assert(report.panicked, "also when it is asked again");
    wok_runtime_free(runtime);
}

Test(on_panic, a_shutdown_aborts_the_others_after_the_grace_and_is_told, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(WOK_ON_PANIC_SHUTDOWN);
    wok_join_error why;
    int result = 0;

    cr_assert_eq(wok_block_on(runtime, stays, wok_ms(10001), &result, &why), -ESHUTDOWN);
    assert_is_the_panic(&why);
    cr_assert_str_eq(events, "Ccta");
    cr_assert_eq(result, 0);
    assert_shut_down(runtime);
    cr_assert_str_eq(events, "Ccta", "nothing is started any more");
    cr_assert_eq(results_dropped, 0);
}

Test(on_panic, a_shutdown_leaves_who_ends_within_the_grace_alone, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(WOK_ON_PANIC_SHUTDOWN);
    wok_join_error why;
    int result = 0;

    cr_assert_eq(wok_block_on(runtime, stays, wok_ms(9999), &result, &why), -ESHUTDOWN);
    assert_is_the_panic(&why);
    cr_assert_str_eq(events, "Ccts");
    cr_assert_eq(results_dropped, 1, "the caller is told of an error, and owns no result");
    assert_shut_down(runtime);
}

Test(on_panic, a_shutdown_needs_no_owner_who_asks_for_it, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(WOK_ON_PANIC_SHUTDOWN);
    wok_join_error why;

    stays_join task = wok_spawn_on(runtime, stays, WOK_FOREVER);
    cr_assert_eq(stays_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_str_eq(events, "Ccta");
    assert_shut_down(runtime);
}

Test(on_panic, of_the_blocked_on_task_itself_shuts_down, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(WOK_ON_PANIC_SHUTDOWN);
    wok_join_error why;

    cr_assert_eq(wok_block_on(runtime, panics, 'c', NULL, &why), -ESHUTDOWN);
    cr_assert_str_eq(why.task_name, "panics");
    cr_assert_eq(why.line, line_of_panic);
    wok_runtime_free(runtime);
}

WOK_TASK(leaves_a_panic, int, int);

static int leaves_a_panic(int *unused, int *result)
{
    panics_join task = wok_spawn(panics, 'c');

    *result = *unused;
    return panics_await(&task, NULL, NULL) == -WOK_EJOIN ? wok_yield() : -EINVAL;
}

Test(on_panic, an_owners_shutdown_takes_the_place_of_the_one_under_way, .timeout = 20)
{
    wok_runtime_options options = {
        .workers = 2, .on_panic = WOK_ON_PANIC_SHUTDOWN, .panic_grace = wok_seconds(1000)};
    wok_shutdown_report report;
    wok_runtime *runtime = NULL;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    cr_assert_eq(wok_block_on(runtime, leaves_a_panic, 0, NULL, NULL), -ESHUTDOWN);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(1000), &report), 0);
    cr_assert_eq(report.aborted, 0);
    wok_runtime_free(runtime);
}

WOK_TASK(panics_when_told, char, int);

static int panics_when_told(char *letter, int *result)
{
    wok_watch_receiver shutdown;

    wok_shutdown_subscribe(&shutdown, wok_runtime_current());
    (void)wok_watch_changed(&shutdown);
    wok_watch_receiver_drop(&shutdown);
    return panics(letter, result);
}

WOK_TASK(works_for_an_hour, int, int);

static int works_for_an_hour(int *unused, int *result)
{
    *result = *unused;
    return wok_sleep(wok_seconds(3600));
}

Test(on_panic, in_a_shutdown_leaves_the_others_the_grace_of_that, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_shutdown_report report;
    wok_runtime *runtime = NULL;

    options.on_panic = WOK_ON_PANIC_SHUTDOWN;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    panics_when_told_join first = wok_spawn_on(runtime, panics_when_told, 'c');
    cr_assert_eq(wok_block_on(runtime, just_return, 0, NULL, NULL), 0); /* it waits now */
    works_for_an_hour_join other = wok_spawn_on(runtime, works_for_an_hour, 0);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(1000), &report), 0);
    cr_assert(report.panicked);
    cr_assert_eq(report.aborted, 0);
    cr_assert_eq(works_for_an_hour_await(&other, NULL, NULL), 0);
    cr_assert_eq(panics_when_told_await(&first, NULL, NULL), -WOK_EJOIN);
    wok_runtime_free(runtime);
}

/* The first panic is the reason, whatever the others do; on real threads. */
WOK_TASK(waits_for_all, int, int);

static int waits_for_all(int *unused, int *result)
{
    enum { TASKS = 50 };
    just_panic_join tasks[TASKS];

    *result = *unused;
    for (int i = 0; i < TASKS; i++)
        tasks[i] = i % 5 == 0 ? wok_spawn_blocking(just_panic, i) : wok_spawn(just_panic, i);
    for (int i = 0; i < TASKS; i++) {
        wok_join_error why;
        int error = just_panic_await(&tasks[i], NULL, &why);
        if (error != -WOK_EJOIN)
            just_panic_join_drop(&tasks[i]);
    }
    return wok_sleep(WOK_FOREVER);
}

static void ignore_panic(const wok_join_error *panic, void *argument)
{
    (void)panic, (void)argument;
}

Test(on_panic, many_at_once_shut_down_once, .timeout = 60)
{
    for (int round = 0; round < TEST_SCALE(200); round++) {
        wok_runtime_options options = {
            .workers = 4, .on_panic = WOK_ON_PANIC_SHUTDOWN, .on_unjoined_panic = ignore_panic};
        wok_runtime *runtime = NULL;
        wok_join_error why;
        wok_shutdown_report report;

        cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
        cr_assert_eq(wok_block_on(runtime, waits_for_all, 0, NULL, &why), -ESHUTDOWN);
        cr_assert_not_null(strstr(why.message, "\"number "), "%s", why.message);
        cr_assert_eq(wok_runtime_shutdown(runtime, wok_seconds(50), &report), 0);
        cr_assert(report.panicked);
        cr_assert_str_eq(report.panic.message, why.message);
        wok_runtime_free(runtime);
    }
}

/* ---- abort ----------------------------------------------------------------------------- */

/* Runs it in a child, whose stderr is in `ret_text` then. */
static int status_of_child(void (*run)(void), char *ret_text, size_t size)
{
    size_t length = 0;
    int ends[2], status = -1;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        signal(SIGABRT, SIG_DFL); /* Criterion's and the sanitizers' handlers report it */
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        run();
        _exit(0);
    }
    (void)close(ends[1]);
    for (ssize_t more; (more = read(ends[0], ret_text + length, size - length - 1)) > 0;)
        length += (size_t)more;
    ret_text[length] = '\0';
    (void)close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void panic_under_abort(void)
{
    wok_runtime *runtime = new_runtime(WOK_ON_PANIC_ABORT);

    (void)wok_block_on(runtime, stays, wok_ms(0), NULL, NULL);
    _exit(events[1]); /* what came after the callback */
}

Test(on_panic, an_abort_names_the_task_and_unwinds_nothing, .timeout = 20)
{
    static const char end[] = "; the process is aborted\n";
    char text[1024];
    int status = status_of_child(panic_under_abort, text, sizeof text);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%x", (unsigned)status);
    cr_assert_not_null(strstr(text, "panicked with message \"on purpose 7\" (careless) at "), "%s",
                       text);
    cr_assert_not_null(strstr(text, "test_on_panic.c:"));
    cr_assert_not_null(strstr(text, ", spawned at "));
    cr_assert_str_eq(text + strlen(text) - strlen(end), end, "and that is all: %s", text);
}

Test(on_panic, options_out_of_range_are_refused, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = {.workers = 1,
                                   .on_panic = (wok_panic_policy)(WOK_ON_PANIC_ABORT + 1)};

    cr_assert_eq(wok_runtime_new(&runtime, &options), -EINVAL);
    cr_assert_null(runtime);
}

/* ---- a block_on that comes when all are being aborted -------------------------------------------------- */

WOK_TASK(sleeps_on, int, int);
static int sleeps_on(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    return wok_sleep(WOK_FOREVER);
}

struct late {
    wok_runtime *runtime;
    unsigned spins;
};

static void *block_late(void *argument)
{
    const struct late *late = argument;
    wok_join_error error;

    for (volatile unsigned i = 0; i < late->spins; i++)
        ;
    /* By its own abort, or since nothing is spawned any more; in time, whenever it came. */
    cr_assert_eq(wok_block_on(late->runtime, sleeps_on, 0, NULL, &error), -ESHUTDOWN);
    return NULL;
}

static int panic_now(void *args, void *result)
{
    (void)args, (void)result;
    wok_panic("now");
}

static const wok_spawn_site panic_now_site = {
    .name = "panic now", .file = __FILE__, .line = __LINE__, .function = panic_now};

Test(on_panic, a_block_on_ends_whenever_it_began, .timeout = 60)
{
    enum { ROUNDS = TEST_SCALE(2000) };

    for (unsigned round = 0; round < ROUNDS; round++) {
        wok_runtime_options options = test_options();
        struct late late = {.spins = round * 7 % 20000};
        pthread_t thread;
        char nothing = 0;

        options.workers = 2;
        options.paused_clock = false;
        options.on_panic = WOK_ON_PANIC_SHUTDOWN;
        cr_assert_eq(wok_runtime_new(&late.runtime, &options), 0);
        cr_assert_eq(pthread_create(&thread, NULL, block_late, &late), 0);
        wok_join join = wok_spawn_raw(late.runtime, &panic_now_site, &nothing);
        (void)wok_join_await(&join, NULL, NULL);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        wok_runtime_free(late.runtime);
    }
}
