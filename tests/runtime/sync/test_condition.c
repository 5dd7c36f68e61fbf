/*
 * test_condition.c - waiting under a mutex, on one worker and a paused clock: a task runs until it
 * waits, so the order of events is a fact.
 */
#include <errno.h>
#include <pthread.h>

#include "support/wok_test.h"

static wok_mutex mutex;
static wok_condition condition;
static int items;

/* Who got an item, in that order. */
static struct {
    int who[16];
    int count;
} got;

static void setup(void)
{
    mutex = (wok_mutex)WOK_MUTEX_INIT;
    condition = (wok_condition)WOK_CONDITION_INIT;
    items = got.count = 0;
}

/* Takes an item when there is one; asserts on every path that it has the mutex. */
WOK_TASK(taker, int, int);

static int taker(int *who, int *result)
{
    *result = 1;
    WOK_LOCK(&mutex, result)
    {
        while (*result == 0 && items == 0) {
            *result = wok_condition_wait(&condition, &mutex);
            cr_assert(wok_mutex_is_locked(&mutex));
        }
        if (*result == 0) {
            items--;
            got.who[got.count++] = *who;
        }
    }
    return 0;
}

static taker_join spawn_taker(int who)
{
    taker_join join = wok_spawn(taker, who);

    cr_assert_eq(wok_yield(), 0); /* it runs until it waits */
    return join;
}

static int await_taker(taker_join *join)
{
    int code = 1;

    cr_assert_eq(taker_await(join, &code, NULL), 0);
    return code;
}

static void put(int count)
{
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    items += count;
    for (int i = 0; i < count; i++)
        wok_condition_notify(&condition);
    wok_mutex_unlock(&mutex);
}

WOK_TEST(condition, of_zero_bytes_has_no_waiters)
{
    setup();
    memset(&condition, 0, sizeof condition);
    wok_condition_notify(&condition);
    wok_condition_notify_all(&condition);
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    cr_assert_eq(wok_condition_wait_until(&condition, &mutex, wok_now()), -ETIMEDOUT,
                 "nothing is stored");
    cr_assert(wok_mutex_is_locked(&mutex));
}

