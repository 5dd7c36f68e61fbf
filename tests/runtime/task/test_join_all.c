/*
 * test_join_all.c - several operations inside one task.
 *
 * J-numbers are rules of Tokio's join! and try_join!, taken over.
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

static void join_of(wok_op *branches, struct probe *probes, int *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        branches[i] = wok_future_op((wok_future){&probe_vtable, &probes[i]}, &results[i]);
}

static void drop_all(struct probe *probes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        probe_drop(&probes[i]);
}

static uint32_t armed_timers(void)
{
    wok_worker_metrics metrics;

    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &metrics));
    return metrics.timers;
}

/* J1: concurrent, in the calling task, and nothing is spawned. */
WOK_TEST(join_all, takes_as_long_as_the_slowest_and_spawns_nothing)
{
    struct probe probes[] = {probe_of(1, wok_ms(300)), probe_of(2, wok_ms(500)),
                             probe_of(3, wok_ms(200))};
    wok_op branches[3];
    int codes[3] = {77, 77, 77};
    wok_runtime_metrics before, after;
    wok_instant start = wok_now();
    int results[3] = {0};

    join_of(branches, probes, results, 3);
    wok_runtime_metrics_get(wok_runtime_current(), &before);
    cr_assert_eq(wok_join_all(branches, 3, codes), 0);
    wok_runtime_metrics_get(wok_runtime_current(), &after);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(500).ns);
    cr_assert_eq(after.spawned, before.spawned);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(codes[i], WOK_READY);
        cr_assert_eq(results[i], (i + 1) * 10);
        cr_assert_eq(probes[i].polled_by, wok_task_id());
    }
    drop_all(probes, 3);
}

