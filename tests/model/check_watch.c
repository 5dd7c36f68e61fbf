/*
 * check_watch.c - the promises of the watch channel (runtime/channel/watch*.c).
 *
 * model sources: channel/watch.c channel/watch_wait.c channel/value.c channel/watch.h channel/value.h channel/wait.c channel/wait.h
 * model links: task/state.c
 * model defines: -Dmalloc=model_malloc -Dfree=model_release
 *
 * A value is a number.  What it owns is plain memory, which its sender writes, readers read, and its drop
 * function writes: a value that is destroyed while somebody reads it is a data race.  At the end each
 * value was destroyed, or stayed with its sender, once, and whoever waited has seen the last one.
 */
#include "channels.h"

#include "channel/watch.h"

enum { VALUES = 4 };

static wok_watch_sender senders[MODEL_MAX_THREADS];
static wok_watch_receiver receivers[MODEL_MAX_THREADS];
static uint32_t payloads[VALUES];
static unsigned destroyed[VALUES], kept[VALUES], changes[VALUES];

static void destroy(void *value)
{
    unsigned number = *(unsigned *)value;

    model_assert(number < VALUES);
    model_plain_write(&payloads[number]);
    destroyed[number]++;
}

static void setup(unsigned sender_count, unsigned receiver_count)
{
    wok_watch_options options = {.value_size = sizeof(unsigned), .value_drop = destroy};
    unsigned initial = 0;
    wok_watch_sender first;

    channels_setup();
    memset(senders, 0, sizeof senders);
    memset(receivers, 0, sizeof receivers);
    memset(destroyed, 0, sizeof destroyed);
    memset(kept, 0, sizeof kept);
    memset(changes, 0, sizeof changes);
    model_assert(wok_watch_new(&options, &initial, &first) == 0);
    for (unsigned i = 0; i < sender_count; i++)
        senders[i] = wok_watch_sender_ref(&first);
    for (unsigned i = 0; i < receiver_count; i++)
        wok_watch_subscribe(&first, &receivers[MODEL_MAX_THREADS - 1 - i]);
    wok_watch_sender_drop(&first);
}

/* ---- senders ------------------------------------------------------------------------------------- */

static void send(unsigned value)
{
    int code;

    model_plain_write(&payloads[value]);
    code = wok_watch_send(&senders[model_self()], &value);
    model_assert(code == 0 || code == -EPIPE);
    if (code != 0)
        kept[value]++;
}

static void end_sender(void)
{
    wok_watch_sender_drop(&senders[model_self()]);
    task_end();
}

static void sender_of_1(void)
{
    send(1);
    end_sender();
}

static void sender_of_2(void)
{
    send(2);
    end_sender();
}

static void sender_of_2_that_stays(void)
{
    send(2);
    task_end();
}

static void sender_of_1_2(void)
{
    send(1);
    send(2);
    end_sender();
}

static bool add_one(const void *current, void *ret_value, void *unused)
{
    unsigned number = *(const unsigned *)current;

    (void)unused;
    model_plain_read(&payloads[number]);
    *(unsigned *)ret_value = number + 1;
    changes[number + 1]++;
    return true;
}

/* Numbers, not values that own something: a change that comes too late makes its number twice. */
static void incrementer(void)
{
    model_assert(wok_watch_send_if_modified(&senders[model_self()], add_one, NULL) == 1);
    end_sender();
}

static void waits_for_no_receiver(void)
{
    if (await_or_give_up(wok_watch_closed_op(&senders[model_self()])) == 0)
        model_assert(wok_watch_receiver_count(&senders[model_self()]) == 0);
    end_sender();
}

/* ---- receivers ----------------------------------------------------------------------------------- */

static wok_watch_receiver *receiver(void)
{
    return &receivers[MODEL_MAX_THREADS - model_self()]; /* thread 1 has the last one, and so on */
}

/* Reads the current value in place. */
static unsigned read_value(void)
{
    wok_watch_ref ref;
    unsigned number = *(const unsigned *)wok_watch_borrow(receiver(), &ref);

    model_assert(number < VALUES);
    model_plain_read(&payloads[number]);
    model_plain_read(&payloads[number]); /* still there */
    wok_watch_ref_drop(&ref);
    return number;
}

static void end_receiver(void)
{
    wok_watch_receiver_drop(receiver());
    task_end();
}

/* Has seen the last value when it is told that there will be no other. */
static void follow_to(unsigned last)
{
    wok_poll code;

    while ((code = await(wok_watch_changed_op(receiver()))) == 0)
        ;
    model_assert(code == -EPIPE);
    model_assert(last == 0 || read_value() == last);
}

static void follower(void)
{
    follow_to(0);
    end_receiver();
}

static void follower_to_2(void)
{
    follow_to(2);
    end_receiver();
}

static void follower_to_the_first(void)
{
    model_assert(await(wok_watch_changed_op(receiver())) == 0);
    end_receiver();
}

