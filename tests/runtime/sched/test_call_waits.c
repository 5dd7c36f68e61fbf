/*
 * test_call_waits.c - calls of the blocking pools that wait by wok's own functions do not hold the paused
 * clock, by turns or not; those that compute do.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

/* One runs, for each of `seeds`, with and without turns of the calls. */
static void run(unsigned workers, uint64_t seeds, int (*body)(void *))
{
    for (int by_turns = 0; by_turns <= 1; by_turns++) {
        wok_test_options options = {.workers = workers,
                                    .seeds = seeds,
                                    .blocking_by_turns = by_turns == 1,
                                    .check_every = 1};
        cr_assert_eq(wok_test_run(&options, body, NULL), 0, "%u workers, by turns: %d", workers,
                     by_turns);
    }
}

static void run_on_all(int (*body)(void *))
{
    for (unsigned workers = 1; workers <= 3; workers++)
        run(workers, 30, body);
}

/* ---- what a call waits in ------------------------------------------------------------------------ */

WOK_TASK(nap, wok_duration, uint64_t);

/* For how long by the clock. */
static int nap(wok_duration *duration, uint64_t *result)
{
    wok_instant start = wok_now();
    int error = wok_sleep(*duration);

    *result = wok_elapsed(start).ns;
    return error;
}

static int sleeps(void *unused)
{
    wok_instant start = wok_now();
    uint64_t slept = 0;

    (void)unused;
    nap_join call = wok_spawn_blocking(nap, wok_ms(200));
    int error = nap_await(&call, &slept, NULL);
    return error == 0 && slept == wok_ms(200).ns && wok_elapsed(start).ns == slept ? 0 : -EILSEQ;
}

Test(call_waits, a_sleep_lets_the_clock_go, .timeout = 60)
{
    run_on_all(sleeps);
}

WOK_TASK(nap_of_a_task, wok_duration, uint64_t);

static int nap_of_a_task(wok_duration *duration, uint64_t *result)
{
    uint64_t first = 0, second = 0;
    int error = wok_block_on(NULL, nap, *duration, &first, NULL);

    if (error < 0)
        return error;
    nap_join task = wok_spawn(nap, *duration);
    error = nap_await(&task, &second, NULL);
    *result = first + second;
    return error;
}

static int blocks_on_a_task(void *unused)
{
    wok_instant start = wok_now();
    uint64_t slept = 0;

    (void)unused;
    nap_of_a_task_join call = wok_spawn_blocking(nap_of_a_task, wok_ms(100));
    int error = nap_of_a_task_await(&call, &slept, NULL);
    return error == 0 && slept == wok_ms(200).ns && wok_elapsed(start).ns == slept ? 0 : -EILSEQ;
}

Test(call_waits, a_task_that_sleeps_is_awaited, .timeout = 60)
{
    run_on_all(blocks_on_a_task);
}

WOK_CHANNEL(words, int, NULL);
static words_sender sender;
static words_receiver receiver;

WOK_TASK(receive, unsigned, uint64_t);

/* When the last of so many came. */
static int receive(unsigned *count, uint64_t *result)
{
    int word = 0, error = 0;

    for (unsigned i = 0; i < *count && error == 0; i++)
        error = words_recv(&receiver, &word);
    *result = wok_now().ns;
    return error;
}

static int sends_late(void *unused)
{
    wok_instant start = wok_now();
    uint64_t when = 0;
    int error = words_new(1, &sender, &receiver);

    (void)unused;
    if (error < 0)
        return error;
    receive_join call = wok_spawn_blocking(receive, 3);
    for (int i = 0; i < 3 && error == 0; i++) {
        error = wok_sleep(wok_seconds(5));
        if (error == 0)
            error = words_send(&sender, i);
    }
    if (error == 0)
        error = receive_await(&call, &when, NULL);
    words_sender_drop(&sender);
    words_receiver_drop(&receiver);
    return error == 0 && when == start.ns + wok_seconds(15).ns ? 0 : -EILSEQ;
}

Test(call_waits, what_is_sent_late_is_received_then, .timeout = 60)
{
    run_on_all(sends_late);
}

/* ---- several of them ----------------------------------------------------------------------------- */

WOK_TASK(nap_often, unsigned, uint64_t);

