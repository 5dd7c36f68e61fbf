/*
 * figures.h - what is counted of the requests of a phase, or of a tenth of a second.
 *
 * Counted where the answer came, or where the request was due.  An answer's latency is that from when its
 * request was due: what waited in the generator counts as well.
 */
#ifndef WOK_LOADTEST_FIGURES_H
#define WOK_LOADTEST_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

#define SLICE_NS UINT64_C(100000000)

struct figures {
    uint64_t offered;         /* were due */
    uint64_t not_sent;        /* of them, found no connection that was free */
    uint64_t ok, shed, other; /* answers: 200, 503, any other status */
    uint64_t broken;          /* no answer: the connection ended, or what came was none */
    uint64_t late;            /* no answer in time */
    struct histogram latency; /* of 200, from when it was due, in microseconds */
};

static inline void figures_due(struct figures *figures, bool sent)
{
    figures->offered++;
    figures->not_sent += !sent;
}

static inline void figures_answer(struct figures *figures, int status, uint64_t due_ns,
                                  uint64_t now_ns)
{
    if (status == 200) {
        figures->ok++;
        histogram_add(&figures->latency, (now_ns - due_ns) / 1000);
    } else if (status == 503) {
        figures->shed++;
    } else {
        figures->other++;
    }
}

static inline void figures_failure(struct figures *figures, bool late)
{
    if (late)
        figures->late++;
    else
        figures->broken++;
}

/* Good answers in a second, of so long. */
static inline double figures_rate(const struct figures *figures, uint64_t begin_ns, uint64_t end_ns)
{
    return (double)figures->ok * 1e9 / (double)(end_ns - begin_ns);
}

/* The number of the slice that a time is in; the last one has all that comes later. */
static inline size_t figures_slice(uint64_t start_ns, uint64_t now_ns, size_t slice_count)
{
    size_t slice = now_ns > start_ns ? (now_ns - start_ns) / SLICE_NS : 0;

    return slice < slice_count ? slice : slice_count - 1;
}

#endif
