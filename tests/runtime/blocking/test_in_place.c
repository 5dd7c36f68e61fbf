/*
 * test_in_place.c - blocking in the caller's own place: what it is for the caller.
 *
 * B5 is a rule of Tokio's block_in_place, taken over; that it is allowed on one worker is ours.  What
 * the other workers do meanwhile is in sched/test_spare.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

/* A test on one worker, and the real clock, with the spare workers that others do without. */
#define IN_PLACE_TEST(Name_)                                                                       \
    static void Name_##_body(void);                                                                \
    Test(in_place, Name_, .timeout = 60)                                                           \
    {                                                                                              \
        wok_runtime_options options = test_options();                                              \
        options.paused_clock = false;                                                              \
        options.spare_workers_max = 0;                                                             \
        test_run(&options, Name_##_body);                                                          \
    }                                                                                              \
    static void Name_##_body(void)

static atomic_u32 flag, begun;

static void await_flag(atomic_u32 *word, uint32_t target)
{
    while (load_acquire(word) < target)
        sched_yield();
}

static wok_runtime_metrics metrics(void)
{
    wok_runtime_metrics now;

    wok_runtime_metrics_get(wok_runtime_current(), &now);
    return now;
}

/* The caller is an ordinary task of its worker again. */
static void assert_back(void)
{
    cr_assert_geq(wok_worker_index(), 0);
    cr_assert_eq(wok_yield(), 0);
}

WOK_TASK(raise_flag, int, int);

static int raise_flag(int *value, int *result)
{
    *result = *value + 1;
    fetch_add_release(&flag, 1);
    return 0;
}

/* ---- what it returns, and where it may be called --------------------------------------------------- */

static int add_two(void *number)
{
    *(int *)number += 2;
    return *(int *)number;
}

static int fail(void *unused)
{
    (void)unused;
    return -EIO;
}

Test(in_place, on_a_plain_thread_is_a_call, .timeout = 20)
{
    int number = 40;

    cr_assert_eq(wok_block_in_place(add_two, &number), 42);
    cr_assert_eq(wok_block_in_place(fail, NULL), -EIO);
}

static int call_on_pool(void *unused)
{
    int number = 1;

    (void)unused;
    return wok_block_in_place(add_two, &number);
}

WOK_TASK(call_in_place, int, int);

static int call_in_place(int *unused, int *result)
{
    (void)unused;
    *result = call_on_pool(NULL);
    return 0;
}

IN_PLACE_TEST(on_a_pools_thread_is_a_call)
{
    call_in_place_join call = wok_spawn_blocking(call_in_place, 0);
    int result = 0;

    cr_assert_eq(call_in_place_await(&call, &result, NULL), 0);
    cr_assert_eq(result, 3);
    cr_assert_eq(metrics().blocked_in_place, 0);
}

static int look_around(void *id)
{
    cr_assert_eq(wok_worker_index(), -1);
    cr_assert_eq(wok_task_id(), *(uint64_t *)id);
    cr_assert_not_null(wok_runtime_current());
    cr_assert_geq(metrics().blocked_workers, 1);
    return 5;
}

IN_PLACE_TEST(the_worker_steps_back_and_the_task_stays)
{
    uint64_t id = wok_task_id();

    cr_assert_eq(wok_block_in_place(look_around, &id), 5);
    assert_back();
    cr_assert_eq(metrics().blocked_in_place, 1);
}

static int nest(void *depth_)
{
    int *depth = depth_;

    if (--*depth == 0)
        return 7;
    int code = wok_block_in_place(nest, depth);
    cr_assert_eq(wok_worker_index(), -1, "the outer one goes on");
    return code;
}

/* B5 */
IN_PLACE_TEST(calls_nest)
{
    int depth = 4;

    cr_assert_eq(wok_block_in_place(nest, &depth), 7);
    assert_back();
    cr_assert_eq(metrics().blocked_in_place, 1, "the worker had stepped back already");
}

/* ---- waits inside ---------------------------------------------------------------------------------- */

/* Each of these waits is for something that the worker which is blocked here would have to do. */
static int wait_as_a_thread(void *unused)
{
    raise_flag_join task = wok_spawn(raise_flag, 1);
    wok_instant start = wok_now();
    int result = 0;

    (void)unused;
    cr_assert_eq(raise_flag_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 2);
    cr_assert_eq(wok_block_on(wok_runtime_current(), raise_flag, 2, &result, NULL), 0);
    cr_assert_eq(result, 3);
    task = wok_spawn_blocking(raise_flag, 3);
    cr_assert_eq(raise_flag_await(&task, &result, NULL), 0);
    cr_assert_eq(result, 4);
    cr_assert_eq(wok_sleep(wok_ms(2)), 0);
    cr_assert_geq(wok_elapsed(start).ns, wok_ms(2).ns);
    cr_assert_eq(wok_yield(), 0);
    return 0;
}

IN_PLACE_TEST(waits_inside_block_the_thread)
{
    cr_assert_eq(wok_block_in_place(wait_as_a_thread, NULL), 0);
    assert_back();
}

static int scope_inside(void *unused)
{
    (void)unused;
    WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
    for (int i = 0; i < 10; i++)
        wok_scope_spawn(&scope, fail, NULL);
    return wok_scope_wait(&scope);
}

IN_PLACE_TEST(a_scope_inside_joins_its_children)
{
    cr_assert_eq(wok_block_in_place(scope_inside, NULL), -EIO);
    assert_back();
}

typedef struct {
    wok_join *own;
    int code;
} await_self_args;
typedef await_self_args *await_self_ref;

static int await_own_handle(void *args_)
{
    await_self_args *args = args_;

    return wok_join_await(args->own, NULL, NULL);
}

WOK_TASK(await_self, await_self_ref, int);

static int await_self(await_self_ref *args, int *result)
{
    await_flag(&flag, 1); /* the handle is where it says */
    *result = wok_block_in_place(await_own_handle, *args);
    return 0;
}

/* S10 */
IN_PLACE_TEST(a_task_that_awaits_itself_is_refused)
{
    await_self_args args = {0};
    await_self_join task = wok_spawn(await_self, &args);
    int result = 0;

    args.own = &task.join;
    store_release(&flag, 1);
    cr_assert_eq(await_self_await(&task, &result, NULL), 0);
    cr_assert_eq(result, -EDEADLK);
}

static int shut_down(void *unused)
{
    (void)unused;
    return wok_runtime_shutdown(wok_runtime_current(), wok_ms(0), NULL);
}

IN_PLACE_TEST(a_shutdown_inside_is_refused)
{
    cr_assert_eq(wok_block_in_place(shut_down, NULL), -EDEADLK);
}

/* ---- deadlines and aborts --------------------------------------------------------------------------- */

static int sleep_long(void *unused)
{
    (void)unused;
    return wok_sleep(wok_seconds(3600));
}

IN_PLACE_TEST(an_ambient_deadline_covers_waits_inside)
{
    int code = 0;

    WOK_TIMEOUT(wok_ms(5))
    {
        code = wok_block_in_place(sleep_long, NULL);
    }
    cr_assert_eq(code, -ETIMEDOUT);
    assert_back();
}

static int wait_for_flag_in_naps(void *unused)
{
    int code = 0;

    (void)unused;
    fetch_add_release(&begun, 1);
    while (load_acquire(&flag) == 0 && code == 0)
        code = wok_sleep(wok_us(100));
    return code;
}

WOK_TASK(nap_in_place, int, int);

static int nap_in_place(int *unused, int *result)
{
    (void)unused;
    *result = wok_block_in_place(wait_for_flag_in_naps, NULL);
    cr_assert_eq(*result, 0);
    cr_assert(wok_cancelled());
    return wok_sleep(wok_ms(1));
}

typedef wok_join *join_ref;
WOK_TASK(abort_when_begun, join_ref, int);

static int abort_when_begun(join_ref *join, int *result)
{
    await_flag(&begun, 1);
    wok_join_abort(*join);
    fetch_add_release(&flag, 1);
    *result = 0;
    return 0;
}

/* Not a cancellation point: the first wait after it is. */
IN_PLACE_TEST(an_abort_is_noticed_afterwards)
{
    nap_in_place_join task = wok_spawn(nap_in_place, 0);
    abort_when_begun_join aborts = wok_spawn_blocking(abort_when_begun, &task.join);
    wok_join_error why;

    cr_assert_eq(abort_when_begun_await(&aborts, NULL, NULL), 0);
    cr_assert_eq(nap_in_place_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
}

/* ---- leaving it -------------------------------------------------------------------------------------- */

static int panic_inside(void *unused)
{
    (void)unused;
    wok_panic("in place");
}

WOK_TASK(panic_in_place, int, int);

static int panic_in_place(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    return wok_block_in_place(panic_inside, NULL);
}

IN_PLACE_TEST(a_panic_inside_is_the_tasks)
{
    for (int i = 0; i < 20; i++) {
        panic_in_place_join task = wok_spawn(panic_in_place, 0);
        wok_join_error why;

        cr_assert_eq(panic_in_place_await(&task, NULL, &why), -WOK_EJOIN);
        cr_assert_eq(why.outcome, WOK_PANICKED);
        cr_assert_not_null(strstr(why.message, "in place"), "%s", why.message);
    }
    assert_back();
}

static int leave_by_return(int *number)
{
    WOK_BLOCK_IN_PLACE()
    {
        cr_assert_eq(wok_worker_index(), -1);
        *number += 1;
        return *number;
    }
    return -1;
}

WOK_TASK(leave_by_panic, int, int);

static int leave_by_panic(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    WOK_BLOCK_IN_PLACE()
    {
        wok_panic("out");
    }
    return 0;
}

IN_PLACE_TEST(a_block_may_be_left_in_any_way)
{
    int number = 0, rounds = 0;

    WOK_BLOCK_IN_PLACE()
    {
        cr_assert_eq(wok_worker_index(), -1);
        rounds++;
    }
    assert_back();
    WOK_BLOCK_IN_PLACE()
    {
        WOK_BLOCK_IN_PLACE()
        {
            rounds++;
        }
        cr_assert_eq(wok_worker_index(), -1);
        if (rounds == 2)
            break;
        rounds = 100;
    }
    assert_back();
    cr_assert_eq(rounds, 2);
    cr_assert_eq(leave_by_return(&number), 1);
    assert_back();
    WOK_BLOCK_IN_PLACE()
    {
        goto out;
    }
    number = 100;
out:
    assert_back();
    cr_assert_eq(number, 1);

    leave_by_panic_join task = wok_spawn(leave_by_panic, 0);
    cr_assert_eq(leave_by_panic_await(&task, NULL, NULL), -WOK_EJOIN);
    assert_back();
}

static wok_runtime *other_runtime;

static int enter_another(void *unused)
{
    (void)unused;
    wok_runtime_enter(other_runtime);
    return 0;
}

IN_PLACE_TEST(a_runtime_that_was_entered_inside_is_left)
{
    wok_runtime *mine = wok_runtime_current();

    cr_assert_eq(wok_block_in_place(enter_another, NULL), 0);
    cr_assert_eq(wok_runtime_current(), mine);
}

/* ---- a stackless task ---------------------------------------------------------------------------------- */

static wok_poll block_in_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    cr_assert_eq(wok_block_in_place(wait_as_a_thread, NULL), 0);
    cr_assert_geq(wok_worker_index(), 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), -EDEADLK, "outside it is refused as ever");
    return WOK_READY;
}