static void follower_that_gives_up_once(void)
{
    (void)await_or_give_up(wok_watch_changed_op(receiver()));
    follow_to(2);
    end_receiver();
}

static void reader(void)
{
    read_value();
    end_receiver();
}

/* What it reads outlives its handle. */
static void reader_that_leaves_first(void)
{
    wok_watch_ref ref;
    unsigned number = *(const unsigned *)wok_watch_borrow(receiver(), &ref);

    wok_watch_receiver_drop(receiver());
    model_plain_read(&payloads[number]);
    wok_watch_ref_drop(&ref);
    task_end();
}

static void reader_twice(void)
{
    read_value();
    read_value();
    end_receiver();
}

static void leaver(void)
{
    (void)await_or_give_up(wok_watch_changed_op(receiver()));
    end_receiver();
}

static bool is_two(const void *value, void *unused)
{
    (void)unused;
    model_plain_read(&payloads[*(const unsigned *)value]);
    return *(const unsigned *)value == 2;
}

static void waits_for_2(void)
{
    model_assert(await(wok_watch_wait_for_op(receiver(), is_two, NULL)) == 0);
    end_receiver();
}

static void waits_for_2_in_vain(void)
{
    wok_poll code = await_or_give_up(wok_watch_wait_for_op(receiver(), is_two, NULL));

    model_assert(code == -EPIPE || code == WOK_PENDING);
    end_receiver();
}

/* ---- programs ------------------------------------------------------------------------------------ */

static void setup_one_one(void)
{
    setup(1, 1);
}

static void setup_one_two(void)
{
    setup(1, 2);
}

static void setup_two_one(void)
{
    setup(3, 1);
    wok_watch_sender_drop(&senders[1]); /* thread 1 is the receiver */
}

static void setup_two_none(void)
{
    setup(2, 0);
}

static void finish(void)
{
    model_assert(memory_given == memory_taken);
    for (unsigned i = 0; i < VALUES; i++)
        model_assert(destroyed[i] + kept[i] <= 1);
}

/* The sender was left to this. */
static void finish_stayed(void)
{
    wok_watch_sender_drop(&senders[0]);
    finish();
    model_assert(destroyed[0] == 1 && destroyed[2] == 1);
}

static void finish_two(void)
{
    finish();
    for (unsigned i = 0; i < 2; i++)
        model_assert(destroyed[i] + kept[i] == 1);
}

static void finish_zero_and_two(void)
{
    finish();
    model_assert(destroyed[0] == 1 && destroyed[2] == 1);
}

static void finish_three(void)
{
    finish_two();
    model_assert(destroyed[2] + kept[2] == 1);
}

/* Both changes were made, one from the other; what a late one made was destroyed as well. */
static void finish_incremented(void)
{
    model_assert(memory_given == memory_taken);
    model_assert(destroyed[0] == 1 && destroyed[2] == 1);
    model_assert(destroyed[1] == changes[1] && changes[2] == 1);
}

static const struct model_check checks[] = {
    {.name = "a follower sees the last value",
     .setup = setup_one_one,
     .threads = {sender_of_1_2, follower_to_2},
     .finish = finish_three},
    {.name = "a wait gives up while values come",
     .setup = setup_one_one,
     .threads = {sender_of_1_2, follower_that_gives_up_once},
     .finish = finish_three},
    {.name = "a send wakes those who wait",
     .setup = setup_one_two,
     .threads = {sender_of_2_that_stays, follower_to_the_first, waits_for_2},
     .finish = finish_stayed},
    {.name = "a value outlives every handle",
     .setup = setup_one_one,
     .threads = {sender_of_1, reader_that_leaves_first},
     .finish = finish_two},
    {.name = "two follow",
     .setup = setup_one_two,
     .threads = {sender_of_2, follower_to_2, follower_to_2},
     .finish = finish_zero_and_two},
    {.name = "two send",
     .setup = setup_two_one,
     .threads = {sender_of_1, follower, sender_of_2},
     .finish = finish_three},
    {.name = "values are read while they are replaced",
     .setup = setup_one_one,
     .threads = {sender_of_1_2, reader_twice},
     .finish = finish_three},
    {.name = "two read a value that is replaced",
     .setup = setup_one_two,
     .threads = {sender_of_1, reader, reader},
     .finish = finish_two},
    {.name = "receivers leave while values come",
     .setup = setup_one_two,
     .threads = {sender_of_1, leaver, reader},
     .finish = finish_two},
    {.name = "two change the value",
     .setup = setup_two_none,
     .threads = {incrementer, incrementer},
     .finish = finish_incremented},
    {.name = "one waits for a value",
     .setup = setup_one_one,
     .threads = {sender_of_1_2, waits_for_2},
     .finish = finish_three},
    {.name = "one waits for a value that does not come",
     .setup = setup_one_two,
     .threads = {sender_of_1, waits_for_2_in_vain, follower},
     .finish = finish_two},
    {.name = "a sender waits until nobody receives",
     .setup = setup_one_two,
     .threads = {waits_for_no_receiver, reader, reader},
     .finish = finish},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
