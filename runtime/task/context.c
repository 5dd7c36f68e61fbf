/*
 * context.c - where the calling thread is.
 */
#include "task/context.h"

atomic_u32 wok__forked;

_Thread_local struct wok__here wok__here_of_thread;
