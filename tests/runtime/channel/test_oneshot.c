/*
 * test_oneshot.c - the rules of the oneshot channel, poll by poll, and how tasks and threads wait on it.
 *
 * N1 is the rule of that name in the list of semantics.
 */
#include <errno.h>
#include <pthread.h>

#include "platform/atomic.h"
#include "support/poller.h"
#include "support/wok_test.h"

static struct poller a = POLLER, b = POLLER;

static unsigned drops;
static int dropped;

static void drop_number(int *value)
{
    drops++;
    dropped = *value;
}

WOK_ONESHOT(answer, int, drop_number);

static answer_sender sender;
static answer_receiver receiver;

static void make(void)
{
    cr_assert_eq(answer_new(&sender, &receiver), 0);
}

static void finish(void)
{
    answer_sender_drop(&sender);
    answer_receiver_drop(&receiver);
}

Test(oneshot, n1_a_send_does_not_wait_and_wakes_the_receiver)
{
    int value = 0;

    make();
    wok_op recv = answer_recv_op(&receiver, &value);
    cr_assert_eq(answer_try_recv(&receiver, &value), -EAGAIN);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    cr_assert_eq(answer_send(&sender, 7), 0);
    cr_assert_null(sender.raw.channel, "it is used up");
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), WOK_READY);
    cr_assert_eq(value, 7);
    wok_op_drop(&recv);
    finish();
    cr_assert_eq(drops, 0);
}

Test(oneshot, n1_a_second_send_is_refused)
{
    make();
    cr_assert_eq(answer_send(&sender, 7), 0);
    cr_assert_eq(answer_send(&sender, 8), -EINVAL);
    finish();
    cr_assert_eq(drops, 1);
    cr_assert_eq(dropped, 7);
}

Test(oneshot, n1_a_sender_that_goes_without_sending_ends_the_wait)
{
    int value = 0;

    make();
    wok_op recv = answer_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    answer_sender_drop(&sender);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), -EPIPE);
    wok_op_drop(&recv);
    finish();
}

Test(oneshot, n1_a_receiver_that_goes_leaves_the_value_with_the_sender)
{
    make();
    cr_assert_not(wok_oneshot_is_closed(&sender.raw));
    answer_receiver_drop(&receiver);
    cr_assert(wok_oneshot_is_closed(&sender.raw));
    cr_assert_eq(answer_send(&sender, 7), -EPIPE);
    cr_assert_null(sender.raw.channel, "it is used up all the same");
    finish();
    cr_assert_eq(drops, 0);
}

Test(oneshot, n1_a_value_that_nobody_received_is_destroyed_with_the_receiver)
{
    make();
    cr_assert_eq(answer_send(&sender, 7), 0);
    cr_assert_eq(drops, 0);
    answer_receiver_drop(&receiver);
    cr_assert_eq(drops, 1);
    cr_assert_eq(dropped, 7);
    finish();
}

Test(oneshot, n1_closed_is_ready_when_the_receiver_is_closed_or_gone)
{
    make();
    wok_op closed = answer_closed_op(&sender), given_up = answer_closed_op(&sender);
    cr_assert_eq(poller_poll(&a, &closed), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &given_up), WOK_PENDING);
    wok_op_drop(&given_up);
    answer_receiver_drop(&receiver);
    cr_assert(poller_woken(&a));
    cr_assert_not(poller_woken(&b));
    cr_assert_eq(poller_poll(&a, &closed), WOK_READY);
    wok_op_drop(&closed);
    finish();

    make();
    answer_close(&receiver);
    closed = answer_closed_op(&sender);
    cr_assert_eq(poller_poll(&a, &closed), WOK_READY);
    wok_op_drop(&closed);
    finish();
}

Test(oneshot, n1_after_a_close_a_value_sent_before_can_be_received)
{
    int value = 0;

    make();
    cr_assert_eq(answer_send(&sender, 7), 0);
    answer_close(&receiver);
    cr_assert_eq(answer_try_recv(&receiver, &value), 0);
    cr_assert_eq(value, 7);
    finish();
    cr_assert_eq(drops, 0);
}

Test(oneshot, n1_after_a_close_a_send_fails_and_a_receive_ends)
{
    int value = 0;

    make();
    wok_op recv = answer_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    answer_close(&receiver);
    cr_assert_eq(answer_send(&sender, 7), -EPIPE);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), -EPIPE);
    wok_op_drop(&recv);
    finish();
    cr_assert_eq(drops, 0, "the value is the caller's");
}

Test(oneshot, n1_a_receive_after_the_last_one_is_misuse)
{
    int value = 0;

    make();
    cr_assert_eq(answer_send(&sender, 7), 0);
    cr_assert_eq(answer_recv(&receiver, &value), 0);
    cr_assert_eq(answer_recv(&receiver, &value), -EINVAL);
    cr_assert_eq(answer_try_recv(&receiver, &value), -EINVAL);
    finish();

    make();
    answer_sender_drop(&sender);
    cr_assert_eq(answer_try_recv(&receiver, &value), -EPIPE);
    wok_op recv = answer_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), -EINVAL);
    wok_op_drop(&recv);
    finish();
}

