/*
 * test_busy.c - the busy ratio, of workers whose busy time the test says.
 *
 * The linker gives this file the metrics of workers (--wrap); the clock is paused.
 */
#include "busy.h"

#include <math.h>

#include <wok/metrics.h>
#include <wok/time.h>

#include "support/wok_test.h"

/* From here on worker 0 is busy three quarters of the time in place of one; worker 1 always half of it, and
 * worker 2 more than all. */
enum { CHANGE_S = 20 };

static wok_instant start;

bool __real_wok_worker_metrics_get(const wok_runtime *runtime, unsigned worker,
                                   wok_worker_metrics *ret_metrics);
bool __wrap_wok_worker_metrics_get(const wok_runtime *runtime, unsigned worker,
                                   wok_worker_metrics *ret_metrics);

bool __wrap_wok_worker_metrics_get(const wok_runtime *runtime, unsigned worker,
                                   wok_worker_metrics *ret_metrics)
{
    uint64_t quarter = (wok_now().ns - start.ns) / 4;
    uint64_t change = wok_seconds(CHANGE_S).ns / 4;

    if (!__real_wok_worker_metrics_get(runtime, worker, ret_metrics))
        return false;
    ret_metrics->busy_ns = worker == 2         ? 5 * quarter
                           : worker == 1       ? 2 * quarter
                           : quarter <= change ? quarter
                                               : 3 * quarter - 2 * change;
    return true;
}

static void is_busy(struct wok__busy *busy, unsigned worker, double expected)
{
    double ratio = -1;

    cr_assert(wok__busy_ratio(busy, worker, &ratio));
    cr_assert(fabs(ratio - expected) < 1e-9, "%.12f instead of %.12f", ratio, expected);
}

/* Half a second after a note, so that it is plain which ones are there. */
static void sleep_until(double seconds)
{
    cr_assert_eq(wok_sleep_until((wok_instant){start.ns + (uint64_t)(seconds * 1e9)}), 0);
}

WOK_TEST_WORKERS(busy, a_ratio_is_of_the_last_fifteen_notes, 3)
{
    struct wok__busy *busy = NULL;
    wok_join watch;
    double ratio;

    start = wok_now();
    cr_assert_eq(wok__busy_start(&busy, &watch), 0);
    cr_assert_not(wok__busy_ratio(busy, 0, &ratio), "nothing was seen yet");
    sleep_until(0.5);
    is_busy(busy, 0, 0.25);
    is_busy(busy, 1, 0.5);
    is_busy(busy, 2, 1); /* not 1.25 */
    cr_assert_not(wok__busy_ratio(busy, 3, &ratio), "there is no fourth worker");
    sleep_until(CHANGE_S - 0.5);
    is_busy(busy, 0, 0.25);
    sleep_until(27.5); /* the notes are of 13 s to 27 s */
    is_busy(busy, 0, (7 * 0.25 + 7.5 * 0.75) / 14.5);
    sleep_until(33.5); /* of 19 s */
    is_busy(busy, 0, (1 * 0.25 + 13.5 * 0.75) / 14.5);
    is_busy(busy, 1, 0.5);
    sleep_until(34.5);
    is_busy(busy, 0, 0.75);
    wok_join_abort(&watch);
    (void)wok_join_await(&watch, NULL, NULL);
    wok__busy_free(busy);
}
