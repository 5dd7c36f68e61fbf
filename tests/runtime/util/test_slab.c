/*
 * test_slab.c - the slab: sizes, ownership across threads, and memory that really goes back.
 *
 * What is resident is asked of the kernel page by page (mincore), because only that tells memory from
 * address space, and because the sanitizers' own memory does not count then.
 */
#include "util/slab.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/sanitizer.h"
#include "platform/thread.h"
#include "support/seed.h"
#include "support/test.h"
#include "util/bits.h"

static struct wok__slab slab;
static struct wok__slab_cache cache, other;

static void init(void)
{
    cr_assert_eq(wok__slab_init(&slab), 0);
    wok__slab_cache_init(&cache, &slab);
    wok__slab_cache_init(&other, &slab);
}

static void done(void)
{
    wok__slab_cache_done(&cache);
    wok__slab_cache_done(&other);
    wok__slab_done(&slab);
}

static struct wok__slab_figures figures(void)
{
    struct wok__slab_figures ret;

    wok__slab_figures(&slab, &ret);
    return ret;
}

static size_t resident_in(const struct wok__list *regions)
{
    static unsigned char pages[WOK__REGION_BYTES / 4096];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 0;

    WOK__LIST_EACH(link, regions) {
        void *region = WOK__LIST_ENTRY(link, struct wok__slab_region, link);
        cr_assert_eq(mincore(region, WOK__REGION_BYTES, pages), 0);
        for (size_t i = 0; i < WOK__REGION_BYTES / page; i++)
            bytes += (pages[i] & 1) * page;
    }
    return bytes;
}

static size_t resident_bytes(void)
{
    return resident_in(&slab.arena.regions) + resident_in(&slab.arena.used_up);
}

static uint32_t word_of(const void *object)
{
    return load_relaxed((const atomic_u32 *)object);
}

static void set_word(void *object, uint32_t word)
{
    store_relaxed((atomic_u32 *)object, word);
}

/* ---- one thread -------------------------------------------------------------------------------- */

Test(slab, gives_every_size_aligned_zero_marked_and_all_its_bytes, .init = init, .fini = done)
{
    static void *objects[20000];
    static uint8_t classes[20000];

    for (size_t bytes = 0; bytes < 20000; bytes += 1 + bytes / 64) {
        char *object = wok__slab_take(&slab, &cache, bytes, &classes[bytes]);
        cr_assert_not_null(object);
        cr_assert_eq((uintptr_t)object % 16, 0);
        cr_assert_eq(word_of(object), 0);
        memset(object, (int)(bytes % 251), bytes);
        objects[bytes] = object;
    }
    for (size_t bytes = 0; bytes < 20000; bytes += 1 + bytes / 64) {
        const unsigned char *object = objects[bytes];
        for (size_t i = 0; i < bytes; i++)
            cr_assert_eq(object[i], bytes % 251);
        wok__slab_give(&slab, &cache, objects[bytes], classes[bytes]);
    }
    cr_assert_eq(figures().in_use, 0);
}

Test(slab, wastes_an_eighth_at_most, .init = init, .fini = done)
{
    uint8_t class;

    for (size_t bytes = 1; bytes <= WOK__SLAB_OBJECT_MAX; bytes++) {
        void *object = wok__slab_take(&slab, &cache, bytes, &class);
        size_t size = slab.classes[class].bytes;
        cr_assert(size >= bytes && size % 16 == 0);
        cr_assert(size - bytes < 16 || (size - bytes) * 8 < bytes + 8);
        cr_assert(class == 0 || slab.classes[class - 1].bytes < bytes);
        wok__slab_give(&slab, &cache, object, class);
    }
    cr_assert_eq(slab.classes[WOK__SLAB_CLASSES - 1].bytes, WOK__SLAB_OBJECT_MAX);
}

