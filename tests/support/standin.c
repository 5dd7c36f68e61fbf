/*
 * standin.c - runs the tests that standin.h registered and sums them up as Criterion does.
 *
 * The parent stays single-threaded and forks one child for each test, one after the other: forking is
 * safe under ThreadSanitizer as long as no second thread exists.  The parent waits for SIGCHLD with a
 * time limit, which is how a timeout needs neither a thread nor a sleep.
 *
 * Invariants
 *   I1  a test passes only if its child ended as the test says: the signal, or the exit code (0 if none).
 *   I2  a failed assertion is a failure whatever the exit code, so that .exit_code = 1 cannot hide one;
 *       the mark is in memory that parent and child share.
 */
#include "support/standin.h"

#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* TSan slows code by 5 to 15 times (its manual); a test's own limit is meant for plain code. */
#define TIMEOUT_SCALE 10
#define DEFAULT_TIMEOUT_S 30

struct totals {
    int tested, passing, failing, crashing;
};

static struct standin_test *tests;      /* in the order of registration */
static volatile bool *assertion_failed; /* shared with the child, see I2 */
void (*standin_last_words)(void);

void standin_register(struct standin_test *test)
{
    struct standin_test **end = &tests;

    while (*end != NULL)
        end = &(*end)->next;
    *end = test;
}

void standin_fail(const char *file, int line, const char *what, const char *format, ...)
{
    char message[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    /* message begins with a blank, see STANDIN_CHECK; nothing else means no message was given. */
    fprintf(stderr, "[----] %s:%d: Assertion Failed: %s%s%s\n", file, line, what,
            message[1] != '\0' ? "\n[----]  " : "", message[1] != '\0' ? message : "");
    fflush(NULL);
    if (assertion_failed != NULL)
        *assertion_failed = true;
    if (standin_last_words != NULL)
        standin_last_words();
    _exit(1);
}

static void run_in_this_process(const struct standin_test *test)
{
    if (test->init != NULL)
        test->init();
    test->run();
    if (test->fini != NULL)
        test->fini();
}

/* Waits for the child and kills it at its time limit; false if it had to be killed. */
static bool wait_for_child(pid_t child, double seconds, const sigset_t *sigchld, int *ret_status)
{
    struct timespec now, limit;

    clock_gettime(CLOCK_MONOTONIC, &now);
    double end = (double)now.tv_sec + (double)now.tv_nsec / 1e9 + seconds;
    for (;;) {
        if (waitpid(child, ret_status, WNOHANG) == child)
            return true;
        clock_gettime(CLOCK_MONOTONIC, &now);
        double left = end - ((double)now.tv_sec + (double)now.tv_nsec / 1e9);
        if (left <= 0) {
            kill(child, SIGKILL);
            waitpid(child, ret_status, 0);
            return false;
        }
        limit.tv_sec = (time_t)left;
        limit.tv_nsec = (long)((left - (double)limit.tv_sec) * 1e9);
        sigtimedwait(sigchld, NULL, &limit); /* pending SIGCHLD, or the limit: look again */
    }
}

/* Compares how the child ended with what the test says, and counts it. */
static void judge(const struct standin_test *test, int status, struct totals *totals)
{
    if (*assertion_failed) {
        totals->failing++;
        printf("[FAIL] %s::%s\n", test->suite, test->name);
    } else if (WIFSIGNALED(status) && WTERMSIG(status) == test->signal) {
        totals->passing++;
    } else if (WIFSIGNALED(status)) {
        totals->crashing++;
        printf("[FAIL] %s::%s: CRASH by signal %d\n", test->suite, test->name, WTERMSIG(status));
    } else if (test->signal == 0 && WEXITSTATUS(status) == test->exit_code) {
        totals->passing++;
    } else {
        totals->failing++;
        printf("[FAIL] %s::%s: ended with exit code %d\n", test->suite, test->name,
               WEXITSTATUS(status));
    }
}

static void run_in_a_child(const struct standin_test *test, struct totals *totals)
{
    sigset_t sigchld, before;
    int status = 0;

    sigemptyset(&sigchld);
    sigaddset(&sigchld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &sigchld, &before);
    *assertion_failed = false;
    fflush(NULL); /* what is buffered now would be printed twice */

    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        run_in_this_process(test);
        exit(0); /* not _exit: the sanitizers report at exit */
    }

    double limit = (test->timeout > 0 ? test->timeout : DEFAULT_TIMEOUT_S) * TIMEOUT_SCALE;
    bool in_time = wait_for_child(child, limit, &sigchld, &status);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (in_time) {
        judge(test, status, totals);
    } else {
        totals->failing++;
        printf("[FAIL] %s::%s: timed out after %.0f s\n", test->suite, test->name, limit);
    }
}

/* --filter PATTERN and --list as in Criterion; --here runs in this process, for a debugger. */
int main(int argc, char **argv)
{
    const char *pattern = "*";
    bool list = false, here = false;
    struct totals totals = {0};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc)
            pattern = argv[++i];
        else if (strcmp(argv[i], "--list") == 0)
            list = true;
        else if (strcmp(argv[i], "--here") == 0)
            here = true;
        else if (strncmp(argv[i], "-j", 2) != 0) {
            fprintf(stderr, "usage: %s [--filter SUITE/NAME] [--list] [--here]\n", argv[0]);
            return 2;
        }
    }

    assertion_failed = mmap(NULL, sizeof *assertion_failed, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (assertion_failed == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    for (const struct standin_test *test = tests; test != NULL; test = test->next) {
        char path[512];

        snprintf(path, sizeof path, "%s/%s", test->suite, test->name);
        if (fnmatch(pattern, path, 0) != 0)
            continue;
        if (list) {
            puts(path);
            continue;
        }
        totals.tested++;
        if (here) {
            run_in_this_process(test);
            totals.passing++;
        } else {
            run_in_a_child(test, &totals);
        }
    }
    if (!list)
        printf("[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: %d\n",
               totals.tested, totals.passing, totals.failing, totals.crashing);
    return totals.passing == totals.tested ? 0 : 1;
}
