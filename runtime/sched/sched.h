/*
 * sched.h - the runtime and its workers, as the scheduler's files see them.
 *
 * A worker is a thread with its queues, its driver, its timers and its caches.  What a field's
 * comment does not say otherwise belongs to the worker's thread alone.
 */
#ifndef WOK_SCHED_SCHED_H
#define WOK_SCHED_SCHED_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <wok/channel.h>
#include <wok/runtime.h>

#include "blocking/pool.h"
#include "io/driver.h"
#include "platform/stack.h"
#include "sched/idle.h"
#include "sched/inject.h"
#include "sched/ready.h"
#include "sched/spare.h"
#include "sched/trim.h"
#include "task/task.h"
#include "time/clock.h"
#include "time/timer.h"
#include "util/rand.h"
#include "util/slab.h"

/* What a worker counts: it alone writes, anyone reads. */
struct wok__counters {
    atomic_u64 polls, parks, steals, stolen_tasks, overflows, busy_ns, timers_fired, driver_turns,
        io_events, inbox_wakes;
    atomic_u64 spawned, ended[WOK_NOT_STARTED + 1];
};

/* Polls between two looks at what is not the worker's own queues.  61: a prime, so that it does not beat
 * with batches of powers of two; as in Tokio. */
enum { WOK__INTERVAL = 61 };

struct wok__turns; /* turns.h */
struct wok__log;   /* log.h */

struct wok__worker {
    struct wok_runtime *runtime; /* constant */
    uint32_t index;              /* constant */
    pthread_t thread;            /* runtime.c, as the next one */
    bool started;
    atomic_u32 thread_number; /* the thread's own, for the kernel; 0 until it runs */
    bool has_turn;            /* by turns: it is this worker's */
    struct wok__log *log;     /* constant; NULL: what happens is not logged */

    struct wok__ready ready[WOK__PRIORITIES];
    /* Bound tasks that were woken elsewhere, newest first: anyone pushes, the owner takes all. */
    alignas(WOK__CACHE_LINE) atomic_of(struct wok_task *) inbox;
    /* 1 while the worker is in one poll for too long: set by the monitor, cleared when it moves again;
     * the lock of the spares. */
    atomic_u32 stuck;
    bool in_place;     /* inside a wok_block_in_place(); that lock */
    bool kept;         /* of a spare worker: it does not go any more */
    atomic_u32 called; /* of a spare worker, a futex: 1 when it is to come */
    atomic_u32 fibers; /* tasks whose stacks belong to this thread; the owner writes */
    /* 1 while the worker is parked or about to be; read by the monitor. */
    atomic_u32 parked;
    /* What was polled last; never followed, only compared. */
    atomic_of(struct wok_task *) current;
    /* Since when the worker has been inside one poll, on CLOCK_MONOTONIC; 0: it moves.  The monitor. */
    atomic_u64 standing_since;

    alignas(WOK__CACHE_LINE) uint32_t until_look; /* polls to go until something is due: worker.c */
    bool searching;                               /* counts as searching in idle */
    bool pushed;           /* something was pushed to the ring since the last look */
    bool eventful;         /* the last turn of the driver had events */
    bool slotless;         /* constant: a woken task goes to the ring */
    uint64_t now_ns;       /* when the clock was read last */
    uint64_t turn_polls;   /* polls at the last turn of the driver */
    uint64_t mean_poll_ns; /* a moving average over turns */
    /* As they were when until_look was look_interval: polls to go until a turn of the driver, and until
     * a task is taken from the injection queue; and how many there are from one to the next. */
    uint32_t look_interval, until_turn, until_injection, injection_interval;
    uint32_t injection_turns; /* looks at the injection queues, for whose turn it is */
    uint64_t id_next, id_end;
    struct wok__trim trim;
    struct wok__rand rand;    /* what tasks can see: the same seed, the same choices */
    struct wok__rand victims; /* whom to steal from: how often that is asked depends on time */
    struct wok__slab_cache memory;
    struct wok__stack_cache stacks;

