/*
 * test_watch_wait.c - how tasks and threads wait on a watch channel.  Its rules poll by poll are in
 * test_watch.c.
 */
#include <errno.h>
#include <pthread.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static wok_watch *new_watch(uint64_t initial)
{
    wok_watch *watch = NULL;

    cr_assert_eq(wok_watch_new(&watch, sizeof initial, &initial, NULL), 0);
    return watch;
}

static void drop_receiver(wok_watch_receiver *receiver)
{
    wok_watch_receiver_done(receiver);
}

/* Counts the news until the channel closes; its result is the last value. */
WOK_TASK_WITH_DROP(follow, wok_watch_receiver, uint64_t, drop_receiver, NULL);
static atomic_u32 news, wrong_order;

static int follow(wok_watch_receiver *receiver, uint64_t *last)
{
    int error;

    wok_watch_get(receiver, last);
    while ((error = wok_watch_changed(receiver)) == 0) {
        uint64_t value;

        wok_watch_get(receiver, &value);
        if (value < *last)
            fetch_add_relaxed(&wrong_order, 1);
        *last = value;
        fetch_add_relaxed(&news, 1);
    }
    return error == -EPIPE ? 0 : error;
}

static follow_join spawn_follower(wok_watch *watch)
{
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    return wok_spawn(follow, receiver);
}

