/*
 * bench_spawn_join.c - what does it cost to spawn a trivial task and to await it?
 *
 * One at a time, from a stackful parent: stackless, then stackful, then a thousand at once under a
 * scope, joined as a group.
 */
#include "bench.h"

struct plus_one {
    size_t number;
};

static wok_poll plus_one_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    *(size_t *)result = ((struct plus_one *)self)->number + 1;
    return WOK_READY;
}

static const wok_future_vtable plus_one_vtable = {
    .name = "plus one",
    .size = sizeof(struct plus_one),
    .result_size = sizeof(size_t),
    .poll = plus_one_poll,
};

WOK_TASK(plus_one_stackful, size_t, size_t);
static int plus_one_stackful(size_t *number, size_t *result)
{
    *result = *number + 1;
    return 0;
}

static void round_stackless(size_t count)
{
    size_t sum = 0, result = 0;

    for (size_t i = 0; i < count; i++) {
        struct plus_one future = {i};
        wok_join join = wok_spawn_future(&plus_one_vtable, &future);
        BENCH_CHECK(wok_join_await(&join, &result, NULL) == 0);
        sum += result;
    }
    BENCH_CHECK(sum == count * (count + 1) / 2);
}

static void round_stackful(size_t count)
{
    size_t sum = 0, result = 0;

    for (size_t i = 0; i < count; i++) {
        plus_one_stackful_join join = wok_spawn(plus_one_stackful, i);
        BENCH_CHECK(plus_one_stackful_await(&join, &result, NULL) == 0);
        sum += result;
    }
    BENCH_CHECK(sum == count * (count + 1) / 2);
}

struct count_up {
    size_t *counter;
};

static wok_poll count_up_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    (void)result;
    __atomic_fetch_add(((struct count_up *)self)->counter, 1, __ATOMIC_RELAXED);
    return WOK_READY;
}

static const wok_future_vtable count_up_vtable = {
    .name = "count up",
    .size = sizeof(struct count_up),
    .poll = count_up_poll,
};

static void round_scope(size_t count)
{
    size_t counter = 0;

    for (size_t done = 0; done < count; done += 1000) {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        for (int i = 0; i < 1000; i++) {
            struct count_up future = {&counter};
            wok_scope_spawn_future(&scope, &count_up_vtable, &future);
        }
        BENCH_CHECK(wok_scope_wait(&scope) == 0);
    }
    BENCH_CHECK(counter == count);
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    bench_report("spawn_join_stackless", 100000, round_stackless);
    bench_report("spawn_join_stackful", 100000, round_stackful);
    bench_report("scope_child_of_1000", 100000, round_scope);
    return 0;
}

BENCH_MAIN(bench)
