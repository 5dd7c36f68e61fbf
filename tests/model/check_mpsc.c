/*
 * check_mpsc.c - the promises of the mpsc channel (runtime/channel/mpsc*.c).
 *
 * model sources: channel/mpsc.c channel/mpsc_send.c channel/mpsc_recv.c channel/blocks.c channel/mpsc.h channel/wait.c channel/wait.h task/waiters.h
 * model links: task/state.c
 * model defines: -Dmalloc=model_malloc -Dfree=model_release -DWOK__BLOCK_VALUES=2
 *
 * Threads are tasks that send, receive and give up.  A value is a number; what its sender wrote is plain
 * memory, which the receiver, or the drop function, reads: so the hand-over is shown to order it.  At
 * the end each value is received, destroyed or still its sender's, once; the memory is given back; and
 * nobody sleeps, since threads that all wait are reported.
 */
#include "channels.h"

#include "channel/mpsc.h"

enum { VALUES = 4 };

static wok_mpsc_sender senders[MODEL_MAX_THREADS];
static wok_mpsc_receiver receiver;
static wok_mpsc_weak weak;
static uint32_t payloads[VALUES];
static unsigned received[VALUES], destroyed[VALUES], kept[VALUES];

static void read_payload(unsigned value)
{
    model_assert(value < VALUES);
    model_plain_read(&payloads[value]);
}

static void destroy(void *value)
{
    read_payload(*(unsigned *)value);
    destroyed[*(unsigned *)value]++;
}

/* ---- senders ------------------------------------------------------------------------------------- */

static void count_sent(wok_poll code, unsigned value)
{
    if (code == 0)
        return;
    model_assert(code == -EPIPE || code == WOK_PENDING);
    kept[value]++;
}

static void send_one(unsigned value)
{
    model_plain_write(&payloads[value]);
    count_sent(await(wok_mpsc_send_op(&senders[model_self()], &value)), value);
}

static void send_or_give_up(unsigned value)
{
    model_plain_write(&payloads[value]);
    count_sent(await_or_give_up(wok_mpsc_send_op(&senders[model_self()], &value)), value);
}

static void end_sender(void)
{
    wok_mpsc_sender_drop(&senders[model_self()]);
    task_end();
}

static void sender_of_0_1(void)
{
    send_one(0);
    send_one(1);
    end_sender();
}

static void sender_of_0(void)
{
    send_one(0);
    end_sender();
}

static void sender_of_0_that_stays(void)
{
    send_one(0);
    task_end();
}

static void sender_of_1(void)
{
    send_one(1);
    end_sender();
}

static void sender_of_1_gives_up(void)
{
    send_or_give_up(1);
    end_sender();
}

static void sender_of_2(void)
{
    send_one(2);
    end_sender();
}

static void trier_of_2(void)
{
    unsigned value = 2;

    model_plain_write(&payloads[2]);
    if (wok_mpsc_try_send(&senders[model_self()], &value) != 0)
        kept[2]++;
    end_sender();
}

/* Reserves two places, uses one or none, and gives the rest back. */
static void reserver_of_1(void)
{
    wok_mpsc_permit permit;
    unsigned value = 1;
    wok_poll code;

    code = await_or_give_up(wok_mpsc_reserve_op(&senders[model_self()], 2, &permit));
    wok_mpsc_sender_drop(&senders[model_self()]);
    if (code == 0 && model_choose(2) == 0) {
        model_plain_write(&payloads[1]);
        model_assert(wok_mpsc_permit_send(&permit, &value) == 0);
    } else {
        kept[1]++;
    }
    if (code == 0)
        wok_mpsc_permit_drop(&permit);
    task_end();
}

static void upgrader_of_1(void)
{
    if (wok_mpsc_upgrade(&weak, &senders[model_self()]) == 0)
        send_one(1);
    else
        kept[1]++;
    wok_mpsc_weak_drop(&weak);
    end_sender();
}

static void waits_until_closed(void)
{
    if (await_or_give_up(wok_mpsc_closed_op(&senders[model_self()])) == 0)
        model_assert(wok_mpsc_is_closed(&senders[model_self()]));
    end_sender();
}

/* ---- the receiver -------------------------------------------------------------------------------- */

static void count_received(unsigned value)
{
    read_payload(value);
    received[value]++;
}

