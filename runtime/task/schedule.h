/*
 * schedule.h - the one call upward: the task layer asks the scheduler to run a task.
 *
 * The functions are the scheduler's (sched/worker.c); the task layer never includes sched/.
 */
#ifndef WOK_TASK_SCHEDULE_H
#define WOK_TASK_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wok/task.h>

struct wok_task;
struct wok_runtime;
struct wok__here;
struct wok__worker;
struct wok__stack;

/* The priorities of tasks, as indices of what a worker keeps apart.  Normal is the first, and the only
 * one that is looked after until a task with another one is spawned. */
enum { WOK__NORMAL, WOK__LATENCY, WOK__BACKGROUND, WOK__PRIORITIES };

/* From now on the runtime looks after all priorities; before the first task with another than normal. */
void wok__priorities_use(struct wok_runtime *runtime);

/* Why a task is pushed: it decides which queue suits. */
enum wok__reason {
    WOK__REASON_SPAWN, /* new: the ring's end */
    WOK__REASON_CHILD, /* new, stackless, and its parent is going to wait: where that finds it */
    WOK__REASON_WAKE,  /* woken by another task: the slot that runs next */
    WOK__REASON_EVENT, /* woken by the driver or a timer: the ring's end */
    WOK__REASON_YIELD, /* woke itself: behind everything, after the driver had its turn */
};

/* Puts a claimed task into a queue and sees to it that a worker looks there.  Any thread. */
void wok__schedule(struct wok_task *task, enum wok__reason reason);

/* A task that is going to wait for children of its own polls some that nobody has begun, on the worker's
 * stack.  False: there are more, and the task was woken again so that others have their turn first. */
bool wok__run_children_here(wok_cx *cx);

/* The polling task is going to wait for the end of another, of whose handle it is the owner: if that one is
 * stackless and would be the worker's next, it is polled here and now, on the worker's stack.  True: it was. */
bool wok__run_awaited_here(const wok_cx *cx, struct wok_task *awaited);

/* Memory for a task's block, from the calling thread's cache; NULL if there is none. */
void *wok__task_memory_take(struct wok_runtime *runtime, size_t bytes, uint8_t *ret_class);
void wok__task_memory_give(struct wok_runtime *runtime, void *block, uint8_t class);

/* A stack from the calling worker's cache, and back: 0 or -ENOMEM. */
int wok__stack_take_here(struct wok__here *here, size_t stack_bytes, struct wok__stack *ret_stack);
void wok__stack_give_here(struct wok__here *here, struct wok__stack stack);

/* A task is going to be bound to the calling spare worker before it has begun: the worker stays. */
void wok__worker_keep(struct wok__worker *worker);

/* Counts a task that was spawned, and one that ended; accounts of the calling worker. */
void wok__count_spawned(struct wok_runtime *runtime);
void wok__count_ended(const struct wok_task *task);

/* True once the runtime no longer starts tasks. */
bool wok__runtime_is_closed(struct wok_runtime *runtime);

/* True once the grace of its shutdown is over. */
bool wok__runtime_is_forced(struct wok_runtime *runtime);

/* A panic that nobody awaits. */
void wok__report_panic(struct wok_runtime *runtime, const wok_join_error *error);

/* True if somebody wants to hear of each panic where it happens: the callback, or the policy. */
bool wok__panic_matters(const struct wok_runtime *runtime);
/* Calls the runtime's panic callback; true if it has one. */
bool wok__panic_call(struct wok_runtime *runtime, const wok_join_error *panic);
/* Does what the runtime's policy says about a panic; it may not return. */
void wok__panic_act(struct wok_runtime *runtime, const wok_join_error *panic);

/* A stackful task comes back from a wait because it was aborted: in a test that may be worth a line.  `in`: what
 * the future is called, or NULL. */
void wok__deadlock_waited(const struct wok_task *task, const char *in);

/* A call that would have blocked a worker was refused: counts it, and tells who asked to hear. */
void wok__report_refused(struct wok_runtime *runtime, const wok_join_error *error);

/* Where calls of the blocking pools take turns with the workers, as tests may ask: a call is queued;
 * its thread waits for its turn, and discards it if this says false; it has ended, or is discarded, or
 * waits for something.  Anywhere else they do nothing, and a call begins at once. */
void wok__call_queued(struct wok_task *task);
bool wok__call_begin(struct wok_task *task);
void wok__call_end(struct wok_runtime *runtime);
void wok__call_forget(struct wok_task *task);
/* True: it has not begun, and whether it does is decided at its turn. */
bool wok__call_waits_for_turn(struct wok_task *task);

/* Where a plain thread waits.  If it is a pool's, inside a call, and the workers run by turns, its pool counts
 * it as parked: the paused clock need not wait for it. */
struct wok__parking {
    struct wok_task *task;          /* constant: the thread in the shape of a task */
    struct wok_blocking_pool *pool; /* the thread's, until it suspends; NULL: nobody counts it */
    enum { WOK__UP, WOK__PARKED, WOK__CALLED } state; /* the pool's lock, as the next two */
    bool over; /* stays: a deadlock was found, and waits end */
    struct wok__parking *next;
};

/* The calling thread is about to suspend; `alone`: nobody's clock but the real one will wake it. */
void wok__call_waits(struct wok__parking *parking, bool alone);
/* It has suspended, unless it was claimed since; and the other end of that, by whoever has claimed it and is
 * about to push it.  Both only where parking->pool is not NULL. */
void wok__call_parks(struct wok__parking *parking);
void wok__call_comes(struct wok__parking *parking);

/* An abort of a task of the blocking pool: true if it was still queued, and ended by this. */
bool wok__blocking_abort(struct wok_task *task);
/* Such a task's block is about to be freed. */
void wok__blocking_forget(struct wok_task *task);

/* A number below `bound` from the calling worker's seeded source. */
uint32_t wok__random_below(uint32_t bound);

/* The calling worker is about to block, and what it owns is to be served by others; it is back. */
void wok__worker_block(struct wok__worker *worker);
void wok__worker_unblock(struct wok__worker *worker);
/* True if the runtime's workers run one at a time, on a paused clock. */
bool wok__runtime_has_turns(const struct wok_runtime *runtime);

/* The next number of a task. */
uint64_t wok__task_next_id(struct wok_runtime *runtime);

#endif
