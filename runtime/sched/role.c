/*
 * role.c - who waits in place of the workers that are blocked: one, if anybody can.
 *
 *     blocks:   sets its bit in `blocked`,   fence,   reads `assistant`: wakes it, else any sleeper
 *     sleeper:  is in idle's word,           fence,   reads `blocked`: takes the role if it is free
 *     assistant wakes:  clears the role,     fence,   and searches if nobody has taken it since, as does
 *                                                     whoever does not sleep after all: a searcher that
 *                                                     finds work and was the last reads idle's word, and
 *                                                     wakes a sleeper
 *
 * Invariant
 *   A1  with a blocked worker and a sleeping one, somebody waits for all blocked ones, or is on the way
 *       to: each line writes first and reads second, so of two at least one sees the other.  A sleeper
 *       that finds the role taken may rely on it: whoever gave it back either sleeps again, by the second
 *       line, or is a searcher, or was kept from it by one; and of those that search the last wakes a
 *       sleeper before it does anything else.
 *
 * It is not enough that an assistant wakes another for work which it has found: on its way to its next
 * sleep it may find some more.
 */
#include "sched/role.h"

int wok__role_holder(const struct wok__role *role)
{
    fence_seq_cst(); /* [assist.fence] the bit in `blocked` before the look at the role */
    return (int)load_acquire(&role->assistant) - 1; /* [assist.seat] */
}

uint64_t wok__role_take(struct wok__role *role, uint32_t worker, uint64_t others)
{
    uint32_t nobody = 0;
    uint64_t blocked;

    if ((load_relaxed(&role->blocked) & others) == 0 ||
        /* [assist.seat] a spare worker was built before it is known as the assistant */
        !cas_release(&role->assistant, &nobody, worker + 1))
        return 0;
    fence_seq_cst(); /* [assist.fence] the role before the look at `blocked` */
    blocked = load_relaxed(&role->blocked) & others;
    if (blocked == 0)
        store_relaxed(&role->assistant, 0);
    return blocked;
}

void wok__role_give(struct wok__role *role)
{
    store_relaxed(&role->assistant, 0);
    fence_seq_cst(); /* [assist.fence] the role is free before the look at the sleepers */
}

bool wok__role_is_vacant(const struct wok__role *role, uint64_t others)
{
    return (load_relaxed(&role->blocked) & others) != 0 && load_relaxed(&role->assistant) == 0;
}
