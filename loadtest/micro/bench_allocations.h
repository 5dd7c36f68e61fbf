/*
 * bench_allocations.h - bench.h, and a count of what was allocated: for what promises to allocate
 * nothing.
 *
 * The program's malloc is glibc's with a counter in front; whoever includes this has it.
 */
#ifndef WOK_BENCH_ALLOCATIONS_H
#define WOK_BENCH_ALLOCATIONS_H

#include "bench.h"

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);

static size_t bench_allocations; /* atomic */

void *malloc(size_t size)
{
    __atomic_fetch_add(&bench_allocations, 1, __ATOMIC_RELAXED);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    __atomic_fetch_add(&bench_allocations, 1, __ATOMIC_RELAXED);
    return __libc_calloc(count, size);
}

/* As bench_report(), with what each operation allocated. */
static void bench_channel(const char *kind, const char *pattern, size_t count,
                          void (*round)(size_t count))
{
    double ns[BENCH_ROUNDS];
    size_t allocations, heap;

    round(count);
    heap = bench_heap();
    allocations = __atomic_load_n(&bench_allocations, __ATOMIC_RELAXED);
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        wok_instant start = wok_now();
        round(count);
        ns[i] = (double)wok_elapsed(start).ns / (double)count;
    }
    allocations = __atomic_load_n(&bench_allocations, __ATOMIC_RELAXED) - allocations;
    qsort(ns, BENCH_ROUNDS, sizeof ns[0], bench_compare);
    printf("{\"bench\": \"%s_%s\", \"count\": %zu, \"rounds\": %d, \"workers\": %u, "
           "\"ns_per_op\": %.1f, \"p99_ns\": %.1f, \"min_ns\": %.1f, \"allocations_per_op\": %.3f, "
           "\"heap_growth_bytes\": %ld}\n",
           kind, pattern, count, BENCH_ROUNDS, wok_runtime_workers(wok_runtime_current()),
           ns[BENCH_ROUNDS / 2], ns[BENCH_ROUNDS - 1], ns[0],
           (double)allocations / BENCH_ROUNDS / (double)count, (long)bench_heap() - (long)heap);
    fflush(stdout);
}

#endif
