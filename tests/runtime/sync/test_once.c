/*
 * test_once.c - initialising at first use, on one worker and a paused clock: a task runs until it waits,
 * so the order of events is a fact.
 *
 * C-numbers are rules of Tokio's OnceCell.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "support/wok_test.h"

static wok_once once;
static int value, tries;

static void setup(void)
{
    once = (wok_once)WOK_ONCE_INIT;
    value = tries = 0;
}

/* What an initialiser does: it takes a while, and then ... */
enum ending { SUCCEEDS, FAILS, PANICS };

static int initialise(const enum ending *ending)
{
    int error;

    tries++;
    error = wok_sleep(wok_ms(10));
    if (error < 0)
        return error;
    if (*ending == PANICS)
        wok_panic("while it initialises");
    if (*ending == FAILS)
        return -EIO;
    value = 42;
    return 0;
}

WOK_TASK(caller, enum ending, int);

static int caller(enum ending *ending, int *result)
{
    const enum ending *constant = ending;

    *result = wok_once_call(&once, initialise, constant);
    return 0;
}

static caller_join spawn_caller(enum ending ending)
{
    caller_join join = wok_spawn(caller, ending);

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_caller(caller_join *join)
{
    int code = 1;

    cr_assert_eq(caller_await(join, &code, NULL), 0);
    return code;
}

Test(once, of_zero_bytes_is_not_done)
{
    wok_once zero;

    memset(&zero, 0, sizeof zero);
    cr_assert_not(wok_once_is_done(&zero));
}

/* C1 */
WOK_TEST(once, one_initialises_and_the_others_wait)
{
    wok_instant start = wok_now();
    caller_join callers[4];

    setup();
    for (int i = 0; i < 4; i++)
        callers[i] = spawn_caller(SUCCEEDS);
    cr_assert_eq(tries, 1);
    cr_assert_not(wok_once_is_done(&once));
    for (int i = 0; i < 4; i++)
        cr_assert_eq(await_caller(&callers[i]), 0);
    cr_assert_eq(tries, 1);
    cr_assert_eq(value, 42);
    cr_assert(wok_once_is_done(&once));
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns, "they are let go together");
    callers[0] = spawn_caller(FAILS);
    cr_assert_eq(await_caller(&callers[0]), 0, "it is done for ever");
    cr_assert_eq(tries, 1);
}