/* J2 */
WOK_TEST(join_all, waits_for_all_although_some_fail)
{
    struct probe probes[] = {probe_of(1, wok_ms(10)), probe_of(2, wok_ms(20)),
                             probe_of(3, wok_ms(30))};
    wok_op branches[3];
    int codes[3] = {77, 77, 77};
    wok_instant start = wok_now();
    int results[3] = {0};

    probes[0].code = -EIO;
    probes[2].code = -ENOENT;
    join_of(branches, probes, results, 3);
    cr_assert_eq(wok_join_all(branches, 3, codes), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    cr_assert_eq(codes[0], -EIO);
    cr_assert_eq(codes[1], WOK_READY);
    cr_assert_eq(codes[2], -ENOENT);
    cr_assert_eq(results[0], 0);
    cr_assert_eq(results[1], 20);
    drop_all(probes, 3);
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
    wok_op branches[3];
    int codes[3] = {77, 77, 77};
    int results[3];

    join_of(branches, probes, results, 3);
    cr_assert_eq(wok_join_all(branches, 3, codes), 0);
    cr_assert_eq(polls_in_order, WOK_COUNT(expected));
    cr_assert_arr_eq(order, expected, sizeof expected);
    drop_all(probes, 3);
}

/* J6 */
WOK_TEST(join_all, of_nothing_is_ready_at_once)
{
    wok_instant start = wok_now();

    cr_assert_eq(wok_join_all(NULL, 0, NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, 0);
}

static wok_op cancelled_branches[2];
static struct probe cancelled_probes[2];
static int cancelled_results[2], cancelled_codes[2];

WOK_TASK(join_long, char, int);

static int join_long(char *unused, int *result)
{
    (void)unused;
    *result = wok_join_all(cancelled_branches, 2, cancelled_codes);
    drop_all(cancelled_probes, 2);
    return *result;
}

WOK_TEST(join_all, that_is_cancelled_says_which_branches_were_ready)
{
    wok_join_error why;

    cancelled_probes[0] = probe_of(1, wok_ms(10));
    cancelled_probes[1] = probe_of(2, wok_ms(1000));
    join_of(cancelled_branches, cancelled_probes, cancelled_results, 2);
    join_long_join task = wok_spawn(join_long, 0);
    cr_assert_eq(wok_sleep(wok_ms(20)), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(join_long_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(cancelled_codes[0], WOK_READY);
    cr_assert_eq(cancelled_results[0], 10);
    cr_assert_eq(cancelled_codes[1], WOK_PENDING);
    cr_assert_eq(armed_timers(), 0);
}

WOK_TASK(join_panicking, char, int);

static int join_panicking(char *unused, int *result)
{
    struct probe probes[] = {probe_of(1, wok_ms(10)), probe_of(2, wok_ms(20))};
    wok_op branches[2];
    int results[2];

    (void)unused;
    probes[1].panics = true;
    probes[0].sleep = wok_sleep_future_until((wok_instant){0}); /* no timer to be left behind */
    join_of(branches, probes, results, 2);
    *result = wok_join_all(branches, 2, NULL);
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
    wok_op branches[2];
    int results[2], codes[2];
    wok_join_all_future join;
    bool begun;
};

static wok_poll joiner_poll(void *self_, wok_cx *cx, void *result)
{
    struct joiner *self = self_;

    if (!self->begun) { /* in its final place: only now it may point into itself */
        self->begun = true;
        join_of(self->branches, self->probes, self->results, 2);
        wok_join_all_future_init(&self->join, self->branches, 2, self->codes);
    }
    if (wok_join_all_future_poll(&self->join, cx) == WOK_PENDING)
        return WOK_PENDING;
    *(int *)result = self->results[0] + self->results[1];
    return WOK_READY;
}

static void joiner_drop(void *self_)
{
    struct joiner *self = self_;

    if (self->begun)
        wok_join_all_future_drop(&self->join);
    drop_all(self->probes, 2);
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

/* More pending handles than a poll has budget: they used to use it up without any progress, so
 * that the task woke itself and spun until the first of them ended. */
WOK_TEST(join_all, of_many_handles_does_not_spin)
{
    static wok_op branches[MOST];
    static nap_join tasks[MOST];
    static int results[MOST];
    wok_worker_metrics before, after;
    int sum = 0;

    for (int i = 0; i < MOST; i++) {
        tasks[i] = wok_spawn(nap, wok_ms(10));
        branches[i] = wok_join_op(&tasks[i].join, &results[i], NULL);
    }
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &before));
    cr_assert_eq(wok_join_all(branches, MOST, NULL), 0);
    cr_assert(wok_worker_metrics_get(wok_runtime_current(), 0, &after));
    for (int i = 0; i < MOST; i++)
        sum += results[i];
    cr_assert_eq(sum, MOST);
    /* Two polls of each task, and some of this one. */
    cr_assert_lt(after.polls - before.polls, 2 * MOST + MOST / 2);
}

/* ---- operations ------------------------------------------------------------------------------------- */

WOK_TEST(join_all, ends_each_operation_when_it_is_ready)
{
    wok_op branches[] = {wok_sleep_op(wok_ms(10)), wok_op_if(false, wok_sleep_op(wok_ms(1))),
                         wok_sleep_op(wok_ms(20))};
    int codes[3] = {77, 77, 77};

    WOK_TIMEOUT(wok_ms(15))
    cr_assert_eq(wok_join_all(branches, 3, codes), -ETIMEDOUT);
    cr_assert_eq(codes[0], 0);
    cr_assert_eq(codes[1], WOK_PENDING, "it is off");
    cr_assert_eq(codes[2], WOK_PENDING);
    cr_assert_eq(armed_timers(), 0);
}

WOK_TEST(join_all, of_operations_that_are_off_is_ready_at_once)
{
    wok_op branches[] = {wok_op_if(false, wok_sleep_op(wok_ms(1)))};

    cr_assert_eq(wok_join_all(branches, 1, NULL), 0);
}

/* J5: one that never has enough, and one that needs a little each time. */
static uint64_t greedy_takes;

static wok_poll greedy_poll(void *self, wok_cx *cx, void *result)
{
    wok_interval *behind = self;

    (void)result;
    for (;;) {
        wok_op tick = wok_interval_tick_op(behind, NULL);
        wok_poll code = wok_op_poll(&tick, cx);
        wok_op_drop(&tick);
        if (code != WOK_READY)
            return code;
        greedy_takes++;
    }
}

static const wok_future_vtable greedy_vtable = {
    .name = "greedy", .size = sizeof(wok_interval), .poll = greedy_poll};

static wok_poll modest_poll(void *self, wok_cx *cx, void *result)
{
    int *left = self;

    (void)result;
    while (*left > 0) {
        wok_interval behind = {.period = wok_ns(1)};
        wok_op tick = wok_interval_tick_op(&behind, NULL);
        wok_poll code = wok_op_poll(&tick, cx);
        wok_op_drop(&tick);
        if (code != WOK_READY)
            return code;
        (*left)--;
    }
    return WOK_READY;
}

static const wok_future_vtable modest_vtable = {
    .name = "modest", .size = sizeof(int), .poll = modest_poll};

/* One poll of a join that goes on, as an operation of its own. */
static wok_poll join_once_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    return wok_join_all_future_poll(self, cx) == WOK_PENDING ? WOK_READY : -EINVAL;
}

static const wok_future_vtable join_once_vtable = {
    .name = "join once", .size = sizeof(wok_join_all_future), .poll = join_once_poll};

WOK_TEST(join_all, a_branch_cannot_starve_the_others_by_using_up_the_budget)
{
    wok_interval behind = {.period = wok_ns(1)};
    int left = 200; /* more than one poll's budget */
    wok_op inner[] = {wok_future_op((wok_future){&greedy_vtable, &behind}, NULL),
                      wok_future_op((wok_future){&modest_vtable, &left}, NULL)};
    wok_join_all_future join;

    wok_join_all_future_init(&join, inner, 2, NULL);
    for (int polls = 0; left > 0 && polls < 8; polls++) {
        cr_assert_eq(wok_await((wok_future){&join_once_vtable, &join}, NULL), 0);
        cr_assert_eq(wok_yield(), 0); /* a new poll of the task, with a new budget */
    }
    cr_assert_eq(left, 0);
    cr_assert_gt(greedy_takes, 128);
    wok_join_all_future_drop(&join);
}

/* ---- try ----------------------------------------------------------------------------------------------- */

/* J2 */
WOK_TEST(try_join_all, ends_the_rest_at_the_first_failure)
{
    struct probe probes[] = {probe_of(1, wok_ms(30)), probe_of(2, wok_ms(20)),
                             probe_of(3, wok_ms(10))};
    wok_op branches[4];
    wok_instant start = wok_now();
    int results[3] = {0}, codes[4];

    probes[1].code = -EIO;
    join_of(branches, probes, results, 3);
    branches[3] = wok_sleep_op(wok_ms(100));
    cr_assert_eq(wok_try_join_all(branches, 4, codes), -EIO);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(20).ns);
    cr_assert_eq(codes[0], WOK_PENDING);
    cr_assert_eq(codes[1], -EIO);
    cr_assert_eq(codes[2], 0);
    cr_assert_eq(codes[3], WOK_PENDING);
    cr_assert_eq(results[2], 30);
    cr_assert_eq(armed_timers(), 1, "the operation's is gone, the future's is its owner's");

    /* The unfinished future is where it was. */
    cr_assert_eq(wok_await((wok_future){&probe_vtable, &probes[0]}, &results[0]), 0);
    cr_assert_eq(results[0], 10);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    drop_all(probes, 3);
}

WOK_TEST(try_join_all, of_what_succeeds_waits_for_all)
{
    wok_op branches[] = {wok_sleep_op(wok_ms(10)), wok_sleep_op(wok_ms(30)),
                         wok_sleep_op(wok_ms(20))};
    wok_instant start = wok_now();
    int codes[3];

    cr_assert_eq(wok_try_join_all(branches, 3, codes), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(30).ns);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(codes[i], 0);
    cr_assert_eq(wok_try_join_all(NULL, 0, NULL), 0);
}

WOK_TASK(fail_after, wok_duration, int);

static int fail_after(wok_duration *duration, int *result)
{
    *result = 0;
    wok_sleep(*duration);
    return -EIO;
}

/* J3 */
WOK_TEST(try_join_all, over_handles_does_not_stop_the_tasks_behind_them)
{
    nap_join slow = wok_spawn(nap, wok_ms(50));
    fail_after_join failing = wok_spawn(fail_after, wok_ms(10));
    wok_instant start = wok_now();
    wok_join_error why;
    int result = 0, codes[2];
    wok_op branches[] = {wok_join_op(&slow.join, &result, NULL),
                         wok_join_op(&failing.join, NULL, &why)};

    cr_assert_eq(wok_try_join_all(branches, 2, codes), -WOK_EJOIN);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
    cr_assert_eq(why.outcome, WOK_FAILED);
    cr_assert_eq(codes[0], WOK_PENDING);
    cr_assert_eq(nap_await(&slow, &result, NULL), 0, "the handle is valid");
    cr_assert_eq(result, 1);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(50).ns);
}

