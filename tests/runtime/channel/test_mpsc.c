/*
 * test_mpsc.c - the rules of the mpsc channel, poll by poll, without a runtime.
 *
 * M1 to M6 are the rules of that name in the list of semantics.  Waits that are given up and values of
 * all kinds are in test_mpsc_values.c, tasks and threads in test_mpsc_wait.c.
 */
#include <errno.h>
#include <malloc.h>
#include <stdint.h>

#include "runtime/channel/ints.h"

/* ---- M1 ----------------------------------------------------------------------------------------- */

Test(mpsc, m1_refuses_a_capacity_of_zero_and_one_beyond_memory)
{
    cr_assert_eq(ints_new(0, &sender, &receiver), -EINVAL);
    cr_assert_eq(ints_new(SIZE_MAX / 2, &sender, &receiver), -ENOMEM);
    wok_mpsc_options options = {.capacity = WOK_UNBOUNDED, .value_size = SIZE_MAX / 2};
    cr_assert_eq(wok_mpsc_new(&options, &sender.raw, &receiver.raw), -ENOMEM);
    cr_assert_null(sender.raw.channel);
}

Test(mpsc, m1_values_arrive_in_the_order_of_sending)
{
    make(3);
    for (int i = 0; i < 10; i++) { /* several times round the ring */
        fill(2 * i, 2 * i + 1);
        cr_assert_eq(received(), 2 * i);
        cr_assert_eq(received(), 2 * i + 1);
    }
    finish();
}

Test(mpsc, m1_a_full_channel_refuses_and_the_value_stays_with_the_caller)
{
    make(2);
    fill(1, 2);
    cr_assert_eq(ints_try_send(&sender, 3), -EAGAIN);
    cr_assert_eq(drops, 0);
    cr_assert_eq(received(), 1);
    cr_assert_eq(ints_try_send(&sender, 3), 0);
    finish();
    cr_assert_eq(drops, 2);
}

Test(mpsc, m1_senders_that_wait_are_served_in_the_order_of_waiting)
{
    int two = 2, three = 3;

    make(1);
    fill(1, 1);
    wok_op first = ints_send_op(&sender, &two), second = ints_send_op(&sender, &three);
    cr_assert_eq(poller_poll(&a, &first), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &second), WOK_PENDING);
    cr_assert_eq(received(), 1);
    cr_assert(poller_woken(&a));
    cr_assert_not(poller_woken(&b));
    cr_assert_eq(ints_try_send(&sender, 4), -EAGAIN, "the place is handed out already");
    cr_assert_eq(poller_poll(&b, &second), WOK_PENDING);
    cr_assert_eq(poller_poll(&a, &first), WOK_READY);
    cr_assert_eq(received(), 2);
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &second), WOK_READY);
    cr_assert_eq(received(), 3);
    wok_op_drop(&first);
    wok_op_drop(&second);
    finish();
    cr_assert_eq(drops, 0, "every value was received");
}

Test(mpsc, a_second_poll_moves_the_wait_to_its_task)
{
    int two = 2;

    make(1);
    fill(1, 1);
    wok_op send = ints_send_op(&sender, &two);
    cr_assert_eq(poller_poll(&a, &send), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &send), WOK_PENDING);
    cr_assert_eq(received(), 1);
    cr_assert_not(poller_woken(&a));
    cr_assert(poller_woken(&b));
    wok_op_drop(&send);
    finish();
}

/* ---- M2 ----------------------------------------------------------------------------------------- */

Test(mpsc, m2_close_refuses_new_values_and_drains_the_queued_ones)
{
    int value = 0;

    make(4);
    fill(1, 2);
    ints_close(&receiver);
    cr_assert_eq(ints_try_send(&sender, 3), -EPIPE);
    wok_op send = ints_send_op(&sender, &value);
    cr_assert_eq(poller_poll(&a, &send), -EPIPE);
    wok_op_drop(&send);
    cr_assert_eq(drops, 0, "refused values stay with the caller");
    cr_assert_eq(received(), 1);
    cr_assert_eq(received(), 2);
    cr_assert_eq(ints_try_recv(&receiver, &value), -EPIPE);
    ints_close(&receiver); /* again is fine */
    finish();
}

