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
 * for by the usual way.  Unless a call of a blocking pool runs, which may wake somebody, it moves the
 * clock to the next deadline of all wheels instead; that worker's sleep is over then.  A call that waits by
 * one of wok's own functions does not run: calls.c says why the clock never passes one that does.
 *
 * A wake is a word of the driver's (io/epoll.c), and a bell that ends the wait.  A thread outside may set the
 * one and ring the other much later, when the worker has run and sleeps again: so the bell is the one of
 * all, which ends a wait and stirs nobody.
 *
 * Plain threads and the blocking pool's are outside: they come and go by real time, and what they do
 * to the runtime is repeated only as far as they do it at the same point of the order.  One that must
 * not meet a turn (a shutdown, a look at the log) claims the world: a word that is 1 during a turn,
 * and that the next turn leaves to those who want it.
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
#include <sys/eventfd.h>
#include <unistd.h>

#include "platform/futex.h"
#include "sched/invariants.h"
#include "sched/sched.h"

/* One turn in so many goes to a worker that sleeps and was not woken: a wait may end for no reason.
 * It is also how a sleeper's descriptors are looked at while others are never idle. */
enum { EARLY = 32 };

/* How soon a paused clock looks again while blocking work holds it. */
#define HELD_NS UINT64_C(1000000)

/* How soon the invariants are looked at again while all sleep: a wake that never comes is one of them. */
#define CHECK_AGAIN_NS UINT64_C(500000000)

/* How long a turn may keep a stop waiting. */
#define STOP_WAIT_NS UINT64_C(2000000000)

/* Who has the turn when a call of a blocking pool has it, beside the workers. */
enum { CALLER = WOK__WORKERS_MAX };

/* The bits of wok__turns.has. */
enum {
    TURN = 1, /* it is this worker's turn */
    OVER = 2, /* nobody waits for turns any more; stays */
};

static uint64_t bit_of(uint32_t worker)
{
    return UINT64_C(1) << worker;
}

/* ---- the world ---------------------------------------------------------------------------------- */

static void world_take(struct wok__turns *turns)
{
    uint32_t frozen, claims, seen;

    for (;;) {
        if ((frozen = load_relaxed(&turns->frozen)) != 0) {
            wok__futex_wait(&turns->frozen, frozen);
        } else if ((claims = load_relaxed(&turns->claims)) != 0) {
            wok__futex_wait(&turns->claims, claims);
        } else {
            seen = 0;
            if (cas_acquire(&turns->world, &seen, 1)) /* [turns.world] */
                return;
        }
    }
}

static void world_give(struct wok__turns *turns)
{
    store_release(&turns->world, 0); /* [turns.world] what was done with it is seen by the next */
    fence_seq_cst();                 /* [turns.claim] free before the look at who wants it */
    if (load_relaxed(&turns->claims) != 0)
        wok__futex_wake(&turns->world, INT_MAX);
}

bool wok__turns_claim(struct wok__turns *turns, uint64_t deadline_ns)
{
    uint32_t seen = 0;

    fetch_add_relaxed(&turns->claims, 1);
    fence_seq_cst(); /* [turns.claim] the wish before the look at whether it is free */
    while (!cas_acquire(&turns->world, &seen, 1)) { /* [turns.world] */
        seen = 0;
        if (wok__futex_wait_until(&turns->world, 1, deadline_ns) != -ETIMEDOUT)
            continue;
        fetch_sub_relaxed(&turns->claims, 1);
        wok__futex_wake(&turns->claims, INT_MAX);
        return false;
    }
    return true;
}

void wok__turns_release(struct wok__turns *turns)
{
    store_relaxed(&turns->frozen, 0);
    wok__futex_wake(&turns->frozen, INT_MAX);
    store_release(&turns->world, 0); /* [turns.world] */
    fetch_sub_relaxed(&turns->claims, 1);
    wok__futex_wake(&turns->world, INT_MAX);
    wok__futex_wake(&turns->claims, INT_MAX);
}

void wok__turns_poke(struct wok__turns *turns)
{
    uint64_t one = 1;
    ssize_t written = write(turns->poke_fd, &one, sizeof one);

    (void)written; /* it fails only when 2^64 pokes wait */
}

void wok__turns_freeze(struct wok__turns *turns)
{
    store_relaxed(&turns->frozen, 1);
}

/* ---- handing over ------------------------------------------------------------------------------ */

static void give(struct wok__turns *turns, uint32_t worker, uint32_t what)
{
    fetch_or_release(&turns->has[worker], what); /* [turns.hand-over] all that the giver did */
    wok__futex_wake(&turns->has[worker], 1);
}

/* Waits for the worker's turn; it has none when turns are over, and another one may still be using
 * what belongs to whoever has the turn. */
static void take(struct wok__turns *turns, struct wok__worker *worker)
{
    atomic_u32 *has = &turns->has[worker->index];

    while (load_acquire(has) == 0) /* [turns.hand-over] */
        wok__futex_wait(has, 0);
    worker->has_turn = (fetch_and_relaxed(has, ~(uint32_t)TURN) & OVER) == 0;
    if (worker->has_turn)
        world_take(turns);
}

