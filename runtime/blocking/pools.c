/*
 * pools.c - the pools of a runtime: the first one, and those that were made by name.
 *
 * The list holds a reference of each.  Who ends a pool closes it, waits for its threads, and then
 * takes it off the list.  A pool that is freed where nobody may wait (in a task, or in one of its own
 * calls) is closed and stays on the list as an orphan; the next one that is made, or the runtime's
 * end, takes it off.
 *
 * The list's lock is held for no wait and no call of the user's; a pool that is waited for is kept by
 * a reference of the waiter's own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <wok/blocking.h>
#include <wok/metrics.h>

#include "blocking/pool.h"
#include "task/context.h"
#include "task/schedule.h"

#define THREADS_MAX 512
#define KEEP_ALIVE_NS UINT64_C(10000000000)

/* ---- the list ------------------------------------------------------------------------------ */

static int add(struct wok__pools *pools, struct wok_runtime *runtime,
               const struct wok__pool_settings *settings, struct wok_blocking_pool **ret_pool)
{
    struct wok__pool_settings full = *settings;
    struct wok_blocking_pool *pool;

    if (full.threads_max == 0)
        full.threads_max = THREADS_MAX;
    if (full.keep_alive_ns == 0)
        full.keep_alive_ns = KEEP_ALIVE_NS;
    int error = wok__pool_new(&pool, runtime, &full);
    if (error < 0)
        return error;

    wok__lock_take(&pools->lock);
    struct wok_blocking_pool **last = &pools->first;
    while (*last != NULL)
        last = &(*last)->next;
    if (pools->closed)
        error = -ECANCELED; /* nobody would close this one */
    else
        *last = pool;
    wok__lock_give(&pools->lock);
    if (error < 0)
        wok__pool_unref(pool);
    else
        *ret_pool = pool;
    return error;
}

/* True: it was on the list, whose reference is the caller's now. */
static bool take_off(struct wok__pools *pools, struct wok_blocking_pool *pool)
{
    bool found = false;

    wok__lock_take(&pools->lock);
    for (struct wok_blocking_pool **at = &pools->first; *at != NULL; at = &(*at)->next) {
        if (*at != pool)
            continue;
        *at = pool->next;
        found = true;
        break;
    }
    wok__lock_give(&pools->lock);
    return found;
}

/* The pool at `index`, with a reference for the caller; NULL: there are not so many. */
static struct wok_blocking_pool *nth(struct wok__pools *pools, size_t index)
{
    struct wok_blocking_pool *pool;

    wok__lock_take(&pools->lock);
    for (pool = pools->first; pool != NULL && index > 0; index--)
        pool = pool->next;
    if (pool != NULL)
        wok__pool_ref(pool);
    wok__lock_give(&pools->lock);
    return pool;
}

/* The first pool that fits, with a reference for the caller; NULL: none does.  From the start at each
 * call, since others may take pools off the list in between. */
static struct wok_blocking_pool *find(struct wok__pools *pools,
                                      bool (*fits)(struct wok_blocking_pool *pool))
{
    struct wok_blocking_pool *pool;

    wok__lock_take(&pools->lock);
    for (pool = pools->first; pool != NULL && !fits(pool);)
        pool = pool->next;
    if (pool != NULL)
        wok__pool_ref(pool);
    wok__lock_give(&pools->lock);
    return pool;
}

static bool is_open(struct wok_blocking_pool *pool)
{
    struct wok__pool_figures figures;

    wok__pool_figures(pool, &figures);
    return !figures.closed;
}

static bool has_threads(struct wok_blocking_pool *pool)
{
    struct wok__pool_figures figures;

    wok__pool_figures(pool, &figures);
    return !figures.joined;
}

static bool is_dead_orphan(struct wok_blocking_pool *pool)
{
    struct wok__pool_figures figures;

    wok__pool_figures(pool, &figures);
    return pool->orphan && figures.threads == 0;
}