Test(mpsc, m2_close_wakes_the_senders_that_wait)
{
    int two = 2;

    make(1);
    fill(1, 1);
    wok_op send = ints_send_op(&sender, &two);
    cr_assert_eq(poller_poll(&a, &send), WOK_PENDING);
    ints_close(&receiver);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &send), -EPIPE);
    wok_op_drop(&send);
    finish();
}

Test(mpsc, m2_a_closed_receiver_waits_for_what_permits_send)
{
    ints_permit permit;
    int value = 0;

    make(2);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 1, &permit.raw), 0);
    ints_close(&receiver);
    ints_sender_drop(&sender);
    cr_assert_eq(ints_try_recv(&receiver, &value), -EAGAIN);
    wok_op recv = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    cr_assert_eq(ints_permit_send(&permit, 7), 0);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), WOK_READY);
    cr_assert_eq(value, 7);
    cr_assert_eq(ints_try_recv(&receiver, &value), -EPIPE);
    wok_op_drop(&recv);
    finish();
}

Test(mpsc, m2_dropping_the_last_permit_wakes_a_closed_receiver)
{
    ints_permit permit, other;
    int value = 0;

    make(2);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 1, &permit.raw), 0);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 1, &other.raw), 0);
    ints_close(&receiver);
    wok_op recv = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    ints_permit_drop(&other);
    cr_assert_not(poller_woken(&a));
    ints_permit_drop(&permit);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), -EPIPE);
    wok_op_drop(&recv);
    finish();
}

/* A sender that was handed its place before the close counts as a permit. */
Test(mpsc, m2_a_sender_that_was_handed_its_place_before_the_close_still_sends)
{
    int two = 2, value = 0;

    make(1);
    fill(1, 1);
    wok_op send = ints_send_op(&sender, &two);
    cr_assert_eq(poller_poll(&a, &send), WOK_PENDING);
    cr_assert_eq(received(), 1);
    ints_close(&receiver);
    wok_op recv = ints_recv_op(&receiver, &value);
    cr_assert_eq(poller_poll(&b, &recv), WOK_PENDING);
    cr_assert_eq(poller_poll(&a, &send), WOK_READY);
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &recv), WOK_READY);
    cr_assert_eq(value, 2);
    wok_op_drop(&send);
    wok_op_drop(&recv);
    finish();
}

/* ---- M3 ----------------------------------------------------------------------------------------- */

Test(mpsc, m3_after_the_last_sender_the_queue_drains_and_then_ends)
{
    int value = 0;

    make(4);
    fill(1, 1);
    ints_sender other = ints_sender_ref(&sender);
    ints_sender_drop(&sender);
    cr_assert_eq(ints_try_send(&other, 2), 0);
    wok_op recv = ints_recv_op(&receiver, &value);
    cr_assert_eq(received(), 1);
    cr_assert_eq(received(), 2);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    ints_sender_drop(&other);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), -EPIPE);
    wok_op_drop(&recv);
    cr_assert_eq(ints_try_recv(&receiver, &value), -EPIPE);
    finish();
}

Test(mpsc, m3_when_the_receiver_goes_sends_fail_and_unread_values_are_destroyed_in_order)
{
    int value = 9;

    make(4);
    fill(1, 3);
    cr_assert_eq(received(), 1);
    ints_receiver_drop(&receiver);
    cr_assert_eq(drops, 2);
    cr_assert_eq(dropped[0], 2);
    cr_assert_eq(dropped[1], 3);
    cr_assert_eq(ints_try_send(&sender, 4), -EPIPE);
    wok_op send = ints_send_op(&sender, &value);
    cr_assert_eq(poller_poll(&a, &send), -EPIPE);
    wok_op_drop(&send);
    cr_assert(wok_mpsc_is_closed(&sender.raw));
    finish();
    cr_assert_eq(drops, 2);
}

