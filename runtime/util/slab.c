/*
 * slab.c - size classes, and the magazines in front of them.
 *
 * An object is in use, in a magazine of some cache, on its chunk's list of free objects, or fresh:
 * beyond what its chunk has ever handed out.  Fresh objects are linked nowhere, so that a new
 * chunk's pages are touched one after the other, as its objects are needed.
 *
 * Invariants, under the class's lock
 *   S1  a chunk is in `full`, `partial` or `empty` as no, some or all of its objects are free.
 *   S2  out = the sum over its chunks of fresh - free_count.
 *   S3  a free object's first word is zero, and its second links it (the chunk's list, a magazine).
 *   S4  of a cache's two magazines the spare is full or empty, but for what a trim took from it.
 *
 * Two magazines and not one: a worker that takes and gives around the edge of one would go to the
 * slab each time (Bonwick and Adams, "Magazines and vmem", USENIX 2001).  Their depot holds whole
 * magazines; ours takes them apart and counts per chunk, a nanosecond or two per object, because
 * that is what lets the memory of a burst go.
 *
 * Under AddressSanitizer all but the first two words of a free object is poisoned, and of one in
 * use all but the bytes that were asked for.
 */
#include "util/slab.h"

#include <assert.h>
#include <stdlib.h>

#include "platform/sanitizer.h"
#include "util/bits.h"

#define LINE_CLASSES 16 /* up to 256 bytes in steps of 16 */
#define LINE_MAX 256u
#define BATCH_MAX 32u /* a lock of 20 ns, spread over them, costs less than one each */
#define BATCH_BYTES                                                                                \
    (16u * 1024) /* what a magazine holds at most, but for its two objects at least */

_Static_assert(WOK__SLAB_OBJECT_MAX / LINE_MAX == 1u << (WOK__SLAB_CLASSES - LINE_CLASSES) / 8,
               "eight classes for each doubling");

/* ---- classes --------------------------------------------------------------------------------- */

static unsigned class_of(size_t bytes)
{
    size_t last = bytes - (bytes != 0); /* the offset of the last byte */

    if (last < LINE_MAX)
        return (unsigned)(last / 16);
    unsigned log = wok__bits_last(last);
    return LINE_CLASSES + (log - 8) * 8 + (unsigned)(last >> (log - 3) & 7);
}

static uint32_t class_bytes(unsigned class)
{
    if (class < LINE_CLASSES)
        return (class + 1) * 16;
    unsigned log = 8 + (class - LINE_CLASSES) / 8;
    return (8 + (class - LINE_CLASSES) % 8 + 1) << (log - 3);
}

static uint32_t class_batch(uint32_t bytes)
{
    uint32_t fit = BATCH_BYTES / bytes;

    return fit > BATCH_MAX ? BATCH_MAX : fit < 2 ? 2 : fit;
}

int wok__slab_init(struct wok__slab *slab)
{
    *slab = (struct wok__slab){0};
    for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++) {
        struct wok__slab_class *class = &slab->classes[i];
        class->bytes = class_bytes(i);
        class->batch = class_batch(class->bytes);
        class->capacity = WOK__CHUNK_BYTES / class->bytes;
        wok__list_init(&class->full);
        wok__list_init(&class->partial);
        wok__list_init(&class->empty);
    }
    wok__slab_arena_init(&slab->arena);
    wok__list_init(&slab->caches);
    wok__list_init(&slab->large);
    return 0;
}

/* ---- objects --------------------------------------------------------------------------------- */

/* The second word of a free object. */
static void **link_of(void *object)
{
    return (void **)object + 1;
}

_Static_assert(sizeof(void *) == 8, "the link lies at offset 8, behind the first word");

/* Relaxed: a visitor that sees zero looks no further, and one that sees an older word cannot add a
 * reference to it, because a read-modify-write sees the newest. */
static void mark_free(void *object)
{
    store_relaxed((atomic_u32 *)object, 0);
}

static inline void poison(void *object, size_t bytes)
{
#if WOK__ASAN
    if (bytes > 16)
        ASAN_POISON_MEMORY_REGION((char *)object + 16, bytes - 16);
#else
    (void)object;
    (void)bytes;
#endif
}

static inline void unpoison(void *object, size_t bytes)
{
#if WOK__ASAN
    ASAN_UNPOISON_MEMORY_REGION(object, bytes < 16 ? 16 : bytes);
#else
    (void)object;
    (void)bytes;
#endif
}

/* ---- chunks of a class; all under its lock --------------------------------------------------- */

static void move_chunk(struct wok__chunk *chunk, struct wok__list *list)
{
    wok__list_remove(&chunk->link);
    wok__list_push_back(list, &chunk->link);
}

