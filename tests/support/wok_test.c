/*
 * wok_test.c - the runtime around a test's body.
 */
#include "support/wok_test.h"

#include "util/seed.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* A panic is reported by a worker, and looked at by the test. */
static pthread_mutex_t unjoined_lock = PTHREAD_MUTEX_INITIALIZER;
static struct test_unjoined unjoined;

static void keep_unjoined(const wok_join_error *error, void *argument)
{
    (void)argument;
    pthread_mutex_lock(&unjoined_lock);
    unjoined.count++;
    unjoined.last = *error;
    pthread_mutex_unlock(&unjoined_lock);
}

struct test_unjoined test_unjoined(void)
{
    pthread_mutex_lock(&unjoined_lock);
    struct test_unjoined copy = unjoined;
    pthread_mutex_unlock(&unjoined_lock);
    return copy;
}

wok_runtime_options test_options(void)
{
    return (wok_runtime_options){
        .workers = 1,
        .paused_clock = true,
        .seed = 1,
        .stack_bytes = 256 * 1024,
        .spare_workers_max = WOK_NO_SPARE_WORKERS,
        .on_unjoined_panic = keep_unjoined,
    };
}

static uint64_t seed_under_way; /* 0: the test is not one of seeds; written while no worker runs */

struct call {
    void (*body)(void);
};

WOK_TASK(call_body, struct call, int);

static int call_body(struct call *call, int *result)
{
    call->body();
    *result = 0;
    return 0;
}

void test_run(const wok_runtime_options *options, void (*body)(void))
{
    wok_runtime *runtime = NULL;
    wok_shutdown_report report = {0};
    wok_join_error why = {0};
    int result = -1;

    cr_assert_eq(wok_runtime_new(&runtime, options), 0, "no runtime");
    wok_test_check_every(runtime, seed_under_way != 0 ? 1 : 61); /* on a paused clock */
    int error = wok_block_on(runtime, call_body, {.body = body}, &result, &why);
    cr_assert_eq(error, 0, "the body ended with %d: %s", error, why.message);
    error = wok_runtime_shutdown(runtime, wok_ms(0), &report);
    cr_assert_eq(error, 0, "the shutdown ended with %d", error);
    cr_assert_eq(report.stuck, 0);
    cr_assert_eq(report.blocking_left, 0);
    wok_runtime_free(runtime);
}

/* ---- seeds -------------------------------------------------------------------------------------- */

uint64_t test_seed(void)
{
    return seed_under_way;
}

/* A failed assertion of Criterion's exits, one of the runtime's own aborts. */
__attribute__((destructor)) static void say_seed(void)
{
    if (seed_under_way != 0)
        fprintf(stderr, "it was WOK_TEST_SEED=%llu\n", (unsigned long long)seed_under_way);
    seed_under_way = 0;
}

static void on_abort(int number)
{
    say_seed();
    signal(number, SIG_DFL);
    raise(number);
}

void test_run_seeds(const wok_runtime_options *options, uint64_t seeds, void (*body)(void))
{
    uint64_t first = 1;
    int given = wok__seed_given(&first);
    uint64_t last = given > 0 ? first : seeds;
    wok_runtime_options seeded = *options;

    if (given < 0)
        exit(EXIT_FAILURE);
    signal(SIGABRT, on_abort);
#ifdef WOK_TEST_STANDIN
    standin_last_words = say_seed;
#endif
    for (uint64_t seed = first; seed <= last; seed++) {
        seed_under_way = seed;
        seeded.seed = seed;
        test_run(&seeded, body);
    }
    seed_under_way = 0;
}
