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

/* ---- as a branch of a select --------------------------------------------------------------------- */

static wok_notify bell;

/* Selects over the bell and the barrier, in this order; gives the index of the winner. */
WOK_TASK(choose, wok_duration, int);

static int choose(wok_duration *patience, int *result)
{
    bool leader = true;
    wok_op branches[] = {wok_notify_op(&bell), wok_barrier_wait_op(&barrier, &leader)};

    *result = wok_select_until(branches, 2, WOK_SELECT_BIASED, wok_after(*patience), NULL);
    cr_assert_eq(leader, *result != 1);
    return 0;
}

/* A branch that lost would have been counted in a round that the others have left. */
WOK_TEST(barrier, a_branch_whose_round_is_complete_wins_over_one_that_is_ready_too)
{
    int winner = -1;

    for (int bell_first = 0; bell_first <= 1; bell_first++) {
        setup(2);
        choose_join join = wok_spawn(choose, wok_seconds(1));
        cr_assert_eq(wok_yield(), 0);
        if (bell_first)
            wok_notify_one(&bell);
        cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
        if (!bell_first)
            wok_notify_one(&bell);
        cr_assert_eq(choose_await(&join, &winner, NULL), 0);
        cr_assert_eq(winner, 1);
        cr_assert_eq(wok_notify_wait_until(&bell, wok_after(wok_ms(1))), 0, "it was passed on");
    }
}

WOK_TEST(barrier, a_branch_that_loses_in_its_first_poll_has_not_arrived)
{
    setup(2);
    wok_notify_one(&bell);
    wok_op branches[] = {wok_barrier_wait_op(&barrier, NULL), wok_notify_op(&bell)};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, NULL), 1);
    party_join party = spawn_party(1);
    cr_assert_not(wok_join_is_finished(&party.join));
    cr_assert_eq(wok_barrier_wait(&barrier, NULL), 0);
    cr_assert_eq(await_party(&party), 0);
}

WOK_TEST(barrier, a_branch_that_would_lead_wins_in_its_turn)
{
    bool leader = false;

    setup(2);
    party_join party = spawn_party(1);
    wok_notify_one(&bell);
    wok_op branches[] = {wok_barrier_wait_op(&barrier, &leader), wok_notify_op(&bell)};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, NULL), 0);
    cr_assert(leader);
    cr_assert_eq(await_party(&party), 0);
}

/* Arrives itself, as the other branch of a select that waits at the same barrier. */
static wok_poll arrive_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_op_poll(*(wok_op **)self, cx);
}

static const wok_future_vtable arrive_vtable = {
    .name = "arrive", .size = sizeof(wok_op *), .poll = arrive_poll};

/* If the first branch waited during the second one's turn, the second would complete the round, and win. */
WOK_TEST(barrier, a_branch_does_not_wait_while_others_have_their_turn)
{
    bool leader = false;

    setup(2);
    WOK_CLEANUP(wok_op_drop) wok_op op = wok_barrier_wait_op(&barrier, NULL);
    wok_op *own = &op;
    wok_op branches[] = {wok_barrier_wait_op(&barrier, &leader),
                         wok_future_op((wok_future){&arrive_vtable, &own}, NULL)};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, NULL), 0);
    cr_assert(leader);
}

/* Both timers fire in one turn, and this task runs first. */
WOK_TEST(barrier, a_deadline_at_the_moment_when_the_round_is_complete_makes_no_difference)
{
    int winner = -1;

    setup(2);
    wok_op nap = wok_sleep_op(wok_ms(5));
    choose_join join = wok_spawn(choose, wok_ms(5));
    cr_assert_eq(wok_op_wait(&nap, WOK_NEVER), 0);
    cr_assert_eq(wok_barrier_wait_until(&barrier, wok_after(wok_ms(1)), NULL), 0);
    cr_assert_eq(choose_await(&join, &winner, NULL), 0);
    cr_assert_eq(winner, 1);
}