/* C1 */
WOK_TEST(once, failure_and_panic_and_abort_let_the_next_waiter_try)
{
    setup();
    caller_join fails = spawn_caller(FAILS), panics = spawn_caller(PANICS),
                aborted = spawn_caller(SUCCEEDS), succeeds = spawn_caller(SUCCEEDS),
                waits = spawn_caller(FAILS);

    cr_assert_eq(await_caller(&fails), -EIO);
    cr_assert_eq(caller_await(&panics, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(tries, 3, "one after the other, in the order of their calls");
    wok_join_abort(&aborted.join);
    cr_assert_eq(await_caller(&aborted), -ECANCELED);
    cr_assert_eq(await_caller(&succeeds), 0);
    cr_assert_eq(await_caller(&waits), 0);
    cr_assert_eq(tries, 4);
    cr_assert_eq(value, 42);
}

WOK_TEST(once, a_failure_with_nobody_waiting_leaves_it_as_it_was)
{
    setup();
    caller_join fails = spawn_caller(FAILS);

    cr_assert_eq(await_caller(&fails), -EIO);
    cr_assert_not(wok_once_is_done(&once));
    caller_join succeeds = spawn_caller(SUCCEEDS);
    cr_assert_eq(await_caller(&succeeds), 0);
    cr_assert_eq(value, 42);
}

/* ---- waiters that leave -------------------------------------------------------------------------- */

WOK_TEST(once, a_waiter_that_leaves_gets_no_turn)
{
    setup();
    caller_join first = spawn_caller(FAILS), second = spawn_caller(SUCCEEDS),
                third = spawn_caller(SUCCEEDS);

    wok_join_abort(&second.join); /* while it waits */
    cr_assert_eq(await_caller(&second), -ECANCELED);
    cr_assert_eq(await_caller(&first), -EIO);
    cr_assert_eq(await_caller(&third), 0);
    cr_assert_eq(tries, 2);
}

WOK_TEST(once, an_operation_that_was_given_the_turn_and_is_dropped_passes_it_on)
{
    bool turn = false, second_turn = false;

    setup();
    cr_assert_eq(wok_op_await(wok_once_begin_op(&once, &turn)), 0);
    cr_assert(turn);
    caller_join second = spawn_caller(SUCCEEDS), third = spawn_caller(SUCCEEDS);
    wok_once_failed(&once);
    wok_join_abort(&second.join); /* it was given the turn, and has not run since */
    cr_assert_eq(await_caller(&second), -ECANCELED);
    cr_assert_eq(await_caller(&third), 0);
    cr_assert_eq(tries, 1);
    cr_assert_eq(wok_op_await(wok_once_begin_op(&once, &second_turn)), 0);
    cr_assert_not(second_turn);
}

WOK_TEST(once, deadlines_and_losing_branches_leave_the_queue)
{
    bool turn = true;
    int code;

    setup();
    caller_join first = spawn_caller(FAILS);
    WOK_TIMEOUT(wok_ms(1))
    {
        cr_assert_eq(wok_once_call(&once, initialise, (const enum ending *)NULL), -ETIMEDOUT);
    }
    wok_op branches[] = {wok_once_begin_op(&once, &turn), wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(await_caller(&first), -EIO);
    cr_assert_eq(tries, 1);
    caller_join second = spawn_caller(SUCCEEDS);
    cr_assert_eq(await_caller(&second), 0);
}

#ifndef NDEBUG
Test(once, ending_a_turn_that_nobody_has_fails_an_assertion, .signal = SIGABRT)
{
    setup();
    wok_once_done(&once);
}

Test(once, failing_a_turn_that_nobody_has_fails_an_assertion, .signal = SIGABRT)
{
    setup();
    wok_once_failed(&once);
}
#endif

/* ---- budgets, cancellation, plain threads -------------------------------------------------------------- */

WOK_TASK(calls_when_aborted, int, int);

static int calls_when_aborted(int *args, int *result)
{
    enum ending ending = FAILS;
    const enum ending *constant = &ending;

    (void)args;
    cr_assert_eq(wok_sleep(wok_seconds(1)), -ECANCELED);
    *result = wok_once_call(&once, initialise, constant);
    return 0;
}

WOK_TEST(once, a_call_is_a_cancellation_point_also_when_it_is_done)
{
    int code = 1;

    setup();
    caller_join first = spawn_caller(SUCCEEDS);
    cr_assert_eq(await_caller(&first), 0);
    calls_when_aborted_join join = wok_spawn(calls_when_aborted, 0);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(calls_when_aborted_await(&join, &code, NULL), 0);
    cr_assert_eq(code, -ECANCELED);
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

WOK_TEST(once, a_task_that_never_has_to_wait_lets_others_run)
{
    enum ending ending = SUCCEEDS;
    const enum ending *constant = &ending;

    setup();
    cr_assert_eq(wok_once_call(&once, initialise, constant), 0);
    other_ran = false;
    other_join join = wok_spawn(other, 0);
    for (int rounds = 0; !other_ran; rounds++) {
        cr_assert_lt(rounds, 1000);
        cr_assert_eq(wok_once_call(&once, initialise, constant), 0);
    }
    cr_assert_eq(other_await(&join, NULL, NULL), 0);
}

static int counts(int *counter)
{
    ++*counter;
    return 0;
}

static void *thread_calls(void *argument)
{
    (void)argument;
    cr_assert_eq(wok_once_call(&once, counts, &value), 0);
    cr_assert_eq(value, 1);
    return NULL;
}

Test(once, plain_threads_call_without_a_runtime, .timeout = 20)
{
    pthread_t threads[4];

    setup();
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thread_calls, NULL), 0);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(value, 1);
}
