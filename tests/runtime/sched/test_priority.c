/*
 * test_priority.c - three priorities share a worker's polls 10 to 5 to 1, and none starves.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "sched/sched.h"
#include "support/wok_test.h"
#include "task/context.h"

enum { LATENCY, NORMAL, BACKGROUND, PRIORITIES };

static const wok_priority priorities[] = {WOK_PRIORITY_LATENCY, WOK_PRIORITY_NORMAL,
                                          WOK_PRIORITY_BACKGROUND};

static wok_spawn_options with(int priority)
{
    return (wok_spawn_options){.priority = priorities[priority]};
}

/* Polls of each priority, until there were `limit` of all. */
static unsigned polls[PRIORITIES], total, limit;

static bool count(int priority)
{
    if (total >= limit)
        return false;
    polls[priority]++;
    total++;
    return true;
}

static void begin(unsigned new_limit)
{
    polls[LATENCY] = polls[NORMAL] = polls[BACKGROUND] = total = 0;
    limit = new_limit;
}

/* Within 2 %: at each 61st poll it is somebody else's turn. */
static void assert_share(int priority, unsigned weight, unsigned weights)
{
    unsigned expected = limit * weight / weights, slack = limit / 50 + 2;

    cr_assert_geq(polls[priority] + slack, expected, "priority %d: %u of %u polls", priority,
                  polls[priority], limit);
    cr_assert_leq(polls[priority], expected + slack, "priority %d: %u of %u polls", priority,
                  polls[priority], limit);
}

static void assert_shares(void)
{
    assert_share(LATENCY, 10, 16);
    assert_share(NORMAL, 5, 16);
    assert_share(BACKGROUND, 1, 16);
}

/* ---- tasks that always have work, of each kind that the scheduler keeps apart ------------------------ */

/* In the ring. */
static wok_poll spin_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    if (!count(*(int *)self))
        return WOK_READY;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static const wok_future_vtable spin_vtable = {
    .name = "spin", .size = sizeof(int), .poll = spin_poll};

static wok_join spin(int priority)
{
    return wok_spawn_future_with(with(priority), &spin_vtable, &priority);
}

/* Among the bound tasks that yield. */
WOK_TASK(spin_stackful, int, int);

static int spin_stackful(int *priority, int *result)
{
    *result = 0;
    while (count(*priority))
        if (wok_yield() < 0)
            return -ECANCELED;
    return 0;
}

static wok_join spin_on_a_stack(int priority)
{
    return wok_spawn_with(with(priority), spin_stackful, priority).join;
}

/* In the slot: two that wake each other.  Bound ones do so as well, in the list of the bound tasks. */
struct pair {
    wok_waker wakers[2];
    bool ended;
};

struct partner {
    struct pair *pair;
    int index, priority;
};

static wok_poll partner_poll(void *self_, wok_cx *cx, void *result)
{
    struct partner *self = self_;
    struct pair *pair = self->pair;
    wok_waker *other = &pair->wakers[1 - self->index];

    (void)result;
    if (pair->wakers[self->index].task == NULL)
        pair->wakers[self->index] = wok_waker_new(cx);
    if (!count(self->priority))
        pair->ended = true;
    if (other->task != NULL)
        wok_waker_wake(other);
    else
        wok_cx_yield(cx); /* it has not begun */
    return pair->ended ? WOK_READY : WOK_PENDING;
}

static const wok_future_vtable partner_vtable = {
    .name = "partner", .size = sizeof(struct partner), .poll = partner_poll};

static void await_all(wok_join *joins, size_t number)
{
    for (size_t i = 0; i < number; i++)
        cr_assert_eq(wok_join_await(&joins[i], NULL, NULL), 0);
}

/* ---- shares -------------------------------------------------------------------------------------------- */

WOK_TEST(priority, tasks_in_the_ring_have_their_shares)
{
    wok_join joins[PRIORITIES * 5];

    begin(1600);
    for (int i = 0; i < (int)WOK_COUNT(joins); i++)
        joins[i] = spin(i % PRIORITIES);
    await_all(joins, WOK_COUNT(joins));
    assert_shares();
}

