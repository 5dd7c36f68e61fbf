/*
 * slab_arena.c - mapping regions, and giving the memory of chunks back.
 *
 * Invariants
 *   A1  a chunk whose bit is set in its region's `unused` has no memory: it reads as zero, and its
 *       header says that nothing of it was handed out.
 *   A2  a region is in `regions` if it has such a chunk, else in `used_up`.
 *   A3  at most one region without any chunk in use is kept mapped.
 *
 * Memory goes back without any lock but the trim lock held: the chunks belong to nobody while the
 * kernel takes them.  Neighbours go with one call, and a region that is wholly unused with none but
 * its munmap: what a million tasks leave behind are 32 calls instead of 2000.
 *
 * No transparent huge pages: of a huge page that is partly given back the kernel keeps all of it
 * until memory is short, and the first task of a runtime would cost 2 MiB.
 */
#include "util/slab_arena.h"

#include <assert.h>
#include <sys/mman.h>

#include "platform/sanitizer.h"
#include "util/bits.h"

#if WOK__ASAN
#include <sanitizer/lsan_interface.h>
#endif

/* Every chunk but the first, which holds the headers. */
#define ALL_CHUNKS (~UINT64_C(1))

_Static_assert(WOK__REGION_CHUNKS == 64, "a chunk is a bit in a word");
_Static_assert(sizeof(struct wok__slab_region) <= WOK__CHUNK_BYTES, "the headers fit");

/* ---- regions --------------------------------------------------------------------------------- */

static void *map(size_t bytes)
{
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return address == MAP_FAILED ? NULL : address;
}

/* Maps a region at a multiple of its size.  The kernel puts mappings next to each other, so that
 * after the first one a plain request usually is aligned already. */
static char *map_aligned(void)
{
    char *address = map(WOK__REGION_BYTES);

    if (address == NULL || wok__region_of(address) == (void *)address)
        return address;
    munmap(address, WOK__REGION_BYTES);

    address = map(2 * (size_t)WOK__REGION_BYTES);
    if (address == NULL)
        return NULL;
    char *begin = address + (-(uintptr_t)address & (WOK__REGION_BYTES - 1));
    char *end = begin + WOK__REGION_BYTES;
    if (begin > address)
        munmap(address, (size_t)(begin - address));
    if (end < address + 2 * (size_t)WOK__REGION_BYTES)
        munmap(end, (size_t)(address + 2 * (size_t)WOK__REGION_BYTES - end));
    return begin;
}

/* Under the arena's lock. */
static struct wok__slab_region *region_new(struct wok__slab_arena *arena)
{
    struct wok__slab_region *region = (void *)map_aligned();

    if (region == NULL)
        return NULL;
    madvise(region, WOK__REGION_BYTES, MADV_NOHUGEPAGE); /* fails where there are none */
#if WOK__ASAN
    /* Objects point to what malloc gave: the leak checker must look at them. */
    __lsan_register_root_region(region, WOK__REGION_BYTES);
    ASAN_POISON_MEMORY_REGION((char *)region + WOK__CHUNK_BYTES,
                              WOK__REGION_BYTES - WOK__CHUNK_BYTES);
#endif
    region->unused = ALL_CHUNKS;
    wok__list_init(&region->leaving_link);
    wok__list_push_front(&arena->regions, &region->link);
    store_relaxed(&arena->mapped_bytes, load_relaxed(&arena->mapped_bytes) + WOK__REGION_BYTES);
    return region;
}

/* The region is in no list any more. */
static void region_unmap(struct wok__slab_region *region)
{
#if WOK__ASAN
    __lsan_unregister_root_region(region, WOK__REGION_BYTES);
    ASAN_UNPOISON_MEMORY_REGION(region, WOK__REGION_BYTES);
#endif
    munmap(region, WOK__REGION_BYTES);
}

void wok__slab_arena_init(struct wok__slab_arena *arena)
{
    *arena = (struct wok__slab_arena){0};
    wok__list_init(&arena->regions);
    wok__list_init(&arena->used_up);
}