static const wok_future_vtable block_in_poll_vtable = {
    .name = "block_in_poll", .size = 1, .poll = block_in_poll};

static void body_of_stackless(void)
{
    char nothing = 0;
    wok_join task = wok_spawn_future(&block_in_poll_vtable, &nothing);

    /* The body must not run on the spare meanwhile: it waits here. */
    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
}

Test(in_place, a_stackless_task_may_wait_inside, .timeout = 60)
{
    wok_runtime_options options = test_options();

    options.paused_clock = false;
    options.spare_workers_max = 0;
    test_run(&options, body_of_stackless);
}

/* ---- on a paused clock ----------------------------------------------------------------------------------- */

static int sleep_an_hour(void *unused)
{
    (void)unused;
    cr_assert_eq(wok_worker_index(), 0, "it has the turn");
    return wok_sleep(wok_seconds(3600));
}

WOK_TEST(in_place, by_turns_waits_inside_park_the_task)
{
    wok_instant start = wok_now();

    cr_assert_eq(wok_block_in_place(sleep_an_hour, NULL), 0);
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(3600).ns);
    cr_assert_eq(wok_block_in_place(wait_as_a_thread, NULL), 0);
    cr_assert_eq(metrics().spare_workers, 0);
}

WOK_TASK(nap_by_turns, int, int);