Test(mpsc, m3_a_sender_that_was_handed_a_place_keeps_its_value_when_the_receiver_goes)
{
    int two = 2;

    make(1);
    fill(1, 1);
    wok_op send = ints_send_op(&sender, &two);
    cr_assert_eq(poller_poll(&a, &send), WOK_PENDING);
    cr_assert_eq(received(), 1);
    ints_receiver_drop(&receiver);
    cr_assert_eq(poller_poll(&a, &send), -EPIPE);
    wok_op_drop(&send);
    finish();
    cr_assert_eq(drops, 0);
}

Test(mpsc, what_a_permit_sends_to_nobody_is_destroyed)
{
    ints_permit permit;

    make(2);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 2, &permit.raw), 0);
    finish();
    cr_assert_eq(ints_permit_send(&permit, 5), 0);
    cr_assert_eq(drops, 1);
    cr_assert_eq(dropped[0], 5);
    ints_permit_drop(&permit);
}

/* ---- M4 ----------------------------------------------------------------------------------------- */

Test(mpsc, m4_a_permit_takes_a_place_and_its_drop_gives_it_to_the_next_sender)
{
    ints_permit permit;
    int one = 1;

    make(1);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 1, &permit.raw), 0);
    cr_assert_eq(ints_try_send(&sender, 1), -EAGAIN);
    wok_op send = ints_send_op(&sender, &one);
    cr_assert_eq(poller_poll(&a, &send), WOK_PENDING);
    ints_permit_drop(&permit);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &send), WOK_READY);
    wok_op_drop(&send);
    cr_assert_eq(received(), 1);
    finish();
}

Test(mpsc, m4_a_permit_of_several_places_sends_as_many_values)
{
    ints_permit permit;

    make(3);
    cr_assert_eq(ints_reserve(&sender, 2, &permit), 0);
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), 1);
    fill(1, 1);
    cr_assert_eq(ints_permit_send(&permit, 2), 0);
    cr_assert_eq(ints_permit_send(&permit, 3), 0);
    cr_assert_eq(ints_permit_send(&permit, 4), -EINVAL, "it is used up");
    ints_permit_drop(&permit);
    for (int i = 1; i <= 3; i++)
        cr_assert_eq(received(), i);
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), 3);
    finish();
    cr_assert_eq(drops, 0, "what was refused stays with the caller");
}

Test(mpsc, m4_reserving_more_than_the_capacity_fails)
{
    ints_permit permit = {{0}};

    make(2);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 3, &permit.raw), -EINVAL);
    cr_assert_eq(ints_reserve(&sender, 3, &permit), -EINVAL);
    cr_assert_eq(ints_reserve(&sender, 0, &permit), 0, "nothing is always there");
    cr_assert_eq(ints_permit_send(&permit, 1), -EINVAL);
    finish();
    make(WOK_UNBOUNDED);
    cr_assert_eq(ints_reserve(&sender, 1, &permit), -EINVAL);
    finish();
}

/* With two places free, a reserve of three holds back a send of one (as P1 says of semaphores). */
Test(mpsc, m4_a_large_reserve_is_not_passed_by_small_sends)
{
    ints_permit permit;
    int nine = 9;

    make(3);
    fill(1, 1);
    wok_op reserve = wok_mpsc_reserve_op(&sender.raw, 3, &permit.raw);
    wok_op send = ints_send_op(&sender, &nine);
    cr_assert_eq(poller_poll(&a, &reserve), WOK_PENDING);
    cr_assert_eq(ints_try_send(&sender, 2), -EAGAIN);
    cr_assert_eq(wok_mpsc_try_reserve(&sender.raw, 1, &permit.raw), -EAGAIN);
    cr_assert_eq(poller_poll(&b, &send), WOK_PENDING);
    cr_assert_eq(received(), 1);
    cr_assert(poller_woken(&a));
    cr_assert_not(poller_woken(&b));
    cr_assert_eq(poller_poll(&a, &reserve), WOK_READY);
    cr_assert_eq(permit.raw.count, 3);
    ints_permit_drop(&permit);
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &send), WOK_READY);
    wok_op_drop(&reserve);
    wok_op_drop(&send);
    finish();
}

