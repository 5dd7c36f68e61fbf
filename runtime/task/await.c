/*
 * await.c - waiting: the one loop behind every call that waits.
 *
 * In a stackful task the future is polled on the task's own stack; pending means to switch out,
 * and the next poll of the task comes back here.  On a plain thread the thread itself takes the
 * shape of a task: its "queue" is a futex.  In a stackless task waiting is refused.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include <wok/budget.h>
#include <wok/select.h>
#include <wok/time.h>

#include "platform/futex.h"
#include "task/context.h"
#include "task/fiber.h"
#include "task/refuse.h"
#include "task/task.h"

/* ---- yields and budgets ------------------------------------------------------------------------ */

void wok_cx_yield(wok_cx *cx)
{
    struct wok__here *here = wok__here();

    if (here->task == cx->task)
        here->yields = true;
    (void)wok__task_claim(cx->task); /* it runs: the harness pushes it */
}

bool wok__budget_take(wok_cx *cx)
{
    struct wok__here *here = wok__here();

    if (here->task != cx->task)
        return true; /* a plain thread shares its processor by itself */
    if (here->budget > 0) {
        here->budget--;
        return true;
    }
    if (here->ambient.unconstrained > 0)
        return true;
    wok_cx_yield(cx);
    return false;
}

bool wok__wait_skip(void)
{
    struct wok__here *here = wok__here();

    if (here->fiber == NULL)
        return here->worker == NULL && here->task == NULL;
    if (here->budget == 0 || wok__state_is_cancelled(&here->task->state))
        return false;
    here->budget--;
    return true;
}

wok_poll wok_checkpoint_poll(wok_cx *cx)
{
    return wok__budget_take(cx) ? WOK_READY : WOK_PENDING;
}

/* ---- a plain thread in the shape of a task ----------------------------------------------------- */

struct thread_task {
    struct wok_task task;
    atomic_u32 pushed; /* a futex: 1 when the thread was claimed and is to poll again */
    uint64_t alarm_ns; /* when it polls again by itself; the thread's own, as it has no wheel */
    struct wok__parking parking;
};

static const wok_spawn_site thread_site = {.name = "thread", .file = __FILE__, .line = __LINE__};

void wok__thread_task_push(struct wok_task *task)
{
    struct thread_task *thread = (struct thread_task *)task;

    if (thread->parking.pool != NULL)
        wok__call_comes(&thread->parking);
    store_release(&thread->pushed, 1);   /* [thread.pushed] */
    wok__futex_wake(&thread->pushed, 1); /* only the address is used: the thread may be gone */
}

static void wait_pushed(struct thread_task *thread)
{
    while (load_acquire(&thread->pushed) == 0) /* [thread.pushed] */
        wok__futex_wait(&thread->pushed, 0);
}

void wok__thread_alarm(struct wok_task *task, uint64_t deadline_ns)
{
    struct thread_task *thread = (struct thread_task *)task;

    if (deadline_ns < thread->alarm_ns)
        thread->alarm_ns = deadline_ns;
}

/* Sleeps until the thread is claimed, or until its alarm. */
static void thread_suspend(struct thread_task *thread)
{
    bool in_time = true;

    wok__call_waits(&thread->parking, thread->alarm_ns != UINT64_MAX);
    if (!wok__state_suspend(&thread->task.state)) {
        if (thread->parking.pool != NULL)
            wok__call_parks(&thread->parking);
        while (in_time && load_acquire(&thread->pushed) == 0) /* [thread.pushed] */
            in_time = wok__futex_wait_until(&thread->pushed, 0, thread->alarm_ns) != -ETIMEDOUT;
        /* Too late: the thread claims itself, unless a waker was faster and is about to push. */
        if (in_time || !wok__task_claim(&thread->task))
            wait_pushed(thread);
        store_relaxed(&thread->pushed, 0); /* the thread's own until it suspends again */
        thread->parking.state = WOK__UP;   /* as this is: whoever pushed was done with it before */
    }
    wok__state_run(&thread->task.state);
    thread->alarm_ns = UINT64_MAX; /* whoever still waits for one says so again */
}

static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;

static void thread_task_end(void *thread)
{
    wok__task_unref(thread);
}

static void thread_key_make(void)
{
    if (pthread_key_create(&thread_key, thread_task_end) != 0)
        abort(); /* at most 1,024 keys a process: the program is beyond help */
}

/* The calling plain thread as a task: made at its first wait, kept until it ends, so that a future
 * which the thread no longer awaits may still wake it for nothing. */
static struct thread_task *thread_task_here(struct wok__here *here)
{
    struct thread_task *thread;

