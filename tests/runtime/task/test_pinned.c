/*
 * test_pinned.c - tasks that are bound to a worker by their spawn.
 *
 * S-numbers are rules of Tokio's tasks.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "platform/atomic.h"
#include "sched/sched.h"
#include "support/wok_test.h"

enum { WORKERS = 4 };

static pthread_t threads[WORKERS]; /* of the workers */
static atomic_u32 found, polls, drops, elsewhere;

static void check_place(unsigned worker)
{
    if (wok_worker_index() != (int)worker || !pthread_equal(pthread_self(), threads[worker]))
        fetch_add_relaxed(&elsewhere, 1);
}

/* ---- who is who: each worker keeps one of these until all have one ---------------------------------- */

WOK_TASK(find_thread, int, int);

static int find_thread(int *unused, int *result)
{
    *result = *unused;
    threads[wok_worker_index()] = pthread_self();
    fetch_add_release(&found, 1);
    return 0;
}

static void find_threads(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        find_thread_join task =
            wok_spawn_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(i)), find_thread, 0);
        cr_assert_eq(find_thread_await(&task, NULL, NULL), 0);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        for (unsigned j = 0; j < i; j++)
            cr_assert_not(pthread_equal(threads[i], threads[j]));
}

/* ---- a future that is polled many times, woken from everywhere ---------------------------------------- */

struct pinned {
    unsigned worker, polls_left;
    bool for_ever;
    wok_sleep_future sleep;
};

static wok_poll pinned_poll(void *self_, wok_cx *cx, void *result)
{
    struct pinned *self = self_;

    (void)result;
    check_place(self->worker);
    fetch_add_relaxed(&polls, 1);
    if (self->for_ever)
        return wok_sleep_future_poll(&self->sleep, cx);
    if (self->polls_left-- == 0)
        return WOK_READY;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static void pinned_drop(void *self_)
{
    struct pinned *self = self_;

    check_place(self->worker);
    fetch_add_relaxed(&drops, 1);
    wok_sleep_future_drop(&self->sleep);
}

static const wok_future_vtable pinned_vtable = {
    .name = "pinned",
    .size = sizeof(struct pinned),
    .poll = pinned_poll,
    .drop = pinned_drop,
};

static wok_join spawn_future(unsigned worker, unsigned polls_left, bool for_ever)
{
    struct pinned pinned = {worker, polls_left, for_ever, wok_sleep_future_until(WOK_NEVER)};

    return wok_spawn_future_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(worker)), &pinned_vtable,
                                 &pinned);
}

WOK_TEST_ON(pinned, a_stackless_task_is_polled_and_dropped_on_its_worker_only, WORKERS)
{
    enum { EACH = 50, POLLS = 20 };
    wok_join joins[WORKERS * EACH];

    find_threads();
    for (unsigned i = 0; i < WOK_COUNT(joins); i++)
        joins[i] = spawn_future(i % WORKERS, POLLS, false);
    for (unsigned i = 0; i < WOK_COUNT(joins); i++)
        cr_assert_eq(wok_join_await(&joins[i], NULL, NULL), 0);
    cr_assert_eq(load_relaxed(&polls), WOK_COUNT(joins) * (POLLS + 1));
    cr_assert_eq(load_relaxed(&drops), WOK_COUNT(joins));
    cr_assert_eq(load_relaxed(&elsewhere), 0);
}

/* S16 */
WOK_TEST_ON(pinned, an_abort_from_another_thread_destroys_it_on_its_own, WORKERS)
{
    wok_join joins[WORKERS * 20];

    find_threads();
    for (unsigned i = 0; i < WOK_COUNT(joins); i++)
        joins[i] = spawn_future(i % WORKERS, 0, true);
    /* One half has been polled by then and waits, of the other half some have not. */
    while (load_relaxed(&polls) < WOK_COUNT(joins) / 2)
        cr_assert_eq(wok_yield(), 0);
    for (unsigned i = 0; i < WOK_COUNT(joins); i++) {
        wok_join_error why;

        wok_join_abort(&joins[i]);
        cr_assert_eq(wok_join_await(&joins[i], NULL, &why), -WOK_EJOIN);
        cr_assert_eq(why.outcome, WOK_CANCELLED);
    }
    cr_assert_eq(load_relaxed(&drops), WOK_COUNT(joins));
    cr_assert_eq(load_relaxed(&elsewhere), 0);
}

/* ---- stackful tasks -------------------------------------------------------------------------------------- */

static void check_drop(unsigned *worker)
{
    check_place(*worker);
    fetch_add_relaxed(&drops, 1);
}

WOK_TASK_WITH_DROP(stay, unsigned, int, check_drop, NULL);

static int stay(unsigned *worker, int *result)
{
    *result = 0;
    for (int i = 0; i < 20; i++) {
        check_place(*worker);
        fetch_add_relaxed(&polls, 1);
        if (wok_yield() < 0)
            return -ECANCELED;
    }
    return 0;
}

static stay_join spawn_stay(unsigned worker)
{
    return wok_spawn_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(worker)), stay, worker);
}