WOK_TEST(condition, wakes_in_the_order_of_the_waits)
{
    taker_join takers[3];

    setup();
    for (int i = 0; i < 3; i++)
        takers[i] = spawn_taker(i);
    cr_assert_not(wok_mutex_is_locked(&mutex), "who waits has unlocked");
    for (int i = 0; i < 3; i++) {
        put(1);
        cr_assert_eq(await_taker(&takers[i]), 0);
        cr_assert_eq(got.count, i + 1);
    }
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

WOK_TEST(condition, notify_all_wakes_everybody_once)
{
    taker_join takers[3];

    setup();
    for (int i = 0; i < 3; i++)
        takers[i] = spawn_taker(i);
    items = 2;
    wok_condition_notify_all(&condition);
    cr_assert_eq(await_taker(&takers[0]), 0);
    cr_assert_eq(await_taker(&takers[1]), 0);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_not(wok_join_is_finished(&takers[2].join), "it looked, and waits again");
    put(1);
    cr_assert_eq(await_taker(&takers[2]), 0);
}

/* ---- waits that end otherwise: the mutex is locked all the same ---------------------------------------- */

WOK_TEST(condition, has_the_mutex_again_when_it_is_cancelled)
{
    setup();
    taker_join aborted = spawn_taker(1);

    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    wok_join_abort(&aborted.join);
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert_not(wok_join_is_finished(&aborted.join), "it waits for the mutex");
    wok_mutex_unlock(&mutex);
    cr_assert_eq(await_taker(&aborted), -ECANCELED);
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

WOK_TEST(condition, has_the_mutex_again_at_a_deadline)
{
    wok_instant start = wok_now();

    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    cr_assert_eq(wok_condition_wait_until(&condition, &mutex, wok_after(wok_ms(3))), -ETIMEDOUT);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(3).ns);
    cr_assert(wok_mutex_is_locked(&mutex));
    WOK_TIMEOUT(wok_ms(3))
    {
        cr_assert_eq(wok_condition_wait(&condition, &mutex), -ETIMEDOUT);
        cr_assert(wok_mutex_is_locked(&mutex), "also under a deadline that covers it");
    }
    wok_mutex_unlock(&mutex);
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
}

WOK_TASK(ignores_cancel, int, int);

static int ignores_cancel(int *args, int *result)
{
    (void)args;
    *result = 0;
    WOK_LOCK(&mutex)
    {
        for (;;)
            (void)wok_condition_wait(&condition, &mutex);
    }
    return 0;
}

/* The unwind passes the wait, then the guard: the one locks what the other unlocks. */
WOK_TEST(condition, has_the_mutex_again_when_it_is_unwound_by_force)
{
    setup();
    ignores_cancel_join join = wok_spawn(ignores_cancel, 0);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(ignores_cancel_await(&join, NULL, NULL), -WOK_EJOIN);
    cr_assert_not(wok_mutex_is_locked(&mutex));
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
}

WOK_TASK(waits_when_aborted, int, int);

static int waits_when_aborted(int *args, int *result)
{
    (void)args;
    cr_assert_eq(wok_mutex_try_lock(&mutex), 0);
    cr_assert_eq(wok_sleep(wok_seconds(1)), -ECANCELED);
    *result = wok_condition_wait(&condition, &mutex);
    cr_assert(wok_mutex_is_locked(&mutex));
    wok_mutex_unlock(&mutex);
    return 0;
}

WOK_TEST(condition, keeps_the_mutex_if_the_caller_is_cancelled_already)
{
    int code = 1;

    setup();
    waits_when_aborted_join join = wok_spawn(waits_when_aborted, 0);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(waits_when_aborted_await(&join, &code, NULL), 0);
    cr_assert_eq(code, -ECANCELED);
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

/* ---- notifications are not lost ------------------------------------------------------------------------ */

WOK_TEST(condition, a_notified_waiter_that_is_aborted_passes_it_on)
{
    setup();
    taker_join first = spawn_taker(1), second = spawn_taker(2);

    put(1);
    wok_join_abort(&first.join); /* it was notified, and has not run since */
    cr_assert_eq(await_taker(&first), -ECANCELED);
    cr_assert_eq(await_taker(&second), 0);
}

/* The same after it has run, and waits for the mutex: then it has the notification, and succeeds. */
WOK_TEST(condition, who_waits_for_the_mutex_with_a_notification_succeeds_although_it_is_aborted)
{
    setup();
    taker_join first = spawn_taker(1), second = spawn_taker(2);

    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    items = 1;
    wok_condition_notify(&condition);
    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&first.join);
    cr_assert_eq(wok_yield(), 0);
    wok_mutex_unlock(&mutex);
    cr_assert_eq(await_taker(&first), 0);
    cr_assert_eq(got.who[0], 1);
    put(1);
    cr_assert_eq(await_taker(&second), 0);
}

WOK_TASK(waits_until, wok_instant, int);

static int waits_until(wok_instant *deadline, int *result)
{
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    *result = wok_condition_wait_until(&condition, &mutex, *deadline);
    wok_mutex_unlock(&mutex);
    return 0;
}

WOK_TEST(condition, who_waits_for_the_mutex_with_a_notification_succeeds_after_its_deadline)
{
    int code = 1;

    setup();
    waits_until_join join = wok_spawn(waits_until, wok_after(wok_ms(1)));
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    wok_condition_notify(&condition);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    wok_mutex_unlock(&mutex);
    cr_assert_eq(waits_until_await(&join, &code, NULL), 0);
    cr_assert_eq(code, 0);
}

/* ---- the operation ---------------------------------------------------------------------------------------- */

WOK_TEST(condition, an_operation_that_loses_leaves_the_mutex_unlocked)
{
    int code;

    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    wok_op branches[] = {wok_condition_wait_op(&condition, &mutex), wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    cr_assert_not(wok_mutex_is_locked(&mutex));

    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    wok_op unpolled = wok_condition_wait_op(&condition, &mutex);
    wok_op_drop(&unpolled);
    cr_assert(wok_mutex_is_locked(&mutex), "it was never polled");
}

WOK_TASK(notifies_and_keeps_the_mutex, int, int);

static int notifies_and_keeps_the_mutex(int *args, int *result)
{
    (void)args;
    *result = 0;
    WOK_LOCK(&mutex)
    {
        items++;
        wok_condition_notify(&condition);
        return wok_sleep(wok_ms(10));
    }
    return 0;
}

WOK_TEST(condition, an_operation_that_loses_while_it_waits_for_the_mutex_passes_its_notification_on)
{
    int code;

    setup();
    cr_assert_eq(wok_mutex_lock(&mutex), 0);
    wok_op branches[] = {wok_condition_wait_op(&condition, &mutex), wok_sleep_op(wok_ms(5))};
    taker_join other = wok_spawn(taker, 2); /* waits behind the operation */
    notifies_and_keeps_the_mutex_join notifier = wok_spawn(notifies_and_keeps_the_mutex, 0);

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), 1);
    cr_assert_eq(got.count, 0);
    cr_assert_eq(await_taker(&other), 0);
    cr_assert_eq(notifies_and_keeps_the_mutex_await(&notifier, NULL, NULL), 0);
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

/* A stackless consumer. */
struct stackless {
    int resume_line;
    wok_op op;
};

static wok_poll stackless_poll(void *self_, wok_cx *cx, void *result)
{
    struct stackless *self = self_;

    (void)result;
    WOK_ASYNC_BEGIN(self);
    self->op = wok_mutex_lock_op(&mutex);
    WOK_AWAIT(self, wok_op_poll(&self->op, cx));
    while (items == 0) {
        self->op = wok_condition_wait_op(&condition, &mutex);
        WOK_AWAIT(self, wok_op_poll(&self->op, cx));
    }
    items--;
    wok_mutex_unlock(&mutex);
    WOK_ASYNC_END;
}

static void stackless_drop(void *self)
{
    wok_op_drop(&((struct stackless *)self)->op);
}

static const wok_future_vtable stackless_vtable = {
    .name = "takes an item",
    .size = sizeof(struct stackless),
    .poll = stackless_poll,
    .drop = stackless_drop,
};

WOK_TEST(condition, a_stackless_task_polls_the_operation)
{
    setup();
    struct stackless future = {0};
    wok_join join = wok_spawn_future(&stackless_vtable, &future);

    cr_assert_eq(wok_yield(), 0);
    wok_condition_notify(&condition); /* for nothing: it waits again */
    cr_assert_eq(wok_yield(), 0);
    cr_assert_not(wok_join_is_finished(&join));
    put(1);
    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(items, 0);
    cr_assert_not(wok_mutex_is_locked(&mutex));
}

/* ---- producers and consumers on several threads -------------------------------------------------------------- */

enum { ITEMS = 2000, EACH = 2 };
static int consumed;

static void consume(void)
{
    for (int i = 0; i < ITEMS; i++) {
        WOK_LOCK(&mutex)
        {
            while (items == 0)
                cr_assert_eq(wok_condition_wait(&condition, &mutex), 0);
            items--;
            consumed++;
        }
    }
}

WOK_TASK(consumer, int, int);

static int consumer(int *args, int *result)
{
    (void)args;
    *result = 0;
    consume();
    return 0;
}

static void *thread_consumes(void *argument)
{
    (void)argument;
    consume();
    return NULL;
}

WOK_TASK(producer, int, int);

static int producer(int *args, int *result)
{
    (void)args;
    *result = 0;
    for (int i = 0; i < ITEMS; i++)
        put(1);
    return 0;
}

WOK_TEST_ON(condition, feeds_tasks_and_plain_threads_alike, 2)
{
    pthread_t threads[EACH];
    consumer_join consumers[EACH];
    producer_join producers[2 * EACH];

    setup();
    consumed = 0;
    for (int i = 0; i < EACH; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, thread_consumes, NULL), 0);
        consumers[i] = wok_spawn(consumer, 0);
    }
    for (int i = 0; i < 2 * EACH; i++)
        producers[i] = wok_spawn(producer, 0);
    for (int i = 0; i < 2 * EACH; i++)
        cr_assert_eq(producer_await(&producers[i], NULL, NULL), 0);
    for (int i = 0; i < EACH; i++)
        cr_assert_eq(consumer_await(&consumers[i], NULL, NULL), 0);
    for (int i = 0; i < EACH; i++) /* blocks this worker, which no task needs any more */
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_eq(consumed, 2 * EACH * ITEMS);
    cr_assert_eq(items, 0);
}
