/*
 * schedule.c - where a task goes that is ready to run, and the other calls from the layers below.
 *
 * A task that may move goes to the calling worker's ring, or into its slot if another task woke it
 * (it is likely to find warm what the waker left).  A task that is bound goes to its worker's own
 * FIFO, by way of the inbox when the caller is another thread.  From threads that are no workers,
 * tasks go to the injection queue.
 *
 * A push to the worker's own ring wakes nobody: the worker looks after each poll whether what it has
 * is worth another worker's wake-up (worker.c), and the monitor looks after long polls.
 */
#include <errno.h>

#include "platform/futex.h"
#include "sched/log.h"
#include "sched/sched.h"
#include "sched/turns.h"
#include "task/context.h"

enum { IDS_PER_GRAB = 64 };

/* The calling worker, if it is one of this runtime's. */
static struct wok__worker *worker_of(const struct wok_runtime *runtime)
{
    struct wok__worker *worker = wok__here()->worker;

    return worker != NULL && worker->runtime == runtime ? worker : NULL;
}

void wok__worker_unpark(struct wok_runtime *runtime, int worker)
{
    if (worker >= 0)
        wok__driver_wake(&runtime->workers[worker]->driver);
}

void wok__sched_notify(struct wok_runtime *runtime)
{
    wok__worker_unpark(runtime, wok__idle_notify(&runtime->idle));
}

void wok__worker_push(struct wok__worker *worker, struct wok_task *task)
{
    struct wok_task *batch[WOK__QUEUE_CAPACITY / 2 + 1];
    struct wok__queue *queue = &worker->ready[task->priority].queue;

    if (!wok__queue_push(queue, task)) {
        /* None while a thief is at work: then the one task goes, instead of waiting for the thief. */
        size_t count = wok__queue_take_half(queue, batch);
        batch[count] = task;
        wok__inject_push(&worker->runtime->inject[task->priority], batch, count + 1);
        wok__count(&worker->counters.overflows, 1);
    }
    worker->pushed = true;
}

static void push_inbox(struct wok_runtime *runtime, struct wok_task *task)
{
    struct wok__worker *home = runtime->workers[task->home];
    struct wok_task *first = load_relaxed(&home->inbox);

    do {
        task->next = first;
        /* [inbox.push] the task and its link are visible to the owner */
    } while (!cas_release(&home->inbox, &first, task));
    if (wok__idle_is_asleep(&runtime->idle, home->index))
        wok__worker_unpark(runtime, (int)home->index);
}

void wok__worker_drain_inbox(struct wok__worker *worker)
{
    struct wok_task *task, *oldest = NULL;

    if (load_relaxed(&worker->inbox) == NULL)
        return;
    task = exchange_acquire(&worker->inbox, NULL); /* [inbox.push] */
    while (task != NULL) {
        struct wok_task *next = task->next;
        task->next = oldest;
        oldest = task;
        task = next;
    }
    while (oldest != NULL) {
        struct wok_task *next = oldest->next;
        wok__ready_bind(&worker->ready[oldest->priority], oldest);
        wok__count(&worker->counters.inbox_wakes, 1);
        oldest = next;
    }
}

/* On a thread that is no worker of the runtime.  As soon as the task is pushed it may run and be the last one to
 * end, and the runtime be freed: its workers are not, while the thread counts. */
static void push_from_outside(struct wok_runtime *runtime, struct wok_task *task)
{
    fetch_add_relaxed(&runtime->visitors, 1); /* before the push, and so before the task's end */
    if (task->home == WOK__HOME_NONE) {
        wok__inject_push(&runtime->inject[task->priority], &task, 1);
        wok__sched_notify(runtime);
    } else {
        push_inbox(runtime, task);
    }
    fetch_sub_release(&runtime->visitors, 1); /* [runtime.visitors] */
}

void wok__schedule(struct wok_task *task, enum wok__reason reason)
{
    struct wok_runtime *runtime = task->runtime;
    struct wok__worker *worker;

    if (task->kind >= WOK__TASK_THREAD) {
        if (task->kind == WOK__TASK_THREAD)
            wok__thread_task_push(task);
        else
            wok__join_set_push(task);
        return;
    }
    worker = worker_of(runtime);
    if (worker == NULL) {
        push_from_outside(runtime, task);
        return;
    }
    if (worker->log != NULL)
        wok__log_add(worker, WOK_TEST_WAKE, task, reason);
    if (task->home != WOK__HOME_NONE) {
        if (worker->index != task->home)
            push_inbox(runtime, task);
        else if (reason == WOK__REASON_YIELD)
            wok__ready_bind_yielded(&worker->ready[task->priority], task);
        else
            wok__ready_bind(&worker->ready[task->priority], task);
        return;
    }
    if (reason == WOK__REASON_CHILD &&
        wok__deque_push(&worker->ready[task->priority].children, task)) {
        worker->pushed = true;
        return;
    }
    if (reason == WOK__REASON_WAKE && !worker->slotless) {
        task = wok__ready_put_slot(&worker->ready[task->priority], task);
        if (task == NULL)
            return;
    }
    wok__worker_push(worker, task);
}

