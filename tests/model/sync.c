/*
 * sync.c - what a harness needs besides atomics: sleeping, locks, and plain memory with race checks.
 *
 * Sleeping carries no ordering (see model_event); a mutex does, like the real one.  The race check
 * compares clocks, as FastTrack does (Flanagan and Freund, PLDI 2009): a plain access races with an
 * earlier one that its thread does not know of.  It needs no scheduling points of its own, because
 * it finds the race in whichever order the two run.
 */
#include <string.h>

#include "engine.h"

enum { MAX_OBJECTS = 32, MAX_CELLS = 128, MAX_FREED = 16 };

/* An event or a mutex, by address. */
struct object {
    const void *address;
    uint64_t run;
    unsigned tokens;
    unsigned acquisitions;
    bool held;
    struct view view; /* what the last holder of the lock knew */
    unsigned user;    /* actor + 1 of the last use of a lock, or 0 */
    uint16_t used_at;
};

/* A plain variable, by address. */
struct cell {
    const char *address;
    uint64_t run;
    unsigned writer; /* actor + 1, or 0 */
    uint16_t written_at;
    uint16_t read_at[ACTORS];
    const struct model_site *site; /* of the last access */
};

static struct object objects[MAX_OBJECTS];
static unsigned object_count;
static struct cell cells[MAX_CELLS];
static unsigned cell_count;
static struct {
    const char *begin, *end;
} freed[MAX_FREED];
static unsigned freed_count;

void sync_new_check(void)
{
    object_count = 0;
    cell_count = 0;
}

void sync_new_run(void)
{
    freed_count = 0;
}

static struct object *object_at(const void *address)
{
    unsigned i = 0;

    while (i < object_count && objects[i].address != address)
        i++;
    if (i == MAX_OBJECTS)
        explore_broken("more than %d events and mutexes", MAX_OBJECTS);
    if (i == object_count)
        objects[object_count++].address = address;
    if (objects[i].run != engine.run) {
        memset(&objects[i], 0, sizeof objects[i]);
        objects[i].address = address;
        objects[i].run = engine.run;
    }
    return &objects[i];
}

static struct cell *cell_at(const void *address)
{
    unsigned i = 0;

    while (i < cell_count && cells[i].address != address)
        i++;
    if (i == MAX_CELLS)
        explore_broken("more than %d plain variables", MAX_CELLS);
    if (i == cell_count)
        cells[cell_count++].address = address;
    if (cells[i].run != engine.run) {
        memset(&cells[i], 0, sizeof cells[i]);
        cells[i].address = address;
        cells[i].run = engine.run;
    }
    return &cells[i];
}

bool sync_may_run(const struct actor *actor)
{
    if (actor->finished)
        return false;
    switch (actor->waiting) {
    case OP_EVENT_WAIT:
        return object_at(actor->object)->tokens > 0;
    case OP_LOCK:
        return !object_at(actor->object)->held;
    case OP_FUTEX_SLEEP:
        return actor->object == NULL; /* a wake clears it */
    case OP_SPIN:
        return actor->stores_seen != engine.stores;
    default:
        return true;
    }
}

uint64_t sync_hash(void)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < object_count; i++) {
        const struct object *object = &objects[i];

        if (object->run != engine.run)
            continue;
        hash = mix(mix(hash, i),
                   (uint64_t)object->tokens << 32 | object->acquisitions << 1 | object->held);
        for (unsigned actor = 0; actor < ACTORS; actor++)
            hash = mix(hash, object->view.clock[actor]); /* stands for the whole view */
    }
    for (unsigned i = 0; i < engine.threads; i++) {
        const struct actor *actor = &engine.actors[i];
        hash =
            mix(hash, (uint64_t)sync_may_run(actor) << 1 | (actor->stores_seen != engine.stores));
    }
    return hash;
}

bool model__event_set(struct model_event *event, const struct model_site *site)
{
    explore_point(OP_EVENT_SET, event);
    memory_tick();
    trace_add(OP_EVENT_SET, -1, site);

    struct object *object = object_at(event);
    bool before = object->tokens != 0;
    object->tokens = 1;
    explore_remember(before);
    return before;
}

void model__event_wait(struct model_event *event, const struct model_site *site)
{
    explore_point(OP_EVENT_WAIT, event);
    memory_tick();
    trace_add(OP_EVENT_WAIT, -1, site);
    object_at(event)->tokens = 0;
}

void model__futex_wait(void *address, size_t size, uint64_t expected, const struct model_site *site)
{
    explore_point(OP_FUTEX_WAIT, address);
    sync_check_alive(address, site);
    memory_tick();

    /* The kernel compares under its own lock: it sees the newest value, but acquires nothing. */
    int location = memory_location(address, size, site);
    uint64_t value = memory_see_newest(location);
    struct event *event = trace_add(OP_FUTEX_WAIT, location, site);

    event->before = value;
    event->after = expected;
    if (value != expected)
        return;
    explore_point(OP_FUTEX_SLEEP, address);
    memory_tick();
    trace_add(OP_FUTEX_SLEEP, location, site);
}

unsigned model__futex_wake(void *address, unsigned count, const struct model_site *site)
{
    unsigned woken = 0;

    explore_point(OP_FUTEX_WAKE, address);
    memory_tick();
    trace_add(OP_FUTEX_WAKE, -1, site)->after = count;
    for (; woken < count; woken++) {
        struct actor *sleepers[MODEL_MAX_THREADS];
        unsigned choices = 0;

        for (unsigned i = 0; i < engine.threads; i++)
            if (engine.actors[i].waiting == OP_FUTEX_SLEEP && engine.actors[i].object == address)
                sleepers[choices++] = &engine.actors[i];
        if (choices == 0)
            break;
        sleepers[explore_decide(choices)]->object = NULL;
    }
    explore_remember(woken);
    return woken;
}

