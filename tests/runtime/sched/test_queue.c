/*
 * test_queue.c - the run queue against a model that is obviously right, and under real threads.
 */
#include <pthread.h>
#include <stdlib.h>

#include "support/seed.h"
#include "support/test.h"

#include "sched/queue.h"
#include "util/rand.h"

#define TASK(number) ((struct wok_task *)(uintptr_t)((number)*16))
#define NUMBER(task) ((uintptr_t)(task) / 16)

Test(queue, agrees_with_a_model_under_random_operations)
{
    static struct wok__queue queue;
    struct wok__rand rand = test_rand();
    uintptr_t pushed = 0, taken = 0;

    for (int step = 0; step < 200000; step++) {
        if (wok__rand_below(&rand, 100) < 52) {
            bool fits = pushed - taken < WOK__QUEUE_CAPACITY;
            cr_assert_eq(wok__queue_push(&queue, TASK(pushed + 1)), fits);
            pushed += fits;
        } else {
            struct wok_task *want = taken < pushed ? TASK(taken + 1) : NULL;
            cr_assert_eq(wok__queue_take(&queue), want);
            taken += want != NULL;
        }
        cr_assert_eq(wok__queue_length(&queue), pushed - taken);
    }
}

Test(queue, a_full_ring_gives_its_older_half)
{
    static struct wok__queue queue;
    struct wok_task *batch[WOK__QUEUE_CAPACITY / 2];

    for (uintptr_t i = 1; i <= WOK__QUEUE_CAPACITY - 1; i++)
        cr_assert(wok__queue_push(&queue, TASK(i)));
    cr_assert_eq(wok__queue_take_half(&queue, batch), 0, "it is not full");
    cr_assert(wok__queue_push(&queue, TASK(WOK__QUEUE_CAPACITY)));
    cr_assert_eq(wok__queue_push(&queue, TASK(1)), false);
    cr_assert_eq(wok__queue_take_half(&queue, batch), WOK__QUEUE_CAPACITY / 2);
    for (uintptr_t i = 0; i < WOK__QUEUE_CAPACITY / 2; i++)
        cr_assert_eq(NUMBER(batch[i]), i + 1);
    cr_assert_eq(NUMBER(wok__queue_take(&queue)), WOK__QUEUE_CAPACITY / 2 + 1);
}

Test(queue, a_thief_takes_half_and_keeps_the_order)
{
    static struct wok__queue victim, own;
    uint32_t moved;

    cr_assert_null(wok__queue_steal(&victim, &own, &moved));
    for (uintptr_t i = 1; i <= 9; i++)
        cr_assert(wok__queue_push(&victim, TASK(i)));
    cr_assert_eq(NUMBER(wok__queue_steal(&victim, &own, &moved)), 5);
    cr_assert_eq(moved, 5);
    for (uintptr_t i = 1; i <= 4; i++)
        cr_assert_eq(NUMBER(wok__queue_take(&own)), i);
    cr_assert_null(wok__queue_take(&own));
    for (uintptr_t i = 6; i <= 9; i++)
        cr_assert_eq(NUMBER(wok__queue_take(&victim)), i);
}

Test(queue, a_thief_whose_own_ring_is_half_full_takes_nothing)
{
    static struct wok__queue victim, own;
    uint32_t moved;

    cr_assert(wok__queue_push(&victim, TASK(1)));
    for (uintptr_t i = 0; i <= WOK__QUEUE_CAPACITY / 2; i++)
        cr_assert(wok__queue_push(&own, TASK(2 + i)));
    cr_assert_null(wok__queue_steal(&victim, &own, &moved));
    cr_assert_eq(wok__queue_length(&victim), 1);
}

/* ---- an owner and two thieves ------------------------------------------------------------------- */

enum { TASKS = 300000, THIEVES = 2 };

static struct wok__queue shared;
static atomic_u32 seen[TASKS + 1];
static atomic_u32 finished;

static void see(struct wok_task *task)
{
    cr_assert_eq(fetch_add_relaxed(&seen[NUMBER(task)], 1), 0, "a task came out twice");
}

static void *steal_until_finished(void *argument)
{
    struct wok__queue *own = argument;
    uint32_t moved;

    while (load_acquire(&finished) == 0 || wok__queue_length(&shared) != 0) {
        struct wok_task *task = wok__queue_steal(&shared, own, &moved);
        for (; task != NULL; task = wok__queue_take(own))
            see(task);
    }
    return NULL;
}

Test(queue, loses_and_doubles_nothing_between_an_owner_and_thieves, .timeout = 120)
{
    static struct wok__queue own[THIEVES];
    pthread_t threads[THIEVES];

    for (int i = 0; i < THIEVES; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, steal_until_finished, &own[i]), 0);
    for (uintptr_t next = 1; next <= TASKS; next++) {
        while (!wok__queue_push(&shared, TASK(next))) {
            struct wok_task *task = wok__queue_take(&shared);
            if (task != NULL)
                see(task);
        }
        if (next % 3 == 0) {
            struct wok_task *task = wok__queue_take(&shared);
            if (task != NULL)
                see(task);
        }
    }
    store_release(&finished, 1);
    for (struct wok_task *task; (task = wok__queue_take(&shared)) != NULL;)
        see(task);
    for (int i = 0; i < THIEVES; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    for (uintptr_t i = 1; i <= TASKS; i++)
        cr_assert_eq(load_relaxed(&seen[i]), 1, "task %zu came out %u times", (size_t)i,
                     load_relaxed(&seen[i]));
}
