/*
 * test_watch.c - the watch channel poll by poll, without a runtime.
 *
 * The channel's source is compiled in here with the wake replaced by a count: a task is an address
 * to be woken.  How real tasks and threads wait on it is in test_watch_wait.c.
 */
#define wok__task_wake count_wake
#define wok__await await_never
#define wok__budget_take budget_left
#include "channel/watch.c"

#include "support/test.h"

static struct wok_task *woken[16];
static size_t wakes;
static bool budget = true;

void count_wake(struct wok_task *task, enum wok__reason reason)
{
    cr_assert_eq(reason, WOK__REASON_WAKE);
    cr_assert_lt(wakes, WOK_COUNT(woken));
    woken[wakes++] = task;
}

bool budget_left(wok_cx *cx)
{
    (void)cx;
    return budget;
}

/* The wait is called with a future that is pending, and ends as cancelled. */
int await_never(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    static struct wok_task task;

    cr_assert_eq(deadline.ns, WOK_NEVER.ns);
    cr_assert_not(shielded);
    cr_assert_eq(wok_future_poll(future, &(wok_cx){&task}, ret_result), WOK_PENDING);
    return -ECANCELED;
}

static struct wok_task task_a, task_b, task_c;
static wok_cx a = {&task_a}, b = {&task_b}, c = {&task_c};

static unsigned drops;
static int dropped[64];

static void drop_number(void *value)
{
    cr_assert_lt(drops, WOK_COUNT(dropped));
    dropped[drops++] = *(int *)value;
}

static wok_watch *new_watch(int initial)
{
    wok_watch *watch = NULL;

    cr_assert_eq(wok_watch_new(&watch, sizeof initial, &initial, drop_number), 0);
    return watch;
}

static int value_of(wok_watch_receiver *receiver)
{
    int value = -1;

    wok_watch_get(receiver, &value);
    return value;
}

/* W1 */
Test(watch, keeps_the_latest_value_only)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_send(watch, &(int){1}), 0);
    cr_assert_eq(wok_watch_send(watch, &(int){2}), 0);
    cr_assert_eq(wok_watch_has_changed(&receiver), 1);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_READY);
    cr_assert_eq(value_of(&receiver), 2);
    cr_assert_eq(wok_watch_has_changed(&receiver), 0);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_PENDING, "it is seen once");
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

/* W1 */
Test(watch, counts_the_value_at_the_subscription_as_seen)
{
    wok_watch *watch = new_watch(7);
    wok_watch_receiver early, late;

    wok_watch_subscribe(&early, watch);
    cr_assert_eq(wok_watch_has_changed(&early), 0);
    cr_assert_eq(value_of(&early), 7);
    cr_assert_eq(wok_watch_send(watch, &(int){8}), 0);
    wok_watch_subscribe(&late, watch);
    cr_assert_eq(wok_watch_has_changed(&early), 1);
    cr_assert_eq(wok_watch_has_changed(&late), 0);
    cr_assert_eq(value_of(&late), 8);
    wok_watch_receiver_done(&early);
    wok_watch_receiver_done(&late);
    wok_watch_sender_drop(watch);
}

Test(watch, a_get_marks_the_value_as_seen)
{
    wok_watch *watch = new_watch(1);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_send(watch, &(int){2}), 0);
    cr_assert_eq(value_of(&receiver), 2);
    cr_assert_eq(wok_watch_has_changed(&receiver), 0);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

/* W2 */
Test(watch, a_closed_channel_gives_an_unseen_value_once_and_then_ends)
{
    wok_watch *watch = new_watch(1);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_send(watch, &(int){2}), 0);
    wok_watch_sender_drop(watch);
    cr_assert_eq(wok_watch_has_changed(&receiver), -EPIPE, "as soon as it is closed");
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_READY);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), -EPIPE);
    cr_assert_eq(value_of(&receiver), 2, "the last value stays readable");
    cr_assert_eq(drops, 1);
    wok_watch_receiver_done(&receiver);
    cr_assert_eq(drops, 2);
}

