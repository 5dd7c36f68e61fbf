/*
 * test_panic_callback.c - panic_callback: told of each panic once, where it happens, and what it may do.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

/* What happened, a letter for each event. */
static char events[64];

static void event(char letter)
{
    size_t length = strlen(events);

    cr_assert_lt(length, sizeof events - 1);
    events[length] = letter;
}

static struct {
    wok_join_error last;
    uint64_t task_id;
    pthread_t thread;
    uintptr_t stack;
} told;
static atomic_u32 told_count;

static void keep_panic(const wok_join_error *panic, void *argument)
{
    char mark = 0;

    cr_assert_eq(argument, &told);
    event('C');
    told.last = *panic;
    told.task_id = wok_task_id();
    told.thread = pthread_self();
    told.stack = (uintptr_t)&mark;
    fetch_add_relaxed(&told_count, 1);
}

static void clean(char *letter)
{
    event(*letter);
}

static uintptr_t stack_of_task;
static int line_of_panic;

WOK_TASK(panics, char, int);

static int panics(char *letter, int *result)
{
    WOK_CLEANUP(clean) char mark = *letter;

    *result = 0;
    stack_of_task = (uintptr_t)&mark;
    line_of_panic = __LINE__ + 1;
    wok_panic("on purpose %d", 7);
}

static wok_runtime_options options_with(void (*callback)(const wok_join_error *, void *))
{
    wok_runtime_options options = test_options();

    options.panic_callback = callback;
    options.argument = &told;
    return options;
}

