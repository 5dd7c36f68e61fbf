/*
 * test_blocks.c - the queue of an unbounded channel against a model that is obviously right.
 */
#include "channel/blocks.h"

#include <stdlib.h>
#include <string.h>

#include "support/seed.h"
#include "support/test.h"

static size_t made, freed;

static void push(struct wok__blocks *blocks, uint64_t value)
{
    if (!wok__blocks_has_room(blocks)) {
        blocks->spare = wok__block_new(sizeof value);
        cr_assert_not_null(blocks->spare);
        made++;
    }
    memcpy(wok__blocks_push(blocks, sizeof value), &value, sizeof value);
}

static uint64_t pop(struct wok__blocks *blocks)
{
    struct wok__block *emptied = NULL;
    uint64_t value;

    memcpy(&value, wok__blocks_oldest(blocks, sizeof value), sizeof value);
    wok__blocks_pop(blocks, &emptied);
    freed += emptied != NULL;
    wok__blocks_free(emptied);
    return value;
}

Test(blocks, agree_with_a_counter_under_random_operations)
{
    struct wok__blocks blocks = {0};
    struct wok__rand rand = test_rand();
    uint64_t pushed = 0, popped = 0;

    for (int round = 0; round < 2000; round++) {
        uint32_t count = (uint32_t)wok__rand_below(&rand, 200);
        bool pushes = wok__rand_below(&rand, 2) == 0;

        for (uint32_t i = 0; i < count && (pushes || popped < pushed); i++) {
            if (pushes)
                push(&blocks, pushed++);
            else
                cr_assert_eq(pop(&blocks), popped++);
        }
        cr_assert_leq(made - freed, (pushed - popped) / WOK__BLOCK_VALUES + 3,
                      "two blocks begun at its ends, and one to spare");
    }
    wok__blocks_done(&blocks);
}

Test(blocks, swinging_across_a_border_allocates_nothing)
{
    struct wok__blocks blocks = {0};

    for (uint64_t i = 0; i < WOK__BLOCK_VALUES; i++)
        push(&blocks, i);
    for (uint64_t i = 0; i < 1000; i++) {
        push(&blocks, i);
        pop(&blocks);
    }
    cr_assert_leq(made, 3);
    cr_assert_eq(freed, 0);
    wok__blocks_done(&blocks);
}

Test(blocks, a_queue_that_is_empty_now_and_then_stays_in_one_block)
{
    struct wok__blocks blocks = {0};

    for (uint64_t i = 0; i < 1000; i++) {
        push(&blocks, i);
        cr_assert_eq(pop(&blocks), i);
    }
    cr_assert_eq(made, 1);
    wok__blocks_done(&blocks);
}
