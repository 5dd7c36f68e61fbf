/*
 * fault.c - a handler of SIGSEGV and SIGBUS that says something and passes the fault on.
 *
 * It is installed when the first runtime is built and stays: whoever installs another one later may have
 * kept this one to pass faults on to.  A handler that was there before is called as if there were no
 * other.  Where there was none, the default action is restored and the instruction runs again, so that
 * the process ends at the place of the fault, with its core.
 */
#include "platform/fault.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SEGV, BUS, SIGNALS };

static const int numbers[SIGNALS] = {SIGSEGV, SIGBUS};
static struct sigaction before[SIGNALS]; /* written once, before the handler is there */
static void (*tell)(const void *address, bool is_the_end); /* as before[] */

/* The calling thread's own stack: [low, low + size). */
static _Thread_local struct {
    uintptr_t low;
    size_t size;
} thread_stack;

/* ---- the handler ---------------------------------------------------------------------------------- */

static const struct sigaction *action_before(int number)
{
    return &before[number == SIGBUS ? BUS : SEGV];
}

/* SIG_IGN as well: the kernel does not ignore what an instruction causes. */
static bool is_the_end(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) == 0 &&
           (action->sa_handler == SIG_DFL || action->sa_handler == SIG_IGN);
}

/* The signal is blocked while its handler runs: one that was sent arrives when that returns, one that an
 * instruction caused is caused again. */
static void end_process(int number, const siginfo_t *fault)
{
    struct sigaction action = {.sa_handler = SIG_DFL};

    sigaction(number, &action, NULL);
    if (fault->si_code <= 0)
        raise(number);
}

static void on_fault(int number, siginfo_t *fault, void *context)
{
    const struct sigaction *action = action_before(number);
    int error = errno;

    if (fault->si_code >
        0) /* by the kernel; otherwise a process has sent it, and there is no address */
        tell(fault->si_addr, is_the_end(action));
    errno = error;
    if ((action->sa_flags & SA_SIGINFO) != 0)
        action->sa_sigaction(number, fault, context);
    else if (!is_the_end(action))
        action->sa_handler(number);
    else if (fault->si_code > 0 || action->sa_handler == SIG_DFL)
        end_process(number, fault);
}

void wok__fault_watch(void (*explain)(const void *address, bool is_the_end))
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    tell = explain;
    for (size_t i = 0; i < SIGNALS; i++) {
        /* First the old one, so that the handler finds it. */
        sigaction(numbers[i], NULL, &before[i]);
        action.sa_mask = before[i].sa_mask;
        sigaction(numbers[i], &action, NULL);
    }
}

/* ---- stacks --------------------------------------------------------------------------------------- */

/* What a handler of the program's own may need, to print a backtrace for instance. */
#define STACK_BYTES ((size_t)64 << 10)

static void look_at_thread(void)
{
    pthread_attr_t attributes;
    void *low = NULL;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return;
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    thread_stack.low = (uintptr_t)low;
    thread_stack.size = size;
}

void wok__fault_stack_enter(struct wok__fault_stack *stack)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (size_t)sysconf(_SC_SIGSTKSZ); /* the processor's registers have to fit */
    stack_t now;

    *stack = (struct wok__fault_stack){.base = NULL};
    look_at_thread();
    if (sigaltstack(NULL, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0)
        return;
    if (size < STACK_BYTES)
        size = STACK_BYTES;
    size = (size + page - 1) & ~(page - 1);
    char *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return;
    (void)mprotect(memory, page, PROT_NONE);
    now = (stack_t){.ss_sp = memory + page, .ss_size = size};
    if (sigaltstack(&now, NULL) != 0) {
        munmap(memory, size + page);
        return;
    }
    *stack = (struct wok__fault_stack){.base = memory, .size = size + page};
}

void wok__fault_stack_leave(struct wok__fault_stack *stack)
{
    stack_t now, none = {.ss_flags = SS_DISABLE};

    thread_stack.size = 0;
    if (stack->base == NULL)
        return;
    /* The program may have put another one in its place. */
    if (sigaltstack(NULL, &now) == 0 && (char *)now.ss_sp > (char *)stack->base &&
        (char *)now.ss_sp < (char *)stack->base + stack->size)
        (void)sigaltstack(&none, NULL);
    munmap(stack->base, stack->size);
}

bool wok__fault_is_below_thread(const void *address, size_t *ret_size)
{
    enum { NEAR = 64 * 1024 }; /* the guard, on whichever side of `low` the C library counts it */
    uintptr_t at = (uintptr_t)address;

    *ret_size = thread_stack.size;
    return thread_stack.size != 0 && at < thread_stack.low + NEAR && at + NEAR >= thread_stack.low;
}

/* ---- a line --------------------------------------------------------------------------------------- */

void wok__fault_add(struct wok__fault_line *line, const char *text)
{
    while (*text != '\0' && line->length < sizeof line->text - 1) /* and the newline */
        line->text[line->length++] = *text++;
}

void wok__fault_add_number(struct wok__fault_line *line, uint64_t number, unsigned base)
{
    char digits[24];
    char *first = digits + sizeof digits - 1;

    *first = '\0';
    do {
        *--first = "0123456789abcdef"[number % base];
        number /= base;
    } while (number != 0);
    wok__fault_add(line, first);
}

void wok__fault_print(struct wok__fault_line *line)
{
    line->text[line->length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line->text, line->length);
    (void)written; /* nothing is left to do about it */
}
