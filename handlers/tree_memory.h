/*
 * tree_memory.h - memory for one JSON tree, taken before it is read.
 */
#ifndef WOK_HANDLERS_TREE_MEMORY_H
#define WOK_HANDLERS_TREE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

struct wok__tree_memory;

/* For a tree that takes `bytes` at most at any time, with what is freed meanwhile and not given out again. */
#define WOK__TREE_MEMORY(bytes) ((bytes) + (bytes) / 2)

/**
 * Takes memory for a tree; until wok__tree_memory_end() what jansson allocates on this thread comes from it.
 * In between nothing may wait.
 *
 * Errors:     NULL: there is none.
 */
WOK_MUST_USE
struct wok__tree_memory *wok__tree_memory_begin(size_t bytes);

/** Ends that.  The memory is given back with the last thing of the tree, on whatever thread that is freed. */
void wok__tree_memory_end(struct wok__tree_memory *memory);

/** How often it was too small, so that the heap was asked in the middle of a tree; on this thread, for tests. */
uint64_t wok__tree_memory_spills(void);

#endif
