/*
 * test_local.c - values that go with a task, for the length of a block.
 *
 * E6 is Tokio's rule: they are there during an abort and in a destructor, and a spawn does not inherit.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "support/wok_test.h"

static wok_local name, other;

/* What a handler saw. */
static const char *seen[8];
static unsigned seen_count;

static const char *here(void)
{
    return wok_local_get(&name);
}

static void look(int *unused)
{
    (void)unused;
    if (seen_count < WOK_COUNT(seen))
        seen[seen_count++] = here();
}

/* ---- blocks ---------------------------------------------------------------------------------------- */

WOK_TEST(local, a_block_gives_a_value_and_takes_it_back)
{
    cr_assert_null(here());
    WOK_LOCAL(&name, "outer")
    {
        cr_assert_str_eq(here(), "outer");
        cr_assert_null(wok_local_get(&other));
    }
    cr_assert_null(here());
}

WOK_TEST(local, blocks_nest_and_keys_are_apart)
{
    WOK_LOCAL(&name, "outer")
    {
        WOK_LOCAL(&other, "another key")
        {
            WOK_LOCAL(&name, "inner")
            {
                cr_assert_str_eq(here(), "inner");
                cr_assert_str_eq(wok_local_get(&other), "another key");
            }
            cr_assert_str_eq(here(), "outer");
        }
        WOK_LOCAL(&name, NULL)
        cr_assert_null(here());
        cr_assert_null(wok_local_get(&other));
    }
}

static int leave(int how)
{
    for (int i = 0; i < 1; i++) {
        WOK_LOCAL(&name, "left")
        {
            if (how == 0)
                break;
            if (how == 1)
                return 1;
            if (how == 2)
                goto out;
            continue;
        }
        cr_assert_str_eq(here(), "outer");
    }
out:
    return 0;
}

WOK_TEST(local, a_block_may_be_left_in_any_way)
{
    WOK_LOCAL(&name, "outer")
    {
        for (int how = 0; how < 4; how++) {
            leave(how);
            cr_assert_str_eq(here(), "outer");
        }
    }
}

__attribute__((noinline)) static const char *deep(int depth)
{
    return depth > 0 ? deep(depth - 1) : here();
}

WOK_TEST(local, what_a_block_calls_finds_it_however_deep)
{
    WOK_LOCAL(&name, "deep")
    cr_assert_str_eq(deep(100), "deep");
}

WOK_TEST(local, a_frame_may_be_popped_twice)
{
    wok_local_frame frame;

    wok_local_push(&frame, &name, "pushed");
    cr_assert_str_eq(here(), "pushed");
    wok_local_pop(&frame);
    wok_local_pop(&frame);
    cr_assert_null(here());
}

/* ---- with the task ------------------------------------------------------------------------------------ */

WOK_TASK(wander, const char *, int);

/* Waits often, so that others run in between, and must find its own value each time. */
static int wander(const char **value, int *result)
{
    *result = 0;
    cr_assert_null(here(), "a spawn inherits nothing");
    WOK_LOCAL(&name, (void *)*value)
    {
        for (int i = 0; i < 50; i++) {
            int error = i % 2 == 0 ? wok_yield() : wok_sleep(wok_us(1));
            if (error < 0)
                return error;
            *result += strcmp(here(), *value) == 0;
        }
    }
    return here() == NULL ? 0 : -EINVAL;
}

static void wander_together(void)
{
    static const char *const values[] = {"one", "two", "three", "four", "five", "six"};
    wander_join tasks[WOK_COUNT(values)];

    WOK_LOCAL(&name, "parent")
    {
        for (size_t i = 0; i < WOK_COUNT(tasks); i++)
            tasks[i] = wok_spawn(wander, (const char *){values[i]});
        for (size_t i = 0; i < WOK_COUNT(tasks); i++) {
            int found = 0;
            cr_assert_eq(wander_await(&tasks[i], &found, NULL), 0);
            cr_assert_eq(found, 50);
            cr_assert_str_eq(here(), "parent");
        }
    }
}

/* E6 */
WOK_TEST(local, a_value_goes_with_its_task_and_is_not_inherited)
{
    wander_together();
}

