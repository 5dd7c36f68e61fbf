/*
 * test_watch_values.c - reading a watch channel's value in place, waiting for one that suits, and
 * replacing it by a function: without a runtime.
 */
#include <errno.h>

#include "runtime/channel/states.h"

/* ---- reading in place (W3) ------------------------------------------------------------------------ */

Test(watch_values, w3_a_borrowed_value_stays_while_others_are_sent)
{
    states_receiver receiver;
    wok_watch_ref first, third;

    make(1);
    states_subscribe(&sender, &receiver);
    const int *one = states_borrow(&receiver, &first);
    cr_assert_eq(states_send(&sender, 2), 0);
    cr_assert_eq(states_send(&sender, 3), 0);
    const int *three = states_borrow(&receiver, &third);
    cr_assert_eq(*one, 1);
    cr_assert_eq(*three, 3);
    cr_assert_eq(drops, 1, "the one that nobody reads");
    cr_assert_eq(dropped[0], 2);
    wok_watch_ref_drop(&first);
    cr_assert_eq(drops, 2);
    cr_assert_eq(dropped[1], 1);
    wok_watch_ref_drop(&third);
    cr_assert_eq(drops, 2, "it is the current one");
    wok_watch_ref_drop(&third);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
    cr_assert_eq(drops, 3);
}

Test(watch_values, w1_a_borrow_marks_the_value_as_seen_only_if_asked_to)
{
    states_receiver receiver;
    wok_watch_ref ref;

    make(1);
    states_subscribe(&sender, &receiver);
    cr_assert_eq(states_send(&sender, 2), 0);
    cr_assert_eq(*states_borrow(&receiver, &ref), 2);
    wok_watch_ref_drop(&ref);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), 1);
    cr_assert_eq(*states_borrow_and_update(&receiver, &ref), 2);
    wok_watch_ref_drop(&ref);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), 0);
    cr_assert_eq(*(const int *)wok_watch_sender_borrow(&sender.raw, &ref), 2);
    wok_watch_ref_drop(&ref);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
}

Test(watch_values, a_borrowed_value_outlives_every_handle)
{
    states_receiver receiver;
    wok_watch_ref ref;

    make(1);
    states_subscribe(&sender, &receiver);
    const int *value = states_borrow(&receiver, &ref);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
    cr_assert_eq(drops, 0);
    cr_assert_eq(*value, 1);
    wok_watch_ref_drop(&ref);
    cr_assert_eq(drops, 1);
}

/* ---- a value that suits --------------------------------------------------------------------------- */

static unsigned looks;

static bool is_even(const void *value, void *unused)
{
    (void)unused;
    looks++;
    return *(const int *)value % 2 == 0;
}

Test(watch_values, wait_for_looks_at_the_value_of_now_first_and_then_at_each_that_comes)
{
    states_receiver receiver;

    make(1);
    states_subscribe(&sender, &receiver);
    wok_op even = wok_watch_wait_for_op(&receiver.raw, is_even, NULL);
    cr_assert_eq(poller_poll(&a, &even), WOK_PENDING);
    cr_assert_eq(poller_poll(&a, &even), WOK_PENDING);
    cr_assert_eq(looks, 1, "a poll that nobody woke looks at nothing");
    cr_assert_eq(states_send(&sender, 3), 0);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &even), WOK_PENDING);
    cr_assert_eq(wok_watch_has_changed(&receiver.raw), 0, "it has seen what it looked at");
    cr_assert_eq(states_send(&sender, 4), 0);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &even), WOK_READY);
    wok_op_drop(&even);
    cr_assert_eq(looks, 3);
    cr_assert_eq(value_of(&receiver), 4);
    even = wok_watch_wait_for_op(&receiver.raw, is_even, NULL);
    cr_assert_eq(poller_poll(&a, &even), WOK_READY, "the value of now suits, seen or not");
    wok_op_drop(&even);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
}

Test(watch_values, w2_wait_for_looks_at_the_last_value_before_it_ends)
{
    states_receiver receiver;

    make(1);
    states_subscribe(&sender, &receiver);
    wok_op even = wok_watch_wait_for_op(&receiver.raw, is_even, NULL);
    cr_assert_eq(poller_poll(&a, &even), WOK_PENDING);
    cr_assert_eq(states_send(&sender, 2), 0);
    states_sender_drop(&sender);
    cr_assert_eq(poller_poll(&a, &even), WOK_READY);
    wok_op_drop(&even);
    states_receiver_drop(&receiver);

    make(1);
    states_subscribe(&sender, &receiver);
    even = wok_watch_wait_for_op(&receiver.raw, is_even, NULL);
    cr_assert_eq(poller_poll(&a, &even), WOK_PENDING);
    states_sender_drop(&sender);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &even), -EPIPE);
    wok_op_drop(&even);
    cr_assert_eq(wok_watch_wait_for(&receiver.raw, is_even, NULL), -EPIPE);
    states_receiver_drop(&receiver);
}