void wok__slab_arena_done(struct wok__slab_arena *arena)
{
    struct wok__list *link;

    wok__list_move_all(&arena->regions, &arena->used_up);
    while ((link = wok__list_pop_front(&arena->regions)) != NULL)
        region_unmap(WOK__LIST_ENTRY(link, struct wok__slab_region, link));
    store_relaxed(&arena->mapped_bytes, 0);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

struct wok__chunk *wok__chunk_new(struct wok__slab_arena *arena)
{
    struct wok__chunk *chunk = NULL;

    wok__lock_take(&arena->lock);
    struct wok__list *link = wok__list_first(&arena->regions);
    struct wok__slab_region *region =
        link != NULL ? WOK__LIST_ENTRY(link, struct wok__slab_region, link) : region_new(arena);
    if (region != NULL) {
        chunk = &region->chunks[wok__bits_first(region->unused)];
        region->unused &= region->unused - 1;
        if (region->unused == 0) {
            wok__list_remove(&region->link);
            wok__list_push_back(&arena->used_up, &region->link);
        }
    }
    wok__lock_give(&arena->lock);

    if (chunk != NULL)
        wok__list_init(&chunk->link);
    return chunk;
}

/* Gives back the memory of the region's leaving chunks, neighbours together. */
static void drop_memory(struct wok__slab_region *region)
{
    for (uint64_t left = region->leaving; left != 0;) {
        unsigned first = wok__bits_first(left);
        uint64_t run = left >> first;
        unsigned length = ~run == 0 ? 64 : wok__bits_first(~run);
        char *begin = (char *)region + (size_t)first * WOK__CHUNK_BYTES;

#if WOK__ASAN
        ASAN_POISON_MEMORY_REGION(begin, (size_t)length * WOK__CHUNK_BYTES);
#endif
        madvise(begin, (size_t)length * WOK__CHUNK_BYTES, MADV_DONTNEED);
        left &= ~(wok__bits_below(length) << first);
    }
}

static bool is_unused(const struct wok__list *link)
{
    return link != NULL &&
           WOK__LIST_ENTRY(link, struct wok__slab_region, link)->unused == ALL_CHUNKS;
}

/* Takes the region out of the arena if all of it leaves and another such region is kept (the last
 * of the list); true: the caller unmaps it. */
static bool remove_unwanted(struct wok__slab_arena *arena, struct wok__slab_region *region)
{
    wok__lock_take(&arena->lock);
    bool unwanted = (region->unused | region->leaving) == ALL_CHUNKS &&
                    is_unused(wok__list_last(&arena->regions));
    if (unwanted) {
        wok__list_remove(&region->link);
        store_relaxed(&arena->mapped_bytes, load_relaxed(&arena->mapped_bytes) - WOK__REGION_BYTES);
    }
    wok__lock_give(&arena->lock);
    return unwanted;
}

/* The leaving chunks have no memory any more: whoever needs a chunk may take them (A1). */
static void offer(struct wok__slab_arena *arena, struct wok__slab_region *region)
{
    wok__lock_take(&arena->lock);
    region->unused |= region->leaving;
    region->leaving = 0;
    wok__list_remove(&region->link);
    if (is_unused(&region->link))
        wok__list_push_back(&arena->regions, &region->link);
    else
        wok__list_push_front(&arena->regions, &region->link);
    wok__lock_give(&arena->lock);
}

void wok__chunks_free(struct wok__slab_arena *arena, struct wok__list *chunks)
{
    struct wok__list leaving, *link;

    wok__list_init(&leaving);
    while ((link = wok__list_pop_front(chunks)) != NULL) {
        struct wok__chunk *chunk = WOK__LIST_ENTRY(link, struct wok__chunk, link);
        struct wok__slab_region *region = wok__region_of(chunk);

        *chunk = (struct wok__chunk){0};
        if (region->leaving == 0)
            wok__list_push_back(&leaving, &region->leaving_link);
        region->leaving |= (uint64_t)1 << (chunk - region->chunks);
    }
    while ((link = wok__list_pop_front(&leaving)) != NULL) {
        struct wok__slab_region *region =
            WOK__LIST_ENTRY(link, struct wok__slab_region, leaving_link);

        if (remove_unwanted(arena, region)) {
            region_unmap(region);
        } else {
            drop_memory(region);
            offer(arena, region);
        }
    }
}