WOK_TEST_ON(local, on_several_workers_as_well, 4)
{
    for (int i = 0; i < 20; i++)
        wander_together();
}

static int child_saw_nothing(const char **value)
{
    return here() == NULL && *value != NULL ? 0 : -EINVAL;
}

WOK_TEST(local, a_child_of_a_scope_borrows_it_instead)
{
    const char *value = "borrowed";
    int code = -1;

    WOK_LOCAL(&name, "parent")
    {
        WOK_SCOPE(scope, .ret_code = &code)
        wok_scope_spawn(scope, child_saw_nothing, &value);
    }
    cr_assert_eq(code, 0);
}

/* ---- the end of a task ------------------------------------------------------------------------------------ */

enum how { WAIT, IGNORE_CANCEL, PANIC };

WOK_TASK(end_as_told, enum how, int);

static int end_as_told(enum how *how, int *result)
{
    *result = 0;
    WOK_LOCAL(&name, "outer")
    {
        WOK_CLEANUP(look) int outer = 0;
        WOK_LOCAL(&name, "inner")
        {
            WOK_CLEANUP(look) int inner = 0;
            (void)outer, (void)inner;
            if (*how == PANIC)
                wok_panic("as told");
            do {
                int error = wok_sleep(WOK_FOREVER);
                if (error < 0 && *how == WAIT)
                    return error;
            } while (true);
        }
    }
    return 0;
}

/* E6: as each handler's own block has it. */
WOK_TEST(local, a_cleanup_handler_finds_it_in_an_abort_and_in_a_panic)
{
    for (enum how how = WAIT; how <= PANIC; how++) {
        end_as_told_join task = wok_spawn(end_as_told, (enum how){how});

        seen_count = 0;
        cr_assert_eq(wok_yield(), 0);
        wok_join_abort(&task.join);
        cr_assert_eq(end_as_told_await(&task, NULL, NULL), -WOK_EJOIN);
        cr_assert_eq(seen_count, 2);
        cr_assert_str_eq(seen[0], "inner");
        cr_assert_str_eq(seen[1], "outer");
        cr_assert_null(here());
    }
}

static void look_at_args(int *unused)
{
    look(unused);
}

WOK_TASK_WITH_DROP(panic_inside, int, int, look_at_args, NULL);

static int panic_inside(int *unused, int *result)
{
    *result = *unused;
    WOK_LOCAL(&name, "gone")
    wok_panic("inside");
    return 0;
}

WOK_TEST(local, arguments_are_dropped_after_every_block_is_left)
{
    panic_inside_join task = wok_spawn(panic_inside, 0);

    cr_assert_eq(panic_inside_await(&task, NULL, NULL), -WOK_EJOIN);
    cr_assert_eq(seen_count, 1);
    cr_assert_null(seen[0]);
}

/* ---- stackless tasks --------------------------------------------------------------------------------------- */

struct poller {
    const char *value;
    int polls_left;
    bool panics;
};

static wok_poll poll_inside(struct poller *self, wok_cx *cx)
{
    WOK_CLEANUP(look) int unused = 0;

    (void)unused;
    if (strcmp(here(), self->value) != 0)
        return -EINVAL;
    if (self->polls_left-- > 0) {
        wok_cx_yield(cx);
        return WOK_PENDING;
    }
    if (self->panics)
        wok_panic("in a poll");
    return WOK_READY;
}

static wok_poll poller_poll(void *self_, wok_cx *cx, void *result)
{
    struct poller *self = self_;
    wok_poll code = WOK_PENDING;

    (void)result;
    if (here() != NULL)
        return -EEXIST;
    WOK_LOCAL(&name, (void *)self->value)
    code = poll_inside(self, cx);
    return code;
}

static const char *seen_in_drop;

static void poller_drop(void *self_)
{
    struct poller *self = self_;

    cr_assert_null(here());
    WOK_LOCAL(&name, (void *)self->value)
    seen_in_drop = here();
}

static const wok_future_vtable poller_vtable = {
    .name = "poller",
    .size = sizeof(struct poller),
    .poll = poller_poll,
    .drop = poller_drop,
};

