/*
 * test_panics.c - the rules E4 and Z16: what becomes of a panic beyond its task, and of a second one.
 */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "semantics/kit.h"

static int line_of_panic;

WOK_TASK(fall, int, int);

static int fall(int *number, int *result)
{
    WOK_CLEANUP(work_clean) int owned = *number;

    *result = 0;
    line_of_panic = __LINE__ + 1;
    wok_panic("no salt %d", owned);
}

WOK_TEST(semantics, E4_a_panic_is_told_to_whoever_awaits_it_or_reported)
{
    fall_join awaited = wok_spawn(fall, 1), dropped = wok_spawn(fall, 2);

    cr_assert_eq(end_of(&awaited.join).outcome, WOK_PANICKED);
    cr_assert_eq(test_unjoined().count, 0);
    fall_join_drop(&dropped);
    cr_assert_eq(test_unjoined().count, 1);
    cr_assert_not_null(strstr(test_unjoined().last.message, "no salt 2"));
}

/* ---- the callback ------------------------------------------------------------------------------- */

static void note_panic(const wok_join_error *panic, void *argument)
{
    cr_assert_eq(argument, &noted);
    cr_assert_eq(panic->line, line_of_panic);
    cr_assert_eq(panic->task_id, wok_task_id());
    cr_assert_str_eq(panic->task_name, "fall");
    cr_assert_eq(work_seen.cleaned, noted.count, "nothing of this one is unwound yet");
    note((int)panic->task_id);
}

static void three_panics(void)
{
    for (int i = 0; i < 3; i++) {
        fall_join task = wok_spawn(fall, i);
        int id = (int)wok_join_id(&task.join);
        cr_assert_eq(end_of(&task.join).outcome, WOK_PANICKED);
        cr_assert_eq(noted.count, (size_t)i + 1);
        cr_assert_eq(noted.numbers[i], id);
    }
}

Test(semantics, E4_the_callback_hears_of_each_panic_once_where_it_happens, .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.panic_callback = note_panic;
    options.argument = &noted;
    test_run(&options, three_panics);
    cr_assert_eq(work_seen.cleaned, 3);
}

/* ---- the policies ------------------------------------------------------------------------------- */

WOK_TASK(sleep_for, wok_duration, int);

static int sleep_for(wok_duration *duration, int *result)
{
    *result = 5;
    return wok_sleep(*duration);
}

static sleep_for_join other;

/* Another task sleeps, this one sees a third one fall, and sleeps on. */
WOK_TASK(wait_for_a_fall, wok_duration, int);

static int wait_for_a_fall(wok_duration *others, int *result)
{
    fall_join task;

    *result = 5;
    if (others->ns != 0)
        other = wok_spawn(sleep_for, *others);
    task = wok_spawn(fall, 1);
    (void)fall_await(&task, NULL, NULL);
    return wok_sleep(WOK_FOREVER);
}

static wok_runtime *new_runtime(wok_panic_policy policy)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.on_panic = policy;
    options.panic_grace = wok_seconds(60);
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    return runtime;
}

Test(semantics, E4_a_panic_may_shut_the_runtime_down_which_block_on_and_the_report_tell,
     .timeout = 20)
{
    static const uint64_t seconds[] = {59, 61}; /* before and after the end of the grace */

    for (size_t i = 0; i < WOK_COUNT(seconds); i++) {
        wok_runtime *runtime = new_runtime(WOK_ON_PANIC_SHUTDOWN);
        wok_shutdown_report report;
        wok_join_error why;

        cr_assert_eq(wok_block_on(runtime, wait_for_a_fall, wok_seconds(seconds[i]), NULL, &why),
                     -ESHUTDOWN);
        cr_assert_not_null(strstr(why.message, "no salt 1"));
        cr_assert_eq(why.line, line_of_panic);
        cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), 0);
        cr_assert(report.panicked);
        cr_assert_str_eq(report.panic.message, why.message);
        cr_assert_eq(end_of(&other.join).outcome, i == 0 ? WOK_RETURNED : WOK_CANCELLED);
        wok_runtime_free(runtime);
    }
}

/* Runs it in a child, which it ends; `ret_text` is what the child printed, a line or two. */
static int status_of_child(void (*run)(void), char *ret_text, size_t size)
{
    int ends[2], status = -1;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL); /* Criterion's and the sanitizers' handlers report it */
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        run();
        _exit(0);
    }
    (void)close(ends[1]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    ssize_t length = read(ends[0], ret_text, size - 1);
    ret_text[length > 0 ? length : 0] = '\0';
    (void)close(ends[0]);
    return status;
}

static void fall_and_abort(void)
{
    wok_runtime *runtime = new_runtime(WOK_ON_PANIC_ABORT);

    (void)wok_block_on(runtime, wait_for_a_fall, WOK_FOREVER, NULL, NULL);
}

Test(semantics, E4_a_panic_may_abort_the_process, .timeout = 20)
{
    char text[1024];
    int status = status_of_child(fall_and_abort, text, sizeof text);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%x", (unsigned)status);
    cr_assert_not_null(strstr(text, "\"no salt 1\" (fall) at "), "%s", text);
    cr_assert_not_null(strstr(text, ", spawned at "), "%s", text);
}

/* ---- a second one ------------------------------------------------------------------------------- */

static void fall_in_cleanup(int *number)
{
    note(*number);
    wok_panic("second %d", *number);
}

WOK_TASK(fall_twice, int, int);

static int fall_twice(int *unused, int *result)
{
    WOK_CLEANUP(work_clean) int outer = 1;
    WOK_CLEANUP(fall_in_cleanup) int bad = 2;
    WOK_CLEANUP(work_clean) int inner = 3;

    *result = outer + bad + inner;
    wok_panic("first %d", *unused);
}

static void await_two_falls(void)
{
    wok_runtime *runtime = new_runtime(WOK_ON_PANIC_JOIN);
    wok_join_error why;

    bool joined = wok_block_on(runtime, fall_twice, 0, NULL, &why) == -WOK_EJOIN &&
                  why.outcome == WOK_PANICKED && strstr(why.message, "\"first 0\"") != NULL;
    _exit(joined && noted.count == 1 && work_seen.cleaned == 2 ? 0 : 1);
}

Test(semantics, Z16_of_two_panics_the_first_is_the_outcome_or_the_process_says_why_it_ends,
     .timeout = 20)
{
    char text[1024];
    int status = status_of_child(await_two_falls, text, sizeof text);

    cr_assert_not_null(strstr(text, "during an unwind a cleanup handler panicked"), "%s", text);
#ifdef __clang__
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%x", (unsigned)status);
#else
    cr_assert_eq(status, 0, "%s", text);
#endif
}
