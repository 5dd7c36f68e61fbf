/*
 * test_notify.c - the rules F1, F2, A1, C1 and K1: notifications, barriers, things done once, and tokens.
 */
#include "semantics/kit.h"

static wok_token *new_token(wok_token *parent)
{
    wok_token *token = NULL;

    cr_assert_eq(parent != NULL ? wok_token_child(parent, &token) : wok_token_new(&token), 0);
    return token;
}

typedef wok_token *token_ref;

static void let_others_run(void)
{
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
}

/* ---- notifications ------------------------------------------------------------------------------ */

static wok_notify changed = WOK_NOTIFY_INIT;

/* Waits for a notification and notes its number, or the code. */
WOK_TASK(wait_for_news, int, int);

static int wait_for_news(int *number, int *result)
{
    *result = wok_notify_wait(&changed);
    note(*result == 0 ? *number : *result);
    return *result;
}

static wait_for_news_join waiters[4];

static void spawn_waiters(int count)
{
    for (int i = 0; i < count; i++)
        waiters[i] = wok_spawn(wait_for_news, i + 1);
    let_others_run();
}

static void end_waiters(int count)
{
    for (int i = 0; i < count; i++) {
        wok_join_abort(&waiters[i].join);
        wait_for_news_join_drop(&waiters[i]);
    }
}

WOK_TEST(semantics, F1_at_most_one_notification_is_stored)
{
    wok_notify_one(&changed);
    wok_notify_one(&changed);
    cr_assert_eq(wok_notify_wait(&changed), 0);
    cr_assert_eq(wok_notify_wait_until(&changed, wok_after(wok_ms(1))), -ETIMEDOUT);
}

WOK_TEST(semantics, F1_waking_all_stores_nothing)
{
    wok_notify_waiters(&changed);
    cr_assert_eq(wok_notify_wait_until(&changed, wok_after(wok_ms(1))), -ETIMEDOUT);
}

WOK_TEST(semantics, F1_waking_all_reaches_every_operation_that_exists_polled_or_not)
{
    wok_op unpolled = wok_notify_op(&changed);

    spawn_waiters(2);
    wok_notify_waiters(&changed);
    wok_op late = wok_notify_op(&changed);
    let_others_run();
    assert_noted(1, 2);
    cr_assert_eq(wok_op_wait(&unpolled, WOK_NEVER), 0);
    cr_assert_eq(wok_op_wait(&late, wok_after(wok_ms(1))), -ETIMEDOUT);
    wok_op_drop(&unpolled);
    wok_op_drop(&late);
    end_waiters(2);
}

WOK_TEST(semantics, F2_one_wakes_who_waits_longest_and_last_who_came_last)
{
    spawn_waiters(4);
    wok_notify_one(&changed);
    let_others_run();
    wok_notify_last(&changed);
    let_others_run();
    wok_notify_one(&changed);
    let_others_run();
    assert_noted(1, 4, 2);
    end_waiters(4);
}

WOK_TEST(semantics, F2_a_waiter_that_is_notified_and_aborted_passes_it_on)
{
    spawn_waiters(2);
    wok_notify_one(&changed); /* it is the first one's, which is aborted before it can know */
    wok_join_abort(&waiters[0].join);
    cr_assert_eq(end_of(&waiters[1].join).outcome, WOK_RETURNED);
    cr_assert_eq(end_of(&waiters[0].join).outcome, WOK_CANCELLED);
}

/* ---- barriers ----------------------------------------------------------------------------------- */

static wok_barrier barrier = WOK_BARRIER_INIT(3);
static int leaders, arrivals;

/* Meets the others as often as it says. */
WOK_TASK(meet, int, int);

static int meet(int *rounds, int *result)
{
    *result = 0;
    for (int i = 1; i <= *rounds; i++) {
        bool leader;

        arrivals++;
        *result = wok_barrier_wait(&barrier, &leader);
        if (*result < 0)
            return *result;
        cr_assert_geq(arrivals, 3 * i, "it is released by the last to arrive");
        leaders += leader;
    }
    return 0;
}

WOK_TEST(semantics, A1_the_last_to_arrive_releases_all_round_after_round_and_one_leads)
{
    enum { ROUNDS = 5 };
    meet_join tasks[3];

    for (int i = 0; i < 2; i++)
        tasks[i] = wok_spawn(meet, ROUNDS);
    let_others_run();
    cr_assert_eq(arrivals, 2);
    cr_assert_eq(leaders, 0);
    tasks[2] = wok_spawn(meet, ROUNDS);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(meet_await(&tasks[i], NULL, NULL), 0);
    cr_assert_eq(arrivals, 3 * ROUNDS);
    cr_assert_eq(leaders, ROUNDS);
}

