/*
 * stack_arena.h - where stacks come from and go back to, for all workers.
 *
 * Private to stack.c and stack_arena.c.  Every function may be called by any thread.
 */
#ifndef WOK_PLATFORM_STACK_ARENA_H
#define WOK_PLATFORM_STACK_ARENA_H

#include "platform/stack.h"

#define WOK__STACK_CLASSES 7                 /* 16 KiB to 1 MiB, each twice the one before */
#define WOK__STACK_DIRECT WOK__STACK_CLASSES /* anything larger: a mapping of its own */

/* The smallest class of at least `stack_bytes` usable bytes. */
size_t wok__stack_class_of(size_t stack_bytes);

/* Usable bytes of a stack of this class, a multiple of the page size. */
size_t wok__stack_class_bytes(size_t class_index);

size_t wok__stack_page_bytes(void);

/* Takes 1 to `want` stacks and returns their number, or -ENOMEM. */
WOK_MUST_USE
int wok__stack_arena_take(size_t class_index, size_t want, void **ret_bases);

/* Takes stacks back and returns their memory to the kernel.  Sorts `bases` on the way; cannot fail. */
void wok__stack_arena_give(size_t class_index, void **bases, size_t count);

/* A stack with a mapping of its own; `stack_bytes` is rounded up to pages. */
WOK_MUST_USE
int wok__stack_direct_take(size_t stack_bytes, struct wok__stack *ret_stack);
void wok__stack_direct_give(struct wok__stack stack);

/* The list of caches, for wok__stack_figures. */
void wok__stack_arena_enter(struct wok__stack_cache *cache);
void wok__stack_arena_leave(struct wok__stack_cache *cache);

#endif
