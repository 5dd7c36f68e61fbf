/*
 * fork.c - what is left of a runtime in a forked child: nothing that works.
 *
 * Only the thread that forked exists in the child.  The workers, the monitor and the pools' threads are
 * gone, and with them whatever they held: locks, half-made changes, an allocator's arena.  Nothing can
 * put that right, so after a fork only exec is safe, as POSIX says of every program with threads.
 *
 * A child that forgets it would wait for threads that it does not have.  So the child is marked when
 * the fork happens while a runtime lives: from then on every call that spawns, waits, builds or ends
 * something says -ENOTRECOVERABLE, and a task that returns to its worker aborts the process, since it
 * would go on serving the parent's descriptors.  The parent notices nothing.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "sched/sched.h"
#include "task/context.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held across a fork */
static struct wok_runtime *first;                        /* the lock */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int registered; /* the once */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
    /* Nobody else is there to see it. */
    if (first != NULL)
        store_relaxed(&wok__forked, 1);
    for (struct wok_runtime *runtime = first; runtime != NULL; runtime = runtime->next) {
        store_relaxed(&runtime->closed, WOK__FORCED);
        store_relaxed(&runtime->stopping, 1);
    }
    pthread_mutex_unlock(&lock);
}

static void register_handlers(void)
{
    registered = -pthread_atfork(before_fork, in_parent, in_child);
}

int wok__fork_watch(struct wok_runtime *runtime)
{
    pthread_once(&once, register_handlers);
    if (registered < 0)
        return registered;
    pthread_mutex_lock(&lock);
    runtime->next = first;
    first = runtime;
    pthread_mutex_unlock(&lock);
    return 0;
}

void wok__fork_forget(struct wok_runtime *runtime)
{
    pthread_mutex_lock(&lock);
    for (struct wok_runtime **at = &first; *at != NULL; at = &(*at)->next) {
        if (*at != runtime)
            continue;
        *at = runtime->next;
        break;
    }
    pthread_mutex_unlock(&lock);
}

void wok__forked_came_back(void)
{
    fputs("wok: a forked child came back to the runtime; after fork only exec is safe\n", stderr);
    abort();
}
