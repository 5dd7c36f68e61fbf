/*
 * fault.h - a word before a fault ends the process.
 *
 * The handler of SIGSEGV and SIGBUS asks the layer above what it knows of the fault and then passes it on:
 * to whoever handled the signal before, or to the default action.  It runs on a stack of its own, since
 * the fault may be that there is no stack left.
 */
#ifndef WOK_PLATFORM_FAULT_H
#define WOK_PLATFORM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Installs the handler; called once in a process.
 *
 * `explain` is told the address, and whether nobody else will handle the fault.  It runs in a signal
 * handler: it calls nothing that is not async-signal-safe and takes no lock.
 */
void wok__fault_watch(void (*explain)(const void *address, bool is_the_end));

/* A thread's stack for signal handlers, and what is known of its own stack. */
struct wok__fault_stack {
    void *base; /* NULL: it had one already, or there is no memory */
    size_t size;
};

/* Gives the calling thread a stack for signal handlers unless it has one; and takes it back.  Without
 * one an overflow ends the process without a word. */
void wok__fault_stack_enter(struct wok__fault_stack *stack);
void wok__fault_stack_leave(struct wok__fault_stack *stack);

/* True if the address lies just below the calling thread's own stack, which has `*ret_size` bytes; only on
 * a thread that entered. */
bool wok__fault_is_below_thread(const void *address, size_t *ret_size);

/* A line that is put together without anything that a signal handler must not call; cut if too long. */
struct wok__fault_line {
    char text[512];
    size_t length;
};
void wok__fault_add(struct wok__fault_line *line, const char *text);
void wok__fault_add_number(struct wok__fault_line *line, uint64_t number, unsigned base);
void wok__fault_print(struct wok__fault_line *line);

#endif
