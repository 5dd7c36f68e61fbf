/*
 * check_mutex.c - the promises of a mutex and of a read-write lock (runtime/sync/).
 *
 * model sources: sync/mutex.c sync/rwlock.c
 * model links: sync/permits.c task/state.c
 *
 * What both are made of is check_semaphore.c's; here it is who holds what, and the mutex's note of its
 * holder.
 */
#include <errno.h>

#include "tasks.h"

#include <wok/mutex.h>
#include <wok/rwlock.h>

#include "sync/permits.h"

static wok_mutex mutex;
static wok_rwlock rwlock;
static uint32_t guarded;

static void setup(void)
{
    tasks_setup();
    memset(&mutex, 0, sizeof mutex);
    memset(&rwlock, 0, sizeof rwlock);
    store_relaxed(&mutex.permits.word, 0);
    store_relaxed(&mutex.holder, NULL);
    store_relaxed(&rwlock.permits.word, 0);
    guarded = 0;
}

/* Thread 0 has the mutex. */
static void setup_held(void)
{
    setup();
    store_relaxed(&mutex.permits.word, -(uint64_t)WOK__PERMIT);
    store_relaxed(&mutex.holder, &tasks[0]);
}

/* Thread 0 is the writer. */
static void setup_writing(void)
{
    setup();
    store_relaxed(&rwlock.permits.word, -((uint64_t)WOK_RWLOCK_READERS_MAX + 1) * WOK__PERMIT);
}

static void finish(void)
{
    model_assert(load_relaxed(&mutex.permits.word) == 0);
    model_assert(load_relaxed(&rwlock.permits.word) == 0);
    model_assert(mutex.permits.waiters.first == NULL);
    model_assert(rwlock.permits.waiters.first == NULL);
}

static void read_guarded(void)
{
    model_plain_read(&guarded);
}

static void touch_guarded(void)
{
    model_plain_read(&guarded);
    model_plain_write(&guarded);
    guarded++;
}

/* ---- mutex ---------------------------------------------------------------------------------- */

static void lock(void)
{
    model_assert(wok_mutex_lock(&mutex) == 0); /* in particular, nobody is told that he holds it */
}

static void holder(void)
{
    touch_guarded();
    wok_mutex_unlock(&mutex);
}

static void locker(void)
{
    lock();
    holder();
}

static void locks_twice(void)
{
    lock();
    model_assert(wok_mutex_lock(&mutex) == -EDEADLK);
    touch_guarded();
    wok_mutex_unlock(&mutex);
}

static void locks_again(void)
{
    locker();
    locker();
}

static void gives_up(void)
{
    if (task_give_up(wok_mutex_lock_op(&mutex)) != 0)
        return;
    touch_guarded();
    wok_mutex_unlock(&mutex);
}

/* ---- read-write lock ---------------------------------------------------------------------------- */

static void reader(void)
{
    model_assert(wok_rwlock_read_lock(&rwlock) == 0);
    read_guarded();
    wok_rwlock_read_unlock(&rwlock);
}

static void ends_writing(void)
{
    touch_guarded();
    wok_rwlock_write_unlock(&rwlock);
}

static void writer(void)
{
    model_assert(wok_rwlock_write_lock(&rwlock) == 0);
    ends_writing();
}

/* Reads what it wrote: no writer comes in between. */
static void downgrader(void)
{
    uint32_t written;

    touch_guarded();
    written = guarded;
    wok_rwlock_downgrade(&rwlock);
    read_guarded();
    model_assert(guarded == written);
    wok_rwlock_read_unlock(&rwlock);
}

static const struct model_check checks[] = {
    {.name = "who locks twice is told, and nobody else",
     .setup = setup,
     .threads = {locks_twice, locker},
     .finish = finish},
    {.name = "the mutex goes round",
     .setup = setup,
     .threads = {locks_again, locker},
     .finish = finish},
    {.name = "a mutex handed to one who gives up goes to the next",
     .setup = setup_held,
     .threads = {holder, gives_up, locker},
     .finish = finish},
    {.name = "readers read what the writer wrote",
     .setup = setup_writing,
     .threads = {ends_writing, reader, reader},
     .finish = finish},
    {.name = "a writer has the lock alone",
     .setup = setup,
     .threads = {reader, writer},
     .finish = finish},
    {.name = "who downgrades reads what it wrote",
     .setup = setup_writing,
     .threads = {downgrader, writer},
     .finish = finish},
    {.name = "a downgrade lets a reader go on",
     .setup = setup_writing,
     .threads = {downgrader, reader},
     .finish = finish},
};

int main(int argc, char **argv)
{
    return model_main(checks, sizeof checks / sizeof checks[0], argc, argv);
}