Test(slab, gives_the_warmest_object_again, .init = init, .fini = done)
{
    uint8_t class;
    void *first = wok__slab_take(&slab, &cache, 100, &class);
    void *second = wok__slab_take(&slab, &cache, 100, &class);

    set_word(first, 77);
    wok__slab_give(&slab, &cache, second, class);
    wok__slab_give(&slab, &cache, first, class);
    cr_assert(wok__slab_take(&slab, &cache, 97, &class) == first);
    cr_assert_eq(word_of(first), 0);
    cr_assert(wok__slab_take(&slab, &cache, 112, &class) == second);
    wok__slab_give(&slab, &cache, first, class);
    wok__slab_give(&slab, &cache, second, class);
}

Test(slab, works_without_a_cache, .init = init, .fini = done)
{
    uint8_t class;
    void *objects[300];

    for (size_t i = 0; i < 300; i++)
        objects[i] = wok__slab_take(&slab, NULL, 1000, &class);
    cr_assert_eq(figures().in_use, 300);
    for (size_t i = 0; i < 300; i++)
        wok__slab_give(&slab, i % 2 ? NULL : &cache, objects[i], class);
    cr_assert_eq(figures().in_use, 0);
}

/* A worker whose load goes up and down by one must not go to the slab each time. */
Test(slab, keeps_off_the_lock_around_the_edge_of_a_magazine, .init = init, .fini = done)
{
    void *objects[1000];
    uint8_t class;

    for (size_t count = 1; count < 200; count++) {
        for (size_t i = 0; i < count; i++)
            objects[i] = wok__slab_take(&slab, &cache, 128, &class);
        objects[count] = wok__slab_take(&slab, &cache, 128, &class);
        size_t out = slab.classes[class].out;
        for (int i = 0; i < 10; i++) {
            wok__slab_give(&slab, &cache, objects[count], class);
            objects[count] = wok__slab_take(&slab, &cache, 128, &class);
            cr_assert_eq(slab.classes[class].out, out);
        }
        for (size_t i = 0; i <= count; i++)
            wok__slab_give(&slab, &cache, objects[i], class);
    }
    cr_assert_leq(figures().cached, 2 * slab.classes[class].batch);
}

Test(slab, lists_large_objects_and_frees_them, .init = init, .fini = done)
{
    uint8_t class = 0;
    char *object = wok__slab_take(&slab, &cache, 100000, &class);

    cr_assert_eq(class, WOK__SLAB_LARGE);
    cr_assert_eq((uintptr_t)object % 16, 0);
    cr_assert_eq(word_of(object), 0);
    memset(object, 1, 100000);
    cr_assert_eq(figures().in_use, 1);
    cr_assert_geq(figures().mapped_bytes, 100000);
    wok__slab_give(&slab, NULL, object, class);
    cr_assert_eq(figures().in_use, 0);
    cr_assert_null(wok__slab_take(&slab, &cache, SIZE_MAX - 7, &class));
}

#if WOK__ASAN
Test(slab, shows_asan_what_must_not_be_touched, .init = init, .fini = done)
{
    uint8_t class;
    char *object = wok__slab_take(&slab, &cache, 100, &class);

    cr_assert_not(__asan_address_is_poisoned(object + 99));
    cr_assert(__asan_address_is_poisoned(object + 100)); /* beyond what was asked for */
    wok__slab_give(&slab, &cache, object, class);
    cr_assert_not(__asan_address_is_poisoned(object + 15)); /* for_each looks at the first word */
    cr_assert(__asan_address_is_poisoned(object + 16));
    cr_assert(__asan_address_is_poisoned(object + 99));
    cr_assert(__asan_address_is_poisoned(wok__chunk_base(wok__chunk_of(object)) + 40000));
}
#endif

/* ---- giving back ------------------------------------------------------------------------------- */

