/*
 * value.c - values that several read at once.
 *
 * A chain to be destroyed is its thread's own; values are destroyed in the order in which they were let
 * go of, so the chain, which grows at its head, is turned round first.
 */
#include "channel/value.h"

#include <stdlib.h>

#include "task/panic.h"
#include "util/bits.h"

static size_t stride(size_t value_size)
{
    return wok__align_up(sizeof(struct wok__value) + value_size, 16);
}

bool wok__values_bytes(size_t value_size, size_t count, size_t *ret_bytes)
{
    return value_size <= PTRDIFF_MAX / 2 &&
           !__builtin_mul_overflow(stride(value_size), count, ret_bytes) &&
           *ret_bytes <= PTRDIFF_MAX / 2;
}

void wok__values_init(struct wok__values *values, void *memory, size_t count)
{
    values->unused = NULL;
    while (count-- > 0) {
        struct wok__value *value = (void *)((char *)memory + count * stride(values->size));

        value->holders = 0;
        value->extra = false;
        wok__values_give(values, value);
    }
}

struct wok__value *wok__values_take_or_make(struct wok__values *values, struct wok__lock *lock)
{
    struct wok__value *value = wok__values_take(values);

    if (value != NULL)
        return value;
    wok__lock_give(lock);
    value = malloc(stride(values->size));
    if (value != NULL)
        value->extra = true;
    wok__lock_take(lock);
    return value;
}

void wok__value_free(struct wok__value *value)
{
    if (value->extra)
        free(value);
}

/* Destroys the values of a chain; frees the extra nodes, and leaves the others in it. */
static void destroy(const struct wok__values *values, struct wok__value **chain)
{
    struct wok__value *oldest = NULL, *value;

    for (value = *chain; value != NULL; value = *chain) {
        *chain = value->next;
        value->next = oldest;
        oldest = value;
    }
    while (oldest != NULL) {
        value = oldest;
        oldest = value->next;
        wok__destroy(values->drop, value->bytes);
        if (value->extra) {
            free(value);
        } else {
            value->next = *chain;
            *chain = value;
        }
    }
}

/* Destroys what is dead; the lock is given back for that, and held afterwards. */
static void bury(struct wok__values *values, struct wok__lock *lock,
                 struct wok__values_after *after)
{
    struct wok__value *next;

    wok__lock_give(lock);
    wok__wakes_push(&after->wakes);
    destroy(values, &after->dead);
    wok__lock_take(lock);
    for (struct wok__value *value = after->dead; value != NULL; value = next) {
        next = value->next;
        wok__values_give(values, value);
    }
    after->dead = NULL;
}

bool wok__values_leave(struct wok__values *values, struct wok__lock *lock, size_t *refs,
                       struct wok__values_after *after)
{
    bool last;

    if (after->dead != NULL)
        bury(values, lock, after);
    *refs -= after->unref;
    last = *refs == 0;
    wok__lock_give(lock);
    wok__wakes_push(&after->wakes);
    if (after->spare != NULL)
        wok__value_free(after->spare);
    return last;
}
