/*
 * test_barrier.c - waiting for each other, on one worker and a paused clock: a task runs until it waits,
 * so the order of events is a fact.
 *
 * A-numbers are rules of Tokio's Barrier.
 */
#include <errno.h>
#include <pthread.h>

#include "support/wok_test.h"

static wok_barrier barrier;

static void setup(uint32_t parties)
{
    barrier = (wok_barrier)WOK_BARRIER_INIT(parties);
}

/* Goes through the barrier this often; gives how often it led, or what went wrong. */
WOK_TASK(party, int, int);

static int party(int *rounds, int *result)
{
    int led = 0;

    for (int i = 0; i < *rounds; i++) {
        bool leader = true;
        int code = wok_barrier_wait(&barrier, &leader);
        if (code < 0) {
            *result = code;
            return 0;
        }
        led += leader;
    }
    *result = led;
    return 0;
}

static party_join spawn_party(int rounds)
{
    party_join join = wok_spawn(party, rounds);

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_party(party_join *join)
{
    int result = -1;

    cr_assert_eq(party_await(join, &result, NULL), 0);
    return result;
}

/* A1 */
WOK_TEST(barrier, the_last_to_arrive_leads_and_lets_all_go)
{
    bool leader = false;

    setup(3);
    party_join first = spawn_party(1), second = spawn_party(1);
    cr_assert_not(wok_join_is_finished(&first.join));
    cr_assert_not(wok_join_is_finished(&second.join));
    cr_assert_eq(wok_barrier_wait(&barrier, &leader), 0);
    cr_assert(leader);
    cr_assert_eq(await_party(&first), 0);
    cr_assert_eq(await_party(&second), 0);
}

/* A1 */
WOK_TEST(barrier, is_reusable_and_has_one_leader_a_round)
{
    enum { PARTIES = 5, ROUNDS = 100 };
    party_join parties[PARTIES];
    int led = 0;

    setup(PARTIES);
    for (int i = 0; i < PARTIES; i++)
        parties[i] = spawn_party(ROUNDS);
    for (int i = 0; i < PARTIES; i++)
        led += await_party(&parties[i]);
    cr_assert_eq(led, ROUNDS);
}

/* A1 */
WOK_TEST(barrier, of_none_acts_as_one_of_one)
{
    bool leader = false;
    wok_barrier zero;

    setup(0);
    cr_assert_eq(wok_barrier_wait(&barrier, &leader), 0);
    cr_assert(leader);
    setup(1);
    cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
    memset(&zero, 0, sizeof zero);
    cr_assert_eq(wok_barrier_wait(&zero, NULL), 0);
}

/* A1 on purpose changed: in Tokio an arrival cannot be taken back. */
WOK_TEST(barrier, an_arrival_is_taken_back_by_who_leaves)
{
    bool leader = false;
    int code;

    setup(2);
    party_join aborted = spawn_party(1);
    wok_join_abort(&aborted.join);
    cr_assert_eq(await_party(&aborted), -ECANCELED);
    cr_assert_eq(wok_barrier_wait_until(&barrier, wok_after(wok_ms(1)), &leader), -ETIMEDOUT);
    wok_op branches[] = {wok_barrier_wait_op(&barrier, &leader), wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_not(leader);

    party_join first = spawn_party(1);
    cr_assert_not(wok_join_is_finished(&first.join), "three have left");
    cr_assert_eq(wok_barrier_wait(&barrier, &leader), 0);
    cr_assert(leader);
    cr_assert_eq(await_party(&first), 0);
}

WOK_TEST(barrier, who_is_aborted_after_the_round_was_complete_holds_up_nobody)
{
    setup(3);
    party_join first = spawn_party(1), second = spawn_party(1);

    cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
    wok_join_abort(&first.join); /* it was let go, and has not run since */
    cr_assert_eq(await_party(&first), -ECANCELED);
    cr_assert_eq(await_party(&second), 0);

    party_join again[] = {spawn_party(1), spawn_party(1)};
    cr_assert_not(wok_join_is_finished(&again[1].join), "the next round is complete as well");
    cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
    cr_assert_eq(await_party(&again[0]), 0);
    cr_assert_eq(await_party(&again[1]), 0);
}

static bool other_ran;

WOK_TASK(other, int, int);

static int other(int *args, int *result)
{
    (void)args;
    *result = 0;
    other_ran = true;
    return 0;
}

WOK_TEST(barrier, a_task_that_never_has_to_wait_lets_others_run)
{
    setup(1);
    other_ran = false;
    other_join join = wok_spawn(other, 0);

    for (int rounds = 0; !other_ran; rounds++) {
        cr_assert_lt(rounds, 1000);
        cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
    }
    cr_assert_eq(other_await(&join, NULL, NULL), 0);
}

/* Threads and tasks meet, and see what the others did before. */
enum { EACH = 2, MEETINGS = 200 };
static int written[2 * EACH];

static int meet(int who)
{
    int led = 0;

    for (int i = 1; i <= MEETINGS; i++) {
        bool leader = false;
        written[who] = i;
        cr_assert_eq(wok_barrier_wait(&barrier, &leader), 0);
        for (int j = 0; j < 2 * EACH; j++)
            cr_assert_eq(written[j], i);
        led += leader;
        cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
    }
    return led;
}

WOK_TASK(meets, int, int);

static int meets(int *who, int *result)
{
    *result = meet(*who);
    return 0;
}

struct thread {
    pthread_t id;
    int who, led;
};

static void *thread_meets(void *argument)
{
    struct thread *thread = argument;

    thread->led = meet(thread->who);
    return NULL;
}

WOK_TEST_ON(barrier, tasks_and_plain_threads_meet, 2)
{
    struct thread threads[EACH];
    meets_join joins[EACH];
    int led = 0, result = 0;

    setup(2 * EACH);
    for (int i = 0; i < EACH; i++) {
        threads[i].who = EACH + i;
        cr_assert_eq(pthread_create(&threads[i].id, NULL, thread_meets, &threads[i]), 0);
        joins[i] = wok_spawn(meets, i);
    }
    for (int i = 0; i < EACH; i++) {
        cr_assert_eq(meets_await(&joins[i], &result, NULL), 0);
        led += result;
    }
    for (int i = 0; i < EACH; i++) { /* blocks this worker, which no task needs any more */
        cr_assert_eq(pthread_join(threads[i].id, NULL), 0);
        led += threads[i].led;
    }
    cr_assert_eq(led, MEETINGS);
}
