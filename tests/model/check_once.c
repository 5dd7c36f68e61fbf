/*
 * check_once.c - the promises of what is done once, and of conditions (runtime/sync/).
 *
 * model sources: sync/once.c sync/condition.c
 * model links: sync/mutex.c sync/permits.c task/state.c
 */
#include <errno.h>

#include "tasks.h"

#include <wok/condition.h>
#include <wok/once.h>

static wok_once once;
static wok_mutex mutex;
static wok_condition condition;
static wok_op waiting[2];
static uint32_t made, items;

static void setup(void)
{
    tasks_setup();
    memset(&once, 0, sizeof once);
    memset(&mutex, 0, sizeof mutex);
    memset(&condition, 0, sizeof condition);
    store_relaxed(&once.state, 0);
    store_relaxed(&mutex.permits.word, 0);
    store_relaxed(&mutex.holder, NULL);
    made = items = 0;
}

/* Threads 0 and 1 wait for the condition already, in this order. */
static void setup_waiting(void)
{
    setup();
    for (unsigned i = 0; i < 2; i++) {
        wok_cx cx = {&tasks[i]};
        waiting[i] = wok_condition_wait_op(&condition, &mutex);
        model_assert(wok_mutex_try_lock(&mutex) == 0);
        model_assert(wok_op_poll(&waiting[i], &cx) == WOK_PENDING);
    }
}

int wok__await(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    (void)deadline, (void)shielded;
    return task_await_future(future, ret_result);
}

/* ---- once ----------------------------------------------------------------------------------- */

/* Whoever has the turn is alone. */
static void make(void)
{
    model_plain_read(&made);
    model_plain_write(&made);
    model_assert(made == 0);
    made = 1;
}

static int makes(void *unused)
{
    (void)unused;
    make();
    return 0;
}

static int fails(void *unused)
{
    (void)unused;
    model_plain_read(&made);
    model_plain_write(&made);
    return -EIO;
}

static void use(void)
{
    model_plain_read(&made);
    model_assert(made == 1);
}

static void caller(void)
{
    model_assert(wok_once_call_raw(&once, makes, NULL) == 0);
    use();
}

static void failing_caller(void)
{
    int code = wok_once_call_raw(&once, fails, NULL);

    model_assert(code == 0 || code == -EIO);
    if (code == 0)
        use();
}

static void looker(void)
{
    if (wok_once_is_done(&once))
        use();
}

static void gives_up(void)
{
    bool turn = false;

    if (task_give_up(wok_once_begin_op(&once, &turn)) == WOK_PENDING)
        return;
    if (turn)
        wok_once_failed(&once);
    else
        use();
}

static void finish_done(void)
{
    model_assert(wok_once_is_done(&once));
    model_assert(once.waiters.first == NULL);
}

static void finish_not_done(void)
{
    model_assert(!wok_once_is_done(&once));
    model_assert(once.waiters.first == NULL);
    bool turn = false;
    wok_op op = wok_once_begin_op(&once, &turn);
    model_assert(task_poll(&op) == 0 && turn);
}

/* ---- conditions --------------------------------------------------------------------------------- */

static void take_item(void)
{
    model_plain_read(&items);
    model_plain_write(&items);
    items--;
}

static void consumer(void)
{
    model_assert(wok_mutex_lock(&mutex) == 0);
    for (;;) {
        model_plain_read(&items);
        if (items > 0)
            break;
        model_assert(wok_condition_wait(&condition, &mutex) == 0);
    }
    take_item();
    wok_mutex_unlock(&mutex);
}

static void put_item(void)
{
    model_assert(wok_mutex_lock(&mutex) == 0);
    model_plain_read(&items);
    model_plain_write(&items);
    items++;
    wok_mutex_unlock(&mutex);
}

static void producer(void)
{
    put_item();
    wok_condition_notify(&condition);
}

static void notifier(void)
{
    model_assert(wok_mutex_lock(&mutex) == 0);
    wok_condition_notify(&condition);
    wok_mutex_unlock(&mutex);
}

/* Leaves, perhaps with a notification, perhaps while it gets the mutex back. */
static void waits_not_for_long(void)
{
    wok_poll code = task_poll(&waiting[0]);

    task_drop(&waiting[0]);
    if (code == WOK_PENDING)
        return;
    wok_mutex_unlock(&mutex);
    wok_condition_notify(&condition); /* what it was woken for is the next one's */
}

static void waits(void)
{
    model_assert(task_await_polled(&waiting[model_self()], WOK_PENDING) == 0);
    wok_mutex_unlock(&mutex);
}

static void notifies_all(void)
{
    wok_condition_notify_all(&condition);
}

static void finish_consumed(void)
{
    model_assert(items == 0);
    model_assert(load_relaxed(&mutex.permits.word) == 0);
    model_assert(condition.waiters.first == NULL);
}

static const struct model_check checks[] = {
    {.name = "one makes it, all use it",
     .setup = setup,
     .threads = {caller, caller, looker},
     .finish = finish_done},
    {.name = "a failure is the next one's turn",
     .setup = setup,
     .threads = {failing_caller, caller},
     .finish = finish_done},
    {.name = "a turn given to one who gives up goes to the next",
     .setup = setup,
     .threads = {failing_caller, gives_up, caller},
     .finish = finish_done},
    {.name = "a turn given to one who gives up, and nobody else",
     .setup = setup,
     .threads = {failing_caller, gives_up},
     .finish = finish_not_done},
    {.name = "a notified consumer finds the item",
     .setup = setup,
     .threads = {consumer, producer},
     .finish = finish_consumed},
    {.name = "all are notified",
     .setup = setup_waiting,
     .threads = {waits, waits, notifies_all},
     .finish = finish_consumed},
    {.name = "one who is notified and gives up wakes the next",
     .setup = setup_waiting,
     .threads = {waits_not_for_long, waits, notifier},
     .finish = finish_consumed},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
