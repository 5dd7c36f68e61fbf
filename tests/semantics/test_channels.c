/*
 * test_channels.c - the rules N1, W1 to W3, R1, R2, and X6 for channels: oneshot, watch and broadcast,
 * and what a wait on a channel leaves behind that loses a select.
 */
#include "semantics/kit.h"

static unsigned destroyed;

static void count_destroyed(int *value)
{
    (void)value;
    destroyed++;
}

static void copy_number(int *ret_copy, const int *value)
{
    *ret_copy = *value;
}

WOK_CHANNEL(queue, int, NULL);
WOK_ONESHOT(answer, int, count_destroyed);
WOK_WATCH(state, int, NULL);
WOK_BROADCAST(events, int, copy_number, NULL);

static void let_others_run(void)
{
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
}

/* ---- N1: one value ------------------------------------------------------------------------------ */

static answer_sender asked;
static answer_receiver asking;

static void ask(void)
{
    cr_assert_eq(answer_new(&asked, &asking), 0);
}

WOK_TEST(semantics, N1_a_send_does_not_wait_and_is_the_only_one)
{
    uint64_t polls = polls_of_worker(0);
    int value = 0;

    ask();
    cr_assert_eq(answer_send(&asked, 42), 0);
    cr_assert_eq(answer_send(&asked, 43), -EINVAL);
    cr_assert_eq(polls_of_worker(0), polls);
    cr_assert_eq(answer_recv(&asking, &value), 0);
    cr_assert_eq(value, 42);
    answer_receiver_drop(&asking);
    cr_assert_eq(destroyed, 0);
}

/* Waits for the answer and notes it, or the code. */
WOK_TASK(await_answer, char, int);

static int await_answer(char *unused, int *result)
{
    int value;

    (void)unused;
    *result = answer_recv(&asking, &value);
    note(*result == 0 ? value : *result);
    return 0;
}

WOK_TEST(semantics, N1_a_sender_that_goes_ends_the_wait)
{
    ask();
    await_answer_join task = wok_spawn(await_answer, 0);
    let_others_run();
    cr_assert_eq(noted.count, 0);
    answer_sender_drop(&asked);
    cr_assert_eq(await_answer_await(&task, NULL, NULL), 0);
    assert_noted(-EPIPE);
    answer_receiver_drop(&asking);
}

/* Waits until nobody wants the answer. */
WOK_TASK(await_closed, char, int);

static int await_closed(char *unused, int *result)
{
    (void)unused;
    *result = wok_oneshot_closed(&asked.raw);
    note(*result);
    return 0;
}

WOK_TEST(semantics, N1_a_receiver_that_goes_is_noticed_and_leaves_the_value_with_its_sender)
{
    ask();
    await_closed_join task = wok_spawn(await_closed, 0);
    let_others_run();
    cr_assert_not(wok_oneshot_is_closed(&asked.raw));
    cr_assert_eq(noted.count, 0);
    answer_receiver_drop(&asking);
    cr_assert(wok_oneshot_is_closed(&asked.raw));
    cr_assert_eq(await_closed_await(&task, NULL, NULL), 0);
    assert_noted(0);
    cr_assert_eq(answer_send(&asked, 42), -EPIPE);
    cr_assert_eq(destroyed, 0, "it is the caller's");
}

WOK_TEST(semantics, N1_after_a_close_a_value_that_was_sent_before_can_be_received)
{
    int value = 0;

    ask();
    cr_assert_eq(answer_send(&asked, 42), 0);
    answer_close(&asking);
    cr_assert_eq(answer_try_recv(&asking, &value), 0);
    cr_assert_eq(value, 42);
    answer_receiver_drop(&asking);

    ask();
    answer_close(&asking);
    cr_assert_eq(answer_send(&asked, 43), -EPIPE);
    cr_assert_eq(answer_recv(&asking, &value), -EPIPE);
    answer_receiver_drop(&asking);
}

WOK_TEST(semantics, N1_a_receive_after_the_last_one_is_misuse)
{
    int value = 0;

    ask();
    cr_assert_eq(answer_send(&asked, 42), 0);
    cr_assert_eq(answer_recv(&asking, &value), 0);
    cr_assert_eq(answer_recv(&asking, &value), -EINVAL);
    answer_receiver_drop(&asking);
}

