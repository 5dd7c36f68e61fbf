/*
 * bench.h - what every micro-benchmark does: warm up, measure rounds, check, print one JSON line.
 *
 * A benchmark asks one question.  Each round is timed as a whole, since a clock read costs as much
 * as the thing measured; ns per operation is the median of the rounds, and p99 the worst of them
 * where there are fewer than a hundred.
 *
 * The program's malloc is glibc's with a counter in front, so that each line says what an operation
 * allocated, and what promises to allocate nothing is held to it.  Not under a sanitizer, whose malloc has
 * to stay.
 *
 * With WOK_BENCH_QUICK in the environment it is a test: few rounds of few operations, all checks, and no
 * figure that means anything.
 */
#ifndef WOK_BENCH_H
#define WOK_BENCH_H

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include <wok/wok.h>

enum { BENCH_ROUNDS = 21, BENCH_QUICK_ROUNDS = 3 };

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

/* ---- allocations ---------------------------------------------------------------------------------- */

static size_t bench_mallocs; /* atomic */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BENCH_COUNTS_MALLOCS 0
#else
#define BENCH_COUNTS_MALLOCS 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

/* On workers only: the monitor's threads come and go by real time, and have nothing to do with it. */
static inline void bench_count_malloc(void)
{
    if (wok_worker_index() >= 0)
        __atomic_fetch_add(&bench_mallocs, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    bench_count_malloc();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    bench_count_malloc();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    bench_count_malloc();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    bench_count_malloc();
    return __libc_memalign(alignment, size);
}
#endif

static inline size_t bench_mallocs_now(void)
{
    return __atomic_load_n(&bench_mallocs, __ATOMIC_RELAXED);
}

/* ---- the line --------------------------------------------------------------------------------------- */

/* True: this run is a test of the benchmark, and its figures mean nothing. */
static inline bool bench_is_quick(void)
{
    static int quick = -1; /* the bench's task alone asks */

    if (quick < 0)
        quick = getenv("WOK_BENCH_QUICK") != NULL;
    return quick == 1;
}

/* So many operations, or a tenth in a quick run; 1,000 where that is more. */
static inline size_t bench_count(size_t count)
{
    if (!bench_is_quick() || count <= 1000)
        return count;
    return count / 10 > 1000 ? count / 10 : 1000;
}

/* Runs `round(count)` again and again after a warm-up, prints the line, and gives the mallocs in all. */
static inline size_t bench_measure(const char *name, size_t count, void (*round)(size_t count))
{
    double ns[BENCH_ROUNDS];
    size_t rounds = bench_is_quick() ? BENCH_QUICK_ROUNDS : BENCH_ROUNDS, mallocs, heap;

    count = bench_count(count);
    round(count);
    heap = bench_heap();
    mallocs = bench_mallocs_now();
    for (size_t i = 0; i < rounds; i++) {
        wok_instant start = wok_now();
        round(count);
        ns[i] = (double)wok_elapsed(start).ns / (double)count;
    }
    mallocs = bench_mallocs_now() - mallocs;
    qsort(ns, rounds, sizeof ns[0], bench_compare);
    printf("{\"bench\": \"%s\", \"count\": %zu, \"rounds\": %zu, \"workers\": %u, "
           "\"ns_per_op\": %.1f, \"p99_ns\": %.1f, \"min_ns\": %.1f, \"mallocs_per_op\": %.3f, "
           "\"heap_growth_bytes\": %ld%s}\n",
           name, count, rounds, wok_runtime_workers(wok_runtime_current()), ns[rounds / 2],
           ns[rounds - 1], ns[0], (double)mallocs / (double)rounds / (double)count,
           (long)bench_heap() - (long)heap, bench_is_quick() ? ", \"quick\": true" : "");
    fflush(stdout);
    return mallocs;
}

/* Measures one thing. */
__attribute__((unused)) static void bench_report(const char *name, size_t count,
                                                 void (*round)(size_t count))
{
    (void)bench_measure(name, count, round);
}

/* As bench_report(), for what allocates nothing at all once it is warm: the program fails if it does. */
__attribute__((unused)) static void bench_no_malloc(const char *name, size_t count,
                                                    void (*round)(size_t count))
{
    size_t mallocs = bench_measure(name, count, round);

    if (mallocs > 0) {
        fprintf(stderr, "%s: %zu calls of malloc, where none is promised\n", name, mallocs);
        exit(1);
    }
}

/* Says what an object, or a wait for it, takes of the caller's memory. */
#define BENCH_BYTES(Type_) printf("{\"type\": \"%s\", \"bytes\": %zu}\n", #Type_, sizeof(Type_))

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
