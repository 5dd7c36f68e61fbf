/*
 * test_context.c - a switch preserves what the ABI promises, and debuggers see through it.
 *
 * Assertions stand in the test's own stack only: a failing one ends the test with a long jump, which
 * must not start on a fiber.
 */
#include "platform/context.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unwind.h>

#include "platform/context_machine.h"
#include "support/test.h"

#define STACK_BYTES ((size_t)256 << 10)
#if WOK__CONTEXT_HOOKS
#define MANY 100000
#else
#define MANY 1000000
#endif

/* One fiber and the context which waits for it. */
struct pair {
    struct wok__context main, fiber;
    struct wok__stack stack;
    long turns;
};

static struct wok__stack map_stack(void)
{
    void *base =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        abort();
    return (struct wok__stack){.base = base, .size = STACK_BYTES};
}

static void pair_init(struct pair *pair, void (*entry)(void *argument))
{
    pair->turns = 0;
    pair->stack = map_stack();
    wok__context_adopt_thread(&pair->main);
    wok__context_make(&pair->fiber, &pair->stack, entry, pair);
}

static void pair_done(struct pair *pair)
{
    wok__context_done(&pair->fiber);
    wok__context_release_thread(&pair->main);
    munmap(pair->stack.base, pair->stack.size);
}

/* ---- registers ---- */

/* Overwrites each register that a callee has to preserve, but the frame pointer, which the compiler
 * does not let go of in a debug build. */
#if defined(__x86_64__)
#define CLOBBER()                                                                                  \
    __asm__ volatile("mov $-1, %%rbx; mov $-2, %%r12; mov $-3, %%r13; mov $-4, %%r14; "            \
                     "mov $-5, %%r15" ::                                                           \
                         : "rbx", "r12", "r13", "r14", "r15")
#elif defined(__aarch64__)
#define CLOBBER()                                                                                  \
    __asm__ volatile(                                                                              \
        "mov x19, #-1; mov x20, #-2; mov x21, #-3; mov x22, #-4; mov x23, #-5; mov x24, #-6; "     \
        "mov x25, #-7; mov x26, #-8; mov x27, #-9; mov x28, #-10; fmov d8, #1.0; fmov d9, #1.5; "  \
        "fmov d10, #2.0; fmov d11, #2.5; fmov d12, #3.0; fmov d13, #3.5; fmov d14, #4.0; "         \
        "fmov d15, #4.5" ::                                                                        \
            : "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "d8", "d9",    \
              "d10", "d11", "d12", "d13", "d14", "d15")
#else
#define CLOBBER() ((void)0)
#endif

static void clobber_in_turns(void *argument)
{
    struct pair *pair = argument;

    for (;;) {
        CLOBBER();
        wok__context_switch(&pair->fiber, &pair->main);
    }
}

/* Twelve values and eight floating ones live over each switch: more than there are registers to
 * preserve, so that every one of these holds a value in an optimised build. */
Test(context, preserves_the_registers_that_a_callee_preserves, .timeout = 60)
{
    static volatile long seed[12];
    static volatile double part[8];
    static struct pair pair;
    long a = seed[0], b = seed[1], c = seed[2], d = seed[3], e = seed[4], f = seed[5];
    long g = seed[6], h = seed[7], i = seed[8], j = seed[9], k = seed[10], l = seed[11];
    double m = part[0], n = part[1], o = part[2], p = part[3];
    double q = part[4], r = part[5], s = part[6], t = part[7];

    pair_init(&pair, clobber_in_turns);
    for (long turn = 0; turn < 1000; turn++) {
        wok__context_switch(&pair.main, &pair.fiber);
        a += 1, b += 2, c += 3, d += 4, e += 5, f += 6, g += 7, h += 8, i += 9, j += 10, k += 11,
            l += 12;
        m += 1, n += 2, o += 3, p += 4, q += 5, r += 6, s += 7, t += 8;
    }
    cr_assert_eq(a, 1000);
    cr_assert_eq(b, 2000);
    cr_assert_eq(c, 3000);
    cr_assert_eq(d, 4000);
    cr_assert_eq(e, 5000);
    cr_assert_eq(f, 6000);
    cr_assert_eq(g, 7000);
    cr_assert_eq(h, 8000);
    cr_assert_eq(i + j + k + l, 9000 + 10000 + 11000 + 12000);
    cr_assert_eq(m + n + o + p, 10000.0);
    cr_assert_eq(q + r + s + t, 26000.0);
    pair_done(&pair);
}

/* Straight at the assembly, for what the compiler may keep elsewhere: the registers hold marks at
 * the call and have to hold them after it, while the fiber overwrites them all. */
Test(context, preserves_each_single_register, .timeout = 60)
{
#if defined(__x86_64__) && !defined(WOK_CONTEXT_UCONTEXT) && !WOK__CONTEXT_HOOKS
    static struct pair pair;
    static uintptr_t marks[6];

    pair_init(&pair, clobber_in_turns);
    void **from = &pair.main.sp;
    void *to = pair.fiber.sp;
    __asm__ volatile("push %%rbp; push %%rbp\n"
                     "mov $101, %%ebx; mov $102, %%ebp; mov $103, %%r12d; mov $104, %%r13d\n"
                     "mov $105, %%r14d; mov $106, %%r15d\n"
                     "call *%%rax\n"
                     "mov %%rbp, %%rax; pop %%rbp; pop %%rbp\n"
                     "mov %%rax, 8+%[marks]; mov %%rbx, %[marks]; mov %%r12, 16+%[marks]\n"
                     "mov %%r13, 24+%[marks]; mov %%r14, 32+%[marks]; mov %%r15, 40+%[marks]\n"
                     : [marks] "=m"(marks), "+D"(from), "+S"(to)
                     : "a"(wok__context_swap)
                     : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
                       "memory", "cc");
    for (uintptr_t i = 0; i < 6; i++)
        cr_assert_eq(marks[i], 101 + i);
    pair_done(&pair);
#endif
}

static volatile uintptr_t entry_frame;

static void note_frame_address(void *argument)
{
    struct pair *pair = argument;

    entry_frame = (uintptr_t)__builtin_frame_address(0);
    wok__context_switch_final(&pair->fiber, &pair->main);
}

/* Vector spills fault on a misaligned stack. */
Test(context, begins_on_an_aligned_stack)
{
    static struct pair pair;

    pair_init(&pair, note_frame_address);
    wok__context_switch(&pair.main, &pair.fiber);
    cr_assert_eq(entry_frame % 16, 0);
    pair_done(&pair);
}

/* ---- floating point control words ---- */

#if !defined(WOK_CONTEXT_UCONTEXT) && (defined(__x86_64__) || defined(__aarch64__))

struct control {
    uint64_t word;
    uint16_t x87;
};

static struct control control_get(void)
{
    struct control control = {.word = 0};
#if defined(__x86_64__)
    control.word = __builtin_ia32_stmxcsr();
    __asm__ volatile("fnstcw %0" : "=m"(control.x87));
#else
    __asm__ volatile("mrs %0, fpcr" : "=r"(control.word));
#endif
    return control;
}

static void control_set(struct control control)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((unsigned)control.word);
    __asm__ volatile("fldcw %0" ::"m"(control.x87));
#else
    __asm__ volatile("msr fpcr, %0" ::"r"(control.word));
#endif
}

