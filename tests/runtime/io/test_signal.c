/*
 * test_signal.c - signals as awaitables.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "support/wok_test.h"

#include "platform/atomic.h"

/* Workers block signals; one for the process is taken by the test's main thread, which waits. */
static void send_to_process(int number)
{
    cr_assert_eq(kill(getpid(), number), 0);
}

WOK_TEST(signals, a_signal_ends_the_wait)
{
    wok_signal usr1;

    cr_assert_eq(wok_signal_init(&usr1, SIGUSR1), 0);
    send_to_process(SIGUSR1);
    cr_assert_eq(wok_signal_wait(&usr1), 0);
    wok_signal_done(&usr1);
}

WOK_TASK(wait_for, int, int);

static int wait_for(int *number, int *result)
{
    WOK_CLEANUP(wok_signal_done) wok_signal signal;

    int error = wok_signal_init(&signal, *number);
    if (error == 0)
        error = wok_signal_wait(&signal);
    *result = error;
    return error;
}

WOK_TEST_ON(signals, every_subscriber_hears_of_it, 2)
{
    enum { SUBSCRIBERS = 5 };
    wait_for_join waiting[SUBSCRIBERS], other;
    wok_join_error error;
    wok_signal first; /* so that the handler is there before the signal is */

    cr_assert_eq(wok_signal_init(&first, SIGUSR1), 0);
    for (int i = 0; i < SUBSCRIBERS; i++)
        waiting[i] = wok_spawn(wait_for, SIGUSR1);
    other = wok_spawn(wait_for, SIGUSR2);
    for (int i = 0; i < SUBSCRIBERS; i++)
        while (!wok_join_is_finished(&waiting[i].join)) {
            send_to_process(SIGUSR1);
            cr_assert_eq(wok_yield(), 0);
        }
    for (int i = 0; i < SUBSCRIBERS; i++)
        cr_assert_eq(wait_for_await(&waiting[i], NULL, NULL), 0);
    cr_assert_not(wok_join_is_finished(&other.join));
    wok_join_abort(&other.join);
    cr_assert_eq(wait_for_await(&other, NULL, &error), -WOK_EJOIN);
    cr_assert_eq(error.outcome, WOK_CANCELLED);
    wok_signal_done(&first);
}

/* What handles a signal on the thread that raises it, in this test. */
static void raise_here(int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    raise(number);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

WOK_TEST(signals, a_burst_is_one_and_nothing_is_heard_twice)
{
    wok_signal signal;

    raise_here(SIGCHLD); /* ignored by default, and before anybody subscribed */
    cr_assert_eq(wok_signal_init(&signal, SIGCHLD), 0);
    raise_here(SIGCHLD);
    raise_here(SIGCHLD);
    cr_assert_eq(wok_signal_wait(&signal), 0);
    cr_assert_eq(wok_signal_wait_until(&signal, wok_now()), -ETIMEDOUT);
    wok_signal_done(&signal);
    cr_assert_eq(wok_signal_init(&signal, SIGCHLD), 0);
    cr_assert_eq(wok_signal_wait_until(&signal, wok_now()), -ETIMEDOUT, "what was before is told");
    wok_signal_done(&signal);
    wok_signal_done(&signal);
}

WOK_TEST(signals, one_that_comes_after_its_branch_has_lost_is_kept)
{
    wok_signal usr1, usr2;
    int code = -1;

    cr_assert_eq(wok_signal_init(&usr1, SIGUSR1), 0);
    cr_assert_eq(wok_signal_init(&usr2, SIGUSR2), 0);
    wok_op first[] = {wok_signal_op(&usr1), wok_signal_op(&usr2), wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(first, 3, WOK_SELECT_FAIR, &code), 2);
    cr_assert_null(usr1.task);
    cr_assert_null(usr2.task);
    raise_here(SIGUSR1);
    raise_here(SIGUSR2);
    wok_op second[] = {wok_signal_op(&usr1), wok_signal_op(&usr2)};
    cr_assert_eq(wok_select(second, 2, WOK_SELECT_BIASED, &code), 0);
    cr_assert_eq(code, 0);
    cr_assert_eq(wok_signal_wait(&usr2), 0);
    wok_signal_done(&usr1);
    wok_signal_done(&usr2);
}

WOK_TEST(signals, faults_and_nonsense_are_refused)
{
    const int wrong[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0, -1, 65, 1000};
    wok_signal signal;

    for (size_t i = 0; i < WOK_COUNT(wrong); i++) {
        cr_assert_eq(wok_signal_init(&signal, wrong[i]), -EINVAL, "%d", wrong[i]);
        wok_signal_done(&signal); /* also after a failure */
    }
}

Test(signals, needs_a_runtime)
{
    wok_signal signal;

    cr_assert_eq(wok_signal_init(&signal, SIGUSR1), -EINVAL);
}

/* Stackless, so that it may run on any worker. */
struct hearing {
    wok_op signal;
};

static atomic_u32 heard;

static wok_poll hearing_poll(void *self, wok_cx *cx, void *result)
{
    struct hearing *hearing = self;

    (void)result;
    if (wok_op_poll(&hearing->signal, cx) == WOK_PENDING)
        return WOK_PENDING;
    store_release(&heard, 1); /* [test.heard] */
    return WOK_READY;
}

static void hearing_drop(void *self)
{
    wok_op_drop(&((struct hearing *)self)->signal);
}

static const wok_future_vtable hearing_vtable = {
    .name = "hearing", .size = sizeof(struct hearing), .poll = hearing_poll, .drop = hearing_drop};

/* A SIGTERM is seen while one worker, whose driver watches for it too, never takes a turn. */
WOK_TEST_ON(signals, a_stuck_worker_delays_nobody, 2)
{
    wok_signal signal;

    cr_assert_eq(wok_signal_init(&signal, SIGTERM), 0);
    wok_join hearing = wok_spawn_future(&hearing_vtable, &(struct hearing){wok_signal_op(&signal)});
    send_to_process(SIGTERM);
    while (load_acquire(&heard) == 0) /* [test.heard] without ever giving the worker back */
        sched_yield();
    cr_assert_eq(wok_join_await(&hearing, NULL, NULL), 0);
    wok_signal_done(&signal);
}