/* ---- children in place ------------------------------------------------------------------------- */

/* So many in a row, as in the worker's own loop: then the driver and the others have their turn. */
enum { CHILDREN_IN_PLACE = WOK__INTERVAL };

/* Polls a task of this worker in place of the caller, which waits. */
static void poll_in_place(struct wok__worker *worker, struct wok_task *task)
{
    if (worker->pushed)
        wok__worker_share(worker);
    wok__count(&worker->counters.polls, 1);
    if (worker->log != NULL)
        wok__log_add(worker, WOK_TEST_POLL, task, 1);
    wok__task_run_in_place(task);
}

static bool poll_child(struct wok__worker *worker, struct wok__deque *children)
{
    struct wok_task *task = wok__deque_take(children);

    if (task != NULL)
        poll_in_place(worker, task);
    return task != NULL;
}

bool wok__run_children_here(wok_cx *cx)
{
    struct wok__here *here = wok__here();
    struct wok__worker *worker = here->worker;
    struct wok__deque *children;
    uint32_t left = CHILDREN_IN_PLACE;

    if (here->fiber == NULL || here->task != cx->task)
        return true; /* a plain thread, or a wait inside another future's poll */
    children = &worker->ready[cx->task->priority].children; /* they have it from their parents */
    if (wok__deque_length(children) == 0)
        return true;
    while (left > 0 && poll_child(worker, children))
        left--;
    if (wok__deque_length(children) == 0)
        return true;
    wok_cx_yield(cx);
    return false;
}

bool wok__run_awaited_here(const wok_cx *cx, struct wok_task *awaited)
{
    struct wok__here *here = wok__here();
    struct wok__worker *worker = here->worker;

    if (here->fiber == NULL || here->task != cx->task || awaited->kind != WOK__TASK_STACKLESS ||
        awaited->priority != cx->task->priority)
        return false;
    if (worker->runtime->turns != NULL && wok__turns_coin(worker->runtime->turns))
        return false; /* both ways are to be seen */
    if (worker->until_look == 1 ||
        !wok__queue_take_if_next(&worker->ready[awaited->priority].queue, awaited))
        return false;
    worker->until_look--;
    poll_in_place(worker, awaited);
    return true;
}

/* ---- priorities -------------------------------------------------------------------------------- */

void wok__priorities_use(struct wok_runtime *runtime)
{
    if (load_relaxed(&runtime->priorities) != WOK__PRIORITIES)
        store_relaxed(&runtime->priorities, WOK__PRIORITIES);
}

bool wok__worker_offers(const struct wok__worker *worker)
{
    for (uint32_t i = 0; i < WOK__PRIORITIES; i++)
        if (load_relaxed(&worker->ready[i].slot) != NULL)
            return true;
    return wok__worker_stealable(worker) != 0;
}

bool wok__worker_ready(const struct wok__worker *worker)
{
    for (uint32_t i = 0; i < WOK__PRIORITIES; i++)
        if (wok__ready_any(&worker->ready[i]))
            return true;
    return false;
}

bool wok__injected_any(const struct wok_runtime *runtime)
{
    uint32_t priorities = load_relaxed(&runtime->priorities);

    for (uint32_t i = 0; i < priorities; i++)
        if (wok__inject_length(&runtime->inject[i]) != 0)
            return true;
    return false;
}

/* ---- memory and stacks ------------------------------------------------------------------------- */

void *wok__task_memory_take(struct wok_runtime *runtime, size_t bytes, uint8_t *ret_class)
{
    struct wok__worker *worker = worker_of(runtime);

    return wok__slab_take(&runtime->slab, worker != NULL ? &worker->memory : NULL, bytes,
                          ret_class);
}

void wok__task_memory_give(struct wok_runtime *runtime, void *block, uint8_t class)
{
    struct wok__worker *worker = worker_of(runtime);

    if (worker == NULL)
        wok__runtime_give_outside(runtime, block, class);
    else
        wok__slab_give(&runtime->slab, &worker->memory, block, class);
}

