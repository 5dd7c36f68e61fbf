/*
 * test_scopes.c - the rules Q1 to Q5: blocks that cannot be left before their children have ended.
 */
#include "semantics/kit.h"

/* A child that sleeps, then gives its number if that is negative; counts what becomes of it. */
static struct {
    unsigned ended, cancelled;
    unsigned running, most_running;
} children;

static int child(struct work *args)
{
    if (++children.running > children.most_running)
        children.most_running = children.running;
    int error = wok_sleep(args->nap);
    children.running--;
    children.ended++;
    if (error == -ECANCELED)
        children.cancelled++;
    else if (error == 0)
        note(args->number);
    return error == 0 && args->number < 0 ? args->number : error;
}

static int panic_at_once(int *number)
{
    wok_panic("child %d", *number);
}

static struct work brief = {{.ns = 1000000}, 1}; /* 1 ms */
static struct work endless = {{.ns = UINT64_MAX / 2}, 2};

/* ---- every way out waits ------------------------------------------------------------------------ */

WOK_TEST(semantics, Q1_the_end_of_the_block_waits_for_the_children)
{
    int code = 7;

    WOK_SCOPE(scope, .ret_code = &code)
    {
        wok_scope_spawn(scope, child, &brief);
    }
    cr_assert_eq(code, 0);
    assert_noted(1);
}

enum way { BY_BREAK, BY_RETURN, BY_GOTO, BY_PANIC, BY_CANCEL };

WOK_TASK(leave, enum way, int);

static int leave(enum way *way, int *result)
{
    *result = 0;
    WOK_SCOPE(scope)
    {
        wok_scope_spawn(scope, child, &endless);
        int error = wok_sleep(*way == BY_CANCEL ? wok_seconds(10) : wok_ms(1));
        if (*way == BY_BREAK)
            break;
        if (*way == BY_RETURN)
            return error;
        if (*way == BY_GOTO)
            goto out;
        if (*way == BY_PANIC)
            wok_panic("no salt");
    }
out:
    cr_assert_eq(children.ended, 1);
    return wok_cancelled() ? -ECANCELED : 0;
}

static void assert_leaves(enum way way, wok_outcome outcome)
{
    leave_join task = wok_spawn(leave, way);

    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    if (way == BY_CANCEL)
        wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, outcome);
    cr_assert_eq(children.ended, 1, "the child is gone with the block");
    cr_assert_eq(children.cancelled, 1, "and was told to stop");
}

WOK_TEST(semantics, Q1_a_break_waits_too_and_Q2_it_cancels_first)
{
    assert_leaves(BY_BREAK, WOK_RETURNED);
}

WOK_TEST(semantics, Q1_a_return_waits_too_and_Q2_it_cancels_first)
{
    assert_leaves(BY_RETURN, WOK_RETURNED);
}

WOK_TEST(semantics, Q1_a_goto_waits_too_and_Q2_it_cancels_first)
{
    assert_leaves(BY_GOTO, WOK_RETURNED);
}

WOK_TEST(semantics, Q1_a_panic_waits_too_and_Q2_it_cancels_first)
{
    assert_leaves(BY_PANIC, WOK_PANICKED);
}

WOK_TEST(semantics, Q1_a_cancelled_parent_waits_too_and_Q2_it_cancels_first)
{
    assert_leaves(BY_CANCEL, WOK_CANCELLED);
}

/* ---- errors go up ------------------------------------------------------------------------------- */

WOK_TEST(semantics, Q2_a_childs_panic_cancels_its_siblings_and_comes_out_of_the_wait)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope;
    wok_join_error why;
    int number = 3;

    wok_scope_init(&scope, &(wok_scope_options){.policy = WOK_SCOPE_FAIL_FAST});
    wok_scope_spawn(&scope, child, &endless);
    wok_scope_spawn(&scope, panic_at_once, &number);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(children.cancelled, 1);
}

WOK_TEST(semantics, Q2_without_a_policy_all_run_to_their_end_and_the_first_failure_comes_out)
{
    struct work late = {wok_ms(9), -EIO}, early = {wok_ms(3), -ENOENT};
    int code = 0;

    WOK_SCOPE(scope, .ret_code = &code)
    {
        wok_scope_spawn(scope, child, &late);
        wok_scope_spawn(scope, child, &early);
        wok_scope_spawn(scope, child, &brief);
    }
    cr_assert_eq(code, -EIO, "the first in the order of spawning");
    assert_noted(1, -ENOENT, -EIO);
}

