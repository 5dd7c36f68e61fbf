/*
 * bench_groups.c - what do scopes, join sets and aborts cost, for each child?
 *
 * A block with one child; a hundred children with each of the options; a hundred tasks through a join set,
 * in the order of their ends; a task that is aborted while it waits.  One operation is one child or task, from
 * its spawn until somebody knows how it ended.
 */
#include "bench.h"

enum { COUNT = 20000, WIDTH = 100 };

static size_t ran; /* atomic */

static int child(size_t *unused)
{
    (void)unused;
    __atomic_fetch_add(&ran, 1, __ATOMIC_RELAXED);
    return 0;
}

static void round_block_of_one(size_t count)
{
    size_t unused = 0;

    ran = 0;
    for (size_t i = 0; i < count; i++) {
        WOK_SCOPE(scope)
        {
            wok_scope_spawn(scope, child, &unused);
        }
    }
    BENCH_CHECK(ran == count);
}

static void with_options(size_t count, const wok_scope_options *options)
{
    size_t unused = 0;

    ran = 0;
    for (size_t done = 0; done < count; done += WIDTH) {
        WOK_CLEANUP(wok_scope_done) wok_scope scope;
        wok_scope_child ended;
        wok_scope_init(&scope, options);
        for (int i = 0; i < WIDTH; i++)
            wok_scope_spawn(&scope, child, &unused);
        for (int i = 0; options->completion_order && i < WIDTH; i++)
            BENCH_CHECK(wok_scope_next(&scope, &ended) == 0);
        BENCH_CHECK(wok_scope_wait(&scope) == 0);
    }
    BENCH_CHECK(ran == count);
}

static void round_plain(size_t count)
{
    with_options(count, &(wok_scope_options){.policy = WOK_SCOPE_ALL});
}

static void round_fail_fast(size_t count)
{
    with_options(count, &(wok_scope_options){.policy = WOK_SCOPE_FAIL_FAST});
}

static void round_max_running(size_t count)
{
    with_options(count, &(wok_scope_options){.max_running = 8});
}

static void round_timeout(size_t count)
{
    with_options(count, &(wok_scope_options){.timeout = wok_seconds(3600)});
}

static void round_completion_order(size_t count)
{
    with_options(count, &(wok_scope_options){.completion_order = true});
}

/* ---- join sets ---------------------------------------------------------------------------------- */

WOK_TASK(number, size_t, size_t);

static int number(size_t *given, size_t *result)
{
    *result = *given;
    return 0;
}

static wok_join_set *set;

static void round_join_set(size_t count)
{
    size_t sum = 0, result;

    for (size_t done = 0; done < count; done += WIDTH) {
        number_join ended;
        for (size_t i = 0; i < WIDTH; i++)
            BENCH_CHECK(wok_join_set_spawn(set, number, done + i) == 0);
        while (wok_join_set_next(set, &ended.join) == 0) {
            BENCH_CHECK(number_await(&ended, &result, NULL) == 0);
            sum += result;
        }
    }
    BENCH_CHECK(sum == count * (count - 1) / 2);
}

/* ---- aborts ------------------------------------------------------------------------------------- */

WOK_TASK(waits, int, int);

static int waits(int *unused, int *result)
{
    *result = *unused;
    return wok_sleep(WOK_FOREVER);
}

/* It begins on this worker, or on another meanwhile, and is aborted in its wait or on its way to it. */
static void round_abort(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        waits_join join = wok_spawn(waits, 0);
        wok_join_error why;
        BENCH_CHECK(wok_yield() == 0);
        wok_join_abort(&join.join);
        BENCH_CHECK(waits_await(&join, NULL, &why) == -WOK_EJOIN && why.outcome == WOK_CANCELLED);
    }
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    BENCH_CHECK(wok_join_set_new(&set) == 0);
    bench_report("scope_block_of_one", COUNT, round_block_of_one);
    bench_report("scope_child", COUNT, round_plain);
    bench_report("scope_child_fail_fast", COUNT, round_fail_fast);
    bench_report("scope_child_max_running_8", COUNT, round_max_running);
    bench_report("scope_child_timeout", COUNT, round_timeout);
    bench_report("scope_child_completion_order", COUNT, round_completion_order);
    bench_report("join_set_task", COUNT, round_join_set);
    bench_report("abort_of_a_waiting_task", COUNT, round_abort);
    BENCH_BYTES(wok_scope);
    BENCH_BYTES(wok_join);
    wok_join_set_free(set);
    return 0;
}

BENCH_MAIN(bench)
