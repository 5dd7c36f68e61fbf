/*
 * wok.h - all of libwok.
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
