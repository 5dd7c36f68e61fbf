/*
 * blocks.h - a FIFO of values of one size, in blocks of 32: the queue of an unbounded channel.
 *
 * Plain memory: the channel's lock guards it.  Blocks are made and freed by the caller, outside of that
 * lock; one that ran empty is kept for the next to fill, so that a queue whose length swings across a
 * block's border does not allocate.
 */
#ifndef WOK_CHANNEL_BLOCKS_H
#define WOK_CHANNEL_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef WOK__BLOCK_VALUES /* the model checker makes them smaller */
#define WOK__BLOCK_VALUES 32
#endif

struct wok__block {
    struct wok__block *next;
    _Alignas(16) unsigned char values[];
};

/* Zero is an empty queue. */
struct wok__blocks {
    struct wok__block *first, *last;
    struct wok__block *spare;
    uint32_t head, tail; /* the oldest value's place in `first`; the next one's in `last` */
};

/* The largest value. */
#define WOK__BLOCK_VALUE_MAX ((size_t)PTRDIFF_MAX / (2 * WOK__BLOCK_VALUES))

/* Memory for one block; NULL if there is none. */
struct wok__block *wok__block_new(size_t value_size);

/* True if the next value finds a place without a new block. */
static inline bool wok__blocks_has_room(const struct wok__blocks *blocks)
{
    return blocks->spare != NULL || (blocks->last != NULL && blocks->tail < WOK__BLOCK_VALUES);
}

/* The place of the next value, which counts from now on; there is room. */
unsigned char *wok__blocks_push(struct wok__blocks *blocks, size_t value_size);

/* The oldest value; there is one. */
static inline unsigned char *wok__blocks_oldest(const struct wok__blocks *blocks, size_t value_size)
{
    return blocks->first->values + blocks->head * value_size;
}

/* Takes the oldest value off; puts a block that is to be freed before the chain at `emptied`. */
void wok__blocks_pop(struct wok__blocks *blocks, struct wok__block **emptied);

/* Frees a chain of blocks. */
void wok__blocks_free(struct wok__block *first);

/* Frees all blocks; what the values own is the caller's business. */
void wok__blocks_done(struct wok__blocks *blocks);

#endif