/* ---- W: the latest value ------------------------------------------------------------------------ */

static state_sender setter;
static state_receiver watcher;

/* Both ends of a channel that holds 0. */
static void watch(void)
{
    cr_assert_eq(state_new(0, &setter), 0);
    state_subscribe(&setter, &watcher);
}

static void unwatch(void)
{
    state_sender_drop(&setter);
    state_receiver_drop(&watcher);
}

static int latest(void)
{
    wok_watch_ref ref;
    int value = *(const int *)wok_watch_borrow(&watcher.raw, &ref);

    wok_watch_ref_drop(&ref);
    return value;
}

WOK_TEST(semantics, W1_a_receiver_sees_the_latest_value_once)
{
    watch();
    cr_assert_eq(state_send(&setter, 1), 0);
    cr_assert_eq(state_send(&setter, 2), 0);
    cr_assert_eq(wok_watch_has_changed(&watcher.raw), 1);
    cr_assert_eq(state_changed(&watcher), 0);
    cr_assert_eq(latest(), 2);
    cr_assert_eq(wok_watch_has_changed(&watcher.raw), 0);
    cr_assert_eq(state_changed_until(&watcher, wok_after(wok_ms(1))), -ETIMEDOUT);
    unwatch();
}

WOK_TEST(semantics, W1_the_value_at_the_subscription_counts_as_seen)
{
    state_receiver late;

    watch();
    cr_assert_eq(wok_watch_has_changed(&watcher.raw), 0);
    cr_assert_eq(state_send(&setter, 1), 0);
    state_subscribe(&setter, &late);
    cr_assert_eq(wok_watch_has_changed(&late.raw), 0);
    cr_assert_eq(wok_watch_has_changed(&watcher.raw), 1);
    state_receiver_drop(&late);
    unwatch();
}

WOK_TEST(semantics, W2_a_closed_channel_gives_an_unseen_value_once_and_stays_readable)
{
    watch();
    cr_assert_eq(state_send(&setter, 7), 0);
    state_sender_drop(&setter);
    cr_assert_eq(wok_watch_has_changed(&watcher.raw), -EPIPE);
    cr_assert_eq(state_changed(&watcher), 0);
    cr_assert_eq(state_changed(&watcher), -EPIPE);
    cr_assert_eq(latest(), 7);
    unwatch();
}

WOK_TEST(semantics, W3_a_send_without_receivers_keeps_the_old_value_and_a_replace_stores)
{
    watch();
    state_receiver_drop(&watcher);
    cr_assert_eq(state_send(&setter, 1), -EPIPE);
    state_subscribe(&setter, &watcher);
    cr_assert_eq(latest(), 0);
    state_receiver_drop(&watcher);
    cr_assert_eq(state_send_replace(&setter, 2), 0);
    state_subscribe(&setter, &watcher);
    cr_assert_eq(latest(), 2);
    unwatch();
}

/* Notes what it sees, once for each change. */
WOK_TASK(follow, char, int);

static int follow(char *unused, int *result)
{
    (void)unused;
    while ((*result = state_changed(&watcher)) == 0)
        note(latest());
    return 0;
}

/* Halves what is even. */
static bool halve(const void *current, void *ret_value, void *unused)
{
    int value = *(const int *)current;

    (void)unused;
    if (value % 2 == 0)
        *(int *)ret_value = value / 2;
    return value % 2 == 0;
}

WOK_TEST(semantics, W3_send_if_modified_wakes_only_if_it_modified)
{
    watch();
    follow_join task = wok_spawn(follow, 0);
    let_others_run();
    cr_assert_eq(state_send(&setter, 6), 0);
    let_others_run();
    cr_assert_eq(wok_watch_send_if_modified(&setter.raw, halve, NULL), 1);
    let_others_run();
    assert_noted(6, 3);
    cr_assert_eq(wok_watch_send_if_modified(&setter.raw, halve, NULL), 0);
    let_others_run();
    assert_noted(6, 3);
    state_sender_drop(&setter);
    cr_assert_eq(follow_await(&task, NULL, NULL), 0);
    unwatch();
}