/* Ends the orphans whose calls have returned meanwhile. */
static void bury_orphans(struct wok__pools *pools)
{
    struct wok_blocking_pool *pool;

    while ((pool = find(pools, is_dead_orphan)) != NULL) {
        if (wok__pool_wait(pool, UINT64_MAX) && take_off(pools, pool))
            wok__pool_unref(pool);
        wok__pool_unref(pool);
    }
}

/* ---- for the runtime ----------------------------------------------------------------------- */

int wok__pools_init(struct wok__pools *pools, struct wok_runtime *runtime,
                    const struct wok__pool_settings *settings)
{
    return add(pools, runtime, settings, &pools->main);
}

void wok__pools_close(struct wok__pools *pools)
{
    struct wok_blocking_pool *pool;

    wok__lock_take(&pools->lock);
    pools->closed = true;
    wok__lock_give(&pools->lock);
    while ((pool = find(pools, is_open)) != NULL) {
        wok__pool_close(pool);
        wok__pool_unref(pool);
    }
}

bool wok__pools_wait(struct wok__pools *pools, uint64_t deadline_ns)
{
    struct wok_blocking_pool *pool;
    bool ended = true;

    while (ended && (pool = find(pools, has_threads)) != NULL) {
        ended = wok__pool_wait(pool, deadline_ns);
        wok__pool_unref(pool);
    }
    return ended;
}

void wok__pools_done(struct wok__pools *pools)
{
    struct wok_blocking_pool *pool;

    while ((pool = pools->first) != NULL) {
        pools->first = pool->next;
        wok__pool_unref(pool);
    }
}

size_t wok__pools_calls(struct wok__pools *pools)
{
    struct wok__pool_figures figures;
    size_t calls = 0;

    wok__lock_take(&pools->lock);
    for (struct wok_blocking_pool *pool = pools->first; pool != NULL; pool = pool->next) {
        wok__pool_figures(pool, &figures);
        calls += figures.queued + figures.busy;
    }
    wok__lock_give(&pools->lock);
    return calls;
}

/* True: none runs; `ret_news`: the news of all.  Under the list's lock. */
static bool none_runs(struct wok__pools *pools, uint64_t *ret_news)
{
    struct wok__pool_figures figures;
    bool none = true;

    *ret_news = 0;
    for (struct wok_blocking_pool *pool = pools->first; pool != NULL; pool = pool->next) {
        wok__pool_figures(pool, &figures);
        none = none && !figures.runs;
        *ret_news += figures.news;
    }
    return none;
}

/* A call may end in a pool that was not looked at yet, and leave one in a pool that was; so they are looked
 * at twice.  If nothing began to run in between, none ran between the two looks. (P5) */
bool wok__pools_run(struct wok__pools *pools)
{
    uint64_t first, second;

    wok__lock_take(&pools->lock);
    bool none = none_runs(pools, &first) && none_runs(pools, &second) && first == second;
    wok__lock_give(&pools->lock);
    return !none;
}

size_t wok__pools_end_waits(struct wok__pools *pools)
{
    struct wok_blocking_pool *pool;
    size_t count = 0;

    for (size_t i = 0; (pool = nth(pools, i)) != NULL; i++) {
        count += wok__pool_end_waits(pool);
        wok__pool_unref(pool);
    }
    return count;
}

unsigned wok__pools_threads(struct wok__pools *pools)
{
    struct wok__pool_figures figures;
    unsigned threads = 0;

    wok__lock_take(&pools->lock);
    for (struct wok_blocking_pool *pool = pools->first; pool != NULL; pool = pool->next) {
        wok__pool_figures(pool, &figures);
        threads += figures.threads;
    }
    wok__lock_give(&pools->lock);
    return threads;
}

