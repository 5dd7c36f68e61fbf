/*
 * semaphore.h - permits, first come first served.
 *
 *     static wok_semaphore connections = WOK_SEMAPHORE_INIT(10);
 *
 *     int error = wok_semaphore_acquire(&connections, 1);
 *     if (error < 0)
 *         return error;
 *     ...
 *     wok_semaphore_release(&connections, 1);
 *
 * Or, so that a return or a panic gives them back, WOK_ACQUIRE(&connections, 1) { ... }.
 */
#ifndef WOK_SEMAPHORE_H
#define WOK_SEMAPHORE_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/* Permits with a queue: what a semaphore, a mutex and a read-write lock are made of. */
struct wok__permits {
    struct {
        uint64_t value;
    } word; /* permits and flags; runtime/sync/permits.h */
    struct wok__lock lock;
    struct wok__waiters waiters;
};

/**
 * A semaphore; zero bytes are one without permits.  It lies in the caller's memory, needs no end,
 * must not move while it is used, and outlives every wait on it.
 */
typedef struct wok_semaphore {
    struct wok__permits permits;
} wok_semaphore;

/** The most permits that a semaphore may have. */
#define WOK_SEMAPHORE_MAX ((UINT64_C(1) << 61) - 1)

/** Initialises a semaphore of `count_` permits, static ones included. */
#define WOK_SEMAPHORE_INIT(count_)                                                                 \
    {                                                                                              \
        {                                                                                          \
            {(uint64_t)(count_) << 2}, {{0}},                                                      \
            {                                                                                      \
                NULL, NULL                                                                         \
            }                                                                                      \
        }                                                                                          \
    }

/**
 * Waits for `count` permits and takes them together.
 *
 * Strictly first come, first served, whatever each asks for: while somebody waits for two permits,
 * one that is free is not given to a later request for one.  Zero permits are there at once.
 *
 * Errors:     0; -EPIPE once the semaphore is closed; -EINVAL if `count` exceeds
 *             WOK_SEMAPHORE_MAX; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that
 *             covers it passes; -EDEADLK in a stackless task, which polls wok_semaphore_acquire_op().
 * Ownership:  the caller owns the permits and gives them back with wok_semaphore_release(), or keeps
 *             them for ever.  Allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.  What a holder did before its release is
 *             visible to whoever gets the permit.
 * Cancel:     cancellation point; the caller leaves the queue, and nothing was taken.
 * Source:     the semantics of tokio::sync::Semaphore.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_semaphore_acquire(wok_semaphore *semaphore, uint64_t count);

/**
 * As wok_semaphore_acquire(), for at most until `deadline`.
 *
 * Errors:     as wok_semaphore_acquire(); -ETIMEDOUT takes nothing.
 * Threads:    as wok_semaphore_acquire().
 * Cancel:     cancellation point; nothing was taken.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_semaphore_acquire_until(wok_semaphore *semaphore, uint64_t count, wok_instant deadline);

/**
 * Takes `count` permits if they are free and nobody waits; never waits itself.
 *
 * Errors:     0; -EAGAIN if it would have to wait; -EPIPE once the semaphore is closed; -EINVAL if
 *             `count` exceeds WOK_SEMAPHORE_MAX.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_semaphore_try_acquire(wok_semaphore *semaphore, uint64_t count);

/**
 * The operation of acquiring `count` permits; ready with 0, -EPIPE or -EINVAL.
 *
 * Ownership:  borrows the semaphore until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped operation that was not ready leaves the queue, and
 *             permits that were already set aside for it go to the next.
 */
WOK_API
wok_op wok_semaphore_acquire_op(wok_semaphore *semaphore, uint64_t count);

/**
 * Gives permits back, or adds new ones, and hands them to those who wait.
 *
 * More permits than WOK_SEMAPHORE_MAX are a panic at the place of the call, in every build, and nothing is
 * released; outside of tasks it ends the process.  It works on a closed semaphore, too.
 *
 * Threads:    any, also one that did not acquire them.
 * Cancel:     not a cancellation point.
 */
