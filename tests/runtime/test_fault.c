/*
 * test_fault.c - a fault in a task's code, a stack overflow above all, ends the process with a word on
 * whose it was; and a handler of the program's own is asked as if there were no other.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/fault.h"
#include "support/wok_test.h"

static __attribute__((noinline)) unsigned use_stack(size_t bytes)
{
    volatile char room[1024];

    room[0] = (char)bytes;
    room[sizeof room - 1] = 1;
    unsigned deeper = bytes > sizeof room ? use_stack(bytes - sizeof room) : 0;
    return deeper + (unsigned char)room[sizeof room - 1];
}

WOK_TASK(dig, int, unsigned);

static int dig(int *unused, unsigned *frames)
{
    (void)unused;
    *frames = use_stack(SIZE_MAX);
    return 0;
}

static volatile int *volatile nowhere = (int *)64;

WOK_TASK(stray, int, int);

static int stray(int *unused, int *result)
{
    *result = *unused;
    *nowhere = 1;
    return 0;
}

static wok_runtime *new_runtime(void)
{
    wok_runtime_options options = {.workers = 1, .spare_workers_max = WOK_NO_SPARE_WORKERS};
    wok_runtime *runtime = NULL;

    if (wok_runtime_new(&runtime, &options) != 0)
        _exit(99);
    return runtime;
}

/* ---- children ----------------------------------------------------------------------------------- */

static char text[4096];

static int status_of(void (*run)(void))
{
    size_t length = 0;
    int ends[2], status = -1;

    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGSEGV, SIG_DFL); /* Criterion's and the sanitizers' handlers report it */
        signal(SIGBUS, SIG_DFL);
        run();
        _exit(0);
    }
    (void)close(ends[1]);
    for (ssize_t more; (more = read(ends[0], text + length, sizeof text - length - 1)) > 0;)
        length += (size_t)more;
    text[length] = '\0';
    (void)close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void assert_killed(int status, int number)
{
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == number, "%x: %s", (unsigned)status, text);
}

static void assert_says(const char *what)
{
    cr_assert_not_null(strstr(text, what), "\"%s\" is not in: %s", what, text);
}

/* ---- overflows ---------------------------------------------------------------------------------- */

enum { LINE_OF_SPAWN = __LINE__ + 6 };

static void overflow(void)
{
    wok_runtime *runtime = new_runtime();

    dig_join task = wok_spawn_on(runtime, dig, 0);
    (void)dig_await(&task, NULL, NULL);
}

Test(fault, a_stack_overflow_names_the_task_and_where_it_was_spawned_and_its_stack, .timeout = 20)
{
    char place[64];

    assert_killed(status_of(overflow), SIGSEGV);
    assert_says("\"dig\" (spawned at ");
    snprintf(place, sizeof place, "test_fault.c:%d) has overflowed", LINE_OF_SPAWN);
    assert_says(place);
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    assert_says(") has overflowed its stack of 262144 bytes\n");
#else
    assert_says(") has overflowed its stack of 65536 bytes\n");
#endif
    cr_assert_eq(strchr(text, '\n'), strrchr(text, '\n'), "one line: %s", text);
}

static void overflow_large(void)
{
    wok_spawn_options options = {.name = "miner", .stack_bytes = 2 << 20, .runtime = new_runtime()};
    dig_join task = wok_spawn_with(options, dig, 0);

    (void)dig_await(&task, NULL, NULL);
}

Test(fault, an_overflow_of_a_stack_of_its_own_size_says_that, .timeout = 20)
{
    assert_killed(status_of(overflow_large), SIGSEGV);
    assert_says("\"miner\" (spawned at ");
    assert_says(" has overflowed its stack of 2097152 bytes\n");
}

static void overflow_call(void)
{
    dig_join task = wok_spawn_blocking_on(new_runtime(), dig, 0);

    (void)dig_await(&task, NULL, NULL);
}

Test(fault, an_overflow_in_a_blocking_call_is_one_of_its_threads_stack, .timeout = 20)
{
    assert_killed(status_of(overflow_call), SIGSEGV);
    assert_says("\"dig\" (spawned at ");
    assert_says(" has overflowed its thread's stack of ");
}

static wok_poll dig_poll(void *self, wok_cx *cx, void *result)
{
    (void)self, (void)cx, (void)result;
    return use_stack(SIZE_MAX) == 0 ? -1 : WOK_READY;
}

static const wok_future_vtable dig_vtable = {.name = "dig future", .size = 1, .poll = dig_poll};

