/*
 * test_watch_wait.c - how tasks and threads wait on a watch channel.  Its rules poll by poll are in
 * test_watch.c.
 */
#include <errno.h>
#include <pthread.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

WOK_WATCH(watch, uint64_t, NULL);

static watch_sender new_watch(uint64_t initial)
{
    watch_sender watch;

    cr_assert_eq(watch_new(initial, &watch), 0);
    return watch;
}

/* Counts the news until the channel closes; its result is the last value. */
WOK_TASK_WITH_DROP(follow, watch_receiver, uint64_t, watch_receiver_drop, NULL);
static atomic_u32 news, wrong_order;

static int follow(watch_receiver *receiver, uint64_t *last)
{
    int error;

    watch_get(receiver, last);
    while ((error = watch_changed(receiver)) == 0) {
        uint64_t value;

        watch_get(receiver, &value);
        if (value < *last)
            fetch_add_relaxed(&wrong_order, 1);
        *last = value;
        fetch_add_relaxed(&news, 1);
    }
    return error == -EPIPE ? 0 : error;
}

static follow_join spawn_follower(const watch_sender *watch)
{
    watch_receiver receiver;

    watch_subscribe(watch, &receiver);
    return wok_spawn(follow, receiver);
}

/* W1 */
WOK_TEST(watch_wait, a_receiver_that_is_slow_sees_the_latest_value_once)
{
    watch_sender watch = new_watch(0);
    follow_join task = spawn_follower(&watch);
    uint64_t last = 0;

    cr_assert_eq(wok_yield(), 0); /* it waits now */
    for (uint64_t i = 1; i <= 5; i++)
        cr_assert_eq(watch_send(&watch, i), 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(load_relaxed(&news), 1);
    watch_sender_drop(&watch);
    cr_assert_eq(follow_await(&task, &last, NULL), 0);
    cr_assert_eq(last, 5);
}

/* W2: a value and the end, before the receiver looks. */
WOK_TEST(watch_wait, the_last_value_comes_before_the_end)
{
    watch_sender watch = new_watch(0);
    follow_join task = spawn_follower(&watch);
    uint64_t last = 0;

    cr_assert_eq(wok_yield(), 0); /* it waits, and is woken once for both */
    cr_assert_eq(watch_send(&watch, 7), 0);
    watch_sender_drop(&watch);
    cr_assert_eq(follow_await(&task, &last, NULL), 0);
    cr_assert_eq(last, 7);
    cr_assert_eq(load_relaxed(&news), 1);
}

WOK_TEST(watch_wait, a_waiter_that_is_aborted_leaves_the_channel)
{
    watch_sender watch = new_watch(0);
    follow_join aborted = spawn_follower(&watch), other = spawn_follower(&watch);
    wok_join_error why;
    uint64_t last = 0;

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&aborted.join);
    cr_assert_eq(follow_await(&aborted, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(watch_send(&watch, 7), 0);
    watch_sender_drop(&watch);
    cr_assert_eq(follow_await(&other, &last, NULL), 0);
    cr_assert_eq(last, 7);
    cr_assert_eq(load_relaxed(&news), 1);
}

/* Ignores that it was cancelled, and waits on a receiver that outlives it. */
static watch_receiver outliving;
WOK_TASK(ignore_cancel, char, int);

static int ignore_cancel(char *unused, int *rounds)
{
    (void)unused;
    for (*rounds = 0; *rounds < 1000; *rounds += 1)
        (void)watch_changed(&outliving);
    return 0;
}

WOK_TEST(watch_wait, a_waiter_that_is_unwound_leaves_the_channel)
{
    watch_sender watch = new_watch(0);
    wok_join_error why;

    watch_subscribe(&watch, &outliving);
    ignore_cancel_join task = wok_spawn(ignore_cancel, 0);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(ignore_cancel_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(watch_send(&watch, 1), 0);
    cr_assert_eq(wok_watch_has_changed(&outliving.raw), 1);
    watch_receiver_drop(&outliving);
    watch_sender_drop(&watch);
}

/* The pattern of a graceful shutdown: work until told to stop. */
WOK_TEST(watch_wait, is_one_branch_of_a_select)
{
    watch_sender watch = new_watch(0);
    watch_receiver receiver;
    int code = 7;

    watch_subscribe(&watch, &receiver);
    for (int i = 0; i < 3; i++) {
        wok_op branches[] = {
            watch_changed_op(&receiver),
            wok_sleep_until_op(wok_after(wok_ms(10))),
        };
        if (i == 2)
            cr_assert_eq(watch_send(&watch, 1), 0);
        cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), i == 2 ? 0 : 1);
        cr_assert_eq(code, 0);
    }
    watch_receiver_drop(&receiver);
    watch_sender_drop(&watch);
}

static bool is_five(const void *value, void *unused)
{
    (void)unused;
    return *(const uint64_t *)value == 5;
}

WOK_TEST(watch_wait, waits_end_at_their_deadline)
{
    watch_sender watch = new_watch(0);
    watch_receiver receiver;
    wok_instant start = wok_now();

    watch_subscribe(&watch, &receiver);
    cr_assert_eq(watch_changed_until(&receiver, wok_after(wok_ms(20))), -ETIMEDOUT);
    cr_assert_eq(wok_watch_wait_for_until(&receiver.raw, is_five, NULL, wok_after(wok_ms(20))),
                 -ETIMEDOUT);
    cr_assert_eq(wok_watch_closed_until(&watch.raw, wok_after(wok_ms(20))), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(60).ns);
    watch_receiver_drop(&receiver);
    cr_assert_eq(wok_watch_closed(&watch.raw), 0);
    watch_sender_drop(&watch);
}

/* D8: a value comes whenever one is looked at, and yet the loop lets others run. */
static bool sends_itself_another(const void *value, void *watch)
{
    cr_assert_eq(watch_send(watch, *(const uint64_t *)value + 1), 0);
    return false;
}

static int note_how_far(watch_receiver *receiver)
{
    uint64_t far;

    watch_get(receiver, &far);
    cr_assert_eq(far, 128);
    return -1;
}

WOK_TEST(watch_wait, d8_a_wait_that_always_has_news_lets_others_run)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    watch_sender watch = new_watch(0);
    watch_receiver receiver, other;
    wok_watch_receiver *raw = &receiver.raw;

    watch_subscribe(&watch, &receiver);
    watch_subscribe(&watch, &other);
    wok_scope_spawn(&scope, note_how_far, &other);
    cr_assert_eq(wok_watch_wait_for_until(raw, sends_itself_another, &watch, wok_after(wok_ms(0))),
                 -ETIMEDOUT);
    cr_assert_lt(wok_scope_wait(&scope), 0);
    watch_receiver_drop(&receiver);
    watch_receiver_drop(&other);
    watch_sender_drop(&watch);
}

