/*
 * aggregate_run.c - asking many sources: a task for each, all inside one task, or one by one.
 *
 * The three differ in who polls the fetches; what is asked, when it is enough and how the unfinished
 * are marked is the same.  One instant is read for all that are asked together, so that equal delays
 * end at one deadline and the wheel fires them in one pass.
 *
 * What is unfinished at the deadline is a timeout, also a source whose turn had not come in
 * sequential mode; what is unfinished when enough have answered is cancelled.
 *
 * A panic: in spawn mode it ends the fetch's task, and the source says so.  In the other two the fetch
 * is polled by the request's own task, so the panic is the request's.
 */
#include "aggregate.h"

#include <errno.h>
#include <stdlib.h>

#include "fetch.h"

/* Enough with a number of successes, whatever the rest would bring. */
static bool stops_early(const struct wok__aggregate *aggregate)
{
    return aggregate->require.kind == WOK__REQUIRE_ANY || aggregate->require.kind == WOK__REQUIRE_K;
}

/* For fetches that are polled by this task, or have all ended. */
static bool has_enough(const struct wok__aggregate *aggregate)
{
    size_t successes = 0;

    if (!stops_early(aggregate))
        return false;
    for (size_t i = 0; i < aggregate->count; i++)
        successes += aggregate->sources[i].status == WOK__FETCH_OK;
    return successes >= wok__aggregate_needed(aggregate);
}

/* Marks what has not ended. */
static void settle(struct wok__aggregate *aggregate, wok_instant begin,
                   enum wok__fetch_status unfinished)
{
    wok_duration elapsed = wok_elapsed(begin);

    for (size_t i = 0; i < aggregate->count; i++) {
        struct wok__source *source = &aggregate->sources[i];
        if (source->status != WOK__FETCH_PENDING)
            continue;
        source->status = (uint8_t)unfinished;
        if (source->asked)
            source->elapsed = elapsed;
    }
}

/* ---- spawn: a task per source ---- */

/* A fetch whose success is counted, for requirements that some successes meet. */
struct counted_fetch {
    struct wok__fetch fetch;
    struct wok__tally *tally; /* borrowed, as the fetch's source */
};

static wok_poll counted_poll(void *self_, wok_cx *cx, void *result)
{
    struct counted_fetch *self = self_;
    wok_poll code = wok__fetch_poll(&self->fetch, cx);

    (void)result;
    if (code == WOK_READY && self->fetch.source->status == WOK__FETCH_OK) {
        pthread_mutex_lock(&self->tally->lock);
        self->tally->successes++;
        pthread_mutex_unlock(&self->tally->lock);
    }
    return code;
}

static void counted_drop(void *self_)
{
    struct counted_fetch *self = self_;
    wok__fetch_drop(&self->fetch);
}

static const wok_future_vtable counted_vtable = {
    .name = "fetch",
    .size = sizeof(struct counted_fetch),
    .poll = counted_poll,
    .drop = counted_drop,
};

static void spawn_one(struct wok__aggregate *aggregate, struct wok__source *source,
                      wok_instant begin)
{
    wok_scope *scope = &aggregate->scope;
    uint64_t last = wok_scope_last_id(scope);
    struct counted_fetch fetch = {wok__fetch_begin(source, begin), &aggregate->tally};

    if (stops_early(aggregate))
        wok_scope_spawn_future(scope, &counted_vtable, &fetch);
    else
        wok_scope_spawn_future(scope, &wok__fetch_vtable, &fetch.fetch);

    uint64_t id = wok_scope_last_id(scope);
    if (id == last) /* nothing was spawned: the scope's wait says why, and nobody else asks */
        source->status = WOK__FETCH_NOT_STARTED;
    else
        aggregate->spawned++;
    source->task = id == last ? 0 : id;
}

/* Waits until enough children have succeeded or all have ended. */
static int wait_for_enough(struct wok__aggregate *aggregate, wok_instant deadline)
{
    struct wok__tally *tally = &aggregate->tally;
    size_t seen = 0;

    for (;;) {
        int error = wok_scope_wait_some(&aggregate->scope, deadline, &seen);

        pthread_mutex_lock(&tally->lock);
        bool enough = tally->successes >= wok__aggregate_needed(aggregate);
        pthread_mutex_unlock(&tally->lock);
        if (error == -ECANCELED)
            return error;
        if (enough || error == -ENOENT)
            return 0;
        if (error < 0)
            return error;
    }
}

