/*
 * invariants.c - what must be true of a runtime between two polls.
 *
 *   V1  a task is in exactly one place (a ring, a deque, a slot, a bound list, the yielded ones, an
 *       inbox, the injection queue, the queue of a blocking pool or of its scope) if its state says
 *       NOTIFIED and neither RUNNING nor COMPLETE, and in none otherwise.
 *   V2  a bound task is in its own worker's bound places only, one that may move in the others; and
 *       a task is in places of its own priority.
 *   V3  only blocking work is RUNNING.
 *   V4  tasks spawned less tasks ended are the blocks in the slab that are not COMPLETE.
 *   V5  a worker that sleeps is a sleeper in the idle word, or was notified and is being woken; the
 *       searchers of that word are the awake workers that search and the sleepers that were notified.
 *   V6  when no worker can go on, nothing is ready to run but work of the blocking pool.
 *
 * The blocks of the tasks are found through the slab, each with a reference for as long as the look
 * takes; the places are walked; both lists are sorted by address and compared.
 */
#include "sched/invariants.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sched/sched.h"
#include "sched/turns.h"
#include "task/group.h"

/* For how long, and how often, what looks wrong is looked at again. */
#ifndef WOK__LOOKS
#define WOK__LOOKS 2000
#endif
enum { LOOK_NS = 1000000 };

enum place { RING, DEQUE, SLOT, BOUND, YIELDED, INBOX, INJECTION, BLOCKING };

static const char *const place_names[] = {
    [RING] = "the ring",
    [DEQUE] = "the new children",
    [SLOT] = "the slot",
    [BOUND] = "the bound tasks",
    [YIELDED] = "those that yield",
    [INBOX] = "the inbox",
    [INJECTION] = "the injection queue",
    [BLOCKING] = "a blocking pool's queue",
};

struct found {
    struct wok_task *task;
    enum place place;
    uint32_t worker;   /* of the first six places */
    uint32_t priority; /* WOK__PRIORITIES: of any */
};

/* One look. */
struct check {
    struct wok_runtime *runtime;
    struct found *found; /* what is in the places */
    size_t found_count, found_capacity;
    struct wok_task **alive; /* not complete; a reference to each */
    size_t alive_count, alive_capacity;
    enum place place; /* where the walk is */
    uint32_t worker, priority;
    bool wrong;
    char why[512];
};

static void say(struct check *check, const char *format, ...) WOK_PRINTF(2, 3);

/* What was found first is what is told. */
static void say(struct check *check, const char *format, ...)
{
    va_list arguments;

    if (check->wrong)
        return;
    check->wrong = true;
    va_start(arguments, format);
    vsnprintf(check->why, sizeof check->why, format, arguments);
    va_end(arguments);
}

/* What is wrong with a task. */
static void say_of(struct check *check, const struct wok_task *task, const char *what)
{
    const wok_spawn_site *site = wok__task_site(task);

    say(check, "task %llu %s (spawned at %s:%d, state 0x%x) %s", (unsigned long long)task->id,
        site->name, site->file != NULL ? site->file : "?", site->line,
        load_relaxed(&task->state.word), what);
}

static void *grown(void *array, size_t *capacity, size_t size)
{
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    array = realloc(array, *capacity * size);
    if (array == NULL)
        abort(); /* a test that runs out of memory has told enough */
    return array;
}

/* ---- what there is ------------------------------------------------------------------------------- */

static void visit_block(void *block, void *argument)
{
    struct check *check = argument;
    struct wok_task *task = block;

    if (!wok__state_try_ref(&task->state))
        return; /* free, or complete */
    if (check->alive_count == check->alive_capacity)
        check->alive = grown(check->alive, &check->alive_capacity, sizeof check->alive[0]);
    check->alive[check->alive_count++] = task;
}

static void visit_queued(struct wok_task *task, void *argument)
{
    struct check *check = argument;

    if (check->found_count == check->found_capacity)
        check->found = grown(check->found, &check->found_capacity, sizeof check->found[0]);
    check->found[check->found_count++] =
        (struct found){task, check->place, check->worker, check->priority};
}

