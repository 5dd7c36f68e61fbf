/*
 * test_blocking.c - the rules B1 to B5: work that blocks its thread.
 */
#include <sched.h>

#include "semantics/kit.h"

static struct tally started = TALLY, may_end = TALLY, ended = TALLY;

/* Blocks its thread until it may end. */
WOK_TASK_WITH_DROP(block, struct work, int, work_args_drop, NULL);

static int block(struct work *args, int *result)
{
    note(args->number);
    tally_add(&started);
    tally_wait(&may_end, 1);
    tally_add(&ended);
    *result = args->number;
    return 0;
}

static wok_runtime *new_runtime(unsigned threads_max)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;

    options.paused_clock = false;
    options.blocking_threads_max = threads_max;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    return runtime;
}

/* ---- B1: threads -------------------------------------------------------------------------------- */

WOK_TEST(semantics, B1_threads_are_made_on_demand_up_to_512)
{
    wok_blocking_pool_metrics pool;
    block_join call;

    cr_assert(wok_blocking_pool_metrics_nth(wok_runtime_current(), 0, &pool));
    cr_assert_eq(pool.threads, 0);
    cr_assert_eq(pool.threads_max, 512, "0 in the options is the default");
    tally_add(&may_end);
    call = wok_spawn_blocking(block, {.number = 1});
    cr_assert_eq(end_of(&call.join).outcome, WOK_RETURNED);
    cr_assert(wok_blocking_pool_metrics_nth(wok_runtime_current(), 0, &pool));
    cr_assert_eq(pool.threads, 1);
}

Test(semantics, B1_calls_above_the_limit_wait_in_fifo_order, .timeout = 20)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = new_runtime(1);
    block_join calls[4];

    for (int i = 0; i < 4; i++)
        calls[i] = wok_spawn_blocking_on(runtime, block, {.number = i});
    tally_wait(&started, 1);
    tally_add(&may_end);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(end_of(&calls[i].join).outcome, WOK_RETURNED);
    assert_noted(0, 1, 2, 3);
}

static struct tally stopped = TALLY;

static void count_stop(void *unused)
{
    (void)unused;
    tally_add(&stopped);
}

Test(semantics, B1_a_thread_without_work_ends_after_the_keep_alive, .timeout = 20)
{
    wok_runtime_options options = test_options();
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;

    options.blocking_keep_alive = wok_ms(1);
    options.on_thread_stop = count_stop;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    tally_add(&may_end);
    block_join call = wok_spawn_blocking_on(runtime, block, {.number = 1});
    cr_assert_eq(end_of(&call.join).outcome, WOK_RETURNED);
    tally_wait(&stopped, 1); /* no worker ends before the runtime does */
}

/* ---- B2: abort ---------------------------------------------------------------------------------- */

Test(semantics, B2_a_started_call_cannot_be_stopped, .timeout = 20)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = new_runtime(1);
    block_join call = wok_spawn_blocking_on(runtime, block, {.number = 42});
    int result = 0;

    tally_wait(&started, 1);
    wok_join_abort(&call.join);
    tally_add(&may_end);
    cr_assert_eq(block_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 42);
}

Test(semantics, B2_a_queued_call_is_dropped_by_an_abort, .timeout = 20)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = new_runtime(1);
    block_join first = wok_spawn_blocking_on(runtime, block, {.number = 1});

    tally_wait(&started, 1);
    block_join queued = wok_spawn_blocking_on(runtime, block, {.number = 2});
    wok_join_abort(&queued.join);
    cr_assert_eq(end_of(&queued.join).outcome, WOK_CANCELLED);
    cr_assert_eq(work_seen.args_dropped, 1);
    tally_add(&may_end);
    cr_assert_eq(end_of(&first.join).outcome, WOK_RETURNED);
    assert_noted(1);
}

/* ---- B3: the end of the runtime ----------------------------------------------------------------- */

/* Runs on for a while after it was told to end. */
WOK_TASK(linger, char, int);

static int linger(char *unused, int *result)
{
    (void)unused;
    tally_add(&started);
    tally_wait(&may_end, 1);
    for (int i = 0; i < 1000; i++)
        sched_yield();
    *result = (int)tally_add(&ended);
    return 0;
}

Test(semantics, B3_a_free_waits_for_calls_that_have_started, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(0);
    linger_join call = wok_spawn_blocking_on(runtime, linger, 0);

    linger_join_drop(&call);
    tally_wait(&started, 1);
    tally_add(&may_end);
    wok_runtime_free(runtime);
    cr_assert_eq(tally_get(&ended), 1);
}