/* W1 */
WOK_TEST(watch_wait, a_receiver_that_is_slow_sees_the_latest_value_once)
{
    wok_watch *watch = new_watch(0);
    follow_join task = spawn_follower(watch);
    uint64_t last = 0;

    cr_assert_eq(wok_yield(), 0); /* it waits now */
    for (uint64_t i = 1; i <= 5; i++)
        cr_assert_eq(wok_watch_send(watch, &i), 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(load_relaxed(&news), 1);
    wok_watch_sender_drop(watch);
    cr_assert_eq(follow_await(&task, &last, NULL), 0);
    cr_assert_eq(last, 5);
}

/* W2: a value and the end, before the receiver looks. */
WOK_TEST(watch_wait, the_last_value_comes_before_the_end)
{
    wok_watch *watch = new_watch(0);
    follow_join task = spawn_follower(watch);
    uint64_t last = 0;

    cr_assert_eq(wok_yield(), 0); /* it waits, and is woken once for both */
    cr_assert_eq(wok_watch_send(watch, &(uint64_t){7}), 0);
    wok_watch_sender_drop(watch);
    cr_assert_eq(follow_await(&task, &last, NULL), 0);
    cr_assert_eq(last, 7);
    cr_assert_eq(load_relaxed(&news), 1);
}

WOK_TEST(watch_wait, a_waiter_that_is_aborted_leaves_the_channel)
{
    wok_watch *watch = new_watch(0);
    follow_join aborted = spawn_follower(watch), other = spawn_follower(watch);
    wok_join_error why;
    uint64_t last = 0;

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&aborted.join);
    cr_assert_eq(follow_await(&aborted, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(wok_watch_send(watch, &(uint64_t){7}), 0);
    wok_watch_sender_drop(watch);
    cr_assert_eq(follow_await(&other, &last, NULL), 0);
    cr_assert_eq(last, 7);
    cr_assert_eq(load_relaxed(&news), 1);
}

/* Ignores that it was cancelled, and waits on a receiver that outlives it. */
static wok_watch_receiver outliving;
WOK_TASK(ignore_cancel, char, int);

static int ignore_cancel(char *unused, int *rounds)
{
    (void)unused;
    for (*rounds = 0; *rounds < 1000; *rounds += 1)
        (void)wok_watch_changed(&outliving);
    return 0;
}

WOK_TEST(watch_wait, a_waiter_that_is_unwound_leaves_the_channel)
{
    wok_watch *watch = new_watch(0);
    wok_join_error why;

    wok_watch_subscribe(&outliving, watch);
    ignore_cancel_join task = wok_spawn(ignore_cancel, 0);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_not_null(outliving.task);
    wok_join_abort(&task.join);
    cr_assert_eq(ignore_cancel_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_null(outliving.task, "nobody who is gone would be woken");
    cr_assert_eq(wok_watch_send(watch, &(uint64_t){1}), 0);
    cr_assert_eq(wok_watch_has_changed(&outliving), 1);
    wok_watch_receiver_done(&outliving);
    wok_watch_sender_drop(watch);
}

/* The pattern of a graceful shutdown: work until told to stop. */
WOK_TEST(watch_wait, is_one_branch_of_a_select)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;
    int code = 7;

    wok_watch_subscribe(&receiver, watch);
    for (int i = 0; i < 3; i++) {
        wok_op branches[] = {
            wok_future_op(wok_watch_changed_as_future(&receiver), NULL),
            wok_sleep_until_op(wok_after(wok_ms(10))),
        };
        if (i == 2)
            cr_assert_eq(wok_watch_send(watch, &(uint64_t){1}), 0);
        cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), i == 2 ? 0 : 1);
        cr_assert_eq(code, 0);
    }
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

WOK_TEST(watch_wait, times_out)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;
    wok_instant start = wok_now();

    wok_watch_subscribe(&receiver, watch);
    wok_future changed = wok_watch_changed_as_future(&receiver);
    cr_assert_eq(wok_timeout(wok_ms(20), changed, NULL), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    wok_future_drop(changed);
    cr_assert_null(receiver.task);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

/* ---- threads ---------------------------------------------------------------------------------------- */

static void *count_to_thousand(void *watch_)
{
    wok_watch *watch = watch_;

    for (uint64_t i = 1; i <= 1000; i++)
        cr_assert_eq(wok_watch_send(watch, &i), 0);
    wok_watch_sender_drop(watch);
    return NULL;
}

/* Without any runtime: the waiter is a thread. */
Test(watch_wait, a_plain_thread_blocks_until_there_is_news, .timeout = 20)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;
    pthread_t thread;
    uint64_t last = 0, value;
    int error;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(pthread_create(&thread, NULL, count_to_thousand, watch), 0);
    while ((error = wok_watch_changed(&receiver)) == 0) {
        wok_watch_get(&receiver, &value);
        cr_assert_geq(value, last);
        last = value;
    }
    cr_assert_eq(error, -EPIPE);
    cr_assert_eq(last, 1000);
    pthread_join(thread, NULL);
    wok_watch_receiver_done(&receiver);
}

/* Many receivers on several workers, senders on threads of their own; the last value reaches all. */
WOK_TEST_ON(watch_wait, every_receiver_on_every_worker_sees_the_last_value, 4)
{
    enum { RECEIVERS = 50, ROUNDS = 20 };

    for (int round = 0; round < ROUNDS; round++) {
        wok_watch *watch = new_watch(0);
        follow_join tasks[RECEIVERS];
        pthread_t thread;

        for (int i = 0; i < RECEIVERS; i++)
            tasks[i] = spawn_follower(watch);
        cr_assert_eq(pthread_create(&thread, NULL, count_to_thousand, watch), 0);
        for (int i = 0; i < RECEIVERS; i++) {
            uint64_t last = 0;

            cr_assert_eq(follow_await(&tasks[i], &last, NULL), 0);
            cr_assert_eq(last, 1000);
        }
        pthread_join(thread, NULL);
    }
    cr_assert_eq(load_relaxed(&wrong_order), 0);
}

/* Waiters come and go while values are sent; the sanitizers say whether a waker meets one that is
 * gone. */
WOK_TEST_ON(watch_wait, aborts_and_sends_at_the_same_time_leave_nobody_behind, 4)
{
    enum { RECEIVERS = 10, ROUNDS = 200 };

    for (int round = 0; round < ROUNDS; round++) {
        wok_watch *watch = new_watch(0);
        follow_join tasks[RECEIVERS];

        for (int i = 0; i < RECEIVERS; i++)
            tasks[i] = spawn_follower(watch);
        for (uint64_t i = 1; i <= RECEIVERS; i++) {
            (void)wok_watch_send(watch, &i);
            wok_join_abort(&tasks[i - 1].join);
            if (i % 4 == 0)
                cr_assert_eq(wok_yield(), 0);
        }
        for (int i = 0; i < RECEIVERS; i++) {
            wok_join_error why;
            (void)follow_await(&tasks[i], NULL, &why);
            cr_assert_eq(why.outcome, WOK_CANCELLED);
        }
        cr_assert_eq(wok_watch_send(watch, &(uint64_t){0}), -EPIPE, "every receiver is gone");
        wok_watch_sender_drop(watch);
    }
}
