/*
 * monitor.c - looks after workers that are inside one poll for long.
 *
 * One thread samples the workers' poll counters once a millisecond while any of them is awake.  A
 * worker whose counter stands still is inside a poll: what lies in its ring is worth a wake-up of a
 * sleeping worker, however little it is.  After 5 ms the worker counts as stuck: the others take
 * over its slot, its driver's events and its timers until it comes back (search.c).
 *
 * When every worker has been parked for a while the monitor sleeps until one wakes up.
 */
#include "platform/futex.h"
#include "sched/sched.h"

#define SAMPLE_NS UINT64_C(1000000)
enum { STUCK_SAMPLES = 5, QUIET_SAMPLES = 50 };

struct sample {
    uint64_t polls;
    unsigned standstill;
};

/* One look at one worker; true if it is awake. */
static bool look(struct wok_runtime *runtime, struct wok__worker *worker, struct sample *sample,
                 uint64_t now_ns)
{
    uint64_t polls = load_relaxed(&worker->counters.polls);

    if (load_relaxed(&worker->parked) != 0 || polls != sample->polls) {
        sample->polls = polls;
        if (sample->standstill > 0)
            store_relaxed(&worker->standing_since, 0);
        sample->standstill = 0;
        /* The owner does so too when it comes back; not if it was marked on its way to park. */
        if (load_relaxed(&worker->stuck) != 0)
            store_relaxed(&worker->stuck, 0);
        return load_relaxed(&worker->parked) == 0;
    }
    if (sample->standstill++ == 0)
        store_relaxed(&worker->standing_since, now_ns - SAMPLE_NS);
    if (sample->standstill >= STUCK_SAMPLES)
        store_relaxed(&worker->stuck, 1); /* the owner clears it when it comes back */
    if (sample->standstill >= STUCK_SAMPLES || wok__queue_length(&worker->queue) > 0 ||
        wok__deque_length(&worker->children) > 0)
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

/* Waits until the next sample; while all is quiet, until a worker wakes up. */
static void pause_until_needed(struct wok_runtime *runtime, uint64_t now_ns, unsigned *quiet)
{
    if (*quiet >= QUIET_SAMPLES) {
        *quiet = 0;
        store_relaxed(&runtime->monitor_asleep, 1);
        fence_seq_cst(); /* [monitor.fence] the note before the last look at the workers */
        if (wok__idle_all_asleep(&runtime->idle) && load_relaxed(&runtime->stopping) == 0)
            wok__futex_wait(&runtime->monitor_asleep, 1);
        store_relaxed(&runtime->monitor_asleep, 0);
        return;
    }
    /* Nobody wakes this word while it is 0: it is a sleep that a shutdown can end. */
    wok__futex_wait_until(&runtime->monitor_asleep, 0, now_ns + SAMPLE_NS);
}

void wok__monitor_main(void *argument)
{
    struct wok_runtime *runtime = argument;
    struct sample samples[WOK__WORKERS_MAX] = {0};
    struct wok__clock real;
    unsigned quiet = 0;

    wok__clock_init(&real, false);
    uint64_t now_ns = wok__clock_now(&real);

    while (load_relaxed(&runtime->stopping) == 0) {
        bool awake = false;
        pause_until_needed(runtime, now_ns, &quiet);
        now_ns = wok__clock_now(&real);
        for (uint32_t i = 0; i < runtime->worker_count; i++)
            awake |= look(runtime, runtime->workers[i], &samples[i], now_ns);
        quiet = awake ? 0 : quiet + 1;
    }
}
