/*
 * test_spawn_options.c - what a spawn may ask for: a name, a stack, a runtime, a pool.
 *
 * S-numbers are rules of Tokio's tasks.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

static atomic_u32 args_dropped;

struct name {
    char text[64];
};

static void count_args(int *unused)
{
    (void)unused;
    fetch_add_relaxed(&args_dropped, 1);
}

WOK_TASK_WITH_DROP(tell_name, int, struct name, count_args, NULL);

static int tell_name(int *code, struct name *result)
{
    snprintf(result->text, sizeof result->text, "%s", wok_task_name());
    return *code;
}

static wok_poll name_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    (void)tell_name(self, result);
    return *(int *)self;
}

static const wok_future_vtable name_vtable = {
    .name = "name future",
    .size = sizeof(int),
    .result_size = sizeof(struct name),
    .poll = name_poll,
};

static void assert_tells(wok_join join, const char *name)
{
    struct name told = {""};

    cr_assert_eq(wok_join_await(&join, &told, NULL), 0);
    cr_assert_str_eq(told.text, name);
}

static wok_join_error await_error(wok_join join)
{
    wok_join_error why = {0};

    cr_assert_eq(wok_join_await(&join, NULL, &why), -WOK_EJOIN);
    return why;
}

/* ---- names ----------------------------------------------------------------------------------------- */

WOK_TEST(spawn_options, a_task_is_called_as_its_function_or_its_future)
{
    int code = 0;

    assert_tells(wok_spawn(tell_name, 0).join, "tell_name");
    assert_tells(wok_spawn_future(&name_vtable, &code), "name future");
    assert_tells(wok_spawn_blocking(tell_name, 0).join, "tell_name");
    assert_tells(wok_spawn_with(WOK_SPAWN_OPTIONS(.name = NULL), tell_name, 0).join, "tell_name");
}

WOK_TEST(spawn_options, a_name_is_copied_and_wins)
{
    char name[] = "seven";
    wok_spawn_options options = {.name = name};
    int code = 0;
    wok_join joins[] = {
        wok_spawn_with(options, tell_name, 0).join,
        wok_spawn_future_with(options, &name_vtable, &code),
        wok_spawn_blocking_with(options, tell_name, 0).join,
    };

    name[0] = 'S';
    for (size_t i = 0; i < WOK_COUNT(joins); i++)
        assert_tells(joins[i], "seven");
}

WOK_TEST(spawn_options, a_name_may_be_written_in_place)
{
    assert_tells(
        wok_spawn_with(WOK_SPAWN_OPTIONS(.name = "in place", .worker = WOK_WORKER(0)), tell_name, 0)
            .join,
        "in place");
}

WOK_TEST(spawn_options, a_long_name_is_cut)
{
    char name[100], cut[WOK_TASK_NAME_SIZE];

    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(cut, sizeof cut, "%.*s", (int)sizeof cut - 1, name);
    assert_tells(wok_spawn_with(WOK_SPAWN_OPTIONS(.name = name), tell_name, 0).join, cut);
}

Test(spawn_options, a_plain_thread_has_no_name, .timeout = 20)
{
    cr_assert_str_eq(wok_task_name(), "");
}

/* ---- in errors ---------------------------------------------------------------------------------------- */

WOK_TASK(fail, int, int);
static int line_of_spawn;

static int fail(int *code, int *result)
{
    *result = 0;
    if (*code == 0)
        wok_panic("boom");
    return *code != -ECANCELED ? *code : wok_sleep(WOK_FOREVER);
}

static fail_join spawn_fail(int code)
{
    line_of_spawn = __LINE__ + 1;
    return wok_spawn_with(WOK_SPAWN_OPTIONS(.name = "unlucky"), fail, code);
}

