/*
 * test_scheduler.c - the rules D1 to D8: queues, the slot, sharing, the budget.
 */
#include "semantics/kit.h"

static wok_worker_metrics worker_figures(unsigned worker)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), worker, &metrics));
    return metrics;
}

static wok_join spawn_step(struct step step)
{
    return wok_spawn_future(&step_vtable, &step);
}

static void detach_steps(int first, int count)
{
    for (int i = first; i < first + count; i++) {
        wok_join task = spawn_step((struct step){.number = i, .ready_at = 1});
        wok_join_drop(&task);
    }
}

/* ---- D1 ----------------------------------------------------------------------------------------- */

WOK_TEST(semantics, D1_the_ring_holds_256_tasks_and_the_next_one_moves_half_to_the_injection_queue)
{
    detach_steps(0, 256);
    cr_assert_eq(worker_figures(0).overflows, 0);
    cr_assert_eq(figures().injection_depth, 0);
    detach_steps(256, 1);
    cr_assert_eq(worker_figures(0).overflows, 1);
    cr_assert_eq(figures().injection_depth, 129);
}

static int steals_of_one_ring;

static void steal_half(void)
{
    enum { TASKS = 200 };

    for (int i = 0; i < TASKS; i++) {
        wok_join task = spawn_step((struct step){.ready_at = 3});
        wok_join_drop(&task);
    }
    wok_worker_metrics thief;
    do {
        cr_assert_eq(wok_yield(), 0);
        thief = worker_figures(wok_worker_index() == 0 ? 1 : 0);
    } while (thief.steals == 0 && figures().live > 1);
    if (thief.steals == 1 && thief.stolen_tasks > 1) {
        cr_assert_leq(thief.stolen_tasks, TASKS / 2);
        steals_of_one_ring++;
    }
    cr_assert_leq(thief.stolen_tasks, 128 * thief.steals);
}

Test(semantics, D1_a_thief_takes_half_of_a_ring, .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.workers = 2;
    for (options.seed = 1; options.seed <= 20; options.seed++)
        test_run(&options, steal_half);
    cr_assert_gt(steals_of_one_ring, 0);
}

/* ---- D2 to D4: the slot --------------------------------------------------------------------------- */

WOK_TEST(semantics, D2_a_woken_task_runs_next_and_the_one_before_it_goes_to_the_end_of_the_queue)
{
    wok_waker wakers[2] = {0};
    wok_join sleepers[2];

    for (int i = 0; i < 2; i++)
        sleepers[i] = spawn_step((struct step){
            .number = 10 + i, .ready_at = 2, .sleeps = true, .keep_waker = &wakers[i]});
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    detach_steps(1, 3);
    wok_waker_wake(&wakers[0]);
    wok_waker_wake(&wakers[1]);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    assert_noted(10, 11, 11, 1, 2, 3, 10);
    for (int i = 0; i < 2; i++) {
        wok_waker_drop(&wakers[i]);
        wok_join_drop(&sleepers[i]);
    }
}

WOK_TEST(semantics, D2_a_task_that_yields_goes_to_the_end_of_the_queue)
{
    wok_join yields = spawn_step((struct step){.number = 10, .ready_at = 3});

    detach_steps(1, 3);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    assert_noted(10, 1, 2, 3, 10, 10);
    wok_join_drop(&yields);
}

/* One of two tasks that wake each other for ever, until they are stopped. */
struct player {
    int number;
    wok_waker *own, *other;
};
static unsigned volleys;

static wok_poll player_poll(void *self_, wok_cx *cx, void *result)
{
    struct player *self = self_;

    (void)result;
    volleys++;
    if (self->own->task == NULL)
        *self->own = wok_waker_new(cx);
    if (self->other->task != NULL)
        wok_waker_wake(self->other);
    return WOK_PENDING;
}

static const wok_future_vtable player_vtable = {
    .name = "player", .size = sizeof(struct player), .poll = player_poll};

static unsigned volleys_when_it_ran;

static wok_poll umpire_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    volleys_when_it_ran = volleys;
    return WOK_READY;
}

static const wok_future_vtable umpire_vtable = {.name = "umpire", .size = 1, .poll = umpire_poll};

