/*
 * sync.h - what tasks and plain threads agree by: locks, permits, notifications.
 *
 * All of them lie in the caller's memory, begin as zero bytes or with their _INIT, and need no end.
 * Waiting allocates nothing; queues are first come, first served.  docs/sync.md says which to use
 * when.
 */
#ifndef WOK_SYNC_H
#define WOK_SYNC_H

#include <wok/barrier.h>
#include <wok/condition.h>
#include <wok/mutex.h>
#include <wok/notify.h>
#include <wok/once.h>
#include <wok/rwlock.h>
#include <wok/semaphore.h>

#endif
