/*
 * test_select.c - waiting for the first of several operations.
 *
 * X-numbers are rules of Tokio's select!, taken over or changed on purpose where the comment says so.
 */
#include <errno.h>

#include "support/wok_test.h"
#include "task/task.h"

WOK_TASK(nap, wok_duration, int);

static int nap(wok_duration *duration, int *result)
{
    *result = (int)(duration->ns / wok_ms(1).ns);
    return duration->ns == 0 ? 0 : wok_sleep(*duration);
}

/* A future that is ready at its n-th poll, and counts them. */
struct countdown {
    int polls_left, polls, drops;
};

static wok_poll countdown_poll(void *self_, wok_cx *cx, void *result)
{
    struct countdown *self = self_;

    self->polls++;
    if (self->polls_left-- > 0) {
        wok_cx_yield(cx);
        return WOK_PENDING;
    }
    *(int *)result = self->polls;
    return WOK_READY;
}

static void countdown_drop(void *self)
{
    ((struct countdown *)self)->drops++;
}

static const wok_future_vtable countdown_vtable = {
    .name = "countdown",
    .size = sizeof(struct countdown),
    .result_size = sizeof(int),
    .poll = countdown_poll,
    .drop = countdown_drop,
};

static uint32_t armed_timers(void)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics.timers;
}

/* ---- who wins ------------------------------------------------------------------------------------ */