WOK_TEST(semantics, D3_the_slot_runs_at_most_3_times_in_a_row_while_others_wait)
{
    wok_waker wakers[2] = {0};
    struct player left = {1, &wakers[0], &wakers[1]}, right = {2, &wakers[1], &wakers[0]};
    wok_join players[] = {wok_spawn_future(&player_vtable, &left),
                          wok_spawn_future(&player_vtable, &right)};
    char none = 0;

    for (int i = 0; i < 5; i++)
        cr_assert_eq(wok_yield(), 0);
    wok_join umpire = wok_spawn_future(&umpire_vtable, &none);
    unsigned before = volleys;
    cr_assert_eq(end_of(&umpire).outcome, WOK_RETURNED);
    cr_assert_leq(volleys_when_it_ran - before, 3);
    for (int i = 0; i < 2; i++) {
        wok_join_abort(&players[i]);
        cr_assert_eq(end_of(&players[i]).outcome, WOK_CANCELLED);
        wok_waker_drop(&wakers[i]);
    }
}

static wok_interval supply;
static unsigned taken_in_first_poll;

/* Takes what the budget of its first poll allows. */
static wok_poll taker_poll(void *woken, wok_cx *cx, void *result)
{
    wok_waker *waker = *(wok_waker **)woken;

    (void)result;
    if (waker->task == NULL) {
        *waker = wok_waker_new(cx);
        return WOK_PENDING;
    }
    while (take_tick(&supply, cx) != WOK_PENDING)
        taken_in_first_poll++;
    return WOK_READY;
}

static const wok_future_vtable taker_vtable = {
    .name = "taker", .size = sizeof(wok_waker *), .poll = taker_poll};

WOK_TEST(semantics, D3_a_task_from_the_slot_has_a_budget_of_its_own)
{
    wok_waker waker = {0}, *woken = &waker;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    supply = endless_ticks();
    wok_join taker = wok_spawn_future(&taker_vtable, &woken);
    cr_assert_eq(wok_yield(), 0);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(wok_interval_tick(&supply, NULL), 0);
    wok_waker_wake(&waker);
    cr_assert_eq(end_of(&taker).outcome, WOK_RETURNED);
    cr_assert_eq(taken_in_first_poll, 128);
    wok_waker_drop(&waker);
}

static int woken_on[2]; /* where the waker was, and where the woken task */

static wok_poll follower_poll(void *self, wok_cx *cx, void *result)
{
    wok_waker *waker = *(wok_waker **)self;

    (void)result;
    if (waker->task == NULL)
        *waker = wok_waker_new(cx);
    else
        woken_on[1] = wok_worker_index();
    return WOK_PENDING;
}

static const wok_future_vtable follower_vtable = {
    .name = "follower", .size = sizeof(wok_waker *), .poll = follower_poll};

/* Without a worker that is stuck: nobody else takes what lies in the slot. */
WOK_TEST_SEEDS(semantics, D4_the_slot_is_not_stolen_from_a_worker_that_moves, 3, 10)
{
    wok_waker waker = {0}, *kept = &waker;
    wok_join follower = wok_spawn_future(&follower_vtable, &kept);

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    for (int i = 0; i < 20; i++) {
        woken_on[0] = wok_worker_index();
        woken_on[1] = -1;
        wok_waker_wake(&waker);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
        cr_assert_eq(woken_on[1], woken_on[0]);
    }
    wok_join_abort(&follower);
    cr_assert_eq(end_of(&follower).outcome, WOK_CANCELLED);
    wok_waker_drop(&waker);
}

static struct tally rescued = TALLY;

static wok_poll rescue_poll(void *self, wok_cx *cx, void *result)
{
    wok_waker *waker = *(wok_waker **)self;

    (void)result;
    if (waker->task != NULL) {
        tally_add(&rescued);
        return WOK_READY;
    }
    *waker = wok_waker_new(cx);
    return WOK_PENDING;
}

static const wok_future_vtable rescue_vtable = {
    .name = "rescue", .size = sizeof(wok_waker *), .poll = rescue_poll};

WOK_TASK(wake_and_block, wok_waker *, int);

static int wake_and_block(wok_waker **waker, int *result)
{
    wok_waker_wake(*waker);
    tally_wait(&rescued, 1); /* blocks its worker until somebody else ran what lies in the slot */
    *result = 0;
    return 0;
}

WOK_TEST_ON(semantics, D4_the_slot_of_a_stuck_worker_is_served_by_another, 2)
{
    wok_waker waker = {0}, *kept = &waker;
    wok_join task = wok_spawn_future(&rescue_vtable, &kept);

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_not_null(waker.task);
    wake_and_block_join blocks = wok_spawn(wake_and_block, &waker);
    cr_assert_eq(wake_and_block_await(&blocks, NULL, NULL), 0);
    cr_assert_eq(end_of(&task).outcome, WOK_RETURNED);
    wok_waker_drop(&waker);
}

/* ---- D5 and D6: after so many polls ------------------------------------------------------------------- */