static int nap_by_turns(int *unused, int *result)
{
    (void)unused;
    *result = 0;
    cr_assert_eq(wok_block_in_place(sleep_an_hour, NULL), 0);
    cr_assert(wok_cancelled());
    return wok_sleep(wok_ms(1));
}

WOK_TEST(in_place, by_turns_an_abort_is_noticed_afterwards)
{
    nap_by_turns_join task = wok_spawn(nap_by_turns, 0);
    wok_instant start = wok_now();
    wok_join_error why;

    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
    wok_join_abort(&task.join);
    cr_assert_eq(nap_by_turns_await(&task, NULL, &why), -WOK_EJOIN);
    cr_assert_eq(why.outcome, WOK_CANCELLED);
    cr_assert_eq(wok_elapsed(start).ns, wok_seconds(3600).ns);
}

static wok_poll block_by_turns(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    cr_assert_eq(wok_block_in_place(sleep_long, NULL), -EDEADLK);
    return WOK_READY;
}

static const wok_future_vtable block_by_turns_vtable = {
    .name = "block_by_turns", .size = 1, .poll = block_by_turns};

WOK_TEST(in_place, by_turns_a_stackless_task_may_not_wait_inside)
{
    char nothing = 0;
    wok_join task = wok_spawn_future(&block_by_turns_vtable, &nothing);

    cr_assert_eq(wok_join_await(&task, NULL, NULL), 0);
}
