/*
 * explore.c - runs a check in every way there is.
 *
 * A run is determined by its decisions: which thread goes next, which store a load reads.  After a
 * run the last decision that has an alternative left takes it, and the check runs again from the
 * start: depth-first search without ever saving a program's state.
 *
 * Two shortcuts keep that affordable.  Most ways lead to states already seen: before each decision on
 * new ground the state (modification orders, and for each thread the hash of all that it has read,
 * which determines where it stands) is looked up, and a run that reaches a known state is given up,
 * since what can follow was explored from there.  Histories only grow, so no state leads back to
 * itself.  With a bound on preemptions the current thread and the number used so far belong to the
 * state.  Two states of one 64-bit hash would hide one of them; at four million states the odds are
 * 1 in two million.  And an access that no other thread can notice is no place to let others run
 * (memory.c, concerns_others).
 *
 * Threads are coroutines.  ucontext makes each stack once; after that _setjmp and _longjmp switch,
 * since swapcontext makes a system call each time.  The frame at the bottom of a stack never
 * returns, so that a run can be abandoned anywhere by jumping back to it.
 */
#undef _FORTIFY_SOURCE /* its longjmp refuses to switch stacks */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "engine.h"

enum { MAX_DECISIONS = 2 * MAX_STEPS, STACK_BYTES = 256 * 1024 };

/* Caps; an exploration that meets one is reported as cut. */
static const uint64_t MAX_STATES = 4u << 20;
static const double MAX_SECONDS = 40;

struct decision {
    uint8_t chosen, count;
};

struct engine engine;

static struct decision decisions[MAX_DECISIONS];
static unsigned decision_count; /* recorded */
static unsigned decision_next;  /* taken in this run */
static unsigned preemptions;    /* in this run */
static bool given_up;           /* this run reached a known state */

static jmp_buf explorer;
static jmp_buf bottoms[MODEL_MAX_THREADS]; /* where a thread's body is called */
static jmp_buf paused[MODEL_MAX_THREADS];
static ucontext_t contexts[MODEL_MAX_THREADS], maker;
static char stacks[MODEL_MAX_THREADS][STACK_BYTES] __attribute__((aligned(64)));

/* Hashes of the states seen: open addressing, zero is empty. */
static uint64_t *seen;
static uint64_t seen_size, seen_count;

static bool insert(uint64_t *table, uint64_t size, uint64_t hash)
{
    uint64_t slot = hash & (size - 1);

    while (table[slot] != 0 && table[slot] != hash)
        slot = (slot + 1) & (size - 1);
    if (table[slot] == hash)
        return false;
    table[slot] = hash;
    return true;
}

static void grow_seen(void)
{
    uint64_t size = seen_size == 0 ? 1u << 14 : seen_size * 2;
    uint64_t *table = calloc(size, sizeof *table);

    if (table == NULL) {
        fprintf(stderr, "model: out of memory\n");
        exit(MODEL_EXIT_USAGE);
    }
    for (uint64_t i = 0; i < seen_size; i++)
        if (seen[i] != 0)
            insert(table, size, seen[i]);
    free(seen);
    seen = table;
    seen_size = size;
}

static bool first_visit(uint64_t hash)
{
    if (seen_count * 2 >= seen_size)
        grow_seen();
    if (!insert(seen, seen_size, hash == 0 ? 1 : hash))
        return false;
    seen_count++;
    return true;
}

static void leave_run(void)
{
    _longjmp(explorer, 1);
}

void explore_violation(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(engine.what, sizeof engine.what, format, arguments);
    va_end(arguments);
    leave_run();
    abort();
}

void explore_broken(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "model: %s: ", engine.check->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    exit(MODEL_EXIT_USAGE);
}

void explore_remember(uint64_t value)
{
    self()->history = mix(self()->history, value);
}

unsigned explore_decide(unsigned count)
{
    if (count == 1 || engine.current == MAIN)
        return 0;
    if (decision_next == MAX_DECISIONS)
        explore_broken("more than %d decisions in one run", MAX_DECISIONS);
    struct decision *decision = &decisions[decision_next++];
    if (decision_next > decision_count) {
        *decision = (struct decision){.count = (uint8_t)count};
        decision_count++;
    } else if (decision->count != count) {
        explore_broken("the harness is not deterministic: %u choices became %u", decision->count,
                       count);
    }
    return decision->chosen;
}

/* The call that never returns: each _longjmp to the bottom starts the thread's body afresh. */
static void bottom_of_stack(void)
{
    unsigned me = engine.current;

    if (_setjmp(bottoms[me]) == 0)
        swapcontext(&contexts[me], &maker);
    me = engine.current;
    engine.check->threads[me]();
    memory_tick();
    trace_add(OP_END, -1, MODEL_SITE("end"));
    engine.actors[me].finished = true;
    explore_point(OP_END, NULL);
}

static void make_stacks(void)
{
    for (unsigned i = 0; i < MODEL_MAX_THREADS; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = stacks[i];
        contexts[i].uc_stack.ss_size = STACK_BYTES;
        contexts[i].uc_link = NULL;
        makecontext(&contexts[i], bottom_of_stack, 0);
        engine.current = i;
        swapcontext(&maker, &contexts[i]);
    }
}

static void switch_to(unsigned next)
{
    engine.current = next;
    if (engine.actors[next].waiting == OP_START)
        _longjmp(bottoms[next], 1);
    _longjmp(paused[next], 1);
}

/*
 * Nobody can go on.  A thread that spins may be waiting for a store that was made long ago and that
 * it kept not seeing; C11 (7.17.3p16) wants stores to become visible in the end, so now they do.
 */