/* S18: the texts begin as Tokio's. */
WOK_TEST(spawn_options, an_error_says_who_and_where_it_was_spawned)
{
    int codes[] = {0, -EIO, -ECANCELED};

    for (size_t i = 0; i < WOK_COUNT(codes); i++) {
        fail_join task = spawn_fail(codes[i]);
        unsigned long long id = wok_join_id(&task.join);
        char text[128];

        cr_assert_eq(wok_yield(), 0);
        wok_join_abort(&task.join);
        wok_join_error why = await_error(task.join);
        cr_assert_str_eq(why.task_name, "unlucky");
        cr_assert_not_null(strstr(why.spawned_file, "test_spawn_options.c"));
        cr_assert_eq(why.spawned_line, line_of_spawn);
        if (codes[i] == 0)
            snprintf(text, sizeof text, "task %llu panicked with message \"boom\" (unlucky)", id);
        else if (codes[i] == -EIO)
            snprintf(text, sizeof text, "task %llu failed with code %d, %s (unlucky)", id, -EIO,
                     strerror(EIO));
        else
            snprintf(text, sizeof text, "task %llu was cancelled (unlucky)", id);
        cr_assert_str_eq(why.message, text);
    }
}

WOK_TEST(spawn_options, a_panic_that_nobody_awaits_says_so_too)
{
    fail_join task = spawn_fail(0);

    fail_join_drop(&task);
    cr_assert_eq(wok_yield(), 0);
    cr_assert_eq(test_unjoined().count, 1);
    cr_assert_str_eq(test_unjoined().last.task_name, "unlucky");
    cr_assert_eq(test_unjoined().last.spawned_line, line_of_spawn);
}

/* ---- children ------------------------------------------------------------------------------------------ */

static struct name child_name;

static int tell_child_name(int *code)
{
    return tell_name(code, &child_name);
}

WOK_TEST(spawn_options, a_child_of_a_scope_has_a_name_and_its_place)
{
    wok_spawn_options options = {.name = "child"};
    int code = 0;

    WOK_SCOPE(scope, .ret_code = &code)
    wok_scope_spawn(scope, tell_child_name, &code);
    cr_assert_str_eq(child_name.text, "tell_child_name");

    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_scope_spawn_with(&scope, options, tell_child_name, &code);
    cr_assert_eq(wok_scope_wait(&scope), 0);
    cr_assert_str_eq(child_name.text, "child");

    wok_join_error why;
    int failing = -EIO, line = __LINE__ + 1;
    wok_scope_spawn_with(&scope, options, tell_child_name, &failing);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -EIO);
    cr_assert_str_eq(why.task_name, "child");
    cr_assert_not_null(strstr(why.spawned_file, "test_spawn_options.c"));
    cr_assert_eq(why.spawned_line, line);

    wok_scope_spawn_future_with(&scope, options, &name_vtable, &failing);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -EIO);
    cr_assert_str_eq(why.task_name, "child");
}

WOK_TEST(spawn_options, a_child_with_bad_options_is_the_scopes_error)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    int code = 0;

    wok_scope_spawn_with(&scope, WOK_SPAWN_OPTIONS(.worker = WOK_WORKER(1)), tell_child_name,
                         &code);
    cr_assert_eq(wok_scope_wait(&scope), -EINVAL);
}

/* ---- stacks --------------------------------------------------------------------------------------------- */

WOK_TASK(dig, size_t, int);

/* Writes to every page of so many bytes of its stack. */
static int dig(size_t *bytes, int *result)
{
    volatile char *hole = __builtin_alloca(*bytes);

    for (size_t i = *bytes; i > 0; i -= i < 4096 ? i : 4096)
        hole[i - 1] = 1;
    *result = hole[*bytes - 1];
    return wok_yield();
}

static int dig_child(size_t *bytes)
{
    int result;

    return dig(bytes, &result);
}

