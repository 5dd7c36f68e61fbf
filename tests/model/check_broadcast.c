/*
 * check_broadcast.c - the promises of the broadcast channel (runtime/channel/broadcast*.c).
 *
 * model sources: channel/broadcast.c channel/broadcast_recv.c channel/value.c channel/broadcast.h channel/value.h channel/wait.c channel/wait.h
 * model links: task/state.c
 * model defines: -Dmalloc=model_malloc -Dfree=model_release
 *
 * A value is a number.  What it owns is plain memory, which its sender writes, the copy function reads,
 * and its drop function writes: a value that is destroyed while it is copied is a data race.  Each
 * receiver gets or misses every value that was sent after it subscribed, in order; at the end each value
 * was destroyed, or stayed with its sender, once.
 */
#include "channels.h"

#include "channel/broadcast.h"

enum { VALUES = 4, NOTHING = VALUES };

static wok_broadcast_sender senders[MODEL_MAX_THREADS];
static wok_broadcast_receiver receivers[MODEL_MAX_THREADS];
static uint32_t payloads[VALUES];
static unsigned destroyed[VALUES], kept[VALUES];

static void copy(void *ret_copy, const void *value)
{
    unsigned number = *(const unsigned *)value;

    model_assert(number < VALUES);
    model_plain_read(&payloads[number]);
    *(unsigned *)ret_copy = number;
    model_plain_read(&payloads[number]); /* still there */
}

static void destroy(void *value)
{
    unsigned number = *(unsigned *)value;

    model_assert(number < VALUES);
    model_plain_write(&payloads[number]);
    destroyed[number]++;
}

/* Senders are the first threads, receivers the last. */
static void setup(size_t capacity, unsigned sender_count, unsigned receiver_count)
{
    wok_broadcast_options options = {.capacity = capacity,
                                     .value_size = sizeof(unsigned),
                                     .value_copy = copy,
                                     .value_drop = destroy};
    wok_broadcast_sender first;

    channels_setup();
    memset(senders, 0, sizeof senders);
    memset(receivers, 0, sizeof receivers);
    memset(destroyed, 0, sizeof destroyed);
    memset(kept, 0, sizeof kept);
    model_assert(wok_broadcast_new(&options, &first) == 0);
    for (unsigned i = 0; i < sender_count; i++)
        senders[i] = wok_broadcast_sender_ref(&first);
    for (unsigned i = 0; i < receiver_count; i++)
        wok_broadcast_subscribe(&first, &receivers[sender_count + i]);
    wok_broadcast_sender_drop(&first);
}

/* ---- senders ------------------------------------------------------------------------------------- */

static void send(unsigned value)
{
    int code;

    model_plain_write(&payloads[value]);
    code = wok_broadcast_send(&senders[model_self()], &value);
    model_assert(code == 0 || code == -EPIPE);
    if (code != 0)
        kept[value]++;
}

static void end_sender(void)
{
    wok_broadcast_sender_drop(&senders[model_self()]);
    task_end();
}

static void sender_of_0(void)
{
    send(0);
    end_sender();
}

static void sender_of_0_that_stays(void)
{
    send(0);
    task_end();
}

static void sender_of_0_1(void)
{
    send(0);
    send(1);
    end_sender();
}

static void sender_of_0_1_2(void)
{
    send(0);
    send(1);
    send(2);
    end_sender();
}

static void sender_of_1(void)
{
    send(1);
    end_sender();
}

static void waits_for_no_receiver(void)
{
    if (await_or_give_up(wok_broadcast_closed_op(&senders[model_self()])) == 0)
        model_assert(wok_broadcast_receiver_count(&senders[model_self()]) == 0);
    end_sender();
}

/* ---- receivers ----------------------------------------------------------------------------------- */

static wok_broadcast_receiver *receiver(void)
{
    return &receivers[model_self()];
}

static void end_receiver(void)
{
    wok_broadcast_receiver_drop(receiver());
    task_end();
}

/* What a receiver has got; both counts together say which value is due. */
struct account {
    unsigned got, missed, last;
};

static wok_poll count(struct account *account, wok_poll code, unsigned value, uint64_t missed)
{
    if (code == -EOVERFLOW) {
        model_assert(missed > 0);
        account->missed += (unsigned)missed;
    } else if (code == 0) {
        model_assert(value < VALUES);
        account->got++;
        account->last = value;
    }
    return code;
}

static wok_poll receive(struct account *account)
{
    unsigned value = NOTHING;
    uint64_t missed = 0;
    wok_poll code = await(wok_broadcast_recv_op(receiver(), &value, &missed));

    return count(account, code, value, missed);
}

static wok_poll receive_or_give_up(struct account *account)
{
    unsigned value = NOTHING;
    uint64_t missed = 0;
    wok_poll code = await_or_give_up(wok_broadcast_recv_op(receiver(), &value, &missed));

    return count(account, code, value, missed);
}

/* Receives to the end; with one sender, value i is the i-th. */
static void listen(struct account *account, unsigned total, bool ordered)
{
    wok_poll code;

    while ((code = receive(account)) != -EPIPE) {
        if (code == 0 && ordered)
            model_assert(account->last == account->got + account->missed - 1);
    }
    model_assert(account->got + account->missed == total);
}

