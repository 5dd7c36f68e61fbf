/*
 * test_scope.c - scopes: a block that is not left before its children have ended.
 *
 * Q-numbers are rules of structured concurrency (trio's nurseries, JEP 505), as far as a scope has
 * them: it waits on every way out; cancelling the siblings of a failed child is its owner's call.
 */
#include <errno.h>
#include <sched.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

struct nap {
    wok_duration duration;
    int code;
    bool begun, ended;
    uint64_t ended_ns;
};

static int take_nap(struct nap *nap)
{
    nap->begun = true;
    int error = nap->duration.ns == 0 ? 0 : wok_sleep(nap->duration);
    nap->ended = true;
    nap->ended_ns = wok_now().ns;
    return error < 0 ? error : nap->code;
}

static int panic_at_once(struct nap *nap)
{
    nap->begun = true;
    wok_panic("child");
}

static void set_flag(bool **flag)
{
    **flag = true;
}

/* The whole point: waits of 300, 500 and 200 ms cost 500, not 1000. */
WOK_TEST(scope, waits_for_the_slowest_child_only)
{
    struct nap naps[] = {
        {.duration = wok_ms(300)}, {.duration = wok_ms(500)}, {.duration = wok_ms(200)}};
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_instant start = wok_now();

    for (size_t i = 0; i < WOK_COUNT(naps); i++)
        wok_scope_spawn(&scope, take_nap, &naps[i]);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(500).ns);
    for (size_t i = 0; i < WOK_COUNT(naps); i++)
        cr_assert(naps[i].ended);
}

WOK_TEST(scope, of_nothing_is_done_at_once)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(wok_scope_last_id(&scope), 0);
}

WOK_TEST(scope, is_usable_again_after_a_wait)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    for (int round = 0; round < 3; round++) {
        struct nap nap = {.duration = wok_ms(10), .code = round == 1 ? -EIO : 0};

        wok_scope_spawn(&scope, take_nap, &nap);
        cr_assert_neq(wok_scope_last_id(&scope), 0);
        cr_assert_eq(wok_scope_wait(&scope), nap.code, "each round tells of its own failures");
    }
}

/* ---- failures ---------------------------------------------------------------------------------- */

WOK_TEST(scope, reports_the_first_failure_in_the_order_of_spawning)
{
    struct nap naps[] = {{.duration = wok_ms(10)},
                         {.duration = wok_ms(50), .code = -EIO},
                         {.duration = wok_ms(20), .code = -ENOENT}};
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_join_error why;

    for (size_t i = 0; i < WOK_COUNT(naps); i++)
        wok_scope_spawn(&scope, take_nap, &naps[i]);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -EIO);
    cr_assert_eq(why.outcome, WOK_FAILED);
    cr_assert_eq(why.code, -EIO);
    cr_assert(naps[2].ended);
}

WOK_TEST(scope, a_child_that_panics_is_an_error_and_the_others_go_on)
{
    struct nap bad = {0}, good = {.duration = wok_ms(10)};
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_join_error why;

    wok_scope_spawn(&scope, panic_at_once, &bad);
    uint64_t id = wok_scope_last_id(&scope);
    wok_scope_spawn(&scope, take_nap, &good);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(why.task_id, id);
    cr_assert(good.ended);
    wok_scope_done(&scope);
    cr_assert_eq(test_unjoined().count, 0, "it was reported by the wait");
}

WOK_TEST(scope, a_panic_that_no_wait_saw_is_reported_once)
{
    struct nap bad = {0};
    wok_scope scope = WOK_SCOPE_INIT;

    wok_scope_spawn(&scope, panic_at_once, &bad);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(test_unjoined().count, 0);
    wok_scope_done(&scope);
    cr_assert_eq(test_unjoined().count, 1);
    wok_scope_done(&scope);
    cr_assert_eq(test_unjoined().count, 1);
}

/* A scope in which three children panic. */
static void spawn_three_panics(wok_scope *scope)
{
    static struct nap bad[3];

    for (size_t i = 0; i < WOK_COUNT(bad); i++)
        wok_scope_spawn(scope, panic_at_once, &bad[i]);
}

static void just_look(size_t index, const wok_join_error *error, void *argument)
{
    (void)index, (void)error, (void)argument;
}

