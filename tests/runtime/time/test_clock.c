/*
 * test_clock.c - the real clock runs, the paused one stands until it is moved.
 */
#include "time/clock.h"

#include "platform/thread.h"
#include "support/test.h"

Test(clock, is_monotonic)
{
    struct wok__clock clock;

    wok__clock_init(&clock, false);
    cr_assert_not(wok__clock_is_paused(&clock));
    uint64_t last = wok__clock_now(&clock);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = wok__clock_now(&clock);
        cr_assert_geq(now, last);
        last = now;
    }
    uint64_t start = last;
    while (last == start) /* it runs: ends with the next nanosecond that it shows */
        last = wok__clock_now(&clock);
}

Test(clock, stands_still_while_it_is_paused)
{
    struct wok__clock clock;

    wok__clock_init(&clock, true);
    cr_assert(wok__clock_is_paused(&clock));
    cr_assert_eq(wok__clock_now(&clock), WOK__CLOCK_PAUSED_START_NS);
    cr_assert_neq(WOK__CLOCK_PAUSED_START_NS, 0);
    cr_assert_eq(wok__clock_now(&clock), WOK__CLOCK_PAUSED_START_NS);
}

Test(clock, moves_forwards_only)
{
    struct wok__clock clock;
    uint64_t start = WOK__CLOCK_PAUSED_START_NS;

    wok__clock_init(&clock, true);
    wok__clock_advance_to(&clock, start + 5);
    cr_assert_eq(wok__clock_now(&clock), start + 5);
    wok__clock_advance_to(&clock, start + 3);
    cr_assert_eq(wok__clock_now(&clock), start + 5);
    wok__clock_advance_to(&clock, UINT64_MAX);
    cr_assert_eq(wok__clock_now(&clock), UINT64_MAX);
}

struct mover {
    struct wok__clock clock;
    uint64_t written; /* plain: the clock has to carry it over */
};

static void move(void *argument)
{
    struct mover *mover = argument;
    uint64_t start = WOK__CLOCK_PAUSED_START_NS;

    for (uint64_t i = 1; i <= 1000; i++)
        wok__clock_advance_to(&mover->clock, start + i);
    mover->written = 17;
    wok__clock_advance_to(&mover->clock, start + 2000);
}

static void move_too(void *argument)
{
    struct mover *mover = argument;

    for (uint64_t i = 1; i <= 1000; i++)
        wok__clock_advance_to(&mover->clock, WOK__CLOCK_PAUSED_START_NS + i);
}

/* TSan sees a race here if seeing the time does not order what came before it. */
Test(clock, shows_what_came_before_it_was_moved, .timeout = 20)
{
    struct mover mover;
    pthread_t threads[2];
    uint64_t last = 0, now;

    wok__clock_init(&mover.clock, true);
    cr_assert_eq(wok__thread_start(&threads[0], "mover", move, &mover), 0);
    cr_assert_eq(wok__thread_start(&threads[1], "mover-too", move_too, &mover), 0);
    do {
        now = wok__clock_now(&mover.clock);
        cr_assert_geq(now, last);
        last = now;
    } while (now < WOK__CLOCK_PAUSED_START_NS + 2000);
    cr_assert_eq(mover.written, 17);
    wok__thread_join(threads[0]);
    wok__thread_join(threads[1]);
}
