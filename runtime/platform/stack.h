/*
 * stack.h - stacks for fibers: cheap to take, guarded, and returned to the kernel after a burst.
 *
 * Stacks are slices of a few large mappings per size class.  Memory is committed page by page as a
 * fiber touches it, from the top; a guard page lies below each slice.  Every worker keeps the
 * stacks that its fibers left behind, the warmest on top; what nobody needed for a while goes back
 * to the shared arena, and its pages to the kernel (docs/decisions/0010-stack-memory.md).
 *
 * Sizes: a slice is a power of two plus one guard page, so it has an odd number of pages.  That
 * spreads the tops of neighbouring stacks over the sets of the caches (68 KiB against 64 KiB slices:
 * yields are 20 % faster).
 *
 * A function with a frame larger than a page may step over the guard; -fstack-clash-protection
 * makes it touch every page on the way.
 */
#ifndef WOK_PLATFORM_STACK_H
#define WOK_PLATFORM_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

#include "platform/atomic.h"

/* The usable bytes [base, base + size); the guard page lies below base.  base == NULL: none. */
struct wok__stack {
    void *base;
    size_t size;
};

/* A worker's warm stacks of one size, embedded in the worker.  Owner thread only, except where a
 * field says otherwise. */
struct wok__stack_cache {
    void **bases;       /* LIFO: the warmest is the last */
    size_t capacity;    /* of bases */
    size_t stack_bytes; /* usable bytes of each */
    size_t class_index;
    size_t low;       /* fewest kept since the last trim: so many were not needed */
    atomic_u32 count; /* the owner writes; wok__stack_figures reads */
    struct wok__stack_cache *next, *previous; /* list of all caches; under the arena's mutex */
};

/* The whole process; exact when no other thread takes or gives. */
struct wok__stack_figures {
    size_t mapped_bytes; /* address space, guards included; memory only where it was touched */
    size_t in_use;       /* stacks held by fibers */
    size_t cached;       /* stacks kept warm by workers */
    size_t idle;         /* stacks in the arena, whose memory the kernel has back */
};

/* Prepares an empty cache of stacks of at least `stack_bytes`; 0 is the default: 64 KiB, and four
 * times that under ASan and TSan.  Above 1 MiB nothing is kept warm. */
void wok__stack_cache_init(struct wok__stack_cache *cache, size_t stack_bytes);

/* Gives all back to the shared arena, and their memory to the kernel. */
void wok__stack_cache_done(struct wok__stack_cache *cache);

/*
 * Takes a stack of at least `stack_bytes`; 0 is the cache's own size.
 *
 * The contents are undefined.  Owned by the caller until wok__stack_give.
 * Errors: -ENOMEM if there is no address space, no memory for a table, or no room for one more
 * guard (see the mprotect fallback in stack.c).
 */
WOK_MUST_USE
int wok__stack_take(struct wok__stack_cache *cache, size_t stack_bytes,
                    struct wok__stack *ret_stack);

/* Takes the stack back; nothing runs on it any more.  Any thread's cache will do.  Not for the
 * stack that one runs on. */
void wok__stack_give(struct wok__stack_cache *cache, struct wok__stack stack);

/* Called about once a second by the owner: of the stacks which nobody needed since the last call,
 * half go back to the arena and their memory to the kernel. */
void wok__stack_cache_trim(struct wok__stack_cache *cache);

/*
 * Bytes between the top and the lowest page which is in memory, a multiple of the page size.
 *
 * Asks mincore(), so it costs a system call and nothing while the fiber runs.  It is the mark of
 * the slice since its memory was last returned: an earlier and deeper user of a warm stack shows.
 * Pages in swap do not count.
 */
size_t wok__stack_high_water(struct wok__stack stack);

/* True if `address` lies in the guard page of `stack`: the fault was an overflow of this stack. */
bool wok__stack_guard_contains(struct wok__stack stack, const void *address);

void wok__stack_figures(struct wok__stack_figures *ret);

/* For tests: protect with mprotect from now on, as on kernels before 6.13. */
void wok__stack_use_mprotect(void);

#endif
