/*
 * check_timer.c - the promises of timers that other threads fire and cancel (runtime/time/timer.c).
 *
 * model sources: time/timer.c time/timer.h
 * model links: time/wheel.c task/state.c
 *
 * A timer lies in the operation of its sleeper, who may leave at any time: at the deadline, or before
 * it, while the wheel's owner fires it, or another worker in its place.  Nobody finds the timer of a
 * sleeper that has left; a sleeper that stays is woken, also when the owner went to sleep just before;
 * and what the owner did before it fired is seen.
 */
#include <errno.h>

#include "tasks.h"

#include "time/timer.h"

enum { BEFORE = 1000, DEADLINE = 100000, AFTER = 200000 };

static struct wok__timers timers;
static atomic_u64 now_ns; /* the clock: moved by the owner alone, and it orders nothing */
static uint32_t written;  /* by whoever fires, before */
static uint64_t woken_at[MODEL_MAX_THREADS];
static struct model_event owner_woken;
static bool with_write, has_written; /* the owner's */

static void setup(void)
{
    tasks_setup();
    memset(&timers, 0, sizeof timers);
    wok__timers_init(&timers, BEFORE);
    store_relaxed(&now_ns, BEFORE);
    for (unsigned i = 0; i < MODEL_MAX_THREADS; i++) {
        tasks[i].runtime = (struct wok_runtime *)&timers;
        woken_at[i] = 0;
    }
    written = 0;
    with_write = true;
    has_written = false;
}

static void setup_two_firers(void)
{
    setup();
    with_write = false; /* the two would race for it */
}

/* Plain threads, and in no call. */
static void setup_outside(void)
{
    setup_two_firers();
    for (unsigned i = 0; i < MODEL_MAX_THREADS; i++)
        tasks[i].kind = WOK__TASK_THREAD;
}

/* ---- what the shipped code calls ------------------------------------------------------------- */

wok_instant wok_now(void)
{
    return (wok_instant){load_relaxed(&now_ns)};
}

struct wok__timers *wok__timers_nth(struct wok_runtime *runtime, unsigned worker)
{
    model_assert(worker == 0);
    return (struct wok__timers *)runtime;
}

unsigned wok__timers_home(struct wok_runtime *runtime)
{
    (void)runtime;
    return 0;
}

void wok__timers_nudge(struct wok_runtime *runtime, unsigned worker)
{
    (void)runtime;
    (void)worker;
    (void)model_event_set(&owner_woken);
}

void wok__task_wake(struct wok_task *task, enum wok__reason reason)
{
    if (wok__task_claim(task))
        wok__schedule(task, reason);
}

void wok__thread_alarm(struct wok_task *task, uint64_t deadline_ns)
{
    (void)task;
    (void)deadline_ns;
    model_assert(false); /* every task here has a runtime */
}

void wok_cx_yield(wok_cx *cx)
{
    (void)wok__task_claim(cx->task); /* the clock was moved before the first poll */
}

int wok__await_drop(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    (void)future;
    (void)deadline;
    (void)ret_result;
    (void)shielded;
    model_assert(false); /* the waiting forms are not used here */
    return 0;
}

/* ---- the owner of the wheel, and a helper ------------------------------------------------------ */

static void fire_after(void)
{
    if (with_write && !has_written) {
        has_written = true;
        model_plain_write(&written);
        written = 1;
    }
    store_relaxed(&now_ns, AFTER);
    (void)wok__timers_fire(&timers, AFTER);
}

/* As park.c: to sleep until the next deadline, and no longer if an earlier one comes in.  It sleeps for
 * ever when all is done. */
static void owner(void)
{
    for (;;) {
        if (wok__timers_sleep(&timers) > AFTER)
            model_event_wait(&owner_woken);
        wok__timers_awake(&timers);
        fire_after();
    }
}

/* The same in place of an owner that is stuck in a poll. */
static void assistant(void)
{
    for (;;) {
        if (wok__timers_assist(&timers) > AFTER)
            model_event_wait(&owner_woken);
        wok__timers_unassist(&timers);
        fire_after();
    }
}

/* Of a worker that is stuck. */
static void helper(void)
{
    fire_after();
}

static void closer(void)
{
    wok__timers_close(&timers);
}

