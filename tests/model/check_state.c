/*
 * check_state.c - the promises of a task's state word (runtime/task/state.c).
 *
 * model sources: task/state.c task/state.h
 *
 * The run queue is a model_event here: it carries no ordering, so that what one poll sees of the
 * last one, and of those who woke it, is shown to come from the state word alone.  Data that the
 * task's owner of the moment may touch is plain, so a missing release or acquire is a data race; the
 * block is freed with model_free, so a use that does not happen before is one as well.
 */
#include <string.h>

#include "model.h"

#include "task/state.h"

/* What a joiner leaves for the completer; it lives in the joiner's own memory. */
struct waiter {
    uint32_t claimed;
};

static struct block {
    struct wok__state state;
    struct waiter *join_waiter;
    uint32_t
        home; /* set by the first poll; whoever claims the task reads it to know where to push */
    uint32_t local; /* what a poll leaves for the next */
    uint32_t outcome;
} block;

static struct waiter waiters[2];
static atomic_u32 news[2]; /* what the wakes are about */
static atomic_u32 reason;
static atomic_u32 joiner; /* stands for the state word of the joiner's own task */
static struct model_event queue, polled, joiner_queue;
static unsigned outcomes_destroyed, blocks_freed, waiters_claimed;

enum { OUTCOME = 42 };

static void setup(uint32_t flags, uint32_t refs)
{
    memset(&block, 0, sizeof block);
    memset(waiters, 0, sizeof waiters);
    store_relaxed(&news[0], 0);
    store_relaxed(&news[1], 0);
    store_relaxed(&reason, 0);
    store_relaxed(&joiner, 0);
    outcomes_destroyed = blocks_freed = waiters_claimed = 0;
    wok__state_init(&block.state, flags, refs);
}

static void push(void)
{
    model_plain_read(&block.home);
    model_assert(!model_event_set(&queue)); /* a task is in one queue only (S1) */
}

static void free_block(void)
{
    model_free(&block, sizeof block);
    blocks_freed++;
}

static void unref(void)
{
    if (wok__state_unref(&block.state))
        free_block();
}

static void destroy_outcome(void)
{
    model_plain_write(&block.outcome);
    model_assert(block.outcome == OUTCOME);
    block.outcome = 0;
    outcomes_destroyed++;
}

static void finish_freed(void)
{
    model_assert(outcomes_destroyed == 1);
    model_assert(blocks_freed == 1);
}

/* ---- wakes ---------------------------------------------------------------------------------- */

static void setup_queued(void)
{
    setup(WOK__NOTIFIED, 1);
    model_event_set(&queue);
}

static void bring_news(atomic_u32 *which)
{
    store_relaxed(which, 1);
    if (wok__state_wake(&block.state))
        push();
}

static void waker_0(void)
{
    bring_news(&news[0]);
}

static void waker_1(void)
{
    bring_news(&news[1]);
}

/* The first poll decides where the task lives. */
static void settle(void)
{
    model_plain_read(&block.home);
    if (block.home != 0)
        return;
    model_plain_write(&block.home);
    block.home = 1;
}

/* Ends when a poll has seen all news: if a wake were lost, it would sleep forever. */
static void worker(void)
{
    bool done = false;

    while (!done) {
        model_event_wait(&queue);
        wok__state_run(&block.state);
        settle();
        done = load_relaxed(&news[0]) + load_relaxed(&news[1]) == 2;
        if (wok__state_suspend(&block.state))
            push();
    }
}

/* Two workers poll once each; the wake comes during the first poll or after it. */
static void worker_once(void)
{
    model_event_wait(&queue);
    wok__state_run(&block.state);
    model_plain_read(&block.local);
    model_plain_write(&block.local);
    if (++block.local == 1)
        model_event_set(&polled);
    if (wok__state_suspend(&block.state))
        push();
}

static void waker_of_polled(void)
{
    model_event_wait(&polled);
    if (wok__state_wake(&block.state))
        push();
}

