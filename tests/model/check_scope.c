/*
 * check_scope.c - the promises of a scope's counter, its policies and its lists (runtime/task/scope.c,
 * scope_options.c).
 *
 * model sources: task/group.h
 * model links: task/scope.c task/scope_options.c task/state.c
 *
 * Its mutants are those of logic: what the counter's orderings publish is plain data of the shipped files
 * themselves (the parent's name, the blocks' links), which the checker does not see.
 *
 * Thread 0 is the parent, 1 to 3 are its children, each with a block that the scope owns.  The scope
 * is the parent's memory: it is given back when wok_scope_done() returns, and so is each block by its last
 * reference.  What a child wrote is plain, and read by the parent; a child that is not ended by itself
 * sleeps until it is aborted.
 */
#include <errno.h>
#include <sched.h>

#include "tasks.h"

#include "task/fiber.h"
#include "task/group.h"

enum { CHILDREN = 3 };

/* How a child ends. */
enum fate { RETURNS, FAILS, SLEEPS };

static struct child {
    struct wok_task task; /* first: the block */
    struct wok__fiber fiber;
    enum fate fate;
    uint32_t written; /* by the child, into what it borrows */
    bool ended, freed;
} children[CHILDREN];

static wok_scope scope;
static wok_scope_options options;
static unsigned spawned, spawn_count;
static struct model_event started[CHILDREN];
static int code;

static bool push_if_child(struct wok_task *task);

static void setup(wok_scope_options with, unsigned count, const enum fate fates[CHILDREN])
{
    tasks_setup();
    task_push_other = push_if_child;
    memset(children, 0, sizeof children);
    memset(&scope, 0, sizeof scope);
    options = with;
    spawn_count = count;
    spawned = 0;
    code = 1;
    for (unsigned i = 0; i < CHILDREN; i++) {
        children[i].fate = fates[i];
        wok__state_init(&children[i].task.state, WOK__NOTIFIED, 1); /* what a queue would publish */
    }
}

/* ---- what the shipped code calls ------------------------------------------------------------- */

static struct child *child_of(struct wok_task *task)
{
    return (struct child *)task;
}

struct wok_task *wok__spawn_child(struct wok__group *group, int (*function)(void *borrowed),
                                  void *borrowed, const wok_spawn_site *site,
                                  const wok_spawn_options *with, struct wok_task **ret_refused)
{
    struct child *child = &children[spawned];

    (void)function;
    (void)borrowed;
    (void)site;
    (void)with;
    (void)ret_refused;
    child->task.kind = WOK__TASK_STACKFUL;
    child->task.group = group;
    child->task.outcome = WOK_RETURNED;
    spawned++;
    return &child->task;
}

struct wok_task *wok__spawn_child_future(struct wok__group *group, const wok_future_vtable *vtable,
                                         void *moved, const wok_spawn_site *site,
                                         const wok_spawn_options *with,
                                         struct wok_task **ret_refused)
{
    (void)vtable;
    (void)moved;
    return wok__spawn_child(group, NULL, NULL, site, with, ret_refused);
}

/* No spawn is refused here. */
void wok_join_drop(wok_join *join)
{
    (void)join;
    model_assert(false);
}

/* A child is pushed when it starts, and when it is aborted in its sleep. */
static void push_child(struct child *child)
{
    model_assert(!model_event_set(&started[child - children]));
}

static bool push_if_child(struct wok_task *task)
{
    for (unsigned i = 0; i < CHILDREN; i++) {
        if (task == &children[i].task) {
            push_child(&children[i]);
            return true;
        }
    }
    return false;
}

void wok__task_abort(struct wok_task *task)
{
    if (wok__state_abort(&task->state))
        push_child(child_of(task));
}

void wok__task_unref(struct wok_task *task)
{
    if (!wok__state_unref(&task->state))
        return;
    child_of(task)->freed = true;
    model_free(task, sizeof *task);
}

void wok__task_report_unjoined(struct wok_task *task)
{
    (void)task;
}

