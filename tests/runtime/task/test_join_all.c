/*
 * test_join_all.c - several futures inside one task.
 *
 * J-numbers are rules of Tokio's join!, taken over.
 */
#include <errno.h>
#include <string.h>

#include "support/wok_test.h"

enum { MOST = 300 };

/* Notes the order of the polls; ready when its time has come, or never. */
struct probe {
    int number, code;
    wok_sleep_future sleep;
    uint64_t polled_by; /* the task that polled it last */
    unsigned polls;
    bool panics;
};

static int order[64];
static size_t polls_in_order;

static wok_poll probe_poll(void *self_, wok_cx *cx, void *result)
{
    struct probe *self = self_;

    self->polls++;
    self->polled_by = wok_task_id();
    if (polls_in_order < WOK_COUNT(order))
        order[polls_in_order++] = self->number;
    if (self->panics)
        wok_panic("branch %d", self->number);
    if (wok_sleep_future_poll(&self->sleep, cx) == WOK_PENDING)
        return WOK_PENDING;
    if (self->code == 0)
        *(int *)result = self->number * 10;
    return self->code;
}

static void probe_drop(void *self_)
{
    wok_sleep_future_drop(&((struct probe *)self_)->sleep);
}

static const wok_future_vtable probe_vtable = {
    .name = "probe",
    .size = sizeof(struct probe),
    .result_size = sizeof(int),
    .poll = probe_poll,
    .drop = probe_drop,
};

static struct probe probe_of(int number, wok_duration delay)
{
    return (struct probe){.number = number, .sleep = wok_sleep_future_for(delay)};
}

static void join_of(wok_join_branch *branches, struct probe *probes, int *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        branches[i] = (wok_join_branch){
            .future = {&probe_vtable, &probes[i]}, .ret_result = &results[i], .code = 77};
}

static void drop_all(wok_join_branch *branches, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wok_future_drop(branches[i].future);
}

/* J1: concurrent, in the calling task, and nothing is spawned. */
WOK_TEST(join_all, takes_as_long_as_the_slowest_and_spawns_nothing)
{
    struct probe probes[] = {probe_of(1, wok_ms(300)), probe_of(2, wok_ms(500)),
                             probe_of(3, wok_ms(200))};
    wok_join_branch branches[3];
    wok_runtime_metrics before, after;
    wok_instant start = wok_now();
    int results[3] = {0};

    join_of(branches, probes, results, 3);
    wok_runtime_metrics_get(wok_runtime_current(), &before);
    cr_assert_eq(wok_join_all(branches, 3), 0);
    wok_runtime_metrics_get(wok_runtime_current(), &after);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(500).ns);
    cr_assert_eq(after.spawned, before.spawned);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(branches[i].code, WOK_READY);
        cr_assert_eq(results[i], (i + 1) * 10);
        cr_assert_eq(probes[i].polled_by, wok_task_id());
    }
    drop_all(branches, 3);
}

