/*
 * test_mpsc.c - the rules M1 to M6: queues of values from many senders to one receiver.
 */
#include <malloc.h>

#include "semantics/kit.h"

static unsigned destroyed;

static void count_destroyed(int *value)
{
    (void)value;
    destroyed++;
}

WOK_CHANNEL(ints, int, count_destroyed);

static ints_sender sender;
static ints_receiver receiver;

static void make(size_t capacity)
{
    cr_assert_eq(ints_new(capacity, &sender, &receiver), 0);
}

static void finish(void)
{
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
}

static void fill(int from, int to)
{
    for (int i = from; i <= to; i++)
        cr_assert_eq(ints_try_send(&sender, i), 0);
}

static int received(void)
{
    int value = -1;

    cr_assert_eq(ints_recv(&receiver, &value), 0);
    return value;
}

/* Sends its number, and notes the code if that is none of success. */
WOK_TASK(send_one, int, int);

static int send_one(int *number, int *result)
{
    *result = ints_send(&sender, *number);
    if (*result < 0)
        note(*result);
    return 0;
}

static void spawn_send(int number)
{
    send_one_join task = wok_spawn(send_one, number);

    send_one_join_drop(&task);
}

/* Receives until there is nothing more, and notes everything, the code at the end included. */
WOK_TASK(receive_all, char, int);

static int receive_all(char *unused, int *result)
{
    (void)unused;
    for (int value; (*result = ints_recv(&receiver, &value)) == 0;)
        note(value);
    note(*result);
    return 0;
}

static void let_others_run(void)
{
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
}

/* ---- M1: a bounded queue ------------------------------------------------------------------------ */

WOK_TEST(semantics, M1_a_capacity_of_zero_is_refused)
{
    cr_assert_eq(ints_new(0, &sender, &receiver), -EINVAL);
}

WOK_TEST(semantics, M1_a_full_channel_refuses_and_the_value_stays_the_callers)
{
    make(2);
    fill(1, 2);
    cr_assert_eq(ints_try_send(&sender, 3), -EAGAIN);
    cr_assert_eq(destroyed, 0);
    cr_assert_eq(received(), 1);
    cr_assert_eq(ints_try_send(&sender, 3), 0);
    finish();
    cr_assert_eq(destroyed, 2);
}

WOK_TEST(semantics, M1_senders_that_wait_are_served_in_the_order_of_their_waits)
{
    make(1);
    fill(0, 0);
    for (int i = 1; i <= 4; i++)
        spawn_send(i);
    let_others_run();
    for (int i = 0; i <= 4; i++) {
        cr_assert_eq(received(), i);
        cr_assert(i == 4 || ints_try_send(&sender, 9) == -EAGAIN, "the place is the next one's");
    }
    finish();
}

enum { SENDERS = 4, VALUES = 20 };

/* Sends its hundred, with the numbers from 0. */
WOK_TASK(send_row, int, int);

static int send_row(int *hundred, int *result)
{
    *result = 0;
    for (int i = 0; i < VALUES && *result == 0; i++)
        *result = ints_send(&sender, *hundred * 100 + i);
    return *result;
}

WOK_TEST_SEEDS(semantics, M1_values_of_one_sender_arrive_in_the_order_of_sending, 4, 20)
{
    send_row_join tasks[SENDERS];
    int next[SENDERS] = {0};

    make(3);
    for (int i = 0; i < SENDERS; i++)
        tasks[i] = wok_spawn(send_row, i);
    for (int i = 0; i < SENDERS * VALUES; i++) {
        int value = received();
        cr_assert_eq(value % 100, next[value / 100]++);
    }
    for (int i = 0; i < SENDERS; i++)
        cr_assert_eq(send_row_await(&tasks[i], NULL, NULL), 0);
    finish();
}

/* ---- M2: the receiver closes -------------------------------------------------------------------- */

WOK_TEST(semantics, M2_a_close_refuses_new_values_and_drains_what_is_queued)
{
    make(2);
    fill(1, 2);
    spawn_send(3);
    let_others_run();
    wok_mpsc_close(&receiver.raw);
    let_others_run();
    assert_noted(-EPIPE); /* the sender that waited */
    cr_assert_eq(ints_send(&sender, 4), -EPIPE);
    cr_assert_eq(received(), 1);
    cr_assert_eq(received(), 2);
    int value;
    cr_assert_eq(ints_recv(&receiver, &value), -EPIPE);
    finish();
}

WOK_TEST(semantics, M2_a_closed_receiver_waits_for_what_permits_send)
{
    ints_permit first, second;

    make(3);
    cr_assert_eq(ints_reserve(&sender, 1, &first), 0);
    cr_assert_eq(ints_reserve(&sender, 1, &second), 0);
    wok_mpsc_close(&receiver.raw);
    receive_all_join task = wok_spawn(receive_all, 0);
    let_others_run();
    cr_assert_eq(noted.count, 0);
    cr_assert_eq(ints_permit_send(&first, 7), 0);
    let_others_run();
    assert_noted(7); /* and another one may come */
    ints_permit_drop(&second);
    cr_assert_eq(receive_all_await(&task, NULL, NULL), 0);
    assert_noted(7, -EPIPE);
    finish();
}

