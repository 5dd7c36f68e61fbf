/*
 * test_refuse.c - calls that would block a worker: refused, named, counted.
 *
 * E3 is a rule of Tokio's runtime, which panics where this one says -EDEADLK.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 started, args_dropped;
static unsigned told;
static wok_join_error last;

static void keep(const wok_join_error *error, void *argument)
{
    cr_assert_eq(argument, &told);
    told++;
    last = *error;
}

static void run(void (*body)(void))
{
    wok_runtime_options options = test_options();

    options.on_refused_wait = keep;
    options.argument = &told;
    test_run(&options, body);
}

static uint64_t refused_waits(void)
{
    wok_runtime_metrics metrics;

    wok_runtime_metrics_get(wok_runtime_current(), &metrics);
    return metrics.refused_waits;
}

/* The message begins with `task N "name" (spawned at this file:line)`, and the fields say the same. */
static void assert_names(const wok_join_error *error, const char *name, uint64_t id, int line)
{
    char expected[120];

    snprintf(expected, sizeof expected, "task %llu \"%s\" (spawned at test_refuse.c:%d)",
             (unsigned long long)id, name, line);
    cr_assert_eq(strncmp(error->message, expected, strlen(expected)), 0, "%s", error->message);
    cr_assert_eq(error->outcome, WOK_NOT_STARTED);
    cr_assert_eq(error->code, -EDEADLK);
    cr_assert_eq(error->task_id, id);
    cr_assert_eq(error->line, line);
    cr_assert_not_null(strstr(error->file, "test_refuse.c"));
}

/* ---- block_on ------------------------------------------------------------------------------------ */

struct pair {
    int a, b;
};

static void count_args(struct pair *pair)
{
    cr_assert_eq(pair->b, 2);
    fetch_add_relaxed(&args_dropped, 1);
}

WOK_TASK_WITH_DROP(add, struct pair, int, count_args, NULL);

static int add(struct pair *pair, int *result)
{
    fetch_add_relaxed(&started, 1);
    *result = pair->a + pair->b;
    return 0;
}

Test(refuse, block_on_takes_arguments_with_commas, .timeout = 20)
{
    wok_runtime_options options = test_options();
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    wok_join_error error = {0};
    int result = 0;

    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    cr_assert_eq(wok_block_on(runtime, add, {.a = 40, .b = 2}, &result, &error), 0);
    cr_assert_eq(result, 42);
    cr_assert_eq(load_relaxed(&args_dropped), 1);
}

struct asked {
    int code, result;
    uint64_t id;
    wok_join_error error;
};

typedef struct asked *asked_ref;
WOK_TASK(ask, asked_ref, int);

static int ask(asked_ref *args, int *unused)
{
    struct asked *asked = *args;

    *unused = 0;
    asked->id = wok_task_id();
    asked->result = 7;
    asked->code =
        wok_block_on(wok_runtime_current(), add, {.a = 1, .b = 2}, &asked->result, &asked->error);
    return 0;
}

static void body_of_stackful(void)
{
    struct asked asked;
    ask_join task = wok_spawn(ask, &asked);
    int line = __LINE__ - 1;

    cr_assert_eq(ask_await(&task, NULL, NULL), 0);
    cr_assert_eq(asked.code, -EDEADLK);
    cr_assert_eq(asked.result, 7);
    assert_names(&asked.error, "ask", asked.id, line);
    cr_assert_eq(load_relaxed(&started), 0);
    cr_assert_eq(load_relaxed(&args_dropped), 1);
    cr_assert_eq(told, 1);
    assert_names(&last, "ask", asked.id, line);
    cr_assert_eq(refused_waits(), 1);
}

/* E3 */
Test(refuse, block_on_in_a_stackful_task_names_the_task, .timeout = 20)
{
    run(body_of_stackful);
}

/* ---- in a stackless task ------------------------------------------------------------------------- */

struct waits {
    struct asked *asked;
    int sleep, yield, join;
};

static wok_poll wait_everywhere(void *self, wok_cx *cx, void *result)
{
    struct waits *waits = self;
    add_join task = wok_spawn(add, {1, 2});

    (void)cx;
    (void)result;
    waits->asked->id = wok_task_id();
    waits->asked->code =
        wok_block_on(wok_runtime_current(), add, {1, 2}, NULL, &waits->asked->error);
    cr_assert_eq(wok_sleep(wok_ms(1)), -EDEADLK);
    cr_assert_eq(wok_yield(), -EDEADLK);
    cr_assert_eq(add_await(&task, NULL, NULL), -EDEADLK);
    cr_assert(task.join.task != NULL, "the handle stays valid");
    add_join_drop(&task);
    return WOK_READY;
}

static const wok_future_vtable waits_vtable = {
    .name = "wait_everywhere",
    .size = sizeof(struct waits),
    .poll = wait_everywhere,
};

static void body_of_stackless(void)
{
    struct asked asked;
    struct waits waits = {.asked = &asked};
    wok_join task = wok_spawn_future(&waits_vtable, &waits);
    int line = __LINE__ - 1;

    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
    cr_assert_eq(asked.code, -EDEADLK);
    assert_names(&asked.error, "wait_everywhere", asked.id, line);
    cr_assert_eq(told, 4);
    assert_names(&last, "wait_everywhere", asked.id, line);
    cr_assert_eq(refused_waits(), 4);
}

Test(refuse, each_wait_in_a_stackless_task_is_told_and_counted, .timeout = 20)
{
    run(body_of_stackless);
}

/* ---- in a destructor ----------------------------------------------------------------------------- */

static void wait_in_drop(int *unused)
{
    (void)unused;
    cr_assert_eq(wok_sleep(wok_ms(1)), -EDEADLK);
}

WOK_TASK_WITH_DROP(give, int, int, NULL, wait_in_drop);

static int give(int *number, int *result)
{
    *result = *number;
    return 0;
}

/* The result of a detached task is destroyed by its worker, when the task is no more. */
static void body_of_destructor(void)
{
    give_join task = wok_spawn(give, 1);

    give_join_drop(&task);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(told, 1);
    cr_assert_eq(last.task_id, 0);
    cr_assert_null(last.file);
    cr_assert_eq(strncmp(last.message, "a destructor", 12), 0, "%s", last.message);
}

Test(refuse, a_wait_in_the_destructor_of_an_ended_task_is_told_too, .timeout = 20)
{
    run(body_of_destructor);
}
