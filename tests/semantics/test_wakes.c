/*
 * test_wakes.c - the rules S21 and S22: what a wake does, and how long it may take.
 */
#include "semantics/kit.h"

/* ---- wakes -------------------------------------------------------------------------------------- */

WOK_TEST(semantics, S21_wakes_coalesce_until_the_next_poll)
{
    WOK_CLEANUP(wok_waker_drop) wok_waker waker = {0};
    unsigned polls = 0;
    struct step step = {.ready_at = 3, .sleeps = true, .keep_waker = &waker, .polls = &polls};
    wok_join task = wok_spawn_future(&step_vtable, &step);

    cr_assert_eq(wok_yield(), 0);
    for (unsigned round = 2; round <= 3; round++) {
        for (int i = 0; i < 3; i++)
            wok_waker_wake(&waker);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
        cr_assert_eq(polls, round);
    }
    cr_assert_eq(end_of(&task).outcome, WOK_RETURNED);
}

struct restless {
    unsigned *polls;
};

/* Wakes itself three times while it runs, at its first poll. */
static wok_poll restless_poll(void *self_, wok_cx *cx, void *result)
{
    struct restless *self = self_;
    wok_waker waker = wok_waker_new(cx);

    (void)result;
    if ((*self->polls)++ == 0) {
        for (int i = 0; i < 3; i++)
            wok_waker_wake(&waker);
    }
    wok_waker_drop(&waker);
    return WOK_PENDING;
}

WOK_TEST(semantics, S21_a_wake_while_the_task_runs_polls_it_once_more)
{
    static const wok_future_vtable vtable = {
        .name = "restless", .size = sizeof(struct restless), .poll = restless_poll};
    unsigned polls = 0;
    struct restless restless = {&polls};
    wok_join task = wok_spawn_future(&vtable, &restless);

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(polls, 2);
    wok_join_abort(&task);
    cr_assert_eq(end_of(&task).outcome, WOK_CANCELLED);
}

WOK_TEST(semantics, S21_a_wake_after_the_end_does_nothing)
{
    WOK_CLEANUP(wok_waker_drop) wok_waker waker = {0};
    unsigned polls = 0, drops = 0;
    struct step step = {.ready_at = 2, .keep_waker = &waker, .polls = &polls, .drops = &drops};
    wok_join task = wok_spawn_future(&step_vtable, &step);

    cr_assert_eq(end_of(&task).outcome, WOK_RETURNED);
    wok_waker_wake(&waker);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(polls, 2);
    cr_assert_eq(drops, 1);
}

/* ---- fairness ----------------------------------------------------------------------------------- */

static bool stop;

/* Yields until it is stopped. */
WOK_TASK(spin, char, int);

static int spin(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    while (!stop)
        cr_assert_eq(wok_yield(), 0);
    return 0;
}

static wok_waker fair_waker;

/* Waits for the waker, and tells at which poll of the worker it ran. */
WOK_TASK(run_again, char, uint64_t);

static int run_again(char *unused, uint64_t *polls)
{
    struct step step = {.ready_at = 2, .sleeps = true, .keep_waker = &fair_waker};

    (void)unused;
    int error = wok_await(step_as_future(&step), NULL);
    *polls = polls_of_worker(0);
    stop = true;
    return error;
}

WOK_TEST(semantics, S22_a_woken_task_runs_within_a_bounded_number_of_polls)
{
    enum { OTHERS = 20 };
    spin_join bound[OTHERS];
    wok_join movable[OTHERS];
    struct step endless = {0};
    uint64_t ran = 0;

    for (int i = 0; i < OTHERS; i++) {
        bound[i] = wok_spawn(spin, 0);
        movable[i] = wok_spawn_future(&step_vtable, &endless);
    }
    run_again_join task = wok_spawn(run_again, 0);
    while (fair_waker.task == NULL)
        cr_assert_eq(wok_yield(), 0);
    uint64_t woken = polls_of_worker(0);
    wok_waker_wake(&fair_waker);
    cr_assert_eq(run_again_await(&task, &ran, NULL), 0);
    cr_assert_leq(ran - woken, 4 * OTHERS);
    wok_waker_drop(&fair_waker);
    for (int i = 0; i < OTHERS; i++) {
        cr_assert_eq(end_of(&bound[i].join).outcome, WOK_RETURNED);
        wok_join_abort(&movable[i]);
        cr_assert_eq(end_of(&movable[i]).outcome, WOK_CANCELLED);
    }
}