/* Who could go on. */
static uint64_t able(struct wok__turns *turns)
{
    uint64_t found = (turns->all & ~turns->asleep) | turns->stirred;

    for (uint32_t i = 0; i < turns->runtime->worker_count; i++)
        if (wok__driver_is_woken(&turns->runtime->workers[i]->driver))
            found |= bit_of(i);
    return wok__calls_wait(&turns->calls) ? found | bit_of(CALLER) : found;
}

/* ---- when all sleep ---------------------------------------------------------------------------- */

/* Looks into the drivers of all workers; waits there if the time is not 0 and all sleep. */
static void look(struct wok__turns *turns, uint64_t timeout_ns)
{
    struct wok__driver *drivers[WOK__WORKERS_MAX];
    uint32_t count = turns->runtime->worker_count;
    uint64_t found, pokes;

    for (uint32_t i = 0; i < count; i++)
        drivers[i] = &turns->runtime->workers[i]->driver;
    if (timeout_ns != 0)
        world_give(turns);
    found = wok__driver_wait_all(drivers, count, turns->poke_fd, timeout_ns);
    while (timeout_ns != 0 && read(turns->poke_fd, &pokes, sizeof pokes) == sizeof pokes)
        ;
    if (timeout_ns != 0)
        world_take(turns);
    turns->stirred |= found;
}

/* True if there is something to run: a thread outside has pushed it and is about to wake somebody. */
static bool sees_work(const struct wok_runtime *runtime)
{
    if (wok__injected_any(runtime))
        return true;
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        const struct wok__worker *worker = runtime->workers[i];
        if (load_relaxed(&worker->inbox) != NULL || wok__worker_stealable(worker) != 0)
            return true;
    }
    return false;
}

/* Moves the clock to the next deadline, but not past `limit_ns`; false: there is none until then.
 * The wheels move with it: of deadlines that are far away they know only where to look again. */
static bool advance(struct wok__turns *turns, uint64_t limit_ns)
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
        if (next_ns == UINT64_MAX || next_ns > limit_ns)
            return false;
        wok__clock_advance_to(&runtime->clock, next_ns);
    }
}

/* Lets time pass, if it may: a worker is stirred, or false. */
static bool let_time_pass(struct wok__turns *turns, uint32_t self)
{
    struct wok_runtime *runtime = turns->runtime;
    uint64_t before_ns = wok__clock_now(&runtime->clock);
    uint64_t settle_ns = wok__settle_next(turns);
    uint64_t limit_ns = turns->manual && settle_ns == UINT64_MAX ? before_ns : settle_ns;

    if (!advance(turns, limit_ns)) {
        if (settle_ns == UINT64_MAX)
            return false;
        wok__clock_advance_to(&runtime->clock, settle_ns);
        turns->settled = true;
        turns->stirred |= bit_of(self);
    }
    if (wok__clock_now(&runtime->clock) != before_ns)
        wok__log_add(runtime->workers[self], WOK_TEST_CLOCK, NULL, wok__clock_now(&runtime->clock));
    return true;
}

static uint64_t real_now(void)
{
    struct wok__clock real;

    wok__clock_init(&real, false);
    return wok__clock_now(&real);
}

/* Waits for something from outside, or finds that nothing comes; for `*quiet_ns` nothing has. */
static void rest(struct wok__turns *turns, uint32_t self, uint64_t *quiet_ns)
{
    uint64_t wait_ns = wok__deadlock_left(turns, *quiet_ns), before_ns, spent_ns;

    if (wait_ns == 0) {
        /* Once more: a thread that is gone by now may have left something. */
        look(turns, 0);
        if (able(turns) != 0 || sees_work(turns->runtime))
            return;
        (void)wok__check_invariants(turns->runtime); /* that it is the test's fault, and not ours */
        turns->stuck = true;
        turns->stirred |= bit_of(self);
        return;
    }
    if (turns->check_every != 0 && wait_ns > CHECK_AGAIN_NS)
        wait_ns = CHECK_AGAIN_NS;
    before_ns = real_now();
    look(turns, wait_ns);
    spent_ns = real_now() - before_ns;
    *quiet_ns = spent_ns < wait_ns ? 0 : *quiet_ns + spent_ns;
    if (turns->check_every != 0 && load_relaxed(&turns->runtime->stopping) == 0)
        (void)wok__check_invariants(turns->runtime);
}

static void wait_until_stirred(struct wok__turns *turns, uint32_t self, uint64_t *quiet_ns)
{
    struct wok_runtime *runtime = turns->runtime;
    bool held;

    if (load_relaxed(&turns->quiet) == 0) {
        store_release(&turns->quiet, 1); /* [turns.quiet] */
        wok__futex_wake(&turns->quiet, 1);
    }
    look(turns, 0);
    if (turns->stirred != 0 || load_relaxed(&runtime->stopping) != 0)
        return;
    if (turns->check_every == 1)
        (void)wok__check_invariants(runtime);
    /* First the calls, then what they pushed before they ended. */
    held = wok__pools_run(&runtime->pools);
    if (able(turns) != 0)
        return;
    if (held || sees_work(runtime)) {
        look(turns, HELD_NS);
        *quiet_ns = 0;
    } else if (!let_time_pass(turns, self)) {
        rest(turns, self, quiet_ns);
    }
}

