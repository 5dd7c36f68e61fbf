/*
 * test_join.c - the rules J1 to J6: several operations inside one task.
 */
#include "semantics/kit.h"

static void branches_of(wok_op *branches, struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++)
        branches[i] = wok_future_op(step_as_future(&steps[i]), NULL);
}

WOK_TEST(semantics, J1_branches_are_concurrent)
{
    wok_op branches[] = {wok_sleep_op(wok_ms(300)), wok_sleep_op(wok_ms(500)),
                         wok_sleep_op(wok_ms(200))};
    wok_instant start = wok_now();

    cr_assert_eq(wok_join_all(branches, 3, NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(500).ns);
}

static uint64_t polled_by[2];

static wok_poll who_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    (void)result;
    polled_by[*(size_t *)self] = wok_task_id(); /* it borrows a local of the caller's */
    return WOK_READY;
}

WOK_TEST(semantics, J1_branches_are_polled_by_the_caller_and_spawn_nothing)
{
    static const wok_future_vtable vtable = {.name = "who", .size = 8, .poll = who_poll};
    size_t numbers[] = {0, 1};
    wok_op branches[] = {wok_future_op((wok_future){&vtable, &numbers[0]}, NULL),
                         wok_future_op((wok_future){&vtable, &numbers[1]}, NULL)};
    uint64_t spawned = figures().spawned;

    cr_assert_eq(wok_join_all(branches, 2, NULL), 0);
    cr_assert_eq(polled_by[0], wok_task_id());
    cr_assert_eq(polled_by[1], wok_task_id());
    cr_assert_eq(figures().spawned, spawned);
}

WOK_TEST(semantics, J2_a_join_waits_for_all_although_some_fail)
{
    struct step steps[] = {{.ready_at = 1, .code = -EIO}, {.ready_at = 3}, {.ready_at = 2}};
    wok_op branches[3];
    int codes[3];

    branches_of(branches, steps, 3);
    cr_assert_eq(wok_join_all(branches, 3, codes), 0);
    cr_assert_eq(codes[0], -EIO);
    cr_assert_eq(codes[1], WOK_READY);
    cr_assert_eq(codes[2], WOK_READY);
}

WOK_TEST(semantics, J2_a_try_join_ends_at_the_first_failure_and_leaves_futures_to_their_owner)
{
    unsigned drops = 0;
    struct step steps[] = {{.ready_at = 3, .drops = &drops}, {.ready_at = 2, .code = -EIO}};
    wok_op branches[2];
    int codes[2];

    branches_of(branches, steps, 2);
    cr_assert_eq(wok_try_join_all(branches, 2, codes), -EIO);
    cr_assert_eq(codes[0], WOK_PENDING);
    cr_assert_eq(codes[1], -EIO);
    cr_assert_eq(steps[0].polled, 1, "the one that failed came first at the second poll");
    cr_assert_eq(drops, 0);
}

WOK_TEST(semantics, J2_the_operations_that_a_try_join_ends_had_no_effect)
{
    wok_interval ticks = {.period = wok_ms(10), .next = wok_after(wok_ms(20))};
    wok_instant next = ticks.next, scheduled = {7};
    struct step failing = {.ready_at = 2, .code = -EIO};
    wok_op branches[] = {wok_interval_tick_op(&ticks, &scheduled),
                         wok_future_op(step_as_future(&failing), NULL)};

    cr_assert_eq(wok_try_join_all(branches, 2, NULL), -EIO);
    cr_assert_eq(scheduled.ns, 7);
    cr_assert_eq(ticks.next.ns, next.ns);
    cr_assert_eq(armed_timers(), 0);
}

WOK_TEST(semantics, J3_a_try_join_over_handles_does_not_stop_the_tasks)
{
    work_join slow = wok_spawn(work, {wok_ms(20), 5}), aborted = wok_spawn(work, {wok_ms(30), 6});
    wok_op branches[] = {wok_join_op(&slow.join, NULL, NULL),
                         wok_join_op(&aborted.join, NULL, NULL)};
    int result = 0;

    wok_join_abort(&aborted.join);
    cr_assert_eq(wok_try_join_all(branches, 2, NULL), -WOK_EJOIN);
    cr_assert_eq(work_await(&slow, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

static int child(struct work *args)
{
    int error = wok_sleep(args->nap);

    if (error == 0)
        note(args->number);
    return error == 0 && args->number < 0 ? args->number : error;
}

WOK_TEST(semantics, J3_a_scope_does_stop_them)
{
    struct work slow = {wok_ms(20), 5}, failing = {wok_ms(10), -EIO};
    wok_instant start = wok_now();
    int code = 0;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        wok_scope_spawn(scope, child, &slow);
        wok_scope_spawn(scope, child, &failing);
    }
    cr_assert_eq(code, -EIO);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
    assert_noted(-EIO);
}

WOK_TEST(semantics, J4_the_branch_that_is_polled_first_moves_on_by_one_at_each_wake)
{
    struct step steps[] = {{1, .ready_at = 4}, {2, .ready_at = 4}, {3, .ready_at = 4}};
    wok_op branches[3];

    branches_of(branches, steps, 3);
    cr_assert_eq(wok_join_all(branches, 3, NULL), 0);
    assert_noted(1, 2, 3, 2, 3, 1, 3, 1, 2, 1, 2, 3);
}

/* A branch that takes all the budget it can get, until the other one had some. */
struct glutton {
    wok_interval ticks;
    bool *other_is_ready;
};

static wok_poll glutton_poll(void *self_, wok_cx *cx, void *result)
{
    struct glutton *self = self_;

    (void)result;
    while (!*self->other_is_ready) {
        if (take_tick(&self->ticks, cx) == WOK_PENDING)
            return WOK_PENDING;
    }
    return WOK_READY;
}

struct modest {
    wok_interval ticks;
    bool ready;
};

static wok_poll modest_poll(void *self_, wok_cx *cx, void *result)
{
    struct modest *self = self_;

    (void)result;
    if (take_tick(&self->ticks, cx) == WOK_PENDING)
        return WOK_PENDING;
    self->ready = true;
    return WOK_READY;
}

WOK_TEST(semantics, J5_a_branch_that_uses_up_the_budget_does_not_starve_the_others)
{
    static const wok_future_vtable glutton_vtable = {
        .name = "glutton", .size = sizeof(struct glutton), .poll = glutton_poll};
    static const wok_future_vtable modest_vtable = {
        .name = "modest", .size = sizeof(struct modest), .poll = modest_poll};

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    struct modest modest = {endless_ticks(), false};
    struct glutton glutton = {endless_ticks(), &modest.ready};
    wok_op branches[] = {wok_future_op((wok_future){&glutton_vtable, &glutton}, NULL),
                         wok_future_op((wok_future){&modest_vtable, &modest}, NULL)};

    cr_assert_eq(wok_join_all(branches, 2, NULL), 0);
    cr_assert(modest.ready);
}

WOK_TEST(semantics, J6_a_join_of_nothing_is_ready_at_once)
{
    WOK_CLEANUP(work_join_drop) work_join other = wok_spawn(work, {wok_ms(1), 5});

    cr_assert_eq(wok_join_all(NULL, 0, NULL), 0);
    cr_assert_eq(wok_try_join_all(NULL, 0, NULL), 0);
    cr_assert_eq(work_seen.began, 0, "nobody else had a turn");
}
