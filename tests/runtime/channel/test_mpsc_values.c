/*
 * test_mpsc_values.c - what becomes of values: waits that are given up, and drop functions.
 *
 * Poll by poll, as in test_mpsc.c.
 */
#include <errno.h>

#include "runtime/channel/ints.h"

/* ---- waits that are given up ---------------------------------------------------------------------- */

Test(mpsc, a_dropped_send_leaves_the_queue_of_senders_and_keeps_its_value)
{
    int two = 2, three = 3;

    make(1);
    fill(1, 1);
    wok_op given_up = ints_send_op(&sender, &two), other = ints_send_op(&sender, &three);
    cr_assert_eq(poller_poll(&a, &given_up), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &other), WOK_PENDING);
    wok_op_drop(&given_up);
    memset(&given_up, 0xa5, sizeof given_up);
    cr_assert_eq(received(), 1);
    cr_assert_not(poller_woken(&a));
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &other), WOK_READY);
    cr_assert_eq(received(), 3);
    wok_op_drop(&other);
    finish();
    cr_assert_eq(drops, 0);
}

Test(mpsc, a_dropped_send_that_was_handed_a_place_passes_it_on)
{
    int two = 2, three = 3;

    make(1);
    fill(1, 1);
    wok_op given_up = ints_send_op(&sender, &two), other = ints_send_op(&sender, &three);
    cr_assert_eq(poller_poll(&a, &given_up), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &other), WOK_PENDING);
    cr_assert_eq(received(), 1);
    cr_assert(poller_woken(&a));
    wok_op_drop(&given_up);
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &other), WOK_READY);
    wok_op_drop(&other);
    cr_assert_eq(received(), 3);
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), 1);
    finish();
}

/* The one wait that holds up the end of a closed channel. */
Test(mpsc, a_dropped_send_that_was_handed_a_place_lets_a_closed_channel_end)
{
    int two = 2, value;

    make(1);
    fill(1, 1);
    wok_op send = ints_send_op(&sender, &two), recv = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &send), WOK_PENDING);
    cr_assert_eq(received(), 1);
    ints_close(&receiver);
    cr_assert_eq(poller_poll(&b, &recv), WOK_PENDING);
    wok_op_drop(&send);
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &recv), -EPIPE);
    wok_op_drop(&recv);
    finish();
}

Test(mpsc, a_dropped_receive_takes_no_value)
{
    int value = -1;

    make(1);
    wok_op recv = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    fill(1, 1);
    cr_assert(poller_woken(&a));
    wok_op_drop(&recv);
    cr_assert_eq(value, -1);
    cr_assert_eq(received(), 1);
    finish();
}

Test(mpsc, a_dropped_receive_that_was_woken_wakes_the_next_one)
{
    int value = -1, other_value = -1;

    make(1);
    wok_op recv = ints_recv_op(&receiver, &value), other = ints_recv_op(&receiver, &other_value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &other), WOK_PENDING);
    fill(1, 1);
    cr_assert(poller_woken(&a));
    cr_assert_not(poller_woken(&b));
    wok_op_drop(&recv);
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &other), WOK_READY);
    cr_assert_eq(other_value, 1);
    wok_op_drop(&other);
    finish();
}

Test(mpsc, a_receive_whose_value_was_taken_by_another_waits_again)
{
    int value = -1;

    make(1);
    wok_op recv = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    fill(1, 1);
    cr_assert(poller_woken(&a));
    cr_assert_eq(received(), 1);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    fill(2, 2);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), WOK_READY);
    cr_assert_eq(value, 2);
    wok_op_drop(&recv);
    finish();
}

Test(mpsc, a_poll_that_nobody_woke_finds_what_is_there)
{
    int value = -1;

    make(2);
    wok_op recv = ints_recv_op(&receiver, &value), other = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &other), WOK_PENDING);
    fill(1, 1);
    cr_assert_eq(poller_poll(&b, &other), WOK_READY);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    wok_op_drop(&other);
    fill(2, 2);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), WOK_READY);
    cr_assert_eq(value, 2);
    wok_op_drop(&recv);
    finish();
}

Test(mpsc, an_operation_that_is_over_needs_the_channel_no_more)
{
    int one = 1, value;
    wok_op ops[3];

    make(1);
    ops[0] = ints_send_op(&sender, &one);
    cr_assert_eq(poller_poll(&a, &ops[0]), WOK_READY);
    ops[1] = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &ops[1]), WOK_READY);
    ints_close(&receiver);
    ops[2] = ints_closed_op(&sender);
    cr_assert_eq(poller_poll(&a, &ops[2]), WOK_READY);
    finish();
    for (int i = 0; i < 3; i++)
        wok_op_drop(&ops[i]);
}

