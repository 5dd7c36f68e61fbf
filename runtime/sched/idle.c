/*
 * idle.c - which workers sleep, how many search, and whom to wake.
 *
 * A push makes a task visible and then looks for a sleeper; a worker announces that it sleeps and
 * then looks for tasks.  Each side writes first and reads second, and a full fence between the two
 * on both sides makes sure that at least one of them sees the other: store buffering, forbidden.
 *
 * Searchers make wakes cheap.  A push while somebody searches wakes nobody, since the searcher will
 * find the task; the last searcher that finds one wakes the next, so that a burst spreads over the
 * workers; the last searcher that finds nothing looks once more after it has announced its sleep.
 *
 * Invariants
 *   L1  searching <= workers, and a worker is never both a sleeper and a searcher.
 *   L2  whoever clears a sleeper's bit unparks that worker (notify) or is that worker (awake).
 *   L3  a task that was pushed before a notify is found, or some worker is awake to find it.
 *   L4  whoever is told of a sleeper may use it, a spare one that was built a moment ago too: the word's
 *       changes are read-modify-writes, so the bit comes with all that its owner knew.
 *
 * The protocol is that of Tokio's multi-thread scheduler; the sleepers are a bitmap in the word of
 * the counter, so that one compare-and-swap picks a sleeper and counts it as searching.
 */
#include "sched/idle.h"

#include <assert.h>

#define SLEEPERS ((UINT64_C(1) << WOK__SEATS_MAX) - 1)
#define SEARCHER (UINT64_C(1) << WOK__SEATS_MAX)

static uint32_t searchers_of(uint64_t word)
{
    return (uint32_t)(word >> WOK__SEATS_MAX);
}

void wok__idle_init(struct wok__idle *idle, uint32_t workers)
{
    assert(workers >= 1 && workers <= WOK__WORKERS_MAX);
    idle->workers = workers;
    store_relaxed(&idle->word, 0); /* before any thread runs */
}

static int wake_one(struct wok__idle *idle)
{
    uint64_t word = load_relaxed(&idle->word);
    int worker;

    do {
        if ((word & SLEEPERS) == 0 || searchers_of(word) != 0)
            return -1;
        worker = __builtin_ctzll(word & SLEEPERS);
        /* [idle.seat] */
    } while (!cas_acquire(&idle->word, &word, (word & ~(UINT64_C(1) << worker)) + SEARCHER));
    return worker;
}

int wok__idle_notify(struct wok__idle *idle)
{
    fence_seq_cst(); /* [idle.fence] the push before the look at the sleepers */
    return wake_one(idle);
}

bool wok__idle_search(struct wok__idle *idle)
{
    uint64_t word = load_relaxed(&idle->word);

    do {
        if (2 * searchers_of(word) >= idle->workers)
            return false;
    } while (!cas_relaxed(&idle->word, &word, word + SEARCHER));
    return true;
}

int wok__idle_found(struct wok__idle *idle)
{
    uint64_t before = fetch_sub_relaxed(&idle->word, SEARCHER);

    assert(searchers_of(before) > 0);
    return searchers_of(before) == 1 ? wake_one(idle) : -1;
}

bool wok__idle_sleep(struct wok__idle *idle, uint32_t worker, bool searching)
{
    uint64_t bit = UINT64_C(1) << worker;
    /* [idle.seat] a spare worker was built before its bit is seen */
    uint64_t before = fetch_add_release(&idle->word, bit - (searching ? SEARCHER : 0));

    assert((before & bit) == 0);
    fence_seq_cst(); /* [idle.fence] the announcement before the second look at the queues */
    /* Also one that was not let search: the searcher who kept it from it may have found work meanwhile,
     * seen nobody asleep, and be busy for long with it. */
    return searchers_of(before) == (searching ? 1u : 0u);
}

bool wok__idle_awake(struct wok__idle *idle, uint32_t worker)
{
    uint64_t bit = UINT64_C(1) << worker;
    uint64_t before = fetch_and_relaxed(&idle->word, ~bit);

    return (before & bit) == 0;
}

bool wok__idle_is_asleep(struct wok__idle *idle, uint32_t worker)
{
    fence_seq_cst(); /* [idle.fence] what was left before the look at the sleeper */
    return (load_relaxed(&idle->word) & (UINT64_C(1) << worker)) != 0;
}

uint64_t wok__idle_asleep(const struct wok__idle *idle)
{
    return load_relaxed(&idle->word) & SLEEPERS;
}

uint32_t wok__idle_sleepers(const struct wok__idle *idle)
{
    return (uint32_t)__builtin_popcountll(load_relaxed(&idle->word) & SLEEPERS);
}

bool wok__idle_counts(const struct wok__idle *idle, uint32_t worker)
{
    return (load_relaxed(&idle->word) & (UINT64_C(1) << worker)) != 0;
}

uint32_t wok__idle_searchers(const struct wok__idle *idle)
{
    return searchers_of(load_relaxed(&idle->word));
}
