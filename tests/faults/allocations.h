/*
 * allocations.h - memory that is refused: the n-th time it is asked for, or from then on.
 *
 * The linker gives malloc, calloc, realloc and mmap of everything of ours to allocations.c (--wrap), and what the
 * runtime cuts off from pieces of its own: objects for tasks, and stacks.  OpenSSL has hooks, jansson's are
 * handlers/tree_memory.c's; zlib and the C library go on.
 */
#ifndef WOK_TESTS_FAULTS_ALLOCATIONS_H
#define WOK_TESTS_FAULTS_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/* From here on, the `nth` time that a worker other than in task `spared` asks for memory there is none, and with
 * `lasting` there is none any more.  `nth` 0: all get what they ask for, and are counted. */
void allocations_fail(uint64_t nth, bool lasting, uint64_t spared);

/* There is memory again; how often it was asked for meanwhile. */
uint64_t allocations_go_on(void);

#endif
