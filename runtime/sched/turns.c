/*
 * turns.c - workers that run one at a time, in an order that a seed decides.
 *
 * The workers are threads as always, with their queues, thread-locals and bound tasks; but one of
 * them has the turn, and the others wait for it.  A turn is one poll, or one round of parking.  After
 * it the worker draws the next one among those that could go on in a free run: the ones that are
 * awake, and the sleepers that were woken, have an event, or whose timer is due.  So everything the
 * scheduler does (steals, slot, inbox, injection, searching, parking) is the code of a free run, in
 * an interleaving of polls that the seed repeats; what the machine's processors would have decided,
 * the generator decides.
 *
 * When every worker sleeps and none was woken, the one that has the turn waits in all drivers at once
 * (io/driver.h), so that a wake from outside, a signal or a socket's event reaches whom it is meant
 * for by the usual way.  Unless work of the blocking pool is under way, which may wake somebody, it
 * moves the clock to the next deadline of all wheels instead; that worker's sleep is over then.
 *
 * Plain threads and the blocking pool's are outside: they come and go by real time, and what they do
 * to the runtime is repeated only as far as they do it at the same point of the order.
 *
 * Invariants
 *   T1  at most one worker's thread is between wok__turns_enter or the return of a pass and the next
 *       pass; what is not atomic here belongs to it.
 *   T2  a worker that is not drawn for ever sleeps for ever in a free run: it sleeps, and its driver
 *       has neither a wake nor an event, and its wheel nothing that is due.
 *   T3  with the turn taken, a draw depends on the seed, the draws before it, and the state of queues,
 *       wheels and drivers; not on addresses, and not on real time.
 */
#include "sched/turns.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "platform/futex.h"
#include "sched/sched.h"

/* One turn in so many goes to a worker that sleeps and was not woken: a wait may end for no reason.
 * It is also how a sleeper's descriptors are looked at while others are never idle. */
enum { EARLY = 32 };

/* How soon a paused clock looks again while blocking work holds it. */
#define HELD_NS UINT64_C(1000000)

struct wok__turns {
    struct wok_runtime *runtime; /* constant */
    uint64_t all;                /* constant: a bit for each worker */
    /* The next four: whoever has the turn. */
    struct wok__rand rand;
    uint32_t stay;    /* a worker that can go on does so in all but one of 2^stay draws */
    uint64_t asleep;  /* workers that sleep */
    uint64_t stirred; /* sleepers whose driver has an event or whose wheel has a timer due */
    atomic_u32 quiet; /* a futex: 1 when every worker has slept once */
    atomic_u32 has[WOK__WORKERS_MAX]; /* futexes, of the bits below */
};

enum {
    TURN = 1, /* it is this worker's turn */
    OVER = 2, /* nobody waits for turns any more; stays */
};

static uint64_t bit_of(uint32_t worker)
{
    return UINT64_C(1) << worker;
}

/* ---- handing over ------------------------------------------------------------------------------ */

static void give(struct wok__turns *turns, uint32_t worker, uint32_t what)
{
    fetch_or_release(&turns->has[worker], what); /* [turns.hand-over] all that the giver did */
    wok__futex_wake(&turns->has[worker], 1);
}

/* False: turns are over, and another worker may be using what belongs to the one that has it. */
static bool take(struct wok__turns *turns, uint32_t worker)
{
    while (load_acquire(&turns->has[worker]) == 0) /* [turns.hand-over] */
        wok__futex_wait(&turns->has[worker], 0);
    return (fetch_and_relaxed(&turns->has[worker], ~(uint32_t)TURN) & OVER) == 0;
}

/* ---- when all sleep ---------------------------------------------------------------------------- */

/* Waits in the drivers of all workers, which all sleep if the time is not 0. */
static void look(struct wok__turns *turns, uint64_t timeout_ns)
{
    struct wok__driver *drivers[WOK__WORKERS_MAX];
    uint32_t count = turns->runtime->worker_count;

    for (uint32_t i = 0; i < count; i++)
        drivers[i] = &turns->runtime->workers[i]->driver;
    turns->stirred |= wok__driver_wait_all(drivers, count, timeout_ns);
}

/* True if there is something to run: a thread outside has pushed it and is about to wake somebody. */
static bool sees_work(const struct wok_runtime *runtime)
{
    if (wok__inject_length(&runtime->inject) != 0)
        return true;
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        const struct wok__worker *worker = runtime->workers[i];
        if (load_relaxed(&worker->inbox) != NULL || wok__queue_length(&worker->queue) != 0)
            return true;
    }
    return false;
}

/* Moves the clock to the next deadline; false: there is none.  The wheels move with it, since they
 * know deadlines that are far away only by where they have to look again. */
