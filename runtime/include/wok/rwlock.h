/*
 * rwlock.h - many readers or one writer, first come first served.
 *
 *     static wok_rwlock lock = WOK_RWLOCK_INIT;
 *
 *     int error;
 *     WOK_READ_LOCK(&lock, &error) {
 *         found = table_find(&table, key);
 *     }
 *
 * It pays where reading takes long or waits; for a look at a few words a mutex costs the same.
 */
#ifndef WOK_RWLOCK_H
#define WOK_RWLOCK_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/semaphore.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/**
 * A read-write lock; zero bytes are an unlocked one.  It lies in the caller's memory, needs no end,
 * and must not move while it is used.  Its last holder may free it.
 */
typedef struct wok_rwlock {
    struct wok__permits permits; /* a reader has one, a writer all */
} wok_rwlock;

/** Initialises an unlocked read-write lock, static ones included. */
#define WOK_RWLOCK_INIT                                                                            \
    {                                                                                              \
        {                                                                                          \
            {0}, {{0}},                                                                            \
            {                                                                                      \
                NULL, NULL                                                                         \
            }                                                                                      \
        }                                                                                          \
    }

/** How many may read at a time, which the program sees to. */
#define WOK_RWLOCK_READERS_MAX ((UINT32_C(1) << 30) - 1)

/**
 * Waits until the caller may read, together with other readers.
 *
 * First come, first served: a writer that waits lets no later reader pass.  So a task that reads must
 * not ask to read a second time: a writer may have come in between, and both would wait for ever.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it
 *             passes; -EDEADLK in a stackless task, which polls wok_rwlock_read_op().
 * Ownership:  allocates nothing; the caller gives it back with wok_rwlock_read_unlock().
 * Threads:    a stackful task parks, a plain thread blocks.  What the last writer did is visible.
 * Cancel:     cancellation point; the caller leaves the queue, and those behind it go on.
 * Source:     the semantics of tokio::sync::RwLock.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_rwlock_read_lock(wok_rwlock *lock);

/**
 * As wok_rwlock_read_lock(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_rwlock_read_lock().
 * Threads:    as wok_rwlock_read_lock().
 * Cancel:     cancellation point; the caller leaves the queue.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_rwlock_read_lock_until(wok_rwlock *lock, wok_instant deadline);

/**
 * Begins to read if that need not wait.
 *
 * Errors:     0; -EAGAIN if somebody writes or waits.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_rwlock_try_read_lock(wok_rwlock *lock);

/**
 * The operation of beginning to read; ready with 0.
 *
 * Ownership:  borrows the lock until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped operation that was not ready had no effect.
 */
WOK_API
wok_op wok_rwlock_read_op(wok_rwlock *lock);

/**
 * Ends reading.  Where nobody reads it is a panic, as wok_mutex_unlock() of an unlocked mutex is.
 *
 * Threads:    any, as a rule where it was locked.
 * Cancel:     not a cancellation point.
 */
#define wok_rwlock_read_unlock(lock_) wok_rwlock_read_unlock_at((lock_), __FILE__, __LINE__)

/**
 * As wok_rwlock_read_unlock(), which a panic says to be at a place of the caller's choice: the function behind it.
 *
 * Ownership:  `file` has static storage.
 * Threads:    as wok_rwlock_read_unlock().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_rwlock_read_unlock_at(wok_rwlock *lock, const char *file, int line);

/**
 * Waits until the caller may write, alone.  Queue, errors and the rest as wok_rwlock_read_lock().
 *
 * Errors:     as wok_rwlock_read_lock(); the operation is wok_rwlock_write_op().
 * Ownership:  allocates nothing; the caller gives it back with wok_rwlock_write_unlock().
 * Threads:    a stackful task parks, a plain thread blocks.  What all holders before did is visible.
 * Cancel:     cancellation point; the caller leaves the queue, and those behind it go on.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_rwlock_write_lock(wok_rwlock *lock);

/**
 * As wok_rwlock_write_lock(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_rwlock_write_lock().
 * Threads:    as wok_rwlock_write_lock().
 * Cancel:     cancellation point; the caller leaves the queue.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_rwlock_write_lock_until(wok_rwlock *lock, wok_instant deadline);

/**
 * Begins to write if that need not wait.
 *
 * Errors:     0; -EAGAIN if somebody reads, writes or waits.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_rwlock_try_write_lock(wok_rwlock *lock);

/**
 * The operation of beginning to write; ready with 0.
 *
 * Ownership:  borrows the lock until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped operation that was not ready had no effect.
 */
