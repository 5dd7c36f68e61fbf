/*
 * test_watch.c - the rules of the watch channel, poll by poll, without a runtime.
 *
 * W1 to W3 are the rules of that name in the list of semantics.  Reading in place, waiting for a value
 * and replacing by a function are in test_watch_values.c, tasks and threads in test_watch_wait.c.
 */
#include <errno.h>

#include "runtime/channel/states.h"

static void store(int value)
{
    cr_assert_eq(states_send(&sender, value), 0);
}

/* ---- W1 ----------------------------------------------------------------------------------------- */

Test(watch, w1_keeps_the_latest_value_only)
{
    states_receiver receiver;

    make(0);
    states_subscribe(&sender, &receiver);
    store(1);
    store(2);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), 1);
    wok_op changed = states_changed_op(&receiver);
    cr_assert_eq(poller_poll(&a, &changed), WOK_READY);
    wok_op_drop(&changed);
    cr_assert_eq(value_of(&receiver), 2);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), 0);
    changed = states_changed_op(&receiver);
    cr_assert_eq(poller_poll(&a, &changed), WOK_PENDING, "it is seen once");
    wok_op_drop(&changed);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
}

Test(watch, w1_the_value_at_the_subscription_counts_as_seen)
{
    states_receiver early, late, copy;

    make(7);
    states_subscribe(&sender, &early);
    cr_assert_eq(wok_watch_has_changed(&early.raw), 0);
    cr_assert_eq(value_of(&early), 7);
    store(8);
    states_subscribe(&sender, &late);
    copy = states_receiver_ref(&early);
    cr_assert_eq(wok_watch_has_changed(&early.raw), 1);
    cr_assert_eq(wok_watch_has_changed(&copy.raw), 1, "it has seen what the other has");
    cr_assert_eq(wok_watch_has_changed(&late.raw), 0);
    cr_assert_eq(value_of(&late), 8);
    cr_assert_eq(wok_watch_receiver_count(&sender.raw), 3);
    states_receiver_drop(&early);
    states_receiver_drop(&late);
    states_receiver_drop(&copy);
    cr_assert_eq(wok_watch_receiver_count(&sender.raw), 0);
    states_sender_drop(&sender);
}

Test(watch, w1_a_get_marks_the_value_as_seen)
{
    states_receiver receiver;

    make(1);
    states_subscribe(&sender, &receiver);
    store(2);
    cr_assert_eq(value_of(&receiver), 2);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), 0);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
}

/* ---- W2 ----------------------------------------------------------------------------------------- */

Test(watch, w2_a_closed_channel_gives_an_unseen_value_once_and_then_ends)
{
    states_receiver receiver;

    make(1);
    states_subscribe(&sender, &receiver);
    store(2);
    states_sender_drop(&sender);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), -EPIPE, "as soon as it is closed");
    cr_assert_eq(states_changed(&receiver), 0);
    cr_assert_eq(states_changed(&receiver), -EPIPE);
    cr_assert_eq(value_of(&receiver), 2, "the last value stays readable");
    cr_assert_eq(drops, 1);
    states_receiver_drop(&receiver);
    cr_assert_eq(drops, 2);
}

Test(watch, w2_closes_with_the_last_of_its_senders_only)
{
    states_receiver receiver;

    make(1);
    states_sender other = states_sender_ref(&sender);
    states_subscribe(&sender, &receiver);
    wok_op changed = states_changed_op(&receiver);
    cr_assert_eq(poller_poll(&a, &changed), WOK_PENDING);
    states_sender_drop(&sender);
    cr_assert_not(poller_woken(&a));
    states_sender_drop(&other);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &changed), -EPIPE);
    wok_op_drop(&changed);
    states_receiver_drop(&receiver);
}

/* ---- W3 ----------------------------------------------------------------------------------------- */

Test(watch, w3_a_send_without_receivers_keeps_the_old_value)
{
    states_receiver receiver;

    make(1);
    cr_assert_eq(states_send(&sender, 2), -EPIPE);
    cr_assert_eq(drops, 0, "neither the old value nor the new one is destroyed");
    states_subscribe(&sender, &receiver);
    cr_assert_eq(value_of(&receiver), 1);
    states_receiver_drop(&receiver);
    cr_assert_eq(states_send(&sender, 3), -EPIPE, "the only receiver is gone");
    states_sender_drop(&sender);
    cr_assert_eq(drops, 1);
    cr_assert_eq(dropped[0], 1);
}

Test(watch, w3_a_replace_stores_without_receivers)
{
    states_receiver receiver;

    make(1);
    cr_assert_eq(states_send_replace(&sender, 2), 0);
    states_subscribe(&sender, &receiver);
    cr_assert_eq(value_of(&receiver), 2);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
}

/* ---- waking --------------------------------------------------------------------------------------- */

Test(watch, a_send_wakes_every_waiter_once)
{
    struct poller *pollers[] = {&a, &b, &c};
    states_receiver receivers[3];
    wok_op ops[3];

    make(0);
    for (int i = 0; i < 3; i++) {
        states_subscribe(&sender, &receivers[i]);
        ops[i] = states_changed_op(&receivers[i]);
        cr_assert_eq(poller_poll(pollers[i], &ops[i]), WOK_PENDING);
    }
    store(1);
    for (int i = 0; i < 3; i++)
        cr_assert(poller_woken(pollers[i]));
    store(2);
    for (int i = 0; i < 3; i++) {
        cr_assert_not(poller_woken(pollers[i]), "nobody waits any more");
        cr_assert_eq(poller_poll(pollers[i], &ops[i]), WOK_READY);
        wok_op_drop(&ops[i]);
        states_receiver_drop(&receivers[i]);
    }
    states_sender_drop(&sender);
}