static struct control at_start;

static void note_control(void *argument)
{
    struct pair *pair = argument;

    at_start = control_get();
    wok__context_switch_final(&pair->fiber, &pair->main);
}

/* A task which forgets that it had set the rounding mode must not decide the next one's sums. */
Test(context, starts_with_the_default_control_words)
{
    static struct pair pair;
    struct control before = control_get(), strange = before;

#if defined(__x86_64__)
    strange.word = 0x7f80; /* round toward zero */
    strange.x87 = 0x0f7f;  /* the same */
#else
    strange.word = UINT64_C(3) << 22; /* round toward zero */
#endif
    pair_init(&pair, note_control);
    control_set(strange);
    wok__context_switch(&pair.main, &pair.fiber);
    control_set(before);
#if defined(__x86_64__)
    cr_assert_eq(at_start.word & 0xffc0, 0x1f80);
    cr_assert_eq(at_start.x87, 0x037f);
#else
    cr_assert_eq(at_start.word, 0);
#endif
    pair_done(&pair);
}

#endif

/* ---- many switches, many fibers ---- */

static void count_turns(void *argument)
{
    struct pair *pair = argument;

    for (;;) {
        pair->turns++;
        wok__context_switch(&pair->fiber, &pair->main);
    }
}

static void play(struct pair *pair)
{
    pair_init(pair, count_turns);
    for (long i = 0; i < MANY; i++)
        wok__context_switch(&pair->main, &pair->fiber);
    pair_done(pair);
}

Test(context, switches_a_million_times, .timeout = 60)
{
    static struct pair pair;

    play(&pair);
    cr_assert_eq(pair.turns, MANY);
}

static void *play_in_thread(void *pair)
{
    play(pair);
    return NULL;
}

Test(context, switches_on_several_threads_at_once, .timeout = 60)
{
    static struct pair pairs[3];
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, play_in_thread, &pairs[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(pairs[i].turns, MANY);
    }
}

/* Its frame has redzones under ASan, and is left without clearing them. */
static void use_stack_and_end(void *argument)
{
    struct pair *pair = argument;
    volatile char text[512];

    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)i;
    pair->turns += text[1];
    wok__context_switch_final(&pair->fiber, &pair->main);
}

