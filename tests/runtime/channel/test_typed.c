/*
 * test_typed.c - the typed families of channels, whose functions are each one call of the untyped one: that
 * it is the right one, with the right handle.  What the functions promise is tested with each channel.
 *
 * tests/support/test_headers.sh sees that no function lacks its typed form.
 */
#include <errno.h>

#include "support/wok_test.h"

struct pair {
    int first, second;
};

WOK_CHANNEL(pairs, struct pair, NULL);
WOK_ONESHOT(one, struct pair, NULL);
WOK_WATCH(latest, struct pair, NULL);
WOK_BROADCAST(all, struct pair, NULL, NULL);

static const struct pair empty;

/* ---- mpsc ---------------------------------------------------------------------------------------- */

WOK_TEST(typed, an_mpsc_channel_tells_its_places_and_keeps_them)
{
    pairs_sender sender;
    pairs_receiver receiver;
    pairs_permit permit, more;

    cr_assert_eq(pairs_new(2, &sender, &receiver), 0);
    cr_assert_eq(pairs_capacity(&sender), 2);
    cr_assert_eq(pairs_try_reserve(&sender, 1, &permit), 0);
    cr_assert_eq(pairs_capacity(&sender), 1);
    cr_assert_eq(pairs_max_capacity(&sender), 2);
    cr_assert(pairs_is_empty(&receiver));
    cr_assert_eq(pairs_permit_send(&permit, (struct pair){1, 2}), 0);
    cr_assert_eq(pairs_reserve_until(&sender, 1, &permit, wok_now()), 0);
    cr_assert_eq(pairs_reserve_until(&sender, 1, &more, wok_after(wok_ms(5))), -ETIMEDOUT);
    pairs_permit_drop(&permit);
    wok_op reserve = pairs_reserve_op(&sender, 1, &permit);
    cr_assert_eq(wok_op_wait(&reserve, WOK_NEVER), 0);
    cr_assert_eq(pairs_permit_send(&permit, (struct pair){3, 4}), 0);
    cr_assert_eq(pairs_len(&receiver), 2);
    cr_assert_not(pairs_is_empty(&receiver));
    pairs_sender_drop(&sender);
    pairs_receiver_drop(&receiver);
}

WOK_TEST(typed, an_mpsc_channel_gives_many_values_at_a_time)
{
    struct pair values[3] = {empty};
    pairs_sender sender;
    pairs_receiver receiver;
    size_t count = 0;

    cr_assert_eq(pairs_new(4, &sender, &receiver), 0);
    cr_assert_eq(pairs_recv_many_until(&receiver, 3, values, &count, wok_after(wok_ms(5))),
                 -ETIMEDOUT);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(pairs_send(&sender, (struct pair){i, -i}), 0);
    cr_assert_eq(pairs_recv_many_until(&receiver, 3, values, &count, wok_now()), 0);
    cr_assert_eq(count, 3);
    cr_assert_eq(values[2].second, -2);
    pairs_batch batch = pairs_batch_of(values, 3);
    wok_op many = pairs_recv_many_op(&receiver, &batch);
    cr_assert_eq(wok_op_wait(&many, WOK_NEVER), 0);
    cr_assert_eq(batch.raw.count, 1);
    cr_assert_eq(values[0].first, 3);
    pairs_sender_drop(&sender);
    pairs_receiver_drop(&receiver);
}

WOK_TEST(typed, an_mpsc_channel_tells_its_end_and_has_weak_handles)
{
    pairs_sender sender, again;
    pairs_receiver receiver;

    cr_assert_eq(pairs_new(2, &sender, &receiver), 0);
    pairs_weak weak = pairs_downgrade(&sender);
    cr_assert_eq(pairs_upgrade(&weak, &again), 0);
    pairs_sender_drop(&again);
    cr_assert_not(pairs_is_closed(&sender));
    cr_assert_not(pairs_receiver_is_closed(&receiver));
    cr_assert_eq(pairs_closed_until(&sender, wok_after(wok_ms(5))), -ETIMEDOUT);
    pairs_close(&receiver);
    cr_assert(pairs_is_closed(&sender));
    cr_assert(pairs_receiver_is_closed(&receiver));
    cr_assert_eq(pairs_closed(&sender), 0);
    pairs_sender_drop(&sender);
    cr_assert_neq(pairs_upgrade(&weak, &again), 0);
    pairs_weak_drop(&weak);
    pairs_receiver_drop(&receiver);
}

