/*
 * test_tasks.c - the rules S1 to S20: spawning, handles, abort, the ends of a task.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "semantics/kit.h"

/* ---- spawning ----------------------------------------------------------------------------------- */

WOK_TEST(semantics, S1_a_spawned_task_makes_progress_without_being_awaited)
{
    WOK_CLEANUP(work_join_drop) work_join task = wok_spawn(work, {wok_ms(1), 5});

    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert(wok_join_is_finished(&task.join));
    cr_assert_eq(work_seen.cleaned, 1);
}

WOK_TEST(semantics, S2_on_one_worker_the_body_runs_when_the_spawner_waits)
{
    WOK_CLEANUP(work_join_drop) work_join task = wok_spawn(work, {wok_ms(1), 5});

    cr_assert_eq(work_seen.began, 0);
    cr_assert_not(wok_join_is_finished(&task.join));
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(work_seen.began, 1);
}

Test(semantics, S3_a_spawn_without_a_runtime_is_born_finished_as_not_started, .timeout = 20)
{
    work_join task = wok_spawn(work, {wok_ms(1), 5});

    cr_assert(wok_join_is_finished(&task.join));
    cr_assert_eq(work_seen.args_dropped, 1);
    wok_join_error why = end_of(&task.join);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -EINVAL);
    cr_assert_eq(work_seen.began, 0);
}

static struct tally begun = TALLY;
static work_join late;

WOK_TASK(spawn_late, char, int);

static int spawn_late(char *unused, int *result)
{
    (void)unused;
    *result = (int)tally_add(&begun);
    int error = wok_sleep(WOK_FOREVER);
    late = wok_spawn(work, {wok_ms(1), 5});
    return error;
}

Test(semantics, S4_a_spawn_while_the_runtime_shuts_down_never_runs, .timeout = 20)
{
    wok_runtime_options options = test_options();
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    wok_shutdown_report report;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    spawn_late_join spawner = wok_spawn_on(runtime, spawn_late, 0);
    tally_wait(&begun, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), &report), 0);
    spawn_late_join_drop(&spawner);
    cr_assert_eq(work_seen.args_dropped, 1);
    cr_assert_eq(end_of(&late.join).outcome, WOK_CANCELLED);
    cr_assert_eq(work_seen.began, 0);
}

/* ---- what a handle is --------------------------------------------------------------------------- */

static unsigned slow_drops;

static void drop_slowly(char *owned)
{
    (void)owned;
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(wok_yield(), 0);
    slow_drops++;
}

WOK_TASK_WITH_DROP(own_slowly, char, int, drop_slowly, NULL);

static int own_slowly(char *args, int *result)
{
    WOK_CLEANUP(drop_slowly) char owned = *args;

    *result = owned;
    return 0;
}

WOK_TEST(semantics, S5_locals_and_arguments_are_destroyed_before_anybody_sees_the_end)
{
    own_slowly_join seen = wok_spawn(own_slowly, 0), awaited = wok_spawn(own_slowly, 0);

    while (!wok_join_is_finished(&seen.join)) {
        cr_assert_lt(slow_drops, 4);
        cr_assert_eq(wok_yield(), 0);
    }
    cr_assert_geq(slow_drops, 2);
    cr_assert_eq(own_slowly_await(&awaited, NULL, NULL), 0);
    cr_assert_eq(slow_drops, 4);
    own_slowly_join_drop(&seen);
}

WOK_TEST(semantics, S6_any_number_of_abort_handles_stand_beside_the_one_join_handle)
{
    work_join task = wok_spawn(work, {wok_ms(10), 5});
    wok_abort_handle first = wok_join_abort_handle(&task.join);
    wok_abort_handle second = wok_abort_handle_ref(&first);

    cr_assert_eq(wok_abort_handle_id(&second), wok_join_id(&task.join));
    wok_abort_handle_drop(&first);
    work_join_drop(&task);
    cr_assert_eq(wok_yield(), 0);
    wok_abort_handle_abort(&second);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert(wok_abort_handle_is_finished(&second));
    cr_assert_eq(work_seen.cleaned, 1);
    wok_abort_handle_drop(&second);
}

