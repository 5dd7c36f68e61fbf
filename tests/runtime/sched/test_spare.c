/*
 * test_spare.c - spare workers: when they are called, what they run, when they go.
 *
 * Nothing here measures time: each test ends only if what it waits for is done by another worker, and
 * its timeout is the net.
 */
#include "spare_test.h"

#include "task/task.h"

static atomic_u32 begun, gate, ended;

/* ---- what is taken over ------------------------------------------------------------------------------ */

SPARE_TEST(another_worker_runs_what_is_ready, 2, 0)
{
    raise_flag_join task = wok_spawn(raise_flag, 0);
    int worker = -1;

    cr_assert_eq(wok_block_in_place(wait_for_flag, NULL), 0);
    cr_assert_eq(raise_flag_await(&task, &worker, NULL), 0);
    cr_assert_geq(worker, 0);
}

/* On one worker there is no other. */
SPARE_TEST(a_spare_runs_what_is_ready, 1, 1)
{
    raise_flag_join task = wok_spawn(raise_flag, 0);
    int worker = -1;

    cr_assert_eq(wok_block_in_place(wait_for_flag, NULL), 0);
    cr_assert_eq(raise_flag_await(&task, &worker, NULL), 0);
    cr_assert_geq(worker, 0);
    cr_assert_neq(worker, wok_worker_index());
    cr_assert_eq(metrics().spare_workers, 1);
    cr_assert_eq(metrics().workers, 1);
    cr_assert_eq(wok_runtime_workers_max(wok_runtime_current()), 2);
}

struct woken {
    wok_task *task; /* whom to wake */
    bool polled;
};

static atomic_of(struct woken *) sleeper; /* a spare worker may run it, on a busy machine */

static wok_poll raise_when_woken(void *self, wok_cx *cx, void *result)
{
    struct woken *woken = self;

    (void)result;
    if (woken->polled) {
        fetch_add_release(&flag, 1);
        return WOK_READY;
    }
    woken->polled = true;
    woken->task = cx->task;
    store_release(&sleeper, woken);
    return WOK_PENDING;
}

static const wok_future_vtable raise_when_woken_vtable = {
    .name = "raise_when_woken", .size = sizeof(struct woken), .poll = raise_when_woken};

/* B5, tokio#6596: the task that would have run next lies in the slot, which nobody steals from. */
SPARE_TEST(the_slot_goes_to_the_ring_first, 1, 0)
{
    struct woken woken = {0};
    wok_join task = wok_spawn_future(&raise_when_woken_vtable, &woken);

    while (load_acquire(&sleeper) == NULL)
        cr_assert_eq(wok_yield(), 0);
    wok__task_wake(load_acquire(&sleeper)->task, WOK__REASON_WAKE);
    cr_assert_eq(wok_block_in_place(wait_for_flag, NULL), 0);
    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
}

/* ---- the life of a spare ------------------------------------------------------------------------------- */

/* Waits until no spare is active but for one that this very task is bound to: on a busy machine the
 * monitor may have called it before the test began.  It yields: a worker that did not return would count as
 * stuck, and the spare would stay for it. */
static void await_rest(void)
{
    wok_runtime_metrics now = metrics();
    unsigned expected = now.workers + (wok_worker_index() >= (int)now.workers);

    while (metrics().active_workers != expected)
        cr_assert_eq(wok_yield(), 0);
}

SPARE_TEST(it_goes_to_sleep_and_is_used_again, 1, 2)
{
    for (int i = 0; i < 50; i++) {
        store_release(&flag, 0); /* before: a spare that is still there may be as quick as that */
        raise_flag_join task = wok_spawn(raise_flag, 0);

        cr_assert_eq(wok_block_in_place(wait_for_flag, NULL), 0);
        cr_assert_eq(raise_flag_await(&task, NULL, NULL), 0);
        if (i % 2 == 0)
            await_rest();
    }
    cr_assert_leq(metrics().spare_workers, 2);
}

struct place {
    pthread_t first, second;
    int first_worker, second_worker;
};

WOK_TASK(stay, int, struct place);

/* Starts, waits until the gate is open, and says where it was before and after. */
static int stay(int *unused, struct place *result)
{
    (void)unused;
    result->first = pthread_self();
    result->first_worker = wok_worker_index();
    fetch_add_release(&flag, 1);
    while (load_acquire(&gate) == 0)
        if (wok_sleep(wok_ms(1)) < 0)
            return -ECANCELED;
    result->second = pthread_self();
    result->second_worker = wok_worker_index();
    return 0;
}