enum { SELECTORS = 3, CHOICES = 40 };
/* How often the barrier's branch won, and led. */
struct seen {
    int won, led;
};

WOK_TASK(selects, int, struct seen);

static int selects(int *choices, struct seen *result)
{
    *result = (struct seen){0, 0};
    for (int i = 0; i < *choices; i++) {
        bool leader = false;
        wok_op branches[] = {wok_notify_op(&bell), wok_barrier_wait_op(&barrier, &leader),
                             wok_sleep_op(wok_us(50))};
        int winner = wok_select(branches, 3, WOK_SELECT_FAIR, NULL);
        cr_assert_geq(winner, 0);
        cr_assert(winner == 1 || !leader);
        result->won += winner == 1;
        result->led += leader;
    }
    return 0;
}

WOK_TASK(ring, int, int);

static int ring(int *unused, int *result)
{
    *result = *unused;
    for (;;) { /* until it is aborted */
        wok_notify_one(&bell);
        if (wok_sleep(wok_us(20)) < 0)
            return -ECANCELED;
    }
}

/* Each round has as many winners as parties. */
static void every_arrival_that_counts_wins(void)
{
    selects_join joins[SELECTORS];
    struct seen sum = {0, 0}, seen;

    setup(2);
    ring_join ringer = wok_spawn(ring, 0);
    for (int i = 0; i < SELECTORS; i++)
        joins[i] = wok_spawn(selects, CHOICES);
    for (int i = 0; i < SELECTORS; i++) {
        cr_assert_eq(selects_await(&joins[i], &seen, NULL), 0);
        sum.won += seen.won;
        sum.led += seen.led;
    }
    wok_join_abort(&ringer.join);
    cr_assert_neq(ring_await(&ringer, NULL, NULL), 0);
    cr_assert_gt(sum.led, 0);
    cr_assert_eq(sum.won, 2 * sum.led, "%d rounds, %d won", sum.led, sum.won);
    cr_assert_eq(barrier.arrived, 0);
}

WOK_TEST_SEEDS(barrier, every_arrival_that_counts_wins_its_select, 2, 100)
{
    every_arrival_that_counts_wins();
}

WOK_TEST_ON(barrier, every_arrival_that_counts_wins_its_select_also_on_the_real_clock, 2)
{
    for (int i = 0; i < 20; i++)
        every_arrival_that_counts_wins();
}

/* Arrives over and over, for some microseconds each time: for as many as show it soonest if a wait, and
 * then a select, says that it is too late when its round is complete. */
static void *thread_gives_up(void *result)
{
    enum { TIMES = 40000 };
    struct seen *seen = result;

    for (unsigned i = 0; i < 2 * TIMES; i++) {
        bool leader = false;
        wok_op branch = wok_barrier_wait_op(&barrier, &leader);
        int code = i < TIMES ? wok_barrier_wait_until(&barrier, wok_after(wok_us(i % 3)), &leader)
                             : wok_select_until(&branch, 1, WOK_SELECT_FAIR,
                                                wok_after(wok_us(i % 23)), NULL);
        seen->won += code == 0;
        seen->led += leader;
    }
    return NULL;
}

Test(barrier, an_arrival_that_counts_is_never_said_to_be_too_late, .timeout = 60)
{
    struct seen seen[2] = {{0, 0}, {0, 0}};
    pthread_t other_thread;

    setup(2);
    cr_assert_eq(pthread_create(&other_thread, NULL, thread_gives_up, &seen[1]), 0);
    thread_gives_up(&seen[0]);
    cr_assert_eq(pthread_join(other_thread, NULL), 0);
    cr_assert_eq(seen[0].won, seen[1].won);
    cr_assert_eq(seen[0].won, seen[0].led + seen[1].led);
    cr_assert_eq(barrier.arrived, 0);
}

/* ---- with others --------------------------------------------------------------------------------- */

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