static bool panics(const void *value, void *unused)
{
    (void)unused;
    wok_panic("at %d", (int)*(const uint64_t *)value);
}

WOK_TASK(panic_in_predicate, watch_receiver *, int);
static int panic_in_predicate(watch_receiver **receiver, int *unused)
{
    *unused = 0;
    return wok_watch_wait_for(&(*receiver)->raw, panics, NULL);
}

static bool modify_and_panic(const void *current, void *ret_value, void *unused)
{
    (void)unused;
    *(uint64_t *)ret_value = *(const uint64_t *)current + 1;
    wok_panic("at %d", (int)*(const uint64_t *)current);
}

WOK_TASK(panic_in_modify, watch_sender *, int);
static int panic_in_modify(watch_sender **sender, int *unused)
{
    *unused = 0;
    return wok_watch_send_if_modified(&(*sender)->raw, modify_and_panic, NULL);
}

WOK_TEST(watch_wait, a_panic_in_a_function_of_the_users_changes_nothing)
{
    watch_sender watch = new_watch(6);
    watch_receiver receiver;
    wok_join_error why;
    uint64_t value;

    watch_subscribe(&watch, &receiver);
    panic_in_predicate_join reader = wok_spawn_on(NULL, panic_in_predicate, &receiver);
    cr_assert_eq(panic_in_predicate_await(&reader, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    panic_in_modify_join writer = wok_spawn_on(NULL, panic_in_modify, &watch);
    cr_assert_eq(panic_in_modify_await(&writer, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    watch_get(&receiver, &value);
    cr_assert_eq(value, 6);
    for (uint64_t i = 0; i < 5; i++) /* no node was lost */
        cr_assert_eq(watch_send(&watch, i), 0);
    cr_assert_eq(watch_changed(&receiver), 0);
    watch_receiver_drop(&receiver);
    watch_sender_drop(&watch);
}

/* ---- threads ---------------------------------------------------------------------------------------- */

static void *count_to_thousand(void *watch_)
{
    watch_sender watch = *(watch_sender *)watch_;

    for (uint64_t i = 1; i <= 1000; i++)
        cr_assert_eq(watch_send(&watch, i), 0);
    watch_sender_drop(&watch);
    return NULL;
}

/* Without any runtime: the waiter is a thread. */
Test(watch_wait, a_plain_thread_blocks_until_there_is_news, .timeout = 20)
{
    watch_sender watch = new_watch(0);
    watch_receiver receiver;
    pthread_t thread;
    uint64_t last = 0, value;
    int error;

    watch_subscribe(&watch, &receiver);
    cr_assert_eq(pthread_create(&thread, NULL, count_to_thousand, &watch), 0);
    while ((error = watch_changed(&receiver)) == 0) {
        watch_get(&receiver, &value);
        cr_assert_geq(value, last);
        last = value;
    }
    cr_assert_eq(error, -EPIPE);
    cr_assert_eq(last, 1000);
    pthread_join(thread, NULL);
    watch_receiver_drop(&receiver);
}

/* Many receivers on several workers, senders on threads of their own; the last value reaches all. */
WOK_TEST_ON(watch_wait, every_receiver_on_every_worker_sees_the_last_value, 4)
{
    enum { RECEIVERS = 50, ROUNDS = 20 };

    for (int round = 0; round < ROUNDS; round++) {
        watch_sender watch = new_watch(0);
        follow_join tasks[RECEIVERS];
        pthread_t thread;

        for (int i = 0; i < RECEIVERS; i++)
            tasks[i] = spawn_follower(&watch);
        cr_assert_eq(pthread_create(&thread, NULL, count_to_thousand, &watch), 0);
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
        watch_sender watch = new_watch(0);
        follow_join tasks[RECEIVERS];

        for (int i = 0; i < RECEIVERS; i++)
            tasks[i] = spawn_follower(&watch);
        for (uint64_t i = 1; i <= RECEIVERS; i++) {
            (void)watch_send(&watch, i);
            wok_join_abort(&tasks[i - 1].join);
            if (i % 4 == 0)
                cr_assert_eq(wok_yield(), 0);
        }
        for (int i = 0; i < RECEIVERS; i++) {
            wok_join_error why;
            (void)follow_await(&tasks[i], NULL, &why);
            cr_assert_eq(why.outcome, WOK_CANCELLED);
        }
        cr_assert_eq(watch_send(&watch, 0), -EPIPE, "every receiver is gone");
        watch_sender_drop(&watch);
    }
}