static wok_poll receive_one(void)
{
    unsigned value = VALUES;
    wok_poll code;

    code = await(wok_mpsc_recv_op(&receiver, &value));
    if (code == 0)
        count_received(value);
    else
        model_assert(code == -EPIPE && value == VALUES);
    return code;
}

static void receive_or_give_up(void)
{
    unsigned value = VALUES;

    if (await_or_give_up(wok_mpsc_recv_op(&receiver, &value)) == 0)
        count_received(value);
    else
        model_assert(value == VALUES);
}

/* The end is the end, whatever senders and permits do afterwards. */
static void receive_to_the_end(void)
{
    unsigned value;

    while (receive_one() == 0)
        ;
    model_assert(wok_mpsc_try_recv(&receiver, &value) == -EPIPE);
}

static void end_receiver(void)
{
    wok_mpsc_receiver_drop(&receiver);
    task_end();
}

static void receiver_of_all(void)
{
    receive_to_the_end();
    end_receiver();
}

/* The two values of a sender come in the order of sending. */
static void receiver_of_two_in_order(void)
{
    for (unsigned i = 0; i < 2; i++) {
        model_assert(receive_one() == 0);
        model_assert(received[i] == 1);
    }
    model_assert(receive_one() == -EPIPE);
    end_receiver();
}

static void receiver_of_many(void)
{
    unsigned values[2];
    wok_mpsc_batch batch = {values, 2, 0};

    do {
        if (await(wok_mpsc_recv_many_op(&receiver, &batch)) != 0)
            break;
        for (size_t i = 0; i < batch.count; i++)
            count_received(values[i]);
    } while (batch.count > 0);
    end_receiver();
}

static void receiver_that_gives_up_once(void)
{
    receive_or_give_up();
    receive_to_the_end();
    end_receiver();
}

static void receiver_that_leaves(void)
{
    receive_or_give_up();
    end_receiver();
}

static void receiver_that_closes(void)
{
    wok_mpsc_close(&receiver);
    receive_to_the_end();
    end_receiver();
}

/* Two tasks receive through one handle, which outlives both. */
static void receive_that_gives_up(void)
{
    receive_or_give_up();
    task_end();
}

static void receive_that_does_not(void)
{
    model_assert(receive_one() == 0);
    task_end();
}

static void receive_to_the_end_of_two(void)
{
    receive_to_the_end();
    task_end();
}

/* ---- programs ------------------------------------------------------------------------------------ */

static void setup(size_t capacity, unsigned sender_count)
{
    wok_mpsc_options options = {
        .capacity = capacity, .value_size = sizeof(unsigned), .value_drop = destroy};
    wok_mpsc_sender first;

    channels_setup();
    memset(senders, 0, sizeof senders);
    memset(received, 0, sizeof received);
    memset(destroyed, 0, sizeof destroyed);
    memset(kept, 0, sizeof kept);
    model_assert(wok_mpsc_new(&options, &first, &receiver) == 0);
    weak = (wok_mpsc_weak){NULL};
    for (unsigned i = 0; i < sender_count; i++)
        senders[i] = wok_mpsc_sender_ref(&first);
    wok_mpsc_sender_drop(&first);
}

static void put(unsigned value)
{
    model_assert(wok_mpsc_try_send(&senders[0], &value) == 0);
}

static void setup_one_place(void)
{
    setup(1, 1);
}

static void setup_one_place_two_senders(void)
{
    setup(1, 2);
}

static void setup_full_two_senders(void)
{
    setup(1, 2);
    put(0);
}

static void setup_two_places_two_senders(void)
{
    setup(2, 2);
    put(0);
}

static void setup_unbounded_two_senders(void)
{
    setup(WOK_UNBOUNDED, 2);
    put(0); /* the next value opens a block */
    put(3);
}

static void setup_weak(void)
{
    setup(1, 1);
    weak = wok_mpsc_downgrade(&senders[0]);
}

static void finish(void)
{
    model_assert(memory_given == memory_taken);
    for (unsigned i = 0; i < VALUES; i++)
        model_assert(received[i] + destroyed[i] + kept[i] <= 1);
}

/* The first `count` values are accounted for. */
static void finish_count(unsigned count)
{
    finish();
    for (unsigned i = 0; i < count; i++)
        model_assert(received[i] + destroyed[i] + kept[i] == 1);
}

/* The receiver read to the end: what was sent was received. */
static void finish_drained(unsigned count)
{
    finish_count(count);
    for (unsigned i = 0; i < count; i++)
        model_assert(destroyed[i] == 0);
}