    pthread_once(&thread_key_once, thread_key_make);
    thread = pthread_getspecific(thread_key);
    if (thread == NULL) {
        thread = calloc(1, sizeof *thread);
        if (thread == NULL)
            return NULL;
        thread->task.kind = WOK__TASK_THREAD;
        thread->task.home = WOK__HOME_NONE;
        thread->task.site = &thread_site;
        thread->alarm_ns = UINT64_MAX;
        thread->parking.task = &thread->task;
        wok__state_init(&thread->task.state, WOK__RUNNING, 1);
        if (pthread_setspecific(thread_key, thread) != 0) {
            free(thread);
            return NULL;
        }
    }
    thread->task.runtime = here->runtime;
    return thread;
}

/* ---- the loop ----------------------------------------------------------------------------------- */

/* Where a wait happens: on a fiber, or (fiber == NULL) on a plain thread. */
struct place {
    struct wok__here *here;
    struct thread_task *thread;
    wok_cx cx;
    bool shielded;
};

static int find_place(struct place *place, bool shielded)
{
    struct wok__here *here = wok__here();

    if (wok__is_forked())
        return -ENOTRECOVERABLE;
    place->here = here;
    place->shielded = shielded;
    place->thread = NULL;
    if (here->fiber != NULL) {
        place->cx.task = here->task;
        return 0;
    }
    if (here->blocking == 0 && (here->worker != NULL || here->task != NULL))
        return wok__refuse("may not wait: it has no stack of its own to park", NULL);
    place->thread = thread_task_here(here);
    if (place->thread == NULL)
        return -ENOMEM;
    place->cx.task = &place->thread->task;
    return 0;
}

/* The nearer of a call's own deadline and the one that covers the caller; destructors are covered by
 * none. */
static wok_instant nearest(const struct place *place, wok_instant deadline)
{
    const struct wok__here *here = place->here;
    uint64_t ambient_ns = here->ambient.deadline_ns;

    if (ambient_ns == 0 || place->shielded || (here->guard != NULL && here->guard->shielded))
        return deadline;
    return ambient_ns < deadline.ns ? (wok_instant){ambient_ns} : deadline;
}

/* A plain thread's: it is never cancelled, but where a test's deadlock ends the waits of a call. */
static int thread_check(const struct place *place, const wok_future_vtable *waited)
{
    const struct wok__here *here = place->here;

    if (!place->thread->parking.over || place->shielded || here->ambient.shields > 0)
        return 0;
    if (waited != NULL && here->calling != NULL)
        wok__deadlock_waited(here->calling, waited->name);
    return -ECANCELED;
}

/* Nonzero: the caller is cancelled and notices it here; `waited`: after a wait for this, or NULL. */
static int cancel_check(const struct place *place, const wok_future_vtable *waited)
{
    if (place->thread != NULL)
        return thread_check(place, waited);
    if (place->shielded || !wok__state_is_cancelled(&place->cx.task->state))
        return 0;
    return wok__fiber_cancel_point(place->here, waited);
}

static void suspend(const struct place *place)
{
    if (place->thread == NULL)
        wok__fiber_suspend(place->here);
    else
        thread_suspend(place->thread);
}

/* Nonzero: the deadline has passed (-ETIMEDOUT), or its clock has ended with its runtime. */
static int expired(struct place *place, wok_sleep_future *timer, wok_instant deadline)
{
    wok_poll code;

    if (deadline.ns == UINT64_MAX)
        return 0;
    if (wok_now().ns >= deadline.ns)
        return -ETIMEDOUT;
    if (timer->timer.task == NULL)
        *timer = wok_sleep_future_until(deadline);
    code = wok_sleep_future_poll(timer, &place->cx);
    if (code == WOK_PENDING)
        return 0;
    return code < 0 ? code : -ETIMEDOUT;
}

/* A wait that is over before it began costs budget like one that succeeded: a loop that ignores the
 * codes of such waits still lets the others run. */
static int times_out(struct place *place, wok_sleep_future *timer, wok_instant deadline,
                     bool suspended)
{
    int code = expired(place, timer, deadline);

    return code < 0 && (suspended || wok__budget_take(&place->cx)) ? code : 0;
}

/* Inline in its callers: every level of calls above the switch of a stack is a return that the
 * processor predicts wrongly after it, some 10 ns each. */
static inline __attribute__((always_inline)) int await_until(wok_future future,
                                                             wok_instant deadline, void *ret_result,
                                                             bool shielded)
{
    WOK_CLEANUP(wok_sleep_future_drop) wok_sleep_future timer;
    struct place place;
    int code;

    timer.timer.task = NULL; /* the rest when it is needed: most waits have no deadline */
    code = find_place(&place, shielded);
    if (code == 0)
        code = cancel_check(&place, NULL);
    if (code < 0)
        return code;
    deadline = nearest(&place, deadline);
    for (bool suspended = false;; suspended = true) {
        code = wok_future_poll(future, &place.cx, ret_result);
        if (code != WOK_PENDING)
            return code;
        code = times_out(&place, &timer, deadline, suspended);
        if (code < 0)
            return code;
        suspend(&place);
        code = cancel_check(&place, future.vtable);
        if (code < 0)
            return code;
    }
}