Test(watch, closes_with_the_last_of_its_senders_only)
{
    wok_watch *watch = new_watch(1);
    wok_watch *other = wok_watch_sender_ref(watch);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_PENDING);
    wok_watch_sender_drop(watch);
    cr_assert_eq(wakes, 0);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_PENDING);
    wok_watch_sender_drop(other);
    cr_assert_eq(wakes, 1);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), -EPIPE);
    wok_watch_receiver_done(&receiver);
}

/* W3 */
Test(watch, a_send_without_receivers_keeps_the_old_value)
{
    wok_watch *watch = new_watch(1);
    wok_watch_receiver receiver;

    cr_assert_eq(wok_watch_send(watch, &(int){2}), -EPIPE);
    cr_assert_eq(drops, 0, "neither the old value nor the new one is destroyed");
    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(value_of(&receiver), 1);
    wok_watch_receiver_done(&receiver);
    cr_assert_eq(wok_watch_send(watch, &(int){3}), -EPIPE, "the only receiver is gone");
    wok_watch_sender_drop(watch);
    cr_assert_eq(drops, 1);
    cr_assert_eq(dropped[0], 1);
}

/* W3 */
Test(watch, a_replace_stores_without_receivers)
{
    wok_watch *watch = new_watch(1);
    wok_watch_receiver receiver;

    wok_watch_send_replace(watch, &(int){2});
    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(value_of(&receiver), 2);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

Test(watch, drops_each_value_exactly_once_in_order)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    for (int i = 1; i <= 20; i++) {
        cr_assert_eq(wok_watch_send(watch, &i), 0);
        cr_assert_eq(drops, (unsigned)i);
    }
    wok_watch_sender_drop(watch);
    cr_assert_eq(drops, 20);
    wok_watch_receiver_done(&receiver);
    cr_assert_eq(drops, 21);
    for (int i = 0; i <= 20; i++)
        cr_assert_eq(dropped[i], i);
}

Test(watch, wakes_every_waiter_once_and_in_the_order_of_waiting)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver first, second, third;

    wok_watch_subscribe(&first, watch);
    wok_watch_subscribe(&second, watch);
    wok_watch_subscribe(&third, watch);
    cr_assert_eq(wok_watch_changed_poll(&second, &b), WOK_PENDING);
    cr_assert_eq(wok_watch_changed_poll(&first, &a), WOK_PENDING);
    cr_assert_eq(wok_watch_changed_poll(&third, &c), WOK_PENDING);
    cr_assert_eq(wok_watch_send(watch, &(int){1}), 0);
    cr_assert_eq(wakes, 3);
    cr_assert_eq(woken[0], &task_b);
    cr_assert_eq(woken[1], &task_a);
    cr_assert_eq(woken[2], &task_c);
    cr_assert_eq(wok_watch_send(watch, &(int){2}), 0);
    cr_assert_eq(wakes, 3, "nobody waits any more");
    wok_watch_receiver_done(&first);
    wok_watch_receiver_done(&second);
    wok_watch_receiver_done(&third);
    wok_watch_sender_drop(watch);
}

Test(watch, a_second_poll_moves_the_wait_to_its_task)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_PENDING);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &b), WOK_PENDING);
    cr_assert_eq(wok_watch_send(watch, &(int){1}), 0);
    cr_assert_eq(wakes, 1);
    cr_assert_eq(woken[0], &task_b);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

/* A receiver leaves from the head, the middle and the tail of the waiters. */
Test(watch, a_receiver_that_ends_while_it_waits_is_not_woken)
{
    wok_watch *watch = new_watch(0);

    for (int leaving = 0; leaving < 3; leaving++) {
        wok_watch_receiver receivers[3];

        wakes = 0;
        for (int i = 0; i < 3; i++) {
            wok_watch_subscribe(&receivers[i], watch);
            cr_assert_eq(wok_watch_changed_poll(&receivers[i], &a), WOK_PENDING);
        }
        wok_watch_receiver_done(&receivers[leaving]);
        memset(&receivers[leaving], 0xa5, sizeof receivers[leaving]);
        cr_assert_eq(wok_watch_send(watch, &(int){1}), 0);
        cr_assert_eq(wakes, 2);
        for (int i = 0; i < 3; i++)
            if (i != leaving)
                wok_watch_receiver_done(&receivers[i]);
    }
    wok_watch_sender_drop(watch);
}

