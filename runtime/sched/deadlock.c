/*
 * deadlock.c - when all tasks of a test wait: can anything happen at all?
 *
 * It is asked when all workers sleep, no timer is due, no blocking call runs (one that waits by wok's own
 * functions does not, nor does one that is queued behind such), and nobody waits for just that (settle.c).
 * What could wake a task then comes from outside of the turns: from another thread of the process, or from the
 * kernel by a descriptor or a signal.  If the process has no thread but the runtime's and the one that waits for
 * the test's body, and the drivers watch nothing of the kernel's, then nothing comes: that is a proof, and the
 * test fails at once.  Otherwise whoever is outside may still act, and all there is to go by is for how long
 * nothing came.
 *
 * The kernel's count of threads may be high for a moment, since a thread that was joined is still counted, and
 * is never low: a pool counts a thread before it is there only while a call is queued for it.  So it is looked
 * at again now and then.  A thread that is gone from the count has done what it ever does, and the caller looks
 * once more at what is there to run.
 *
 * The tasks are aborted then, so that what they hold is released and the next test can run.  A stackful one
 * comes back from its wait by that, and only then it is known what it waited in: to store that before each
 * wait would cost every program what only a failed test needs.  A blocking call cannot be aborted, but its wait
 * returns -ECANCELED.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sched/sched.h"
#include "sched/turns.h"

/* How soon it is asked again whether anybody is outside: soon enough for somebody who waits for the test. */
#define AGAIN_NS UINT64_C(50000000)

/* ---- what is outside ---------------------------------------------------------------------------- */

/* The threads of the process; 0: nobody knows. */
static unsigned count_threads(void)
{
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    unsigned threads = 0;

    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (sscanf(line, "Threads: %u", &threads) == 1)
            break;
    if (status != NULL)
        fclose(status);
    return threads;
}

static bool watches_kernel(struct wok_runtime *runtime)
{
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        const struct wok__driver *driver = &runtime->workers[i]->driver;
        /* In a simulated network nothing else is the kernel's. */
        if (driver->watches_signals ||
            (!runtime->options.simulated_network && wok__driver_load(driver) != 0))
            return true;
    }
    return false;
}

static bool is_alone(struct wok_runtime *runtime)
{
    unsigned threads = count_threads();

    return threads != 0 &&
           threads <= runtime->worker_count + wok__pools_threads(&runtime->pools) + 1 &&
           !watches_kernel(runtime);
}

uint64_t wok__deadlock_left(struct wok__turns *turns, uint64_t quiet_ns)
{
    struct wok__deadlock *deadlock = &turns->deadlock;

    if (deadlock->after_ns == 0)
        return UINT64_MAX;
    deadlock->proven = is_alone(turns->runtime);
    if (deadlock->proven || quiet_ns >= deadlock->after_ns)
        return 0;
    return deadlock->after_ns - quiet_ns < AGAIN_NS ? deadlock->after_ns - quiet_ns : AGAIN_NS;
}

/* ---- telling ------------------------------------------------------------------------------------ */

/* The first tasks that wait, each with a reference, and how many there are. */
struct waiters {
    size_t count;
    struct wok_task *tasks[32];
};

static void note(void *object, void *argument)
{
    struct wok_task *task = object;
    struct waiters *waiters = argument;

    if (!wok__state_try_ref(&task->state))
        return; /* free, or complete */
    if (waiters->count < WOK_COUNT(waiters->tasks))
        waiters->tasks[waiters->count] = task;
    else
        wok__task_unref(task); /* not the last one: it lives */
    waiters->count++;
}

static int by_id(const void *a, const void *b)
{
    const struct wok_task *left = *(struct wok_task *const *)a,
                          *right = *(struct wok_task *const *)b;

    return left->id < right->id ? -1 : left->id > right->id;
}

static void list(struct wok_runtime *runtime)
{
    struct waiters waiters = {.count = 0};

    wok__slab_for_each(&runtime->slab, note, &waiters);
    size_t shown =
        waiters.count < WOK_COUNT(waiters.tasks) ? waiters.count : WOK_COUNT(waiters.tasks);
    qsort(waiters.tasks, shown, sizeof(struct wok_task *), by_id);
    for (size_t i = 0; i < shown; i++) {
        struct wok_task *task = waiters.tasks[i];
        const wok_spawn_site *site = wok__task_site(task);
        char name[WOK_TASK_NAME_SIZE];
        bool is_new = (load_relaxed(&task->state.word) & WOK__NOTIFIED) != 0;
        const char *where = task->kind == WOK__TASK_BLOCKING ? "for a thread of its pool"
                                                             : "for its turn in a scope";
        wok__task_name_copy(name, task);
        fprintf(stderr, "  task %llu \"%s\" (spawned at %s:%d) waits%s%s\n",
                (unsigned long long)task->id, name, site->file != NULL ? site->file : "?",
                site->line, is_new ? " " : "", is_new ? where : "");
        wok__task_unref(task);
    }
    if (waiters.count > shown)
        fprintf(stderr, "  and %zu more\n", waiters.count - shown);
}

void wok__deadlock_end(struct wok__turns *turns)
{
    struct wok__deadlock *deadlock = &turns->deadlock;
    const char *still = deadlock->found ? " on, though they were aborted," : "";

    if (deadlock->proven)
        fprintf(stderr, "wok_test_run: all tasks wait%s and nothing is due\n", still);
    else
        fprintf(
            stderr,
            "wok_test_run: all tasks wait%s and nothing is due; other threads or the kernel could "
            "have woken one, and did not for %.3f s\n",
            still, (double)deadlock->after_ns / 1e9);
    list(turns->runtime);
    if (deadlock->found)
        abort(); /* what waits in a destructor cannot be ended otherwise */
    deadlock->found = true;
    (void)wok__runtime_abort_all(turns->runtime);
    (void)wok__pools_end_waits(&turns->runtime->pools);
}

void wok__deadlock_waited(const struct wok_task *task, const char *in)
{
    const struct wok__turns *turns = task->runtime->turns;
    char name[WOK_TASK_NAME_SIZE];

    if (turns == NULL || !turns->deadlock.found)
        return;
    wok__task_name_copy(name, task);
    fprintf(stderr, "  task %llu \"%s\" waited in: %s\n", (unsigned long long)task->id, name,
            in != NULL ? in : "a future");
}
