/*
 * test_join_set.c - join sets, trackers and abort handles.
 *
 * G-numbers are rules of docs/semantics.md.
 */
#include <errno.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 args_dropped, results_dropped, began;

struct nap {
    wok_duration delay;
    int code;
    bool panics;
};

static void nap_args_drop(struct nap *nap)
{
    (void)nap;
    fetch_add_relaxed(&args_dropped, 1);
}

static void nap_result_drop(uint64_t *ms)
{
    (void)ms;
    fetch_add_relaxed(&results_dropped, 1);
}

WOK_TASK_WITH_DROP(nap, struct nap, uint64_t, nap_args_drop, nap_result_drop);

static int nap(struct nap *args, uint64_t *result)
{
    fetch_add_relaxed(&began, 1);
    int error = args->delay.ns == 0 ? 0 : wok_sleep(args->delay);

    if (error < 0)
        return error;
    if (args->panics)
        wok_panic("nap");
    *result = args->delay.ns / wok_ms(1).ns;
    return args->code;
}

static wok_join_set *set_new(void)
{
    wok_join_set *set = NULL;

    cr_assert_eq(wok_join_set_new(&set), 0);
    return set;
}

static void spawn_nap(wok_join_set *set, uint64_t ms)
{
    cr_assert_eq(wok_join_set_spawn(set, nap, {.delay = wok_ms(ms)}), 0);
}

/* ---- join sets ------------------------------------------------------------------------------------- */

/* G1 */
WOK_TEST_WORKERS(join_set, gives_the_tasks_in_the_order_of_their_ends, 3)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();
    uint64_t want[] = {10, 20, 30}, result = 0;
    nap_join done;

    spawn_nap(set, 30);
    spawn_nap(set, 10);
    spawn_nap(set, 20);
    cr_assert_eq(wok_join_set_try_next(set, &done.join), -EAGAIN);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(wok_join_set_size(set), 3 - i);
        cr_assert_eq(wok_join_set_next(set, &done.join), 0);
        cr_assert(wok_join_is_finished(&done.join));
        cr_assert_eq(nap_await(&done, &result, NULL), 0);
        cr_assert_eq(result, want[i]);
    }
    cr_assert_eq(wok_join_set_next(set, &done.join), -ENOENT);
    cr_assert_eq(wok_join_set_try_next(set, &done.join), -ENOENT);
}

/* G1: cancel-safe */
WOK_TEST(join_set, loses_a_select_without_losing_a_task)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();
    nap_join done = {{NULL}};
    int code = 1;

    spawn_nap(set, 25);
    for (int i = 0; i < 3; i++) {
        wok_op branches[] = {wok_join_set_next_op(set, &done.join), wok_sleep_op(wok_ms(10))};
        cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, &code), i == 2 ? 0 : 1);
    }
    cr_assert_eq(nap_await(&done, NULL, NULL), 0);
    cr_assert_eq(wok_join_set_next_until(set, wok_after(wok_ms(1)), &done.join), -ENOENT);
    spawn_nap(set, 25);
    cr_assert_eq(wok_join_set_next_until(set, wok_after(wok_ms(1)), &done.join), -ETIMEDOUT);
    cr_assert_eq(wok_join_set_size(set), 1);
}

/* G2: at once, without waiting; nothing is lost all the same */
WOK_TEST(join_set, that_is_freed_aborts_its_tasks)
{
    wok_join_set *set = set_new();
    wok_instant start = wok_now();

    store_relaxed(&args_dropped, 0);
    store_relaxed(&results_dropped, 0);
    spawn_nap(set, 0);
    spawn_nap(set, 1000);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_set_free(set);
    cr_assert_eq(load_relaxed(&args_dropped), 1, "it does not wait");
    cr_assert_eq(load_relaxed(&results_dropped), 1);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 2);
    cr_assert_eq(load_relaxed(&results_dropped), 1, "an aborted task has none");
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(2).ns);
    wok_join_set_free(NULL);
}