Test(watch, a_wait_that_is_cancelled_leaves_the_list_and_loses_nothing)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_changed(&receiver), -ECANCELED);
    cr_assert_eq(wok_watch_send(watch, &(int){1}), 0);
    cr_assert_eq(wakes, 0);
    cr_assert_eq(wok_watch_has_changed(&receiver), 1);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

Test(watch, a_dropped_future_waits_no_more_and_leaves_the_receiver_usable)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    wok_future future = wok_watch_changed_as_future(&receiver);
    cr_assert_eq(wok_future_poll(future, &a, NULL), WOK_PENDING);
    wok_future_drop(future);
    cr_assert_eq(wok_watch_send(watch, &(int){1}), 0);
    cr_assert_eq(wakes, 0);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_READY);
    wok_watch_receiver_done(&receiver);
    wok_future_drop(future); /* in any state: the receiver is gone already */
    wok_watch_sender_drop(watch);
}

/* D8 */
Test(watch, news_wait_for_the_next_poll_when_the_budget_is_used_up)
{
    wok_watch *watch = new_watch(0);
    wok_watch_receiver receiver;

    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_send(watch, &(int){1}), 0);
    budget = false;
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_PENDING);
    cr_assert_eq(wok_watch_has_changed(&receiver), 1);
    budget = true;
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_READY);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

Test(watch, takes_values_of_no_bytes_and_of_many)
{
    static unsigned char big[100000], copy[sizeof big];
    wok_watch *watch = NULL;
    wok_watch_receiver receiver;

    cr_assert_eq(wok_watch_new(&watch, 0, NULL, NULL), 0);
    wok_watch_subscribe(&receiver, watch);
    cr_assert_eq(wok_watch_send(watch, NULL), 0);
    cr_assert_eq(wok_watch_changed_poll(&receiver, &a), WOK_READY);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);

    cr_assert_eq(wok_watch_new(&watch, sizeof big, big, NULL), 0);
    wok_watch_subscribe(&receiver, watch);
    memset(big, 0x5a, sizeof big);
    cr_assert_eq(wok_watch_send(watch, big), 0);
    wok_watch_get(&receiver, copy);
    cr_assert_arr_eq(copy, big, sizeof big);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(watch);
}

Test(watch, refuses_a_value_that_owns_something_and_is_too_big_to_move_aside)
{
    static unsigned char value[WOK_WATCH_OWNED_MAX + 1];
    wok_watch *watch = NULL;

    cr_assert_eq(wok_watch_new(&watch, sizeof value, value, drop_number), -EINVAL);
    cr_assert_null(watch);
    cr_assert_eq(drops, 0);
    cr_assert_eq(wok_watch_new(&watch, SIZE_MAX, value, NULL), -ENOMEM);
    cr_assert_eq(wok_watch_new(&watch, WOK_WATCH_OWNED_MAX, value, drop_number), 0);
    wok_watch_sender_drop(watch);
    cr_assert_eq(drops, 1);
}

Test(watch, ends_of_nothing_are_fine)
{
    wok_watch_receiver receiver = {0};

    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(NULL);
}

static wok_watch *reentered;

static void send_from_drop(void *value)
{
    if (*(int *)value == 1)
        cr_assert_eq(wok_watch_send(reentered, &(int){3}), 0);
}

/* With the lock held this would wait for itself. */
Test(watch, a_drop_function_may_use_the_channel, .timeout = 10)
{
    wok_watch_receiver receiver;

    cr_assert_eq(wok_watch_new(&reentered, sizeof(int), &(int){1}, send_from_drop), 0);
    wok_watch_subscribe(&receiver, reentered);
    cr_assert_eq(wok_watch_send(reentered, &(int){2}), 0);
    cr_assert_eq(value_of(&receiver), 3);
    wok_watch_receiver_done(&receiver);
    wok_watch_sender_drop(reentered);
}
