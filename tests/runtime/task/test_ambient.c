/*
 * test_ambient.c - what covers a block: deadlines and shields.
 */
#include <errno.h>

#include "support/wok_test.h"

/* ---- deadlines ------------------------------------------------------------------------------------ */

WOK_TEST(deadline, covers_every_wait_in_its_block)
{
    wok_instant start = wok_now();
    int first = 0, second = 0;

    WOK_TIMEOUT(wok_ms(100))
    {
        first = wok_sleep(wok_seconds(1));
        second = wok_sleep(wok_seconds(1));
    }
    cr_assert_eq(first, -ETIMEDOUT);
    cr_assert_eq(second, -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(100).ns);
    cr_assert_eq(wok_sleep(wok_seconds(1)), 0, "not after the block");
}

WOK_TEST(deadline, of_the_nearer_block_wins)
{
    wok_instant start = wok_now();

    WOK_TIMEOUT(wok_ms(100))
    {
        WOK_TIMEOUT(wok_ms(300))
        {
            cr_assert_eq(wok_deadline_now().ns, start.ns + wok_ms(100).ns);
            cr_assert_eq(wok_sleep(wok_ms(200)), -ETIMEDOUT);
        }
        cr_assert_eq(wok_elapsed(start).ns, wok_ms(100).ns);
    }
    WOK_TIMEOUT(wok_ms(300))
    {
        WOK_TIMEOUT(wok_ms(50))
        cr_assert_eq(wok_sleep(wok_ms(200)), -ETIMEDOUT);
        cr_assert_eq(wok_sleep(wok_ms(200)), 0, "the outer one has not passed");
    }
    cr_assert_eq(wok_deadline_now().ns, WOK_NEVER.ns);
}

WOK_TEST(deadline, of_a_call_wins_if_it_is_nearer)
{
    wok_instant start = wok_now();

    WOK_TIMEOUT(wok_ms(100))
    {
        cr_assert_eq(wok_op_await_until(wok_sleep_op(wok_seconds(1)), wok_after(wok_ms(10))),
                     -ETIMEDOUT);
        cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
        cr_assert_eq(wok_op_await_until(wok_sleep_op(wok_seconds(1)), wok_after(wok_ms(500))),
                     -ETIMEDOUT);
        cr_assert_eq(wok_elapsed(start).ns, wok_ms(100).ns);
    }
}

WOK_TASK(give, int, int);
static int give(int *number, int *result)
{
    *result = *number;
    return 0;
}

WOK_TEST(deadline, that_has_passed_loses_to_what_is_ready)
{
    give_join join = wok_spawn(give, 7);
    int result = 0;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    WOK_DEADLINE((wok_instant){0})
    cr_assert_eq(give_await(&join, &result, NULL), 0);
    cr_assert_eq(result, 7);
}

static int leave_by_return(void)
{
    WOK_TIMEOUT(wok_ms(1))
    return wok_sleep(wok_ms(2));
    return 0;
}

WOK_TEST(deadline, ends_with_its_block_however_that_is_left)
{
    cr_assert_eq(leave_by_return(), -ETIMEDOUT);
    cr_assert_eq(wok_deadline_now().ns, WOK_NEVER.ns);
    WOK_TIMEOUT(wok_ms(1))
    {
        if (wok_deadline_now().ns != WOK_NEVER.ns)
            break;
    }
    cr_assert_eq(wok_deadline_now().ns, WOK_NEVER.ns);
    for (int i = 0; i < 3; i++) {
        WOK_TIMEOUT(wok_ms(1))
        goto out;
    }
out:
    cr_assert_eq(wok_deadline_now().ns, WOK_NEVER.ns);
}

WOK_TASK(look_at_deadline, int, uint64_t);
static int look_at_deadline(int *unused, uint64_t *result)
{
    (void)unused;
    *result = wok_deadline_now().ns;
    return 0;
}

WOK_TEST(deadline, covers_no_task_that_is_merely_spawned)
{
    uint64_t seen = 0;

    WOK_TIMEOUT(wok_ms(1))
    {
        look_at_deadline_join join = wok_spawn(look_at_deadline, 0);
        cr_assert_eq(look_at_deadline_await(&join, &seen, NULL), 0);
        cr_assert_neq(wok_deadline_now().ns, WOK_NEVER.ns);
    }
    cr_assert_eq(seen, WOK_NEVER.ns);
}

static bool turned;

WOK_TASK(take_a_turn, int, int);
static int take_a_turn(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    turned = true;
    return 0;
}

WOK_TEST(deadline, that_a_loop_ignores_still_lets_others_run)
{
    take_a_turn_join join = wok_spawn(take_a_turn, 0);
    int rounds = 0;

    WOK_DEADLINE((wok_instant){0})
    {
        while (!turned && rounds < 10000) {
            cr_assert_eq(wok_sleep(wok_ms(1)), -ETIMEDOUT);
            rounds++;
        }
    }
    cr_assert(turned);
    take_a_turn_join_drop(&join);
}

static int covered_code, covered_in_handler;

static void wait_in_handler(int *unused)
{
    (void)unused;
    covered_in_handler = wok_sleep(wok_ms(5));
}

WOK_TASK(panic_in_block, int, int);
static int panic_in_block(int *unused, int *result)
{
    (void)unused;
    (void)result;
    WOK_TIMEOUT(wok_ms(1))
    {
        WOK_CLEANUP(wait_in_handler) __attribute__((unused)) int guard = 0;
        covered_code = wok_sleep(wok_ms(2));
        wok_panic("over");
    }
    return 0;
}

