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

struct wok__value *wok__value_new_extra(const struct wok__values *values)
{
    struct wok__value *value = malloc(stride(values->size));

    if (value != NULL)
        value->extra = true;
    return value;
}

void wok__value_free(struct wok__value *value)
{
    if (value->extra)
        free(value);
}

void wok__values_destroy(const struct wok__values *values, struct wok__value **chain)
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
