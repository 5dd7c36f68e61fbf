/*
 * test_in_place.c - stackless tasks that are polled in place of a parent which waits for them.
 *
 * They run on the stack of the worker's thread, not on the parent's, which may be small: so the tests look
 * at addresses, and use more stack than the parent has.
 */
#include <errno.h>
#include <string.h>

#include "platform/atomic.h"
#include "support/wok_test.h"

enum { SMALL_STACK = 64 * 1024, DEEP = 512 * 1024 };

struct look {
    uintptr_t *ret_stack; /* where the poll ran */
    int number;
};

static wok_poll look_poll(void *self, wok_cx *cx, void *result)
{
    const struct look *look = self;

    (void)cx;
    *look->ret_stack = (uintptr_t)__builtin_frame_address(0);
    *(int *)result = look->number + 1;
    return WOK_READY;
}

static const wok_future_vtable look_vtable = {
    .name = "look", .size = sizeof(struct look), .result_size = sizeof(int), .poll = look_poll};

static bool is_near(uintptr_t address, uintptr_t other)
{
    return address - other < SMALL_STACK || other - address < SMALL_STACK;
}

static uintptr_t elsewhere_stack;
static unsigned elsewhere_polls;

static wok_poll elsewhere_poll(void *self, wok_cx *cx, void *result)
{
    (void)self, (void)cx, (void)result;
    elsewhere_stack = (uintptr_t)__builtin_frame_address(0);
    elsewhere_polls++;
    return WOK_READY;
}

static const wok_future_vtable elsewhere_vtable = {
    .name = "elsewhere", .size = 1, .poll = elsewhere_poll};

/* ---- an awaited task that is next ---------------------------------------------------------------- */

WOK_TEST(in_place, an_awaited_task_gives_its_result_from_a_stack_that_is_not_the_parents)
{
    uintptr_t stack = 0, own = (uintptr_t)__builtin_frame_address(0);

    for (int i = 0; i < 1000; i++) {
        struct look look = {&stack, i};
        wok_join join = wok_spawn_future(&look_vtable, &look);
        int result = 0;

        cr_assert_eq(wok_join_await(&join, &result, NULL), 0);
        cr_assert_eq(result, i + 1);
        cr_assert_not(is_near(stack, own));
    }
}

static wok_poll deep_poll(void *self, wok_cx *cx, void *result)
{
    volatile char room[DEEP];

    (void)self, (void)cx, (void)result;
    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = (char)i;
    return room[512] == 0 ? WOK_READY : -EIO;
}

static const wok_future_vtable deep_vtable = {.name = "deep", .size = 1, .poll = deep_poll};

WOK_TASK(shallow, int, int);
static int shallow(int *in_scope, int *result)
{
    char nothing = 0;

    if (*in_scope) {
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;
        wok_scope_spawn_future(&scope, &deep_vtable, &nothing);
        *result = wok_scope_wait(&scope);
    } else {
        wok_join join = wok_spawn_future(&deep_vtable, &nothing);
        *result = wok_join_await(&join, NULL, NULL);
    }
    return 0;
}

WOK_TEST(in_place, a_task_may_use_more_stack_than_its_parent_has)
{
    for (int i = 0; i < 40; i++) {
        int in_scope = i % 2;
        shallow_join join =
            wok_spawn_with(WOK_SPAWN_OPTIONS(.stack_bytes = SMALL_STACK), shallow, in_scope);
        int result = -1;

        cr_assert_eq(shallow_await(&join, &result, NULL), 0);
        cr_assert_eq(result, 0);
    }
}

/* What is seen of the order: who is awaited runs when it would have run anyway, after those before it. */
WOK_TEST(in_place, a_task_that_is_awaited_does_not_overtake_one_spawned_before)
{
    uintptr_t stack = 0;
    char nothing = 0;
    struct look look = {&stack, 1};
    wok_join before = wok_spawn_future(&elsewhere_vtable, &nothing);
    wok_join awaited = wok_spawn_future(&look_vtable, &look);

    elsewhere_polls = 0;
    cr_assert_eq(wok_join_await(&awaited, NULL, NULL), 0);
    cr_assert_eq(elsewhere_polls, 1);
    cr_assert_eq(wok_join_await(&before, NULL, NULL), 0);
}

static void count_drop(void *self)
{
    (*(*(unsigned **)self))++;
}

static wok_poll panic_poll(void *self, wok_cx *cx, void *result)
{
    (void)self, (void)cx, (void)result;
    wok_panic("in place");
}

static const wok_future_vtable panic_vtable = {
    .name = "panics", .size = sizeof(unsigned *), .poll = panic_poll, .drop = count_drop};

WOK_TEST(in_place, the_panic_of_a_task_is_its_own)
{
    unsigned drops = 0, *counter = &drops;
    wok_join join = wok_spawn_future(&panic_vtable, &counter);
    wok_join_error error;
    uint64_t me = wok_task_id();

    cr_assert_eq(wok_join_await(&join, NULL, &error), -WOK_EJOIN);
    cr_assert_eq(error.outcome, WOK_PANICKED);
    cr_assert_str_eq(error.message + strlen(error.message) - strlen("\"in place\" (panics)"),
                     "\"in place\" (panics)");
    cr_assert_eq(drops, 1);
    cr_assert_eq(wok_task_id(), me);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
}

struct sleeper {
    wok_sleep_future sleep;
    int resume_line;
};

static wok_poll sleeper_poll(void *self_, wok_cx *cx, void *result)
{
    struct sleeper *self = self_;

    WOK_ASYNC_BEGIN(self);
    self->sleep = wok_sleep_future_for(wok_ms(10));
    WOK_AWAIT(self, wok_sleep_future_poll(&self->sleep, cx));
    *(int *)result = 7;
    WOK_ASYNC_END;
}

