/*
 * test_broadcast_stress.c - a million tokens through a broadcast channel while waits are given up.
 *
 * Each receiver gets or misses every token, in order; each token is destroyed once, and not while it is
 * copied.
 */
#include "runtime/channel/stress.h"

enum { SENDERS = 2, RECEIVERS = 3, CAPACITY = 16 };

/* A token owns a cell, which its end takes away. */
static atomic_flag_t alive[TOKENS + 1];

static void copy_token(uint64_t *ret_copy, const uint64_t *token)
{
    cr_assert(load_relaxed(&alive[*token]), "it is not destroyed while it is copied");
    *ret_copy = *token;
}

static void destroy_owner(uint64_t *token)
{
    cr_assert(exchange_relaxed(&alive[*token], false), "it is destroyed once");
    tally_add(&destroyed, *token);
}

WOK_BROADCAST(token, uint64_t, copy_token, destroy_owner);

static token_sender sender;

struct listener {
    token_receiver receiver;
    struct wok__rand rand;
    uint64_t got, missed;
};

static int listen_to_all(struct listener *listener)
{
    uint64_t last[SENDERS] = {0}, token, missed;
    int code;

    for (;;) {
        code = token_try_recv(&listener->receiver, &token, &missed);
        if (code == -EAGAIN && is_in_a_hurry(&listener->rand))
            code = note_given_up(
                token_recv_until(&listener->receiver, &token, &missed, soon(&listener->rand)));
        else if (code == -EAGAIN)
            code = token_recv(&listener->receiver, &token, &missed);
        if (code == -ETIMEDOUT) {
            continue;
        } else if (code == -EOVERFLOW) {
            listener->missed += missed;
        } else if (code == 0) {
            cr_assert_gt(token, last[token % SENDERS]);
            last[token % SENDERS] = token;
            listener->got++;
        } else {
            break;
        }
    }
    token_receiver_drop(&listener->receiver);
    return code == -EPIPE ? 0 : code;
}

struct share {
    uint64_t first;
    struct wok__rand rand;
};

/* Sends every SENDERS-th token, in bursts: receivers wait for some, and miss some. */
static int send_share(struct share *share)
{
    for (uint64_t token = share->first; token <= TOKENS; token += SENDERS) {
        store_relaxed(&alive[token], true);
        if (token_send(&sender, token) != 0)
            return -1;
        if (wok__rand_below(&share->rand, 8) == 0)
            (void)wok_yield();
        let_receivers_wait(token, 40);
    }
    return 0;
}

WOK_TEST_ON(broadcast_stress, every_receiver_gets_or_misses_a_million_tokens, WORKERS)
{
    WOK_CLEANUP(wok_scope_done) wok_scope senders = WOK_SCOPE_INIT;
    WOK_CLEANUP(wok_scope_done) wok_scope listening = WOK_SCOPE_INIT;
    struct listener listeners[RECEIVERS];
    struct wok__rand rand = test_rand();
    struct share shares[SENDERS];
    uint64_t missed = 0;

    cr_assert_eq(token_new(CAPACITY, &sender), 0);
    for (unsigned i = 0; i < RECEIVERS; i++) {
        listeners[i] = (struct listener){.got = 0};
        wok__rand_seed(&listeners[i].rand, wok__rand_next(&rand));
        token_subscribe(&sender, &listeners[i].receiver);
        wok_scope_spawn(&listening, listen_to_all, &listeners[i]);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        shares[i].first = i + 1;
        wok__rand_seed(&shares[i].rand, wok__rand_next(&rand));
        wok_scope_spawn(&senders, send_share, &shares[i]);
    }
    cr_assert_eq(wok_scope_wait(&senders), 0);
    token_sender_drop(&sender);
    cr_assert_eq(wok_scope_wait(&listening), 0);
    for (unsigned i = 0; i < RECEIVERS; i++) {
        cr_assert_eq(listeners[i].got + listeners[i].missed, TOKENS);
        missed += listeners[i].missed;
    }
    cr_assert_gt(missed, 0);
    check_given_up(TOKENS / 50);
    check_tallies(TOKENS);
    cr_assert_eq(load_relaxed(&destroyed.count), TOKENS);
}
