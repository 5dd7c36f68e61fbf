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
 *   P2  idle + wakes + starting + those between two looks at the queue == threads.  A submit that
 *       wakes moves one thread from idle to wakes, and whichever waiting thread sees wakes > 0 first
 *       takes one of them.  So two submits in a row wake two threads, although neither has run in
 *       between, and a thread whose keep-alive ends in that moment takes the wake instead of leaving
 *       with it.
 *   P3  the bound of the queue counts the tasks that no thread is coming for, queued less wakes and
 *       starting: a task on its way to a thread does not wait behind others.
 *   P4  a thread that has counted itself out of threads touches the pool no more, so the pool may be
 *       freed by whoever has joined the last of them.
 *   P5  a call runs if its thread is busy and not parked, and one that is queued is about to if a thread
 *       comes for it: threads > idle + busy.  A pool where none does either stays so until `news` is bumped,
 *       by a submit or by who wakes a parked thread.
 *
 * A thread that leaves joins the one that left before it, and who waits for the end joins the last:
 * so all of them are joined, and nobody keeps a list.
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

int wok__pool_new(struct wok_blocking_pool **ret_pool, struct wok_runtime *runtime,
                  const struct wok__pool_settings *settings)
{
    struct wok_blocking_pool *pool = calloc(1, sizeof *pool);

    if (pool == NULL)
        return -ENOMEM;
    pool->runtime = runtime;
    pool->settings = *settings;
    store_relaxed(&pool->refs, 1); /* nobody knows of it yet */

    pthread_mutex_init(&pool->lock, NULL); /* cannot fail without attributes */
    int error = condition_init(&pool->work);
    if (error == 0) {
        error = condition_init(&pool->gone);
        if (error < 0)
            pthread_cond_destroy(&pool->work);
    }
    if (error < 0) {
        pthread_mutex_destroy(&pool->lock);
        free(pool);
        return error;
    }
    *ret_pool = pool;
    return 0;
}

struct wok_blocking_pool *wok__pool_ref(struct wok_blocking_pool *pool)
{
    fetch_add_relaxed(&pool->refs, 1); /* the caller knows of another one */
    return pool;
}

