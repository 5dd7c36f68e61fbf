/*
 * test_runtime.c - the rules E1 to E8: how a runtime is built, what ends with it, what it tells.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "semantics/kit.h"

/* ---- E1: options -------------------------------------------------------------------------------- */

Test(semantics, E1_options_out_of_range_are_refused_and_zero_is_the_default, .timeout = 20)
{
    wok_runtime_options options = {.workers = 57};
    wok_runtime *runtime = NULL;

    cr_assert_eq(wok_runtime_new(&runtime, &options), -EINVAL);
    cr_assert_null(runtime);
    options.workers = 0;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    cr_assert_geq(wok_runtime_workers(runtime), 1);
    wok_runtime_free(runtime);
}

static struct tally thread_starts = TALLY, thread_stops = TALLY;

static void count_start(void *argument)
{
    tally_add(argument);
}

static void count_stop(void *unused)
{
    (void)unused;
    tally_add(&thread_stops);
}

WOK_TASK(thread_name, char, bool);

static int thread_name(char *unused, bool *is_right)
{
    char name[16] = "";

    (void)unused;
    cr_assert_eq(pthread_getname_np(pthread_self(), name, sizeof name), 0);
    *is_right = strncmp(name, "shop-", 5) == 0;
    return 0;
}

Test(semantics, E1_threads_have_names_and_tell_of_their_start_and_end, .timeout = 20)
{
    wok_runtime_options options = {
        .workers = 3,
        .thread_name = "shop",
        .on_thread_start = count_start,
        .on_thread_stop = count_stop,
        .argument = &thread_starts,
    };
    wok_runtime *runtime = NULL;
    bool is_right = false;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    cr_assert_eq(wok_block_on(runtime, thread_name, 0, &is_right, NULL), 0);
    cr_assert(is_right);
    wok_runtime_free(runtime);
    cr_assert_eq(tally_get(&thread_starts), 3);
    cr_assert_eq(tally_get(&thread_stops), 3);
}

/* ---- E2: the end -------------------------------------------------------------------------------- */

static struct {
    wok_runtime *runtime;
    int worker;
    uint64_t task;
} seen_in_drop;

static void look_around(char *unused)
{
    (void)unused;
    seen_in_drop.runtime = wok_runtime_current();
    seen_in_drop.worker = wok_worker_index();
    seen_in_drop.task = wok_task_id();
}

static struct tally waiting = TALLY;

WOK_TASK_WITH_DROP(wait_for_ever, char, int, look_around, NULL);

static int wait_for_ever(char *unused, int *result)
{
    (void)unused;
    *result = (int)tally_add(&waiting);
    return wok_sleep(WOK_FOREVER);
}

Test(semantics, E2_a_shutdown_drops_what_waits_on_a_worker_and_its_await_says_cancelled,
     .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    wok_shutdown_report report;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    wait_for_ever_join task = wok_spawn_on(runtime, wait_for_ever, 0);
    uint64_t id = wok_join_id(&task.join);
    tally_wait(&waiting, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), 0);
    cr_assert_eq(report.aborted, 1);
    cr_assert(wok_join_is_finished(&task.join));
    cr_assert_eq(seen_in_drop.runtime, runtime);
    cr_assert_eq(seen_in_drop.worker, 0);
    cr_assert_eq(seen_in_drop.task, id);
    wok_runtime_free(runtime);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED, "it may be asked later, too");
}

static struct tally may_go_on = TALLY;

WOK_TASK(hog, char, int);

static int hog(char *unused, int *result)
{
    (void)unused;
    tally_add(&waiting);
    tally_wait(&may_go_on, 1); /* blocks its worker */
    *result = 0;
    return wok_yield();
}

static void *let_go(void *unused)
{
    tally_add(&may_go_on);
    return unused;
}

Test(semantics, E2_a_free_waits_for_a_task_that_never_waits, .timeout = 20)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    pthread_t thread;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    hog_join task = wok_spawn_on(runtime, hog, 0);
    tally_wait(&waiting, 1);
    cr_assert_eq(pthread_create(&thread, NULL, let_go, NULL), 0);
    wok_runtime_free(runtime);
    cr_assert(wok_join_is_finished(&task.join), "returned or cancelled: the two threads race");
    wok_join_drop(&task.join);
    pthread_join(thread, NULL);
}

/* ---- E3 and E5: where it refuses ------------------------------------------------------------------ */

WOK_TEST(semantics, E3_a_block_on_in_a_task_is_refused_and_its_arguments_are_dropped)
{
    wok_join_error why;
    int result = 0;

    cr_assert_eq(wok_block_on(wok_runtime_current(), work, {.number = 5}, &result, &why), -EDEADLK);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(work_seen.began, 0);
    cr_assert_eq(work_seen.args_dropped, 1);
}

