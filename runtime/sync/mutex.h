/*
 * mutex.h - locking as a part of another operation.
 */
#ifndef WOK_SYNC_MUTEX_H
#define WOK_SYNC_MUTEX_H

#include <wok/mutex.h>

/* Over an operation whose `object` is the mutex and whose `amount` is 1; it does not touch `value`. */
extern const wok_future_vtable wok__mutex_lock_vtable;

#endif