/* Each sleep is exact however the calls' threads are scheduled: the clock passes none that is awake. */
static int nap_often(unsigned *number, uint64_t *result)
{
    wok_instant start = wok_now();

    for (unsigned i = 1; i <= 6; i++) {
        wok_duration duration = wok_ms((*number + 1) * 7 + i);
        wok_instant before = wok_now();
        if (wok_sleep(duration) < 0 || wok_elapsed(before).ns != duration.ns)
            return -EILSEQ;
    }
    *result = wok_elapsed(start).ns;
    return 0;
}

static int several_sleep(void *unused)
{
    wok_instant start = wok_now();
    nap_often_join calls[4];
    uint64_t slept = 0;
    int error = 0;

    (void)unused;
    for (unsigned i = 0; i < WOK_COUNT(calls); i++)
        calls[i] = wok_spawn_blocking(nap_often, i);
    for (unsigned i = 0; i < WOK_COUNT(calls); i++)
        if (nap_often_await(&calls[i], &slept, NULL) < 0)
            error = -EILSEQ;
    return wok_elapsed(start).ns == wok_ms(4 * 7 * 6 + 21).ns ? error : -ETIME;
}

Test(call_waits, the_clock_passes_no_call_that_is_awake, .timeout = 60)
{
    run_on_all(several_sleep);
}

/* A pool of one thread: the second call waits for the first, which sleeps. */
static int queue_up(void *unused)
{
    WOK_CLEANUP(wok_blocking_pool_freep) wok_blocking_pool *pool = NULL;
    wok_instant start = wok_now();
    uint64_t slept = 0;

    (void)unused;
    if (wok_blocking_pool_new(&pool, NULL,
                              &(wok_blocking_pool_options){.name = "one", .threads_max = 1}) < 0)
        return -ENOMEM;
    nap_join first = wok_spawn_blocking_in(pool, nap, wok_ms(30));
    nap_join second = wok_spawn_blocking_in(pool, nap, wok_ms(40));
    if (nap_await(&first, NULL, NULL) < 0 || nap_await(&second, &slept, NULL) < 0)
        return -EILSEQ;
    return wok_elapsed(start).ns == wok_ms(70).ns && slept == wok_ms(40).ns ? 0 : -ETIME;
}

Test(call_waits, a_call_behind_one_that_sleeps_comes_after_it, .timeout = 60)
{
    run_on_all(queue_up);
}

static wok_notify gate;

WOK_TASK(open_gate, unsigned, int);

/* Computes a little, so that a clock which does not wait for it is ahead. */
static int open_gate(unsigned *rounds, int *result)
{
    for (volatile unsigned i = 0; i < *rounds; i++)
        continue;
    wok_notify_one(&gate);
    *result = 0;
    return 0;
}

WOK_TASK(pass_gate, int, uint64_t);

static int pass_gate(int *unused, uint64_t *result)
{
    (void)unused;
    int error = wok_notify_wait(&gate);
    *result = wok_now().ns;
    return error;
}

/* One call wakes another, which was parked, while a task sleeps. */
static int one_wakes_another(void *unused)
{
    wok_instant start = wok_now();
    uint64_t when = 0;

    (void)unused;
    gate = (wok_notify)WOK_NOTIFY_INIT;
    pass_gate_join second = wok_spawn_blocking(pass_gate, 0);
    if (wok_sleep(wok_ms(5)) < 0)
        return -ECANCELED;
    open_gate_join first = wok_spawn_blocking(open_gate, 20000);
    if (wok_sleep(wok_ms(1)) < 0 || open_gate_await(&first, NULL, NULL) < 0 ||
        pass_gate_await(&second, &when, NULL) < 0)
        return -ECANCELED;
    return when == start.ns + wok_ms(5).ns && wok_elapsed(start).ns == wok_ms(6).ns ? 0 : -ETIME;
}

Test(call_waits, a_call_that_wakes_another_holds_the_clock_until_it_runs, .timeout = 60)
{
    run_on_all(one_wakes_another);
}

/* ---- what holds it still ------------------------------------------------------------------------- */

static atomic_u32 finish;

WOK_TASK(compute, int, uint64_t);

/* Until somebody says so who needs no clock. */
static int compute(int *end, uint64_t *result)
{
    char byte;

    if (read(*end, &byte, 1) != 1)
        return -EIO;
    *result = wok_now().ns;
    return 0;
}

static int ends[2];

static void *let_it_end(void *unused)
{
    char byte = 1;

    (void)unused;
    for (volatile unsigned i = 0; i < 3000000; i++)
        continue;
    store_release(&finish, 1);
    return write(ends[1], &byte, 1) == 1 ? NULL : ends;
}

