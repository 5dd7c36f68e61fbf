/*
 * settle.c - waiting until everybody else waits, with the clock at a given time or later.
 *
 * Who waits here is in a list in the order of its deadlines, of equal ones in the order of its coming.
 * When all workers sleep, the turns let the clock go to the nearest timer until the first deadline of
 * the list, and then to that deadline, where the waiter is woken; so it sees all done that had to be
 * done until then.  The list has a lock, which is never held while something else is done than to
 * wake, so that a plain thread may wait as well.
 */
#include <errno.h>

#include <wok/testing.h>

#include "sched/sched.h"
#include "sched/turns.h"
#include "task/context.h"

struct wok__settler {
    struct wok__turns *turns; /* constant, as the next one */
    uint64_t until_ns;
    struct wok_task *task; /* the lock, as all below; NULL: it is not in the list */
    bool settled;
    struct wok__settler *next;
};

uint64_t wok__settle_next(struct wok__turns *turns)
{
    wok__lock_take(&turns->settle_lock);
    uint64_t until_ns = turns->settlers != NULL ? turns->settlers->until_ns : UINT64_MAX;
    wok__lock_give(&turns->settle_lock);
    return until_ns;
}

void wok__settle_wake(struct wok__turns *turns, uint64_t now_ns)
{
    struct wok__settler *settler;

    wok__lock_take(&turns->settle_lock);
    while ((settler = turns->settlers) != NULL && settler->until_ns <= now_ns) {
        turns->settlers = settler->next;
        settler->settled = true;
        wok__task_wake(WOK_TAKE(settler->task), WOK__REASON_EVENT);
    }
    wok__lock_give(&turns->settle_lock);
}

static void enlist(struct wok__settler *settler)
{
    struct wok__settler **at = &settler->turns->settlers;

    while (*at != NULL && (*at)->until_ns <= settler->until_ns)
        at = &(*at)->next;
    settler->next = *at;
    *at = settler;
}

static wok_poll settle_poll(void *self, wok_cx *cx, void *result)
{
    struct wok__settler *settler = self;
    struct wok__turns *turns = settler->turns;

    (void)result;
    wok__lock_take(&turns->settle_lock);
    bool ready = settler->settled, is_new = !ready && settler->task == NULL;
    if (is_new)
        enlist(settler);
    if (!ready)
        settler->task = cx->task;
    wok__lock_give(&turns->settle_lock);
    /* A thread outside: whoever waits for all to sleep has to look at the list again. */
    if (is_new && wok__here()->worker == NULL)
        wok__turns_poke(turns);
    return ready ? WOK_READY : WOK_PENDING;
}

static void settle_drop(void *self)
{
    struct wok__settler *settler = self;
    struct wok__turns *turns = settler->turns;

    wok__lock_take(&turns->settle_lock);
    if (settler->task != NULL) {
        struct wok__settler **at = &turns->settlers;
        while (*at != settler)
            at = &(*at)->next;
        *at = settler->next;
        settler->task = NULL;
    }
    wok__lock_give(&turns->settle_lock);
}

static const wok_future_vtable settle_vtable = {
    .name = "wok_test_advance",
    .size = sizeof(struct wok__settler),
    .poll = settle_poll,
    .drop = settle_drop,
};

int wok_test_advance(wok_runtime *runtime, wok_duration duration)
{
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    if (runtime == NULL || runtime->turns == NULL)
        return -EINVAL;

    uint64_t now_ns = wok__clock_now(&runtime->clock);
    struct wok__settler settler = {.turns = runtime->turns, .until_ns = now_ns + duration.ns};
    if (settler.until_ns < now_ns || settler.until_ns == UINT64_MAX)
        return -EINVAL; /* nobody would live to see it */
    return wok__await_drop((wok_future){&settle_vtable, &settler}, WOK_NEVER, NULL, false);
}

int wok_test_settle(wok_runtime *runtime)
{
    return wok_test_advance(runtime, wok_ns(0));
}
