/*
 * deque.c - a worker's new children: the newest first for their parent, the oldest first for others.
 *
 * The deque of Chase and Lev (SPAA 2005) in a ring of fixed size, with the orderings of Le, Pop, Cohen
 * and Nardelli (PPoPP 2013).  The owner adds and takes at the bottom without an atomic read-modify-write
 * unless one task is left; thieves take at the top, one task at a time.
 *
 * Invariants
 *   D1  top <= bottom <= top + capacity, as differences of the wrapping counters, except that the
 *       bottom is one below the top while the owner looks into an empty deque.
 *   D2  only the owner writes the bottom; the top only grows, by one, by a compare-and-swap.
 *   D3  a task between top and bottom is held by nobody else.  Who moves the top past it has it; the
 *       owner may take it without, if it moved the bottom before it and the top was below it after.
 *
 * Why not the ring of queue.c: a parent that waits runs its newest child in place, so a tree of tasks
 * stays as deep as its height instead of as long as its width; a FIFO cannot do that.  Why the two are
 * not one: a task that yields must go behind the others, which a LIFO cannot do.
 */
#include "sched/deque.h"

enum { MASK = WOK__DEQUE_CAPACITY - 1 };

_Static_assert((WOK__DEQUE_CAPACITY & MASK) == 0, "a power of two");

bool wok__deque_push(struct wok__deque *deque, struct wok_task *task)
{
    uint64_t bottom = load_relaxed(&deque->bottom);
    uint64_t top = load_acquire(&deque->top); /* [deque.reuse] the thief has read the slot */

    if (bottom - top >= WOK__DEQUE_CAPACITY)
        return false;
    store_relaxed(&deque->slots[bottom & MASK], task);
    store_release(&deque->bottom, bottom + 1); /* [deque.publish] */
    return true;
}

struct wok_task *wok__deque_take(struct wok__deque *deque)
{
    uint64_t bottom = load_relaxed(&deque->bottom);
    uint64_t top = load_relaxed(&deque->top);
    struct wok_task *task;

    if (bottom == top)
        return NULL; /* nobody but the owner makes it longer */
    bottom--;
    store_release(&deque->bottom, bottom); /* [deque.publish] what is left below it */
    fence_seq_cst(); /* [deque.fence] the bottom moved before the look at the top */
    top = load_relaxed(&deque->top);
    if ((int64_t)(bottom - top) < 0) {
        store_relaxed(&deque->bottom, bottom + 1); /* empty: there is nothing to publish */
        return NULL;
    }
    task = load_relaxed(&deque->slots[bottom & MASK]);
    if (bottom == top) { /* the last one: thieves may be after it */
        if (!cas_relaxed(&deque->top, &top, top + 1))
            task = NULL;
        store_relaxed(&deque->bottom, bottom + 1);
    }
    return task;
}

struct wok_task *wok__deque_steal(struct wok__deque *deque)
{
    uint64_t top = load_relaxed(&deque->top);
    struct wok_task *task;

    fence_seq_cst(); /* [deque.fence] the top was read before the look at the bottom */
    uint64_t bottom = load_acquire(&deque->bottom); /* [deque.publish] */
    if ((int64_t)(bottom - top) <= 0)
        return NULL;
    task = load_relaxed(&deque->slots[top & MASK]);
    /* [deque.reuse] the slot has been read */
    return cas_release(&deque->top, &top, top + 1) ? task : NULL;
}

void wok__deque_visit(const struct wok__deque *deque,
                      void (*visit)(struct wok_task *task, void *argument), void *argument)
{
    uint64_t bottom = load_relaxed(&deque->bottom);

    for (uint64_t at = load_relaxed(&deque->top); at != bottom; at++)
        visit(load_relaxed(&deque->slots[at & MASK]), argument);
}

uint32_t wok__deque_length(const struct wok__deque *deque)
{
    int64_t length = (int64_t)(load_relaxed(&deque->bottom) - load_relaxed(&deque->top));

    return length > 0 ? (uint32_t)length : 0;
}