WOK_TEST(scope, panics_beyond_the_one_that_the_wait_tells_are_reported)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct nap good = {.duration = wok_ms(1)};

    spawn_three_panics(&scope);
    cr_assert_eq(wok_scope_wait(&scope), -WOK_EJOIN);
    cr_assert_eq(test_unjoined().count, 0, "the owner may look at them yet");
    wok_scope_spawn(&scope, take_nap, &good); /* lets the three go */
    cr_assert_eq(test_unjoined().count, 2);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    wok_scope_done(&scope);
    cr_assert_eq(test_unjoined().count, 2);
}

WOK_TEST(scope, panics_that_the_owner_looked_at_are_not_reported)
{
    WOK_CLEANUP(wok_scope_done) wok_scope visited = WOK_SCOPE_INIT, ordered = WOK_SCOPE_INIT;
    wok_scope_child child;
    int told = 0;

    spawn_three_panics(&visited);
    cr_assert_eq(wok_scope_wait(&visited), -WOK_EJOIN);
    wok_scope_visit_failures(&visited, just_look, NULL);
    wok_scope_done(&visited);
    cr_assert_eq(test_unjoined().count, 0);

    wok_scope_init(&ordered, &(wok_scope_options){.completion_order = true});
    spawn_three_panics(&ordered);
    for (; wok_scope_next(&ordered, &child) == 0; told++)
        cr_assert_eq(child.error.outcome, WOK_PANICKED);
    wok_scope_done(&ordered);
    cr_assert_eq(told, 3);
    cr_assert_eq(test_unjoined().count, 0);
}

WOK_TEST(scope, panics_in_a_block_without_a_place_for_its_code_are_all_reported)
{
    int code = 0;

    WOK_SCOPE(scope)
    {
        spawn_three_panics(scope);
    }
    cr_assert_eq(test_unjoined().count, 3);
    WOK_SCOPE(scope, .ret_code = &code)
    {
        spawn_three_panics(scope);
    }
    cr_assert_eq(code, -WOK_EJOIN);
    cr_assert_eq(test_unjoined().count, 5);
}

struct failures {
    size_t count, index[4];
    int code[4];
};

static void note_failure(size_t index, const wok_join_error *error, void *argument)
{
    struct failures *failures = argument;

    failures->index[failures->count] = index;
    failures->code[failures->count++] = error->code;
}

WOK_TEST(scope, tells_of_every_failure_and_its_place)
{
    struct nap naps[] = {{.code = -EIO}, {.code = 0}, {.code = -ENOENT}};
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct failures failures = {0};

    for (size_t i = 0; i < WOK_COUNT(naps); i++)
        wok_scope_spawn(&scope, take_nap, &naps[i]);
    cr_assert_eq(wok_scope_wait(&scope), -EIO);
    wok_scope_visit_failures(&scope, note_failure, &failures);
    cr_assert_eq(failures.count, 2);
    cr_assert_eq(failures.index[0], 2);
    cr_assert_eq(failures.code[0], -ENOENT);
    cr_assert_eq(failures.index[1], 0);
    cr_assert_eq(failures.code[1], -EIO);
}

/* ---- ways out ------------------------------------------------------------------------------------ */

static struct nap long_nap;

static void return_early(void)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    wok_scope_spawn(&scope, take_nap, &long_nap);
    (void)wok_yield();
    cr_assert(long_nap.begun);
}

/* Q1, Q2: by return. */
WOK_TEST(scope, left_by_return_cancels_its_children_and_waits)
{
    wok_instant start = wok_now();

    long_nap = (struct nap){.duration = wok_seconds(100)};
    return_early();
    cr_assert(long_nap.ended);
    cr_assert_eq(wok_elapsed(start).ns, 0, "it was cancelled");
}

/* A child that ends some turns after it was cancelled. */
static int end_late(bool *ended)
{
    WOK_CLEANUP(set_flag) bool *flag = ended;
    int error = wok_sleep(wok_seconds(100));

    (void)flag;
    for (int i = 0; i < 10; i++)
        (void)wok_yield();
    return error;
}

/* Q1, Q2: by a panic; the children borrow from frames that are being unwound. */
WOK_TASK(panic_with_children, bool *, char);

static int panic_with_children(bool **ended, char *result)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    (void)result;
    wok_scope_spawn(&scope, end_late, *ended);
    (void)wok_yield();
    wok_panic("parent");
}

