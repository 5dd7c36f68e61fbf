/*
 * schedule.h - the one call upward: the task layer asks the scheduler to run a task.
 *
 * The functions are the scheduler's (sched/worker.c); the task layer never includes sched/.
 */
#ifndef WOK_TASK_SCHEDULE_H
#define WOK_TASK_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

struct wok_task;
struct wok_runtime;
struct wok__timer;

/* Why a task is pushed: it decides which queue suits. */
enum wok__reason {
    WOK__REASON_SPAWN, /* new: the ring's end */
    WOK__REASON_WAKE,  /* woken by another task: the slot that runs next */
    WOK__REASON_EVENT, /* woken by the driver or a timer: the ring's end */
    WOK__REASON_YIELD, /* woke itself: behind everything, after the driver had its turn */
};

/* Puts a claimed task into a queue and sees to it that a worker looks there.  Any thread. */
void wok__schedule(struct wok_task *task, enum wok__reason reason);

/* Memory for a task's block, from the calling thread's cache; NULL if there is none. */
void *wok__task_memory_take(struct wok_runtime *runtime, size_t bytes, uint8_t *ret_class);
void wok__task_memory_give(struct wok_runtime *runtime, void *block, uint8_t class);

/* Counts a task that was spawned, and one that ended; accounts of the calling worker. */
void wok__count_spawned(struct wok_runtime *runtime, uint32_t stackful);
void wok__count_ended(struct wok_runtime *runtime, uint32_t stackful, int outcome);

/* True once the runtime no longer starts tasks. */
int wok__runtime_is_closed(struct wok_runtime *runtime);

/* The next number of a task. */
uint64_t wok__task_next_id(struct wok_runtime *runtime);

#endif