/* A chunk with a free object: a partial one, the kept one, a new one; NULL if there is no memory. */
static struct wok__chunk *usable_chunk(struct wok__slab *slab, struct wok__slab_class *class)
{
    struct wok__list *link = wok__list_first(&class->partial);
    struct wok__chunk *chunk;

    if (link != NULL)
        return WOK__LIST_ENTRY(link, struct wok__chunk, link);
    link = wok__list_last(&class->empty); /* the warmest */
    if (link != NULL) {
        chunk = WOK__LIST_ENTRY(link, struct wok__chunk, link);
        class->empty_chunks--;
    } else {
        chunk = wok__chunk_new(&slab->arena);
        if (chunk == NULL)
            return NULL;
        class->chunks++;
    }
    move_chunk(chunk, &class->partial);
    return chunk;
}

/* Chains up to `count` free objects before `*first`; returns how many. */
static uint32_t take_objects(struct wok__slab *slab, struct wok__slab_class *class, uint32_t count,
                             void **first)
{
    uint32_t taken = 0;

    while (taken < count) {
        struct wok__chunk *chunk = usable_chunk(slab, class);
        if (chunk == NULL)
            break;
        for (; taken < count && chunk->free != NULL; taken++) {
            void *object = chunk->free;
            chunk->free = *link_of(object);
            chunk->free_count--;
            *link_of(object) = *first;
            *first = object;
        }
        for (; taken < count && chunk->fresh < class->capacity; taken++) {
            void *object = wok__chunk_base(chunk) + (size_t)chunk->fresh++ * class->bytes;
            unpoison(object, 16);
            *link_of(object) = *first;
            *first = object;
        }
        if (chunk->free_count == 0 && chunk->fresh == class->capacity)
            move_chunk(chunk, &class->full);
    }
    class->out += taken;
    return taken;
}

/* Gives a chain of free objects back to their chunks. */
static void give_objects(struct wok__slab_class *class, void *first)
{
    while (first != NULL) {
        void *object = first;
        struct wok__chunk *chunk = wok__chunk_of(object);
        bool was_full = chunk->free_count == 0 && chunk->fresh == class->capacity;

        first = *link_of(object);
        *link_of(object) = chunk->free;
        chunk->free = object;
        chunk->free_count++;
        class->out--;
        if (chunk->free_count == chunk->fresh) {
            move_chunk(chunk, &class->empty);
            class->empty_chunks++;
        } else if (was_full) {
            move_chunk(chunk, &class->partial);
        }
    }
}

/* ---- large objects --------------------------------------------------------------------------- */

struct large {
    struct wok__list link; /* in slab->large; under its lock */
    size_t bytes;          /* with this header */
    size_t unused;         /* the object behind it is aligned to 16 */
};

_Static_assert(sizeof(struct large) % 16 == 0, "the object is aligned as malloc's block is");

static void *take_large(struct wok__slab *slab, size_t bytes)
{
    if (bytes > SIZE_MAX - sizeof(struct large))
        return NULL;
    struct large *large = malloc(sizeof *large + bytes);
    if (large == NULL)
        return NULL;
    large->bytes = sizeof *large + bytes;
    mark_free(large + 1);

    wok__lock_take(&slab->large_lock);
    wok__list_push_back(&slab->large, &large->link);
    slab->large_count++;
    slab->large_bytes += large->bytes;
    wok__lock_give(&slab->large_lock);
    return large + 1;
}

static void give_large(struct wok__slab *slab, void *object)
{
    struct large *large = (struct large *)object - 1;

    wok__lock_take(&slab->large_lock);
    wok__list_remove(&large->link);
    slab->large_count--;
    slab->large_bytes -= large->bytes;
    wok__lock_give(&slab->large_lock);
    free(large);
}

/* ---- magazines ------------------------------------------------------------------------------- */

static void set_count(struct wok__slab_magazine *magazine, uint32_t count)
{
    store_relaxed(&magazine->count, count); /* the owner's own */
}

/* Not a plain copy: wok__slab_figures may be reading the count. */
static void set_magazine(struct wok__slab_magazine *target, struct wok__slab_magazine value)
{
    target->first = value.first;
    target->low = value.low;
    set_count(target, load_relaxed(&value.count));
}

static void swap(struct wok__slab_bin *bin)
{
    struct wok__slab_magazine current = bin->current;

    set_magazine(&bin->current, bin->spare);
    set_magazine(&bin->spare, current);
}

