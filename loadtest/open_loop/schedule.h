/*
 * schedule.h - when requests are to be sent: phases, each with a rate, and the times of arrival in them.
 *
 * An arrival is due at its time whatever has become of the ones before it: that is what makes a load an
 * open one.  Even arrivals are computed from their number, so that nothing adds up; the others are a
 * Poisson process, as many independent clients are.
 */
#ifndef WOK_LOADTEST_SCHEDULE_H
#define WOK_LOADTEST_SCHEDULE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { PHASES_MAX = 16 };

enum phase_kind {
    PHASE_RATE,   /* so many in a second */
    PHASE_FACTOR, /* so many times what the last closed phase was answered */
    PHASE_CLOSED, /* as fast as answers come, on so many connections */
};

struct phase {
    enum phase_kind kind;
    double rate;          /* requests in a second, or the factor */
    unsigned connections; /* of a closed phase; 0: all */
    uint64_t duration_ns;
};

/* Reads "max@64:3,0.8x:2,3x:5,500:1.5" (rate, colon, seconds): how many there are, or -1. */
static inline int phases_parse(const char *text, struct phase *phases)
{
    int count = 0;

    for (;;) {
        struct phase phase = {.kind = PHASE_RATE};
        char *end;
        double seconds;
        if (count == PHASES_MAX)
            return -1;
        if (strncmp(text, "max", 3) == 0) {
            phase.kind = PHASE_CLOSED;
            end = (char *)text + 3;
            if (*end == '@')
                phase.connections = (unsigned)strtoul(end + 1, &end, 10);
        } else {
            phase.rate = strtod(text, &end);
            if (end == text || !(phase.rate > 0) || phase.rate > 1e7)
                return -1;
            if (*end == 'x') {
                phase.kind = PHASE_FACTOR;
                end++;
            }
        }
        if (*end != ':')
            return -1;
        text = end + 1;
        seconds = strtod(text, &end);
        if (end == text || !(seconds >= 0.1) || seconds > 3600 || (*end != ',' && *end != '\0'))
            return -1;
        phase.duration_ns = (uint64_t)(seconds * 1e9);
        phases[count++] = phase;
        if (*end == '\0')
            return count;
        text = end + 1;
    }
}

struct arrivals {
    uint64_t start_ns, next_ns; /* next_ns: when the next one is due */
    double rate;
    uint64_t count; /* its number, from 1 */
    bool even;
    uint64_t random;
    double offset_ns; /* of a Poisson process, behind the start */
};

/* xorshift64* (Vigna 2016); the seed is not 0.  Uniform in (0, 1]. */
static inline double arrivals_uniform(struct arrivals *arrivals)
{
    uint64_t x = arrivals->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    arrivals->random = x;
    return ((double)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 11) + 1) / 9007199254740992.0;
}

static inline void arrivals_advance(struct arrivals *arrivals)
{
    arrivals->count++;
    if (arrivals->even)
        arrivals->offset_ns = (double)arrivals->count * 1e9 / arrivals->rate;
    else
        arrivals->offset_ns += -log(arrivals_uniform(arrivals)) * 1e9 / arrivals->rate;
    arrivals->next_ns = arrivals->start_ns + (uint64_t)arrivals->offset_ns;
}

/* Begins at a rate: the first one is due one interval after the start. */
static inline void arrivals_begin(struct arrivals *arrivals, uint64_t start_ns, double rate)
{
    arrivals->start_ns = start_ns;
    arrivals->rate = rate;
    arrivals->count = 0;
    arrivals->offset_ns = 0;
    arrivals_advance(arrivals);
}

#endif
