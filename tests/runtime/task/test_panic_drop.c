/*
 * test_panic_drop.c - panics of the functions that drop arguments, futures and results.
 *
 * Such a panic is how the task ended, whatever it did before, unless it had panicked already.
 * S-numbers are rules of Tokio's tasks.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

enum what { RETURN, FAIL, PANIC, WAIT, IGNORE_CANCEL };

static unsigned args_dropped, results_dropped;

static void panic_in_args(enum what *unused)
{
    (void)unused;
    args_dropped++;
    wok_panic("args");
}

static void count_result(int *result)
{
    cr_assert_eq(*result, 5);
    results_dropped++;
}

static void panic_in_result(int *result)
{
    count_result(result);
    wok_panic("result");
}

WOK_TASK_WITH_DROP(obey, enum what, int, panic_in_args, count_result);

static int obey(enum what *what, int *result)
{
    *result = 5;
    switch (*what) {
    case RETURN:
        return 0;
    case FAIL:
        return -EIO;
    case PANIC:
        wok_panic("first");
    case WAIT:
        return wok_sleep(WOK_FOREVER);
    case IGNORE_CANCEL:
        for (;;)
            (void)wok_sleep(WOK_FOREVER);
    }
    return -EINVAL;
}

/* The same as a future, which is dropped instead of arguments. */
struct future {
    enum what what;
    wok_sleep_future sleep;
};

static wok_poll future_poll(void *self_, wok_cx *cx, void *result)
{
    struct future *self = self_;

    if (self->what == PANIC)
        wok_panic("first");
    if (self->what == WAIT)
        return wok_sleep_future_poll(&self->sleep, cx);
    *(int *)result = 5;
    return self->what == FAIL ? -EIO : WOK_READY;
}

static void future_drop(void *self_)
{
    struct future *self = self_;

    wok_sleep_future_drop(&self->sleep);
    panic_in_args(&self->what);
}

static void future_result_drop(void *result)
{
    count_result(result);
}

static const wok_future_vtable future_vtable = {
    .name = "future",
    .size = sizeof(struct future),
    .result_size = sizeof(int),
    .poll = future_poll,
    .drop = future_drop,
    .result_drop = future_result_drop,
};

enum kind { STACKFUL, STACKLESS, BLOCKING, KINDS };

static wok_join spawn(enum kind kind, enum what what)
{
    struct future future = {what, wok_sleep_future_until(WOK_NEVER)};

    if (kind == STACKLESS)
        return wok_spawn_future(&future_vtable, &future);
    return kind == STACKFUL ? wok_spawn(obey, what).join : wok_spawn_blocking(obey, what).join;
}

static void assert_panicked(wok_join *join, const char *message)
{
    wok_join_error why = {0};
    int result = 0;

    cr_assert_eq(wok_join_await(join, &result, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, message), "%s", why.message);
    cr_assert_not_null(strstr(why.file, "test_panic_drop.c"));
    cr_assert_eq(result, 0);
}

WOK_TEST(panic_drop, after_a_return_destroys_the_result)
{
    for (int kind = 0; kind < KINDS; kind++) {
        args_dropped = results_dropped = 0;
        wok_join join = spawn(kind, RETURN);

        assert_panicked(&join, "\"args\"");
        cr_assert_eq(args_dropped, 1);
        cr_assert_eq(results_dropped, 1);
    }
}

WOK_TEST(panic_drop, after_an_error_is_the_outcome)
{
    for (int kind = 0; kind < KINDS; kind++) {
        args_dropped = 0;
        wok_join join = spawn(kind, FAIL);

        assert_panicked(&join, "\"args\"");
        cr_assert_eq(args_dropped, 1);
        cr_assert_eq(results_dropped, 0);
    }
}

WOK_TEST(panic_drop, after_a_panic_leaves_the_first_one)
{
    for (int kind = 0; kind < KINDS; kind++) {
        args_dropped = 0;
        wok_join join = spawn(kind, PANIC);

        assert_panicked(&join, "\"first\"");
        cr_assert_eq(args_dropped, 1);
        cr_assert_eq(results_dropped, 0);
    }
}

/* ---- S17: not "cancelled" ------------------------------------------------------------------------- */

WOK_TEST(panic_drop, in_an_abort_before_the_first_run_is_the_outcome)
{
    for (int kind = STACKFUL; kind <= STACKLESS; kind++) {
        wok_join join = spawn(kind, RETURN);

        args_dropped = 0;
        wok_join_abort(&join);
        assert_panicked(&join, "\"args\"");
        cr_assert_eq(args_dropped, 1);
    }
    cr_assert_eq(results_dropped, 0);
}

WOK_TEST(panic_drop, in_an_abort_of_a_wait_is_the_outcome)
{
    wok_join joins[] = {spawn(STACKFUL, WAIT), spawn(STACKFUL, IGNORE_CANCEL),
                        spawn(STACKLESS, WAIT)};

    cr_assert_eq(wok_yield(), 0);
    for (size_t i = 0; i < WOK_COUNT(joins); i++) {
        args_dropped = 0;
        wok_join_abort(&joins[i]);
        assert_panicked(&joins[i], "\"args\"");
        cr_assert_eq(args_dropped, 1);
    }
    cr_assert_eq(results_dropped, 0);
    cr_assert_eq(wok_yield(), 0, "it leaves neither task nor worker");
}

