/*
 * bench_sleepers.c - what does a sleeping task cost, and how many fit?
 *
 * A million stackless tasks asleep at once, then 100,000 stackful tasks parked at once: bytes of the
 * process's memory for each while they sleep, all of them joined, and what is left some seconds
 * after.  Not a loop of rounds: memory is measured once, after use.
 */
#include "bench.h"

enum { STACKLESS = 1000000, STACKFUL = 100000 };

/* In a quick run there are fewer, and they sleep a tenth of the time. */
static size_t sleepers(size_t count)
{
    return bench_is_quick() ? count / 100 : count;
}

static wok_duration nap_of(unsigned ms)
{
    return wok_ms(bench_is_quick() ? ms / 10 : ms);
}

static int nap(size_t *woken)
{
    int error = wok_sleep(nap_of(1500));

    __atomic_fetch_add(woken, 1, __ATOMIC_RELAXED);
    return error;
}

static void report(const char *name, size_t count, size_t bytes, wok_duration all, size_t left)
{
    printf("{\"bench\": \"%s\", \"count\": %zu, \"bytes_each\": %.1f, \"ms_until_joined\": %.1f, "
           "\"bytes_left_in_all\": %zu}\n",
           name, count, (double)bytes / (double)count, (double)all.ns / 1e6, left);
    fflush(stdout);
}

static size_t above(size_t before)
{
    size_t now = bench_pss();

    return now > before ? now - before : 0;
}

static void stackless(void)
{
    size_t before = bench_pss(), count = sleepers(STACKLESS), bytes;
    wok_instant start = wok_now();
    wok_duration all;

    {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        wok_instant deadline = wok_after(nap_of(3000));
        wok_runtime_metrics metrics;
        for (size_t i = 0; i < count; i++) {
            wok_sleep_future future = wok_sleep_future_until(deadline);
            wok_scope_spawn_future(&scope, &wok_sleep_vtable, &future);
        }
        BENCH_CHECK(wok_sleep(nap_of(1500)) == 0);
        wok_runtime_metrics_get(wok_runtime_current(), &metrics);
        BENCH_CHECK(metrics.live > count);
        bytes = above(before);
        BENCH_CHECK(wok_scope_wait(&scope) == 0);
        all = wok_elapsed(start);
    }
    BENCH_CHECK(wok_sleep(nap_of(4000)) == 0);
    report("sleepers_stackless", count, bytes, all, above(before));
}

static void stackful(void)
{
    size_t before = bench_pss(), count = sleepers(STACKFUL), bytes, woken = 0;
    wok_instant start = wok_now();
    wok_duration all;

    {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        for (size_t i = 0; i < count; i++)
            wok_scope_spawn(&scope, nap, &woken);
        BENCH_CHECK(wok_sleep(nap_of(1000)) == 0);
        bytes = above(before);
        BENCH_CHECK(wok_scope_wait(&scope) == 0);
        all = wok_elapsed(start);
    }
    BENCH_CHECK(woken == count);
    BENCH_CHECK(wok_sleep(nap_of(12000)) == 0);
    report("sleepers_stackful", count, bytes, all, above(before));
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    stackless();
    stackful();
    return 0;
}

BENCH_MAIN(bench)