WOK_TEST(scope, left_by_a_panic_waits_for_its_children)
{
    bool ended = false;
    panic_with_children_join task = wok_spawn(panic_with_children, &ended);
    wok_join_error why;

    cr_assert_eq(panic_with_children_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert(ended);
}

/* Q1, Q2: by cancellation.  Its wait returns, and its exit still waits. */
WOK_TASK(wait_with_children, bool *, int);
static int scope_wait_code;

static int wait_with_children(bool **ended, int *result)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    wok_scope_spawn(&scope, end_late, *ended);
    scope_wait_code = wok_scope_wait(&scope);
    *result = **ended;
    return scope_wait_code;
}

WOK_TEST(scope, left_by_an_aborted_parent_waits_for_its_children)
{
    bool ended = false;
    wait_with_children_join task = wok_spawn(wait_with_children, &ended);
    wok_join_error why;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(wait_with_children_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(scope_wait_code, -ECANCELED);
    cr_assert(ended);
}

WOK_TEST(scope, a_cancel_stops_the_children_and_the_wait_says_so)
{
    struct nap naps[3];
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_join_error why;

    for (size_t i = 0; i < WOK_COUNT(naps); i++) {
        naps[i] = (struct nap){.duration = wok_seconds(100)};
        wok_scope_spawn(&scope, take_nap, &naps[i]);
    }
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_scope_cancel(&scope);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
}

/* ---- deadlines and quorums ------------------------------------------------------------------------ */

WOK_TEST(scope, a_wait_that_is_over_in_time_leaves_the_children_running)
{
    struct nap nap = {.duration = wok_ms(100)};
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_instant start = wok_now();

    wok_scope_spawn(&scope, take_nap, &nap);
    cr_assert_eq(wok_scope_wait_until(&scope, wok_after(wok_ms(30))), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    cr_assert_not(nap.ended);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(100).ns);
}

WOK_TEST(scope, wait_some_returns_at_each_end)
{
    struct nap naps[] = {
        {.duration = wok_ms(30)}, {.duration = wok_ms(10)}, {.duration = wok_ms(20)}};
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_instant start = wok_now();
    size_t seen = 0;

    for (size_t i = 0; i < WOK_COUNT(naps); i++)
        wok_scope_spawn(&scope, take_nap, &naps[i]);
    cr_assert_eq(wok_scope_wait_some(&scope, wok_after(wok_ms(5)), &seen), -ETIMEDOUT);
    cr_assert_eq(seen, 0);
    for (size_t i = 1; i <= 3; i++) {
        cr_assert_eq(wok_scope_wait_some(&scope, WOK_NEVER, &seen), 0);
        cr_assert_eq(seen, i);
        cr_assert_eq(wok_elapsed(start).ns, wok_ms(10 * i).ns);
    }
    cr_assert_eq(wok_scope_wait_some(&scope, WOK_NEVER, &seen), -ENOENT);
}

/* ---- futures as children -------------------------------------------------------------------------- */

struct writer {
    wok_sleep_future sleep;
    int *target; /* borrowed from the parent */
};
static unsigned writer_drops;

static wok_poll writer_poll(void *self_, wok_cx *cx, void *result)
{
    struct writer *self = self_;

    (void)result;
    if (wok_sleep_future_poll(&self->sleep, cx) == WOK_PENDING)
        return WOK_PENDING;
    *self->target += 1;
    return WOK_READY;
}

static void writer_drop(void *self_)
{
    writer_drops++;
    wok_sleep_future_drop(&((struct writer *)self_)->sleep);
}

static const wok_future_vtable writer_vtable = {
    .name = "writer",
    .size = sizeof(struct writer),
    .poll = writer_poll,
    .drop = writer_drop,
};

WOK_TEST(scope, futures_write_into_what_they_borrow)
{
    int target = 0;
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_instant start = wok_now();

    for (int i = 0; i < 1000; i++) {
        struct writer writer = {wok_sleep_future_for(wok_ms(100)), &target};
        wok_scope_spawn_future(&scope, &writer_vtable, &writer);
    }
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_eq(target, 1000);
    cr_assert_eq(writer_drops, 1000);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(100).ns);
}

WOK_TEST(scope, futures_are_dropped_once_when_the_scope_ends_first)
{
    int target = 0;
    wok_scope scope = WOK_SCOPE_INIT;

    for (int i = 0; i < 10; i++) {
        struct writer writer = {wok_sleep_future_for(wok_ms(100)), &target};
        wok_scope_spawn_future(&scope, &writer_vtable, &writer);
        if (i == 4)
            cr_assert_eq(wok_yield(), 0); /* half of them have been polled */
    }
    wok_scope_done(&scope);
    cr_assert_eq(target, 0);
    cr_assert_eq(writer_drops, 10);
}

