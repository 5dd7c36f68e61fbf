/*
 * test_stacks.c - the rules Z10 to Z13: threads that tasks run on, and stacks.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "semantics/kit.h"

/* ---- Z10 and Z11: threads --------------------------------------------------------------------------- */

WOK_TASK(keep_thread, int, bool);

static int keep_thread(int *spawned_on, bool *moved)
{
    pthread_t thread = pthread_self();
    int *errno_address = &errno;

    *moved = wok_worker_index() != *spawned_on;
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(i % 2 == 0 ? wok_yield() : wok_sleep(wok_us(10)), 0);
        cr_assert(pthread_equal(thread, pthread_self()));
        cr_assert_eq(&errno, errno_address);
    }
    return 0;
}

WOK_TEST_WORKERS(semantics, Z10_a_stackful_task_may_move_until_it_runs_and_then_stays, 4)
{
    enum { TASKS = 100 };
    keep_thread_join tasks[TASKS];
    unsigned moved = 0;

    for (int i = 0; i < TASKS; i++)
        tasks[i] = wok_spawn(keep_thread, wok_worker_index());
    for (int i = 0; i < TASKS; i++) {
        bool has_moved = false;
        cr_assert_eq(keep_thread_await(&tasks[i], &has_moved, NULL), 0);
        moved += has_moved;
    }
    cr_assert_gt(moved, 0);
}

struct rover {
    unsigned polls;
    uint32_t *workers; /* a bit for each that has polled it */
};

static wok_poll rover_poll(void *self_, wok_cx *cx, void *result)
{
    struct rover *self = self_;

    (void)result;
    *self->workers |= UINT32_C(1) << wok_worker_index();
    if (++self->polls == 50)
        return WOK_READY;
    wok_cx_yield(cx);
    return WOK_PENDING;
}

WOK_TEST_WORKERS(semantics, Z10_a_stackless_task_moves_freely, 4)
{
    static const wok_future_vtable vtable = {
        .name = "rover", .size = sizeof(struct rover), .poll = rover_poll};
    enum { TASKS = 20 };
    uint32_t workers[TASKS] = {0};
    wok_join tasks[TASKS];
    unsigned moved = 0;

    for (int i = 0; i < TASKS; i++) {
        struct rover rover = {0, &workers[i]};
        tasks[i] = wok_spawn_future(&vtable, &rover);
    }
    for (int i = 0; i < TASKS; i++) {
        cr_assert_eq(end_of(&tasks[i]).outcome, WOK_RETURNED);
        moved += (workers[i] & (workers[i] - 1)) != 0;
    }
    cr_assert_gt(moved, 0);
}

static struct tally served = TALLY;

struct dozer {
    wok_sleep_future sleep;
};

static wok_poll dozer_poll(void *self_, wok_cx *cx, void *result)
{
    struct dozer *self = self_;

    (void)result;
    if (wok_sleep_future_poll(&self->sleep, cx) == WOK_PENDING)
        return WOK_PENDING;
    tally_add(&served);
    return WOK_READY;
}

static void dozer_drop(void *self)
{
    wok_sleep_future_drop(&((struct dozer *)self)->sleep);
}

WOK_TASK(serve, char, int);

static int serve(char *unused, int *result)
{
    (void)unused;
    *result = (int)tally_add(&served);
    return 0;
}

WOK_TASK(block_worker, char, int);

/* What it spawns, and the timer of what it polls, are its own worker's. */
static int block_worker(char *unused, int *result)
{
    static const wok_future_vtable vtable = {
        .name = "dozer", .size = sizeof(struct dozer), .poll = dozer_poll, .drop = dozer_drop};
    struct dozer dozer = {wok_sleep_future_for(wok_ms(3))};
    wok_join sleeper = wok_spawn_future(&vtable, &dozer);

    (void)unused;
    *result = wok_yield();
    serve_join new_task = wok_spawn(serve, 0);
    tally_wait(&served, 2);
    serve_join_drop(&new_task);
    wok_join_drop(&sleeper);
    return *result;
}

WOK_TEST_ON(semantics, Z11_what_may_move_goes_on_while_its_worker_is_stuck, 2)
{
    block_worker_join task = wok_spawn(block_worker, 0);

    cr_assert_eq(block_worker_await(&task, NULL, NULL), 0);
}

/* ---- Z12 and Z13: stacks ---------------------------------------------------------------------------- */

static __attribute__((noinline)) unsigned use_stack(size_t bytes)
{
    volatile char room[4096];

    room[0] = (char)bytes;
    room[sizeof room - 1] = 1;
    unsigned deeper = bytes > sizeof room ? use_stack(bytes - sizeof room) : 0;
    return deeper + (unsigned char)room[sizeof room - 1];
}

