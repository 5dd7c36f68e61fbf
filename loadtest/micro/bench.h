/*
 * bench.h - what every micro-benchmark does: warm up, measure rounds, check, print one JSON line.
 *
 * A benchmark asks one question.  Each round is timed as a whole, since a clock read costs as much
 * as the thing measured; ns per operation is the median of the rounds, and p99 the worst of them
 * where there are fewer than a hundred.
 */
#ifndef WOK_BENCH_H
#define WOK_BENCH_H

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/wok.h>

enum { BENCH_ROUNDS = 21 };

typedef int bench_unit;

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Bytes that malloc has handed out. */
static inline size_t bench_heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

/* The process's share of memory, in bytes. */
__attribute__((unused)) static size_t bench_pss(void)
{
    size_t kib = 0;
    char line[256];
    FILE *file = fopen("/proc/self/smaps_rollup", "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Pss: %zu kB", &kib) == 1)
            break;
    }
    if (file != NULL)
        fclose(file);
    return kib * 1024;
}

/* Runs `round(count)` BENCH_ROUNDS times after a warm-up and prints the line. */
__attribute__((unused)) static void bench_report(const char *name, size_t count,
                                                 void (*round)(size_t count))
{
    double ns[BENCH_ROUNDS];
    size_t heap;

    round(count);
    heap = bench_heap();
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        wok_instant start = wok_now();
        round(count);
        ns[i] = (double)wok_elapsed(start).ns / (double)count;
    }
    qsort(ns, BENCH_ROUNDS, sizeof ns[0], bench_compare);
    printf("{\"bench\": \"%s\", \"count\": %zu, \"rounds\": %d, \"workers\": %u, "
           "\"ns_per_op\": %.1f, \"p99_ns\": %.1f, \"min_ns\": %.1f, \"heap_growth_bytes\": %ld}\n",
           name, count, BENCH_ROUNDS, wok_runtime_workers(wok_runtime_current()),
           ns[BENCH_ROUNDS / 2], ns[BENCH_ROUNDS - 1], ns[0], (long)bench_heap() - (long)heap);
    fflush(stdout);
}

/* Stops the benchmark when its own result is wrong. */
#define BENCH_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: wrong result: %s\n", __FILE__, __LINE__, #condition);          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Runs the typed task `name_` on a runtime of as many workers as the first argument says. */
#define BENCH_MAIN(name_)                                                                          \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;                                \
        wok_runtime_options options = {.workers = argc > 1 ? (unsigned)atoi(argv[1]) : 0};         \
        bench_unit unused;                                                                         \
        int error = wok_runtime_new(&runtime, &options);                                           \
        if (error < 0) {                                                                           \
            fprintf(stderr, "no runtime: %s\n", strerror(-error));                                 \
            return 1;                                                                              \
        }                                                                                          \
        return wok_block_on(runtime, name_, 0, &unused, NULL) < 0;                                 \
    }

#endif
