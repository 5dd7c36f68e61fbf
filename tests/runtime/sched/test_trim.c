/*
 * test_trim.c - when a worker has the heap walked for what can go back to the kernel.
 *
 * malloc_trim() is the test's own here: it counts, and takes as long as the test says, of a paused clock.  How busy
 * the worker was is what its counter says.
 */
#include "support/wok_test.h"

#include "sched/sched.h"
#include "task/context.h"

int malloc_trim(size_t pad);

static unsigned walks;
static wok_duration walk_takes;

int malloc_trim(size_t pad)
{
    struct wok__clock *clock = &wok_runtime_current()->clock;

    (void)pad;
    walks++;
    wok__clock_advance_to(clock, wok__clock_now(clock) + walk_takes.ns);
    return 0;
}

/* A minute in which something happens each `pause`, and the worker is busy for one part of so many: the walks. */
static unsigned walks_of_a_minute(wok_duration pause, unsigned one_part_of)
{
    struct wok__worker *worker = wok__here()->worker;
    unsigned before = walks;

    for (wok_instant begin = wok_now(); wok_elapsed(begin).ns < wok_seconds(60).ns;) {
        cr_assert_eq(wok_sleep(pause), 0);
        wok__count(&worker->counters.busy_ns, pause.ns / one_part_of);
    }
    return walks - before;
}

/* The worker sleeps, and wakes for as long as it wants to; the paused clock would jump over that. */
static unsigned walks_of_a_sleep(void)
{
    struct wok__worker *worker = wok__here()->worker;
    struct wok__clock *clock = &wok_runtime_current()->clock;
    unsigned before = walks;
    uint64_t next_ns;

    for (worker->now_ns = wok__clock_now(clock);
         (next_ns = wok__worker_trims_next(worker, UINT64_MAX)) != UINT64_MAX;
         worker->now_ns = wok__clock_now(clock)) {
        wok__clock_advance_to(clock, next_ns);
        worker->now_ns = next_ns;
        (void)wok__worker_trim(worker);
    }
    return walks - before;
}

WOK_TEST(trim, a_server_that_is_probed_all_the_time_gives_its_heap_back)
{
    cr_assert_eq(walks_of_a_minute(wok_seconds(5), 1000), 5); /* behind every second probe */
    cr_assert_eq(walks_of_a_minute(wok_ms(100), 1000), 10);   /* each 6 s */
    cr_assert_eq(walks_of_a_minute(wok_ms(100), 9), 10);
}

WOK_TEST(trim, a_busy_worker_walks_through_no_heap)
{
    (void)walks_of_a_minute(wok_ms(100), 2);
    cr_assert_eq(walks_of_a_minute(wok_ms(100), 2), 0);
    cr_assert_eq(walks_of_a_minute(wok_ms(100), 7), 0);
    cr_assert_eq(walks_of_a_sleep(), 1);
}

WOK_TEST(trim, an_idle_worker_walks_once)
{
    cr_assert_eq(wok_sleep(wok_seconds(3)), 0);
    cr_assert_eq(walks_of_a_sleep(), 1);
    cr_assert_eq(walks_of_a_sleep(), 0, "nothing has run since");
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(walks_of_a_sleep(), 1);
}

WOK_TEST(trim, a_long_walk_is_rare_but_for_an_idle_worker)
{
    walk_takes = wok_ms(200);
    (void)walks_of_a_minute(wok_ms(100), 1000);
    cr_assert_eq(walks_of_a_minute(wok_ms(100), 1000), 3); /* each 20 s */
    walk_takes = wok_seconds(2);
    (void)walks_of_a_minute(wok_ms(100), 1000);
    cr_assert_eq(walks_of_a_minute(wok_ms(100), 1000), 0);
    cr_assert_eq(walks_of_a_sleep(), 1);
    walk_takes = wok_ns(0);
}
