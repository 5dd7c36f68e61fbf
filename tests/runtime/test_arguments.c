/*
 * test_arguments.c - what NULL and other arguments that mean nothing come to, over the public headers.
 *
 * The tables hold calls with what they give.  Each is printed before it is made: where one crashes, it is
 * the last on stderr.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <wok/testing_net.h>

#include "support/wok_test.h"

/* A row: the call, and what it gives. */
#define ROW(call_, want_)                                                                          \
    do {                                                                                           \
        fprintf(stderr, "  %s\n", #call_);                                                         \
        long long got_ = (long long)(call_);                                                       \
        cr_assert_eq(got_, (long long)(want_), "%s gives %lld", #call_, got_);                     \
    } while (0)

/* One that gives nothing. */
#define RUNS(call_)                                                                                \
    do {                                                                                           \
        fprintf(stderr, "  %s\n", #call_);                                                         \
        call_;                                                                                     \
    } while (0)

static int returns_three(void *argument)
{
    (void)argument;
    return 3;
}

/* ---- options ---------------------------------------------------------------------------------- */

Test(arguments, options_of_null_are_the_defaults_where_there_are_any, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_scope scope;
    wok_oneshot_sender once;
    wok_oneshot_receiver once_receiver;
    wok_watch_sender watch;

    ROW(wok_runtime_new(&runtime, NULL), 0);
    wok_runtime_free(runtime);
    ROW(wok_test_run(NULL, returns_three, NULL), 0);
    ROW(wok_oneshot_new(NULL, &once, &once_receiver), 0);
    ROW(wok_oneshot_send(&once, NULL), 0);
    ROW(wok_oneshot_try_recv(&once_receiver, NULL), 0);
    RUNS(wok_oneshot_receiver_drop(&once_receiver));
    ROW(wok_watch_new(NULL, NULL, &watch), 0);
    RUNS(wok_watch_sender_drop(&watch));
    RUNS(wok_scope_init(&scope, NULL));
    RUNS(wok_scope_done(&scope));
    RUNS(wok_test_net_set_faults(NULL));
}

WOK_TEST(arguments, a_listener_has_default_options)
{
    wok_listener *listener = NULL;

    ROW(wok_listen(&listener, NULL), 0);
    cr_assert_neq(wok_listener_port(listener), 0);
    wok_listener_close(listener);
}

WOK_TEST(arguments, options_of_null_are_refused_where_one_has_no_default)
{
    wok_blocking_pool *pool = NULL;
    wok_mpsc_sender sender;
    wok_mpsc_receiver receiver;
    wok_broadcast_sender broadcast;

    ROW(wok_blocking_pool_new(&pool, NULL, NULL), -EINVAL);
    cr_assert_null(pool);
    ROW(wok_mpsc_new(NULL, &sender, &receiver), -EINVAL);
    ROW(wok_broadcast_new(NULL, &broadcast), -EINVAL);
    ROW(wok_watch_new(&(wok_watch_options){.value_size = 4}, NULL, &(wok_watch_sender){NULL}),
        -EINVAL);
}

/* ---- spawning ------------------------------------------------------------------------------------ */

WOK_TASK(four, int, int);

static int four(int *args, int *result)
{
    *result = *args + 4;
    return 0;
}

static int bytes_of_four(four_join join)
{
    int result = 0;

    cr_assert_eq(four_await(&join, &result, NULL), 0);
    return result;
}

static const wok_spawn_site *four_site(void)
{
    return WOK_TASK_SITE_(four);
}

WOK_TEST(arguments, a_pool_of_null_is_the_runtimes_own)
{
    int zero = 0;

    ROW(bytes_of_four(wok_spawn_blocking_in(NULL, four, 0)), 4);
    ROW(bytes_of_four((four_join){wok_spawn_blocking_with_raw(NULL, four_site(), &zero)}), 4);
    ROW(bytes_of_four((four_join){wok_spawn_with_raw(NULL, four_site(), &zero)}), 4);
}

Test(arguments, a_pool_of_null_without_a_runtime_starts_nothing)
{
    four_join join = wok_spawn_blocking_in(NULL, four, 0);
    wok_join_error why = {0};

    cr_assert_eq(four_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -EINVAL);
}

/* ---- a place for what is made ------------------------------------------------------------------- */

WOK_TEST(arguments, without_a_place_for_it_nothing_is_made)
{
    wok_mpsc_sender sender;
    wok_mpsc_receiver receiver;
    wok_oneshot_sender once;
    wok_oneshot_receiver once_receiver;
    wok_token *token = NULL, *child = NULL;
    wok_mpsc_options values = {.capacity = 1};
    int descriptor = eventfd(0, EFD_CLOEXEC);

    ROW(wok_runtime_new(NULL, NULL), -EINVAL);
    ROW(wok_blocking_pool_new(NULL, NULL, &(wok_blocking_pool_options){.name = "p"}), -EINVAL);
    ROW(wok_mpsc_new(&values, NULL, &receiver), -EINVAL);
    ROW(wok_mpsc_new(&values, &sender, NULL), -EINVAL);
    ROW(wok_oneshot_new(NULL, NULL, &once_receiver), -EINVAL);
    ROW(wok_oneshot_new(NULL, &once, NULL), -EINVAL);
    ROW(wok_broadcast_new(&(wok_broadcast_options){.capacity = 1}, NULL), -EINVAL);
    ROW(wok_watch_new(NULL, NULL, NULL), -EINVAL);
    ROW(wok_join_set_new(NULL), -EINVAL);
    ROW(wok_task_tracker_new(NULL), -EINVAL);
    ROW(wok_token_new(NULL), -EINVAL);
    ROW(wok_token_child(NULL, &child), -EINVAL);
    cr_assert_null(child);
    ROW(wok_token_new(&token), 0);
    ROW(wok_token_child(token, NULL), -EINVAL);
    wok_token_drop(token);
    ROW(wok_listen(NULL, NULL), -EINVAL);
    ROW(wok_connect_begin(NULL, 1, NULL), -EINVAL);
    ROW(wok_connect(NULL, 1, NULL), -EINVAL);
    ROW(wok_fd_new(NULL, descriptor), -EINVAL);
    ROW(wok_signal_init(NULL, 10), -EINVAL);
    ROW(wok_interval_init(NULL, wok_ms(1), WOK_INTERVAL_BURST), -EINVAL);
    close(descriptor);
}

WOK_TEST(arguments, an_interval_of_an_unknown_kind_is_refused)
{
    wok_interval interval = {.period = wok_ms(7)};

    ROW(wok_interval_init(&interval, wok_ms(1), (wok_interval_missed)3), -EINVAL);
    ROW(wok_interval_init(&interval, wok_ms(1), (wok_interval_missed)-1), -EINVAL);
    ROW(wok_interval_init_at(&interval, wok_now(), wok_ms(1), (wok_interval_missed)3), -EINVAL);
    cr_assert_eq(interval.period.ns, wok_ms(7).ns, "it is as it was");
    ROW(wok_interval_init(&interval, wok_ms(1), WOK_INTERVAL_SKIP), 0);
}

WOK_TEST(arguments, a_join_set_takes_no_empty_handle)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = NULL;
    wok_join empty = {NULL};

    ROW(wok_join_set_new(&set), 0);
    ROW(wok_join_set_add(set, &empty), -EINVAL);
    ROW(wok_join_set_add(set, NULL), -EINVAL);
    ROW(wok_join_set_add(NULL, &empty), -EINVAL);
    ROW(wok_join_set_size(set), 0);
}

/* ---- a runtime ------------------------------------------------------------------------------------- */

static void expect_figures(unsigned workers)
{
    wok_runtime_metrics figures = {.workers = 99};
    wok_worker_metrics worker;
    wok_blocking_pool_metrics pool = {.threads_max = 99};
    wok_watch_receiver shutdown;
    bool is_there = workers > 0;

    ROW(wok_runtime_workers(NULL), workers);
    ROW(wok_runtime_workers_max(NULL) >= workers, true);
    RUNS(wok_runtime_metrics_get(NULL, &figures));
    cr_assert_eq(figures.workers, workers);
    cr_assert_not_null(figures.driver);
    ROW(wok_worker_metrics_get(NULL, 0, &worker), is_there);
    RUNS(wok_blocking_pool_metrics_get(NULL, &pool));
    cr_assert_eq(pool.threads_max, is_there ? 512 : 0);
    ROW(wok_blocking_pool_metrics_nth(NULL, 0, &pool), is_there);
    RUNS(wok_shutdown_subscribe(&shutdown, NULL));
    ROW(wok_watch_has_changed(&shutdown), is_there ? 0 : -EINVAL);
    wok_watch_receiver_drop(&shutdown);
}

WOK_TEST(arguments, a_runtime_of_null_is_the_callers)
{
    expect_figures(1);
}

Test(arguments, a_runtime_of_null_is_none_outside)
{
    four_join join;
    int zero = 0;

    expect_figures(0);
    ROW(wok_runtime_shutdown(NULL, wok_ms(1), NULL), -EINVAL);
    ROW(wok_test_log_hash(NULL), 0);
    ROW(wok_test_advance(NULL, wok_ms(1)), -EINVAL);
    ROW(wok_block_on_raw(NULL, four_site(), &zero, NULL, NULL), -WOK_EJOIN);
    RUNS(join.join = wok_spawn_raw(NULL, four_site(), &zero));
    ROW(four_await(&join, NULL, NULL), -WOK_EJOIN);
    ROW(wok_main(NULL), EXIT_FAILURE);
    ROW(wok_test_run(NULL, NULL, NULL), -EINVAL);
}

Test(arguments, block_on_without_a_runtime_runs_on_the_one_that_was_entered, .timeout = 20)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    int zero = 0, result = 0;

    ROW(wok_runtime_new(&runtime, NULL), 0);
    (void)wok_runtime_enter(runtime);
    ROW(wok_block_on_raw(NULL, four_site(), &zero, &result, NULL), 0);
    cr_assert_eq(result, 4);
}

/* ---- ends ------------------------------------------------------------------------------------------- */

Test(arguments, ends_of_null_and_of_empty_handles_do_nothing)
{
    RUNS(wok_runtime_free(NULL));
    RUNS(wok_runtime_free_background(NULL));
    RUNS(wok_blocking_pool_free(NULL));
    RUNS(wok_join_set_free(NULL));
    RUNS(wok_task_tracker_free(NULL));
    RUNS(wok_token_drop(NULL));
    RUNS(wok_token_cancel(NULL));
    ROW(wok_token_ref(NULL) == NULL, true);
    RUNS(wok_listener_close(NULL));
    RUNS(wok_stream_close(NULL));
    RUNS(wok_fd_free(NULL));
    RUNS(wok_join_drop(&(wok_join){NULL}));
    RUNS(wok_join_abort(&(wok_join){NULL}));
    RUNS(wok_abort_handle_drop(&(wok_abort_handle){NULL}));
    RUNS(wok_mpsc_sender_drop(&(wok_mpsc_sender){NULL}));
    RUNS(wok_mpsc_receiver_drop(&(wok_mpsc_receiver){NULL}));
    RUNS(wok_mpsc_weak_drop(&(wok_mpsc_weak){NULL}));
    RUNS(wok_oneshot_sender_drop(&(wok_oneshot_sender){NULL}));
    RUNS(wok_oneshot_receiver_drop(&(wok_oneshot_receiver){NULL}));
    RUNS(wok_watch_sender_drop(&(wok_watch_sender){NULL}));
    RUNS(wok_watch_receiver_drop(&(wok_watch_receiver){NULL, 0}));
    RUNS(wok_broadcast_sender_drop(&(wok_broadcast_sender){NULL}));
    RUNS(wok_signal_done(&(wok_signal){.number = 0}));
}

/* ---- nobody wants the second result ----------------------------------------------------------------- */

WOK_TEST(arguments, a_second_result_may_have_no_place)
{
    wok_op branch = wok_sleep_op(wok_ms(1)), another = wok_sleep_op(wok_ms(1));
    wok_interval interval;
    wok_barrier barrier = WOK_BARRIER_INIT(1);

    ROW(wok_select(&branch, 1, WOK_SELECT_FAIR, NULL), 0);
    ROW(wok_select(NULL, 0, WOK_SELECT_FAIR, NULL), -EINVAL);
    ROW(wok_join_all(&another, 1, NULL), 0);
    ROW(wok_join_all(NULL, 0, NULL), 0);
    ROW(wok_barrier_wait(&barrier, NULL), 0);
    ROW(wok_interval_init(&interval, wok_ms(1), WOK_INTERVAL_BURST), 0);
    ROW(wok_interval_tick(&interval, NULL), 0);
    ROW(wok_test_net_set_stream_faults(NULL, NULL), -EINVAL);
    ROW(wok_test_net_hold(NULL), -EINVAL);
}

/* ---- counts ----------------------------------------------------------------------------------------- */

WOK_TASK(leaves, wok_task_tracker *, int);

static int leaves(wok_task_tracker **tracker, int *result)
{
    *result = 0;
    wok_task_tracker_leave(*tracker);
    return 0;
}

WOK_TEST(arguments, a_leave_too_many_panics_and_the_tracker_still_counts)
{
    WOK_CLEANUP(wok_task_tracker_freep) wok_task_tracker *tracker = NULL;
    wok_join_error why = {0};
    char name[48];

    ROW(wok_task_tracker_new(&tracker), 0);
    leaves_join join = wok_spawn(leaves, tracker);
    ROW(leaves_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    snprintf(name, sizeof name, "wok_task_tracker_leave() of %p", (void *)tracker);
    cr_assert_not_null(strstr(why.message, name), "%s", why.message);
    ROW(wok_task_tracker_size(tracker), 0);
    RUNS(wok_task_tracker_enter(tracker));
    ROW(wok_task_tracker_size(tracker), 1);
    RUNS(wok_task_tracker_leave(tracker));
    ROW(wok_task_tracker_close(tracker), true);
    ROW(wok_task_tracker_wait(tracker), 0);
}

/* ---- the environment --------------------------------------------------------------------------------- */

static int runs;

static int counts(void *argument)
{
    (void)argument;
    runs++;
    return 0;
}

static int run_with_seed(const char *seed)
{
    cr_assert_eq(setenv("WOK_TEST_SEED", seed, 1), 0);
    runs = 0;
    return wok_test_run(&(wok_test_options){.seeds = 3}, counts, NULL);
}

Test(arguments, a_seed_in_the_environment_that_is_none_runs_nothing, .timeout = 20)
{
    static const char *const none[] = {
        "abc", "12x", " 12", "-1", "+1", "0", "0x", "0xg", "1.5", "1 ", "18446744073709551616"};

    for (size_t i = 0; i < WOK_COUNT(none); i++) {
        ROW(run_with_seed(none[i]), -EINVAL);
        cr_assert_eq(runs, 0, "\"%s\"", none[i]);
    }
    ROW(run_with_seed("12"), 0);
    cr_assert_eq(runs, 1);
    ROW(run_with_seed("0xFF"), 0);
    cr_assert_eq(runs, 1);
    ROW(run_with_seed(""), 0);
    cr_assert_eq(runs, 3, "an empty one is none at all");
}
