/*
 * wok_test.h - tests whose body is a task.
 *
 *     WOK_TEST(sleep, takes_its_time)
 *     {
 *         wok_instant start = wok_now();
 *         cr_assert_eq(wok_sleep(wok_seconds(3600)), 0);
 *         cr_assert_eq(wok_elapsed(start).ns, wok_seconds(3600).ns);
 *     }
 *
 * The body runs as a stackful task of a runtime with one worker and a paused clock: when every task
 * waits, time jumps to the next deadline, so a test of an hour takes microseconds and may assert
 * equality.  One worker also makes the order of tasks a fact: a task runs until it waits.
 */
#ifndef WOK_TESTS_SUPPORT_WOK_TEST_H
#define WOK_TESTS_SUPPORT_WOK_TEST_H

#include <wok/wok.h>

#include "support/test.h"

/* What test_run() uses: one worker and no spare ones, a paused clock, a fixed seed, and stacks on which
 * an assertion of Criterion finds room to format its message.  Panics that nobody awaits are kept in
 * test_unjoined. */
wok_runtime_options test_options(void);

/* The panics that nobody awaited, in the order of their reports. */
struct test_unjoined {
    unsigned count;
    wok_join_error last;
};
struct test_unjoined test_unjoined(void);

/* Runs `body` as a task of a runtime with `options`, shuts that down and frees it; the test fails
 * if the body panics or a task cannot be stopped. */
void test_run(const wok_runtime_options *options, void (*body)(void));

/* Runs `body` as test_run() does, once for each of the seeds 1 to `seeds`, or for the one that
 * WOK_TEST_SEED names.  If the process ends meanwhile, a line on stderr says with which seed. */
void test_run_seeds(const wok_runtime_options *options, uint64_t seeds, void (*body)(void));

/* The seed of the run under way. */
uint64_t test_seed(void);

/* Defines a test whose body is a task of a runtime with test_options(): not the public one, since many of our
 * tests look at panics that nobody awaits, and have seconds to end in. */
#undef WOK_TEST
#define WOK_TEST(Suite_, Name_)                                                                    \
    static void Suite_##_##Name_##_body(void);                                                     \
    Test(Suite_, Name_, .timeout = 20)                                                             \
    {                                                                                              \
        wok_runtime_options options_ = test_options();                                             \
        test_run(&options_, Suite_##_##Name_##_body);                                              \
    }                                                                                              \
    static void Suite_##_##Name_##_body(void)

/* As WOK_TEST, on this many workers: they run by turns, in the order that the seed 1 draws. */
#define WOK_TEST_WORKERS(Suite_, Name_, Workers_)                                                  \
    static void Suite_##_##Name_##_body(void);                                                     \
    Test(Suite_, Name_, .timeout = 20)                                                             \
    {                                                                                              \
        wok_runtime_options options_ = test_options();                                             \
        options_.workers = (Workers_);                                                             \
        test_run(&options_, Suite_##_##Name_##_body);                                              \
    }                                                                                              \
    static void Suite_##_##Name_##_body(void)

/* As WOK_TEST_WORKERS, once for each of the seeds 1 to `Seeds_`, each in a runtime of its own; with
 * WOK_TEST_SEED=NUMBER for that one only, which is how a failure that names its seed is repeated. */
#define WOK_TEST_SEEDS(Suite_, Name_, Workers_, Seeds_)                                            \
    static void Suite_##_##Name_##_body(void);                                                     \
    Test(Suite_, Name_, .timeout = 60)                                                             \
    {                                                                                              \
        wok_runtime_options options_ = test_options();                                             \
        options_.workers = (Workers_);                                                             \
        test_run_seeds(&options_, (Seeds_), Suite_##_##Name_##_body);                              \
    }                                                                                              \
    static void Suite_##_##Name_##_body(void)

/* As WOK_TEST, on the real clock and this many workers: for what several threads do. */
#define WOK_TEST_ON(Suite_, Name_, Workers_)                                                       \
    static void Suite_##_##Name_##_body(void);                                                     \
    Test(Suite_, Name_, .timeout = 60)                                                             \
    {                                                                                              \
        wok_runtime_options options_ = test_options();                                             \
        options_.workers = (Workers_);                                                             \
        options_.paused_clock = false;                                                             \
        test_run(&options_, Suite_##_##Name_##_body);                                              \
    }                                                                                              \
    static void Suite_##_##Name_##_body(void)

/* How much of `count_` a test does where a sanitizer makes each step dearer: TSan follows every stack. */
#if defined(__SANITIZE_THREAD__)
#define TEST_SCALE(count_) ((count_) / 50 + 1)
#elif defined(__SANITIZE_ADDRESS__)
#define TEST_SCALE(count_) ((count_) / 10 + 1)
#else
#define TEST_SCALE(count_) (count_)
#endif

#endif