Test(semantics, B3_a_shutdown_gives_up_at_its_deadline_and_the_call_runs_on, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(0);
    block_join call = wok_spawn_blocking_on(runtime, block, {.number = 42});
    wok_shutdown_report report;
    int result = 0;

    tally_wait(&started, 1);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(1), &report), -ETIMEDOUT);
    cr_assert_eq(report.blocking_left, 1);
    cr_assert_eq(report.left[0].kind, WOK_LEFT_BLOCKING);
    cr_assert_eq(tally_get(&ended), 0);
    tally_add(&may_end);
    cr_assert_eq(block_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 42);
    wok_runtime_free(runtime);
}

Test(semantics, B3_a_free_in_the_background_waits_for_nothing, .timeout = 20)
{
    wok_runtime *runtime = new_runtime(0);
    block_join call = wok_spawn_blocking_on(runtime, block, {.number = 42});
    int result = 0;

    tally_wait(&started, 1);
    wok_runtime_free_background(runtime);
    cr_assert_eq(tally_get(&ended), 0);
    tally_add(&may_end);
    cr_assert_eq(block_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 42);
}

/* ---- B4: from where ------------------------------------------------------------------------------- */

WOK_TASK(give, int, int);

static int give(int *number, int *result)
{
    *result = *number;
    return 0;
}

WOK_TASK(call_from_a_call, char, int);

static int call_from_a_call(char *unused, int *result)
{
    give_join call = wok_spawn_blocking(give, 40);
    int part = 0;

    (void)unused;
    cr_assert_eq(give_await(&call, &part, NULL), 0);
    cr_assert_eq(wok_block_on(wok_runtime_current(), give, 2, result, NULL), 0);
    *result += part;
    return 0;
}

WOK_TEST(semantics, B4_blocking_code_may_spawn_blocking_code_and_block_on_tasks)
{
    call_from_a_call_join call = wok_spawn_blocking(call_from_a_call, 0);
    int result = 0;

    cr_assert_eq(call_from_a_call_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 42);
}

WOK_TEST(semantics, B4_a_task_may_not_block_on_tasks)
{
    int result = 0;

    cr_assert_eq(wok_block_on(wok_runtime_current(), give, 2, &result, NULL), -EDEADLK);
    cr_assert_eq(result, 0);
}

/* ---- B5: in place --------------------------------------------------------------------------------- */

