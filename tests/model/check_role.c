/*
 * check_role.c - the promises of waiting in place of blocked workers (runtime/sched/role.c).
 *
 * model sources: sched/role.c sched/role.h
 * model links: sched/idle.c
 *
 * Workers block, and others go to sleep, wake up for work of their own and sleep again, by way of the
 * parking protocol, whose own promises check_idle.c is for.  A run ends when everybody sleeps or is
 * inside a task for good.  Then, if anybody sleeps who is not blocked, one of the sleepers must have the
 * role and wait for every worker that is blocked.
 */
#include "model.h"

#include "sched/idle.h"
#include "sched/role.h"

enum { WORKERS = 4 };
enum { NOT_PUSHED, PUSHED, TAKEN };

static struct wok__role role;
static struct wok__idle idle;
static struct model_event parked[WORKERS], never;
static struct model_mutex blocked_lock;

/* A task for worker 1, which never ends. */
static atomic_u32 inbox;
/* While a worker sleeps: 1 + the workers in whose place it waits. */
static atomic_u64 sleeps[WORKERS];

static uint64_t others_of(unsigned me)
{
    return ~(UINT64_C(1) << me);
}

static void unpark(int worker)
{
    if (worker >= 0)
        model_event_set(&parked[worker]);
}

/* What wok__worker_block() does, and the monitor. */
static void block_as(unsigned me)
{
    int holder;

    model_lock(&blocked_lock);
    store_relaxed(&role.blocked, load_relaxed(&role.blocked) | UINT64_C(1) << me);
    model_unlock(&blocked_lock);
    holder = wok__role_holder(&role);
    unpark(holder >= 0 ? holder : wok__idle_notify(&idle));
}

static void blocker(void)
{
    block_as(model_self());
}

/* Worker 3 comes back, and then this one blocks. */
static void another_blocks(void)
{
    model_lock(&blocked_lock);
    store_relaxed(&role.blocked, load_relaxed(&role.blocked) & ~(UINT64_C(1) << 3));
    model_unlock(&blocked_lock);
    block_as(model_self());
}

static bool has_work(unsigned me)
{
    return me == 1 && load_relaxed(&inbox) == PUSHED;
}

static void push_inbox(void)
{
    store_relaxed(&inbox, PUSHED);
    if (wok__idle_is_asleep(&idle, 1))
        unpark(1);
}

enum step { LOOP, PARK, ROLE, AWAKE };

static void forget(enum step step, bool searching, uint64_t waits)
{
    model_forget((uint64_t)step << 16 | (uint64_t)searching << 8 | waits);
}

/* Sleeps until there may be work; true: as a searcher. */
static bool park(unsigned me, bool searching)
{
    uint64_t waits;

    (void)wok__idle_sleep(&idle, me, searching); /* there is nothing to find in a last look */
    forget(PARK, false, 0);
    if (!has_work(me)) {
        waits = wok__role_take(&role, me, others_of(me));
        forget(ROLE, false, waits);
        store_relaxed(&sleeps[me], 1 + waits);
        model_event_wait(&parked[me]);
        store_relaxed(&sleeps[me], 0);
        if (waits != 0)
            wok__role_give(&role);
    }
    forget(AWAKE, false, 0);
    return wok__idle_awake(&idle, me) ||
           (wok__role_is_vacant(&role, others_of(me)) && wok__idle_search(&idle));
}

static void work(unsigned me, bool searching)
{
    for (;;) {
        forget(LOOP, searching, 0);
        if (has_work(me)) {
            if (searching)
                unpark(wok__idle_found(&idle));
            store_relaxed(&inbox, TAKEN);
            model_event_wait(&never);
        }
        if (!searching)
            searching = wok__idle_search(&idle);
        searching = park(me, searching);
    }
}

static void worker(void)
{
    work(model_self(), false);
}

static void setup(void)
{
    wok__idle_init(&idle, WORKERS);
    store_relaxed(&role.blocked, 0);
    store_relaxed(&role.assistant, 0);
    store_relaxed(&inbox, NOT_PUSHED);
    for (unsigned i = 0; i < WORKERS; i++)
        store_relaxed(&sleeps[i], 0);
}

static void setup_blocked(void)
{
    setup();
    store_relaxed(&role.blocked, UINT64_C(1) << 3);
}

static void finish(void)
{
    uint64_t blocked = load_relaxed(&role.blocked);
    bool anybody = false, served = false;
    unsigned assistants = 0;

    for (unsigned i = 0; i < WORKERS; i++) {
        uint64_t waits = load_relaxed(&sleeps[i]);
        if (waits == 0)
            continue;
        anybody = true;
        assistants += waits != 1;
        served = served || waits - 1 == (blocked & others_of(i));
    }
    model_assert(assistants <= 1);
    model_assert(!anybody || blocked == 0 || served);
}

/* ---- a worker that is built while others run -------------------------------------------------------- */

static char seat;               /* what is built */
static atomic_u32 thread_begun; /* as pthread_create does */

static void build(void)
{
    model_plain_write(&seat);
    store_release(&thread_begun, 1);
}

static void assist_when_built(void)
{
    while (load_acquire(&thread_begun) == 0)
        model_spin();
    (void)wok__role_take(&role, model_self(), others_of(model_self()));
}

static void wake_the_assistant(void)
{
    if (wok__role_holder(&role) == 1)
        model_plain_read(&seat);
}

static void setup_built(void)
{
    setup_blocked();
    store_relaxed(&thread_begun, 0);
}

static const struct model_check checks[] = {
    {.name = "whoever wakes a new assistant sees all of it",
     .setup = setup_built,
     .threads = {build, assist_when_built, wake_the_assistant},
     .ends_asleep = true},
    {.name = "one blocks, one goes to sleep",
     .setup = setup,
     .threads = {blocker, worker},
     .finish = finish,
     .ends_asleep = true,
     .by_value = true},
    {.name = "two block, one goes to sleep",
     .setup = setup,
     .threads = {blocker, worker, blocker},
     .finish = finish,
     .max_preemptions = 3,
     .ends_asleep = true,
     .by_value = true},
    {.name = "one blocks, two go to sleep",
     .setup = setup,
     .threads = {blocker, worker, worker},
     .finish = finish,
     .max_preemptions = 3,
     .ends_asleep = true,
     .by_value = true},
    {.name = "one more blocks, two go to sleep",
     .setup = setup_blocked,
     .threads = {blocker, worker, worker},
     .finish = finish,
     .max_preemptions = 3,
     .ends_asleep = true,
     .by_value = true},
    {.name = "one comes back, another blocks",
     .setup = setup_blocked,
     .threads = {another_blocks, worker},
     .finish = finish,
     .ends_asleep = true,
     .by_value = true},
    {.name = "the assistant gets work of its own",
     .setup = setup_blocked,
     .threads = {push_inbox, worker, worker},
     .finish = finish,
     .max_preemptions = 3,
     .ends_asleep = true,
     .by_value = true},
    {.name = "one blocks while the assistant gets work",
     .setup = setup,
     .threads = {blocker, worker, worker, push_inbox},
     .finish = finish,
     .max_preemptions = 2,
     .ends_asleep = true,
     .by_value = true},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
