/*
 * test_semaphore.c - permits, on one worker and a paused clock: a task runs until it waits, so the
 * order of events is a fact.
 *
 * P-numbers are rules of Tokio's Semaphore, taken over or changed on purpose where the comment says so.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "support/wok_test.h"

static wok_semaphore semaphore;

/* Who got permits, in that order. */
static struct {
    int who[16];
    int count;
} got;

static void setup(uint64_t permits)
{
    semaphore = (wok_semaphore)WOK_SEMAPHORE_INIT(permits);
    got.count = 0;
}

struct request {
    int who;
    uint64_t count;
};

/* Acquires, says so, and keeps the permits. */
WOK_TASK(taker, struct request, int);

static int taker(struct request *request, int *result)
{
    int code = wok_semaphore_acquire(&semaphore, request->count);

    *result = code;
    if (code == 0)
        got.who[got.count++] = request->who;
    return 0;
}

static taker_join spawn_taker(int who, uint64_t count)
{
    taker_join join = wok_spawn(taker, {.who = who, .count = count});

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_taker(taker_join *join)
{
    int code = 1;

    cr_assert_eq(taker_await(join, &code, NULL), 0);
    return code;
}

static bool is_waiting(const taker_join *join)
{
    return !wok_join_is_finished(&join->join);
}

/* ---- permits ------------------------------------------------------------------------------------ */

Test(semaphore, of_zero_bytes_has_no_permits_and_is_open)
{
    wok_semaphore zero;

    memset(&zero, 0, sizeof zero);
    cr_assert_eq(wok_semaphore_available(&zero), 0);
    cr_assert_not(wok_semaphore_is_closed(&zero));
    cr_assert_eq(wok_semaphore_try_acquire(&zero, 1), -EAGAIN);
    cr_assert_eq(wok_semaphore_try_acquire(&zero, 0), 0);
}

Test(semaphore, counts_what_is_taken_and_given_back)
{
    static wok_semaphore four = WOK_SEMAPHORE_INIT(4);

    cr_assert_eq(wok_semaphore_try_acquire(&four, 3), 0);
    cr_assert_eq(wok_semaphore_available(&four), 1);
    cr_assert_eq(wok_semaphore_try_acquire(&four, 2), -EAGAIN);
    cr_assert_eq(wok_semaphore_available(&four), 1);
    wok_semaphore_release(&four, 3);
    cr_assert_eq(wok_semaphore_available(&four), 4);
    wok_semaphore_release(&four, 2);
    cr_assert_eq(wok_semaphore_available(&four), 6, "a release may add permits");
}

Test(semaphore, holds_as_many_permits_as_it_promises)
{
    wok_semaphore full = WOK_SEMAPHORE_INIT(WOK_SEMAPHORE_MAX);

    cr_assert_eq(wok_semaphore_available(&full), WOK_SEMAPHORE_MAX);
    cr_assert_eq(wok_semaphore_try_acquire(&full, WOK_SEMAPHORE_MAX), 0);
    cr_assert_eq(wok_semaphore_available(&full), 0);
    wok_semaphore_release(&full, WOK_SEMAPHORE_MAX);
    cr_assert_eq(wok_semaphore_available(&full), WOK_SEMAPHORE_MAX);
    cr_assert_eq(wok_semaphore_try_acquire(&full, WOK_SEMAPHORE_MAX + 1), -EINVAL);
    cr_assert_eq(wok_semaphore_acquire(&full, UINT64_MAX), -EINVAL);
}

#ifndef NDEBUG
Test(semaphore, more_permits_than_the_maximum_fail_an_assertion, .signal = SIGABRT)
{
    wok_semaphore full = WOK_SEMAPHORE_INIT(WOK_SEMAPHORE_MAX);

    wok_semaphore_release(&full, 1);
}
#endif

Test(semaphore, forget_removes_what_is_free_and_no_more)
{
    wok_semaphore five = WOK_SEMAPHORE_INIT(5);

    cr_assert_eq(wok_semaphore_forget(&five, 2), 2);
    cr_assert_eq(wok_semaphore_available(&five), 3);
    cr_assert_eq(wok_semaphore_try_acquire(&five, 1), 0);
    cr_assert_eq(wok_semaphore_forget(&five, 100), 2);
    cr_assert_eq(wok_semaphore_available(&five), 0);
    wok_semaphore_release(&five, 1);
    cr_assert_eq(wok_semaphore_available(&five), 1, "a permit that is out is not forgotten");
}

/* ---- the queue ---------------------------------------------------------------------------------- */

/* P1 */
WOK_TEST(semaphore, serves_strictly_in_order_also_across_acquire_many)
{
    setup(1);
    taker_join two = spawn_taker(2, 2);
    cr_assert(is_waiting(&two), "one permit is not enough");
    cr_assert_eq(wok_semaphore_try_acquire(&semaphore, 1), -EAGAIN, "somebody waits");
    taker_join one = spawn_taker(1, 1);
    cr_assert(is_waiting(&one), "although a permit is free");
    cr_assert_eq(wok_semaphore_available(&semaphore), 1);

    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(await_taker(&two), 0);
    cr_assert(is_waiting(&one));
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(await_taker(&one), 0);
    cr_assert_eq(got.who[0], 2);
    cr_assert_eq(got.who[1], 1);
    cr_assert_eq(wok_semaphore_available(&semaphore), 0);
}

WOK_TEST(semaphore, hands_one_release_to_as_many_as_it_suffices_for)
{
    setup(0);
    taker_join takers[] = {spawn_taker(0, 1), spawn_taker(1, 2), spawn_taker(2, 3),
                           spawn_taker(3, 1)};

    wok_semaphore_release(&semaphore, 5);
    cr_assert_eq(await_taker(&takers[0]), 0);
    cr_assert_eq(await_taker(&takers[1]), 0);
    cr_assert_eq(wok_semaphore_available(&semaphore), 2);
    cr_assert(is_waiting(&takers[2]));
    cr_assert(is_waiting(&takers[3]), "it came after one who waits");
    wok_semaphore_release(&semaphore, 2);
    cr_assert_eq(await_taker(&takers[2]), 0);
    cr_assert_eq(await_taker(&takers[3]), 0);
    cr_assert_eq(wok_semaphore_available(&semaphore), 0);
}

WOK_TEST(semaphore, a_permit_handed_over_is_not_overtaken_by_who_comes_in_between)
{
    setup(0);
    taker_join waiter = spawn_taker(1, 1);

    wok_semaphore_release(&semaphore, 1); /* the waiter has it, and has not run yet */
    cr_assert_eq(wok_semaphore_try_acquire(&semaphore, 1), -EAGAIN);
    cr_assert_eq(await_taker(&waiter), 0);
}

WOK_TEST(semaphore, forget_takes_from_what_the_head_of_the_queue_is_short_of)
{
    setup(1);
    taker_join waiter = spawn_taker(1, 2);

    cr_assert_eq(wok_semaphore_forget(&semaphore, 1), 1);
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(wok_yield(), 0);
    cr_assert(is_waiting(&waiter));
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(await_taker(&waiter), 0);
}

/* ---- close -------------------------------------------------------------------------------------- */

/* P1 */
WOK_TEST(semaphore, closing_fails_all_waiters_and_later_acquires)
{
    setup(1);
    taker_join takers[] = {spawn_taker(0, 2), spawn_taker(1, 1)};

    wok_semaphore_close(&semaphore);
    cr_assert(wok_semaphore_is_closed(&semaphore));
    cr_assert_eq(await_taker(&takers[0]), -EPIPE);
    cr_assert_eq(await_taker(&takers[1]), -EPIPE);
    cr_assert_eq(wok_semaphore_acquire(&semaphore, 1), -EPIPE, "although one is free");
    cr_assert_eq(wok_semaphore_try_acquire(&semaphore, 1), -EPIPE);
    wok_semaphore_close(&semaphore);
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(wok_semaphore_available(&semaphore), 2);
    cr_assert_eq(wok_semaphore_forget(&semaphore, 1), 1);
}

WOK_TEST(semaphore, who_was_handed_a_permit_before_the_close_has_it)
{
    setup(0);
    taker_join taker = spawn_taker(1, 1);

    wok_semaphore_release(&semaphore, 1);
    wok_semaphore_close(&semaphore);
    cr_assert_eq(await_taker(&taker), 0);
}

WOK_TEST(semaphore, who_is_told_of_the_close_and_aborted_gives_nothing_back)
{
    setup(0);
    taker_join taker = spawn_taker(1, 1);

    wok_semaphore_close(&semaphore);
    wok_join_abort(&taker.join);
    cr_assert_eq(await_taker(&taker), -ECANCELED);
    cr_assert_eq(wok_semaphore_available(&semaphore), 0);
}

/* ---- leaving the queue --------------------------------------------------------------------------- */

WOK_TEST(semaphore, a_deadline_leaves_the_queue_and_takes_nothing)
{
    setup(1);
    wok_instant start = wok_now();

    cr_assert_eq(wok_semaphore_acquire_until(&semaphore, 2, wok_after(wok_ms(30))), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    cr_assert_eq(wok_semaphore_available(&semaphore), 1);
    cr_assert_eq(wok_semaphore_try_acquire(&semaphore, 1), 0, "nobody waits any more");
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(wok_semaphore_acquire_until(&semaphore, 1, wok_now()), 0,
                 "what is free wins over a deadline that has passed");
}

WOK_TEST(semaphore, an_aborted_waiter_at_the_head_lets_those_behind_it_go_on)
{
    setup(1);
    taker_join greedy = spawn_taker(5, 5), modest = spawn_taker(1, 1);

    cr_assert(is_waiting(&modest));
    wok_join_abort(&greedy.join);
    cr_assert_eq(await_taker(&greedy), -ECANCELED);
    cr_assert_eq(await_taker(&modest), 0);
    cr_assert_eq(wok_semaphore_available(&semaphore), 0);
}

WOK_TEST(semaphore, permits_handed_to_an_aborted_waiter_go_to_the_next)
{
    setup(0);
    taker_join first = spawn_taker(1, 2), second = spawn_taker(2, 2);

    wok_semaphore_release(&semaphore, 2);
    wok_join_abort(&first.join); /* it was handed both, and has not run */
    cr_assert_eq(await_taker(&first), -ECANCELED);
    cr_assert_eq(await_taker(&second), 0);
    cr_assert_eq(wok_semaphore_available(&semaphore), 0);
}

WOK_TEST(semaphore, a_losing_branch_of_a_select_takes_nothing)
{
    setup(1);
    int code;
    wok_op branches[] = {
        wok_semaphore_acquire_op(&semaphore, 2),
        wok_sleep_op(wok_ms(1)),
    };

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    cr_assert_eq(wok_semaphore_available(&semaphore), 1);

    wok_semaphore_release(&semaphore, 1);
    wok_op again[] = {
        wok_sleep_op(wok_ms(1)),
        wok_semaphore_acquire_op(&semaphore, 2),
    };
    cr_assert_eq(wok_select(again, 2, WOK_SELECT_BIASED, &code), 1);
    cr_assert_eq(code, 0);
    cr_assert_eq(wok_semaphore_available(&semaphore), 0);
}

WOK_TEST(semaphore, an_operation_that_was_never_polled_had_no_effect)
{
    setup(1);
    wok_op op = wok_semaphore_acquire_op(&semaphore, 1);

    wok_op_drop(&op);
    cr_assert_eq(wok_semaphore_available(&semaphore), 1);
}

WOK_TEST(semaphore, who_is_aborted_and_handed_a_permit_in_one_wake_takes_nothing)
{
    setup(0);
    taker_join taker = spawn_taker(1, 1);

    wok_join_abort(&taker.join);
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(await_taker(&taker), -ECANCELED);
    cr_assert_eq(wok_semaphore_available(&semaphore), 1);
}

WOK_TASK(takes_when_aborted, int, int);

static int takes_when_aborted(int *args, int *result)
{
    (void)args;
    cr_assert_eq(wok_sleep(wok_seconds(1)), -ECANCELED);
    *result = wok_semaphore_acquire(&semaphore, 1);
    return 0;
}

WOK_TEST(semaphore, an_aborted_caller_takes_nothing_although_permits_are_free)
{
    setup(1);
    takes_when_aborted_join join = wok_spawn(takes_when_aborted, 0);
    int code = 1;

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(takes_when_aborted_await(&join, &code, NULL), 0);
    cr_assert_eq(code, -ECANCELED);
    cr_assert_eq(wok_semaphore_available(&semaphore), 1);
}

/* ---- guards -------------------------------------------------------------------------------------- */

WOK_TASK(panics_with_permits, int, int);

static int panics_with_permits(int *args, int *result)
{
    (void)args;
    *result = 0;
    WOK_ACQUIRE(&semaphore, 2)
    {
        cr_assert_eq(wok_semaphore_available(&semaphore), 1);
        wok_panic("with two permits");
    }
    return 0;
}

WOK_TEST(semaphore, a_panic_gives_the_permits_of_its_block_back)
{
    setup(3);
    panics_with_permits_join join = wok_spawn(panics_with_permits, 0);

    cr_assert_eq(panics_with_permits_await(&join, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(wok_semaphore_available(&semaphore), 3);
}

WOK_TEST(semaphore, a_block_gives_its_permits_back_however_it_is_left)
{
    int error = 1, rounds = 0;

    setup(3);
    WOK_ACQUIRE(&semaphore, 2, &error)
    {
        cr_assert_eq(wok_semaphore_available(&semaphore), 1);
        rounds++;
    }
    cr_assert_eq(error, 0);
    cr_assert_eq(wok_semaphore_available(&semaphore), 3);
    WOK_ACQUIRE(&semaphore, 3)
    {
        rounds++;
        break;
    }
    cr_assert_eq(rounds, 2);
    cr_assert_eq(wok_semaphore_available(&semaphore), 3);
    wok_semaphore_close(&semaphore);
    WOK_ACQUIRE(&semaphore, 1, &error)
    {
        rounds++;
    }
    cr_assert_eq(error, -EPIPE);
    cr_assert_eq(rounds, 2, "the block is skipped");
}

/* ---- stackless tasks, budgets, plain threads -------------------------------------------------------- */

struct stackless {
    wok_op op;
    int *polls;
};

static wok_poll stackless_poll(void *self_, wok_cx *cx, void *result)
{
    struct stackless *self = self_;

    (void)result;
    ++*self->polls;
    return wok_op_poll(&self->op, cx);
}

static void stackless_drop(void *self)
{
    wok_op_drop(&((struct stackless *)self)->op);
}

static const wok_future_vtable stackless_vtable = {
    .name = "acquires",
    .size = sizeof(struct stackless),
    .poll = stackless_poll,
    .drop = stackless_drop,
};

WOK_TEST(semaphore, a_stackless_task_polls_the_operation)
{
    setup(0);
    int polls = 0;
    struct stackless future = {wok_semaphore_acquire_op(&semaphore, 1), &polls};
    wok_join join = wok_spawn_future(&stackless_vtable, &future);

    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(polls, 1);
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(polls, 2, "one wake");
    cr_assert_eq(wok_semaphore_available(&semaphore), 0);
}

WOK_TEST(semaphore, a_stackless_task_that_is_aborted_leaves_the_queue)
{
    setup(1);
    int polls = 0;
    struct stackless future = {wok_semaphore_acquire_op(&semaphore, 2), &polls};
    wok_join join = wok_spawn_future(&stackless_vtable, &future);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join);
    cr_assert_eq(wok_join_await(&join, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(wok_semaphore_try_acquire(&semaphore, 1), 0);
}

static int code_of_stackless;

static wok_poll waits_in_a_poll(void *self, wok_cx *cx, void *result)
{
    (void)self, (void)cx, (void)result;
    code_of_stackless = wok_semaphore_acquire(&semaphore, 1);
    return WOK_READY;
}

static const wok_future_vtable waits_vtable = {
    .name = "waits in a poll",
    .size = 1,
    .poll = waits_in_a_poll,
};

WOK_TEST(semaphore, refuses_to_wait_in_a_stackless_task_even_if_it_need_not)
{
    char self = 0;

    setup(1);
    wok_join join = wok_spawn_future(&waits_vtable, &self);
    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(code_of_stackless, -EDEADLK);
    cr_assert_eq(wok_semaphore_available(&semaphore), 1);
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

WOK_TEST(semaphore, a_task_that_never_has_to_wait_lets_others_run)
{
    setup(1);
    other_ran = false;
    other_join join = wok_spawn(other, 0);
    int rounds = 0;

    while (!other_ran) {
        cr_assert_lt(rounds++, 1000);
        cr_assert_eq(wok_semaphore_acquire(&semaphore, 1), 0);
        wok_semaphore_release(&semaphore, 1);
    }
    cr_assert_geq(rounds, 100, "a budget of 128 operations");
    cr_assert_eq(other_await(&join, NULL, NULL), 0);
}

static void *thread_acquires(void *argument)
{
    *(int *)argument = wok_semaphore_acquire(&semaphore, 2);
    wok_semaphore_release(&semaphore, 2);
    return NULL;
}

Test(semaphore, a_plain_thread_blocks, .timeout = 20)
{
    pthread_t thread;
    int code = 1;

    setup(1);
    cr_assert_eq(pthread_create(&thread, NULL, thread_acquires, &code), 0);
    while (wok_semaphore_try_acquire(&semaphore, 1) == 0) {
        wok_semaphore_release(&semaphore, 1); /* until it waits, and nobody may overtake it */
        sched_yield();
    }
    wok_semaphore_release(&semaphore, 1);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(code, 0);
    cr_assert_eq(wok_semaphore_available(&semaphore), 2);
}

Test(semaphore, a_plain_thread_waits_until_its_deadline, .timeout = 20)
{
    setup(1);
    cr_assert_eq(wok_semaphore_acquire_until(&semaphore, 2, wok_after(wok_ms(5))), -ETIMEDOUT);
    cr_assert_eq(wok_semaphore_try_acquire(&semaphore, 1), 0);
}
