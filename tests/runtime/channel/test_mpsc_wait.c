/*
 * test_mpsc_wait.c - how tasks and threads wait on an mpsc channel.  Its rules poll by poll are in
 * test_mpsc.c.
 */
#include <errno.h>
#include <pthread.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 destroyed;

static void count_destroyed(int *value)
{
    (void)value;
    fetch_add_relaxed(&destroyed, 1);
}

WOK_CHANNEL(ints, int, count_destroyed);

struct sending {
    ints_sender sender;
    int from, count, step;
};

static void sending_drop(struct sending *sending)
{
    ints_sender_drop(&sending->sender);
}

/* Sends from, from + step, ...; its result is how many arrived in the channel. */
WOK_TASK_WITH_DROP(send_all, struct sending, int, sending_drop, NULL);
static int send_all(struct sending *sending, int *sent)
{
    int code = 0;

    for (*sent = 0; *sent < sending->count; *sent += 1) {
        code = ints_send(&sending->sender, sending->from + *sent * sending->step);
        if (code < 0)
            return code;
    }
    return 0;
}

static send_all_join spawn_sender(const ints_sender *sender, int from, int count)
{
    return wok_spawn(send_all, {ints_sender_ref(sender), from, count, 1});
}

/* M1: a capacity of two, two senders of three values each; one worker makes the order a fact. */
WOK_TEST(mpsc_wait, m1_senders_that_wait_are_served_in_turn)
{
    ints_sender sender;
    ints_receiver receiver;
    int value, expected[] = {10, 11, 12, 20, 21, 22}, sum = 0;

    cr_assert_eq(ints_new(2, &sender, &receiver), 0);
    send_all_join first = spawn_sender(&sender, 10, 3), second = spawn_sender(&sender, 20, 3);
    ints_sender_drop(&sender);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(wok_mpsc_len(&receiver.raw), 2);
    for (int i = 0; i < 6; i++) {
        cr_assert_eq(ints_recv(&receiver, &value), 0);
        sum += value;
        cr_assert(i > 1 || value == expected[i]);
    }
    cr_assert_eq(sum, 96);
    cr_assert_eq(ints_recv(&receiver, &value), -EPIPE);
    cr_assert_eq(send_all_await(&first, NULL, NULL), 0);
    cr_assert_eq(send_all_await(&second, NULL, NULL), 0);
    ints_receiver_drop(&receiver);
    cr_assert_eq(load_relaxed(&destroyed), 0);
}

WOK_TEST(mpsc_wait, a_receive_waits_for_a_value)
{
    ints_sender sender;
    ints_receiver receiver;
    int value;

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    send_all_join task = spawn_sender(&sender, 1, 100);
    for (int i = 1; i <= 100; i++) {
        cr_assert_eq(ints_recv(&receiver, &value), 0);
        cr_assert_eq(value, i);
    }
    cr_assert_eq(send_all_await(&task, NULL, NULL), 0);
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
}

WOK_TEST(mpsc_wait, waits_end_at_their_deadline_and_had_no_effect)
{
    ints_sender sender;
    ints_receiver receiver;
    wok_instant start = wok_now();
    ints_permit permit;
    int value = -1, values[2];
    wok_mpsc_batch batch = {values, 2, 0};

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    cr_assert_eq(ints_recv_until(&receiver, &value, wok_after(wok_ms(5))), -ETIMEDOUT);
    cr_assert_eq(wok_mpsc_recv_many_until(&receiver.raw, &batch, wok_after(wok_ms(5))), -ETIMEDOUT);
    cr_assert_eq(wok_mpsc_closed_until(&sender.raw, wok_after(wok_ms(5))), -ETIMEDOUT);
    cr_assert_eq(ints_send_until(&sender, 1, WOK_NEVER), 0);
    cr_assert_eq(ints_send_until(&sender, 2, wok_after(wok_ms(5))), -ETIMEDOUT);
    cr_assert_eq(wok_mpsc_reserve_until(&sender.raw, 1, &permit.raw, wok_after(wok_ms(5))),
                 -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(25).ns);
    cr_assert_eq(value, -1);
    cr_assert_eq(ints_recv(&receiver, &value), 0);
    cr_assert_eq(value, 1);
    cr_assert_eq(wok_mpsc_len(&receiver.raw), 0);
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
    cr_assert_eq(load_relaxed(&destroyed), 0, "what was not sent is the caller's");
}

