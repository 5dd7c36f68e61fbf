/*
 * test_stack.c - stacks are guarded, reused warm, and their memory goes back after a burst.
 */
#include "platform/stack.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "platform/context.h"
#include "platform/late_asan.h"
#include "support/test.h"

/* A tool's own memory and address space drown ours: no figures are compared under one. */
#if WOK__ASAN || WOK__TSAN
#define PLAIN false
#define MANY 2000
#else
#define PLAIN (!under_valgrind())
#define MANY 100000
#endif
#define DEFAULT_BYTES (((size_t)64 << 10) * wok__stack_scale())

static struct wok__stack_cache cache;
static struct wok__stack many[MANY];

#if !WOK__ASAN && !WOK__TSAN
static bool under_valgrind(void)
{
#if WOK_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}
#endif

static void setup(void)
{
    wok__stack_cache_init(&cache, 0);
}

static void teardown(void)
{
    wok__stack_cache_done(&cache);
}

#define StackTest(name, ...) Test(stack, name, .init = setup, .fini = teardown, __VA_ARGS__)

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static struct wok__stack take(size_t stack_bytes)
{
    struct wok__stack stack = {NULL, 0};

    cr_assert_eq(wok__stack_take(&cache, stack_bytes, &stack), 0);
    cr_assert_not_null(stack.base);
    return stack;
}

static char *top_of(struct wok__stack stack)
{
    return (char *)stack.base + stack.size - 1;
}

static struct wok__stack_figures figures(void)
{
    struct wok__stack_figures figures;

    wok__stack_figures(&figures);
    return figures;
}

/* Proportional set size in KiB: what the process really costs. */
static long pss_kib(void)
{
    char line[256];
    long pss = -1;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");

    while (file != NULL && pss < 0 && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Pss: %ld kB", &pss) != 1)
            pss = -1;
    if (file != NULL)
        fclose(file);
    return pss;
}

/* ---- one stack ---- */

StackTest(every_usable_byte_can_be_written, .timeout = 60)
{
    struct wok__stack stack = take(0);

    cr_assert_eq(stack.size, DEFAULT_BYTES);
    memset(stack.base, 1, stack.size);
    cr_assert_eq(wok__stack_high_water(stack), stack.size);
    wok__stack_give(&cache, stack);
}

StackTest(the_page_below_is_a_guard, .signal = SIGSEGV)
{
    struct wok__stack stack = take(0);

    signal(SIGSEGV, SIG_DFL); /* a sanitizer would turn it into an exit code */
    ((volatile char *)stack.base)[-1] = 1;
}

StackTest(the_guard_is_the_whole_page, .signal = SIGSEGV)
{
    struct wok__stack stack = take(0);

    signal(SIGSEGV, SIG_DFL);
    *((volatile char *)stack.base - page_bytes()) = 1;
}

StackTest(the_guard_survives_the_return_of_the_memory, .signal = SIGSEGV)
{
    struct wok__stack stacks[3] = {take(0), take(0), take(0)};

    for (int i = 0; i < 3; i++)
        wok__stack_give(&cache, stacks[i]);
    wok__stack_cache_done(&cache);
    wok__stack_cache_init(&cache, 0);
    signal(SIGSEGV, SIG_DFL);
    ((volatile char *)stacks[1].base)[-1] = 1;
}

StackTest(the_guard_by_mprotect_is_one_too, .signal = SIGSEGV)
{
    wok__stack_use_mprotect();
    struct wok__stack stack = take(0);

    signal(SIGSEGV, SIG_DFL);
    ((volatile char *)stack.base)[-1] = 1;
}

StackTest(an_address_in_the_guard_is_told_from_others, .timeout = 60)
{
    struct wok__stack stack = take(0);
    const char *base = stack.base;

    cr_assert(wok__stack_guard_contains(stack, base - 1));
    cr_assert(wok__stack_guard_contains(stack, base - page_bytes()));
    cr_assert_not(wok__stack_guard_contains(stack, base - page_bytes() - 1));
    cr_assert_not(wok__stack_guard_contains(stack, base));
    wok__stack_give(&cache, stack);
}

StackTest(the_high_water_mark_counts_touched_pages, .timeout = 60)
{
    struct wok__stack stack = take(0);

    cr_assert_eq(wok__stack_high_water(stack), 0);
    *top_of(stack) = 1;
    cr_assert_eq(wok__stack_high_water(stack), page_bytes());
    *(top_of(stack) - 3 * page_bytes()) = 1; /* two pages in between stay untouched */
    cr_assert_eq(wok__stack_high_water(stack), 4 * page_bytes());
    wok__stack_give(&cache, stack);
}

#ifndef WOK_CONTEXT_UCONTEXT /* whose saved context alone may take more than a page */

static struct wok__context main_context, fiber;

static void wait_at_once(void *argument)
{
    (void)argument;
    wok__context_switch(&fiber, &main_context);
    wok__context_switch_final(&fiber, &main_context);
}

/* What 100,000 parked tasks cost is a page each; a second one would double it. */
StackTest(a_shallow_parked_fiber_has_touched_one_page, .timeout = 60)
{
    struct wok__stack stack = take(0);

    wok__context_adopt_thread(&main_context);
    wok__context_make(&fiber, &stack, wait_at_once, NULL);
    wok__context_switch(&main_context, &fiber);
    cr_assert_eq(wok__stack_high_water(stack), page_bytes());
    wok__context_switch(&main_context, &fiber);
    wok__context_done(&fiber);
    wok__stack_give(&cache, stack);
}

#endif

/* ---- sizes ---- */

StackTest(a_slice_has_an_odd_number_of_pages, .timeout = 60)
{
    struct wok__stack first = take(0), second = take(0);
    ptrdiff_t distance = (char *)first.base - (char *)second.base;
    size_t slice = (size_t)(distance < 0 ? -distance : distance);

    cr_assert_eq(slice, first.size + page_bytes());
    cr_assert_eq(slice / page_bytes() % 2, 1);
    wok__stack_give(&cache, first);
    wok__stack_give(&cache, second);
}

StackTest(each_size_class_gives_at_least_what_was_asked, .timeout = 60)
{
    const size_t asked[] = {1,       4096,           16384,           16385,
                            100000,  262144,         (size_t)1 << 20, (1 << 20) + 1,
                            3000000, (size_t)8 << 20};

    for (size_t i = 0; i < WOK_COUNT(asked); i++) {
        struct wok__stack stack = take(asked[i]);
        cr_assert_geq(stack.size, asked[i]);
        cr_assert_eq((uintptr_t)stack.base % page_bytes(), 0);
        *(char *)stack.base = 1;
        *top_of(stack) = 1;
        wok__stack_give(&cache, stack);
    }
    cr_assert_eq(figures().in_use, 0);
}

StackTest(a_cache_of_large_stacks_maps_each, .timeout = 60)
{
    struct wok__stack_cache large;
    struct wok__stack stack;
    size_t mapped = figures().mapped_bytes;

    wok__stack_cache_init(&large, (size_t)2 << 20);
    cr_assert_eq(wok__stack_take(&large, 0, &stack), 0);
    cr_assert_eq(stack.size, (size_t)2 << 20);
    cr_assert_eq(figures().in_use, 1);
    wok__stack_give(&large, stack);
    cr_assert_eq(figures().mapped_bytes, mapped);
    wok__stack_cache_done(&large);
}

/* ---- reuse ---- */

StackTest(the_last_stack_given_is_the_first_one_taken, .timeout = 60)
{
    struct wok__stack first = take(0), second = take(0);

    wok__stack_give(&cache, first);
    wok__stack_give(&cache, second);
    cr_assert_eq(take(0).base, second.base);
    cr_assert_eq(take(0).base, first.base);
}

StackTest(a_trim_keeps_what_was_needed_since_the_last, .timeout = 60)
{
    struct wok__stack stacks[20];

    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < WOK_COUNT(stacks); i++)
            stacks[i] = take(0);
        for (size_t i = 0; i < WOK_COUNT(stacks); i++)
            wok__stack_give(&cache, stacks[i]);
        wok__stack_cache_trim(&cache);
        cr_assert_geq(figures().cached, WOK_COUNT(stacks));
    }
}