Test(oneshot, a_dropped_receive_takes_no_value)
{
    int value = 0;

    make();
    wok_op given_up = answer_recv_op(&receiver, &value), woken = answer_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &given_up), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &woken), WOK_PENDING);
    wok_op_drop(&given_up);
    cr_assert_eq(answer_send(&sender, 7), 0);
    cr_assert_not(poller_woken(&a));
    cr_assert(poller_woken(&b));
    wok_op_drop(&woken);
    cr_assert_eq(value, 0);
    cr_assert_eq(answer_try_recv(&receiver, &value), 0);
    cr_assert_eq(value, 7);
    finish();
}

Test(oneshot, an_operation_that_is_over_needs_the_channel_no_more)
{
    int value = 0;

    make();
    wok_op recv = answer_recv_op(&receiver, &value);
    cr_assert_eq(answer_send(&sender, 7), 0);
    cr_assert_eq(poller_poll(&a, &recv), WOK_READY);
    finish();
    wok_op_drop(&recv);
}

Test(oneshot, takes_a_value_of_no_bytes_and_refuses_one_beyond_memory)
{
    wok_oneshot_options nothing = {0}, too_much = {.value_size = SIZE_MAX};

    cr_assert_eq(wok_oneshot_new(&too_much, &sender.raw, &receiver.raw), -ENOMEM);
    cr_assert_null(sender.raw.channel);
    cr_assert_eq(wok_oneshot_new(&nothing, &sender.raw, &receiver.raw), 0);
    cr_assert_eq(wok_oneshot_send(&sender.raw, NULL), 0);
    cr_assert_eq(wok_oneshot_recv(&receiver.raw, NULL), 0);
    finish();
}

Test(oneshot, handles_of_zero_bytes_are_refused_and_their_ends_are_fine)
{
    int value;

    cr_assert_eq(answer_send(&sender, 1), -EINVAL);
    cr_assert_eq(answer_try_recv(&receiver, &value), -EINVAL);
    wok_op ops[] = {answer_recv_op(&receiver, &value), answer_closed_op(&sender)};
    for (size_t i = 0; i < WOK_COUNT(ops); i++) {
        cr_assert_eq(poller_poll(&a, &ops[i]), -EINVAL);
        wok_op_drop(&ops[i]);
    }
    cr_assert(wok_oneshot_is_closed(&sender.raw));
    answer_close(&receiver);
    finish();
}

static answer_sender in_flight;

static void use_channel(int *value)
{
    drop_number(value);
    answer_sender_drop(&in_flight);
    wok_panic("in a destructor");
}

WOK_ONESHOT(unruly, int, use_channel);

Test(oneshot, a_panic_in_the_drop_function_goes_no_further)
{
    unruly_sender tx;
    unruly_receiver rx;

    make();
    in_flight = sender;
    cr_assert_eq(unruly_new(&tx, &rx), 0);
    cr_assert_eq(unruly_send(&tx, 3), 0);
    unruly_receiver_drop(&rx);
    cr_assert_eq(drops, 1);
    answer_receiver_drop(&receiver);
}

/* ---- tasks and threads ---------------------------------------------------------------------------- */

static void drop_sender(answer_sender *moved)
{
    answer_sender_drop(moved);
}

WOK_TASK_WITH_DROP(give_answer, answer_sender, int, drop_sender, NULL);
static int give_answer(answer_sender *moved, int *unused)
{
    int error = wok_sleep(wok_ms(10));

    *unused = 0;
    return error < 0 ? error : answer_send(moved, 42);
}

WOK_TEST(oneshot, a_task_waits_for_the_answer_of_another)
{
    wok_instant start = wok_now();
    int value = 0;

    make();
    give_answer_join task = wok_spawn_on(NULL, give_answer, sender);
    cr_assert_eq(answer_recv_until(&receiver, &value, wok_after(wok_ms(3))), -ETIMEDOUT);
    cr_assert_eq(answer_recv(&receiver, &value), 0);
    cr_assert_eq(value, 42);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
    cr_assert_eq(give_answer_await(&task, NULL, NULL), 0);
    answer_receiver_drop(&receiver);
}

/* The sender is one of the task's arguments, so its end is seen. */
WOK_TEST(oneshot, the_abort_of_the_answering_task_ends_the_wait)
{
    int value = 0;

    make();
    give_answer_join task = wok_spawn_on(NULL, give_answer, sender);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(answer_recv(&receiver, &value), -EPIPE);
    cr_assert_eq(give_answer_await(&task, NULL, NULL), -WOK_EJOIN);
    answer_receiver_drop(&receiver);
}

WOK_TEST(oneshot, a_task_stops_working_for_an_answer_that_nobody_wants)
{
    int code = 7;

    make();
    answer_receiver_drop(&receiver);
    wok_op branches[] = {answer_closed_op(&sender), wok_sleep_op(wok_ms(10))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 0);
    cr_assert_eq(code, 0);
    cr_assert_eq(wok_oneshot_closed(&sender.raw), 0);
    cr_assert_eq(wok_oneshot_closed_until(&sender.raw, wok_after(wok_ms(1))), 0);
    answer_sender_drop(&sender);
}

static void *answer_from_thread(void *unused)
{
    (void)unused;
    cr_assert_eq(answer_send(&sender, 42), 0);
    return NULL;
}

Test(oneshot, a_plain_thread_blocks_until_the_answer_comes, .timeout = 20)
{
    pthread_t thread;
    int value = 0;

    make();
    cr_assert_eq(pthread_create(&thread, NULL, answer_from_thread, NULL), 0);
    cr_assert_eq(answer_recv(&receiver, &value), 0);
    cr_assert_eq(value, 42);
    pthread_join(thread, NULL);
    finish();
}
