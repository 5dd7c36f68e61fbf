/*
 * test_broadcast.c - the rules of the broadcast channel, poll by poll, and how tasks and threads wait on
 * it.
 *
 * R1 and R2 are the rules of that name in the list of semantics.
 */
#include <errno.h>
#include <pthread.h>

#include "platform/atomic.h"
#include "support/poller.h"
#include "support/wok_test.h"

static struct poller a = POLLER, b = POLLER;

static unsigned copies, drops;
static int dropped[64];

static void copy_number(int *ret_copy, const int *value)
{
    copies++;
    *ret_copy = *value;
}

static void drop_number(int *value)
{
    cr_assert_lt(drops, WOK_COUNT(dropped));
    dropped[drops++] = *value;
}

WOK_BROADCAST(events, int, copy_number, drop_number);
WOK_BROADCAST(plain, int, NULL, NULL);

static events_sender sender;
static events_receiver receiver;

/* A channel and one receiver. */
static void make(size_t capacity)
{
    cr_assert_eq(events_new(capacity, &sender), 0);
    events_subscribe(&sender, &receiver);
}

static void finish(void)
{
    events_receiver_drop(&receiver);
    events_sender_drop(&sender);
}

static void send_numbers(int from, int to)
{
    for (int i = from; i <= to; i++)
        cr_assert_eq(events_send(&sender, i), 0);
}

static int received(events_receiver *by)
{
    uint64_t missed = 99;
    int value = -1;

    cr_assert_eq(events_try_recv(by, &value, &missed), 0);
    cr_assert_eq(missed, 99);
    return value;
}

/* ---- R1 ----------------------------------------------------------------------------------------- */

Test(broadcast, r1_a_slow_receiver_is_told_how_many_it_missed_and_gets_the_rest)
{
    uint64_t missed = 0;
    int value = -1;

    make(3); /* rounded up to four */
    send_numbers(0, 5);
    cr_assert_eq(wok_broadcast_len(&receiver.raw), 6);
    cr_assert_eq(events_try_recv(&receiver, &value, &missed), -EOVERFLOW);
    cr_assert_eq(missed, 2);
    cr_assert_eq(value, -1);
    for (int i = 2; i <= 5; i++)
        cr_assert_eq(received(&receiver), i);
    cr_assert_eq(events_try_recv(&receiver, &value, &missed), -EAGAIN);
    finish();
}

Test(broadcast, r1_the_lag_is_each_receivers_own_and_does_not_close_it)
{
    events_receiver other;
    int value = -1;

    make(2);
    events_subscribe(&sender, &other);
    for (int i = 0; i < 10; i++) {
        send_numbers(i, i);
        cr_assert_eq(received(&other), i);
    }
    cr_assert_eq(events_try_recv(&receiver, &value, NULL), -EOVERFLOW);
    send_numbers(10, 10);
    cr_assert_eq(events_try_recv(&receiver, &value, NULL), -EOVERFLOW, "it is slow again");
    cr_assert_eq(received(&receiver), 9);
    cr_assert_eq(received(&receiver), 10);
    cr_assert_eq(received(&other), 10);
    events_receiver_drop(&other);
    finish();
}

Test(broadcast, r1_every_receiver_gets_every_value_in_order)
{
    events_receiver others[3];

    make(4);
    for (int i = 0; i < 3; i++)
        events_subscribe(&sender, &others[i]);
    for (int round = 0; round < 5; round++) {
        send_numbers(3 * round, 3 * round + 2);
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < 3; j++)
                cr_assert_eq(received(&others[i]), 3 * round + j);
        for (int j = 0; j < 3; j++)
            cr_assert_eq(received(&receiver), 3 * round + j);
    }
    for (int i = 0; i < 3; i++)
        events_receiver_drop(&others[i]);
    finish();
    cr_assert_eq(copies, 60);
    cr_assert_eq(drops, 15);
}

Test(broadcast, r1_a_capacity_of_one_keeps_the_latest)
{
    int value = -1;

    make(1);
    send_numbers(1, 3);
    cr_assert_eq(events_try_recv(&receiver, &value, NULL), -EOVERFLOW);
    cr_assert_eq(received(&receiver), 3);
    finish();
}

/* ---- R2 ----------------------------------------------------------------------------------------- */

Test(broadcast, r2_a_new_receiver_gets_later_values_only)
{
    events_receiver late, later;
    int value = -1;

    make(4);
    send_numbers(1, 2);
    events_subscribe(&sender, &late);
    cr_assert_eq(events_try_recv(&late, &value, NULL), -EAGAIN);
    send_numbers(3, 3);
    events_resubscribe(&receiver, &later);
    cr_assert_eq(wok_broadcast_receiver_count(&sender.raw), 3);
    send_numbers(4, 4);
    cr_assert_eq(received(&late), 3);
    cr_assert_eq(received(&late), 4);
    cr_assert_eq(received(&later), 4);
    cr_assert_eq(received(&receiver), 1);
    events_receiver_drop(&late);
    events_receiver_drop(&later);
    finish();
}

