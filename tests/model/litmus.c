/*
 * litmus.c - the tests that prove the model checker itself.
 *
 * Each row is a tiny program whose possible outcomes under C11 are known from the literature, and
 * the exact set of them: an outcome too few means that the checker is blind to something, one too
 * many that it raises false alarms.
 *
 * An outcome is up to four digits: the registers, then final values.  Names are those of Alglave,
 * Maranget and Tautschnig, "Herding cats", 2014.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

#include "platform/atomic.h"

static atomic_u32 x, y, z;
static uint32_t r[4];
static struct model_mutex mutex;

/* What a row asks for; NONE is no fence. */
enum { NONE = -1, RLX = __ATOMIC_RELAXED, ACQ = __ATOMIC_ACQUIRE, REL = __ATOMIC_RELEASE };
enum { ACQ_REL = __ATOMIC_ACQ_REL, SC = __ATOMIC_SEQ_CST };

static struct orders {
    int store, load, store_fence, load_fence;
} use;

static void fence(int order)
{
    if (order != NONE)
        WOK__FENCE(order);
}

#define STORE(p, v) WOK__STORE(p, v, use.store)
#define LOAD(p) WOK__LOAD(p, use.load)

static void setup(void)
{
    store_relaxed(&x, 0);
    store_relaxed(&y, 0);
    store_relaxed(&z, 0);
    memset(r, 0, sizeof r);
}

/* Store buffering: each writes its own and reads the other's. */
static void sb_0(void)
{
    STORE(&x, 1);
    fence(use.store_fence);
    r[0] = LOAD(&y);
}
static void sb_1(void)
{
    STORE(&y, 1);
    fence(use.load_fence);
    r[1] = LOAD(&x);
}

/* Message passing: x is the data, y the flag. */
static void mp_0(void)
{
    store_relaxed(&x, 1);
    fence(use.store_fence);
    STORE(&y, 1);
}
static void mp_1(void)
{
    r[0] = LOAD(&y);
    fence(use.load_fence);
    r[1] = load_relaxed(&x);
}

static void mp_failed_cas(void)
{
    uint32_t seen = 9;

    r[0] = LOAD(&y);
    r[1] = cas_relaxed(&x, &seen, 5) ? 9 : seen;
}
static void mp_rmw(void)
{
    r[0] = LOAD(&y);
    r[1] = fetch_add_relaxed(&x, 2);
}

/* Load buffering: each reads the other's before it writes its own. */
static void lb_0(void)
{
    r[0] = LOAD(&x);
    STORE(&y, 1);
}
static void lb_1(void)
{
    r[1] = LOAD(&y);
    STORE(&x, 1);
}

/* Coherence. */
static void write_1_2(void)
{
    store_relaxed(&x, 1);
    store_relaxed(&x, 2);
}
static void read_twice(void)
{
    r[0] = load_relaxed(&x);
    r[1] = load_relaxed(&x);
}
static void write_2(void)
{
    store_relaxed(&x, 2);
}
static void write_1_read(void)
{
    store_relaxed(&x, 1);
    r[0] = load_relaxed(&x);
}
static void read_write_1(void)
{
    r[0] = load_relaxed(&x);
    store_relaxed(&x, 1);
}

/* Independent reads of independent writes. */
static void iriw_x(void)
{
    STORE(&x, 1);
}
static void iriw_y(void)
{
    STORE(&y, 1);
}
static void iriw_xy(void)
{
    r[0] = LOAD(&x);
    fence(use.load_fence);
    r[1] = LOAD(&y);
}
static void iriw_yx(void)
{
    r[2] = LOAD(&y);
    fence(use.load_fence);
    r[3] = LOAD(&x);
}

/* 2+2W: two writers in opposite order; only the final values are looked at. */
static void two_writes_0(void)
{
    STORE(&x, 1);
    fence(use.store_fence);
    STORE(&y, 2);
}
static void two_writes_1(void)
{
    STORE(&y, 1);
    fence(use.store_fence);
    STORE(&x, 2);
}

/* S and R: a write against a write, and a write against a read. */
static void s_0(void)
{
    store_relaxed(&x, 2);
    STORE(&y, 1);
}
static void s_1(void)
{
    r[0] = LOAD(&y);
    store_relaxed(&x, 1);
}
static void r_0(void)
{
    STORE(&x, 1);
    fence(use.store_fence);
    STORE(&y, 1);
}
static void r_1(void)
{
    STORE(&y, 2);
    fence(use.load_fence);
    r[0] = LOAD(&x);
}