/* ---- oneshot -------------------------------------------------------------------------------------- */

WOK_TEST(typed, a_oneshot_channel_tells_its_end)
{
    one_sender sender;
    one_receiver receiver;

    cr_assert_eq(one_new(&sender, &receiver), 0);
    cr_assert_not(one_is_closed(&sender));
    cr_assert_eq(one_closed_until(&sender, wok_after(wok_ms(5))), -ETIMEDOUT);
    one_close(&receiver);
    cr_assert(one_is_closed(&sender));
    cr_assert_eq(one_closed(&sender), 0);
    one_sender_drop(&sender);
    one_receiver_drop(&receiver);
}

/* ---- watch ---------------------------------------------------------------------------------------- */

static bool add(const struct pair *current, struct pair *ret_value, void *more)
{
    if (*(int *)more == 0)
        return false;
    *ret_value = (struct pair){current->first + *(int *)more, current->second};
    return true;
}

static bool is_first(const struct pair *value, void *first)
{
    return value->first == *(int *)first;
}

WOK_TEST(typed, a_watch_channel_is_changed_by_a_function_and_waited_for_by_a_predicate)
{
    int none = 0, two = 2, three = 3;
    latest_sender sender;
    latest_receiver receiver;
    wok_watch_ref ref;

    cr_assert_eq(latest_new((struct pair){1, 7}, &sender), 0);
    latest_subscribe(&sender, &receiver);
    cr_assert_eq(latest_receiver_count(&sender), 1);
    cr_assert_eq(latest_has_changed(&receiver), 0);
    cr_assert_eq(latest_send_if_modified(&sender, add, &none), 0);
    cr_assert_eq(latest_send_if_modified(&sender, add, &two), 1);
    cr_assert_eq(latest_has_changed(&receiver), 1);
    cr_assert_eq(latest_sender_borrow(&sender, &ref)->first, 3);
    latest_ref_drop(&ref);
    cr_assert_eq(latest_wait_for(&receiver, is_first, &three), 0);
    cr_assert_eq(latest_wait_for_until(&receiver, is_first, &two, wok_after(wok_ms(5))),
                 -ETIMEDOUT);
    wok_op wait = latest_wait_for_op(&receiver, is_first, &three);
    cr_assert_eq(wok_op_wait(&wait, WOK_NEVER), 0);
    cr_assert_eq(latest_closed_until(&sender, wok_after(wok_ms(5))), -ETIMEDOUT);
    latest_receiver_drop(&receiver);
    cr_assert_eq(latest_closed(&sender), 0);
    cr_assert_eq(latest_receiver_count(&sender), 0);
    latest_sender_drop(&sender);
}

/* ---- broadcast ------------------------------------------------------------------------------------ */

WOK_TEST(typed, a_broadcast_channel_counts_and_tells_its_end)
{
    all_sender sender;
    all_receiver receiver;

    cr_assert_eq(all_new(2, &sender), 0);
    all_subscribe(&sender, &receiver);
    cr_assert_eq(all_receiver_count(&sender), 1);
    cr_assert_eq(all_send(&sender, (struct pair){1, 2}), 0);
    cr_assert_eq(all_len(&receiver), 1);
    cr_assert_eq(all_closed_until(&sender, wok_after(wok_ms(5))), -ETIMEDOUT);
    all_receiver_drop(&receiver);
    cr_assert_eq(all_closed(&sender), 0);
    cr_assert_eq(all_receiver_count(&sender), 0);
    all_sender_drop(&sender);
}
