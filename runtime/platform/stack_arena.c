/*
 * stack_arena.c - mappings, guards, and stacks whose memory the kernel has back.
 *
 * Address space is reserved in chunks, 4 MiB first and then twice as much each time up to 256 MiB;
 * a chunk costs nothing until a stack of it is used.  One mapping for everything would be simpler,
 * but would be refused under RLIMIT_AS or strict overcommit.  Stacks are carved from the newest
 * chunk, guard included, and never uncarved: idle ones wait in a table.  A link inside the stack
 * would cost a page of memory for each.
 *
 * Invariants, under the mutex
 *   I1  a carved stack is idle, or cached by one worker, or in use.
 *   I2  an idle stack has no memory: its pages were returned, or never touched.
 *   I3  the idle table has room for every stack that its class has reserved, so that giving back
 *       cannot fail.
 *
 * Guards.  MADV_GUARD_INSTALL (Linux 6.13) marks the page table entry; it survives MADV_DONTNEED and
 * splits no mapping.  Older kernels, and locked memory (mlockall), answer EINVAL: then mprotect makes
 * the guard, which costs two mappings a stack.  The kernel allows 65,530 of them by default, and a
 * process which has used them up cannot even grow its heap; so we stop a thousand short of the limit
 * and say -ENOMEM (32,265 stacks).  An unguarded stack instead was rejected: a canary finds an
 * overflow after it has overwritten somebody else's stack.
 */
#include "platform/stack_arena.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/sanitizer.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* include/uapi/asm-generic/mman-common.h, since Linux 6.13 */
#endif

#define CLASS_BYTES_MIN ((size_t)16 << 10)
#define CHUNK_BYTES_MIN ((size_t)4 << 20)
#define CHUNK_BYTES_MAX ((size_t)256 << 20)
#define MAPPINGS_DEFAULT 65530 /* vm.max_map_count unless somebody changed it */
#define MAPPINGS_KEPT 1000     /* left to the rest of the process */