WOK_TEST(local, a_stackless_task_has_a_value_for_a_poll)
{
    struct poller a = {"a", 10, false}, b = {"b", 10, false}, panics = {"panics", 1, true};
    wok_join joins[] = {wok_spawn_future(&poller_vtable, &a), wok_spawn_future(&poller_vtable, &b),
                        wok_spawn_future(&poller_vtable, &panics)};

    WOK_LOCAL(&name, "parent")
    {
        cr_assert_eq(wok_join_await(&joins[0], NULL, NULL), 0);
        cr_assert_eq(wok_join_await(&joins[1], NULL, NULL), 0);
        cr_assert_eq(wok_join_await(&joins[2], NULL, NULL), -WOK_EJOIN);
        cr_assert_str_eq(here(), "parent");
    }
    struct poller after = {"after", 0, false};
    wok_join join = wok_spawn_future(&poller_vtable, &after);
    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0, "the panic left nothing behind");
}

/* Polled on its parent's own stack. */
WOK_TEST(local, a_child_that_runs_in_place_does_not_find_its_parents)
{
    struct poller child = {"child", 0, false};
    int code = -1;

    WOK_LOCAL(&name, "parent")
    {
        WOK_SCOPE(scope, .ret_code = &code)
        wok_scope_spawn_future(scope, &poller_vtable, &child);
        cr_assert_str_eq(here(), "parent");
    }
    cr_assert_eq(code, 0);
    cr_assert_str_eq(seen_in_drop, "child");
}

/* A task that a stackless one starts in place, in the middle of a block. */
static wok_poll starter_poll(void *self, wok_cx *cx, void *result)
{
    static const wok_spawn_site site = {.name = "wander",
                                        .function = wander_entry_,
                                        .args_size = sizeof(const char *),
                                        .result_size = sizeof(int)};
    const char *value = "started";
    wok_poll code = WOK_PENDING;

    (void)self;
    (void)cx;
    (void)result;
    WOK_LOCAL(&name, "starter")
    {
        wok_join join = wok_spawn_inline_raw(&site, &value);
        code = strcmp(here(), "starter") == 0 ? WOK_READY : -EINVAL;
        wok_join_drop(&join);
    }
    return code;
}

static const wok_future_vtable starter_vtable = {
    .name = "starter", .size = 1, .poll = starter_poll};

WOK_TEST(local, a_task_that_is_started_in_place_does_not_find_its_starters)
{
    char nothing = 0;
    wok_join join = wok_spawn_future(&starter_vtable, &nothing);

    cr_assert_eq(wok_join_await(&join, NULL, NULL), 0);
    cr_assert_eq(wok_sleep(wok_ms(1)), 0);
}

/* ---- plain threads ---------------------------------------------------------------------------------------------- */

static void *on_a_thread(void *value)
{
    const char *before = here();

    WOK_LOCAL(&name, value)
    {
        if (strcmp(here(), value) != 0)
            return NULL;
    }
    return before == NULL && here() == NULL ? value : NULL;
}

Test(local, a_plain_thread_has_values_of_its_own, .timeout = 20)
{
    char value[] = "thread";
    pthread_t thread;
    void *result = NULL;

    WOK_LOCAL(&name, "main")
    {
        cr_assert_eq(pthread_create(&thread, NULL, on_a_thread, value), 0);
        cr_assert_eq(pthread_join(thread, &result), 0);
        cr_assert_str_eq(here(), "main");
    }
    cr_assert_eq(result, value);
}

WOK_TASK(on_a_pool, int, int);

static int on_a_pool(int *unused, int *result)
{
    char value[] = "call";

    *result = *unused;
    return on_a_thread(value) == value ? 0 : -EINVAL;
}

WOK_TEST(local, a_blocking_call_has_values_of_its_own)
{
    WOK_LOCAL(&name, "caller")
    {
        on_a_pool_join call = wok_spawn_blocking(on_a_pool, 0);
        cr_assert_eq(on_a_pool_await(&call, NULL, NULL), 0);
    }
}
