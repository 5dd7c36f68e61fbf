/*
 * worker.c - a worker's loop: take a task, poll it, look after the rest.
 *
 * Own tasks come first, in the order that ready.h has, and by turns of the priorities.  The driver and the
 * timers are served at every 61st poll, when bound tasks that have yielded are let in as well, the
 * injection queue after some 200 us of polls, and all of them whenever there is nothing else.  One count
 * goes down to the next of the two.
 *
 * The injection queue has tasks that wait for any worker, so what one of them waits at a busy worker is a
 * matter of time: few polls that are long, many that are short, since each look is at a line that all
 * workers write.
 *
 * A priority that has work gains its weight at each pick, and the one that has gained most is picked and
 * pays what all have gained together.  So each has its share of any few picks, and which tasks there are
 * of the others makes no difference.  Once a runtime knows of priorities the injection queues take part
 * in that; before, there is one to look at, and no choice.
 *
 * Whether another worker is woken for what lies in ring and deque is a matter of money: a wake-up costs
 * this worker a system call and the other one some 20 microseconds until it runs.  So it is made
 * when they hold more work than that, by the mean time of a poll; below, the worker does it
 * sooner itself.  What a long poll leaves lying, the monitor finds.  On a paused clock a poll takes no
 * time, and a draw decides.
 */
#include "sched/sched.h"
#include "platform/thread.h"
#include "sched/turns.h"
#include "task/context.h"

/* What is rare is kept out of line: it would make the way from one poll to the next longer. */
#define WAKE_COST_NS UINT64_C(20000)

/* The time, and the bounds, are those of Tokio's scheduler. */
#define INJECTION_NS UINT64_C(200000)
enum { INJECTION_INTERVAL_MIN = 2, INJECTION_INTERVAL_MAX = 127 };

/* ---- whose turn it is -------------------------------------------------------------------------- */

static bool has_work(const struct wok__worker *worker, uint32_t priority)
{
    return wok__ready_any(&worker->ready[priority]) ||
           wok__inject_length(&worker->runtime->inject[priority]) != 0;
}

/* Whose turn it is among the priorities that have work: WOK__PRIORITIES if none has. */
static uint32_t choose(struct wok__worker *worker)
{
    static const int32_t weights[WOK__PRIORITIES] = {
        [WOK__LATENCY] = 10, [WOK__NORMAL] = 5, [WOK__BACKGROUND] = 1};
    uint32_t best = WOK__PRIORITIES;
    int32_t total = 0;

    for (uint32_t i = 0; i < WOK__PRIORITIES; i++) {
        if (!has_work(worker, i))
            continue;
        worker->ready[i].credit += weights[i];
        total += weights[i];
        if (best == WOK__PRIORITIES || worker->ready[i].credit > worker->ready[best].credit)
            best = i;
    }
    if (best != WOK__PRIORITIES)
        worker->ready[best].credit -= total;
    return best;
}

static __attribute__((noinline)) struct wok_task *next_by_weight(struct wok__worker *worker)
{
    struct wok_task *task = NULL;
    uint32_t priority;

    while (task == NULL && (priority = choose(worker)) != WOK__PRIORITIES) {
        task = wok__ready_next(&worker->ready[priority]);
        if (task == NULL)
            task = wok__worker_take_injected(worker, priority);
    } /* another worker was faster: look again */
    return task;
}

/* The next of the worker's own tasks, or NULL. */
static inline __attribute__((always_inline)) struct wok_task *next_own(struct wok__worker *worker)
{
    if (load_relaxed(&worker->runtime->priorities) == 1)
        return wok__ready_next(&worker->ready[WOK__NORMAL]);
    return next_by_weight(worker);
}

/* ---- what is served at intervals ---------------------------------------------------------------- */

