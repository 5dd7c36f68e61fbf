/*
 * test_unwind.c - an unwind runs every cleanup handler once, innermost first, and stops at its catch.
 *
 * Handlers write their number into a log, which each test compares with what it expects.
 */
#include "platform/unwind.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "support/test.h"

#define STACK_BYTES ((size_t)256 << 10)

static int events[64];
static size_t event_count;

static void note(int event)
{
    if (event_count == WOK_COUNT(events))
        abort();
    events[event_count++] = event;
}

static bool happened(const int *expected, size_t count)
{
    return event_count == count && memcmp(events, expected, count * sizeof *expected) == 0;
}
#define HAPPENED(...)                                                                              \
    happened((const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void note_handler(const int *event)
{
    note(*event);
}

/* ---- one catch ---- */

static void return_normally(void *argument)
{
    WOK_CLEANUP(note_handler) int mine = 1;

    (void)argument, (void)mine;
}

Test(unwind, a_function_that_returns_is_not_caught)
{
    struct wok__catch catch_frame;

    cr_assert(wok__catch_run(&catch_frame, return_normally, NULL));
    cr_assert(HAPPENED(1));
}

__attribute__((noinline)) static void raise_below_two_handlers(void *argument)
{
    WOK_CLEANUP(note_handler) int second = 2;
    WOK_CLEANUP(note_handler) int first = 1;

    (void)first, (void)second;
    wok__unwind_to(argument);
}

__attribute__((noinline)) static void call_below_a_handler(void *argument)
{
    WOK_CLEANUP(note_handler) int third = 3;

    (void)third;
    raise_below_two_handlers(argument);
    note(-1); /* never reached */
}

Test(unwind, runs_every_handler_once_innermost_first)
{
    struct wok__catch catch_frame;

    cr_assert_not(wok__catch_run(&catch_frame, call_below_a_handler, &catch_frame));
    cr_assert(HAPPENED(1, 2, 3));
}

Test(unwind, stops_at_the_catch)
{
    WOK_CLEANUP(note_handler) int outside = 9;
    struct wok__catch catch_frame;

    (void)outside;
    cr_assert_not(wok__catch_run(&catch_frame, call_below_a_handler, &catch_frame));
    cr_assert(HAPPENED(1, 2, 3));
}

Test(unwind, the_self_test_finds_handlers_to_run)
{
    cr_assert_eq(wok__unwind_self_test(), 0);
}

/* Unlike after longjmp, the catcher's locals are what they were: they need not be volatile. */
static void overwrite_registers_and_raise(void *argument)
{
#if defined(__x86_64__)
    __asm__ volatile("mov $-1, %%rbx; mov $-2, %%r12; mov $-3, %%r13; mov $-4, %%r14; "
                     "mov $-5, %%r15" ::
                         : "rbx", "r12", "r13", "r14", "r15");
#elif defined(__aarch64__)
    __asm__ volatile(
        "mov x19, #-1; mov x20, #-2; mov x21, #-3; mov x22, #-4; mov x23, #-5; mov x24, #-6; "
        "mov x25, #-7; mov x26, #-8; mov x27, #-9; mov x28, #-10; fmov d8, #1.0; fmov d9, #1.5" ::
            : "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "d8", "d9");
#endif
    raise_below_two_handlers(argument);
}

Test(unwind, the_catcher_keeps_its_registers)
{
    static volatile long seed[10];
    static volatile double part[2];
    struct wok__catch catch_frame;
    long a = seed[0], b = seed[1], c = seed[2], d = seed[3], e = seed[4], f = seed[5];
    long g = seed[6], h = seed[7], i = seed[8], j = seed[9];
    double k = part[0], l = part[1];

    for (int round = 0; round < 100; round++) {
        a += 1, b += 2, c += 3, d += 4, e += 5, f += 6, g += 7, h += 8, i += 9, j += 10;
        k += 11, l += 12;
        event_count = 0;
        cr_assert_not(wok__catch_run(&catch_frame, overwrite_registers_and_raise, &catch_frame));
    }
    cr_assert_eq(a, 100);
    cr_assert_eq(b, 200);
    cr_assert_eq(c, 300);
    cr_assert_eq(d, 400);
    cr_assert_eq(e, 500);
    cr_assert_eq(f + g + h + i + j, 4000);
    cr_assert_eq(k, 1100.0);
    cr_assert_eq(l, 1200.0);
}

#if defined(__x86_64__) && !defined(WOK_CONTEXT_UCONTEXT)

/* Straight at the assembly, for what the compiler may keep elsewhere. */
Test(unwind, the_catcher_keeps_each_single_register)
{
    struct wok__catch catch_frame;
    static uintptr_t marks[6];
    void *first = &catch_frame, *third = &catch_frame;
    void (*second)(void *argument) = overwrite_registers_and_raise;

    __asm__ volatile("push %%rbp; push %%rbp\n"
                     "mov $101, %%ebx; mov $102, %%ebp; mov $103, %%r12d; mov $104, %%r13d\n"
                     "mov $105, %%r14d; mov $106, %%r15d\n"
                     "call *%%rax\n"
                     "mov %%rbp, %%rax; pop %%rbp; pop %%rbp\n"
                     "mov %%rax, 8+%[marks]; mov %%rbx, %[marks]; mov %%r12, 16+%[marks]\n"
                     "mov %%r13, 24+%[marks]; mov %%r14, 32+%[marks]; mov %%r15, 40+%[marks]\n"
                     : [marks] "=m"(marks), "+D"(first), "+S"(second), "+d"(third)
                     : "a"(wok__catch_run)
                     : "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory",
                       "cc");
    for (uintptr_t i = 0; i < 6; i++)
        cr_assert_eq(marks[i], 101 + i);
    cr_assert(HAPPENED(1, 2));
}

#endif

/* ---- through foreign frames ---- */

static struct wok__catch *sort_catch;
static int comparisons;

static int compare_and_raise(const void *a, const void *b)
{
    WOK_CLEANUP(note_handler) int mine = 4;

    (void)mine;
    if (++comparisons == 3)
        wok__unwind_to(sort_catch);
    event_count = 0;
    return *(const int *)a - *(const int *)b;
}

static void sort(void *argument)
{
    WOK_CLEANUP(note_handler) int mine = 5;
    int numbers[] = {5, 2, 4, 1, 3};

    (void)mine, (void)argument;
    qsort(numbers, WOK_COUNT(numbers), sizeof numbers[0], compare_and_raise);
    note(-1);
}

Test(unwind, passes_through_the_c_library)
{
    struct wok__catch catch_frame;

    sort_catch = &catch_frame;
    cr_assert_not(wok__catch_run(&catch_frame, sort, NULL));
    cr_assert_eq(comparisons, 3);
    cr_assert_eq(events[event_count - 1], 5);
    cr_assert_eq(events[event_count - 2], 4);
}

#if defined(__x86_64__) && !defined(WOK_CONTEXT_UCONTEXT)

/* A caller without unwind tables: no CFI is emitted for it. */
__asm__(".text\n"
        ".type call_without_tables, @function\n"
        "call_without_tables:\n"
        "    push %rbp\n"
        "    mov %rsp, %rbp\n"
        "    mov %rsi, %rax\n"
        "    call *%rax\n"
        "    pop %rbp\n"
        "    ret\n");
void call_without_tables(void *argument, void (*fn)(void *argument));

static void call_through_a_gap(void *argument)
{
    call_without_tables(argument, raise_below_two_handlers);
}

/* The handlers beyond could only be skipped, and a skipped handler may be what keeps borrowed memory
 * alive. */
Test(unwind, aborts_where_there_are_no_unwind_tables, .signal = SIGABRT)
{
    struct wok__catch catch_frame;

    wok__catch_run(&catch_frame, call_through_a_gap, &catch_frame);
}

#endif

/* ---- nested catches ---- */

struct two {
    struct wok__catch outer, inner;
    struct wok__catch *target;
};

static void raise_target(void *argument)
{
    WOK_CLEANUP(note_handler) int mine = 1;
    struct two *two = argument;

    (void)mine;
    wok__unwind_to(two->target);
}

static void catch_inside(void *argument)
{
    WOK_CLEANUP(note_handler) int mine = 2;
    struct two *two = argument;

    (void)mine;
    note(wok__catch_run(&two->inner, raise_target, two) ? -1 : 10);
}

Test(unwind, ends_at_the_inner_catch_if_that_is_named)
{
    struct two two = {.target = &two.inner};

    cr_assert(wok__catch_run(&two.outer, catch_inside, &two));
    cr_assert(HAPPENED(1, 10, 2));
}

Test(unwind, passes_through_the_inner_catch_if_the_outer_is_named)
{
    struct two two = {.target = &two.outer};

    cr_assert_not(wok__catch_run(&two.outer, catch_inside, &two));
    cr_assert(HAPPENED(1, 2));
}

/* ---- handlers which unwind ---- */

static void unwind_inside_handler(struct two **two)
{
    note(20);
    (*two)->target = &(*two)->inner;
    note(wok__catch_run(&(*two)->inner, raise_target, *two) ? -1 : 21);
}

static void raise_over_a_catching_handler(void *argument)
{
    WOK_CLEANUP(note_handler) int last = 3;
    WOK_CLEANUP(unwind_inside_handler) struct two *two = argument;

    (void)last;
    wok__unwind_to(&two->outer);
}

Test(unwind, a_handler_may_catch_an_unwind_of_its_own)
{
    struct two two = {.target = NULL};

    cr_assert_not(wok__catch_run(&two.outer, raise_over_a_catching_handler, &two));
    cr_assert(HAPPENED(20, 1, 21, 3));
}

static void raise_again(struct wok__catch **catch_frame)
{
    note(30);
    wok__unwind_to(*catch_frame);
}

__attribute__((noinline)) static void raise_over_a_raising_handler(void *argument)
{
    WOK_CLEANUP(note_handler) int last = 3;
    WOK_CLEANUP(raise_again) struct wok__catch *catch_frame = argument;
    WOK_CLEANUP(note_handler) int first = 1;

    (void)first, (void)last;
    wok__unwind_to(catch_frame);
}

static void call_over_a_raising_handler(void *argument)
{
    WOK_CLEANUP(note_handler) int mine = 4;

    (void)mine;
    raise_over_a_raising_handler(argument);
    note(-1);
}

#ifdef __clang__
/* clang's tables say of each cleanup that an unwind must not leave it, and the landing pad they
 * name calls abort(). */
Test(unwind, a_panic_in_a_handler_aborts, .signal = SIGABRT)
#else
Test(unwind, a_panic_in_a_handler_still_runs_the_others_once)
#endif
{
    struct wok__catch catch_frame;

    cr_assert_not(wok__catch_run(&catch_frame, call_over_a_raising_handler, &catch_frame));
    cr_assert(HAPPENED(1, 30, 3, 4));
}

/* ---- on fibers ---- */

struct fiber {
    struct wok__context main, context;
    struct wok__stack stack;
    void (*run)(void *argument);
    struct wok__catch catch_frame;
    bool returned;
    int number;
};

static void fiber_entry(void *argument)
{
    struct fiber *fiber = argument;

    fiber->returned = wok__catch_run(&fiber->catch_frame, fiber->run, fiber);
    wok__context_switch_final(&fiber->context, &fiber->main);
}

static void fiber_init(struct fiber *fiber, void (*run)(void *argument), int number)
{
    void *base =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        abort();
    *fiber = (struct fiber){.run = run, .number = number, .returned = true};
    fiber->stack = (struct wok__stack){.base = base, .size = STACK_BYTES};
    wok__context_adopt_thread(&fiber->main);
    wok__context_make(&fiber->context, &fiber->stack, fiber_entry, fiber);
}

static void fiber_done(struct fiber *fiber)
{
    wok__context_done(&fiber->context);
    munmap(fiber->stack.base, fiber->stack.size);
}

static void raise_in_fiber(void *argument)
{
    struct fiber *fiber = argument;

    call_below_a_handler(&fiber->catch_frame);
}

Test(unwind, works_on_the_stack_of_a_fiber)
{
    struct fiber fiber;

    fiber_init(&fiber, raise_in_fiber, 0);
    wok__context_switch(&fiber.main, &fiber.context);
    cr_assert_not(fiber.returned);
    cr_assert(HAPPENED(1, 2, 3));
    fiber_done(&fiber);
}

/* A scope's handler waits for its children: it leaves the stack in the middle of the unwind. */
static void wait_in_handler(struct fiber **fiber)
{
    note(100 + (*fiber)->number);
    wok__context_switch(&(*fiber)->context, &(*fiber)->main);
    note(200 + (*fiber)->number);
}

static void raise_over_a_waiting_handler(void *argument)
{
    WOK_CLEANUP(note_handler) int last = ((struct fiber *)argument)->number;
    WOK_CLEANUP(wait_in_handler) struct fiber *fiber = argument;

    (void)last;
    wok__unwind_to(&fiber->catch_frame);
}

Test(unwind, two_fibers_may_be_in_the_middle_of_one_each)
{
    struct fiber one, two;

    fiber_init(&one, raise_over_a_waiting_handler, 1);
    fiber_init(&two, raise_over_a_waiting_handler, 2);
    wok__context_switch(&one.main, &one.context);
    wok__context_switch(&two.main, &two.context);
    cr_assert(HAPPENED(101, 102));
    wok__context_switch(&one.main, &one.context);
    wok__context_switch(&two.main, &two.context);
    cr_assert(HAPPENED(101, 102, 201, 1, 202, 2));
    cr_assert_not(one.returned);
    cr_assert_not(two.returned);
    fiber_done(&one);
    fiber_done(&two);
}

/* ---- many ---- */

static uintptr_t deepest;

static void raise_and_note_depth(void *argument)
{
    deepest = (uintptr_t)__builtin_frame_address(0);
    event_count = 0;
    raise_below_two_handlers(argument);
}

Test(unwind, a_hundred_thousand_unwinds_leak_nothing, .timeout = 60)
{
    struct wok__catch catch_frame;
    uintptr_t depth = 0;
    size_t heap = 0;

    for (int i = 0; i < 100000; i++) {
        cr_assert_not(wok__catch_run(&catch_frame, raise_and_note_depth, &catch_frame));
        if (i == 0) {
            depth = deepest;
            heap = mallinfo2().uordblks;
        }
    }
    cr_assert_eq(deepest, depth);
    cr_assert_eq(mallinfo2().uordblks, heap);
}
