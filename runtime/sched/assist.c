/*
 * assist.c - waiting in place of workers that are blocked.
 *
 * The events of a blocked worker's driver and its timers are served by the others: by busy ones with
 * each turn of their own driver, and by an idle one that sleeps in all those drivers at once, the
 * assistant.  There is one at most, so that one event does not wake every idle worker.
 *
 *     blocks:   sets its bit in `blocked`,   fence,   reads `assistant`: wakes it, else any sleeper
 *     sleeper:  is in idle's word,           fence,   reads `blocked`: takes the role if it is free
 *     assistant leaves: clears the role,     fence,   reads `blocked`: with work to do, wakes a sleeper
 *
 * Invariants
 *   A1  with a blocked worker and a sleeping one, somebody waits in the drivers of all blocked ones, or
 *       is on the way to: each line writes first and reads second, so of two at least one sees the
 *       other.  A sleeper that finds the role taken may rely on it: whoever has it looks at `blocked`
 *       again when it gives it back.
 *   A2  `assisted_until` of a wheel is written by the assistant only.  It is not the owner's
 *       sleeping_until, since the owner may come back and go to sleep at any time.
 */
#include "sched/sched.h"
#include "sched/spare.h"

void wok__assist_call(struct wok_runtime *runtime)
{
    uint32_t assistant;

    fence_seq_cst(); /* [assist.fence] the bit in `blocked` before the look at the role */
    assistant = load_relaxed(&runtime->spares.assistant);
    if (assistant != 0)
        wok__worker_unpark(runtime, (int)assistant - 1);
    else
        wok__sched_notify(runtime);
}

void wok__assist(struct wok_runtime *runtime, uint64_t blocked)
{
    uint64_t now_ns;

    if (blocked == 0)
        return;
    now_ns = wok__clock_now(&runtime->clock);
    for (; blocked != 0; blocked &= blocked - 1) {
        struct wok__worker *victim = runtime->workers[__builtin_ctzll(blocked)];
        wok__driver_assist(&victim->driver);
        wok__timers_fire(&victim->timers, now_ns);
    }
}

static uint64_t others(const struct wok__worker *worker)
{
    return wok__spares_blocked(worker->runtime) & ~(UINT64_C(1) << worker->index);
}

/* Takes the role, if it is free and there is something to do in it: whom to wait for. */
static uint64_t take_role(struct wok__worker *worker)
{
    struct wok__spares *spares = &worker->runtime->spares;
    uint32_t nobody = 0;
    uint64_t blocked;

    if (others(worker) == 0 || !cas_relaxed(&spares->assistant, &nobody, worker->index + 1))
        return 0;
    fence_seq_cst(); /* [assist.fence] the role before the look at `blocked` */
    blocked = others(worker);
    if (blocked == 0)
        store_relaxed(&spares->assistant, 0);
    return blocked;
}

/* What was woken lies in this worker's own queues. */
static bool has_work(const struct wok__worker *worker)
{
    return wok__worker_ready(worker) || load_relaxed(&worker->inbox) != NULL;
}

static void give_role(struct wok__worker *worker)
{
    struct wok_runtime *runtime = worker->runtime;

    store_relaxed(&runtime->spares.assistant, 0);
    fence_seq_cst(); /* [assist.fence] the role is free before the look at `blocked` */
    if (has_work(worker) && others(worker) != 0)
        wok__sched_notify(runtime); /* it has something else to do now */
}

bool wok__assist_wait(struct wok__worker *worker, uint64_t deadline_ns)
{
    struct wok_runtime *runtime = worker->runtime;
    struct wok__driver *drivers[WOK__SEATS_MAX] = {&worker->driver};
    uint64_t blocked = take_role(worker);
    uint64_t timeout_ns = UINT64_MAX;
    unsigned count = 1;

    if (blocked == 0)
        return false;
    for (uint64_t left = blocked; left != 0; left &= left - 1) {
        struct wok__worker *victim = runtime->workers[__builtin_ctzll(left)];
        uint64_t next_ns = wok__timers_assist(&victim->timers);
        drivers[count++] = &victim->driver;
        if (next_ns < deadline_ns)
            deadline_ns = next_ns;
    }
    if (deadline_ns != UINT64_MAX)
        timeout_ns = deadline_ns > worker->now_ns ? deadline_ns - worker->now_ns : 0;
    wok__driver_wait_with(drivers, count, timeout_ns);
    for (uint64_t left = blocked; left != 0; left &= left - 1)
        wok__timers_unassist(&runtime->workers[__builtin_ctzll(left)]->timers);
    wok__assist(runtime, blocked);
    give_role(worker);
    return true;
}