static void finish_polled_twice(void)
{
    model_assert(block.local == 2);
}

/* An abort is a wake that a poll cannot overlook, and it brings what was written before it. */
static void aborter(void)
{
    store_relaxed(&reason, 1);
    if (wok__state_abort(&block.state))
        push();
}

static void worker_until_cancelled(void)
{
    for (;;) {
        model_event_wait(&queue);
        uint32_t before = wok__state_run(&block.state);
        settle();
        if (before & WOK__CANCELLED)
            break;
        if (wok__state_suspend(&block.state))
            push();
    }
    model_assert(wok__state_is_cancelled(&block.state));
    model_assert(load_relaxed(&reason) == 1);
}

/* ---- the end of a task, and its handle ------------------------------------------------------ */

/* The references: the task's own, the handle's, and that of one waker. */
static void setup_joined(void)
{
    setup(WOK__NOTIFIED | WOK__JOIN_INTEREST, 3);
}

static void wake_joiner(void)
{
    fetch_or_release(&joiner, 1);
    model_event_set(&joiner_queue);
}

static void completer(void)
{
    wok__state_run(&block.state);
    model_plain_write(&block.outcome);
    block.outcome = OUTCOME;
    switch (wok__state_complete(&block.state)) {
    case WOK__COMPLETED_JOINABLE:
        break;
    case WOK__COMPLETED_WAKE_JOINER:
        model_plain_read(&block.join_waiter);
        model_plain_write(&block.join_waiter->claimed);
        block.join_waiter->claimed = 1;
        waiters_claimed++;
        wake_joiner();
        wok__state_joiner_claimed(&block.state);
        break;
    case WOK__COMPLETED_DETACHED:
        destroy_outcome();
        unref();
        break;
    case WOK__COMPLETED_FREE:
        destroy_outcome();
        free_block();
        break;
    }
}

static void waker_with_ref(void)
{
    model_assert(!wok__state_wake(&block.state)); /* queued, running or complete: never idle */
    unref();
}

static void take_outcome(void)
{
    destroy_outcome();
    unref();
}

static enum wok__join_ready register_waiter(struct waiter *waiter)
{
    model_plain_write(&block.join_waiter);
    block.join_waiter = waiter;
    return wok__state_join_register(&block.state);
}

/* After a wake: waits out a completer that is still at it.  The waiter's memory goes with us. */
static void await_outcome(struct waiter *waiter)
{
    enum wok__join_ready ready;

    model_event_wait(&joiner_queue);
    exchange_acquire(&joiner, 0);
    while ((ready = wok__state_join_look(&block.state)) == WOK__JOIN_IN_FLIGHT)
        model_spin();
    model_assert(ready == WOK__JOIN_READY);
    model_free(waiter, sizeof *waiter);
    take_outcome();
}

static void joiner_waits(void)
{
    if (register_waiter(&waiters[0]) == WOK__JOIN_PENDING)
        await_outcome(&waiters[0]);
    else
        take_outcome();
}

/* Something else wakes the joiner (a branch of a select), and it looks before the completer has
 * finished with the waiter. */
static void joiner_is_early(void)
{
    if (register_waiter(&waiters[0]) == WOK__JOIN_PENDING) {
        while (wok__state_join_look(&block.state) != WOK__JOIN_READY)
            model_spin();
        model_free(&waiters[0], sizeof waiters[0]);
    }
    take_outcome();
}

static void joiner_looks(void)
{
    while (wok__state_join_look(&block.state) != WOK__JOIN_READY)
        model_spin();
    take_outcome();
}

static void joiner_drops(void)
{
    if (wok__state_handle_drop(&block.state) == WOK__HANDLE_LAST) {
        destroy_outcome();
        unref();
    }
}