uint32_t wok__injection_interval(uint64_t mean_poll_ns)
{
    if (mean_poll_ns <= INJECTION_NS / INJECTION_INTERVAL_MAX)
        return INJECTION_INTERVAL_MAX;
    if (mean_poll_ns >= INJECTION_NS / INJECTION_INTERVAL_MIN)
        return INJECTION_INTERVAL_MIN;
    return (uint32_t)(INJECTION_NS / mean_poll_ns);
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void wok__worker_arm_look(struct wok__worker *worker)
{
    worker->until_injection = lesser(worker->until_injection, worker->injection_interval);
    worker->look_interval = lesser(worker->until_turn, worker->until_injection);
    worker->until_look = worker->look_interval;
}

static void serve_driver(struct wok__worker *worker)
{
    uint32_t priorities = load_relaxed(&worker->runtime->priorities);

    for (uint32_t i = 0; i < priorities; i++)
        wok__ready_release_yielded(&worker->ready[i]); /* the others are too many to wait for all */
    wok__worker_turn(worker);
}

static struct wok_task *serve_injection(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;
    uint32_t priorities = load_relaxed(&runtime->priorities);
    uint32_t first = worker->injection_turns++ % priorities;
    struct wok_task *task;

    for (uint32_t i = 0; i < priorities; i++)
        if (wok__inject_take(&runtime->inject[(first + i) % priorities], &task, 1) == 1)
            return task;
    return NULL;
}

/* Serves what is due, whatever else there is.  A task that was injected, or NULL. */
static __attribute__((noinline)) struct wok_task *look_around(struct wok__worker *worker)
{
    struct wok_task *task = NULL;

    worker->until_turn -= worker->look_interval;
    worker->until_injection -= worker->look_interval;
    if (worker->until_turn == 0) {
        worker->until_turn = worker->runtime->options.event_interval;
        serve_driver(worker);
    }
    if (worker->until_injection == 0) {
        worker->until_injection = worker->injection_interval;
        task = serve_injection(worker);
    }
    wok__worker_arm_look(worker);
    return task;
}

/* When there is no task of its own. */
static __attribute__((noinline)) struct wok_task *look_further(struct wok__worker *worker)
{
    struct wok_task *task = NULL;

    if (worker->eventful && !wok__injected_any(worker->runtime)) {
        wok__worker_turn(worker); /* there was something just now: look before a search */
        task = next_own(worker);
    }
    if (task == NULL)
        task = wok__worker_search(worker);
    /* Bound to this worker, and woken by the search; asked for first, since a pick for nothing counts as well. */
    if (task == NULL && wok__worker_ready(worker))
        task = next_own(worker);
    return task;
}

static inline __attribute__((always_inline)) struct wok_task *next_task(struct wok__worker *worker)
{
    struct wok_task *task = NULL;

    wok__worker_drain_inbox(worker);
    if (--worker->until_look == 0)
        task = look_around(worker);
    if (task == NULL)
        task = next_own(worker);
    return task != NULL ? task : look_further(worker);
}

/* ---- polling, and telling others ---------------------------------------------------------------- */

/* Is what lies in the ring worth the wake-up of another worker? */
static bool is_worth_a_wake(const struct wok__worker *worker, uint32_t length)
{
    if (worker->runtime->turns != NULL)
        return wok__turns_coin(worker->runtime->turns);
    return length * worker->mean_poll_ns > WAKE_COST_NS;
}

void wok__worker_share(struct wok__worker *worker)
{
    uint32_t length = wok__worker_stealable(worker);

    worker->pushed = false;
    if (length > 0 && is_worth_a_wake(worker, length) &&
        wok__idle_sleepers(&worker->runtime->idle) > 0)
        wok__sched_notify(worker->runtime);
}

/* Inline, for the reason that harness.c gives. */
static inline __attribute__((always_inline)) void run(struct wok__worker *worker,
                                                      struct wok_task *task)
{
    if (worker->searching) {
        worker->searching = false;
        wok__worker_unpark(worker->runtime, wok__idle_found(&worker->runtime->idle));
    }
    if (worker->pushed)
        wok__worker_share(worker);
    wok__count(&worker->counters.polls, 1);
    if (worker->log != NULL)
        wok__log_add(worker, WOK_TEST_POLL, task, 0);
    store_relaxed(&worker->current, task);
    wok__task_run(task);
    if (load_relaxed(&worker->stuck) != 0)
        wok__worker_clear_stuck(worker);
    worker->trim.left = WOK__TRIMS;
}

/* Memory is not kept by a spare that may sleep for long. */
static void rest(struct wok__worker *worker)
{
    wok__stack_cache_done(&worker->stacks);
    wok__slab_cache_done(&worker->memory);
    wok__spare_wait(worker);
    wok__slab_cache_init(&worker->memory, &worker->runtime->slab);
    wok__stack_cache_init(&worker->stacks, worker->runtime->options.stack_bytes);
    worker->now_ns = wok__clock_now(&worker->runtime->clock);
}

/* What a spare worker does after a poll or for want of one: it goes as soon as it may. */
static void go_on_as_spare(struct wok__worker *worker, bool has_run)
{
    if (has_run && load_relaxed(&worker->counters.polls) % WOK__INTERVAL != 0)
        return;
    if (wok__spare_leave(worker))
        rest(worker);
    else if (!has_run)
        wok__worker_park(worker);
}

static void go_on_by_turns(struct wok__worker *worker, bool has_run)
{
    if (!has_run)
        wok__worker_park(worker);
    wok__turns_pass(worker);
}

/* One loop for all three kinds of workers: wok__task_run() has one caller, and so becomes a part of it. */
static void run_all(struct wok__worker *worker)
{
    void (*go_on)(struct wok__worker * worker, bool has_run) =
        worker->runtime->turns != NULL                   ? go_on_by_turns
        : worker->index >= worker->runtime->worker_count ? go_on_as_spare
                                                         : NULL;

    while (load_relaxed(&worker->runtime->stopping) == 0) {
        struct wok_task *task = next_task(worker);
        if (task != NULL)
            run(worker, task);
        if (go_on != NULL)
            go_on(worker, task != NULL);
        else if (task == NULL)
            wok__worker_park(worker);
    }
}

void wok__worker_main(void *argument)
{
    struct wok__worker *worker = argument;
    const wok_runtime_options *options = &worker->runtime->options;
    struct wok__here *here = wok__here();

    here->runtime = worker->runtime;
    here->worker = worker;
    store_relaxed(&worker->thread_number, wok__thread_number());
    wok__context_adopt_thread(&here->thread);
    wok__slab_cache_init(&worker->memory, &worker->runtime->slab);
    wok__stack_cache_init(&worker->stacks, worker->runtime->options.stack_bytes);
    worker->now_ns = wok__clock_now(&worker->runtime->clock);
    wok__worker_trim_init(worker);
    if (options->on_thread_start != NULL)
        options->on_thread_start(options->argument);
    if (worker->runtime->turns != NULL)
        wok__turns_enter(worker);
    run_all(worker);
    if (worker->runtime->turns != NULL)
        wok__turns_leave(worker);
    if (options->on_thread_stop != NULL)
        options->on_thread_stop(options->argument);
    wok__stack_cache_done(&worker->stacks);
    wok__slab_cache_done(&worker->memory);
    wok__context_release_thread(&here->thread);
    here->worker = NULL;
    here->runtime = NULL;
}