Test(slab, gives_the_memory_of_a_burst_back, .init = init, .fini = done, .timeout = 60)
{
    enum { COUNT = 1000000, BYTES = 128 };
    void **objects = malloc(COUNT * sizeof *objects);
    uint8_t class;

    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = wok__slab_take(&slab, &cache, BYTES, &class);
        set_word(objects[i], 1);
    }
    cr_assert_eq(figures().in_use, COUNT);
    cr_assert_geq(resident_bytes(), (size_t)COUNT * BYTES);
    cr_assert_leq(resident_bytes(), (size_t)COUNT * BYTES / 100 * 102);

    for (size_t i = 0; i < COUNT; i++)
        wok__slab_give(&slab, i % 2 ? &cache : &other, objects[i], class);
    for (int i = 0; i < 2; i++) {
        wok__slab_cache_trim(&cache);
        wok__slab_cache_trim(&other);
    }
    wok__slab_trim(&slab);
    cr_assert_eq(figures().in_use + figures().cached, 0);
    cr_assert_eq(figures().chunk_bytes, WOK__CHUNK_BYTES);
    /* The region of the chunk that is kept, and one in reserve. */
    cr_assert_eq(figures().mapped_bytes, 2 * (size_t)WOK__REGION_BYTES);
    cr_assert_leq(resident_bytes(), 2 * (size_t)WOK__CHUNK_BYTES);
    free(objects);
}

/* The neighbours of what stays in use are given back around it. */
Test(slab, gives_back_around_what_stays, .init = init, .fini = done, .timeout = 60)
{
    enum { COUNT = 100000, BYTES = 256, STRIDE = 4096 };
    static void *objects[COUNT];
    uint8_t class;
    size_t stay = 0;

    for (size_t i = 0; i < COUNT; i++) {
        objects[i] = wok__slab_take(&slab, &cache, BYTES, &class);
        memset(objects[i], (int)(1 + i % 250), BYTES);
    }
    for (size_t i = 0; i < COUNT; i++)
        if (i % STRIDE != 0)
            wok__slab_give(&slab, &cache, objects[i], class);
        else
            stay++;
    wok__slab_cache_trim(&cache);
    wok__slab_cache_trim(&cache);
    wok__slab_trim(&slab);
    cr_assert_eq(figures().in_use, stay);
    cr_assert_leq(figures().chunk_bytes, (stay + 1) * WOK__CHUNK_BYTES);
    cr_assert_leq(resident_bytes(), (stay + 1) * WOK__CHUNK_BYTES +
                                        figures().mapped_bytes / WOK__REGION_BYTES * 8192);
    for (size_t i = 0; i < COUNT; i += STRIDE) {
        for (size_t at = 0; at < BYTES; at++)
            cr_assert_eq(((unsigned char *)objects[i])[at], 1 + i % 250);
        wok__slab_give(&slab, &cache, objects[i], class);
    }
}

Test(slab, fills_the_gaps_before_it_maps_more, .init = init, .fini = done)
{
    enum { COUNT = 20000 };
    static void *objects[COUNT];
    uint8_t class;

    for (size_t i = 0; i < COUNT; i++)
        objects[i] = wok__slab_take(&slab, &cache, 128, &class);
    size_t chunk_bytes = figures().chunk_bytes;
    for (size_t i = 0; i < COUNT; i += 2)
        wok__slab_give(&slab, &cache, objects[i], class);
    for (size_t i = 0; i < COUNT; i += 2)
        objects[i] = wok__slab_take(&slab, &cache, 128, &class);
    cr_assert_eq(figures().chunk_bytes, chunk_bytes);
    for (size_t i = 0; i < COUNT; i++)
        wok__slab_give(&slab, &cache, objects[i], class);
}