WOK_TEST_ON(pinned, a_stackful_task_runs_and_ends_on_its_worker_only, WORKERS)
{
    stay_join tasks[WORKERS * 20];

    find_threads();
    for (unsigned i = 0; i < WOK_COUNT(tasks); i++)
        tasks[i] = spawn_stay(i % WORKERS);
    for (unsigned i = 0; i < WOK_COUNT(tasks); i++)
        cr_assert_eq(stay_await(&tasks[i], NULL, NULL), 0);
    cr_assert_eq(load_relaxed(&polls), WOK_COUNT(tasks) * 20);
    cr_assert_eq(load_relaxed(&drops), WOK_COUNT(tasks));
    cr_assert_eq(load_relaxed(&elsewhere), 0);
}

/* S16: not even one that never ran. */
WOK_TEST_ON(pinned, a_stackful_task_that_never_ran_is_destroyed_on_its_worker, WORKERS)
{
    find_threads();
    for (unsigned i = 0; i < 200; i++) {
        stay_join task = spawn_stay(i % WORKERS);

        wok_join_abort(&task.join);
        (void)stay_await(&task, NULL, NULL);
    }
    cr_assert_eq(load_relaxed(&drops), 200);
    cr_assert_eq(load_relaxed(&elsewhere), 0);
}

static int tell_worker(int *ret_worker)
{
    *ret_worker = wok_worker_index();
    return 0;
}

WOK_TEST_ON(pinned, a_child_of_a_scope_stays_where_it_is_put, WORKERS)
{
    enum { CHILDREN = 100 };
    int workers[CHILDREN], here = wok_worker_index();

    WOK_SCOPE(scope, .ret_code = NULL)
    {
        for (int i = 0; i < CHILDREN; i++)
            wok_scope_spawn_with(
                scope,
                WOK_SPAWN_OPTIONS(.worker = i % 2 == 0 ? WOK_WORKER(i % WORKERS) : WOK_THIS_WORKER),
                tell_worker, &workers[i]);
    }
    for (int i = 0; i < CHILDREN; i++)
        cr_assert_eq(workers[i], i % 2 == 0 ? i % WORKERS : here);
}

/* ---- this worker -------------------------------------------------------------------------------------------- */

WOK_TASK(get_worker, int, int);

static int get_worker(int *unused, int *result)
{
    (void)unused;
    *result = wok_worker_index();
    return wok_yield();
}

WOK_TEST_WORKERS(pinned, this_worker_is_the_spawners, WORKERS)
{
    wok_spawn_options options = {.worker = WOK_THIS_WORKER};

    for (int i = 0; i < 100; i++) {
        get_worker_join task = wok_spawn_with(options, get_worker, 0);
        int worker = -1;

        cr_assert_eq(get_worker_await(&task, &worker, NULL), 0);
        cr_assert_eq(worker, wok_worker_index());
    }
}