__attribute__((noinline)) static int run_spawned(struct wok__aggregate *aggregate,
                                                 wok_instant begin, wok_instant deadline)
{
    wok_scope *scope = &aggregate->scope;

    for (size_t i = 0; i < aggregate->count; i++)
        spawn_one(aggregate, &aggregate->sources[i], begin);

    int error = stops_early(aggregate) ? wait_for_enough(aggregate, deadline)
                                       : wok_scope_wait_until(scope, deadline);
    bool late = error == -ETIMEDOUT;
    if (error != -ECANCELED && (late || stops_early(aggregate))) {
        wok_scope_cancel(scope);
        error = wok_scope_wait(scope); /* how they ended stands in the sources */
    }
    if (error == -ECANCELED)
        return error; /* the sources are still borrowed: the owner's done ends the tasks */

    settle(aggregate, begin, late ? WOK__FETCH_TIMEOUT : WOK__FETCH_CANCELLED);
    return 0;
}

/* ---- join: all inside the request's task ---- */

/* The fetches of a join, which must not move while they are polled. */
struct joined {
    wok_join_all_future all;
    const struct wok__aggregate *aggregate;
    struct wok__fetch *fetches; /* `few` or in `block` */
    wok_op *branches;
    size_t count; /* fetches that were begun and have to be dropped */
    void *block;
    struct wok__fetch few[WOK__SOURCES_FEW];
    wok_op few_branches[WOK__SOURCES_FEW];
};

static void joined_done(struct joined *joined)
{
    for (size_t i = 0; i < joined->count; i++)
        wok__fetch_drop(&joined->fetches[i]);
    free(joined->block);
}

/* The join is over when all are ready, or enough. */
static wok_poll joined_poll(void *self, wok_cx *cx, void *result)
{
    struct joined *joined = self;

    (void)result;
    if (wok_join_all_future_poll(&joined->all, cx) != WOK_PENDING)
        return WOK_READY;
    return has_enough(joined->aggregate) ? WOK_READY : WOK_PENDING;
}

static const wok_future_vtable joined_vtable = {
    .name = "aggregate",
    .size = sizeof(struct joined),
    .poll = joined_poll,
};

static int reserve_joined(struct joined *joined, size_t count)
{
    joined->fetches = joined->few;
    joined->branches = joined->few_branches;
    if (count <= WOK__SOURCES_FEW)
        return 0;

    joined->block = malloc(count * (sizeof *joined->fetches + sizeof *joined->branches));
    if (joined->block == NULL)
        return -ENOMEM;
    joined->fetches = joined->block;
    joined->branches = (wok_op *)(joined->fetches + count);
    return 0;
}

__attribute__((noinline)) static int run_joined(struct wok__aggregate *aggregate, wok_instant begin,
                                                wok_instant deadline)
{
    WOK_CLEANUP(joined_done) struct joined joined;

    joined.aggregate = aggregate;
    joined.count = 0;
    joined.block = NULL;
    if (reserve_joined(&joined, aggregate->count) < 0) {
        settle(aggregate, begin, WOK__FETCH_NOT_STARTED);
        return 0;
    }
    for (size_t i = 0; i < aggregate->count; i++) {
        joined.fetches[i] = wok__fetch_begin(&aggregate->sources[i], begin);
        joined.branches[i] =
            wok_future_op((wok_future){&wok__fetch_vtable, &joined.fetches[i]}, NULL);
        joined.count++;
    }
    wok_join_all_future_init(&joined.all, joined.branches, aggregate->count, NULL);

    int error = wok_await_until((wok_future){&joined_vtable, &joined}, deadline, NULL);
    if (error == -ECANCELED)
        return error;
    settle(aggregate, begin, error == -ETIMEDOUT ? WOK__FETCH_TIMEOUT : WOK__FETCH_CANCELLED);
    return 0;
}

/* ---- sequential: one after the other ---- */

__attribute__((noinline)) static int run_sequential(struct wok__aggregate *aggregate,
                                                    wok_instant begin, wok_instant deadline)
{
    bool late = false;

    for (size_t i = 0; i < aggregate->count && !late && !has_enough(aggregate); i++) {
        int error = wok__fetch_await(&aggregate->sources[i], deadline);
        if (error < 0)
            return error;
        late = aggregate->sources[i].status == WOK__FETCH_TIMEOUT;
    }
    settle(aggregate, begin, late ? WOK__FETCH_TIMEOUT : WOK__FETCH_CANCELLED);
    return 0;
}

int wok__aggregate_run(struct wok__aggregate *aggregate)
{
    wok_instant begin = wok_now();
    wok_instant deadline = wok_instant_after(begin, wok_ms(aggregate->timeout_ms));
    int error = 0;

    switch (aggregate->mode) {
    case WOK__MODE_SPAWN:
        error = run_spawned(aggregate, begin, deadline);
        break;
    case WOK__MODE_JOIN:
        error = run_joined(aggregate, begin, deadline);
        break;
    case WOK__MODE_SEQUENTIAL:
        error = run_sequential(aggregate, begin, deadline);
        break;
    }
    aggregate->total = wok_elapsed(begin);
    return error;
}