Test(mpsc, m4_a_large_reserve_that_is_given_up_lets_those_behind_it_pass)
{
    ints_permit permit;
    int nine = 9;

    make(3);
    fill(1, 1);
    wok_op reserve = wok_mpsc_reserve_op(&sender.raw, 3, &permit.raw);
    wok_op send = ints_send_op(&sender, &nine);
    cr_assert_eq(poller_poll(&a, &reserve), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &send), WOK_PENDING);
    wok_op_drop(&reserve);
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &send), WOK_READY);
    wok_op_drop(&send);
    finish();
}

/* ---- M5 ----------------------------------------------------------------------------------------- */

Test(mpsc, m5_recv_many_moves_out_what_is_there_up_to_a_limit)
{
    int values[4] = {0};
    size_t count = 9;

    make(8);
    fill(1, 6);
    cr_assert_eq(ints_recv_many(&receiver, 0, values, &count), 0);
    cr_assert_eq(count, 0);
    cr_assert_eq(ints_recv_many(&receiver, 4, values, &count), 0);
    cr_assert_eq(count, 4);
    cr_assert_eq(values[0], 1);
    cr_assert_eq(values[3], 4);
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), 6);
    cr_assert_eq(ints_recv_many(&receiver, 4, values, &count), 0);
    cr_assert_eq(count, 2);
    cr_assert_eq(values[1], 6);
    ints_sender_drop(&sender);
    cr_assert_eq(ints_recv_many(&receiver, 4, values, &count), -EPIPE);
    cr_assert_eq(count, 0, "none only when closed");
    finish();
}

Test(mpsc, m5_recv_many_wakes_as_many_senders_as_it_made_room_for)
{
    int values[2], three = 3, four = 4;
    wok_mpsc_batch batch = {values, 2, 0};

    make(2);
    fill(1, 2);
    wok_op first = ints_send_op(&sender, &three), second = ints_send_op(&sender, &four);
    cr_assert_eq(poller_poll(&a, &first), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &second), WOK_PENDING);
    wok_op many = wok_mpsc_recv_many_op(&receiver.raw, &batch);
    cr_assert_eq(poller_poll(&a, &many), WOK_READY);
    cr_assert(poller_woken(&a));
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&b, &second), WOK_READY);
    cr_assert_eq(poller_poll(&a, &first), WOK_READY);
    wok_op_drop(&many);
    wok_op_drop(&first);
    wok_op_drop(&second);
    finish();
}

Test(mpsc, m5_recv_many_crosses_the_blocks_of_an_unbounded_channel)
{
    static int values[500];
    size_t count;

    make(WOK_UNBOUNDED);
    fill(0, 399);
    cr_assert_eq(ints_recv_many(&receiver, WOK_COUNT(values), values, &count), 0);
    cr_assert_eq(count, 400);
    for (int i = 0; i < 400; i++)
        cr_assert_eq(values[i], i);
    finish();
}

