/*
 * values.c - the tests that prove the checker's mode `by_value`, with threads that forget.
 *
 * model_forget() says that a thread's past no longer matters.  Its views still do: what it may read
 * next depends on them, and so does what others learn from its stores.  Each program here reaches,
 * after the forgetting, states that differ in one part of the memory only: a checker that does not
 * tell them apart follows the first and loses an outcome of the second.  An event lets the reader
 * start when all is written; it carries no ordering, so the stale reads are the memory model's.
 *
 * In the other modes model_forget() means nothing: they must find the same outcomes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model.h"

#include "platform/atomic.h"

static atomic_u32 x, y;
static uint32_t r[2];
static struct model_event written, halfway;

static void setup(void)
{
    store_relaxed(&x, 0);
    store_relaxed(&y, 0);
    memset(r, 0, sizeof r);
}

static void acquire_fence(void)
{
    WOK__FENCE(__ATOMIC_ACQUIRE);
}

static void release_fence(void)
{
    WOK__FENCE(__ATOMIC_RELEASE);
}

/* ---- what the reader knows ------------------------------------------------------------------- */

static void write_both(void)
{
    store_relaxed(&x, 1);
    store_release(&y, 1);
    model_event_set(&written);
}

static void forget_what_was_acquired(void)
{
    model_event_wait(&written);
    (void)load_acquire(&y);
    model_forget(0);
    r[0] = load_relaxed(&x);
}

/* y is 1 with knowledge of x, then 2 without.  Whoever read the 1 on its way to the 2 would acquire x
 * by a fence; otherwise it looks the same. */
static void write_one(void)
{
    store_relaxed(&x, 1);
    store_release(&y, 1);
    model_event_set(&halfway);
}

static void write_two(void)
{
    model_event_wait(&halfway);
    if (load_relaxed(&y) == 1)
        store_relaxed(&y, 2);
    model_event_set(&written);
}

static void forget_what_a_fence_would_acquire(void)
{
    model_event_wait(&written);
    r[0] = 9;
    if (model_choose(2) == 0 && load_relaxed(&y) != 1)
        return;
    if (load_relaxed(&y) != 2)
        return;
    model_forget(0);
    model_event_set(&halfway); /* states are compared at what others may notice, not at the fence */
    acquire_fence();
    r[0] = load_relaxed(&x);
}

/* x goes 1, 2, 1, 2, half of it by this thread: which half decides what it may read. */
static void write_up(void)
{
    store_relaxed(&x, 1);
    store_relaxed(&x, 2);
    model_event_set(&written);
}

static void forget_where_it_wrote(void)
{
    model_event_wait(&written);
    store_relaxed(&x, 1);
    store_relaxed(&x, 2);
    model_forget(0);
    r[0] = load_relaxed(&x);
    model_event_set(&halfway);
}

/* Keeps old stores readable: somebody who has not begun may read them all. */
static void last(void)
{
    model_event_wait(&halfway);
}

/* ---- what the writer has left ---------------------------------------------------------------- */

/* The stronger alternative is always choice 0, which is explored first. */
static void release_fence_or_not(void)
{
    store_relaxed(&x, 1);
    if (model_choose(2) == 0)
        release_fence();
    acquire_fence();
    model_forget(0);
    store_relaxed(&y, 1);
    model_event_set(&written);
}

static void release_store_or_not(void)
{
    store_relaxed(&x, 1);
    if (model_choose(2) == 0)
        store_release(&y, 1);
    else
        store_relaxed(&y, 1);
    model_forget(0);
    model_event_set(&written);
}

static void one_or_two(void)
{
    store_relaxed(&y, 1 + model_choose(2));
    model_forget(0);
    model_event_set(&written);
}

static void one_or_two_then_three(void)
{
    store_relaxed(&y, 1 + model_choose(2));
    store_relaxed(&y, 3);
    model_forget(0);
    model_event_set(&written);
}

static void seq_cst_fence_or_not(void)
{
    store_relaxed(&x, 1);
    if (model_choose(2) == 0)
        fence_seq_cst();
    else
        WOK__FENCE(__ATOMIC_ACQ_REL);
    model_forget(0);
    model_event_set(&written);
}