    struct wok__timers timers;
    struct wok__driver driver;
    alignas(WOK__CACHE_LINE) struct wok__counters counters;
};

enum wok__closed {
    WOK__OPEN,
    WOK__CLOSED, /* no task is started any more */
    WOK__FORCED, /* the grace is over, too: shields no longer hide an abort */
};

enum wok__fatal {
    WOK__NO_PANIC,
    WOK__PANICKING, /* a thread writes down which */
    WOK__PANICKED,  /* that can be read */
    WOK__ENDING,    /* the task can be seen, too */
};

struct wok_runtime {
    struct wok_runtime *next;    /* fork.c's list of all runtimes; its lock */
    wok_runtime_options options; /* constant, as the next three */
    char thread_name[16];        /* what the names of threads begin with */
    struct wok__turns *turns;    /* NULL: the workers run freely */
    uint32_t worker_count;
    uint64_t seed;                /* constant: what the workers' generators begin with */
    struct wok__worker **workers; /* those at wok__seats() or above are not there yet */
    /* How many priorities there are to look after: 1, or all of them for ever.  Relaxed: it is set before
     * a task is pushed that needs it, and whoever finds the task by way of that push finds it set. */
    atomic_u32 priorities;
    struct wok__clock clock;
    struct wok__idle idle;
    struct wok__spares spares;
    struct wok__inject inject[WOK__PRIORITIES];
    struct wok__slab slab;
    struct wok__pools pools;
    wok_watch_sender shutdown_watch; /* tells the tasks; owned */
    atomic_u64 next_id;
    atomic_u64 spawned_outside; /* by threads that are no workers */
    atomic_u32 visitors;        /* [runtime.visitors] such threads that are just waking a worker */
    atomic_u64 refused_waits;   /* by any thread */
    atomic_u64 ended_outside[WOK_NOT_STARTED + 1];
    atomic_u32 closed;    /* enum wok__closed */
    atomic_u32 stopping;  /* workers leave their loops */
    atomic_u32 end_epoch; /* a futex: bumped at each end of a task once closed */
    /* The next four: whoever builds, shuts down and frees the runtime. */
    pthread_t monitor;
    bool monitor_started, has_slab;
    bool ended; /* every task has ended, every thread was joined */
    /* on_panic.c: the panic that shut the runtime down, and the task that aborts the others when their
     * grace is over.  Written once, while `fatal` says so. */
    atomic_u32 fatal; /* enum wok__fatal */
    wok_join_error fatal_panic;
    wok_join fatal_task;
    /* Handles and wakers may outlive the runtime: whoever gives the last block back frees it. */
    struct wok__lock last_lock;
    bool freed;                /* wok_runtime_free() was called; the lock */
    atomic_u32 monitor_asleep; /* a futex: 1 while the monitor waits for a worker to wake up */
};

static inline void wok__count(atomic_u64 *counter, uint64_t more)
{
    store_relaxed(counter, load_relaxed(counter) + more); /* one writer */
}

/* How many tasks there are about now, of any priority, that a thief could take. */
static inline uint32_t wok__worker_stealable(const struct wok__worker *worker)
{
    uint32_t sum = wok__ready_stealable(&worker->ready[WOK__NORMAL]);

    if (load_relaxed(&worker->runtime->priorities) == 1)
        return sum;
    return sum + wok__ready_stealable(&worker->ready[WOK__LATENCY]) +
           wok__ready_stealable(&worker->ready[WOK__BACKGROUND]);
}

/* observe/metrics.c: tasks that were spawned and have not ended, blocking ones included. */
uint64_t wok__runtime_live(const struct wok_runtime *runtime);

/* runtime.c: gives a block back on a thread that is no worker: it may be the last one of a runtime that
 * was freed. */
void wok__runtime_give_outside(struct wok_runtime *runtime, void *block, uint8_t class);

/* runtime.c: makes the worker of a seat, without a thread; and the opposite. */
WOK_MUST_USE
int wok__worker_new(struct wok_runtime *runtime, uint32_t index);
void wok__worker_free(struct wok_runtime *runtime, uint32_t index);

