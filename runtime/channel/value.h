/*
 * value.h - values that several read at once: counted, and kept in nodes.
 *
 * A node holds one value and how many hold that: its channel, and those who read it in place.  Whoever
 * lets go of it last destroys the value, without the channel's lock, and gives the node back.  The nodes
 * of a channel are allocated with it; only when all are in use, because older values are still being
 * read or destroyed, is one more allocated, and freed after use.
 */
#ifndef WOK_CHANNEL_VALUE_H
#define WOK_CHANNEL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/wait.h"

struct wok__value {
    struct wok__value *next; /* link of the one chain it is in: unused, or to be destroyed */
    uint32_t holders;        /* the channel's lock */
    bool extra;              /* constant: not one of the channel's own */
    _Alignas(16) unsigned char bytes[];
};

/* The nodes of one channel. */
struct wok__values {
    struct wok__value *unused; /* the channel's lock */
    size_t size;               /* constant */
    void (*drop)(void *value); /* constant */
};

/* What a step leaves to be done without the lock. */
struct wok__values_after {
    struct wok__wakes wakes;
    struct wok__value *dead;  /* values that nobody holds any more */
    struct wok__value *spare; /* an extra node that was not filled */
    bool unref;               /* the caller's reference goes with the step */
};

/* The bytes of `count` nodes: false if there is no such number. */
bool wok__values_bytes(size_t value_size, size_t count, size_t *ret_bytes);

/* Makes `count` nodes in `memory`, which is aligned to 16. */
void wok__values_init(struct wok__values *values, void *memory, size_t count);

/* A node for a value to come, an extra one if need be; NULL if there is no memory.  The lock is held, but
 * not all the time. */
struct wok__value *wok__values_take_or_make(struct wok__values *values, struct wok__lock *lock);

/* Frees a node if it is an extra one. */
void wok__value_free(struct wok__value *value);

/* Gives the lock back and does what is to be done after it; values are destroyed while the caller's
 * reference is still among `refs`.  True: it was the last one, and the channel is the caller's. */
bool wok__values_leave(struct wok__values *values, struct wok__lock *lock, size_t *refs,
                       struct wok__values_after *after);

/* ---- the lock is held ------------------------------------------------------------------------ */

/* An unused node, or NULL. */
static inline struct wok__value *wok__values_take(struct wok__values *values)
{
    struct wok__value *value = values->unused;

    if (value != NULL)
        values->unused = value->next;
    return value;
}

/* Gives a node back that is not an extra one. */
static inline void wok__values_give(struct wok__values *values, struct wok__value *value)
{
    value->next = values->unused;
    values->unused = value;
}

/* Gives back a node that was taken and not filled. */
static inline void wok__values_untake(struct wok__values *values, struct wok__value *value,
                                      struct wok__values_after *after)
{
    if (value->extra)
        after->spare = value;
    else
        wok__values_give(values, value);
}

/* One holder less.  The last one gives back a node that needs nothing more, and else leaves it to be
 * destroyed after the lock. */
static inline void wok__value_release(struct wok__values *values, struct wok__value *value,
                                      struct wok__values_after *after)
{
    if (--value->holders > 0)
        return;
    if (values->drop == NULL && !value->extra) {
        wok__values_give(values, value);
        return;
    }
    value->next = after->dead;
    after->dead = value;
}

#endif
