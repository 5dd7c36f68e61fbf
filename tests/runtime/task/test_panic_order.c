/*
 * test_panic_order.c - in which order things are cleaned up when something panics, and that each is once:
 * through the frames of a C library, in destructors, and during an unwind.
 *
 * Each case compares the whole log of what happened, a letter for each event.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/panic_log.h"

static void drop_int(int *unused)
{
    (void)unused;
    log_event('a');
}

static void drop_result(int *unused)
{
    (void)unused;
    log_event('r');
}

/* ---- through a comparator of the C library -------------------------------------------------------- */

enum { QSORT, BSEARCH, LIBRARIES };
static int comparisons, panic_at;

static int compare(const void *a, const void *b)
{
    WOK_CLEANUP(log_cleanup) char mark = 'c';
    int difference = *(const int *)a - *(const int *)b;

    if (++comparisons == panic_at)
        wok_panic("comparison %d", comparisons);
    (void)mark;
    return difference;
}

static void use_library(int library)
{
    WOK_CLEANUP(log_cleanup) char mark = 'l';
    int numbers[] = {5, 2, 4, 1, 3, 7, 6, 8}, key = 5;

    (void)mark;
    comparisons = 0;
    if (library == BSEARCH)
        (void)bsearch(&key, (int[]){1, 2, 3, 4, 5, 6, 7}, 7, sizeof key, compare);
    else
        qsort(numbers, WOK_COUNT(numbers), sizeof numbers[0], compare);
    log_event('-'); /* not reached if it panics */
}

WOK_TASK_WITH_DROP(sorts, int, int, drop_int, drop_result);

static int sorts(int *library, int *result)
{
    WOK_CLEANUP(log_cleanup) char mark = 'o';

    use_library(*library);
    *result = mark;
    return 0;
}

static wok_poll sorting_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    return sorts(self, result);
}

static void sorting_drop(void *self)
{
    drop_int(self);
}

static const wok_future_vtable sorting_vtable = {
    .name = "sorting",
    .size = sizeof(int),
    .result_size = sizeof(int),
    .poll = sorting_poll,
    .drop = sorting_drop,
};

WOK_TASK_WITH_DROP(sorts_in_place, int, int, drop_int, drop_result);

static int sorts_in_place(int *library, int *result)
{
    WOK_CLEANUP(log_cleanup) char mark = 'o';

    WOK_BLOCK_IN_PLACE()
    {
        use_library(*library);
    }
    *result = mark;
    return 0;
}

static wok_join spawn_sort(int kind, int library)
{
    switch (kind) {
    case 0:
        return wok_spawn(sorts, library).join;
    case 1:
        return wok_spawn_future(&sorting_vtable, &library);
    case 2:
        return wok_spawn_blocking(sorts, library).join;
    default:
        return wok_spawn(sorts_in_place, library).join;
    }
}

WOK_TEST(panic_order, through_a_comparator_every_frame_of_ours_is_cleaned_once_inner_first)
{
    for (int kind = 0; kind < 4; kind++) {
        for (int library = QSORT; library < LIBRARIES; library++) {
            panic_at = 3;
            wok_join join = spawn_sort(kind, library);
            assert_panicked(&join, "\"comparison 3\"");
            assert_log("ccc" /* three comparisons, the last one by the unwind */
                       "l"   /* the caller of the library */
                       "o"   /* the task's function */
                       "a"); /* what the task owns */

            panic_at = 1;
            join = spawn_sort(kind, library);
            assert_panicked(&join, "\"comparison 1\"");
            assert_log("cloa");
        }
    }
}

WOK_TEST(panic_order, through_a_comparator_leaves_the_library_usable)
{
    panic_at = 3;
    sorts_join task = wok_spawn(sorts, QSORT);
    assert_panicked(&task.join, "\"comparison 3\"");
    forget_log();
    panic_at = 0;
    for (int library = QSORT; library < LIBRARIES; library++) {
        task = wok_spawn(sorts, library);
        cr_assert_eq(wok_join_await(&task.join, NULL, NULL), 0);
        cr_assert_str_eq(strchr(panic_log, '-'), "-loar"); /* the result is dropped by the await */
        forget_log();
    }
}

/* ---- in destructors ------------------------------------------------------------------------------- */

static void panic_in_args(int *unused)
{
    WOK_CLEANUP(log_cleanup) char mark = 'b';

    (void)unused, (void)mark;
    log_event('A');
    wok_panic("args");
}

static void panic_in_result(int *unused)
{
    WOK_CLEANUP(log_cleanup) char mark = 's';

    (void)unused, (void)mark;
    log_event('R');
    wok_panic("result");
}

WOK_TASK_WITH_DROP(bad_args, int, int, panic_in_args, drop_result);
WOK_TASK_WITH_DROP(bad_both, int, int, panic_in_args, panic_in_result);
WOK_TASK_WITH_DROP(bad_result, int, int, drop_int, panic_in_result);