WOK_TEST(semantics, W3_a_borrowed_value_stays_as_it_is_and_holds_up_no_sender)
{
    wok_watch_ref ref;

    watch();
    const int *borrowed = state_borrow(&watcher, &ref);
    uint64_t polls = polls_of_worker(0);
    for (int i = 1; i <= 3; i++)
        cr_assert_eq(state_send(&setter, i), 0);
    cr_assert_eq(polls_of_worker(0), polls);
    let_others_run();
    cr_assert_eq(*borrowed, 0);
    cr_assert_eq(latest(), 3);
    wok_watch_ref_drop(&ref);
    unwatch();
}

/* ---- R: everything to everyone ------------------------------------------------------------------ */

static events_sender teller;
static events_receiver listener;

static void tell(size_t capacity)
{
    cr_assert_eq(events_new(capacity, &teller), 0);
    events_subscribe(&teller, &listener);
}

static void send_numbers(int from, int to)
{
    for (int i = from; i <= to; i++)
        cr_assert_eq(events_send(&teller, i), 0);
}

/* The next value, or the code; missed: how many were, 0 if it does not say. */
static int heard(events_receiver *from, uint64_t *ret_missed)
{
    int value = 0;

    *ret_missed = 0;
    int code = events_try_recv(from, &value, ret_missed);
    return code == 0 ? value : code;
}

WOK_TEST(semantics, R1_a_slow_receiver_is_told_how_many_it_missed_and_gets_the_oldest_kept)
{
    uint64_t missed;

    tell(3); /* that is 4 */
    send_numbers(0, 5);
    cr_assert_eq(heard(&listener, &missed), -EOVERFLOW);
    cr_assert_eq(missed, 2);
    for (int i = 2; i <= 5; i++)
        cr_assert_eq(heard(&listener, &missed), i);
    cr_assert_eq(heard(&listener, &missed), -EAGAIN);
    events_receiver_drop(&listener);
    events_sender_drop(&teller);
}

WOK_TEST(semantics, R1_a_lag_is_one_receivers_own_and_does_not_close_it)
{
    events_receiver fast;
    uint64_t missed;

    tell(2);
    events_subscribe(&teller, &fast);
    for (int i = 0; i < 3; i++) {
        send_numbers(i, i);
        cr_assert_eq(heard(&fast, &missed), i);
    }
    cr_assert_eq(heard(&listener, &missed), -EOVERFLOW);
    cr_assert_eq(missed, 1);
    cr_assert_eq(heard(&listener, &missed), 1);
    send_numbers(3, 3);
    cr_assert_eq(heard(&listener, &missed), 2);
    cr_assert_eq(heard(&listener, &missed), 3);
    cr_assert_eq(heard(&fast, &missed), 3);
    events_receiver_drop(&fast);
    events_receiver_drop(&listener);
    events_sender_drop(&teller);
}

WOK_TEST(semantics, R2_a_new_receiver_gets_later_values_only)
{
    events_receiver late;
    uint64_t missed;

    tell(4);
    send_numbers(1, 1);
    events_subscribe(&teller, &late);
    send_numbers(2, 2);
    cr_assert_eq(heard(&late, &missed), 2);
    cr_assert_eq(heard(&listener, &missed), 1);
    events_receiver_drop(&late);
    events_receiver_drop(&listener);
    events_sender_drop(&teller);
}

/* Receives until there is nothing more, and notes everything, the code at the end included. */
WOK_TASK(listen_all, char, int);

static int listen_all(char *unused, int *result)
{
    (void)unused;
    for (int value; (*result = events_recv(&listener, &value, NULL)) == 0;)
        note(value);
    note(*result);
    return 0;
}

WOK_TEST(semantics, R2_after_the_last_sender_receivers_drain_and_then_end)
{
    uint64_t missed;

    tell(4);
    send_numbers(1, 2);
    events_sender_drop(&teller);
    for (int i = 1; i <= 2; i++)
        cr_assert_eq(heard(&listener, &missed), i);
    cr_assert_eq(heard(&listener, &missed), -EPIPE);
    events_receiver_drop(&listener);
}

