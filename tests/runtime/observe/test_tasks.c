/* Tests of wok_runtime_tasks(): what lives, and what it does. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <wok/metrics.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

enum { SEEN_MAX = 16 };

static struct seen {
    size_t count;
    wok_task_info tasks[SEEN_MAX];
} seen;

static void see(const wok_task_info *task, void *argument)
{
    struct seen *all = argument;

    if (all->count < SEEN_MAX)
        all->tasks[all->count++] = *task;
}

/* All that live, into `seen`; how many. */
static ssize_t look(wok_runtime *runtime)
{
    seen.count = 0;
    return wok_runtime_tasks(runtime, see, &seen);
}

static const wok_task_info *named(const char *name)
{
    for (size_t i = 0; i < seen.count; i++)
        if (strcmp(seen.tasks[i].name, name) == 0)
            return &seen.tasks[i];
    return NULL;
}

WOK_TASK(nap, wok_duration, int);
WOK_TASK(outlive, int, int);

static int nap(wok_duration *args, int *result)
{
    *result = 0;
    return wok_sleep(*args);
}

/* Ignores that it was cancelled, for as long as it may. */
static int outlive(int *args, int *result)
{
    *result = *args;
    (void)wok_sleep(wok_seconds(1));
    return wok_yield();
}

WOK_TEST(tasks, each_is_shown_with_what_it_does)
{
    int line = __LINE__ + 1;
    nap_join waiting = wok_spawn(nap, wok_seconds(5));
    cr_assert_eq(look(NULL), 2);
    cr_assert_eq(seen.count, 2);
    const wok_task_info *task = named("nap");
    cr_assert_not_null(task);
    cr_assert_eq(task->state, WOK_TASK_READY, "it has not begun");
    cr_assert_eq(task->line, line);
    cr_assert_not_null(strstr(task->file, "test_tasks.c"));
    cr_assert_not(task->blocking || task->cancelled);
    cr_assert_eq(task->running.ns, 0);
    uint64_t id = task->id;

    cr_assert_eq(wok_sleep(wok_seconds(1)), 0);
    cr_assert_eq(look(NULL), 2);
    task = named("nap");
    cr_assert_eq(task->state, WOK_TASK_WAITING);
    cr_assert_eq(task->id, id);
    size_t running = 0;
    for (size_t i = 0; i < seen.count; i++)
        running += seen.tasks[i].state == WOK_TASK_RUNNING;
    cr_assert_eq(running, 1, "who asks runs");

    cr_assert_eq(nap_await(&waiting, NULL, NULL), 0);
    cr_assert_eq(look(NULL), 1, "one that has ended is not shown");
    cr_assert_null(named("nap"));
}

WOK_TEST(tasks, one_that_was_cancelled_is_shown_so_until_it_ends)
{
    outlive_join stubborn = wok_spawn(outlive, 1);

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&stubborn.join);
    look(NULL);
    cr_assert(named("outlive")->cancelled);
    cr_assert_eq(named("outlive")->state, WOK_TASK_READY);
    (void)outlive_await(&stubborn, NULL, NULL);
    cr_assert_eq(look(NULL), 1);
}

/* ---- calls in a blocking pool ------------------------------------------------------------------------ */

static atomic_u32 begun, open_gate;

WOK_TASK(wait_at_gate, int, int);

static int wait_at_gate(int *args, int *result)
{
    *result = *args;
    fetch_add_release(&begun, 1);
    while (load_acquire(&open_gate) == 0)
        sched_yield();
    return 0;
}

Test(tasks, a_call_runs_or_waits_for_a_thread, .timeout = 60)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.paused_clock = false;
    options.blocking_threads_max = 1;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wait_at_gate_join first = wok_spawn_blocking_on(runtime, wait_at_gate, 1);
    while (load_acquire(&begun) == 0)
        sched_yield();
    wait_at_gate_join second = wok_spawn_blocking_on(runtime, wait_at_gate, 2);
    cr_assert_eq(look(runtime), 2);
    for (size_t i = 0; i < seen.count; i++) {
        const wok_task_info *task = &seen.tasks[i];
        bool is_first = task->id == wok_join_id(&first.join);
        cr_assert(task->blocking);
        cr_assert_eq(task->state, is_first ? WOK_TASK_RUNNING : WOK_TASK_READY);
        cr_assert_eq(task->running.ns != 0, is_first);
    }
    store_release(&open_gate, 1);
    cr_assert_eq(wait_at_gate_await(&first, NULL, NULL), 0);
    cr_assert_eq(wait_at_gate_await(&second, NULL, NULL), 0);
    wok_runtime_free(runtime);
}

/* ---- meanwhile ---------------------------------------------------------------------------------------- */

Test(tasks, nobody_has_no_tasks)
{
    cr_assert_eq(wok_runtime_tasks(NULL, see, &seen), -EINVAL);
}

struct looker {
    wok_runtime *runtime;
    atomic_u32 stop;
    uint64_t looks, shown;
};

static void is_whole(const wok_task_info *task, void *argument)
{
    struct looker *looker = argument;

    cr_assert_not_null(strstr(task->file, "test_tasks.c"));
    cr_assert_gt(task->id, 0);
    looker->shown++;
}

static void *keep_looking(void *argument)
{
    struct looker *looker = argument;

    while (load_acquire(&looker->stop) == 0) {
        cr_assert_geq(wok_runtime_tasks(looker->runtime, is_whole, looker), 0);
        looker->looks++;
    }
    return NULL;
}

WOK_TASK(spawn_many, int, int);

static int spawn_many(int *args, int *result)
{
    *result = 0;
    for (int i = 0; i < *args; i++) {
        nap_join one = wok_spawn(nap, wok_ns(0)), other = wok_spawn(nap, wok_seconds(100));
        wok_join_abort(&other.join);
        *result += nap_await(&one, NULL, NULL) == 0;
        (void)nap_await(&other, NULL, NULL);
    }
    return 0;
}

/* A task that is shown has its memory until then, also when it ends at once. */
Test(tasks, are_looked_at_while_they_come_and_go, .timeout = 120)
{
    wok_runtime_options options = test_options();
    struct looker looker = {0};
    int count = TEST_SCALE(20000), ended = 0;
    pthread_t thread;

    options.workers = 2;
    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&looker.runtime, &options), 0);
    cr_assert_eq(pthread_create(&thread, NULL, keep_looking, &looker), 0);
    spawn_many_join first = wok_spawn_on(looker.runtime, spawn_many, count);
    spawn_many_join second = wok_spawn_on(looker.runtime, spawn_many, count);
    cr_assert_eq(spawn_many_await(&first, &ended, NULL), 0);
    cr_assert_eq(ended, count);
    cr_assert_eq(spawn_many_await(&second, &ended, NULL), 0);
    cr_assert_eq(ended, count);
    store_release(&looker.stop, 1);
    pthread_join(thread, NULL);
    cr_assert_gt(looker.looks, 0);
    cr_assert_gt(looker.shown, 0);
    wok_runtime_free(looker.runtime);
}