#if !WOK__ASAN && !WOK__TSAN /* their shadow memory leaves no limit to set */
Test(slab, says_when_there_is_no_memory_and_goes_on, .init = init, .fini = done)
{
    static void *objects[2000000];
    struct rlimit limit = {(rlim_t)256 << 20, (rlim_t)256 << 20};
    size_t count = 0;
    uint8_t class = 0, untouched = 99;

    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    while ((objects[count] = wok__slab_take(&slab, &cache, 1024, &class)) != NULL)
        count++;
    cr_assert_null(wok__slab_take(&slab, &cache, 1024, &untouched));
    cr_assert_null(wok__slab_take(&slab, NULL, 1024, &untouched));
    cr_assert_null(wok__slab_take(&slab, NULL, (size_t)1 << 30, &untouched));
    cr_assert_eq(untouched, 99);
    cr_assert_gt(count, 1000);
    cr_assert_eq(figures().in_use, count);
    while (count > 0)
        wok__slab_give(&slab, &cache, objects[--count], class);
    cr_assert_eq(figures().in_use, 0);
    objects[0] = wok__slab_take(&slab, &cache, 1024, &class);
    cr_assert_not_null(objects[0]);
    wok__slab_give(&slab, &cache, objects[0], class);
}
#endif

Test(slab, uses_again_what_it_gave_back, .init = init, .fini = done)
{
    enum { COUNT = 5000 };
    static void *objects[COUNT];
    uint8_t class;

    for (int round = 0; round < 20; round++) {
        size_t bytes = 16 + (size_t)round * 100;
        for (size_t i = 0; i < COUNT; i++) {
            objects[i] = wok__slab_take(&slab, &cache, bytes, &class);
            cr_assert_eq(word_of(objects[i]), 0);
            memset(objects[i], 0xaa, bytes);
        }
        for (size_t i = 0; i < COUNT; i++)
            wok__slab_give(&slab, &cache, objects[i], class);
        wok__slab_cache_trim(&cache);
        wok__slab_cache_trim(&cache);
        wok__slab_trim(&slab);
        cr_assert_eq(figures().in_use, 0);
    }
    /* One chunk of each class is kept; no round needed more than three regions at a time. */
    cr_assert_leq(figures().chunk_bytes, 20 * (size_t)WOK__CHUNK_BYTES);
    cr_assert_leq(resident_bytes(), 20 * (size_t)WOK__CHUNK_BYTES + 4 * 8192);
    cr_assert_leq(figures().mapped_bytes, 4 * (size_t)WOK__REGION_BYTES);
}

Test(slab, keeps_in_a_cache_what_is_needed_between_trims, .init = init, .fini = done)
{
    void *objects[40];
    uint8_t class;

    for (int second = 0; second < 5; second++) {
        for (int i = 0; i < 40; i++)
            objects[i] = wok__slab_take(&slab, &cache, 200, &class);
        for (int i = 0; i < 40; i++)
            wok__slab_give(&slab, &cache, objects[i], class);
        wok__slab_cache_trim(&cache);
        if (second > 0)
            cr_assert_eq(slab.classes[class].out, 40);
    }
    wok__slab_cache_trim(&cache); /* a second without any need */
    cr_assert_eq(slab.classes[class].out, 0);
    cr_assert_eq(figures().cached, 0);
}

/* ---- many threads ------------------------------------------------------------------------------ */

static void count_marked(void *object, void *argument)
{
    size_t *count = argument;

    *count += word_of(object) == 0xbeef;
}

Test(slab, visits_all_that_is_in_use, .init = init, .fini = done)
{
    void *objects[600];
    uint8_t classes[600];
    size_t count = 0;

    for (size_t i = 0; i < 600; i++) {
        objects[i] = wok__slab_take(&slab, i % 3 ? &cache : NULL, i * 60, &classes[i]);
        set_word(objects[i], 0xbeef);
    }
    wok__slab_for_each(&slab, count_marked, &count);
    cr_assert_eq(count, 600);
    for (size_t i = 0; i < 600; i += 2)
        wok__slab_give(&slab, &cache, objects[i], classes[i]);
    count = 0;
    wok__slab_for_each(&slab, count_marked, &count);
    cr_assert_eq(count, 300);
    for (size_t i = 1; i < 600; i += 2)
        wok__slab_give(&slab, &other, objects[i], classes[i]);
    count = 0;
    wok__slab_for_each(&slab, count_marked, &count);
    cr_assert_eq(count, 0);
}