WOK_TEST(priority, stackful_tasks_that_yield_have_their_shares)
{
    wok_join joins[PRIORITIES * 5];

    begin(1600);
    for (int i = 0; i < (int)WOK_COUNT(joins); i++)
        joins[i] = spin_on_a_stack(i % PRIORITIES);
    await_all(joins, WOK_COUNT(joins));
    assert_shares();
}

static void pairs_share(int worker)
{
    struct pair pairs[PRIORITIES] = {0};
    wok_join joins[PRIORITIES * 2];

    begin(1600);
    for (int i = 0; i < (int)WOK_COUNT(joins); i++) {
        int priority = i % PRIORITIES;
        struct partner partner = {&pairs[priority], i / PRIORITIES, priority};
        wok_spawn_options options = with(priority);
        options.worker = worker;
        joins[i] = wok_spawn_future_with(options, &partner_vtable, &partner);
    }
    await_all(joins, WOK_COUNT(joins));
    for (int i = 0; i < PRIORITIES; i++) {
        wok_waker_drop(&pairs[i].wakers[0]);
        wok_waker_drop(&pairs[i].wakers[1]);
    }
    assert_shares();
}

WOK_TEST(priority, tasks_that_wake_each_other_have_their_shares)
{
    pairs_share(0);
}

WOK_TEST(priority, bound_tasks_that_wake_each_other_have_their_shares)
{
    pairs_share(WOK_THIS_WORKER);
}

/* One task or a hundred: the priority has the share. */
WOK_TEST(priority, a_flood_has_no_more_than_its_share)
{
    enum { FLOOD = 100 };
    wok_join joins[FLOOD + 2];

    for (int flood = LATENCY; flood <= BACKGROUND; flood++) {
        begin(1600);
        for (int i = 0; i < FLOOD; i++)
            joins[i] = i % 2 == 0 ? spin(flood) : spin_on_a_stack(flood);
        joins[FLOOD] = spin((flood + 1) % PRIORITIES);
        joins[FLOOD + 1] = spin_on_a_stack((flood + 2) % PRIORITIES);
        await_all(joins, WOK_COUNT(joins));
        assert_shares();
    }
}

WOK_TEST(priority, without_work_gives_its_share_away_in_proportion)
{
    static const struct {
        int idle, a, b;
        unsigned weight_a, weight_b;
    } cases[] = {{LATENCY, NORMAL, BACKGROUND, 5, 1},
                 {NORMAL, LATENCY, BACKGROUND, 10, 1},
                 {BACKGROUND, LATENCY, NORMAL, 10, 5}};

    for (size_t i = 0; i < WOK_COUNT(cases); i++) {
        wok_join joins[] = {spin(cases[i].a), spin(cases[i].b)};
        begin(1600);
        await_all(joins, WOK_COUNT(joins));
        assert_share(cases[i].a, cases[i].weight_a, cases[i].weight_a + cases[i].weight_b);
        assert_share(cases[i].b, cases[i].weight_b, cases[i].weight_a + cases[i].weight_b);
    }
    for (int only = LATENCY; only <= BACKGROUND; only++) {
        wok_join join = spin(only);
        begin(1600);
        await_all(&join, 1);
        cr_assert_eq(polls[only], 1600);
    }
}

/* ---- how soon ------------------------------------------------------------------------------------------- */

static unsigned before_first;

static wok_poll note_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    before_first = total;
    return WOK_READY;
}

static const wok_future_vtable note_vtable = {.name = "note", .size = 1, .poll = note_poll};

/* How many polls of a flood there are before a new task is polled. */
static unsigned wait_in_flood(int flood, int priority)
{
    wok_join joins[50], late;
    unsigned before;
    char nothing = 0;

    begin(1000);
    for (size_t i = 0; i < WOK_COUNT(joins); i++)
        joins[i] = spin(flood);
    while (total < 500)
        cr_assert_eq(wok_yield(), 0); /* the test is a normal task itself */
    before = total;
    late = wok_spawn_future_with(with(priority), &note_vtable, &nothing);
    await_all(&late, 1);
    await_all(joins, WOK_COUNT(joins));
    return before_first - before;
}

