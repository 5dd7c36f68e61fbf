/*
 * pool.c - threads for work that blocks.
 *
 * One mutex, one FIFO queue, and threads that are started on demand, up to a bound, and end after
 * a while without work.  A submit hands its task to the queue and then sees to it that a thread
 * comes for it: an idle one is woken, else a new one is started, else every thread is busy and the
 * first that becomes free takes it, since a thread empties the queue before it goes idle.
 *
 * Invariants (the lock's)
 *   P1  a queued task has a thread to run it: queued > 0 implies threads > 0.
 *   P2  idle + wakes + busy == threads.  A submit that wakes moves one thread from idle to wakes,
 *       and whichever waiting thread sees wakes > 0 first moves one of them to busy.  So two
 *       submits in a row wake two threads, although neither has run in between, and a thread whose
 *       keep-alive ends in that moment takes the wake instead of leaving with it.
 *   P3  a thread that has counted itself out of threads touches the core no more.
 *   P4  the core is freed by whoever finds both the owner and the last thread gone.
 *
 * A thread that leaves joins the one that left before it, and the shutdown joins the last: so all
 * of them are joined, and nobody keeps a list.  A thread that a shutdown left behind detaches
 * itself.  P3 and P4 are why it may: from the shutdown on it reaches the core only, which its own
 * count keeps alive, and never the struct wok__pool, which may be gone.
 *
 * Why one mutex: it is held for a few instructions, and the work behind it takes microseconds at
 * least.  A sharded queue is faster and can lose a task between its shards (tokio#8056).  Only the
 * start of a thread holds the lock for long (10 to 30 us), and a burst pays that once.
 */
#include "blocking/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "platform/thread.h"
#include "task/context.h"
#include "task/task.h"

#define NS_PER_SECOND UINT64_C(1000000000)

struct wok__pool_core {
    struct wok_runtime *runtime; /* constant, as the next two */
    unsigned threads_max;
    uint64_t keep_alive_ns;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* idle threads wait for wakes > 0 or closed */
    pthread_cond_t gone;  /* the shutdown waits for threads == 0 */
    struct wok_task *head, *tail;
    size_t queued;
    uint64_t completed;
    unsigned threads, idle, wakes;
    bool closed;    /* the shutdown has begun */
    bool abandoned; /* the shutdown has given up: who leaves now is joined by nobody */
    bool owned;     /* wok__pool_done() has not been called */
    bool has_left;
    pthread_t left; /* the thread that left last; not joined yet */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

/* False: the time is over. */
static bool wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / NS_PER_SECOND),
                                .tv_nsec = (long)(deadline_ns % NS_PER_SECOND)};

    if (deadline_ns == UINT64_MAX)
        return pthread_cond_wait(condition, lock) == 0;
    return pthread_cond_timedwait(condition, lock, &deadline) != ETIMEDOUT;
}

static int condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);

    if (error != 0)
        return -error;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return -error;
}

int wok__pool_init(struct wok__pool *pool, struct wok_runtime *runtime, unsigned threads_max,
                   uint64_t keep_alive_ns)
{
    struct wok__pool_core *core = calloc(1, sizeof *core);

    if (core == NULL)
        return -ENOMEM;
    core->runtime = runtime;
    core->threads_max = threads_max != 0 ? threads_max : WOK__POOL_THREADS_MAX;
    core->keep_alive_ns = keep_alive_ns != 0 ? keep_alive_ns : WOK__POOL_KEEP_ALIVE_NS;
    core->owned = true;

    pthread_mutex_init(&core->lock, NULL); /* cannot fail without attributes */
    int error = condition_init(&core->work);
    if (error == 0) {
        error = condition_init(&core->gone);
        if (error < 0)
            pthread_cond_destroy(&core->work);
    }
    if (error < 0) {
        pthread_mutex_destroy(&core->lock);
        free(core);
        return error;
    }
    pool->core = core;
    return 0;
}

static void core_free(struct wok__pool_core *core)
{
    assert(core->head == NULL && !core->has_left);
    pthread_cond_destroy(&core->gone);
    pthread_cond_destroy(&core->work);
    pthread_mutex_destroy(&core->lock);
    free(core);
}

/* ---- the queue ---------------------------------------------------------------------------- */

static void push(struct wok__pool_core *core, struct wok_task *task)
{
    task->next = NULL;
    if (core->head == NULL)
        core->head = task;
    else
        core->tail->next = task;
    core->tail = task;
    core->queued++;
}

static struct wok_task *take(struct wok__pool_core *core)
{
    struct wok_task *task = core->head;

    if (task == NULL)
        return NULL;
    core->head = task->next;
    core->queued--;
    return task;
}

/* False: it is not in the queue. */
static bool unlink_task(struct wok__pool_core *core, struct wok_task *task)
{
    struct wok_task *before = NULL;

    for (struct wok_task *at = core->head; at != NULL; before = at, at = at->next) {
        if (at != task)
            continue;
        if (before == NULL)
            core->head = at->next;
        else
            before->next = at->next;
        if (core->tail == at)
            core->tail = before;
        core->queued--;
        return true;
    }
    return false;
}

/* ---- a thread ----------------------------------------------------------------------------- */

