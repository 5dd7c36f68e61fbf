/*
 * test_oneshot_stress.c - a million oneshot channels, one token each, while waits are given up.
 */
#include "runtime/channel/stress.h"

enum { PAIRS = 4, AHEAD = 16 };

WOK_ONESHOT(token, uint64_t, destroy_token);
WOK_CHANNEL(senders, token_sender, token_sender_drop);

struct pair {
    senders_receiver work;
    senders_sender hand_over;
    uint64_t first, count;
    struct wok__rand rand, answer_rand;
};

/* Answers each, but one in a hundred not. */
static int answer_all(struct pair *pair)
{
    token_sender sender;
    uint64_t token = pair->first;

    for (; senders_recv(&pair->work, &sender) == 0; token++) {
        if (rarely(&pair->answer_rand)) {
            tally_add(&kept, token);
            token_sender_drop(&sender);
        } else if (token_send(&sender, token) != 0) {
            tally_add(&kept, token);
        }
    }
    return 0;
}

/* Waits for each answer; one in a hundred is given up, for good or to be asked for again. */
static int ask_all(struct pair *pair)
{
    for (uint64_t i = 0; i < pair->count; i++) {
        token_sender sender;
        token_receiver receiver;
        uint64_t token = 0;
        int code;

        if (token_new(&sender, &receiver) != 0 || senders_send(&pair->hand_over, sender) != 0)
            return -1;
        code = token_try_recv(&receiver, &token);
        if (code == -EAGAIN && is_in_a_hurry(&pair->rand)) {
            code = note_given_up(token_recv_until(&receiver, &token, soon(&pair->rand)));
            if (code == -ETIMEDOUT && i % 2 == 0)
                code = token_recv(&receiver, &token);
        } else if (code == -EAGAIN) {
            code = token_recv(&receiver, &token);
        }
        if (code == 0)
            tally_add(&received, token);
        token_receiver_drop(&receiver);
    }
    senders_sender_drop(&pair->hand_over);
    return 0;
}

WOK_TEST_ON(oneshot_stress, a_million_tokens_through_as_many_channels, WORKERS)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct wok__rand rand = test_rand();
    struct pair pairs[PAIRS];

    for (unsigned i = 0; i < PAIRS; i++) {
        pairs[i] = (struct pair){.first = 1 + i * (TOKENS / PAIRS), .count = TOKENS / PAIRS};
        wok__rand_seed(&pairs[i].rand, wok__rand_next(&rand));
        wok__rand_seed(&pairs[i].answer_rand, wok__rand_next(&rand));
        cr_assert_eq(senders_new(AHEAD, &pairs[i].hand_over, &pairs[i].work), 0);
        wok_scope_spawn(&scope, answer_all, &pairs[i]);
        wok_scope_spawn(&scope, ask_all, &pairs[i]);
    }
    cr_assert_eq(wok_scope_wait(&scope), 0);
    for (unsigned i = 0; i < PAIRS; i++)
        senders_receiver_drop(&pairs[i].work);
    check_given_up(TOKENS / 50);
    check_tallies(TOKENS);
    cr_assert_gt(load_relaxed(&kept.count), TOKENS / 200);
    cr_assert_gt(load_relaxed(&received.count), TOKENS * 9 / 10);
}