/* Nothing is received by a branch that was ended. */
WOK_TEST(try_join_all, ends_the_rest_without_effect)
{
    wok_interval interval = {0};
    fail_after_join failing = wok_spawn(fail_after, wok_ms(10));
    wok_instant scheduled = {7};

    cr_assert_eq(wok_interval_init_at(&interval, wok_after(wok_ms(20)), wok_ms(20), 0), 0);
    wok_instant next = interval.next;
    wok_op branches[] = {wok_interval_tick_op(&interval, &scheduled),
                         wok_join_op(&failing.join, NULL, NULL)};
    cr_assert_eq(wok_try_join_all(branches, 2, NULL), -WOK_EJOIN);
    cr_assert_eq(scheduled.ns, 7);
    cr_assert_eq(interval.next.ns, next.ns);
    cr_assert_eq(armed_timers(), 0);
}

struct trier {
    wok_op branches[2];
    int codes[2];
    wok_join_all_future join;
    wok_join failing;
    bool begun;
};

static wok_poll trier_poll(void *self_, wok_cx *cx, void *result)
{
    struct trier *self = self_;

    (void)result;
    if (!self->begun) {
        self->begun = true;
        self->branches[0] = wok_sleep_op(wok_ms(100));
        self->branches[1] = wok_join_op(&self->failing, NULL, NULL);
        wok_try_join_all_future_init(&self->join, self->branches, 2, self->codes);
    }
    wok_poll code = wok_join_all_future_poll(&self->join, cx);
    if (code != WOK_PENDING)
        cr_assert_eq(armed_timers(), 0, "the other branch ends with the poll that fails");
    return code;
}

static void trier_drop(void *self_)
{
    struct trier *self = self_;

    if (self->begun)
        wok_join_all_future_drop(&self->join);
    wok_join_drop(&self->failing);
}

static const wok_future_vtable trier_vtable = {
    .name = "trier", .size = sizeof(struct trier), .poll = trier_poll, .drop = trier_drop};

WOK_TEST(try_join_all, works_in_a_stackless_task)
{
    fail_after_join failing = wok_spawn(fail_after, wok_ms(10));
    struct trier trier = {.failing = failing.join};
    wok_join task = wok_spawn_future(&trier_vtable, &trier);
    wok_instant start = wok_now();
    wok_join_error why;

    cr_assert_eq(wok_join_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_FAILED);
    cr_assert_eq(why.code, -WOK_EJOIN);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
    cr_assert_eq(armed_timers(), 0);
}

/* ---- on a plain thread ----------------------------------------------------------------------------------- */

Test(join_all, works_on_a_plain_thread)
{
    wok_op branches[] = {wok_sleep_op(wok_ms(1)), wok_sleep_op(wok_ms(2))};
    wok_instant start = wok_now();

    cr_assert_eq(wok_join_all(branches, 2, NULL), 0);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(2).ns);
}
