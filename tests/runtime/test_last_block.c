/*
 * test_last_block.c - a thread that drops the last handle while the runtime is freed.
 *
 * The linker gives this file the give of a block (--wrap).  The give by the test's own thread is held until the
 * runtime's workers are gone, and then long enough for who frees the runtime to go on, if nothing stops it.
 */
#include <pthread.h>
#include <sched.h>

#include "io/driver.h"
#include "platform/atomic.h"
#include "support/wok_test.h"
#include "util/slab.h"

enum { YIELDS = 2000 };

static atomic_u32 giving, drivers_ended, slabs_ended;
static __thread bool holds;

void __real_wok__slab_give(struct wok__slab *slab, struct wok__slab_cache *cache, void *object,
                           uint8_t class);
void __wrap_wok__slab_give(struct wok__slab *slab, struct wok__slab_cache *cache, void *object,
                           uint8_t class);
void __real_wok__slab_done(struct wok__slab *slab);
void __wrap_wok__slab_done(struct wok__slab *slab);
void __real_wok__driver_done(struct wok__driver *driver);
void __wrap_wok__driver_done(struct wok__driver *driver);

void __wrap_wok__slab_give(struct wok__slab *slab, struct wok__slab_cache *cache, void *object,
                           uint8_t class)
{
    if (holds) {
        holds = false;
        store_release(&giving, 1);
        while (load_acquire(&drivers_ended) == 0)
            sched_yield();
        for (int i = 0; i < YIELDS; i++)
            sched_yield();
    }
    __real_wok__slab_give(slab, cache, object, class);
}

void __wrap_wok__slab_done(struct wok__slab *slab)
{
    fetch_add_relaxed(&slabs_ended, 1);
    __real_wok__slab_done(slab);
}

void __wrap_wok__driver_done(struct wok__driver *driver)
{
    fetch_add_release(&drivers_ended, 1);
    __real_wok__driver_done(driver);
}

WOK_TASK(add_one, int, int);

static int add_one(int *number, int *result)
{
    *result = *number + 1;
    return 0;
}

static void *drop_it(void *handle)
{
    holds = true;
    add_one_join_drop(handle);
    return NULL;
}

/* It was not: the thread had seen that the runtime was not being closed, and left the rest to its end. */
Test(last_block, a_runtime_is_freed_whole_when_its_last_handle_is_dropped_meanwhile, .timeout = 60)
{
    wok_runtime_options options = test_options();
    wok_runtime *runtime = NULL;
    pthread_t thread;

    options.workers = 1;
    options.paused_clock = false;
    cr_assert_eq(wok_runtime_new(&runtime, &options), 0);
    add_one_join handle = wok_spawn_on(runtime, add_one, 1);
    while (!wok_join_is_finished(&handle.join))
        sched_yield();
    cr_assert_eq(pthread_create(&thread, NULL, drop_it, &handle), 0);
    while (load_acquire(&giving) == 0)
        sched_yield();
    wok_runtime_free(runtime);
    pthread_join(thread, NULL);
    cr_assert_eq(load_relaxed(&slabs_ended), 1);
}
