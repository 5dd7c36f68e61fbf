/*
 * check_oneshot.c - the promises of the oneshot channel (runtime/channel/oneshot.c).
 *
 * model sources: channel/oneshot.c channel/wait.c channel/wait.h
 * model links: task/state.c
 * model defines: -Dmalloc=model_malloc -Dfree=model_release
 *
 * One task sends or does not, others receive, wait for the receiver's end, close and leave.  The value is
 * received, destroyed or its sender's, once; what the sender wrote before is seen by whoever has the
 * value.
 */
#include "channels.h"

#include <wok/oneshot.h>

static wok_oneshot_sender sender;
static wok_oneshot_receiver receiver;
static uint32_t payload;
static unsigned received, destroyed, kept;

static void destroy(void *value)
{
    model_assert(*(unsigned *)value == 7);
    model_plain_read(&payload);
    destroyed++;
}

static void setup(void)
{
    wok_oneshot_options options = {.value_size = sizeof(unsigned), .value_drop = destroy};

    channels_setup();
    received = destroyed = kept = 0;
    model_assert(wok_oneshot_new(&options, &sender, &receiver) == 0);
}

/* ---- the sender ---------------------------------------------------------------------------------- */

static void send(void)
{
    unsigned value = 7;
    int code;

    model_plain_write(&payload);
    code = wok_oneshot_send(&sender, &value);
    model_assert(code == 0 || code == -EPIPE);
    if (code != 0)
        kept++;
}

static void sender_that_sends(void)
{
    send();
    task_end();
}

static void sender_that_may_not_send(void)
{
    if (model_choose(2) == 0) {
        send();
    } else {
        kept++;
        wok_oneshot_sender_drop(&sender);
    }
    task_end();
}

static void sender_that_waits_for_the_end(void)
{
    if (await_or_give_up(wok_oneshot_closed_op(&sender)) == 0)
        model_assert(wok_oneshot_is_closed(&sender));
    send();
    task_end();
}

/* ---- the receiver -------------------------------------------------------------------------------- */

static void count_received(wok_poll code, unsigned value)
{
    if (code != 0)
        return;
    model_assert(value == 7);
    model_plain_read(&payload);
    received++;
}

static void receive(void)
{
    unsigned value = 0;
    wok_poll code = await(wok_oneshot_recv_op(&receiver, &value));

    model_assert(code == 0 || code == -EPIPE);
    count_received(code, value);
    model_assert(wok_oneshot_try_recv(&receiver, &value) == -EINVAL);
}

static void end_receiver(void)
{
    wok_oneshot_receiver_drop(&receiver);
    task_end();
}

static void receiver_that_waits(void)
{
    receive();
    end_receiver();
}

static void receiver_that_gives_up_and_leaves(void)
{
    unsigned value = 0;
    wok_poll code = await_or_give_up(wok_oneshot_recv_op(&receiver, &value));

    count_received(code, value);
    end_receiver();
}

static void receiver_that_gives_up_and_asks_again(void)
{
    unsigned value = 0;
    wok_poll code = await_or_give_up(wok_oneshot_recv_op(&receiver, &value));

    count_received(code, value);
    if (code == WOK_PENDING)
        receive();
    end_receiver();
}

static void receiver_that_closes(void)
{
    unsigned value = 0;
    int code;

    wok_oneshot_close(&receiver);
    code = wok_oneshot_try_recv(&receiver, &value);
    model_assert(code == 0 || code == -EPIPE);
    count_received(code, value);
    end_receiver();
}

static void receiver_that_leaves(void)
{
    end_receiver();
}

/* The handle is shared by two tasks, and left to `finish`. */
static void receive_beside_another(void)
{
    unsigned value = 0;
    wok_poll code = await(wok_oneshot_recv_op(&receiver, &value));

    model_assert(code == 0 || code == -EPIPE || code == -EINVAL);
    count_received(code, value);
    task_end();
}

static void closer(void)
{
    wok_oneshot_close(&receiver);
    task_end();
}

/* ---- programs ------------------------------------------------------------------------------------ */

static void finish(void)
{
    model_assert(received + destroyed + kept == 1);
    model_assert(memory_given == 1);
}

static void finish_shared(void)
{
    wok_oneshot_receiver_drop(&receiver);
    finish();
    model_assert(destroyed == 0);
}

/* The sender did nothing. */
static void finish_unsent(void)
{
    wok_oneshot_sender_drop(&sender);
    kept++;
    finish_shared();
}

static void finish_drained(void)
{
    finish();
    model_assert(destroyed == 0);
}

static const struct model_check checks[] = {
    {.name = "a value is received once",
     .setup = setup,
     .threads = {sender_that_may_not_send, receiver_that_waits},
     .finish = finish_drained},
    {.name = "a receive gives up and the receiver leaves",
     .setup = setup,
     .threads = {sender_that_may_not_send, receiver_that_gives_up_and_leaves},
     .finish = finish},
    {.name = "a receive gives up and asks again",
     .setup = setup,
     .threads = {sender_that_may_not_send, receiver_that_gives_up_and_asks_again},
     .finish = finish_drained},
    {.name = "the receiver closes while the value is sent",
     .setup = setup,
     .threads = {sender_that_sends, receiver_that_closes},
     .finish = finish_drained},
    {.name = "the sender waits for the receiver's end",
     .setup = setup,
     .threads = {sender_that_waits_for_the_end, receiver_that_closes},
     .finish = finish_drained},
    {.name = "the sender waits and the receiver leaves",
     .setup = setup,
     .threads = {sender_that_waits_for_the_end, receiver_that_leaves},
     .finish = finish},
    {.name = "one receives while another closes",
     .setup = setup,
     .threads = {sender_that_may_not_send, receive_beside_another, closer},
     .finish = finish_shared},
    {.name = "one waits until another closes",
     .setup = setup,
     .threads = {receive_beside_another, closer},
     .finish = finish_unsent},
    {.name = "two receive",
     .setup = setup,
     .threads = {sender_that_may_not_send, receive_beside_another, receive_beside_another},
     .finish = finish_shared},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
