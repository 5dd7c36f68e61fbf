/*
 * memory.c - the memory model.
 *
 * Every atomic location keeps all stores of the run in their modification order.  A thread's view
 * says, for each location, the oldest store that it may still read; reading, writing and
 * synchronising only ever move a view forward.  That one rule gives coherence.
 *
 *   release store    the store carries what its thread knows; an acquire load that reads it learns
 *   release fence    later relaxed stores carry what was known at the fence
 *   acquire fence    learns what earlier relaxed loads have read from
 *   rmw              adds to what the store that it read carries: the release sequence of C++20
 *   seq_cst fence    exchanges everything with one global view, so these fences are totally ordered
 *
 * A store may enter the modification order before stores that were executed earlier, as long as its
 * thread knows of none of them: without that, 2+2W would look stronger than C11 makes it.  What is
 * left out is load buffering: a load never reads a store that has not been executed yet.  This is
 * the promising semantics of Kang et al. (POPL 2017) without its promises.
 *
 * Clocks travel with the views but not through the global one: a seq_cst fence limits what may be
 * read and is no synchronisation for plain data.
 */
#include <string.h>

#include "engine.h"
#include "model_atomic.h"

static struct location locations[MAX_LOCATIONS]; /* numbered by first use, for the whole check */
static unsigned location_count;
static uint8_t location_of_slot[1024]; /* hash of the address -> number + 1 */
static struct view fence_view;         /* of all seq_cst fences */
static uint64_t fence_hash;

void memory_new_check(void)
{
    location_count = 0;
    memset(locations, 0, sizeof locations);
    memset(location_of_slot, 0, sizeof location_of_slot);
}

void memory_new_run(void)
{
    memset(&fence_view, 0, sizeof fence_view);
    fence_hash = 0;
}

struct location *memory_at(int location)
{
    return &locations[location];
}

static unsigned position_of(int location, unsigned store)
{
    return locations[location].stores[store].position;
}

/* Both views move to the later of the two in modification order. */
static void learn_stores(struct view *view, const struct view *more)
{
    for (unsigned i = 0; i < location_count; i++)
        if (view->store[i] != more->store[i] &&
            position_of((int)i, view->store[i]) < position_of((int)i, more->store[i]))
            view->store[i] = more->store[i];
}

void memory_learn(struct view *view, const struct view *more)
{
    learn_stores(view, more);
    for (unsigned i = 0; i < ACTORS; i++)
        if (view->clock[i] < more->clock[i])
            view->clock[i] = more->clock[i];
}

void memory_start_threads(void)
{
    for (unsigned i = 0; i < engine.threads; i++) {
        struct actor *actor = &engine.actors[i];

        actor->now = engine.actors[MAIN].now;
        actor->acquired = actor->now;
        actor->released = actor->now;
    }
}

void memory_join_threads(void)
{
    for (unsigned i = 0; i < engine.threads; i++)
        memory_learn(&engine.actors[MAIN].now, &engine.actors[i].now);
    memory_catch_up(&engine.actors[MAIN]);
}

bool memory_catch_up(struct actor *actor)
{
    bool moved = false;

    for (unsigned i = 0; i < location_count; i++) {
        const struct location *location = &locations[i];

        if (location->run != engine.run)
            continue;
        unsigned newest = location->order[location->count - 1];
        moved |= actor->now.store[i] != newest;
        actor->now.store[i] = (uint16_t)newest;
    }
    return moved;
}

uint16_t memory_tick(void)
{
    return ++self()->now.clock[engine.current];
}

static void read_memory(const struct location *location, uint64_t *ret_value)
{
    *ret_value = 0;
    memcpy(ret_value, location->address, location->size); /* little-endian, as all our targets */
}

/* The first access of a run finds in real memory what setup, or an initialiser, has put there. */
static void begin_run(struct location *location)
{
    location->run = engine.run;
    location->count = 1;
    location->order[0] = 0;
    location->order_hash = 0;
    memset(&location->stores[0], 0, sizeof location->stores[0]);
    memset(location->last_use, 0, sizeof location->last_use);
    read_memory(location, &location->stores[0].value);
}

