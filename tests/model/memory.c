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

struct memory memory;
static uint8_t location_of_slot[1024]; /* hash of the address -> number + 1 */

void memory_new_check(void)
{
    memory.count = 0;
    memory.acquire_seen = false;
    memset(memory.locations, 0, sizeof memory.locations);
    memset(location_of_slot, 0, sizeof location_of_slot);
}

void memory_new_run(void)
{
    memset(&memory.fence_view, 0, sizeof memory.fence_view);
    memory.fence_hash = 0;
}

struct location *memory_at(int location)
{
    return &memory.locations[location];
}

unsigned memory_position(int location, unsigned store)
{
    return memory.locations[location].stores[store].position;
}

/* Both views move to the later of the two in modification order. */
static void learn_stores(struct view *view, const struct view *more)
{
    for (unsigned i = 0; i < memory.count; i++)
        if (view->store[i] != more->store[i] &&
            memory_position((int)i, view->store[i]) < memory_position((int)i, more->store[i]))
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

    for (unsigned i = 0; i < memory.count; i++) {
        const struct location *location = &memory.locations[i];

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
    self()->place++;
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
    location->exclusive = false;
    memset(&location->stores[0], 0, sizeof location->stores[0]);
    memset(location->last_use, 0, sizeof location->last_use);
    read_memory(location, &location->stores[0].value);
}

static int number_of(const void *address, size_t size, const struct model_site *site)
{
    unsigned slot = (unsigned)(((uintptr_t)address * 0x9e3779b97f4a7c15u) >> 54);

    while (location_of_slot[slot] != 0 &&
           memory.locations[location_of_slot[slot] - 1].address != address)
        slot = (slot + 1) % 1024;
    if (location_of_slot[slot] == 0) {
        if (memory.count == MAX_LOCATIONS)
            explore_broken("more than %d atomic locations", MAX_LOCATIONS);
        memory.locations[memory.count].address = address;
        memory.locations[memory.count].size = size;
        memory.locations[memory.count].site = site;
        location_of_slot[slot] = (uint8_t)++memory.count;
    }
    return location_of_slot[slot] - 1;
}

int memory_location(const void *address, size_t size, const struct model_site *site)
{
    int number = number_of(address, size, site);

    if (memory.locations[number].run != engine.run)
        begin_run(&memory.locations[number]);
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
    const struct location *at = &memory.locations[location];
    return at->stores[at->order[at->count - 1]].value;
}

/* What the thread has read becomes part of its history: by name, or only by value. */
static void remember_store(const struct store *store)
{
    explore_remember(engine.check->by_value ? store->value : store->name);
}

uint64_t memory_see_newest(int location)
{
    const struct location *at = &memory.locations[location];

    note_user(&memory.locations[location].readers);
    self()->now.store[location] = at->order[at->count - 1];
    remember_store(&at->stores[at->order[at->count - 1]]);
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
    if (concerns_others(kind, &memory.locations[number_of(address, size, site)]))
        explore_point(kind, address);
    sync_check_alive(address, site);

    int location = memory_location(address, size, site);
    uint16_t clock = memory_tick();
    memory.locations[location].last_use[engine.current] = clock;
    *ret_event = trace_add(kind, location, site);
    (*ret_event)->order = order;
    if (memory.locations[location].exclusive)
        sync_check_race(address, kind != OP_LOAD, clock, site);
    return location;
}

/* As note_user: whether anything but a seq_cst fence acquires. */
static void note_acquire(void)
{
    engine.newly_shared |= !memory.acquire_seen;
    memory.acquire_seen = true;
}

static void read_from(int location, unsigned store, int order, struct event *event)
{
    struct actor *actor = self();
    const struct location *at = &memory.locations[location];

    actor->now.store[location] = (uint16_t)store; /* never backwards: see `oldest` in the callers */
    if (acquires(order)) {
        note_acquire();
        memory_learn(&actor->now, &at->stores[store].view);
    }
    memory_learn(&actor->acquired, &at->stores[store].view);
    event->before = at->stores[store].value;
    event->age = at->count - 1 - at->stores[store].position;
    remember_store(&at->stores[store]);
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
    struct location *at = &memory.locations[location];

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
        return memory.locations[location].count - 1;
    return memory_position(location, self()->now.store[location]);
}

static bool knows_no_more(const struct view *less, const struct view *more)
{
    for (unsigned i = 0; i < memory.count; i++)
        if (memory_position((int)i, less->store[i]) > memory_position((int)i, more->store[i]))
            return false;
    return true;
}

/*
 * By value, a load has no reason to read a store if the one before it has the same value and teaches
 * no more: whoever knows less may do all that whoever knows more may do.
 */
static bool worth_reading(const struct location *at, unsigned position, unsigned oldest)
{
    const struct store *store = &at->stores[at->order[position]];

    if (!engine.check->by_value || position == oldest || engine.current == MAIN)
        return true;
    const struct store *before = &at->stores[at->order[position - 1]];
    return before->value != store->value || !knows_no_more(&before->view, &store->view);
}

uint64_t model__load(const void *address, size_t size, int order, const struct model_site *site)
{
    struct event *event;
    int location = begin_access(OP_LOAD, address, size, order, site, &event);
    const struct location *at = &memory.locations[location];
    unsigned oldest = oldest_position(location);
    unsigned candidates[MAX_MESSAGES];
    unsigned choices = 0;

    /* The newest comes first, so that the first runs look ordinary. */
    for (unsigned position = at->count; position-- > oldest;)
        if (worth_reading(at, position, oldest))
            candidates[choices++] = at->order[position];

    unsigned read = candidates[explore_decide(choices)];
    read_from(location, read, order, event);
    return at->stores[read].value;
}

void model__store(void *address, size_t size, uint64_t value, int order,
                  const struct model_site *site)
{
    struct event *event;
    int location = begin_access(OP_STORE, address, size, order, site, &event);
    const struct location *at = &memory.locations[location];
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
    struct location *at = &memory.locations[location];

    at->stores[read].claimed = true;
    event->after = value;
    write_at(location, at->stores[read].position + 1u, value, order, &at->stores[read].view);
}

uint64_t model__rmw(void *address, size_t size, enum model_rmw op, uint64_t operand, int order,
                    const struct model_site *site)
{
    struct event *event;
    int location = begin_access(OP_RMW, address, size, order, site, &event);
    const struct location *at = &memory.locations[location];
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
    const struct location *at = &memory.locations[location];
    unsigned candidates[MAX_MESSAGES];
    unsigned choices = 0;
    unsigned oldest = oldest_position(location);
    uint64_t wanted = 0;

    memcpy(&wanted, expected, size);
    /* A strong CAS fails only on another value; one that fails is a load and may read an old one. */
    for (unsigned position = at->count; position-- > oldest;) {
        const struct store *store = &at->stores[at->order[position]];
        if (store->value == wanted ? !store->claimed : worth_reading(at, position, oldest))
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

void model__fence(int order, const struct model_site *site)
{
    struct actor *actor = self();

    /* Acquire and release fences touch nothing that others see: no need to let them run first. */
    if (order == __ATOMIC_SEQ_CST)
        explore_point(OP_FENCE, NULL);
    memory_tick();
    trace_add(OP_FENCE, -1, site)->order = order;
    if (order != __ATOMIC_SEQ_CST && order != __ATOMIC_RELEASE)
        note_acquire();
    if (order != __ATOMIC_RELEASE)
        memory_learn(&actor->now, &actor->acquired);
    if (order == __ATOMIC_SEQ_CST) {
        learn_stores(&memory.fence_view, &actor->now);
        learn_stores(&actor->now, &memory.fence_view);
        if (!engine.check->by_value) {
            memory.fence_hash = memory_hash_stores(&memory.fence_view);
            explore_remember(memory.fence_hash);
        }
    }
    actor->acquired = actor->now;
    if (order != __ATOMIC_ACQUIRE)
        actor->released = actor->now;
}

const struct model_site *memory_in_use(const char *begin, const char *end)
{
    for (unsigned i = 0; i < memory.count; i++) {
        const struct location *at = &memory.locations[i];

        if (at->run != engine.run || at->address < begin || at->address >= end)
            continue;
        for (unsigned actor = 0; actor < ACTORS; actor++)
            if (actor != engine.current && at->last_use[actor] > self()->now.clock[actor])
                return at->site;
    }
    return NULL;
}
