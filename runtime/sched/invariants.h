/*
 * invariants.h - what must be true of a runtime between two polls.
 */
#ifndef WOK_SCHED_INVARIANTS_H
#define WOK_SCHED_INVARIANTS_H

#include <stddef.h>

struct wok_runtime;

/*
 * Looks at every task, queue and worker of a runtime that runs by turns; by whoever has the turn, while
 * no task is being polled.
 *
 * If something is not true it aborts the process with a line on stderr that names the task, where it was
 * spawned, and the seed.  A thread outside may be between two steps of a wake: what looks wrong is looked
 * at again for two seconds.  How many tasks it looked at.
 */
size_t wok__check_invariants(struct wok_runtime *runtime);

#endif