WOK_TEST(mpsc_wait, a_sender_that_is_aborted_leaves_the_queue_with_its_value)
{
    ints_sender sender;
    ints_receiver receiver;
    wok_join_error why;
    int value;

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    cr_assert_eq(ints_send(&sender, 1), 0);
    send_all_join aborted = spawn_sender(&sender, 2, 1), other = spawn_sender(&sender, 3, 1);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&aborted.join);
    cr_assert_eq(send_all_await(&aborted, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(ints_recv(&receiver, &value), 0);
    cr_assert_eq(ints_recv(&receiver, &value), 0);
    cr_assert_eq(value, 3);
    cr_assert_eq(send_all_await(&other, NULL, NULL), 0);
    ints_sender_drop(&sender);
    cr_assert_eq(ints_recv(&receiver, &value), -EPIPE);
    ints_receiver_drop(&receiver);
}

/* The abort comes when the place was handed over and the sender has not run yet. */
WOK_TEST(mpsc_wait, a_sender_that_is_aborted_with_a_place_in_hand_passes_it_on)
{
    ints_sender sender;
    ints_receiver receiver;
    int value;

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    cr_assert_eq(ints_send(&sender, 1), 0);
    send_all_join aborted = spawn_sender(&sender, 2, 1), other = spawn_sender(&sender, 3, 1);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(ints_recv(&receiver, &value), 0);
    wok_join_abort(&aborted.join);
    cr_assert_eq(ints_recv(&receiver, &value), 0);
    cr_assert_eq(value, 3);
    cr_assert_eq(send_all_await(&aborted, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(send_all_await(&other, NULL, NULL), 0);
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
}

WOK_TEST(mpsc_wait, a_send_that_loses_a_select_leaves_its_value)
{
    ints_sender sender;
    ints_receiver receiver;
    int one = 1, value, code = 7;

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    cr_assert_eq(ints_send(&sender, 0), 0);
    for (int i = 0; i < 2; i++) {
        wok_op branches[] = {
            ints_send_op(&sender, &one),
            ints_closed_op(&sender),
            wok_sleep_op(wok_ms(3)),
        };
        int first = wok_select(branches, 3, WOK_SELECT_FAIR, &code);
        cr_assert_eq(code, 0);
        cr_assert_eq(first, i == 0 ? 2 : 0);
        cr_assert_eq(ints_recv(&receiver, &value), 0);
        cr_assert_eq(value, i);
    }
    cr_assert_eq(wok_mpsc_len(&receiver.raw), 0);
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
}

/* ---- stackless tasks ------------------------------------------------------------------------------ */

/* Receives until the end, and adds up; what it awaits lies in it. */
struct adder {
    ints_receiver receiver;
    wok_op op;
    int resume_line, code, value;
};

static wok_poll adder_poll(void *self_, wok_cx *cx, void *result)
{
    struct adder *self = self_;
    int *sum = result;

    WOK_ASYNC_BEGIN(self);
    *sum = 0;
    for (;;) {
        self->op = ints_recv_op(&self->receiver, &self->value);
        WOK_AWAIT(self, self->code = wok_op_poll(&self->op, cx));
        if (self->code == -EPIPE)
            break;
        *sum += self->value;
    }
    WOK_ASYNC_END;
}

static void adder_drop(void *self_)
{
    struct adder *self = self_;

    wok_op_drop(&self->op);
    ints_receiver_drop(&self->receiver);
}

static const wok_future_vtable adder_vtable = {
    .name = "adder",
    .size = sizeof(struct adder),
    .result_size = sizeof(int),
    .poll = adder_poll,
    .drop = adder_drop,
};

WOK_TEST(mpsc_wait, a_stackless_task_receives_through_its_operation)
{
    struct adder adder = {.resume_line = 0};
    ints_sender sender;
    int sum = 0;

    cr_assert_eq(ints_new(2, &sender, &adder.receiver), 0);
    wok_join task = wok_spawn_future(&adder_vtable, &adder);
    for (int i = 1; i <= 1000; i++)
        cr_assert_eq(ints_send(&sender, i), 0);
    ints_sender_drop(&sender);
    cr_assert_eq(wok_join_await(&task, &sum, NULL), 0);
    cr_assert_eq(sum, 500500);
}

WOK_TEST(mpsc_wait, a_stackless_task_that_is_aborted_leaves_its_wait_and_closes_the_channel)
{
    struct adder adder = {.resume_line = 0};
    ints_sender sender;

    cr_assert_eq(ints_new(2, &sender, &adder.receiver), 0);
    wok_join task = wok_spawn_future(&adder_vtable, &adder);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task);
    cr_assert_eq(wok_mpsc_closed(&sender.raw), 0);
    cr_assert_eq(ints_send(&sender, 1), -EPIPE);
    ints_sender_drop(&sender);
    cr_assert_eq(wok_join_await(&task, NULL, NULL), -WOK_EJOIN);
}

/* M5: what would block a worker is refused. */
struct refused {
    ints_sender *sender;
    ints_receiver *receiver;
};

static wok_poll refused_poll(void *self_, wok_cx *cx, void *result)
{
    struct refused *self = self_;
    int value;

    (void)cx;
    *(int *)result =
        ints_send(self->sender, 1) == -EDEADLK && ints_recv(self->receiver, &value) == -EDEADLK;
    return WOK_READY;
}

static const wok_future_vtable refused_vtable = {
    .name = "refused",
    .size = sizeof(struct refused),
    .result_size = sizeof(int),
    .poll = refused_poll,
};

WOK_TEST(mpsc_wait, m5_waiting_forms_are_refused_in_a_stackless_task)
{
    ints_sender sender;
    ints_receiver receiver;
    struct refused refused = {&sender, &receiver};
    int was_refused = 0;

    cr_assert_eq(ints_new(2, &sender, &receiver), 0);
    wok_join task = wok_spawn_future(&refused_vtable, &refused);
    cr_assert_eq(wok_join_await(&task, &was_refused, NULL), 0);
    cr_assert(was_refused);
    cr_assert_eq(wok_mpsc_len(&receiver.raw), 0);
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
}

/* ---- budgets -------------------------------------------------------------------------------------- */

static bool other_ran;

static int note_that_it_ran(int *unused)
{
    (void)unused;
    other_ran = true;
    return 0;
}

/* D8: both ends are always ready, and yet the loop lets others run. */
WOK_TEST(mpsc_wait, d8_a_channel_that_is_always_ready_lets_others_run)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    ints_sender sender;
    ints_receiver receiver;
    int unused = 0, value, rounds = 0;

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    wok_scope_spawn(&scope, note_that_it_ran, &unused);
    for (; !other_ran; rounds++) {
        cr_assert_eq(ints_send(&sender, rounds), 0);
        cr_assert_eq(ints_recv(&receiver, &value), 0);
    }
    cr_assert_eq(rounds, 65, "128 operations, and the one that waited");
    cr_assert_eq(wok_scope_wait(&scope), 0);
    ints_sender_drop(&sender);
    ints_receiver_drop(&receiver);
}

WOK_TEST(mpsc_wait, d8_a_loop_that_ignores_the_end_lets_others_run)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    ints_sender sender;
    ints_receiver receiver;
    int unused = 0, value, rounds = 0;

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    ints_sender_drop(&sender);
    wok_scope_spawn(&scope, note_that_it_ran, &unused);
    for (; !other_ran; rounds++)
        cr_assert_eq(ints_recv(&receiver, &value), -EPIPE);
    cr_assert_eq(rounds, 129);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    ints_receiver_drop(&receiver);
}

