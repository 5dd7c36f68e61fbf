/*
 * role.h - who waits in place of the workers that are blocked.
 */
#ifndef WOK_SCHED_ROLE_H
#define WOK_SCHED_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/atomic.h"

struct wok__role {
    /* A bit for each worker that cannot serve what it owns.  Written by one at a time. */
    atomic_u64 blocked;
    atomic_u32 assistant; /* 1 + the worker that waits in place of the blocked ones; 0: nobody */
};

/* A bit in `blocked` has been set.  The worker to wake, so that it waits for that one too; -1: nobody has
 * the role, and any sleeper that is woken will take it. */
int wok__role_holder(const struct wok__role *role);

/* By a worker that counts as a sleeper and is about to sleep: takes the role if it is free and one of
 * `others` is blocked.  Those to wait for; 0: none. */
uint64_t wok__role_take(struct wok__role *role, uint32_t worker, uint64_t others);

/* Gives it back, on waking up. */
void wok__role_give(struct wok__role *role);

/* By a worker that counts as a sleeper no more.  True: one of `others` is blocked, and nobody has the role.
 * The caller goes on as a searcher if it may: so it wakes a sleeper when it finds something else to do. */
bool wok__role_is_vacant(const struct wok__role *role, uint64_t others);

#endif