/* J2 */
WOK_TEST(join_all, waits_for_all_although_some_fail)
{
    struct probe probes[] = {probe_of(1, wok_ms(10)), probe_of(2, wok_ms(20)),
                             probe_of(3, wok_ms(30))};
    wok_join_branch branches[3];
    wok_instant start = wok_now();
    int results[3] = {0};

    probes[0].code = -EIO;
    probes[2].code = -ENOENT;
    join_of(branches, probes, results, 3);
    cr_assert_eq(wok_join_all(branches, 3), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    cr_assert_eq(branches[0].code, -EIO);
    cr_assert_eq(branches[1].code, WOK_READY);
    cr_assert_eq(branches[2].code, -ENOENT);
    cr_assert_eq(results[0], 0);
    cr_assert_eq(results[1], 20);
    drop_all(branches, 3);
}

/* J2: the others are the caller's, who may go on with them. */
WOK_TEST(join_all, that_tries_ends_at_the_first_failure_and_touches_no_other_branch)
{
    struct probe probes[] = {probe_of(1, wok_ms(10)), probe_of(2, wok_ms(20)),
                             probe_of(3, wok_ms(30))};
    wok_join_branch branches[3];
    wok_instant start = wok_now();
    int results[3] = {0};

    probes[1].code = -EIO;
    join_of(branches, probes, results, 3);
    cr_assert_eq(wok_try_join_all(branches, 3), -EIO);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    cr_assert_eq(branches[0].code, WOK_READY);
    cr_assert_eq(branches[1].code, -EIO);
    cr_assert_eq(branches[2].code, WOK_PENDING);
    cr_assert_eq(wok_join_all(&branches[2], 1), 0);
    cr_assert_eq(results[2], 30);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    drop_all(branches, 3);
}

WOK_TEST(join_all, that_tries_waits_for_all_while_none_fails)
{
    struct probe probes[] = {probe_of(1, wok_ms(10)), probe_of(2, wok_ms(20))};
    wok_join_branch branches[2];
    wok_instant start = wok_now();
    int results[2] = {0};

    join_of(branches, probes, results, 2);
    cr_assert_eq(wok_try_join_all(branches, 2), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    cr_assert_eq(results[0] + results[1], 30);
    drop_all(branches, 2);
    cr_assert_eq(wok_try_join_all(NULL, 0), 0);
}

/* J4 */
WOK_TEST(join_all, begins_one_further_at_each_wake_and_polls_no_branch_that_is_ready)
{
    struct probe probes[] = {probe_of(0, wok_ms(30)), probe_of(1, wok_ms(10)),
                             probe_of(2, wok_ms(20))};
    static const int expected[] = {0, 1, 2, /* first */
                                   1, 2, 0, /* 1 is ready */
                                   2, 0,    /* 2 is ready */
                                   0};
    wok_join_branch branches[3];
    int results[3];

    join_of(branches, probes, results, 3);
    cr_assert_eq(wok_join_all(branches, 3), 0);
    cr_assert_eq(polls_in_order, WOK_COUNT(expected));
    cr_assert_arr_eq(order, expected, sizeof expected);
    drop_all(branches, 3);
}

/* J6 */
WOK_TEST(join_all, of_nothing_is_ready_at_once)
{
    wok_instant start = wok_now();

    cr_assert_eq(wok_join_all(NULL, 0), 0);
    cr_assert_eq(wok_elapsed(start).ns, 0);
}

static wok_join_branch cancelled_branches[2];
static struct probe cancelled_probes[2];
static int cancelled_results[2];

WOK_TASK(join_long, char, int);

static int join_long(char *unused, int *result)
{
    (void)unused;
    *result = wok_join_all(cancelled_branches, 2);
    drop_all(cancelled_branches, 2);
    return *result;
}

WOK_TEST(join_all, that_is_cancelled_says_which_branches_were_ready)
{
    wok_worker_metrics metrics;
    wok_join_error why;

    cancelled_probes[0] = probe_of(1, wok_ms(10));
    cancelled_probes[1] = probe_of(2, wok_ms(1000));
    join_of(cancelled_branches, cancelled_probes, cancelled_results, 2);
    join_long_join task = wok_spawn(join_long, 0);
    cr_assert_eq(wok_sleep(wok_ms(20)), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(join_long_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(cancelled_branches[0].code, WOK_READY);
    cr_assert_eq(cancelled_results[0], 10);
    cr_assert_eq(cancelled_branches[1].code, WOK_PENDING);
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    cr_assert_eq(metrics.timers, 0);
}

WOK_TASK(join_panicking, char, int);

static int join_panicking(char *unused, int *result)
{
    struct probe probes[] = {probe_of(1, wok_ms(10)), probe_of(2, wok_ms(20))};
    wok_join_branch branches[2];
    int results[2];

    (void)unused;
    probes[1].panics = true;
    probes[0].sleep = wok_sleep_future_until((wok_instant){0}); /* no timer to be left behind */
    join_of(branches, probes, results, 2);
    *result = wok_join_all(branches, 2);
    return 0;
}

/* Unlike a spawned task's, a branch's panic is the caller's own. */
WOK_TEST(join_all, a_panic_in_a_branch_is_the_callers)
{
    join_panicking_join task = wok_spawn(join_panicking, 0);
    wok_join_error why;

    cr_assert_eq(join_panicking_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"branch 2\""));
}

/* ---- as a future --------------------------------------------------------------------------------- */

struct joiner {
    struct probe probes[2];
    wok_join_branch branches[2];
    int results[2];
    wok_join_all_future join;
    bool begun;
};

static wok_poll joiner_poll(void *self_, wok_cx *cx, void *result)
{
    struct joiner *self = self_;

    if (!self->begun) { /* in its final place: only now it may point into itself */
        self->begun = true;
        join_of(self->branches, self->probes, self->results, 2);
        self->join = (wok_join_all_future){.branches = self->branches, .count = 2};
    }
    if (wok_join_all_poll(&self->join, cx) == WOK_PENDING)
        return WOK_PENDING;
    *(int *)result = self->results[0] + self->results[1];
    return WOK_READY;
}

static void joiner_drop(void *self_)
{
    struct joiner *self = self_;

    if (self->begun)
        drop_all(self->branches, 2);
}

static const wok_future_vtable joiner_vtable = {
    .name = "joiner",
    .size = sizeof(struct joiner),
    .result_size = sizeof(int),
    .poll = joiner_poll,
    .drop = joiner_drop,
};

WOK_TEST(join_all, works_in_a_stackless_task)
{
    struct joiner joiner = {.probes = {probe_of(1, wok_ms(30)), probe_of(2, wok_ms(50))}};
    wok_join task = wok_spawn_future(&joiner_vtable, &joiner);
    wok_instant start = wok_now();
    int result = 0;

    cr_assert_eq(wok_join_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 30);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(50).ns);
}

/* ---- join handles as branches ---------------------------------------------------------------------- */

WOK_TASK(nap, wok_duration, int);

static int nap(wok_duration *duration, int *result)
{
    *result = 1;
    return wok_sleep(*duration);
}

static wok_poll handle_poll(void *join, wok_cx *cx, void *result)
{
    return wok_join_poll(join, cx, result, NULL);
}

static const wok_future_vtable handle_vtable = {
    .name = "handle",
    .size = sizeof(wok_join),
    .result_size = sizeof(int),
    .poll = handle_poll,
};

/* More pending handles than a poll has budget: they used to use it up without any progress, so
 * that the task woke itself and spun until the first of them ended. */
WOK_TEST(join_all, of_many_handles_does_not_spin)
{
    static wok_join_branch branches[MOST];
    static nap_join tasks[MOST];
    static int results[MOST];
    wok_worker_metrics before, after;
    int sum = 0;

    for (int i = 0; i < MOST; i++) {
        tasks[i] = wok_spawn(nap, wok_ms(10));
        branches[i] = (wok_join_branch){{&handle_vtable, &tasks[i].join}, &results[i], 0};
    }
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &before));
    cr_assert_eq(wok_join_all(branches, MOST), 0);
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &after));
    for (int i = 0; i < MOST; i++)
        sum += results[i];
    cr_assert_eq(sum, MOST);
    /* Two polls of each task, and some of this one. */
    cr_assert_lt(after.polls - before.polls, 2 * MOST + MOST / 2);
}
