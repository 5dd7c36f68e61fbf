/*
 * stack.c - a worker's warm stacks.
 *
 * Fibers end and begin all the time, and a stack whose top pages are in the cache and in the page
 * table is worth a hundred cold ones (the first touch of a page costs 2.5 to 3.4 us).  So the last
 * one given is the first one taken.  The cache has no lock and no atomic operation but a plain store
 * of its count; the shared arena (stack_arena.c) is met once for BATCH stacks.
 *
 * Giving memory back.  `low` is the fewest stacks that lay here since the last trim: so many were
 * not needed once.  A trim gives half of them back, the coldest ones, at the bottom.  A burst thus
 * decays by half each second, and a load which comes back each second finds its stacks warm.
 */
#include "platform/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "platform/late_asan.h"
#include "platform/stack_arena.h"

#define DEFAULT_BYTES ((size_t)64 << 10)
#define BATCH 8       /* untouched stacks cost nothing but their guard's system call */
#define TRIM_MAX 8192 /* stacks per trim: 3 to 8 ms for the worker, measured */
#define MINCORE_PAGES 64

/* Makes room for one more; false if there is no memory for it. */
static bool reserve(struct wok__stack_cache *cache, size_t capacity)
{
    if (capacity <= cache->capacity)
        return true;
    capacity = capacity < 2 * cache->capacity ? 2 * cache->capacity : capacity;
    void **bases = realloc(cache->bases, capacity * sizeof *bases);
    if (bases == NULL)
        return false;
    cache->bases = bases;
    cache->capacity = capacity;
    return true;
}

void wok__stack_cache_init(struct wok__stack_cache *cache, size_t stack_bytes)
{
    if (stack_bytes == 0)
        stack_bytes = DEFAULT_BYTES * wok__stack_scale();
    *cache = (struct wok__stack_cache){.class_index = wok__stack_class_of(stack_bytes)};
    cache->stack_bytes = stack_bytes;
    if (cache->class_index != WOK__STACK_DIRECT)
        cache->stack_bytes = wok__stack_class_bytes(cache->class_index);
    wok__stack_arena_enter(cache);
}

void wok__stack_cache_done(struct wok__stack_cache *cache)
{
    uint32_t count = load_relaxed(&cache->count);

    if (count > 0)
        wok__stack_arena_give(cache->class_index, cache->bases, count);
    store_relaxed(&cache->count, 0);
    wok__stack_arena_leave(cache);
    free(cache->bases);
    cache->bases = NULL;
    cache->capacity = 0;
}

/* ---- taking and giving ---- */

static int take_from_arena(size_t class_index, struct wok__stack *ret_stack)
{
    void *base;
    int count = wok__stack_arena_take(class_index, 1, &base);

    if (count < 0)
        return count;
    *ret_stack = (struct wok__stack){.base = base, .size = wok__stack_class_bytes(class_index)};
    return 0;
}

static int refill(struct wok__stack_cache *cache)
{
    if (!reserve(cache, BATCH))
        return -ENOMEM;
    int count = wok__stack_arena_take(cache->class_index, BATCH, cache->bases);
    if (count < 0)
        return count;
    store_relaxed(&cache->count, (uint32_t)count);
    return 0;
}

int wok__stack_take(struct wok__stack_cache *cache, size_t stack_bytes,
                    struct wok__stack *ret_stack)
{
    if (stack_bytes != 0 && stack_bytes != cache->stack_bytes) {
        size_t class_index = wok__stack_class_of(stack_bytes);
        if (class_index == WOK__STACK_DIRECT)
            return wok__stack_direct_take(stack_bytes, ret_stack);
        if (class_index != cache->class_index)
            return take_from_arena(class_index, ret_stack);
    } else if (cache->class_index == WOK__STACK_DIRECT) {
        return wok__stack_direct_take(cache->stack_bytes, ret_stack);
    }

    if (load_relaxed(&cache->count) == 0) {
        int error = refill(cache);
        if (error < 0)
            return error;
    }

    uint32_t count = load_relaxed(&cache->count) - 1;
    store_relaxed(&cache->count, count);
    if (count < cache->low)
        cache->low = count;
    *ret_stack = (struct wok__stack){.base = cache->bases[count], .size = cache->stack_bytes};
    return 0;
}

void wok__stack_give(struct wok__stack_cache *cache, struct wok__stack stack)
{
    uint32_t count = load_relaxed(&cache->count);
    size_t class_index = cache->class_index;

    if (stack.size != cache->stack_bytes || class_index == WOK__STACK_DIRECT)
        class_index = wok__stack_class_of(stack.size);
    if (class_index == WOK__STACK_DIRECT) {
        wok__stack_direct_give(stack);
        return;
    }
    if (class_index != cache->class_index || !reserve(cache, (size_t)count + 1)) {
        wok__stack_arena_give(class_index, &stack.base, 1);
        return;
    }
    cache->bases[count] = stack.base;
    store_relaxed(&cache->count, count + 1);
}

void wok__stack_cache_trim(struct wok__stack_cache *cache)
{
    uint32_t count = load_relaxed(&cache->count);
    size_t surplus = cache->low / 2 + cache->low % 2;

    if (surplus > TRIM_MAX)
        surplus = TRIM_MAX;
    if (surplus > 0) {
        count -= (uint32_t)surplus;
        store_relaxed(&cache->count, count);
        wok__stack_arena_give(cache->class_index, cache->bases, surplus);
        memmove(cache->bases, cache->bases + surplus, count * sizeof *cache->bases);
    }
    cache->low = count;
}

/* ---- looking at a stack ---- */

size_t wok__stack_high_water(struct wok__stack stack)
{
    unsigned char resident[MINCORE_PAGES];
    size_t page = wok__stack_page_bytes(), step = page * MINCORE_PAGES;

    for (size_t begin = 0; begin < stack.size; begin += step) {
        size_t bytes = stack.size - begin < step ? stack.size - begin : step;
        if (mincore((char *)stack.base + begin, bytes, resident) != 0)
            return 0; /* not a stack of ours */
        for (size_t i = 0; i < bytes / page; i++)
            if ((resident[i] & 1) != 0)
                return stack.size - begin - i * page;
    }
    return 0;
}

bool wok__stack_guard_contains(struct wok__stack stack, const void *address)
{
    uintptr_t base = (uintptr_t)stack.base, at = (uintptr_t)address;

    return stack.base != NULL && at < base && at >= base - wok__stack_page_bytes();
}
