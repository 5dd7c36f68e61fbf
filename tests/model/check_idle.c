/*
 * check_idle.c - the promises of the parking protocol (runtime/sched/idle.c).
 *
 * model sources: sched/idle.c sched/idle.h
 *
 * Whoever pushes a task makes it visible with a relaxed store and notifies; a worker looks for tasks
 * with relaxed loads, and sleeps on a model_event when idle.c lets it.  So whatever makes one side
 * see the other comes from the protocol's fences.  A run ends when
 * everybody sleeps, and then no task may be left behind.
 *
 * The worker here is the loop of sched/worker.c without what does not concern sleeping.
 */
#include "model.h"

#include "sched/idle.h"

enum { TASKS = 4, WORKERS = 3 };
enum { NOT_PUSHED, PUSHED, TAKEN };

static struct wok__idle idle;
static atomic_u32 tasks[TASKS];
static struct model_event parked[WORKERS];
static struct model_event has_run[TASKS];

static atomic_u32 inbox; /* a task that only worker 0 may run */

/* Constant in a run. */
static unsigned task_count, worker_count;
static void (*bodies[TASKS])(void);
static bool awaited[TASKS];
static bool uses_inbox;

static void unpark(int worker)
{
    model_assert(worker < (int)worker_count);
    if (worker >= 0)
        model_event_set(&parked[worker]);
}

static void push(unsigned task)
{
    store_relaxed(&tasks[task], PUSHED);
    unpark(wok__idle_notify(&idle));
}

/* A task for worker 0 alone. */
static void push_inbox(void)
{
    store_relaxed(&inbox, PUSHED);
    if (wok__idle_is_asleep(&idle, 0))
        unpark(0);
}

static bool any_inbox(unsigned me)
{
    return uses_inbox && me == 0 && load_relaxed(&inbox) == PUSHED;
}

static bool any_task(void)
{
    for (unsigned i = 0; i < task_count; i++)
        if (load_relaxed(&tasks[i]) == PUSHED)
            return true;
    return false;
}

static int take(void)
{
    for (unsigned i = 0; i < task_count; i++) {
        uint32_t seen = PUSHED;
        if (load_relaxed(&tasks[i]) == PUSHED && cas_relaxed(&tasks[i], &seen, TAKEN))
            return (int)i;
    }
    return -1;
}

static void run(int task)
{
    if (bodies[task] != NULL)
        bodies[task]();
    if (awaited[task])
        model_event_set(&has_run[task]);
}

/*
 * After each step all that the worker knows is where it stands and these few bits; saying so keeps the
 * number of states down.
 */
enum step { LOOP, SEARCH, PARK, SEEN, PARKED, AWAKE, FOUND };

static void forget(enum step step, int task, bool flag)
{
    model_forget((uint64_t)step << 16 | (uint64_t)(task + 1) << 8 | flag);
}

/* Sleeps until there may be work; true: as a searcher. */
static bool park(unsigned me, bool searching)
{
    bool last = wok__idle_sleep(&idle, me, searching);

    forget(PARK, -1, last);
    if (last && any_task()) {
        forget(SEEN, -1, false);
        return wok__idle_awake(&idle, me) || wok__idle_search(&idle);
    }
    if (!any_inbox(me)) {
        forget(PARKED, -1, false);
        model_event_wait(&parked[me]);
    }
    forget(AWAKE, -1, false);
    return wok__idle_awake(&idle, me);
}

static void work(unsigned me, bool searching)
{
    for (;;) {
        forget(LOOP, -1, searching);
        if (any_inbox(me)) {
            store_relaxed(&inbox, TAKEN);
            continue;
        }
        int task = take();

        if (task < 0 && !searching) {
            searching = wok__idle_search(&idle);
            forget(SEARCH, -1, searching);
            if (searching)
                task = take();
        }
        if (task < 0) {
            searching = park(me, searching);
            continue;
        }
        forget(FOUND, task, searching);
        if (searching)
            unpark(wok__idle_found(&idle));
        searching = false;
        run(task);
    }
}

static void worker(void)
{
    work(model_self(), false);
}

/* A worker that sleeps when the check begins: setup has announced it. */
static void sleeping_worker(void)
{
    model_event_wait(&parked[model_self()]);
    work(model_self(), wok__idle_awake(&idle, model_self()));
}

static void setup(unsigned with_workers, unsigned with_tasks)
{
    worker_count = with_workers;
    task_count = with_tasks;
    uses_inbox = false;
    store_relaxed(&inbox, NOT_PUSHED);
    wok__idle_init(&idle, with_workers);
    for (unsigned i = 0; i < TASKS; i++) {
        store_relaxed(&tasks[i], NOT_PUSHED);
        bodies[i] = NULL;
        awaited[i] = false;
    }
}

/* Everybody sleeps. */
static void finish(void)
{
    model_assert(!uses_inbox || load_relaxed(&inbox) == TAKEN);
    for (unsigned i = 0; i < task_count; i++)
        model_assert(load_relaxed(&tasks[i]) == TAKEN);
}

static void setup_one_one(void)
{
    setup(1, 1);
}

