/*
 * test_testing_macro.c - WOK_TEST as the programs of others have it: testing.h and a framework, no more.
 */
#include <wok/wok.h>

#include "support/test.h"

WOK_TEST(wok_test, runs_its_body_as_a_task_whose_clock_is_its_own)
{
    wok_instant start = wok_now();

    cr_assert_neq(wok_task_id(), 0);
    cr_assert_eq(wok_test_seed(), 1);
    cr_assert_eq(wok_sleep(wok_seconds(3600)), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(3600).ns);
}

static unsigned runs;

static int after_each(void *argument)
{
    (void)argument;
    runs++;
    return 0;
}

WOK_TEST(wok_test, takes_options, .workers = 3, .seed = 7, .seeds = 5, .after = after_each)
{
    cr_assert_eq(wok_runtime_workers(wok_runtime_current()), 3);
    cr_assert_eq(wok_test_seed(), 7 + runs, "one runtime after the other");
    cr_assert_lt(runs, 5);
}

static int nap(wok_duration *duration)
{
    return wok_sleep(*duration);
}

/* The example of many a page: three waits of 300, 500 and 200 ms cost 500, not 1000. */
WOK_TEST(wok_test, waits_for_the_slowest_child_only, .workers = 4, .seeds = 100, .check_every = 1)
{
    wok_duration delays[] = {wok_ms(300), wok_ms(500), wok_ms(200)};
    wok_instant start = wok_now();

    WOK_SCOPE(scope)
    {
        for (size_t i = 0; i < WOK_COUNT(delays); i++)
            wok_scope_spawn(scope, nap, &delays[i]);
    }
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(500).ns);
}