/* Registers, gives up (a timeout), and then either drops the handle or waits once more. */
static void joiner_gives_up(void)
{
    if (register_waiter(&waiters[0]) == WOK__JOIN_READY) {
        take_outcome();
        return;
    }
    while (!wok__state_join_unregister(&block.state))
        model_spin();
    model_free(&waiters[0], sizeof waiters[0]);
    if (model_choose(2) == 0)
        joiner_drops();
    else if (wok__state_join_look(&block.state) == WOK__JOIN_READY ||
             register_waiter(&waiters[1]) == WOK__JOIN_READY)
        take_outcome();
    else
        await_outcome(&waiters[1]);
}

/* Two wakers, and nobody wants the outcome. */
static void setup_detached(void)
{
    setup(WOK__NOTIFIED, 3);
}

static void watcher(void)
{
    if (wok__state_is_complete(&block.state)) {
        model_plain_read(&block.outcome);
        model_assert(block.outcome == OUTCOME);
    }
    unref();
}

/* Leaves the outcome where it is, for the watcher. */
static void joiner_leaves(void)
{
    while (wok__state_join_look(&block.state) != WOK__JOIN_READY)
        model_spin();
    unref();
}

static void finish_block_freed(void)
{
    model_assert(blocks_freed == 1);
}

/* ---- references ------------------------------------------------------------------------------ */

static void setup_unborn(void)
{
    setup(0, 0);
}

/* A dump finds blocks by walking a slab, where a block may be free or just being made.  The word of
 * a free block stays readable, so only the rest of the block is freed here. */
static void unref_in_slab(void)
{
    if (wok__state_unref(&block.state)) {
        model_free(&block.local, sizeof block - offsetof(struct block, local));
        blocks_freed++;
    }
}

static void creator(void)
{
    model_plain_write(&block.local);
    block.local = 7;
    wok__state_init(&block.state, WOK__NOTIFIED, 1);
    unref_in_slab();
}

static void finder(void)
{
    if (!wok__state_try_ref(&block.state))
        return;
    model_plain_read(&block.local);
    model_assert(block.local == 7);
    wok__state_ref(&block.state);
    unref_in_slab();
    unref_in_slab();
}

static const struct model_check checks[] = {
    {.name = "a wake is never lost", .setup = setup_queued, .threads = {worker, waker_0, waker_1}},
    {.name = "a poll sees what the last one left, on another worker",
     .setup = setup_queued,
     .threads = {worker_once, worker_once, waker_of_polled},
     .finish = finish_polled_twice},
    {.name = "an abort reaches the task, with its reason",
     .setup = setup_queued,
     .threads = {worker_until_cancelled, aborter, waker_0}},
    {.name = "join: registers while it completes",
     .setup = setup_joined,
     .threads = {completer, joiner_waits, waker_with_ref},
     .finish = finish_freed},
    {.name = "join: is woken by something else",
     .setup = setup_joined,
     .threads = {completer, joiner_is_early, waker_with_ref},
     .finish = finish_freed},
    {.name = "join: looks while it completes",
     .setup = setup_joined,
     .threads = {completer, joiner_looks, waker_with_ref},
     .finish = finish_freed},
    {.name = "join: drops the handle while it completes",
     .setup = setup_joined,
     .threads = {completer, joiner_drops, waker_with_ref},
     .finish = finish_freed},
    {.name = "join: gives up while it completes",
     .setup = setup_joined,
     .threads = {completer, joiner_gives_up, waker_with_ref},
     .finish = finish_freed},
    {.name = "detached: the last one frees",
     .setup = setup_detached,
     .threads = {completer, waker_with_ref, waker_with_ref},
     .finish = finish_freed},
    {.name = "complete is seen with the outcome",
     .setup = setup_joined,
     .threads = {completer, watcher, joiner_leaves},
     .finish = finish_block_freed},
    {.name = "a block found in the slab is whole, or left alone",
     .setup = setup_unborn,
     .threads = {creator, finder, finder},
     .finish = finish_block_freed},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
