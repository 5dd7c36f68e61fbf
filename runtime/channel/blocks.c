/*
 * blocks.c - a FIFO of values of one size, in blocks of 32.
 *
 * Invariants
 *   B1  head < 32 and tail <= 32, and every block but the last is full.
 *   B2  the queue is empty exactly when there is one block with head == tail, or none; whoever takes the
 *       last value off sets both to 0, so that a queue which is empty now and then stays in one block.
 */
#include "channel/blocks.h"

#include <stdlib.h>

struct wok__block *wok__block_new(size_t value_size)
{
    return malloc(sizeof(struct wok__block) + value_size * WOK__BLOCK_VALUES);
}

unsigned char *wok__blocks_push(struct wok__blocks *blocks, size_t value_size)
{
    if (blocks->last == NULL || blocks->tail == WOK__BLOCK_VALUES) {
        struct wok__block *block = blocks->spare;

        blocks->spare = NULL;
        block->next = NULL;
        if (blocks->last != NULL)
            blocks->last->next = block;
        else
            blocks->first = block;
        blocks->last = block;
        blocks->tail = 0;
    }
    return blocks->last->values + blocks->tail++ * value_size;
}

void wok__blocks_pop(struct wok__blocks *blocks, struct wok__block **emptied)
{
    struct wok__block *block = blocks->first;

    blocks->head++;
    if (block == blocks->last) {
        if (blocks->head == blocks->tail)
            blocks->head = blocks->tail = 0;
        return;
    }
    if (blocks->head < WOK__BLOCK_VALUES)
        return;
    blocks->head = 0;
    blocks->first = block->next;
    if (blocks->spare == NULL) {
        blocks->spare = block;
        return;
    }
    block->next = *emptied;
    *emptied = block;
}

void wok__blocks_free(struct wok__block *first)
{
    while (first != NULL) {
        struct wok__block *next = first->next;

        free(first);
        first = next;
    }
}

void wok__blocks_done(struct wok__blocks *blocks)
{
    wok__blocks_free(blocks->first);
    free(blocks->spare);
    *blocks = (struct wok__blocks){0};
}
