/*
 * check_queue.c - the promises of a worker's run queue (runtime/sched/queue.c).
 *
 * model sources: sched/queue.c sched/queue.h
 * model defines: -DWOK__QUEUE_CAPACITY=4
 *
 * A ring of four, so that a few operations fill it and wrap around.  Each task comes out exactly once,
 * and whoever gets it sees what was written before it was pushed.  The slots are atomics that are
 * handed over like plain memory (Q3), and are checked as such: no store may overtake a load of a
 * thief that still copies.
 */
#include <string.h>

#include "model.h"

#include "sched/queue.h"

enum { TASKS = 8, RINGS = 3 };

static struct wok__queue rings[RINGS];
static struct payload {
    uint32_t written;
    uint32_t runs;
} payloads[TASKS];

static struct wok_task *task_of(unsigned number)
{
    return (struct wok_task *)&payloads[number];
}

static void begin(uint32_t position)
{
    memset(payloads, 0, sizeof payloads);
    for (unsigned i = 0; i < RINGS; i++) {
        store_relaxed(&rings[i].head, (uint64_t)position << 32 | position);
        store_relaxed(&rings[i].tail, position);
        for (unsigned j = 0; j < WOK__QUEUE_CAPACITY; j++) {
            store_relaxed(&rings[i].slots[j], NULL);
            model_exclusive(&rings[i].slots[j]);
        }
    }
}

static void run(struct wok_task *task)
{
    struct payload *payload = (struct payload *)task;

    model_plain_read(&payload->written);
    model_assert(payload->written == 1);
    model_plain_write(&payload->runs);
    model_assert(++payload->runs == 1);
}

static void prepare(unsigned number)
{
    model_plain_write(&payloads[number].written);
    payloads[number].written = 1;
}

/* What a worker does with a new task; one that does not fit goes to the injection queue, which here
 * runs what it gets. */
static void push(struct wok__queue *ring, unsigned number)
{
    prepare(number);
    if (wok__queue_push(ring, task_of(number)))
        return;

    struct wok_task *batch[WOK__QUEUE_CAPACITY / 2];
    size_t moved = wok__queue_take_half(ring, batch);
    for (size_t i = 0; i < moved; i++)
        run(batch[i]);
    if (!wok__queue_push(ring, task_of(number)))
        run(task_of(number));
}

static bool take(struct wok__queue *ring)
{
    struct wok_task *task = wok__queue_take(ring);

    if (task != NULL)
        run(task);
    return task != NULL;
}

static bool take_if_next(struct wok__queue *ring, unsigned number)
{
    bool taken = wok__queue_take_if_next(ring, task_of(number));

    if (taken)
        run(task_of(number));
    return taken;
}

static bool steal(struct wok__queue *victim, struct wok__queue *own)
{
    uint32_t moved;
    struct wok_task *task = wok__queue_steal(victim, own, &moved);

    model_assert((task != NULL) == (moved != 0));
    model_assert(moved <= WOK__QUEUE_CAPACITY / 2);
    if (task != NULL)
        run(task);
    return task != NULL;
}

/* What is left when all have stopped is still there, once. */
static void finish(void)
{
    for (unsigned i = 0; i < RINGS; i++)
        while (take(&rings[i]))
            ;
    for (unsigned i = 0; i < RINGS; i++)
        model_assert(wok__queue_length(&rings[i]) == 0);
    for (unsigned i = 0; i < TASKS; i++)
        model_assert(payloads[i].runs == payloads[i].written);
}

static void setup_empty(void)
{
    begin(0);
}

/* The counters wrap around in the middle of the check. */
static void setup_wrapping(void)
{
    begin(UINT32_MAX - 1);
}

static void setup_filled(unsigned count)
{
    begin(UINT32_MAX - 1);
    for (unsigned i = 0; i < count; i++)
        push(&rings[0], i);
}

static void setup_three(void)
{
    setup_filled(3);
}

static void setup_full(void)
{
    setup_filled(4);
}

static void thief(void)
{
    if (steal(&rings[0], &rings[1]))
        take(&rings[1]);
}

static void second_thief(void)
{
    if (steal(&rings[0], &rings[2]))
        take(&rings[2]);
}

static void thief_twice(void)
{
    thief();
    thief();
}

static void owner_pushes_and_takes(void)
{
    push(&rings[0], 0);
    push(&rings[0], 1);
    take(&rings[0]);
    push(&rings[0], 2);
    take(&rings[0]);
    take(&rings[0]);
}

/* It awaits what it pushed; what is not the oldest is not taken out of turn. */
static void owner_takes_what_it_awaits(void)
{
    push(&rings[0], 0);
    push(&rings[0], 1);
    if (take_if_next(&rings[0], 1))
        model_assert(!take_if_next(&rings[0], 0));
    else
        take_if_next(&rings[0], 0);
    push(&rings[0], 2);
    take_if_next(&rings[0], 2);
}

static void owner_takes_and_pushes(void)
{
    take(&rings[0]);
    push(&rings[0], 4);
    push(&rings[0], 5);
    take(&rings[0]);
}

static void owner_pushes_one(void)
{
    push(&rings[0], 3);
    take(&rings[0]);
}

/* The ring is full: the push waits for nobody, it moves half away or runs the task elsewhere. */
static void owner_overflows(void)
{
    push(&rings[0], 4);
    push(&rings[0], 5);
    take(&rings[0]);
}

/* A thief is an owner too: what it stole is stolen from it, while it fills the slots again. */
static void thief_of_thief(void)
{
    if (steal(&rings[1], &rings[2]))
        take(&rings[2]);
}

static void thief_and_owner(void)
{
    steal(&rings[0], &rings[1]);
    push(&rings[1], 4);
    push(&rings[1], 5);
    push(&rings[1], 6);
    steal(&rings[0], &rings[1]);
}

/* Both rings are full to begin with: the thief moves tasks into slots that its own thief reads. */
static void setup_two_full(void)
{
    setup_filled(4);
    for (unsigned i = 4; i < 8; i++)
        push(&rings[1], i);
}

static void thief_only(void)
{
    steal(&rings[0], &rings[1]);
}

static const struct model_check checks[] = {
    {.name = "owner and thief",
     .setup = setup_empty,
     .threads = {owner_pushes_and_takes, thief_twice},
     .finish = finish},
    {.name = "the owner takes what it awaits",
     .setup = setup_wrapping,
     .threads = {owner_takes_what_it_awaits, thief_twice},
     .finish = finish},
    {.name = "owner and thief, counters wrap",
     .setup = setup_wrapping,
     .threads = {owner_pushes_and_takes, thief_twice},
     .finish = finish},
    {.name = "owner and thief, slots are used again",
     .setup = setup_full,
     .threads = {owner_takes_and_pushes, thief_twice},
     .finish = finish},
    {.name = "overflow while a thief is at work",
     .setup = setup_full,
     .threads = {owner_overflows, thief_twice},
     .finish = finish},
    {.name = "owner and two thieves",
     .setup = setup_three,
     .threads = {owner_pushes_one, thief, second_thief},
     .finish = finish},
    {.name = "a thief fills the slots that another has read",
     .setup = setup_two_full,
     .threads = {thief_only, thief_of_thief},
     .finish = finish},
    {.name = "a thief is stolen from",
     .setup = setup_full,
     .threads = {thief_and_owner, thief_of_thief},
     .finish = finish},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
