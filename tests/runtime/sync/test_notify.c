/*
 * test_notify.c - notifications, on one worker and a paused clock: a task runs until it waits, so the
 * order of events is a fact.
 *
 * F-numbers are rules of Tokio's Notify.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "support/wok_test.h"

static wok_notify notify;

/* Who was woken, in that order. */
static struct {
    int who[16];
    int count;
} woken;

static void setup(void)
{
    notify = (wok_notify)WOK_NOTIFY_INIT;
    woken.count = 0;
}

WOK_TASK(waiter, int, int);

static int waiter(int *who, int *result)
{
    *result = wok_notify_wait(&notify);
    if (*result == 0)
        woken.who[woken.count++] = *who;
    return 0;
}

static waiter_join spawn_waiter(int who)
{
    waiter_join join = wok_spawn(waiter, who);

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_waiter(waiter_join *join)
{
    int code = 1;

    cr_assert_eq(waiter_await(join, &code, NULL), 0);
    return code;
}

/* True if a wait that begins now would not have to wait; takes the notification. */
static bool is_stored(void)
{
    int code = wok_notify_wait_until(&notify, wok_now());

    cr_assert(code == 0 || code == -ETIMEDOUT);
    return code == 0;
}

/* ---- one --------------------------------------------------------------------------------------- */

/* F1 */
WOK_TEST(notify, stores_at_most_one_notification)
{
    setup();
    cr_assert_not(is_stored());
    wok_notify_one(&notify);
    wok_notify_one(&notify);
    cr_assert_eq(wok_notify_wait(&notify), 0);
    cr_assert_not(is_stored(), "the second one blocks");
    wok_notify_last(&notify);
    cr_assert(is_stored());
}

Test(notify, of_zero_bytes_has_nothing_stored, .timeout = 20)
{
    wok_notify zero;

    memset(&zero, 0, sizeof zero);
    cr_assert_eq(wok_notify_wait_until(&zero, wok_now()), -ETIMEDOUT);
    wok_notify_one(&zero);
    cr_assert_eq(wok_notify_wait(&zero), 0);
}

/* F2 */
WOK_TEST(notify, one_wakes_who_waits_longest)
{
    setup();
    waiter_join waiters[] = {spawn_waiter(0), spawn_waiter(1), spawn_waiter(2)};

    for (int i = 0; i < 3; i++) {
        wok_notify_one(&notify);
        cr_assert_eq(await_waiter(&waiters[i]), 0);
        cr_assert_eq(woken.count, i + 1);
        cr_assert_eq(woken.who[i], i);
    }
    cr_assert_not(is_stored());
}

/* F2 */
WOK_TEST(notify, last_wakes_who_came_last)
{
    setup();
    waiter_join waiters[] = {spawn_waiter(0), spawn_waiter(1), spawn_waiter(2)};

    for (int i = 2; i >= 0; i--) {
        wok_notify_last(&notify);
        cr_assert_eq(await_waiter(&waiters[i]), 0);
        cr_assert_eq(woken.count, 3 - i);
    }
}

/* ---- all ---------------------------------------------------------------------------------------- */

/* F1 */
WOK_TEST(notify, waiters_stores_nothing)
{
    setup();
    wok_notify_waiters(&notify);
    cr_assert_not(is_stored());
}

/* F1 */
WOK_TEST(notify, waiters_wakes_every_operation_created_before_polled_or_not)
{
    setup();
    wok_op early = wok_notify_op(&notify);
    waiter_join waiters[] = {spawn_waiter(0), spawn_waiter(1)};

    wok_notify_waiters(&notify);
    wok_op late = wok_notify_op(&notify);
    cr_assert_eq(await_waiter(&waiters[0]), 0);
    cr_assert_eq(await_waiter(&waiters[1]), 0);
    cr_assert_eq(wok_op_await_until(early, wok_now()), 0, "it was never polled");
    cr_assert_eq(wok_op_await_until(late, wok_now()), -ETIMEDOUT);
}

WOK_TEST(notify, who_was_reached_by_all_takes_what_is_stored_as_well)
{
    setup();
    wok_op op = wok_notify_op(&notify);

    wok_notify_one(&notify);
    wok_notify_waiters(&notify);
    cr_assert_eq(wok_op_await(op), 0);
    cr_assert_not(is_stored());
}

/* ---- waiters that leave ----------------------------------------------------------------------------- */

/* F2: notified_multi_notify_drop_one */
WOK_TEST(notify, a_notified_waiter_that_is_dropped_passes_it_on)
{
    setup();
    waiter_join waiters[] = {spawn_waiter(0), spawn_waiter(1), spawn_waiter(2)};

    wok_notify_one(&notify);
    wok_join_abort(&waiters[0].join);
    cr_assert_eq(await_waiter(&waiters[0]), -ECANCELED);
    cr_assert_eq(await_waiter(&waiters[1]), 0);
    cr_assert_eq(woken.count, 1);

    wok_notify_one(&notify);
    wok_join_abort(&waiters[2].join);
    cr_assert_eq(await_waiter(&waiters[2]), -ECANCELED);
    cr_assert(is_stored(), "nobody is left: it waits for the next");
}

WOK_TEST(notify, what_notify_last_gave_goes_to_the_last_of_those_left)
{
    setup();
    waiter_join waiters[] = {spawn_waiter(0), spawn_waiter(1), spawn_waiter(2)};

    wok_notify_last(&notify);
    wok_join_abort(&waiters[2].join);
    cr_assert_eq(await_waiter(&waiters[2]), -ECANCELED);
    cr_assert_eq(await_waiter(&waiters[1]), 0);
    cr_assert_not(wok_join_is_finished(&waiters[0].join));
    wok_notify_one(&notify);
    cr_assert_eq(await_waiter(&waiters[0]), 0);
}

WOK_TEST(notify, what_notify_waiters_gave_is_not_passed_on)
{
    setup();
    waiter_join join = spawn_waiter(0);

    wok_notify_waiters(&notify);
    wok_join_abort(&join.join); /* it was woken, and has not run since */
    cr_assert_eq(await_waiter(&join), -ECANCELED);
    cr_assert_not(is_stored());
}

WOK_TEST(notify, a_waiter_that_leaves_unnoticed_is_not_woken_any_more)
{
    setup();
    int code;
    wok_op branches[] = {wok_notify_op(&notify), wok_sleep_op(wok_ms(1))};

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(wok_notify_wait_until(&notify, wok_after(wok_ms(1))), -ETIMEDOUT);
    waiter_join join = spawn_waiter(1);
    cr_assert_eq(wok_notify_wait_until(&notify, wok_after(wok_ms(1))), -ETIMEDOUT);
    cr_assert_eq(woken.count, 0, "nor is anybody else");
    wok_notify_one(&notify);
    cr_assert_eq(await_waiter(&join), 0);
    cr_assert_not(is_stored());
}

/* ---- budgets, stackless tasks, plain threads ------------------------------------------------------------ */

static bool other_ran;

WOK_TASK(other, int, int);

static int other(int *args, int *result)
{
    (void)args;
    *result = 0;
    other_ran = true;
    return 0;
}

WOK_TEST(notify, a_task_that_never_has_to_wait_lets_others_run)
{
    setup();
    other_ran = false;
    other_join join = wok_spawn(other, 0);

    for (int rounds = 0; !other_ran; rounds++) {
        cr_assert_lt(rounds, 1000);
        wok_notify_one(&notify);
        cr_assert_eq(wok_notify_wait(&notify), 0);
    }
    cr_assert_eq(other_await(&join, NULL, NULL), 0);
    cr_assert_not(is_stored());
}

struct stackless {
    wok_op op;
};

static wok_poll stackless_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_op_poll(&((struct stackless *)self)->op, cx);
}

