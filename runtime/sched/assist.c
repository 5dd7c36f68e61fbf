/*
 * assist.c - waiting in place of workers that are blocked.
 *
 * The events of a blocked worker's driver and its timers are served by the others: by busy ones with
 * each turn of their own driver, and by an idle one that sleeps in all those drivers at once, the
 * assistant.  There is one at most, so that one event does not wake every idle worker; role.c says why
 * there is one at all.
 *
 * Invariant
 *   A2  `assisted_until` of a wheel is written by the assistant only.  It is not the owner's
 *       sleeping_until, since the owner may come back and go to sleep at any time.
 */
#include "sched/sched.h"

void wok__assist_call(struct wok_runtime *runtime)
{
    int holder = wok__role_holder(&runtime->spares.role);

    if (holder >= 0)
        wok__worker_unpark(runtime, holder);
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

/* Of the runtime's own workers: spare ones own nothing that somebody would have to wait for. */
static uint64_t others(const struct wok__worker *worker)
{
    uint64_t all = (UINT64_C(1) << worker->runtime->worker_count) - 1;

    return all & ~(UINT64_C(1) << worker->index);
}

bool wok__assist_wait(struct wok__worker *worker, uint64_t deadline_ns)
{
    struct wok_runtime *runtime = worker->runtime;
    struct wok__driver *drivers[WOK__SEATS_MAX] = {&worker->driver};
    uint64_t blocked = wok__role_take(&runtime->spares.role, worker->index, others(worker));
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
    wok__role_give(&runtime->spares.role);
    return true;
}

bool wok__assist_is_vacant(const struct wok__worker *worker)
{
    return wok__role_is_vacant(&worker->runtime->spares.role, others(worker));
}