/* The fences know x either way; only in the first case does the store to y carry it. */
static void fence_between_or_after(void)
{
    store_relaxed(&x, 1);
    if (model_choose(2) == 0)
        fence_seq_cst();
    store_relaxed(&y, 1);
    fence_seq_cst();
    model_forget(0);
    model_event_set(&written);
}

static void read_message(void)
{
    model_event_wait(&written);
    r[0] = load_acquire(&y);
    r[1] = load_relaxed(&x);
}

static void read_y(void)
{
    model_event_wait(&written);
    r[0] = load_relaxed(&y);
}

static void fence_and_read_x(void)
{
    model_event_wait(&written);
    fence_seq_cst();
    r[0] = load_relaxed(&x);
}

/* Two stores of one value, of which the later teaches less: it has to be read, too. */
static void teach(void)
{
    store_relaxed(&x, 1);
    store_release(&y, 1);
    model_event_set(&halfway);
}

static void teach_nothing(void)
{
    model_event_wait(&halfway);
    if (load_relaxed(&y) == 1)
        store_relaxed(&y, 1);
    model_event_set(&written);
}

static const struct value_test {
    const char *name;
    void (*threads[MODEL_MAX_THREADS])(void);
    const char *expected; /* all values of r[0] and r[1] */
} value_tests[] = {
    {"what was acquired", {write_both, forget_what_was_acquired}, "00 10"},
    {"what a fence would acquire",
     {write_one, write_two, forget_what_a_fence_would_acquire},
     "00 10 90"},
    {"where it wrote", {write_up, forget_where_it_wrote, last}, "10 20"},
    {"what a fence has released", {release_fence_or_not, read_message}, "00 01 10 11"},
    {"what a store carries", {release_store_or_not, read_message}, "00 01 10 11"},
    {"what was stored", {one_or_two, read_y}, "00 10 20"},
    {"what was stored before the last", {one_or_two_then_three, read_y}, "00 10 20 30"},
    {"what the fences know", {seq_cst_fence_or_not, fence_and_read_x}, "00 10"},
    {"what a store carries of it", {fence_between_or_after, read_message}, "00 01 10 11"},
    {"one value, other knowledge", {teach, teach_nothing, read_message}, "00 01 10 11"},
};

static bool reached[10][10];

static void note_outcome(void)
{
    reached[r[0]][r[1]] = true;
}

static bool run(const struct value_test *test, bool by_value, bool no_shortcuts)
{
    struct model_check check = {.name = test->name,
                                .setup = setup,
                                .finish = note_outcome,
                                .no_shortcuts = no_shortcuts,
                                .by_value = by_value};
    char got[128] = "";
    size_t used = 0;

    memset(reached, 0, sizeof reached);
    memcpy(check.threads, test->threads, sizeof check.threads);
    struct model_result result = model_explore(&check);
    for (unsigned i = 0; i < 100 && used < sizeof got; i++)
        if (reached[i / 10][i % 10])
            used +=
                (size_t)snprintf(got + used, sizeof got - used, "%s%02u", used == 0 ? "" : " ", i);
    bool ok = result.verdict == MODEL_PASSED && strcmp(got, test->expected) == 0;
    printf("%-40s %s: %" PRIu64 " executions%s\n", test->name, ok ? "ok" : "FAILED",
           result.executions,
           by_value       ? " by value"
           : no_shortcuts ? " without shortcuts"
                          : "");
    if (!ok)
        printf("  expected %s\n  got      %s\n  %s\n", test->expected, got, result.what);
    return ok;
}

int main(void)
{
    unsigned passed = 0, failed = 0;

    for (size_t i = 0; i < sizeof value_tests / sizeof value_tests[0]; i++) {
        *(run(&value_tests[i], true, false) ? &passed : &failed) += 1;
        *(run(&value_tests[i], false, false) ? &passed : &failed) += 1;
        *(run(&value_tests[i], false, true) ? &passed : &failed) += 1;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? MODEL_EXIT_PASSED : MODEL_EXIT_VIOLATED;
}