/* ---- M3: one side goes -------------------------------------------------------------------------- */

WOK_TEST(semantics, M3_after_the_last_sender_the_queue_drains_and_then_ends)
{
    int value;

    make(2);
    fill(1, 2);
    ints_sender_drop(&sender);
    cr_assert_eq(received(), 1);
    cr_assert_eq(ints_recv_until(&receiver, &value, WOK_NEVER), 0);
    cr_assert_eq(value, 2);
    cr_assert_eq(ints_recv(&receiver, &value), -EPIPE);
    finish();
}

WOK_TEST(semantics, M3_a_receiver_that_waits_is_told_that_the_last_sender_goes)
{
    make(2);
    ints_sender other = ints_sender_ref(&sender);
    receive_all_join task = wok_spawn(receive_all, 0);
    ints_sender_drop(&sender);
    let_others_run();
    cr_assert_eq(noted.count, 0, "there is another sender");
    ints_sender_drop(&other);
    cr_assert_eq(receive_all_await(&task, NULL, NULL), 0);
    assert_noted(-EPIPE);
    finish();
}

WOK_TEST(semantics, M3_when_the_receiver_goes_sends_fail_and_what_is_queued_is_destroyed)
{
    make(2);
    fill(1, 2);
    spawn_send(3);
    let_others_run();
    ints_receiver_drop(&receiver);
    cr_assert_eq(destroyed, 2);
    let_others_run();
    assert_noted(-EPIPE);
    cr_assert_eq(ints_send(&sender, 4), -EPIPE);
    finish();
    cr_assert_eq(destroyed, 2, "what was not sent is its sender's");
}

/* ---- M4: permits -------------------------------------------------------------------------------- */

WOK_TEST(semantics, M4_a_permit_keeps_a_place_and_its_drop_wakes_the_next_sender)
{
    ints_permit permit;

    make(1);
    cr_assert_eq(ints_reserve(&sender, 1, &permit), 0);
    cr_assert_eq(ints_try_send(&sender, 1), -EAGAIN);
    spawn_send(2);
    let_others_run();
    cr_assert(wok_mpsc_is_empty(&receiver.raw));
    ints_permit_drop(&permit);
    cr_assert_eq(received(), 2);
    finish();
}

WOK_TEST(semantics, M4_more_places_than_the_channel_has_cannot_be_reserved)
{
    ints_permit permit;

    make(2);
    cr_assert_eq(ints_reserve(&sender, 3, &permit), -EINVAL);
    cr_assert_eq(ints_reserve(&sender, 2, &permit), 0);
    cr_assert_eq(ints_permit_send(&permit, 1), 0);
    cr_assert_eq(ints_permit_send(&permit, 2), 0);
    cr_assert_eq(ints_permit_send(&permit, 3), -EINVAL, "it is used up");
    cr_assert_eq(received(), 1);
    cr_assert_eq(received(), 2);
    finish();
}

/* ---- M5: many at a time, and what one may ask --------------------------------------------------- */

WOK_TEST(semantics, M5_recv_many_gives_what_is_there_up_to_a_limit_and_none_only_at_the_end)
{
    int values[3] = {0};
    size_t count;

    make(8);
    fill(1, 4);
    cr_assert_eq(ints_recv_many(&receiver, 3, values, &count), 0);
    cr_assert_eq(count, 3);
    cr_assert_arr_eq(values, ((int[]){1, 2, 3}), sizeof values);
    cr_assert_eq(ints_recv_many(&receiver, 3, values, &count), 0);
    cr_assert_eq(count, 1);
    spawn_send(5);
    cr_assert_eq(ints_recv_many(&receiver, 3, values, &count), 0, "it waits");
    cr_assert_eq(count, 1);
    cr_assert_eq(values[0], 5);
    ints_sender_drop(&sender);
    cr_assert_eq(ints_recv_many(&receiver, 3, values, &count), -EPIPE);
    finish();
}

WOK_TEST(semantics, M5_a_channel_tells_how_full_it_is_and_whether_it_is_closed)
{
    make(3);
    cr_assert(wok_mpsc_is_empty(&receiver.raw));
    fill(1, 2);
    cr_assert_eq(wok_mpsc_len(&receiver.raw), 2);
    cr_assert_not(wok_mpsc_is_empty(&receiver.raw));
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), 1);
    cr_assert_eq(wok_mpsc_max_capacity(&sender.raw), 3);
    cr_assert_not(wok_mpsc_is_closed(&sender.raw));
    cr_assert_not(wok_mpsc_receiver_is_closed(&receiver.raw));
    wok_mpsc_close(&receiver.raw);
    cr_assert(wok_mpsc_is_closed(&sender.raw));
    cr_assert(wok_mpsc_receiver_is_closed(&receiver.raw));
    finish();
}