WOK_TEST(semantics, S7_a_dropped_handle_detaches_and_the_result_dies_once)
{
    work_join early = wok_spawn(work, {wok_ms(1), 5}), late_drop = wok_spawn(work, {wok_ms(1), 5});

    work_join_drop(&early);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_eq(work_seen.cleaned, 2);
    cr_assert_eq(work_seen.results_dropped, 1, "by the task");
    work_join_drop(&late_drop);
    work_join_drop(&late_drop);
    cr_assert_eq(work_seen.results_dropped, 2, "by the handle");
}

static void panic_over(int *result)
{
    wok_panic("result %d", *result);
}

WOK_TASK_WITH_DROP(give_a_bomb, char, int, NULL, panic_over);

static int give_a_bomb(char *unused, int *result)
{
    (void)unused;
    *result = 1;
    return 0;
}

WOK_TEST(semantics, S7_a_result_whose_drop_panics_does_not_harm_who_drops_the_handle)
{
    give_a_bomb_join task = wok_spawn(give_a_bomb, 0);

    cr_assert_eq(wok_yield(), 0);
    cr_assert(wok_join_is_finished(&task.join));
    give_a_bomb_join_drop(&task);
    cr_assert_eq(wok_yield(), 0);
}

WOK_TEST(semantics, S8_a_second_await_is_refused)
{
    work_join task = wok_spawn(work, {wok_ms(1), 5});
    int result = 0;

    cr_assert_eq(work_await(&task, &result, NULL), 0);
    cr_assert_eq(work_await(&task, &result, NULL), -EINVAL);
}

static work_join shared;

WOK_TASK(await_shared, char, int);

static int await_shared(char *unused, int *result)
{
    (void)unused;
    return work_await(&shared, result, NULL);
}