StackTest(a_trim_gives_half_of_the_surplus_back, .timeout = 60)
{
    for (int i = 0; i < 64; i++)
        many[i] = take(0);
    for (int i = 0; i < 64; i++)
        wok__stack_give(&cache, many[i]);
    wok__stack_cache_trim(&cache); /* all were needed until now */
    cr_assert_eq(figures().cached, 64);
    wok__stack_cache_trim(&cache);
    cr_assert_eq(figures().cached, 32);
    cr_assert_eq(take(0).base, many[63].base, "the warmest stays");
    wok__stack_cache_trim(&cache);
    cr_assert_eq(figures().cached, 31 - 16);
}

StackTest(returned_memory_reads_as_zero, .timeout = 60)
{
    struct wok__stack stack = take(0);

    *top_of(stack) = 1;
    wok__stack_give(&cache, stack);
    wok__stack_cache_done(&cache);
    cr_assert_eq(wok__stack_high_water(stack), 0);
    cr_assert_eq(*top_of(stack), 0);
    wok__stack_cache_init(&cache, 0);
}

/* ---- many, and too many ---- */

/* Takes until it is refused or `many` is full; touches each. */
static size_t take_many(int *ret_error)
{
    size_t count = 0;

    *ret_error = 0;
    while (count < MANY && (*ret_error = wok__stack_take(&cache, 0, &many[count])) == 0)
        *top_of(many[count++]) = 1;
    return count;
}