void wok__task_mark_joined(const struct wok_task *task)
{
    (void)task;
}

void wok__join_error_fill(wok_join_error *error, const struct wok_task *task)
{
    error->outcome = (wok_outcome)task->outcome;
    error->code = task->code;
}

bool wok__run_children_here(wok_cx *cx)
{
    (void)cx;
    return true;
}

/* A yield here is a look at a child between two of its steps. */
void wok_cx_yield(wok_cx *cx)
{
    (void)cx;
    task_yields[task_self()] = true;
}

int sched_yield(void)
{
    model_spin();
    return 0;
}

wok_instant wok_now(void)
{
    return (wok_instant){1};
}

wok_instant wok_deadline_now(void)
{
    return WOK_NEVER;
}

wok_deadline wok_deadline_push(wok_instant deadline)
{
    (void)deadline;
    return (wok_deadline){0, false};
}

void wok_deadline_pop(wok_deadline *deadline)
{
    (void)deadline;
}

int wok__await_drop(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    wok_cx cx = {&tasks[task_self()]};
    wok_poll polled = wok_future_poll(future, &cx, ret_result);

    (void)deadline;
    (void)shielded;
    while (polled == WOK_PENDING) {
        task_sleep();
        polled = wok_future_poll(future, &cx, ret_result);
    }
    wok_future_drop(future);
    return polled;
}

/* ---- children ---------------------------------------------------------------------------------- */

static void end(struct child *child, enum wok_outcome outcome, int with)
{
    child->task.outcome = (uint8_t)outcome;
    child->task.code = with;
    model_plain_write(&child->ended);
    child->ended = true;
    (void)wok__state_complete(&child->task.state);
    wok__scope_child_done(&child->task);
}

static void run_child(unsigned which)
{
    struct child *child = &children[which];

    for (;;) {
        model_event_wait(&started[which]);
        bool aborted = (wok__state_run(&child->task.state) & WOK__CANCELLED) != 0;
        if (aborted) {
            end(child, WOK_CANCELLED, -ECANCELED);
            return;
        }
        model_plain_write(&child->written);
        child->written = 1;
        if (child->fate == RETURNS) {
            end(child, WOK_RETURNED, 0);
            return;
        }
        if (child->fate == FAILS) {
            end(child, WOK_FAILED, -EIO);
            return;
        }
        if (wok__state_suspend(&child->task.state))
            push_child(child);
    }
}

static void child_0(void)
{
    run_child(0);
}

static void child_1(void)
{
    run_child(1);
}

/* ---- the parent ----------------------------------------------------------------------------------- */

static void begin(void)
{
    wok_scope_init(&scope, &options);
    for (unsigned i = 0; i < spawn_count; i++)
        wok_scope_spawn_raw(&scope, NULL, NULL, NULL);
}

/* Everything of the children is seen, and nobody touches the scope any more. */
static void leave(void)
{
    for (unsigned i = 0; i < spawn_count; i++) {
        model_plain_read(&children[i].ended);
        model_assert(children[i].ended);
        model_plain_read(&children[i].written);
    }
    wok_scope_done(&scope);
    model_free(&scope, sizeof scope);
}

static void waits(void)
{
    begin();
    code = wok_scope_wait(&scope);
    leave();
}

/* Does not wait: what still runs is aborted, and waited for. */
static void leaves_early(void)
{
    begin();
    code = 0;
    wok_scope_done(&scope);
    for (unsigned i = 0; i < spawn_count; i++) {
        model_plain_read(&children[i].ended);
        model_assert(children[i].ended);
    }
    model_free(&scope, sizeof scope);
}

/* Looks once, gives up, and waits after all. */
static void looks_first(void)
{
    wok_op op;
    wok_scope_child told;

    begin();
    op = wok_scope_next_op(&scope, &told);
    (void)task_poll(&op);
    wok_op_drop(&op);
    code = wok_scope_wait(&scope);
    leave();
}