Test(broadcast, r2_after_the_last_sender_receivers_drain_and_then_end)
{
    int value = -1;

    make(4);
    events_sender other = events_sender_ref(&sender);
    send_numbers(1, 2);
    events_sender_drop(&sender);
    cr_assert_eq(received(&receiver), 1);
    wok_op recv = events_recv_op(&receiver, &value, NULL);
    cr_assert_eq(poller_poll(&a, &recv), WOK_READY);
    wok_op_drop(&recv);
    cr_assert_eq(value, 2);
    recv = events_recv_op(&receiver, &value, NULL);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    events_sender_drop(&other);
    cr_assert(poller_woken(&a));
    cr_assert_eq(poller_poll(&a, &recv), -EPIPE);
    wok_op_drop(&recv);
    cr_assert_eq(events_try_recv(&receiver, &value, NULL), -EPIPE);
    finish();
}

Test(broadcast, r2_a_send_without_receivers_fails_and_keeps_the_value)
{
    make(4);
    events_receiver_drop(&receiver);
    cr_assert_eq(events_send(&sender, 1), -EPIPE);
    cr_assert_eq(drops, 0);
    events_subscribe(&sender, &receiver);
    cr_assert_eq(events_send(&sender, 2), 0);
    cr_assert_eq(received(&receiver), 2);
    finish();
}

/* ---- values --------------------------------------------------------------------------------------- */

Test(broadcast, a_value_is_destroyed_when_its_last_receiver_has_got_it)
{
    events_receiver other;

    make(4);
    events_subscribe(&sender, &other);
    send_numbers(1, 2);
    cr_assert_eq(received(&receiver), 1);
    cr_assert_eq(drops, 0);
    cr_assert_eq(received(&other), 1);
    cr_assert_eq(drops, 1);
    cr_assert_eq(dropped[0], 1);
    cr_assert_eq(copies, 2);
    events_receiver_drop(&other);
    finish();
    cr_assert_eq(drops, 2);
}

Test(broadcast, a_value_is_destroyed_when_it_makes_room)
{
    make(2);
    send_numbers(1, 4);
    cr_assert_eq(drops, 2);
    cr_assert_eq(dropped[0], 1);
    cr_assert_eq(dropped[1], 2);
    finish();
    cr_assert_eq(drops, 4);
}

Test(broadcast, what_only_a_receiver_that_goes_had_not_got_is_destroyed_in_order)
{
    events_receiver other;

    make(4);
    events_subscribe(&sender, &other);
    send_numbers(1, 4);
    cr_assert_eq(received(&other), 1);
    cr_assert_eq(received(&other), 2);
    events_receiver_drop(&receiver);
    cr_assert_eq(drops, 2);
    cr_assert_eq(dropped[0], 1);
    cr_assert_eq(dropped[1], 2);
    cr_assert_eq(received(&other), 3);
    events_receiver_drop(&other);
    finish();
    cr_assert_eq(drops, 4);
}

Test(broadcast, plain_bytes_need_no_functions)
{
    plain_sender tx;
    plain_receiver rx;
    int value = 0;

    cr_assert_eq(plain_new(2, &tx), 0);
    plain_subscribe(&tx, &rx);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(plain_send(&tx, i), 0);
        cr_assert_eq(plain_recv(&rx, &value, NULL), 0);
        cr_assert_eq(value, i);
    }
    for (int i = 0; i < 3; i++)
        cr_assert_eq(plain_send(&tx, i), 0);
    plain_receiver_drop(&rx);
    plain_sender_drop(&tx);
}

Test(broadcast, takes_values_of_no_bytes_and_of_many)
{
    static unsigned char big[70000], copy[sizeof big];
    wok_broadcast_options nothing = {.capacity = 2},
                          much = {.capacity = 2, .value_size = sizeof big};
    wok_broadcast_sender tx;
    wok_broadcast_receiver rx;

    cr_assert_eq(wok_broadcast_new(&nothing, &tx), 0);
    wok_broadcast_subscribe(&tx, &rx);
    cr_assert_eq(wok_broadcast_send(&tx, NULL), 0);
    cr_assert_eq(wok_broadcast_try_recv(&rx, NULL, NULL), 0);
    wok_broadcast_receiver_drop(&rx);
    wok_broadcast_sender_drop(&tx);

    cr_assert_eq(wok_broadcast_new(&much, &tx), 0);
    wok_broadcast_subscribe(&tx, &rx);
    for (int i = 0; i < 5; i++) {
        memset(big, i, sizeof big);
        cr_assert_eq(wok_broadcast_send(&tx, big), 0);
        cr_assert_eq(wok_broadcast_try_recv(&rx, copy, NULL), 0);
        cr_assert_arr_eq(copy, big, sizeof big);
    }
    wok_broadcast_receiver_drop(&rx);
    wok_broadcast_sender_drop(&tx);
}

