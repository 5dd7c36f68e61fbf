/*
 * test_stress_together.c - a million arrivals at a barrier, items through a condition's buffer, and tokens of
 * a tree, while one waiter in a hundred gives up.
 */
#include <stdlib.h>

#include "runtime/sync/stress.h"

/* ---- barrier ---------------------------------------------------------------------------------------- */

static wok_barrier barrier = WOK_BARRIER_INIT(CROWD);
static atomic_u64 leaders;
static struct {
    atomic_u64 rounds; /* that this member is through */
} progress[CROWD];

/* Arrives until it gets through.  Nobody begins a round that another has not finished. */
static void barrier_round(struct member *member)
{
    uint64_t round = load_relaxed(&progress[member->number].rounds);
    bool leads = false;

    do
        fetch_add_relaxed(&waited, 1);
    while (!got(wok_barrier_wait_until(&barrier, deadline_of(member, patience(member)), &leads)));
    fetch_add_relaxed(&leaders, leads);
    for (unsigned i = 0; i < CROWD; i++) {
        uint64_t others = load_relaxed(&progress[i].rounds);
        cr_assert(others == round || others == round + 1, "one ahead at most");
    }
    store_relaxed(&progress[member->number].rounds, round + 1);
}

WOK_TEST_ON(stress, a_million_arrivals_at_a_barrier, WORKERS)
{
    run_crowd(barrier_round);
    cr_assert_eq(load_relaxed(&entered), TOTAL);
    cr_assert_eq(load_relaxed(&waited) - load_relaxed(&left), TOTAL);
    cr_assert_eq(load_relaxed(&leaders), EACH, "one for each round");
    check_leavers();
}

/* ---- condition: a buffer with two ends ----------------------------------------------------------------- */

enum { PLACES = 1 };

static wok_mutex mutex;
static wok_condition not_empty, not_full;
/* The mutex guards these. */
static uint64_t places[PLACES], first, last;
static uint64_t put_sum, taken_sum, put_count, take_count;

/* Waits once; the mutex is held before and after.  A wait that lost a select has unlocked it, and perhaps been
 * notified: then it passes that on. */
static void wait_on(wok_condition *condition, struct member *member)
{
    enum patience how = patience(member);
    int code;

    fetch_add_relaxed(&waited, 1);
    if (how == LOSES_A_SELECT)
        code = wait_or_lose(wok_condition_wait_op(condition, &mutex), member);
    else
        code = wok_condition_wait_until(condition, &mutex, deadline_of(member, how));
    if (code != 0) {
        cr_assert_eq(code, -ETIMEDOUT);
        fetch_add_relaxed(&left, 1);
    }
    if (code != 0 && how == LOSES_A_SELECT)
        cr_assert_eq(wok_mutex_lock(&mutex), 0);
    cr_assert(wok_mutex_is_locked(&mutex));
}

static void put_one(struct member *member, uint64_t item)
{
    while (last - first == PLACES)
        wait_on(&not_full, member);
    places[last++ % PLACES] = item;
    put_sum += item;
    put_count++;
    wok_condition_notify(&not_empty);
}

static void take_one(struct member *member)
{
    while (last == first)
        wait_on(&not_empty, member);
    taken_sum += places[first++ % PLACES];
    take_count++;
    wok_condition_notify(&not_full);
}

/* Half of the crowd put, the others take; of tasks and threads alike. */
static void buffer_round(struct member *member)
{
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    if (member->number % 2 == 0)
        put_one(member, wok__rand_below(&member->rand, 1000));
    else
        take_one(member);
    wok_mutex_unlock(&mutex);
}

WOK_TEST_ON(stress, a_million_items_through_a_buffer_with_conditions, WORKERS)
{
    run_crowd(buffer_round);
    cr_assert_eq(put_count, TOTAL / 2);
    cr_assert_eq(take_count, TOTAL / 2);
    cr_assert_eq(taken_sum, put_sum);
    check_leavers();
    cr_assert_eq(wok_mutex_try_lock(&mutex), 0);
}

/* ---- tokens --------------------------------------------------------------------------------------------- */

static wok_token *root;

/* A branch of its own is made, looked at, waited for, cancelled and dropped, while others do the same and
 * somebody cancels the root. */
static void token_round(struct member *member)
{
    WOK_CLEANUP(wok_token_dropp) wok_token *parent = NULL;
    WOK_CLEANUP(wok_token_dropp) wok_token *child = NULL;
    bool cancelled;

    cr_assert_eq(wok_token_child(root, &parent), 0);
    cr_assert_eq(wok_token_child(parent, &child), 0);
    if (wok__rand_below(&member->rand, 50) == 0) {
        int code = wok_token_wait_until(child, soon(member));
        cr_assert(code == -ETIMEDOUT || wok_token_is_cancelled(root));
        fetch_add_relaxed(&left, code == -ETIMEDOUT);
    }
    cancelled = wok_token_is_cancelled(parent);
    if (wok__rand_below(&member->rand, 2) == 0)
        wok_token_dropp(&parent); /* the child is the root's then */
    cr_assert(!cancelled || wok_token_is_cancelled(child));
    if (wok__rand_below(&member->rand, 4) == 0) {
        wok_token_cancel(child);
        cr_assert(wok_token_is_cancelled(child));
        cr_assert(parent == NULL || !wok_token_is_cancelled(parent) ||
                  wok_token_is_cancelled(root));
    }
    if (fetch_add_relaxed(&entered, 1) == TOTAL / 2)
        wok_token_cancel(root);
    if (wok_token_is_cancelled(root))
        cr_assert_eq(wok_token_wait(child), 0, "a cancel reaches all below");
}

WOK_TEST_ON(stress, a_million_branches_under_one_root, WORKERS)
{
    cr_assert_eq(wok_token_new(&root), 0);
    run_crowd(token_round);
    cr_assert_eq(load_relaxed(&entered), TOTAL);
    cr_assert_gt(load_relaxed(&left), 0);
    cr_assert(wok_token_is_cancelled(root));
    wok_token_drop(root);
}