static void dig_deep(void)
{
    wok_spawn_options options = {.stack_bytes = 1024 * 1024};
    size_t bytes = 800 * 1024;
    int result = 0, code = -1;
    dig_join task = wok_spawn_with(options, dig, bytes);

    cr_assert_eq(dig_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 1);
    WOK_SCOPE(scope, .ret_code = &code)
    wok_scope_spawn_with(scope, options, dig_child, &bytes);
    cr_assert_eq(code, 0);
}

Test(spawn_options, a_task_may_have_a_larger_stack, .timeout = 20)
{
    wok_runtime_options options = test_options();

    options.stack_bytes = 64 * 1024;
    test_run(&options, dig_deep);
}

/* ---- what means nothing is refused ------------------------------------------------------------------------ */

/* The message names the task, the place and the reason. */
static void expect_reason(const wok_join_error *why, const char *reason)
{
    char message[sizeof why->message];

    snprintf(message, sizeof message,
             "task \"%s\" (spawned at test_spawn_options.c:%d) was not started: %s", why->task_name,
             why->spawned_line, reason);
    cr_assert_str_eq(why->message, message);
    cr_assert_neq(why->task_name[0], '\0');
    cr_assert_not_null(strstr(why->spawned_file, "test_spawn_options.c"));
}

WOK_TEST(spawn_options, a_refused_task_has_the_name_that_it_was_to_have)
{
    const int from = __LINE__;
    tell_name_join join =
        wok_spawn_with(WOK_SPAWN_OPTIONS(.name = "prices", .worker = 9), tell_name, 0);
    const int to = __LINE__;
    wok_abort_handle handle = wok_join_abort_handle(&join.join);
    wok_join_error why = {0};

    cr_assert(wok_join_is_finished(&join.join));
    cr_assert_eq(wok_join_id(&join.join), 0);
    wok_join_abort(&join.join);
    cr_assert_eq(tell_name_await(&join, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_str_eq(why.task_name, "prices");
    cr_assert(why.spawned_line > from && why.spawned_line < to);
    expect_reason(&why, "its worker is WOK_WORKER(8), and the runtime has 1");
    wok_abort_handle_abort(&handle);
    cr_assert(wok_abort_handle_is_finished(&handle));
    wok_abort_handle_drop(&handle);
}

static int does_nothing(int *unused)
{
    (void)unused;
    return 0;
}

WOK_TEST(spawn_options, a_scope_says_which_child_was_not_started_and_why)
{
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    wok_join_error why = {0};
    int unused = 0, code = 0;

    wok_scope_spawn(&scope, does_nothing, &unused);
    const int from = __LINE__;
    wok_scope_spawn_with(&scope, WOK_SPAWN_OPTIONS(.priority = (wok_priority)7), does_nothing,
                         &unused);
    const int to = __LINE__;
    wok_scope_spawn_future_with(&scope, WOK_SPAWN_OPTIONS(.stack_bytes = 65536), &name_vtable,
                                &code);
    cr_assert_eq(wok_scope_wait_error(&scope, WOK_NEVER, &why), -EINVAL);
    cr_assert_eq(why.outcome, WOK_NOT_STARTED);
    cr_assert_str_eq(why.task_name, "does_nothing");
    cr_assert(why.spawned_line > from && why.spawned_line < to, "the first one");
    expect_reason(&why, "its priority is 7, which is none");

    wok_scope_spawn(&scope, does_nothing, &unused); /* the next round knows nothing of it */
    cr_assert_eq(wok_scope_wait(&scope), 0);
    wok_scope_spawn_with(&scope, WOK_SPAWN_OPTIONS(.worker = -7), does_nothing, &unused);
}

WOK_TEST(spawn_options, that_mean_nothing_start_no_task_and_drop_the_arguments)
{
    wok_blocking_pool *pool = NULL;
    wok_blocking_pool_options pool_options = {.name = "pool"};
    const wok_spawn_options no_worker = {.worker = WOK_WORKER(1)}, negative = {.worker = -2},
                            too_small = {.stack_bytes = 16 * 1024 - 1},
                            stack = {.stack_bytes = 64 * 1024}, worker = {.worker = WOK_WORKER(0)};
    int code = 0;

    cr_assert_eq(wok_blocking_pool_new(&pool, NULL, &pool_options), 0);
    const wok_spawn_options pooled = {.pool = pool};
    wok_join joins[] = {
        wok_spawn_with(no_worker, tell_name, 0).join,
        wok_spawn_with(negative, tell_name, 0).join,
        wok_spawn_with(too_small, tell_name, 0).join,
        wok_spawn_with(pooled, tell_name, 0).join,
        wok_spawn_blocking_with(stack, tell_name, 0).join,
        wok_spawn_blocking_with(worker, tell_name, 0).join,
        wok_spawn_future_with(stack, &name_vtable, &code),
        wok_spawn_future_with(pooled, &name_vtable, &code),
    };

    cr_assert_eq(load_relaxed(&args_dropped), 6);
    static const char *const reasons[] = {
        "its worker is WOK_WORKER(1), and the runtime has 1",
        "its worker is -2, which is none",
        "its stack_bytes are 16383, less than 16384",
        "it has a pool, and is no blocking call",
        "its stack_bytes are 65536, and a blocking call has no stack of its own",
        "its worker is 1, and a blocking call has none",
        "its stack_bytes are 65536, and a stackless task has no stack of its own",
        "it has a pool, and is no blocking call",
    };
    for (size_t i = 0; i < WOK_COUNT(joins); i++) {
        wok_join_error why = await_error(joins[i]);
        cr_assert_eq(why.outcome, WOK_NOT_STARTED);
        cr_assert_eq(why.code, -EINVAL);
        expect_reason(&why, reasons[i]);
    }
    cr_assert_eq(load_relaxed(&args_dropped), 6);
    wok_blocking_pool_free(pool);
}

/* ---- runtimes and pools --------------------------------------------------------------------------------------- */

WOK_TASK(tell_thread, int, struct name);

static int tell_thread(int *unused, struct name *result)
{
    (void)unused;
    return -pthread_getname_np(pthread_self(), result->text, 16);
}

Test(spawn_options, a_plain_thread_names_the_runtime, .timeout = 20)
{
    wok_runtime_options runtime_options = test_options();
    wok_runtime *runtime = NULL, *other = NULL;
    wok_blocking_pool *pool = NULL;
    wok_blocking_pool_options pool_options = {.name = "pool"};

    cr_assert_eq(wok_runtime_new(&runtime, &runtime_options), 0);
    cr_assert_eq(wok_runtime_new(&other, &runtime_options), 0);
    cr_assert_eq(wok_blocking_pool_new(&pool, runtime, &pool_options), 0);

    wok_spawn_options options = {.name = "far", .runtime = runtime};
    assert_tells(wok_spawn_with(options, tell_name, 0).join, "far");
    assert_tells(wok_spawn_blocking_with(options, tell_name, 0).join, "far");
    options.pool = pool;
    assert_tells(wok_spawn_blocking_with(options, tell_thread, 0).join, "pool");
    options.runtime = NULL;
    assert_tells(wok_spawn_blocking_with(options, tell_thread, 0).join, "pool");
    options.runtime = other;
    cr_assert_eq(await_error(wok_spawn_blocking_with(options, tell_name, 0).join).code, -EINVAL);
    options = (wok_spawn_options){.name = "lost"};
    cr_assert_eq(await_error(wok_spawn_with(options, tell_name, 0).join).code, -EINVAL);

    wok_blocking_pool_free(pool);
    cr_assert_eq(wok_runtime_shutdown(runtime, wok_ms(0), NULL), 0);
    options = (wok_spawn_options){.name = "late", .runtime = runtime};
    cr_assert_eq(await_error(wok_spawn_with(options, tell_name, 0).join).outcome, WOK_CANCELLED);
    wok_runtime_free(runtime);
    wok_runtime_free(other);
}