static void drop_bytes(void *value)
{
    (void)value;
}

Test(broadcast, refuses_what_it_cannot_keep)
{
    wok_broadcast_options options[] = {
        {.capacity = 0, .value_size = 1},
        {.capacity = 1, .value_size = 1, .value_drop = drop_bytes},
        {.capacity = 1, .value_size = SIZE_MAX},
        {.capacity = SIZE_MAX, .value_size = 1},
    };
    int errors[] = {-EINVAL, -EINVAL, -ENOMEM, -ENOMEM};
    wok_broadcast_sender tx = {0};

    for (size_t i = 0; i < WOK_COUNT(options); i++)
        cr_assert_eq(wok_broadcast_new(&options[i], &tx), errors[i]);
    cr_assert_null(tx.channel);
}

Test(broadcast, handles_of_zero_bytes_are_refused_and_their_ends_are_fine)
{
    events_receiver other;
    int value;

    cr_assert_eq(events_send(&sender, 1), -EINVAL);
    cr_assert_eq(events_try_recv(&receiver, &value, NULL), -EINVAL);
    events_resubscribe(&receiver, &other);
    wok_op ops[] = {events_recv_op(&receiver, &value, NULL), events_closed_op(&sender)};
    for (size_t i = 0; i < WOK_COUNT(ops); i++) {
        cr_assert_eq(poller_poll(&a, &ops[i]), -EINVAL);
        wok_op_drop(&ops[i]);
    }
    cr_assert_eq(wok_broadcast_len(&receiver.raw), 0);
    events_receiver_drop(&other);
    finish();
}

/* ---- waits that are given up ---------------------------------------------------------------------- */

Test(broadcast, a_send_wakes_every_receive_that_waits)
{
    events_receiver other;
    int value = -1, other_value = -1;

    make(2);
    events_subscribe(&sender, &other);
    wok_op recv = events_recv_op(&receiver, &value, NULL);
    wok_op other_recv = events_recv_op(&other, &other_value, NULL);
    cr_assert_eq(poller_poll(&a, &recv), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &other_recv), WOK_PENDING);
    send_numbers(7, 7);
    cr_assert(poller_woken(&a));
    cr_assert(poller_woken(&b));
    cr_assert_eq(poller_poll(&a, &recv), WOK_READY);
    cr_assert_eq(poller_poll(&b, &other_recv), WOK_READY);
    cr_assert_eq(value, 7);
    cr_assert_eq(other_value, 7);
    wok_op_drop(&recv);
    wok_op_drop(&other_recv);
    events_receiver_drop(&other);
    finish();
}

Test(broadcast, a_dropped_receive_takes_no_value)
{
    int value = -1;

    make(2);
    wok_op woken = events_recv_op(&receiver, &value, NULL);
    cr_assert_eq(poller_poll(&a, &woken), WOK_PENDING);
    send_numbers(7, 7);
    wok_op_drop(&woken);
    cr_assert_eq(value, -1);
    cr_assert_eq(received(&receiver), 7);
    wok_op waiting = events_recv_op(&receiver, &value, NULL);
    cr_assert_eq(poller_poll(&b, &waiting), WOK_PENDING);
    wok_op_drop(&waiting);
    send_numbers(8, 8);
    cr_assert_not(poller_woken(&b));
    finish();
    wok_op_drop(&woken);
}

Test(broadcast, closed_is_ready_when_there_is_no_receiver)
{
    make(2);
    wok_op closed = events_closed_op(&sender), given_up = events_closed_op(&sender);
    cr_assert_eq(poller_poll(&a, &closed), WOK_PENDING);
    cr_assert_eq(poller_poll(&b, &given_up), WOK_PENDING);
    wok_op_drop(&given_up);
    events_receiver_drop(&receiver);
    cr_assert(poller_woken(&a));
    cr_assert_not(poller_woken(&b));
    cr_assert_eq(poller_poll(&a, &closed), WOK_READY);
    wok_op_drop(&closed);
    finish();
}

/* ---- the user's functions -------------------------------------------------------------------------- */

static events_sender reentered;

static void copy_and_send(int *ret_copy, const int *value)
{
    *ret_copy = *value;
    if (*value == 1)
        for (int i = 0; i < 8; i++) /* the value that is being copied makes room meanwhile */
            cr_assert_eq(events_send(&reentered, 10 + i), 0);
    cr_assert_eq(*ret_copy, *value);
}

WOK_BROADCAST(unruly, int, copy_and_send, drop_number);

