/*
 * stress.h - a crowd that fights for one object, and of which one waiter in a hundred gives up.
 *
 * Stackful tasks on several workers and plain threads do one round after the other, a million in all; under
 * AddressSanitizer a tenth of that, under ThreadSanitizer a fiftieth.  A waiter gives up at once, since its
 * deadline has passed; or with a deadline, or a branch of a select, that comes before, with or after
 * its turn.
 */
#ifndef WOK_TESTS_SYNC_STRESS_H
#define WOK_TESTS_SYNC_STRESS_H

#include <errno.h>
#include <pthread.h>

#include "platform/atomic.h"
#include "support/seed.h"
#include "support/wok_test.h"

enum { WORKERS = 2, TASKS = 6, THREADS = 2, CROWD = TASKS + THREADS };

/* Rounds of each, and of all. */
#define EACH TEST_SCALE(UINT64_C(1000000) / CROWD)
#define TOTAL (EACH * CROWD)

/* What the members of the crowd have in common. */
static atomic_u64 entered; /* how often somebody got the object, */
static atomic_u64 waited;  /* did not get it at once, */
static atomic_u64 left;    /* and gave up */

/* One of the crowd. */
struct member {
    void (*round)(struct member *member);
    unsigned number;
    bool is_thread;
    struct wok__rand rand;
};

/* How a wait is made. */
enum patience { WAITS, LEAVES_AT_ONCE, LEAVES_SOON, LOSES_A_SELECT };

/* Two in a hundred may give up: one that has to wait does, the other is in a race. */
static inline enum patience patience(struct member *member)
{
    switch (wok__rand_below(&member->rand, 200)) {
    case 0:
    case 1:
        return LEAVES_AT_ONCE;
    case 2:
        return LEAVES_SOON;
    case 3:
        return LOSES_A_SELECT;
    default:
        return WAITS;
    }
}

static inline wok_instant soon(struct member *member)
{
    return wok_after(wok_us(wok__rand_below(&member->rand, 30)));
}

static inline wok_instant deadline_of(struct member *member, enum patience patience)
{
    return patience == WAITS            ? WOK_NEVER
           : patience == LEAVES_AT_ONCE ? (wok_instant){0}
                                        : soon(member);
}

/* Waits for `op`, or loses it to a timer: -ETIMEDOUT. */
static inline int wait_or_lose(wok_op op, struct member *member)
{
    int code = 0, winner;
    wok_op branches[] = {op, wok_sleep_until_op(soon(member))};

    winner = wok_select(branches, 2, WOK_SELECT_BIASED, &code);
    cr_assert_geq(winner, 0);
    return winner == 0 ? code : -ETIMEDOUT;
}

/* The code of a wait: true if it was not given up. */
static inline bool got(int code)
{
    if (code == 0) {
        fetch_add_relaxed(&entered, 1);
        return true;
    }
    cr_assert_eq(code, -ETIMEDOUT);
    fetch_add_relaxed(&left, 1);
    return false;
}

/* Lets the rest of the worker come, which then finds the object taken. */
static inline void linger(struct member *member)
{
    if (!member->is_thread && wok__rand_below(&member->rand, 64) == 0)
        cr_assert_eq(wok_yield(), 0);
}

/* ---- the crowd --------------------------------------------------------------------------------- */

static inline void do_rounds(struct member *member)
{
    for (uint64_t i = 0; i < EACH; i++)
        member->round(member);
}

WOK_TASK(member_task, struct member *, int);

static int member_task(struct member **member, int *result)
{
    *result = 0;
    do_rounds(*member);
    return 0;
}

static inline void *member_thread(void *member)
{
    do_rounds(member);
    return NULL;
}

/* Runs `round` TOTAL times. */
static inline void run_crowd(void (*round)(struct member *member))
{
    struct wok__rand seeds = test_rand();
    struct member members[CROWD];
    member_task_join joins[TASKS];
    pthread_t threads[THREADS];

    store_relaxed(&entered, 0);
    store_relaxed(&waited, 0);
    store_relaxed(&left, 0);
    for (unsigned i = 0; i < CROWD; i++) {
        members[i] = (struct member){.round = round, .number = i, .is_thread = i >= TASKS};
        wok__rand_seed(&members[i].rand, wok__rand_next(&seeds));
    }
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, member_thread, &members[TASKS + i]), 0);
    for (int i = 0; i < TASKS; i++)
        joins[i] = wok_spawn(member_task, &members[i]);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(member_task_await(&joins[i], NULL, NULL), 0);
    for (int i = 0; i < THREADS; i++) /* blocks this worker, which no task needs any more */
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}

/* Many waited, and about one in a hundred of them left; what is asked for here is below that by what
 * chance may do to the few waiters under a sanitizer. */
static inline void check_leavers(void)
{
    cr_assert_gt(load_relaxed(&waited), TOTAL / 50);
    cr_assert_gt(load_relaxed(&left), load_relaxed(&waited) / 400);
}

#endif
