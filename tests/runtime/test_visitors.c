/*
 * test_visitors.c - a thread that wakes a worker while the runtime is freed.
 *
 * The linker gives this file the wake of a worker, and the end of its driver (--wrap).  The wake by the test's own
 * thread is held until the workers have ended, which a worker brought about that was awake.
 */
#include <sched.h>

#include "io/driver.h"
#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 begun, threads_ended, drivers_ended, held, too_early;
static __thread bool holds;

/* Long enough for who frees the runtime to go on, if nothing stops it. */
enum { YIELDS = 2000, HELD = 3, ROUNDS_MAX = 1000 };

void __real_wok__driver_wake(struct wok__driver *driver);
void __wrap_wok__driver_wake(struct wok__driver *driver);
void __real_wok__driver_done(struct wok__driver *driver);
void __wrap_wok__driver_done(struct wok__driver *driver);

void __wrap_wok__driver_wake(struct wok__driver *driver)
{
    if (holds) {
        holds = false;
        while (load_acquire(&threads_ended) != 2)
            sched_yield();
        for (int i = 0; i < YIELDS; i++)
            sched_yield();
        fetch_add_relaxed(&held, 1);
        fetch_add_relaxed(&too_early, load_relaxed(&drivers_ended));
    }
    __real_wok__driver_wake(driver);
}

void __wrap_wok__driver_done(struct wok__driver *driver)
{
    fetch_add_relaxed(&drivers_ended, 1);
    __real_wok__driver_done(driver);
}

static void note_stop(void *unused)
{
    (void)unused;
    fetch_add_release(&threads_ended, 1);
}

WOK_TASK(stay_awake, int, int);

static int stay_awake(int *unused, int *result)
{
    *result = *unused;
    fetch_add_release(&begun, 1);
    while (wok_yield() == 0)
        ;
    return 0;
}

WOK_TASK(free_inside, int, int);

static int free_inside(int *unused, int *result)
{
    *result = *unused;
    wok_runtime_free(wok_runtime_current());
    return 0;
}

static void free_while_a_worker_is_woken(void)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.workers = 2;
    options.paused_clock = false;
    options.on_thread_stop = note_stop;
    store_relaxed(&begun, 0);
    store_relaxed(&threads_ended, 0);
    store_relaxed(&drivers_ended, 0);
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    stay_awake_join awake = wok_spawn_on(runtime, stay_awake, 0);
    while (load_acquire(&begun) == 0)
        sched_yield();
    for (int i = 0; i < 100; i++)
        sched_yield(); /* the other worker goes to sleep, or else the next round will do */
    holds = true;
    free_inside_join freed = wok_spawn_on(runtime, free_inside, 0);
    holds = false;
    cr_assert_eq(free_inside_await(&freed, NULL, NULL), 0);
    stay_awake_join_drop(&awake);
    while (load_relaxed(&drivers_ended) != 2)
        sched_yield();
}

/* It was not: the wake was of a worker whose memory and descriptors were gone. */
Test(visitors, who_wakes_a_worker_is_waited_for_before_it_is_freed, .timeout = 60)
{
    for (int round = 0; round < ROUNDS_MAX && load_relaxed(&held) < HELD; round++)
        free_while_a_worker_is_woken();
    cr_assert_eq(load_relaxed(&held), HELD);
    cr_assert_eq(load_relaxed(&too_early), 0);
}
