/*
 * test_spawn.c - spawning, and what becomes of what was moved in.
 *
 * S-numbers are rules of Tokio's tasks, taken over or changed on purpose where the comment says so.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

/* A task that ends as it is told, with arguments and a result that count their destruction. */
enum what { RETURN, FAIL, PANIC, WAIT, IGNORE_CANCEL };

struct order {
    enum what what;
    int number;
};

static atomic_u32 ran, args_dropped, results_dropped;

static void order_drop(struct order *order)
{
    cr_assert_eq(order->number, 42, "the arguments were moved whole");
    fetch_add_relaxed(&args_dropped, 1);
}

static void number_drop(int *number)
{
    cr_assert_eq(*number, 43);
    fetch_add_relaxed(&results_dropped, 1);
}

WOK_TASK_WITH_DROP(obey, struct order, int, order_drop, number_drop);

static int obey(struct order *order, int *result)
{
    fetch_add_relaxed(&ran, 1);
    *result = order->number + 1;
    switch (order->what) {
    case RETURN:
        return 0;
    case FAIL:
        return -EIO;
    case PANIC:
        wok_panic("as ordered");
    case WAIT:
        return wok_sleep(WOK_FOREVER);
    case IGNORE_CANCEL:
        for (;;)
            (void)wok_sleep(WOK_FOREVER);
    }
    return -EINVAL;
}

static obey_join spawn_order(enum what what)
{
    return wok_spawn(obey, {.what = what, .number = 42});
}

/* The same as a future; the wait is a sleep that never ends. */
struct future {
    struct order order;
    wok_sleep_future sleep;
};

static wok_poll future_poll(void *self_, wok_cx *cx, void *result)
{
    struct future *self = self_;

    switch (self->order.what) {
    case RETURN:
        *(int *)result = self->order.number + 1;
        return WOK_READY;
    case FAIL:
        return -EIO;
    case PANIC:
        wok_panic("as ordered");
    default:
        return wok_sleep_future_poll(&self->sleep, cx);
    }
}

static void future_drop(void *self_)
{
    struct future *self = self_;

    order_drop(&self->order);
    wok_sleep_future_drop(&self->sleep);
}

static void future_result_drop(void *result)
{
    number_drop(result);
}

static const wok_future_vtable future_vtable = {
    .name = "future",
    .size = sizeof(struct future),
    .result_size = sizeof(int),
    .poll = future_poll,
    .drop = future_drop,
    .result_drop = future_result_drop,
};

static wok_join spawn_future(enum what what)
{
    struct future future = {{what, 42}, wok_sleep_future_until(WOK_NEVER)};

    return wok_spawn_future(&future_vtable, &future);
}

/* ---- progress -------------------------------------------------------------------------------- */

/* S1 */
WOK_TEST(spawn, a_task_makes_progress_without_being_awaited)
{
    obey_join task = spawn_order(RETURN);

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert(wok_join_is_finished(&task.join));
    obey_join_drop(&task);
}

/* S1, on another worker while the spawner keeps its own. */
WOK_TEST_ON(spawn, another_worker_takes_a_task_whose_spawner_does_not_wait, 2)
{
    obey_join task = spawn_order(RETURN);

    while (!wok_join_is_finished(&task.join))
        ; /* never yields: the test's timeout is the net */
    obey_join_drop(&task);
}

/* S2 */
WOK_TEST(spawn, returns_before_the_body_runs_on_the_same_worker)
{
    obey_join task = spawn_order(RETURN);

    cr_assert_eq(load_relaxed(&ran), 0);
    cr_assert_not(wok_join_is_finished(&task.join));
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(load_relaxed(&ran), 1);
    obey_join_drop(&task);
}

/* S20 */
WOK_TEST(spawn, numbers_are_unique_among_living_tasks)
{
    enum { TASKS = 500 };
    static obey_join tasks[TASKS];

    for (int i = 0; i < TASKS; i++)
        tasks[i] = spawn_order(WAIT);
    for (int i = 0; i < TASKS; i++) {
        cr_assert_neq(wok_join_id(&tasks[i].join), 0);
        cr_assert_neq(wok_join_id(&tasks[i].join), wok_task_id());
        for (int j = 0; j < i; j++)
            cr_assert_neq(wok_join_id(&tasks[i].join), wok_join_id(&tasks[j].join));
    }
    for (int i = 0; i < TASKS; i++) {
        wok_join_abort(&tasks[i].join);
        obey_join_drop(&tasks[i]);
    }
}

