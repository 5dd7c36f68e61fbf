/*
 * test_join_set.c - the rules G1 to G6: sets of tasks, and trackers.
 */
#include "semantics/kit.h"

static wok_join_set *new_set(void)
{
    wok_join_set *set = NULL;

    cr_assert_eq(wok_join_set_new(&set), 0);
    return set;
}

/* The number that the next task of the set gave, or the code of the wait. */
static int next_of(wok_join_set *set)
{
    work_join done;
    int number = 0;
    int code = wok_join_set_next(set, &done.join);

    if (code < 0)
        return code;
    cr_assert_eq(work_await(&done, &number, NULL), 0);
    return number;
}

WOK_TEST(semantics, G1_next_gives_the_tasks_in_the_order_in_which_they_end)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();
    static const uint64_t naps_ms[] = {30, 10, 20};

    for (int i = 0; i < 3; i++)
        cr_assert_eq(wok_join_set_spawn(set, work, {wok_ms(naps_ms[i]), i}), 0);
    cr_assert_eq(next_of(set), 1);
    cr_assert_eq(next_of(set), 2);
    cr_assert_eq(next_of(set), 0);
    cr_assert_eq(next_of(set), -ENOENT);
}

WOK_TEST(semantics, G1_the_order_of_the_ends_is_kept_while_nobody_asks)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();
    static const uint64_t naps_ms[] = {30, 10, 20};

    for (int i = 0; i < 3; i++)
        cr_assert_eq(wok_join_set_spawn(set, work, {wok_ms(naps_ms[i]), i}), 0);
    cr_assert_eq(wok_sleep(wok_ms(40)), 0);
    cr_assert_eq(next_of(set), 1);
    cr_assert_eq(next_of(set), 2);
    cr_assert_eq(next_of(set), 0);
}

WOK_TEST(semantics, G1_a_next_that_loses_a_select_takes_nothing_out)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();
    wok_join done = {0};
    int code;

    cr_assert_eq(wok_join_set_spawn(set, work, {wok_ms(10), 5}), 0);
    wok_op branches[] = {wok_join_set_next_op(set, &done), wok_sleep_op(wok_ms(1))};
    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_FAIR, &code), 1);
    cr_assert_eq(wok_join_set_size(set), 1);
    cr_assert_eq(next_of(set), 5);
}

WOK_TEST(semantics, G2_freeing_a_set_aborts_its_tasks_without_waiting)
{
    wok_join_set *set = new_set();
    wok_instant start = wok_now();

    for (int i = 0; i < 3; i++)
        cr_assert_eq(wok_join_set_spawn(set, work, {wok_seconds(10), i}), 0);
    cr_assert_eq(wok_yield(), 0);
    wok_join_set_free(set);
    cr_assert_eq(work_seen.cleaned, 0, "not yet");
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(work_seen.cleaned, 3);
    cr_assert_eq(work_seen.args_dropped, 3);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(1).ns);
}

static int child(struct work *args)
{
    int error = wok_sleep(args->nap);

    work_seen.cleaned++;
    return error;
}

WOK_TEST(semantics, G2_closing_a_scope_aborts_its_children_and_waits)
{
    struct work args = {wok_seconds(10), 5};
    wok_scope scope = WOK_SCOPE_INIT;

    wok_scope_spawn(&scope, child, &args);
    cr_assert_eq(wok_yield(), 0);
    wok_scope_done(&scope);
    cr_assert_eq(work_seen.cleaned, 1);
}

WOK_TEST(semantics, G3_abort_all_keeps_the_handles)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();
    wok_join done;

    cr_assert_eq(wok_join_set_spawn(set, work, {wok_ms(1), 5}), 0);
    cr_assert_eq(wok_join_set_spawn(set, work, {wok_seconds(10), 6}), 0);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    wok_join_set_abort_all(set);
    cr_assert_eq(wok_join_set_size(set), 2);
    cr_assert_eq(next_of(set), 5, "it had ended");
    cr_assert_eq(wok_join_set_next(set, &done), 0);
    cr_assert_eq(end_of(&done).outcome, WOK_CANCELLED);
    cr_assert_eq(wok_join_set_size(set), 0);
}

WOK_TASK(panic_at_once, char, int);

static int panic_at_once(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    wok_panic("no salt");
}