/* A list by the tasks' links; one that does not end is as long as what it may hold. */
static void walk_list(struct check *check, enum place place, struct wok_task *task)
{
    size_t limit = check->alive_count + 1024;

    check->place = place;
    for (; task != NULL && limit > 0; task = task->next, limit--)
        visit_queued(task, check);
    if (limit == 0)
        say(check, "%s of worker %u does not end", place_names[place], check->worker);
}

static void walk_ready(struct check *check, const struct wok__worker *worker,
                       const struct wok__ready *ready)
{
    struct wok_task *slot = load_relaxed(&ready->slot);
    size_t before = check->found_count;

    walk_list(check, BOUND, ready->bound_first);
    walk_list(check, YIELDED, ready->yielded_first);
    if (check->found_count - before != ready->bound_length)
        say(check, "worker %u counts %u bound tasks and has %zu", worker->index,
            ready->bound_length, check->found_count - before);
    check->place = RING;
    wok__queue_visit(&ready->queue, visit_queued, check);
    check->place = DEQUE;
    wok__deque_visit(&ready->children, visit_queued, check);
    check->place = SLOT;
    if (slot != NULL)
        visit_queued(slot, check);
}

static void walk_worker(struct check *check, const struct wok__worker *worker)
{
    check->worker = worker->index;
    for (check->priority = 0; check->priority < WOK__PRIORITIES; check->priority++)
        walk_ready(check, worker, &worker->ready[check->priority]);
    walk_list(check, INBOX, load_acquire(&worker->inbox)); /* [inbox.push] */
}

static int by_task(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t)((const struct found *)a)->task;
    uintptr_t right = (uintptr_t)((const struct found *)b)->task;

    return left < right ? -1 : left > right;
}

static int by_block(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t) * (struct wok_task *const *)a;
    uintptr_t right = (uintptr_t) * (struct wok_task *const *)b;

    return left < right ? -1 : left > right;
}

static void collect(struct check *check)
{
    struct wok_runtime *runtime = check->runtime;

    wok__slab_for_each(&runtime->slab, visit_block, check);
    for (uint32_t i = 0; i < runtime->worker_count; i++)
        walk_worker(check, runtime->workers[i]);
    check->place = INJECTION;
    for (check->priority = 0; check->priority < WOK__PRIORITIES; check->priority++)
        wok__inject_visit(&runtime->inject[check->priority], visit_queued, check);
    check->place = BLOCKING;
    wok__pools_visit(&runtime->pools, visit_queued, check);
    if (check->found_count > 0) /* of none there is no array, which qsort() does not take */
        qsort(check->found, check->found_count, sizeof check->found[0], by_task);
    if (check->alive_count > 0)
        qsort(check->alive, check->alive_count, sizeof(struct wok_task *), by_block);
}

/* ---- what must be true ---------------------------------------------------------------------------- */

/* As bsearch(), which takes no null array. */
static void *find(const void *key, const void *array, size_t count, size_t size,
                  int (*compare)(const void *, const void *))
{
    return count > 0 ? bsearch(key, array, count, size, compare) : NULL;
}

static void check_found(struct check *check, const struct found *found)
{
    uint32_t flags = WOK__RUNNING | WOK__NOTIFIED | WOK__COMPLETE;
    struct wok_task *task = found->task;
    struct wok_task *const *block =
        find(&task, check->alive, check->alive_count, sizeof(struct wok_task *), by_block);
    bool is_bound = found->place == BOUND || found->place == YIELDED || found->place == INBOX;

    if (block == NULL) {
        say(check, "%s of worker %u holds a task that has ended", place_names[found->place],
            found->worker);
        return;
    }
    if ((load_relaxed(&task->state.word) & flags) != WOK__NOTIFIED)
        say_of(check, task, "is in a queue, and not in the state for it");
    if (found->priority != WOK__PRIORITIES && task->priority != found->priority)
        say_of(check, task, "is in a queue of another priority");
    if (found->place == BLOCKING) {
        if (task->kind != WOK__TASK_BLOCKING)
            say_of(check, task, "is in a blocking pool's queue");
    } else if (is_bound ? task->home != found->worker : task->home != WOK__HOME_NONE) {
        say_of(check, task, "is not in a queue of the worker it is bound to");
    }
}