/* The stack of a task that has started belongs to its thread. */
SPARE_TEST(it_stays_for_tasks_that_have_started_on_it, 1, 1)
{
    stay_join task = wok_spawn(stay, 0);
    struct place place;

    cr_assert_eq(wok_block_in_place(wait_for_flag, NULL), 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(wok_sleep(wok_us(100)), 0); /* this worker is back, and idle */
    cr_assert_eq(metrics().active_workers, 2);
    store_release(&gate, 1);
    cr_assert_eq(stay_await(&task, &place, NULL), 0);
    cr_assert_neq(place.first_worker, wok_worker_index());
    cr_assert_eq(place.second_worker, place.first_worker);
    cr_assert(pthread_equal(place.first, place.second));
    await_rest();
}

WOK_TASK(occupy, int, int);

static int wait_at_gate(void *unused)
{
    (void)unused;
    fetch_add_release(&begun, 1);
    await_count(&gate, 1);
    return 0;
}

/* Blocks the worker it is on in place. */
static int occupy(int *unused, int *result)
{
    (void)unused;
    *result = wok_worker_index();
    return wok_block_in_place(wait_at_gate, NULL);
}

/* A worker and two spares: the fourth task finds nobody until one of them comes back. */
static void use_up_the_spares(void)
{
    occupy_join tasks[2];
    int worker = -1;

    for (int i = 0; i < 2; i++)
        tasks[i] = wok_spawn(occupy, 0);
    WOK_BLOCK_IN_PLACE()
    {
        await_count(&begun, 2);
        raise_flag_join last = wok_spawn(raise_flag, 0);
        cr_assert_eq(metrics().spare_workers, 2);
        cr_assert_eq(metrics().blocked_workers, 3);
        cr_assert_geq(metrics().spares_refused, 1);
        cr_assert_eq(load_acquire(&flag), 0);
        store_release(&gate, 1);
        cr_assert_eq(raise_flag_await(&last, &worker, NULL), 0);
        cr_assert_geq(worker, 0);
    }
    for (int i = 0; i < 2; i++)
        cr_assert_eq(occupy_await(&tasks[i], NULL, NULL), 0);
}

Test(spare, their_number_is_bounded, .timeout = 60)
{
    run_on(1, 2, use_up_the_spares);
}

static void block_without_spares(void)
{
    raise_flag_join task = wok_spawn(raise_flag, 0);
    int worker = -1;

    WOK_BLOCK_IN_PLACE()
    {
        cr_assert_eq(metrics().spare_workers, 0);
        cr_assert_eq(metrics().spares_refused, 1);
        cr_assert_eq(load_acquire(&flag), 0);
    }
    cr_assert_eq(raise_flag_await(&task, &worker, NULL), 0);
    cr_assert_eq(worker, 0);
    cr_assert_eq(wok_runtime_workers_max(wok_runtime_current()), 1);
}

Test(spare, none_is_started_where_none_may_be, .timeout = 60)
{
    run_on(1, WOK_NO_SPARE_WORKERS, block_without_spares);
}

/* ---- stuck without saying so ---------------------------------------------------------------------------- */

/* One worker, in one poll for as long as it takes: the monitor notices. */
SPARE_TEST(the_monitor_calls_one_for_what_is_ready, 1, 0)
{
    raise_flag_join task = wok_spawn(raise_flag, 0);
    int worker = -1;

    wait_for_flag(NULL);
    cr_assert_eq(raise_flag_await(&task, &worker, NULL), 0);
    cr_assert_neq(worker, wok_worker_index());
}

static void wait_for_a_timer(void)
{
    struct timed timed = {wok_sleep_future_for(wok_ms(30))};
    wok_join task = wok_spawn_future(&raise_in_time_vtable, &timed);

    cr_assert_eq(wok_yield(), 0);
    wait_for_flag(NULL);
    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
}

Test(spare, the_monitor_calls_one_for_a_timer, .timeout = 60)
{
    run_on(1, 0, wait_for_a_timer);
}

WOK_TASK(hog, int, int);

static int hog(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    fetch_add_release(&begun, 1);
    await_count(&gate, 1);
    return 0;
}

/* All of several workers, some in place and some not. */
static void block_all_in_both_ways(void)
{
    hog_join hogs[2];
    occupy_join occupied[2];

    for (int i = 0; i < 2; i++) {
        hogs[i] = wok_spawn(hog, 0);
        occupied[i] = wok_spawn(occupy, 0);
    }
    /* This one's own worker, in addition. */
    WOK_BLOCK_IN_PLACE()
    {
        await_count(&begun, 4);
        raise_flag_join task = wok_spawn(raise_flag, 0);
        cr_assert_eq(raise_flag_await(&task, NULL, NULL), 0);
        store_release(&gate, 1);
    }
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(hog_await(&hogs[i], NULL, NULL), 0);
        cr_assert_eq(occupy_await(&occupied[i], NULL, NULL), 0);
    }
}