WOK_TEST(semantics, A1_a_barrier_for_none_is_for_one)
{
    wok_barrier none = WOK_BARRIER_INIT(0);
    bool leader = false;

    cr_assert_eq(wok_barrier_wait_until(&none, wok_after(wok_ms(1)), &leader), 0);
    cr_assert(leader);
}

WOK_TEST(semantics, A1_who_gives_up_takes_the_arrival_back)
{
    cr_assert_eq(wok_barrier_wait_until(&barrier, wok_after(wok_ms(1)), NULL), -ETIMEDOUT);
    meet_join first = wok_spawn(meet, 1), second = wok_spawn(meet, 1);
    let_others_run();
    cr_assert_not(wok_join_is_finished(&first.join));
    cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
    arrivals++;
    cr_assert_eq(meet_await(&first, NULL, NULL), 0);
    cr_assert_eq(meet_await(&second, NULL, NULL), 0);
}

static wok_barrier two = WOK_BARRIER_INIT(2);

/* A branch for the token, which comes first, and one for the barrier: gives the winner. */
WOK_TASK(meet_or_stop, token_ref, int);

static int meet_or_stop(token_ref *token, int *result)
{
    wok_op branches[] = {wok_token_op(*token), wok_barrier_wait_op(&two, NULL)};

    *result = wok_select(branches, WOK_COUNT(branches), WOK_SELECT_BIASED, NULL);
    return 0;
}

WOK_TEST(semantics, A1_a_branch_that_loses_a_select_had_not_arrived)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *token = new_token(NULL);
    meet_or_stop_join first = wok_spawn(meet_or_stop, token);
    int winner = -1;

    let_others_run();
    cr_assert_eq(wok_barrier_wait(&two, NULL), 0); /* counts it, before it runs again */
    wok_token_cancel(token);
    cr_assert_eq(meet_or_stop_await(&first, &winner, NULL), 0);
    cr_assert_eq(winner, 1);

    meet_or_stop_join second = wok_spawn(meet_or_stop, token);
    cr_assert_eq(meet_or_stop_await(&second, &winner, NULL), 0);
    cr_assert_eq(winner, 0);
    cr_assert_eq(wok_barrier_wait_until(&two, wok_after(wok_ms(1)), NULL), -ETIMEDOUT);
}

/* ---- once --------------------------------------------------------------------------------------- */

static wok_once loaded = WOK_ONCE_INIT;

/* Who it is, and what its turn gives. */
struct turn {
    int number, code;
};

static int load(struct turn *turn)
{
    note(turn->number);
    int error = wok_sleep(wok_ms(10));
    note(-turn->number); /* nobody's turn has begun meanwhile */
    return error < 0 ? error : turn->code;
}

WOK_TASK(use, struct turn, int);

static int use(struct turn *turn, int *result)
{
    *result = wok_once_call(&loaded, load, turn);
    cr_assert_eq(wok_once_is_done(&loaded), *result == 0);
    return 0;
}

static use_join uses[4];

static void spawn_uses(const int codes[], int count)
{
    for (int i = 0; i < count; i++)
        uses[i] = wok_spawn(use, {i + 1, codes[i]});
}

static int code_of(int number)
{
    int code = 1;

    cr_assert_eq(use_await(&uses[number - 1], &code, NULL), 0);
    return code;
}

WOK_TEST(semantics, C1_one_does_it_while_the_others_wait)
{
    wok_instant start = wok_now();
    uint64_t polls = polls_of_worker(0);

    spawn_uses((int[]){0, 0, 0}, 3);
    for (int i = 1; i <= 3; i++)
        cr_assert_eq(code_of(i), 0);
    assert_noted(1, -1);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
    cr_assert_leq(polls_of_worker(0) - polls, 10, "the others sleep meanwhile");
    cr_assert(wok_once_is_done(&loaded));
}

WOK_TEST(semantics, C1_a_failure_lets_the_next_waiter_try)
{
    spawn_uses((int[]){-EIO, 0, 0}, 3);
    cr_assert_eq(code_of(1), -EIO);
    cr_assert_eq(code_of(2), 0);
    cr_assert_eq(code_of(3), 0);
    assert_noted(1, -1, 2, -2);
}

WOK_TEST(semantics, C1_an_abort_lets_the_next_waiter_try)
{
    spawn_uses((int[]){0, 0}, 2);
    let_others_run();
    wok_join_abort(&uses[0].join);
    cr_assert_eq(code_of(2), 0);
    assert_noted(1, -1, 2, -2);
    cr_assert_eq(code_of(1), -ECANCELED);
}

/* ---- tokens ------------------------------------------------------------------------------------- */

/* Waits for the token, and notes that. */
WOK_TASK(await_token, token_ref, int);

static int await_token(token_ref *token, int *result)
{
    *result = wok_token_wait(*token);
    note(*result);
    return 0;
}