struct arena {
    char *fresh, *fresh_end; /* the part of the newest chunk that is not carved yet */
    size_t chunk_bytes;      /* how much to reserve next; 0: CHUNK_BYTES_MIN */
    size_t reserved;         /* stacks in all chunks, carved or not */
    size_t carved;
    void **idle;
    size_t idle_count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards everything down to the line */
static struct arena arenas[WOK__STACK_CLASSES];
static struct wok__stack_cache *caches;
static size_t mapped_bytes;
static size_t direct_count;
static bool madvise_works, use_mprotect; /* neither: not tried yet */
static size_t mprotect_count, mprotect_max;
/* ---- */

/* ---- sizes ---- */

size_t wok__stack_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t wok__stack_class_bytes(size_t class_index)
{
    size_t page = wok__stack_page_bytes(), bytes = CLASS_BYTES_MIN << class_index;

    return bytes < page ? page : bytes;
}

size_t wok__stack_class_of(size_t stack_bytes)
{
    size_t class_index = 0;

    while (class_index < WOK__STACK_CLASSES && wok__stack_class_bytes(class_index) < stack_bytes)
        class_index++;
    return class_index;
}

static size_t slice_bytes(size_t class_index)
{
    return wok__stack_class_bytes(class_index) + wok__stack_page_bytes();
}

/* ---- guards ---- */

static size_t mappings_allowed(void)
{
    char text[32] = "";
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    size_t allowed = size > 0 ? strtoul(text, NULL, 10) : 0;

    if (fd >= 0)
        close(fd);
    return allowed != 0 ? allowed : MAPPINGS_DEFAULT;
}

/* Under the mutex. */
static int guard_by_mprotect(void *page)
{
    if (mprotect_max == 0) {
        size_t allowed = mappings_allowed();
        mprotect_max = allowed > 2 * MAPPINGS_KEPT ? (allowed - MAPPINGS_KEPT) / 2 : allowed / 4;
    }
    if (mprotect_count >= mprotect_max || mprotect(page, wok__stack_page_bytes(), PROT_NONE) != 0)
        return -ENOMEM;
    mprotect_count++;
    return 0;
}

/* True if the kernel cannot write there either.  getcpu because it needs nothing but an address. */
static bool is_guarded(void *page)
{
    return syscall(SYS_getcpu, page, NULL, NULL) == -1 && errno == EFAULT;
}

/* Under the mutex. */
static int guard(void *page)
{
    if (!use_mprotect) {
        int result = madvise(page, wok__stack_page_bytes(), MADV_GUARD_INSTALL);
        if (result != 0 && errno != EINVAL)
            return -ENOMEM;
        /* Advice may be ignored: qemu-user says 0 to any that it does not know. */
        if (result == 0 && (madvise_works || is_guarded(page))) {
            madvise_works = true;
            return 0;
        }
        use_mprotect = true;
    }
    return guard_by_mprotect(page);
}

void wok__stack_use_mprotect(void)
{
    pthread_mutex_lock(&mutex);
    use_mprotect = true;
    pthread_mutex_unlock(&mutex);
}

/* ---- mappings ---- */

/* NULL if there is no address space. */
static void *reserve(size_t bytes)
{
    /* NORESERVE: the pages that are used count, not the reservation.  MAP_STACK means no huge pages
     * on new kernels, MADV_NOHUGEPAGE on all: one touched byte must not cost 2 MiB. */
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    (void)madvise(memory, bytes, MADV_NOHUGEPAGE); /* EINVAL: a kernel without huge pages */
    return memory;
}

/* Under the mutex. */
static int grow(struct arena *arena, size_t class_index)
{
    size_t slice = slice_bytes(class_index);
    size_t bytes = arena->chunk_bytes != 0 ? arena->chunk_bytes : CHUNK_BYTES_MIN;
    char *chunk = NULL;

    for (; chunk == NULL; bytes /= 2) {
        size_t slices = bytes / slice;
        if (slices == 0)
            return -ENOMEM;

        void **idle = realloc(arena->idle, (arena->reserved + slices) * sizeof(void *));
        if (idle == NULL)
            continue;
        arena->idle = idle;

        chunk = reserve(slices * slice);
        if (chunk == NULL)
            continue;
        arena->reserved += slices;
        arena->fresh = chunk;
        arena->fresh_end = chunk + slices * slice;
        arena->chunk_bytes = bytes < CHUNK_BYTES_MAX ? 2 * bytes : bytes;
        mapped_bytes += slices * slice;
    }
    return 0;
}

/* Under the mutex. */
static int carve(struct arena *arena, size_t class_index, void **ret_base)
{
    if (arena->fresh == arena->fresh_end) {
        int error = grow(arena, class_index);
        if (error < 0)
            return error;
    }

    int error = guard(arena->fresh);
    if (error < 0)
        return error;

    *ret_base = arena->fresh + wok__stack_page_bytes();
    arena->fresh += slice_bytes(class_index);
    arena->carved++;
    return 0;
}

/* ---- taking and giving ---- */

int wok__stack_arena_take(size_t class_index, size_t want, void **ret_bases)
{
    struct arena *arena = &arenas[class_index];
    int error = 0, count = 0;

    pthread_mutex_lock(&mutex);
    while ((size_t)count < want && error == 0) {
        if (arena->idle_count > 0)
            ret_bases[count++] = arena->idle[--arena->idle_count];
        else if ((error = carve(arena, class_index, &ret_bases[count])) == 0)
            count++;
    }
    pthread_mutex_unlock(&mutex);
    return count > 0 ? count : error;
}

static int compare_addresses(const void *a, const void *b)
{
    uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;

    return (left > right) - (left < right);
}

/* DONTNEED and not FREE: what a burst used is returned now and seen to be returned, in the process's
 * RSS and in its container's bill; docs/decisions/0010-stack-memory.md.  Neighbours go in one call,
 * and the guards between them stay guards. */
static void return_memory(size_t class_index, void **bases, size_t count)
{
    size_t slice = slice_bytes(class_index), begin = 0;

    qsort(bases, count, sizeof *bases, compare_addresses);
    for (size_t i = 1; i <= count; i++) {
        if (i < count && (char *)bases[i] - (char *)bases[i - 1] == (ptrdiff_t)slice)
            continue;
        size_t bytes = (size_t)((char *)bases[i - 1] - (char *)bases[begin]) +
                       wok__stack_class_bytes(class_index);
        (void)madvise(bases[begin], bytes, MADV_DONTNEED); /* EINVAL: locked memory stays */
        begin = i;
    }
}

void wok__stack_arena_give(size_t class_index, void **bases, size_t count)
{
    struct arena *arena = &arenas[class_index];

    return_memory(class_index, bases, count);
    pthread_mutex_lock(&mutex);
    /* The highest first: the lowest are taken first, and use the fewest page tables. */
    while (count > 0)
        arena->idle[arena->idle_count++] = bases[--count];
    pthread_mutex_unlock(&mutex);
}

int wok__stack_direct_take(size_t stack_bytes, struct wok__stack *ret_stack)
{
    size_t page = wok__stack_page_bytes();

    if (stack_bytes > SIZE_MAX / 2)
        return -ENOMEM;
    size_t size = (stack_bytes + page - 1) & ~(page - 1);
    char *memory = reserve(size + page);
    if (memory == NULL)
        return -ENOMEM;

    pthread_mutex_lock(&mutex);
    int error = guard(memory);
    if (error == 0) {
        direct_count++;
        mapped_bytes += size + page;
    }
    pthread_mutex_unlock(&mutex);
    if (error < 0) {
        munmap(memory, size + page);
        return error;
    }

    *ret_stack = (struct wok__stack){.base = memory + page, .size = size};
    return 0;
}

void wok__stack_direct_give(struct wok__stack stack)
{
    size_t page = wok__stack_page_bytes();

#if WOK__ASAN
    /* Whatever is mapped here next must not inherit the redzones of abandoned frames. */
    __asan_unpoison_memory_region(stack.base, stack.size);
#endif
    munmap((char *)stack.base - page, stack.size + page);
    pthread_mutex_lock(&mutex);
    direct_count--;
    mapped_bytes -= stack.size + page;
    if (use_mprotect && mprotect_count > 0)
        mprotect_count--;
    pthread_mutex_unlock(&mutex);
}

/* ---- figures ---- */

void wok__stack_arena_enter(struct wok__stack_cache *cache)
{
    pthread_mutex_lock(&mutex);
    cache->previous = NULL;
    cache->next = caches;
    if (caches != NULL)
        caches->previous = cache;
    caches = cache;
    pthread_mutex_unlock(&mutex);
}

void wok__stack_arena_leave(struct wok__stack_cache *cache)
{
    pthread_mutex_lock(&mutex);
    if (cache->next != NULL)
        cache->next->previous = cache->previous;
    if (cache->previous != NULL)
        cache->previous->next = cache->next;
    else
        caches = cache->next;
    pthread_mutex_unlock(&mutex);
}

void wok__stack_figures(struct wok__stack_figures *ret)
{
    struct wok__stack_figures figures = {.in_use = 0};
    size_t carved = 0;

    pthread_mutex_lock(&mutex);
    for (size_t i = 0; i < WOK__STACK_CLASSES; i++) {
        carved += arenas[i].carved;
        figures.idle += arenas[i].idle_count;
    }
    for (const struct wok__stack_cache *cache = caches; cache != NULL; cache = cache->next)
        figures.cached += load_relaxed(&cache->count);
    figures.mapped_bytes = mapped_bytes;
    /* A cache may change between the two sums; a reader of figures wants no underflow. */
    if (carved > figures.idle + figures.cached)
        figures.in_use = carved - figures.idle - figures.cached;
    figures.in_use += direct_count;
    pthread_mutex_unlock(&mutex);
    *ret = figures;
}
