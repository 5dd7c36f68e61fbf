/*
 * test_random_workload.c - everything at once, in the orders of many seeds.
 */
#include <stdlib.h>

#include "support/wok_test.h"
#include "support/workload.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SEEDS = 200, REPLAYED = 20 };
#else
enum { SEEDS = 2000, REPLAYED = 100 };
#endif

/* One to four workers; the invariants of the scheduler are looked at after each turn. */
Test(random_workload, keeps_its_promises_with_every_seed, .timeout = 240)
{
    cr_assert_eq(workload_run(&(struct workload){.seed = 1, .seeds = SEEDS}, NULL), 0);
}

Test(random_workload, repeats_itself, .timeout = 60)
{
    for (uint64_t seed = 1; seed <= REPLAYED; seed++) {
        struct workload workload = {.seed = seed * 31, .seeds = 1, .check_every = 1000};
        wok_test_report first, second;
        cr_assert_eq(workload_run(&workload, &first), 0);
        cr_assert_eq(workload_run(&workload, &second), 0);
        cr_assert_eq(first.log_hash, second.log_hash, "seed %u", (unsigned)first.seed);
        cr_assert_eq(first.aborted, second.aborted);
    }
}