/* A task and another call sleep meanwhile. */
static int computes(void *unused)
{
    wok_instant start = wok_now();
    uint64_t when = 0;
    pthread_t thread;

    (void)unused;
    if (pipe(ends) != 0)
        return -errno;
    store_relaxed(&finish, 0);
    nap_join asleep = wok_spawn_blocking(nap, wok_ms(1));
    compute_join call = wok_spawn_blocking(compute, ends[0]);
    if (pthread_create(&thread, NULL, let_it_end, NULL) != 0)
        return -EAGAIN;
    int error = wok_sleep(wok_ms(1));
    if (load_acquire(&finish) == 0)
        error = -EILSEQ; /* the clock went, and the call had not ended */
    pthread_join(thread, NULL);
    if (compute_await(&call, &when, NULL) < 0 || nap_await(&asleep, NULL, NULL) < 0 ||
        when != start.ns)
        error = -ETIME;
    close(ends[0]);
    close(ends[1]);
    return error;
}

Test(call_waits, a_call_that_blocks_otherwise_holds_the_clock, .timeout = 60)
{
    for (int i = 0; i < 5; i++)
        cr_assert_eq(
            wok_test_run(&(wok_test_options){.workers = 2, .check_every = 1}, computes, NULL), 0);
}

/* ---- when all have waited ------------------------------------------------------------------------- */

static int settles(void *unused)
{
    wok_instant start = wok_now();
    uint64_t slept = 0;

    (void)unused;
    nap_join call = wok_spawn_blocking(nap, wok_ms(200));
    if (wok_test_settle(NULL) < 0 || wok_elapsed(start).ns != 0)
        return -EILSEQ;
    if (wok_test_advance(NULL, wok_ms(199)) < 0 ||
        wok_join_await_until(&call.join, wok_now(), &slept, NULL) != -ETIMEDOUT)
        return -ETIME;
    if (wok_test_advance(NULL, wok_ms(1)) < 0)
        return -EILSEQ;
    return wok_join_await_until(&call.join, wok_now(), &slept, NULL) == 0 && slept == wok_ms(200).ns
               ? 0
               : -ETIME;
}

Test(call_waits, settled_is_what_waits_in_a_call, .timeout = 60)
{
    run_on_all(settles);
}

/* ---- when it would be for ever ------------------------------------------------------------------- */

static int run_in_child(void (*function)(void), char *text, size_t size)
{
    int pipe_ends[2], status;
    size_t length = 0;
    ssize_t got;

    cr_assert_eq(pipe(pipe_ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_ends[1], STDERR_FILENO);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        alarm(15);
        signal(SIGABRT, SIG_DFL);
        function();
        _exit(0);
    }
    close(pipe_ends[1]);
    while ((got = read(pipe_ends[0], text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    close(pipe_ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

/* Nobody sends: the task waits for the call, the call for the task. */
static int wait_for_each_other(void *unused)
{
    int error = words_new(1, &sender, &receiver);

    (void)unused;
    if (error < 0)
        return error;
    receive_join call = wok_spawn_blocking(receive, 1);
    return receive_await(&call, NULL, NULL);
}

/* ThreadSanitizer has a thread of its own everywhere, so nothing is certain there. */
#ifdef __SANITIZE_THREAD__
#define AFTER wok_ms(50)
#else
#define AFTER WOK_FOREVER
#endif

static void run_deadlock(void)
{
    for (int by_turns = 0; by_turns <= 1; by_turns++) {
        wok_test_options options = {.workers = 2,
                                    .blocking_by_turns = by_turns == 1,
                                    .check_every = 1,
                                    .deadlock_after = AFTER};
        if (wok_test_run(&options, wait_for_each_other, NULL) != -EDEADLK)
            _exit(2);
        words_sender_drop(&sender);
        words_receiver_drop(&receiver);
    }
}

Test(call_waits, a_deadlock_of_a_call_and_a_task_is_told, .timeout = 60)
{
    char text[16384];
    int status = run_in_child(run_deadlock, text, sizeof text);

    cr_assert_eq(status, 0, "%x: %s", (unsigned)status, text);
    cr_assert_eq(strncmp(text, "wok_test_run: all tasks wait and nothing is due", 47), 0, "%s",
                 text);
    cr_assert_not_null(strstr(text, " \"receive\" (spawned at "), "%s", text);
    cr_assert_not_null(strstr(text, " \"receive\" waited in: "), "%s", text);
}