WOK_TEST(priority, a_task_is_polled_soon_whatever_the_others_do)
{
    cr_assert_leq(wait_in_flood(BACKGROUND, LATENCY), 1);
    cr_assert_leq(wait_in_flood(NORMAL, LATENCY), 2);
    cr_assert_leq(wait_in_flood(BACKGROUND, NORMAL), 2);
    cr_assert_leq(wait_in_flood(LATENCY, NORMAL), 4);
    cr_assert_leq(wait_in_flood(LATENCY, BACKGROUND), 32);
    cr_assert_leq(wait_in_flood(NORMAL, BACKGROUND), 32);
}

/* ---- from outside ----------------------------------------------------------------------------------------- */

static atomic_u32 holds, let_go;

WOK_TASK(hold_worker, int, int);

static int hold_worker(int *unused, int *result)
{
    *result = *unused;
    store_relaxed(&holds, 1);
    while (load_relaxed(&let_go) == 0)
        sched_yield();
    return 0;
}

WOK_TASK(run_once, int, int);

static int run_once(int *priority, int *result)
{
    *result = 0;
    (void)count(*priority);
    return 0;
}

/* The least urgent first into the injection queues. */
Test(priority, injected_tasks_have_their_shares, .timeout = 60)
{
    enum { EACH = 400 };
    static wok_join joins[PRIORITIES * EACH];
    wok_runtime_options runtime_options = test_options();
    wok_runtime *runtime = NULL;

    cr_assert_eq(wok_runtime_new(&runtime, &runtime_options), 0);
    hold_worker_join holder = wok_spawn_on(runtime, hold_worker, 0);
    while (load_relaxed(&holds) == 0)
        sched_yield();
    begin(320); /* all have some left by then */
    for (int i = 0; i < (int)WOK_COUNT(joins); i++) {
        int priority = PRIORITIES - 1 - i / EACH;
        wok_spawn_options options = with(priority);
        options.runtime = runtime;
        joins[i] = wok_spawn_with(options, run_once, priority).join;
    }
    store_relaxed(&let_go, 1);
    await_all(joins, WOK_COUNT(joins));
    cr_assert_eq(hold_worker_await(&holder, NULL, NULL), 0);
    wok_runtime_free(runtime);
    assert_shares();
}

/* More than the ring has room for. */
WOK_TEST(priority, tasks_that_overflow_the_ring_have_their_shares)
{
    enum { EACH = 600 };
    static wok_join joins[PRIORITIES * EACH];

    begin(480);
    for (int i = 0; i < (int)WOK_COUNT(joins); i++) {
        int priority = PRIORITIES - 1 - i / EACH;
        joins[i] = wok_spawn_with(with(priority), run_once, priority).join;
    }
    await_all(joins, WOK_COUNT(joins));
    assert_shares();
}

/* ---- several workers ---------------------------------------------------------------------------------------- */

static unsigned of_worker[4][PRIORITIES];

static wok_poll spin_and_tell_poll(void *self, wok_cx *cx, void *result)
{
    int priority = *(int *)self;

    (void)result;
    if (!count(priority))
        return WOK_READY;
    of_worker[wok_worker_index()][priority]++;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static const wok_future_vtable spin_and_tell_vtable = {
    .name = "spin and tell", .size = sizeof(int), .poll = spin_and_tell_poll};

/* Between two turns it is checked that each task lies in a place of its own priority. */
WOK_TEST_SEEDS(priority, a_stolen_task_keeps_it, 3, 40)
{
    wok_join joins[PRIORITIES * 20];
    wok_worker_metrics metrics;
    uint64_t stolen = 0;

    memset(of_worker, 0, sizeof of_worker);
    begin(4000);
    for (int i = 0; i < (int)WOK_COUNT(joins); i++) {
        int priority = i % PRIORITIES;
        joins[i] = wok_spawn_future_with(with(priority), &spin_and_tell_vtable, &priority);
    }
    await_all(joins, WOK_COUNT(joins));
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(wok_worker_metrics_get(wok_runtime_current(), i, &metrics));
        stolen += metrics.stolen_tasks;
        unsigned latency = of_worker[i][LATENCY], background = of_worker[i][BACKGROUND];
        if (latency > 100 && background > 0)
            cr_assert_geq(latency, 5 * background, "worker %u: %u and %u polls", i, latency,
                          background);
    }
    cr_assert_gt(stolen, 0);
}

