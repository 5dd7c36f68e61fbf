/*
 * test_mpsc_stress.c - a million tokens through an mpsc channel while waits are given up.
 */
#include "runtime/channel/stress.h"

enum { SENDERS = 4 };

WOK_CHANNEL(tokens, uint64_t, destroy_token);

static tokens_sender sender;
static tokens_receiver receiver;

static uint64_t share_size;
static bool in_bursts; /* constant in a test: senders let the receiver become the faster one */

struct share {
    uint64_t first, count;
    struct wok__rand rand;
};

/* Sends a token; a wait that is given up is begun again. */
static int send_token(uint64_t token, struct wok__rand *rand)
{
    int code = tokens_try_send(&sender, token);

    if (code != -EAGAIN)
        return code;
    while (is_in_a_hurry(rand)) {
        code = note_given_up(tokens_send_until(&sender, token, soon(rand)));
        if (code != -ETIMEDOUT)
            return code;
    }
    return tokens_send(&sender, token);
}

static int send_share(struct share *share)
{
    for (uint64_t token = share->first; token < share->first + share->count; token++) {
        int code = send_token(token, &share->rand);

        if (code == -EPIPE)
            tally_add(&kept, token);
        else if (code != 0)
            return code;
        if (in_bursts)
            let_receivers_wait((token + 1 - share->first) * SENDERS, 80);
    }
    return 0;
}

static void spawn_senders(wok_scope *scope, struct share *shares, uint64_t count,
                          struct wok__rand *rand)
{
    share_size = count / SENDERS;
    for (unsigned i = 0; i < SENDERS; i++) {
        shares[i] = (struct share){1 + i * share_size, share_size, {{0}}};
        wok__rand_seed(&shares[i].rand, wok__rand_next(rand));
        wok_scope_spawn(scope, send_share, &shares[i]);
    }
}

static int receive_token(uint64_t *ret_token, struct wok__rand *rand)
{
    int code = tokens_try_recv(&receiver, ret_token);

    if (code != -EAGAIN)
        return code;
    if (is_in_a_hurry(rand))
        return note_given_up(tokens_recv_until(&receiver, ret_token, soon(rand)));
    return tokens_recv(&receiver, ret_token);
}

/* Receives `count` tokens, by ones and in batches; each sender's come in order. */
static void receive(uint64_t count, struct wok__rand *rand)
{
    uint64_t last[SENDERS] = {0}, batch[16];
    size_t got;

    for (uint64_t done = 0; done < count; done += got) {
        int code;

        got = 1;
        if (wok__rand_below(rand, 8) == 0) {
            if (tokens_len(&receiver) == 0)
                fetch_add_relaxed(&waited, 1);
            code = tokens_recv_many(&receiver, WOK_COUNT(batch), batch, &got);
        } else {
            code = receive_token(batch, rand);
        }
        if (code == -ETIMEDOUT) {
            got = 0;
            continue;
        }
        cr_assert_eq(code, 0);
        for (size_t i = 0; i < got; i++) {
            uint64_t from = (batch[i] - 1) / share_size;
            cr_assert_gt(batch[i], last[from]);
            last[from] = batch[i];
            tally_add(&received, batch[i]);
        }
    }
}

static void pass_all(size_t capacity)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct wok__rand rand = test_rand();
    struct share shares[SENDERS];

    cr_assert_eq(tokens_new(capacity, &sender, &receiver), 0);
    spawn_senders(&scope, shares, TOKENS, &rand);
    receive(TOKENS, &rand);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    tokens_sender_drop(&sender);
    tokens_receiver_drop(&receiver);
    check_tallies(TOKENS);
    cr_assert_eq(load_relaxed(&received.count), TOKENS);
}

WOK_TEST_ON(mpsc_stress, a_million_tokens_through_a_small_channel, WORKERS)
{
    pass_all(16);
    check_given_up(TOKENS / 50);
}

WOK_TEST_ON(mpsc_stress, a_million_tokens_through_one_place, WORKERS)
{
    pass_all(1);
    check_given_up(TOKENS / 10);
}

WOK_TEST_ON(mpsc_stress, a_million_tokens_through_an_unbounded_channel, WORKERS)
{
    in_bursts = true;
    pass_all(WOK_UNBOUNDED);
    check_given_up(TOKENS / 100);
}

/* The receiver goes in the middle: the rest is destroyed in the queue, or stays with its sender. */
WOK_TEST_ON(mpsc_stress, tokens_that_nobody_receives_are_destroyed_or_kept, WORKERS)
{
    enum { ROUNDS = 50, PER_ROUND = 2000 };
    struct share shares[SENDERS];
    struct wok__rand rand = test_rand();

    for (unsigned round = 0; round < ROUNDS; round++) {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

        memset(&received, 0, sizeof received);
        memset(&destroyed, 0, sizeof destroyed);
        memset(&kept, 0, sizeof kept);
        cr_assert_eq(tokens_new(1 + wok__rand_below(&rand, 64), &sender, &receiver), 0);
        spawn_senders(&scope, shares, PER_ROUND, &rand);
        receive(wok__rand_below(&rand, PER_ROUND / 2), &rand);
        if (round % 2 == 0)
            tokens_close(&receiver);
        tokens_receiver_drop(&receiver);
        cr_assert_eq(wok_scope_wait(&scope), 0);
        tokens_sender_drop(&sender);
        check_tallies(PER_ROUND);
    }
}

/* ---- aborts --------------------------------------------------------------------------------------- */

static void destroy_unsent(uint64_t *token)
{
    if (*token != 0)
        destroy_token(token);
}

WOK_TASK_WITH_DROP(send_own, uint64_t, int, destroy_unsent, NULL);
static int send_own(uint64_t *token, int *unused)
{
    int code = tokens_send(&sender, *token);

    *unused = 0;
    if (code == 0)
        *token = 0; /* the channel's now */
    return code;
}

/* The receiver in small: takes what comes until the senders are gone. */
static int receive_all(int *unused)
{
    uint64_t token;

    (void)unused;
    while (tokens_recv(&receiver, &token) == 0)
        tally_add(&received, token);
    return 0;
}

WOK_TEST_ON(mpsc_stress, a_token_of_a_task_that_is_aborted_is_sent_or_destroyed_once, WORKERS)
{
    enum { BATCH = 64 };
    const uint64_t batches = TOKENS / 1000;
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    struct wok__rand rand = test_rand();
    send_own_join tasks[BATCH];
    uint64_t token = 0;
    int unused;

    cr_assert_eq(tokens_new(2, &sender, &receiver), 0);
    wok_scope_spawn(&scope, receive_all, &unused);
    for (uint64_t i = 0; i < batches; i++) {
        for (unsigned j = 0; j < BATCH; j++)
            tasks[j] = wok_spawn(send_own, ++token);
        for (unsigned j = 0; j < BATCH; j++)
            if (wok__rand_below(&rand, 4) == 0)
                wok_join_abort(&tasks[j].join);
        for (unsigned j = 0; j < BATCH; j++)
            (void)send_own_await(&tasks[j], NULL, NULL);
    }
    tokens_sender_drop(&sender);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    tokens_receiver_drop(&receiver);
    check_tallies(batches * BATCH);
    cr_assert_gt(load_relaxed(&destroyed.count), batches);
    cr_assert_gt(load_relaxed(&received.count), batches * BATCH / 2);
}