/* ---- what goes down ----------------------------------------------------------------------------- */

static wok_instant deadline_of_child;

static int note_deadline(int *unused)
{
    (void)unused;
    deadline_of_child = wok_deadline_now();
    return wok_sleep(wok_seconds(10));
}

WOK_TEST(semantics, Q3_children_see_the_deadline_of_the_scope_and_of_what_is_around_it)
{
    wok_instant start = wok_now();
    int code = 0, unused = 0;

    WOK_SCOPE(scope, .timeout = wok_ms(20), .ret_code = &code)
    {
        wok_scope_spawn(scope, note_deadline, &unused);
    }
    cr_assert_eq(code, -ETIMEDOUT);
    cr_assert_eq(deadline_of_child.ns, start.ns + wok_ms(20).ns);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);

    WOK_TIMEOUT(wok_ms(30))
    {
        WOK_SCOPE(scope, .timeout = wok_seconds(5), .ret_code = &code)
        {
            wok_scope_spawn(scope, note_deadline, &unused);
        }
    }
    cr_assert_eq(code, -ETIMEDOUT);
    cr_assert_eq(deadline_of_child.ns, start.ns + wok_ms(50).ns);
}

WOK_TEST_WORKERS(semantics, Q3_children_may_borrow_from_the_frame_on_any_worker, 4)
{
    struct work args[50];

    WOK_SCOPE(scope)
    {
        for (int i = 0; i < 50; i++) {
            args[i] = (struct work){wok_ms((uint64_t)(i % 7)), i};
            wok_scope_spawn(scope, child, &args[i]);
        }
    }
    cr_assert_eq(children.ended, 50);
}

/* ---- policies ----------------------------------------------------------------------------------- */

WOK_TEST(semantics, Q4_the_first_success_cancels_the_rest)
{
    struct work failing = {wok_ms(5), -EIO}, good = {wok_ms(10), 3};
    int code = 7;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FIRST_OK, .ret_code = &code)
    {
        wok_scope_spawn(scope, child, &failing);
        wok_scope_spawn(scope, child, &good);
        wok_scope_spawn(scope, child, &endless);
    }
    cr_assert_eq(code, 0);
    cr_assert_eq(children.cancelled, 1);
    assert_noted(-EIO, 3);
}

WOK_TEST(semantics, Q4_first_ok_fails_only_if_all_failed)
{
    struct work one = {wok_ms(5), -EIO}, other = {wok_ms(10), -ENOENT};
    int code = 7;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FIRST_OK, .ret_code = &code)
    {
        wok_scope_spawn(scope, child, &one);
        wok_scope_spawn(scope, child, &other);
    }
    cr_assert_eq(code, -EIO);
}

WOK_TEST(semantics, Q4_children_beyond_max_running_wait_in_fifo_order)
{
    struct work args[6];
    wok_instant start = wok_now();

    WOK_SCOPE(scope, .max_running = 2)
    {
        for (int i = 0; i < 6; i++) {
            args[i] = (struct work){wok_ms(10), i};
            wok_scope_spawn(scope, child, &args[i]);
        }
    }
    cr_assert_eq(children.most_running, 2);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    assert_noted(0, 1, 2, 3, 4, 5);
}

/* ---- trees -------------------------------------------------------------------------------------- */

struct branch {
    int depth, code;
};

/* Opens a scope of its own with two children, down to the leaves. */
static int grow(struct branch *branch)
{
    struct branch next[] = {{branch->depth - 1, 0}, {branch->depth - 1, branch->code}};
    int code = 0;

    if (branch->depth == 0)
        return branch->code != 0 ? branch->code : child(&endless);
    WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        wok_scope_spawn(scope, grow, &next[0]);
        wok_scope_spawn(scope, grow, &next[1]);
    }
    return code;
}

WOK_TEST_WORKERS(semantics, Q5_a_childs_error_goes_up_the_tree_and_cancels_the_other_branches, 3)
{
    struct branch root = {3, -EIO};

    cr_assert_eq(grow(&root), -EIO);
    cr_assert_eq(children.ended, children.cancelled);
}

WOK_TASK(grow_tree, char, int);

static int grow_tree(char *unused, int *result)
{
    struct branch root = {3, 0};

    (void)unused;
    *result = 0;
    return grow(&root);
}

WOK_TEST_WORKERS(semantics, Q5_cancellation_goes_down_the_tree, 3)
{
    grow_tree_join task = wok_spawn(grow_tree, 0);

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(children.ended, 8);
    cr_assert_eq(children.cancelled, 8);
}