/* runtime.c: ends the threads of a runtime whose tasks have ended, and then what there is of it. */
void wok__runtime_stop_threads(struct wok_runtime *runtime);
void wok__runtime_destroy(struct wok_runtime *runtime);

/* shutdown.c: spawns are refused from now on, and who subscribed is told. */
void wok__runtime_close(struct wok_runtime *runtime);
/* shutdown.c: aborts every task that was not aborted before, shields or not; how many.  Any thread. */
size_t wok__runtime_abort_all(struct wok_runtime *runtime);

/* on_panic.c: true, and which one, if a panic has shut the runtime down. */
bool wok__fatal_panic(struct wok_runtime *runtime, wok_join_error *ret_panic);
/* on_panic.c: what is said of a panic everywhere, with its place and that of the task's spawn: as text, cut to
 * `size`, or as a line on stderr, with more behind it. */
size_t wok__format_panic(char *buffer, size_t size, const wok_join_error *panic);
void wok__print_panic(const wok_join_error *panic, const char *what);
/* on_panic.c: a shutdown takes the place of the one that a panic has begun. */
void wok__fatal_yield(struct wok_runtime *runtime);

/* fault.c: a fault in a task's code is told with the task's name, from the first runtime on. */
void wok__runtime_watch_faults(void);

/* fork.c: the runtime lives, a fork is to poison it in the child; it is about to end. */
WOK_MUST_USE
int wok__fork_watch(struct wok_runtime *runtime);
void wok__fork_forget(struct wok_runtime *runtime);

/* worker.c: the body of a worker's thread. */
void wok__worker_main(void *worker);

/* schedule.c: appends a movable task to the worker's ring; overflow goes to the injection queue. */
void wok__worker_push(struct wok__worker *worker, struct wok_task *task);
/* Moves the inbox to the end of the bound tasks. */
void wok__worker_drain_inbox(struct wok__worker *worker);
/* There is work for another worker: wakes a sleeping one unless somebody searches. */
void wok__sched_notify(struct wok_runtime *runtime);
/* Makes a worker's wait return. */
void wok__worker_unpark(struct wok_runtime *runtime, int worker);

/* worker.c: wakes another worker if what lies here is worth it. */
void wok__worker_share(struct wok__worker *worker);

/* worker.c: how many polls a worker whose polls take so long makes between two looks at the injection
 * queue. */
uint32_t wok__injection_interval(uint64_t mean_poll_ns);
/* Begins to count down to the nearer of the worker's intervals. */
void wok__worker_arm_look(struct wok__worker *worker);

/* True if there is a task here that may move, in the slot as well; any thread. */
bool wok__worker_offers(const struct wok__worker *worker);
/* Owner: true if there is any task here. */
bool wok__worker_ready(const struct wok__worker *worker);
/* True if the injection queues hold something. */
bool wok__injected_any(const struct wok_runtime *runtime);

/* search.c: takes a fair share of what was injected with a priority; gives the first of it, or NULL. */
struct wok_task *wok__worker_take_injected(struct wok__worker *worker, uint32_t priority);
/* Finds work in other places than the worker's own; NULL: there is none. */
struct wok_task *wok__worker_search(struct wok__worker *worker);
/* True if some queue that the worker may take from is not empty. */
bool wok__worker_sees_work(const struct wok__worker *worker);

/* park.c: a turn of the driver without waiting, and the timers that are due. */
void wok__worker_turn(struct wok__worker *worker);
/* Waits until there is something to do, as far as the worker can tell. */
void wok__worker_park(struct wok__worker *worker);

/* monitor.c: the body of the monitor's thread. */
void wok__monitor_main(void *runtime);
/* A worker has woken up: so does the monitor, if it sleeps. */
void wok__monitor_wake_if_asleep(struct wok_runtime *runtime);
void wok__monitor_wake(struct wok_runtime *runtime);

#endif
