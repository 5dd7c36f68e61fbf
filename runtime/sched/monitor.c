/*
 * monitor.c - looks after workers that are inside one poll for long.
 *
 * One thread samples the workers' poll counters once a millisecond while any of them is awake.  A
 * worker whose counter stands still is inside a poll: what lies in its ring is worth a wake-up of a
 * sleeping worker, however little it is.  After 5 ms the worker counts as stuck, unless it has only
 * been waiting for a processor: the others take over its slot, its driver's events and its timers until
 * it comes back (spare.c).  When all have been blocked for another 5 ms, the monitor looks at their
 * drivers and timers itself, and calls a spare worker as soon as there is something to run.
 *
 * When every worker has been parked for a while the monitor sleeps until one wakes up.
 */
#include "platform/futex.h"
#include "platform/thread.h"
#include "sched/sched.h"

#define SAMPLE_NS UINT64_C(1000000)
enum { STUCK_SAMPLES = 5, HELPLESS_SAMPLES = 5, QUIET_SAMPLES = 50 };

struct sample {
    uint64_t polls;
    uint64_t cpu_ns; /* what the thread had run when the standstill began */
    unsigned standstill;
};

/* The worker does not move because the machine is busy: it waits for a processor, and has hardly run
 * since.  Another thread would only be one more in that queue. */
static bool is_starved(const struct wok__worker *worker, const struct sample *sample)
{
    return wok__thread_cpu_ns(worker->thread) - sample->cpu_ns < SAMPLE_NS &&
           wok__thread_is_runnable(load_relaxed(&worker->thread_number));
}

/* One look at one worker; true if it is awake. */
static bool look(struct wok_runtime *runtime, struct wok__worker *worker, struct sample *sample,
                 uint64_t now_ns)
{
    uint64_t polls = load_relaxed(&worker->counters.polls);

    if (load_relaxed(&worker->parked) != 0 || polls != sample->polls) {
        sample->polls = polls;
        if (load_relaxed(&worker->standing_since) != 0)
            store_relaxed(&worker->standing_since, 0);
        sample->standstill = 0;
        /* The owner does so too when it comes back; not if it was marked on its way to park. */
        if (load_relaxed(&worker->stuck) != 0)
            wok__worker_clear_stuck(worker);
        return load_relaxed(&worker->parked) == 0;
    }
    if (sample->standstill++ == 0) {
        if (load_relaxed(&worker->standing_since) == 0)
            store_relaxed(&worker->standing_since, now_ns - SAMPLE_NS);
        sample->cpu_ns = wok__thread_cpu_ns(worker->thread);
    }
    if (sample->standstill == STUCK_SAMPLES) {
        if (is_starved(worker, sample))
            sample->standstill = 0;
        else
            wok__worker_mark_stuck(worker);
    }
    if (wok__worker_stealable(worker) > 0)
        wok__sched_notify(runtime);
    return true;
}

void wok__monitor_wake(struct wok_runtime *runtime)
{
    store_relaxed(&runtime->monitor_asleep, 0);
    wok__futex_wake(&runtime->monitor_asleep, 1);
}

void wok__monitor_wake_if_asleep(struct wok_runtime *runtime)
{
    fence_seq_cst(); /* [monitor.fence] awake in idle's word before the look at the note */
    if (load_relaxed(&runtime->monitor_asleep) != 0)
        wok__monitor_wake(runtime);
}

static bool all_asleep(const struct wok_runtime *runtime)
{
    return (load_relaxed(&runtime->spares.active) & ~wok__idle_asleep(&runtime->idle)) == 0;
}

/* Waits until the next sample; while all is quiet, until a worker wakes up. */
static void pause_until_needed(struct wok_runtime *runtime, uint64_t now_ns, unsigned *quiet)
{
    if (*quiet >= QUIET_SAMPLES) {
        *quiet = 0;
        store_relaxed(&runtime->monitor_asleep, 1);
        fence_seq_cst(); /* [monitor.fence] the note before the last look at the workers */
        if (all_asleep(runtime) && load_relaxed(&runtime->stopping) == 0)
            wok__futex_wait(&runtime->monitor_asleep, 1);
        store_relaxed(&runtime->monitor_asleep, 0);
        return;
    }
    /* Nobody wakes this word while it is 0: it is a sleep that a shutdown can end. */
    wok__futex_wait_until(&runtime->monitor_asleep, 0, now_ns + SAMPLE_NS);
}

/* ---- when every worker is blocked --------------------------------------------------------------- */

static bool sees_work(const struct wok_runtime *runtime)
{
    uint32_t seats = wok__seats(&runtime->spares);

    if (wok__injected_any(runtime))
        return true;
    for (uint32_t i = 0; i < seats; i++) {
        if (wok__worker_offers(runtime->workers[i]))
            return true;
    }
    return false;
}

/* Nobody is left to look at drivers and timers: the monitor does, and calls a spare for what it finds. */
static void rescue(struct wok_runtime *runtime)
{
    wok__assist(runtime, wok__spares_blocked(runtime));
    if (sees_work(runtime))
        wok__spares_call(runtime);
}

/* One look at all; true if any worker is awake. */
static bool look_at_all(struct wok_runtime *runtime, struct sample *samples, uint64_t now_ns)
{
    uint64_t active = load_relaxed(&runtime->spares.active);
    uint32_t seats = wok__seats(&runtime->spares);
    bool awake = false;

    for (uint32_t i = 0; i < seats; i++) {
        if ((active & UINT64_C(1) << i) != 0)
            awake |= look(runtime, runtime->workers[i], &samples[i], now_ns);
    }
    return awake;
}

void wok__monitor_main(void *argument)
{
    struct wok_runtime *runtime = argument;
    struct sample samples[WOK__SEATS_MAX] = {0};
    struct wok__clock real;
    unsigned quiet = 0, helpless = 0;

    wok__clock_init(&real, false);
    uint64_t now_ns = wok__clock_now(&real);

    while (load_relaxed(&runtime->stopping) == 0) {
        pause_until_needed(runtime, now_ns, &quiet);
        now_ns = wok__clock_now(&real);
        quiet = look_at_all(runtime, samples, now_ns) ? 0 : quiet + 1;
        helpless = wok__spares_are_needed(runtime) ? helpless + 1 : 0;
        if (helpless >= HELPLESS_SAMPLES)
            rescue(runtime);
    }
}