static void listener_to_1(void)
{
    struct account account = {0};

    listen(&account, 1, true);
    end_receiver();
}

static void listener_to_2(void)
{
    struct account account = {0};

    listen(&account, 2, true);
    end_receiver();
}

static void listener_to_2_senders(void)
{
    struct account account = {0};

    listen(&account, 2, false);
    end_receiver();
}

static void listener_to_3(void)
{
    struct account account = {0};

    listen(&account, 3, true);
    end_receiver();
}

static void listener_that_gives_up_once(void)
{
    struct account account = {0};

    (void)receive_or_give_up(&account);
    listen(&account, 2, true);
    end_receiver();
}

static void listener_for_one(void)
{
    struct account account = {0};

    model_assert(receive(&account) == 0);
    end_receiver();
}

static void leaver(void)
{
    struct account account = {0};

    (void)receive_or_give_up(&account);
    end_receiver();
}

static void leaver_at_once(void)
{
    end_receiver();
}

/* Gets what comes after it has subscribed, and no more. */
static void subscriber(void)
{
    struct account account = {0};
    wok_broadcast_receiver late;
    unsigned value = NOTHING;
    wok_poll code;

    wok_broadcast_resubscribe(receiver(), &late);
    wok_broadcast_receiver_drop(receiver());
    *receiver() = late;
    while ((code = receive(&account)) == 0)
        ;
    model_assert(code == -EPIPE && account.missed == 0 && account.got <= 2);
    model_assert(account.got == 0 || account.last == 1);
    model_assert(wok_broadcast_try_recv(receiver(), &value, NULL) == -EPIPE);
    end_receiver();
}

/* ---- programs ------------------------------------------------------------------------------------ */

static void setup_room(void)
{
    setup(4, 1, 1);
}

static void setup_room_two_listeners(void)
{
    setup(4, 1, 2);
}

static void setup_room_two_senders(void)
{
    setup(4, 2, 1);
}

static void setup_narrow(void)
{
    setup(1, 1, 1);
}

static void setup_narrow_two_listeners(void)
{
    setup(1, 1, 2);
}

static void setup_narrow_two_senders(void)
{
    setup(1, 2, 1);
}

static void finish_values(unsigned count)
{
    model_assert(memory_given == memory_taken);
    for (unsigned i = 0; i < VALUES; i++)
        model_assert(destroyed[i] + kept[i] == (i < count));
}

static void finish_none(void)
{
    finish_values(0);
}

static void finish_one(void)
{
    finish_values(1);
}

static void finish_two(void)
{
    finish_values(2);
}

static void finish_three(void)
{
    finish_values(3);
}

/* The sender was left to this. */
static void finish_stayed(void)
{
    wok_broadcast_sender_drop(&senders[0]);
    finish_values(1);
}

static const struct model_check checks[] = {
    {.name = "a listener gets every value in order",
     .setup = setup_room,
     .threads = {sender_of_0_1, listener_to_2},
     .finish = finish_two},
    {.name = "a slow listener is told what it missed",
     .setup = setup_narrow,
     .threads = {sender_of_0_1_2, listener_to_3},
     .finish = finish_three},
    {.name = "a receive gives up while values come",
     .setup = setup_narrow,
     .threads = {sender_of_0_1, listener_that_gives_up_once},
     .finish = finish_two},
    {.name = "two listen",
     .setup = setup_room_two_listeners,
     .threads = {sender_of_0, listener_to_1, listener_to_1},
     .finish = finish_one},
    {.name = "a send wakes those who wait",
     .setup = setup_room_two_listeners,
     .threads = {sender_of_0_that_stays, listener_for_one, listener_for_one},
     .finish = finish_stayed},
    {.name = "two send",
     .setup = setup_room_two_senders,
     .threads = {sender_of_0, sender_of_1, listener_to_2_senders},
     .finish = finish_two},
    {.name = "two send and values make room",
     .setup = setup_narrow_two_senders,
     .threads = {sender_of_0, sender_of_1, listener_to_2_senders},
     .finish = finish_two},
    {.name = "a listener leaves while values come",
     .setup = setup_room_two_listeners,
     .threads = {sender_of_0, leaver, listener_to_1},
     .finish = finish_one},
    {.name = "a listener leaves while values make room",
     .setup = setup_narrow_two_listeners,
     .threads = {sender_of_0, leaver, leaver_at_once},
     .finish = finish_one},
    {.name = "a slow listener leaves",
     .setup = setup_narrow_two_listeners,
     .threads = {sender_of_0_1, leaver_at_once, listener_to_2},
     .finish = finish_two},
    {.name = "the last listener leaves with values",
     .setup = setup_room,
     .threads = {sender_of_0_1, leaver_at_once},
     .finish = finish_two},
    {.name = "a listener subscribes while values come",
     .setup = setup_room,
     .threads = {sender_of_0_1, subscriber},
     .finish = finish_two},
    {.name = "a sender waits until nobody listens",
     .setup = setup_room_two_listeners,
     .threads = {waits_for_no_receiver, leaver_at_once, leaver_at_once},
     .finish = finish_none},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
