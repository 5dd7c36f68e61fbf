/*
 * check_deque.c - the promises of a worker's deque of new children (runtime/sched/deque.c).
 *
 * model sources: sched/deque.c sched/deque.h
 * model defines: -DWOK__DEQUE_CAPACITY=2
 *
 * Each task comes out exactly once, whoever takes it sees what was written before it was pushed, and
 * none is lost.  A capacity of two makes the slots be used again at once.
 */
#include <string.h>

#include "model.h"

#include "sched/deque.h"

enum { TASKS = 6 };

static struct wok__deque deque;
static struct payload {
    uint32_t written;
    uint32_t runs;
} payloads[TASKS];

static void begin(uint64_t position)
{
    memset(payloads, 0, sizeof payloads);
    store_relaxed(&deque.top, position);
    store_relaxed(&deque.bottom, position);
    for (unsigned i = 0; i < WOK__DEQUE_CAPACITY; i++)
        store_relaxed(&deque.slots[i], NULL);
}

/* The slots as plain memory that is handed over: where nobody but the thief moves the top, what it reads
 * it also gets.  In the other checks it may read a slot that was filled again, and then loses the race
 * for the top. */
static void make_slots_exclusive(void)
{
    for (unsigned i = 0; i < WOK__DEQUE_CAPACITY; i++)
        model_exclusive(&deque.slots[i]);
}

static void run(struct wok_task *task)
{
    struct payload *payload = (struct payload *)task;

    model_plain_read(&payload->written);
    model_assert(payload->written == 1);
    model_plain_write(&payload->runs);
    model_assert(++payload->runs == 1);
}

static void push(unsigned number)
{
    struct wok_task *task = (struct wok_task *)&payloads[number];

    model_plain_write(&payloads[number].written);
    payloads[number].written = 1;
    if (!wok__deque_push(&deque, task))
        run(task); /* the ring of the worker takes it */
}

static bool take(void)
{
    struct wok_task *task = wok__deque_take(&deque);

    if (task != NULL)
        run(task);
    return task != NULL;
}

static bool steal(void)
{
    struct wok_task *task = wok__deque_steal(&deque);

    if (task != NULL)
        run(task);
    return task != NULL;
}

static void finish(void)
{
    while (take())
        ;
    model_assert(wok__deque_length(&deque) == 0);
    for (unsigned i = 0; i < TASKS; i++)
        model_assert(payloads[i].runs == payloads[i].written);
}

static void setup_empty(void)
{
    begin(0);
}

/* The counters wrap around in the middle of the check. */
static void setup_two(void)
{
    begin(UINT64_MAX - 1);
    push(0);
    push(1);
}

static void setup_exclusive(void)
{
    setup_two();
    make_slots_exclusive();
}

static void setup_one(void)
{
    begin(0);
    push(0);
}

static void thief(void)
{
    steal();
}

static void thief_twice(void)
{
    steal();
    steal();
}

static void owner_pushes_and_takes(void)
{
    push(2);
    push(3);
    take();
    take();
}

static void owner_takes_and_pushes(void)
{
    take();
    push(2);
    push(3);
    take();
}

static void owner_pushes(void)
{
    push(2);
    push(3);
    push(4);
}

static void owner_takes_all(void)
{
    take();
    take();
    take();
}

/* The thief may take the only one between the owner's two looks; the next push must find room. */
static void owner_takes_one_and_pushes(void)
{
    take();
    model_plain_write(&payloads[2].written);
    payloads[2].written = 1;
    model_assert(wok__deque_push(&deque, (struct wok_task *)&payloads[2]));
}

/* Pushes, takes the newest back, and leaves the rest to a thief: whose bottom does that see? */
static void owner_takes_the_newest(void)
{
    push(2);
    push(3);
    take();
}

/* Nobody steals: the newest comes first. */
static void owner_alone(void)
{
    push(0);
    push(1);
    model_assert(wok__deque_take(&deque) == (struct wok_task *)&payloads[1]);
    run((struct wok_task *)&payloads[1]);
    model_assert(wok__deque_take(&deque) == (struct wok_task *)&payloads[0]);
    run((struct wok_task *)&payloads[0]);
    model_assert(wok__deque_take(&deque) == NULL);
    push(2);
    push(3);
    model_assert(wok__deque_steal(&deque) == (struct wok_task *)&payloads[2]);
    run((struct wok_task *)&payloads[2]);
    model_assert(wok__deque_length(&deque) == 1);
    push(4);
    model_assert(!wok__deque_push(&deque, (struct wok_task *)&payloads[5]));
}

int main(int argc, char **argv)
{
    static const struct model_check checks[] = {
        {.name = "alone", .setup = setup_empty, .threads = {owner_alone}, .finish = finish},
        {.name = "one_task_two_takers",
         .setup = setup_one,
         .threads = {owner_takes_all, thief},
         .finish = finish},
        {.name = "a_push_after_a_lost_race",
         .setup = setup_one,
         .threads = {owner_takes_one_and_pushes, thief},
         .finish = finish},
        {.name = "push_take_steal",
         .setup = setup_empty,
         .threads = {owner_pushes_and_takes, thief_twice},
         .finish = finish},
        {.name = "newest_back_oldest_stolen",
         .setup = setup_empty,
         .threads = {owner_takes_the_newest, thief_twice},
         .finish = finish},
        {.name = "slots_are_not_filled_too_early",
         .setup = setup_exclusive,
         .threads = {owner_pushes, thief_twice},
         .finish = finish},
        {.name = "reuse_of_slots",
         .setup = setup_two,
         .threads = {owner_takes_and_pushes, thief_twice},
         .finish = finish},
        {.name = "two_thieves",
         .setup = setup_two,
         .threads = {owner_takes_all, thief, thief},
         .finish = finish},
        {.name = "two_thieves_and_pushes",
         .setup = setup_one,
         .threads = {owner_pushes_and_takes, thief, thief},
         .finish = finish},
    };

    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