int wok__stack_take_here(struct wok__here *here, size_t stack_bytes, struct wok__stack *ret_stack)
{
    int error = wok__stack_take(&here->worker->stacks, stack_bytes, ret_stack);

    if (error == 0)
        store_relaxed(&here->worker->fibers, load_relaxed(&here->worker->fibers) + 1);
    return error;
}

void wok__stack_give_here(struct wok__here *here, struct wok__stack stack)
{
    wok__stack_give(&here->worker->stacks, stack);
    store_relaxed(&here->worker->fibers, load_relaxed(&here->worker->fibers) - 1);
}

/* ---- counting ---------------------------------------------------------------------------------- */

void wok__count_spawned(struct wok_runtime *runtime)
{
    struct wok__worker *worker = worker_of(runtime);

    if (worker != NULL)
        wok__count(&worker->counters.spawned, 1);
    else
        fetch_add_relaxed(&runtime->spawned_outside, 1);
}

void wok__count_ended(const struct wok_task *task)
{
    struct wok_runtime *runtime = task->runtime;
    struct wok__worker *worker = worker_of(runtime);
    int outcome = task->outcome;

    if (worker != NULL && worker->log != NULL)
        wok__log_add(worker, WOK_TEST_END, task, (uint64_t)outcome);
    if (worker != NULL)
        wok__count(&worker->counters.ended[outcome], 1);
    else
        fetch_add_relaxed(&runtime->ended_outside[outcome], 1);
    if (load_relaxed(&runtime->closed) != 0) {
        fetch_add_release(&runtime->end_epoch, 1); /* [shutdown.epoch] */
        wok__futex_wake(&runtime->end_epoch, 1);
    }
}

uint64_t wok__task_next_id(struct wok_runtime *runtime)
{
    struct wok__worker *worker = worker_of(runtime);

    if (worker == NULL)
        return fetch_add_relaxed(&runtime->next_id, 1);
    if (worker->id_next == worker->id_end) {
        worker->id_next = fetch_add_relaxed(&runtime->next_id, IDS_PER_GRAB);
        worker->id_end = worker->id_next + IDS_PER_GRAB;
    }
    return worker->id_next++;
}

bool wok__runtime_has_turns(const struct wok_runtime *runtime)
{
    return runtime->turns != NULL;
}

bool wok__runtime_is_closed(struct wok_runtime *runtime)
{
    return load_relaxed(&runtime->closed) != 0;
}

bool wok__runtime_is_forced(struct wok_runtime *runtime)
{
    return load_relaxed(&runtime->closed) == WOK__FORCED;
}

uint32_t wok__random_below(uint32_t bound)
{
    struct wok__worker *worker = wok__here()->worker;

    return worker != NULL ? (uint32_t)wok__rand_below(&worker->rand, bound) : 0;
}

/* ---- drivers and timers ------------------------------------------------------------------------ */

struct wok__driver *wok__driver_nth(struct wok_runtime *runtime, unsigned worker)
{
    return &runtime->workers[worker]->driver;
}

unsigned wok__driver_count(struct wok_runtime *runtime)
{
    return runtime->worker_count;
}

struct wok__driver *wok__driver_pick(struct wok_runtime *runtime)
{
    struct wok__driver *least = &runtime->workers[0]->driver;

    for (uint32_t i = 1; i < runtime->worker_count; i++) {
        struct wok__driver *driver = &runtime->workers[i]->driver;
        if (wok__driver_load(driver) < wok__driver_load(least))
            least = driver;
    }
    return least;
}

struct wok__timers *wok__timers_nth(struct wok_runtime *runtime, unsigned worker)
{
    return &runtime->workers[worker]->timers;
}

unsigned wok__timers_home(struct wok_runtime *runtime)
{
    struct wok__worker *worker = worker_of(runtime);

    /* A spare worker has no timers of its own. */
    return worker != NULL ? worker->index % runtime->worker_count : 0;
}

void wok__timers_nudge(struct wok_runtime *runtime, unsigned worker)
{
    wok__worker_unpark(runtime, (int)worker);
    if ((wok__spares_blocked(runtime) & UINT64_C(1) << worker) != 0)
        wok__worker_unpark(runtime, wok__role_holder(&runtime->spares.role));
}

int wok_worker_index(void)
{
    struct wok__worker *worker = wok__here()->worker;

    return worker != NULL ? (int)worker->index : -1;
}