static bool advance(struct wok__turns *turns)
{
    struct wok_runtime *runtime = turns->runtime;

    for (;;) {
        uint64_t now_ns = wok__clock_now(&runtime->clock), next_ns = UINT64_MAX;
        for (uint32_t i = 0; i < runtime->worker_count; i++) {
            uint64_t due_ns = wok__timers_next(&runtime->workers[i]->timers, now_ns);
            if (due_ns <= now_ns)
                turns->stirred |= bit_of(i);
            else if (due_ns < next_ns)
                next_ns = due_ns;
        }
        if (turns->stirred != 0)
            return true;
        if (next_ns == UINT64_MAX)
            return false;
        wok__clock_advance_to(&runtime->clock, next_ns);
    }
}

static void wait_until_stirred(struct wok__turns *turns)
{
    struct wok_runtime *runtime = turns->runtime;

    if (load_relaxed(&turns->quiet) == 0) {
        store_release(&turns->quiet, 1); /* [turns.quiet] */
        wok__futex_wake(&turns->quiet, 1);
    }
    look(turns, 0);
    if (turns->stirred != 0)
        return;
    if (sees_work(runtime) || wok__pool_running(runtime) > 0)
        look(turns, HELD_NS);
    else if (!advance(turns))
        look(turns, UINT64_MAX);
}

/* ---- drawing ------------------------------------------------------------------------------------ */

/* The workers that could go on. */
static uint64_t able(const struct wok__turns *turns)
{
    uint64_t found = (turns->all & ~turns->asleep) | turns->stirred;

    for (uint32_t i = 0; i < turns->runtime->worker_count; i++)
        if (wok__driver_is_woken(&turns->runtime->workers[i]->driver))
            found |= bit_of(i);
    return found;
}

static uint32_t pick(struct wok__turns *turns, uint64_t among)
{
    uint64_t nth = wok__rand_below(&turns->rand, (uint64_t)__builtin_popcountll(among));

    while (nth-- > 0)
        among &= among - 1;
    return (uint32_t)__builtin_ctzll(among);
}

static uint32_t draw(struct wok__turns *turns, uint32_t self)
{
    uint64_t among;

    while ((among = able(turns)) == 0) {
        wait_until_stirred(turns);
        if (load_relaxed(&turns->runtime->stopping) != 0)
            return self;
    }
    if (turns->all == 1)
        return self;
    if (among != turns->all && wok__rand_below(&turns->rand, EARLY) == 0)
        return pick(turns, turns->all & ~among);
    if ((among & bit_of(self)) != 0 &&
        wok__rand_below(&turns->rand, UINT64_C(1) << turns->stay) != 0)
        return self;
    return pick(turns, among);
}

/* False: turns are over. */
static bool pass(struct wok__turns *turns, uint32_t self)
{
    uint32_t next;

    if (load_relaxed(&turns->runtime->stopping) != 0)
        return false;
    next = draw(turns, self);
    if (next != self) {
        give(turns, next, TURN);
        if (!take(turns, self))
            return false;
    }
    turns->stirred &= ~bit_of(self); /* it looks at its driver and its wheel now */
    return true;
}

void wok__turns_pass(struct wok__worker *worker)
{
    (void)pass(worker->runtime->turns, worker->index);
}

void wok__turns_sleep(struct wok__worker *worker)
{
    struct wok__turns *turns = worker->runtime->turns;

    turns->asleep |= bit_of(worker->index);
    if (pass(turns, worker->index))
        turns->asleep &= ~bit_of(worker->index);
}

bool wok__turns_coin(struct wok__turns *turns)
{
    return wok__rand_below(&turns->rand, 2) == 0;
}

/* ---- life --------------------------------------------------------------------------------------- */

int wok__turns_new(struct wok__turns **ret_turns, struct wok_runtime *runtime, uint64_t seed)
{
    struct wok__turns *turns = calloc(1, sizeof *turns);

    if (turns == NULL)
        return -ENOMEM;
    turns->runtime = runtime;
    turns->all = (bit_of(runtime->worker_count - 1) << 1) - 1;
    wok__rand_seed(&turns->rand,
                   seed ^ UINT64_C(0x7475726e73)); /* not what the workers draw from */
    turns->stay = (uint32_t)wok__rand_below(&turns->rand, 4);
    *ret_turns = turns;
    return 0;
}

void wok__turns_free(struct wok__turns *turns)
{
    free(turns);
}

void wok__turns_start(struct wok__turns *turns)
{
    give(turns, pick(turns, turns->all), TURN);
    while (load_acquire(&turns->quiet) == 0) /* [turns.quiet] the workers' first rounds */
        wok__futex_wait(&turns->quiet, 0);
}

void wok__turns_stop(struct wok__turns *turns)
{
    for (uint32_t i = 0; i < turns->runtime->worker_count; i++)
        give(turns, i, OVER);
}

void wok__turns_enter(struct wok__worker *worker)
{
    (void)take(worker->runtime->turns, worker->index);
}