static int bad_args(int *number, int *result)
{
    WOK_CLEANUP(log_cleanup) char mark = 'l';

    *result = mark;
    if (*number != 0)
        wok_panic("body");
    return 0;
}

static int bad_both(int *number, int *result)
{
    return bad_args(number, result);
}

static int bad_result(int *number, int *result)
{
    return bad_args(number, result);
}

WOK_TEST(panic_order, in_an_args_drop_its_own_frame_is_cleaned_then_the_result_goes)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        bad_args_join task = blocking ? wok_spawn_blocking(bad_args, 0) : wok_spawn(bad_args, 0);
        assert_panicked(&task.join, "\"args\"");
        assert_log("lAbr");
    }
}

WOK_TEST(panic_order, in_an_args_drop_after_a_panic_the_first_one_is_the_outcome)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        bad_args_join task = blocking ? wok_spawn_blocking(bad_args, 1) : wok_spawn(bad_args, 1);
        assert_panicked(&task.join, "\"body\"");
        assert_log("lAb");
    }
}

WOK_TEST(panic_order, in_both_drops_each_runs_once)
{
    bad_both_join task = wok_spawn(bad_both, 0);

    assert_panicked(&task.join, "\"args\"");
    assert_log("lAbRs");
}

WOK_TEST(panic_order, in_a_result_drop_harms_neither_the_task_nor_who_drops_the_handle)
{
    bad_result_join task = wok_spawn(bad_result, 0);

    cr_assert_eq(wok_yield(), 0);
    assert_log("la");
    bad_result_join_drop(&task); /* it has ended: destroyed here */
    assert_log("Rs");

    task = wok_spawn(bad_result, 0);
    bad_result_join_drop(&task);
    cr_assert_eq(wok_yield(), 0);
    assert_log("laRs");

    task = wok_spawn(bad_result, 0);
    assert_panicked(&task.join, "\"result\""); /* no place for the result: destroyed by the await */
    assert_log("laRs");
}

/* A future that panics in its drop, and has frames of its own there. */
struct bad_future {
    bool panics_in_poll;
    wok_sleep_future sleep;
};

static wok_poll bad_future_poll(void *self_, wok_cx *cx, void *result)
{
    WOK_CLEANUP(log_cleanup) char mark = 'p';
    struct bad_future *self = self_;

    *(int *)result = mark;
    if (self->panics_in_poll)
        wok_panic("poll");
    return wok_sleep_future_poll(&self->sleep, cx);
}

static void bad_future_drop(void *self_)
{
    WOK_CLEANUP(log_cleanup) char mark = 'e';
    struct bad_future *self = self_;

    (void)mark;
    log_event('D');
    wok_sleep_future_drop(&self->sleep);
    wok_panic("drop");
}

static void bad_future_result_drop(void *result)
{
    drop_result(result);
}

static const wok_future_vtable bad_future_vtable = {
    .name = "bad future",
    .size = sizeof(struct bad_future),
    .result_size = sizeof(int),
    .poll = bad_future_poll,
    .drop = bad_future_drop,
    .result_drop = bad_future_result_drop,
};

WOK_TEST(panic_order, in_a_futures_drop_at_its_end_on_an_abort_and_after_a_panic)
{
    struct bad_future future = {false, wok_sleep_future_for(wok_ms(1))};
    wok_join join = wok_spawn_future(&bad_future_vtable, &future);

    assert_panicked(&join, "\"drop\"");
    assert_log("ppDer"); /* polled twice, dropped once, and nobody takes the result */

    future.sleep = wok_sleep_future_for(wok_seconds(1000));
    join = wok_spawn_future(&bad_future_vtable, &future);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join);
    assert_panicked(&join, "\"drop\"");
    assert_log("pDe");

    future.panics_in_poll = true;
    join = wok_spawn_future(&bad_future_vtable, &future);
    assert_panicked(&join, "\"poll\"");
    assert_log("pDe");
}

/* ---- in a cleanup handler that an ordinary way out runs -------------------------------------------- */

static void panic_in_cleanup(const char *mark)
{
    WOK_CLEANUP(log_cleanup) char inner = 'i';

    (void)inner;
    log_event(*mark);
    wok_panic("cleanup %c", *mark);
}

enum { BY_RETURN, BY_BLOCK_END, BY_BREAK, BY_GOTO, WAYS };

WOK_TASK_WITH_DROP(leaves, int, int, drop_int, drop_result);