/* ---- what has which ------------------------------------------------------------------------------------------- */

/* Of the calling task: an index of the scheduler's. */
static int own_priority(void)
{
    return wok__here()->task->priority;
}

static int tell_priority(int *ret_priority)
{
    *ret_priority = own_priority();
    return 0;
}

static wok_poll tell_poll(void *self, wok_cx *cx, void *result)
{
    (void)cx;
    (void)result;
    return tell_priority(*(int **)self);
}

static const wok_future_vtable tell_vtable = {
    .name = "tell", .size = sizeof(int *), .poll = tell_poll};

static int in_the_middle(int *ret_priority)
{
    int code = -1;

    WOK_SCOPE(scope, .ret_code = &code)
    wok_scope_spawn(scope, tell_priority, ret_priority);
    return code;
}

WOK_TASK(tell_own, int, int);

static int tell_own(int *unused, int *ret_priority)
{
    (void)unused;
    return tell_priority(ret_priority);
}

struct family {
    int parent, stackful, stackless, grandchild, other, spawned;
};

WOK_TASK(found_family, int, struct family);

static int found_family(int *unused, struct family *family)
{
    int *stackless = &family->stackless, code = -1;

    (void)unused;
    family->parent = own_priority();
    WOK_SCOPE(scope, .ret_code = &code)
    {
        wok_scope_spawn(scope, tell_priority, &family->stackful);
        wok_scope_spawn_future(scope, &tell_vtable, &stackless);
        wok_scope_spawn(scope, in_the_middle, &family->grandchild);
        wok_scope_spawn_with(scope, with(NORMAL), tell_priority, &family->other);
    }
    tell_own_join spawned = wok_spawn(tell_own, 0);
    return code < 0 ? code : tell_own_await(&spawned, &family->spawned, NULL);
}

WOK_TEST(priority, children_of_a_scope_have_their_parents)
{
    static const int indices[] = {WOK__LATENCY, WOK__NORMAL, WOK__BACKGROUND};

    for (int i = LATENCY; i <= BACKGROUND; i++) {
        found_family_join task = wok_spawn_with(with(i), found_family, 0);
        struct family family;

        cr_assert_eq(found_family_await(&task, &family, NULL), 0);
        cr_assert_eq(family.parent, indices[i]);
        cr_assert_eq(family.stackful, indices[i]);
        cr_assert_eq(family.stackless, indices[i]);
        cr_assert_eq(family.grandchild, indices[i]);
        cr_assert_eq(family.other, WOK__NORMAL, "unless the parent says another");
        cr_assert_eq(family.spawned, WOK__NORMAL, "a task that is on its own is normal");
    }
}

WOK_TEST(priority, costs_nothing_until_a_task_has_one)
{
    struct wok_runtime *runtime = wok_runtime_current();
    wok_spawn_options named = {.name = "named", .priority = WOK_PRIORITY_NORMAL};
    wok_join joins[2] = {wok_spawn_with(named, tell_own, 0).join, wok_spawn(tell_own, 0).join};

    await_all(joins, 2);
    cr_assert_eq(load_relaxed(&runtime->priorities), 1);
    joins[0] = wok_spawn_with(with(BACKGROUND), tell_own, 0).join;
    cr_assert_eq(load_relaxed(&runtime->priorities), WOK__PRIORITIES);
    await_all(joins, 1);
}

WOK_TEST(priority, out_of_range_or_of_a_blocking_call_is_refused)
{
    wok_spawn_options wrong = {.priority = (wok_priority)(WOK_PRIORITY_BACKGROUND + 1)};
    wok_join joins[] = {wok_spawn_with(wrong, tell_own, 0).join,
                        wok_spawn_blocking_with(with(LATENCY), tell_own, 0).join};

    for (size_t i = 0; i < WOK_COUNT(joins); i++) {
        wok_join_error why;
        cr_assert_eq(wok_join_await(&joins[i], NULL, &why), -WOK_EJOIN);
        cr_assert_eq(why.outcome, WOK_NOT_STARTED);
        cr_assert_eq(why.code, -EINVAL);
    }
}
