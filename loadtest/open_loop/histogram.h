/*
 * histogram.h - latencies, counted in buckets of 3 % width.
 *
 * Values below 64 have a bucket each; above, each power of two is cut into 32 equal buckets.  So a
 * percentile is told within 1/32 of itself, over nine decades, in a fixed array, and histograms of the
 * same kind can be added.  A percentile is the upper end of its bucket, but never more than the greatest
 * value that was seen: it is never told better than it was.
 */
#ifndef WOK_LOADTEST_HISTOGRAM_H
#define WOK_LOADTEST_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEPS_LOG2 = 5,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEPS_LOG2,
    HISTOGRAM_BITS_MAX =
        30, /* microseconds: 18 minutes; what is longer counts in the last bucket */
    HISTOGRAM_BUCKETS = (HISTOGRAM_BITS_MAX - HISTOGRAM_STEPS_LOG2 + 1) * HISTOGRAM_STEPS,
};

struct histogram {
    uint64_t count, max;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
    unsigned bits;

    if (value < 2 * HISTOGRAM_STEPS)
        return (unsigned)value;
    bits = 64 - (unsigned)__builtin_clzll(value);
    if (bits > HISTOGRAM_BITS_MAX)
        return HISTOGRAM_BUCKETS - 1;
    return (bits - HISTOGRAM_STEPS_LOG2 - 1) * HISTOGRAM_STEPS +
           (unsigned)(value >> (bits - HISTOGRAM_STEPS_LOG2 - 1));
}

/* The greatest value of a bucket. */
static inline uint64_t histogram_upper(unsigned bucket)
{
    unsigned shift;

    if (bucket < 2 * HISTOGRAM_STEPS)
        return bucket;
    shift = bucket / HISTOGRAM_STEPS - 1;
    return (((uint64_t)(bucket % HISTOGRAM_STEPS) + HISTOGRAM_STEPS + 1) << shift) - 1;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[histogram_bucket(value)]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

/* The value that so many parts in a thousand do not exceed; 0 of none. */
static inline uint64_t histogram_permille(const struct histogram *histogram, unsigned permille)
{
    uint64_t rank = (histogram->count * permille + 999) / 1000, seen = 0;

    if (histogram->count == 0)
        return 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= rank && seen > 0 && i < HISTOGRAM_BUCKETS - 1)
            return histogram_upper(i) < histogram->max ? histogram_upper(i) : histogram->max;
    }
    return histogram->max;
}

#endif
