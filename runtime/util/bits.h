/*
 * bits.h - the few bit operations that bitmaps and size classes are made of.
 *
 * The names say what is asked; the builtins behind them are undefined for zero, so are these.
 */
#ifndef WOK_UTIL_BITS_H
#define WOK_UTIL_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The index of the lowest set bit; `word` is not zero. */
static inline unsigned wok__bits_first(uint64_t word)
{
    return (unsigned)__builtin_ctzll(word);
}

/* The index of the highest set bit, which is the logarithm rounded down; `word` is not zero. */
static inline unsigned wok__bits_last(uint64_t word)
{
    return 63u - (unsigned)__builtin_clzll(word);
}

static inline unsigned wok__bits_count(uint64_t word)
{
    return (unsigned)__builtin_popcountll(word);
}

/* A word whose bits [0, count) are set; `count` is at most 64. */
static inline uint64_t wok__bits_below(unsigned count)
{
    return count >= 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
}

/* `value` rounded up to a multiple of `alignment`, a power of two. */
static inline size_t wok__align_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

#endif