/* G3 */
WOK_TEST(join_set, abort_all_keeps_the_handles)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();
    nap_join done;
    wok_join_error why;

    spawn_nap(set, 1000);
    spawn_nap(set, 1000);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_set_abort_all(set);
    cr_assert_eq(wok_join_set_size(set), 2);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(wok_join_set_next(set, &done.join), 0);
        cr_assert_eq(nap_await(&done, NULL, &why), -WOK_EJOIN);
        cr_assert_eq(why.outcome, WOK_CANCELLED);
    }
}

/* G3 */
WOK_TEST(join_set, detach_all_stops_nothing)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();

    store_relaxed(&args_dropped, 0);
    store_relaxed(&results_dropped, 0);
    spawn_nap(set, 0);
    spawn_nap(set, 50);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_set_detach_all(set);
    cr_assert_eq(wok_join_set_size(set), 0);
    cr_assert_eq(load_relaxed(&results_dropped), 1);
    cr_assert_eq(wok_sleep(wok_ms(100)), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 2);
    cr_assert_eq(load_relaxed(&results_dropped), 2, "the result of a task that ran on");
}

/* G3 */
WOK_TEST(join_set, shutdown_waits_for_the_end_and_ignores_how)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();

    store_relaxed(&args_dropped, 0);
    cr_assert_eq(wok_join_set_spawn(set, nap, {.panics = true}), 0);
    spawn_nap(set, 1000);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(wok_join_set_shutdown(set), 0);
    cr_assert_eq(wok_join_set_size(set), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 2);
    cr_assert_eq(test_unjoined().count, 0);
}

/* G3 */
WOK_TEST(join_set, join_all_aborts_the_rest_at_the_first_failure)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();
    wok_instant start = wok_now();
    wok_join_error why;

    spawn_nap(set, 10);
    cr_assert_eq(wok_join_set_spawn(set, nap, {.delay = wok_ms(20), .panics = true}), 0);
    spawn_nap(set, 1000);
    cr_assert_eq(wok_join_set_join_all(set, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    cr_assert_eq(wok_join_set_size(set), 0);
    spawn_nap(set, 1);
    cr_assert_eq(wok_join_set_join_all(set, NULL), 0);
}

WOK_TEST(join_set, join_all_reports_the_panics_beyond_the_first)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();
    wok_join_error why;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5; i++)
            cr_assert_eq(wok_join_set_spawn(set, nap, {.panics = true}), 0);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
        cr_assert_eq(wok_join_set_join_all(set, round == 0 ? &why : NULL), -WOK_EJOIN);
        cr_assert_eq(wok_join_set_size(set), 0);
        cr_assert_eq(test_unjoined().count, 4 * (unsigned)(round + 1));
    }
    cr_assert_eq(why.outcome, WOK_PANICKED);
}

WOK_TEST(join_set, holds_every_kind_of_task_in_every_state)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();
    wok_sleep_future sleep = wok_sleep_future_for(wok_ms(5));
    nap_join ended = wok_spawn(nap, {.delay = wok_ms(0)});
    nap_join blocking = wok_spawn_blocking(nap, {.delay = wok_ms(0)});
    wok_join nothing = {NULL}, done;
    unsigned count = 0;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(wok_join_set_add(set, &ended.join), 0);
    cr_assert_null(ended.join.task, "it was moved");
    cr_assert_eq(wok_join_set_add(set, &blocking.join), 0);
    cr_assert_eq(wok_join_set_spawn_future(set, &wok_sleep_vtable, &sleep), 0);
    cr_assert_eq(wok_join_set_add(set, &nothing), -EINVAL);
    while (wok_join_set_next(set, &done) == 0) {
        cr_assert_eq(wok_join_await(&done, NULL, NULL), 0);
        count++;
    }
    cr_assert_eq(count, 3);
}

WOK_TASK(use_set, wok_join_set *, int);
static int use_set(wok_join_set **set, int *result)
{
    wok_join done;

    (void)result;
    return wok_join_set_next(*set, &done);
}

