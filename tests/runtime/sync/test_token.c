/*
 * test_token.c - cancellation tokens, on one worker and a paused clock where the order of events matters.
 *
 * K-numbers are rules of Tokio's CancellationToken.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "support/wok_test.h"

/* How a token's waiter ended. */
WOK_TASK(waiter, wok_token *, int);

static int waiter(wok_token **token, int *result)
{
    *result = wok_token_wait(*token);
    return 0;
}

static waiter_join spawn_waiter(wok_token *token)
{
    waiter_join join = wok_spawn(waiter, token);

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_waiter(waiter_join *join)
{
    int code = 1;

    cr_assert_eq(waiter_await(join, &code, NULL), 0);
    return code;
}

static wok_token *new_token(void)
{
    wok_token *token = NULL;

    cr_assert_eq(wok_token_new(&token), 0);
    return token;
}

static wok_token *new_child(wok_token *parent)
{
    wok_token *token = NULL;

    cr_assert_eq(wok_token_child(parent, &token), 0);
    return token;
}

/* ---- the tree --------------------------------------------------------------------------------------- */

/* K1 */
Test(token, a_cancel_reaches_all_descendants_and_no_ancestor)
{
    wok_token *root = new_token(), *left = new_child(root), *right = new_child(root);
    wok_token *leaf = new_child(left), *other_leaf = new_child(left);

    wok_token_cancel(left);
    cr_assert(wok_token_is_cancelled(left));
    cr_assert(wok_token_is_cancelled(leaf));
    cr_assert(wok_token_is_cancelled(other_leaf));
    cr_assert_not(wok_token_is_cancelled(root));
    cr_assert_not(wok_token_is_cancelled(right));
    wok_token_cancel(left);
    cr_assert_not(wok_token_is_cancelled(right));
    wok_token_cancel(root);
    cr_assert(wok_token_is_cancelled(root));
    cr_assert(wok_token_is_cancelled(right));

    wok_token_drop(other_leaf);
    wok_token_drop(left);
    wok_token_drop(root);
    wok_token_drop(right);
    wok_token_drop(leaf);
}

/* K1 */
Test(token, a_child_of_a_cancelled_parent_is_born_cancelled)
{
    wok_token *root = new_token(), *child;

    wok_token_cancel(root);
    child = new_child(root);
    cr_assert(wok_token_is_cancelled(child));
    wok_token_drop(child);
    wok_token_drop(root);
}

Test(token, a_child_outlives_its_parent_and_is_the_grandparents_then)
{
    wok_token *root = new_token(), *parent = new_child(root), *before = new_child(root);
    wok_token *first = new_child(parent), *second = new_child(parent);

    wok_token_drop(parent);
    cr_assert_not(wok_token_is_cancelled(first), "a drop cancels nothing");
    wok_token_drop(first);
    wok_token_cancel(root);
    cr_assert(wok_token_is_cancelled(second));
    cr_assert(wok_token_is_cancelled(before));
    wok_token_drop(before);
    wok_token_drop(root);
    wok_token_drop(second);
}

Test(token, a_child_outlives_its_root)
{
    wok_token *root = new_token(), *child = new_child(root), *other = new_child(root), *grandchild;

    wok_token_drop(root);
    grandchild = new_child(child);
    wok_token_cancel(child);
    cr_assert(wok_token_is_cancelled(grandchild));
    cr_assert_not(wok_token_is_cancelled(other), "they have no parent in common any more");
    wok_token_drop(child);
    wok_token_drop(grandchild);
    wok_token_drop(other);
}

Test(token, references_are_counted)
{
    wok_token *token = new_token(), *same = wok_token_ref(token);

    cr_assert_eq(same, token);
    wok_token_drop(token);
    cr_assert_not(wok_token_is_cancelled(same));
    wok_token_cancel(same);
    cr_assert(wok_token_is_cancelled(same));
    wok_token_drop(same);
    wok_token_drop(NULL);
}

/* Neither a cancel nor a drop recurses, and a chain is as long as the tokens that are referred to. */
Test(token, deep_and_wide_trees_need_no_stack, .timeout = 60)
{
    enum { DEPTH = 200000, WIDTH = 200000 };
    wok_token **tokens = calloc(DEPTH + WIDTH, sizeof *tokens);
    wok_token *root = new_token();

    cr_assert_not_null(tokens);
    for (int i = 0; i < DEPTH; i++)
        tokens[i] = new_child(i == 0 ? root : tokens[i - 1]);
    for (int i = 0; i < WIDTH; i++)
        tokens[DEPTH + i] = new_child(root);
    wok_token_cancel(root);
    for (int i = 0; i < DEPTH + WIDTH; i++) {
        cr_assert(wok_token_is_cancelled(tokens[i]));
        wok_token_drop(tokens[i]);
    }
    wok_token_drop(root);
    free(tokens);
}

/* A model that is obviously right: a parent's index, and whether anything above is cancelled. */
enum { NODES = 60, STEPS = 20000 };

struct node {
    wok_token *token;
    int parent; /* -1: none */
    bool cancelled;
};

static void cancel_in_model(struct node *nodes, int at)
{
    nodes[at].cancelled = true;
    for (int i = 0; i < NODES; i++)
        if (nodes[i].token != NULL && nodes[i].parent == at && !nodes[i].cancelled)
            cancel_in_model(nodes, i);
}

static void drop_in_model(struct node *nodes, int at)
{
    for (int i = 0; i < NODES; i++)
        if (nodes[i].token != NULL && nodes[i].parent == at)
            nodes[i].parent = nodes[at].parent;
    nodes[at] = (struct node){0};
}

Test(token, agrees_with_a_model_under_random_operations, .timeout = 60)
{
    struct node nodes[NODES] = {0};
    unsigned random = 12345;

    for (int step = 0; step < STEPS; step++) {
        random = random * 1103515245u + 12345u;
        int at = (int)(random >> 16) % NODES, with = (int)(random >> 8) % NODES;
        if (nodes[at].token == NULL && nodes[with].token != NULL) {
            nodes[at] = (struct node){new_child(nodes[with].token), with, nodes[with].cancelled};
        } else if (nodes[at].token == NULL) {
            nodes[at] = (struct node){new_token(), -1, false};
        } else if (with % 8 == 0) {
            wok_token_cancel(nodes[at].token);
            cancel_in_model(nodes, at);
        } else if (with % 3 == 0) {
            wok_token_drop(nodes[at].token);
            drop_in_model(nodes, at);
        }
        for (int i = 0; i < NODES; i++)
            if (nodes[i].token != NULL)
                cr_assert_eq(wok_token_is_cancelled(nodes[i].token), nodes[i].cancelled,
                             "after %d steps", step);
    }
    for (int i = 0; i < NODES; i++)
        wok_token_drop(nodes[i].token);
}

/* ---- waiting ------------------------------------------------------------------------------------------ */

/* K1 */
WOK_TEST(token, wakes_all_who_wait_anywhere_below)
{
    wok_token *root = new_token(), *child = new_child(root);
    waiter_join waiters[] = {spawn_waiter(root), spawn_waiter(child), spawn_waiter(child)};

    for (int i = 0; i < 3; i++)
        cr_assert_not(wok_join_is_finished(&waiters[i].join));
    wok_token_cancel(root);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(await_waiter(&waiters[i]), 0);
    wok_token_drop(root);
    wok_token_drop(child);
}

/* K1 */
WOK_TEST(token, waiting_for_a_cancelled_token_is_ready)
{
    wok_token *token = new_token();
    int code = 1;

    wok_token_cancel(token);
    cr_assert_eq(wok_token_wait(token), 0);
    wok_op branches[] = {wok_token_op(token)};
    cr_assert_eq(wok_select(branches, 1, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, 0);
    wok_token_drop(token);
}

WOK_TEST(token, who_leaves_is_not_woken_any_more)
{
    wok_token *token = new_token();
    waiter_join aborted = spawn_waiter(token), stays = spawn_waiter(token);
    int code;

    wok_join_abort(&aborted.join);
    cr_assert_eq(await_waiter(&aborted), -ECANCELED);
    cr_assert_eq(wok_token_wait_until(token, wok_after(wok_ms(1))), -ETIMEDOUT);
    wok_op branches[] = {wok_token_op(token), wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    wok_token_cancel(token);
    cr_assert_eq(await_waiter(&stays), 0);
    wok_token_drop(token);
}

WOK_TEST(token, a_waiter_that_is_woken_and_aborted_at_once_is_told_of_the_abort)
{
    wok_token *token = new_token();
    waiter_join join = spawn_waiter(token);

    wok_token_cancel(token);
    wok_join_abort(&join.join);
    cr_assert_eq(await_waiter(&join), -ECANCELED);
    wok_token_drop(token);
}

static bool other_ran;

WOK_TASK(other, int, int);

static int other(int *args, int *result)
{
    (void)args;
    *result = 0;
    other_ran = true;
    return 0;
}

WOK_TEST(token, a_loop_over_a_cancelled_token_lets_others_run)
{
    wok_token *token = new_token();
    other_join join = wok_spawn(other, 0);

    other_ran = false;
    wok_token_cancel(token);
    for (int rounds = 0; !other_ran; rounds++) {
        cr_assert_lt(rounds, 1000);
        cr_assert_eq(wok_token_wait(token), 0);
    }
    cr_assert_eq(other_await(&join, NULL, NULL), 0);
    wok_token_drop(token);
}

static void *thread_waits(void *argument)
{
    return wok_token_wait(argument) == 0 ? argument : NULL;
}

Test(token, a_plain_thread_blocks, .timeout = 20)
{
    wok_token *token = new_token();
    pthread_t thread;
    void *result = NULL;

    cr_assert_eq(pthread_create(&thread, NULL, thread_waits, token), 0);
    wok_token_cancel(token);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_assert_eq(result, token);
    wok_token_drop(token);
}

/* ---- guards --------------------------------------------------------------------------------------------- */

WOK_TASK(panics, wok_token *, int);

static int panics(wok_token **token, int *result)
{
    WOK_CLEANUP(wok_token_cancelp) wok_token *guard = wok_token_ref(*token);

    *result = 0;
    wok_panic("with %s", guard != NULL ? "a guard" : "none");
}

/* K1 */
WOK_TEST(token, a_drop_guard_cancels)
{
    wok_token *token = new_token(), *disarmed = new_token();
    panics_join join = wok_spawn(panics, token);

    cr_assert_eq(panics_await(&join, NULL, NULL), -WOK_EJOIN);
    cr_assert(wok_token_is_cancelled(token));
    {
        WOK_CLEANUP(wok_token_cancelp) wok_token *guard = wok_token_ref(disarmed);
        wok_token_drop(WOK_TAKE(guard));
    }
    {
        WOK_CLEANUP(wok_token_dropp) wok_token *reference = wok_token_ref(disarmed);
        cr_assert_not_null(reference);
    }
    cr_assert_not(wok_token_is_cancelled(disarmed));
    wok_token_drop(token);
    wok_token_drop(disarmed);
}

/* ---- work that a token ends --------------------------------------------------------------------------------- */

/* A future that counts its polls and is ready at the last of them. */
struct countdown {
    int polls_left, polls;
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

static const wok_future_vtable countdown_vtable = {
    .name = "countdown",
    .size = sizeof(struct countdown),
    .result_size = sizeof(int),
    .poll = countdown_poll,
};

static int run(wok_token *token, struct countdown *work, int *result)
{
    return wok_run_until_cancelled(token, (wok_future){&countdown_vtable, work}, result);
}

/* K1 */
WOK_TEST(token, work_under_a_cancelled_token_is_not_started)
{
    wok_token *token = new_token();
    struct countdown work = {0};
    int result = 7;

    wok_token_cancel(token);
    cr_assert_eq(run(token, &work, &result), -EINTR);
    cr_assert_eq(work.polls, 0);
    cr_assert_eq(result, 7);
    wok_token_drop(token);
}

WOK_TASK(canceller, wok_token *, int);

static int canceller(wok_token **token, int *result)
{
    *result = 0;
    wok_token_cancel(*token);
    return 0;
}

WOK_TEST(token, work_ends_at_a_cancel_and_stays_the_callers)
{
    wok_token *token = new_token();
    struct countdown work = {.polls_left = 1000000};
    int result = 7, polls;
    canceller_join join = wok_spawn(canceller, token);

    cr_assert_eq(run(token, &work, &result), -EINTR);
    polls = work.polls;
    cr_assert_gt(polls, 0);
    cr_assert_eq(result, 7);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(work.polls, polls);
    cr_assert_eq(canceller_await(&join, NULL, NULL), 0);
    wok_token_drop(token);
}

/* Cancels its token, and is ready at the same poll. */
static wok_poll cancels_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    wok_token_cancel(*(wok_token **)self);
    *(int *)result = 42;
    return WOK_READY;
}

static const wok_future_vtable cancels_vtable = {
    .name = "cancels",
    .size = sizeof(wok_token *),
    .result_size = sizeof(int),
    .poll = cancels_poll,
};

/* K1 */
WOK_TEST(token, work_that_is_ready_together_with_the_cancel_wins)
{
    wok_token *token = new_token();
    int result = 0;

    cr_assert_eq(wok_run_until_cancelled(token, (wok_future){&cancels_vtable, &token}, &result), 0);
    cr_assert_eq(result, 42);
    cr_assert(wok_token_is_cancelled(token));
    wok_token_drop(token);
}

WOK_TEST(token, work_that_is_ready_first_gives_its_own_code)
{
    wok_token *token = new_token();
    struct countdown work = {.polls_left = 3};
    wok_sleep_future sleep = wok_sleep_future_for(wok_ms(1));
    int result = 0;

    cr_assert_eq(run(token, &work, &result), 0);
    cr_assert_eq(result, 4);
    cr_assert_eq(wok_run_until_cancelled(token, wok_sleep_future_as(&sleep), NULL), 0);
    wok_sleep_future_drop(&sleep);
    cr_assert_not(wok_token_is_cancelled(token));
    wok_token_drop(token);
}

/* K1: in a later poll as well: the canceller runs between the first one and the second. */
WOK_TEST(token, work_that_is_ready_when_the_cancel_is_seen_wins)
{
    wok_token *token = new_token();
    struct countdown work = {.polls_left = 1};
    int result = 0;
    canceller_join join = wok_spawn(canceller, token);

    cr_assert_eq(run(token, &work, &result), 0);
    cr_assert(wok_token_is_cancelled(token));
    cr_assert_eq(result, 2);
    cr_assert_eq(canceller_await(&join, NULL, NULL), 0);
    wok_token_drop(token);
}

static wok_poll fails_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    return -EIO;
}

static const wok_future_vtable fails_vtable = {.name = "fails", .size = 1, .poll = fails_poll};

WOK_TEST(token, work_that_fails_gives_its_own_code)
{
    wok_token *token = new_token();
    char unused = 0;

    cr_assert_eq(wok_run_until_cancelled(token, (wok_future){&fails_vtable, &unused}, NULL), -EIO);
    wok_token_drop(token);
}

WOK_TASK(runs_for_ever, wok_token *, int);

static int runs_for_ever(wok_token **token, int *result)
{
    struct countdown work = {.polls_left = 1000000};
    int unused;

    *result = run(*token, &work, &unused);
    return 0;
}

WOK_TEST(token, an_abort_is_not_taken_for_the_tokens_cancel)
{
    wok_token *token = new_token();
    runs_for_ever_join join = wok_spawn(runs_for_ever, token);
    int code = 1;

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(runs_for_ever_await(&join, &code, NULL), 0);
    cr_assert_eq(code, -ECANCELED);
    cr_assert_not(wok_token_is_cancelled(token));
    wok_token_drop(token);
}
