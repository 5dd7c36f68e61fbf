/*
 * test_watch_stress.c - a million tokens through a watch channel while waits are given up.
 *
 * Most are missed by most receivers: that is what the channel is for.  Every one is destroyed once, and
 * nobody reads one that is destroyed, which the cells that they own would show.
 */
#include "runtime/channel/stress.h"

enum { RECEIVERS = 4, CHANGERS = 4 };

/* A token owns a cell, which its end takes away. */
static atomic_flag_t alive[TOKENS + 1];

static void destroy_owner(uint64_t *token)
{
    cr_assert(exchange_relaxed(&alive[*token], false), "it is destroyed once");
    tally_add(&destroyed, *token);
}

WOK_WATCH(token, uint64_t, destroy_owner);

static uint64_t make_token(uint64_t number)
{
    store_relaxed(&alive[number], true);
    return number;
}

struct following {
    token_receiver receiver;
    struct wok__rand rand;
    uint64_t news;
};

static bool is_multiple_of_1000(const void *token, void *unused)
{
    (void)unused;
    return *(const uint64_t *)token % 1000 == 0;
}

/* What is read is there, and newer than what was read before. */
static uint64_t read_token(token_receiver *receiver, uint64_t last)
{
    wok_watch_ref ref;
    uint64_t token = *token_borrow_and_update(receiver, &ref);

    cr_assert_geq(token, last);
    cr_assert(load_relaxed(&alive[token]), "it is not destroyed while it is read");
    wok_watch_ref_drop(&ref);
    return token;
}

static int follow(struct following *following)
{
    struct wok__rand *rand = &following->rand;
    uint64_t last = 0;
    int code = 0;

    for (; code == 0; following->news++) {
        bool is_new = wok_watch_has_changed(&following->receiver.raw) != 0;

        if (!is_new && is_in_a_hurry(rand))
            code = note_given_up(token_changed_until(&following->receiver, soon(rand)));
        else if (wok__rand_below(rand, 50) == 0)
            code = wok_watch_wait_for_until(&following->receiver.raw, is_multiple_of_1000, NULL,
                                            soon(rand));
        else
            code = token_changed(&following->receiver);
        if (code == -ETIMEDOUT)
            code = 0;
        last = read_token(&following->receiver, last);
    }
    cr_assert_eq(last, TOKENS);
    token_receiver_drop(&following->receiver);
    return code == -EPIPE ? 0 : code;
}

WOK_TEST_ON(watch_stress, a_million_tokens_are_each_destroyed_once, WORKERS)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct wok__rand rand = test_rand();
    struct following following[RECEIVERS];
    token_sender sender;

    cr_assert_eq(token_new(make_token(1), &sender), 0);
    for (unsigned i = 0; i < RECEIVERS; i++) {
        following[i] = (struct following){.news = 0};
        wok__rand_seed(&following[i].rand, wok__rand_next(&rand));
        token_subscribe(&sender, &following[i].receiver);
        wok_scope_spawn(&scope, follow, &following[i]);
    }
    for (uint64_t number = 2; number <= TOKENS; number++) {
        cr_assert_eq(token_send(&sender, make_token(number)), 0);
        if (number % 8 == 0)
            cr_assert_eq(wok_yield(), 0);
        let_receivers_wait(number, 40);
    }
    token_sender_drop(&sender);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    check_given_up(TOKENS / 50);
    check_tallies(TOKENS);
}

/* ---- changes ---------------------------------------------------------------------------------------- */

WOK_WATCH(counter, uint64_t, NULL);

static counter_sender counter;

static bool increment(const void *current, void *ret_value, void *unused)
{
    (void)unused;
    *(uint64_t *)ret_value = *(const uint64_t *)current + 1;
    return true;
}

static int count_up(uint64_t *count)
{
    for (uint64_t i = 0; i < *count; i++) {
        if (wok_watch_send_if_modified(&counter.raw, increment, NULL) != 1)
            return -1;
    }
    return 0;
}

WOK_TEST_ON(watch_stress, a_million_changes_lose_none_to_each_other, WORKERS)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    uint64_t share = TOKENS / CHANGERS, total;
    counter_receiver receiver;

    cr_assert_eq(counter_new(0, &counter), 0);
    for (unsigned i = 0; i < CHANGERS; i++)
        wok_scope_spawn(&scope, count_up, &share);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    counter_subscribe(&counter, &receiver);
    counter_get(&receiver, &total);
    cr_assert_eq(total, TOKENS);
    counter_receiver_drop(&receiver);
    counter_sender_drop(&counter);
}