Test(spare, every_worker_may_be_blocked_in_either_way, .timeout = 60)
{
    run_on(3, 0, block_all_in_both_ways);
}

/* ---- many ------------------------------------------------------------------------------------------------- */

static int nap_inside(void *us)
{
    return wok_sleep(wok_us(*(uint32_t *)us));
}

WOK_TASK(mix, uint32_t, uint32_t);

/* Blocks in place, sleeps, yields, has a child: and counts itself. */
static int mix(uint32_t *seed, uint32_t *result)
{
    uint32_t us = *seed * 37 % 300;

    *result = *seed;
    if (*seed % 3 == 0)
        cr_assert_eq(wok_block_in_place(nap_inside, &us), 0);
    if (*seed % 4 == 0)
        cr_assert_eq(wok_sleep(wok_us(us)), 0);
    if (*seed % 2 == 0) {
        raise_flag_join child = wok_spawn(raise_flag, 0);
        cr_assert_eq(raise_flag_await(&child, NULL, NULL), 0);
    }
    if (*seed % 5 == 0)
        cr_assert_eq(wok_block_in_place(nap_inside, &us), 0);
    fetch_add_release(&ended, 1);
    return 0;
}

static void run_a_mixture(void)
{
    enum { TASKS = 400, ROUNDS = 5 };
    static mix_join tasks[TASKS];

    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < TASKS; i++)
            tasks[i] = wok_spawn(mix, i);
        for (uint32_t i = 0; i < TASKS; i++) {
            uint32_t result = 0;
            cr_assert_eq(mix_await(&tasks[i], &result, NULL), 0);
            cr_assert_eq(result, i);
        }
    }
    cr_assert_eq(load_acquire(&ended), TASKS * ROUNDS);
    cr_assert_leq(metrics().spare_workers, 8);
    cr_assert_eq(metrics().blocked_in_place, ROUNDS * (TASKS / 3 + 1 + TASKS / 5));
}

Test(spare, a_mixture_of_all_ends_on_one_worker, .timeout = 120)
{
    run_on(1, 0, run_a_mixture);
}

Test(spare, a_mixture_of_all_ends_on_three_workers, .timeout = 120)
{
    run_on(3, 0, run_a_mixture);
}

Test(spare, a_mixture_of_all_ends_with_one_spare, .timeout = 120)
{
    run_on(2, 1, run_a_mixture);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static atomic_u32 threads_begun, threads_ended;

static void note_start(void *unused)
{
    (void)unused;
    fetch_add_release(&threads_begun, 1);
}

static void note_stop(void *unused)
{
    (void)unused;
    fetch_add_release(&threads_ended, 1);
}

Test(spare, a_shutdown_ends_them_and_reports_who_is_in_place, .timeout = 60)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    wok_shutdown_report report;

    options.paused_clock = false;
    options.on_thread_start = note_start;
    options.on_thread_stop = note_stop;
    options.spare_workers_max = 1;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    occupy_join task = wok_spawn_on(runtime, occupy, 0);
    int line = __LINE__ - 1;
    await_count(&begun, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), -ETIMEDOUT);
    cr_assert_eq(report.stuck, 1);
    cr_assert_eq(report.left_count, 1);
    cr_assert_eq(report.left[0].kind, WOK_LEFT_RUNNING);
    cr_assert_eq(report.left[0].line, line);
    cr_assert_gt(report.left[0].running.ns, 0);
    store_release(&gate, 1);
    wok_runtime_free(runtime);
    cr_assert_eq(load_acquire(&threads_begun), 2);
    cr_assert_eq(load_acquire(&threads_ended), 2);
    occupy_join_drop(&task);
}