static void sleeper_drop(void *self)
{
    wok_sleep_future_drop(&((struct sleeper *)self)->sleep);
}

static const wok_future_vtable sleeper_vtable = {.name = "sleeper",
                                                 .size = sizeof(struct sleeper),
                                                 .result_size = sizeof(int),
                                                 .poll = sleeper_poll,
                                                 .drop = sleeper_drop};

WOK_TEST(in_place, a_task_that_waits_goes_on_by_itself)
{
    struct sleeper sleeper = {0};
    wok_instant start = wok_now();
    wok_join join = wok_spawn_future(&sleeper_vtable, &sleeper);
    int result = 0;

    cr_assert_eq(wok_join_await(&join, &result, NULL), 0);
    cr_assert_eq(result, 7);
    cr_assert_eq(wok_elapsed(start).ns, wok_ms(10).ns);
}

WOK_TEST(in_place, an_await_that_times_out_leaves_the_task_running)
{
    struct sleeper sleeper = {0};
    wok_join join = wok_spawn_future(&sleeper_vtable, &sleeper);
    int result = 0;

    cr_assert_eq(wok_join_await_until(&join, wok_after(wok_ms(3)), &result, NULL), -ETIMEDOUT);
    cr_assert_not(wok_join_is_finished(&join));
    cr_assert_eq(wok_join_await(&join, &result, NULL), 0);
    cr_assert_eq(result, 7);
}

/* A parent that spawns and awaits for ever shares its worker as any other task does. */
static atomic_u32 stop;

WOK_TASK(stops, int, int);
static int stops(int *args, int *result)
{
    (void)args;
    *result = 0;
    store_relaxed(&stop, 1);
    return 0;
}

WOK_TEST(in_place, a_parent_that_awaits_for_ever_lets_a_bound_task_run)
{
    char nothing = 0;
    unsigned rounds = 0;
    stops_join other = wok_spawn_with(WOK_SPAWN_OPTIONS(.worker = WOK_THIS_WORKER), stops, 0);

    store_relaxed(&stop, 0);
    while (load_relaxed(&stop) == 0 && rounds < 1000) {
        wok_join join = wok_spawn_future(&elsewhere_vtable, &nothing);
        cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
        rounds++;
    }
    cr_assert_leq(rounds, 130, "a poll has 128 operations");
    cr_assert_eq(stops_await(&other, NULL, NULL), 0);
}

/* ---- what a task does while it runs in place ------------------------------------------------------ */

static int in_fiber(void *args, void *result)
{
    (void)args, (void)result;
    return wok_sleep(
        wok_ms(1)); /* switches to the worker's stack, where it lies deeper than before */
}

static const wok_spawn_site in_fiber_site = {
    .name = "in fiber", .file = __FILE__, .line = __LINE__, .function = in_fiber};

static wok_poll nests_poll(void *self, wok_cx *cx, void *result)
{
    char nothing = 0;
    wok_join *ret_join = *(wok_join **)self;

    (void)cx, (void)result;
    *ret_join = wok_spawn_inline_raw(&in_fiber_site, &nothing);
    return WOK_READY;
}

static const wok_future_vtable nests_vtable = {
    .name = "nests", .size = sizeof(wok_join *), .poll = nests_poll};

WOK_TEST(in_place, a_child_may_run_a_fiber_in_place_of_itself)
{
    for (int i = 0; i < 20; i++) {
        wok_join inner = {NULL}, *ret_inner = &inner;
        WOK_CLEANUP(wok_scope_done) wok_scope scope = WOK_SCOPE_INIT;

        wok_scope_spawn_future(&scope, &nests_vtable, &ret_inner);
        cr_assert_eq(wok_scope_wait(&scope), 0);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0, "this task finds back to its worker");
        cr_assert_eq(wok_join_await(&inner, NULL, NULL), 0);
    }
}

WOK_TEST(in_place, an_awaited_task_may_run_a_fiber_in_place_of_itself)
{
    for (int i = 0; i < 20; i++) {
        wok_join inner = {NULL}, *ret_inner = &inner;
        wok_join outer = wok_spawn_future(&nests_vtable, &ret_inner);

        cr_assert_eq(wok_join_await(&outer, NULL, NULL), 0);
        cr_assert_eq(wok_sleep(wok_ms(1)), 0, "this task finds back to its worker");
        cr_assert_eq(wok_join_await(&inner, NULL, NULL), 0);
    }
}

static wok_poll waits_poll(void *self, wok_cx *cx, void *result)
{
    (void)self, (void)cx;
    *(int *)result = wok_sleep(wok_ms(1));
    return WOK_READY;
}

static const wok_future_vtable waits_vtable = {
    .name = "waits", .size = 1, .result_size = sizeof(int), .poll = waits_poll};

WOK_TEST(in_place, a_task_cannot_wait_with_its_parents_stack)
{
    char nothing = 0;
    wok_join join = wok_spawn_future(&waits_vtable, &nothing);
    int code = 0;

    cr_assert_eq(wok_join_await(&join, &code, NULL), 0);
    cr_assert_eq(code, -EDEADLK);
}

WOK_TEST(in_place, the_parents_deadline_is_not_the_tasks)
{
    struct sleeper sleeper = {0};
    wok_join join = wok_spawn_future(&sleeper_vtable, &sleeper);
    int result = 0, code = 0;

    WOK_TIMEOUT(wok_ms(3))
    code = wok_join_await(&join, &result, NULL);
    cr_assert_eq(code, -ETIMEDOUT);
    cr_assert_eq(wok_join_await(&join, &result, NULL), 0);
    cr_assert_eq(result, 7);
}
