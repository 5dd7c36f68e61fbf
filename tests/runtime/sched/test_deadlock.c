/*
 * test_deadlock.c - a test whose tasks all wait for ever fails, and says who waits where.
 *
 * Whether it fails at once depends on what else there is in the process: the threads of Criterion and of
 * the sanitizers are outside, too.  A forked child has none of them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/wok_test.h"

/* Of two tasks one has the lock for ever. */
static int hold(wok_mutex *mutex)
{
    int error = 0;

    WOK_LOCK(mutex, &error)
    {
        error = wok_sleep_until(WOK_NEVER);
    }
    return error;
}

static int both_wait(void *unused)
{
    wok_mutex mutex = WOK_MUTEX_INIT;
    int error = 0;

    (void)unused;
    WOK_SCOPE(scope, .ret_code = &error)
    {
        wok_scope_spawn(scope, hold, &mutex);
        wok_scope_spawn(scope, hold, &mutex);
    }
    return error;
}

/* What a function writes to stderr, in a child; its status. */
static int run_in_child(void (*function)(void), char *text, size_t size)
{
    int ends[2], status;
    size_t length = 0;
    ssize_t got;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        alarm(15);                /* one that hangs after all does not outlive the test */
        signal(SIGABRT, SIG_DFL); /* Criterion's and the sanitizers' handlers report it */
        function();
        _exit(0);
    }
    close(ends[1]);
    while ((got = read(ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static bool has_line(const char *text, const char *begin, const char *middle, const char *end)
{
    const char *line = strstr(text, begin);

    if (line == NULL)
        return false;
    const char *newline = strchr(line, '\n'), *found = strstr(line, middle),
               *last = strstr(line, end);
    return found != NULL && last != NULL && found < newline && last < newline;
}

/* ThreadSanitizer has a thread of its own everywhere, so nothing is certain there. */
#ifdef __SANITIZE_THREAD__
#define AFTER wok_ms(50)
#else
#define AFTER WOK_FOREVER
#endif

static void run_both_wait(void)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        wok_test_options options = {.workers = workers, .seeds = 4, .deadlock_after = AFTER};
        wok_test_report report;
        if (wok_test_run(&options, both_wait, &report) != -EDEADLK || report.runs != 1 ||
            report.code != -EDEADLK)
            _exit(2);
    }
}

Test(deadlock, fails_at_once_where_nothing_else_can_wake_a_task, .timeout = 20)
{
    char text[16384];
    int status = run_in_child(run_both_wait, text, sizeof text);

    cr_assert_eq(status, 0, "%x: %s", (unsigned)status, text);
    cr_assert_eq(strncmp(text, "wok_test_run: all tasks wait and nothing is due", 47), 0, "%s",
                 text);
    cr_assert(has_line(text, "  task 1 \"test\" (spawned at ", "test_deadlock.c:", ") waits"), "%s",
              text);
    cr_assert(has_line(text, "  task 2 \"hold\" (spawned at ", "test_deadlock.c:", ") waits"), "%s",
              text);
    cr_assert(has_line(text, "  task 1 \"test\" waited in", ": ", "scope"), "%s", text);
    cr_assert_not_null(strstr(text, " \"hold\" waited in: mutex\n"), "%s", text);
    cr_assert_not_null(strstr(text, " \"hold\" waited in: sleep\n"), "%s", text);
    cr_assert_not_null(strstr(text, "nothing was due; repeat it with WOK_TEST_SEED=1\n"), "%s",
                       text);
}

static int sleeps_by_hand(void *unused)
{
    (void)unused;
    return wok_sleep(wok_seconds(1));
}

static void run_by_hand(void)
{
    wok_test_options options = {.manual_clock = true, .deadlock_after = AFTER};

    if (wok_test_run(&options, sleeps_by_hand, NULL) != -EDEADLK)
        _exit(2);
}

Test(deadlock, is_a_sleep_on_a_clock_that_nobody_moves, .timeout = 20)
{
    char text[16384];
    int status = run_in_child(run_by_hand, text, sizeof text);

    cr_assert_eq(status, 0, "%x: %s", (unsigned)status, text);
    cr_assert_not_null(strstr(text, "waited in: sleep"), "%s", text);
}

/* ---- from outside ------------------------------------------------------------------------------- */

static wok_notify door = WOK_NOTIFY_INIT;
static int begun[2];
static pthread_t knocker;

/* The thread uses the runtime for as long as it knocks: the body outlives it. */
static int wait_at_the_door(void *unused)
{
    char byte = 1;

    (void)unused;
    cr_assert_eq(write(begun[1], &byte, 1), 1);
    int error = wok_notify_wait(&door);
    pthread_join(knocker, NULL);
    return error;
}

/* Comes when the task has begun to wait, or is about to. */
static void *knock(void *unused)
{
    char byte;

    (void)unused;
    cr_assert_eq(read(begun[0], &byte, 1), 1);
    wok_notify_one(&door);
    return NULL;
}

static void run_with_a_thread(void)
{
    wok_test_options options = {.deadlock_after = WOK_FOREVER};

    for (int i = 0; i < 50; i++) {
        if (pipe(begun) != 0 || pthread_create(&knocker, NULL, knock, NULL) != 0)
            _exit(3);
        if (wok_test_run(&options, wait_at_the_door, NULL) != 0)
            _exit(2);
        close(begun[0]);
        close(begun[1]);
    }
}

Test(deadlock, is_none_while_a_thread_may_still_wake_a_task, .timeout = 60)
{
    char text[16384];
    int status = run_in_child(run_with_a_thread, text, sizeof text);

    cr_assert_eq(status, 0, "%x: %s", (unsigned)status, text);
}

static int wait_for_a_signal(void *unused)
{
    WOK_CLEANUP(wok_signal_done) wok_signal signal;

    (void)unused;
    int error = wok_signal_init(&signal, SIGUSR2);
    return error < 0 ? error : wok_signal_wait(&signal);
}

static void run_with_a_signal(void)
{
    wok_test_options options = {.deadlock_after = wok_ms(20)};

    if (wok_test_run(&options, wait_for_a_signal, NULL) != -EDEADLK)
        _exit(2);
}

Test(deadlock, is_told_after_a_while_where_a_signal_may_come, .timeout = 20)
{
    char text[16384];
    int status = run_in_child(run_with_a_signal, text, sizeof text);

    cr_assert_eq(status, 0, "%x: %s", (unsigned)status, text);
    cr_assert_not_null(strstr(text, "could have woken one, and did not for 0.020 s\n"), "%s", text);
    cr_assert_not_null(strstr(text, "waited in: signal"), "%s", text);
}

WOK_TASK(read_a_byte, int, int);

static int read_a_byte(int *descriptor, int *result)
{
    char byte;

    *result = (int)read(*descriptor, &byte, 1);
    return 0;
}

static void *write_now(void *descriptor)
{
    char byte = 1;

    (void)!write(*(int *)descriptor, &byte, 1);
    return NULL;
}

static int call_and_wait(void *unused)
{
    int ends[2], got = 0;
    pthread_t thread;

    (void)unused;
    if (pipe(ends) != 0)
        return -errno;
    read_a_byte_join call = wok_spawn_blocking(read_a_byte, ends[0]);
    if (pthread_create(&thread, NULL, write_now, &ends[1]) != 0)
        return -EAGAIN;
    int error = read_a_byte_await(&call, &got, NULL);
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
    if (error < 0 || got != 1)
        _exit(3);
    return wok_sleep_until(WOK_NEVER);
}

static void run_call(void)
{
    if (wok_test_run(&(wok_test_options){.deadlock_after = AFTER}, call_and_wait, NULL) != -EDEADLK)
        _exit(2);
}

Test(deadlock, does_not_depend_on_idle_threads_of_a_pool, .timeout = 20)
{
    char text[16384];
    int status = run_in_child(run_call, text, sizeof text);

    cr_assert_eq(status, 0, "%x: %s", (unsigned)status, text);
}

/* ---- what cannot be aborted --------------------------------------------------------------------- */

static void wait_for_ever(int *unused)
{
    (void)unused;
    (void)wok_sleep_until(WOK_NEVER);
}

static int waits_in_a_destructor(void *unused)
{
    WOK_CLEANUP(wait_for_ever) int last = 0;

    (void)unused;
    wok_panic("into the destructor %d", last);
}

static void run_destructor(void)
{
    (void)wok_test_run(&(wok_test_options){.deadlock_after = AFTER}, waits_in_a_destructor, NULL);
}

Test(deadlock, in_a_destructor_aborts_the_process, .timeout = 20)
{
    char text[16384];
    int status = run_in_child(run_destructor, text, sizeof text);

    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%x: %s", (unsigned)status, text);
    cr_assert_not_null(strstr(text, "all tasks wait on, though they were aborted, and"), "%s",
                       text);
    cr_assert_not_null(strstr(text, "the process was aborted; repeat it with"), "%s", text);
}