WOK_TEST(semantics, M5_a_weak_sender_does_not_keep_the_receiver_waiting)
{
    make(1);
    wok_mpsc_weak weak = wok_mpsc_downgrade(&sender.raw);
    ints_sender second;
    int value;

    cr_assert_eq(wok_mpsc_upgrade(&weak, &second.raw), 0);
    ints_sender_drop(&sender);
    cr_assert_eq(ints_send(&second, 1), 0);
    ints_sender_drop(&second);
    cr_assert_eq(wok_mpsc_upgrade(&weak, &second.raw), -EPIPE);
    cr_assert_eq(received(), 1);
    cr_assert_eq(ints_recv(&receiver, &value), -EPIPE);
    wok_mpsc_weak_drop(&weak);
    finish();
}

static wok_poll wait_in_a_poll(void *self, wok_cx *cx, void *result)
{
    int value;

    (void)self;
    (void)cx;
    (void)result;
    note(ints_send(&sender, 2));
    note(ints_recv(&receiver, &value));
    return WOK_READY;
}

static const wok_future_vtable wait_in_a_poll_vtable = {
    .name = "wait_in_a_poll", .size = 1, .poll = wait_in_a_poll};

WOK_TEST(semantics, M5_waiting_forms_are_refused_in_a_stackless_task)
{
    char nothing = 0;

    make(2); /* it would not have to wait */
    fill(1, 1);
    wok_join task = wok_spawn_future(&wait_in_a_poll_vtable, &nothing);
    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
    assert_noted(-EDEADLK, -EDEADLK);
    finish();
}

static void *receive_on_a_thread(void *unused)
{
    (void)unused;
    note(received());
    return NULL;
}

Test(semantics, M5_the_same_calls_block_a_plain_thread, .timeout = 20)
{
    pthread_t thread;

    make(1);
    cr_assert_eq(pthread_create(&thread, NULL, receive_on_a_thread, NULL), 0);
    for (int i = 1; i <= 2; i++) /* the second has to wait if the thread does not */
        cr_assert_eq(ints_send(&sender, i), 0);
    pthread_join(thread, NULL);
    assert_noted(1);
    finish();
}

/* ---- M6: without a bound -------------------------------------------------------------------------- */

WOK_TEST(semantics, M6_an_unbounded_send_never_waits)
{
    const int many = TEST_SCALE(100000);
    uint64_t polls = polls_of_worker(0);
    wok_instant start = wok_now();

    make(WOK_UNBOUNDED);
    for (int i = 0; i < many; i++)
        cr_assert_eq(ints_try_send(&sender, i), 0);
    cr_assert_eq(polls_of_worker(0), polls);
    cr_assert_eq(wok_mpsc_len(&receiver.raw), (size_t)many);
    cr_assert_eq(wok_mpsc_capacity(&sender.raw), WOK_UNBOUNDED);
    for (int i = 0; i < many; i++)
        cr_assert_eq(ints_send(&sender, i), 0); /* it lets others run, and waits for nobody */
    cr_assert_eq(wok_elapsed(start).ns, 0);
    finish();
    cr_assert_eq(destroyed, 2 * (unsigned)many);
}

static size_t bytes_on_heap(void)
{
    return mallinfo2().uordblks;
}

/* Without a runtime, whose threads use memory as well. */
Test(semantics, M6_memory_grows_in_blocks_of_32_values_and_is_given_back, .timeout = 20)
{
    enum { VALUE_BYTES = 1000, BLOCK_VALUES = 32, BLOCKS = 10 };
    static char value[VALUE_BYTES];
    wok_mpsc_options options = {.capacity = WOK_UNBOUNDED, .value_size = VALUE_BYTES};
    wok_mpsc_sender tx;
    wok_mpsc_receiver rx;

    if (bytes_on_heap() == 0)
        return; /* a sanitizer's malloc does not tell */
    cr_assert_eq(wok_mpsc_new(&options, &tx, &rx), 0);
    size_t before = bytes_on_heap();
    for (int i = 0; i < BLOCKS * BLOCK_VALUES; i++) {
        cr_assert_eq(wok_mpsc_try_send(&tx, value), 0);
        size_t grown = bytes_on_heap() - before;
        size_t blocks = (size_t)i / BLOCK_VALUES + 1;
        cr_assert_geq(grown, blocks * BLOCK_VALUES * VALUE_BYTES);
        cr_assert_lt(grown, blocks * (BLOCK_VALUES * VALUE_BYTES + 100));
    }
    for (int i = 0; i < BLOCKS * BLOCK_VALUES; i++)
        cr_assert_eq(wok_mpsc_try_recv(&rx, value), 0);
    cr_assert_leq(bytes_on_heap() - before, 2 * (BLOCK_VALUES * VALUE_BYTES + 100));
    wok_mpsc_sender_drop(&tx);
    wok_mpsc_receiver_drop(&rx);
}