/* Each thread takes and gives; a part of what it takes is given by the other, through `passed`. */
enum { PASSED = 512, STEPS = 60000 };

struct passed {
    void *object;
    uint8_t class;
};

struct shared {
    struct wok__lock lock;
    struct passed passed[PASSED];
    atomic_u32 finished;
};

struct worker {
    struct shared *shared;
    struct wok__slab_cache *cache;
    uint64_t seed;
};

/* Every byte but those of the first word says which size the object has. */
static void mark(void *object, size_t bytes)
{
    memset((char *)object + 4, (int)(bytes % 256), bytes - 4);
    set_word(object, (uint32_t)bytes | 0x80000000u);
}

static void check_and_give(struct worker *worker, struct passed passed)
{
    if (passed.object == NULL)
        return;
    size_t bytes = word_of(passed.object) & 0x7fffffff;
    const unsigned char *at = passed.object;
    cr_assert(bytes >= 8);
    for (size_t i = 4; i < bytes; i++)
        cr_assert_eq(at[i], bytes % 256);
    wok__slab_give(&slab, worker->cache, passed.object, passed.class);
}

static void work(void *argument)
{
    struct worker *worker = argument;
    struct shared *shared = worker->shared;
    struct passed own[64] = {{0}};
    struct wok__rand rand;

    wok__rand_seed(&rand, worker->seed);
    for (int step = 0; step < STEPS; step++) {
        struct passed fresh, *place = &own[wok__rand_below(&rand, 64)];
        size_t bytes = 8 + wok__rand_below(&rand, step % 64 ? 300 : 20000);

        fresh.object = wok__slab_take(&slab, worker->cache, bytes, &fresh.class);
        cr_assert_not_null(fresh.object);
        cr_assert_eq(word_of(fresh.object), 0);
        mark(fresh.object, bytes);
        check_and_give(worker, *place);
        *place = fresh;
        if (step % 4 == 0) {
            struct passed *exchange = &shared->passed[wok__rand_below(&rand, PASSED)];
            wok__lock_take(&shared->lock);
            fresh = *exchange;
            *exchange = *place;
            wok__lock_give(&shared->lock);
            *place = fresh;
        }
        if (step % 5000 == 0 && worker->cache != NULL)
            wok__slab_cache_trim(worker->cache);
        if (step % 5000 == 2500)
            wok__slab_trim(&slab);
    }
    for (int i = 0; i < 64; i++)
        check_and_give(worker, own[i]);
    fetch_add_relaxed(&shared->finished, 1);
}

static void check_visited(void *object, void *argument)
{
    uint32_t word = word_of(object);

    (void)argument;
    cr_assert(word == 0 || (word >= 0x80000008 && word < 0x80000000 + 20008));
}

Test(slab, passes_objects_between_threads_while_a_third_looks, .init = init, .fini = done,
     .timeout = 60)
{
    static struct shared shared;
    struct wok__rand rand = test_rand();
    struct worker workers[] = {{&shared, &cache, wok__rand_next(&rand)},
                               {&shared, &other, wok__rand_next(&rand)},
                               {&shared, NULL, wok__rand_next(&rand)}};
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(wok__thread_start(&threads[i], "worker", work, &workers[i]), 0);
    while (load_relaxed(&shared.finished) < 3) {
        wok__slab_for_each(&slab, check_visited, NULL);
        figures();
    }
    for (int i = 0; i < 3; i++)
        wok__thread_join(threads[i]);
    for (int i = 0; i < PASSED; i++)
        check_and_give(&workers[0], shared.passed[i]);
    cr_assert_eq(figures().in_use, 0);
}
