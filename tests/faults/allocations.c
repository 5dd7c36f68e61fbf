/*
 * allocations.c - memory that is refused.  Workers that take turns ask for it in the same order each time, so
 * `nth` is one place in the program, and a failure is repeated.
 */
#include "allocations.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <wok/wok.h>

#include "platform/stack.h"
#include "util/slab.h"

static struct {
    bool armed, lasting;
    uint64_t nth, asked, spared;
} the_plan; /* the workers' alone: they take turns, so that it needs no lock */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);

void *__real_wok__slab_take(struct wok__slab *slab, struct wok__slab_cache *cache, size_t bytes,
                            uint8_t *ret_class);
int __real_wok__stack_take(struct wok__stack_cache *cache, size_t stack_bytes,
                           struct wok__stack *ret_stack);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_wok__slab_take(struct wok__slab *slab, struct wok__slab_cache *cache, size_t bytes,
                            uint8_t *ret_class);
int __wrap_wok__stack_take(struct wok__stack_cache *cache, size_t stack_bytes,
                           struct wok__stack *ret_stack);

static bool is_refused(void)
{
    if (wok_worker_index() < 0) /* the test's own thread, on its way into its first wait */
        return false;
    if (!the_plan.armed || wok_task_id() == the_plan.spared)
        return false;
    the_plan.asked++;
    if (the_plan.nth == 0 || the_plan.asked < the_plan.nth ||
        (the_plan.asked > the_plan.nth && !the_plan.lasting))
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __real_realloc(old, size);
}

void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
    return is_refused() ? MAP_FAILED : __real_mmap(address, size, protection, flags, fd, offset);
}

void *__wrap_wok__slab_take(struct wok__slab *slab, struct wok__slab_cache *cache, size_t bytes,
                            uint8_t *ret_class)
{
    return is_refused() ? NULL : __real_wok__slab_take(slab, cache, bytes, ret_class);
}

int __wrap_wok__stack_take(struct wok__stack_cache *cache, size_t stack_bytes,
                           struct wok__stack *ret_stack)
{
    return is_refused() ? -ENOMEM : __real_wok__stack_take(cache, stack_bytes, ret_stack);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return __wrap_malloc(size);
}

static void *openssl_realloc(void *old, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return __wrap_realloc(old, size);
}

static void openssl_free(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* Before main(), since it takes hooks no more once it has allocated, and Criterion uses it as well. */
__attribute__((constructor)) static void take_over(void)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
        abort();
}

void allocations_fail(uint64_t nth, bool lasting, uint64_t spared)
{
    the_plan.nth = nth;
    the_plan.lasting = lasting;
    the_plan.spared = spared;
    the_plan.asked = 0;
    the_plan.armed = true;
}

uint64_t allocations_go_on(void)
{
    the_plan.armed = false;
    return the_plan.asked;
}