Test(watch, a_second_poll_moves_the_wait_to_its_task)
{
    states_receiver receiver;

    make(0);
    states_subscribe(&sender, &receiver);
    wok_op changed = states_changed_op(&receiver);
    cr_assert_eq(poller_poll(&a, &changed), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &changed), WOK_PENDING);
    store(1);
    cr_assert_not(poller_woken(&a));
    cr_assert(poller_woken(&b));
    wok_op_drop(&changed);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
}

/* A wait leaves from the head, the middle and the tail of the queue. */
Test(watch, a_wait_that_is_given_up_is_not_woken_and_loses_nothing)
{
    struct poller *pollers[] = {&a, &b, &c};

    make(0);
    for (int leaving = 0; leaving < 3; leaving++) {
        states_receiver receivers[3];
        wok_op ops[3];

        for (int i = 0; i < 3; i++) {
            states_subscribe(&sender, &receivers[i]);
            ops[i] = states_changed_op(&receivers[i]);
            cr_assert_eq(poller_poll(pollers[i], &ops[i]), WOK_PENDING);
        }
        wok_op_drop(&ops[leaving]);
        memset(&ops[leaving], 0xa5, sizeof ops[leaving]);
        store(1);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(poller_woken(pollers[i]), i != leaving);
        cr_assert_eq(wok_watch_has_changed(&receivers[leaving].raw), 1);
        for (int i = 0; i < 3; i++) {
            if (i != leaving)
                wok_op_drop(&ops[i]);
            states_receiver_drop(&receivers[i]);
        }
    }
    states_sender_drop(&sender);
}

Test(watch, an_operation_that_is_over_needs_the_receiver_no_more)
{
    states_receiver receiver;

    make(0);
    states_subscribe(&sender, &receiver);
    store(1);
    wok_op changed = states_changed_op(&receiver), never = states_changed_op(&receiver);
    cr_assert_eq(poller_poll(&a, &changed), WOK_READY);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
    wok_op_drop(&changed);
    wok_op_drop(&never);
}

Test(watch, closed_is_ready_when_there_is_no_receiver)
{
    states_receiver first, second;

    make(0);
    states_subscribe(&sender, &first);
    states_subscribe(&sender, &second);
    wok_op closed = states_closed_op(&sender), given_up = states_closed_op(&sender);
    cr_assert_eq(poller_poll(&a, &closed), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &given_up), WOK_PENDING);
    wok_op_drop(&given_up);
    states_receiver_drop(&first);
    cr_assert_not(poller_woken(&a));
    states_receiver_drop(&second);
    cr_assert(poller_woken(&a));
    cr_assert_not(poller_woken(&b));
    states_subscribe(&sender, &first);
    cr_assert_eq(poller_poll(&a, &closed), WOK_PENDING, "there is one again");
    states_receiver_drop(&first);
    cr_assert_eq(poller_poll(&a, &closed), WOK_READY);
    wok_op_drop(&closed);
    states_sender_drop(&sender);
}

/* ---- values and handles --------------------------------------------------------------------------- */

Test(watch, drops_each_value_exactly_once_in_order)
{
    states_receiver receiver;

    make(0);
    states_subscribe(&sender, &receiver);
    for (int i = 1; i <= 20; i++) {
        store(i);
        cr_assert_eq(drops, (unsigned)i);
    }
    states_sender_drop(&sender);
    cr_assert_eq(drops, 20);
    states_receiver_drop(&receiver);
    cr_assert_eq(drops, 21);
    for (int i = 0; i <= 20; i++)
        cr_assert_eq(dropped[i], i);
}

Test(watch, takes_values_of_no_bytes_and_of_many)
{
    static unsigned char big[100000], copy[sizeof big];
    wok_watch_options nothing = {0}, much = {.value_size = sizeof big};
    wok_watch_sender tx;
    wok_watch_receiver rx;

    cr_assert_eq(wok_watch_new(&nothing, NULL, &tx), 0);
    wok_watch_subscribe(&tx, &rx);
    cr_assert_eq(wok_watch_send(&tx, NULL), 0);
    cr_assert_eq(wok_watch_changed(&rx), 0);
    wok_watch_receiver_drop(&rx);
    wok_watch_sender_drop(&tx);

    cr_assert_eq(wok_watch_new(&much, big, &tx), 0);
    wok_watch_subscribe(&tx, &rx);
    memset(big, 0x5a, sizeof big);
    cr_assert_eq(wok_watch_send(&tx, big), 0);
    wok_watch_get(&rx, copy);
    cr_assert_arr_eq(copy, big, sizeof big);
    wok_watch_receiver_drop(&rx);
    wok_watch_sender_drop(&tx);
}

Test(watch, refuses_a_value_beyond_memory)
{
    wok_watch_options options = {.value_size = SIZE_MAX};
    wok_watch_sender tx = {0};

    cr_assert_eq(wok_watch_new(&options, "", &tx), -ENOMEM);
    cr_assert_null(tx.channel);
}

Test(watch, handles_of_zero_bytes_are_refused_and_their_ends_are_fine)
{
    states_receiver receiver = {{0}};
    wok_watch_ref ref = {0};
    int value;

    cr_assert_eq(states_send(&sender, 1), -EINVAL);
    cr_assert_eq(states_send_replace(&sender, 1), -EINVAL);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), -EINVAL);
    cr_assert_null(states_borrow(&receiver, &ref));
    wok_op ops[] = {states_changed_op(&receiver), states_closed_op(&sender)};
    for (size_t i = 0; i < WOK_COUNT(ops); i++) {
        cr_assert_eq(poller_poll(&a, &ops[i]), -EINVAL);
        wok_op_drop(&ops[i]);
    }
    states_get(&receiver, &value);
    wok_watch_ref_drop(&ref);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
}
