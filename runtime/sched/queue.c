/*
 * queue.c - a worker's local run queue.
 *
 * A fixed ring with one producer and many consumers.  The owning worker pushes at the tail; the
 * owner and its thieves take from the head.  A thief claims half of the ring with one
 * compare-and-swap on the real head, copies the slots, and then lets the steal head follow: in
 * between the owner may go on taking, and no second thief begins.
 *
 * Invariants
 *   Q1  steal <= real <= tail <= steal + capacity, as unsigned differences (the counters wrap).
 *   Q2  only the owner writes tail, and only the owner pushes.
 *   Q3  a slot in [real, tail) holds a task that nobody else holds; a slot in [steal, real) belongs
 *       to the thief that is copying.
 *   Q4  a thief copies into its own ring, of which it is the owner; it publishes them with its tail.
 *
 * Why not a linked list: one cache line per task on the hot path, and a thief cannot take half of
 * it in one step.  Why not grow: a full ring is backpressure; overflow goes to the injection queue
 * (inject.c), where every worker sees it.  The algorithm is that of Tokio's queue.
 */
#include "sched/queue.h"

#include <assert.h>

#define MASK (WOK__QUEUE_CAPACITY - 1)

_Static_assert((WOK__QUEUE_CAPACITY & MASK) == 0, "the ring's size is a power of two");

static uint32_t steal_of(uint64_t head)
{
    return (uint32_t)(head >> 32);
}

static uint32_t real_of(uint64_t head)
{
    return (uint32_t)head;
}

static uint64_t pack(uint32_t steal, uint32_t real)
{
    return (uint64_t)steal << 32 | real;
}

bool wok__queue_push(struct wok__queue *queue, struct wok_task *task)
{
    /* [queue.release] the thief that freed the slot has read it */
    uint32_t steal = steal_of(load_acquire(&queue->head));
    uint32_t tail = load_relaxed(&queue->tail); /* the owner's own */

    if (tail - steal >= WOK__QUEUE_CAPACITY)
        return false;
    store_relaxed(&queue->slots[tail & MASK], task);
    store_release(&queue->tail, tail + 1); /* [queue.publish] the slot is visible before the tail */
    return true;
}

/* Takes the oldest task, or, unless `only` is NULL, none but that one. */
static inline struct wok_task *take(struct wok__queue *queue, const struct wok_task *only)
{
    uint64_t head = load_relaxed(&queue->head);
    uint64_t next;

    do {
        uint32_t steal = steal_of(head), real = real_of(head);
        if (real == load_relaxed(&queue->tail)) /* the owner's own */
            return NULL;
        if (only != NULL && load_relaxed(&queue->slots[real & MASK]) != only)
            return NULL;
        /* While a thief copies, its steal head stays where it is. */
        next = steal == real ? pack(real + 1, real + 1) : pack(steal, real + 1);
        /* Relaxed: takes and claims exclude each other by this word alone, and publish nothing. */
    } while (!cas_relaxed(&queue->head, &head, next));
    return load_relaxed(&queue->slots[real_of(head) & MASK]);
}

struct wok_task *wok__queue_take(struct wok__queue *queue)
{
    return take(queue, NULL);
}

bool wok__queue_take_if_next(struct wok__queue *queue, const struct wok_task *task)
{
    return take(queue, task) != NULL;
}

size_t wok__queue_take_half(struct wok__queue *queue, struct wok_task **batch)
{
    uint64_t head = load_relaxed(&queue->head);
    uint32_t steal = steal_of(head), real = real_of(head);
    uint32_t tail = load_relaxed(&queue->tail);
    uint32_t half = WOK__QUEUE_CAPACITY / 2;

    if (steal != real || tail - real < WOK__QUEUE_CAPACITY)
        return 0;
    if (!cas_relaxed(&queue->head, &head, pack(real + half, real + half)))
        return 0;
    for (uint32_t i = 0; i < half; i++)
        batch[i] = load_relaxed(&queue->slots[(real + i) & MASK]);
    return half;
}

/* Claims about half of the victim's tasks; the claimed slots are [*ret_first, + the result). */
static uint32_t claim_half(struct wok__queue *victim, uint32_t *ret_first)
{
    uint64_t head = load_relaxed(&victim->head);
    uint32_t count;

    do {
        uint32_t steal = steal_of(head), real = real_of(head);
        uint32_t tail = load_acquire(&victim->tail); /* [queue.publish] */
        count = tail - real;
        count -= count / 2;
        if (steal != real || count == 0 || count > WOK__QUEUE_CAPACITY / 2)
            return 0; /* another thief is at work, it is empty, or the tail read is the older one */
        *ret_first = real;
    } while (!cas_relaxed(&victim->head, &head, pack(*ret_first, *ret_first + count)));
    return count;
}

/* The slots are copied: lets the steal head catch up, so that the owner may fill them again. */
static void end_claim(struct wok__queue *victim, uint32_t first)
{
    uint64_t head = load_relaxed(&victim->head);

    do {
        assert(steal_of(head) == first);
        /* [queue.release] the copies were read before the owner overwrites the slots */
    } while (!cas_release(&victim->head, &head, pack(real_of(head), real_of(head))));
    (void)first;
}

struct wok_task *wok__queue_steal(struct wok__queue *victim, struct wok__queue *own,
                                  uint32_t *ret_moved)
{
    uint32_t first, count;
    uint32_t own_tail = load_relaxed(&own->tail);
    uint32_t own_steal = steal_of(load_acquire(&own->head)); /* [queue.release] */

    *ret_moved = 0;
    if (own_tail - own_steal > WOK__QUEUE_CAPACITY / 2)
        return NULL; /* somebody steals from us, and there might be no room */
    count = claim_half(victim, &first);
    if (count == 0)
        return NULL;

    /* The last one is run at once; the others go to our own ring. */
    for (uint32_t i = 0; i + 1 < count; i++) {
        struct wok_task *task = load_relaxed(&victim->slots[(first + i) & MASK]);
        store_relaxed(&own->slots[(own_tail + i) & MASK], task);
    }
    struct wok_task *task = load_relaxed(&victim->slots[(first + count - 1) & MASK]);
    end_claim(victim, first);
    if (count > 1)
        store_release(&own->tail, own_tail + count - 1); /* [queue.publish] */
    *ret_moved = count;
    return task;
}

void wok__queue_visit(const struct wok__queue *queue,
                      void (*visit)(struct wok_task *task, void *argument), void *argument)
{
    uint32_t tail = load_relaxed(&queue->tail);

    for (uint32_t at = real_of(load_relaxed(&queue->head)); at != tail; at++)
        visit(load_relaxed(&queue->slots[at & MASK]), argument);
}

uint32_t wok__queue_length(const struct wok__queue *queue)
{
    uint32_t real = real_of(load_relaxed(&queue->head));
    uint32_t length = load_relaxed(&queue->tail) - real;

    return length > WOK__QUEUE_CAPACITY ? 0 : length;
}
