/*
 * spare_test.h - what the tests of blocked workers have in common.
 */
#ifndef WOK_TESTS_RUNTIME_SCHED_SPARE_TEST_H
#define WOK_TESTS_RUNTIME_SCHED_SPARE_TEST_H

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 flag;

__attribute__((unused)) static void await_count(atomic_u32 *word, uint32_t target)
{
    while (load_acquire(word) < target)
        sched_yield();
}

__attribute__((unused)) static wok_runtime_metrics metrics_of(const wok_runtime *runtime)
{
    wok_runtime_metrics now;

    wok_runtime_metrics_get(runtime, &now);
    return now;
}

__attribute__((unused)) static wok_runtime_metrics metrics(void)
{
    return metrics_of(wok_runtime_current());
}

/* Blocks the thread until another one has raised the flag. */
__attribute__((unused)) static int wait_for_flag(void *unused)
{
    (void)unused;
    await_count(&flag, 1);
    return 0;
}

WOK_TASK(raise_flag, int, int);

__attribute__((unused)) static int raise_flag(int *unused, int *result)
{
    (void)unused;
    *result = wok_worker_index();
    fetch_add_release(&flag, 1);
    return 0;
}

/* A test on the real clock, on so many workers and with spare ones.  An idle worker does not wake up to give
 * memory back: it would then see what somebody else should have told it of. */
#define SPARE_TEST(Name_, Workers_, Spares_)                                                       \
    static void Name_##_body(void);                                                                \
    Test(spare, Name_, .timeout = 60)                                                              \
    {                                                                                              \
        run_on((Workers_), (Spares_), Name_##_body);                                               \
    }                                                                                              \
    static void Name_##_body(void)

__attribute__((unused)) static void run_on(unsigned workers, unsigned spares, void (*body)(void))
{
    wok_runtime_options options = test_options();

    options.workers = workers;
    options.spare_workers_max = spares;
    options.paused_clock = false;
    options.simulated_network = true;
    options.trim_interval = WOK_FOREVER;
    test_run(&options, body);
}

/* ---- a stackless task that raises the flag in its time --------------------------------------------- */

struct timed {
    wok_sleep_future sleep;
};

__attribute__((unused)) static wok_poll raise_in_time(void *self, wok_cx *cx, void *result)
{
    struct timed *timed = self;
    wok_poll code = wok_sleep_future_poll(&timed->sleep, cx);

    (void)result;
    if (code == WOK_READY)
        fetch_add_release(&flag, 1);
    return code;
}

__attribute__((unused)) static void drop_timed(void *self)
{
    wok_sleep_future_drop(&((struct timed *)self)->sleep);
}

__attribute__((unused)) static const wok_future_vtable raise_in_time_vtable = {
    .name = "raise_in_time",
    .size = sizeof(struct timed),
    .poll = raise_in_time,
    .drop = drop_timed};

#endif