/* ISA2: a message handed on by a third thread. */
static void isa2_0(void)
{
    store_relaxed(&x, 1);
    store_release(&y, 1);
}
static void isa2_1(void)
{
    r[0] = LOAD(&y);
    STORE(&z, 1);
}
static void isa2_2(void)
{
    r[1] = load_acquire(&z);
    r[2] = load_relaxed(&x);
}

/* Release sequences: y goes from 1 to 2 in between. */
static void bump_rmw(void)
{
    uint32_t one = 1;
    cas_relaxed(&y, &one, 2);
}
static void bump_store(void)
{
    if (load_relaxed(&y) == 1)
        store_relaxed(&y, 2);
}
static void publish_and_bump(void)
{
    store_relaxed(&x, 1);
    store_release(&y, 1);
    store_relaxed(&y, 2);
}

/* Read-modify-writes lose nothing; a load and a store do. */
static void add_rmw(void)
{
    fetch_add_relaxed(&x, 1);
}
static void add_cas(void)
{
    uint32_t seen = load_relaxed(&x);

    while (!cas_relaxed(&x, &seen, seen + 1))
        ;
}
static void add_torn(void)
{
    store_relaxed(&x, load_relaxed(&x) + 1);
}
static void add_locked(void)
{
    model_lock(&mutex);
    store_relaxed(&x, load_relaxed(&x) + 1);
    model_unlock(&mutex);
}
static void exchange_1(void)
{
    r[0] = exchange_relaxed(&x, 1);
}
static void exchange_2(void)
{
    r[1] = exchange_relaxed(&x, 2);
}

static unsigned outcome_two(void)
{
    return r[0] * 10 + r[1];
}
static unsigned outcome_three(void)
{
    return r[0] * 100 + r[1] * 10 + r[2];
}
static unsigned outcome_four(void)
{
    return r[0] * 1000 + r[1] * 100 + r[2] * 10 + r[3];
}
static unsigned outcome_x(void)
{
    return load_relaxed(&x);
}
static unsigned outcome_r_x(void)
{
    return r[0] * 10 + load_relaxed(&x);
}
static unsigned outcome_r_y(void)
{
    return r[0] * 10 + load_relaxed(&y);
}
static unsigned outcome_x_y(void)
{
    return load_relaxed(&x) * 10 + load_relaxed(&y);
}
static unsigned outcome_r_r_x(void)
{
    return r[0] * 100 + r[1] * 10 + load_relaxed(&x);
}

/* IRIW has sixteen outcomes: all are possible, or all but 1010. */
#define IRIW_SC "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1011 1100 1101 1110 1111"
#define IRIW_ALL "0000 0001 0010 0011 0100 0101 0110 0111 1000 1001 1010 1011 1100 1101 1110 1111"

