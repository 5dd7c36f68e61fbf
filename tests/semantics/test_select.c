/*
 * test_select.c - the rules X1 to X7: the first of several operations.
 */
#include "semantics/kit.h"

static wok_op built(struct step *step, int number)
{
    note(-number);
    step->number = number;
    return wok_future_op(step_as_future(step), NULL);
}

WOK_TEST(semantics, X1_all_branches_are_built_before_one_is_polled_and_one_that_is_off_is_not)
{
    struct step steps[3] = {{.ready_at = 9}, {.ready_at = 9}, {.ready_at = 1}};
    wok_op branches[3];
    int code;

    branches[0] = wok_op_if(true, built(&steps[0], 1));
    branches[1] = wok_op_if(false, built(&steps[1], 2));
    branches[2] = wok_op_if(true, built(&steps[2], 3));
    cr_assert_eq(wok_select(branches, 3, WOK_SELECT_BIASED, &code), 2);
    assert_noted(-1, -2, -3, 1, 3);
}

/* Which of three branches that are all ready wins. */
static int pick(wok_select_order order)
{
    struct step steps[3] = {{.ready_at = 1}, {.ready_at = 1}, {.ready_at = 1}};
    wok_op branches[3];
    int code;

    for (int i = 0; i < 3; i++)
        branches[i] = wok_future_op(step_as_future(&steps[i]), NULL);
    return wok_select(branches, 3, order, &code);
}

WOK_TEST(semantics, X2_the_fair_order_begins_at_a_random_branch)
{
    unsigned wins[3] = {0};

    for (int i = 0; i < 3000; i++)
        wins[pick(WOK_SELECT_FAIR)]++;
    for (int i = 0; i < 3; i++) {
        cr_assert_gt(wins[i], 850);
        cr_assert_lt(wins[i], 1150);
    }
}

WOK_TEST(semantics, X2_the_biased_order_is_the_written_one)
{
    for (int i = 0; i < 100; i++)
        cr_assert_eq(pick(WOK_SELECT_BIASED), 0);
}

WOK_TEST(semantics, X3_the_losers_are_gone_when_the_select_returns)
{
    work_join task = wok_spawn(work, {.number = 5});
    wok_op branches[] = {wok_sleep_op(wok_ms(50)), wok_join_op(&task.join, NULL, NULL),
                         wok_sleep_op(wok_ms(60))};
    int code;

    cr_assert_eq(wok_select(branches, 3, WOK_SELECT_BIASED, &code), 1);
    cr_assert_eq(armed_timers(), 0);
}

WOK_TEST(semantics, X3_a_losing_future_of_the_users_own_stays_his)
{
    unsigned drops = 0;
    struct step loser = {.sleeps = true, .drops = &drops};
    wok_op branches[] = {wok_future_op(step_as_future(&loser), NULL), wok_sleep_op(wok_ms(1))};
    int code;

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    cr_assert_eq(loser.polled, 2);
    cr_assert_eq(drops, 0);
}

WOK_TEST(semantics, X4_a_select_whose_branches_are_all_off_is_refused)
{
    wok_op branches[] = {wok_op_if(false, wok_sleep_op(wok_ms(1))),
                         wok_op_if(false, wok_sleep_op(wok_ms(2)))};
    int code;

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), -EINVAL);
    cr_assert_eq(wok_select(NULL, 0, WOK_SELECT_FAIR, &code), -EINVAL);
}

enum { PICKS = 64 };
static int picks[3][PICKS], run;

static void pick_many(void)
{
    for (int i = 0; i < PICKS; i++)
        picks[run][i] = pick(WOK_SELECT_FAIR);
    run++;
}

Test(semantics, X5_the_same_seed_makes_the_same_choices, .timeout = 20)
{
    wok_runtime_options options = test_options();

    for (uint64_t i = 0; i < 3; i++) {
        options.seed = i < 2 ? 7 : 8;
        test_run(&options, pick_many);
    }
    cr_assert_arr_eq(picks[0], picks[1], sizeof picks[0]);
    cr_assert_arr_neq(picks[0], picks[2], sizeof picks[0]);
}

WOK_TEST(semantics, X7_a_select_that_is_always_ready_lets_the_others_run)
{
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_interval ticks = endless_ticks();
    WOK_CLEANUP(work_join_drop) work_join other = wok_spawn(work, {.number = 5});
    int rounds = 0;

    while (work_seen.began == 0) {
        wok_op branches[] = {wok_interval_tick_op(&ticks, NULL), wok_sleep_op(WOK_FOREVER)};
        int code;
        cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 0);
        rounds++;
    }
    cr_assert_leq(rounds, 129);
}

static wok_semaphore permits = WOK_SEMAPHORE_INIT(0);

/* Waits for a permit and notes its number. */
WOK_TASK(acquire, int, int);

static int acquire(int *number, int *result)
{
    *result = wok_semaphore_acquire(&permits, 1);
    note(*number);
    return 0;
}

WOK_TEST(semantics, X6_an_acquire_that_loses_takes_nothing_and_leaves_the_queue)
{
    wok_op branches[] = {wok_semaphore_acquire_op(&permits, 1), wok_sleep_op(wok_ms(1))};
    int code;

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    wok_semaphore_release(&permits, 1);
    cr_assert_eq(wok_semaphore_try_acquire(&permits, 1), 0);
}

WOK_TEST(semantics, X6_an_operation_that_is_kept_over_selects_keeps_its_place)
{
    wok_op kept = wok_semaphore_acquire_op(&permits, 1);
    int code;

    for (int round = 0; round < 2; round++) {
        wok_op branches[] = {wok_future_op(wok_op_as_future(&kept), NULL), wok_sleep_op(wok_ms(1))};
        cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
        if (round == 0) { /* it is in the queue by now */
            acquire_join other = wok_spawn(acquire, 2);
            acquire_join_drop(&other);
            cr_assert_eq(wok_yield(), 0);
        }
    }
    wok_semaphore_release(&permits, 1);
    cr_assert_eq(wok_op_wait(&kept, WOK_NEVER), 0);
    note(1);
    wok_semaphore_release(&permits, 1);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    assert_noted(1, 2);
}