WOK_TEST(semantics, S9_an_await_that_is_cancelled_loses_nothing)
{
    await_shared_join waiter = wok_spawn(await_shared, 0);
    int result = 0;

    shared = wok_spawn(work, {wok_ms(10), 5});
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_abort(&waiter.join);
    cr_assert_eq(end_of(&waiter.join).outcome, WOK_CANCELLED);
    cr_assert_eq(work_await(&shared, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

WOK_TEST(semantics, S9_an_await_that_loses_a_select_loses_nothing)
{
    work_join task = wok_spawn(work, {wok_ms(10), 5});
    int result = 0, code;
    wok_op branches[] = {wok_join_op(&task.join, &result, NULL), wok_sleep_op(wok_ms(1))};

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(work_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

WOK_TEST(semantics, S10_a_task_that_awaits_itself_is_told)
{
    await_shared_join self = wok_spawn(await_shared, 0);

    shared.join = self.join; /* the same handle, in its own task's hands */
    cr_assert_eq(wok_yield(), 0);
    wok_join_error why = end_of(&self.join);
    cr_assert_eq(why.outcome, WOK_FAILED);
    cr_assert_eq(why.code, -EDEADLK);
}

/* ---- abort -------------------------------------------------------------------------------------- */

WOK_TEST(semantics, S11_abort_returns_at_once_and_finished_means_gone)
{
    work_join task = wok_spawn(work, {wok_seconds(10), 5});

    cr_assert_eq(wok_yield(), 0);
    wok_join_abort(&task.join);
    wok_join_abort(&task.join);
    cr_assert_not(wok_join_is_finished(&task.join));
    cr_assert_eq(work_seen.cleaned, 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert(wok_join_is_finished(&task.join));
    cr_assert_eq(work_seen.args_dropped, 1);
    work_join_drop(&task);
}

WOK_TEST(semantics, S12_abort_before_the_first_run_never_runs_the_body)
{
    work_join task = wok_spawn(work, {wok_seconds(10), 5});

    wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(work_seen.began, 0);
    cr_assert_eq(work_seen.args_dropped, 1);
}

WOK_TEST(semantics, S13_abort_of_a_stackful_task_that_waits_runs_its_error_path_only)
{
    work_join task = wok_spawn(work, {wok_seconds(10), 5});

    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(armed_timers(), 1);
    wok_join_abort(&task.join);
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(work_seen.cleaned, 1);
    cr_assert_eq(work_seen.args_dropped, 1);
    cr_assert_eq(work_seen.results_dropped, 0, "there is none");
    cr_assert_eq(armed_timers(), 0);
}

WOK_TEST(semantics, S13_abort_of_a_stackless_task_drops_it_in_place_of_its_next_poll)
{
    unsigned polls = 0, drops = 0;
    struct step step = {.sleeps = true, .polls = &polls, .drops = &drops};
    wok_join task = wok_spawn_future(&step_vtable, &step);

    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(polls, 1);
    wok_join_abort(&task);
    cr_assert_eq(drops, 0);
    cr_assert_eq(end_of(&task).outcome, WOK_CANCELLED);
    cr_assert_eq(polls, 1);
    cr_assert_eq(drops, 1);
}

static wok_join own_handle;
static int after_abort[2];

/* Aborts itself, and either returns at once or waits twice. */
WOK_TASK(abort_self, bool, int);

static int abort_self(bool *waits, int *result)
{
    wok_join_abort(&own_handle);
    *result = 5;
    if (!*waits)
        return 0;
    after_abort[0] = wok_yield();
    after_abort[1] = wok_sleep(wok_ms(1));
    return after_abort[1];
}

WOK_TEST(semantics, S14_abort_of_a_running_task_that_returns_first_gives_its_value)
{
    abort_self_join task = wok_spawn(abort_self, false);
    int result = 0;

    own_handle = task.join;
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(abort_self_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

WOK_TEST(semantics, S14_abort_of_a_running_task_is_seen_at_its_next_wait_and_each_one_after)
{
    abort_self_join task = wok_spawn(abort_self, true);

    own_handle = task.join;
    cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
    cr_assert_eq(after_abort[0], -ECANCELED);
    cr_assert_eq(after_abort[1], -ECANCELED);
}

WOK_TEST(semantics, S15_abort_after_the_end_changes_nothing)
{
    work_join task = wok_spawn(work, {wok_ms(1), 5});
    int result = 0;

    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(work_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 5);
}

static int began_on, cleaned_on;

static void note_worker(char *unused)
{
    (void)unused;
    cleaned_on = wok_worker_index();
}

WOK_TASK_WITH_DROP(stay, char, int, note_worker, NULL);

static int stay(char *unused, int *result)
{
    (void)unused;
    began_on = wok_worker_index();
    cleaned_on = -1;
    *result = (int)tally_add(&begun);
    return wok_sleep(WOK_FOREVER);
}

Test(semantics, S16_abort_from_another_thread_ends_a_started_task_on_its_own, .timeout = 20)
{
    wok_runtime_options options = test_options();
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;

    options.workers = 3;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    for (unsigned round = 1; round <= 20; round++) {
        stay_join task = wok_spawn_on(runtime, stay, 0);
        tally_wait(&begun, round);
        wok_join_abort(&task.join);
        cr_assert_eq(end_of(&task.join).outcome, WOK_CANCELLED);
        cr_assert_eq(cleaned_on, began_on);
    }
}

static int placed_on[2]; /* polled, dropped */

static wok_poll place_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    placed_on[0] = wok_worker_index();
    return WOK_PENDING;
}

static void place_drop(void *self)
{
    (void)self;
    placed_on[1] = wok_worker_index();
}

WOK_TEST_WORKERS(semantics, S16_a_pinned_task_is_polled_and_dropped_by_its_worker, 3)
{
    static const wok_future_vtable vtable = {
        .name = "place", .size = 1, .poll = place_poll, .drop = place_drop};
    char self = 0;

    for (int worker = 0; worker < 3; worker++) {
        wok_join task =
            wok_spawn_future_with(WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(worker)), &vtable, &self);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
        wok_join_abort(&task);
        cr_assert_eq(end_of(&task).outcome, WOK_CANCELLED);
        cr_assert_eq(placed_on[0], worker);
        cr_assert_eq(placed_on[1], worker);
    }
}

static void panic_in_drop(char *unused)
{
    (void)unused;
    wok_panic("the drop");
}

WOK_TASK_WITH_DROP(own_a_bomb, char, int, panic_in_drop, NULL);

static int own_a_bomb(char *unused, int *result)
{
    (void)unused;
    *result = 1;
    return wok_sleep(wok_seconds(10));
}

WOK_TEST(semantics, S17_a_drop_that_panics_during_an_abort_makes_it_a_panic)
{
    own_a_bomb_join waiting = wok_spawn(own_a_bomb, 0);

    cr_assert_eq(wok_yield(), 0);
    own_a_bomb_join unstarted = wok_spawn(own_a_bomb, 0);
    wok_join_abort(&waiting.join);
    wok_join_abort(&unstarted.join);
    cr_assert_eq(end_of(&waiting.join).outcome, WOK_PANICKED);
    cr_assert_eq(end_of(&unstarted.join).outcome, WOK_PANICKED);
}

/* ---- ends --------------------------------------------------------------------------------------- */

WOK_TASK(panic_with, const char *, int);

static int panic_with(const char **message, int *result)
{
    *result = 0;
    wok_panic("%s", *message);
}

static void assert_begins(const wok_join_error *why, const char *format)
{
    char expected[160];

    int length = snprintf(expected, sizeof expected, format, (unsigned long long)why->task_id);
    cr_assert_eq(strncmp(why->message, expected, (size_t)length), 0, "%s", why->message);
}

WOK_TEST(semantics, S18_an_error_says_which_task_and_in_which_way_it_ended)
{
    work_join aborted = wok_spawn(work, {wok_ms(1), 5});
    panic_with_join panicked = wok_spawn(panic_with, (const char *){"no salt"});
    uint64_t ids[] = {wok_join_id(&aborted.join), wok_join_id(&panicked.join)};

    wok_join_abort(&aborted.join);
    wok_join_error why = end_of(&aborted.join);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(why.task_id, ids[0]);
    assert_begins(&why, "task %llu was cancelled");
    why = end_of(&panicked.join);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(why.task_id, ids[1]);
    assert_begins(&why, "task %llu panicked with message \"no salt\"");
}

WOK_TEST(semantics, S19_a_panic_disturbs_neither_the_other_tasks_nor_the_worker)
{
    work_join before = wok_spawn(work, {wok_ms(2), 5});
    panic_with_join panicked = wok_spawn(panic_with, (const char *){"no salt"});
    int result = 0;

    cr_assert_eq(end_of(&panicked.join).outcome, WOK_PANICKED);
    cr_assert_eq(work_await(&before, &result, NULL), 0);
    cr_assert_eq(result, 5);
    work_join after = wok_spawn(work, {wok_ms(1), 6});
    cr_assert_eq(work_await(&after, &result, NULL), 0);
    cr_assert_eq(result, 6);
    cr_assert_eq(figures().panicked, 1);
}

WOK_TASK(spawn_many, uint64_t *, char);

enum { MANY = 100 };
static work_join many[4][MANY];

static int spawn_many(uint64_t **ids, char *result)
{
    work_join *tasks = many[(size_t) * *ids];

    *result = 0;
    for (int i = 0; i < MANY; i++) {
        tasks[i] = wok_spawn(work, {wok_seconds(1), i});
        (*ids)[i] = wok_join_id(&tasks[i].join);
        if (i % 10 == 0)
            cr_assert_eq(wok_yield(), 0);
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

WOK_TEST_WORKERS(semantics, S20_ids_are_unique_among_tasks_that_live_or_have_a_handle, 4)
{
    static uint64_t ids[4 * MANY];
    spawn_many_join spawners[4];

    for (uint64_t i = 0; i < 4; i++) {
        ids[i * MANY] = i;
        spawners[i] = wok_spawn(spawn_many, &ids[i * MANY]);
    }
    for (int i = 0; i < 4; i++)
        cr_assert_eq(spawn_many_await(&spawners[i], NULL, NULL), 0);
    qsort(ids, WOK_COUNT(ids), sizeof(uint64_t), compare_ids);
    cr_assert_gt(ids[0], 0);
    for (size_t i = 1; i < WOK_COUNT(ids); i++)
        cr_assert_neq(ids[i], ids[i - 1]);
    for (size_t i = 0; i < 4; i++) {
        for (int j = 0; j < MANY; j++)
            work_join_drop(&many[i][j]);
    }
}