/* A wait that was cancelled is refused also where the channel is ready. */
static ints_receiver never_empty;

WOK_TASK(receive_for_ever, int, int);
static int receive_for_ever(int *unused, int *received)
{
    int code, value;

    (void)unused;
    *received = 0;
    while ((code = ints_recv(&never_empty, &value)) == 0)
        *received += 1;
    return code;
}

WOK_TEST(mpsc_wait, an_abort_is_noticed_on_a_channel_that_is_never_empty)
{
    ints_sender sender;
    wok_join_error why;

    cr_assert_eq(ints_new(WOK_UNBOUNDED, &sender, &never_empty), 0);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(ints_send(&sender, i), 0);
    receive_for_ever_join task = wok_spawn(receive_for_ever, 0);
    cr_assert_eq(wok_yield(), 0); /* it has used up one budget */
    wok_join_abort(&task.join);
    cr_assert_eq(receive_for_ever_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_gt(wok_mpsc_len(&never_empty.raw), 500);
    ints_sender_drop(&sender);
    ints_receiver_drop(&never_empty);
    cr_assert_gt(load_relaxed(&destroyed), 500);
}

/* ---- threads -------------------------------------------------------------------------------------- */

static void *send_thousand(void *sender_)
{
    ints_sender *sender = sender_;

    for (int i = 0; i < 1000; i++)
        cr_assert_eq(ints_send(sender, i), 0);
    ints_sender_drop(sender);
    return NULL;
}

/* Without any runtime: both ends are threads, and both block. */
Test(mpsc_wait, plain_threads_block_on_both_ends, .timeout = 20)
{
    ints_sender senders[2];
    ints_receiver receiver;
    pthread_t threads[2];
    int value, sum = 0, error;

    cr_assert_eq(ints_new(3, &senders[0], &receiver), 0);
    senders[1] = ints_sender_ref(&senders[0]);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, send_thousand, &senders[i]), 0);
    while ((error = ints_recv(&receiver, &value)) == 0)
        sum += value;
    cr_assert_eq(error, -EPIPE);
    cr_assert_eq(sum, 2 * 499500);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    ints_receiver_drop(&receiver);
}

WOK_TEST_ON(mpsc_wait, a_task_receives_what_a_thread_sends, 2)
{
    ints_sender sender;
    ints_receiver receiver;
    pthread_t thread;
    int value, count = 0;

    cr_assert_eq(ints_new(1, &sender, &receiver), 0);
    cr_assert_eq(pthread_create(&thread, NULL, send_thousand, &sender), 0);
    for (; ints_recv(&receiver, &value) == 0; count++)
        cr_assert_eq(value, count);
    cr_assert_eq(count, 1000);
    pthread_join(thread, NULL);
    ints_receiver_drop(&receiver);
}