WOK_TEST(semantics, R2_a_receiver_that_waits_is_told_that_the_last_sender_goes)
{
    tell(4);
    events_sender other = events_sender_ref(&teller);
    send_numbers(1, 2);
    events_sender_drop(&teller);
    listen_all_join task = wok_spawn(listen_all, 0);
    let_others_run();
    assert_noted(1, 2); /* there is another sender */
    events_sender_drop(&other);
    cr_assert_eq(listen_all_await(&task, NULL, NULL), 0);
    assert_noted(1, 2, -EPIPE);
    events_receiver_drop(&listener);
}

WOK_TEST(semantics, R2_a_send_without_receivers_fails)
{
    tell(4);
    events_receiver_drop(&listener);
    cr_assert_eq(events_send(&teller, 1), -EPIPE);
    events_sender_drop(&teller);
}

/* ---- X6: a wait that loses ---------------------------------------------------------------------- */

static queue_sender full_sender, empty_sender;
static queue_receiver full, empty;

static void make_all(void)
{
    ask();
    watch();
    tell(4);
    cr_assert_eq(queue_new(1, &full_sender, &full), 0);
    cr_assert_eq(queue_send(&full_sender, 1), 0);
    cr_assert_eq(queue_new(1, &empty_sender, &empty), 0);
}

static void drop_all(void)
{
    answer_receiver_drop(&asking);
    unwatch();
    events_receiver_drop(&listener);
    events_sender_drop(&teller);
    queue_sender_drop(&full_sender);
    queue_receiver_drop(&full);
    queue_sender_drop(&empty_sender);
    queue_receiver_drop(&empty);
}

/* Lets happen what each wait of the test is for. */
static void send_to_all(void)
{
    int value = 0;

    cr_assert_eq(queue_try_recv(&full, &value), 0);
    cr_assert_eq(value, 1);
    cr_assert_eq(queue_try_send(&empty_sender, 2), 0);
    cr_assert_eq(answer_send(&asked, 3), 0);
    cr_assert_eq(state_send(&setter, 4), 0);
    cr_assert_eq(events_send(&teller, 5), 0);
}

WOK_TASK(send_now, char, int);

static int send_now(char *unused, int *result)
{
    (void)unused;
    send_to_all();
    *result = 0;
    return 0;
}

enum { WAITS = 5 };
static const int one_too_many = 6;

/* Waits on all, and loses to `winner`. */
static void lose_to(wok_op winner)
{
    int value = 0, code;
    wok_op branches[WAITS + 1] = {
        winner,
        queue_send_op(&full_sender, &one_too_many),
        queue_recv_op(&empty, &value),
        answer_recv_op(&asking, &value),
        state_changed_op(&watcher),
        events_recv_op(&listener, &value, NULL),
    };

    cr_assert_eq(wok_select(branches, WAITS + 1, WOK_SELECT_BIASED, &code), 0);
    cr_assert_eq(code, 0);
    cr_assert_eq(value, 0);
}

/* All that was sent is there, and nothing else was. */
static void assert_that_nothing_was_lost(void)
{
    uint64_t missed;
    int value = 0;

    cr_assert(wok_mpsc_is_empty(&full.raw));
    cr_assert_eq(queue_try_send(&full_sender, 7), 0, "the place that the loser was handed");
    cr_assert_eq(queue_try_recv(&empty, &value), 0);
    cr_assert_eq(value, 2);
    cr_assert_eq(answer_try_recv(&asking, &value), 0);
    cr_assert_eq(value, 3);
    cr_assert_eq(wok_watch_has_changed(&watcher.raw), 1);
    cr_assert_eq(state_changed(&watcher), 0);
    cr_assert_eq(heard(&listener, &missed), 5);
}

WOK_TEST(semantics, X6_waits_on_channels_that_lose_sent_and_received_nothing)
{
    make_all();
    lose_to(wok_sleep_op(wok_ms(1)));
    send_to_all();
    assert_that_nothing_was_lost();
    drop_all();
}

WOK_TEST(semantics, X6_waits_on_channels_that_lose_just_when_they_are_woken_lose_nothing)
{
    struct step step = {.ready_at = 2};

    make_all();
    send_now_join task = wok_spawn(send_now, 0); /* runs between the two polls of the select */
    lose_to(wok_future_op(step_as_future(&step), NULL));
    cr_assert(wok_join_is_finished(&task.join));
    assert_that_nothing_was_lost();
    send_now_join_drop(&task);
    drop_all();
}