/* The current magazine is empty: the spare one's turn, or the slab fills it.  False: no memory. */
static __attribute__((noinline)) bool refill(struct wok__slab_cache *cache, unsigned index)
{
    struct wok__slab_bin *bin = &cache->bins[index];

    if (bin->spare.first != NULL) {
        swap(bin);
        return true;
    }
    struct wok__slab_class *class = &cache->slab->classes[index];
    wok__lock_take(&class->lock);
    uint32_t taken = take_objects(cache->slab, class, class->batch, &bin->current.first);
    wok__lock_give(&class->lock);
    set_count(&bin->current, taken);
    bin->current.low = 0;
    return taken != 0;
}

static void give_chain(struct wok__slab *slab, unsigned index, void *first)
{
    struct wok__slab_class *class = &slab->classes[index];

    wok__lock_take(&class->lock);
    give_objects(class, first);
    wok__lock_give(&class->lock);
}

/* The current magazine is full: it becomes the spare one, whose objects go back if it has any. */
static __attribute__((noinline)) void make_room(struct wok__slab_cache *cache, unsigned index)
{
    struct wok__slab_bin *bin = &cache->bins[index];
    void *first = bin->spare.first;

    set_magazine(&bin->spare, bin->current);
    set_magazine(&bin->current, (struct wok__slab_magazine){0});
    if (first != NULL)
        give_chain(cache->slab, index, first);
}

static void *take_uncached(struct wok__slab *slab, unsigned index)
{
    struct wok__slab_class *class = &slab->classes[index];
    void *object = NULL;

    wok__lock_take(&class->lock);
    take_objects(slab, class, 1, &object);
    wok__lock_give(&class->lock);
    return object;
}

void *wok__slab_take(struct wok__slab *slab, struct wok__slab_cache *cache, size_t bytes,
                     uint8_t *ret_class)
{
    bool large = bytes > WOK__SLAB_OBJECT_MAX;
    unsigned index = large ? WOK__SLAB_LARGE : class_of(bytes);
    void *object;

    if (__builtin_expect(large || cache == NULL, 0)) {
        object = large ? take_large(slab, bytes) : take_uncached(slab, index);
        if (object == NULL)
            return NULL;
    } else {
        struct wok__slab_magazine *current = &cache->bins[index].current;
        if (__builtin_expect(current->first == NULL, 0) && !refill(cache, index))
            return NULL;
        object = current->first;
        uint32_t count = load_relaxed(&current->count) - 1;
        current->first = *link_of(object);
        set_count(current, count);
        if (count < current->low)
            current->low = count;
    }
    if (!large)
        unpoison(object, bytes);
    *ret_class = (uint8_t)index;
    return object;
}

void wok__slab_give(struct wok__slab *slab, struct wok__slab_cache *cache, void *object,
                    uint8_t class)
{
    mark_free(object);
    if (__builtin_expect(class == WOK__SLAB_LARGE, 0)) {
        give_large(slab, object);
        return;
    }
    assert(class < WOK__SLAB_CLASSES);
    poison(object, slab->classes[class].bytes);
    if (__builtin_expect(cache == NULL, 0)) {
        *link_of(object) = NULL;
        give_chain(slab, class, object);
        return;
    }
    struct wok__slab_magazine *current = &cache->bins[class].current;
    if (__builtin_expect(load_relaxed(&current->count) >= cache->batch[class], 0))
        make_room(cache, class);
    *link_of(object) = current->first;
    current->first = object;
    set_count(current, load_relaxed(&current->count) + 1);
}

/* ---- caches ---------------------------------------------------------------------------------- */

void wok__slab_cache_init(struct wok__slab_cache *cache, struct wok__slab *slab)
{
    *cache = (struct wok__slab_cache){.slab = slab};
    for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++)
        cache->batch[i] = (uint8_t)slab->classes[i].batch;
    wok__lock_take(&slab->caches_lock);
    wok__list_push_back(&slab->caches, &cache->link);
    wok__lock_give(&slab->caches_lock);
}

/* Gives the `drop` lowest objects of a magazine back: the ones on top are warm. */
static void shrink(struct wok__slab_cache *cache, unsigned index,
                   struct wok__slab_magazine *magazine, uint32_t drop)
{
    uint32_t keep = load_relaxed(&magazine->count) - drop;
    void **cut = &magazine->first, *first;

    for (uint32_t i = 0; i < keep; i++)
        cut = link_of(*cut);
    first = *cut;
    *cut = NULL;
    set_count(magazine, keep);
    if (first != NULL)
        give_chain(cache->slab, index, first);
}

static void trim_magazine(struct wok__slab_cache *cache, unsigned index,
                          struct wok__slab_magazine *magazine)
{
    if (magazine->low > 0)
        shrink(cache, index, magazine, magazine->low);
    magazine->low = load_relaxed(&magazine->count);
}