static void overflow_worker(void)
{
    wok_join join = wok_spawn_future_on(new_runtime(), &dig_vtable, &(char){0});

    (void)wok_join_await(&join, NULL, NULL);
}

Test(fault, an_overflow_in_a_poll_is_one_of_the_workers_stack, .timeout = 20)
{
    assert_killed(status_of(overflow_worker), SIGSEGV);
    assert_says("\"dig future\" (spawned at ");
    assert_says(" has overflowed its thread's stack of ");
}

WOK_TASK(hosts, int, int);

static int hosts(int *unused, int *result)
{
    *result = *unused;
    WOK_SCOPE(scope)
    {
        wok_scope_spawn_future(scope, &dig_vtable, &(char){0});
    }
    return 0;
}

static void overflow_parent(void)
{
    (void)wok_block_on(new_runtime(), hosts, 0, NULL, NULL);
}

/* The waiting parent polls it, and its stack is spared. */
Test(fault, an_overflow_of_a_child_in_place_is_one_of_its_threads_stack, .timeout = 20)
{
    assert_killed(status_of(overflow_parent), SIGSEGV);
    assert_says("\"dig future\" (spawned at ");
    assert_says(" has overflowed its thread's stack of ");
}

WOK_TASK(digs_in_place, int, unsigned);

static int digs_in_place(int *unused, unsigned *frames)
{
    WOK_BLOCK_IN_PLACE()
    {
        return dig(unused, frames);
    }
    return 0;
}

static void overflow_in_place(void)
{
    wok_runtime *runtime = NULL;

    if (wok_runtime_new(&runtime, &(wok_runtime_options){.workers = 1}) != 0)
        _exit(99);
    (void)wok_block_on(runtime, digs_in_place, 0, NULL, NULL);
}

Test(fault, an_overflow_in_a_block_in_place_is_one_of_the_tasks_stack, .timeout = 20)
{
    assert_killed(status_of(overflow_in_place), SIGSEGV);
    assert_says("\"digs_in_place\" (spawned at ");
    assert_says(" has overflowed its stack of ");
}

/* ---- other faults ------------------------------------------------------------------------------- */

static void touch_nowhere(void)
{
    (void)wok_block_on(new_runtime(), stray, 0, NULL, NULL);
}

Test(fault, another_one_names_the_task_and_the_address, .timeout = 20)
{
    assert_killed(status_of(touch_nowhere), SIGSEGV);
    assert_says("\"stray\" (spawned at ");
    assert_says(") has touched the address 0x40\n");
}

static void touch_nowhere_outside(void)
{
    (void)new_runtime();
    *nowhere = 1;
}

Test(fault, outside_a_task_is_not_ours, .timeout = 20)
{
    assert_killed(status_of(touch_nowhere_outside), SIGSEGV);
    cr_assert_str_eq(text, "");
}

static void be_killed(void)
{
    (void)new_runtime();
    (void)kill(getpid(), SIGSEGV);
    for (;;)
        (void)pause();
}

static void be_spared(void)
{
    signal(SIGSEGV, SIG_IGN);
    (void)new_runtime();
    (void)kill(getpid(), SIGSEGV);
}

Test(fault, a_signal_that_was_sent_does_what_it_would_without_us, .timeout = 20)
{
    assert_killed(status_of(be_killed), SIGSEGV);
    cr_assert_str_eq(text, "");
    cr_assert_eq(status_of(be_spared), 0);
}

static void ignore_and_touch(void)
{
    signal(SIGSEGV, SIG_IGN);
    touch_nowhere();
}

Test(fault, an_ignored_one_ends_the_process_as_the_kernel_would, .timeout = 20)
{
    assert_killed(status_of(ignore_and_touch), SIGSEGV);
    assert_says(" has touched the address 0x40\n");
}

static int bus_fd;

WOK_TASK(reads_past_the_end, int, int);

static int reads_past_the_end(int *unused, int *result)
{
    volatile const char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, bus_fd, 0);

    *result = *unused + map[0]; /* the file is empty */
    return 0;
}

static void read_past_the_end(void)
{
    bus_fd = memfd_create("empty", MFD_CLOEXEC);
    (void)wok_block_on(new_runtime(), reads_past_the_end, 0, NULL, NULL);
}

Test(fault, a_bus_error_is_told_as_well, .timeout = 20)
{
    assert_killed(status_of(read_past_the_end), SIGBUS);
    assert_says("\"reads_past_the_end\" (spawned at ");
}

/* ---- handlers of the program's own ---------------------------------------------------------------- */

static void exit_with_code(int number, siginfo_t *fault, void *context)
{
    _exit(number == SIGSEGV && context != NULL && fault->si_addr != NULL ? 3 : 4);
}