static void takes_each(void)
{
    wok_scope_child told[CHILDREN];
    unsigned seen = 0;

    begin();
    while (wok_scope_next(&scope, &told[seen]) == 0) {
        model_plain_read(&children[told[seen].index].ended);
        model_assert(children[told[seen].index].ended);
        seen++;
    }
    model_assert(seen == spawn_count);
    code = 0;
    leave();
}

static void finish_0(void)
{
    model_assert(code == 0);
    for (unsigned i = 0; i < spawn_count; i++)
        model_assert(children[i].freed);
}

static void finish_failed(void)
{
    model_assert(code == -EIO);
    for (unsigned i = 0; i < spawn_count; i++)
        model_assert(children[i].freed);
}

/* ---- the programs -------------------------------------------------------------------------------- */

#define SETUP(name_, count_, a_, b_, c_, ...)                                                      \
    static void name_(void)                                                                        \
    {                                                                                              \
        static const enum fate fates[CHILDREN] = {a_, b_, c_};                                     \
        setup((wok_scope_options){__VA_ARGS__}, count_, fates);                                    \
    }

SETUP(setup_two, 2, RETURNS, RETURNS, RETURNS, .policy = WOK_SCOPE_ALL)
SETUP(setup_two_sleep, 2, SLEEPS, SLEEPS, SLEEPS, .policy = WOK_SCOPE_ALL)
SETUP(setup_mixed, 2, RETURNS, SLEEPS, SLEEPS, .policy = WOK_SCOPE_ALL)
SETUP(setup_fail_fast, 2, FAILS, SLEEPS, SLEEPS, .policy = WOK_SCOPE_FAIL_FAST)
SETUP(setup_fail_fast_late, 2, SLEEPS, FAILS, SLEEPS, .policy = WOK_SCOPE_FAIL_FAST)
SETUP(setup_both_fail, 2, FAILS, FAILS, SLEEPS, .policy = WOK_SCOPE_FAIL_FAST)
SETUP(setup_first_ok, 2, RETURNS, SLEEPS, SLEEPS, .policy = WOK_SCOPE_FIRST_OK)
SETUP(setup_one_at_a_time, 2, RETURNS, RETURNS, RETURNS, .max_running = 1)
SETUP(setup_ordered, 1, RETURNS, RETURNS, RETURNS, .completion_order = true)

int main(int argc, char **argv)
{
    static const struct model_check checks[] = {
        {.name = "wait_for_two",
         .setup = setup_two,
         .threads = {waits, child_0, child_1},
         .finish = finish_0},
        {.name = "leave_early",
         .setup = setup_two_sleep,
         .threads = {leaves_early, child_0, child_1},
         .finish = finish_0},
        {.name = "leave_early_while_one_ends",
         .setup = setup_mixed,
         .threads = {leaves_early, child_0, child_1},
         .finish = finish_0},
        {.name = "fail_fast_aborts_what_is_spawned_before",
         .setup = setup_fail_fast_late,
         .threads = {waits, child_0, child_1},
         .finish = finish_failed},
        {.name = "fail_fast_aborts_what_is_spawned_later",
         .setup = setup_fail_fast,
         .threads = {waits, child_0, child_1},
         .finish = finish_failed},
        {.name = "two_failures",
         .setup = setup_both_fail,
         .threads = {waits, child_0, child_1},
         .finish = finish_failed},
        {.name = "first_ok",
         .setup = setup_first_ok,
         .threads = {waits, child_0, child_1},
         .finish = finish_0},
        {.name = "one_at_a_time",
         .setup = setup_one_at_a_time,
         .threads = {waits, child_0, child_1},
         .finish = finish_0},
        {.name = "as_they_end",
         .setup = setup_ordered,
         .threads = {takes_each, child_0},
         .finish = finish_0},
        {.name = "a_look_that_loses",
         .setup = setup_ordered,
         .threads = {looks_first, child_0},
         .finish = finish_0},
    };

    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