WOK_TASK(dig, size_t, unsigned);

static int dig(size_t *bytes, unsigned *frames)
{
    *frames = use_stack(*bytes);
    return 0;
}

enum { AT_THE_GUARD = 3, BEYOND_IT };
static uintptr_t top_of_stack;

WOK_TASK(overflow, int, unsigned);

/* In a task of its own below some that wait: their stacks are its neighbours. */
static int overflow(int *level, unsigned *frames)
{
    if (*level > 0) {
        overflow_join below = wok_spawn(overflow, *level - 1);
        return overflow_await(&below, frames, NULL);
    }
    top_of_stack = (uintptr_t)__builtin_frame_address(0);
    *frames = use_stack(SIZE_MAX);
    return 0;
}

static void on_fault(int number, siginfo_t *fault, void *context)
{
    size_t used = top_of_stack - (uintptr_t)fault->si_addr;
    size_t most = (size_t)(64 + 8) * 1024;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    most *= 4; /* their frames are larger, and so are the stacks */
#endif
    (void)number;
    (void)context;
    _exit(used <= most ? AT_THE_GUARD : BEYOND_IT);
}

/* Where the handler runs: there is no room left on the task's stack. */
static void give_signal_stack(void *unused)
{
    static char room[64 * 1024];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof room};

    (void)unused;
    (void)sigaltstack(&stack, NULL);
}

static void run_overflow(void)
{
    wok_runtime_options options = {.workers = 1, .on_thread_start = give_signal_stack};
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    wok_runtime *runtime = NULL;

    (void)sigaction(SIGSEGV, &action, NULL);
    if (wok_runtime_new(&runtime, &options) < 0)
        _exit(1);
    (void)wok_block_on(runtime, overflow, 4, NULL, NULL);
    _exit(2);
}

Test(semantics, Z12_a_stack_overflow_is_a_fault_at_the_guard_below_the_stack, .timeout = 20)
{
    int status = -1;
    pid_t child = fork();

    cr_assert_geq(child, 0);
    if (child == 0)
        run_overflow();
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    cr_assert_eq(WEXITSTATUS(status), AT_THE_GUARD);
}

static void run_untold_overflow(void)
{
    wok_runtime *runtime = NULL;

    signal(SIGSEGV, SIG_DFL); /* Criterion's and the sanitizers' handlers report it */
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (wok_runtime_new(&runtime, &(wok_runtime_options){.workers = 1}) < 0)
        _exit(1);
    (void)wok_block_on(runtime, overflow, 0, NULL, NULL);
    _exit(2);
}

Test(semantics, Z12_a_stack_overflow_is_told_with_the_tasks_name_and_stack, .timeout = 20)
{
    char text[1024] = "";
    int ends[2], status = -1;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        run_untold_overflow();
    }
    (void)close(ends[1]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "%x", (unsigned)status);
    cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
    cr_assert_not_null(strstr(text, "\"overflow\" (spawned at "), "%s", text);
    cr_assert_not_null(strstr(text, ") has overflowed its stack of "), "%s", text);
    (void)close(ends[0]);
}

WOK_TASK(locate, char, uintptr_t);

static int locate(char *unused, uintptr_t *address)
{
    (void)unused;
    *address = (uintptr_t)__builtin_frame_address(0);
    return 0;
}

Test(semantics, Z13_a_task_has_64_kib_of_stack_or_what_it_asks_for, .timeout = 20)
{
    WOK_CLEANUP(wok_runtime_freep) wok_runtime *runtime = NULL;
    unsigned frames = 0;

    cr_assert_eq(wok_runtime_new(&runtime, &(wok_runtime_options){.workers = 1}), 0);
    cr_assert_eq(wok_block_on(runtime, dig, 48 * 1024, &frames, NULL), 0);
    cr_assert_eq(frames, 12);

    static const wok_spawn_site large = {
        .name = "dig",
        .file = __FILE__,
        .function = dig_entry_,
        .args_size = sizeof(size_t),
        .result_size = sizeof(unsigned),
        .stack_bytes = 2 << 20,
    };
    size_t bytes = 1 << 20;
    cr_assert_eq(wok_block_on_raw(runtime, &large, &bytes, &frames, NULL), 0);
    cr_assert_eq(frames, 256);
}

WOK_TEST(semantics, Z13_the_stack_of_a_task_that_has_ended_is_the_next_ones)
{
    uintptr_t addresses[2] = {0, 1};

    for (int i = 0; i < 2; i++) {
        locate_join task = wok_spawn(locate, 0);
        cr_assert_eq(locate_await(&task, &addresses[i], NULL), 0);
    }
    cr_assert_eq(addresses[0], addresses[1]);
}
