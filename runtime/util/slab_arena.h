/*
 * slab_arena.h - where the slab's chunks come from: regions of address space, cut into chunks.
 *
 * A region is 4 MiB, aligned to its size, so that the region and the chunk of any object are found
 * by masking its address.  The first chunk of a region holds the headers of all others, of which a
 * page and a half is ever touched: a chunk itself holds nothing but objects (four of 16 KiB fit),
 * and the headers do not all fall into the same set of the cache, as they would at its beginning.
 */
#ifndef WOK_UTIL_SLAB_ARENA_H
#define WOK_UTIL_SLAB_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "platform/atomic.h"
#include "platform/lock.h"
#include "util/list.h"

enum {
    WOK__CHUNK_BYTES = 64 * 1024,
    WOK__REGION_BYTES = 4 * 1024 * 1024,
    WOK__REGION_CHUNKS = WOK__REGION_BYTES / WOK__CHUNK_BYTES,
};

/* Under the lock of the class that it belongs to; in the arena, under the arena's. */
struct wok__chunk {
    struct wok__list link; /* in one of the class's lists */
    void *free;            /* objects that were given back, chained through their second word */
    uint32_t free_count;   /* how many */
    uint32_t fresh;        /* the first `fresh` objects were handed out before, the others never */
};

struct wok__slab_region {
    struct wok__list link;         /* in the arena's list; under its lock */
    uint64_t unused;               /* chunks that belong to no class; under the arena's lock */
    uint64_t leaving;              /* chunks on their way back; under the trim lock */
    struct wok__list leaving_link; /* regions with such chunks; under the trim lock */
    struct wok__chunk chunks[WOK__REGION_CHUNKS]; /* the first is not used */
};

struct wok__slab_arena {
    struct wok__lock lock;      /* guards the lists; taken inside a class's lock */
    struct wok__list regions;   /* with an unused chunk; the first is used up first */
    struct wok__list used_up;   /* without */
    atomic_u64 mapped_bytes;    /* written under the lock */
    struct wok__lock trim_lock; /* one thread at a time gives back */
};

void wok__slab_arena_init(struct wok__slab_arena *arena);

/* Unmaps all regions. */
void wok__slab_arena_done(struct wok__slab_arena *arena);

/* A chunk of zeros, with nothing handed out; NULL if there is no memory. */
struct wok__chunk *wok__chunk_new(struct wok__slab_arena *arena);

/* Gives the chunks in the list back to the kernel.  The caller holds the trim lock and no other;
 * no object of them is in use or known to anybody. */
void wok__chunks_free(struct wok__slab_arena *arena, struct wok__list *chunks);

static inline struct wok__slab_region *wok__region_of(const void *address)
{
    return (struct wok__slab_region *)((uintptr_t)address & ~(uintptr_t)(WOK__REGION_BYTES - 1));
}

/* The chunk that holds the object at `object`. */
static inline struct wok__chunk *wok__chunk_of(const void *object)
{
    uintptr_t offset = (uintptr_t)object & (uintptr_t)(WOK__REGION_BYTES - 1);

    return &wok__region_of(object)->chunks[offset / WOK__CHUNK_BYTES];
}

/* Where the chunk's objects begin. */
static inline char *wok__chunk_base(const struct wok__chunk *chunk)
{
    struct wok__slab_region *region = wok__region_of(chunk);

    return (char *)region + (size_t)(chunk - region->chunks) * WOK__CHUNK_BYTES;
}

#endif
