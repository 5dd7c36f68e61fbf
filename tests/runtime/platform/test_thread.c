/*
 * test_thread.c - a thread's name, stack and signal mask, and whether it runs.
 */
#include "platform/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "platform/atomic.h"
#include "support/test.h"

struct seen {
    char name[16];
    sigset_t mask;
    size_t stack_bytes;
    int ran;
};

static void look(void *argument)
{
    struct seen *seen = argument;
    pthread_attr_t attributes;

    pthread_getname_np(pthread_self(), seen->name, sizeof seen->name);
    pthread_sigmask(SIG_BLOCK, NULL, &seen->mask);
    cr_assert_eq(pthread_getattr_np(pthread_self(), &attributes), 0);
    pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
    pthread_attr_destroy(&attributes);
    seen->ran++;
}

Test(thread, runs_what_it_is_given, .timeout = 20)
{
    struct seen seen = {.ran = 0};
    pthread_t thread;

    cr_assert_eq(wok__thread_start(&thread, "wok-worker-7", look, &seen), 0);
    wok__thread_join(thread);
    cr_assert_eq(seen.ran, 1);
    cr_assert_str_eq(seen.name, "wok-worker-7");
    cr_assert_geq(seen.stack_bytes, WOK__THREAD_STACK_BYTES);
}

Test(thread, cuts_a_name_that_is_too_long, .timeout = 20)
{
    struct seen seen = {.ran = 0};
    pthread_t thread;

    cr_assert_eq(wok__thread_start(&thread, "0123456789abcdefgh", look, &seen), 0);
    wok__thread_join(thread);
    cr_assert_str_eq(seen.name, "0123456789abcde");
}

Test(thread, blocks_all_signals_but_faults, .timeout = 20)
{
    static const int others[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE};
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    struct seen seen = {.ran = 0};
    sigset_t before, after;
    pthread_t thread;

    pthread_sigmask(SIG_BLOCK, NULL, &before);
    cr_assert_eq(wok__thread_start(&thread, "deaf", look, &seen), 0);
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    wok__thread_join(thread);
    for (size_t i = 0; i < WOK_COUNT(others); i++) {
        cr_assert(sigismember(&seen.mask, others[i]));
        cr_assert_eq(sigismember(&before, others[i]), sigismember(&after, others[i]));
    }
    for (size_t i = 0; i < WOK_COUNT(faults); i++)
        cr_assert_not(sigismember(&seen.mask, faults[i]));
}

Test(thread, gets_the_stack_that_was_asked_for, .timeout = 20)
{
    struct seen seen = {.ran = 0};
    pthread_t thread;

    cr_assert_eq(wok__thread_start_sized(&thread, "large", 12345678, look, &seen), 0);
    wok__thread_join(thread);
    cr_assert_geq(seen.stack_bytes, 12345678);
    /* Less than the system needs is raised to that. */
    cr_assert_eq(wok__thread_start_sized(&thread, "small", 1, look, &seen), 0);
    wok__thread_join(thread);
    cr_assert_eq(seen.ran, 2);
}

Test(thread, reports_a_stack_that_cannot_be_had, .timeout = 20)
{
    struct seen seen = {.ran = 0};
    pthread_t thread;

    int error = wok__thread_start_sized(&thread, "huge", SIZE_MAX / 4, look, &seen);
    cr_assert(error == -EAGAIN || error == -ENOMEM || error == -EINVAL);
}

/* ---- does it run ----------------------------------------------------------------------------------- */

static atomic_u32 number, tired;
/* An eventfd: under TSan a wait of futex.c gets up now and then, and a read does not. */
static int bell;

static void spin_then_sleep(void *unused)
{
    uint64_t count;

    (void)unused;
    store_release(&number, wok__thread_number());
    while (load_acquire(&tired) == 0)
        spin_hint();
    cr_assert_eq(read(bell, &count, sizeof count), (ssize_t)sizeof count);
}

Test(thread, that_sleeps_is_told_from_one_that_runs_or_would, .timeout = 20)
{
    const uint64_t one = 1;
    pthread_t thread;

    bell = eventfd(0, EFD_CLOEXEC);
    cr_assert_geq(bell, 0);
    cr_assert_eq(wok__thread_start(&thread, "spinner", spin_then_sleep, NULL), 0);
    while (load_acquire(&number) == 0)
        spin_hint();
    cr_assert_neq(load_relaxed(&number), wok__thread_number());
    cr_assert(wok__thread_is_runnable(load_relaxed(&number)));
    uint64_t before = wok__thread_cpu_ns(thread);
    while (wok__thread_cpu_ns(thread) - before < 1000 * 1000)
        continue; /* it runs, so this ends */

    store_release(&tired, 1);
    while (wok__thread_is_runnable(load_relaxed(&number)))
        continue;
    before = wok__thread_cpu_ns(thread);
    for (int i = 0; i < 1000; i++)
        cr_assert_not(wok__thread_is_runnable(load_relaxed(&number)));
    cr_assert_eq(wok__thread_cpu_ns(thread), before);

    cr_assert_eq(write(bell, &one, sizeof one), (ssize_t)sizeof one);
    wok__thread_join(thread);
    cr_assert_not(wok__thread_is_runnable(load_relaxed(&number)), "it is gone");
    close(bell);
}