WOK_TEST(select, gives_the_first_that_is_ready_and_its_result)
{
    wok_instant start = wok_now();
    nap_join slow = wok_spawn(nap, wok_ms(300)), fast = wok_spawn(nap, wok_ms(100));
    int slow_result = 0, fast_result = 0, code = 7;
    wok_op branches[] = {
        wok_join_op(&slow.join, &slow_result, NULL),
        wok_join_op(&fast.join, &fast_result, NULL),
        wok_sleep_until_op(wok_after(wok_ms(200))),
    };

    cr_assert_eq(wok_select(branches, 3, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(code, 0);
    cr_assert_eq(fast_result, 100);
    cr_assert_eq(slow_result, 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(100).ns);
    cr_assert_null(fast.join.task, "the winner's handle is consumed");

    /* The loser is as it was, and nobody is woken for it who may be gone by then. */
    cr_assert_not(wok__state_join_is_registered(&slow.join.task->state));
    cr_assert_eq(nap_await(&slow, &slow_result, NULL), 0);
    cr_assert_eq(slow_result, 300);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(300).ns);
}

WOK_TEST(select, gives_the_winners_own_code)
{
    nap_join task = wok_spawn(nap, wok_ms(100));
    wok_join_error why;
    int code = 0;
    wok_op branches[] = {wok_join_op(&task.join, NULL, &why)};

    wok_join_abort(&task.join);
    cr_assert_eq(wok_select(branches, 1, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(wok_select(branches, 1, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, -EINVAL, "a handle that was consumed is ready with that");
}

WOK_TEST(select, a_timer_that_loses_leaves_its_wheel)
{
    nap_join task = wok_spawn(nap, wok_ms(0));
    int code, result;
    wok_op branches[] = {
        wok_sleep_until_op(wok_after(wok_ms(50))),
        wok_join_op(&task.join, &result, NULL),
        wok_sleep_until_op(wok_after(wok_ms(60))),
    };

    cr_assert_eq(wok_select(branches, 3, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(armed_timers(), 0);
}

WOK_TEST(select, a_future_that_loses_is_neither_dropped_nor_advanced_further)
{
    struct countdown loser = {.polls_left = 100};
    int code, result = 0;
    wok_op branches[] = {
        wok_future_op((wok_future){&countdown_vtable, &loser}, &result),
        wok_sleep_until_op(wok_now()),
    };

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    int polls = loser.polls;
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(loser.polls, polls);
    cr_assert_eq(loser.drops, 0);
    cr_assert_eq(result, 0);
}

/* O1, for select: what is ready wins over a deadline that has passed, if it stands first. */
WOK_TEST(select, biased_takes_the_first_in_the_written_order)
{
    for (int i = 0; i < 100; i++) {
        struct countdown ready[3] = {0};
        int code, results[3];
        wok_op branches[3];

        for (int j = 0; j < 3; j++)
            branches[j] = wok_future_op((wok_future){&countdown_vtable, &ready[j]}, &results[j]);
        cr_assert_eq(wok_select(branches, 3, WOK_SELECT_BIASED, &code), 0);
        cr_assert_eq(ready[1].polls, 0);
        cr_assert_eq(ready[2].polls, 0);
    }
}

static int fair_choice(void)
{
    struct countdown ready[3] = {0};
    int code, results[3];
    wok_op branches[3];

    for (int j = 0; j < 3; j++)
        branches[j] = wok_future_op((wok_future){&countdown_vtable, &ready[j]}, &results[j]);
    return wok_select(branches, 3, WOK_SELECT_FAIR, &code);
}

/* X2.  Three standard deviations of 30,000 draws at 1/3 are 245. */
WOK_TEST(select, fair_takes_each_of_three_ready_branches_a_third_of_the_time)
{
    int wins[3] = {0};

    for (int i = 0; i < 30000; i++)
        wins[fair_choice()]++;
    for (int j = 0; j < 3; j++) {
        cr_assert_gt(wins[j], 9600);
        cr_assert_lt(wins[j], 10400);
    }
}

/* X5: the seed decides. */
static int choices[2][100];
static int round_of_choices;

static void choose(void)
{
    for (int i = 0; i < 100; i++)
        choices[round_of_choices][i] = fair_choice();
}

Test(select, the_same_seed_makes_the_same_choices, .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.seed = 42;
    test_run(&options, choose);
    round_of_choices = 1;
    test_run(&options, choose);
    cr_assert_arr_eq(choices[0], choices[1], sizeof choices[0]);
    options.seed = 43;
    test_run(&options, choose);
    cr_assert_arr_neq(choices[0], choices[1], sizeof choices[0]);
}

/* ---- branches that are off ------------------------------------------------------------------------ */

/* X1 */
WOK_TEST(select, a_branch_that_is_off_is_not_polled)
{
    struct countdown off = {0}, on = {.polls_left = 2};
    int code, result;
    wok_op branches[] = {
        wok_future_op((wok_future){&countdown_vtable, &off}, &result),
        wok_future_op((wok_future){&countdown_vtable, &on}, &result),
    };

    branches[0].vtable = NULL;
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(off.polls, 0);
    cr_assert_eq(on.polls, 3);
}

/* X4: Tokio panics. */
WOK_TEST(select, with_every_branch_off_is_refused)
{
    wok_op branches[2] = {{.vtable = NULL}, {.vtable = NULL}};
    int code;

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), -EINVAL);
    cr_assert_eq(wok_select(branches, 0, WOK_SELECT_FAIR, &code), -EINVAL);
}

WOK_TEST(select, takes_more_branches_than_it_keeps_timers_for)
{
    enum { BRANCHES = 40 };
    wok_op branches[BRANCHES];
    wok_instant start = wok_now();
    int code;

    for (int i = 0; i < BRANCHES; i++)
        branches[i] = wok_sleep_until_op(wok_after(wok_ms((uint64_t)(100 - i))));
    cr_assert_eq(wok_select(branches, BRANCHES, WOK_SELECT_FAIR, &code), BRANCHES - 1);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(61).ns);
    cr_assert_eq(armed_timers(), 0);
}

/* ---- cancellation --------------------------------------------------------------------------------- */

static nap_join the_nap;
static int select_code;

WOK_TASK(select_long, char, int);

static int select_long(char *unused, int *result)
{
    wok_op branches[] = {
        wok_join_op(&the_nap.join, result, NULL),
        wok_sleep_until_op(wok_after(wok_ms(500))),
    };
    int code;

    (void)unused;
    select_code = wok_select(branches, 2, WOK_SELECT_FAIR, &code);
    return select_code;
}

WOK_TEST(select, that_is_cancelled_lets_go_of_everything)
{
    wok_join_error why;
    int result = 0;

    the_nap = wok_spawn(nap, wok_ms(100));
    select_long_join task = wok_spawn(select_long, 0);
    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    cr_assert_eq(armed_timers(), 2);
    wok_join_abort(&task.join);
    cr_assert_eq(select_long_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(select_code, -ECANCELED);
    cr_assert_eq(armed_timers(), 1);
    cr_assert_eq(nap_await(&the_nap, &result, NULL), 0);
    cr_assert_eq(result, 100);
}

/* Joins that end and selects that give up at the same time; nothing is lost or taken twice. */
WOK_TEST_ON(select, keeps_every_handle_valid_until_it_wins, 4)
{
    for (int round = 0; round < 500; round++) {
        enum { TASKS = 4 };
        nap_join tasks[TASKS];
        wok_op branches[TASKS + 1];
        int results[TASKS], won = 0, code;

        for (int i = 0; i < TASKS; i++) {
            tasks[i] = wok_spawn(nap, wok_us((uint64_t)((round + i) % 4) * 15));
            branches[i] = wok_join_op(&tasks[i].join, &results[i], NULL);
        }
        while (won < TASKS) {
            branches[TASKS] = wok_sleep_until_op(wok_after(wok_us(10)));
            int winner = wok_select(branches, TASKS + 1, WOK_SELECT_FAIR, &code);
            cr_assert_geq(winner, 0);
            cr_assert_eq(code, 0);
            if (winner == TASKS)
                continue;
            branches[winner].vtable = NULL;
            won++;
        }
    }
}