static int leaves(int *way, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = '1';

    *result = outer;
    for (int round = 0; round < 2; round++) {
        WOK_CLEANUP(log_cleanup) char second = '2';
        WOK_CLEANUP(panic_in_cleanup) char bad = 'P';
        WOK_CLEANUP(log_cleanup) char inner = '4';

        (void)second, (void)bad, (void)inner;
        if (*way == BY_RETURN)
            return 0;
        if (*way == BY_BREAK)
            break;
        if (*way == BY_GOTO)
            goto out;
    }
out:
    log_event('-');
    return 0;
}

WOK_TEST(panic_order, in_a_handler_of_an_ordinary_way_out_the_others_run_once)
{
    for (int way = 0; way < WAYS; way++) {
        leaves_join task = wok_spawn(leaves, way);
        assert_panicked(&task.join, "\"cleanup P\"");
        assert_log("4Pi21a");
    }
}

/* ---- in a handler that an unwind runs ---------------------------------------------------------------- */

static void destroy_a_bad_result(bad_result_join *task)
{
    bad_result_join_drop(task);
    log_event('h');
}

WOK_TASK_WITH_DROP(panics_over_a_destructor, int, int, drop_int, NULL);

static int panics_over_a_destructor(int *unused, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = '1';
    WOK_CLEANUP(destroy_a_bad_result) bad_result_join task = wok_spawn(bad_result, *unused);
    WOK_CLEANUP(log_cleanup) char inner = '3';

    *result = outer + inner;
    cr_assert_eq(wok_yield(), 0); /* the other one ends */
    forget_log();
    wok_panic("first");
}

/* With gcc and clang: a destructor that the runtime calls has a frame in which its panic stops. */
WOK_TEST(panic_order, in_a_destructor_that_a_handler_calls_does_not_leave_the_handler)
{
    panics_over_a_destructor_join task = wok_spawn(panics_over_a_destructor, 0);

    assert_panicked(&task.join, "\"first\"");
    assert_log("3Rsh1a");
}

enum { BY_PANIC, BY_FORCE };

static __attribute__((noinline)) void go_deep(int reason)
{
    WOK_CLEANUP(log_cleanup) char second = '2';
    WOK_CLEANUP(panic_in_cleanup) char bad = 'P';
    WOK_CLEANUP(log_cleanup) char inner = '4';

    (void)second, (void)bad, (void)inner;
    if (reason == BY_PANIC)
        wok_panic("first");
    for (;;)
        (void)wok_yield(); /* an abort that is ignored becomes an unwind */
}

WOK_TASK_WITH_DROP(panics_twice, int, int, drop_int, NULL);

static int panics_twice(int *reason, int *result)
{
    WOK_CLEANUP(log_cleanup) char outer = '0';
    WOK_CLEANUP(panic_in_cleanup) char bad = 'Q';

    *result = outer + bad;
    go_deep(*reason);
    return 0;
}

static void panic_twice(void)
{
    panics_twice_join task = wok_spawn(panics_twice, BY_PANIC);

    assert_panicked(&task.join, "\"first\"");
    assert_log("4Pi2Qi0a");
}

static void panic_after_force(void)
{
    panics_twice_join task = wok_spawn(panics_twice, BY_FORCE);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    assert_panicked(&task.join, "\"cleanup P\""); /* the first panic that there was */
    assert_log("4Pi2Qi0a");
}

/* Runs it in a child, whose stderr is in `ret_text` then. */
static int status_of_child(void (*body)(void), char *ret_text, size_t size)
{
    size_t length = 0;
    int ends[2], status = -1;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        wok_runtime_options options = test_options();

        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        signal(SIGABRT, SIG_DFL); /* Criterion's and the sanitizers' handlers report it */
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        test_run(&options, body);
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

/* A handler that an unwind runs cannot be left by another unwind where clang has compiled its caller: the
 * process ends.  It says why before. */
static void assert_goes_on_or_says_why(void (*body)(void))
{
    char text[2048];
    int status = status_of_child(body, text, sizeof text);

    cr_assert_not_null(strstr(text, "wok: during an unwind a cleanup handler panicked at "), "%s",
                       text);
    cr_assert_not_null(strstr(text, "test_panic_order.c:"), "%s", text);
    cr_assert_not_null(strstr(text, ": cleanup P\n"), "%s", text);
#ifdef __clang__
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%x", (unsigned)status);
    cr_assert_null(strstr(text, ": cleanup Q\n"), "%s", text);
#else
    cr_assert_eq(status, 0, "%s", text);
    cr_assert_not_null(strstr(text, ": cleanup Q\n"), "%s", text);
#endif
}

Test(panic_order, in_a_handler_of_an_unwind_the_others_run_once_or_the_process_ends, .timeout = 20)
{
    assert_goes_on_or_says_why(panic_twice);
}

Test(panic_order, in_a_handler_of_a_forced_unwind_the_others_run_once_or_the_process_ends,
     .timeout = 20)
{
    assert_goes_on_or_says_why(panic_after_force);
}