static int code_of(wok_join join)
{
    wok_join_error why = {0};

    cr_assert_eq(wok_join_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    return why.code;
}

Test(pinned, a_plain_thread_has_to_name_the_worker, .timeout = 20)
{
    wok_runtime_options runtime_options = test_options();
    wok_runtime *runtime = NULL;
    int worker = -1;

    runtime_options.workers = WORKERS;
    cr_assert_eq(wok_runtime_new(&runtime, &runtime_options), 0);
    wok_spawn_options options = {.runtime = runtime, .worker = WOK_THIS_WORKER};
    cr_assert_eq(code_of(wok_spawn_with(options, get_worker, 0).join), -EINVAL);
    options.worker = WOK_WORKER(WORKERS);
    cr_assert_eq(code_of(wok_spawn_with(options, get_worker, 0).join), -EINVAL);
    for (int i = 0; i < WORKERS; i++) {
        options.worker = WOK_WORKER(i);
        get_worker_join task = wok_spawn_with(options, get_worker, 0);
        cr_assert_eq(get_worker_await(&task, &worker, NULL), 0);
        cr_assert_eq(worker, i);
    }
    wok_runtime_free(runtime);
}

static wok_runtime *other_runtime;

WOK_TEST(pinned, this_worker_is_not_one_of_another_runtime)
{
    wok_runtime_options runtime_options = test_options();

    cr_assert_eq(wok_runtime_new(&other_runtime, &runtime_options), 0);
    wok_spawn_options options = {.runtime = other_runtime, .worker = WOK_THIS_WORKER};
    cr_assert_eq(code_of(wok_spawn_with(options, get_worker, 0).join), -EINVAL);
    wok_runtime_free_background(other_runtime);
}

/* ---- a spare worker --------------------------------------------------------------------------------------- */

static atomic_u32 spawned_on_spare;
static int spares_index;
static wok_semaphore go_on;
static get_worker_join bound_early;

/* Waits after its start, so that its end is up to others. */
WOK_TASK(get_worker_later, int, int);
static int get_worker_later(int *unused, int *result)
{
    int error = wok_semaphore_acquire(&go_on, 1);

    return error < 0 ? error : get_worker(unused, result);
}

static get_worker_later_join bound_late;
static wok_join bound_stackless;

static wok_poll get_worker_poll(void *self, wok_cx *cx, void *result)
{
    wok_poll code = wok_op_poll(self, cx);

    if (code == 0)
        *(int *)result = wok_worker_index();
    return code;
}

static void get_worker_drop(void *self)
{
    wok_op_drop(self);
}

static const wok_future_vtable get_worker_vtable = {.name = "get worker",
                                                    .size = sizeof(wok_op),
                                                    .result_size = sizeof(int),
                                                    .poll = get_worker_poll,
                                                    .drop = get_worker_drop};

WOK_TASK(spawn_bound, int, int);
static int spawn_bound(int *unused, int *result)
{
    wok_spawn_options options = {.worker = WOK_THIS_WORKER};
    wok_op wait = wok_semaphore_acquire_op(&go_on, 1);

    *result = *unused;
    spares_index = wok_worker_index();
    bound_early = wok_spawn_with(options, get_worker, 0);
    options.worker = WOK_WORKER(spares_index);
    bound_late = wok_spawn_with(options, get_worker_later, 0);
    bound_stackless = wok_spawn_future_with(options, &get_worker_vtable, &wait);
    store_release(&spawned_on_spare, 1);
    return 0;
}

static int wait_for_spawns(void *unused)
{
    (void)unused;
    while (load_acquire(&spawned_on_spare) == 0)
        sched_yield();
    return 0;
}

static unsigned active_workers(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics.active_workers;
}

static void spawn_bound_on_a_spare(void)
{
    spawn_bound_join task = wok_spawn(spawn_bound, 0);
    int worker = -1;

    cr_assert_eq(wok_block_in_place(wait_for_spawns, NULL), 0);
    cr_assert_eq(spawn_bound_await(&task, NULL, NULL), 0);
    cr_assert_geq(spares_index, 1);
    cr_assert_eq(get_worker_await(&bound_early, &worker, NULL), 0);
    cr_assert_eq(worker, spares_index);
    wok_semaphore_release(&go_on, 1);
    cr_assert_eq(get_worker_later_await(&bound_late, &worker, NULL), 0);
    cr_assert_eq(worker, spares_index);
    while (load_relaxed(&wok_runtime_current()->workers[spares_index]->parked) == 0 &&
           active_workers() == 2)
        cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(active_workers(), 2, "nobody needs it, but for what is bound to it");
    wok_semaphore_release(&go_on, 1);
    worker = -1;
    cr_assert_eq(wok_join_await(&bound_stackless, &worker, NULL), 0);
    cr_assert_eq(worker, spares_index);
    wok_spawn_options options = {.worker = WOK_WORKER(spares_index)};
    cr_assert_eq(code_of(wok_spawn_with(options, get_worker, 0).join), -EINVAL,
                 "another worker cannot know that it is there");
}

Test(pinned, a_spare_worker_stays_for_what_is_bound_to_it, .timeout = 20)
{
    wok_runtime_options runtime_options = test_options();

    runtime_options.paused_clock = false;
    runtime_options.spare_workers_max = 1;
    test_run(&runtime_options, spawn_bound_on_a_spare);
}

/* ---- a stuck worker ------------------------------------------------------------------------------------------- */

static atomic_u32 gate_open, at_gate;

WOK_TASK(block_worker, int, int);

/* Keeps its worker until the gate opens. */
static int block_worker(int *unused, int *result)
{
    *result = *unused;
    store_relaxed(&at_gate, 1);
    while (load_relaxed(&gate_open) == 0)
        sched_yield();
    return 0;
}

WOK_TASK(free_task, int, int);

static int free_task(int *unused, int *result)
{
    *result = *unused;
    return 0;
}

/* The others take over what lies with a stuck worker, but for what is bound to it. */
WOK_TEST_ON(pinned, nobody_helps_out_for_a_worker_that_is_stuck, 2)
{
    int busy = wok_worker_index() == 0 ? 1 : 0;
    wok_spawn_options options = {.worker = WOK_WORKER(busy)};
    block_worker_join blocker = wok_spawn_with(options, block_worker, 0);

    while (load_relaxed(&at_gate) == 0)
        cr_assert_eq(wok_yield(), 0);
    get_worker_join waits = wok_spawn_with(options, get_worker, 0);
    int worker = -1;
    while (load_relaxed(&wok_runtime_current()->workers[busy]->stuck) == 0)
        cr_assert_eq(wok_yield(), 0);
    free_task_join other = wok_spawn(free_task, 0);
    cr_assert_eq(free_task_await(&other, NULL, NULL), 0);
    cr_assert_not(wok_join_is_finished(&waits.join));
    store_relaxed(&gate_open, 1);
    cr_assert_eq(get_worker_await(&waits, &worker, NULL), 0);
    cr_assert_eq(worker, busy);
    cr_assert_eq(block_worker_await(&blocker, NULL, NULL), 0);
}