Test(semantics, E5_a_forked_child_is_refused, .timeout = 20)
{
    wok_runtime_options options = test_options();
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    int status = -1;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        wok_join_error why;
        work_join task = wok_spawn_on(runtime, work, {.number = 5});
        bool refused = wok_join_is_finished(&task.join) && work_seen.args_dropped == 1 &&
                       wok_block_on(runtime, work, {.number = 5}, NULL, &why) == -ENOTRECOVERABLE;
        _exit(refused ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}

/* ---- E7 and E8: what it tells --------------------------------------------------------------------- */

WOK_TASK(fall, char, int);

static int fall(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    wok_panic("no salt");
}

WOK_TEST(semantics, E7_counts_are_exact_when_the_runtime_is_quiet)
{
    wok_runtime_metrics before = figures(), after;
    work_join tasks[] = {wok_spawn(work, {wok_ms(1), 1}), wok_spawn(work, {wok_ms(1), 2}),
                         wok_spawn(work, {wok_seconds(9), 3})};
    fall_join falls = wok_spawn(fall, 0);
    uint64_t polls = polls_of_worker(0);

    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(figures().live, before.live + 1);
    wok_join_abort(&tasks[2].join);
    cr_assert_eq(wok_yield(), 0);
    after = figures();
    cr_assert_eq(after.workers, 1);
    cr_assert_eq(after.spawned - before.spawned, 4);
    cr_assert_eq(after.live, before.live);
    cr_assert_eq(after.completed - before.completed, 2);
    cr_assert_eq(after.aborted - before.aborted, 1);
    cr_assert_eq(after.panicked - before.panicked, 1);
    cr_assert_eq(polls_of_worker(0) - polls, 2 * 3 + 1 + 2, "and two of this task's own");
    for (int i = 0; i < 3; i++)
        work_join_drop(&tasks[i]);
    cr_assert_eq(end_of(&falls.join).outcome, WOK_PANICKED);
}

static uint32_t queue_depth(void)
{
    wok_worker_metrics metrics = {0};

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics.queue_depth;
}

WOK_TEST(semantics, E7_the_depth_of_a_queue_counts_all_that_may_move)
{
    wok_waker waker = {0};
    struct step waits = {.ready_at = 2, .sleeps = true, .keep_waker = &waker};
    struct step child = {.ready_at = 1};
    wok_join sleeper = wok_spawn_future(&step_vtable, &waits);

    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(queue_depth(), 0);
    work_join task = wok_spawn(work, {.number = 5});
    cr_assert_eq(queue_depth(), 1);
    WOK_SCOPE(scope)
    {
        wok_scope_spawn_future(scope, &step_vtable, &child);
        cr_assert_eq(queue_depth(), 2, "a new child of a scope");
        wok_waker_wake(&waker);
        cr_assert_eq(queue_depth(), 3, "a task that runs next");
    }
    wok_waker_drop(&waker);
    cr_assert_eq(end_of(&sleeper).outcome, WOK_RETURNED);
    cr_assert_eq(end_of(&task.join).outcome, WOK_RETURNED);
    cr_assert_eq(queue_depth(), 0);
}

WOK_TEST(semantics, E8_each_task_is_known_by_number_and_name_in_the_log)
{
    work_join task = wok_spawn(work, {.number = 5});
    uint64_t id = wok_join_id(&task.join);
    wok_test_event events[16];
    unsigned wakes = 0, polls = 0, ends = 0;

    cr_assert_eq(work_await(&task, NULL, NULL), 0);
    size_t count = wok_test_log_last(wok_runtime_current(), events, WOK_COUNT(events));
    for (size_t i = 0; i < count; i++) {
        if (events[i].task_id != id)
            continue;
        cr_assert_str_eq(events[i].task_name, "work");
        wakes += events[i].kind == WOK_TEST_WAKE;
        polls += events[i].kind == WOK_TEST_POLL;
        ends += events[i].kind == WOK_TEST_END;
    }
    cr_assert_eq(wakes, 1);
    cr_assert_eq(polls, 1);
    cr_assert_eq(ends, 1);
}

static wok_join_error refused;

WOK_TASK(ask_in_vain, char, int);

static int ask_in_vain(char *unused, int *result)
{
    (void)unused;
    *result = wok_block_on(wok_runtime_current(), work, {.number = 5}, NULL, &refused);
    return 0;
}

WOK_TEST(semantics, E8_a_report_names_the_task_and_the_place_of_its_spawn)
{
    int line = __LINE__ + 1;
    ask_in_vain_join task = wok_spawn(ask_in_vain, 0);
    uint64_t id = wok_join_id(&task.join);

    cr_assert_eq(end_of(&task.join).outcome, WOK_RETURNED);
    cr_assert_eq(refused.task_id, id);
    cr_assert_str_eq(refused.file, __FILE__);
    cr_assert_eq(refused.line, line);
    cr_assert_not_null(strstr(refused.message, "ask_in_vain"));
}

WOK_TEST(semantics, E8_a_spawn_may_give_the_task_a_name)
{
    work_join task =
        wok_spawn_with(WOK_SPAWN_OPTIONS(.name = "prices"), work, {.nap = wok_ms(9), .number = 5});

    wok_join_abort(&task.join);
    wok_join_error why = end_of(&task.join);
    cr_assert_str_eq(why.task_name, "prices");
    cr_assert_not_null(strstr(why.message, "prices"));
    cr_assert_str_eq(why.spawned_file, __FILE__);
}