static int number_of(const void *address, size_t size, const struct model_site *site)
{
    unsigned slot = (unsigned)(((uintptr_t)address * 0x9e3779b97f4a7c15u) >> 54);

    while (location_of_slot[slot] != 0 && locations[location_of_slot[slot] - 1].address != address)
        slot = (slot + 1) % 1024;
    if (location_of_slot[slot] == 0) {
        if (location_count == MAX_LOCATIONS)
            explore_broken("more than %d atomic locations", MAX_LOCATIONS);
        locations[location_count].address = address;
        locations[location_count].size = size;
        locations[location_count].site = site;
        location_of_slot[slot] = (uint8_t)++location_count;
    }
    return location_of_slot[slot] - 1;
}

int memory_location(const void *address, size_t size, const struct model_site *site)
{
    int number = number_of(address, size, site);

    if (locations[number].run != engine.run)
        begin_run(&locations[number]);
    return number;
}

/* What threads do with a location is learned on the way; when a run shows more than was known, the
 * exploration starts again with that knowledge, so that the last one had all of it. */
static void note_user(uint8_t *users)
{
    uint8_t me = (uint8_t)(1u << engine.current);

    engine.newly_shared |= (*users & me) == 0;
    *users |= me;
}

uint64_t memory_newest(int location)
{
    const struct location *at = &locations[location];
    return at->stores[at->order[at->count - 1]].value;
}

uint64_t memory_see_newest(int location)
{
    const struct location *at = &locations[location];

    note_user(&locations[location].readers);
    self()->now.store[location] = at->order[at->count - 1];
    explore_remember(at->stores[at->order[at->count - 1]].name);
    return memory_newest(location);
}

static bool acquires(int order)
{
    return order == __ATOMIC_ACQUIRE || order == __ATOMIC_ACQ_REL;
}

static bool releases(int order)
{
    return order == __ATOMIC_RELEASE || order == __ATOMIC_ACQ_REL;
}

/*
 * Whether anyone else could tell when the access happens: if not, nobody needs to run before it.
 */
static bool concerns_others(enum op_kind kind, struct location *location)
{
    uint8_t me = (uint8_t)(1u << engine.current);

    if (engine.current == MAIN)
        return false;
    note_user(kind == OP_LOAD ? &location->readers : &location->writers);
    uint8_t others = location->writers | (kind == OP_LOAD ? 0 : location->readers);
    return (others & ~me) != 0 || engine.check->no_shortcuts;
}

/* Comes before every atomic access: others may run first, and the access is counted. */
static int begin_access(enum op_kind kind, const void *address, size_t size, int order,
                        const struct model_site *site, struct event **ret_event)
{
    if (order == __ATOMIC_SEQ_CST || order == __ATOMIC_CONSUME)
        explore_broken("%s:%d: %s: only fences may be seq_cst here", site->file, site->line,
                       site->text);
    if (concerns_others(kind, &locations[number_of(address, size, site)]))
        explore_point(kind, address);
    sync_check_alive(address, site);

    int location = memory_location(address, size, site);
    locations[location].last_use[engine.current] = memory_tick();
    *ret_event = trace_add(kind, location, site);
    (*ret_event)->order = order;
    return location;
}

static void read_from(int location, unsigned store, int order, struct event *event)
{
    struct actor *actor = self();
    const struct location *at = &locations[location];

    actor->now.store[location] = (uint16_t)store; /* never backwards: see `oldest` in the callers */
    if (acquires(order))
        memory_learn(&actor->now, &at->stores[store].view);
    memory_learn(&actor->acquired, &at->stores[store].view);
    event->before = at->stores[store].value;
    event->age = at->count - 1 - at->stores[store].position;
    explore_remember(at->stores[store].name);
}