static void handle_overflow(void)
{
    struct sigaction action = {.sa_sigaction = exit_with_code, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    (void)sigaction(SIGSEGV, &action, NULL);
    overflow();
}

static void exit_with_number(int number)
{
    _exit(number == SIGSEGV ? 5 : 6);
}

static void handle_overflow_by_number(void)
{
    signal(SIGSEGV, exit_with_number);
    overflow();
}

Test(fault, a_handler_that_was_there_before_has_the_last_word, .timeout = 20)
{
    int status = status_of(handle_overflow);

    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3, "%x: %s", (unsigned)status, text);
    assert_says(" has overflowed its stack of ");
    status = status_of(handle_overflow_by_number);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5, "%x: %s", (unsigned)status, text);
    assert_says(" has overflowed its stack of ");
}

static char *page;

static void allow_page(int number, siginfo_t *fault, void *context)
{
    (void)number, (void)context;
    if (fault->si_addr != page || mprotect(page, 4096, PROT_READ | PROT_WRITE) != 0)
        _exit(7);
}

WOK_TASK(writes_page, int, char);

static int writes_page(int *unused, char *result)
{
    *(volatile char *)page = (char)(5 + *unused);
    *result = *(volatile char *)page;
    return 0;
}

static void handle_and_go_on(void)
{
    struct sigaction action = {.sa_sigaction = allow_page, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    char result = 0;

    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)sigaction(SIGSEGV, &action, NULL);
    wok_runtime *runtime = new_runtime();
    int error = wok_block_on(runtime, writes_page, 0, &result, NULL);
    wok_runtime_free(runtime);
    _exit(error == 0 && result == 5 ? 0 : 8);
}

Test(fault, one_that_a_handler_puts_right_is_no_news, .timeout = 20)
{
    int status = status_of(handle_and_go_on);

    cr_assert_eq(status, 0, "%x: %s", (unsigned)status, text);
    cr_assert_str_eq(text, "");
}

/* ---- stacks for handlers ---------------------------------------------------------------------------- */

static char own_room[256 * 1024];
static stack_t seen_in_task, seen_at_start;

static void give_own_stack(void *unused)
{
    stack_t stack = {.ss_sp = own_room, .ss_size = sizeof own_room};

    (void)unused;
    (void)sigaltstack(&stack, &seen_at_start);
}

/* AddressSanitizer frees what it finds at the end of a thread. */
static void take_own_stack(void *unused)
{
    (void)unused;
    (void)sigaltstack(&seen_at_start, NULL);
}

WOK_TASK(look_at_stack, int, int);

static int look_at_stack(int *unused, int *result)
{
    *result = *unused;
    return sigaltstack(NULL, &seen_in_task);
}

Test(fault, each_thread_has_a_stack_for_handlers_and_may_be_given_another, .timeout = 20)
{
    wok_runtime_options options = {.workers = 1};

    for (int own = 0; own < 2; own++) {
        wok_runtime *runtime = NULL;
        options.on_thread_start = own ? give_own_stack : NULL;
        options.on_thread_stop = own ? take_own_stack : NULL;
        cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
        cr_assert_eq(wok_block_on(runtime, look_at_stack, 0, NULL, NULL), 0);
        cr_assert_eq(seen_in_task.ss_flags & SS_DISABLE, 0);
        cr_assert_eq(seen_in_task.ss_sp == own_room, own);
        wok_runtime_free(runtime);
    }
}

static bool has_signal_stack(void)
{
    stack_t stack;

    cr_assert_eq(sigaltstack(NULL, &stack), 0);
    return (stack.ss_flags & SS_DISABLE) == 0;
}

static void *enter_and_leave(void *unused)
{
    stack_t none = {.ss_flags = SS_DISABLE}, before;
    struct wok__fault_stack stack, another;

    (void)unused;
    cr_assert_eq(sigaltstack(&none, &before), 0); /* a sanitizer's */
    wok__fault_stack_enter(&stack);
    cr_assert(has_signal_stack());
    wok__fault_stack_enter(&another);
    wok__fault_stack_leave(&another);
    cr_assert(has_signal_stack(), "the one that was there stays");
    wok__fault_stack_leave(&stack);
    cr_assert_not(has_signal_stack(), "none that is gone");
    if ((before.ss_flags & SS_DISABLE) == 0)
        cr_assert_eq(sigaltstack(&before, NULL), 0);
    return NULL;
}

Test(fault, a_thread_keeps_no_stack_for_handlers_that_is_gone, .timeout = 20)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, enter_and_leave, NULL), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
}