Test(mpsc, closed_is_ready_when_the_receiver_is_closed_or_gone)
{
    make(1);
    wok_op closed = ints_closed_op(&sender), given_up = ints_closed_op(&sender);
    cr_assert_eq(poller_poll(&a, &closed), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &given_up), WOK_PENDING);
    wok_op_drop(&given_up);
    ints_receiver_drop(&receiver);
    cr_assert(poller_woken(&a));
    cr_assert_not(poller_woken(&b));
    cr_assert_eq(poller_poll(&a, &closed), WOK_READY);
    wok_op_drop(&closed);
    finish();
}

/* ---- values --------------------------------------------------------------------------------------- */

Test(mpsc, takes_values_of_no_bytes_and_of_many)
{
    static unsigned char big[5000], copy[sizeof big];
    wok_mpsc_options nothing = {.capacity = 2}, much = {.capacity = 3, .value_size = sizeof big};

    cr_assert_eq(wok_mpsc_new(&nothing, &sender.raw, &receiver.raw), 0);
    cr_assert_eq(wok_mpsc_try_send(&sender.raw, NULL), 0);
    cr_assert_eq(wok_mpsc_try_send(&sender.raw, NULL), 0);
    cr_assert_eq(wok_mpsc_try_send(&sender.raw, NULL), -EAGAIN);
    cr_assert_eq(wok_mpsc_try_recv(&receiver.raw, NULL), 0);
    finish();

    cr_assert_eq(wok_mpsc_new(&much, &sender.raw, &receiver.raw), 0);
    for (int i = 0; i < 10; i++) {
        memset(big, i, sizeof big);
        cr_assert_eq(wok_mpsc_try_send(&sender.raw, big), 0);
        cr_assert_eq(wok_mpsc_try_recv(&receiver.raw, copy), 0);
        cr_assert_arr_eq(copy, big, sizeof big);
    }
    finish();
}

Test(mpsc, handles_of_zero_bytes_are_refused_and_their_ends_are_fine)
{
    ints_permit permit = {{0}};
    int value = 0;

    cr_assert_eq(ints_try_send(&sender, 1), -EINVAL);
    cr_assert_eq(ints_try_recv(&receiver, &value), -EINVAL);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 1, &permit.raw), -EINVAL);
    wok_op ops[] = {ints_send_op(&sender, &value), ints_recv_op(&receiver, &value),
                    ints_closed_op(&sender), wok_mpsc_reserve_op(&sender.raw, 1, &permit.raw)};
    for (size_t i = 0; i < WOK_COUNT(ops); i++) {
        cr_assert_eq(poller_poll(&a, &ops[i]), -EINVAL);
        wok_op_drop(&ops[i]);
    }
    cr_assert(wok_mpsc_is_closed(&sender.raw));
    cr_assert(wok_mpsc_receiver_is_closed(&receiver.raw));
    cr_assert_eq(wok_mpsc_len(&receiver.raw) + wok_mpsc_capacity(&sender.raw), 0);
    ints_close(&receiver);
    ints_permit_drop(&permit);
    finish();
}

static ints_sender reentered;

static void send_from_drop(int *value)
{
    drop_number(value);
    cr_assert_eq(ints_try_send(&reentered, 1), -EPIPE);
    if (*value == 2)
        ints_sender_drop(&reentered);
}

WOK_CHANNEL(reentrant, int, send_from_drop);

/* With the lock held this would wait for itself. */
Test(mpsc, a_drop_function_may_use_the_channel, .timeout = 10)
{
    reentrant_sender tx;
    reentrant_receiver rx;

    cr_assert_eq(reentrant_new(4, &tx, &rx), 0);
    cr_assert_eq(reentrant_send(&tx, 1), 0);
    cr_assert_eq(reentrant_send(&tx, 2), 0);
    reentered.raw = wok_mpsc_sender_ref(&tx.raw);
    reentrant_sender_drop(&tx);
    reentrant_receiver_drop(&rx);
    cr_assert_eq(drops, 2);
}

static void panic_at_two(int *value)
{
    drop_number(value);
    if (*value == 2)
        wok_panic("two");
}

WOK_CHANNEL(panicking, int, panic_at_two);

Test(mpsc, a_panic_in_a_drop_function_concerns_no_other_value)
{
    panicking_sender tx;
    panicking_receiver rx;
    wok_mpsc_permit permit;

    cr_assert_eq(panicking_new(4, &tx, &rx), 0);
    for (int i = 1; i <= 3; i++)
        cr_assert_eq(panicking_send(&tx, i), 0);
    cr_assert_eq(wok_mpsc_try_reserve(&tx.raw, 1, &permit), 0);
    panicking_receiver_drop(&rx);
    cr_assert_eq(drops, 3);
    cr_assert_eq(panicking_try_send(&tx, 4), -EPIPE);
    cr_assert_eq(wok_mpsc_permit_send(&permit, &(int){2}), 0);
    cr_assert_eq(drops, 4);
    panicking_sender_drop(&tx);
}