static void hash_order(struct location *at, unsigned changed)
{
    unsigned begin = changed + 1 == at->count ? changed : 1;

    if (begin == 1)
        at->order_hash = 0;
    for (unsigned position = begin; position < at->count; position++)
        at->order_hash = mix(at->order_hash, at->stores[at->order[position]].name);
}

/* Enters a store at `position` and publishes what the thread may publish with it. */
static void write_at(int location, unsigned position, uint64_t value, int order,
                     const struct view *sequence)
{
    struct actor *actor = self();
    struct location *at = &locations[location];

    if (at->count == MAX_MESSAGES)
        explore_broken("more than %d stores to one location", MAX_MESSAGES);
    unsigned index = at->count++;
    for (unsigned i = index; i > position; i--) {
        at->order[i] = at->order[i - 1];
        at->stores[at->order[i]].position = (uint16_t)i;
    }
    at->order[position] = (uint16_t)index;

    struct store *store = &at->stores[index];
    store->name = engine.current << 16 | actor->now.clock[engine.current];
    store->value = value;
    store->position = (uint16_t)position;
    store->claimed = false;
    actor->now.store[location] = (uint16_t)index;
    store->view = releases(order) ? actor->now : actor->released;
    store->view.store[location] = (uint16_t)index;
    if (sequence != NULL)
        memory_learn(&store->view, sequence);
    hash_order(at, position);
    /* A store of what is there already wakes nobody who spins: two spin locks would wake each other. */
    engine.stores += value != at->stores[at->order[position - 1]].value;

    uint64_t newest = memory_newest(location);
    memcpy((char *)(uintptr_t)at->address, &newest, at->size);
}

/* The oldest position that the thread may read; setup and finish see the newest only. */
static unsigned oldest_position(int location)
{
    if (engine.current == MAIN)
        return locations[location].count - 1;
    return position_of(location, self()->now.store[location]);
}

uint64_t model__load(const void *address, size_t size, int order, const struct model_site *site)
{
    struct event *event;
    int location = begin_access(OP_LOAD, address, size, order, site, &event);
    const struct location *at = &locations[location];
    unsigned choices = at->count - oldest_position(location);
    unsigned age = explore_decide(choices); /* zero is the newest: first runs look ordinary */
    unsigned store = at->order[at->count - 1 - age];

    read_from(location, store, order, event);
    return at->stores[store].value;
}

void model__store(void *address, size_t size, uint64_t value, int order,
                  const struct model_site *site)
{
    struct event *event;
    int location = begin_access(OP_STORE, address, size, order, site, &event);
    const struct location *at = &locations[location];
    unsigned after[MAX_MESSAGES];
    unsigned choices = 0;

    for (unsigned position = at->count; position-- > oldest_position(location);)
        if (!at->stores[at->order[position]].claimed)
            after[choices++] = position;

    unsigned position = after[explore_decide(choices)] + 1;
    event->after = value;
    event->age = at->count - position;
    write_at(location, position, value, order, NULL);
}

static uint64_t combine(enum model_rmw op, uint64_t value, uint64_t operand, size_t size)
{
    uint64_t mask = size >= 8 ? ~(uint64_t)0 : ((uint64_t)1 << (size * 8)) - 1;

    switch (op) {
    case MODEL_EXCHANGE:
        return operand & mask;
    case MODEL_ADD:
        return (value + operand) & mask;
    case MODEL_SUB:
        return (value - operand) & mask;
    case MODEL_OR:
        return (value | operand) & mask;
    case MODEL_AND:
        return value & operand & mask;
    }
    return 0;
}

/* The second half of a read-modify-write: its store comes right behind the one that it read. */
static void write_behind(int location, unsigned read, uint64_t value, int order,
                         struct event *event)
{
    struct location *at = &locations[location];

    at->stores[read].claimed = true;
    event->after = value;
    write_at(location, at->stores[read].position + 1u, value, order, &at->stores[read].view);
}

