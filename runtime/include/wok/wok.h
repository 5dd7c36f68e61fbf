/*
 * wok.h - all of libwok.
 *
 * What NULL means, unless a function says otherwise:
 *
 *   options      the defaults, wherever every option has one
 *   a runtime    the calling thread's
 *   a pool       its runtime's own
 *   ret_x        for a second result, such as an error or a code: nobody wants it; for what a function
 *                makes (x_new(), wok_listen(), ...): -EINVAL
 *   x_free(), x_drop(), x_done(), x_unref() and their like, of NULL or an empty handle: nothing to do
 *
 * The object that a function works on, its waits, sends and locks above all, and the functions that it
 * calls back, have to be there: to look would cost every call what only a mistake needs.
 *
 * No function is async-signal-safe: a signal handler cannot wake a task, but a task can wait for a signal
 * (wok/signal.h).  A task's function returns or panics; pthread_exit() in it, or a longjmp() out of it, ends
 * or confuses the worker, and is not noticed.
 */
#ifndef WOK_WOK_H
#define WOK_WOK_H

#include <wok/base.h>
#include <wok/blocking.h>
#include <wok/budget.h>
#include <wok/cancel.h>
#include <wok/channel.h>
#include <wok/fd.h>
#include <wok/future.h>
#include <wok/interval.h>
#include <wok/join_set.h>
#include <wok/local.h>
#include <wok/metrics.h>
#include <wok/net.h>
#include <wok/runtime.h>
#include <wok/scope.h>
#include <wok/select.h>
#include <wok/signal.h>
#include <wok/spawn.h>
#include <wok/sync.h>
#include <wok/task.h>
#include <wok/testing.h>
#include <wok/time.h>

#endif
