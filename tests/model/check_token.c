/*
 * check_token.c - the promises of cancellation tokens (runtime/sync/token.c).
 *
 * model sources: sync/token.c
 * model links: task/select.c task/state.c
 * model defines: -Dcalloc=check_calloc -Dfree=check_free
 *
 * Memory comes from a shelf of blocks for each thread, and is never used twice in a run: what is
 * touched after its end, or freed before the last use is known of, is a violation.
 */
#include "tasks.h"

#include <wok/cancel.h>

enum { BLOCKS = 8, BLOCK_BYTES = 128 };

static struct shelf {
    _Alignas(16) unsigned char blocks[BLOCKS][BLOCK_BYTES];
    unsigned taken;
} shelves[MODEL_MAX_THREADS + 1];

static unsigned freed;
static wok_token *root, *middle, *leaf;
static uint32_t reason;

void *check_calloc(size_t count, size_t size);
void check_free(void *block);

void *check_calloc(size_t count, size_t size)
{
    struct shelf *shelf = &shelves[task_self()];

    model_assert(shelf->taken < BLOCKS && count * size <= BLOCK_BYTES);
    return memset(shelf->blocks[shelf->taken++], 0, BLOCK_BYTES);
}

void check_free(void *block)
{
    if (block == NULL)
        return;
    model_free(block, BLOCK_BYTES);
    freed++;
}

/* A select has both, and none is explored here. */
int wok__await(wok_future future, wok_instant deadline, void *ret_result, bool shielded)
{
    (void)deadline, (void)shielded;
    return task_await_future(future, ret_result);
}

uint32_t wok__random_below(uint32_t bound)
{
    return model_choose(bound);
}

static wok_token *child_of(wok_token *parent)
{
    wok_token *token = NULL;

    model_assert(wok_token_child(parent, &token) == 0);
    return token;
}

/* A chain of three, and the tree that they share: four blocks. */
static void setup(void)
{
    tasks_setup();
    for (unsigned i = 0; i <= MODEL_MAX_THREADS; i++)
        shelves[i].taken = 0;
    freed = 0;
    reason = 0;
    model_assert(wok_token_new(&root) == 0);
    middle = child_of(root);
    leaf = child_of(middle);
}

static void finish_all_freed(void)
{
    unsigned taken = 0;

    for (unsigned i = 0; i <= MODEL_MAX_THREADS; i++)
        taken += shelves[i].taken;
    model_assert(freed == taken);
}

static void finish(void)
{
    model_assert(wok_token_is_cancelled(root));
    model_assert(wok_token_is_cancelled(leaf));
}

/* ---- cancelling --------------------------------------------------------------------------------- */

static void canceller(void)
{
    model_plain_write(&reason);
    reason = 1;
    wok_token_cancel(root);
}

static void read_reason(void)
{
    model_plain_read(&reason);
    model_assert(reason == 1);
}

static void waiter(void)
{
    model_assert(wok_token_wait(leaf) == 0);
    read_reason();
}

/* Is polled once more than it is woken. */
static void busy_waiter(void)
{
    wok_op op = wok_token_op(leaf);
    wok_poll code = task_poll(&op);

    if (code == WOK_PENDING)
        code = task_poll(&op);
    model_assert(task_await_polled(&op, code) == 0);
    read_reason();
}

static void looker(void)
{
    if (wok_token_is_cancelled(leaf))
        read_reason();
}

static void gives_up(void)
{
    if (task_give_up(wok_token_op(leaf)) == 0)
        read_reason();
}

/* A child that is born while its parent is cancelled is reached or born cancelled. */
static void parent_and_waiter(void)
{
    wok_token *child = child_of(leaf);

    model_assert(wok_token_wait(child) == 0);
    read_reason();
    wok_token_drop(child);
}

/* Whoever returns from a cancel, first or second, knows that all are. */
static void cancels_middle(void)
{
    wok_token_cancel(middle);
    model_assert(wok_token_is_cancelled(leaf));
}

static void cancels_root(void)
{
    wok_token_cancel(root);
    model_assert(wok_token_is_cancelled(middle));
    model_assert(wok_token_is_cancelled(leaf));
}

/* ---- ends ------------------------------------------------------------------------------------------ */

static void drops_root(void)
{
    wok_token_drop(root);
}

static void drops_middle(void)
{
    wok_token_drop(middle);
}

static void cancels_and_drops_root(void)
{
    canceller();
    wok_token_drop(root);
}

static void waits_and_drops_leaf(void)
{
    waiter();
    wok_token_drop(leaf);
}

static void cancels_and_drops_leaf(void)
{
    wok_token_cancel(leaf);
    wok_token_drop(leaf);
}

static void looks_and_drops_middle(void)
{
    (void)wok_token_is_cancelled(middle);
    wok_token_drop(middle);
}

/* Three have a reference to one token each, whoever is last frees. */
static void setup_shared(void)
{
    setup();
    wok_token_drop(root);
    wok_token_drop(leaf);
    wok_token_ref(middle);
    wok_token_ref(middle);
}

static const struct model_check checks[] = {
    {.name = "a cancel reaches those who wait",
     .setup = setup,
     .threads = {canceller, waiter, busy_waiter},
     .finish = finish},
    {.name = "a cancel comes with what was done before",
     .setup = setup,
     .threads = {canceller, looker, gives_up},
     .finish = finish},
    {.name = "one who gives up is not touched any more",
     .setup = setup,
     .threads = {canceller, gives_up, waiter},
     .finish = finish},
    {.name = "a child is reached or born cancelled",
     .setup = setup,
     .threads = {canceller, parent_and_waiter},
     .finish = finish},
    {.name = "when a cancel returns all are cancelled",
     .setup = setup,
     .threads = {cancels_middle, cancels_root, cancels_root},
     .finish = finish},
    {.name = "a grandparent reaches a child whose parent ends",
     .setup = setup,
     .threads = {cancels_and_drops_root, drops_middle, waits_and_drops_leaf},
     .finish = finish_all_freed},
    {.name = "a tree that ends from all sides",
     .setup = setup,
     .threads = {drops_root, drops_middle, cancels_and_drops_leaf},
     .finish = finish_all_freed},
    {.name = "the last reference frees",
     .setup = setup_shared,
     .threads = {looks_and_drops_middle, looks_and_drops_middle, looks_and_drops_middle},
     .finish = finish_all_freed},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