static bool let_spinners_see(void)
{
    bool any = false;

    for (unsigned i = 0; i < engine.threads; i++) {
        struct actor *actor = &engine.actors[i];

        if (actor->finished || actor->waiting != OP_SPIN || !memory_catch_up(actor))
            continue;
        actor->stores_seen = engine.stores - 1;
        actor->history = mix(actor->history, engine.stores);
        any = true;
    }
    return any;
}

static void report_deadlock(void)
{
    char who[128] = "";

    for (unsigned i = 0; i < engine.threads; i++) {
        const struct actor *actor = &engine.actors[i];
        size_t used = strlen(who);

        if (!actor->finished)
            snprintf(who + used, sizeof who - used, "%s%u %s", used == 0 ? "" : ", ", i,
                     actor->waiting == OP_SPIN ? "spins" : "sleeps");
    }
    explore_violation("deadlock: no thread can go on (%s)", who);
}

/* The threads that may go next, the current one first; zero when the run has ended. */
static unsigned runnable(unsigned *ret_threads)
{
    unsigned count = 0;
    bool unfinished = false;

    if (engine.current != MAIN && sync_may_run(self()))
        ret_threads[count++] = engine.current;
    for (unsigned i = 0; i < engine.threads; i++) {
        unfinished |= !engine.actors[i].finished;
        if (i != engine.current && sync_may_run(&engine.actors[i]))
            ret_threads[count++] = i;
    }
    if (count != 0 || !unfinished)
        return count;
    if (let_spinners_see())
        return runnable(ret_threads);
    if (!engine.check->ends_asleep)
        report_deadlock();
    return 0;
}

/* True if what can follow from here was explored before. */
static bool known_state(bool may_go_on)
{
    uint64_t hash = mix(memory_hash(), sync_hash());

    if (engine.check->max_preemptions != 0)
        hash = mix(hash, (uint64_t)preemptions << 8 | (may_go_on ? engine.current : MAIN));
    return !first_visit(hash) && !engine.check->no_shortcuts;
}

/* Decides who goes next; returns when that is the caller. */
static void schedule(void)
{
    unsigned threads[ACTORS];
    unsigned count = runnable(threads);

    if (count == 0)
        leave_run();
    bool may_go_on = threads[0] == engine.current;
    unsigned bound = engine.check->max_preemptions;
    if (decision_next == decision_count && known_state(may_go_on)) {
        given_up = true;
        leave_run();
    }
    if (may_go_on && bound != 0 && preemptions >= bound)
        count = 1;
    unsigned next = threads[explore_decide(count)];
    if (next == engine.current)
        return;
    preemptions += may_go_on;
    if (engine.current == MAIN || self()->finished)
        switch_to(next);
    if (_setjmp(paused[engine.current]) == 0)
        switch_to(next);
}

void explore_point(enum op_kind waiting, const void *object)
{
    if (engine.current == MAIN)
        return;
    self()->waiting = waiting;
    self()->object = object;
    schedule();
}

static void begin_run(void)
{
    engine.run++;
    engine.stores = 0;
    engine.event_count = 0;
    engine.what[0] = '\0';
    decision_next = 0;
    preemptions = 0;
    given_up = false;
    memset(engine.actors, 0, sizeof engine.actors);
    memory_new_run();
    sync_new_run();
    engine.current = MAIN;
}

/* One run, to its end, to a known state, or to a violation. */
static void run_once(void)
{
    begin_run();
    if (_setjmp(explorer) == 0) {
        if (engine.check->setup != NULL)
            engine.check->setup();
        memory_start_threads();
        engine.stores = 0;
        schedule(); /* comes back below, when the run has ended */
    }
    engine.current = MAIN;
    if (given_up || engine.what[0] != '\0')
        return;
    if (_setjmp(explorer) == 0) {
        memory_join_threads();
        if (engine.check->finish != NULL)
            engine.check->finish();
    }
}

/* Moves to the next way of running; false when there is none. */
static bool next_run(void)
{
    while (decision_count > 0) {
        struct decision *last = &decisions[decision_count - 1];

        if (++last->chosen < last->count)
            return true;
        decision_count--;
    }
    return false;
}

/* Of this process: how busy the machine is with others changes no verdict. */
static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Forgets what has been explored. */
static void start_afresh(void)
{
    free(seen);
    seen = NULL;
    seen_size = seen_count = 0;
    decision_count = 0;
    engine.newly_shared = false;
}

static void begin_check(const struct model_check *check)
{
    static bool ready;

    engine.check = check;
    engine.threads = 0;
    while (engine.threads < MODEL_MAX_THREADS && check->threads[engine.threads] != NULL)
        engine.threads++;
    if (!ready)
        make_stacks();
    ready = true;
    memory_new_check();
    sync_new_check();
    start_afresh();
}

struct model_result model_explore(const struct model_check *check)
{
    struct model_result result = {.verdict = MODEL_PASSED};
    double start = seconds_now();

    begin_check(check);
    bool again = true;
    while (again) {
        run_once();
        result.executions++;
        if (engine.event_count > result.depth)
            result.depth = engine.event_count;
        if (engine.what[0] != '\0') {
            result.verdict = MODEL_VIOLATED;
            memcpy(result.what, engine.what, sizeof result.what);
            break;
        }
        bool late = result.executions % 4096 == 0 && seconds_now() - start > MAX_SECONDS;
        if (late || seen_count > MAX_STATES) {
            result.verdict = MODEL_CUT;
            snprintf(result.what, sizeof result.what, "cut after %s",
                     late ? "the time allowed" : "the number of states allowed");
            break;
        }
        again = engine.newly_shared || next_run();
        if (engine.newly_shared)
            start_afresh();
    }
    result.states = seen_count;
    result.seconds = seconds_now() - start;
    return result;
}

unsigned model_self(void)
{
    return engine.current;
}
