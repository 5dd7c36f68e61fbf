/*
 * thread.h - the runtime's own threads: named, joinable, deaf to signals.
 *
 * A signal for the process goes to a thread that has it unblocked, so the runtime's threads block
 * all but the synchronous ones (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS): blocked, those
 * would kill the process without asking the handler that reports a stack overflow (fault.h).
 */
#ifndef WOK_PLATFORM_THREAD_H
#define WOK_PLATFORM_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/base.h>

/* Address space, not memory: pages count when they are touched.  2 MiB is what Rust gives its
 * threads; glibc's own default, the limit of the main thread's stack, is 8 MiB on most systems. */
enum { WOK__THREAD_STACK_BYTES = 2 * 1024 * 1024 };

/*
 * Starts a thread that runs `fn(arg)` on a stack of WOK__THREAD_STACK_BYTES.
 *
 * `name` is copied; the kernel keeps 15 characters.  Everything written before the call is visible
 * to the thread.  Errors: -EAGAIN when there are too many threads, -ENOMEM.
 */
WOK_MUST_USE
int wok__thread_start(pthread_t *ret, const char *name, void (*fn)(void *), void *arg);

/* As wok__thread_start, on a stack of `stack_bytes`, rounded up to what the system allows. */
WOK_MUST_USE
int wok__thread_start_sized(pthread_t *ret, const char *name, size_t stack_bytes,
                            void (*fn)(void *), void *arg);

/* The kernel's number of the calling thread. */
uint32_t wok__thread_number(void);

/* How long the thread, which lives, has been running on a processor; 0 if the kernel does not say. */
uint64_t wok__thread_cpu_ns(pthread_t thread);

/* True if the thread of that number, of this process, runs or waits for a processor to run on; false if
 * it sleeps, or if the kernel does not say. */
bool wok__thread_is_runnable(uint32_t number);

/* Waits until the thread has ended; not the calling thread itself. */
void wok__thread_join(pthread_t thread);

#endif