WOK_TASK(tell_id, char, uint64_t);

static int tell_id(char *unused, uint64_t *id)
{
    (void)unused;
    *id = wok_task_id();
    return 0;
}

WOK_TEST(spawn, a_task_knows_the_number_that_its_handle_shows)
{
    tell_id_join task = wok_spawn(tell_id, 0);
    uint64_t shown = wok_join_id(&task.join), told = 0;

    cr_assert_eq(tell_id_await(&task, &told, NULL), 0);
    cr_assert_eq(told, shown);
}

/* ---- spawns that start nothing ---------------------------------------------------------------- */

/* S3: Tokio panics; here the handle is born finished. */
Test(spawn, outside_a_runtime_drops_the_arguments_and_says_not_started, .timeout = 20)
{
    obey_join task = spawn_order(RETURN);
    wok_join_error why;
    int result = 7;

    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert(wok_join_is_finished(&task.join));
    cr_assert_eq(wok_join_id(&task.join), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(obey_await(&task, &result, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -EINVAL);
    cr_assert_not_null(strstr(why.message, "task \"obey\" (spawned at test_spawn.c:"), "%s",
                       why.message);
    cr_assert_not_null(strstr(why.message,
                              ") was not started: the calling thread has no runtime, and none "
                              "was named"),
                       "%s", why.message);
    cr_assert_eq(result, 7);
    cr_assert_eq(obey_await(&task, &result, &why), -EINVAL, "the handle is consumed");
    cr_assert_eq(load_relaxed(&ran), 0);

    wok_join future = spawn_future(RETURN);
    cr_assert_eq(load_relaxed(&args_dropped), 2);
    wok_join_drop(&future);
    cr_assert_eq(load_relaxed(&args_dropped), 2);
    cr_assert_eq(load_relaxed(&results_dropped), 0);
}

/* S4, from a plain thread. */
Test(spawn, on_a_runtime_that_was_shut_down_drops_the_arguments_and_says_cancelled, .timeout = 20)
{
    wok_runtime *runtime = NULL;
    wok_runtime_options options = test_options();
    wok_join_error why;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), 0);
    obey_join task = wok_spawn_on(runtime, obey, {RETURN, 42});
    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert_eq(obey_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_str_eq(why.message, "task 0 was cancelled (obey): its runtime is shutting down");
    cr_assert_eq(load_relaxed(&ran), 0);
    wok_runtime_free(runtime);
}

static bool spawned_late;

/* Spawns when it is told to stop, as a destructor might. */
WOK_TASK(spawn_late, char, char);

static int spawn_late(char *unused, char *result)
{
    (void)unused;
    (void)result;
    int error = wok_sleep(WOK_FOREVER);
    obey_join task = spawn_order(RETURN);

    cr_assert(wok_join_is_finished(&task.join));
    cr_assert_eq(load_relaxed(&args_dropped), 1);
    obey_join_drop(&task);
    spawned_late = true;
    return error;
}

static void start_spawn_late(void)
{
    spawn_late_join task = wok_spawn(spawn_late, 0);

    cr_assert_eq(wok_yield(), 0); /* it waits now */
    spawn_late_join_drop(&task);
}

/* S4, from inside. */
Test(spawn, by_a_task_that_is_being_shut_down_starts_nothing, .timeout = 20)
{
    wok_runtime_options options = test_options();

    test_run(&options, start_spawn_late);
    cr_assert(spawned_late);
    cr_assert_eq(load_relaxed(&ran), 0);
}

struct huge {
    char bytes[2 * 1024 * 1024];
};
WOK_TASK(swallow, struct huge, char);

static int swallow(struct huge *huge, char *result)
{
    (void)huge;
    (void)result;
    return 0;
}

WOK_TEST(spawn, of_arguments_beyond_a_megabyte_says_no_memory)
{
    static struct huge huge;
    static const wok_spawn_site site = {
        .name = "swallow", .function = swallow_entry_, .args_size = sizeof huge};
    wok_join task = wok_spawn_raw(NULL, &site, &huge);
    wok_join_error why;

    cr_assert_eq(wok_join_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_eq(why.code, -ENOMEM);
}

/* ---- exactly once ------------------------------------------------------------------------------ */

/* S5: the arguments are gone before await or is_finished shows the end. */
WOK_TEST(spawn, arguments_are_dropped_before_the_end_is_seen_and_once)
{
    static const struct {
        enum what what;
        wok_outcome outcome;
    } ends[] = {{RETURN, WOK_RETURNED}, {FAIL, WOK_FAILED}, {PANIC, WOK_PANICKED}};

    for (size_t i = 0; i < WOK_COUNT(ends); i++) {
        for (int kind = 0; kind < 3; kind++) {
            store_relaxed(&args_dropped, 0);
            store_relaxed(&results_dropped, 0);
            wok_join task = kind == 0   ? spawn_order(ends[i].what).join
                            : kind == 1 ? spawn_future(ends[i].what)
                                        : wok_spawn_blocking(obey, {ends[i].what, 42}).join;
            wok_join_error why = {0};
            int result = 0;

            int code = wok_join_await(&task, &result, &why);
            cr_assert_eq(load_relaxed(&args_dropped), 1);
            cr_assert_eq(code, ends[i].outcome == WOK_RETURNED ? 0 : -WOK_EJOIN);
            cr_assert_eq(why.outcome, ends[i].outcome);
            cr_assert_eq(result, ends[i].outcome == WOK_RETURNED ? 43 : 0);
            cr_assert_eq(wok_yield(), 0);
            cr_assert_eq(load_relaxed(&args_dropped), 1);
            cr_assert_eq(load_relaxed(&results_dropped), 0, "the result was taken, or is none");
        }
    }
}

/* S5 */
WOK_TEST_ON(spawn, arguments_are_dropped_before_is_finished_says_so, 2)
{
    for (uint32_t i = 0; i < 300; i++) {
        wok_join task = i % 2 == 0 ? spawn_order(RETURN).join : spawn_future(RETURN);

        while (!wok_join_is_finished(&task))
            spin_hint();
        cr_assert_eq(load_relaxed(&args_dropped), i + 1);
        wok_join_drop(&task);
        cr_assert_eq(load_relaxed(&results_dropped), i + 1);
    }
}

WOK_TEST(spawn, arguments_are_dropped_once_when_aborted_before_the_first_run)
{
    wok_join stackful = spawn_order(RETURN).join, stackless = spawn_future(RETURN);

    wok_join_abort(&stackful);
    wok_join_abort(&stackless);
    cr_assert_eq(wok_join_await(&stackful, NULL, NULL), -WOK_EJOIN);
    cr_assert_geq(load_relaxed(&args_dropped), 1);
    cr_assert_eq(wok_join_await(&stackless, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(load_relaxed(&args_dropped), 2);
    cr_assert_eq(load_relaxed(&ran), 0);
}

WOK_TEST(spawn, arguments_are_dropped_once_when_aborted_in_a_wait)
{
    wok_join tasks[] = {spawn_order(WAIT).join, spawn_order(IGNORE_CANCEL).join,
                        spawn_future(WAIT)};

    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 0);
    for (uint32_t i = 0; i < WOK_COUNT(tasks); i++) {
        wok_join_error why;

        wok_join_abort(&tasks[i]);
        cr_assert_eq(wok_join_await(&tasks[i], NULL, &why), -WOK_EJOIN);
        cr_assert_eq(why.outcome, WOK_CANCELLED);
        cr_assert_eq(load_relaxed(&args_dropped), i + 1);
    }
    cr_assert_eq(load_relaxed(&results_dropped), 0);
}

static void leave_tasks_behind(void)
{
    wok_join tasks[] = {spawn_order(WAIT).join, spawn_order(IGNORE_CANCEL).join,
                        spawn_future(WAIT)};

    cr_assert_eq(wok_yield(), 0);
    for (size_t i = 0; i < WOK_COUNT(tasks); i++)
        wok_join_drop(&tasks[i]);
    wok_join never_ran[] = {spawn_order(RETURN).join, spawn_future(RETURN)};
    for (size_t i = 0; i < WOK_COUNT(never_ran); i++)
        wok_join_drop(&never_ran[i]);
}

/* E2 */
Test(spawn, arguments_are_dropped_once_by_a_shutdown, .timeout = 20)
{
    wok_runtime_options options = test_options();

    test_run(&options, leave_tasks_behind);
    cr_assert_eq(load_relaxed(&args_dropped), 5);
}

/* ---- moving ------------------------------------------------------------------------------------ */

struct wide {
    alignas(16) unsigned char bytes[4000];
};
WOK_TASK(copy_wide, struct wide, struct wide);

static int copy_wide(struct wide *args, struct wide *result)
{
    cr_assert_eq((uintptr_t)args % 16, 0);
    cr_assert_eq((uintptr_t)result % 16, 0);
    *result = *args;
    return 0;
}

WOK_TEST(spawn, moves_arguments_and_results_of_many_bytes)
{
    struct wide wide, result;

    for (size_t i = 0; i < sizeof wide.bytes; i++)
        wide.bytes[i] = (unsigned char)(i * 7);
    copy_wide_join task = wok_spawn(copy_wide, wide);
    cr_assert_eq(copy_wide_await(&task, &result, NULL), 0);
    cr_assert_arr_eq(result.bytes, wide.bytes, sizeof wide.bytes);
}

struct text {
    char *text;
};

static void text_drop(struct text *text)
{
    free(text->text);
}

static void free_string(char **string)
{
    free(*string);
}

WOK_TASK_WITH_DROP(pass_on, struct text, char *, text_drop, free_string);

static int pass_on(struct text *args, char **result)
{
    *result = WOK_TAKE(args->text);
    return 0;
}

/* The leak and the address sanitizer judge this one. */
WOK_TEST(spawn, an_argument_may_be_moved_on_into_the_result)
{
    WOK_CLEANUP(free_string) char *result = NULL;
    pass_on_join taken = wok_spawn(pass_on, {strdup("some data")});
    pass_on_join dropped = wok_spawn(pass_on, {strdup("other data")});

    cr_assert_eq(pass_on_await(&taken, &result, NULL), 0);
    cr_assert_str_eq(result, "some data");
    pass_on_join_drop(&dropped);
}

/* ---- inline ------------------------------------------------------------------------------------ */

static uint32_t ran_inline;

static wok_poll inline_poll(void *self, wok_cx *cx, void *result)
{
    static const wok_spawn_site site = {.name = "obey",
                                        .function = obey_entry_,
                                        .args_size = sizeof(struct order),
                                        .result_size = sizeof(int),
                                        .args_drop = obey_args_drop_,
                                        .result_drop = obey_result_drop_};
    struct order at_once = {RETURN, 42}, waits = {WAIT, 42}, panics = {PANIC, 42};
    wok_join_error why;
    uint64_t me = wok_task_id();
    int value = 0;

    (void)self;
    (void)result;
    wok_join task = wok_spawn_inline_raw(&site, &at_once);
    cr_assert(wok_join_is_finished(&task));
    cr_assert_eq(wok_join_poll(&task, cx, &value, NULL), 0);
    cr_assert_eq(value, 43);

    task = wok_spawn_inline_raw(&site, &waits);
    cr_assert_eq(load_relaxed(&ran), 2, "it ran up to its wait");
    cr_assert_not(wok_join_is_finished(&task));
    wok_join_abort(&task);
    wok_join_drop(&task);

    task = wok_spawn_inline_raw(&site, &panics);
    cr_assert_eq(wok_join_poll(&task, cx, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_PANICKED);
    cr_assert_eq(wok_task_id(), me, "the caller is where it was");
    ran_inline++;
    return WOK_READY;
}

static const wok_future_vtable inline_vtable = {.name = "inline", .size = 1, .poll = inline_poll};

WOK_TEST(spawn, inline_from_a_stackless_task_runs_up_to_the_first_wait)
{
    char nothing = 0;
    wok_join task = wok_spawn_future(&inline_vtable, &nothing);

    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
    cr_assert_eq(ran_inline, 1);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 3);
}