Test(context, runs_one_fiber_after_another_on_the_same_stack, .timeout = 60)
{
    static struct pair pair;

    pair_init(&pair, use_stack_and_end);
    for (int i = 0; i < 1000; i++) {
        wok__context_switch(&pair.main, &pair.fiber);
        wok__context_done(&pair.fiber);
        wok__context_make(&pair.fiber, &pair.stack, use_stack_and_end, &pair);
    }
    cr_assert_eq(pair.turns, 1000);
    pair_done(&pair);
}

#define DEPTH 50

static struct wok__context nest[DEPTH + 1];
static struct wok__stack nest_stacks[DEPTH + 1];
static int nest_began, nest_ended;

/* Fiber i starts fiber i + 1, is continued by it, and then ends into fiber i - 1. */
static void start_next(void *argument)
{
    size_t i = (size_t)(uintptr_t)argument;

    nest_began++;
    if (i < DEPTH) {
        wok__context_make(&nest[i + 1], &nest_stacks[i + 1], start_next, (void *)(i + 1));
        wok__context_switch(&nest[i], &nest[i + 1]);
        wok__context_done(&nest[i + 1]);
    }
    nest_ended++;
    wok__context_switch_final(&nest[i], &nest[i - 1]);
}

Test(context, nests_fibers_that_start_fibers, .timeout = 60)
{
    for (size_t i = 1; i <= DEPTH; i++)
        nest_stacks[i] = map_stack();
    wok__context_adopt_thread(&nest[0]);
    wok__context_make(&nest[1], &nest_stacks[1], start_next, (void *)1);
    wok__context_switch(&nest[0], &nest[1]);
    wok__context_done(&nest[1]);
    cr_assert_eq(nest_began, DEPTH);
    cr_assert_eq(nest_ended, DEPTH);
}

/* ---- backtraces ---- */

static void *seen[16];
static size_t seen_count;
static _Unwind_Reason_Code seen_end;

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *frame, void *argument)
{
    (void)argument;
    if (seen_count == WOK_COUNT(seen))
        return _URC_NORMAL_STOP;
    if (_Unwind_GetIP(frame) != 0) /* 0: the end, reported as a frame of its own */
        seen[seen_count++] = (void *)_Unwind_GetIP(frame);
    return _URC_NO_REASON;
}

static bool saw(void (*function)(void *argument))
{
    for (size_t i = 0; i < seen_count; i++)
        if (_Unwind_FindEnclosingFunction(seen[i]) == (void *)function)
            return true;
    return false;
}

__attribute__((noinline)) static void inner_frame(void *argument)
{
    struct pair *pair = argument;

    seen_end = _Unwind_Backtrace(note_frame, NULL);
    wok__context_switch(&pair->fiber, &pair->main);
    __asm__ volatile("" ::: "memory"); /* no tail call: the frame is what we look for */
}

__attribute__((noinline)) static void outer_frame(void *argument)
{
    inner_frame(argument);
    __asm__ volatile("" ::: "memory");
}

static void walk_and_wait(void *argument)
{
    struct pair *pair = argument;

    outer_frame(argument);
    wok__context_switch_final(&pair->fiber, &pair->main);
}

Test(context, a_backtrace_of_a_running_fiber_ends_at_its_entry)
{
    static struct pair pair;

    pair_init(&pair, walk_and_wait);
    wok__context_switch(&pair.main, &pair.fiber);
    cr_assert_eq(seen_end, _URC_END_OF_STACK);
    cr_assert_lt(seen_count, WOK_COUNT(seen));
    cr_assert(saw(inner_frame));
    cr_assert(saw(outer_frame));
    cr_assert(saw(walk_and_wait));
#ifndef WOK_CONTEXT_UCONTEXT
    uintptr_t last = (uintptr_t)seen[seen_count - 1], entry = (uintptr_t)wok__context_entry;
    cr_assert(last >= entry && last < entry + 64);
#endif
    pair_done(&pair);
}

#ifndef WOK_CONTEXT_UCONTEXT

Test(context, a_suspended_fiber_can_be_walked_from_outside)
{
    static struct pair pair;

    pair_init(&pair, walk_and_wait);
    cr_assert_eq(wok__context_backtrace(&pair.fiber, seen, WOK_COUNT(seen)), 1); /* the entry */
    cr_assert_eq(seen[0], (void *)wok__context_entry);

    wok__context_switch(&pair.main, &pair.fiber);
    for (size_t i = 0; i < WOK_COUNT(seen); i++)
        seen[i] = NULL;
    seen_count = wok__context_backtrace(&pair.fiber, seen, WOK_COUNT(seen));
    cr_assert(saw(inner_frame));
    cr_assert(saw(outer_frame));
    cr_assert(saw(walk_and_wait));
    cr_assert_eq(wok__context_backtrace(&pair.fiber, seen, 2), 2);

    wok__context_switch(&pair.main, &pair.fiber); /* the walk has not disturbed it */
    pair_done(&pair);
}

#endif
