/*
 * hash.c - the hash of everything that decides how a run can go on.
 *
 * Two runs in the same state have the same future, so explore.c follows only the first.  What is left
 * out of the hash must therefore not matter: a difference that is overlooked hides runs, one too many
 * only costs time.  litmus.c compares both ways with an exploration that uses no hash at all.
 */
#include "engine.h"

uint64_t memory_hash_stores(const struct view *view)
{
    uint64_t hash = 0;

    for (unsigned i = 0; i < memory.count; i++)
        if (view->store[i] != 0)
            hash = mix(hash, (uint64_t)i << 32 | memory.locations[i].stores[view->store[i]].name);
    return hash;
}

/* Who read which store, the modification orders and what the fences exchanged determine all views, so
 * that these need not be hashed. */
static uint64_t hash_by_name(void)
{
    uint64_t hash = memory.fence_hash;

    for (unsigned i = 0; i < memory.count; i++)
        if (memory.locations[i].run == engine.run && memory.locations[i].count > 1)
            hash = mix(mix(hash, i), memory.locations[i].order_hash);
    return hash;
}

/*
 * By value the views do have to be hashed.  Stores that no thread can read any more are left out, and
 * positions count from the oldest that one can: a past that nobody remembers makes no difference.
 */
static uint16_t oldest_readable[MAX_LOCATIONS];

static void find_oldest_readable(void)
{
    for (unsigned i = 0; i < memory.count; i++) {
        unsigned oldest = memory.locations[i].run == engine.run ? memory.locations[i].count - 1 : 0;

        for (unsigned t = 0; t < engine.threads && oldest != 0; t++)
            if (!engine.actors[t].finished &&
                memory_position((int)i, engine.actors[t].now.store[i]) < oldest)
                oldest = memory_position((int)i, engine.actors[t].now.store[i]);
        oldest_readable[i] = (uint16_t)oldest;
    }
}

static uint64_t hash_view(uint64_t hash, const struct view *view, const struct view *beyond)
{
    for (unsigned i = 0; i < memory.count; i++) {
        unsigned position = memory_position((int)i, view->store[i]);

        if (position > oldest_readable[i] &&
            (beyond == NULL || position > memory_position((int)i, beyond->store[i])))
            hash = mix(hash, ((uint64_t)i << 32) | (position - oldest_readable[i]));
    }
    return mix(hash, 0);
}

static uint64_t hash_by_value(void)
{
    uint64_t hash = 0;
    /* Where only seq_cst fences acquire, what a store carries matters as far as they do not know it. */
    const struct view *beyond = memory.acquire_seen ? NULL : &memory.fence_view;

    find_oldest_readable();
    for (unsigned i = 0; i < memory.count; i++) {
        const struct location *at = &memory.locations[i];

        if (at->run != engine.run || (at->count == 1 && !at->stores[0].claimed))
            continue; /* untouched: the same in every run */
        hash = mix(hash, i);
        for (unsigned position = oldest_readable[i]; position < at->count; position++) {
            const struct store *store = &at->stores[at->order[position]];
            hash = mix(hash, store->value);
            hash = hash_view(mix(hash, store->claimed), &store->view, beyond);
        }
    }
    for (unsigned i = 0; i < engine.threads; i++) {
        const struct actor *actor = &engine.actors[i];

        if (actor->finished)
            continue;
        hash = hash_view(hash, &actor->now, NULL);
        hash = hash_view(hash, &actor->acquired, beyond);
        hash = hash_view(hash, &actor->released, beyond);
    }
    return hash_view(hash, &memory.fence_view, NULL);
}

uint64_t memory_hash(void)
{
    uint64_t hash = engine.check->by_value ? hash_by_value() : hash_by_name();

    for (unsigned i = 0; i < engine.threads; i++) {
        const struct actor *actor = &engine.actors[i];
        uint64_t place =
            (uint64_t)actor->place << 2 | (actor->waiting == OP_START) << 1 | actor->finished;

        hash = mix(mix(hash, actor->history), place);
    }
    return hash;
}