static void finish_two_drained(void)
{
    finish_drained(2);
}

static void finish_three(void)
{
    finish_count(3);
}

static void finish_three_drained(void)
{
    finish_drained(3);
}

static void finish_four(void)
{
    finish_count(4);
}

static void finish_four_drained(void)
{
    finish_drained(4);
}

/* The tasks left the handles to this.  If one of them sleeps, it is not because nobody told it. */
static void finish_left(void)
{
    unsigned value;

    model_assert(tasks_ended >= 2);
    model_assert(tasks_ended == 3 || wok_mpsc_is_empty(&receiver));
    for (unsigned i = 0; i < MODEL_MAX_THREADS; i++)
        wok_mpsc_sender_drop(&senders[i]);
    while (wok_mpsc_try_recv(&receiver, &value) == 0)
        received[value]++;
    wok_mpsc_receiver_drop(&receiver);
    finish();
    model_assert(received[0] == 1);
}

static const struct model_check checks[] = {
    {.name = "values of a sender arrive once and in order",
     .setup = setup_one_place,
     .threads = {sender_of_0_1, receiver_of_two_in_order},
     .finish = finish_two_drained},
    {.name = "two senders wait for one place",
     .setup = setup_full_two_senders,
     .threads = {sender_of_1, sender_of_2, receiver_of_all},
     .finish = finish_three_drained},
    {.name = "a sender gives up while it is handed a place",
     .setup = setup_full_two_senders,
     .threads = {sender_of_1_gives_up, sender_of_2, receiver_of_all},
     .finish = finish_three_drained},
    {.name = "a try does not pass those who wait",
     .setup = setup_full_two_senders,
     .threads = {sender_of_1, trier_of_2, receiver_of_all},
     .finish = finish_three_drained},
    {.name = "a receive gives up while it is woken",
     .setup = setup_one_place,
     .threads = {sender_of_0_1, receiver_that_gives_up_once},
     .finish = finish_two_drained},
    {.name = "one of two receives gives up",
     .setup = setup_one_place_two_senders,
     .threads = {sender_of_0_that_stays, receive_that_gives_up, receive_that_does_not},
     .finish = finish_left,
     .ends_asleep = true},
    {.name = "two receives see the end",
     .setup = setup_one_place,
     .threads = {sender_of_0_1, receive_to_the_end_of_two, receive_to_the_end_of_two},
     .finish = finish_left},
    {.name = "the receiver leaves while senders send",
     .setup = setup_full_two_senders,
     .threads = {sender_of_1, sender_of_2, receiver_that_leaves},
     .finish = finish_three},
    {.name = "the receiver closes while senders send",
     .setup = setup_full_two_senders,
     .threads = {sender_of_1_gives_up, sender_of_2, receiver_that_closes},
     .finish = finish_three_drained},
    {.name = "permits and sends wait for the same places",
     .setup = setup_two_places_two_senders,
     .threads = {reserver_of_1, sender_of_2, receiver_of_all},
     .finish = finish_three_drained},
    {.name = "a closed receiver waits for permits",
     .setup = setup_two_places_two_senders,
     .threads = {reserver_of_1, sender_of_2, receiver_that_closes},
     .finish = finish_three_drained},
    {.name = "the receiver leaves while a permit is out",
     .setup = setup_two_places_two_senders,
     .threads = {reserver_of_1, sender_of_2, receiver_that_leaves},
     .finish = finish_three},
    {.name = "many at once",
     .setup = setup_two_places_two_senders,
     .threads = {sender_of_1, sender_of_2, receiver_of_many},
     .finish = finish_three_drained},
    {.name = "the last sender goes while a weak one is upgraded",
     .setup = setup_weak,
     .threads = {sender_of_0, upgrader_of_1, receiver_of_all},
     .finish = finish_two_drained},
    {.name = "a sender waits for the receiver's end",
     .setup = setup_one_place_two_senders,
     .threads = {waits_until_closed, sender_of_0, receiver_that_leaves},
     .finish = finish},
    {.name = "an unbounded channel",
     .setup = setup_unbounded_two_senders,
     .threads = {sender_of_1, sender_of_2, receiver_that_gives_up_once},
     .finish = finish_four_drained},
    {.name = "the receiver of an unbounded channel leaves",
     .setup = setup_unbounded_two_senders,
     .threads = {sender_of_1, sender_of_2, receiver_that_leaves},
     .finish = finish_four},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
