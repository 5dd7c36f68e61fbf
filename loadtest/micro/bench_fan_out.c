/*
 * bench_fan_out.c - what does a request's fan-out cost, without the waiting?
 *
 * A scope of four children that each yield once: the shape of /aggregate with sources of 0 ms.
 * One operation is the whole fan-out.
 */
#include "bench.h"

enum { WIDTH = 4 };

static void round_fan_out(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        for (int child = 0; child < WIDTH; child++) {
            wok_sleep_future future = wok_sleep_future_for(wok_ns(0));
            wok_scope_spawn_future(&scope, &wok_sleep_vtable, &future);
        }
        BENCH_CHECK(wok_scope_wait(&scope) == 0);
    }
}

WOK_TASK(bench, bench_unit, bench_unit);
static int bench(bench_unit *args, bench_unit *result)
{
    (void)args;
    *result = 0;
    bench_report("fan_out_of_4", 20000, round_fan_out);
    return 0;
}

BENCH_MAIN(bench)