static void give_many(size_t count)
{
    while (count > 0)
        wok__stack_give(&cache, many[--count]);
}

StackTest(a_burst_is_returned_to_the_kernel, .timeout = 60)
{
    long before = pss_kib();
    int error;
    size_t count = take_many(&error);

    cr_assert_eq(error, count == MANY ? 0 : -ENOMEM); /* before Linux 6.13 there is a limit */
    cr_assert_geq(count, MANY < 30000 ? MANY : 30000);
    cr_assert_eq(figures().in_use, count);
    long high = pss_kib();
    give_many(count);
    for (int second = 0; second < 40; second++)
        wok__stack_cache_trim(&cache);
    long after = pss_kib();

    cr_assert_eq(figures().in_use, 0);
    cr_assert_eq(figures().cached, 0);
    cr_assert_geq(figures().idle, count);
    cr_assert_lt(figures().idle, count + 8); /* they are carved eight at a time */
    if (PLAIN) {
        cr_assert_geq(high - before, (long)(count * page_bytes() / 1024));
        cr_assert_lt(after - before, (high - before) / 50);
    }
}

StackTest(too_many_guards_by_mprotect_are_refused, .timeout = 60)
{
    int error;

    if (!PLAIN)
        return;
    wok__stack_use_mprotect();
    size_t count = take_many(&error);
    if (count == MANY)
        return; /* vm.max_map_count was raised on this machine */
    cr_assert_eq(error, -ENOMEM);

    /* The process has mappings left.  The protection alternates, or the kernel would merge them. */
    for (int i = 0; i < 500; i++)
        cr_assert_neq(mmap(NULL, page_bytes(), i % 2 == 0 ? PROT_READ : PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                      MAP_FAILED);
    wok__stack_give(&cache, many[--count]);
    many[count++] = take(0); /* and the refusal ends when a stack is given back */
    give_many(count);
}

StackTest(no_address_space_is_refused, .timeout = 60)
{
    struct rlimit limit = {(rlim_t)512 << 20, (rlim_t)512 << 20};
    struct wok__stack untouched = {(void *)1, 2};
    int error;

    if (!PLAIN)
        return;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    size_t count = take_many(&error);
    cr_assert_eq(error, -ENOMEM);
    cr_assert_gt(count, 1000);
    cr_assert_eq(wok__stack_take(&cache, (size_t)1 << 30, &untouched), -ENOMEM);
    cr_assert_eq(wok__stack_take(&cache, SIZE_MAX, &untouched), -ENOMEM);
    cr_assert_eq(untouched.size, 2);
    give_many(count);
    many[0] = take(0);
    wok__stack_give(&cache, many[0]);
}

/* ---- threads ---- */

static void *take_and_give(void *argument)
{
    struct wok__stack_cache mine;
    struct wok__stack stacks[20];

    (void)argument;
    wok__stack_cache_init(&mine, 0);
    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < WOK_COUNT(stacks); i++) {
            if (wok__stack_take(&mine, i % 5 == 0 ? 16384 : 0, &stacks[i]) != 0)
                abort();
            *top_of(stacks[i]) = (char)round;
        }
        for (size_t i = 0; i < WOK_COUNT(stacks); i++)
            wok__stack_give(&mine, stacks[i]);
        wok__stack_cache_trim(&mine);
    }
    wok__stack_cache_done(&mine);
    return NULL;
}

StackTest(workers_share_the_arena, .timeout = 60)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    for (int i = 0; i < 100; i++)
        (void)figures(); /* may be asked at any time */
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(figures().in_use, 0);
    cr_assert_eq(figures().cached, 0);
}