/* A test on one worker of the real clock, with spare workers. */
#define IN_PLACE_TEST(Name_)                                                                       \
    static void Name_##_body(void);                                                                \
    Test(semantics, Name_, .timeout = 20)                                                          \
    {                                                                                              \
        wok_runtime_options options = test_options();                                              \
        options.paused_clock = false;                                                              \
        options.spare_workers_max = 0;                                                             \
        test_run(&options, Name_##_body);                                                          \
    }                                                                                              \
    static void Name_##_body(void)

static wok_notify changed = WOK_NOTIFY_INIT;

/* Waits for its operation, and tells. */
struct wait {
    wok_op op;
    bool polled;
};

static wok_poll wait_poll(void *self_, wok_cx *cx, void *result)
{
    struct wait *self = self_;
    wok_poll code = wok_op_poll(&self->op, cx);

    (void)result;
    if (code != WOK_PENDING)
        tally_add(&ended);
    else if (!self->polled)
        tally_add(&started);
    self->polled = true;
    return code;
}

static void wait_drop(void *self_)
{
    struct wait *self = self_;

    wok_op_drop(&self->op);
}

static const wok_future_vtable wait_vtable = {
    .name = "wait", .size = sizeof(struct wait), .poll = wait_poll, .drop = wait_drop};

WOK_TASK(tell_end, char, int);

static int tell_end(char *unused, int *result)
{
    (void)unused;
    *result = (int)tally_add(&ended);
    return 0;
}

static int wait_for_three_ends(void *unused)
{
    (void)unused;
    tally_wait(&ended, 3);
    return 7;
}

IN_PLACE_TEST(B5_what_the_worker_owns_is_served_elsewhere_while_a_task_blocks_in_place)
{
    struct wait news = {.op = wok_notify_op(&changed)}, nap = {.op = wok_sleep_op(wok_ms(2))};
    wok_join woken = wok_spawn_future(&wait_vtable, &news);
    wok_join timed = wok_spawn_future(&wait_vtable, &nap);

    while (tally_get(&started) < 2)
        cr_assert_eq(wok_yield(), 0);
    int worker = wok_worker_index(); /* a busy machine may have brought us to a spare one */
    tell_end_join fresh = wok_spawn(tell_end, 0); /* in the ring */
    wok_notify_one(&changed);                     /* in the slot */
    cr_assert_eq(wok_block_in_place(wait_for_three_ends, NULL), 7);
    cr_assert_eq(figures().blocked_in_place, 1, "the worker said so itself");
    cr_assert_eq(wok_worker_index(), worker);
    cr_assert_eq(wok_join_await(&woken, NULL, NULL), 0);
    cr_assert_eq(wok_join_await(&timed, NULL, NULL), 0);
    cr_assert_eq(tell_end_await(&fresh, NULL, NULL), 0);
}

static int note_worker(void *unused)
{
    (void)unused;
    note(wok_worker_index());
    return 5;
}

/* An inner block ends nothing but itself: the worker's own stays with the others until the outer ends. */
IN_PLACE_TEST(B5_blocks_nest)
{
    int worker = wok_worker_index();

    WOK_BLOCK_IN_PLACE()
    {
        WOK_BLOCK_IN_PLACE()
        {
            note(wok_worker_index());
        }
        note(wok_worker_index());
        cr_assert_eq(wok_block_in_place(note_worker, NULL), 5);
        note(wok_worker_index());
        assert_noted(-1, -1, -1, -1);
        tell_end_join other = wok_spawn(tell_end, 0);
        tally_wait(&ended, 1);
        cr_assert_eq(tell_end_await(&other, NULL, NULL), 0);
    }
    note(wok_worker_index());
    assert_noted(-1, -1, -1, -1, worker);
}

static unsigned ticks_inside, ticks_outside;

static wok_poll tick_in_place(void *self, wok_cx *cx, void *result)
{
    wok_interval ticks = endless_ticks();

    (void)self;
    (void)result;
    WOK_BLOCK_IN_PLACE()
    {
        while (ticks_inside < 1000 && take_tick(&ticks, cx) == WOK_READY)
            ticks_inside++;
    }
    while (ticks_outside < 1000 && take_tick(&ticks, cx) == WOK_READY)
        ticks_outside++;
    return WOK_READY;
}

static const wok_future_vtable tick_in_place_vtable = {
    .name = "tick_in_place", .size = 1, .poll = tick_in_place};

IN_PLACE_TEST(B5_nothing_costs_budget_inside)
{
    char nothing = 0;
    wok_join task = wok_spawn_future(&tick_in_place_vtable, &nothing);

    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
    cr_assert_eq(ticks_inside, 1000);
    cr_assert_leq(ticks_outside, 128);
}

static wok_poll block_in_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    note(1);
    WOK_BLOCK_IN_PLACE()
    {
        cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    }
    note(2);
    return WOK_READY;
}

static const wok_future_vtable block_in_poll_vtable = {
    .name = "block_in_poll", .size = 1, .poll = block_in_poll};

IN_PLACE_TEST(B5_other_branches_of_the_same_task_stay_blocked)
{
    char nothing = 0;
    struct step step = {.number = 3, .ready_at = 1};
    wok_op branches[] = {
        wok_future_op((wok_future){&block_in_poll_vtable, &nothing}, NULL),
        wok_future_op(step_as_future(&step), NULL),
    };
    int codes[2];

    cr_assert_eq(wok_join_all(branches, 2, codes), 0);
    assert_noted(1, 2, 3);
}

/* Also in a select, which the block decides. */
IN_PLACE_TEST(B5_other_branches_of_a_select_stay_blocked)
{
    char nothing = 0;
    struct step step = {.number = 3, .ready_at = 1};
    wok_op branches[] = {
        wok_future_op((wok_future){&block_in_poll_vtable, &nothing}, NULL),
        wok_future_op(step_as_future(&step), NULL),
    };

    cr_assert_eq(wok_select(branches, 2, WOK_SELECT_BIASED, NULL), 0);
    assert_noted(1, 2);
}

WOK_TASK(call_in_place, char, int);

static int call_in_place(char *unused, int *result)
{
    (void)unused;
    tally_add(&ended);
    *result = wok_block_in_place(wait_for_three_ends, NULL);
    return 0;
}

Test(semantics, B5_on_a_thread_that_may_block_it_is_a_call, .timeout = 20)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = new_runtime(1);
    call_in_place_join call = wok_spawn_blocking_on(runtime, call_in_place, 0);
    int result = 0;

    tally_add(&ended);
    tally_add(&ended);
    cr_assert_eq(wok_block_in_place(wait_for_three_ends, NULL), 7);
    cr_assert_eq(call_in_place_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 7);
}