static void closer_outside(void)
{
    wok__timers_close_outside(&timers);
}

/* ---- sleepers -------------------------------------------------------------------------------------- */

/* Static, so that a timer which stays in the wheel by mistake is found there. */
static wok_op ops[MODEL_MAX_THREADS];

static wok_op *sleep_op(uint64_t ns)
{
    wok_op *op = &ops[task_self()];

    *op = wok_sleep_until_op((wok_instant){ns});
    return op;
}

/* Leaves: to touch the timer, or to wake it, from here on is a violation. */
static void leave(wok_op *op)
{
    wok_op_drop(op);
    op->timer.task = &gone;
    model_free(op, sizeof *op);
}

static void sleep_until(uint64_t ns)
{
    wok_op *op = sleep_op(ns);
    wok_poll code = task_poll(op);
    bool armed = op->timer.task != NULL;

    while (code == WOK_PENDING) {
        task_sleep();
        code = task_poll(op);
    }
    model_assert(code == WOK_READY);
    leave(op);
    woken_at[task_self()] = load_relaxed(&now_ns);
    if (with_write && armed) { /* by the owner's firing, and not by a look at the clock */
        model_plain_read(&written);
        model_assert(written == 1);
    }
}

static void sleeper(void)
{
    sleep_until(DEADLINE);
}

static void gives_up(void)
{
    wok_op *op = sleep_op(DEADLINE + 1);

    (void)task_poll(op);
    leave(op);
}

static void sleeper_that_is_closed(void)
{
    wok_op *op = sleep_op(DEADLINE);
    wok_poll code = task_poll(op);

    while (code == WOK_PENDING) {
        task_sleep();
        code = task_poll(op);
    }
    model_assert(code == -ECANCELED);
    leave(op);
}

static void finish_empty(void)
{
    model_assert(wok__timers_count(&timers) == 0);
}

static void finish_woken(void)
{
    finish_empty();
    model_assert(woken_at[0] >= DEADLINE);
}

/* The clock may have been moved while it armed: then it was never in the wheel. */
static void finish_closed(void)
{
    finish_empty();
}

int main(int argc, char **argv)
{
    static const struct model_check checks[] = {
        {.name = "a_sleeper_is_woken_by_an_owner_that_went_to_sleep",
         .ends_asleep = true, /* the owner */
         .setup = setup,
         .threads = {sleeper, owner},
         .finish = finish_woken},
        {.name = "a_sleeper_is_woken_in_the_place_of_an_owner_that_is_stuck",
         .ends_asleep = true, /* the assistant */
         .setup = setup,
         .threads = {sleeper, assistant},
         .finish = finish_woken},
        {.name = "nobody_finds_a_sleeper_that_has_left",
         .setup = setup_two_firers,
         .threads = {gives_up, helper, helper},
         .finish = finish_empty},
        {.name = "owner_and_helper_fire_once",
         .ends_asleep = true,
         .setup = setup_two_firers,
         .threads = {sleeper, owner, helper},
         .finish = finish_woken},
        {.name = "one_leaves_while_another_is_woken",
         .ends_asleep = true,
         .setup = setup,
         .threads = {sleeper, owner, gives_up},
         .finish = finish_woken},
        {.name = "the_end_of_the_runtime_tells_who_waits",
         .setup = setup_two_firers,
         .threads = {sleeper_that_is_closed, closer},
         .finish = finish_closed},
        {.name = "the_end_of_the_runtime_and_a_sleeper_that_leaves",
         .setup = setup_two_firers,
         .threads = {gives_up, closer},
         .finish = finish_closed},
        {.name = "a_shutdown_that_gives_up_tells_a_plain_thread",
         .setup = setup_outside,
         .threads = {sleeper_that_is_closed, closer_outside},
         .finish = finish_closed},
        {.name = "a_shutdown_that_gives_up_and_a_plain_thread_that_leaves",
         .setup = setup_outside,
         .threads = {gives_up, closer_outside},
         .finish = finish_closed},
        {.name = "a_shutdown_that_gives_up_leaves_a_task_its_clock",
         .ends_asleep = true,
         .setup = setup,
         .threads = {sleeper, owner, closer_outside},
         .finish = finish_woken},
    };

    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