/* ---- drawing ------------------------------------------------------------------------------------ */

bool wok__turns_rest(struct wok__turns *turns)
{
    return able(turns) == 0;
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
    uint64_t among, quiet_ns = 0;

    while ((among = able(turns)) == 0) {
        wait_until_stirred(turns, self, &quiet_ns);
        if (load_relaxed(&turns->runtime->stopping) != 0)
            return self;
    }
    if (turns->all == 1 && among == turns->all)
        return self;
    if ((turns->all & ~among) != 0 && turns->all != 1 && wok__rand_below(&turns->rand, EARLY) == 0)
        return pick(turns, turns->all & ~among);
    if ((among & bit_of(self)) != 0 &&
        wok__rand_below(&turns->rand, UINT64_C(1) << turns->stay) != 0)
        return self;
    return pick(turns, among);
}

void wok__turns_give_back(struct wok__turns *turns, uint32_t lender)
{
    give(turns, lender, TURN);
}

/* Lets a call of a blocking pool have the turn, and the world with it, until it ends or waits. */
static void lend(struct wok__turns *turns, struct wok__worker *worker)
{
    atomic_u32 *has = &turns->has[worker->index];

    if (!wok__calls_lend(&turns->calls, worker))
        return;
    wok__calls_tell(&turns->calls);
    while (load_acquire(has) == 0) /* [turns.hand-over] */
        wok__futex_wait(has, 0);
    worker->has_turn = (fetch_and_relaxed(has, ~(uint32_t)TURN) & OVER) == 0;
}

static void check(struct wok__turns *turns)
{
    size_t tasks = wok__check_invariants(turns->runtime);

    /* So that many tasks do not make it slower by more than so much for each turn. */
    turns->until_check = turns->check_every + (turns->check_every > 1 ? (uint32_t)tasks : 0);
}

void wok__turns_pass(struct wok__worker *worker)
{
    struct wok__turns *turns = worker->runtime->turns;
    uint32_t next;

    if (!worker->has_turn || load_relaxed(&worker->runtime->stopping) != 0)
        return;
    if (turns->check_every != 0 && --turns->until_check == 0)
        check(turns);
    while ((next = draw(turns, worker->index)) == CALLER) {
        lend(turns, worker);
        if (!worker->has_turn)
            return;
    }
    world_give(turns);
    if (next != worker->index) {
        give(turns, next, TURN);
        take(turns, worker);
    } else {
        world_take(turns);
    }
    if (worker->has_turn)
        turns->stirred &= ~bit_of(worker->index); /* it looks at its driver and its wheel now */
}

void wok__turns_sleep(struct wok__worker *worker)
{
    struct wok__turns *turns = worker->runtime->turns;

    if (!worker->has_turn)
        return;
    wok__log_add(worker, WOK_TEST_SLEEP, NULL, 0);
    turns->asleep |= bit_of(worker->index);
    wok__turns_pass(worker);
    if (!worker->has_turn)
        return;
    turns->asleep &= ~bit_of(worker->index);
    if (turns->stuck) {
        turns->stuck = false;
        wok__deadlock_end(turns);
    }
    if (turns->settled) {
        turns->settled = false;
        wok__settle_wake(turns, wok__clock_now(&turns->runtime->clock));
    }
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
    turns->poke_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (turns->poke_fd < 0) {
        int error = -errno;
        free(turns);
        return error;
    }
    turns->runtime = runtime;
    turns->log.clock = &runtime->clock;
    turns->all = (bit_of(runtime->worker_count - 1) << 1) - 1;
    wok__rand_seed(&turns->rand,
                   seed ^ UINT64_C(0x7475726e73)); /* not what the workers draw from */
    turns->stay = (uint32_t)wok__rand_below(&turns->rand, 4);
    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        runtime->workers[i]->log = &turns->log;
        wok__driver_ring_at(&runtime->workers[i]->driver, turns->poke_fd);
    }
    *ret_turns = turns;
    return 0;
}

void wok__turns_free(struct wok__turns *turns)
{
    if (turns == NULL)
        return;
    wok__calls_done(&turns->calls);
    close(turns->poke_fd);
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
    struct wok__clock real;

    /* Between two turns: until then the one that has it is alone.  But a call may never give it back. */
    wok__clock_init(&real, false);
    bool claimed = wok__turns_claim(turns, wok__clock_now(&real) + STOP_WAIT_NS);

    for (uint32_t i = 0; i < turns->runtime->worker_count; i++)
        give(turns, i, OVER);
    if (claimed)
        wok__turns_release(turns);
}

void wok__turns_enter(struct wok__worker *worker)
{
    take(worker->runtime->turns, worker);
}

void wok__turns_leave(struct wok__worker *worker)
{
    if (worker->has_turn)
        world_give(worker->runtime->turns);
    worker->has_turn = false;
}
