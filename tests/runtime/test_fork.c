/*
 * test_fork.c - a runtime in a forked child refuses instead of hanging.
 *
 * E5: after a fork only exec is safe.  The children here check what the calls say and end by _exit();
 * a failed check is told by the exit status.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 args_dropped;

static void count_args(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&args_dropped, 1);
}

WOK_TASK_WITH_DROP(add_one, int, int, count_args, NULL);

static int add_one(int *number, int *result)
{
    *result = *number + 1;
    return 0;
}

static wok_runtime *new_runtime(void)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.workers = 2;
    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    return runtime;
}

/* In a child: the parent learns the line that failed. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            _exit(__LINE__ < 250 ? __LINE__ : 250);                                                \
    } while (0)

static int status_of(pid_t child)
{
    int status = -1;

    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

/* The message of an abort is expected; a core is not. */
static void be_quiet(void)
{
    struct rlimit none = {0, 0};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    signal(SIGABRT, SIG_DFL); /* Criterion's and the sanitizers' handlers report it */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(null, STDERR_FILENO);
}

static void use_everything(wok_runtime *runtime, wok_join *running)
{
    wok_join_error why;
    wok_runtime *another = NULL;
    wok_blocking_pool *pool = NULL;
    int result = 7;

    EXPECT(wok_block_on(runtime, add_one, 1, &result, &why) == -ENOTRECOVERABLE);
    EXPECT(why.outcome == WOK_NOT_STARTED && why.code == -ENOTRECOVERABLE);
    EXPECT(strstr(why.message, "fork") != NULL);
    EXPECT(load_relaxed(&args_dropped) == 1 && result == 7);

    add_one_join task = wok_spawn_on(runtime, add_one, 1);
    EXPECT(wok_join_is_finished(&task.join));
    EXPECT(load_relaxed(&args_dropped) == 2);
    EXPECT(add_one_await(&task, NULL, NULL) == -ENOTRECOVERABLE);
    task = wok_spawn_blocking_on(runtime, add_one, 1);
    EXPECT(wok_join_is_finished(&task.join));
    EXPECT(load_relaxed(&args_dropped) == 3);

    EXPECT(wok_join_await(running, NULL, NULL) == -ENOTRECOVERABLE);
    EXPECT(wok_blocking_pool_new(&pool, runtime, &(wok_blocking_pool_options){.name = "a"}) ==
           -ENOTRECOVERABLE);
    EXPECT(wok_runtime_new(&another, NULL) == -ENOTRECOVERABLE);
    EXPECT(wok_runtime_shutdown(runtime, wok_seconds(10), NULL) == -ENOTRECOVERABLE);
    wok_runtime_free(runtime);
    wok_runtime_free_background(runtime);
}

WOK_TASK(wait_for_ever, int, int);

static int wait_for_ever(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    return wok_sleep(WOK_FOREVER);
}

Test(fork, every_call_of_a_childs_plain_thread_is_refused, .timeout = 20)
{
    wok_runtime *runtime = new_runtime();
    wait_for_ever_join running = wok_spawn_on(runtime, wait_for_ever, 0);
    int result = 0;

    pid_t child = fork();
    if (child == 0) {
        use_everything(runtime, &running.join);
        wok_runtime_enter(runtime);
        EXPECT(wok_sleep(wok_seconds(1000)) == -ENOTRECOVERABLE);
        _exit(0);
    }
    int status = status_of(child);
    cr_assert_eq(status, 0, "the line that failed: %d", status >> 8);

    /* The parent has noticed nothing. */
    cr_assert_eq(wok_block_on(runtime, add_one, 1, &result, NULL), 0);
    cr_assert_eq(result, 2);
    wait_for_ever_join_drop(&running);
    wok_runtime_free(runtime);
}

static wok_runtime *forked_in;

WOK_TASK(fork_inside, int, int);

/* What the child does is in the argument: 0 uses what there is, 1 comes back. */
static int fork_inside(int *comes_back, int *status)
{
    wait_for_ever_join running = wok_spawn(wait_for_ever, 0);

    pid_t child = fork();
    if (child == 0) {
        be_quiet();
        if (*comes_back != 0)
            return 0;
        use_everything(forked_in, &running.join);
        EXPECT(wok_sleep(wok_ms(1)) == -ENOTRECOVERABLE);
        EXPECT(wok_yield() == -ENOTRECOVERABLE);
        _exit(0);
    }
    wait_for_ever_join_drop(&running);
    *status = status_of(child);
    return 0;
}

Test(fork, every_call_of_a_childs_task_is_refused, .timeout = 20)
{
    forked_in = new_runtime();
    int status = -1;

    cr_assert_eq(wok_block_on(forked_in, fork_inside, 0, &status, NULL), 0);
    cr_assert_eq(status, 0, "the line that failed: %d", status >> 8);
    wok_runtime_free(forked_in);
}

/* It would serve the parent's descriptors, as the only worker there is. */
Test(fork, a_task_that_comes_back_in_the_child_aborts_the_child, .timeout = 20)
{
    forked_in = new_runtime();
    int status = -1;

    cr_assert_eq(wok_block_on(forked_in, fork_inside, 1, &status, NULL), 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%x", (unsigned)status);

    status = -1;
    fork_inside_join call = wok_spawn_blocking_on(forked_in, fork_inside, 1);
    cr_assert_eq(fork_inside_await(&call, &status, NULL), 0);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "%x", (unsigned)status);
    wok_runtime_free(forked_in);
}

/* What has ended before the fork is no reason to refuse anything. */
Test(fork, a_child_without_a_runtime_may_build_one, .timeout = 20)
{
    wok_runtime_free(new_runtime());
    pid_t child = fork();
    if (child == 0) {
        int result = 0;
        wok_runtime *runtime = NULL;
        EXPECT(wok_runtime_new(&runtime, NULL) == 0);
        EXPECT(wok_block_on(runtime, add_one, 1, &result, NULL) == 0 && result == 2);
        wok_runtime_free(runtime);
        _exit(0);
    }
    cr_assert_eq(status_of(child), 0);
}