static const struct litmus {
    const char *name;
    void (*threads[MODEL_MAX_THREADS])(void);
    struct orders orders;
    unsigned (*outcome)(void);
    unsigned digits;
    const char *expected; /* all outcomes there are, in order */
} litmus_tests[] = {
    {"SB relaxed", {sb_0, sb_1}, {RLX, RLX, NONE, NONE}, outcome_two, 2, "00 01 10 11"},
    {"SB acquire/release", {sb_0, sb_1}, {REL, ACQ, NONE, NONE}, outcome_two, 2, "00 01 10 11"},
    {"SB acq_rel fences",
     {sb_0, sb_1},
     {RLX, RLX, ACQ_REL, ACQ_REL},
     outcome_two,
     2,
     "00 01 10 11"},
    {"SB one seq_cst fence", {sb_0, sb_1}, {RLX, RLX, SC, NONE}, outcome_two, 2, "00 01 10 11"},
    {"SB seq_cst fences", {sb_0, sb_1}, {RLX, RLX, SC, SC}, outcome_two, 2, "01 10 11"},

    {"MP relaxed", {mp_0, mp_1}, {RLX, RLX, NONE, NONE}, outcome_two, 2, "00 01 10 11"},
    {"MP release only", {mp_0, mp_1}, {REL, RLX, NONE, NONE}, outcome_two, 2, "00 01 10 11"},
    {"MP acquire only", {mp_0, mp_1}, {RLX, ACQ, NONE, NONE}, outcome_two, 2, "00 01 10 11"},
    {"MP release/acquire", {mp_0, mp_1}, {REL, ACQ, NONE, NONE}, outcome_two, 2, "00 01 11"},
    {"MP fences", {mp_0, mp_1}, {RLX, RLX, REL, ACQ}, outcome_two, 2, "00 01 11"},
    {"MP release fence only", {mp_0, mp_1}, {RLX, RLX, REL, NONE}, outcome_two, 2, "00 01 10 11"},
    {"MP acquire fence only", {mp_0, mp_1}, {RLX, RLX, NONE, ACQ}, outcome_two, 2, "00 01 10 11"},
    {"MP release store, acquire fence",
     {mp_0, mp_1},
     {REL, RLX, NONE, ACQ},
     outcome_two,
     2,
     "00 01 11"},
    {"MP release fence, acquire load",
     {mp_0, mp_1},
     {RLX, ACQ, REL, NONE},
     outcome_two,
     2,
     "00 01 11"},
    {"MP acquire fence in place of release",
     {mp_0, mp_1},
     {RLX, ACQ, ACQ, NONE},
     outcome_two,
     2,
     "00 01 10 11"},
    {"MP release fence in place of acquire",
     {mp_0, mp_1},
     {REL, RLX, NONE, REL},
     outcome_two,
     2,
     "00 01 10 11"},
    {"MP seq_cst fences", {mp_0, mp_1}, {RLX, RLX, SC, SC}, outcome_two, 2, "00 01 11"},

    {"a failed CAS may read an old value",
     {mp_0, mp_failed_cas},
     {RLX, RLX, NONE, NONE},
     outcome_two,
     2,
     "00 01 10 11"},
    {"MP to an rmw", {mp_0, mp_rmw}, {RLX, RLX, NONE, NONE}, outcome_two, 2, "00 01 10 11"},
    {"MP to an rmw, release/acquire",
     {mp_0, mp_rmw},
     {REL, ACQ, NONE, NONE},
     outcome_two,
     2,
     "00 01 11"},

    /* C11 allows 11 here; this model does not (docs/model-checking.md). */
    {"LB relaxed: the known limit",
     {lb_0, lb_1},
     {RLX, RLX, NONE, NONE},
     outcome_two,
     2,
     "00 01 10"},
    {"LB release/acquire", {lb_0, lb_1}, {REL, ACQ, NONE, NONE}, outcome_two, 2, "00 01 10"},

    {"CoRR", {write_1_2, read_twice}, {0}, outcome_two, 2, "00 01 02 11 12 22"},
    {"CoWR", {write_1_read, write_2}, {0}, outcome_r_x, 2, "11 12 22"},
    {"CoRW", {read_write_1, write_2}, {0}, outcome_r_x, 2, "01 02 21"},
    {"CoWW", {write_1_2}, {0}, outcome_x, 1, "2"},

    {"IRIW relaxed",
     {iriw_x, iriw_y, iriw_xy, iriw_yx},
     {RLX, RLX, NONE, NONE},
     outcome_four,
     4,
     IRIW_ALL},
    {"IRIW acquire/release",
     {iriw_x, iriw_y, iriw_xy, iriw_yx},
     {REL, ACQ, NONE, NONE},
     outcome_four,
     4,
     IRIW_ALL},
    {"IRIW seq_cst fences",
     {iriw_x, iriw_y, iriw_xy, iriw_yx},
     {RLX, RLX, NONE, SC},
     outcome_four,
     4,
     IRIW_SC},

    {"2+2W relaxed",
     {two_writes_0, two_writes_1},
     {RLX, 0, NONE, 0},
     outcome_x_y,
     2,
     "11 12 21 22"},
    {"2+2W release",
     {two_writes_0, two_writes_1},
     {REL, 0, NONE, 0},
     outcome_x_y,
     2,
     "11 12 21 22"},
    {"2+2W seq_cst fences",
     {two_writes_0, two_writes_1},
     {RLX, 0, SC, 0},
     outcome_x_y,
     2,
     "12 21 22"},
    {"S relaxed", {s_0, s_1}, {RLX, RLX, NONE, NONE}, outcome_r_x, 2, "01 02 11 12"},
    {"S release/acquire", {s_0, s_1}, {REL, ACQ, NONE, NONE}, outcome_r_x, 2, "01 02 11"},
    {"R release/acquire", {r_0, r_1}, {REL, ACQ, NONE, NONE}, outcome_r_y, 2, "01 02 11 12"},
    {"R seq_cst fences", {r_0, r_1}, {RLX, RLX, SC, SC}, outcome_r_y, 2, "01 11 12"},

    {"ISA2 release/acquire",
     {isa2_0, isa2_1, isa2_2},
     {REL, ACQ, NONE, NONE},
     outcome_three,
     3,
     "000 001 010 011 100 101 111"},
    {"ISA2 relaxed middle",
     {isa2_0, isa2_1, isa2_2},
     {RLX, RLX, NONE, NONE},
     outcome_three,
     3,
     "000 001 010 011 100 101 110 111"},

    {"release sequence through an rmw",
     {mp_0, mp_1, bump_rmw},
     {REL, ACQ, NONE, NONE},
     outcome_two,
     2,
     "00 01 11 21"},
    {"no release sequence through a store",
     {mp_0, mp_1, bump_store},
     {REL, ACQ, NONE, NONE},
     outcome_two,
     2,
     "00 01 11 20 21"},
    {"nor through one of the same thread",
     {publish_and_bump, mp_1},
     {REL, ACQ, NONE, NONE},
     outcome_two,
     2,
     "00 01 11 20 21"},

    {"fetch_add loses nothing", {add_rmw, add_rmw, add_rmw}, {0}, outcome_x, 1, "3"},
    {"a CAS loop loses nothing", {add_cas, add_cas, add_cas}, {0}, outcome_x, 1, "3"},
    {"CAS and fetch_add agree", {add_cas, add_rmw, add_cas}, {0}, outcome_x, 1, "3"},
    {"a load and a store lose", {add_torn, add_torn, add_torn}, {0}, outcome_x, 1, "1 2 3"},
    {"a mutex loses nothing", {add_locked, add_locked, add_locked}, {0}, outcome_x, 1, "3"},
    {"exchanges are in one order", {exchange_1, exchange_2}, {0}, outcome_r_r_x, 3, "012 201"},
};