/* The predicate sends what it waits for: with the lock held this would wait for itself. */
static bool send_next(const void *value, void *unused)
{
    (void)unused;
    if (*(const int *)value == 3)
        return true;
    cr_assert_eq(states_send(&sender, *(const int *)value + 1), 0);
    return false;
}

Test(watch_values, a_predicate_may_use_the_channel, .timeout = 10)
{
    states_receiver receiver;

    make(0);
    states_subscribe(&sender, &receiver);
    cr_assert_eq(wok_watch_wait_for(&receiver.raw, send_next, NULL), 0);
    cr_assert_eq(value_of(&receiver), 3);
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
    cr_assert_eq(drops, 4);
}

/* ---- replacing by a function (W3) ----------------------------------------------------------------- */

static bool increment_odd(const void *current, void *ret_value, void *unused)
{
    (void)unused;
    if (*(const int *)current % 2 == 0)
        return false;
    *(int *)ret_value = *(const int *)current + 1;
    return true;
}

Test(watch_values, w3_send_if_modified_wakes_only_if_it_modified)
{
    states_receiver receiver;

    make(1);
    states_subscribe(&sender, &receiver);
    wok_op changed = states_changed_op(&receiver);
    cr_assert_eq(poller_poll(&a, &changed), WOK_PENDING);
    cr_assert_eq(wok_watch_send_if_modified(&sender.raw, increment_odd, NULL), 1);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &changed), WOK_READY);
    wok_op_drop(&changed);
    cr_assert_eq(value_of(&receiver), 2);
    changed = states_changed_op(&receiver);
    cr_assert_eq(poller_poll(&a, &changed), WOK_PENDING);
    cr_assert_eq(wok_watch_send_if_modified(&sender.raw, increment_odd, NULL), 0);
    cr_assert_not(poller_woken(&a));
    wok_op_drop(&changed);
    cr_assert_eq(drops, 1);
    states_receiver_drop(&receiver);
    cr_assert_eq(states_send_replace(&sender, 5), 0);
    cr_assert_eq(wok_watch_send_if_modified(&sender.raw, increment_odd, NULL), 1,
                 "it stores without receivers, too");
    states_sender_drop(&sender);
    cr_assert_eq(drops, 4);
}

/* Another sender is faster, once. */
static bool add_ten_slowly(const void *current, void *ret_value, void *calls_)
{
    int *calls = calls_;

    if (++*calls == 1)
        cr_assert_eq(states_send_replace(&sender, 2), 0);
    *(int *)ret_value = *(const int *)current + 10;
    return true;
}

Test(watch_values, a_modification_begins_anew_when_another_sender_was_faster)
{
    states_receiver receiver;
    int calls = 0;

    make(1);
    states_subscribe(&sender, &receiver);
    cr_assert_eq(wok_watch_send_if_modified(&sender.raw, add_ten_slowly, &calls), 1);
    cr_assert_eq(calls, 2);
    cr_assert_eq(value_of(&receiver), 12);
    cr_assert_eq(drops, 3, "1, the value made from it, and 2");
    states_receiver_drop(&receiver);
    states_sender_drop(&sender);
    cr_assert_eq(drops, 4);
}

/* ---- drop functions ------------------------------------------------------------------------------- */

static states_sender reentered;
static int destroyed;

static void send_from_drop(int *value)
{
    destroyed++;
    if (*value == 1)
        (void)states_send_replace(&reentered, 3);
    else if (*value == 2)
        wok_panic("in a destructor");
}

WOK_WATCH(unruly, int, send_from_drop);

/* With the lock held this would wait for itself. */
Test(watch_values, a_drop_function_may_use_the_channel_and_may_panic, .timeout = 10)
{
    unruly_sender tx;
    unruly_receiver rx;
    int value;

    cr_assert_eq(unruly_new(1, &tx), 0);
    reentered.raw = wok_watch_sender_ref(&tx.raw);
    unruly_subscribe(&tx, &rx);
    cr_assert_eq(unruly_send(&tx, 2), 0); /* the end of 1 sends 3, and that of 2 panics */
    unruly_get(&rx, &value);
    cr_assert_eq(value, 3);
    cr_assert_eq(destroyed, 2);
    cr_assert_eq(unruly_send(&tx, 4), 0);
    unruly_get(&rx, &value);
    cr_assert_eq(value, 4);
    unruly_receiver_drop(&rx);
    states_sender_drop(&reentered);
    unruly_sender_drop(&tx);
    cr_assert_eq(destroyed, 4);
}