static void setup_one_two(void)
{
    setup(1, 2);
}

static void setup_two_one(void)
{
    setup(2, 1);
}

static void setup_two_two(void)
{
    setup(2, 2);
}

static void setup_three_one(void)
{
    setup(3, 1);
    wok__idle_sleep(&idle, 2, false);
}

/* The whole burst is there before the one worker that was woken for it has looked: while it runs the
 * first task, which waits for the second, it must have woken the other. */
static void wait_for_1(void)
{
    model_event_wait(&has_run[1]);
}

static void setup_burst(void)
{
    setup(2, 2);
    bodies[0] = wait_for_1;
    awaited[1] = true;
    wok__idle_sleep(&idle, 0, false);
    wok__idle_sleep(&idle, 1, false);
    push(0);
    push(1);
}

/* The same while the burst is still coming, and the workers may be on their way to sleep. */
static void wait_for_0(void)
{
    model_event_wait(&has_run[0]);
}

static void setup_storm(void)
{
    setup(2, 2);
    bodies[0] = wait_for_1;
    awaited[1] = true;
    wok__idle_sleep(&idle, 0, false);
    wok__idle_sleep(&idle, 1, false);
}

static void setup_storm_awake(void)
{
    setup(2, 2);
    bodies[1] = wait_for_0;
    awaited[0] = true;
}

static void setup_inbox(void)
{
    setup(2, 0);
    uses_inbox = true;
}

static void setup_inbox_and_task(void)
{
    setup(2, 1);
    uses_inbox = true;
}

/* The task that runs pushes another one. */
static void push_1(void)
{
    push(1);
}

static void setup_spawn(void)
{
    setup(2, 2);
    bodies[0] = push_1;
}

static void push_0(void)
{
    push(0);
}

static void push_both(void)
{
    push(0);
    push(1);
}

/* An event or a timer of worker 0: it wakes though nobody notified it. */
static void push_and_disturb(void)
{
    push(0);
    model_event_set(&parked[0]);
    push(1);
}

/* ---- a worker that is built while others run -------------------------------------------------------- */

static char seat;               /* what is built */
static atomic_u32 thread_begun; /* as pthread_create does */

static void build(void)
{
    model_plain_write(&seat);
    store_release(&thread_begun, 1);
}

static void sleep_when_built(void)
{
    while (load_acquire(&thread_begun) == 0)
        model_spin();
    (void)wok__idle_sleep(&idle, model_self(), false);
}

/* Wakes two that sleep, of which one is the new one if it sleeps by then. */
static void wake_whoever_sleeps(void)
{
    for (int i = 0; i < 2; i++) {
        int worker = wok__idle_notify(&idle);
        if (worker == 1)
            model_plain_read(&seat);
        if (worker >= 0)
            (void)wok__idle_found(&idle);
    }
}

static void setup_built(void)
{
    setup(3, 0);
    store_relaxed(&thread_begun, 0);
}

/* BOUND: how many preemptions; 0 is no bound, which is affordable for the smaller ones. */
#define IDLE_CHECK(NAME, SETUP, BOUND, ...)                                                        \
    {                                                                                              \
        .name = NAME, .setup = SETUP, .threads = {__VA_ARGS__}, .finish = finish,                  \
        .max_preemptions = BOUND, .ends_asleep = true, .by_value = true                            \
    }

static const struct model_check checks[] = {
    {.name = "whoever wakes a new worker sees all of it",
     .setup = setup_built,
     .threads = {build, sleep_when_built, wake_whoever_sleeps},
     .finish = finish,
     .ends_asleep = true},
    IDLE_CHECK("one worker, one task", setup_one_one, 0, worker, push_0),
    IDLE_CHECK("one worker, two tasks", setup_one_two, 0, worker, push_both),
    IDLE_CHECK("a burst spreads over those who sleep", setup_burst, 0, sleeping_worker,
               sleeping_worker),
    IDLE_CHECK("a burst is not left to one worker", setup_storm, 2, sleeping_worker,
               sleeping_worker, push_both),
    IDLE_CHECK("a burst is not left to one worker, both awake", setup_storm_awake, 2, worker,
               worker, push_both),
    IDLE_CHECK("a task for one worker", setup_inbox, 0, worker, push_inbox),
    IDLE_CHECK("a task for one worker, and one for all", setup_inbox_and_task, 1, worker, worker,
               push_inbox, push_0),
    IDLE_CHECK("two workers, one task", setup_two_one, 3, worker, worker, push_0),
    IDLE_CHECK("two workers, two tasks", setup_two_two, 2, worker, worker, push_both),
    IDLE_CHECK("two workers, two pushers", setup_two_two, 1, worker, worker, push_0, push_1),
    IDLE_CHECK("two workers, a task that spawns", setup_spawn, 2, worker, worker, push_0),
    IDLE_CHECK("two workers, woken by an event", setup_two_two, 2, worker, worker,
               push_and_disturb),
    IDLE_CHECK("three workers, one task", setup_three_one, 1, worker, worker, sleeping_worker,
               push_0),
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