/* Counts the calling thread as idle until there is news.  False: its time as an idle one is over. */
static bool wait_for_work(struct wok__pool_core *core)
{
    uint64_t now = now_ns();
    uint64_t deadline = now + core->keep_alive_ns;
    bool in_time = true;

    if (deadline < now)
        deadline = UINT64_MAX;

    core->idle++;
    while (in_time && core->wakes == 0 && !core->closed)
        in_time = wait_until(&core->work, &core->lock, deadline);
    if (core->wakes > 0) {
        core->wakes--; /* the submit has taken one from idle already */
        return true;
    }
    core->idle--;
    return false;
}

/* Counts the calling thread out and unlocks; it touches the core no more. */
static void leave(struct wok__pool_core *core)
{
    bool join_left = false, last = false;
    pthread_t left = pthread_self();

    if (core->abandoned) {
        pthread_detach(pthread_self());
    } else {
        join_left = core->has_left;
        if (join_left)
            left = core->left;
        core->left = pthread_self();
        core->has_left = true;
    }
    core->threads--;
    if (core->threads == 0) {
        last = !core->owned;
        pthread_cond_broadcast(&core->gone); /* before the unlock: P3 */
    }
    pthread_mutex_unlock(&core->lock);

    if (last)
        core_free(core);
    if (join_left)
        pthread_join(left, NULL); /* it is past its own unlock: nothing long is left to do for it */
}

static void thread_main(void *argument)
{
    struct wok__pool_core *core = argument;
    struct wok__here *here = wok__here();
    struct wok_task *task;

    here->runtime = core->runtime;
    here->blocking = 1;

    pthread_mutex_lock(&core->lock);
    do {
        while ((task = take(core)) != NULL) {
            pthread_mutex_unlock(&core->lock);
            wok__task_run_blocking(task);
            pthread_mutex_lock(&core->lock);
            core->completed++;
        }
    } while (!core->closed && wait_for_work(core));
    leave(core);
}

/* ---- what others call --------------------------------------------------------------------- */

/* Sees to it that a thread comes for the task that was queued last.  -EAGAIN: there is none. */
static int summon(struct wok__pool_core *core)
{
    pthread_t thread;

    if (core->idle > 0) {
        core->idle--;
        core->wakes++;
        pthread_cond_signal(&core->work);
        return 0;
    }
    if (core->threads == core->threads_max)
        return 0;
    core->threads++; /* before it runs; it waits for the lock */
    if (wok__thread_start(&thread, "wok-blocking", thread_main, core) < 0) {
        core->threads--;
        if (core->threads == 0)
            return -EAGAIN;
        /* Those that exist are busy, and look at the queue again: later is better than never. */
    }
    return 0;
}

int wok__pool_submit(struct wok__pool *pool, struct wok_task *task)
{
    struct wok__pool_core *core = pool->core;
    int error = -ECANCELED;

    pthread_mutex_lock(&core->lock);
    if (!core->closed) {
        push(core, task);
        error = summon(core);
        if (error < 0)
            unlink_task(core, task); /* by P1 it is the only one */
    }
    pthread_mutex_unlock(&core->lock);
    return error;
}

bool wok__pool_cancel(struct wok__pool *pool, struct wok_task *task)
{
    struct wok__pool_core *core = pool->core;

    pthread_mutex_lock(&core->lock);
    bool queued = unlink_task(core, task);
    pthread_mutex_unlock(&core->lock);
    return queued;
}

size_t wok__pool_shutdown(struct wok__pool *pool, uint64_t deadline_ns)
{
    struct wok__pool_core *core = pool->core;
    struct wok_task *task;
    bool in_time = true;

    if (core == NULL)
        return 0;
    pthread_mutex_lock(&core->lock);
    core->closed = true;
    pthread_cond_broadcast(&core->work);
    while ((task = take(core)) != NULL) {
        pthread_mutex_unlock(&core->lock); /* a discard wakes joiners and runs drop functions */
        wok__task_discard_blocking(task);
        pthread_mutex_lock(&core->lock);
    }
    while (in_time && core->threads > 0)
        in_time = wait_until(&core->gone, &core->lock, deadline_ns);

    size_t left_behind = core->threads;
    bool join_left = core->has_left;
    pthread_t left = core->left;

    core->abandoned = true;
    core->has_left = false;
    pthread_mutex_unlock(&core->lock);

    if (join_left)
        pthread_join(left, NULL);
    return left_behind;
}

void wok__pool_done(struct wok__pool *pool)
{
    struct wok__pool_core *core = pool->core;

    if (core == NULL)
        return;
    pool->core = NULL;
    pthread_mutex_lock(&core->lock);
    assert(core->closed);
    core->owned = false;
    bool last = core->threads == 0;
    pthread_mutex_unlock(&core->lock);
    if (last)
        core_free(core);
}

void wok__pool_figures(struct wok__pool *pool, struct wok__pool_figures *ret_figures)
{
    struct wok__pool_core *core = pool->core;

    pthread_mutex_lock(&core->lock);
    *ret_figures = (struct wok__pool_figures){
        .threads = core->threads,
        .idle = core->idle,
        .queued = core->queued,
        .completed = core->completed,
    };
    pthread_mutex_unlock(&core->lock);
}
