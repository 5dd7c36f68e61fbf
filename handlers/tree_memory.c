/*
 * tree_memory.c - memory for one JSON tree, taken before it is read.
 *
 * Where an allocation fails, jansson 2.14 reports a syntax error that the text does not have, or ends the
 * process (an assertion in lex_unget_unsave).  So what it may need is taken from the heap in one piece, before
 * it begins, and what it allocates is cut off from the front of that: none of these fails.
 *
 * Invariants
 *   I1  in front of each allocation is a word: the piece that it was cut from, or NULL for one of the heap's.
 *   I2  `live` counts the allocations that were cut off and not freed, and one more until the end of reading;
 *       who takes it to zero frees the piece.  A tree has one owner at a time, so it is a plain number.
 *   I3  sizes are rounded as glibc's malloc rounds them, so what is measured there is enough here, but for what
 *       is freed in the middle of reading and not given out again: WOK__TREE_MEMORY() adds that.
 */
#include "tree_memory.h"

#include <stdlib.h>

#include <jansson.h>

enum { ALIGNMENT = 16, WORD = sizeof(void *) };

struct wok__tree_memory {
    size_t used, size;
    char *last; /* the allocation that ends at `used` */
    uint32_t live;
    _Alignas(ALIGNMENT) char bytes[];
};

static _Thread_local struct wok__tree_memory *reading;
static _Thread_local uint64_t spills;

static void unref(struct wok__tree_memory *memory)
{
    if (--memory->live == 0)
        free(memory);
}

/* An allocation begins where its word ends, at a multiple of 16. */
static void *cut_off(struct wok__tree_memory *memory, size_t size)
{
    size_t begin = memory->used + ALIGNMENT - WORD;
    size_t whole = (size + WORD + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;

    if (size > memory->size || memory->size - memory->used < whole + ALIGNMENT)
        return NULL;
    memory->last = memory->bytes + begin + WORD;
    *(struct wok__tree_memory **)(memory->bytes + begin) = memory;
    memory->used += whole;
    memory->live++;
    return memory->last;
}

static void *take(size_t size)
{
    struct wok__tree_memory *memory = reading;
    void *cut = memory != NULL ? cut_off(memory, size) : NULL;
    char *heap;

    if (cut != NULL)
        return cut;
    spills += memory != NULL;
    heap = size <= SIZE_MAX - ALIGNMENT ? malloc(size + ALIGNMENT) : NULL;
    if (heap == NULL)
        return NULL;
    *(struct wok__tree_memory **)(heap + ALIGNMENT - WORD) = NULL;
    return heap + ALIGNMENT;
}

static void give(void *allocation)
{
    struct wok__tree_memory *memory;

    if (allocation == NULL)
        return;
    memory = *(struct wok__tree_memory **)((char *)allocation - WORD);
    if (memory == NULL) {
        free((char *)allocation - ALIGNMENT);
        return;
    }
    if (allocation == memory->last) /* a key, for instance: the next one takes its place */
        memory->used = (size_t)((char *)allocation - memory->bytes) - ALIGNMENT;
    unref(memory);
}

/* Before main(): what jansson has allocated with one pair must not be freed with another. */
__attribute__((constructor)) static void give_to_jansson(void)
{
    json_set_alloc_funcs(take, give);
}

struct wok__tree_memory *wok__tree_memory_begin(size_t bytes)
{
    struct wok__tree_memory *memory = bytes <= SIZE_MAX / 2 ? malloc(sizeof *memory + bytes) : NULL;

    if (memory != NULL) {
        *memory = (struct wok__tree_memory){.size = bytes, .live = 1};
        reading = memory;
    }
    return memory;
}

void wok__tree_memory_end(struct wok__tree_memory *memory)
{
    reading = NULL;
    unref(memory);
}

uint64_t wok__tree_memory_spills(void)
{
    return spills;
}