int wok__await(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    return await_until(future, deadline, ret_result, shielded);
}

/* A future that is dropped when its owner's frame is left, also by an unwind. */
static void drop_future(wok_future *future)
{
    wok_future_drop(*future);
}

int wok__await_drop(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    WOK_CLEANUP(drop_future) wok_future dropped = future;

    return await_until(dropped, deadline, ret_result, shielded);
}

static void drop_op(wok_op **op)
{
    wok_op_drop(*op);
}

int wok_op_wait(wok_op *op, wok_instant deadline)
{
    WOK_CLEANUP(drop_op) wok_op *waiting = op;

    if (waiting->vtable == NULL)
        return -EINVAL;
    int code = await_until(wok_op_as_future(waiting), deadline, NULL, false);
    if (code == -ETIMEDOUT && op->vtable->take_back != NULL && !op->vtable->take_back(op))
        code = 0; /* it has become ready between the look at the clock and now */
    return code;
}

int wok_await(wok_future future, void *ret_result)
{
    return wok__await(future, WOK_NEVER, ret_result, false);
}

int wok_await_until(wok_future future, wok_instant deadline, void *ret_result)
{
    return wok__await(future, deadline, ret_result, false);
}

int wok_timeout(wok_duration duration, wok_future future, void *ret_result)
{
    return wok__await(future, wok_after(duration), ret_result, false);
}

/* ---- deadlines and shields that cover a block ---------------------------------------------------- */

wok_deadline wok_deadline_push(wok_instant deadline)
{
    struct wok__ambient *ambient = &wok__here()->ambient;
    wok_deadline outer = {ambient->deadline_ns, true};
    uint64_t ns = deadline.ns != 0 ? deadline.ns : 1; /* long past, either of them */

    if (deadline.ns != UINT64_MAX && (outer.outer_ns == 0 || ns < outer.outer_ns))
        ambient->deadline_ns = ns;
    return outer;
}

void wok_deadline_pop(wok_deadline *deadline)
{
    if (!deadline->active)
        return;
    deadline->active = false;
    wok__here()->ambient.deadline_ns = deadline->outer_ns;
}

wok_instant wok_deadline_now(void)
{
    uint64_t ns = wok__here()->ambient.deadline_ns;

    return ns != 0 ? (wok_instant){ns} : WOK_NEVER;
}

wok_shield wok_shield_begin(void)
{
    struct wok__ambient *ambient = &wok__here()->ambient;
    wok_shield shield = {ambient->deadline_ns, true};

    ambient->deadline_ns = 0;
    ambient->shields++;
    return shield;
}

void wok_shield_end(wok_shield *shield)
{
    struct wok__ambient *ambient = &wok__here()->ambient;

    if (!shield->active)
        return;
    shield->active = false;
    ambient->deadline_ns = shield->outer_deadline_ns;
    ambient->shields--;
}

wok_unconstrained wok_unconstrained_begin(void)
{
    wok__here()->ambient.unconstrained++;
    return (wok_unconstrained){true};
}

void wok_unconstrained_end(wok_unconstrained *unconstrained)
{
    if (!unconstrained->active)
        return;
    unconstrained->active = false;
    wok__here()->ambient.unconstrained--;
}

/* ---- yield and checkpoint -------------------------------------------------------------------- */

static wok_poll yield_poll(void *self, wok_cx *cx, void *result)
{
    bool *yielded = self;

    (void)result;
    if (*yielded)
        return WOK_READY;
    *yielded = true;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

static const wok_future_vtable yield_vtable = {
    .name = "yield",
    .size = sizeof(bool),
    .poll = yield_poll,
};

int wok_yield(void)
{
    struct wok__here *here = wok__here();
    bool yielded = false;

    if (here->blocking != 0 ||
        (here->fiber == NULL && here->worker == NULL && here->task == NULL)) {
        sched_yield();
        return 0;
    }
    return wok_await((wok_future){&yield_vtable, &yielded}, NULL);
}

/* `self`: whether it has let the others run. */
static wok_poll checkpoint_poll(void *self, wok_cx *cx, void *result)
{
    bool *yielded = self;
    wok_poll code = wok_checkpoint_poll(cx);

    (void)result;
    *yielded |= code == WOK_PENDING;
    return code;
}

static const wok_future_vtable checkpoint_vtable = {
    .name = "checkpoint",
    .size = sizeof(bool),
    .poll = checkpoint_poll,
};

int wok_checkpoint(void)
{
    struct place place;
    bool yielded = false;
    int code;

    if (wok__wait_skip())
        return 0;
    code = wok_await((wok_future){&checkpoint_vtable, &yielded}, NULL);
    if (code == 0 && yielded && find_place(&place, false) == 0 &&
        nearest(&place, WOK_NEVER).ns <= wok_now().ns)
        return -ETIMEDOUT;
    return code;
}