WOK_TEST(semantics, K1_a_cancel_reaches_all_descendants_before_it_returns_and_never_the_parent)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *root = new_token(NULL);
    WOK_CLEANUP(wok_token_dropp) wok_token *middle = new_token(root);
    WOK_CLEANUP(wok_token_dropp) wok_token *leaf = new_token(middle);
    WOK_CLEANUP(wok_token_dropp) wok_token *sibling = new_token(root);
    await_token_join task = wok_spawn(await_token, leaf);

    let_others_run();
    wok_token_cancel(middle);
    cr_assert(wok_token_is_cancelled(middle));
    cr_assert(wok_token_is_cancelled(leaf));
    cr_assert_not(wok_token_is_cancelled(root));
    cr_assert_not(wok_token_is_cancelled(sibling));
    cr_assert_eq(await_token_await(&task, NULL, NULL), 0);
    assert_noted(0);
    cr_assert_eq(wok_token_wait_until(root, wok_after(wok_ms(1))), -ETIMEDOUT);
}

WOK_TEST(semantics, K1_a_child_of_a_cancelled_parent_is_born_cancelled)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *parent = new_token(NULL);
    wok_instant start = wok_now();

    wok_token_cancel(parent);
    WOK_CLEANUP(wok_token_dropp) wok_token *child = new_token(parent);
    cr_assert(wok_token_is_cancelled(child));
    cr_assert_eq(wok_token_wait(child), 0);
    cr_assert_eq(wok_elapsed(start).ns, 0);
}

WOK_TEST(semantics, K1_leaving_the_block_of_a_guard_cancels)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *seen = NULL;

    {
        WOK_CLEANUP(wok_token_cancelp) wok_token *guard = new_token(NULL);
        seen = wok_token_ref(guard);
        cr_assert_not(wok_token_is_cancelled(seen));
    }
    cr_assert(wok_token_is_cancelled(seen));
}

/* Returns a code, or panics, inside the block of a guard. */
WOK_TASK(leave_guard, token_ref, int);

static int leave_guard(token_ref *token, int *result)
{
    WOK_CLEANUP(wok_token_cancelp) wok_token *guard = wok_token_ref(*token);

    if (wok_sleep(wok_seconds(1)) < 0)
        return -ECANCELED;
    *result = 1;
    wok_panic("with a guard");
}

WOK_TEST(semantics, K1_a_guard_cancels_also_when_a_panic_or_an_abort_leaves_its_block)
{
    for (int aborted = 0; aborted <= 1; aborted++) {
        WOK_CLEANUP(wok_token_dropp) wok_token *token = new_token(NULL);
        leave_guard_join task = wok_spawn(leave_guard, token);

        let_others_run();
        cr_assert_not(wok_token_is_cancelled(token));
        if (aborted)
            wok_join_abort(&task.join);
        cr_assert_eq(end_of(&task.join).outcome, aborted ? WOK_CANCELLED : WOK_PANICKED);
        cr_assert(wok_token_is_cancelled(token));
    }
}

/* What is taken out of the guard is not cancelled: WOK_TAKE() is how a guard is disarmed. */
WOK_TEST(semantics, K1_a_guard_that_was_taken_from_cancels_nothing)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *kept = NULL;

    {
        WOK_CLEANUP(wok_token_cancelp) wok_token *guard = new_token(NULL);
        kept = WOK_TAKE(guard);
    }
    cr_assert_not(wok_token_is_cancelled(kept));
}

WOK_TEST(semantics, K1_under_a_cancelled_token_no_work_is_started)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *token = new_token(NULL);
    struct step step = {.ready_at = 1, .number = 1};

    wok_token_cancel(token);
    cr_assert_eq(wok_run_until_cancelled(token, step_as_future(&step), NULL), -EINTR);
    cr_assert_eq(noted.count, 0);
}

WOK_TASK(cancel, token_ref, int);

static int cancel(token_ref *token, int *result)
{
    wok_token_cancel(*token);
    *result = 0;
    return 0;
}

/* The code of work that is ready at this poll, when the token is cancelled just before the second. */
static int run_work(unsigned ready_at)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *token = new_token(NULL);
    struct step step = {.ready_at = ready_at, .code = 42};
    cancel_join task = wok_spawn(cancel, token);
    int code = wok_run_until_cancelled(token, step_as_future(&step), NULL);

    cr_assert_eq(step.polled, 2);
    cr_assert_eq(cancel_await(&task, NULL, NULL), 0);
    return code;
}

WOK_TEST(semantics, K1_work_that_is_ready_together_with_the_cancel_wins)
{
    cr_assert_eq(run_work(2), 42);
}

WOK_TEST(semantics, K1_work_that_is_not_ready_at_the_cancel_is_given_up)
{
    cr_assert_eq(run_work(3), -EINTR);
}
