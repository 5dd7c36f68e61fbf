/*
 * mutex.h - mutual exclusion for tasks and plain threads, first come first served.
 *
 *     static wok_mutex mutex = WOK_MUTEX_INIT;
 *
 *     int error;
 *     WOK_LOCK(&mutex, &error) {
 *         balance += amount;
 *     }
 *     if (error < 0)
 *         return error; // the block did not run
 *
 * A task may wait while it holds one, which a pthread_mutex_t does not allow: its holder is a task,
 * and not the thread that the task runs on.  For a few instructions without a wait, between threads
 * that seldom meet, a pthread_mutex_t is as good.
 */
#ifndef WOK_MUTEX_H
#define WOK_MUTEX_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/semaphore.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/**
 * A mutex; zero bytes are an unlocked one.  It lies in the caller's memory, needs no end, and must
 * not move while it is used.  Its last holder may free it.
 */
typedef struct wok_mutex {
    struct wok__permits permits; /* one, while it is unlocked */
    struct {
        void *value;
    } holder; /* who locked it; kept where assertions are on */
} wok_mutex;

/** Initialises an unlocked mutex, static ones included. */
#define WOK_MUTEX_INIT                                                                             \
    {                                                                                              \
        {{0}, {{0}}, {NULL, NULL}},                                                                \
        {                                                                                          \
            NULL                                                                                   \
        }                                                                                          \
    }

/**
 * Waits until the caller holds the mutex.
 *
 * First come, first served: an unlock hands the mutex to whoever waits longest, and nobody takes it
 * in between.  A panic unlocks through the guard (wok_mutex_unlockp(), WOK_LOCK()); there is no
 * poisoning: what the mutex guards is as the panicking task left it.
 *
 * Errors:     0; -ECANCELED if the caller is aborted; -ETIMEDOUT if a deadline that covers it
 *             passes; -EDEADLK in a stackless task, which polls wok_mutex_lock_op(), and, where
 *             assertions are on, if the caller holds it already.
 * Ownership:  allocates nothing.
 * Threads:    a stackful task parks, a plain thread blocks.  What the last holder did is visible.
 * Cancel:     cancellation point; the caller leaves the queue, and the mutex goes to the next.
 * Source:     the semantics of tokio::sync::Mutex.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_mutex_lock(wok_mutex *mutex);

/**
 * As wok_mutex_lock(), for at most until `deadline`: -ETIMEDOUT.
 *
 * Errors:     as wok_mutex_lock().
 * Threads:    as wok_mutex_lock().
 * Cancel:     cancellation point; the caller leaves the queue.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_mutex_lock_until(wok_mutex *mutex, wok_instant deadline);

/**
 * Locks the mutex if it is unlocked; never waits.
 *
 * Errors:     0; -EAGAIN if it is locked.
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
WOK_MUST_USE
int wok_mutex_try_lock(wok_mutex *mutex);

/**
 * The operation of locking; ready with 0, and the task that polled it then holds the mutex.
 *
 * Errors:     -EDEADLK, where assertions are on, if that task holds it already.
 * Ownership:  borrows the mutex until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a dropped operation that was not ready leaves the queue, and
 *             a mutex that was already handed to it goes to the next.
 */
WOK_API
wok_op wok_mutex_lock_op(wok_mutex *mutex);

/**
 * Unlocks the mutex and hands it to whoever waits longest.
 *
 * To unlock an unlocked one is a panic of the caller's at the place of the call, in every build; outside
 * of tasks it ends the process.  Whose it is, is not looked at: a mutex that another task holds is taken
 * from it.
 *
 * Threads:    any, as a rule where it was locked.
 * Cancel:     not a cancellation point.
 */
#define wok_mutex_unlock(mutex_) wok_mutex_unlock_at((mutex_), __FILE__, __LINE__)

/**
 * As wok_mutex_unlock(), which a panic says to be at a place of the caller's choice: the function behind it.
 *
 * Ownership:  `file` has static storage.
 * Threads:    as wok_mutex_unlock().
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_mutex_unlock_at(wok_mutex *mutex, const char *file, int line);

/**
 * True while somebody holds the mutex.
 *
 * Threads:    any; unless it is the caller's own, it is a guess by the time it is read.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_mutex_is_locked(const wok_mutex *mutex);

/**
 * Unlocks `*held` and sets it to NULL; NULL is fine.  For WOK_CLEANUP, on a pointer to a mutex that
 * is set once the mutex is locked:
 *
 *     WOK_CLEANUP(wok_mutex_unlockp) wok_mutex *held = NULL;
 *     int error = wok_mutex_lock(&mutex);
 *     if (error < 0)
 *         return error;
 *     held = &mutex;
 *
 * Threads:    as wok_mutex_unlock().
 * Cancel:     not a cancellation point.
 */
static inline void wok_mutex_unlockp(wok_mutex **held)
{
    wok_mutex *mutex = WOK_TAKE(*held);

    if (mutex != NULL)
        wok_mutex_unlock(mutex);
}

/**
 * Runs the block that follows with the mutex held, and unlocks it however the block is left: by its
 * end, break, return, goto, or a panic.
 *
 *     int error;
 *     WOK_LOCK(&mutex, &error) {
 *         ...
 *     }
 *     if (error < 0)
 *         return error; // the block did not run
 *
 * The block is skipped if the mutex could not be had.  The second argument, the place of the code, may
 * be left out where that makes no difference: WOK_LOCK(&mutex) { ... }.
 *
 * Errors:     as wok_mutex_lock().
 * Threads:    as wok_mutex_lock().
 * Cancel:     cancellation point at its begin.
 */
#define WOK_LOCK(...) WOK_LOCK_(WOK_UNIQUE_(wok_mutex_), __VA_ARGS__)

#define WOK_LOCK_(locked_, ...)                                                                    \
    for (WOK_CLEANUP(wok_mutex_unlockp)                                                            \
             wok_mutex *locked_ = wok__mutex_begin(WOK_TWO_OF_(__VA_ARGS__, (int *)NULL, 0));      \
         locked_ != NULL; wok_mutex_unlockp(&locked_))

/* What a WOK_LOCK() begins with: the mutex, or NULL; `ret_code` may be NULL. */
WOK_API
WOK_MUST_USE
wok_mutex *wok__mutex_begin(wok_mutex *mutex, int *ret_code);

WOK_END_DECLS

#endif
