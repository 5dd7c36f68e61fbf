/*
 * test_fairness.c - whoever keeps a worker busy for ever: a timer fires, and others run.
 *
 * One worker, and the real clock: a paused one stands still while a task is ready.  A machine that is
 * busy with other things delays a worker for as long as it likes, so what is asserted is what the worker
 * itself did meanwhile: how many polls it made after the deadline, and how much of a processor it used.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "support/wok_test.h"

enum { INTERVAL = 61 };

/*
 * Who comes first when an interval ends: 4 others in the same queue at most, the other queue by turns, and
 * before each of these 10 picks 3 from the slot.  Few of the polls count themselves twice.
 */
enum { SLACK = 10 * (1 + 3) + 8 };

/* What a worker may have used when a timer of 10 ms fires.  61 polls of 128 operations are a fraction of a
 * millisecond, and ten under ThreadSanitizer. */
#if defined(__SANITIZE_THREAD__)
#define CPU_MAX wok_ms(60)
#else
#define CPU_MAX wok_ms(15)
#endif

static bool stop;
static uint64_t deadline_ns; /* of the timer; 0: none */
static unsigned late_polls;  /* polls of the busy tasks that saw the deadline pass */
static unsigned busy_polls;

/* Each poll of a busy task says so. */
static void count_poll(void)
{
    busy_polls++;
    if (deadline_ns != 0 && wok_now().ns >= deadline_ns)
        late_polls++;
}

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- who keeps it busy ------------------------------------------------------------------------------- */

/* Two that wake each other for ever. */
struct player {
    wok_waker *own, *other;
};

static wok_poll player_poll(void *self_, wok_cx *cx, void *result)
{
    struct player *self = self_;

    (void)result;
    count_poll();
    if (self->own->task == NULL)
        *self->own = wok_waker_new(cx);
    if (self->other->task != NULL)
        wok_waker_wake(self->other);
    return stop ? WOK_READY : WOK_PENDING;
}

static const wok_future_vtable player_vtable = {
    .name = "player", .size = sizeof(struct player), .poll = player_poll};

static wok_waker wakers[2];

static size_t spawn_players(wok_join *joins)
{
    struct player left = {&wakers[0], &wakers[1]}, right = {&wakers[1], &wakers[0]};

    joins[0] = wok_spawn_future(&player_vtable, &left);
    joins[1] = wok_spawn_future(&player_vtable, &right);
    return 2;
}

/* The same, stackful: a ball that they send each other.  Who stops drops both ends. */
struct side {
    wok_mpsc_sender sender;
    wok_mpsc_receiver receiver;
};

static void side_drop(struct side *side)
{
    wok_mpsc_sender_drop(&side->sender);
    wok_mpsc_receiver_drop(&side->receiver);
}

WOK_TASK_WITH_DROP(rally, struct side, int, side_drop, NULL);
static int rally(struct side *side, int *result)
{
    char ball = 0;

    for (*result = 0; !stop && *result == 0;) {
        *result = wok_mpsc_recv(&side->receiver, &ball);
        count_poll();
        if (*result == 0)
            *result = wok_mpsc_send(&side->sender, &ball);
    }
    *result = 0; /* the other one has stopped */
    return 0;
}

static size_t spawn_rally(wok_join *joins)
{
    wok_mpsc_options options = {.capacity = 2, .value_size = 1};
    struct side left = {{NULL}, {NULL}}, right = left;
    char ball = 0;

    cr_assert_eq(wok_mpsc_new(&options, &left.sender, &right.receiver), 0);
    cr_assert_eq(wok_mpsc_new(&options, &right.sender, &left.receiver), 0);
    cr_assert_eq(wok_mpsc_try_send(&left.sender, &ball), 0);
    joins[0] = wok_spawn(rally, left).join;
    joins[1] = wok_spawn(rally, right).join;
    return 2;
}

/* One that yields in a loop, stackful. */
WOK_TASK(yields, char, int);
static int yields(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    while (!stop && *result == 0) {
        count_poll();
        *result = wok_yield();
    }
    return *result;
}

static size_t spawn_yields(wok_join *joins)
{
    joins[0] = wok_spawn(yields, 0).join;
    return 1;
}

/* The same, stackless. */
static wok_poll yielder_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)result;
    count_poll();
    wok_cx_yield(cx);
    return stop ? WOK_READY : WOK_PENDING;
}

static const wok_future_vtable yielder_vtable = {
    .name = "yielder", .size = 1, .poll = yielder_poll};

static size_t spawn_yielder(wok_join *joins)
{
    char nothing = 0;

    joins[0] = wok_spawn_future(&yielder_vtable, &nothing);
    return 1;
}

/* One that receives from a channel which is never empty: it sends what it received. */
WOK_TASK(receives, char, int);
static int receives(char *unused, int *result)
{
    WOK_CLEANUP(wok_mpsc_sender_drop) wok_mpsc_sender sender = {0};
    WOK_CLEANUP(wok_mpsc_receiver_drop) wok_mpsc_receiver receiver = {0};
    int value = 1;

    (void)unused;
    *result =
        wok_mpsc_new(&(wok_mpsc_options){.capacity = WOK_UNBOUNDED, .value_size = sizeof value},
                     &sender, &receiver);
    for (unsigned received = 0; !stop && *result == 0; received++) {
        if (received % 64 == 0)
            count_poll();
        *result = wok_mpsc_send(&sender, &value);
        if (*result == 0)
            *result = wok_mpsc_recv(&receiver, &value);
    }
    return *result;
}