WOK_TEST(semantics, G3_shutdown_aborts_and_drains_and_ignores_panics)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();

    cr_assert_eq(wok_join_set_spawn(set, panic_at_once, 0), 0);
    cr_assert_eq(wok_join_set_spawn(set, work, {wok_seconds(10), 5}), 0);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(wok_join_set_shutdown(set), 0);
    cr_assert_eq(wok_join_set_size(set), 0);
    cr_assert_eq(work_seen.cleaned, 1);
}

WOK_TEST(semantics, G3_detach_all_empties_the_set_and_stops_nothing)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();

    cr_assert_eq(wok_join_set_spawn(set, work, {wok_ms(10), 5}), 0);
    wok_join_set_detach_all(set);
    cr_assert_eq(wok_join_set_size(set), 0);
    cr_assert_eq(wok_sleep(wok_ms(11)), 0);
    cr_assert_eq(work_seen.results_dropped, 1, "it ran to its end");
}

WOK_TEST(semantics, G3_join_all_aborts_the_rest_at_the_first_that_did_not_return)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();
    wok_instant start = wok_now();
    wok_join_error why;

    cr_assert_eq(wok_join_set_spawn(set, work, {wok_seconds(10), 5}), 0);
    cr_assert_eq(wok_join_set_spawn(set, panic_at_once, 0), 0);
    cr_assert_eq(wok_join_set_join_all(set, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(work_seen.cleaned, 1);
    cr_assert_eq(wok_elapsed(start).ns, 0);
}

static wok_task_tracker *new_tracker(void)
{
    wok_task_tracker *tracker = NULL;

    cr_assert_eq(wok_task_tracker_new(&tracker), 0);
    return tracker;
}

WOK_TEST(semantics, G4_a_set_keeps_the_results_until_they_are_taken)
{
    wok_join_set *set = new_set();

    cr_assert_eq(wok_join_set_spawn(set, work, {.number = 5}), 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(work_seen.cleaned, 1);
    cr_assert_eq(work_seen.results_dropped, 0);
    wok_join_set_free(set);
    cr_assert_eq(work_seen.results_dropped, 1);
}

WOK_TEST(semantics, G4_a_tracker_keeps_none)
{
    WOK_CLEANUP(wok_task_tracker_freep) wok_task_tracker *tracker = new_tracker();
    work_join task = wok_task_tracker_spawn(tracker, work, {.number = 5});

    work_join_drop(&task);
    cr_assert_eq(wok_task_tracker_size(tracker), 1);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(work_seen.results_dropped, 1);
    cr_assert_eq(wok_task_tracker_size(tracker), 0);
}

WOK_TEST(semantics, G5_a_trackers_wait_is_over_when_it_is_closed_and_empty)
{
    WOK_CLEANUP(wok_task_tracker_freep) wok_task_tracker *tracker = new_tracker();
    wok_instant start = wok_now();

    cr_assert_eq(wok_task_tracker_wait_until(tracker, wok_after(wok_ms(1))), -ETIMEDOUT,
                 "empty, and open");
    WOK_CLEANUP(work_join_drop)
    work_join task = wok_task_tracker_spawn(tracker, work, {wok_ms(10), 5});
    cr_assert(wok_task_tracker_close(tracker));
    cr_assert_eq(wok_task_tracker_wait(tracker), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(11).ns);
    cr_assert(wok_join_is_finished(&task.join));
    cr_assert(wok_task_tracker_reopen(tracker));
    cr_assert_eq(wok_task_tracker_wait_until(tracker, wok_after(wok_ms(1))), -ETIMEDOUT);
}

WOK_TEST(semantics, G5_freeing_a_tracker_aborts_nothing)
{
    wok_task_tracker *tracker = new_tracker();
    work_join task = wok_task_tracker_spawn(tracker, work, {wok_ms(10), 5});
    int number = 0;

    wok_task_tracker_free(tracker);
    cr_assert_eq(work_await(&task, &number, NULL), 0);
    cr_assert_eq(number, 5);
}

WOK_TEST(semantics, G6_taking_out_many_lets_the_others_run)
{
    enum { TASKS = 300 };
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = new_set();
    unsigned polls = 0;
    struct step other = {.ready_at = 1, .polls = &polls};
    wok_join done;
    int taken = 0;

    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(wok_join_set_spawn(set, work, {.number = i}), 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    WOK_CLEANUP(wok_join_drop) wok_join task = wok_spawn_future(&step_vtable, &other);
    while (polls == 0) {
        cr_assert_eq(wok_join_set_next(set, &done), 0);
        wok_join_drop(&done);
        taken++;
    }
    cr_assert_leq(taken, 129);
}