Test(mpsc, m5_answers_how_full_it_is_and_whether_it_is_closed)
{
    make(4);
    cr_assert(wok_mpsc_is_empty(&receiver.raw));
    fill(1, 3);
    cr_assert_eq(wok_mpsc_len(&receiver.raw), 3);
    cr_assert_not(wok_mpsc_is_empty(&receiver.raw));
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), 1);
    cr_assert_eq(wok_mpsc_max_capacity(&sender.raw), 4);
    cr_assert_not(wok_mpsc_is_closed(&sender.raw));
    cr_assert_not(wok_mpsc_receiver_is_closed(&receiver.raw));
    ints_close(&receiver);
    cr_assert(wok_mpsc_is_closed(&sender.raw));
    cr_assert(wok_mpsc_receiver_is_closed(&receiver.raw));
    cr_assert_eq(wok_mpsc_len(&receiver.raw), 3);
    finish();
    make(WOK_UNBOUNDED);
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), WOK_UNBOUNDED);
    cr_assert_eq(wok_mpsc_max_capacity(&sender.raw), WOK_UNBOUNDED);
    ints_sender_drop(&sender);
    cr_assert(wok_mpsc_receiver_is_closed(&receiver.raw));
    finish();
}

Test(mpsc, m5_a_weak_sender_does_not_keep_the_channel_open)
{
    wok_mpsc_sender strong = {0};
    int value;

    make(1);
    wok_mpsc_weak weak = wok_mpsc_downgrade(&sender.raw);
    cr_assert_eq(wok_mpsc_upgrade(&weak, &strong), 0);
    cr_assert_eq(wok_mpsc_try_send(&strong, &(int){5}), 0);
    ints_sender_drop(&sender);
    cr_assert_eq(received(), 5);
    cr_assert_eq(ints_try_recv(&receiver, &value), -EAGAIN, "the upgraded one counts");
    wok_mpsc_sender_drop(&strong);
    cr_assert_eq(ints_try_recv(&receiver, &value), -EPIPE);
    cr_assert_eq(wok_mpsc_upgrade(&weak, &strong), -EPIPE);
    ints_receiver_drop(&receiver);
    wok_mpsc_weak_drop(&weak);
    cr_assert_eq(wok_mpsc_upgrade(&weak, &strong), -EINVAL, "it is dropped");
}

/* ---- M6 ----------------------------------------------------------------------------------------- */

Test(mpsc, m6_a_send_into_an_unbounded_channel_never_waits)
{
    enum { MANY = 100000 };

    make(WOK_UNBOUNDED);
    for (int i = 0; i < MANY; i++) {
        if (i % 2 == 0) {
            cr_assert_eq(ints_try_send(&sender, i), 0);
        } else {
            wok_op send = ints_send_op(&sender, &i);
            cr_assert_eq(poller_poll(&a, &send), WOK_READY);
            wok_op_drop(&send);
        }
    }
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(received(), i);
    finish();
}

Test(mpsc, m6_memory_grows_in_blocks_and_is_given_back)
{
    enum { VALUE_BYTES = 1000, VALUES = 320, BLOCK_BYTES = 32 * VALUE_BYTES };
    static char value[VALUE_BYTES];
    wok_mpsc_options options = {.capacity = WOK_UNBOUNDED, .value_size = VALUE_BYTES};
    wok_mpsc_sender tx;
    wok_mpsc_receiver rx;

    if (mallinfo2().uordblks == 0)
        return; /* a sanitizer's malloc does not say */
    cr_assert_eq(wok_mpsc_new(&options, &tx, &rx), 0);
    size_t before = mallinfo2().uordblks;
    cr_assert_eq(wok_mpsc_try_send(&tx, value), 0);
    size_t one = mallinfo2().uordblks - before;
    cr_assert_geq(one, BLOCK_BYTES);
    cr_assert_lt(one, BLOCK_BYTES + 100);
    for (int i = 1; i < VALUES; i++)
        cr_assert_eq(wok_mpsc_try_send(&tx, value), 0);
    cr_assert_geq(mallinfo2().uordblks - before, VALUES / 32 * BLOCK_BYTES);
    for (int i = 0; i < VALUES; i++)
        cr_assert_eq(wok_mpsc_try_recv(&rx, value), 0);
    cr_assert_leq(mallinfo2().uordblks - before, 2 * one, "the last one, and one to spare");
    wok_mpsc_sender_drop(&tx);
    wok_mpsc_receiver_drop(&rx);
}
