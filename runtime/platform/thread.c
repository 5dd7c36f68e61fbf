/*
 * thread.c - starting and joining the runtime's threads.
 *
 * The signal mask of a new thread is its creator's, so the creator changes its own mask around
 * pthread_create: a thread that blocked the signals itself could be interrupted before it did.
 */
#include "platform/thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "platform/fault.h"
#include "util/bits.h"

#define NAME_SIZE 16 /* prctl(2), PR_SET_NAME */

struct start {
    void (*fn)(void *);
    void *arg;
    char name[NAME_SIZE];
};

static void *run(void *argument)
{
    struct start start = *(struct start *)argument;
    struct wok__fault_stack stack;

    free(argument);
    pthread_setname_np(pthread_self(), start.name);
    wok__fault_stack_enter(&stack);
    start.fn(start.arg);
    wok__fault_stack_leave(&stack);
    return NULL;
}

/* All signals but those that an instruction of the thread itself causes. */
static void fill_blocked(sigset_t *set)
{
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

    sigfillset(set);
    for (size_t i = 0; i < WOK_COUNT(synchronous); i++)
        sigdelset(set, synchronous[i]);
}

static size_t allowed_stack(size_t stack_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    /* Asked at run time: the size of a signal frame depends on the processor (AVX-512, AMX). */
    size_t least = (size_t)sysconf(_SC_THREAD_STACK_MIN);

    return wok__align_up(stack_bytes < least ? least : stack_bytes, page);
}

int wok__thread_start_sized(pthread_t *ret, const char *name, size_t stack_bytes,
                            void (*fn)(void *), void *arg)
{
    pthread_attr_t attributes;
    sigset_t blocked, before;
    struct start *start = malloc(sizeof *start);

    if (start == NULL)
        return -ENOMEM;
    start->fn = fn;
    start->arg = arg;
    snprintf(start->name, sizeof start->name, "%s", name);

    int error = pthread_attr_init(&attributes);
    if (error == 0) {
        error = pthread_attr_setstacksize(&attributes, allowed_stack(stack_bytes));
        if (error == 0) {
            fill_blocked(&blocked);
            pthread_sigmask(SIG_SETMASK, &blocked, &before);
            error = pthread_create(ret, &attributes, run, start);
            pthread_sigmask(SIG_SETMASK, &before, NULL);
        }
        pthread_attr_destroy(&attributes);
    }
    if (error != 0)
        free(start);
    return -error;
}

int wok__thread_start(pthread_t *ret, const char *name, void (*fn)(void *), void *arg)
{
    return wok__thread_start_sized(ret, name, WOK__THREAD_STACK_BYTES, fn, arg);
}

uint32_t wok__thread_number(void)
{
    return (uint32_t)gettid();
}

uint64_t wok__thread_cpu_ns(pthread_t thread)
{
    struct timespec spent;
    clockid_t clock;

    if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &spent) < 0)
        return 0;
    return (uint64_t)spent.tv_sec * UINT64_C(1000000000) + (uint64_t)spent.tv_nsec;
}

/* proc_pid_stat(5): "number (name) state ...", and the name may hold anything. */
bool wok__thread_is_runnable(uint32_t number)
{
    char path[48], text[64];
    ssize_t size;

    snprintf(path, sizeof path, "/proc/self/task/%u/stat", (unsigned)number);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return false;
    text[size] = '\0';
    const char *end = strrchr(text, ')');
    return end != NULL && end[1] == ' ' && end[2] == 'R';
}

void wok__thread_join(pthread_t thread)
{
    int error = pthread_join(thread, NULL);

    assert(error == 0); /* EDEADLK or EINVAL: joined by itself, or twice */
    (void)error;
}