/* A lock is used now; it must not have been freed, and must not be until this use is known of. */
static struct object *use_lock(struct model_mutex *mutex, const struct model_site *site)
{
    struct object *object = object_at(mutex);

    sync_check_alive((const char *)mutex, site);
    object->used_at = memory_tick();
    object->user = engine.current + 1;
    return object;
}

void model__lock(struct model_mutex *mutex, const struct model_site *site)
{
    explore_point(OP_LOCK, mutex);
    trace_add(OP_LOCK, -1, site);

    struct object *object = use_lock(mutex, site);
    object->held = true;
    memory_learn(&self()->now, &object->view);
    memory_learn(&self()->acquired, &object->view);
    explore_remember(object->acquisitions++);
}

void model__unlock(struct model_mutex *mutex, const struct model_site *site)
{
    explore_point(OP_UNLOCK, mutex);
    trace_add(OP_UNLOCK, -1, site);

    struct object *object = use_lock(mutex, site);
    if (!object->held)
        explore_violation("%s:%d: %s is not locked", site->file, site->line, site->text);
    object->held = false;
    object->view = self()->now;
}

void model__spin(const struct model_site *site)
{
    explore_point(OP_SPIN, NULL);
    memory_tick();
    trace_add(OP_SPIN, -1, site);
    self()->stores_seen = engine.stores;
}

void model_forget(uint64_t key)
{
    if (!engine.check->by_value)
        return;
    self()->history = mix(1, key); /* 0 is the history of a thread that has just begun */
    self()->place = 0;
}

unsigned model_choose(unsigned count)
{
    unsigned chosen = explore_decide(count);

    memory_tick();
    explore_remember(chosen);
    trace_add(OP_CHOOSE, -1, MODEL_SITE("choose"))->after = chosen;
    return chosen;
}

void sync_check_alive(const char *address, const struct model_site *site)
{
    for (unsigned i = 0; i < freed_count; i++)
        if (address >= freed[i].begin && address < freed[i].end)
            explore_violation("use after free: %s at %s:%d", site->text, site->file, site->line);
}

static void race(const struct cell *cell, const struct model_site *site)
{
    explore_violation("data race: %s at %s:%d is not ordered with %s at %s:%d", site->text,
                      site->file, site->line, cell->site->text, cell->site->file, cell->site->line);
}

/* An access at `clock` of the current thread; what it races with is not in the thread's view. */
void sync_check_race(const void *address, bool write, uint16_t clock, const struct model_site *site)
{
    struct cell *cell = cell_at(address);
    const struct view *now = &self()->now;

    if (engine.check->by_value)
        explore_broken("%s:%d: plain data in a check by value", site->file, site->line);

    if (cell->writer != 0 && cell->written_at > now->clock[cell->writer - 1])
        race(cell, site);
    for (unsigned i = 0; write && i < ACTORS; i++)
        if (cell->read_at[i] > now->clock[i])
            race(cell, site);
    explore_remember((uint64_t)cell->writer << 16 | cell->written_at); /* names what is read */
    cell->site = site;
    if (write) {
        cell->writer = engine.current + 1;
        cell->written_at = clock;
    } else {
        cell->read_at[engine.current] = clock;
    }
}

void model__plain(const void *address, bool write, const struct model_site *site)
{
    uint16_t clock = memory_tick();

    sync_check_alive(address, site);
    trace_add(write ? OP_PLAIN_WRITE : OP_PLAIN_READ, -1, site);
    sync_check_race(address, write, clock, site);
}

void model__exclusive(const void *address, size_t size, const struct model_site *site)
{
    memory_at(memory_location(address, size, site))->exclusive = true;
}

void model__free(const void *address, size_t size, const struct model_site *site)
{
    const char *begin = address;
    const char *end = begin + size;

    memory_tick();
    sync_check_alive(begin, site);
    trace_add(OP_FREE, -1, site);

    const struct model_site *user = memory_in_use(begin, end);
    if (user != NULL)
        explore_violation("data race: %s is freed at %s:%d while %s at %s:%d may still be in use",
                          site->text, site->file, site->line, user->text, user->file, user->line);
    for (unsigned i = 0; i < cell_count; i++) {
        struct cell *cell = &cells[i];

        if (cell->run != engine.run || cell->address < begin || cell->address >= end)
            continue;
        if (cell->writer != 0 && cell->written_at > self()->now.clock[cell->writer - 1])
            race(cell, site);
        for (unsigned actor = 0; actor < ACTORS; actor++)
            if (cell->read_at[actor] > self()->now.clock[actor])
                race(cell, site);
    }
    for (unsigned i = 0; i < object_count; i++) {
        const struct object *object = &objects[i];
        const char *lock = object->address;

        if (object->run == engine.run && object->user != 0 && lock >= begin && lock < end &&
            (object->held || object->used_at > self()->now.clock[object->user - 1]))
            explore_violation(
                "data race: %s is freed at %s:%d while a lock in it may still be in use",
                site->text, site->file, site->line);
    }
    if (freed_count == MAX_FREED)
        explore_broken("more than %d blocks freed", MAX_FREED);
    freed[freed_count].begin = begin;
    freed[freed_count++].end = end;
}

void model__fail(const struct model_site *site)
{
    explore_violation("%s:%d: assertion failed: %s", site->file, site->line, site->text);
}