WOK_TEST(join_set, a_cancelled_wait_leaves_it_whole)
{
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = set_new();
    use_set_join user;
    wok_join done;

    spawn_nap(set, 100);
    user = wok_spawn(use_set, set);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_abort(&user.join);
    cr_assert_eq(use_set_await(&user, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(wok_join_set_next(set, &done), 0, "another task may use it then");
    cr_assert_eq(wok_join_await(&done, NULL, NULL), 0);
}

static uint64_t random_state = 1;
static unsigned random_below(unsigned bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % bound;
}

/* Ends on other workers meet adds, takes, aborts, detaches and frees. */
WOK_TEST_ON(join_set, under_real_threads_nothing_is_lost, 4)
{
    const unsigned rounds = TEST_SCALE(400);
    unsigned spawned = 0, taken = 0;

    store_relaxed(&args_dropped, 0);
    for (unsigned round = 0; round < rounds; round++) {
        wok_join_set *set = set_new();
        wok_join done;

        for (unsigned i = 0; i < 50; i++, spawned++) {
            int error = wok_join_set_spawn(
                set, nap, {.delay = wok_us(random_below(3) == 0 ? random_below(50) : 0)});
            cr_assert_eq(error, 0);
            if (random_below(20) == 0) /* or no other worker may have begun with them yet */
                cr_assert_eq(wok_yield(), 0);
            if (random_below(4) == 0 && wok_join_set_try_next(set, &done) == 0) {
                wok_join_drop(&done);
                taken++;
            }
        }
        switch (random_below(4)) {
        case 0:
            while (wok_join_set_next(set, &done) == 0)
                cr_assert_eq(wok_join_await(&done, NULL, NULL), 0);
            break;
        case 1:
            wok_join_set_abort_all(set);
            cr_assert_eq(wok_join_set_shutdown(set), 0);
            break;
        case 2:
            wok_join_set_detach_all(set);
            break;
        default:
            break;
        }
        wok_join_set_free(set);
    }
    while (load_relaxed(&args_dropped) < spawned)
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(load_relaxed(&args_dropped), spawned);
    cr_assert(taken > 0 || rounds < 100);
}

/* ---- trackers ----------------------------------------------------------------------------------------- */

/* G5 */
WOK_TEST(tracker, waits_until_it_is_closed_and_empty)
{
    WOK_CLEANUP(wok_task_tracker_freep) wok_task_tracker *tracker = NULL;
    wok_instant start = wok_now();

    cr_assert_eq(wok_task_tracker_new(&tracker), 0);
    nap_join handle = wok_task_tracker_spawn(tracker, nap, {.delay = wok_ms(30)});
    nap_join_drop(&handle);
    cr_assert_eq(wok_task_tracker_size(tracker), 1);
    cr_assert_eq(wok_task_tracker_wait_until(tracker, wok_after(wok_ms(10))), -ETIMEDOUT);
    cr_assert(wok_task_tracker_close(tracker));
    cr_assert_not(wok_task_tracker_close(tracker));
    cr_assert(wok_task_tracker_is_closed(tracker));
    cr_assert_eq(wok_task_tracker_wait(tracker), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    cr_assert_eq(wok_task_tracker_size(tracker), 0);

    cr_assert(wok_task_tracker_reopen(tracker));
    cr_assert_eq(wok_task_tracker_wait_until(tracker, wok_after(wok_ms(10))), -ETIMEDOUT,
                 "empty, and open");
    wok_task_tracker_enter(tracker);
    cr_assert(wok_task_tracker_close(tracker));
    cr_assert_eq(wok_task_tracker_wait_until(tracker, wok_after(wok_ms(10))), -ETIMEDOUT);
    wok_task_tracker_leave(tracker);
    cr_assert_eq(wok_task_tracker_wait(tracker), 0);
}

/* G4: frees at once; G5: nothing is aborted */
WOK_TEST(tracker, keeps_nothing_of_a_task_and_stops_none)
{
    wok_task_tracker *tracker = NULL;
    wok_sleep_future sleep = wok_sleep_future_for(wok_ms(20));

    store_relaxed(&args_dropped, 0);
    cr_assert_eq(wok_task_tracker_new(&tracker), 0);
    nap_join handle = wok_task_tracker_spawn(tracker, nap, {.delay = wok_ms(10)});
    nap_join_drop(&handle);
    wok_join future = wok_task_tracker_spawn_future(tracker, &wok_sleep_vtable, &sleep);
    wok_task_tracker_free(tracker);
    cr_assert_eq(wok_join_await(&future, NULL, NULL), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 1, "it ran to its end");
}

WOK_TEST_ON(tracker, counts_right_under_real_threads, 4)
{
    WOK_CLEANUP(wok_task_tracker_freep) wok_task_tracker *tracker = NULL;
    const unsigned count = TEST_SCALE(20000);

    store_relaxed(&args_dropped, 0);
    cr_assert_eq(wok_task_tracker_new(&tracker), 0);
    wok_task_tracker_close(tracker);
    for (unsigned i = 0; i < count; i++) {
        nap_join handle = wok_task_tracker_spawn(tracker, nap, {.delay = wok_us(i % 7)});
        nap_join_drop(&handle);
        if (i % 100 == 0)
            (void)wok_yield();
    }
    cr_assert_eq(wok_task_tracker_wait(tracker), 0);
    cr_assert_eq(load_relaxed(&args_dropped), count);
}

/* ---- abort handles --------------------------------------------------------------------------------------- */

/* S6 */
WOK_TEST(abort_handle, any_number_may_abort_and_none_keeps_the_result)
{
    nap_join join = wok_spawn(nap, {.delay = wok_seconds(100)});
    WOK_CLEANUP(wok_abort_handle_drop) wok_abort_handle one = wok_join_abort_handle(&join.join);
    WOK_CLEANUP(wok_abort_handle_drop) wok_abort_handle two = wok_abort_handle_ref(&one);
    wok_join_error why;

    cr_assert_eq(wok_abort_handle_id(&two), wok_join_id(&join.join));
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_not(wok_abort_handle_is_finished(&one));
    wok_abort_handle_abort(&two);
    wok_abort_handle_abort(&one);
    cr_assert_eq(nap_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert(wok_abort_handle_is_finished(&one));
    wok_abort_handle_abort(&one);
    wok_abort_handle_drop(&one);
    wok_abort_handle_drop(&one);
}

WOK_TEST(abort_handle, outlives_the_task_and_its_join_handle)
{
    nap_join join = wok_spawn(nap, {.delay = wok_ms(1)});
    wok_abort_handle handle = wok_join_abort_handle(&join.join);

    store_relaxed(&results_dropped, 0);
    nap_join_drop(&join);
    cr_assert_eq(wok_sleep(wok_ms(5)), 0);
    cr_assert(wok_abort_handle_is_finished(&handle));
    cr_assert_eq(load_relaxed(&results_dropped), 1);
    wok_abort_handle_abort(&handle);
    wok_abort_handle_drop(&handle);
    cr_assert_eq(wok_abort_handle_id(&handle), 0);
}

/* Rule 3 of what must show: value or cancelled, never both, and the destructors counted exactly. */
WOK_TEST_ON(abort_handle, a_race_of_abort_and_end_has_one_outcome, 4)
{
    const unsigned rounds = TEST_SCALE(100000);
    unsigned values = 0, cancelled = 0;

    store_relaxed(&args_dropped, 0);
    store_relaxed(&results_dropped, 0);
    for (unsigned i = 0; i < rounds; i++) {
        nap_join join = wok_spawn(nap, {.delay = wok_ms(0)});
        WOK_CLEANUP(wok_abort_handle_drop)
        wok_abort_handle handle = wok_join_abort_handle(&join.join);
        uint64_t result = 77;
        wok_join_error why = {0};

        for (unsigned spins = random_below(3) * random_below(200); spins > 0; spins--)
            spin_hint();
        if (i % 2 == 0)
            (void)wok_yield();
        wok_abort_handle_abort(&handle);
        int code = nap_await(&join, &result, &why);
        if (code == 0) {
            cr_assert_eq(result, 0);
            values++;
        } else {
            cr_assert_eq(code, -WOK_EJOIN);
            cr_assert_eq(why.outcome, WOK_CANCELLED);
            cr_assert_eq(result, 77);
            cancelled++;
        }
    }
    cr_assert_eq(values + cancelled, rounds);
    cr_assert_gt(values, 0);
    cr_assert_gt(cancelled, 0);
    cr_assert_eq(load_relaxed(&args_dropped), rounds);
    cr_assert_eq(load_relaxed(&results_dropped), 0, "each result was taken");
}