static void check_places(struct check *check)
{
    char text[96];

    for (size_t i = 0; i < check->found_count; i++) {
        const struct found *found = &check->found[i];
        check_found(check, found);
        if (i > 0 && found[-1].task == found->task && !check->wrong) {
            snprintf(text, sizeof text, "is in %s and in %s", place_names[found[-1].place],
                     place_names[found->place]);
            say_of(check, found->task, text);
        }
    }
}

/* A scope that lets so many run at a time has the others, and lives as long as its children do.  A
 * call whose thread has come for it may wait for its turn. */
static bool is_held(struct wok_task *task)
{
    if (task->kind == WOK__TASK_BLOCKING)
        return wok__call_waits_for_turn(task);
    return task->group != NULL && task->group->kind == WOK__GROUP_SCOPE &&
           wok__scope_holds((wok_scope *)task->group, task);
}

static void check_alive(struct check *check)
{
    for (size_t i = 0; i < check->alive_count; i++) {
        struct wok_task *task = check->alive[i];
        uint32_t word = load_relaxed(&task->state.word);
        struct found key = {.task = task};
        if ((word & WOK__RUNNING) != 0) {
            if (task->kind != WOK__TASK_BLOCKING)
                say_of(check, task, "runs between two polls");
        } else if ((word & (WOK__NOTIFIED | WOK__COMPLETE)) == WOK__NOTIFIED &&
                   find(&key, check->found, check->found_count, sizeof key, by_task) == NULL &&
                   !is_held(task)) {
            say_of(check, task, "was woken, and is in no queue");
        }
    }
}

static void check_idle(struct check *check)
{
    struct wok_runtime *runtime = check->runtime;
    uint64_t asleep = runtime->turns->asleep;
    uint32_t searching = 0;

    for (uint32_t i = 0; i < runtime->worker_count; i++) {
        struct wok__worker *worker = runtime->workers[i];
        bool sleeps = (asleep >> i & 1) != 0, counted = wok__idle_counts(&runtime->idle, i);
        if (!sleeps && counted)
            say(check, "worker %u is awake and counts as a sleeper", i);
        if (sleeps && !counted && !wok__driver_is_woken(&worker->driver))
            say(check, "worker %u sleeps, was notified, and is not woken", i);
        searching += sleeps ? !counted : worker->searching;
    }
    if (searching != wok__idle_searchers(&runtime->idle))
        say(check, "%u workers search, and %u count as searching", searching,
            wok__idle_searchers(&runtime->idle));
}

static void check_counts(struct check *check)
{
    uint64_t live = wok__runtime_live(check->runtime);

    if (live != check->alive_count)
        say(check, "%llu tasks count as live, and %zu are", (unsigned long long)live,
            check->alive_count);
}

/* After the walk: a thread outside that pushed something before it wakes somebody after it. */
static void check_rest(struct check *check)
{
    if (!wok__turns_rest(check->runtime->turns))
        return;
    for (size_t i = 0; i < check->found_count; i++)
        if (check->found[i].place != BLOCKING)
            say_of(check, check->found[i].task, "is ready, and all workers sleep");
}

/* True: all is well. */
static bool look(struct check *check)
{
    check->found_count = check->alive_count = 0;
    check->wrong = false;
    collect(check);
    check_places(check);
    check_alive(check);
    check_counts(check);
    check_idle(check);
    check_rest(check);
    for (size_t i = 0; i < check->alive_count; i++)
        wok__task_unref(check->alive[i]);
    return !check->wrong;
}

size_t wok__check_invariants(struct wok_runtime *runtime)
{
    struct check check = {.runtime = runtime};
    struct timespec pause = {.tv_nsec = LOOK_NS};
    bool well = look(&check);

    for (int i = 1; !well && i < WOK__LOOKS; i++) {
        nanosleep(&pause, NULL);
        well = look(&check);
    }
    free(check.found);
    free(check.alive);
    if (well)
        return check.alive_count;
    fprintf(stderr, "wok: after event %llu of seed %llu: %s\n",
            (unsigned long long)runtime->turns->log.count,
            (unsigned long long)runtime->options.seed, check.why);
    abort();
}