void wok__pools_visit(struct wok__pools *pools,
                      void (*visit)(struct wok_task *task, void *argument), void *argument)
{
    wok__lock_take(&pools->lock);
    for (struct wok_blocking_pool *pool = pools->first; pool != NULL; pool = pool->next)
        wok__pool_visit(pool, visit, argument);
    wok__lock_give(&pools->lock);
}

/* ---- for everybody ------------------------------------------------------------------------- */

int wok_blocking_pool_new(wok_blocking_pool **ret_pool, wok_runtime *runtime,
                          const wok_blocking_pool_options *options)
{
    struct wok__pool_settings settings;
    size_t length = options != NULL && options->name != NULL ? strlen(options->name) : 0;

    if (ret_pool == NULL)
        return -EINVAL;
    if (runtime == NULL)
        runtime = wok__here()->runtime;
    if (runtime == NULL || length == 0 || length >= sizeof settings.name)
        return -EINVAL;
    if (wok__runtime_is_closed(runtime))
        return wok__is_forked() ? -ENOTRECOVERABLE : -ECANCELED;
    bury_orphans(wok__runtime_pools(runtime));
    wok__runtime_pool_settings(runtime, &settings);
    settings.threads_max = options->threads_max;
    settings.queue_max = options->queue_max;
    settings.keep_alive_ns = options->keep_alive.ns;
    memcpy(settings.name, options->name, length + 1);
    return add(wok__runtime_pools(runtime), runtime, &settings, ret_pool);
}

/* The calling thread may not wait for the pool: it runs tasks, or is the pool's own. */
static bool may_not_wait_for(const struct wok_blocking_pool *pool)
{
    const struct wok__here *here = wok__here();

    return here->blocking != 0 ? here->pool == pool : here->worker != NULL || here->task != NULL;
}

void wok_blocking_pool_free(wok_blocking_pool *pool)
{
    struct wok__pools *pools;

    if (pool == NULL || wok__is_forked())
        return;
    pools = wok__runtime_pools(pool->runtime);
    wok__pool_close(pool);
    if (may_not_wait_for(pool)) {
        wok__lock_take(&pools->lock);
        pool->orphan = true;
        wok__lock_give(&pools->lock);
        return;
    }
    if (wok__pool_wait(pool, UINT64_MAX) && take_off(pools, pool))
        wok__pool_unref(pool);
}

void wok_blocking_pool_freep(wok_blocking_pool **pool)
{
    wok_blocking_pool_free(*pool);
}

void wok_blocking_pool_metrics_get(const wok_blocking_pool *pool,
                                   wok_blocking_pool_metrics *ret_metrics)
{
    struct wok__pool_figures figures;

    *ret_metrics = (wok_blocking_pool_metrics){.threads = 0};
    if (pool == NULL && wok__here()->runtime != NULL)
        pool = wok__runtime_pools(wok__here()->runtime)->main;
    if (pool == NULL)
        return;
    wok__pool_figures((wok_blocking_pool *)pool, &figures);
    *ret_metrics = (wok_blocking_pool_metrics){
        .threads = figures.threads,
        .idle = figures.idle,
        .busy = figures.busy,
        .threads_max = pool->settings.threads_max,
        .queued = figures.queued,
        .queue_max = pool->settings.queue_max,
        .completed = figures.completed,
        .refused = figures.refused,
    };
    memcpy(ret_metrics->name, pool->settings.name, sizeof ret_metrics->name);
}

bool wok_blocking_pool_metrics_nth(const wok_runtime *runtime, size_t index,
                                   wok_blocking_pool_metrics *ret_metrics)
{
    struct wok_blocking_pool *pool;

    if (runtime == NULL)
        runtime = wok__here()->runtime;
    if (runtime == NULL)
        return false;
    pool = nth(wok__runtime_pools((wok_runtime *)runtime), index);
    if (pool == NULL)
        return false;
    wok_blocking_pool_metrics_get(pool, ret_metrics);
    wok__pool_unref(pool);
    return true;
}