WOK_TEST(deadline, does_not_cover_handlers_of_an_unwind)
{
    panic_in_block_join join = wok_spawn(panic_in_block, 0);
    wok_join_error why;

    covered_in_handler = 1;
    cr_assert_eq(panic_in_block_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(covered_code, -ETIMEDOUT);
    cr_assert_eq(covered_in_handler, 0);
}

Test(deadline, covers_a_plain_thread_as_well, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = test_options();

    options.paused_clock = false; /* it would jump on before the thread has woken up */
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wok_runtime *before = wok_runtime_enter(runtime);
    WOK_TIMEOUT(wok_ms(5))
    cr_assert_eq(wok_op_await(wok_sleep_op(wok_seconds(100))), -ETIMEDOUT);
    wok_runtime_enter(before);
    wok_runtime_free(runtime);
}

/* ---- shields ---------------------------------------------------------------------------------------- */

static int in_shield, after_shield;
static wok_duration shielded_for;

WOK_TASK(work_shielded, int, int);
static int work_shielded(int *unused, int *result)
{
    (void)unused;
    (void)result;
    wok_instant start = wok_now();
    WOK_SHIELD()
    {
        in_shield = wok_sleep(wok_ms(100));
        shielded_for = wok_elapsed(start);
    }
    after_shield = wok_sleep(wok_ms(100));
    return after_shield;
}

WOK_TEST(shield, hides_an_abort_until_the_block_ends)
{
    work_shielded_join join = wok_spawn(work_shielded, 0);
    wok_join_error why;

    cr_assert_eq(wok_sleep(wok_ms(10)), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(work_shielded_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(in_shield, 0);
    cr_assert_eq(shielded_for.ns, wok_ms(100).ns);
    cr_assert_eq(after_shield, -ECANCELED);
}

WOK_TEST(shield, hides_outer_deadlines_and_not_inner_ones)
{
    WOK_TIMEOUT(wok_ms(10))
    {
        WOK_SHIELD()
        {
            cr_assert_eq(wok_sleep(wok_ms(50)), 0);
            WOK_TIMEOUT(wok_ms(5))
            cr_assert_eq(wok_sleep(wok_ms(50)), -ETIMEDOUT);
            cr_assert_eq(wok_deadline_now().ns, WOK_NEVER.ns);
        }
        cr_assert_eq(wok_sleep(wok_ms(50)), -ETIMEDOUT);
    }
}

WOK_TASK(shield_forever, int, int);
static int shield_forever(int *unused, int *result)
{
    (void)unused;
    (void)result;
    WOK_SHIELD()
    in_shield = wok_sleep(wok_seconds(3600));
    return 0;
}

Test(shield, does_not_outlast_a_shutdown, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = test_options();
    wok_shutdown_report report;

    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    shield_forever_join join = wok_spawn_on(runtime, shield_forever, 0);
    int unused = 0;
    cr_assert_eq(wok_block_on(runtime, give, 1, &unused, NULL), 0); /* the other one has begun */
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), 0);
    cr_assert_eq(report.stuck, 0);
    cr_assert_eq(in_shield, -ECANCELED);
    shield_forever_join_drop(&join);
    wok_runtime_free(runtime);
}

/* ---- operations --------------------------------------------------------------------------------------- */

WOK_TEST(operation, that_is_off_is_never_ready)
{
    wok_op off = wok_op_if(false, wok_sleep_op(wok_ms(1)));
    wok_op branches[] = {off, wok_sleep_op(wok_ms(2))};
    int code = -1;

    cr_assert_eq(wok_op_await(off), -EINVAL);
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    cr_assert_eq(code, 0);
}

/* A stackless task that waits for the first of two operations. */
struct chooser {
    wok_op branches[2];
    wok_select_future select;
    int resume_line;
    size_t *winner;
};

static wok_poll chooser_poll(void *self_, wok_cx *cx, void *result)
{
    struct chooser *self = self_;

    (void)result;
    WOK_ASYNC_BEGIN(self);
    self->branches[0] = wok_sleep_op(wok_ms(30));
    self->branches[1] = wok_sleep_op(wok_ms(20));
    wok_select_future_init(&self->select, self->branches, 2, WOK_SELECT_FAIR);
    WOK_AWAIT(self, wok_select_future_poll(&self->select, cx));
    *self->winner = self->select.winner;
    WOK_ASYNC_END;
}

static void chooser_drop(void *self_)
{
    struct chooser *self = self_;

    if (self->resume_line != 0)
        wok_select_future_drop(&self->select);
}

static const wok_future_vtable chooser_vtable = {
    .name = "chooser",
    .size = sizeof(struct chooser),
    .poll = chooser_poll,
    .drop = chooser_drop,
};

WOK_TEST(operation, is_selected_by_stackless_tasks_as_well)
{
    size_t winner = 7;
    struct chooser chooser = {.winner = &winner};
    wok_join join = wok_spawn_future(&chooser_vtable, &chooser);
    wok_worker_metrics metrics;

    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(winner, 1);
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    cr_assert_eq(metrics.timers, 0);

    chooser = (struct chooser){.winner = &winner};
    join = wok_spawn_future(&chooser_vtable, &chooser);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join);
    cr_assert_eq(wok_join_await(&join, NULL, NULL), -WOK_EJOIN);
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    cr_assert_eq(metrics.timers, 0);
}
