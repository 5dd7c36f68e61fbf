/*
 * park.c - what a worker does when it has nothing to do.
 *
 * It announces that it sleeps, looks once more, and waits in its driver until its next timer.  The
 * last searcher looks at everybody's queues in between; idle.c argues why that is enough.
 *
 * A busy worker's turn takes no more events than it can begin to serve until the next one.  What the
 * ring cannot hold goes to the injection queue, at which a busy worker looks rarely: what is in there would
 * wait for seconds, while what came later is served again and again.  So new work waits while there is old
 * work in that queue, and waits in the kernel, whose list is in order (docs/decisions/0053-overload.md).
 *
 * On a paused clock it waits for its turn instead (turns.c).
 */
#include <assert.h>

#include "sched/log.h"
#include "sched/sched.h"
#include "sched/turns.h"

static void fire(struct wok__worker *worker)
{
    size_t fired = wok__timers_fire(&worker->timers, worker->now_ns);

    wok__count(&worker->counters.timers_fired, fired);
    if (worker->log != NULL && fired > 0)
        wok__log_add(worker, WOK_TEST_TIMERS, NULL, fired);
}

static void account_turn(struct wok__worker *worker, int events)
{
    worker->eventful = events > 0;
    wok__count(&worker->counters.driver_turns, 1);
    if (events > 0)
        wok__count(&worker->counters.io_events, (uint64_t)events);
}

/* So many are taken whatever there is: others must not keep events out for ever.  Few, since an event may
 * be a request, and a request may be a dozen polls. */
enum { EVENTS_MIN = 4 };

/* What a busy worker has ready when events come: about what it polls until its next turn.  With as much as the
 * ring holds (256) there were so many requests at a time that each cost a fifth more: their memory was cold. */
enum { READY_MAX = 64 };

/* How many events there is room for. */
static unsigned events_that_fit(const struct wok__worker *worker)
{
    const struct wok_runtime *runtime = worker->runtime;
    uint32_t priorities = load_relaxed(&runtime->priorities);
    unsigned most = worker->driver.turn_events_max;
    unsigned least = most < EVENTS_MIN ? most : EVENTS_MIN;

    for (uint32_t i = 0; i < priorities; i++) {
        size_t taken =
            wok__queue_length(&worker->ready[i].queue) + wok__inject_length(&runtime->inject[i]);
        size_t room = taken < READY_MAX ? READY_MAX - taken : 0;
        if (room < most)
            most = (unsigned)room;
    }
    return most > least ? most : least;
}

/* How often the injection queue has its turn, unless that is fixed. */
static void tune(struct wok__worker *worker)
{
    if (worker->runtime->options.injection_interval != 0 || worker->runtime->turns != NULL)
        return;
    worker->injection_interval = wok__injection_interval(worker->mean_poll_ns);
}

/* The time since the last look at the clock was spent with polls: what does one cost? */
static void account_busy(struct wok__worker *worker, uint64_t now_ns)
{
    uint64_t polls = load_relaxed(&worker->counters.polls) - worker->turn_polls;
    uint64_t spent = now_ns - worker->now_ns;

    if (polls > 0) {
        worker->mean_poll_ns = (worker->mean_poll_ns * 7 + spent / polls) / 8;
        tune(worker);
    }
    worker->turn_polls += polls;
    worker->now_ns = now_ns;
    wok__count(&worker->counters.busy_ns, spent);
}

void wok__worker_turn(struct wok__worker *worker)
{
    account_busy(worker, wok__clock_now(&worker->runtime->clock));
    worker->driver.turn_events = events_that_fit(worker);
    account_turn(worker, wok__driver_turn(&worker->driver, 0));
    fire(worker);
    wok__assist(worker->runtime, wok__spares_blocked(worker->runtime));
}

static uint64_t timeout_until(const struct wok__worker *worker, uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX)
        return UINT64_MAX;
    return deadline_ns > worker->now_ns ? deadline_ns - worker->now_ns : 0;
}

static void wait(struct wok__worker *worker, uint64_t deadline_ns)
{
    uint64_t timeout = 0;

    if (worker->runtime->turns != NULL)
        wok__turns_sleep(worker);
    else if (!wok__assist_wait(worker, wok__worker_trims_next(worker, deadline_ns)))
        timeout = timeout_until(worker, wok__worker_trims_next(worker, deadline_ns));
    worker->driver.turn_events = worker->driver.turn_events_max;
    account_turn(worker, wok__driver_turn(&worker->driver, timeout));
}

void wok__worker_park(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;
    bool searching = worker->searching;
    uint64_t deadline_ns;
    bool seen = false;

    assert(!wok__worker_ready(worker)); /* it would sleep over it: nobody else looks into these */
    account_busy(worker, wok__clock_now(&runtime->clock));
    if (wok__worker_trim(worker))
        account_busy(worker, wok__clock_now(&runtime->clock));
    deadline_ns = wok__timers_sleep(&worker->timers);
    store_relaxed(&worker->parked, 1);
    worker->searching = false;
    if (wok__idle_sleep(&runtime->idle, worker->index, searching))
        seen = wok__worker_sees_work(worker);
    if (load_relaxed(&worker->inbox) == NULL && load_relaxed(&runtime->stopping) == 0 && !seen) {
        wok__count(&worker->counters.parks, 1);
        wait(worker, deadline_ns);
    }
    if (wok__idle_awake(&runtime->idle, worker->index) ||
        ((seen || wok__assist_is_vacant(worker)) && wok__idle_search(&runtime->idle)))
        worker->searching = true; /* and so wakes another for what it does not take itself */
    store_relaxed(&worker->parked, 0);
    wok__timers_awake(&worker->timers);
    wok__monitor_wake_if_asleep(runtime);
    worker->now_ns = wok__clock_now(&runtime->clock);
    worker->turn_polls = load_relaxed(&worker->counters.polls);
    fire(worker);
}
