/*
 * test_calls.c - calls of the blocking pools that take turns: when they run is a matter of the seed.
 */
#include <errno.h>

#include "support/wok_test.h"

/* ---- what happened, in order ---------------------------------------------------------------------- */

static unsigned trace, dropped, started;

/* Without a lock: a call that has the turn has it alone, which ThreadSanitizer checks. */
static void note(unsigned what)
{
    trace = trace * 31 + what;
}

static void count_drop(unsigned *number)
{
    (void)number;
    dropped++;
}

WOK_TASK_WITH_DROP(work, unsigned, unsigned, count_drop, NULL);

static int work(unsigned *number, unsigned *result)
{
    started++;
    note(*number);
    *result = *number * 2;
    return 0;
}

static int worker(unsigned *number)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned result = 0, argument = *number * 10 + i;
        work_join call = wok_spawn_blocking(work, argument);
        note(100 + *number);
        if (i % 2 == 0 && wok_yield() < 0)
            return -ECANCELED;
        if (work_await(&call, &result, NULL) < 0 || result != argument * 2)
            return -EILSEQ;
        note(200 + *number);
    }
    return 0;
}

static int crowd(void *unused)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    unsigned numbers[4];

    (void)unused;
    trace = dropped = started = 0;
    for (unsigned i = 0; i < 4; i++) {
        numbers[i] = i;
        wok_scope_spawn(&scope, worker, &numbers[i]);
    }
    return wok_scope_wait(&scope);
}

static wok_test_report run(unsigned workers, uint64_t seed, int (*body)(void *))
{
    wok_test_options options = {
        .workers = workers, .seed = seed, .blocking_by_turns = true, .check_every = 1};
    wok_test_report report;

    cr_assert_eq(wok_test_run(&options, body, &report), 0, "seed %u", (unsigned)seed);
    return report;
}

Test(calls, when_they_run_is_a_matter_of_the_seed, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 3; workers++) {
        unsigned distinct = 0, last = 0;
        for (uint64_t seed = 1; seed <= 25; seed++) {
            uint64_t hash = run(workers, seed, crowd).log_hash;
            unsigned first = trace;
            cr_assert_eq(dropped, 16);
            cr_assert_eq(run(workers, seed, crowd).log_hash, hash);
            cr_assert_eq(trace, first);
            distinct += trace != last;
            last = trace;
        }
        cr_assert_geq(distinct, 15, "%u of 25 with %u workers", distinct, workers);
    }
}

/* ---- aborts --------------------------------------------------------------------------------------- */

static int abort_some(void *unused)
{
    work_join calls[8];
    unsigned cancelled = 0;

    (void)unused;
    trace = dropped = started = 0;
    for (unsigned i = 0; i < WOK_COUNT(calls); i++)
        calls[i] = wok_spawn_blocking(work, i);
    for (int i = 0; i < 3; i++)
        if (wok_yield() < 0)
            return -ECANCELED;
    for (unsigned i = 0; i < WOK_COUNT(calls); i += 2)
        wok_join_abort(&calls[i].join);
    for (unsigned i = 0; i < WOK_COUNT(calls); i++) {
        wok_join_error error;
        int code = work_await(&calls[i], NULL, &error);
        if (code < 0 && error.outcome != WOK_CANCELLED)
            return -EILSEQ;
        cancelled += code < 0;
        note(code < 0);
    }
    if (dropped != 8 || started + cancelled != 8)
        return -EILSEQ;
    return (int)cancelled;
}

/* Whether a thread has come for it already is no matter. */
Test(calls, an_abort_comes_before_the_turn_or_after_it, .timeout = 60)
{
    unsigned counts[5] = {0};

    for (uint64_t seed = 1; seed <= 40; seed++) {
        wok_test_report report = run(2, seed, abort_some);
        unsigned first = trace;
        cr_assert_leq(report.code, 0);
        counts[started - 4]++;
        cr_assert_eq(run(2, seed, abort_some).log_hash, report.log_hash);
        cr_assert_eq(trace, first);
    }
    cr_assert_gt(counts[0], 0, "all four before their turn");
    cr_assert_gt(counts[1] + counts[2] + counts[3] + counts[4], 0, "and some after it");
}

/* ---- calls that wait -------------------------------------------------------------------------------- */

WOK_TASK(wait_for_task, work_join *, unsigned);

static int wait_for_task(work_join **handle, unsigned *result)
{
    return work_await(*handle, result, NULL);
}

/* The task that the call waits for needs a worker's turn, and the second call a thread. */
static int waits(void *unused)
{
    WOK_CLEANUP(wok_blocking_pool_freep) wok_blocking_pool *pool = NULL;
    work_join task = wok_spawn(work, 21);
    unsigned result = 0;

    (void)unused;
    if (wok_blocking_pool_new(&pool, NULL,
                              &(wok_blocking_pool_options){.name = "one", .threads_max = 1}) < 0)
        return -ENOMEM;
    wait_for_task_join call = wok_spawn_blocking_in(pool, wait_for_task, &task);
    work_join behind = wok_spawn_blocking_in(pool, work, 4);
    if (wait_for_task_await(&call, &result, NULL) < 0 || result != 42)
        return -EILSEQ;
    if (work_await(&behind, &result, NULL) < 0 || result != 8)
        return -EILSEQ;
    work_join again = wok_spawn_blocking(work, 5);
    return work_await(&again, &result, NULL);
}

Test(calls, a_call_that_waits_goes_on_outside, .timeout = 60)
{
    for (unsigned workers = 1; workers <= 3; workers++)
        for (uint64_t seed = 1; seed <= 30; seed++)
            run(workers, seed, waits);
}

/* ---- the end ---------------------------------------------------------------------------------------- */

static int leaves_calls(void *unused)
{
    (void)unused;
    trace = dropped = started = 0;
    for (unsigned i = 0; i < 6; i++) {
        work_join call = wok_spawn_blocking(work, i);
        work_join_drop(&call);
    }
    return 0;
}

Test(calls, what_waits_for_its_turn_at_the_end_is_dropped, .timeout = 60)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        run(2, seed, leaves_calls);
        cr_assert_eq(dropped, 6);
    }
}

/* All workers sleep when the call is queued, and nothing else wakes them. */
Test(calls, a_plain_thread_may_queue_one, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    unsigned result = 0;

    options.workers = 2;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wok_test_blocking_by_turns(runtime, true);
    for (int i = 0; i < 20; i++) {
        work_join call = wok_spawn_blocking_on(runtime, work, 7);
        cr_assert_eq(work_await(&call, &result, NULL), 0);
        cr_assert_eq(result, 14);
    }
    wok_runtime_free(runtime);
}