/* With the lock held this would wait for itself; without the hold it would read what is destroyed. */
Test(broadcast, a_copy_function_may_use_the_channel, .timeout = 10)
{
    unruly_sender tx;
    unruly_receiver rx;
    uint64_t missed = 0;
    int value;

    cr_assert_eq(unruly_new(2, &tx), 0);
    reentered.raw = wok_broadcast_sender_ref(&tx.raw);
    unruly_subscribe(&tx, &rx);
    cr_assert_eq(unruly_send(&tx, 1), 0);
    cr_assert_eq(unruly_recv(&rx, &value, NULL), 0);
    cr_assert_eq(value, 1);
    cr_assert_eq(unruly_recv(&rx, &value, &missed), -EOVERFLOW);
    cr_assert_eq(missed, 6);
    events_sender_drop(&reentered);
    unruly_sender_drop(&tx);
    unruly_receiver_drop(&rx);
    cr_assert_eq(drops, 9);
}

static void panic_at_two(int *ret_copy, const int *value)
{
    if (*value == 2)
        wok_panic("two");
    *ret_copy = *value;
}

WOK_BROADCAST(panicking, int, panic_at_two, drop_number);

static panicking_receiver panicking_rx;

WOK_TASK(receive_three, int, int);
static int receive_three(int *from, int *value)
{
    for (int i = *from; i <= 3; i++) {
        if (panicking_recv(&panicking_rx, value, NULL) != 0)
            return -1;
    }
    return 0;
}

WOK_TEST(broadcast, a_panic_in_a_copy_function_costs_its_receiver_that_value)
{
    panicking_sender tx;
    wok_join_error why;
    int value = 0;

    cr_assert_eq(panicking_new(4, &tx), 0);
    panicking_subscribe(&tx, &panicking_rx);
    for (int i = 1; i <= 3; i++)
        cr_assert_eq(panicking_send(&tx, i), 0);
    receive_three_join task = wok_spawn(receive_three, 1);
    cr_assert_eq(receive_three_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(drops, 2, "the second one is destroyed all the same");
    cr_assert_eq(panicking_recv(&panicking_rx, &value, NULL), 0);
    cr_assert_eq(value, 3);
    panicking_receiver_drop(&panicking_rx);
    panicking_sender_drop(&tx);
    cr_assert_eq(drops, 3);
}

/* ---- tasks and threads ---------------------------------------------------------------------------- */

struct listener {
    events_receiver receiver;
    int sum;
};

static int listen_to_all(struct listener *listener)
{
    int value, code;

    while ((code = events_recv(&listener->receiver, &value, NULL)) == 0)
        listener->sum += value;
    events_receiver_drop(&listener->receiver);
    return code == -EPIPE ? 0 : code;
}

WOK_TEST(broadcast, tasks_wait_for_values_until_the_sender_goes)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct listener listeners[3] = {0};
    int value;

    make(1);
    for (int i = 0; i < 3; i++) {
        events_subscribe(&sender, &listeners[i].receiver);
        wok_scope_spawn(&scope, listen_to_all, &listeners[i]);
    }
    events_receiver_drop(&receiver);
    for (int i = 1; i <= 20; i++) {
        cr_assert_eq(events_send(&sender, i), 0);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    }
    events_subscribe(&sender, &receiver);
    cr_assert_eq(events_recv_until(&receiver, &value, NULL, wok_after(wok_ms(2))), -ETIMEDOUT);
    events_receiver_drop(&receiver);
    cr_assert_eq(wok_broadcast_closed_until(&sender.raw, wok_after(wok_ms(2))), -ETIMEDOUT);
    events_sender_drop(&sender);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(listeners[i].sum, 210);
}

static void *send_thousand(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(plain_send((plain_sender *)&sender, i), 0);
    wok_broadcast_sender_drop(&sender.raw);
    return NULL;
}

Test(broadcast, a_plain_thread_blocks_until_there_is_a_value, .timeout = 20)
{
    plain_receiver rx;
    pthread_t thread;
    uint64_t missed, total = 0;
    int value, last = -1, error;

    cr_assert_eq(plain_new(16, (plain_sender *)&sender), 0);
    plain_subscribe((plain_sender *)&sender, &rx);
    cr_assert_eq(pthread_create(&thread, NULL, send_thousand, NULL), 0);
    while ((error = plain_recv(&rx, &value, &missed)) != -EPIPE) {
        if (error == -EOVERFLOW) {
            total += missed;
            continue;
        }
        cr_assert_eq(error, 0);
        cr_assert_gt(value, last);
        last = value;
        total++;
    }
    cr_assert_eq(total, 1000);
    cr_assert_eq(last, 999);
    pthread_join(thread, NULL);
    plain_receiver_drop(&rx);
}