#define wok_semaphore_release(semaphore_, count_)                                                  \
    wok_semaphore_release_at((semaphore_), (count_), __FILE__, __LINE__)

/**
 * As wok_semaphore_release(), which a panic says to be at a place of the caller's choice: the function behind it.
 *
 * Ownership:  `file` has static storage.
 * Threads:    as wok_semaphore_release().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_semaphore_release_at(wok_semaphore *semaphore, uint64_t count, const char *file, int line);

/**
 * Removes at most `count` of the free permits for good and returns how many.
 *
 * A holder that wants to make its own permits disappear does not release them.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_semaphore_forget(wok_semaphore *semaphore, uint64_t count);

/**
 * Closes the semaphore for ever: whoever waits, and every later acquire, gets -EPIPE.
 *
 * Permits that were handed out stay valid.  A second time it does nothing.
 *
 * Threads:    any.  What was done before the close is visible to whoever is told of it.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_semaphore_close(wok_semaphore *semaphore);

/**
 * True once the semaphore is closed.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_semaphore_is_closed(const wok_semaphore *semaphore);

/**
 * The permits that nobody has: free ones, including those that somebody at the head of the queue
 * needs more of.
 *
 * Threads:    any; with other threads about, it is a guess by the time it is read.
 * Cancel:     not a cancellation point.
 */
WOK_API
uint64_t wok_semaphore_available(const wok_semaphore *semaphore);

/** Permits that are given back when their block is left; what WOK_ACQUIRE() keeps. */
typedef struct wok_permit {
    wok_semaphore *semaphore; /* NULL: there is nothing to give back */
    uint64_t count;
} wok_permit;

/**
 * Waits for `count` permits that give themselves back.
 *
 *     WOK_CLEANUP(wok_permit_release) wok_permit permit = {NULL, 0};
 *     int error = wok_permit_acquire(&connections, 1, &permit);
 *
 * Errors:     as wok_semaphore_acquire(), and `*ret_permit` is untouched.
 * Ownership:  `*ret_permit` owns the permits.
 * Threads:    as wok_semaphore_acquire().
 * Cancel:     cancellation point; nothing was taken.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_permit_acquire(wok_semaphore *semaphore, uint64_t count, wok_permit *ret_permit);

/**
 * Gives the permits back; one that has none is fine, and so is a second time.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
static inline void wok_permit_release(wok_permit *permit)
{
    wok_semaphore *semaphore = WOK_TAKE(permit->semaphore);

    if (semaphore != NULL)
        wok_semaphore_release(semaphore, permit->count);
}

/**
 * Runs the block that follows with `count` permits, and gives them back however it is left: by its
 * end, break, return, goto, or a panic.
 *
 *     int error;
 *     WOK_ACQUIRE(&connections, 1, &error) {
 *         ...
 *     }
 *     if (error < 0)
 *         return error; // the block did not run
 *
 * The block is skipped if the permits could not be had.  The third argument, the place of the code,
 * may be left out where that makes no difference.
 *
 * Errors:     as wok_semaphore_acquire().
 * Threads:    as wok_semaphore_acquire().
 * Cancel:     cancellation point at its begin.
 */
#define WOK_ACQUIRE(semaphore_, ...) WOK_ACQUIRE_(WOK_UNIQUE_(wok_permit_), semaphore_, __VA_ARGS__)

#define WOK_ACQUIRE_(permit_, semaphore_, ...)                                                     \
    for (WOK_CLEANUP(wok_permit_release) wok_permit permit_ =                                      \
             wok__permit_begin((semaphore_), WOK_TWO_OF_(__VA_ARGS__, (int *)NULL, 0));            \
         permit_.semaphore != NULL; wok_permit_release(&permit_))

/* What a WOK_ACQUIRE() begins with; `ret_code` may be NULL. */
WOK_API
WOK_MUST_USE
wok_permit wok__permit_begin(wok_semaphore *semaphore, uint64_t count, int *ret_code);

WOK_END_DECLS

#endif
