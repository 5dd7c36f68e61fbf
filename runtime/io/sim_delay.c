/*
 * sim_delay.c - what is on its way through the simulated network, and who delivers it.
 *
 * Without latency a parcel is delivered by whoever sends it, at once.  With latency it lies in a list in
 * the order of arrival, and a task, the courier, sleeps on the runtime's clock until the next one is due.
 * The courier is hired by the call that finds none, on the caller's runtime, and ends when nothing is on
 * its way; so there is none in a network without latency, and a paused clock needs no exception: a parcel
 * on its way is a timer like any other.
 *
 * When the courier's runtime ends before it, what is left arrives at once.
 *
 * Invariants (the network's lock)
 *   Y1  if has_courier is not set, nothing is on its way, or the call that sent it is about to hire one.
 *   Y2  parcels to one end arrive in the order in which they were sent.
 */
#include <errno.h>
#include <stdlib.h>

#include <wok/task.h>
#include <wok/time.h>

#include "io/sim_end.h"
#include "task/context.h"
#include "task/schedule.h"

wok_test_net_faults *wok__sim_faults_of(const struct wok__sim_end *end)
{
    return end != NULL && end->own != NULL ? end->own : &wok__sim.faults;
}

bool wok__sim_chance(unsigned permille)
{
    return permille != 0 && wok__here()->worker != NULL && wok__random_below(1000) < permille;
}

/* ---- parcels --------------------------------------------------------------------------------- */

static void deliver(enum wok__sim_what what, struct wok__sim_end *end, size_t size, int error)
{
    switch (what) {
    case WOK__SIM_BYTES:
        wok__sim_arrive(end, size);
        return;
    case WOK__SIM_FIN:
        wok__sim_arrive_fin(end);
        return;
    case WOK__SIM_RESET:
        wok__sim_receive_reset(end, error);
        return;
    case WOK__SIM_ANSWER:
        end->connecting = false;
        wok__sim_notify(end);
        return;
    case WOK__SIM_CALL:
        if (wok__sim_call(end))
            return;
        if (end->peer != NULL) {
            end->peer->peer = NULL;
            wok__sim_send_parcel(NULL, end->peer, WOK__SIM_RESET, 0, -ECONNREFUSED);
        }
        wok__sim_end_free(end);
        return;
    }
}

/* Delivers what is due; when the next one is, or UINT64_MAX. */
static uint64_t deliver_until(uint64_t now_ns)
{
    struct wok__sim_parcel *parcel;

    while ((parcel = wok__sim.parcels) != NULL && parcel->at_ns <= now_ns) {
        struct wok__sim_parcel due = *parcel;
        wok__sim.parcels = parcel->next;
        wok__sim.figures.on_way--;
        free(parcel);
        deliver(due.what, due.end, due.size, due.error);
    }
    return parcel != NULL ? parcel->at_ns : UINT64_MAX;
}

static void enlist(struct wok__sim_parcel *parcel)
{
    struct wok__sim_parcel **at = &wok__sim.parcels;

    while (*at != NULL && (*at)->at_ns <= parcel->at_ns)
        at = &(*at)->next;
    parcel->next = *at;
    *at = parcel;
    wok__sim.figures.on_way++;
}

void wok__sim_send_parcel(const struct wok__sim_end *from, struct wok__sim_end *to,
                          enum wok__sim_what what, size_t size, int error)
{
    const wok_test_net_faults *faults = wok__sim_faults_of(from);
    uint64_t now_ns = wok_now().ns;
    bool waits = faults->latency.ns != 0 || faults->jitter.ns != 0 || to->last_at_ns > now_ns;
    struct wok__sim_parcel *parcel = NULL;

    if (waits && wok__here()->runtime != NULL)
        parcel = malloc(sizeof *parcel);
    if (parcel == NULL) {
        deliver(what, to, size, error);
        return;
    }
    *parcel = (struct wok__sim_parcel){.end = to, .what = what, .size = size, .error = error};
    parcel->at_ns = now_ns + faults->latency.ns;
    if (faults->jitter.ns != 0)
        parcel->at_ns += wok__random_below(
            (uint32_t)(faults->jitter.ns < UINT32_MAX ? faults->jitter.ns : UINT32_MAX));
    if (parcel->at_ns < to->last_at_ns)
        parcel->at_ns = to->last_at_ns; /* not before what was sent before it */
    to->last_at_ns = parcel->at_ns;
    enlist(parcel);
    if (wok__sim.has_courier && parcel->at_ns < wok__sim.courier_until_ns)
        wok_waker_wake(&wok__sim.courier_waker);
}

void wok__sim_forget_parcels(const struct wok__sim_end *end)
{
    struct wok__sim_parcel **at = &wok__sim.parcels;

    while (*at != NULL) {
        struct wok__sim_parcel *parcel = *at;
        if (parcel->end != end) {
            at = &parcel->next;
            continue;
        }
        *at = parcel->next;
        wok__sim.figures.on_way--;
        free(parcel);
    }
}

/* ---- the courier ----------------------------------------------------------------------------- */

struct courier {
    wok_sleep_future nap;
    bool retired; /* nothing was on its way any more; there may be another courier by now */
};

static wok_poll courier_poll(void *self, wok_cx *cx, void *result)
{
    struct courier *courier = self;
    uint64_t next_ns;

    (void)result;
    do {
        wok__lock_take(&wok__sim.lock);
        next_ns = deliver_until(wok_now().ns);
        wok_waker_drop(&wok__sim.courier_waker);
        wok__sim.courier_until_ns = next_ns;
        wok__sim.has_courier = next_ns != UINT64_MAX;
        if (wok__sim.has_courier)
            wok__sim.courier_waker = wok_waker_new(cx);
        wok__lock_give(&wok__sim.lock);
        if (next_ns == UINT64_MAX) {
            courier->retired = true;
            return WOK_READY;
        }
        wok_sleep_future_drop(&courier->nap);
        courier->nap = wok_sleep_future_until((wok_instant){next_ns});
    } while (wok_sleep_future_poll(&courier->nap, cx) != WOK_PENDING);
    return WOK_PENDING;
}

/* It has nothing more to do, or is aborted, or was never made. */
static void courier_drop(void *self)
{
    struct courier *courier = self;

    wok_sleep_future_drop(&courier->nap);
    if (courier->retired)
        return;
    wok__lock_take(&wok__sim.lock);
    wok__sim.has_courier = false;
    wok_waker_drop(&wok__sim.courier_waker);
    (void)deliver_until(UINT64_MAX);
    wok__lock_give(&wok__sim.lock);
}

static const wok_future_vtable courier_vtable = {
    .name = "courier of the simulated network",
    .size = sizeof(struct courier),
    .poll = courier_poll,
    .drop = courier_drop,
};

void wok__sim_hire(void)
{
    struct courier courier = {.nap = wok_sleep_future_for(wok_ns(0))};

    wok__lock_take(&wok__sim.lock);
    bool hires = wok__sim.parcels != NULL && !wok__sim.has_courier;
    if (hires) {
        wok__sim.has_courier = true;
        wok__sim.courier_until_ns = 0; /* it looks by itself when it begins */
    }
    wok__lock_give(&wok__sim.lock);
    if (!hires)
        return;
    wok_join join = wok_spawn_future(&courier_vtable, &courier);
    wok_join_drop(&join);
}
