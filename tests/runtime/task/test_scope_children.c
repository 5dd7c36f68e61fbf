/*
 * test_scope_children.c - the children of scopes: polled in place, and many of them.
 */
#include <errno.h>

#include "support/wok_test.h"

/* ---- children in place ------------------------------------------------------------------------------------- */

struct leaf {
    uintptr_t *stack;
    uint64_t *deadline;
    int *refused;
    size_t *count;
    bool panics;
};

static wok_poll leaf_poll(void *self_, wok_cx *cx, void *result)
{
    struct leaf *self = self_;
    char here = 0;

    (void)cx;
    (void)result;
    if (self->stack != NULL)
        *self->stack = (uintptr_t)&here;
    if (self->deadline != NULL)
        *self->deadline = wok_deadline_now().ns;
    if (self->refused != NULL)
        *self->refused = wok_sleep(wok_ms(1));
    if (self->count != NULL)
        ++*self->count;
    if (self->panics)
        wok_panic("leaf");
    return WOK_READY;
}

static const wok_future_vtable leaf_vtable = {
    .name = "leaf",
    .size = sizeof(struct leaf),
    .poll = leaf_poll,
};

static uint64_t polls_so_far(void)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics.polls;
}

WOK_TEST(scope_in_place, a_waiting_parent_polls_new_stackless_children_itself)
{
    char here = 0;
    uint64_t polls = polls_so_far();
    uintptr_t stack = 0;
    uint64_t deadline = 0;
    int refused = 0;
    struct leaf leaf = {.stack = &stack, .deadline = &deadline, .refused = &refused};

    WOK_TIMEOUT(wok_ms(10))
    WOK_SCOPE(scope)
    {
        wok_scope_spawn_future(scope, &leaf_vtable, &leaf);
        cr_assert_eq(stack, 0, "not before the wait");
    }
    uintptr_t mine = (uintptr_t)&here;
    uintptr_t distance = mine > stack ? mine - stack : stack - mine;
    cr_assert_eq(polls_so_far(), polls + 1, "the child's; the parent was not suspended");
    cr_assert_gt(distance, 64 * 1024, "the worker's stack has room, whatever the parent's holds");
    cr_assert_eq(refused, -EDEADLK, "it cannot wait on its parent's stack");
    cr_assert_eq(deadline, WOK_NEVER.ns, "what covers the parent does not cover its poll");
    cr_assert_eq(wok_sleep(wok_ms(1)), 0, "the parent is a task that may wait, as before");
}

WOK_TEST(scope_in_place, a_panic_of_the_child_does_not_unwind_the_parent)
{
    struct leaf leaf = {.panics = true};
    int code = 0;

    WOK_SCOPE(scope, .ret_code = &code)
    wok_scope_spawn_future(scope, &leaf_vtable, &leaf);
    cr_assert_eq(code, -WOK_EJOIN);
}

WOK_TASK(look_at_count, size_t *, size_t);
static int look_at_count(size_t **count, size_t *result)
{
    *result = **count; /* one worker */
    return 0;
}

WOK_TEST(scope_in_place, lets_others_run_in_between)
{
    size_t count = 0, seen = 400;
    struct leaf leaf = {.count = &count};
    look_at_count_join join;

    WOK_SCOPE(scope)
    {
        for (int i = 0; i < 400; i++)
            wok_scope_spawn_future(scope, &leaf_vtable, &leaf);
        join = wok_spawn(look_at_count, &count);
    }
    cr_assert_eq(count, 400);
    cr_assert_eq(look_at_count_await(&join, &seen, NULL), 0);
    cr_assert_lt(seen, 100, "it ran only after %zu children", seen);
}

WOK_TEST(scope_in_place, children_run_although_the_parent_does_not_wait_for_them)
{
    size_t count = 0;
    struct leaf leaf = {.count = &count};

    WOK_SCOPE(scope)
    {
        for (int i = 0; i < 10; i++)
            wok_scope_spawn_future(scope, &leaf_vtable, &leaf);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
        cr_assert_eq(count, 10);
    }
}

/* ---- many ---------------------------------------------------------------------------------------------------- */

static size_t leaves_polled;

static wok_poll counted_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    leaves_polled++; /* one worker */
    return WOK_READY;
}

static const wok_future_vtable counted_vtable = {
    .name = "counted", .size = 8, .poll = counted_poll};

static int do_nothing(size_t *counter)
{
    ++*counter; /* one worker */
    return 0;
}

WOK_TEST(scope_many, a_hundred_thousand_children_of_either_kind)
{
    const size_t many = TEST_SCALE(100000);
    uint64_t nothing = 0;
    size_t stackful = 0;
    int code = 1;

    leaves_polled = 0;
    WOK_SCOPE(scope, .ret_code = &code)
    {
        for (size_t i = 0; i < many; i++)
            wok_scope_spawn_future(scope, &counted_vtable, &nothing);
        for (size_t i = 0; i < many; i++)
            wok_scope_spawn(scope, do_nothing, &stackful);
    }
    cr_assert_eq(code, 0);
    cr_assert_eq(leaves_polled, many);
    cr_assert_eq(stackful, many);
}

/* Each node has children down to a depth; the leaves are stackless. */
struct node {
    unsigned depth;
    size_t leaves;
};

static int grow(struct node *node)
{
    struct node children[4];
    int code = 0;

    WOK_SCOPE(scope, .policy = WOK_SCOPE_FAIL_FAST, .ret_code = &code)
    {
        for (size_t i = 0; i < 4; i++) {
            children[i] = (struct node){.depth = node->depth - 1};
            if (children[i].depth > 0)
                wok_scope_spawn(scope, grow, &children[i]);
            else
                wok_scope_spawn_future(scope, &wok_sleep_vtable, &(wok_sleep_future){0});
        }
    }
    for (size_t i = 0; i < 4; i++)
        node->leaves += children[i].depth > 0 ? children[i].leaves : 1;
    return code;
}

WOK_TEST_ON(scope_many, a_tree_of_scopes_on_four_workers, 4)
{
    struct node root = {.depth = TEST_SCALE(6) > 5 ? 6 : 4};

    cr_assert_eq(grow(&root), 0);
    cr_assert_eq(root.leaves, TEST_SCALE(6) > 5 ? 4096 : 256);
}
