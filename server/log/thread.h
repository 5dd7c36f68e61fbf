/*
 * thread.h - a thread of the server's own, beside those of the runtime.
 */
#ifndef WOK_SERVER_LOG_THREAD_H
#define WOK_SERVER_LOG_THREAD_H

#include <pthread.h>
#include <stddef.h>

#include <wok/base.h>

/* Starts a thread with all signals blocked but those that report a fault of its own: the rest are the
 * program's.  The name is cut after 15 bytes.  0; -EAGAIN if there can be no thread. */
WOK_MUST_USE
int wok__thread_begin(pthread_t *ret_thread, const char *name, size_t stack_bytes,
                      void *(*run)(void *argument), void *argument);

#endif