uint64_t model__rmw(void *address, size_t size, enum model_rmw op, uint64_t operand, int order,
                    const struct model_site *site)
{
    struct event *event;
    int location = begin_access(OP_RMW, address, size, order, site, &event);
    const struct location *at = &locations[location];
    unsigned candidates[MAX_MESSAGES];
    unsigned choices = 0;

    for (unsigned position = at->count; position-- > oldest_position(location);)
        if (!at->stores[at->order[position]].claimed)
            candidates[choices++] = at->order[position];

    unsigned read = candidates[explore_decide(choices)];
    uint64_t before = at->stores[read].value;
    read_from(location, read, order, event);
    write_behind(location, read, combine(op, before, operand, size), order, event);
    return before;
}

bool model__cas(void *address, size_t size, void *expected, uint64_t desired, int order,
                int failure_order, const struct model_site *site)
{
    struct event *event;
    int location = begin_access(OP_CAS, address, size, order, site, &event);
    const struct location *at = &locations[location];
    unsigned candidates[MAX_MESSAGES];
    unsigned choices = 0;
    uint64_t wanted = 0;

    memcpy(&wanted, expected, size);
    /* A strong CAS fails only on another value; one that fails is a load and may read an old one. */
    for (unsigned position = at->count; position-- > oldest_position(location);) {
        const struct store *store = &at->stores[at->order[position]];
        if (store->value != wanted || !store->claimed)
            candidates[choices++] = at->order[position];
    }
    unsigned read = candidates[explore_decide(choices)];
    uint64_t before = at->stores[read].value;
    bool success = before == wanted;

    read_from(location, read, success ? order : failure_order, event);
    if (success) {
        write_behind(location, read, desired, order, event);
    } else {
        event->kind = OP_CAS_FAILED;
        event->order = failure_order;
        memcpy(expected, &before, size);
    }
    return success;
}

static uint64_t hash_stores(const struct view *view)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < location_count; i++)
        if (view->store[i] != 0)
            hash = mix(hash, (uint64_t)i << 32 | locations[i].stores[view->store[i]].name);
    return hash;
}

void model__fence(int order, const struct model_site *site)
{
    struct actor *actor = self();

    /* Acquire and release fences touch nothing that others see: no need to let them run first. */
    if (order == __ATOMIC_SEQ_CST)
        explore_point(OP_FENCE, NULL);
    memory_tick();
    trace_add(OP_FENCE, -1, site)->order = order;
    if (order != __ATOMIC_RELEASE)
        memory_learn(&actor->now, &actor->acquired);
    if (order == __ATOMIC_SEQ_CST) {
        learn_stores(&fence_view, &actor->now);
        learn_stores(&actor->now, &fence_view);
        fence_hash = hash_stores(&fence_view);
        explore_remember(fence_hash);
    }
    actor->acquired = actor->now;
    if (order != __ATOMIC_ACQUIRE)
        actor->released = actor->now;
}

const struct model_site *memory_in_use(const char *begin, const char *end)
{
    for (unsigned i = 0; i < location_count; i++) {
        const struct location *at = &locations[i];

        if (at->run != engine.run || at->address < begin || at->address >= end)
            continue;
        for (unsigned actor = 0; actor < ACTORS; actor++)
            if (actor != engine.current && at->last_use[actor] > self()->now.clock[actor])
                return at->site;
    }
    return NULL;
}

/*
 * The hash of everything that decides how the run can go on.  Who read which store, the modification
 * orders and what the fences exchanged determine all views, so that these need not be hashed.
 */
uint64_t memory_hash(void)
{
    uint64_t hash = fence_hash;

    for (unsigned i = 0; i < location_count; i++)
        if (locations[i].run == engine.run && locations[i].count > 1)
            hash = mix(mix(hash, i), locations[i].order_hash);
    for (unsigned i = 0; i < engine.threads; i++) {
        const struct actor *actor = &engine.actors[i];
        uint64_t place = (uint64_t)actor->now.clock[i] << 1 | (actor->waiting == OP_START);

        hash = mix(mix(hash, actor->history), place);
    }
    return hash;
}