static size_t spawn_receives(wok_join *joins)
{
    joins[0] = wok_spawn(receives, 0).join;
    return 1;
}

/* One that takes a tick that is always due, stackless: it uses up the budget of each poll. */
static wok_poll greedy_poll(void *self, wok_cx *cx, void *result)
{
    (void)result;
    count_poll();
    for (;;) {
        wok_op tick = wok_interval_tick_op(self, NULL);
        wok_poll code = wok_op_poll(&tick, cx);
        wok_op_drop(&tick);
        if (stop || code != WOK_READY)
            return code;
    }
}

static const wok_future_vtable greedy_vtable = {
    .name = "greedy", .size = sizeof(wok_interval), .poll = greedy_poll};

static size_t spawn_greedy(wok_join *joins)
{
    wok_interval behind = {.period = wok_ns(1)};

    joins[0] = wok_spawn_future(&greedy_vtable, &behind);
    return 1;
}

static size_t spawn_all(wok_join *joins)
{
    size_t count = spawn_players(joins);

    count += spawn_rally(joins + count);
    count += spawn_yields(joins + count);
    count += spawn_yielder(joins + count);
    count += spawn_receives(joins + count);
    count += spawn_greedy(joins + count);
    return count;
}

/* ---- who wants its turn ------------------------------------------------------------------------------ */

/* Tasks of both kinds, spawned by a task and by a thread, that note after how many polls they ran. */
static unsigned ran_after;

static wok_poll short_poll(void *self, wok_cx *cx, void *result)
{
    (void)self;
    (void)cx;
    (void)result;
    ran_after = busy_polls;
    return WOK_READY;
}

static const wok_future_vtable short_vtable = {.name = "short", .size = 1, .poll = short_poll};

WOK_TASK(runs_once, char, int);
static int runs_once(char *unused, int *result)
{
    (void)unused;
    *result = 0;
    ran_after = busy_polls;
    return 0;
}

struct outside {
    wok_runtime *runtime;
    wok_join join;
};

static void *spawn_outside(void *argument)
{
    struct outside *outside = argument;
    char nothing = 0;

    outside->join = wok_spawn_future_on(outside->runtime, &short_vtable, &nothing);
    return NULL;
}

static void await_within(wok_join *join, unsigned before, unsigned most)
{
    cr_assert_eq(wok_join_await(join, NULL, NULL), 0);
    cr_assert_leq(ran_after - before, most, "ran after %u polls of others", ran_after - before);
}

static void all_have_their_turn(void)
{
    struct outside outside = {.runtime = wok_runtime_current()};
    pthread_t thread;
    char nothing = 0;

    unsigned before = busy_polls;
    wok_join join = wok_spawn_future(&short_vtable, &nothing);
    await_within(&join, before, SLACK);
    before = busy_polls;
    join = wok_spawn(runs_once, 0).join;
    await_within(&join, before, SLACK);
    before = busy_polls;
    cr_assert_eq(pthread_create(&thread, NULL, spawn_outside, &outside), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    await_within(&outside.join, before, 127 + SLACK);
}

/* ---- the tests --------------------------------------------------------------------------------------- */

static void a_timer_fires(void)
{
    uint64_t cpu = cpu_ns();

    late_polls = 0;
    deadline_ns = wok_after(wok_ms(10)).ns;
    cr_assert_eq(wok_sleep_until((wok_instant){deadline_ns}), 0);
    cpu = cpu_ns() - cpu;
    deadline_ns = 0;
    cr_assert_leq(late_polls, INTERVAL + SLACK);
    cr_assert_leq(cpu, CPU_MAX.ns, "%u us of processor time", (unsigned)(cpu / 1000));
}

static void among(size_t (*spawn)(wok_join *joins))
{
    wok_join joins[8];
    size_t count = spawn(joins);

    cr_assert_eq(wok_yield(), 0);
    for (int round = 0; round < 5; round++) {
        a_timer_fires();
        all_have_their_turn();
    }
    cr_assert_gt(busy_polls, 100, "the others went on all the time");
    stop = true;
    for (size_t i = 0; i < 2; i++)
        if (wakers[i].task != NULL)
            wok_waker_wake(&wakers[i]);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(wok_join_await(&joins[i], NULL, NULL), 0);
    for (size_t i = 0; i < 2; i++)
        wok_waker_drop(&wakers[i]);
}

WOK_TEST_ON(fairness, among_two_tasks_that_wake_each_other_for_ever, 1)
{
    among(spawn_players);
}

WOK_TEST_ON(fairness, among_two_stackful_tasks_that_wake_each_other_for_ever, 1)
{
    among(spawn_rally);
}

WOK_TEST_ON(fairness, beside_a_task_that_yields_in_a_loop, 1)
{
    among(spawn_yields);
}

WOK_TEST_ON(fairness, beside_a_stackless_task_that_yields_in_a_loop, 1)
{
    among(spawn_yielder);
}

WOK_TEST_ON(fairness, beside_a_receiver_on_a_channel_that_is_never_empty, 1)
{
    among(spawn_receives);
}

WOK_TEST_ON(fairness, beside_a_task_that_uses_up_the_budget_of_each_poll, 1)
{
    among(spawn_greedy);
}

WOK_TEST_ON(fairness, among_all_of_them, 1)
{
    among(spawn_all);
}