static void callback_body(void)
{
    panics_join task = wok_spawn_with(WOK_SPAWN_OPTIONS(.name = "careless"), panics, 'c');
    uint64_t id = wok_join_id(&task.join);
    wok_join_error why;

    cr_assert_eq(panics_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_str_eq(events, "Cc", "told before anything is unwound");
    cr_assert_str_eq(told.last.message, why.message);
    cr_assert_str_eq(told.last.task_name, "careless");
    cr_assert_eq(told.last.outcome, WOK_PANICKED);
    cr_assert_eq(told.last.line, line_of_panic);
    cr_assert_eq(told.last.task_id, id);
    cr_assert_eq(told.task_id, id);
    cr_assert_eq(told.last.spawned_line, why.spawned_line);
    cr_assert_not_null(strstr(told.last.file, "test_panic_callback.c"));
    cr_assert_not_null(strstr(told.last.spawned_file, "test_panic_callback.c"));
    cr_assert(pthread_equal(told.thread, pthread_self()), "there is one worker");
    cr_assert_lt(stack_of_task - told.stack, 64 * 1024, "it runs below the panic");
}

Test(panic_callback, is_told_of_a_panic_where_it_happens, .timeout = 20)
{
    wok_runtime_options options = options_with(keep_panic);

    test_run(&options, callback_body);
    cr_assert_eq(load_relaxed(&told_count), 1);
}

/* ---- once for each panic ------------------------------------------------------------------------ */

static wok_poll poll_panics(void *self, wok_cx *cx, void *result)
{
    (void)self, (void)cx, (void)result;
    wok_panic("in a poll");
}

static void drop_panics(void *self)
{
    (void)self;
    wok_panic("in a drop");
}

static const wok_future_vtable panicking_vtable = {
    .name = "panicking", .size = 1, .poll = poll_panics, .drop = drop_panics};

static void args_panic(char *unused)
{
    (void)unused;
    wok_panic("in an args_drop");
}

static void result_panics(int *unused)
{
    (void)unused;
    wok_panic("in a result_drop");
}

WOK_TASK_WITH_DROP(drops_args, char, int, args_panic, NULL);
WOK_TASK_WITH_DROP(drops_result, char, int, NULL, result_panics);
WOK_TASK_WITH_DROP(panics_twice, char, int, args_panic, NULL);

static int drops_args(char *unused, int *result)
{
    *result = *unused;
    return 0;
}

static int drops_result(char *unused, int *result)
{
    *result = *unused;
    return 0;
}

static int panics_twice(char *unused, int *result)
{
    *result = *unused;
    wok_panic("first");
}

static void assert_told(unsigned count, const char *message)
{
    cr_assert_eq(load_relaxed(&told_count), count);
    cr_assert_not_null(strstr(told.last.message, message), "%s", told.last.message);
}

static void every_kind_body(void)
{
    panics_join call = wok_spawn_blocking(panics, 'b');
    cr_assert_eq(panics_await(&call, NULL, NULL), -WOK_EJOIN);
    assert_told(1, "on purpose 7");
    cr_assert_not(pthread_equal(told.thread, pthread_self()), "on the thread of the call");

    wok_join future = wok_spawn_future(&panicking_vtable, &(char){0});
    cr_assert_eq(wok_join_await(&future, NULL, NULL), -WOK_EJOIN);
    assert_told(3, "in a drop");
    cr_assert_str_eq(told.last.task_name, "panicking");

    drops_args_join args = wok_spawn(drops_args, 0);
    wok_join_abort(&args.join);
    cr_assert_eq(drops_args_await(&args, NULL, NULL), -WOK_EJOIN);
    assert_told(4, "in an args_drop");
    cr_assert_str_eq(told.last.task_name, "drops_args");

    drops_result_join result = wok_spawn(drops_result, 0);
    drops_result_join_drop(&result);
    cr_assert_eq(wok_yield(), 0);
    assert_told(5, "the result of task ");
    cr_assert_not_null(strstr(told.last.message, "\"in a result_drop\" (drops_result)"));
    cr_assert_eq(test_unjoined().count, 1, "it is the outcome of a task that nobody awaits");
}

Test(panic_callback, is_told_once_of_each_panic, .timeout = 20)
{
    wok_runtime_options options = options_with(keep_panic);

    test_run(&options, every_kind_body);
    cr_assert_eq(load_relaxed(&told_count), 5);
}

static void count_panic(const wok_join_error *panic, void *argument)
{
    (void)panic, (void)argument;
    fetch_add_relaxed(&told_count, 1);
}

WOK_TASK(just_panic, int, int);

static int just_panic(int *number, int *result)
{
    *result = 0;
    if (*number % 2 == 0)
        (void)wok_yield();
    wok_panic("number %d", *number);
}

static void many_body(void)
{
    enum { TASKS = 100 };
    just_panic_join tasks[TASKS];

    for (int i = 0; i < TASKS; i++)
        tasks[i] = i % 5 == 0 ? wok_spawn_blocking(just_panic, i) : wok_spawn(just_panic, i);
    for (int i = 0; i < TASKS; i++)
        cr_assert_eq(just_panic_await(&tasks[i], NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(load_relaxed(&told_count), TASKS);
}

Test(panic_callback, many_at_once_are_told_once_each, .timeout = 60)
{
    wok_runtime_options options = options_with(count_panic);

    options.workers = 4;
    options.paused_clock = false;
    test_run(&options, many_body);
}

/* ---- what a callback may do, and what it may not ------------------------------------------------ */

static wok_local request;
static int request_seen, wait_code, yield_code;

static void look_and_wait(const wok_join_error *panic, void *argument)
{
    const int *value = wok_local_get(&request);

    (void)panic, (void)argument;
    request_seen = value != NULL ? *value : -1;
    wait_code = wok_sleep(wok_ms(1));
    yield_code = wok_yield();
}

WOK_TASK(panics_in_request, int, int);

static int panics_in_request(int *number, int *result)
{
    *result = 0;
    WOK_LOCAL(&request, number)
    {
        wok_panic("in request %d", *number);
    }
    return 0;
}

static void locals_body(void)
{
    panics_in_request_join task = wok_spawn(panics_in_request, 42);

    cr_assert_eq(panics_in_request_await(&task, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(request_seen, 42);
    cr_assert_eq(wait_code, -EDEADLK);
    cr_assert_eq(yield_code, -EDEADLK);
}

Test(panic_callback, a_callback_sees_the_tasks_locals_and_is_refused_to_wait, .timeout = 20)
{
    wok_runtime_options options = options_with(look_and_wait);

    test_run(&options, locals_body);
}

static void panic_again(const wok_join_error *panic, void *argument)
{
    WOK_CLEANUP(clean) char mark = 'k';

    (void)panic, (void)argument, (void)mark;
    event('C');
    wok_panic("in the callback");
}

static void panic_again_body(void)
{
    panics_join task = wok_spawn(panics, 'c');
    wok_join_error why;

    cr_assert_eq(panics_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_str_eq(events, "Ckc");
    cr_assert_not_null(strstr(why.message, "on purpose 7"));

    panics_join another = wok_spawn(panics, 'd');
    cr_assert_eq(panics_await(&another, NULL, NULL), -WOK_EJOIN);
    cr_assert_str_eq(events, "CkcCkd", "and it is told again");
}

Test(panic_callback, a_panic_in_the_callback_ends_the_callback_only, .timeout = 20)
{
    wok_runtime_options options = options_with(panic_again);

    test_run(&options, panic_again_body);
}

/* ---- what is printed ----------------------------------------------------------------------------- */

/* Runs it in a child, whose stderr is in `ret_text` then. */
static int status_of_child(void (*run)(void), char *ret_text, size_t size)
{
    size_t length = 0;
    int ends[2], status = -1;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        run();
        _exit(0);
    }
    (void)close(ends[1]);
    for (ssize_t more; (more = read(ends[0], ret_text + length, size - length - 1)) > 0;)
        length += (size_t)more;
    ret_text[length] = '\0';
    (void)close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void (*callback_of_child)(const wok_join_error *panic, void *argument);

/* In the arguments of a task that has panicked already: this panic becomes no outcome. */
static void panic_in_args_too(void)
{
    wok_runtime_options options = options_with(callback_of_child);
    wok_runtime *runtime = NULL;

    if (wok_runtime_new(&runtime, &options) != 0)
        _exit(1);
    (void)wok_block_on(runtime, panics_twice, 0, NULL, NULL);
    wok_runtime_free(runtime);
}

Test(panic_callback, a_destructors_panic_is_printed_unless_it_is_told, .timeout = 20)
{
    char text[1024];

    cr_assert_eq(status_of_child(panic_in_args_too, text, sizeof text), 0);
    cr_assert_not_null(strstr(text, "wok: a destructor panicked at "), "%s", text);
    cr_assert_not_null(strstr(text, ": in an args_drop\n"), "%s", text);
    callback_of_child = keep_panic;
    cr_assert_eq(status_of_child(panic_in_args_too, text, sizeof text), 0);
    cr_assert_str_eq(text, "");
}