void wok__pool_unref(struct wok_blocking_pool *pool)
{
    /* [pool.unref] every use of the pool happens before it is freed */
    if (fetch_sub_acq_rel(&pool->refs, 1) != 1)
        return;
    assert(pool->head == NULL && pool->threads == 0 && !pool->has_left);
    pthread_cond_destroy(&pool->gone);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* ---- the queue ---------------------------------------------------------------------------- */

static void push(struct wok_blocking_pool *pool, struct wok_task *task)
{
    task->next = NULL;
    if (pool->head == NULL)
        pool->head = task;
    else
        pool->tail->next = task;
    pool->tail = task;
    pool->queued++;
    pool->news++;
}

static struct wok_task *take(struct wok_blocking_pool *pool)
{
    struct wok_task *task = pool->head;

    if (task == NULL)
        return NULL;
    pool->head = task->next;
    pool->queued--;
    return task;
}

/* False: it is not in the queue. */
static bool unlink_task(struct wok_blocking_pool *pool, struct wok_task *task)
{
    struct wok_task *before = NULL;

    for (struct wok_task *at = pool->head; at != NULL; before = at, at = at->next) {
        if (at != task)
            continue;
        if (before == NULL)
            pool->head = at->next;
        else
            before->next = at->next;
        if (pool->tail == at)
            pool->tail = before;
        pool->queued--;
        return true;
    }
    return false;
}

/* ---- a thread ----------------------------------------------------------------------------- */

/* Counts the calling thread as idle until there is news.  False: its time as an idle one is over. */
static bool wait_for_work(struct wok_blocking_pool *pool)
{
    uint64_t now = now_ns();
    uint64_t deadline = now + pool->settings.keep_alive_ns;
    bool in_time = true;

    if (deadline < now)
        deadline = UINT64_MAX;

    pool->idle++;
    while (in_time && pool->wakes == 0 && !pool->closed)
        in_time = wait_until(&pool->work, &pool->lock, deadline);
    if (pool->wakes > 0) {
        pool->wakes--; /* the submit has taken one from idle already */
        return true;
    }
    pool->idle--;
    return false;
}

/* Counts the calling thread out and unlocks; it touches the pool no more. */
static void leave(struct wok_blocking_pool *pool)
{
    struct wok__pool_settings settings = pool->settings;
    bool join_left = pool->has_left;
    pthread_t left = pool->left;

    pool->left = pthread_self();
    pool->has_left = true;
    pool->threads--;
    if (pool->threads == 0)
        pthread_cond_broadcast(&pool->gone); /* before the unlock: P4 */
    pthread_mutex_unlock(&pool->lock);

    /* Not before it is counted out: a submit in between would count on it. */
    if (settings.on_thread_stop != NULL)
        settings.on_thread_stop(settings.argument);
    if (join_left)
        pthread_join(left, NULL); /* it is past its own unlock: nothing long is left to do for it */
}

/* Runs what there is to run; the lock is held before and after. */
static void empty_queue(struct wok_blocking_pool *pool)
{
    struct wok_task *task;

    while ((task = take(pool)) != NULL) {
        pool->busy++;
        pthread_mutex_unlock(&pool->lock);
        store_relaxed(&task->started_ns, now_ns());
        wok__here()->in_call = true;
        wok__task_run_blocking(task);
        wok__here()->in_call = false;
        pthread_mutex_lock(&pool->lock);
        pool->busy--;
        pool->completed++;
    }
}

static void thread_main(void *argument)
{
    struct wok_blocking_pool *pool = argument;
    const struct wok__pool_settings *settings = &pool->settings;
    struct wok__here *here = wok__here();

    here->runtime = pool->runtime;
    here->pool = pool;
    here->blocking = 1;
    if (settings->on_thread_start != NULL)
        settings->on_thread_start(settings->argument);

    pthread_mutex_lock(&pool->lock);
    pool->starting--;
    do {
        empty_queue(pool);
    } while (!pool->closed && wait_for_work(pool));
    leave(pool);
}

/* ---- what others call --------------------------------------------------------------------- */

/* Sees to it that a thread comes for the task that is about to be queued.  -EAGAIN: none does. */
static int summon(struct wok_blocking_pool *pool)
{
    pthread_t thread;

    if (pool->idle > 0) {
        pool->idle--;
        pool->wakes++;
        pthread_cond_signal(&pool->work);
        return 0;
    }
    if (pool->threads == pool->settings.threads_max)
        return -EAGAIN;
    pool->threads++; /* before it runs; it waits for the lock */
    pool->starting++;
    int error = wok__thread_start(&thread, pool->settings.name, thread_main, pool);
    if (error < 0) {
        pool->threads--;
        pool->starting--;
    }
    return error < 0 ? -EAGAIN : 0;
}

/* Nobody comes for one task more: may it wait for a thread that becomes free?  (P1, P3) */
static bool may_wait(const struct wok_blocking_pool *pool)
{
    size_t coming = pool->wakes + pool->starting;
    size_t waiting = pool->queued > coming ? pool->queued - coming : 0;

    return pool->threads > 0 &&
           (pool->settings.queue_max == 0 || waiting < pool->settings.queue_max);
}

int wok__pool_submit(struct wok_blocking_pool *pool, struct wok_task *task)
{
    int error = -ECANCELED;

    pthread_mutex_lock(&pool->lock);
    if (!pool->closed) {
        error = summon(pool);
        if (error < 0 && may_wait(pool))
            error = 0;
        if (error == 0)
            push(pool, task);
        else
            pool->refused++;
    }
    pthread_mutex_unlock(&pool->lock);
    return error;
}

bool wok__pool_cancel(struct wok_blocking_pool *pool, struct wok_task *task)
{
    pthread_mutex_lock(&pool->lock);
    bool queued = unlink_task(pool, task);
    pthread_mutex_unlock(&pool->lock);
    return queued;
}

void wok__pool_close(struct wok_blocking_pool *pool)
{
    struct wok_task *task;

    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    pthread_cond_broadcast(&pool->work);
    while ((task = take(pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock); /* a discard wakes joiners and runs drop functions */
        wok__task_discard_blocking(task, -ECANCELED);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

bool wok__pool_wait(struct wok_blocking_pool *pool, uint64_t deadline_ns)
{
    bool in_time = true;

    pthread_mutex_lock(&pool->lock);
    while (in_time && pool->threads > 0)
        in_time = wait_until(&pool->gone, &pool->lock, deadline_ns);
    bool ended = pool->threads == 0;
    bool join_left = pool->has_left && ended;
    pthread_t left = pool->left;
    if (join_left)
        pool->has_left = false;
    pthread_mutex_unlock(&pool->lock);

    if (join_left)
        pthread_join(left, NULL);
    return ended;
}

/* ---- calls that wait ----------------------------------------------------------------------- */

void wok__pool_park(struct wok_blocking_pool *pool, struct wok__parking *parking)
{
    pthread_mutex_lock(&pool->lock);
    if (parking->state == WOK__UP) {
        parking->state = WOK__PARKED;
        parking->next = pool->parks;
        pool->parks = parking;
        pool->parked++;
    }
    pthread_mutex_unlock(&pool->lock);
}

void wok__pool_unpark(struct wok_blocking_pool *pool, struct wok__parking *parking)
{
    pthread_mutex_lock(&pool->lock);
    if (parking->state == WOK__PARKED) {
        struct wok__parking **at = &pool->parks;
        while (*at != parking)
            at = &(*at)->next;
        *at = parking->next;
        pool->parked--;
        pool->news++;
    }
    parking->state = WOK__CALLED;
    pthread_mutex_unlock(&pool->lock);
}

/* The next one whose wait is to end, with a reference; or NULL. */
static struct wok_task *end_a_wait(struct wok_blocking_pool *pool)
{
    struct wok_task *task = NULL;

    pthread_mutex_lock(&pool->lock);
    for (struct wok__parking *at = pool->parks; at != NULL && task == NULL; at = at->next) {
        if (at->over)
            continue;
        at->over = true;
        task = at->task;
        wok__state_ref(&task->state);
    }
    pthread_mutex_unlock(&pool->lock);
    return task;
}

size_t wok__pool_end_waits(struct wok_blocking_pool *pool)
{
    struct wok_task *task;
    size_t count = 0;

    for (; (task = end_a_wait(pool)) != NULL; count++) {
        wok__task_wake(task, WOK__REASON_WAKE);
        wok__task_unref(task);
    }
    return count;
}

/* ---- for others to see --------------------------------------------------------------------- */

void wok__pool_visit(struct wok_blocking_pool *pool,
                     void (*visit)(struct wok_task *task, void *argument), void *argument)
{
    pthread_mutex_lock(&pool->lock);
    for (struct wok_task *task = pool->head; task != NULL; task = task->next)
        visit(task, argument);
    pthread_mutex_unlock(&pool->lock);
}

void wok__pool_figures(struct wok_blocking_pool *pool, struct wok__pool_figures *ret_figures)
{
    pthread_mutex_lock(&pool->lock);
    *ret_figures = (struct wok__pool_figures){
        .threads = pool->threads,
        .idle = pool->idle,
        .busy = pool->busy,
        .queued = pool->queued,
        .completed = pool->completed,
        .refused = pool->refused,
        .runs = pool->busy > pool->parked ||
                (pool->queued > 0 && pool->threads > pool->idle + pool->busy),
        .news = pool->news,
        .closed = pool->closed,
        .joined = pool->threads == 0 && !pool->has_left,
    };
    pthread_mutex_unlock(&pool->lock);
}