static atomic_u32 gate_open;

WOK_TASK(wait_at_gate, int, int);

static int wait_at_gate(int *unused, int *result)
{
    while (load_relaxed(&gate_open) == 0)
        sched_yield();
    *result = *unused;
    return 0;
}

WOK_TEST(panic_drop, of_a_queued_blocking_call_is_the_outcome)
{
    wok_blocking_pool *pool = NULL;
    wok_blocking_pool_options options = {.name = "one", .threads_max = 1};

    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &options), 0);
    wait_at_gate_join first = wok_spawn_blocking_in(pool, wait_at_gate, 0);
    obey_join queued = wok_spawn_blocking_in(pool, obey, RETURN);
    wok_join_abort(&queued.join);
    assert_panicked(&queued.join, "\"args\"");
    cr_assert_eq(args_dropped, 1);
    store_relaxed(&gate_open, 1);
    cr_assert_eq(wait_at_gate_await(&first, NULL, NULL), 0);
    wok_blocking_pool_free(pool);
}

static void leave_tasks_behind(void)
{
    wok_join joins[] = {spawn(STACKFUL, WAIT), spawn(STACKLESS, WAIT)};

    cr_assert_eq(wok_yield(), 0);
    for (size_t i = 0; i < WOK_COUNT(joins); i++)
        wok_join_drop(&joins[i]);
}

Test(panic_drop, in_a_shutdown_is_reported_and_stops_nothing, .timeout = 20)
{
    wok_runtime_options options = test_options();

    test_run(&options, leave_tasks_behind);
    cr_assert_eq(args_dropped, 2);
    cr_assert_eq(test_unjoined().count, 2);
    cr_assert_not_null(strstr(test_unjoined().last.message, "\"args\""));
}

/* ---- of results ------------------------------------------------------------------------------------ */

static wok_poll bad_result_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    *(int *)result = 5;
    return WOK_READY;
}

static void bad_result_drop(void *result)
{
    panic_in_result(result);
}

static const wok_future_vtable bad_result_vtable = {
    .name = "bad result",
    .size = 1,
    .result_size = sizeof(int),
    .poll = bad_result_poll,
    .result_drop = bad_result_drop,
};

WOK_TASK_WITH_DROP(bad_result, int, int, NULL, panic_in_result);

static int bad_result(int *unused, int *result)
{
    *result = 5 + *unused;
    return 0;
}

/* Nobody awaits the task of that panic, which is the `count`th. */
static void assert_unjoined(unsigned count, const char *name)
{
    cr_assert_eq(results_dropped, count);
    cr_assert_eq(test_unjoined().count, count);
    cr_assert_eq(test_unjoined().last.outcome, WOK_PANICKED);
    cr_assert_str_eq(test_unjoined().last.task_name, name);
    cr_assert_not_null(strstr(test_unjoined().last.message, "\"result\""));
}

/* S7 */
WOK_TEST(panic_drop, of_a_result_whose_handle_is_dropped_is_a_panic_that_nobody_awaits)
{
    bad_result_join dropped_first = wok_spawn(bad_result, 0);
    bad_result_join dropped_last = wok_spawn(bad_result, 0);
    wok_join future = wok_spawn_future(&bad_result_vtable, &(char){0});

    bad_result_join_drop(&dropped_first);
    cr_assert_eq(wok_yield(), 0);
    assert_unjoined(1, "bad_result");
    bad_result_join_drop(&dropped_last);
    assert_unjoined(2, "bad_result");
    wok_join_drop(&future);
    assert_unjoined(3, "bad result");
}

WOK_TEST(panic_drop, of_a_result_that_is_awaited_without_a_place_for_it_is_the_outcome)
{
    bad_result_join not_wanted = wok_spawn(bad_result, 0);
    bad_result_join in_a_set = wok_spawn(bad_result, 0);
    WOK_CLEANUP(wok_join_set_freep) wok_join_set *set = NULL;
    wok_join_error why = {0};

    cr_assert_eq(bad_result_await(&not_wanted, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"result\""), "%s", why.message);
    cr_assert_eq(results_dropped, 1);
    cr_assert_eq(wok_join_set_new(&set), 0);
    cr_assert_eq(wok_join_set_add(set, &in_a_set.join), 0);
    cr_assert_eq(wok_join_set_join_all(set, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_str_eq(why.task_name, "bad_result");
    cr_assert_eq(results_dropped, 2);
    cr_assert_eq(test_unjoined().count, 0);
}

WOK_TEST(panic_drop, of_a_result_of_a_scopes_child_is_the_childs_failure)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_join_error why = {0};
    char nothing = 0;

    wok_scope_spawn_future(&scope, &bad_result_vtable, &nothing);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_not_null(strstr(why.message, "\"result\""));
    cr_assert_eq(results_dropped, 1);
}