WOK_TEST(semantics, D5_on_a_paused_clock_the_injection_queue_has_its_turn_at_every_61st_poll)
{
    unsigned from_injection = 0;

    detach_steps(1, 257); /* the older half of the ring went there, and the last one */
    cr_assert_eq(figures().injection_depth, 129);
    while (noted.count < 122)
        cr_assert_eq(wok_yield(), 0);
    for (size_t i = 0; i < 122; i++)
        from_injection += noted.numbers[i] <= 128 || noted.numbers[i] == 257;
    cr_assert_geq(from_injection, 1);
    cr_assert_leq(from_injection, 3, "twice, give or take where the 61 began");
}

WOK_TEST(semantics, D6_the_driver_has_its_turn_at_every_61st_poll)
{
    wok_join busy[] = {spawn_step((struct step){0}), spawn_step((struct step){0})};
    uint64_t turns = worker_figures(0).driver_turns, polls = polls_of_worker(0);

    while (polls_of_worker(0) < polls + 610)
        cr_assert_eq(wok_yield(), 0);
    turns = worker_figures(0).driver_turns - turns;
    cr_assert_geq(turns, 9);
    cr_assert_leq(turns, 11);
    for (int i = 0; i < 2; i++) {
        wok_join_abort(&busy[i]);
        cr_assert_eq(end_of(&busy[i]).outcome, WOK_CANCELLED);
    }
}

/* ---- D7 ----------------------------------------------------------------------------------------- */

enum { BURST = 4 };
static struct tally met = TALLY;

WOK_TASK(meet, unsigned, int);

/* Blocks its worker until the whole burst runs, each on a worker of its own. */
static int meet(unsigned *round, int *result)
{
    tally_add(&met);
    tally_wait(&met, BURST * *round);
    *result = 0;
    return 0;
}

Test(semantics, D7_a_burst_wakes_one_worker_after_the_other, .timeout = 60)
{
    wok_runtime_options options = test_options();
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;

    options.workers = BURST;
    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    for (unsigned round = 1; round <= 50; round++) {
        meet_join tasks[BURST];
        for (int i = 0; i < BURST; i++)
            tasks[i] = wok_spawn_on(runtime, meet, round);
        for (int i = 0; i < BURST; i++)
            cr_assert_eq(meet_await(&tasks[i], NULL, NULL), 0);
    }
}

/* ---- D8: the budget --------------------------------------------------------------------------------- */

WOK_TEST(semantics, D8_a_poll_has_128_operations_and_then_the_others_run)
{
    wok_interval ticks;
    unsigned taken = 0;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    ticks = endless_ticks();
    WOK_CLEANUP(work_join_drop) work_join other = wok_spawn(work, {.number = 5});
    while (work_seen.began == 0) {
        cr_assert_eq(wok_interval_tick(&ticks, NULL), 0);
        taken++;
    }
    cr_assert_eq(taken, 129, "the one after the others is in it");
}

WOK_TEST(semantics, D8_an_operation_that_is_not_ready_costs_nothing)
{
    work_join slow = wok_spawn(work, {wok_ms(10), 5});
    unsigned taken = 0;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_interval ticks = endless_ticks();
    unsigned began = work_seen.began;
    WOK_CLEANUP(work_join_drop) work_join other = wok_spawn(work, {.number = 6});
    for (int i = 0; i < 100; i++) {
        struct step ready = {.ready_at = 1};
        wok_op branches[] = {wok_join_op(&slow.join, NULL, NULL),
                             wok_future_op(step_as_future(&ready), NULL)};
        int code;
        cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    }
    while (work_seen.began == began) {
        cr_assert_eq(wok_interval_tick(&ticks, NULL), 0);
        taken++;
    }
    cr_assert_eq(taken, 129, "all of the budget was left");
    cr_assert_eq(end_of(&slow.join).outcome, WOK_RETURNED);
}

WOK_TEST(semantics, D8_a_checkpoint_costs_one_operation)
{
    WOK_CLEANUP(work_join_drop) work_join other = wok_spawn(work, {.number = 5});
    unsigned rounds = 0;

    while (work_seen.began == 0) {
        cr_assert_eq(wok_checkpoint(), 0);
        rounds++;
    }
    cr_assert_eq(rounds, 129, "the one after the others is in it");
}

WOK_TEST(semantics, D8_a_block_without_a_budget_lets_nobody_run)
{
    WOK_CLEANUP(work_join_drop) work_join other = wok_spawn(work, {.number = 5});

    WOK_UNCONSTRAINED()
    {
        for (int i = 0; i < 1000; i++)
            cr_assert_eq(wok_checkpoint(), 0);
        cr_assert_eq(work_seen.began, 0);
    }
    cr_assert_eq(wok_checkpoint(), 0);
    cr_assert_eq(work_seen.began, 1);
}