WOK_API
wok_op wok_rwlock_write_op(wok_rwlock *lock);

/**
 * Ends writing.  Where nobody writes it is a panic, as wok_mutex_unlock() of an unlocked mutex is.
 *
 * Threads:    any, as a rule where it was locked.
 * Cancel:     not a cancellation point.
 */
#define wok_rwlock_write_unlock(lock_) wok_rwlock_write_unlock_at((lock_), __FILE__, __LINE__)

/**
 * As wok_rwlock_write_unlock(), which a panic says to be at a place of the caller's choice: the function behind it.
 *
 * Ownership:  `file` has static storage.
 * Threads:    as wok_rwlock_write_unlock().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_rwlock_write_unlock_at(wok_rwlock *lock, const char *file, int line);

/**
 * Makes a writer a reader without letting another writer in between.  Where nobody writes it is a panic.
 *
 * Readers that waited before the next writer go on; that writer and those behind it keep waiting.
 *
 * Threads:    any, as a rule where it was locked for writing.
 * Cancel:     not a cancellation point.
 */
#define wok_rwlock_downgrade(lock_) wok_rwlock_downgrade_at((lock_), __FILE__, __LINE__)

/**
 * As wok_rwlock_downgrade(), which a panic says to be at a place of the caller's choice: the function behind it.
 *
 * Ownership:  `file` has static storage.
 * Threads:    as wok_rwlock_downgrade().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_rwlock_downgrade_at(wok_rwlock *lock, const char *file, int line);

/**
 * Ends reading of `*held` and sets it to NULL; NULL is fine.  For WOK_CLEANUP.
 *
 * Threads:    as wok_rwlock_read_unlock().
 * Cancel:     not a cancellation point.
 */
static inline void wok_rwlock_read_unlockp(wok_rwlock **held)
{
    wok_rwlock *lock = WOK_TAKE(*held);

    if (lock != NULL)
        wok_rwlock_read_unlock(lock);
}

/**
 * Ends writing of `*held` and sets it to NULL; NULL is fine.  For WOK_CLEANUP.
 *
 * Threads:    as wok_rwlock_write_unlock().
 * Cancel:     not a cancellation point.
 */
static inline void wok_rwlock_write_unlockp(wok_rwlock **held)
{
    wok_rwlock *lock = WOK_TAKE(*held);

    if (lock != NULL)
        wok_rwlock_write_unlock(lock);
}

/**
 * Runs the block that follows as a reader, and ends reading however the block is left.
 *
 * As WOK_LOCK() of mutex.h: the block is skipped if the lock could not be had, and the second
 * argument, the place of the code, may be left out.
 *
 * Errors:     as wok_rwlock_read_lock().
 * Threads:    as wok_rwlock_read_lock().
 * Cancel:     cancellation point at its begin.
 */
#define WOK_READ_LOCK(...) WOK_READ_LOCK_(WOK_UNIQUE_(wok_rwlock_), __VA_ARGS__)

#define WOK_READ_LOCK_(locked_, ...)                                                               \
    for (WOK_CLEANUP(wok_rwlock_read_unlockp) wok_rwlock *locked_ =                                \
             wok__rwlock_read_begin(WOK_TWO_OF_(__VA_ARGS__, (int *)NULL, 0));                     \
         locked_ != NULL; wok_rwlock_read_unlockp(&locked_))

/**
 * Runs the block that follows as the writer, and ends writing however the block is left.
 *
 * Errors:     as wok_rwlock_write_lock(); the block is skipped as WOK_READ_LOCK() says.
 * Threads:    as wok_rwlock_write_lock().
 * Cancel:     cancellation point at its begin.
 */
#define WOK_WRITE_LOCK(...) WOK_WRITE_LOCK_(WOK_UNIQUE_(wok_rwlock_), __VA_ARGS__)

#define WOK_WRITE_LOCK_(locked_, ...)                                                              \
    for (WOK_CLEANUP(wok_rwlock_write_unlockp) wok_rwlock *locked_ =                               \
             wok__rwlock_write_begin(WOK_TWO_OF_(__VA_ARGS__, (int *)NULL, 0));                    \
         locked_ != NULL; wok_rwlock_write_unlockp(&locked_))

/* What the blocks begin with: the lock, or NULL; `ret_code` may be NULL. */
WOK_API
WOK_MUST_USE
wok_rwlock *wok__rwlock_read_begin(wok_rwlock *lock, int *ret_code);
WOK_API
WOK_MUST_USE
wok_rwlock *wok__rwlock_write_begin(wok_rwlock *lock, int *ret_code);

WOK_END_DECLS

#endif
