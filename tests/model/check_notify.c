/*
 * check_notify.c - the promises of notifications and of a barrier (runtime/sync/).
 *
 * model sources: sync/notify.c sync/barrier.c
 * model links: task/state.c
 *
 * A notification that gets lost is a task that sleeps for ever; what it is about is plain or relaxed
 * data, which has to be seen by whoever is notified.
 */
#include "tasks.h"

#include <wok/barrier.h>
#include <wok/notify.h>

int wok__await(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    (void)deadline, (void)shielded;
    return task_await_future(future, ret_result);
}

static wok_notify notify;
static wok_barrier barrier;
static wok_op early; /* built before the threads begin */
static uint32_t data[3];
static atomic_u32 flag;
static unsigned ready[MODEL_MAX_THREADS], leaders;

static void setup(void)
{
    tasks_setup();
    memset(&notify, 0, sizeof notify);
    memset(&barrier, 0, sizeof barrier);
    memset(data, 0, sizeof data);
    memset(ready, 0, sizeof ready);
    barrier.parties = 2;
    leaders = 0;
    store_relaxed(&flag, 0);
    store_relaxed(&notify.broadcasts, 0);
    early = wok_notify_op(&notify);
}

static void finish(void)
{
    model_assert(notify.waiters.first == NULL);
    model_assert(!notify.stored);
}

static void write_data(void)
{
    model_plain_write(&data[0]);
    data[0] = 1;
}

static void read_data(void)
{
    model_plain_read(&data[0]);
    model_assert(data[0] == 1);
}

/* ---- one -------------------------------------------------------------------------------------- */

static void notifier(void)
{
    write_data();
    wok_notify_one(&notify);
}

static void notifies_last(void)
{
    write_data();
    wok_notify_last(&notify);
}

static void waiter(void)
{
    model_assert(wok_notify_wait(&notify) == 0);
    read_data();
    ready[model_self()]++;
}

/* What it gets it gives to the next. */
static void gives_up(void)
{
    if (task_give_up(wok_notify_op(&notify)) == 0)
        wok_notify_one(&notify);
}

static void notifies_twice(void)
{
    notifier();
    wok_notify_one(&notify);
}

/* One of two notifications may have been stored when the other came, but never beside a waiter. */
static void finish_one_at_least(void)
{
    model_assert(ready[0] + ready[1] >= 1);
    model_assert((notify.waiters.first == NULL) == (ready[0] + ready[1] == 2));
    model_assert(!notify.stored);
}

/* ---- all -------------------------------------------------------------------------------------- */

static void broadcaster(void)
{
    write_data();
    store_relaxed(&flag, 1);
    wok_notify_waiters(&notify);
}

static void early_waiter(void)
{
    model_assert(task_await(&early) == 0);
    read_data();
}

/* Builds the operation, looks, and only then waits. */
static void looks_and_waits(void)
{
    wok_op op = wok_notify_op(&notify);

    if (load_relaxed(&flag) == 0)
        model_assert(task_await(&op) == 0);
}

/* A broadcast that reached one who leaves is nobody else's. */
static void gives_up_early(void)
{
    (void)task_give_up(early);
}

/* ---- a barrier ----------------------------------------------------------------------------- */

static void setup_three(void)
{
    setup();
    barrier.parties = 3;
}

/* Is polled once more than it is woken. */
static void party(void)
{
    bool leader;
    wok_op op = wok_barrier_wait_op(&barrier, &leader);
    wok_poll code;

    model_plain_write(&data[model_self()]);
    data[model_self()] = 1;
    code = task_poll(&op);
    if (code == WOK_PENDING)
        code = task_poll(&op);
    model_assert(task_await_polled(&op, code) == 0);
    leaders += leader;
    ready[model_self()]++;
}

static void party_of_three(void)
{
    party();
    for (unsigned i = 0; i < 3; i++) {
        model_plain_read(&data[i]);
        model_assert(data[i] == 1);
    }
}

static void party_gives_up(void)
{
    bool leader = false;

    (void)task_give_up(wok_barrier_wait_op(&barrier, &leader));
    leaders += leader;
}

/* As a branch of a select: it waits only after it has been taken back once. */
static void party_of_a_select(void)
{
    bool leader = true;
    wok_op op = wok_barrier_wait_op(&barrier, &leader);
    wok_poll code = task_poll(&op);

    if (code == WOK_PENDING && !op.vtable->take_back(&op)) {
        model_assert(!leader);
        task_drop(&op);
    } else {
        model_assert(task_await_polled(&op, code == WOK_PENDING ? task_poll(&op) : code) == 0);
        leaders += leader;
    }
    ready[model_self()]++;
}

/* As one that loses: told that it has not arrived, it has not. */
static void party_that_loses(void)
{
    static wok_op op;
    static bool leader;

    op = wok_barrier_wait_op(&barrier, &leader);
    leader = false;
    if (task_poll(&op) != WOK_PENDING || !op.vtable->take_back(&op))
        ready[model_self()]++;
    task_drop(&op);
    leaders += leader;
}

static void finish_round(void)
{
    model_assert(leaders == 1);
    model_assert(barrier.arrived == 0);
    model_assert(barrier.waiters.first == NULL);
}

static void finish_barrier(void)
{
    model_assert(leaders == 1);
    model_assert(barrier.arrived == 2 - ready[0] - ready[1]); /* who is not through sleeps in it */
    model_assert((barrier.waiters.first == NULL) == (barrier.arrived == 0));
}

static void finish_losers(void)
{
    model_assert(ready[0] + ready[1] + ready[2] == 2 * leaders);
    model_assert(barrier.arrived == 2 - ready[0] - ready[1]); /* who is not through sleeps in it */
}

static const struct model_check checks[] = {
    {.name = "a notification comes with what it is about",
     .setup = setup,
     .threads = {notifier, waiter},
     .finish = finish},
    {.name = "two notifications and two waiters",
     .setup = setup,
     .threads = {waiter, waiter, notifies_twice},
     .finish = finish_one_at_least,
     .ends_asleep = true},
    {.name = "one who gives up passes it on",
     .setup = setup,
     .threads = {notifier, gives_up, waiter},
     .finish = finish},
    {.name = "also if it was the last who was notified",
     .setup = setup,
     .threads = {notifies_last, gives_up, waiter},
     .finish = finish},
    {.name = "a broadcast reaches what was built before it",
     .setup = setup,
     .threads = {broadcaster, early_waiter, looks_and_waits},
     .finish = finish},
    {.name = "a broadcast is not passed on",
     .setup = setup,
     .threads = {broadcaster, gives_up_early},
     .finish = finish},
    {.name = "who meets at a barrier sees what the others did",
     .setup = setup_three,
     .threads = {party_of_three, party_of_three, party_of_three},
     .finish = finish_round},
    {.name = "an arrival is taken back or counts",
     .setup = setup,
     .threads = {party, party, party_gives_up},
     .finish = finish_barrier,
     .ends_asleep = true},
    {.name = "an arrival is taken back and made again",
     .setup = setup,
     .threads = {party, party_of_a_select},
     .finish = finish_round},
    {.name = "who loses is told whether its round counted it",
     .setup = setup,
     .threads = {party, party, party_that_loses},
     .finish = finish_losers,
     .ends_asleep = true},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