static void stackless_drop(void *self)
{
    wok_op_drop(&((struct stackless *)self)->op);
}

static const wok_future_vtable stackless_vtable = {
    .name = "is notified",
    .size = sizeof(struct stackless),
    .poll = stackless_poll,
    .drop = stackless_drop,
};

WOK_TEST(notify, a_stackless_task_polls_the_operation)
{
    setup();
    struct stackless futures[] = {{wok_notify_op(&notify)}, {wok_notify_op(&notify)}};
    wok_join joins[] = {wok_spawn_future(&stackless_vtable, &futures[0]),
                        wok_spawn_future(&stackless_vtable, &futures[1])};

    cr_assert_eq(wok_yield(), 0);
    wok_notify_one(&notify);
    cr_assert_eq(wok_join_await(&joins[0], NULL, NULL), 0);
    cr_assert_not(wok_join_is_finished(&joins[1]));
    wok_notify_waiters(&notify);
    cr_assert_eq(wok_join_await(&joins[1], NULL, NULL), 0);
}

static void *thread_waits(void *argument)
{
    *(int *)argument = wok_notify_wait(&notify);
    return NULL;
}

Test(notify, a_plain_thread_blocks, .timeout = 20)
{
    pthread_t thread;
    int code = 1;

    setup();
    cr_assert_eq(pthread_create(&thread, NULL, thread_waits, &code), 0);
    wok_notify_one(&notify); /* before it waits, or while */
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(code, 0);
}
