/*
 * test_unconstrained.c - blocks without a budget.
 */
#include <errno.h>

#include "support/wok_test.h"

static unsigned turns;

WOK_TASK(count_turns, char, int);
static int count_turns(char *unused, int *result)
{
    (void)unused;
    for (*result = 0; *result == 0; *result = wok_yield())
        turns++;
    return *result;
}

static wok_interval behind;

/* Operations that are ready at once. */
static void take(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        cr_assert_eq(wok_interval_tick(&behind, NULL), 0);
}

static count_turns_join begin(void)
{
    count_turns_join join = wok_spawn(count_turns, 0);

    cr_assert_eq(wok_interval_init_at(&behind, (wok_instant){0}, wok_ns(1), 0), 0);
    cr_assert_eq(wok_yield(), 0);
    turns = 0;
    return join;
}

static void end(count_turns_join *join)
{
    wok_join_abort(&join->join);
    cr_assert_eq(count_turns_await(join, NULL, NULL), -WOK_EJOIN);
}

WOK_TEST(unconstrained, lets_nobody_run_between_operations_that_are_ready)
{
    count_turns_join join = begin();

    WOK_UNCONSTRAINED()
    {
        take(1000);
        cr_assert_eq(turns, 0);
        for (int i = 0; i < 1000; i++)
            cr_assert_eq(wok_checkpoint(), 0);
        cr_assert_eq(turns, 0);
        WOK_UNCONSTRAINED()
        take(200);
        take(200);
        cr_assert_eq(turns, 0, "blocks nest");
    }
    take(1);
    cr_assert_eq(turns, 1, "what was used in the block counts after it");
    take(127);
    cr_assert_eq(turns, 1);
    take(1);
    cr_assert_eq(turns, 2);
    end(&join);
}

WOK_TEST(unconstrained, waits_and_yields_all_the_same)
{
    count_turns_join join = begin();
    wok_instant start = wok_now();

    WOK_UNCONSTRAINED()
    {
        cr_assert_eq(wok_yield(), 0);
        cr_assert_eq(turns, 1);
    }
    end(&join);
    WOK_UNCONSTRAINED()
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(1).ns);
}

/* Across a wait the block goes with the task, and covers nobody else. */
static unsigned taken_by_other;

WOK_TASK(take_until_another_ran, char, int);
static int take_until_another_ran(char *unused, int *result)
{
    unsigned before = turns;

    (void)unused;
    *result = 0;
    for (taken_by_other = 0; turns == before; taken_by_other++)
        take(1);
    return 0;
}

WOK_TEST(unconstrained, goes_with_the_task)
{
    count_turns_join join = begin();

    WOK_UNCONSTRAINED()
    {
        take_until_another_ran_join other = wok_spawn(take_until_another_ran, 0);
        cr_assert_eq(take_until_another_ran_await(&other, NULL, NULL), 0);
        cr_assert_eq(taken_by_other, 129);
        unsigned before = turns;
        take(1000);
        cr_assert_eq(turns, before);
    }
    end(&join);
}

static void leave_early(void)
{
    WOK_UNCONSTRAINED()
    return;
}

WOK_TEST(unconstrained, ends_with_its_block_however_that_is_left)
{
    count_turns_join join = begin();

    leave_early();
    WOK_UNCONSTRAINED()
    break;
    take(256 + 1);
    cr_assert_eq(turns, 2);
    end(&join);
}

/* Aborts itself by way of its handle, and goes on until it notices. */
WOK_TASK(loop_in_block, wok_join *, int);
static int loop_in_block(wok_join **own, int *result)
{
    *result = 0;
    WOK_UNCONSTRAINED()
    {
        for (int i = 0; i < 1000 && *result == 0; i++) {
            if (i == 500)
                wok_join_abort(*own);
            *result = wok_checkpoint();
        }
    }
    return *result;
}

WOK_TEST(unconstrained, notices_an_abort)
{
    loop_in_block_join join = {{NULL}};
    wok_join_error why;

    join = wok_spawn(loop_in_block, &join.join);
    cr_assert_eq(loop_in_block_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
}

/* ---- inside the poll of a stackless task ----------------------------------------------------------- */

static unsigned taken_in_a_poll;

static wok_poll unconstrained_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)result;
    WOK_UNCONSTRAINED()
    {
        for (; taken_in_a_poll < 1000; taken_in_a_poll++)
            if (wok_checkpoint_poll(cx) == WOK_PENDING)
                return WOK_READY;
    }
    return wok_checkpoint_poll(cx) == WOK_PENDING ? WOK_READY : -EIO;
}

static const wok_future_vtable unconstrained_vtable = {
    .name = "unconstrained", .size = 1, .poll = unconstrained_poll};

WOK_TEST(unconstrained, holds_inside_one_poll)
{
    char nothing = 0;
    wok_join join = wok_spawn_future(&unconstrained_vtable, &nothing);

    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(taken_in_a_poll, 1000);
}
