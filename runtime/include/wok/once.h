/*
 * once.h - something that is made at its first use, by whoever comes first.
 *
 *     static wok_once loaded = WOK_ONCE_INIT;
 *     static struct table table;
 *
 *     int error = wok_once_call(&loaded, load_table, &table); // int load_table(struct table *table)
 *     if (error < 0)
 *         return error;
 *     // the table is loaded
 *
 * Unlike pthread_once(3), the function may wait and may fail; then the next one tries.
 */
#ifndef WOK_ONCE_H
#define WOK_ONCE_H

#include <wok/base.h>
#include <wok/future.h>
#include <wok/select.h>
#include <wok/time.h>

WOK_BEGIN_DECLS

/**
 * Something that is done once; zero bytes are one that is not done.  It lies in the caller's memory,
 * needs no end, must not move while it is used, and outlives every call on it.
 */
typedef struct wok_once {
    struct {
        uint32_t value;
    } state;
    struct wok__lock lock;
    struct wok__waiters waiters;
} wok_once;

/** Initialises a once that is not done, static ones included. */
#define WOK_ONCE_INIT                                                                              \
    {                                                                                              \
        {0}, {{0}},                                                                                \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }

/**
 * Runs `int function(T *argument)` unless that was done, and returns when it is done.
 *
 * One caller runs it at a time, and the others wait.  If it returns a negative code, panics, or its
 * task is unwound, it is not done: the code is its caller's, and whoever waits longest tries next.
 *
 * Errors:     0 when it is done, by whomever; the function's own negative code; -ECANCELED if the
 *             caller is aborted while it waits for another; -ETIMEDOUT if a deadline that covers the
 *             caller passes; -EDEADLK in a stackless task, which polls wok_once_begin_op().
 * Ownership:  borrows the argument until it returns.
 * Threads:    stackful tasks and plain threads; the function runs on the caller's stack.  What it did
 *             is visible to everybody to whom it is done.
 * Cancel:     cancellation point, and the function may have its own.
 * Source:     the semantics of tokio::sync::OnceCell::get_or_try_init.
 */
#define wok_once_call(once_, function_, argument_)                                                 \
    __extension__({                                                                                \
        int (*wok_function_)(__typeof__(argument_)) = (function_);                                 \
        wok_once_call_raw((once_), (int (*)(void *))(void (*)(void))wok_function_,                 \
                          (void *)(argument_));                                                    \
    })

/**
 * The untyped form of wok_once_call().
 *
 * Errors:     as wok_once_call().
 * Ownership:  borrows the argument until it returns.
 * Threads:    as wok_once_call().
 * Cancel:     cancellation point, and the function may have its own.
 */
WOK_API
WOK_MUST_USE
WOK_CP
int wok_once_call_raw(wok_once *once, int (*function)(void *argument), void *argument);

/**
 * True once it is done.
 *
 * Threads:    any; what was done is visible then.
 * Cancel:     not a cancellation point.
 */
WOK_API
bool wok_once_is_done(const wok_once *once);

/**
 * The operation of getting a turn or learning that it is done; ready with 0.
 *
 * `*ret_turn` is true if the caller has to do it now, and then to say wok_once_done() or
 * wok_once_failed().
 *
 * Ownership:  borrows the once and `ret_turn` until the operation is dropped.
 * Threads:    any.
 * Cancel:     not a cancellation point; a turn that was given to a dropped operation goes to the next.
 */
WOK_API
wok_op wok_once_begin_op(wok_once *once, bool *ret_turn);

/**
 * Says that it is done, by whoever has the turn; those who wait go on.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_once_done(wok_once *once);

/**
 * Gives the turn back without having done it: whoever waits longest gets it.
 *
 * Threads:    any.
 * Cancel:     not a cancellation point.
 */
WOK_API
void wok_once_failed(wok_once *once);

WOK_END_DECLS

#endif
