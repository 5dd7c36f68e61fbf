/*
 * test_locals.c - the rule E6: values that follow a task.
 */
#include "semantics/kit.h"

static wok_local request, other;
static void *in_task, *in_unwind;

static void look(int *unused)
{
    (void)unused;
    in_unwind = wok_local_get(&request);
}

WOK_TASK(carry, int *, int);

static int carry(int **value, int *result)
{
    in_task = wok_local_get(&request);
    WOK_LOCAL(&request, *value)
    {
        WOK_CLEANUP(look) int owned = 0;
        *result = owned;
        return wok_sleep(wok_seconds(10));
    }
    return 0;
}

WOK_TEST(semantics, E6_a_local_holds_for_its_block_across_waits)
{
    int value = 5;

    WOK_LOCAL(&request, &value)
    {
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
        cr_assert_eq(wok_local_get(&request), &value);
        cr_assert_null(wok_local_get(&other));
    }
    cr_assert_null(wok_local_get(&request));
}

WOK_TEST(semantics, E6_a_local_is_not_inherited_by_a_spawn_and_is_readable_during_an_abort)
{
    int outer = 1, inner = 2;

    WOK_LOCAL(&request, &outer)
    {
        carry_join task = wok_spawn(carry, &inner);
        cr_assert_eq(wok_yield(), 0);
        cr_assert_null(in_task);
        wok_join_abort(&task.join);
        cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
        cr_assert_eq(in_unwind, &inner);
        cr_assert_eq(wok_local_get(&request), &outer);
    }
}