/* A stackless task cannot wait for a scope: its exit could not either. */
static wok_poll wait_in_poll(void *self, wok_cx *cx, void *result)
{
    wok_scope scope = WOK_SCOPE_INIT;

    (void)self;
    (void)cx;
    *(int *)result = wok_scope_wait(&scope);
    return WOK_READY;
}

static const wok_future_vtable wait_in_poll_vtable = {
    .name = "wait_in_poll", .size = 1, .result_size = sizeof(int), .poll = wait_in_poll};

WOK_TEST(scope, a_stackless_task_may_not_wait)
{
    char nothing = 0;
    int result = 0;
    wok_join task = wok_spawn_future(&wait_in_poll_vtable, &nothing);

    cr_assert_eq(wok_join_await(&task, &result, NULL), 0);
    cr_assert_eq(result, -EDEADLK);
}

/* ---- trees and threads ------------------------------------------------------------------------------ */

struct tree {
    int depth, leaves;
};

static int grow(struct tree *tree)
{
    if (tree->depth == 0) {
        tree->leaves = 1;
        return 0;
    }
    struct tree branches[3];
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

    for (size_t i = 0; i < WOK_COUNT(branches); i++) {
        branches[i] = (struct tree){tree->depth - 1, 0};
        wok_scope_spawn(&scope, grow, &branches[i]);
    }
    int error = wok_scope_wait(&scope);
    if (error < 0)
        return error; /* the children may still run: the scope's end waits for them */
    tree->leaves = branches[0].leaves + branches[1].leaves + branches[2].leaves;
    return 0;
}

/* Q5: scopes nest; the locals of each level are borrowed across workers. */
WOK_TEST_ON(scope, a_tree_of_scopes_on_several_workers_adds_up, 4)
{
    for (int round = 0; round < 5; round++) {
        struct tree tree = {6, 0};

        cr_assert_eq(grow(&tree), 0);
        cr_assert_eq(tree.leaves, 729);
    }
}

static int grow_then_hang(struct tree *tree)
{
    int error = grow(tree);

    return error < 0 ? error : wok_sleep(WOK_FOREVER);
}

/* Q5: cancelling goes down the tree, whatever the children are doing. */
WOK_TEST_ON(scope, a_cancel_at_any_moment_goes_down_the_tree, 4)
{
    for (int round = 0; round < 60; round++) {
        struct tree trees[4];
        wok_scope scope = WOK_SCOPE_INIT;

        for (size_t i = 0; i < WOK_COUNT(trees); i++) {
            trees[i] = (struct tree){3, 0};
            wok_scope_spawn(&scope, grow_then_hang, &trees[i]);
        }
        (void)wok_sleep(wok_us((uint64_t)round * 10));
        wok_scope_done(&scope);
    }
}

static atomic_u32 finished;

static int finish(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&finished, 1);
    return 0;
}

Test(scope, a_plain_thread_may_own_one, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = test_options();
    wok_scope scope = WOK_SCOPE_INIT;
    int nothing = 0;

    options.workers = 2;
    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wok_runtime_enter(runtime);
    for (int round = 1; round <= 200; round++) {
        for (int i = 0; i < 10; i++)
            wok_scope_spawn(&scope, finish, &nothing);
        cr_assert_eq(wok_scope_wait(&scope), 0);
        cr_assert_eq(load_relaxed(&finished), (uint32_t)round * 10);
    }
    wok_scope_done(&scope);
    wok_runtime_free(runtime);
}

WOK_TEST(scope, a_child_whose_stack_finds_no_memory_fails_with_that_code)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_join_error why = {0};
    int nothing = 0;

    wok_scope_spawn_with(&scope, WOK_SPAWN_OPTIONS(.stack_bytes = (size_t)1 << 50), finish,
                         &nothing);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -ENOMEM);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(load_relaxed(&finished), 0);
}

Test(scope, without_a_runtime_reports_it_at_the_wait, .timeout = 20)
{
    wok_scope scope = WOK_SCOPE_INIT;
    int nothing = 0;

    wok_scope_spawn(&scope, finish, &nothing);
    cr_assert_eq(wok_scope_wait(&scope), -EINVAL);
    wok_scope_done(&scope);
    cr_assert_eq(load_relaxed(&finished), 0);
}
