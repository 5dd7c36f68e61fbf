/*
 * malloc_count.c - how often a program asks for memory: a library for LD_PRELOAD.
 *
 * The counts are in a file mapped by both sides, so that loadtest/run reads them while the program
 * runs, before and after a known number of requests.  Built by loadtest/run when it is needed:
 *
 *     cc -O2 -shared -fPIC -I runtime -o malloc_count.so loadtest/malloc_count.c
 *     WOK_MALLOC_COUNT=counts LD_PRELOAD=./malloc_count.so wok-server
 *
 * The file holds two native numbers of 64 bits: calls that asked for memory, calls that gave it back.
 *
 * Why glibc's __libc_ names and not dlsym(): dlsym() itself allocates.  Elsewhere than on glibc this
 * does not link, and the column stays empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/atomic.h"

#define EXPORT __attribute__((visibility("default")))

struct counts {
    atomic_u64 asked, given_back;
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

EXPORT void *malloc(size_t size);
EXPORT void *calloc(size_t count, size_t size);
EXPORT void *realloc(void *memory, size_t size);
EXPORT void *aligned_alloc(size_t alignment, size_t size);
EXPORT int posix_memalign(void **ret_memory, size_t alignment, size_t size);
EXPORT void free(void *memory);

static struct counts before_main;            /* what the loader and libraries did, unreported */
static struct counts *counts = &before_main; /* written once, before the program has threads */

__attribute__((constructor)) static void map_counts(void)
{
    const char *path = getenv("WOK_MALLOC_COUNT");
    int fd = path != NULL ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (fd < 0)
        return;
    if (ftruncate(fd, sizeof *counts) == 0) {
        void *shared = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (shared != MAP_FAILED)
            counts = shared;
    }
    close(fd);
}

static void count_asked(void)
{
    fetch_add_relaxed(&counts->asked, 1);
}

void *malloc(size_t size)
{
    count_asked();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    count_asked();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    count_asked();
    return __libc_realloc(memory, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    count_asked();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    count_asked();
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

void free(void *memory)
{
    if (memory != NULL)
        fetch_add_relaxed(&counts->given_back, 1);
    __libc_free(memory);
}