void wok__slab_cache_trim(struct wok__slab_cache *cache)
{
    for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++) {
        trim_magazine(cache, i, &cache->bins[i].current);
        trim_magazine(cache, i, &cache->bins[i].spare);
    }
}

void wok__slab_cache_done(struct wok__slab_cache *cache)
{
    for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++) {
        struct wok__slab_bin *bin = &cache->bins[i];
        shrink(cache, i, &bin->current, load_relaxed(&bin->current.count));
        shrink(cache, i, &bin->spare, load_relaxed(&bin->spare.count));
    }
    wok__lock_take(&cache->slab->caches_lock);
    wok__list_remove(&cache->link);
    wok__lock_give(&cache->slab->caches_lock);
}

/* ---- the whole slab -------------------------------------------------------------------------- */

void wok__slab_trim(struct wok__slab *slab)
{
    struct wok__list leaving, *link;

    if (!wok__lock_try(&slab->arena.trim_lock))
        return;
    wok__list_init(&leaving);
    for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++) {
        struct wok__slab_class *class = &slab->classes[i];

        wok__lock_take(&class->lock);
        for (; class->empty_chunks > 1; class->empty_chunks--, class->chunks--) {
            link = wok__list_pop_front(&class->empty);
            wok__list_push_back(&leaving, link);
        }
        wok__lock_give(&class->lock);
    }
    wok__chunks_free(&slab->arena, &leaving);
    wok__lock_give(&slab->arena.trim_lock);
}

/* A chunk without any object in use needs no visit: the list `empty` is left out. */
static void visit_chunks(struct wok__slab_class *class, struct wok__list *chunks,
                         void (*visit)(void *object, void *argument), void *argument)
{
    WOK__LIST_EACH(link, chunks) {
        const struct wok__chunk *chunk = WOK__LIST_ENTRY(link, struct wok__chunk, link);
        for (uint32_t i = 0; i < chunk->fresh; i++)
            visit(wok__chunk_base(chunk) + (size_t)i * class->bytes, argument);
    }
}

void wok__slab_for_each(struct wok__slab *slab, void (*visit)(void *object, void *argument),
                        void *argument)
{
    for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++) {
        struct wok__slab_class *class = &slab->classes[i];

        wok__lock_take(&class->lock);
        visit_chunks(class, &class->full, visit, argument);
        visit_chunks(class, &class->partial, visit, argument);
        wok__lock_give(&class->lock);
    }
    wok__lock_take(&slab->large_lock);
    WOK__LIST_EACH(link, &slab->large)
        visit(WOK__LIST_ENTRY(link, struct large, link) + 1, argument);
    wok__lock_give(&slab->large_lock);
}

static size_t cached_objects(struct wok__slab *slab)
{
    size_t cached = 0;

    wok__lock_take(&slab->caches_lock);
    WOK__LIST_EACH(link, &slab->caches) {
        const struct wok__slab_cache *cache = WOK__LIST_ENTRY(link, struct wok__slab_cache, link);
        for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++)
            cached += load_relaxed(&cache->bins[i].current.count) +
                      load_relaxed(&cache->bins[i].spare.count);
    }
    wok__lock_give(&slab->caches_lock);
    return cached;
}

void wok__slab_figures(const struct wok__slab *asked, struct wok__slab_figures *ret)
{
    struct wok__slab *slab = (struct wok__slab *)(uintptr_t)asked; /* its locks, nothing else */
    struct wok__slab_figures figures = {.mapped_bytes = load_relaxed(&slab->arena.mapped_bytes)};
    size_t out = 0, chunks = 0;

    figures.cached = cached_objects(slab);
    for (unsigned i = 0; i < WOK__SLAB_CLASSES; i++) {
        struct wok__slab_class *class = &slab->classes[i];
        wok__lock_take(&class->lock);
        out += class->out;
        chunks += class->chunks;
        wok__lock_give(&class->lock);
    }
    figures.in_use = out > figures.cached ? out - figures.cached : 0;
    figures.chunk_bytes = chunks * WOK__CHUNK_BYTES;

    wok__lock_take(&slab->large_lock);
    figures.in_use += slab->large_count;
    figures.chunk_bytes += slab->large_bytes;
    figures.mapped_bytes += slab->large_bytes;
    wok__lock_give(&slab->large_lock);
    *ret = figures;
}

void wok__slab_done(struct wok__slab *slab)
{
    struct wok__list *link;

    assert(wok__list_is_empty(&slab->caches));
    while ((link = wok__list_pop_front(&slab->large)) != NULL)
        free(WOK__LIST_ENTRY(link, struct large, link));
    wok__slab_arena_done(&slab->arena);
}