static const struct litmus *running;
static bool reached[10000];

static void note_outcome(void)
{
    reached[running->outcome()] = true;
}

/* As most checks run; without shortcuts; and telling stores apart by value only.  All must agree. */
enum mode { PLAIN, NO_SHORTCUTS, BY_VALUE, MODES };

static bool run_litmus(const struct litmus *test, enum mode mode)
{
    static const char *const modes[] = {"", " without shortcuts", " by value"};
    struct model_check check = {.name = test->name,
                                .setup = setup,
                                .finish = note_outcome,
                                .no_shortcuts = mode == NO_SHORTCUTS,
                                .by_value = mode == BY_VALUE};
    char got[256] = "";
    size_t used = 0;

    running = test;
    use = test->orders;
    memset(reached, 0, sizeof reached);
    memcpy(check.threads, test->threads, sizeof check.threads);
    struct model_result result = model_explore(&check);
    for (unsigned i = 0; i < 10000 && used < sizeof got; i++)
        if (reached[i])
            used += (size_t)snprintf(got + used, sizeof got - used, "%s%0*u", used == 0 ? "" : " ",
                                     (int)test->digits, i);
    bool ok = result.verdict == MODEL_PASSED && strcmp(got, test->expected) == 0;
    printf("%-40s %s: %" PRIu64 " executions%s\n", test->name, ok ? "ok" : "FAILED",
           result.executions, modes[mode]);
    if (!ok)
        printf("  expected %s\n  got      %s\n  %s\n", test->expected, got, result.what);
    return ok;
}

int main(void)
{
    unsigned passed = 0, failed = 0;

    for (size_t i = 0; i < sizeof litmus_tests / sizeof litmus_tests[0]; i++)
        for (enum mode mode = PLAIN; mode < MODES; mode++)
            *(run_litmus(&litmus_tests[i], mode) ? &passed : &failed) += 1;
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? MODEL_EXIT_PASSED : MODEL_EXIT_VIOLATED;
}
