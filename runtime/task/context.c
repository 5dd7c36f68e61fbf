/*
 * context.c - where the calling thread is.
 *
 * One thread-local struct behind a function that is never inlined: code of a stackless task moves
 * between threads from poll to poll, and must ask again each time.
 */
#include "task/context.h"

atomic_u32 wok__forked;

static _Thread_local struct wok__here here_of_thread;

__attribute__((noinline)) struct wok__here *wok__here(void)
{
    return &here_of_thread;
}
